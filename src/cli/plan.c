#include "cli/commands.h"
#include "cli/job_argument.h"

#include <judd/job/forecast.h>

judd_status judd_command_plan(const judd_comm *comm, int argc, char **argv,
                              const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_run_options o = {.stop = stop, .quiet = true};
    bool as_json = false;
    const judd_job_option json = {"--json", &as_json, NULL};
    JUDD_TRY(judd_job_argument_parse(&o, &json, 1, argc, argv));
    JUDD_TRY(judd_forecast(comm, &o, as_json));
done:
    judd_job_argument_free(&o);
    return status;
}

#include "cli/commands.h"
#include "cli/job_argument.h"

#include <judd/job/forecast.h>

judd_status judd_command_plan(const judd_comm *comm, judd_arguments *a,
                              const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_run_options o = {.stop = stop, .quiet = true};
    JUDD_TRY(judd_job_argument_read(&o, a));
    JUDD_TRY(judd_forecast(comm, &o, judd_arguments_has(a, "--json")));
done:
    judd_job_argument_free(&o);
    return status;
}

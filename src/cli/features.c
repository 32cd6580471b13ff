#include "cli/commands.h"
#include "cli/job_argument.h"

#include <judd/job/features.h>

judd_status judd_command_features(const judd_comm *comm, int argc, char **argv,
                                  const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_run_options o = {.stop = stop};
    bool all = false;
    JUDD_TRY(judd_job_argument_parse(&o, &(judd_job_option){"--all", &all, NULL}, 1, argc, argv));
    JUDD_TRY(judd_features_run(comm, &o, all));
done:
    judd_job_argument_free(&o);
    return status;
}

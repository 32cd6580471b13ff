#include "cli/commands.h"
#include "cli/job_argument.h"

#include <judd/job/features.h>

judd_status judd_command_features(const judd_comm *comm, judd_arguments *a,
                                  const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_run_options o = {.stop = stop, .quiet = judd_arguments_has(a, "--quiet")};
    JUDD_TRY(judd_job_argument_read(&o, a));
    JUDD_TRY(judd_features_run(comm, &o, judd_arguments_has(a, "--all")));
done:
    judd_job_argument_free(&o);
    return status;
}

#include "cli/commands.h"
#include "cli/job_argument.h"

#include <judd/job/score.h>

judd_status judd_command_score(const judd_comm *comm, judd_arguments *a,
                               const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_run_options o = {.stop = stop, .quiet = judd_arguments_has(a, "--quiet")};
    JUDD_TRY(judd_job_argument_read(&o, a));
    JUDD_TRY(judd_score_run(comm, &o, judd_arguments_text(a, "--by", NULL),
                            judd_arguments_has(a, "--json")));
done:
    judd_job_argument_free(&o);
    return status;
}

#include "cli/commands.h"
#include "cli/job_argument.h"

#include <judd/job/score.h>

judd_status judd_command_score(const judd_comm *comm, int argc, char **argv,
                               const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_run_options o = {.stop = stop};
    const char *by = NULL;
    bool as_json = false;
    const judd_job_option own[] = {{"--by", NULL, &by}, {"--json", &as_json, NULL}};
    JUDD_TRY(judd_job_argument_parse(&o, own, 2, argc, argv));
    JUDD_TRY(judd_score_run(comm, &o, by, as_json));
done:
    judd_job_argument_free(&o);
    return status;
}

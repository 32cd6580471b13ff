#include "cli/commands.h"

#include <judd/job/score.h>

#include <stdlib.h>
#include <string.h>

judd_status judd_command_score(const judd_comm *comm, int argc, char **argv,
                               const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_run_options o = {.stop = stop};
    const char *by = NULL;
    bool as_json = false;
    const char **overrides = calloc((size_t)argc, sizeof *overrides);
    if (!overrides) JUDD_FAIL(JUDD_E_INTERNAL, "no memory");
    o.overrides = overrides;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--set") == 0 && i + 1 < argc)
            overrides[o.n_overrides++] = argv[++i];
        else if (strncmp(argv[i], "--set=", 6) == 0)
            overrides[o.n_overrides++] = argv[i] + 6;
        else if (strcmp(argv[i], "--by") == 0 && i + 1 < argc)
            by = argv[++i];
        else if (strcmp(argv[i], "--json") == 0)
            as_json = true;
        else if (strcmp(argv[i], "--quiet") == 0 || strcmp(argv[i], "-q") == 0)
            o.quiet = true;
        else if (argv[i][0] == '-' || o.job_file)
            JUDD_FAIL(JUDD_E_USAGE,
                      "score: unknown option or second job file %s; see judd score --help",
                      argv[i]);
        else
            o.job_file = argv[i];
    }
    if (!o.job_file) JUDD_FAIL(JUDD_E_USAGE, "score: no job file; write judd score JOB.cfg");
    JUDD_TRY(judd_score_run(comm, &o, by, as_json));
done:
    free(overrides);
    return status;
}

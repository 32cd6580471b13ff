#include "cli/commands.h"

#include <judd/job/run.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "2/3" */
static judd_status parse_shard(judd_shard *shard, const char *text) {
    long long i = 0, n = 0;
    int end = 0;
    if (sscanf(text, "%lld/%lld%n", &i, &n, &end) != 2 || text[end] || i < 1 || i > n ||
        n > 1000000)
        return judd_status_set(
            JUDD_E_USAGE, "--shard \"%.32s\" is no member of a job array; write --shard 2/3", text);
    *shard = (judd_shard){i, n};
    return JUDD_OK;
}

judd_status judd_command_run(const judd_comm *comm, int argc, char **argv,
                             const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_run_options o = {.stop = stop};
    const char **overrides = calloc((size_t)argc, sizeof *overrides);
    if (!overrides) JUDD_FAIL(JUDD_E_INTERNAL, "no memory");
    o.overrides = overrides;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--set") == 0) {
            if (++i == argc)
                JUDD_FAIL(JUDD_E_USAGE, "--set needs an argument: --set path.to.key=value");
            overrides[o.n_overrides++] = argv[i];
        } else if (strncmp(argv[i], "--set=", 6) == 0) {
            overrides[o.n_overrides++] = argv[i] + 6;
        } else if (strcmp(argv[i], "--shard") == 0) {
            JUDD_TRY(parse_shard(&o.shard, ++i < argc ? argv[i] : ""));
        } else if (strcmp(argv[i], "--fresh") == 0) {
            o.fresh = true;
        } else if (strcmp(argv[i], "--quiet") == 0 || strcmp(argv[i], "-q") == 0) {
            o.quiet = true;
        } else if (argv[i][0] == '-') {
            JUDD_FAIL(JUDD_E_USAGE, "run: unknown option %s; see judd run --help", argv[i]);
        } else if (o.job_file) {
            JUDD_FAIL(JUDD_E_USAGE, "run: one job file, but %s and %s are given", o.job_file,
                      argv[i]);
        } else {
            o.job_file = argv[i];
        }
    }
    if (!o.job_file) JUDD_FAIL(JUDD_E_USAGE, "run: no job file; write judd run JOB.cfg");
    JUDD_TRY(judd_run(comm, &o));
done:
    free(overrides);
    return status;
}

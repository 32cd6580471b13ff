#include "cli/commands.h"
#include "cli/job_argument.h"

#include <stdio.h>

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

judd_status judd_command_run(const judd_comm *comm, judd_arguments *a,
                             const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_run_options o = {.stop = stop};
    const char *shard = judd_arguments_text(a, "--shard", NULL);
    o.fresh = judd_arguments_has(a, "--fresh");
    o.quiet = judd_arguments_has(a, "--quiet");
    JUDD_TRY(judd_job_argument_read(&o, a));
    if (shard) JUDD_TRY(parse_shard(&o.shard, shard));
    JUDD_TRY(judd_run(comm, &o));
done:
    judd_job_argument_free(&o);
    return status;
}

#include "cli/job_argument.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

/* One argument that is no --set. */
static judd_status take(judd_run_options *o, const judd_job_option *own, int n_own, int *i,
                        int argc, char **argv) {
    const char *text = argv[*i];
    for (int k = 0; k < n_own; k++) {
        if (strcmp(own[k].name, text) != 0) continue;
        if (own[k].flag) {
            *own[k].flag = true;
            return JUDD_OK;
        }
        if (++*i == argc)
            return judd_status_set(JUDD_E_USAGE, "%s: %s needs a value; see judd %s --help",
                                   argv[0], text, argv[0]);
        *own[k].value = argv[*i];
        return JUDD_OK;
    }
    if (strcmp(text, "--quiet") == 0 || strcmp(text, "-q") == 0)
        o->quiet = true;
    else if (text[0] == '-')
        return judd_status_set(JUDD_E_USAGE, "%s: unknown option %s; see judd %s --help", argv[0],
                               text, argv[0]);
    else if (o->job_file)
        return judd_status_set(JUDD_E_USAGE, "%s: one job file, but %s and %s are given", argv[0],
                               o->job_file, text);
    else
        o->job_file = text;
    return JUDD_OK;
}

judd_status judd_job_argument_parse(judd_run_options *o, const judd_job_option *own, int n_own,
                                    int argc, char **argv) {
    judd_status status = JUDD_OK;
    const char **overrides = NULL;
    JUDD_TRY(judd_memory_alloc(&overrides, argc, sizeof *overrides));
    o->overrides = overrides;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--set=", 6) == 0)
            overrides[o->n_overrides++] = argv[i] + 6;
        else if (strcmp(argv[i], "--set") != 0)
            JUDD_TRY(take(o, own, n_own, &i, argc, argv));
        else if (++i < argc)
            overrides[o->n_overrides++] = argv[i];
        else
            JUDD_FAIL(JUDD_E_USAGE, "--set needs an argument: --set path.to.key=value");
    }
    if (!o->job_file)
        JUDD_FAIL(JUDD_E_USAGE, "%s: no job file; write judd %s JOB.cfg", argv[0], argv[0]);
done:
    return status;
}

void judd_job_argument_free(judd_run_options *o) {
    free((void *)o->overrides);
    o->overrides = NULL;
}

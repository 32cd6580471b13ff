#include "cli/job_argument.h"

#include <judd/base/memory.h>

#include <stdlib.h>

judd_status judd_job_argument_read(judd_run_options *o, judd_arguments *a) {
    judd_status status = JUDD_OK;
    const char **overrides = NULL;
    JUDD_TRY(judd_memory_alloc(&overrides, judd_arguments_texts(a, "--set", NULL) + 1,
                               sizeof *overrides));
    o->job_file = a->operands[0];
    o->overrides = overrides;
    o->n_overrides = judd_arguments_texts(a, "--set", overrides);
done:
    return status;
}

void judd_job_argument_free(judd_run_options *o) {
    free((void *)o->overrides);
    o->overrides = NULL;
}

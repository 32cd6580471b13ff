#include "job/head.h"

#include <math.h>
#include <string.h>

static const judd_head_ops *const kinds[] = {
    &judd_head_softmax,    &judd_head_mlp,   &judd_head_multilabel,
    &judd_head_regression, &judd_head_ridge, &judd_head_lda,
    &judd_head_centroid,   &judd_head_knn,   &judd_head_source};

const judd_head_ops *judd_head_find(const char *kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i]->kind, kind) == 0) return kinds[i];
    return NULL;
}

const judd_head_ops *judd_head_of(const judd_job_head *config) {
    return judd_head_find(config->kind); /* the option table lets no other kind in */
}

json_t *judd_head_number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

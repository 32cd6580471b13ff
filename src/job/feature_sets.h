/** The features that neighbouring banks share: caches open, test rows loaded, once. */
#ifndef JUDD_SRC_JOB_FEATURE_SETS_H
#define JUDD_SRC_JOB_FEATURE_SETS_H

#include "job/inputs.h"

/** One data set through one network. */
typedef struct judd_feature_set {
    judd_plan_bank of;                /* a training on it */
    judd_cache *cache[JUDD_N_SPLITS]; /* train: of a head that is not trained, the test set's, and
                                         no row of it is read; NULL where there is no such split or
                                         no need of it */
    judd_rows test;                   /* raw */
} judd_feature_set;

typedef struct judd_feature_sets {
    int64_t n, most;
    judd_feature_set *sets;
} judd_feature_sets;

/** Have what the bank reads, and drop what it does not. Collective over inputs->comm; with zeroed
 *  sets at first. */
judd_status judd_feature_sets_load(judd_feature_sets *sets, const judd_inputs *inputs,
                                   const judd_plan_bank *bank);
/** A data set that the loaded bank reads. */
const judd_feature_set *judd_feature_sets_find(const judd_feature_sets *sets,
                                               const judd_job_dataset *dataset);
/** Collective. */
void judd_feature_sets_close(judd_feature_sets *sets);

#endif

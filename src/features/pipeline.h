/** One rank's share of an extraction: threads that decode, one that computes. */
#ifndef JUDD_SRC_FEATURES_PIPELINE_H
#define JUDD_SRC_FEATURES_PIPELINE_H

#include <judd/comm/deal.h>
#include <judd/comm/progress.h>
#include <judd/features/extract.h>

/** What a target misses: rows of its cache. */
typedef struct judd_pipeline_target {
    judd_cache *cache; /* in its write phase */
    judd_backbone *backbone;
    int view;
    judd_id_set missing;
} judd_pipeline_target;

typedef struct judd_pipeline_options {
    judd_pipeline_target *targets; /* [n_targets]; those of one backbone stand together */
    int n_targets;
    judd_dataset *dataset;
    judd_deal *deal; /* over `ids` */
    judd_id_set ids; /* samples that any target misses */
    const judd_comm *comm;
    const volatile sig_atomic_t *stop; /* may be NULL */
    judd_progress *progress;
    int n_threads; /* that decode */
} judd_pipeline_options;

/** Work until nothing is left to take. Local but for the dealing: the ranks may return at different
 *  times and with different statuses. JUDD_E_AGAIN when this rank was told to stop. */
judd_status judd_pipeline_run(const judd_pipeline_options *options);

#endif

/** Fill a feature cache: the ranks share the missing images, each image is computed once. */
#ifndef JUDD_FEATURES_EXTRACT_H
#define JUDD_FEATURES_EXTRACT_H

#include <judd/data/dataset.h>
#include <judd/features/backbone.h>
#include <judd/features/cache.h>

#include <signal.h>

typedef struct judd_extract_report {
    int64_t n_needed, n_computed, n_damaged; /* images: asked for, computed now, found damaged */
    double seconds;                          /* of computing, without looking */
} judd_extract_report;

/** Make sure that the cache holds the features of `ids` (ascending, equal on all ranks). When
 * nothing is missing, neither the network nor the pixels are loaded. A rank whose *stop is set by a
 * signal ends after its batch; then all ranks return JUDD_E_AGAIN, and what was computed is kept.
 * stop may be NULL. Collective. quiet: no progress line. */
judd_status judd_extract_run(judd_extract_report *report, judd_cache *cache,
                             judd_backbone *backbone, judd_dataset *dataset, const judd_comm *comm,
                             const int64_t *ids, int64_t n, const volatile sig_atomic_t *stop,
                             bool quiet);

#endif

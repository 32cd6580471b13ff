/** Fill feature caches: the ranks take images as they get done, and each image is read and decoded
 *  once for all networks and views that want it, while the images before it are computed. */
#ifndef JUDD_FEATURES_EXTRACT_H
#define JUDD_FEATURES_EXTRACT_H

#include <judd/data/dataset.h>
#include <judd/features/backbone.h>
#include <judd/features/cache.h>

#include <signal.h>

typedef struct judd_extract_report {
    int64_t n_needed, n_computed, n_damaged; /* rows: asked for, computed now, found damaged */
    double seconds; /* of the whole pass over the images, without looking what is there */
} judd_extract_report;

/** One view of one backbone on the images of a data set. Targets with the same backbone share its
 *  network and its batches. */
typedef struct judd_extract_target {
    judd_cache *cache; /* of one view; borrowed, as backbone */
    judd_backbone *backbone;
    int view;
    const judd_id_set *ids;     /* samples, equal on all ranks; borrowed */
    judd_extract_report report; /* filled in */
} judd_extract_target;

/** Make sure that the caches hold the features of their ids. When nothing is missing, neither
 *  networks nor pixels are loaded. The images that any target misses are dealt (comm/deal.h); a
 *  thread more than those that compute (limits.threads) reads, decodes and prepares ahead. Every
 *  batch is on its way to the disk before the next one is taken, so a kill costs a rank no more
 *  than the batch it computes. When *stop is set by a signal on any rank, all ranks end after their
 *  batch and return JUDD_E_AGAIN; what was computed is kept. stop may be NULL. Needs
 *  MPI_THREAD_SERIALIZED. Collective. quiet: no progress line. */
judd_status judd_extract_run(judd_extract_target *targets, int n_targets, judd_dataset *dataset,
                             const judd_comm *comm, const volatile sig_atomic_t *stop, bool quiet);

#endif

/** What becomes of features before a head sees them, fitted on the training rows of a trial and
 *  applied alike to all others: x' = (x - mean) * scale, column by column. */
#ifndef JUDD_LEARN_FEATURE_MAP_H
#define JUDD_LEARN_FEATURE_MAP_H

#include <judd/learn/rows.h>

#include <stdbool.h>

typedef struct judd_feature_map_options {
    bool standardize; /* by mean and deviation of the training rows */
} judd_feature_map_options;

typedef struct judd_feature_map {
    int64_t dim; /* columns of x' */
    judd_standard standard;
} judd_feature_map;

/** Collective; the same bits on every rank. Owner of the arrays: caller, judd_feature_map_free. */
judd_status judd_feature_map_fit(judd_feature_map *out, const judd_rows *rows,
                                 const judd_feature_map_options *options, const judd_comm *comm);
void judd_feature_map_free(judd_feature_map *map);

/** The mapped rows with the same lanes, labels and folds. If `rows` are streamed, so is *out, from
 *  the same source: `rows` must outlive it. Collective. Owner: caller, judd_rows_free. */
judd_status judd_feature_map_apply(judd_rows *out, const judd_feature_map *map,
                                   const judd_rows *rows, const judd_comm *comm);

#endif

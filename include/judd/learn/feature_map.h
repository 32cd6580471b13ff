/** What becomes of features before a head sees them, fitted on the training rows of a trial and
 *  applied alike to all others: x' = (x - mean) * scale, column by column; then, if asked for, the
 *  principal components of those rows (learn/pca.h): z = projection x' + offset.
 *
 *  Mean and scale are exact. Components come from a float64 decomposition (learn/whole.h: the same
 *  bits at any number of ranks up to the size stated there) and are applied in float32 by the exact
 *  product.
 */
#ifndef JUDD_LEARN_FEATURE_MAP_H
#define JUDD_LEARN_FEATURE_MAP_H

#include <judd/learn/rows.h>

#include <stdbool.h>

typedef struct judd_feature_map_options {
    bool standardize;     /* by mean and deviation of the training rows */
    bool project;         /* onto principal components ... */
    bool whiten;          /* ... each divided by its deviation */
    int64_t n_components; /* 0: all that have variance */
} judd_feature_map_options;

typedef struct judd_feature_map {
    int64_t dim; /* columns that a head sees */
    judd_standard standard;
    float *projection, *offset; /* [dim, standard.dim], [dim]; or NULL */
} judd_feature_map;

/** Collective; the same on every rank. Errors as judd_pca_fit. Owner of the arrays: caller,
 *  judd_feature_map_free. */
judd_status judd_feature_map_fit(judd_feature_map *out, const judd_rows *rows,
                                 const judd_feature_map_options *options, const judd_comm *comm);
/** Owner: caller, judd_feature_map_free. Local. */
judd_status judd_feature_map_copy(judd_feature_map *out, const judd_feature_map *map);
void judd_feature_map_free(judd_feature_map *map);

/** The mapped rows with the same lanes, labels, folds and targets. If `rows` are streamed and not
 *  projected, so is *out, from the same source: `rows` must outlive it. Collective. Owner: caller,
 *  judd_rows_free. */
judd_status judd_feature_map_apply(judd_rows *out, const judd_feature_map *map,
                                   const judd_rows *rows, const judd_comm *comm);

#endif

/** What losses curve with along the weights of their heads: sums over the samples of one lane.
 *
 *  A bar is a pair a <= b of outputs, a product one of u <= v of the outputs less their biases and
 * of a last one that is always 1; both row by row of a triangle. The sum of (bar, product) is over
 * samples, d^2 loss / d output_a d output_b times u v: one chain, as in linalg/panels.h.
 */
#ifndef JUDD_SRC_LEARN_SPAN_SUMS_H
#define JUDD_SRC_LEARN_SPAN_SUMS_H

#include <judd/learn/targets.h>
#include <judd/linalg/panels.h>

typedef struct judd_span_sums {
    const judd_targets *targets;
    int64_t bars, products; /* 0: none, the curvature is the same everywhere or costs too much */
    int64_t ld;             /* products up to whole panels */
    double *lane;           /* [n_heads][bars, ld] */
    double *product;        /* [panels of products][rows][16] */
    double *bar, *room;     /* [rows, bars] */
    double *one;            /* [n_outputs + 1]: of one row */
} judd_span_sums;

/** For heads on dim features, in blocks of at most that many rows. targets is borrowed. Local. */
judd_status judd_span_sums_create(judd_span_sums *out, const judd_targets *targets, int64_t dim,
                                  int n_heads, int64_t rows);
/** Bars times products that judd_span_sums_create would have. Local. */
int64_t judd_span_sums_size(const judd_targets *targets, int64_t dim);
void judd_span_sums_free(judd_span_sums *s);

/** The largest |product| there can be, with weights [n_outputs, dim] and features up to max_x.
 * Local.
 */
double judd_span_sums_bound(const double *weights, int n_outputs, int64_t dim, double max_x);

/** Head h's sums become 0. Local. */
void judd_span_sums_clear(judd_span_sums *s, int h);

/** The outputs z [m, n_outputs] (leading dimension ldz) of the head that is added next. Local. */
void judd_span_sums_note(judd_span_sums *s, const double *z, int64_t ldz, const double *biases,
                         int64_t m);
/** To the sums of head h, from slopes d loss / d output in the place of z; labels [m], answers
 *  [m, n_outputs] or NULL as in rows; rows not seen add nothing. Local. */
void judd_span_sums_add(judd_span_sums *s, int h, const judd_panels_kernel *kernel,
                        const double *slope, int64_t lds, const int32_t *labels,
                        const float *answers, const bool *seen, int64_t m);

#endif

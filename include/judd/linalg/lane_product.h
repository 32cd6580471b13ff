/** The product behind an exact gradient:
 *      sum[i, j] = sum over lanes of fixed(sum over the lane's samples k of left[k, i] right[k, j])
 *
 *  A lane's part of every number is one chain in float32 in the order of judd/linalg/gemm.h,
 *  rounded once as judd/comm/exact_sum.h says; the rest is integer. So neither how the numbers are
 *  cut into blocks nor which lanes are on other ranks changes a bit.
 *
 *  Operands are packed once for many tiles, tiles are rounded while they are in the first-level
 *  cache, and the integers stay in the second until every lane has added.
 */
#ifndef JUDD_LINALG_LANE_PRODUCT_H
#define JUDD_LINALG_LANE_PRODUCT_H

#include <judd/comm/exact_sum.h>
#include <judd/comm/node_sum.h>
#include <judd/linalg/gemm.h>

/** Most rows i of one call. */
enum { JUDD_LANE_PRODUCT_ROWS = 320 };

typedef struct judd_lane_product judd_lane_product; /* rooms for operands and sums */

/** With the instruction set of gemm. Room for most_samples of all lanes together. */
judd_status judd_lane_product_create(judd_lane_product **out, const judd_gemm *gemm,
                                     int64_t most_rows, int64_t most_samples);
void judd_lane_product_destroy(judd_lane_product *product);

/** The left operand of the calls that follow: columns [0, rows) of [samples, stride], rows <=
 *  JUDD_LANE_PRODUCT_ROWS. Lane l has the samples begin[l] .. begin[l + 1]; begin is borrowed for
 *  those calls. Local. */
void judd_lane_product_left(judd_lane_product *product, const float *left, int64_t stride,
                            int64_t rows, const int64_t *begin, int n_lanes);

/** Most columns j of one call, with the left operand of now. */
int64_t judd_lane_product_columns(const judd_lane_product *product);

/** Samples of the left operand. */
int64_t judd_lane_product_samples(const judd_lane_product *product);

/** Rows i that are rounded alike: those of one head. */
typedef struct judd_lane_product_group {
    int64_t end; /* the rows from the end of the group before to here */
    judd_exact_scale scale;
    int64_t bad; /* added to: lanes' parts not finite or beyond the scale, which are left out */
    uint32_t *largest; /* [lane * largest_stride]: bits of magnitudes, raised; or NULL */
} judd_lane_product_group;

typedef struct judd_lane_product_part {
    int64_t columns;
    const float *right; /* [samples, right_stride] */
    int64_t right_stride;
    const int64_t *right_rows; /* sample k is row right_rows[k]; NULL: row k */
    int64_t *sum;              /* [rows, sum_stride], added to */
    int64_t sum_stride;
    judd_node_sum *among; /* whose numbers these are, or NULL; in one that is the rank's own they
                             are stored instead of added */
    int n_groups;
    judd_lane_product_group *groups; /* the last one's end: rows of the left operand */
    int64_t largest_stride;
} judd_lane_product_part;

/** Scales as of float32 numbers: |E| <= 300. Local. */
void judd_lane_product_add(judd_lane_product *product, judd_lane_product_part *part);

#endif

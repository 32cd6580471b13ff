/** Lanes (virtual ranks): how samples are dealt, so that nothing depends on the number of ranks.
 *
 *  A job fixes n_lanes. Lane l holds the samples at positions [n l / L, n (l+1) / L) of the sample
 *  set's own order; rank r of R owns lanes [L r / R, L (r+1) / R). Every partial result is made per
 *  lane and summed exactly over lanes.
 */
#ifndef JUDD_LEARN_LANES_H
#define JUDD_LEARN_LANES_H

#include <judd/base/status.h>

#include <stdint.h>

typedef struct judd_lanes {
    int n_lanes;
    int first_lane, end_lane; /* this rank's: [first_lane, end_lane) */
    int64_t n_samples;        /* over all ranks */
} judd_lanes;

/** JUDD_E_USAGE if size > n_lanes: a rank without a lane would have nothing to do. Local. */
judd_status judd_lanes_deal(judd_lanes *out, int64_t n_samples, int n_lanes, int rank, int size);

/** Position of the first sample of `lane`; lane = n_lanes gives n_samples. */
int64_t judd_lanes_begin(const judd_lanes *lanes, int lane);
/** First position and number of samples of this rank. */
int64_t judd_lanes_first(const judd_lanes *lanes);
int64_t judd_lanes_count(const judd_lanes *lanes);
/** Samples of the largest lane of all. */
int64_t judd_lanes_largest(const judd_lanes *lanes);

#endif

#include <judd/learn/lanes.h>

judd_status judd_lanes_deal(judd_lanes *out, int64_t n_samples, int n_lanes, int rank, int size) {
    if (size > n_lanes)
        return judd_status_set(JUDD_E_USAGE,
                               "%d ranks, but the job has %d lanes; use at most %d ranks or set "
                               "lanes = %d (which changes results)",
                               size, n_lanes, n_lanes, size);
    *out = (judd_lanes){.n_lanes = n_lanes,
                        .first_lane = (int)((int64_t)n_lanes * rank / size),
                        .end_lane = (int)((int64_t)n_lanes * (rank + 1) / size),
                        .n_samples = n_samples};
    return JUDD_OK;
}

int64_t judd_lanes_begin(const judd_lanes *lanes, int lane) {
    return lanes->n_samples * lane / lanes->n_lanes;
}

int64_t judd_lanes_first(const judd_lanes *lanes) {
    return judd_lanes_begin(lanes, lanes->first_lane);
}

int64_t judd_lanes_count(const judd_lanes *lanes) {
    return judd_lanes_begin(lanes, lanes->end_lane) - judd_lanes_first(lanes);
}

int64_t judd_lanes_largest(const judd_lanes *lanes) {
    return (lanes->n_samples + lanes->n_lanes - 1) / lanes->n_lanes;
}

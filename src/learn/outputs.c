#include <judd/learn/outputs.h>

judd_status judd_outputs_give(const judd_outputs_sink *sink, int64_t point, const float *score,
                              int n_outputs, const judd_lanes *lanes) {
    judd_status status = JUDD_OK;
    const int64_t base = judd_lanes_first(lanes);
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        int64_t i = judd_lanes_begin(lanes, lane) - base;
        int64_t n = judd_lanes_begin(lanes, lane + 1) - base - i;
        if (n > 0) JUDD_TRY(sink->take(sink->context, point, i, n, score + i * n_outputs));
    }
done:
    return status;
}

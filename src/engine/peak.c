#include "engine/peak.h"

#include <judd/base/clock.h>
#include <judd/engine/engine.h>

#include "engine/onednn.h"

#include <time.h>

static double peak_generic(int64_t rounds) {
    enum { CHAINS = 32 };
    float sum[CHAINS] = {0};
    volatile float one = 1.0f; /* unknown to the compiler */
    float x = one;
    for (int64_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++) sum[i] = sum[i] * x + x;
    for (int i = 0; i < CHAINS; i++) one = sum[i];
    return 2.0 * CHAINS * (double)rounds;
}

/* The best of short stretches: others on the machine take some of them away. */
double judd_engine_peak(double seconds) {
    int isa = judd_onednn_isa(JUDD_FLOAT32);
    double (*run)(int64_t rounds) = isa >= JUDD_ISA_AVX512 ? judd_peak_avx512
                                    : isa >= JUDD_ISA_AVX2 ? judd_peak_avx2
                                                           : peak_generic;
    double best = 0.0, begin = judd_clock_s(CLOCK_MONOTONIC);
    for (double start = begin, end; start - begin < seconds; start = end) {
        double flop = run(100000);
        end = judd_clock_s(CLOCK_MONOTONIC);
        if (flop / (end - start) > best) best = flop / (end - start);
    }
    return best;
}

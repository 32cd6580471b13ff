#include "engine/peak.h"

#include <judd/engine/engine.h>

#include "engine/onednn.h"

#include <time.h>

double judd_peak_generic(int64_t rounds) {
    enum { CHAINS = 32 };
    float sum[CHAINS] = {0};
    volatile float one = 1.0f; /* unknown to the compiler */
    float x = one;
    for (int64_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++) sum[i] = sum[i] * x + x;
    for (int i = 0; i < CHAINS; i++) one = sum[i];
    return 2.0 * CHAINS * (double)rounds;
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The best of short stretches: others on the machine take some of them away. */
double judd_engine_peak(double seconds) {
    int isa = judd_onednn_isa();
    double (*run)(int64_t rounds) = isa >= JUDD_ISA_AVX512 ? judd_peak_avx512
                                    : isa >= JUDD_ISA_AVX2 ? judd_peak_avx2
                                                           : judd_peak_generic;
    double best = 0.0, begin = now_s();
    for (double start = begin, end; start - begin < seconds; start = end) {
        double flop = run(100000);
        end = now_s();
        if (flop / (end - start) > best) best = flop / (end - start);
    }
    return best;
}

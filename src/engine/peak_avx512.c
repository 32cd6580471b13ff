#include "engine/peak.h"

#if defined(__x86_64__)

#include <immintrin.h>

/* More chains than latency times units, fewer than registers; asm, so that none is merged. */
enum { CHAINS = 24, WIDTH = 16 };

double judd_peak_avx512(int64_t rounds) {
    __m512 sum[CHAINS] = {{0}}, x = {0};
    for (int64_t r = 0; r < rounds; r++) {
        _Pragma("GCC unroll 24") for (int i = 0; i < CHAINS; i++) __asm__ volatile(
            "vfmadd231ps %1, %1, %0" : "+v"(sum[i]) : "v"(x));
    }
    return 2.0 * CHAINS * WIDTH * (double)rounds;
}

#else

double judd_peak_avx512(int64_t rounds) {
    (void)rounds;
    return 0.0;
}

#endif

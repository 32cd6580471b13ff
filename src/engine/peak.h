/** Independent chains of fused multiply-adds in registers, for judd_engine_peak. */
#ifndef JUDD_SRC_ENGINE_PEAK_H
#define JUDD_SRC_ENGINE_PEAK_H

#include <stdint.h>

/** Runs `rounds` rounds and returns the operations done (2 per multiply-add). */
double judd_peak_avx2(int64_t rounds);   /* 0 where the target has no such instructions */
double judd_peak_avx512(int64_t rounds); /* likewise */

#endif

/** Counter-based random numbers: a pure function of (key, counter), so that what is drawn never
 *  depends on the order of drawing, the number of ranks or a restart.
 *
 *  Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11.
 */
#ifndef JUDD_BASE_RNG_H
#define JUDD_BASE_RNG_H

#include <stdint.h>

/** What a stream of numbers is for; part of the key, so that no two purposes share numbers. */
typedef enum judd_rng_purpose {
    JUDD_RNG_SHOTS = 1,   /* which samples are the shots of a seed */
    JUDD_RNG_FOLDS = 2,   /* which fold a sample belongs to */
    JUDD_RNG_ORDER = 3,   /* order of samples in an epoch */
    JUDD_RNG_WEIGHTS = 4, /* random backbone weights */
    JUDD_RNG_HEAD = 5,    /* first weights of heads */
    JUDD_RNG_DROPOUT = 6, /* units that are left out */
    JUDD_RNG_SOURCE = 7,  /* the seed of the order of a source's samples */
    JUDD_RNG_NOISE = 8,   /* labels that are made wrong on purpose */
    JUDD_RNG_SPLIT = 16,  /* which samples are the test part of a data set */
    JUDD_RNG_VIEWS = 17   /* augmented views of an image */
} judd_rng_purpose;

/** Four independent uniform 32-bit words for one (key, counter). */
void judd_rng_philox(uint32_t out[4], const uint32_t key[2], const uint32_t counter[4]);

/** 64 uniform bits for (seed, purpose, a, b). seed and b use all their bits. */
uint64_t judd_rng_bits(uint64_t seed, judd_rng_purpose purpose, uint32_t a, uint64_t b);

/** n uniform 32-bit words: word i is that of judd_rng_bits(seed, purpose, i / 4, b)'s block of
 * four, at i mod 4. Whole vectors at a time. */
void judd_rng_words(uint32_t *out, int64_t n, uint64_t seed, judd_rng_purpose purpose, uint64_t b);

/** A standard normal deviate for (seed, purpose, a, b), |error| of the quantile < 1e-15 relative
 *  (AS 241: Wichura 1988), the same bits on every IEEE machine. */
double judd_rng_normal(uint64_t seed, judd_rng_purpose purpose, uint32_t a, uint64_t b);

/** order[0..n) becomes a permutation of 0..n-1: Fisher-Yates on the stream (seed, purpose, a, *).
 */
void judd_rng_permutation(int64_t *order, int64_t n, uint64_t seed, judd_rng_purpose purpose,
                          uint32_t a);

#endif

/** The small arithmetic of sizes and places. Numbers are not negative where they are divided. */
#ifndef JUDD_BASE_INTEGERS_H
#define JUDD_BASE_INTEGERS_H

#include <stdint.h>

static inline int64_t judd_least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t judd_most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/** How many pieces of `size` hold n. */
static inline int64_t judd_pieces(int64_t n, int64_t size) {
    return (n + size - 1) / size;
}

/** The next multiple of `to` that is not below n. */
static inline int64_t judd_round_up(int64_t n, int64_t to) {
    return judd_pieces(n, to) * to;
}

/** Where part i begins when n are split into `parts` as even as possible; for i = parts, n. */
static inline int64_t judd_part_begin(int64_t n, int64_t parts, int64_t i) {
    return n / parts * i + judd_least(i, n % parts);
}

#endif

/* The vectors of the stages (indirect_stages.h, winograd_stages.h) in plain C. */
#include <string.h>

/* Vectors of the compiler's: registers of whatever the target has, with the same bits; where it
 * has no fused multiply-add, fmaf is a call, slow but exact. */
#define WIDTH 8
#define VEC vector
#define LOAD(p) load(p)
#define STORE(p, x) store(p, x)
#define STREAM(p, x) store(p, x)
#define SET(x) splat(x)
#define FMA(x, y, z) fused(x, y, z)
#define FNMA(x, y, z) fused(-(x), y, z)
#define CLAMP(x, least, most) clamp(x, least, most)
#define LARGER(x, y) larger(x, y)
#define KEEP(x, mask) ((vector)((bits)(x) & (bits)(mask)))
#define ACCUMULATE(s, x, y) ((s) = fused(x, y, s))
#define FENCE() ((void)0)

/* gcc warns of how such vectors are passed to functions; these are all inlined or in this file. */
#pragma GCC diagnostic ignored "-Wpsabi"

typedef float vector __attribute__((vector_size(WIDTH * sizeof(float))));
typedef int bits __attribute__((vector_size(WIDTH * sizeof(float))));

static inline vector load(const float *p) {
    vector x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline void store(float *p, vector x) {
    memcpy(p, &x, sizeof x);
}

static inline vector splat(float x) {
    vector y;
    for (int i = 0; i < WIDTH; i++) y[i] = x;
    return y;
}

static inline vector fused(vector x, vector y, vector z) {
    for (int i = 0; i < WIDTH; i++) z[i] = __builtin_fmaf(x[i], y[i], z[i]);
    return z;
}

/* Not-a-number stays. */
static inline vector clamp(vector x, vector least, vector most) {
    for (int i = 0; i < WIDTH; i++) {
        x[i] = x[i] < least[i] ? least[i] : x[i];
        x[i] = x[i] > most[i] ? most[i] : x[i];
    }
    return x;
}

static inline vector larger(vector x, vector y) {
    for (int i = 0; i < WIDTH; i++) x[i] = x[i] < y[i] || y[i] != y[i] ? y[i] : x[i];
    return x;
}

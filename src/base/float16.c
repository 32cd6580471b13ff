#include <judd/base/float16.h>

#include <judd/base/clones.h>

#include <string.h>

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Branch-free, so that the compiler makes vectors of it. Below 2^-14 the spacing of binary16 is
 * fixed: adding 1/2 leaves exactly its digits at the end of a float, rounded as the machine rounds.
 * Above, the exponent moves from bias 127 to 15 and 13 bits round away, ties to even. */
static uint16_t narrow(float x) {
    uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000u, size = bits & 0x7FFFFFFFu;
    uint32_t small = bits_of(float_of(size) + 0.5f) - 0x3F000000u;
    uint32_t large = (size - (112u << 23) + 0xFFFu + (size >> 13 & 1u)) >> 13;
    return (uint16_t)(sign | (size < (113u << 23) ? small : large));
}

/* Whether all are finite and small enough. As bits, magnitudes are in the order of their values,
 * infinity and NaN above all. */
JUDD_CLONES static uint32_t narrow_all(uint16_t *out, const float *x, int64_t n) {
    uint32_t largest = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t size = bits_of(x[i]) & 0x7FFFFFFFu;
        largest = size > largest ? size : largest;
        out[i] = narrow(x[i]);
    }
    return largest;
}

int64_t judd_float16_narrow(uint16_t *out, const float *x, int64_t n) {
    const uint32_t limit = bits_of(JUDD_FLOAT16_LIMIT);
    if (narrow_all(out, x, n) < limit) return -1;
    for (int64_t i = 0; i < n; i++)
        if ((bits_of(x[i]) & 0x7FFFFFFFu) >= limit) return i;
    return -1;
}

/* A product with 2^112 moves the exponent and normalises what was subnormal; infinity and NaN,
 * which narrow never makes, keep their meaning. */
JUDD_CLONES void judd_float16_widen(float *out, const uint16_t *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t size = x[i] & 0x7FFFu, sign = (uint32_t)(x[i] & 0x8000u) << 16;
        float value = float_of(size << 13) * 0x1p112f;
        uint32_t special = size >= 0x7C00u ? 0x7F800000u : 0u;
        out[i] = float_of(bits_of(value) | special | sign);
    }
}

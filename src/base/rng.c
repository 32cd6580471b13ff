#include <judd/base/rng.h>

#include <judd/base/clones.h>
#include <judd/base/exact_math.h>

#include <math.h>
#include <string.h>

void judd_rng_philox(uint32_t out[4], const uint32_t key[2], const uint32_t counter[4]) {
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint64_t judd_rng_bits(uint64_t seed, judd_rng_purpose purpose, uint32_t a, uint64_t b) {
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t counter[4] = {(uint32_t)b, (uint32_t)(b >> 32), a, (uint32_t)purpose};
    uint32_t word[4];
    judd_rng_philox(word, key, counter);
    return (uint64_t)word[1] << 32 | word[0];
}

enum { BLOCKS = 8 };

/* judd_rng_philox for BLOCKS counters at once: the loops over k become vectors. */
JUDD_CLONES static void philox_blocks(uint32_t out[4 * BLOCKS], uint64_t seed,
                                      judd_rng_purpose purpose, uint32_t a, uint64_t b) {
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t c0[BLOCKS], c1[BLOCKS], c2[BLOCKS], c3[BLOCKS];
    for (int k = 0; k < BLOCKS; k++) {
        c0[k] = (uint32_t)b;
        c1[k] = (uint32_t)(b >> 32);
        c2[k] = a + (uint32_t)k;
        c3[k] = (uint32_t)purpose;
    }
    for (int round = 0; round < 10; round++) {
        for (int k = 0; k < BLOCKS; k++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * c0[k], p1 = (uint64_t)0xCD9E8D57u * c2[k];
            c0[k] = (uint32_t)(p1 >> 32) ^ c1[k] ^ k0;
            c2[k] = (uint32_t)(p0 >> 32) ^ c3[k] ^ k1;
            c1[k] = (uint32_t)p1;
            c3[k] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int k = 0; k < BLOCKS; k++) {
        out[4 * k] = c0[k];
        out[4 * k + 1] = c1[k];
        out[4 * k + 2] = c2[k];
        out[4 * k + 3] = c3[k];
    }
}

void judd_rng_words(uint32_t *out, int64_t n, uint64_t seed, judd_rng_purpose purpose, uint64_t b) {
    uint32_t words[4 * BLOCKS];
    for (int64_t i = 0; i < n; i += 4 * BLOCKS) {
        int64_t m = n - i < 4 * BLOCKS ? n - i : 4 * BLOCKS;
        philox_blocks(words, seed, purpose, (uint32_t)(i / 4), b);
        memcpy(out + i, words, (size_t)m * sizeof *out);
    }
}

static double ratio(double r, const double p[8], const double q[8]) {
    double a = p[7], b = q[7];
    for (int i = 6; i >= 0; i--) {
        a = a * r + p[i];
        b = b * r + q[i];
    }
    return a / b;
}

/* AS 241, PPND16: Wichura 1988, Applied Statistics 37(3). */
static double normal_quantile(double u) {
    static const double a[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                                1.9715909503065514427e+3, 1.3731693765509461125e+4,
                                4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                3.3430575583588128105e+4, 2.5090809287301226727e+3};
    static const double b[8] = {1.0,
                                4.2313330701600911252e+1,
                                6.8718700749205790830e+2,
                                5.3941960214247511077e+3,
                                2.1213794301586595867e+4,
                                3.9307895800092710610e+4,
                                2.8729085735721942674e+4,
                                5.2264952788528545610e+3};
    static const double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                5.76949722146069140550e0,  3.64784832476320460504e0,
                                1.27045825245236838258e0,  2.41780725177450611770e-1,
                                2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[8] = {1.0,
                                2.05319162663775882187e0,
                                1.67638483018380384940e0,
                                6.89767334985100004550e-1,
                                1.48103976427480074590e-1,
                                1.51986665636164571966e-2,
                                5.47593808499534494600e-4,
                                1.05075007164441684324e-9};
    static const double e[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                1.78482653991729133580e0,  2.96560571828504891230e-1,
                                2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[8] = {1.0,
                                5.99832206555887937690e-1,
                                1.36929880922735805310e-1,
                                1.48753612908506148525e-2,
                                7.86869131145613259100e-4,
                                1.84631831751005468180e-5,
                                1.42151175831644588870e-7,
                                2.04426310338993978564e-15};
    double q = u - 0.5;
    if (fabs(q) <= 0.425) return q * ratio(0.180625 - q * q, a, b);
    double r = sqrt(-judd_exact_log(q < 0 ? u : 1.0 - u));
    double x = r <= 5.0 ? ratio(r - 1.6, c, d) : ratio(r - 5.0, e, f);
    return q < 0 ? -x : x;
}

double judd_rng_normal(uint64_t seed, judd_rng_purpose purpose, uint32_t a, uint64_t b) {
    uint64_t bits = judd_rng_bits(seed, purpose, a, b);
    return normal_quantile(((double)(bits >> 12) + 0.5) * 0x1p-52); /* in (0, 1), never an end */
}

void judd_rng_permutation(int64_t *order, int64_t n, uint64_t seed, judd_rng_purpose purpose,
                          uint32_t a) {
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        /* 128-bit multiply: bias below 2^-63 for any n that fits memory */
        unsigned __int128 wide =
            (unsigned __int128)judd_rng_bits(seed, purpose, a, (uint64_t)i) * (uint64_t)(i + 1);
        int64_t j = (int64_t)(wide >> 64), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
}

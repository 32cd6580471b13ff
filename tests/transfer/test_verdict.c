/* Verdicts against numpy and scipy, and at the edges. Error rates: bench_calibration.c. */
#include <judd/base/rng.h>
#include <judd/stats/intervals.h>
#include <judd/transfer/verdict.h>

#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_close(double got, double expected, const char *what, int row) {
    if (isnan(expected) ? isnan(got) : fabs(got - expected) <= 1e-9 * fabs(expected) + 1e-15)
        return;
    fail_msg("row %d: %s is %.17g, expected %.17g", row, what, got, expected);
}

static void test_scipy(void **state) {
    (void)state;
    for (int i = 0; i < (int)(sizeof verdict_vectors / sizeof verdict_vectors[0]); i++) {
        const verdict_vector *w = &verdict_vectors[i];
        judd_verdict v;
        assert_int_equal(
            judd_verdict_measure(&v, w->transfer, w->baseline, w->n_seeds, w->n_test, w->margin),
            JUDD_OK);
        assert_int_equal(v.n_seeds, w->n_seeds);
        assert_int_equal(v.n_test, w->n_test);
        assert_close(v.gain, w->gain, "gain", i);
        assert_close(v.variance_seeds, w->variance_seeds, "variance_seeds", i);
        assert_close(v.variance_samples, w->variance_samples, "variance_samples", i);
        assert_close(v.se, w->se, "se", i);
        assert_close(v.variance_noise, w->variance_noise, "variance_noise", i);
        assert_close(v.ci95[0], w->low, "ci95[0]", i);
        assert_close(v.ci95[1], w->high, "ci95[1]", i);
        assert_close(v.p, w->p, "p", i);
        assert_close(v.p_neutral, w->p_neutral, "p_neutral", i);
    }
}

/* Shares of 0 and 1 are an accuracy; other units scale gain and errors and leave p as it is. */
static void test_shares(void **state) {
    (void)state;
    for (int i = 0; i < (int)(sizeof verdict_vectors / sizeof verdict_vectors[0]); i++) {
        const verdict_vector *w = &verdict_vectors[i];
        double transfer[300], baseline[300];
        judd_verdict v;
        for (double scale = 1.0; scale > 0.1; scale /= 4.0) {
            for (int k = 0; k < 300; k++) {
                transfer[k] = scale * w->transfer[k] - 3.0;
                baseline[k] = scale * w->baseline[k] - 3.0;
            }
            assert_int_equal(judd_verdict_measure_shares(&v, transfer, baseline, w->n_seeds,
                                                         w->n_test, scale * w->margin),
                             JUDD_OK);
            assert_close(v.gain / scale, w->gain, "gain", i);
            assert_close(v.variance_seeds / (scale * scale), w->variance_seeds, "variance", i);
            assert_close(v.variance_samples / (scale * scale), w->variance_samples, "variance", i);
            assert_close(v.ci95[0] / scale, w->low, "ci95[0]", i);
            assert_close(v.ci95[1] / scale, w->high, "ci95[1]", i);
            assert_close(v.p_neutral, w->p_neutral, "p_neutral", i);
            if (w->n_seeds > 1) assert_close(v.p, w->p, "p", i);
        }
    }
    const double bad[2] = {0.5, NAN}, good[2] = {0.5, 0.25};
    judd_verdict v;
    assert_int_equal(judd_verdict_measure_shares(&v, bad, good, 1, 2, 0.1), JUDD_E_INTERNAL);
    assert_int_equal(judd_verdict_measure_shares(&v, good, good, 1, 2, 0.1), JUDD_OK);
    assert_true(v.gain == 0.0 && v.p == 1.0 && v.p_neutral == 1.0);
}

/* [n, m] arms: everything right in the baseline up to `base` of m, in the transfer up to `top`. */
static judd_verdict measure_counts(int n, int64_t m, int64_t top, int64_t base, double margin) {
    uint8_t *arms = calloc((size_t)(2 * n * m), 1);
    assert_non_null(arms);
    for (int64_t i = 0; i < n * m; i++) {
        arms[i] = i % m < top;
        arms[n * m + i] = i % m < base;
    }
    judd_verdict v;
    assert_int_equal(judd_verdict_measure(&v, arms, arms + n * m, n, m, margin), JUDD_OK);
    assert_int_equal(judd_verdict_decide(&v, 1, margin), JUDD_OK);
    free(arms);
    return v;
}

/* Arms that agree on m samples: had the true gain been g, all m were alike with probability
 * (1 - g)^m; the score test that stands for it is within a factor 2 where it decides. */
static void test_identical_arms(void **state) {
    (void)state;
    static const int64_t few[3] = {100, 300, 500}, many[3] = {800, 1000, 3000};
    for (int n = 1; n < 4; n++)
        for (int k = 0; k < 3; k++) {
            judd_verdict v = measure_counts(n, few[k], 70, 70, 0.005);
            assert_true(v.gain == 0.0 && v.p == 1.0);
            assert_int_equal(v.kind, JUDD_VERDICT_INCONCLUSIVE);
            v = measure_counts(n, many[k], 70, 70, 0.005);
            assert_int_equal(v.kind, JUDD_VERDICT_NEUTRAL);
            assert_int_equal(v.further_seeds, 0);
            double exact = pow(0.995, (double)many[k]);
            assert_true(v.p_neutral > exact && v.p_neutral < 0.05);
            assert_true(v.ci95[1] == -v.ci95[0] && v.ci95[1] > 3.6 / (double)many[k] &&
                        v.ci95[1] < 4.0 / (double)many[k]); /* 3.69 / m exactly */
        }
}

static void test_constant_gain(void **state) {
    (void)state;
    judd_verdict v = measure_counts(3, 50, 50, 0, 0.005);
    assert_true(v.gain == 1.0 && v.se == 0.0 && v.p == 0.0 && v.p_neutral == 1.0);
    assert_int_equal(v.kind, JUDD_VERDICT_POSITIVE);
    v = measure_counts(3, 50, 0, 50, 0.005);
    assert_true(v.gain == -1.0 && v.p == 0.0);
    assert_int_equal(v.kind, JUDD_VERDICT_NEGATIVE);
    assert_string_equal(judd_verdict_name(v.kind), "negative");
}

/* What remains when one of the variances is 0: the normal, and Student's t. */
static void test_one_variance(void **state) {
    (void)state;
    judd_verdict v = measure_counts(4, 200, 120, 100, 0.005);
    assert_true(v.variance_seeds == 0.0 && v.variance_samples > 0.0 && v.variance_noise == 0.0);
    assert_close(v.p, 2.0 * judd_intervals_t_cdf(-v.gain / v.se, INFINITY), "p", 0);
    /* Every test sample has the same mean difference 1/3, seeds differ. */
    uint8_t transfer[24] = {1, 1, 1, 1, 1, 1, 1, 1}, baseline[24] = {0};
    assert_int_equal(judd_verdict_measure(&v, transfer, baseline, 3, 8, 0.005), JUDD_OK);
    assert_true(v.variance_samples == 0.0 && v.variance_noise == 0.0);
    assert_close(v.p, 2.0 * judd_intervals_t_cdf(-v.gain / v.se, 2.0), "p", 1);
    assert_true(fabs(v.gain / v.se - 1.0) < 1e-12);
}

/* Two seeds whose gains are equal, one sample in 30, but not by the same samples. */
static void test_equal_gains_by_chance(void **state) {
    (void)state;
    uint8_t transfer[60] = {1, 1, 0}, baseline[60] = {0, 0, 1};
    judd_verdict v;
    for (int i = 10; i < 30; i++) transfer[i] = baseline[i] = 1;
    memcpy(transfer + 30, transfer, 30);
    memcpy(baseline + 30, baseline, 30);
    transfer[30] = 0, transfer[33] = 1; /* wins by another sample */
    baseline[32] = 0, baseline[34] = 1; /* and loses by another one */
    assert_int_equal(judd_verdict_measure(&v, transfer, baseline, 2, 30, 0.005), JUDD_OK);
    assert_true(v.variance_seeds == 0.0 && v.variance_noise > 0.0);
    assert_true(v.se >= sqrt(v.variance_noise / 60.0) && v.p > 0.05);
    assert_true(v.ci95[0] < 0.0 && v.ci95[1] > v.gain);
}

static void test_few_test_samples(void **state) {
    (void)state;
    for (int n = 1; n < 4; n += 2)
        for (int m = 1; m < 4; m++) {
            judd_verdict v = measure_counts(n, m, m, 0, 0.005);
            assert_true(v.gain == 1.0 && v.p == 1.0 && v.p_neutral == 1.0);
            assert_true(isnan(v.se) && v.ci95[0] == -1.0 && v.ci95[1] == 1.0);
            assert_int_equal(v.kind, JUDD_VERDICT_INCONCLUSIVE);
            assert_int_equal(v.further_seeds, -1);
        }
}

static void test_one_seed(void **state) {
    (void)state;
    judd_verdict v = measure_counts(1, 1000, 730, 700, 0.005);
    assert_true(v.p == judd_intervals_mcnemar(30, 0));
    assert_true(isnan(v.se));
    assert_int_equal(v.kind, JUDD_VERDICT_POSITIVE);
    v = measure_counts(1, 100, 51, 50, 0.1);
    assert_int_equal(v.kind, JUDD_VERDICT_NEUTRAL);
}

static double uniform(uint64_t seed, uint32_t a, uint64_t b) {
    return (double)(judd_rng_bits(seed, JUDD_RNG_ORDER, a, b) >> 11) * 0x1p-53;
}

/* Arms that are right at random and equally often: "p < x" in at most x of the cases, though gains
 * of so few samples and seeds are often equal. */
static void test_level_of_few_seeds(void **state) {
    (void)state;
    enum { CASES = 3000, MOST = 36 };
    uint8_t right[2][3 * MOST];
    for (int n = 2; n <= 3; n++)
        for (int m = 12; m <= MOST; m += 12) {
            int below[2] = {0};
            for (int k = 0; k < CASES; k++) {
                judd_verdict v;
                for (int i = 0; i < 2 * n * m; i++)
                    right[i % 2][i / 2] =
                        uniform((uint64_t)(n * m), (uint32_t)k, (uint64_t)i) < 0.85;
                assert_int_equal(judd_verdict_measure(&v, right[0], right[1], n, m, 0.005),
                                 JUDD_OK);
                below[0] += v.p < 0.05;
                below[1] += v.p < 0.001;
            }
            assert_true(below[0] <= CASES / 20 + 36); /* three deviations of chance */
            assert_true(below[1] <= CASES / 1000 + 5);
        }
}

static judd_verdict made(double gain, double p, double p_neutral, double p_beyond) {
    return (judd_verdict){.n_seeds = 5,
                          .n_test = 1000,
                          .n_looks = 1,
                          .gain = gain,
                          .p = p,
                          .p_neutral = p_neutral,
                          .p_beyond = p_beyond,
                          .variance_seeds = 1e-4,
                          .variance_samples = 0.1,
                          .variance_noise = 0.02,
                          .second = 0.1,
                          .difference = 1.0};
}

static void test_rules(void **state) {
    (void)state;
    judd_verdict v[6] = {
        made(0.020, 0.001, 0.9, 0.002),   /* 6 * 0.001; closed at 6 * 0.002 */
        made(-0.02, 0.002, 0.9, 0.008),   /* closed at 5 * 0.008 = 0.04, so 4 are open at 0.05 */
        made(0.004, 0.003, 0.4, 0.6),     /* significant, but below the margin, and not neutral */
        made(0.004, 0.004, 0.0001, 0.99), /* neutral; closed at 6 * 0.0002, so the first of all */
        made(0.030, 0.02, 0.9, 0.02),     /* 3 * 0.02: not adjusted */
        made(0.000, 0.9, 0.016, 0.9),     /* 3 * 0.016 = 0.048: neutral */
    };
    assert_int_equal(judd_verdict_decide(v, 6, 0.005), JUDD_OK);
    assert_int_equal(v[0].kind, JUDD_VERDICT_POSITIVE);
    assert_int_equal(v[1].kind, JUDD_VERDICT_NEGATIVE);
    assert_int_equal(v[2].kind, JUDD_VERDICT_INCONCLUSIVE);
    assert_int_equal(v[3].kind, JUDD_VERDICT_NEUTRAL);
    assert_int_equal(v[4].kind, JUDD_VERDICT_INCONCLUSIVE);
    assert_int_equal(v[5].kind, JUDD_VERDICT_NEUTRAL);
    assert_true(fabs(v[0].p_holm - 0.005) < 1e-15 && fabs(v[4].p_holm - 0.06) < 1e-15);
    assert_true(fabs(v[5].p_neutral_holm - 0.048) < 1e-15);
    for (int i = 0; i < 6; i++)
        assert_int_equal(v[i].further_seeds != 0, v[i].kind == JUDD_VERDICT_INCONCLUSIVE);
    assert_int_equal(judd_verdict_decide(NULL, 0, 0.005), JUDD_OK);
}

/* Where a sign closes a comparison at once, the steps are Holm's; where nothing does, Bonferroni's.
 * What alpha / n settles stays decided; NaN does not count. */
static void test_holm(void **state) {
    (void)state;
    double p[7], holm[7];
    judd_verdict v[7], w[7];
    for (uint64_t r = 0; r < 200; r++) {
        for (uint64_t i = 0; i < 7; i++) {
            p[i] = pow(uniform(r, 2, i), 3.0);
            if (r % 3 == 0) p[i] = floor(p[i] * 8.0) / 64.0; /* ties */
            if (r % 5 == 0 && i == 3) p[i] = NAN;
            v[i] = made(0.1, p[i], 0.99, 0.0);
            w[i] = made(0.1, p[i], 0.99, 0.99);
            if (isnan(p[i])) v[i].n_seeds = w[i].n_seeds = 0;
        }
        int n = r % 5 == 0 ? 6 : 7;
        judd_intervals_holm(holm, p, 7);
        assert_int_equal(judd_verdict_decide(v, 7, 0.005), JUDD_OK);
        assert_int_equal(judd_verdict_decide(w, 7, 0.005), JUDD_OK);
        for (int i = 0; i < 7; i++) {
            assert_close(v[i].p_holm, holm[i], "Holm", i);
            assert_close(w[i].p_holm, isnan(p[i]) ? NAN : fmin(1.0, n * p[i]), "Bonferroni", i);
            if (judd_verdict_is_settled(&v[i], 7, 0.005))
                assert_int_equal(v[i].kind, JUDD_VERDICT_POSITIVE);
        }
    }
}

static void test_looks(void **state) {
    (void)state;
    static const int64_t most[] = {1, 3, 5, 6, 10, 30, 40, 41, 1000};
    static const int looks[] = {1, 1, 1, 2, 2, 4, 4, 5, 9};
    for (int k = 0; k < 9; k++) {
        assert_int_equal(judd_verdict_n_looks(most[k]), looks[k]);
        assert_int_equal(judd_verdict_look(looks[k] - 1, most[k]), most[k]);
        for (int i = 0; i + 1 < looks[k]; i++)
            assert_int_equal(judd_verdict_look(i, most[k]), 5 << i);
    }
    judd_verdict v = made(0.02, 0.003, 0.5, 0.004);
    assert_true(judd_verdict_is_settled(&v, 16, 0.005)); /* 0.048 */
    judd_verdict_at_look(&v, 4);
    assert_true(v.p == 0.012 && v.p_neutral == 1.0 && v.n_looks == 4);
    assert_true(judd_verdict_is_settled(&v, 4, 0.005) && !judd_verdict_is_settled(&v, 5, 0.005));
}

/* P(sqrt(a) t + sqrt(b) z > distance) as a plain sum over z. */
static double plain_tail(double distance, double a, double b, double df) {
    double sum = 0.0, h = 0.002;
    if (a == 0.0) return judd_intervals_t_cdf(-distance / sqrt(b), INFINITY);
    for (double z = -9.0; z <= 9.0; z += h)
        sum += h * exp(-0.5 * z * z) / sqrt(2.0 * 3.14159265358979323846) *
               judd_intervals_t_cdf((sqrt(b) * z - distance) / sqrt(a), df);
    return sum;
}

/* Whether n seeds would decide, by the formulas of the header; `factor` is what p counts for. */
static int would_decide(const judd_verdict *v, int64_t n, double margin, double factor) {
    double m = (double)v->n_test, a = v->variance_seeds / (double)n;
    double lasting = fmax(v->variance_samples - v->variance_noise / v->n_seeds, 0.0);
    double b = lasting / m * (m - 1) / (m - 3), room = margin - fabs(v->gain);
    if (room <= 0.0) return factor * 2.0 * plain_tail(fabs(v->gain), a, b, (double)n - 1.0) < 0.05;
    b += (sqrt(0.25 * v->second * v->second + margin * room) - 0.5 * v->second) / m;
    return factor * plain_tail(room, a, b, (double)n - 1.0) < 0.05;
}

/* p falls as seeds are added: the number found decides, fewer do not (1 % off: the sum is rough).
 */
static void check_further(const judd_verdict *v, double margin, double factor) {
    int64_t k = v->further_seeds, n = v->n_seeds;
    if (k == -1) {
        assert_false(would_decide(v, n + 9900, margin, factor));
        return;
    }
    assert_true(would_decide(v, n + k + k / 100, margin, factor));
    if (k > 1) assert_false(would_decide(v, n + k - 1 - k / 100, margin, factor));
}

static void test_further_seeds(void **state) {
    (void)state;
    static const double gains[] = {0.0, -0.002, 0.0049, 0.006, -0.01, 0.03};
    static const double seeds[] = {0.0, 1e-4, 0.01}, samples[] = {0.0205, 0.03, 0.3};
    int decided = 0, none = 0;
    for (int i = 0; i < 6 * 3 * 3; i++) {
        judd_verdict v = made(gains[i % 6], 0.5, 0.5, 0.5);
        v.variance_seeds = seeds[i / 6 % 3];
        v.variance_samples = samples[i / 18];
        v.second = samples[i / 18];
        assert_int_equal(judd_verdict_decide(&v, 1, 0.005), JUDD_OK);
        check_further(&v, 0.005, 1.0);
        decided += v.further_seeds > 0;
        none += v.further_seeds == -1;
    }
    assert_true(decided > 5 && none > 5);
    judd_verdict v[3] = {made(0.03, 0.03, 0.9, 0.03), made(0.03, 0.03, 0.9, 0.03),
                         made(0.2, 1e-9, 1.0, 1e-9)}; /* the last is closed: two are open */
    judd_verdict_at_look(&v[0], 4);
    assert_int_equal(judd_verdict_decide(v, 3, 0.005), JUDD_OK);
    check_further(&v[0], 0.005, 8.0);
    check_further(&v[1], 0.005, 2.0);
}

static void test_bad_input(void **state) {
    (void)state;
    judd_verdict v;
    const uint8_t good[4] = {0, 1, 1, 0}, bad[4] = {0, 1, 2, 0};
    assert_int_equal(judd_verdict_measure(&v, good, good, 0, 4, 0.005), JUDD_E_INTERNAL);
    assert_int_equal(judd_verdict_measure(&v, good, good, 2, 0, 0.005), JUDD_E_INTERNAL);
    assert_int_equal(judd_verdict_measure(&v, good, good, 2, 2, NAN), JUDD_E_CONFIG);
    assert_int_equal(judd_verdict_measure(&v, good, good, 2, 2, -0.1), JUDD_E_CONFIG);
    assert_int_equal(judd_verdict_measure(&v, good, bad, 2, 2, 0.005), JUDD_E_INTERNAL);
    assert_non_null(strstr(judd_status_message(), "seed 1, test sample 0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scipy),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_identical_arms),
        cmocka_unit_test(test_constant_gain),
        cmocka_unit_test(test_one_variance),
        cmocka_unit_test(test_equal_gains_by_chance),
        cmocka_unit_test(test_level_of_few_seeds),
        cmocka_unit_test(test_few_test_samples),
        cmocka_unit_test(test_one_seed),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_holm),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_further_seeds),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

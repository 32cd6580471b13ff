/* Verdicts against numpy and scipy, at the edges, and their error rates in simulation. */
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
        assert_close(v.df, w->df, "df", i);
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
    assert_true(v.gain == 0.0 && v.p == 1.0 && v.p_neutral == 0.0);
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

static void test_identical_arms(void **state) {
    (void)state;
    for (int n = 1; n < 4; n++) {
        judd_verdict v = measure_counts(n, 1000, 700, 700, 0.005);
        assert_true(v.gain == 0.0 && v.p == 1.0 && v.p_neutral == 0.0);
        assert_true(v.ci95[0] == 0.0 && v.ci95[1] == 0.0);
        assert_int_equal(v.kind, JUDD_VERDICT_NEUTRAL);
        assert_int_equal(v.further_seeds, 0);
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

/* The same gain in every seed: s^2 = 0, so df = m - 1. */
static void test_zero_terms_of_df(void **state) {
    (void)state;
    judd_verdict v = measure_counts(4, 200, 120, 100, 0.005);
    assert_true(v.variance_seeds == 0.0 && v.variance_samples > 0.0);
    assert_true(fabs(v.df - 199.0) < 1e-9);
    /* Every test sample has the same mean difference 1/2, seeds differ: v = 0, df = n - 1. */
    const uint8_t transfer[8] = {1, 1, 1, 1, 0, 0, 0, 0}, baseline[8] = {0};
    assert_int_equal(judd_verdict_measure(&v, transfer, baseline, 2, 4, 0.005), JUDD_OK);
    assert_true(v.variance_samples == 0.0 && fabs(v.df - 1.0) < 1e-12);
}

static void test_one_test_sample(void **state) {
    (void)state;
    for (int n = 1; n < 4; n += 2) {
        judd_verdict v = measure_counts(n, 1, 1, 0, 0.005);
        assert_true(v.gain == 1.0 && v.p == 1.0 && v.p_neutral == 1.0);
        assert_true(isnan(v.se) && isnan(v.df) && v.ci95[0] == -1.0 && v.ci95[1] == 1.0);
        assert_int_equal(v.kind, JUDD_VERDICT_INCONCLUSIVE);
        assert_int_equal(v.further_seeds, -1);
    }
}

static void test_one_seed(void **state) {
    (void)state;
    judd_verdict v = measure_counts(1, 1000, 730, 700, 0.005);
    assert_true(v.p == judd_intervals_mcnemar(30, 0));
    assert_true(isnan(v.se) && isnan(v.df));
    assert_int_equal(v.kind, JUDD_VERDICT_POSITIVE);
    v = measure_counts(1, 100, 51, 50, 0.1);
    assert_int_equal(v.kind, JUDD_VERDICT_NEUTRAL);
}

static judd_verdict made(double gain, double p, double p_neutral) {
    return (judd_verdict){.n_seeds = 5,
                          .n_test = 1000,
                          .gain = gain,
                          .p = p,
                          .p_neutral = p_neutral,
                          .variance_seeds = 1e-4,
                          .variance_samples = 0.1};
}

static void test_rules(void **state) {
    (void)state;
    judd_verdict v[6] = {
        made(0.020, 0.001, 0.9),   /* 6 * 0.001 */
        made(-0.02, 0.002, 0.9),   /* 5 * 0.002 */
        made(0.004, 0.003, 0.4),   /* significant, but below the margin, and not neutral */
        made(0.004, 0.004, 0.001), /* significant, below the margin, neutral */
        made(0.030, 0.03, 0.9),    /* 2 * 0.03: not after Holm */
        made(0.000, 0.9, 0.009),   /* 5 * 0.009 = 0.045: neutral */
    };
    assert_int_equal(judd_verdict_decide(v, 6, 0.005), JUDD_OK);
    assert_int_equal(v[0].kind, JUDD_VERDICT_POSITIVE);
    assert_int_equal(v[1].kind, JUDD_VERDICT_NEGATIVE);
    assert_int_equal(v[2].kind, JUDD_VERDICT_INCONCLUSIVE);
    assert_int_equal(v[3].kind, JUDD_VERDICT_NEUTRAL);
    assert_int_equal(v[4].kind, JUDD_VERDICT_INCONCLUSIVE);
    assert_int_equal(v[5].kind, JUDD_VERDICT_NEUTRAL);
    assert_true(fabs(v[0].p_holm - 0.006) < 1e-15 && fabs(v[4].p_holm - 0.06) < 1e-15);
    assert_true(fabs(v[5].p_neutral_holm - 0.045) < 1e-15);
    for (int i = 0; i < 6; i++)
        assert_int_equal(v[i].further_seeds != 0, v[i].kind == JUDD_VERDICT_INCONCLUSIVE);
    assert_int_equal(judd_verdict_decide(NULL, 0, 0.005), JUDD_OK);
}

/* A plain scan with the formulas of the header; `factor` is Holm's, of the test that may decide. */
static int64_t scan_further(const judd_verdict *v, double margin, double factor) {
    double m = (double)v->n_test, b = v->variance_samples / m;
    for (int64_t k = 1; k <= 10000; k++) {
        double n = (double)(v->n_seeds + k), a = v->variance_seeds / n, se = sqrt(a + b);
        double df = (a + b) * (a + b) / (a * a / (n - 1.0) + b * b / (m - 1.0));
        double p = 2.0 * judd_intervals_t_cdf(-fabs(v->gain) / se, df);
        double above = judd_intervals_t_cdf((v->gain - margin) / se, df);
        double below = judd_intervals_t_cdf((-v->gain - margin) / se, df);
        double least = fabs(v->gain) >= margin ? p : fmax(above, below);
        if (factor * least < 0.05) return k;
    }
    return -1;
}

static void test_further_seeds(void **state) {
    (void)state;
    static const double gains[] = {0.0, 0.001, -0.002, 0.0049, 0.005, 0.006, -0.01, 0.03, 0.2};
    static const double seeds[] = {0.0, 1e-6, 1e-4, 1e-3, 0.01, 0.3};
    static const double samples[] = {0.0, 1e-4, 0.01, 0.05, 0.3};
    int decided = 0, none = 0;
    for (int i = 0; i < 9 * 6 * 5; i++) {
        judd_verdict v = made(gains[i % 9], 0.5, 0.5);
        v.variance_seeds = seeds[i / 9 % 6];
        v.variance_samples = samples[i / 54];
        if (v.variance_seeds + v.variance_samples == 0.0) continue;
        assert_int_equal(judd_verdict_decide(&v, 1, 0.005), JUDD_OK);
        assert_int_equal(v.further_seeds, scan_further(&v, 0.005, 1.0));
        decided += v.further_seeds > 0;
        none += v.further_seeds == -1;
    }
    assert_true(decided > 50 && none > 20);
}

/* In a family the Holm factor of the comparison counts: its step, ties included, or a smaller
 * p-value's adjusted value that carries over. */
static void test_further_seeds_in_a_family(void **state) {
    (void)state;
    judd_verdict v[5] = {
        made(0.02, 0.20, 0.9), /* steps 2 to 1 after the ties and the small one */
        made(0.02, 0.10, 0.9), /* step 4: factor 4 */
        made(0.02, 0.10, 0.9), /* the tie: step 3, but 0.4 carries over: factor 4 */
        made(0.02, 1e-4, 0.9), /* decided */
        made(0.02, 0.11, 0.9), /* step 2, 0.4 carries over: factor 0.4 / 0.11 */
    };
    static const double factors[5] = {2.0, 4.0, 4.0, 5.0, 0.4 / 0.11};
    for (int i = 0; i < 5; i++) {
        v[i].variance_seeds = 0.005;
        v[i].variance_samples = 0.02;
    }
    assert_int_equal(judd_verdict_decide(v, 5, 0.005), JUDD_OK);
    assert_int_equal(v[3].further_seeds, 0);
    for (int i = 0; i < 5; i++)
        if (i != 3) assert_int_equal(v[i].further_seeds, scan_further(&v[i], 0.005, factors[i]));
    assert_true(v[0].further_seeds < v[1].further_seeds);
    for (int i = 0; i < 5; i++) { /* the other family: all p_neutral are equal, so all factors 5 */
        v[i] = made(0.001, 0.9, 0.3);
        v[i].variance_samples = 0.001;
    }
    assert_int_equal(judd_verdict_decide(v, 5, 0.005), JUDD_OK);
    for (int i = 0; i < 5; i++)
        assert_int_equal(v[i].further_seeds, scan_further(&v[i], 0.005, 5.0));
    assert_true(v[0].further_seeds > scan_further(&v[0], 0.005, 1.0));
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

/* A world: each test sample is hard (baseline accuracy `low`) or easy (`high`); transfer adds
 * `gain` on average, `lopsided` more on easy and less on hard samples; every seed shifts it by a
 * normal. */
typedef struct world {
    const char *name;
    int n_seeds;
    int64_t n_test;
    double low, high, gain, lopsided, shift, margin;
} world;

static double uniform(uint64_t seed, uint32_t a, uint64_t b) {
    return (double)(judd_rng_bits(seed, JUDD_RNG_ORDER, a, b) >> 11) * 0x1p-53;
}

static void draw_world(uint8_t *transfer, uint8_t *baseline, const world *w, uint64_t seed) {
    for (int64_t i = 0; i < w->n_seeds; i++) {
        double shift = w->shift * judd_rng_normal(seed, JUDD_RNG_WEIGHTS, 0, (uint64_t)i);
        for (int64_t j = 0; j < w->n_test; j++) {
            int easy = judd_rng_bits(seed, JUDD_RNG_FOLDS, 0, (uint64_t)j) & 1;
            double accuracy = easy ? w->high : w->low;
            double gain = w->gain + (easy ? w->lopsided : -w->lopsided) + shift;
            uint64_t at = (uint64_t)(i * w->n_test + j);
            baseline[at] = uniform(seed, 0, at) < accuracy;
            transfer[at] = uniform(seed, 1, at) < accuracy + gain;
        }
    }
}

static int is_false(judd_verdict_kind kind, double gain, double margin) {
    if (kind == JUDD_VERDICT_POSITIVE) return gain <= 0.0;
    if (kind == JUDD_VERDICT_NEGATIVE) return gain >= 0.0;
    return kind == JUDD_VERDICT_NEUTRAL && fabs(gain) >= margin * (1.0 - 1e-12);
}

static void test_simulation(void **state) {
    (void)state;
    enum { REPEATS = 1500, MOST = 10 * 400 };
    static const world worlds[] = {
        {"seeds vary, no gain", 5, 250, 0.4, 0.8, 0.0, 0.0, 0.06, 0.05},
        {"seeds vary, gain", 5, 250, 0.4, 0.8, 0.05, 0.0, 0.05, 0.02},
        {"three seeds", 3, 300, 0.4, 0.8, -0.02, 0.0, 0.06, 0.02},
        {"samples differ, no gain", 5, 300, 0.3, 0.6, 0.0, 0.25, 0.02, 0.05},
        {"samples differ, gain at the margin", 10, 200, 0.3, 0.6, 0.05, 0.2, 0.03, 0.05},
        {"ten seeds, gain at the margin", 10, 200, 0.4, 0.7, -0.03, 0.0, 0.05, 0.03},
    };
    static uint8_t transfer[MOST], baseline[MOST];
    for (int k = 0; k < (int)(sizeof worlds / sizeof worlds[0]); k++) {
        const world *w = &worlds[k];
        int covered = 0, wrong = 0, decided = 0;
        for (uint64_t r = 0; r < REPEATS; r++) {
            judd_verdict v;
            draw_world(transfer, baseline, w, (uint64_t)(k + 1) * 100000 + r);
            assert_int_equal(
                judd_verdict_measure(&v, transfer, baseline, w->n_seeds, w->n_test, w->margin),
                JUDD_OK);
            assert_int_equal(judd_verdict_decide(&v, 1, w->margin), JUDD_OK);
            covered += v.ci95[0] <= w->gain && w->gain <= v.ci95[1];
            wrong += is_false(v.kind, w->gain, w->margin);
            decided += v.kind != JUDD_VERDICT_INCONCLUSIVE;
        }
        printf("%s: coverage %.1f %%, false verdicts %.1f %%, decided %.1f %%\n", w->name,
               100.0 * covered / REPEATS, 100.0 * wrong / REPEATS, 100.0 * decided / REPEATS);
        assert_in_range(covered * 1000 / REPEATS, 930, 980);
        assert_true(wrong * 100 <= 5 * REPEATS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scipy),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_identical_arms),
        cmocka_unit_test(test_constant_gain),
        cmocka_unit_test(test_zero_terms_of_df),
        cmocka_unit_test(test_one_test_sample),
        cmocka_unit_test(test_one_seed),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_further_seeds),
        cmocka_unit_test(test_further_seeds_in_a_family),
        cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_simulation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Who holds which rows, and standardisation, against float64 and against one rank alone. */
#include "learn/learn_fixture.h"

#include <judd/io/h5.h>

#include <stdbool.h>

static comms all;

static void every_position_once(void **state) {
    (void)state;
    static const int64_t sizes[] = {0, 1, 3, 15, 16, 17, 100, 997, 60000};
    static const int lane_counts[] = {4, 7, 16, 48};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t l = 0; l < sizeof lane_counts / sizeof *lane_counts; l++) {
            judd_lanes lanes;
            OK(judd_lanes_deal(&lanes, sizes[s], lane_counts[l], all.world.rank, all.world.size));
            int64_t mine[2] = {judd_lanes_first(&lanes), judd_lanes_count(&lanes)};
            int64_t(*of)[2] = NULL;
            OK(judd_comm_allgather(&all.world, (void **)&of, mine, 1, sizeof mine));
            int64_t next = 0, least = INT64_MAX, most = 0;
            for (int r = 0; r < all.world.size; r++) { /* the ranks' shares follow each other */
                assert_int_equal(of[r][0], next);
                next += of[r][1];
                least = of[r][1] < least ? of[r][1] : least;
                most = of[r][1] > most ? of[r][1] : most;
            }
            free(of);
            assert_int_equal(next, sizes[s]);
            int64_t lane_rows = judd_lanes_largest(&lanes);
            bool even = lane_counts[l] % all.world.size == 0;
            assert_true(most - least <= (even ? 1 : lane_rows + 1)); /* n k/L rounded: +1 */
            for (int lane = 0; lane < lane_counts[l]; lane++) {
                int64_t n = judd_lanes_begin(&lanes, lane + 1) - judd_lanes_begin(&lanes, lane);
                assert_in_range(n, sizes[s] / lane_counts[l], lane_rows);
            }
        }
}

static void lanes_are_dealt_evenly(void **state) {
    (void)state;
    for (int size = 1; size <= 48; size++) {
        int next = 0;
        for (int rank = 0; rank < size; rank++) {
            judd_lanes lanes;
            OK(judd_lanes_deal(&lanes, 1000, 48, rank, size));
            assert_int_equal(lanes.first_lane, next);
            assert_in_range(lanes.end_lane - lanes.first_lane, 48 / size, (48 + size - 1) / size);
            next = lanes.end_lane;
        }
        assert_int_equal(next, 48);
    }
}

static void more_ranks_than_lanes(void **state) {
    (void)state;
    judd_lanes lanes;
    assert_int_equal(judd_lanes_deal(&lanes, 100, 4, 0, 5), JUDD_E_USAGE);
    assert_non_null(strstr(judd_status_message(), "5 ranks"));
    assert_non_null(strstr(judd_status_message(), "4 lanes"));
    if (all.world.size == 1) return;
    judd_rows rows;
    assert_int_equal(judd_rows_create(&rows, 100, 3, all.world.size - 1, &all.world), JUDD_E_USAGE);
}

static void rows_are_shared_out(void **state) {
    (void)state;
    const problem p = {.n = 101, .dim = 5, .n_classes = 3, .n_lanes = 16, .seed = 4};
    judd_rows rows;
    make_rows(&rows, &p, &all.world);
    int64_t n = judd_lanes_count(&rows.lanes), total = n;
    float *whole = NULL;
    OK(judd_comm_sum(&all.world, &total, 1));
    assert_int_equal(total, p.n);
    assert_in_range(n, 101 / all.world.size - 7, 101 / all.world.size + 7);
    OK(judd_comm_allgather(&all.world, (void **)&whole, rows.x, n * p.dim, sizeof *whole));
    for (int64_t i = 0; i < p.n; i++)
        for (int64_t j = 0; j < p.dim; j++)
            assert_true(whole[i * p.dim + j] == feature_of(&p, i, j));
    free(whole);
    judd_rows_free(&rows);
}

/* ---- standardisation ---------------------------------------------------------------------------
 */

enum { COLUMNS = 12, CONSTANT = 3, ZERO = 7 };

/* Columns of very different sizes and offsets, as embeddings and counts have them. */
static float wild(int64_t i, int64_t j) {
    static const double size[COLUMNS] = {1.0,  1e-4, 1e4, 0.0, 1e-12, 1e12,
                                         3e-3, 0.0,  1.0, 7.0, 1e-30, 1e18};
    static const double offset[COLUMNS] = {0.0, 0.0, 1e4,  0.1, 0.0,   0.0,
                                           3.0, 0.0, 50.0, 0.0, 1e-30, 0.0};
    double z = judd_rng_normal(11, JUDD_RNG_WEIGHTS, (uint32_t)i, (uint64_t)j);
    return (float)(offset[j] + size[j] * z);
}

static void make_wild(judd_rows *rows, int64_t n, const judd_comm *comm) {
    OK(judd_rows_create(rows, n, COLUMNS, 16, comm));
    int64_t first = judd_lanes_first(&rows->lanes);
    for (int64_t i = 0; i < judd_lanes_count(&rows->lanes); i++)
        for (int64_t j = 0; j < COLUMNS; j++) rows->x[i * COLUMNS + j] = wild(first + i, j);
}

static void reference(double *mean, double *deviation, int64_t n, int64_t j) {
    long double s = 0, q = 0;
    for (int64_t i = 0; i < n; i++) s += wild(i, j);
    for (int64_t i = 0; i < n; i++) q += (wild(i, j) - s / n) * (wild(i, j) - s / n);
    *mean = (double)(s / n);
    *deviation = (double)sqrtl(q / n);
}

static void standard_equals_float64(void **state) {
    (void)state;
    static const int64_t sizes[] = {2, 10, 25, 1000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        judd_rows rows;
        judd_standard fit;
        make_wild(&rows, sizes[s], &all.world);
        OK(judd_rows_standard_fit(&fit, &rows, &all.world));
        for (int64_t j = 0; j < COLUMNS; j++) {
            double mean, deviation;
            reference(&mean, &deviation, sizes[s], j);
            double error = fabs((double)fit.mean[j] - mean);
            if (error > 1e-6 * (fabs(mean) + deviation))
                fail_msg("n %d column %d: mean %g, not %g", (int)sizes[s], (int)j,
                         (double)fit.mean[j], mean);
            if (j == CONSTANT || j == ZERO) {
                assert_true(fit.mean[j] == wild(0, j));
                assert_true(fit.scale[j] == 1.0f);
            } else if (fabs((double)fit.scale[j] * deviation - 1.0) > 1e-6) {
                fail_msg("n %d column %d: scale %g, not %g", (int)sizes[s], (int)j,
                         (double)fit.scale[j], 1.0 / deviation);
            }
        }
        judd_rows_standard_free(&fit);
        judd_rows_free(&rows);
    }
}

static void standard_has_the_same_bits(void **state) {
    (void)state;
    judd_rows rows, alone;
    judd_standard fit, fit_alone;
    make_wild(&rows, 333, &all.world);
    make_wild(&alone, 333, &all.self);
    OK(judd_rows_standard_fit(&fit, &rows, &all.world));
    OK(judd_rows_standard_fit(&fit_alone, &alone, &all.self));
    assert_same_bits(fit.mean, fit_alone.mean, COLUMNS * 4);
    assert_same_bits(fit.scale, fit_alone.scale, COLUMNS * 4);
    int64_t first = judd_lanes_first(&rows.lanes), n = judd_lanes_count(&rows.lanes);
    judd_rows_standard_apply(&fit, rows.x, rows.x, n); /* in place */
    judd_rows_standard_apply(&fit_alone, alone.x, alone.x, 333);
    assert_same_bits(rows.x, alone.x + first * COLUMNS, n * COLUMNS * 4);
    double max, max_alone;
    OK(judd_rows_max(&max, &rows, &all.world));
    OK(judd_rows_max(&max_alone, &alone, &all.self));
    assert_true(max == max_alone && max > 1.0 && max < 20.0);
    judd_rows_standard_free(&fit);
    judd_rows_standard_free(&fit_alone);
    judd_rows_free(&rows);
    judd_rows_free(&alone);
}

/* Deviations below the smallest normal number have no float32 reciprocal: constant. */
static void denormal_column_is_constant(void **state) {
    (void)state;
    judd_rows rows;
    judd_standard fit;
    OK(judd_rows_create(&rows, 32, 1, 16, &all.world));
    for (int64_t i = 0; i < judd_lanes_count(&rows.lanes); i++)
        rows.x[i] = (judd_lanes_first(&rows.lanes) + i) % 2 ? 1e-42f : -1e-42f;
    OK(judd_rows_standard_fit(&fit, &rows, &all.world));
    assert_true(fit.scale[0] == 1.0f);
    judd_rows_standard_free(&fit);
    judd_rows_free(&rows);
}

static void values_that_are_not_finite_are_named(void **state) {
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++)
        for (int64_t at = 0; at < 100; at += 33) {
            judd_rows rows;
            judd_standard fit = {0};
            make_wild(&rows, 100, &all.world);
            int64_t local = at - judd_lanes_first(&rows.lanes);
            if (local >= 0 && local < judd_lanes_count(&rows.lanes))
                rows.x[local * COLUMNS + 5] = bad[k];
            assert_int_equal(judd_rows_standard_fit(&fit, &rows, &all.world), JUDD_E_DATA);
            char words[64];
            snprintf(words, sizeof words, "sample %d of the set, column 5", (int)at);
            assert_non_null(strstr(judd_status_message(), words));
            assert_null(fit.mean);
            judd_rows_free(&rows);
        }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_position_once),
    cmocka_unit_test(lanes_are_dealt_evenly),
    cmocka_unit_test(more_ranks_than_lanes),
    cmocka_unit_test(rows_are_shared_out),
    cmocka_unit_test(standard_equals_float64),
    cmocka_unit_test(standard_has_the_same_bits),
    cmocka_unit_test(denormal_column_is_constant),
    cmocka_unit_test(values_that_are_not_finite_are_named),
};

LEARN_MAIN("rows", tests)

/* Every sum against a plain loop over the documented order: fmaf chains in blocks of k, rounded by
 * llrint in units of 2^(E - F). All instruction sets; lanes of no sample, of one, of more than a
 * block; rows and columns that fill no tile; numbers beyond their scale and not finite. */
#include <judd/base/memory.h>
#include <judd/base/rng.h>
#include <judd/linalg/lane_product.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 70, MOST_COLUMNS = 90, LANES = 4, HEADS = 3, PAD = 5 };

static const int64_t LANE_SIZES[][LANES] = {
    {16, 16, 16, 16}, {0, 1, 64, 3}, {300, 0, 600, 7}, {129, 256, 257, 0}, {0, 0, 0, 0}};

typedef struct problem {
    int64_t rows, columns, begin[LANES + 1], stride, right_stride;
    float *left, *right;
    int64_t *right_rows;
    judd_lane_product_group groups[HEADS];
    int64_t *sum;
    uint32_t largest[LANES * HEADS];
} problem;

static void *room(int64_t n, size_t size) {
    void *p = calloc((size_t)n, size);
    assert_non_null(p);
    return p;
}

/* Heads of uneven numbers of rows, each with a scale of its own; right rows backwards. */
static problem *pose(const int64_t *sizes, int64_t rows, int64_t columns) {
    problem *x = room(1, sizeof *x);
    *x = (problem){
        .rows = rows, .columns = columns, .stride = rows + 2, .right_stride = columns + 3};
    for (int l = 0; l < LANES; l++) x->begin[l + 1] = x->begin[l] + sizes[l];
    int64_t n = x->begin[LANES] + 1;
    x->left = room(n * x->stride, sizeof *x->left);
    x->right = room(n * x->right_stride, sizeof *x->right);
    x->right_rows = room(n, sizeof *x->right_rows);
    x->sum = room(rows * (columns + PAD), sizeof *x->sum);
    for (int64_t i = 0; i < n * x->stride; i++)
        x->left[i] = (float)judd_rng_normal(3, JUDD_RNG_WEIGHTS, 0, (uint64_t)i);
    for (int64_t i = 0; i < n * x->right_stride; i++)
        x->right[i] = (float)judd_rng_normal(3, JUDD_RNG_WEIGHTS, 1, (uint64_t)i);
    for (int64_t i = 0; i < n; i++) x->right_rows[i] = n - 1 - i;
    for (int64_t i = 0; i < rows * (columns + PAD); i++) x->sum[i] = i - 17;
    for (int h = 0; h < HEADS; h++) {
        int64_t ends[HEADS] = {(rows + 2) / 3, rows - rows / 4, rows};
        x->groups[h].end = ends[h];
        x->groups[h].scale = judd_exact_sum_scale(300.0 * (double)(1 << 4 * h), LANES);
        x->groups[h].largest = &x->largest[h];
    }
    return x;
}

static void clear(problem *x) {
    free(x->left);
    free(x->right);
    free(x->right_rows);
    free(x->sum);
    free(x);
}

static float chain(const problem *x, int lane, int64_t i, int64_t j) {
    float c = 0.0f;
    for (int64_t k = x->begin[lane]; k < x->begin[lane + 1];) {
        float s = 0.0f;
        for (int64_t b = 0; b < JUDD_GEMM_K_BLOCK && k < x->begin[lane + 1]; b++, k++)
            s = fmaf(x->left[k * x->stride + i], x->right[x->right_rows[k] * x->right_stride + j],
                     s);
        c += s;
    }
    return c;
}

/* What x->sum, bad and largest must become. */
static void expect(problem *x) {
    for (int lane = 0; lane < LANES; lane++)
        for (int64_t i = 0; i < x->rows; i++)
            for (int64_t j = 0; j < x->columns; j++) {
                judd_lane_product_group *g = x->groups;
                while (i >= g->end) g++;
                float s = chain(x, lane, i, j), magnitude = fabsf(s);
                uint32_t bits, *largest = &x->largest[lane * HEADS + (g - x->groups)];
                memcpy(&bits, &magnitude, sizeof bits);
                if (isnan(s)) bits = 0x7FC00000u;
                *largest = bits > *largest ? bits : *largest;
                if (!((double)magnitude <= ldexp(1.0, g->scale.exponent)))
                    g->bad++;
                else
                    x->sum[i * (x->columns + PAD) + j] +=
                        llrint(ldexp((double)s, g->scale.fraction - g->scale.exponent));
            }
}

/* Columns come in the calls that the product likes. */
static void compute(problem *x, const judd_gemm *gemm, bool tells) {
    judd_lane_product *p = NULL;
    judd_lane_product_part part = {.right_stride = x->right_stride,
                                   .right_rows = x->right_rows,
                                   .sum_stride = x->columns + PAD,
                                   .n_groups = HEADS,
                                   .groups = x->groups,
                                   .largest_stride = HEADS};
    for (int h = 0; h < HEADS && !tells; h++) x->groups[h].largest = NULL;
    assert_int_equal(judd_lane_product_create(&p, gemm, x->rows, x->begin[LANES]), JUDD_OK);
    judd_lane_product_left(p, x->left, x->stride, x->rows, x->begin, LANES);
    assert_int_equal(judd_lane_product_samples(p), x->begin[LANES]);
    for (int64_t j = 0; j < x->columns; j += part.columns) {
        int64_t most = judd_lane_product_columns(p);
        assert_true(most > 0);
        part.columns = most < x->columns - j ? most : x->columns - j;
        part.right = x->right + j;
        part.sum = x->sum + j;
        judd_lane_product_add(p, &part);
    }
    judd_lane_product_destroy(p);
}

/* For NaN only that it is one: processors differ in which. */
static void compare(const problem *x, const problem *want, bool tells) {
    size_t n = (size_t)(x->rows * (x->columns + PAD));
    assert_memory_equal(x->sum, want->sum, n * sizeof *x->sum);
    for (int h = 0; h < HEADS; h++) assert_int_equal(x->groups[h].bad, want->groups[h].bad);
    for (int i = 0; tells && i < LANES * HEADS; i++)
        if (want->largest[i] > 0x7F800000u)
            assert_true(x->largest[i] > 0x7F800000u);
        else
            assert_int_equal(x->largest[i], want->largest[i]);
}

static void spoil(problem *x) {
    if (x->begin[LANES] < 4) return;
    x->left[1 * x->stride + x->rows - 1] = 1e30f; /* beyond the scale, yet finite */
    x->left[2 * x->stride] = INFINITY;
    x->right[(x->begin[LANES] - 3) * x->right_stride + x->columns / 2] = NAN;
}

static void try_all(const char *isa, bool spoilt) {
    static const int64_t rows[] = {3, 6, 11, MOST_ROWS}, columns[] = {1, 16, 37, MOST_COLUMNS};
    judd_gemm *gemm = NULL;
    setenv("JUDD_GEMM_ISA", isa, 1);
    assert_int_equal(judd_gemm_create(&gemm), JUDD_OK);
    unsetenv("JUDD_GEMM_ISA");
    for (size_t s = 0; s < sizeof LANE_SIZES / sizeof *LANE_SIZES; s++)
        for (int r = 0; r < 4; r++)
            for (int c = 0; c < 4; c++) {
                problem *x = pose(LANE_SIZES[s], rows[r], columns[c]);
                problem *want = pose(LANE_SIZES[s], rows[r], columns[c]);
                bool tells = (r + c) % 2 == 0;
                if (spoilt) spoil(x);
                if (spoilt) spoil(want);
                compute(x, gemm, tells);
                expect(want);
                compare(x, want, tells);
                clear(x);
                clear(want);
            }
    judd_gemm_destroy(gemm);
}

static void lanes_are_rounded_alone(void **state) {
    (void)state;
    try_all("generic", false);
    try_all("avx2", false); /* or what this CPU has */
    try_all("avx512", false);
}

static void what_is_beyond_its_scale_is_left_out(void **state) {
    (void)state;
    try_all("generic", true);
    try_all("avx2", true);
    try_all("avx512", true);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lanes_are_rounded_alone),
                                       cmocka_unit_test(what_is_beyond_its_scale_is_left_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

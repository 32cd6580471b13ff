/* Strassen's products have the bits of seven chains of fused multiply-adds a block of terms,
 * whatever the instruction set, the share of the rows and the place in the batch, and are as exact
 * as plain ones. */
#include "engine/indirect.h"
#include "engine/strassen.h"
#include "engine_check.h"

enum { HALF_TERMS = 256 };

static float *normals(int64_t n, uint64_t stream) {
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)judd_rng_normal(stream, JUDD_RNG_WEIGHTS, 1, (uint64_t)i);
    return x;
}

typedef struct problem {
    judd_strassen_problem p;
    float *src, *weights, *bias, *before;
} problem;

static problem make(uint64_t seed, int64_t images, int64_t rows, int64_t k, int64_t columns) {
    problem q = {.src = normals(images * rows * k, 8 * seed),
                 .weights = normals(k * columns, 8 * seed + 1),
                 .bias = seed % 3 ? normals(columns, 8 * seed + 2) : NULL,
                 .before = normals(images * rows * columns, 8 * seed + 3)};
    q.p = (judd_strassen_problem){.images = images,
                                  .rows = rows,
                                  .columns = columns,
                                  .n_terms = k,
                                  .weights = q.weights,
                                  .column_weight = seed % 2 ? 1 : k,
                                  .term_weight = seed % 2 ? columns : 1,
                                  .bias = q.bias,
                                  .residual = seed % 2};
    if (seed % 4 < 2) q.p.activation.kind = JUDD_ACTIVATION_RELU;
    return q;
}

static void problem_free(problem *q) {
    free(q->src);
    free(q->weights);
    free(q->bias);
    free(q->before);
}

static float weight(const problem *q, int64_t term, int64_t column) {
    return q->weights[term * q->p.term_weight + column * q->p.column_weight];
}

static float source(const problem *q, int64_t image, int64_t row, int64_t term) {
    if (row >= q->p.rows) return 0.0f;
    return q->src[(image * q->p.rows + row) * q->p.n_terms + term];
}

static float before(const problem *q, int64_t image, int64_t row, int64_t column) {
    float x = q->bias ? q->bias[column] : 0.0f;
    if (q->p.residual && row < q->p.rows)
        x += q->before[(image * q->p.rows + row) * q->p.columns + column];
    return x;
}

/* Strassen's products of one pair of rows and of columns, for terms first + [0, half) and the half
 * behind. */
static void add_products(float c[4], const problem *q, int64_t image, int64_t row, int64_t column,
                         int64_t first, int64_t half) {
    float m[7] = {0};
    for (int64_t k = first; k < first + half; k++) {
        float a[4], b[4];
        for (int i = 0; i < 4; i++) {
            a[i] = source(q, image, row + i / 2, k + i % 2 * half);
            b[i] = weight(q, k + i / 2 * half, column + i % 2 * (q->p.columns / 2));
        }
        m[0] = fmaf(a[0] + a[3], b[0] + b[3], m[0]);
        m[1] = fmaf(a[2] + a[3], b[0], m[1]);
        m[2] = fmaf(a[0], b[1] - b[3], m[2]);
        m[3] = fmaf(a[3], b[2] - b[0], m[3]);
        m[4] = fmaf(a[0] + a[1], b[3], m[4]);
        m[5] = fmaf(a[2] - a[0], b[0] + b[1], m[5]);
        m[6] = fmaf(a[1] - a[3], b[2] + b[3], m[6]);
    }
    c[0] = (((c[0] + m[0]) + m[3]) - m[4]) + m[6];
    c[1] = (c[1] + m[2]) + m[4];
    c[2] = (c[2] + m[1]) + m[3];
    c[3] = (((c[3] + m[0]) - m[1]) + m[2]) + m[5];
}

static float *expected(const problem *q) {
    const judd_strassen_problem *p = &q->p;
    float *y = malloc((size_t)(p->images * p->rows * p->columns) * sizeof *y);
    int64_t runs = p->n_terms / 16, blocks = (p->n_terms / 2 + HALF_TERMS - 1) / HALF_TERMS;
    for (int64_t i = 0; i < p->images * ((p->rows + 1) / 2) * (p->columns / 2); i++) {
        int64_t column = i % (p->columns / 2), pair = i / (p->columns / 2);
        int64_t image = pair / ((p->rows + 1) / 2), row = pair % ((p->rows + 1) / 2) * 2;
        float c[4];
        for (int k = 0; k < 4; k++)
            c[k] = before(q, image, row + k / 2, column + k % 2 * (p->columns / 2));
        for (int64_t b = 0; b < blocks; b++) {
            int64_t first = runs * b / blocks * 8, end = runs * (b + 1) / blocks * 8;
            add_products(c, q, image, row, column, 2 * first, end - first);
        }
        for (int k = 0; k < 4; k++) {
            if (row + k / 2 >= p->rows) continue;
            bool cut = p->activation.kind == JUDD_ACTIVATION_RELU && c[k] < 0.0f;
            y[(image * p->rows + row + k / 2) * p->columns + column + k % 2 * (p->columns / 2)] =
                cut ? 0.0f : c[k];
        }
    }
    return y;
}

static int kernels_here(const judd_indirect_kernel *kernels[3]) {
    int n = 0;
    kernels[n++] = judd_indirect_generic();
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        kernels[n++] = judd_indirect_avx2();
    if (__builtin_cpu_supports("avx512f")) kernels[n++] = judd_indirect_avx512();
#endif
    return n;
}

static void check(const problem *q, const judd_indirect_kernel *kernel, const float *want,
                  int parts) {
    judd_strassen *d = NULL;
    void *work = NULL;
    int64_t n = q->p.images * q->p.rows * q->p.columns;
    float *got = malloc((size_t)n * sizeof *got);
    memcpy(got, q->before, (size_t)n * sizeof *got);
    if (judd_strassen_create(&d, kernel, &q->p) != JUDD_OK) fail_msg("%s", judd_status_message());
    assert_int_equal(judd_memory_alloc(&work, judd_strassen_workspace(d), 1), JUDD_OK);
    for (int part = 0; part < parts; part++) judd_strassen_run(d, q->src, got, work, part, parts);
    for (int64_t i = 0; i < n; i++)
        if (got[i] != want[i])
            fail_msg("%s, %d x %d x %d x %d: output %d is %.9g, not %.9g", kernel->isa,
                     (int)q->p.images, (int)q->p.rows, (int)q->p.n_terms, (int)q->p.columns, (int)i,
                     (double)got[i], (double)want[i]);
    judd_strassen_destroy(d);
    free(work);
    free(got);
}

static void test_bits(void **state) {
    (void)state;
    const int64_t sizes[][4] = {
        {1, 1, 16, 64}, {3, 7, 32, 128}, {2, 50, 528, 64}, {1, 230, 96, 192}, {5, 49, 1040, 64}};
    const judd_indirect_kernel *kernels[3];
    int n = kernels_here(kernels);
    for (uint64_t i = 0; i < 10; i++) {
        const int64_t *s = sizes[i / 2];
        problem q = make(i, s[0], s[1], s[2], s[3]);
        float *want = expected(&q);
        for (int k = 0; k < n; k++) check(&q, kernels[k], want, k == 0 ? 1 : 3);
        free(want);
        problem_free(&q);
    }
}

/* Largest error over largest output, against float64, by the side of the plain product's. */
static void test_error(void **state) {
    (void)state;
    problem q = make(6, 2, 60, 1536, 128);
    q.p.activation.kind = JUDD_ACTIVATION_NONE;
    float *got = expected(&q);
    double error = 0.0, plain_error = 0.0, most = 0.0;
    for (int64_t i = 0; i < 120 * 128; i++) {
        int64_t row = i / 128, column = i % 128;
        double sum = (double)before(&q, row / 60, row % 60, column);
        float plain = before(&q, row / 60, row % 60, column);
        for (int64_t k = 0; k < 1536; k++) {
            float x = q.src[row * 1536 + k], w = weight(&q, k, column);
            sum += (double)x * (double)w;
            plain = fmaf(x, w, plain);
        }
        error = fmax(error, fabs((double)got[i] - sum));
        plain_error = fmax(plain_error, fabs((double)plain - sum));
        most = fmax(most, fabs(sum));
    }
    if (error > 2.0 * plain_error || error > 2e-6 * most)
        fail_msg("error %.2e, of the plain product %.2e", error / most, plain_error / most);
    free(got);
    problem_free(&q);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bits), cmocka_unit_test(test_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

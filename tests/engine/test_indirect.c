/* The indirect product has the bits of one chain of fused multiply-adds for every output, whatever
 * the instruction set, the sizes of blocks and the share of the rows. */
#include "engine/indirect.h"
#include "engine_check.h"

typedef struct problem {
    judd_indirect_problem p;
    judd_indirect_term *terms;
    int64_t *rows, n_src;
    float *src, *weights, *bias, *before;
} problem;

static float *normals(int64_t n, uint64_t stream) {
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)judd_rng_normal(stream, JUDD_RNG_WEIGHTS, 1, (uint64_t)i);
    return x;
}

/* Terms stand together in runs of `run`, with a gap behind each. */
static problem make(uint64_t seed, int64_t rows, int64_t k, int64_t columns, int64_t run) {
    problem q = {.n_src = rows * 2 * k + 1};
    q.src = normals(q.n_src, 8 * seed);
    q.weights = normals(k * columns, 8 * seed + 1);
    q.bias = seed % 3 ? normals(columns, 8 * seed + 2) : NULL;
    q.before = normals(rows * columns, 8 * seed + 3);
    q.terms = malloc((size_t)k * sizeof *q.terms);
    q.rows = malloc((size_t)rows * sizeof *q.rows);
    for (int64_t i = 0; i < k; i++)
        q.terms[i] = (judd_indirect_term){(int32_t)(i + (i / run) % (k / run + 1)), i * columns};
    for (int64_t r = 0; r < rows; r++) q.rows[r] = r * 2 * k;
    q.p = (judd_indirect_problem){.images = 1,
                                  .pixels = rows,
                                  .columns = columns,
                                  .n_terms = k,
                                  .pixel_src = q.rows,
                                  .terms = q.terms,
                                  .weights = q.weights,
                                  .column_weight = 1,
                                  .bias = q.bias,
                                  .residual = seed % 2,
                                  .dst = {.rank = 2, .dims = {rows, columns}}};
    if (seed % 4 < 2) q.p.activation.kind = JUDD_ACTIVATION_RELU;
    return q;
}

static void problem_free(problem *q) {
    free(q->src);
    free(q->weights);
    free(q->bias);
    free(q->before);
    free(q->terms);
    free(q->rows);
}

static float expected(const problem *q, int64_t r, int64_t c) {
    float sum = 0.0f;
    for (int64_t i = 0; i < q->p.n_terms; i++)
        sum = fmaf(q->src[q->rows[r] + q->terms[i].src], q->weights[q->terms[i].weight + c], sum);
    sum += q->bias ? q->bias[c] : 0.0f;
    if (q->p.residual) sum += q->before[r * q->p.columns + c];
    return q->p.activation.kind == JUDD_ACTIVATION_RELU && sum < 0.0f ? 0.0f : sum;
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

static void check(const problem *q, const judd_indirect_kernel *kernel, const float *want) {
    judd_indirect *d = NULL;
    void *work = NULL;
    int64_t rows = q->p.pixels, n = rows * q->p.columns;
    float *got = malloc((size_t)n * sizeof *got);
    memcpy(got, q->before, (size_t)n * sizeof *got);
    if (judd_indirect_create(&d, kernel, &q->p) != JUDD_OK) fail_msg("%s", judd_status_message());
    assert_int_equal(judd_memory_alloc(&work, judd_indirect_workspace(d), 1), JUDD_OK);
    judd_indirect_run(d, q->src, got, rows / 3, rows, work);
    judd_indirect_run(d, q->src, got, 0, rows / 3, work);
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s, %d x %d x %d: output %d is %.9g, not %.9g", kernel->isa, (int)rows,
                     (int)q->p.n_terms, (int)q->p.columns, (int)i, (double)got[i], (double)want[i]);
    judd_indirect_destroy(d);
    free(work);
    free(got);
}

static void test_bits(void **state) {
    (void)state;
    const int64_t sizes[][4] = {{1, 1, 1, 1},      {7, 27, 64, 3},    {100, 64, 40, 8},
                                {13, 300, 17, 16}, {97, 850, 24, 8},  {5, 1100, 33, 1100},
                                {6, 257, 8, 1},    {33, 2000, 50, 5}, {200, 16, 96, 16}};
    const judd_indirect_kernel *kernels[3];
    int n = kernels_here(kernels);
    for (uint64_t i = 0; i < 18; i++) {
        const int64_t *s = sizes[i / 2];
        problem q = make(i, s[0], s[1], s[2], s[3]);
        float *want = malloc((size_t)(s[0] * s[2]) * sizeof *want);
        for (int64_t k = 0; k < s[0] * s[2]; k++) want[k] = expected(&q, k / s[2], k % s[2]);
        for (int k = 0; k < n; k++) check(&q, kernels[k], want);
        free(want);
        problem_free(&q);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

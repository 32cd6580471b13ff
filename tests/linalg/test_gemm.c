/* Every output against the documented order of summation, bit by bit: all edge sizes, blocks of k,
 * strides, instruction sets and special values. */
#include <judd/base/memory.h>
#include <judd/base/rng.h>
#include <judd/linalg/gemm.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_M = 150, MAX_N = 150, MAX_K = 1000, PAD = 3 };

#ifdef __SANITIZE_ADDRESS__
enum { EDGE_STEP = 13, KIND_STEP = 7, LARGE = 450 }; /* kernels that are not optimised are slow */
#else
enum { EDGE_STEP = 1, KIND_STEP = 1, LARGE = 900 };
#endif

static const char *const ISAS[] = {"generic", "avx2", "avx512"};

typedef struct fixture {
    judd_gemm *gemm[3]; /* NULL: this CPU has none */
    float *a, *b;       /* random, enough for any view */
    float *c, *want;
    uint64_t draws;
} fixture;

static int64_t draw(fixture *f, int64_t n) {
    return (int64_t)(judd_rng_bits(1, JUDD_RNG_ORDER, 0, f->draws++) % (uint64_t)n);
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    int64_t size = 4 * MAX_K * MAX_M;
    assert_non_null(f);
    for (int i = 0; i < 3; i++) {
        setenv("JUDD_GEMM_ISA", ISAS[i], 1);
        assert_int_equal(judd_gemm_create(&f->gemm[i]), JUDD_OK);
        if (strcmp(judd_gemm_isa(f->gemm[i]), ISAS[i]) != 0) {
            print_message("no %s here\n", ISAS[i]);
            judd_gemm_destroy(f->gemm[i]);
            f->gemm[i] = NULL;
        }
    }
    unsetenv("JUDD_GEMM_ISA");
    assert_int_equal(judd_memory_alloc(&f->a, size, sizeof(float)), JUDD_OK);
    assert_int_equal(judd_memory_alloc(&f->b, size, sizeof(float)), JUDD_OK);
    assert_int_equal(judd_memory_alloc(&f->c, MAX_M * (MAX_N + PAD), sizeof(float)), JUDD_OK);
    assert_int_equal(judd_memory_alloc(&f->want, MAX_M * (MAX_N + PAD), sizeof(float)), JUDD_OK);
    for (int64_t i = 0; i < size; i++) {
        f->a[i] = (float)judd_rng_normal(2, JUDD_RNG_WEIGHTS, 0, (uint64_t)i);
        f->b[i] = (float)judd_rng_normal(2, JUDD_RNG_WEIGHTS, 1, (uint64_t)i);
    }
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 3; i++) judd_gemm_destroy(f->gemm[i]);
    free(f->a);
    free(f->b);
    free(f->c);
    free(f->want);
    free(f);
    return 0;
}

/* The order in gemm.h, word by word. */
static void reference(int64_t m, int64_t n, int64_t k, judd_gemm_matrix a, judd_gemm_matrix b,
                      float *c, int64_t ldc, bool accumulate) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            float y = accumulate ? c[i * ldc + j] : 0.0f;
            for (int64_t l = 0; l < k; l += 256) {
                float s = 0.0f;
                for (int64_t p = l; p < k && p < l + 256; p++)
                    s = fmaf(a.data[i * a.row_stride + p * a.column_stride],
                             b.data[p * b.row_stride + j * b.column_stride], s);
                y += s;
            }
            c[i * ldc + j] = isnan(y) ? NAN : y;
        }
}

static judd_gemm_matrix view(const float *data, int64_t rows, int64_t columns, int kind) {
    switch (kind) {
    case 0:
        return (judd_gemm_matrix){data, columns, 1};
    case 1:
        return (judd_gemm_matrix){data, 1, rows};
    case 2:
        return (judd_gemm_matrix){data, columns + 2, 1};
    case 3:
        return (judd_gemm_matrix){data, 1, rows + 5};
    case 4:
        return (judd_gemm_matrix){data, 2 * columns + 1, 2};
    default:
        return (judd_gemm_matrix){data, 0, 1}; /* one row repeated */
    }
}

/* All kernels against the reference; the floats outside c must stay. */
static void compare(fixture *f, int64_t m, int64_t n, int64_t k, judd_gemm_matrix a,
                    judd_gemm_matrix b, bool accumulate) {
    int64_t ldc = n + PAD, size = m * ldc;
    for (int64_t i = 0; i < size; i++) f->want[i] = f->b[i] * 3.0f;
    reference(m, n, k, a, b, f->want, ldc, accumulate);
    for (int v = 0; v < 3; v++) {
        if (!f->gemm[v]) continue;
        for (int64_t i = 0; i < size; i++) f->c[i] = f->b[i] * 3.0f;
        assert_int_equal(judd_gemm_multiply(f->gemm[v], m, n, k, a, b, f->c, ldc, accumulate),
                         JUDD_OK);
        if (memcmp(f->c, f->want, (size_t)size * sizeof(float)) != 0)
            fail_msg("%s: m %d n %d k %d strides %d,%d %d,%d accumulate %d", ISAS[v], (int)m,
                     (int)n, (int)k, (int)a.row_stride, (int)a.column_stride, (int)b.row_stride,
                     (int)b.column_stride, accumulate);
    }
}

static void test_edges(void **state) {
    fixture *f = *state;
    for (int64_t m = 1; m <= 70; m++)
        for (int64_t n = 1 + m % EDGE_STEP; n <= 70; n += EDGE_STEP) {
            int64_t k = 1 + draw(f, 20);
            compare(f, m, n, k, view(f->a, m, k, (int)draw(f, 6)),
                    view(f->b, k, n, (int)draw(f, 6)), draw(f, 2));
        }
}

static void test_depths(void **state) {
    static const int64_t depths[] = {0, 1, 7, 8, 9, 63, 64, 65, 255, 256, 257, 511, 512, 513, 1000};
    fixture *f = *state;
    for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
        for (int kind = 0; kind < 36; kind += KIND_STEP) {
            int64_t m = 1 + draw(f, 32), n = 1 + draw(f, 36), k = depths[d];
            judd_gemm_matrix a = view(f->a, m, k, kind % 6), b = view(f->b, k, n, kind / 6);
            compare(f, m, n, k, a, b, kind % 2);
            compare(f, m, n, k, a, b, kind % 2 == 0);
        }
}

/* Rows out of larger matrices, some more than once: the bits of a product of copies. */
static void test_rows(void **state) {
    enum { STORED = 90, MOST = 80 };
    fixture *f = *state;
    for (int i = 0; i < 300 / KIND_STEP; i++) {
        int64_t m = 1 + draw(f, MOST), n = 1 + draw(f, MOST), k = 1 + draw(f, i % 3 ? 80 : 600);
        int64_t a_rows[MOST], b_rows[600];
        float *a = malloc((size_t)(m * k) * sizeof *a), *b = malloc((size_t)(k * n) * sizeof *b);
        judd_gemm_matrix x = view(f->a, STORED, k, (int)draw(f, 5)), y = {f->b, n + i % 2, 1};
        for (int64_t r = 0; r < m; r++) a_rows[r] = draw(f, STORED);
        for (int64_t r = 0; r < k; r++) b_rows[r] = draw(f, STORED);
        for (int64_t r = 0; r < m; r++)
            for (int64_t c = 0; c < k; c++)
                a[r * k + c] = x.data[a_rows[r] * x.row_stride + c * x.column_stride];
        for (int64_t r = 0; r < k; r++)
            memcpy(b + r * n, y.data + b_rows[r] * y.row_stride, (size_t)n * sizeof *b);
        reference(m, n, k, (judd_gemm_matrix){a, k, 1}, (judd_gemm_matrix){b, n, 1}, f->want, n,
                  false);
        for (int v = 0; v < 3; v++) {
            if (!f->gemm[v]) continue;
            assert_int_equal(
                judd_gemm_multiply_rows(f->gemm[v], m, n, k, x, a_rows, y, b_rows, f->c, n, false),
                JUDD_OK);
            assert_memory_equal(f->c, f->want, (size_t)(m * n) * sizeof(float));
        }
        free(a);
        free(b);
    }
}

static void test_random(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 30 / KIND_STEP; i++) {
        int64_t m = 1 + draw(f, MAX_M), n = 1 + draw(f, MAX_N), k = 1 + draw(f, 300);
        compare(f, m, n, k, view(f->a, m, k, (int)draw(f, 5)), view(f->b, k, n, (int)draw(f, 5)),
                draw(f, 2));
    }
}

/* Larger than every cache block: rows, columns and k are split; checked at a sample of outputs,
 * which is also the promise that an output alone has the bits it has in the large product. */
static void test_blocks(void **state) {
    enum { M = LARGE, N = 7 * M / 3, K = 300 };
    fixture *f = *state;
    float *c[3] = {NULL}, *a = NULL, *b = NULL;
    assert_int_equal(judd_memory_alloc(&a, M * K, sizeof *a), JUDD_OK);
    assert_int_equal(judd_memory_alloc(&b, N * K, sizeof *b), JUDD_OK);
    for (int64_t i = 0; i < M * K; i++) a[i] = f->a[i % (4 * MAX_K * MAX_M)];
    for (int64_t i = 0; i < N * K; i++) b[i] = f->b[i % (4 * MAX_K * MAX_M)];
    judd_gemm_matrix x = {a, K, 1}, y = {b, 1, K};
    for (int v = 1; v < 3; v++) { /* generic would take long */
        if (!f->gemm[v]) continue;
        assert_int_equal(judd_memory_alloc(&c[v], M * N, sizeof(float)), JUDD_OK);
        assert_int_equal(judd_gemm_multiply(f->gemm[v], M, N, K, x, y, c[v], N, false), JUDD_OK);
        if (c[1]) assert_memory_equal(c[1], c[v], M * N * sizeof(float));
        for (int i = 0; i < 3000; i++) {
            int64_t r = draw(f, M), s = draw(f, N);
            judd_gemm_matrix row = {a + r * K, K, 1}, column = {b + s * K, 1, K};
            float want = 0, alone = 0;
            reference(1, 1, K, row, column, &want, 1, false);
            assert_int_equal(judd_gemm_multiply(f->gemm[v], 1, 1, K, row, column, &alone, 1, false),
                             JUDD_OK);
            assert_memory_equal(&want, &c[v][r * N + s], sizeof want);
            assert_memory_equal(&want, &alone, sizeof want);
        }
    }
    for (int v = 0; v < 3; v++) free(c[v]);
    free(a);
    free(b);
}

/* A head of 10 outputs alone and as columns 37.. of a bank, forward and gradient. */
static void test_bank(void **state) {
    enum { BATCH = 48, BANK = 130, HEAD = 10, FIRST = 37, DIM = 600 };
    fixture *f = *state;
    float *bank = f->c, *alone = f->want;
    judd_gemm_matrix x = {f->a, DIM, 1}, w = {f->b, 1, DIM}, one = {f->b + FIRST * DIM, 1, DIM};
    for (int v = 0; v < 3; v++) {
        if (!f->gemm[v]) continue;
        judd_gemm *g = f->gemm[v];
        assert_int_equal(judd_gemm_multiply(g, BATCH, BANK, DIM, x, w, bank, BANK, false), JUDD_OK);
        assert_int_equal(judd_gemm_multiply(g, BATCH, HEAD, DIM, x, one, alone, HEAD, false),
                         JUDD_OK);
        for (int i = 0; i < BATCH; i++)
            assert_memory_equal(bank + i * BANK + FIRST, alone + i * HEAD, HEAD * sizeof(float));
    }
}

/* NaN (one pattern), infinities, signed zeros and numbers below the smallest normal. */
static void test_specials(void **state) {
    static const float values[] = {0.0f,    -0.0f,  1.0f,    -1.0f,  INFINITY, -INFINITY, NAN,
                                   -NAN,    1e-38f, -1e-38f, 1e-45f, -1e-45f,  3.4e38f,   1e-20f,
                                   -1e-20f, 1e-30f, 2.5f,    -3.5f,  5e-39f,   1e20f};
    enum { COUNT = sizeof values / sizeof *values, K = 3, M = 40, N = 50 };
    fixture *f = *state;
    float a[M * K], b[N * K];
    int tiny = 0, nans = 0, zeros = 0;
    for (int trial = 0; trial < 200; trial++) {
        for (int i = 0; i < M * K; i++) a[i] = values[draw(f, COUNT)];
        for (int i = 0; i < N * K; i++) b[i] = values[draw(f, COUNT)];
        compare(f, M, N, 1 + draw(f, K), (judd_gemm_matrix){a, K, 1}, (judd_gemm_matrix){b, N, 1},
                trial % 2);
        for (int i = 0; i < M * (N + PAD); i++) {
            tiny += fpclassify(f->c[i]) == FP_SUBNORMAL;
            nans += isnan(f->c[i]);
            zeros += f->c[i] == 0.0f;
        }
    }
    assert_true(tiny > 1000 && nans > 1000 && zeros > 1000); /* they were met */
}

/* n floats whose last one is followed by a page that must not be read. */
static float *guarded(int64_t n, void **pages, size_t *bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t used = ((size_t)n * sizeof(float) + page - 1) / page * page;
    *bytes = used + page;
    *pages = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(*pages, MAP_FAILED);
    assert_int_equal(mprotect((char *)*pages + used, page, PROT_NONE), 0);
    float *x = (float *)((char *)*pages + used) - n;
    for (int64_t i = 0; i < n; i++) x[i] = (float)i;
    return x;
}

/* Nothing behind the operands is read: any of them may end at the end of a mapping. */
static void test_bounds(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 300; i++) {
        int64_t m = 1 + draw(f, 40), n = 1 + draw(f, 70), k = 1 + draw(f, 40);
        void *pages[2];
        size_t bytes[2];
        float *a = guarded(m * k, &pages[0], &bytes[0]), *b = guarded(n * k, &pages[1], &bytes[1]);
        compare(f, m, n, k, view(a, m, k, i % 2), view(b, k, n, i / 2 % 2), false);
        munmap(pages[0], bytes[0]);
        munmap(pages[1], bytes[1]);
    }
}

static void test_arguments(void **state) {
    fixture *f = *state;
    judd_gemm_matrix a = {f->a, 3, 1}, b = {f->b, 5, 1};
    judd_gemm *g = f->gemm[0];
    f->c[0] = 7.0f;
    assert_int_equal(judd_gemm_multiply(g, 2, 5, 3, a, b, f->c, 4, false), JUDD_E_INTERNAL);
    assert_int_equal(judd_gemm_multiply(g, -1, 5, 3, a, b, f->c, 5, false), JUDD_E_INTERNAL);
    assert_int_equal(judd_gemm_multiply(g, 2, 5, -3, a, b, f->c, 5, false), JUDD_E_INTERNAL);
    assert_int_equal(judd_gemm_multiply(g, 0, 5, 3, a, b, f->c, 5, false), JUDD_OK);
    assert_int_equal(judd_gemm_multiply(g, 5, 0, 3, a, b, f->c, 5, false), JUDD_OK);
    assert_true(f->c[0] == 7.0f);
    setenv("JUDD_GEMM_ISA", "sse", 1);
    judd_gemm *none = NULL;
    assert_int_equal(judd_gemm_create(&none), JUDD_E_USAGE);
    assert_non_null(strstr(judd_status_message(), "JUDD_GEMM_ISA=sse"));
    unsetenv("JUDD_GEMM_ISA");
    judd_gemm_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),    cmocka_unit_test(test_depths),
        cmocka_unit_test(test_random),   cmocka_unit_test(test_rows),
        cmocka_unit_test(test_blocks),   cmocka_unit_test(test_bank),
        cmocka_unit_test(test_specials), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_arguments)};
    return cmocka_run_group_tests(tests, setup, teardown);
}

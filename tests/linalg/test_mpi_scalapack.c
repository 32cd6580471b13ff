/* Distributed matrices: index maps against ScaLAPACK's own rule, products and factorisations
 * against plain loops and a matrix whose eigenvalues are known. */
/* The sources themselves with small limits, so that rounds and panels are what is tested. */
#define ROUND_BYTES ((int64_t)1000)
#define PASS_BYTES ((int64_t)20000)
#define PANEL_COLUMNS 16
#include "linalg/block_cyclic.c"
#include "linalg/gram.c"

#include <judd/linalg/scalapack.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct setup {
    judd_comm comm;
    judd_block_cyclic_grid grid;
} setup;

/* The value of entry (i, j): the same on all ranks. */
static double entry(int64_t i, int64_t j) {
    uint64_t x = (uint64_t)i * 0x9E3779B97F4A7C15u ^ (uint64_t)(j + 1) * 0xC2B2AE3D27D4EB4Fu;
    x = (x ^ x >> 29) * 0xBF58476D1CE4E5B9u;
    x ^= x >> 32;
    return (double)(x >> 11) * 0x1p-53 - 0.5;
}

static void assert_near(double got, double expected, double tolerance) {
    if (!(fabs(got - expected) <= tolerance)) fail_msg("%.17g, expected %.17g", got, expected);
}

static void ok(judd_status status) {
    if (status != JUDD_OK) fail_msg("%d: %s", (int)status, judd_status_message());
}

static void index_maps(void **state) {
    (void)state;
    for (int places = 1; places <= 5; places++)
        for (int64_t block = 1; block <= 7; block += 3) {
            int64_t seen[5] = {0};
            for (int64_t i = 0; i < 60; i++) {
                int p = judd_block_cyclic_place(i, block, places);
                assert_int_equal(p, (i / block) % places);
                int64_t l = judd_block_cyclic_to_local(i, block, places);
                assert_int_equal(l, seen[p]++); /* local order is global order */
                assert_int_equal(judd_block_cyclic_to_global(l, block, p, places), i);
                for (int q = 0; q < places; q++)
                    assert_int_equal(judd_block_cyclic_count(i + 1, block, q, places), seen[q]);
            }
        }
}

static void grid_shapes(void **state) {
    (void)state;
    static const int expected[][3] = {{1, 1, 1}, {2, 1, 2}, {3, 1, 3},  {4, 2, 2}, {6, 2, 3},
                                      {7, 1, 7}, {8, 2, 4}, {12, 3, 4}, {36, 6, 6}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        judd_comm comm = {.size = expected[i][0], .rank = expected[i][0] - 1};
        judd_block_cyclic_grid grid;
        judd_block_cyclic_deal(&grid, &comm);
        assert_int_equal(grid.n_rows, expected[i][1]);
        assert_int_equal(grid.n_columns, expected[i][2]);
        assert_int_equal(grid.row, grid.n_rows - 1);
        assert_int_equal(grid.column, grid.n_columns - 1);
    }
}

typedef struct own_rows {
    const int64_t *ids;
    int64_t dim, shift;
} own_rows;

static judd_status fill(void *context, double *out, int64_t first, int64_t n) {
    const own_rows *rows = context;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < rows->dim; j++)
            out[i * rows->dim + j] = entry(rows->ids[first + i], j + rows->shift);
    return JUDD_OK;
}

/* Ids of rank r: r, r + size, ...: not what a grid would choose. Rank 1 of several has none. */
static int64_t my_ids(int64_t **ids, int64_t n, const judd_comm *comm) {
    int64_t count = 0;
    ok(judd_memory_alloc(ids, n, sizeof **ids));
    for (int64_t i = 0; i < n; i++) {
        int owner = (int)(i % comm->size);
        if (owner == 1) owner = 0;
        if (owner == comm->rank) (*ids)[count++] = i;
    }
    return count;
}

/* A matrix [n, dim] of entries (., . + shift). */
static judd_block_cyclic *make(const setup *s, int64_t n, int64_t dim, int64_t block,
                               int64_t shift) {
    judd_block_cyclic *m = NULL;
    int64_t *ids = NULL, count = my_ids(&ids, n, &s->comm);
    own_rows rows = {ids, dim, shift};
    ok(judd_block_cyclic_create(&m, &s->grid, n, dim, block));
    ok(judd_block_cyclic_set_rows(m, ids, count, fill, &rows));
    free(ids);
    return m;
}

static void rows_arrive_and_come_back(void **state) {
    const setup *s = *state;
    static const int64_t shapes[][3] = {
        {1, 1, 1}, {5, 3, 2}, {70, 33, 64}, {33, 70, 8}, {3, 9, 64}};
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        int64_t n = shapes[k][0], dim = shapes[k][1];
        double *dense = NULL;
        judd_block_cyclic *m = make(s, n, dim, shapes[k][2], 0);
        ok(judd_block_cyclic_gather(&dense, m));
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < dim; j++) assert_true(dense[j * n + i] == entry(i, j));
        int64_t first = dim / 3, count = dim - first;
        ok(judd_block_cyclic_panel(dense, m, first, count));
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < count; j++)
                assert_true(dense[j * n + i] == entry(i, first + j));
        double bytes = (double)judd_block_cyclic_bytes(m);
        assert_true(bytes <= 8.0 * (double)((n + shapes[k][2]) * (dim + shapes[k][2])));
        free(dense);
        judd_block_cyclic_destroy(m);
    }
}

static void gram_equals_loops(void **state) {
    const setup *s = *state;
    enum { N = 301, A = 150, B = 7 };
    int64_t *ids = NULL, count = my_ids(&ids, N, &s->comm);
    own_rows ra = {ids, A, 0}, rb = {ids, B, 1000};
    judd_gram_source a = {count, A, fill, &ra}, b = {count, B, fill, &rb};
    judd_block_cyclic *gram = NULL, *cross = NULL;
    double *g = NULL, *c = NULL;
    ok(judd_block_cyclic_create(&gram, &s->grid, A, A, 16));
    ok(judd_block_cyclic_create(&cross, &s->grid, A, B, 16));
    ok(judd_gram_add(gram, &a));
    ok(judd_gram_add_cross(cross, &a, &b));
    ok(judd_gram_add_cross(cross, &a, &b)); /* adds */
    ok(judd_block_cyclic_gather(&g, gram));
    ok(judd_block_cyclic_gather(&c, cross));
    for (int64_t i = 0; i < A; i++) {
        for (int64_t j = 0; j <= i; j++) {
            double sum = 0.0;
            for (int64_t k = 0; k < N; k++) sum += entry(k, i) * entry(k, j);
            assert_near(g[j * A + i], sum, 1e-12);
        }
        for (int64_t j = 0; j < B; j++) {
            double sum = 0.0;
            for (int64_t k = 0; k < N; k++) sum += entry(k, i) * entry(k, 1000 + j);
            assert_near(c[j * A + i], 2.0 * sum, 1e-12);
        }
    }
    free(g);
    free(c);
    free(ids);
    judd_block_cyclic_destroy(gram);
    judd_block_cyclic_destroy(cross);
}

static void parts_multiply(void **state) {
    const setup *s = *state;
    enum { M = 23, N = 17, K = 31 };
    judd_block_cyclic *a = make(s, K, M, 4, 0), *b = make(s, N, K, 4, 500),
                      *c = make(s, M, N, 4, 90);
    double *dense = NULL;
    /* c[2:, 1:] = 0.5 a[3:, 2:]^T b[1:, 3:]^T - c */
    judd_scalapack_part pa = {a, 3, 2, K - 3, M - 2}, pb = {b, 1, 3, N - 1, K - 3};
    judd_scalapack_part pc = {c, 2, 1, M - 2, N - 1};
    ok(judd_scalapack_multiply(pc, 0.5, pa, true, pb, true, -1.0));
    ok(judd_block_cyclic_gather(&dense, c));
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++) {
            double sum = entry(i, j + 90);
            if (i >= 2 && j >= 1) {
                sum = -sum;
                for (int64_t k = 3; k < K; k++) sum += 0.5 * entry(k, i) * entry(j, k + 500);
            }
            assert_near(dense[j * M + i], sum, 1e-13);
        }
    pa.rows--; /* no longer fits */
    assert_int_equal(judd_scalapack_multiply(pc, 1.0, pa, true, pb, true, 0.0), JUDD_E_INTERNAL);
    free(dense);
    judd_block_cyclic_destroy(a);
    judd_block_cyclic_destroy(b);
    judd_block_cyclic_destroy(c);
}

/* a^T a + ridge, a [n + 5, n] */
static judd_block_cyclic *positive(const setup *s, int64_t n, double ridge) {
    int64_t block = judd_block_cyclic_block(&s->grid, n);
    judd_block_cyclic *a = make(s, n + 5, n, block, 0), *g = NULL;
    ok(judd_block_cyclic_create(&g, &s->grid, n, n, block));
    ok(judd_scalapack_rank_k(judd_scalapack_whole(g), 1.0, judd_scalapack_whole(a), true, 0.0));
    judd_block_cyclic_add_diagonal(g, ridge, NULL);
    judd_block_cyclic_destroy(a);
    return g;
}

static double symmetric(const double *g, int64_t n, int64_t i, int64_t j) {
    return i >= j ? g[j * n + i] : g[i * n + j];
}

static void cholesky_solves(void **state) {
    const setup *s = *state;
    static const int64_t orders[] = {1, 2, 5, 40, 130};
    for (size_t k = 0; k < sizeof orders / sizeof orders[0]; k++) {
        int64_t n = orders[k], dependent = 7;
        judd_block_cyclic *g = positive(s, n, 0.25), *x = make(s, n, 3, g->block, 77);
        double *before = NULL, *solution = NULL;
        ok(judd_block_cyclic_gather(&before, g));
        ok(judd_scalapack_cholesky(g, &dependent));
        assert_int_equal(dependent, -1);
        ok(judd_scalapack_solve(x, g));
        ok(judd_block_cyclic_gather(&solution, x));
        for (int64_t c = 0; c < 3; c++)
            for (int64_t i = 0; i < n; i++) {
                double sum = 0.0;
                for (int64_t j = 0; j < n; j++)
                    sum += symmetric(before, n, i, j) * solution[c * n + j];
                assert_near(sum, entry(i, 77 + c), 1e-12);
            }
        free(before);
        free(solution);
        judd_block_cyclic_destroy(g);
        judd_block_cyclic_destroy(x);
    }
}

/* Units of columns: above the length of 26 numbers of at most 1/2. */
static double unit_of(int64_t j) {
    return j == 1 ? 32.0 : 4.0;
}

static judd_status fill_in_units(void *context, double *out, int64_t first, int64_t n) {
    const own_rows *rows = context;
    ok(fill(context, out, first, n));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < rows->dim; j++) out[i * rows->dim + j] /= unit_of(j);
    return JUDD_OK;
}

/* The lower triangle of 301 rows' exact sum, dealt by lanes. */
static double *exact_gram(const judd_block_cyclic_grid *grid) {
    enum { N = 301, A = 150, LANES = 12 };
    const judd_comm *comm = grid->comm;
    int64_t ids[N], begin[LANES + 1], n = 0;
    double unit[A], *dense = NULL;
    judd_block_cyclic *gram = NULL;
    const int first = LANES * comm->rank / comm->size, end = LANES * (comm->rank + 1) / comm->size;
    for (int l = first; l < end; l++) {
        begin[l - first] = n;
        for (int64_t i = N * l / LANES; i < N * (l + 1) / LANES; i++) ids[n++] = i;
    }
    begin[end - first] = n;
    for (int j = 0; j < A; j++) unit[j] = unit_of(j);
    own_rows rows = {ids, A, 0};
    judd_gram_source source = {n, A, fill_in_units, &rows};
    judd_gram_lanes lanes = {end - first, begin, LANES, unit};
    ok(judd_block_cyclic_create(&gram, grid, A, A, 16));
    ok(judd_gram_add_exact(gram, &source, &lanes));
    ok(judd_block_cyclic_gather(&dense, gram));
    judd_block_cyclic_destroy(gram);
    return dense;
}

static void exact_gram_has_the_same_bits(void **state) {
    const setup *s = *state;
    enum { N = 301, A = 150 };
    judd_comm self;
    judd_block_cyclic_grid alone;
    ok(judd_comm_open(&self, MPI_COMM_SELF));
    judd_block_cyclic_deal(&alone, &self);
    double *here = exact_gram(&s->grid), *there = exact_gram(&alone);
    for (int64_t j = 0; j < A; j++)
        for (int64_t i = j; i < A; i++) {
            double sum = 0.0;
            for (int64_t k = 0; k < N; k++) sum += entry(k, i) * entry(k, j);
            assert_near(here[j * A + i], sum, 1e-13 * unit_of(i) * unit_of(j));
            assert_true(here[j * A + i] == there[j * A + i]);
        }
    free(here);
    free(there);
    judd_comm_close(&self);
}

/* Row 11 of the Gram matrix belongs to a column that is twice column 4. */
static judd_status fill_dependent(void *context, double *out, int64_t first, int64_t n) {
    const own_rows *rows = context;
    ok(fill(context, out, first, n));
    for (int64_t i = 0; i < n; i++) out[i * rows->dim + 11] = 2.0 * out[i * rows->dim + 4];
    return JUDD_OK;
}

static void singular_is_named(void **state) {
    const setup *s = *state;
    enum { N = 60, D = 20 };
    int64_t *ids = NULL, count = my_ids(&ids, N, &s->comm), dependent = -1;
    own_rows rows = {ids, D, 0};
    judd_gram_source source = {count, D, fill_dependent, &rows};
    judd_block_cyclic *g = NULL;
    ok(judd_block_cyclic_create(&g, &s->grid, D, D, 4));
    ok(judd_gram_add(g, &source));
    assert_int_equal(judd_scalapack_cholesky(g, &dependent), JUDD_E_DEGENERATE);
    assert_int_equal(dependent, 11);
    assert_non_null(strstr(judd_status_message(), "row 11"));
    free(ids);
    judd_block_cyclic_destroy(g);
}

static void eigenvectors(void **state) {
    const setup *s = *state;
    static const int64_t orders[] = {1, 2, 3, 7, 65, 150};
    for (size_t k = 0; k < sizeof orders / sizeof orders[0]; k++) {
        int64_t n = orders[k];
        judd_block_cyclic *g = positive(s, n, 0.0), *v = NULL;
        double *dense = NULL, *vectors = NULL, *values = NULL;
        ok(judd_memory_alloc(&values, n, sizeof *values));
        ok(judd_block_cyclic_create(&v, &s->grid, n, n, g->block));
        ok(judd_block_cyclic_gather(&dense, g));
        ok(judd_scalapack_eigen(values, v, g));
        ok(judd_block_cyclic_gather(&vectors, v));
        for (int64_t c = 0; c < n; c++) {
            double norm = 0.0;
            for (int64_t i = 0; i < n; i++) {
                double sum = 0.0;
                for (int64_t j = 0; j < n; j++)
                    sum += symmetric(dense, n, i, j) * vectors[c * n + j];
                assert_near(sum, values[c] * vectors[c * n + i], 1e-11);
                norm += vectors[c * n + i] * vectors[c * n + i];
            }
            assert_near(norm, 1.0, 1e-12);
            if (c > 0) assert_true(values[c] >= values[c - 1]);
        }
        free(dense);
        free(vectors);
        free(values);
        judd_block_cyclic_destroy(g);
        judd_block_cyclic_destroy(v);
    }
}

/* The second difference matrix (2 on the diagonal, -1 beside it): 2 - 2 cos(k pi / (n + 1)). */
static void known_eigenvalues(void **state) {
    const setup *s = *state;
    enum { N = 100 };
    judd_block_cyclic *a = NULL, *v = NULL;
    double values[N];
    ok(judd_block_cyclic_create(&a, &s->grid, N, N, 16));
    ok(judd_block_cyclic_create(&v, &s->grid, N, N, 16));
    for (int64_t l = 0; l < a->local_columns; l++)
        for (int64_t k = 0; k < a->local_rows; k++) {
            int64_t i = judd_block_cyclic_to_global(k, 16, s->grid.row, s->grid.n_rows);
            int64_t j = judd_block_cyclic_to_global(l, 16, s->grid.column, s->grid.n_columns);
            a->data[l * a->ld + k] = i == j ? 2.0 : i == j + 1 || j == i + 1 ? -1.0 : 0.0;
        }
    ok(judd_scalapack_eigen(values, v, a));
    for (int k = 0; k < N; k++)
        assert_near(values[k], 2.0 - 2.0 * cos((k + 1) * acos(-1.0) / (N + 1)), 1e-13);
    judd_block_cyclic_destroy(a);
    judd_block_cyclic_destroy(v);
}

static void too_large_for_a_rank(void **state) {
    const setup *s = *state;
    judd_block_cyclic *m = NULL;
    assert_int_equal(judd_block_cyclic_create(&m, &s->grid, 200000, 200000, 64), JUDD_E_USAGE);
    assert_null(m);
}

/* Grids of parts of the world come and go, more often than MPI has room for lost communicators. */
static void grids_are_released(void **state) {
    const setup *s = *state;
    MPI_Comm half;
    MPI_Comm_split(s->comm.mpi, s->comm.rank % 2, -s->comm.rank, &half);
    for (int k = 0; k < 200; k++) {
        judd_comm comm;
        judd_block_cyclic_grid grid;
        ok(judd_comm_open(&comm, half));
        ok(judd_scalapack_open(&grid, &comm));
        if (k % 50 == 0) {
            setup inner = {comm, grid};
            inner.grid.comm = &inner.comm;
            judd_block_cyclic *g = positive(&inner, 9, 1.0);
            ok(judd_scalapack_cholesky(g, NULL));
            judd_block_cyclic_destroy(g);
        }
        judd_scalapack_close(&grid);
        judd_scalapack_close(&grid);
        judd_comm_close(&comm);
    }
    MPI_Comm_free(&half);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    setup s;
    if (judd_comm_open(&s.comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    if (judd_scalapack_open(&s.grid, &s.comm) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_maps),
        cmocka_unit_test(grid_shapes),
        cmocka_unit_test_prestate(rows_arrive_and_come_back, &s),
        cmocka_unit_test_prestate(exact_gram_has_the_same_bits, &s),
        cmocka_unit_test_prestate(gram_equals_loops, &s),
        cmocka_unit_test_prestate(parts_multiply, &s),
        cmocka_unit_test_prestate(cholesky_solves, &s),
        cmocka_unit_test_prestate(singular_is_named, &s),
        cmocka_unit_test_prestate(eigenvectors, &s),
        cmocka_unit_test_prestate(known_eigenvalues, &s),
        cmocka_unit_test_prestate(too_large_for_a_rank, &s),
        cmocka_unit_test_prestate(grids_are_released, &s),
    };
    int failed = cmocka_run_group_tests_name("scalapack", tests, NULL, NULL);
    judd_scalapack_close(&s.grid);
    judd_comm_close(&s.comm);
    MPI_Finalize();
    return failed;
}

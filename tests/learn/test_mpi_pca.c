/* PCA against scikit-learn, in both directions of the data's shape. */
#define VECTORS_PCA
#include "learn/fixture.h"
#include "learn/vectors.h"

#include <judd/learn/feature_map.h>
#include <judd/learn/pca.h>

enum { N_VECTORS = sizeof pca_vectors / sizeof pca_vectors[0] };

static void check_transformed(const pca_vector *v, const judd_rows *out) {
    for (int64_t i = 0; i < judd_lanes_count(&out->lanes); i++) {
        int64_t position = judd_lanes_first(&out->lanes) + i - (v->n - 3);
        for (int64_t c = 0; position >= 0 && c < v->n_components; c++) {
            double expected = v->out[position * v->n_components + c];
            assert_near((double)out->x[i * out->dim + c], expected, 1e-5 * (1.0 + fabs(expected)));
        }
    }
}

/* The components themselves, in float64. */
static void check_components(const pca_vector *v, const judd_pca *pca, const judd_rows *rows) {
    double x[64];
    assert_true(v->dim <= 64);
    for (int64_t i = 0; i < judd_lanes_count(&rows->lanes); i++) {
        int64_t position = judd_lanes_first(&rows->lanes) + i - (v->n - 3);
        if (position < 0) continue;
        ok(judd_rows_read_centred(x, rows, i, 1, pca->mean));
        for (int64_t c = 0; c < v->n_components; c++) {
            double expected = v->out[position * v->n_components + c], got = 0.0;
            for (int64_t j = 0; j < v->dim; j++) got += pca->component[c * v->dim + j] * x[j];
            if (v->whiten) got /= sqrt(pca->variance[c]);
            assert_near(got, expected, 1e-9 * (1.0 + fabs(expected)));
        }
    }
}

/* As heads see the components. */
static void project(judd_rows *out, const judd_rows *rows, int64_t n_components, bool whiten,
                    const judd_comm *comm) {
    const judd_feature_map_options o = {
        .project = true, .whiten = whiten, .n_components = n_components};
    judd_feature_map map;
    ok(judd_feature_map_fit(&map, rows, &o, comm));
    ok(judd_feature_map_apply(out, &map, rows, comm));
    judd_feature_map_free(&map);
}

static void equals_sklearn(void **state) {
    const judd_comm *comm = *state;
    for (int k = 0; k < N_VECTORS; k++) {
        const pca_vector *v = &pca_vectors[k];
        judd_rows rows = fixture_rows(0, v->n, v->dim, 3, 4, 2, comm), out;
        judd_pca pca;
        if (k % 2) fixture_stream(&rows, comm);
        ok(judd_pca_fit(&pca, &rows, &(judd_pca_options){v->n_components, v->whiten}, comm));
        assert_int_equal(pca.n_components, v->n_components);
        for (int64_t c = 0; c < v->n_components; c++) {
            assert_near(pca.variance[c], v->variance[c], 1e-12 * v->variance[0]);
            assert_near(pca.ratio[c], v->ratio[c], 1e-12);
            /* the error of an eigenvector grows with how near its neighbours' values are */
            for (int64_t j = 0; j < v->dim; j++)
                assert_near(pca.component[c * v->dim + j], v->component[c * v->dim + j], 1e-10);
        }
        for (int64_t j = 0; j < v->dim; j++) assert_near(pca.mean[j], v->mean[j], 1e-14);
        check_components(v, &pca, &rows);
        project(&out, &rows, v->n_components, v->whiten, comm);
        check_transformed(v, &out);
        int64_t n = judd_lanes_count(&rows.lanes);
        assert_memory_equal(out.labels, rows.labels, (size_t)n * sizeof *out.labels);
        assert_memory_equal(out.folds, rows.folds, (size_t)n * sizeof *out.folds);
        judd_rows_free(&out);
        judd_pca_free(&pca);
        judd_rows_free(&rows);
    }
}

/* Whitened features: mean 0, covariance 1 (float32 output). */
static void whitened(void **state) {
    const judd_comm *comm = *state;
    judd_rows rows = fixture_rows(0, 200, 12, 3, 3, 1, comm), out;
    double sum[12 * 13] = {0};
    project(&out, &rows, 0, true, comm);
    assert_int_equal(out.dim, 12); /* all have variance */
    for (int64_t i = 0; i < judd_lanes_count(&out.lanes); i++)
        for (int a = 0; a < 12; a++) {
            sum[144 + a] += (double)out.x[i * 12 + a] / 200.0;
            for (int b = 0; b < 12; b++)
                sum[a * 12 + b] += (double)out.x[i * 12 + a] * (double)out.x[i * 12 + b] / 199.0;
        }
    MPI_Allreduce(MPI_IN_PLACE, sum, 156, MPI_DOUBLE, MPI_SUM, comm->mpi);
    for (int a = 0; a < 12; a++) {
        assert_near(sum[144 + a], 0.0, 1e-6);
        for (int b = 0; b < 12; b++) assert_near(sum[a * 12 + b], a == b ? 1.0 : 0.0, 1e-6);
    }
    judd_rows_free(&out);
    judd_rows_free(&rows);
}

static void expect_bad(const judd_rows *rows, int64_t n_components, const char *words,
                       const judd_comm *comm) {
    judd_pca pca;
    assert_int_not_equal(judd_pca_fit(&pca, rows, &(judd_pca_options){n_components, false}, comm),
                         JUDD_OK);
    if (!strstr(judd_status_message(), words))
        fail_msg("'%s' is not in '%s'", words, judd_status_message());
}

static void bad_input_is_named(void **state) {
    const judd_comm *comm = *state;
    judd_rows rows = fixture_rows(0, 40, 5, 3, 0, 1, comm);
    int64_t n = judd_lanes_count(&rows.lanes);
    for (int64_t i = 0; i < n; i++) rows.x[i * 5 + 1] = 0.1f;
    expect_bad(&rows, 5, "have variance in 4 directions only", comm);
    expect_bad(&rows, 6, "have variance in 4 directions only", comm);
    expect_bad(&rows, -1, "components = -1", comm);
    float *row = fixture_row(&rows, 7);
    if (row) row[2] = INFINITY;
    expect_bad(&rows, 2, "sample 7 of the set, column 2 is not finite", comm);
    for (int64_t i = 0; i < n * 5; i++) rows.x[i] = 0.3f;
    expect_bad(&rows, 1, "no variance to explain", comm);
    for (int64_t i = 0; i < n * 5; i++) rows.x[i] = 1e-40f * (float)(i % 7); /* below normal */
    expect_bad(&rows, 1, "no variance to explain", comm);
    judd_rows_free(&rows);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(equals_sklearn, &comm),
        cmocka_unit_test_prestate(whitened, &comm),
        cmocka_unit_test_prestate(bad_input_is_named, &comm),
    };
    int failed = cmocka_run_group_tests_name("pca", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}

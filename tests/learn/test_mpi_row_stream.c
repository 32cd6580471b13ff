/* Rows read when they are needed: the bits of rows in memory, in whatever uses them. */
#include "learn/learn_fixture.h"

#include <judd/base/memory.h>
#include <judd/io/h5.h>
#include <judd/learn/evaluate.h>
#include <judd/learn/lbfgs.h>
#include <judd/learn/row_stream.h>

static comms all;

static const problem small = {
    .n = 1203, .dim = 37, .n_classes = 5, .n_folds = 3, .n_lanes = 8, .seed = 3};

/* Stands for the cache: makes every row anew; fails from row `broken` on. */
typedef struct maker {
    problem p;
    int64_t first, broken; /* of this rank; -1: never */
    int n_open;
} maker;

static judd_status make(void *context, float *out, const int64_t *which, int64_t n) {
    const maker *m = context;
    for (int64_t i = 0; i < n; i++) {
        int64_t id = m->first + which[i];
        if (m->broken >= 0 && id >= m->broken)
            return judd_status_set(JUDD_E_IO, "row %lld is damaged", (long long)id);
        for (int64_t j = 0; j < m->p.dim; j++) out[i * m->p.dim + j] = feature_of(&m->p, id, j);
    }
    return JUDD_OK;
}

static void let_go(void *context) {
    ((maker *)context)->n_open--;
}

/* The same rows twice: in memory and streamed, with the same labels and folds. */
static void make_both(judd_rows *kept, judd_rows *streamed, maker *m, const judd_comm *comm) {
    const problem *p = &m->p;
    make_rows(kept, p, comm);
    m->first = judd_lanes_first(&kept->lanes);
    m->n_open = 1;
    judd_rows_source source = {.read = make, .close = let_go, .context = m};
    OK(judd_rows_create_streamed(streamed, p->n, p->dim, p->n_lanes, source, comm));
    assert_null(streamed->x);
    int64_t n = judd_lanes_count(&kept->lanes);
    memcpy(streamed->labels, kept->labels, (size_t)n * sizeof *kept->labels);
    memcpy(streamed->folds, kept->folds, (size_t)n * sizeof *kept->folds);
}

/* In order, all rows or lane by lane, in blocks of any size. */
static void test_order(void **state) {
    (void)state;
    maker m = {.p = small, .broken = -1};
    judd_rows rows[2];
    make_both(&rows[0], &rows[1], &m, &all.world);
    const judd_lanes *lanes = &rows[0].lanes;
    for (int64_t capacity = 1; capacity <= 200; capacity = capacity * 3 + 1)
        for (int r = 0; r < 2; r++) {
            int64_t at = 0;
            for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
                judd_row_stream *s = NULL;
                judd_row_block b;
                OK(judd_row_stream_lane(&s, &rows[r], lane, capacity));
                for (;;) {
                    OK(judd_row_stream_next(s, &b));
                    if (b.n == 0) break;
                    assert_true(b.n <= capacity && b.first == at && !b.rows);
                    assert_same_bits(b.x, rows[0].x + at * small.dim, 4 * b.n * small.dim);
                    at += b.n;
                }
                OK(judd_row_stream_next(s, &b)); /* the end stays the end */
                assert_int_equal(b.n, 0);
                judd_row_stream_close(s);
                assert_int_equal(at, judd_lanes_begin(lanes, lane + 1) - judd_lanes_first(lanes));
            }
        }
    judd_rows_free(&rows[0]);
    judd_rows_free(&rows[1]);
    assert_int_equal(m.n_open, 0);
    judd_row_stream_close(NULL);
}

/* Statistics, training, L-BFGS and evaluation do not see a difference. */
static void test_same_bits(void **state) {
    (void)state;
    static const judd_bank_head heads[] = {{.learning_rate = 0.1, .l2 = 0.01, .held_out = -1},
                                           {.learning_rate = 0.03, .l2 = 0.1, .held_out = 1}};
    maker m = {.p = small, .broken = -1};
    judd_rows rows[2];
    judd_bank *sgd[2], *lbfgs[2];
    judd_standard standard[2];
    double max[2];
    judd_evaluation found[2];
    make_both(&rows[0], &rows[1], &m, &all.world);
    judd_bank_options o = {.n_heads = 2,
                           .n_outputs = small.n_classes,
                           .heads = heads,
                           .optimizer.momentum = 0.9,
                           .batch = 100,
                           .steps = 40, /* some epochs, a short last batch in each */
                           .seed = 7};
    judd_lbfgs_options path = JUDD_LBFGS_DEFAULTS;
    path.tolerance = 1e-6;
    for (int r = 0; r < 2; r++) {
        OK(judd_rows_standard_fit(&standard[r], &rows[r], &all.world));
        OK(judd_rows_standardize(&rows[r], &standard[r]));
        OK(judd_rows_max(&max[r], &rows[r], &all.world));
        sgd[r] = new_bank(small.dim, &o);
        lbfgs[r] = new_bank(small.dim, &o);
        OK(judd_trainer_run(sgd[r], &rows[r], &all.world, NULL));
        OK(judd_lbfgs_run(lbfgs[r], NULL, &rows[r], &all.world, &path, NULL));
        judd_bank *one = NULL;
        judd_standard none;
        OK(judd_rows_standard_identity(&none, small.dim));
        OK(judd_bank_extract(&one, sgd[r], 0));
        OK(judd_evaluate_head(&found[r], one, &none, &rows[r], &all.world));
        judd_rows_standard_free(&none);
        judd_bank_destroy(one);
    }
    assert_same_bits(standard[0].mean, standard[1].mean, 4 * small.dim);
    assert_same_bits(standard[0].scale, standard[1].scale, 4 * small.dim);
    assert_memory_equal(&max[0], &max[1], sizeof max[0]);
    assert_same_bank(sgd[0], sgd[1]);
    assert_same_bank(lbfgs[0], lbfgs[1]);
    assert_memory_equal(&found[0].nll, &found[1].nll, sizeof found[0].nll);
    assert_memory_equal(found[0].confusion, found[1].confusion,
                        (size_t)(small.n_classes * small.n_classes) * sizeof(int64_t));
    for (int r = 0; r < 2; r++) {
        judd_evaluate_free(&found[r]);
        judd_bank_destroy(sgd[r]);
        judd_bank_destroy(lbfgs[r]);
        judd_rows_standard_free(&standard[r]);
        judd_rows_free(&rows[r]);
    }
}

/* A row that cannot be read on one rank ends everything with the same error on all. */
static void test_damage(void **state) {
    (void)state;
    static const judd_bank_head head = {.learning_rate = 0.1, .held_out = -1};
    maker m = {.p = small, .broken = small.n - 5};
    judd_rows kept, rows;
    judd_standard standard;
    judd_lbfgs_options path = JUDD_LBFGS_DEFAULTS;
    make_both(&kept, &rows, &m, &all.world);
    judd_bank_options o = {.n_heads = 1,
                           .n_outputs = small.n_classes,
                           .heads = &head,
                           .batch = 100,
                           .steps = 40,
                           .seed = 7};
    judd_bank *bank = new_bank(small.dim, &o);
    assert_int_equal(judd_rows_standard_fit(&standard, &rows, &all.world), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "is damaged"));
    assert_int_equal(judd_trainer_run(bank, &rows, &all.world, NULL), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "is damaged"));
    assert_int_equal(judd_lbfgs_run(bank, NULL, &rows, &all.world, &path, NULL), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "is damaged"));
    judd_bank_destroy(bank);
    judd_rows_free(&kept);
    judd_rows_free(&rows);
}

/* What was read before the damage is handed out; the error stays. */
static void test_late_damage(void **state) {
    (void)state;
    maker m = {.p = small, .broken = -1};
    judd_rows kept, rows;
    judd_row_stream *s = NULL;
    judd_row_block b;
    make_both(&kept, &rows, &m, &all.world);
    m.broken = m.first + judd_lanes_count(&kept.lanes) / 2; /* on every rank */
    OK(judd_row_stream_all(&s, &rows, 10));
    judd_status status = JUDD_OK;
    int64_t seen = 0;
    while (status == JUDD_OK) {
        status = judd_row_stream_next(s, &b);
        if (status == JUDD_OK) seen += b.n;
    }
    assert_int_equal(status, JUDD_E_IO);
    assert_true(seen > judd_lanes_count(&kept.lanes) / 2 - 10);
    assert_int_equal(judd_row_stream_next(s, &b), JUDD_E_IO); /* and again */
    judd_row_stream_close(s);
    judd_rows_free(&kept);
    judd_rows_free(&rows);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_order),
    cmocka_unit_test(test_same_bits),
    cmocka_unit_test(test_damage),
    cmocka_unit_test(test_late_damage),
};

LEARN_MAIN("row_stream", tests)

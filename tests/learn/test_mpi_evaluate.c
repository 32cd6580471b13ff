/* Evaluation against plain float64 loops, and the same figures at any number of ranks. */
#include "learn/learn_fixture.h"

#include <judd/base/memory.h>
#include <judd/io/h5.h>
#include <judd/learn/bank_scores.h>
#include <judd/learn/evaluate.h>
#include <judd/learn/tally.h>

static comms all;

/* Logits of sample i under a head, float64 from float32 weights and standardisation. */
static void logits(double *z, const problem *p, const float *w, const float *b,
                   const judd_standard *s, int64_t i) {
    for (int c = 0; c < p->n_classes; c++) {
        z[c] = (double)b[c];
        for (int64_t j = 0; j < p->dim; j++)
            z[c] += (double)w[c * p->dim + j] *
                    (((double)feature_of(p, i, j) - (double)s->mean[j]) * (double)s->scale[j]);
    }
}

static int argmax(const double *z, int n) {
    int best = 0;
    for (int c = 1; c < n; c++)
        if (z[c] > z[best]) best = c;
    return best;
}

static double nll_of(const double *z, int n, int label) {
    double sum = 0.0, top = z[argmax(z, n)];
    for (int c = 0; c < n; c++) sum += exp(z[c] - top);
    return log(sum) + top - z[label];
}

static judd_bank *random_bank(const problem *p, const judd_bank_head *heads, int n_heads) {
    judd_bank_options o = {.n_heads = n_heads, .n_outputs = p->n_classes, .heads = heads};
    judd_bank *bank = new_bank(p->dim, &o);
    scatter_weights(bank, 77);
    return bank;
}

/* A head that knows no features. */
static judd_bank *biased_bank(const problem *p, const float *bias) {
    static const judd_bank_head head = {.held_out = -1};
    judd_bank_options o = {.n_heads = 1, .n_outputs = p->n_classes, .heads = &head};
    judd_bank *bank = new_bank(p->dim, &o);
    memcpy(bank->layers[0].bias->value, bias, (size_t)p->n_classes * sizeof *bias);
    return bank;
}

static void a_head_equals_float64(void **state) {
    (void)state;
    static const int64_t sizes[] = {1, 9, 300, 5000}; /* lanes without samples; several blocks */
    static const judd_bank_head head = {.held_out = -1};
    for (int k = 0; k < 4; k++) {
        problem p = {.n = sizes[k], .dim = 33, .n_classes = 5, .n_lanes = 16, .seed = 6};
        judd_bank *bank = random_bank(&p, &head, 1);
        judd_rows rows, alone;
        judd_standard s;
        judd_evaluation e, self;
        make_rows(&rows, &p, &all.world);
        make_rows(&alone, &p, &all.self);
        OK(judd_rows_standard_fit(&s, &rows, &all.world));
        OK(judd_evaluate_head(&e, bank, &s, &rows, &all.world));
        OK(judd_evaluate_head(&self, bank, &s, &alone, &all.self));
        assert_int_equal(e.n, p.n);
        assert_int_equal(e.n_classes, 5);
        assert_memory_equal(e.confusion, self.confusion, 25 * sizeof(int64_t));
        assert_memory_equal(&e.nll, &self.nll, sizeof e.nll);
        if (all.world.rank > 0) assert_null(e.predicted);
        int64_t confusion[25] = {0};
        double nll = 0.0;
        for (int64_t i = 0; i < p.n; i++) {
            double z[5];
            logits(z, &p, bank->layers[0].weight->value, bank->layers[0].bias->value, &s, i);
            int best = argmax(z, 5);
            nll += nll_of(z, 5, label_of(&p, i));
            assert_int_equal(self.predicted[i], best); /* in the set's order */
            if (all.world.rank == 0) assert_int_equal(e.predicted[i], best);
            confusion[label_of(&p, i) * 5 + best]++;
        }
        assert_memory_equal(e.confusion, confusion, sizeof confusion);
        assert_true(fabs(e.nll / (nll / (double)p.n) - 1.0) < 1e-6);
        judd_evaluate_free(&e);
        judd_evaluate_free(&self);
        judd_rows_standard_free(&s);
        judd_rows_free(&rows);
        judd_rows_free(&alone);
        judd_bank_destroy(bank);
    }
}

static void ties_go_to_the_lowest_class(void **state) {
    (void)state;
    problem p = {.n = 30, .dim = 4, .n_classes = 3, .n_lanes = 16, .seed = 6};
    static const float bias[3] = {0.0f, 1.0f, 1.0f};
    judd_bank *bank = biased_bank(&p, bias);
    judd_rows rows;
    judd_standard s;
    judd_evaluation e;
    make_rows(&rows, &p, &all.world);
    OK(judd_rows_standard_identity(&s, 4));
    OK(judd_evaluate_head(&e, bank, &s, &rows, &all.world));
    for (int c = 0; c < 9; c++) assert_int_equal(e.confusion[c], c % 3 == 1 ? 10 : 0);
    judd_evaluate_free(&e);
    judd_rows_standard_free(&s);
    judd_rows_free(&rows);
    judd_bank_destroy(bank);
}

/* A sample that a head finds impossible costs a bounded loss, the same at any rank count. */
static void a_huge_loss_is_bounded(void **state) {
    (void)state;
    problem p = {.n = 30, .dim = 4, .n_classes = 3, .n_lanes = 16, .seed = 6};
    static const float bias[3] = {0.0f, 3e38f, 0.0f};
    judd_bank *bank = biased_bank(&p, bias);
    judd_rows rows;
    judd_standard s;
    judd_evaluation e;
    make_rows(&rows, &p, &all.world);
    OK(judd_rows_standard_identity(&s, 4));
    OK(judd_evaluate_head(&e, bank, &s, &rows, &all.world));
    assert_true(fabs(e.nll / (JUDD_EVALUATE_MAX_LOSS * 2 / 3) - 1.0) < 1e-12);
    judd_evaluate_free(&e);
    judd_rows_standard_free(&s);
    judd_rows_free(&rows);
    judd_bank_destroy(bank);
}

static void tally_held_out(judd_tally_total *totals, int64_t n_points, const judd_bank *bank,
                           int n_folds, const judd_rows *rows, const judd_comm *comm) {
    judd_tally *t;
    OK(judd_tally_create(&t, JUDD_OUTPUTS_LOGITS, n_points, bank->options.n_outputs, rows));
    judd_outputs_sink sink = judd_tally_sink(t);
    OK(judd_bank_scores_held_out(bank, n_folds, rows, &sink));
    OK(judd_tally_finish(totals, t, comm));
    judd_tally_destroy(t);
}

typedef struct copied {
    int n_outputs;
    int64_t base, n;
    int64_t next[3]; /* row that has to come next */
    float score[3][1000][4];
} copied;

static copied copy;

static judd_status check(void *context, int64_t point, int64_t first, int64_t n,
                         const float *score) {
    copied *c = context;
    assert_int_equal(first, c->next[point]);
    c->next[point] += n;
    memcpy(c->score[point][first], score, (size_t)(n * c->n_outputs) * sizeof *score);
    return JUDD_OK;
}

/* A grid of three points with three folds each: held-out totals, and the scores of two points. */
static void a_grid_equals_float64(void **state) {
    (void)state;
    enum { POINTS = 3, FOLDS = 3, N = POINTS * (FOLDS + 1), C = 4 };
    judd_bank_head heads[N];
    for (int h = 0; h < N; h++) heads[h] = (judd_bank_head){.held_out = h % (FOLDS + 1) - 1};
    static const int64_t sizes[] = {7, 1000};
    for (int k = 0; k < 2; k++) {
        problem p = {
            .n = sizes[k], .dim = 20, .n_classes = C, .n_folds = FOLDS, .n_lanes = 16, .seed = 8};
        judd_bank *bank = random_bank(&p, heads, N);
        judd_rows rows, alone;
        judd_standard raw;
        const float *weight = bank->layers[0].weight->value, *bias = bank->layers[0].bias->value;
        judd_tally_total totals[POINTS], totals_alone[POINTS];
        make_rows(&rows, &p, &all.world);
        make_rows(&alone, &p, &all.self);
        OK(judd_rows_standard_identity(&raw, p.dim));
        tally_held_out(totals, POINTS, bank, FOLDS, &rows, &all.world);
        tally_held_out(totals_alone, POINTS, bank, FOLDS, &alone, &all.self);
        assert_memory_equal(totals, totals_alone, sizeof totals);
        for (int point = 0; point < POINTS; point++) {
            int64_t right = 0;
            double loss = 0.0;
            for (int64_t i = 0; i < p.n; i++) {
                double z[C];
                int h = point * (FOLDS + 1) + 1 + fold_of(&p, i);
                logits(z, &p, weight + h * C * p.dim, bias + h * C, &raw, i);
                right += argmax(z, C) == label_of(&p, i);
                loss += nll_of(z, C, label_of(&p, i));
            }
            assert_int_equal(totals[point].count, p.n);
            assert_int_equal(totals[point].correct, right);
            assert_true(fabs(totals[point].loss - loss) <= 1e-6 * loss);
        }
        copy = (copied){.n_outputs = C, .base = judd_lanes_first(&rows.lanes), .n = p.n};
        for (int point = 1; point < 3; point++) {
            judd_bank *one;
            OK(judd_bank_extract(&one, bank, point * (FOLDS + 1)));
            OK(judd_bank_scores(one, point, &rows, &(judd_outputs_sink){check, &copy}));
            judd_bank_destroy(one);
        }
        for (int64_t i = 0; i < judd_lanes_count(&rows.lanes); i++)
            for (int point = 1; point < 3; point++) {
                double z[C];
                int h = point * (FOLDS + 1);
                logits(z, &p, weight + h * C * p.dim, bias + h * C, &raw, copy.base + i);
                for (int c = 0; c < C; c++)
                    assert_true(fabs((double)copy.score[point][i][c] - z[c]) < 1e-4);
            }
        judd_rows_standard_free(&raw);
        judd_rows_free(&rows);
        judd_rows_free(&alone);
        judd_bank_destroy(bank);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_head_equals_float64),
    cmocka_unit_test(ties_go_to_the_lowest_class),
    cmocka_unit_test(a_huge_loss_is_bounded),
    cmocka_unit_test(a_grid_equals_float64),
};

LEARN_MAIN("evaluate", tests)

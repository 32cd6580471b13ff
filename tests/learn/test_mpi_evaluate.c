/* Evaluation against plain float64 loops, and the same figures at any number of ranks. */
#include "learn/learn_fixture.h"

#include <judd/base/memory.h>
#include <judd/io/h5.h>
#include <judd/learn/evaluate.h>

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

static void held_out_equals_float64(void **state) {
    (void)state;
    static const judd_bank_head heads[] = {
        {.held_out = -1}, {.held_out = 0}, {.held_out = 1}, {.held_out = 2}, {.held_out = 1}};
    enum { N = 5 };
    static const int64_t sizes[] = {7, 1000};
    for (int k = 0; k < 2; k++) {
        problem p = {
            .n = sizes[k], .dim = 20, .n_classes = 4, .n_folds = 3, .n_lanes = 16, .seed = 8};
        judd_bank *bank = random_bank(&p, heads, N);
        judd_rows rows, alone;
        judd_standard raw;
        int64_t correct[N], count[N], correct_alone[N], count_alone[N];
        double nll[N], nll_alone[N];
        make_rows(&rows, &p, &all.world);
        make_rows(&alone, &p, &all.self);
        OK(judd_rows_standard_identity(&raw, p.dim));
        OK(judd_evaluate_held_out(correct, count, nll, bank, &rows, &all.world));
        OK(judd_evaluate_held_out(correct_alone, count_alone, nll_alone, bank, &alone, &all.self));
        assert_memory_equal(correct, correct_alone, sizeof correct);
        assert_memory_equal(count, count_alone, sizeof count);
        assert_memory_equal(nll, nll_alone, sizeof nll);
        for (int h = 0; h < N; h++) {
            int64_t right = 0, seen = 0;
            double loss = 0.0;
            for (int64_t i = 0; i < p.n; i++) {
                double z[4];
                if (fold_of(&p, i) != heads[h].held_out) continue;
                logits(z, &p, bank->layers[0].weight->value + h * 4 * p.dim,
                       bank->layers[0].bias->value + h * 4, &raw, i);
                right += argmax(z, 4) == label_of(&p, i);
                loss += nll_of(z, 4, label_of(&p, i));
                seen++;
            }
            assert_int_equal(count[h], seen);
            assert_int_equal(correct[h], right);
            assert_true(fabs(nll[h] - loss) <= 1e-6 * loss);
        }
        assert_int_equal(count[1] + count[2] + count[3], p.n); /* each sample in one fold */
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
    cmocka_unit_test(held_out_equals_float64),
};

LEARN_MAIN("evaluate", tests)

/* What transfer adds to training: a second set of rows, heads to start from, learning curves. */
#include "learn/learn_fixture.h"
#include "shared_folder.h"

#include <judd/io/h5.h>
#include <judd/learn/checkpoint.h>
#include <judd/learn/evaluate.h>

static comms all;

static const problem target = {
    .n = 43, .dim = 6, .n_classes = 4, .n_folds = 3, .n_lanes = 16, .seed = 2};
static const problem source = {.n = 70, .dim = 6, .n_classes = 4, .n_lanes = 16, .seed = 3};

static const judd_bank_head heads[] = {
    {.learning_rate = 0.1, .l2 = 0.0, .held_out = -1},
    {.learning_rate = 0.03, .l2 = 0.1, .held_out = 0},
    {.learning_rate = 0.2, .l2 = 0.01, .held_out = 2},
};
enum { N_HEADS = sizeof heads / sizeof *heads, N_WEIGHTS = 24, N_CLASSES = 4 };

static judd_bank_options options(int64_t batch, int64_t steps, double weight) {
    return (judd_bank_options){.n_heads = N_HEADS,
                               .n_outputs = N_CLASSES,
                               .heads = heads,
                               .optimizer.momentum = 0.9,
                               .batch = batch,
                               .steps = steps,
                               .seed = 5,
                               .source_weight = weight};
}

static void make_source(judd_rows *rows, const judd_comm *comm) {
    make_rows(rows, &source, comm);
    for (int64_t i = 0; i < judd_lanes_count(&rows->lanes); i++) rows->folds[i] = JUDD_ROWS_NO_FOLD;
}

static void train_on(judd_bank *bank, const judd_comm *comm) {
    judd_rows rows, extra;
    make_rows(&rows, &target, comm);
    make_source(&extra, comm);
    judd_trainer_hooks hooks = {.source = &extra, .curve = &rows};
    OK(judd_trainer_run(bank, &rows, comm, &hooks));
    judd_rows_free(&rows);
    judd_rows_free(&extra);
}

static judd_bank *train(const judd_bank_options *o, const judd_comm *comm) {
    judd_bank *bank = new_bank(target.dim, o);
    train_on(bank, comm);
    return bank;
}

/* ---- against float64 loops ----------------------------------------------------------------------
 */

/* Mean loss of a linear head without penalty; held_out -1: over all samples. */
static double loss_of(const problem *p, const double *w, const double *b, int held_out) {
    double total = 0.0;
    int64_t count = 0;
    for (int64_t i = 0; i < p->n; i++) {
        double z[N_CLASSES], sum = 0.0;
        if (p->n_folds && fold_of(p, i) == held_out) continue;
        for (int c = 0; c < N_CLASSES; c++) {
            z[c] = b[c];
            for (int64_t j = 0; j < p->dim; j++)
                z[c] += w[c * p->dim + j] * (double)feature_of(p, i, j);
            sum += exp(z[c]);
        }
        total += log(sum) - z[label_of(p, i)];
        count++;
    }
    return total / (double)count;
}

typedef struct point {
    double w[N_WEIGHTS], b[N_CLASSES];
} point;

static point point_of(const judd_bank *bank, int h) {
    point at;
    for (int k = 0; k < N_WEIGHTS; k++)
        at.w[k] = (double)bank->layers[0].weight->value[h * N_WEIGHTS + k];
    for (int c = 0; c < N_CLASSES; c++)
        at.b[c] = (double)bank->layers[0].bias->value[h * N_CLASSES + c];
    return at;
}

static double joint_loss(point *at, double weight, int held_out) {
    return loss_of(&target, at->w, at->b, held_out) + weight * loss_of(&source, at->w, at->b, -1);
}

static double slope(point *at, double *x, double weight, int held_out) {
    const double h = 1e-5, was = *x;
    *x = was + h;
    double above = joint_loss(at, weight, held_out);
    *x = was - h;
    double below = joint_loss(at, weight, held_out);
    *x = was;
    return (above - below) / (2.0 * h);
}

static void gradient_is_of_both_sets(void **state) {
    (void)state;
    const double weight = 0.7;
    judd_bank_options o = options(1000, 1, weight);
    o.optimizer.momentum = 0.0;
    judd_bank *bank = new_bank(target.dim, &o);
    scatter_weights(bank, 8);
    point at[N_HEADS];
    for (int h = 0; h < N_HEADS; h++) at[h] = point_of(bank, h);
    train_on(bank, &all.world);
    for (int h = 0; h < N_HEADS; h++) {
        for (int k = 0; k < N_WEIGHTS; k++) {
            double expected =
                slope(&at[h], &at[h].w[k], weight, heads[h].held_out) + heads[h].l2 * at[h].w[k];
            double found = (double)bank->layers[0].weight->first[h * N_WEIGHTS + k];
            assert_true(fabs(found - expected) < 3e-6);
        }
        for (int c = 0; c < N_CLASSES; c++) {
            double expected = slope(&at[h], &at[h].b[c], weight, heads[h].held_out);
            double found = (double)bank->layers[0].bias->first[h * N_CLASSES + c];
            assert_true(fabs(found - expected) < 3e-6);
        }
    }
    judd_bank_destroy(bank);
}

static judd_bank *scattered(uint64_t seed) {
    static const judd_bank_head one = {.held_out = -1};
    judd_bank_options o = options(1000, 0, 0.0);
    o.n_heads = 1;
    o.heads = &one;
    judd_bank *bank = new_bank(target.dim, &o);
    scatter_weights(bank, seed);
    return bank;
}

/* Rows that were inherited are pulled back to where they came from, others to zero. */
static void pull_is_towards_the_start(void **state) {
    (void)state;
    static const int32_t from_output[N_CLASSES] = {2, -1, 0, -1};
    const double pull = 0.8;
    judd_bank_options o = options(1000, 1, 0.0);
    o.optimizer.momentum = 0.0;
    judd_bank *start = scattered(11), *bank = new_bank(target.dim, &o);
    OK(judd_bank_inherit(bank, start, from_output, pull));
    point from = point_of(start, 0);
    scatter_weights(bank, 8); /* away from it */
    point at[N_HEADS];
    for (int h = 0; h < N_HEADS; h++) at[h] = point_of(bank, h);
    train_on(bank, &all.world);
    for (int h = 0; h < N_HEADS; h++)
        for (int k = 0; k < N_WEIGHTS; k++) {
            int other = from_output[k / target.dim];
            double x = at[h].w[k], expected = slope(&at[h], &at[h].w[k], 0.0, heads[h].held_out);
            if (other < 0)
                expected += heads[h].l2 * x;
            else
                expected += pull * (x - from.w[other * target.dim + k % target.dim]);
            double found = (double)bank->layers[0].weight->first[h * N_WEIGHTS + k];
            assert_true(fabs(found - expected) < 3e-6);
        }
    judd_bank_destroy(start);
    judd_bank_destroy(bank);
}

/* ---- bits ---------------------------------------------------------------------------------------
 */

static judd_bank_options deep(double weight) {
    judd_bank_options o = options(16, 25, weight);
    o.n_hidden = 1;
    o.hidden[0] = 8;
    o.dropout = 0.2;
    o.layer_norm = true;
    o.optimizer.kind = JUDD_OPTIMIZER_ADAMW;
    o.optimizer.beta1 = 0.9;
    o.optimizer.beta2 = 0.999;
    o.optimizer.epsilon = 1e-8;
    o.optimizer.clip = 0.5;
    o.source_schedule = JUDD_SCHEDULE_LINEAR;
    return o;
}

static void same_bits_at_any_number_of_ranks(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        judd_bank_options o = kind ? deep(0.5) : options(16, 25, 3.0);
        judd_bank *here = train(&o, &all.world), *alone = train(&o, &all.self);
        assert_same_bank(here, alone);
        judd_bank_destroy(alone);
        for (int h = 0; h < N_HEADS; h++) { /* and without the other heads */
            judd_bank *part = NULL, *single = NULL;
            judd_bank_options one = o;
            one.n_heads = 1;
            one.heads = &heads[h];
            single = train(&one, &all.world);
            OK(judd_bank_extract(&part, here, h));
            for (int k = 0; k < part->n_parameters; k++)
                assert_same_bits(part->parameters[k].value, single->parameters[k].value,
                                 4 * judd_bank_parameter_size(&part->parameters[k]));
            judd_bank_destroy(part);
            judd_bank_destroy(single);
        }
        judd_bank_destroy(here);
    }
}

static void weight_zero_is_no_source(void **state) {
    (void)state;
    judd_bank_options o = options(16, 25, 0.0);
    judd_bank *with = train(&o, &all.world), *without = new_bank(target.dim, &o);
    judd_rows rows;
    make_rows(&rows, &target, &all.world);
    OK(judd_trainer_run(without, &rows, &all.world, NULL));
    assert_same_bank(with, without);
    o.source_weight = 1.0; /* but it matters otherwise */
    judd_bank *joint = train(&o, &all.world);
    assert_true(memcmp(joint->layers[0].weight->value, with->layers[0].weight->value,
                       N_WEIGHTS * sizeof(float)) != 0);
    judd_rows_free(&rows);
    judd_bank_destroy(with);
    judd_bank_destroy(without);
    judd_bank_destroy(joint);
}

static void no_step_is_the_start(void **state) {
    (void)state;
    static const int32_t same[N_CLASSES] = {0, 1, 2, 3}, other[N_CLASSES] = {3, -1, 1, 0};
    judd_bank_options o = options(16, 0, 0.0);
    judd_bank *start = scattered(11), *bank = new_bank(target.dim, &o), *part = NULL;
    OK(judd_bank_inherit(bank, start, same, 0.0));
    train_on(bank, &all.world);
    char a[JUDD_SHA256_HEX], b[JUDD_SHA256_HEX];
    OK(judd_bank_hash(a, start));
    for (int h = 0; h < N_HEADS; h++) {
        OK(judd_bank_extract(&part, bank, h));
        OK(judd_bank_hash(b, part));
        assert_string_equal(a, b);
        judd_bank_destroy(part);
    }
    judd_bank_destroy(bank);
    bank = new_bank(target.dim, &o);
    OK(judd_bank_inherit(bank, start, other, 0.1));
    for (int c = 0; c < N_CLASSES; c++)
        for (int64_t j = 0; j < target.dim; j++)
            assert_true(
                bank->layers[0].weight->value[c * target.dim + j] ==
                (other[c] < 0 ? 0.0f : start->layers[0].weight->value[other[c] * target.dim + j]));
    judd_bank_destroy(bank);
    judd_bank_options wide = deep(0.0);
    bank = new_bank(target.dim, &wide);
    assert_int_equal(judd_bank_inherit(bank, start, same, 0.0), JUDD_E_CONFIG);
    judd_bank_destroy(bank);
    judd_bank_destroy(start);
}

/* ---- learning curves ----------------------------------------------------------------------------
 */

static int64_t count_right(const judd_bank *bank, int h) {
    judd_bank *one = NULL;
    judd_evaluation e = {0};
    judd_rows rows;
    judd_standard standard;
    int64_t right = 0;
    OK(judd_bank_extract(&one, bank, h));
    OK(judd_rows_standard_identity(&standard, target.dim));
    make_rows(&rows, &target, &all.world);
    OK(judd_evaluate_head(&e, one, &standard, &rows, &all.world));
    for (int c = 0; c < N_CLASSES; c++) right += e.confusion[c * N_CLASSES + c];
    judd_evaluate_free(&e);
    judd_rows_free(&rows);
    judd_rows_standard_free(&standard);
    judd_bank_destroy(one);
    return right;
}

static void curve_is_what_shorter_trainings_reach(void **state) {
    (void)state;
    judd_bank_options o = options(16, 23, 0.5);
    o.curve_steps = 5;
    judd_bank *bank = train(&o, &all.world);
    assert_int_equal(bank->n_curve, 6);
    for (int k = 0; k < 6; k++) {
        judd_bank_options shorter = o;
        shorter.steps = k < 5 ? 5 * k : 23; /* the schedules are constant */
        shorter.curve_steps = 0;
        judd_bank *reached = train(&shorter, &all.world);
        for (int h = 0; h < N_HEADS; h++)
            assert_int_equal(bank->curve[h * 6 + k], count_right(reached, h));
        judd_bank_destroy(reached);
    }
    judd_bank_destroy(bank);
}

typedef struct saver {
    const char *folder;
} saver;

static judd_status save_and_die(void *context, const judd_bank *bank) {
    const saver *s = context;
    OK(judd_checkpoint_save(s->folder, "me", bank, &all.world));
    return bank->step >= 12 ? judd_status_set(JUDD_E_INTERNAL, "killed") : JUDD_OK;
}

static void all_of_it_survives_a_checkpoint(void **state) {
    (void)state;
    char folder[SHARED_FOLDER];
    OK(make_shared_folder(folder, &all.world));
    judd_bank_options o = deep(0.5);
    o.curve_steps = 4;
    judd_bank *whole = train(&o, &all.world), *bank = new_bank(target.dim, &o);
    judd_rows rows, extra;
    saver s = {folder};
    int64_t step;
    char *skipped = NULL;
    make_rows(&rows, &target, &all.world);
    make_source(&extra, &all.world);
    judd_trainer_hooks hooks = {.source = &extra,
                                .curve = &rows,
                                .checkpoint = save_and_die,
                                .context = &s,
                                .checkpoint_steps = 6};
    assert_int_equal(judd_trainer_run(bank, &rows, &all.world, &hooks), JUDD_E_INTERNAL);
    judd_bank_destroy(bank);
    bank = new_bank(target.dim, &o);
    OK(judd_checkpoint_restore(bank, &step, &skipped, folder, "me", &all.world));
    assert_int_equal(step, 12);
    train_on(bank, &all.world);
    assert_same_bank(bank, whole);
    assert_memory_equal(bank->curve, whole->curve,
                        (size_t)(N_HEADS * bank->n_curve) * sizeof(int64_t));
    OK(remove_shared_folder(folder, &all.world));
    free(skipped);
    judd_rows_free(&rows);
    judd_rows_free(&extra);
    judd_bank_destroy(bank);
    judd_bank_destroy(whole);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(gradient_is_of_both_sets),
    cmocka_unit_test(pull_is_towards_the_start),
    cmocka_unit_test(same_bits_at_any_number_of_ranks),
    cmocka_unit_test(weight_zero_is_no_source),
    cmocka_unit_test(no_step_is_the_start),
    cmocka_unit_test(curve_is_what_shorter_trainings_reach),
    cmocka_unit_test(all_of_it_survives_a_checkpoint),
};

LEARN_MAIN("transfer", tests)

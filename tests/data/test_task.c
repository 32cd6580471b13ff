/* Tasks, shots and folds against brute force, and their properties. */
#include <judd/base/rng.h>
#include <judd/data/task.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 500, LABELS = 7, CLASSES = 4 };

static const int32_t classes[CLASSES] = {5, 0, 3, 6};

static void make_labels(int32_t *labels) {
    for (int i = 0; i < N; i++)
        labels[i] = (int32_t)(judd_rng_bits(77, JUDD_RNG_ORDER, 1, (uint64_t)i) % LABELS);
}

static judd_status select_of(judd_task_samples *out, const int32_t *labels, int64_t n,
                             const int32_t *wanted, int n_wanted) {
    judd_dataset_info info = {.labels = labels, .n_samples = n};
    return judd_task_select(out, &info, wanted, n_wanted, true);
}

static void make_task(judd_task_samples *task) {
    int32_t labels[N];
    make_labels(labels);
    assert_int_equal(select_of(task, labels, N, classes, CLASSES), JUDD_OK);
}

static int64_t count_label(const judd_task_samples *s, int32_t label) {
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++) n += s->labels[i] == label;
    return n;
}

static int contains(const judd_task_samples *s, int64_t id) {
    for (int64_t i = 0; i < s->n; i++)
        if (s->ids[i] == id) return 1;
    return 0;
}

static void test_select(void **state) {
    (void)state;
    int32_t labels[N];
    make_labels(labels);
    judd_task_samples task;
    make_task(&task);
    int64_t k = 0;
    for (int i = 0; i < N; i++) {
        int task_label = -1;
        for (int c = 0; c < CLASSES; c++)
            if (classes[c] == labels[i]) task_label = c;
        if (task_label < 0) continue;
        assert_true(k < task.n);
        assert_int_equal(task.ids[k], i);
        assert_int_equal(task.labels[k], task_label);
        k++;
    }
    assert_int_equal(k, task.n);
    assert_null(task.folds);
    judd_task_free(&task);
    assert_int_equal(task.n, 0);
    judd_task_free(&task); /* a freed task may be freed */
    judd_task_free(NULL);
}

static void expect_select_error(const int32_t *wanted, int n_wanted, const char *part) {
    const int32_t labels[5] = {0, 1, 3, 3, 1};
    judd_task_samples task;
    assert_int_equal(select_of(&task, labels, 5, wanted, n_wanted), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), part));
    assert_null(task.ids);
}

static void test_select_errors(void **state) {
    (void)state;
    expect_select_error((const int32_t[]){0, 2}, 2, "class 2 has no sample; name the others");
    expect_select_error((const int32_t[]){0, 4}, 2, "class 4 has no sample");
    expect_select_error((const int32_t[]){-1, 0}, 2, "class -1 has no sample");
    expect_select_error((const int32_t[]){3, 0, 3}, 3, "class 3 is listed twice");
    judd_task_samples task;
    assert_int_equal(select_of(&task, NULL, 0, (const int32_t[]){0}, 1), JUDD_E_DATA);
}

/* A sample is drawn if fewer than `shots` of its class have smaller bits. */
static int drawn_by_brute_force(const judd_task_samples *all, int64_t i, int64_t shots,
                                uint64_t seed) {
    uint64_t mine = judd_rng_bits(seed, JUDD_RNG_SHOTS, 0, (uint64_t)all->ids[i]);
    int64_t before = 0;
    for (int64_t j = 0; j < all->n; j++) {
        uint64_t other = judd_rng_bits(seed, JUDD_RNG_SHOTS, 0, (uint64_t)all->ids[j]);
        before += all->labels[j] == all->labels[i] && other < mine;
    }
    return before < shots;
}

static void test_shots_brute_force(void **state) {
    (void)state;
    judd_task_samples all, some;
    make_task(&all);
    for (int64_t shots = 1; shots <= 40; shots += 13)
        for (uint64_t seed = 1; seed < 4; seed++) {
            assert_int_equal(judd_task_draw_shots(&some, &all, CLASSES, shots, seed), JUDD_OK);
            int64_t k = 0;
            for (int64_t i = 0; i < all.n; i++)
                if (drawn_by_brute_force(&all, i, shots, seed)) {
                    assert_int_equal(some.ids[k], all.ids[i]); /* so: ascending */
                    assert_int_equal(some.labels[k], all.labels[i]);
                    k++;
                }
            assert_int_equal(some.n, k);
            assert_int_equal(some.n, CLASSES * shots);
            for (int c = 0; c < CLASSES; c++) assert_int_equal(count_label(&some, c), shots);
            judd_task_free(&some);
        }
    judd_task_free(&all);
}

static void test_shots_nested(void **state) {
    (void)state;
    judd_task_samples all, few, more;
    make_task(&all);
    for (uint64_t seed = 0; seed < 5; seed++)
        for (int64_t shots = 1; shots < 32; shots *= 2) {
            assert_int_equal(judd_task_draw_shots(&few, &all, CLASSES, shots, seed), JUDD_OK);
            assert_int_equal(judd_task_draw_shots(&more, &all, CLASSES, 2 * shots, seed), JUDD_OK);
            for (int64_t i = 0; i < few.n; i++) assert_true(contains(&more, few.ids[i]));
            judd_task_free(&few);
            judd_task_free(&more);
        }
    judd_task_free(&all);
}

/* A sample's chance must not depend on which other classes the task has. */
static void test_shots_do_not_depend_on_other_classes(void **state) {
    (void)state;
    int32_t labels[N];
    make_labels(labels);
    judd_task_samples all, alone, shots_all, shots_alone;
    make_task(&all);
    assert_int_equal(select_of(&alone, labels, N, classes + 2, 1), JUDD_OK);
    assert_int_equal(judd_task_draw_shots(&shots_all, &all, CLASSES, 8, 3), JUDD_OK);
    assert_int_equal(judd_task_draw_shots(&shots_alone, &alone, 1, 8, 3), JUDD_OK);
    for (int64_t i = 0; i < shots_alone.n; i++)
        assert_true(contains(&shots_all, shots_alone.ids[i]));
    judd_task_free(&all);
    judd_task_free(&alone);
    judd_task_free(&shots_all);
    judd_task_free(&shots_alone);
}

static void test_shots_all_and_seeds(void **state) {
    (void)state;
    judd_task_samples all, a, b;
    make_task(&all);
    assert_int_equal(judd_task_draw_shots(&a, &all, CLASSES, 0, 9), JUDD_OK);
    assert_int_equal(a.n, all.n);
    assert_memory_equal(a.ids, all.ids, (size_t)all.n * sizeof *all.ids);
    judd_task_free(&a);
    assert_int_equal(judd_task_draw_shots(&a, &all, CLASSES, 10, 1), JUDD_OK);
    assert_int_equal(judd_task_draw_shots(&b, &all, CLASSES, 10, 2), JUDD_OK);
    assert_memory_not_equal(a.ids, b.ids, (size_t)a.n * sizeof *a.ids);
    judd_task_free(&a);
    judd_task_free(&b);
    judd_task_free(&all);
}

static void test_shots_errors(void **state) {
    (void)state;
    const int32_t labels[7] = {0, 1, 0, 1, 0, 1, 1};
    judd_task_samples all, some;
    assert_int_equal(select_of(&all, labels, 7, (const int32_t[]){1, 0}, 2), JUDD_OK);
    assert_int_equal(judd_task_draw_shots(&some, &all, 2, 3, 1), JUDD_OK);
    judd_task_free(&some);
    assert_int_equal(judd_task_draw_shots(&some, &all, 2, 4, 1), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "class 1 of the task has 3 samples, 4 shots"));
    assert_int_equal(judd_task_draw_shots(&some, &all, 3, 0, 1), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "class 2"));
    assert_int_equal(judd_task_draw_shots(&some, &all, 2, -1, 1), JUDD_E_CONFIG);
    assert_int_equal(judd_task_draw_shots(&some, &all, 1, 1, 1), JUDD_E_INTERNAL);
    judd_task_free(&all);
}

static void check_balance(const judd_task_samples *s, int n_folds) {
    int64_t least_total = s->n, most_total = 0;
    for (int f = 0; f < n_folds; f++) {
        int64_t total = 0;
        for (int64_t i = 0; i < s->n; i++) total += s->folds[i] == f;
        least_total = total < least_total ? total : least_total;
        most_total = total > most_total ? total : most_total;
    }
    assert_true(most_total - least_total <= 1);
    for (int c = 0; c < CLASSES; c++) {
        int64_t least = s->n, most = 0;
        for (int f = 0; f < n_folds; f++) {
            int64_t n = 0;
            for (int64_t i = 0; i < s->n; i++) n += s->labels[i] == c && s->folds[i] == f;
            least = n < least ? n : least;
            most = n > most ? n : most;
        }
        assert_true(most - least <= 1);
    }
}

static void test_folds(void **state) {
    (void)state;
    static const int n_folds[] = {1, 2, 3, 5, 10, 300};
    judd_task_samples all;
    make_task(&all);
    for (int k = 0; k < 6; k++) {
        assert_int_equal(judd_task_deal_folds(&all, CLASSES, n_folds[k], 4), JUDD_OK);
        for (int64_t i = 0; i < all.n; i++) assert_in_range(all.folds[i], 0, n_folds[k] - 1);
        check_balance(&all, n_folds[k]);
    }
    assert_int_equal(judd_task_deal_folds(&all, CLASSES, 5, 1), JUDD_OK);
    int16_t first[N];
    memcpy(first, all.folds, (size_t)all.n * sizeof *first);
    assert_int_equal(judd_task_deal_folds(&all, CLASSES, 5, 2), JUDD_OK);
    assert_memory_not_equal(first, all.folds, (size_t)all.n * sizeof *first);
    assert_int_equal(judd_task_deal_folds(&all, CLASSES, 5, 1), JUDD_OK);
    assert_memory_equal(first, all.folds, (size_t)all.n * sizeof *first);
    assert_int_equal(judd_task_deal_folds(&all, CLASSES, 0, 1), JUDD_E_CONFIG);
    assert_int_equal(judd_task_deal_folds(&all, CLASSES, 40000, 1), JUDD_E_CONFIG);
    judd_task_free(&all);
}

/* Fixed forever: a change of these would change every published low-shot result. */
static void test_shots_are_pinned(void **state) {
    (void)state;
    static const int64_t expected[8] = {3, 4, 163, 180, 315, 343, 399, 478};
    judd_task_samples all, some;
    make_task(&all);
    assert_int_equal(judd_task_draw_shots(&some, &all, CLASSES, 2, 1), JUDD_OK);
    for (int i = 0; i < 8; i++) assert_int_equal(some.ids[i], expected[i]);
    judd_task_free(&some);
    judd_task_free(&all);
}

/* Targets go with their samples; all samples are one class for shots and folds. */
static void test_targets(void **state) {
    (void)state;
    enum { TARGETS = 3 };
    int32_t labels[N] = {0};
    float targets[N * TARGETS];
    for (int i = 0; i < N * TARGETS; i++) targets[i] = (float)i;
    labels[7] = -1; /* a bad image */
    judd_dataset_info info = {
        .labels = labels, .n_samples = N, .n_targets = TARGETS, .targets = targets};
    judd_task_samples all, columns, few, more;
    assert_int_equal(judd_task_select(&all, &info, NULL, 0, true), JUDD_OK);
    assert_int_equal(all.n, N - 1);
    assert_false(contains(&all, 7));
    assert_int_equal(judd_task_select(&columns, &info, (const int32_t[]){2, 0}, 2, true), JUDD_OK);
    assert_int_equal(columns.n_targets, 2);
    assert_int_equal(judd_task_draw_shots(&few, &columns, 2, 20, 5), JUDD_OK);
    assert_int_equal(judd_task_draw_shots(&more, &all, 0, 60, 5), JUDD_OK);
    assert_int_equal(few.n, 20);
    assert_int_equal(more.n, 60);
    for (int64_t i = 0; i < few.n; i++) {
        assert_true(contains(&more, few.ids[i]));
        assert_true(few.targets[2 * i] == (float)(few.ids[i] * TARGETS + 2));
        assert_true(few.targets[2 * i + 1] == (float)(few.ids[i] * TARGETS));
    }
    assert_int_equal(judd_task_deal_folds(&few, 2, 4, 5), JUDD_OK);
    int64_t counts[4] = {0};
    for (int64_t i = 0; i < few.n; i++) counts[few.folds[i]]++;
    for (int f = 0; f < 4; f++) assert_int_equal(counts[f], 5);
    judd_task_samples none;
    assert_int_equal(judd_task_select(&none, &info, (const int32_t[]){3}, 1, true), JUDD_E_DATA);
    assert_int_equal(judd_task_draw_shots(&none, &all, 0, N, 5), JUDD_E_DATA);
    judd_task_free(&all);
    judd_task_free(&columns);
    judd_task_free(&few);
    judd_task_free(&more);
}

/* Every class gives its share, parts are disjoint and complete, a seed gives one division. */
static void test_divide(void **state) {
    (void)state;
    judd_task_samples all, rest, part, again;
    make_task(&all);
    make_task(&rest);
    assert_int_equal(judd_task_divide(&rest, &part, CLASSES, 0.3, 7), JUDD_OK);
    assert_int_equal(rest.n + part.n, all.n);
    for (int64_t i = 0; i < all.n; i++)
        assert_int_equal(contains(&rest, all.ids[i]) + contains(&part, all.ids[i]), 1);
    for (int c = 0; c < CLASSES; c++)
        assert_int_equal(count_label(&part, c), (10 * 3 * count_label(&all, c) + 50) / 100);
    judd_task_free(&rest);
    make_task(&rest);
    assert_int_equal(judd_task_divide(&rest, &again, CLASSES, 0.3, 7), JUDD_OK);
    assert_memory_equal(again.ids, part.ids, (size_t)part.n * sizeof *part.ids);
    judd_task_free(&again);
    assert_int_equal(judd_task_divide(&all, &again, CLASSES, 0.3, 8), JUDD_OK);
    assert_memory_not_equal(again.ids, part.ids, (size_t)part.n * sizeof *part.ids);
    judd_task_free(&all);
    make_task(&all);
    assert_int_equal(judd_task_divide(&all, &again, CLASSES, 0.999, 7), JUDD_E_DATA);
    judd_task_free(&all);
    judd_task_free(&rest);
    judd_task_free(&part);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_divide),
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_select_errors),
        cmocka_unit_test(test_shots_brute_force),
        cmocka_unit_test(test_shots_nested),
        cmocka_unit_test(test_shots_do_not_depend_on_other_classes),
        cmocka_unit_test(test_shots_all_and_seeds),
        cmocka_unit_test(test_shots_errors),
        cmocka_unit_test(test_folds),
        cmocka_unit_test(test_shots_are_pinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

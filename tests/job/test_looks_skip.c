/* With seeds = "auto" a whole job uses the trials that its shards trained, and no other: each shard
 * sees its own comparisons only, judd report all of them. */
#include "job/fixture.h"
#include "job/looks.h"

static judd_job *warm_job(void) {
    static const char *const changes[][2] = {
        {"seeds = 10;", "seeds = \"auto\"; max_seeds = 10;"},
        {"source = \"fashion 0,2,3\"; target = \"own\";",
         "mode = \"warm\"; source = \"other\"; target = \"own\";"},
        {"classes = [0, 2, 3]; } );",
         "classes = [0, 2, 3]; }, { name = \"other\"; format = \"idx\";"
         "  train = { images = \"j.gz\"; labels = \"m.gz\"; };"
         "  test = { images = \"tj.gz\"; labels = \"tm.gz\"; }; } );"},
        {"backbone = \"resnet\"; baseline = \"pixels\"; head",
         "backbone = [\"resnet\", \"pixels\"]; head"},
        {"shots = [5, 20];", "shots = 5;"}};
    char text[GOOD_SIZE], next[2 * GOOD_SIZE];
    judd_job *job = NULL;
    good_text(text, 0, NULL);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char *at = strstr(text, changes[i][0]);
        assert_non_null(at);
        snprintf(next, sizeof next, "%.*s%s%s", (int)(at - text), text, changes[i][1],
                 at + strlen(changes[i][0]));
        assert_true(strlen(next) < GOOD_SIZE);
        strcpy(text, next);
    }
    if (judd_job_read_text(&job, text, "text") != JUDD_OK) fail_msg("%s", judd_status_message());
    return job;
}

enum { MOST = 512 };

/* Comparison c of the whole job uses all seeds if bit c of the mask is set, else those of the first
 * look. */
static void use(judd_plan *plan, const judd_plan *whole, int mask) {
    for (int64_t k = 0; k < plan->n_comparisons; k++)
        for (int64_t c = 0; c < whole->n_comparisons; c++)
            if (strcmp(plan->comparisons[k].name, whole->comparisons[c].name) == 0)
                plan->comparisons[k].n_seeds = mask >> c & 1 ? 10 : 5;
}

/* Which trials of the whole job its shards train. */
static void train_shards(uint8_t trained[MOST], const judd_plan *whole, const judd_job *job,
                         int n_shards, int mask) {
    const uint8_t finished[MOST] = {0};
    uint8_t skip[MOST];
    for (int i = 1; i <= n_shards; i++) {
        judd_plan *part = NULL;
        assert_int_equal(judd_plan_create(&part, job, &(judd_shard){i, n_shards}), JUDD_OK);
        use(part, whole, mask);
        judd_looks_skip(skip, finished, part, job->seed);
        for (int64_t t = 0; t < part->n_trials; t++)
            for (int64_t w = 0; w < whole->n_trials; w++)
                if (!skip[t] && strcmp(part->trials[t].name, whole->trials[w].name) == 0)
                    trained[w] = 1;
        judd_plan_destroy(part);
    }
}

static void the_merge_uses_what_shards_trained(void **state) {
    (void)state;
    judd_job *job = warm_job();
    judd_plan *whole = NULL;
    const uint8_t finished[MOST] = {0};
    assert_int_equal(judd_plan_create(&whole, job, NULL), JUDD_OK);
    assert_int_equal(whole->n_comparisons, 4); /* a gain and a retention each */
    assert_true(whole->n_trials <= MOST);
    for (int i = 0; i < 64; i++) {
        int mask = i % 16, n_shards = 1 + i / 16;
        uint8_t skip[MOST], trained[MOST] = {0};
        int64_t n_trained = 0;
        train_shards(trained, whole, job, n_shards, mask);
        use(whole, whole, mask);
        judd_looks_skip(skip, finished, whole, job->seed);
        for (int64_t w = 0; w < whole->n_trials; w++) {
            if (skip[w] == trained[w])
                fail_msg("%d shards, mask %d: %s is %s, but was %strained", n_shards, mask,
                         whole->trials[w].name, skip[w] ? "not used" : "used",
                         trained[w] ? "" : "not ");
            n_trained += trained[w];
        }
        assert_true(n_trained > 0 && (mask > 0 || n_trained < whole->n_trials));
    }
    judd_plan_destroy(whole);
    judd_job_destroy(job);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_merge_uses_what_shards_trained)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

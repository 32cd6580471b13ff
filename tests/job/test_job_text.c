/* Overrides, the resolved job, comparison, and the option tables themselves. */
#include "job/fixture.h"
#include "job/keys.h"

#include <judd/base/memory.h>
#include <judd/base/rng.h>

#include <libconfig.h>
#include <math.h>

enum { RANDOM_JOBS = 300 };

static judd_job *read_with(const char *const *overrides, int n) {
    judd_job *job = NULL;
    if (judd_job_read(&job, "jobs/a.cfg", overrides, n) != JUDD_OK)
        fail_msg("%s", judd_status_message());
    return job;
}

static int setup(void **state) {
    char text[GOOD_SIZE];
    if (enter_folder(state) != 0 || mkdir("jobs", 0777) != 0) return -1;
    setenv("JUDD_CACHE", "/big/cache", 1);
    good_text(text, 0, NULL);
    write_file("jobs/a.cfg", text);
    return 0;
}

static void test_overrides(void **state) {
    (void)state;
    static const char *const changes[] = {
        "heads.linear.l2=0.5",
        "heads.0.optimizer.schedule=constant", /* a bare word is a string */
        "backbones.[1].input.mean=[0, 1.5]",   /* makes the group */
        "name=12",                             /* a string where one is needed */
        "backbones.pixels.name=pix.els",
        "experiments.e1.baseline=pix.els",
        "backbones.pix.els.batch=7", /* names may hold points; the change before counts */
        "backbones.random.file=m/y.onnx",
        "limits={ threads = 3; }",
        "verdict.seeds=5",
        "verdict.seeds = 6", /* not the same path, see below */
        "cache=a b#c",
        "experiments.e1.shots=(1, 2)",
    };
    judd_job *job = NULL;
    assert_int_equal(judd_job_read(&job, "jobs/a.cfg", changes, 13), JUDD_E_CONFIG);
    assert_string_equal(judd_status_message(),
                        "--set verdict.seeds = 6: unknown key \"seeds \" in verdict; did you mean "
                        "\"seeds\"?");
    static const char *const good[] = {"heads.linear.l2=0.5",
                                       "heads.0.optimizer.schedule=constant",
                                       "backbones.[1].input.mean=[0, 1.5]",
                                       "name=12",
                                       "backbones.pixels.name=pix.els",
                                       "experiments.e1.baseline=pix.els",
                                       "backbones.pix.els.batch=7",
                                       "backbones.random.file=m/y.onnx",
                                       "limits={ threads = 3; }",
                                       "verdict.seeds=5",
                                       "verdict.seeds=6",
                                       "cache=a b#c",
                                       "experiments.e1.shots=(1, 2)"};
    job = read_with(good, 13);
    assert_int_equal(job->heads[0].l2.n, 1);
    assert_true(job->heads[0].l2.values[0] == 0.5);
    assert_string_equal(job->heads[0].optimizer.schedule, "constant");
    assert_int_equal(job->heads[0].optimizer.steps, 100);
    assert_true(job->backbones[1].input.mean.values[1] == 1.5);
    assert_string_equal(job->name, "12");
    assert_string_equal(job->output, "runs/12");
    assert_int_equal(job->backbones[2].batch, 7);
    assert_string_equal(job->backbones[0].file, "jobs/models/x.onnx"); /* from the file's folder */
    assert_string_equal(job->backbones[1].file, "m/y.onnx"); /* from the working directory */
    assert_int_equal(job->limits.threads, 3);
    assert_int_equal(job->verdict.seeds, 6); /* the last one wins */
    assert_string_equal(job->cache, "a b#c");
    assert_int_equal(job->experiments[0].shots.values[1], 2);
    judd_job_destroy(job);
}

static void test_bad_overrides(void **state) {
    (void)state;
    static const struct {
        const char *change, *message;
    } cases[] = {
        {"heads.liner.l2=1", "heads has no element \"liner\"; did you mean \"linear\"?"},
        {"heads.1.l2=1", "heads has no element \"1\"; known: linear"},
        {"heads.linear.optimzer.x=3",
         "unknown key \"optimzer\" in a head; did you mean \"optimizer\"?"},
        {"lanse=3", "unknown key \"lanse\" in the job; did you mean \"lanes\"?"},
        {"verdict.seeds=abc",
         "verdict.seeds is a string, but an integer is needed; write seeds = 10"},
        {"verdict.seeds=", "verdict.seeds is a string, but an integer is needed; write seeds = 10"},
        {"lanes=5000", "lanes is 5000, but must be at least 1 and at most 4096 lanes"},
        {"lanes=3; seed = 4", "lanes is a string, but an integer is needed; write lanes = 16"},
        {"heads.linear.l2.[0]=3", "l2 has no parts; set it as a whole"},
        {"heads.linear=3", "an element of a list is a group; write ={ ... }"},
        {"heads.linear={ kind = \"softmax\"; }",
         "heads.[0] has no \"name\" (how experiments call it); add name = \"...\""},
        {"experiments.e1.head=lin",
         "experiments.e1.head = \"lin\" is none of the heads; known: linear"},
        {"experiments.e1.bsaeline=x",
         "unknown key \"bsaeline\" in an experiment; did you mean \"baseline\"?"},
        {"lanes.=3", "the path ends in a point; write path.to.key=value"},
        {"lanes", "not an assignment; write --set path.to.key=value"},
        {"=3", "not an assignment; write --set path.to.key=value"},
        {"lanes=1\n@include \"x\"", "the value holds a control character; remove it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[512];
        snprintf(message, sizeof message, "--set %s: %s", cases[i].change, cases[i].message);
        for (char *c = message; *c; c++)
            if (*c == '\n') *c = ' ';
        expect_refusal("jobs/a.cfg", cases[i].change, message);
    }
}

/* libconfig itself, without anything of ours, reads what was written. */
static void test_written_for_libconfig(void **state) {
    (void)state;
    char *text = NULL;
    config_t tree;
    double real = 0;
    int integer = 0;
    const char *string = NULL;
    long long wide = 0;
    const char *change = "seed=9007199254740991";
    judd_job *job = read_with(&change, 1);
    assert_int_equal(judd_job_write(job, &text), JUDD_OK);
    config_init(&tree);
    assert_true(config_read_string(&tree, text));
    assert_true(config_lookup_int64(&tree, "seed", &wide) && wide == 9007199254740991);
    assert_true(config_lookup_float(&tree, "limits.checkpoint_s", &real) && real == 60);
    assert_true(config_lookup_float(&tree, "backbones.[0].input.scale", &real) && real == 1. / 255);
    assert_true(config_lookup_int(&tree, "heads.[0].optimizer.batch", &integer) && integer == 256);
    assert_true(config_lookup_string(&tree, "datasets.[0].test.labels", &string));
    char expected[4200];
    snprintf(expected, sizeof expected, "%s/jobs/tl.gz", (const char *)*state);
    assert_string_equal(string, expected); /* absolute */
    assert_true(config_lookup_string(&tree, "experiments.[0].target.[0]", &string));
    assert_string_equal(string, "own");
    assert_null(config_lookup(&tree, "backbones.[2].file"));
    config_destroy(&tree);
    free(text);
    judd_job_destroy(job);
}

/* --- jobs made of random values, by the tables ------------------------------------------------ */

typedef struct stream {
    uint64_t seed, next;
} stream;

static uint64_t draw(stream *s) {
    return judd_rng_bits(s->seed, JUDD_RNG_ORDER, 0, s->next++);
}

static double draw_real(stream *s, const judd_key *key) {
    double u = ((double)(draw(s) >> 11) + 0.5) * 0x1p-53; /* inside (0, 1) */
    double span = key->maximum - key->minimum;
    if (draw(s) % 4 == 0 && !(key->flags & JUDD_KEY_ABOVE)) return key->minimum;
    if (draw(s) % 2) return key->minimum + u * span;
    double small = key->minimum < 0 ? u : key->minimum + u * exp2(-(double)(draw(s) % 60));
    return small < key->maximum && small > key->minimum ? small : key->minimum + u * span;
}

static char *draw_text(stream *s, judd_key_type element) {
    static const char *const pieces[] = {"a",  "Z",  "7",     "_",        "x-", ".b",
                                         "\"", "\\", " ",     "\xc3\xa9", "#",  "//",
                                         "{",  ";",  "\\x00", "@include"};
    int safe = element == JUDD_KEY_NAME;
    char text[200] = "n";
    for (uint64_t n = draw(s) % 12; n > 0; n--)
        strcat(text, pieces[draw(s) % (safe ? 6 : sizeof pieces / sizeof *pieces)]);
    return strdup(text);
}

static void draw_scalar(stream *s, const judd_key *key, void *target) {
    judd_key_type element = judd_keys_element(key->type);
    int64_t integer;
    double real;
    char *text;
    if (element == JUDD_KEY_INT) {
        uint64_t span = (uint64_t)(key->maximum - key->minimum);
        integer = (int64_t)key->minimum + (int64_t)(span == 0 ? 0 : draw(s) % (span + 1));
        memcpy(target, &integer, sizeof integer);
    } else if (element == JUDD_KEY_REAL) {
        real = draw_real(s, key);
        memcpy(target, &real, sizeof real);
    } else if (element == JUDD_KEY_BOOL) {
        *(bool *)target = draw(s) % 2;
    } else {
        int n = key->choices ? (int)strcspn(key->choices, "|") : 0;
        text = n ? strndup(key->choices, (size_t)n) : draw_text(s, element);
        memcpy(target, &text, sizeof text);
    }
}

static void draw_table(stream *s, const judd_key_table *table, void *base) {
    for (int i = 0; i < table->n_keys; i++) {
        const judd_key *key = &table->keys[i];
        judd_key_type element = judd_keys_element(key->type);
        char *target = (char *)base + key->offset, *items = NULL;
        int64_t n = (int64_t)(draw(s) % 3) + (key->type == JUDD_KEY_LIST ? 2 : 1);
        if (!judd_keys_applies(key, table, base)) continue;
        if (key->type == JUDD_KEY_GROUP) {
            draw_table(s, key->table, target);
        } else if (key->type == JUDD_KEY_LIST) {
            assert_int_equal(judd_memory_alloc(&items, n, key->table->size), JUDD_OK);
            memcpy(target, &items, sizeof items);
            memcpy((char *)base + key->count_offset, &n, sizeof n);
            for (int64_t k = 0; k < n; k++)
                draw_table(s, key->table, items + (size_t)k * key->table->size);
        } else if (element != key->type) {
            judd_job_numbers list = {n, NULL};
            assert_int_equal(judd_memory_alloc(&items, n, judd_keys_size(element)), JUDD_OK);
            for (int64_t k = 0; k < n; k++)
                draw_scalar(s, key, items + (size_t)k * judd_keys_size(element));
            list.values = (double *)(void *)items;
            memcpy(target, &list, sizeof list);
        } else {
            draw_scalar(s, key, target);
        }
    }
}

static void replace(char **text, const char *with) {
    free(*text);
    *text = with ? strdup(with) : NULL;
}

static void leave_one(judd_job_strings *names, const char *with) {
    for (int64_t k = 1; k < names->n; k++) free(names->values[k]);
    names->n = 1;
    replace(&names->values[0], with);
}

/* Texts of one format, or images of another. */
static void name_files(judd_job_dataset *d, bool texts) {
    judd_job_files *files[] = {&d->train, &d->validation, &d->test};
    for (int k = 0; k < 3; k++) replace(texts ? &files[k]->images : &files[k]->texts, NULL);
    if (texts) {
        replace(&d->format, "jsonl");
        d->views = 1;
        return;
    }
    replace(&d->text_column, NULL);
    replace(&d->label_column, NULL);
}

/* Names that differ and references that exist; lists cut to one value where more may repeat. */
static void make_consistent(judd_job *job) {
    char name[32];
    for (int64_t i = 0; i < job->n_backbones; i++) {
        judd_job_backbone *b = &job->backbones[i];
        snprintf(name, sizeof name, "b%lld", (long long)i);
        replace(&b->name, name);
        for (int64_t k = 1; k < b->tap.n; k++) free(b->tap.values[k]);
        b->tap.n = 1;
        b->input.channels = b->input.mean.n;
        while (b->input.std.n > b->input.mean.n) b->input.std.n--;
        if (b->input.std.n < b->input.mean.n) b->input.std.n = 0;
        b->input.resize.n = 1; /* the random choice is the first: the shorter side */
        if (b->input.crop.n > 2) b->input.crop.n = 2;
        b->columns.n = 0; /* the random kind is the first */
        if (i > 0) continue;
        replace(&b->kind, "none");
        replace(&b->file, NULL);
        b->columns.n = 2;
        b->columns.values = realloc(b->columns.values, 2 * sizeof *b->columns.values);
        b->columns.values[0] = b->columns.values[1] = 7;
    }
    for (int64_t i = 0; i < job->n_datasets; i++) {
        snprintf(name, sizeof name, "d.%lld", (long long)i);
        replace(&job->datasets[i].name, name);
        job->datasets[i].classes.n = 0;
        job->datasets[i].augment.scale.n = job->datasets[i].augment.ratio.n = 1;
        job->datasets[i].test_fraction = 0.0; /* test names files */
        name_files(&job->datasets[i], i == 0);
    }
    for (int64_t i = 0; i < job->n_heads; i++) {
        snprintf(name, sizeof name, "h-%lld", (long long)i);
        replace(&job->heads[i].name, name);
        job->heads[i].components = 0; /* the random transform is the first: none */
        job->heads[i].l2.n = job->heads[i].optimizer.learning_rate.n = 1;
    }
    for (int64_t i = 0; i < job->n_experiments; i++) {
        judd_job_experiment *e = &job->experiments[i];
        snprintf(name, sizeof name, "e_%lld", (long long)i);
        replace(&e->name, name);
        leave_one(&e->backbone, "b1");
        replace(&e->baseline, "b0");
        leave_one(&e->head, job->heads[job->n_heads - 1].name);
        e->shots.n = 1;
        leave_one(&e->target, job->datasets[job->n_datasets - 1].name);
    }
}

static judd_job *random_job(uint64_t seed) {
    judd_job *job = NULL;
    stream s = {seed, 0};
    assert_int_equal(judd_memory_alloc(&job, 1, sizeof *job), JUDD_OK);
    draw_table(&s, judd_keys_job(), job);
    make_consistent(job);
    return job;
}

static void test_round_trip(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < RANDOM_JOBS; seed++) {
        judd_job *job = random_job(seed), *again = NULL;
        char *text = NULL, *second = NULL, *difference = NULL;
        assert_int_equal(judd_job_write(job, &text), JUDD_OK);
        if (judd_job_read_text(&again, text, "job.cfg") != JUDD_OK)
            fail_msg("seed %d: %s\n%s", (int)seed, judd_status_message(), text);
        assert_int_equal(judd_job_write(again, &second), JUDD_OK);
        assert_string_equal(text, second); /* output, cache and limits too */
        assert_int_equal(judd_job_compare(job, again, &difference), JUDD_OK);
        if (difference) fail_msg("seed %d: %s", (int)seed, difference);
        /* bit by bit, not only by the same writer */
        const judd_job_head *h = &job->heads[0], *g = &again->heads[0];
        assert_memory_equal(&h->optimizer.momentum, &g->optimizer.momentum, sizeof(double));
        assert_memory_equal(h->l2.values, g->l2.values, sizeof(double));
        assert_memory_equal(&job->verdict, &again->verdict, sizeof job->verdict);
        assert_memory_equal(&job->limits, &again->limits, sizeof job->limits);
        assert_int_equal(job->seed, again->seed);
        assert_string_equal(job->experiments[0].source, again->experiments[0].source);
        assert_string_equal(job->output, again->output);
        free(text);
        free(second);
        judd_job_destroy(job);
        judd_job_destroy(again);
    }
}

static void differ(const char *change, const char *expected) {
    judd_job *here = read_with(&change, 1), *there = read_with(NULL, 0);
    char *difference = NULL;
    assert_int_equal(judd_job_compare(here, there, &difference), JUDD_OK);
    if (expected && !difference) fail_msg("%s: no difference seen", change);
    if (expected)
        assert_string_equal(difference, expected);
    else
        assert_null(difference);
    free(difference);
    judd_job_destroy(here);
    judd_job_destroy(there);
}

static void test_compare(void **state) {
    char expected[8500];
    differ("verdict.seeds=5", "verdict.seeds is 5 here, 10 there");
    differ("lanes=16", NULL);
    differ("output=elsewhere", NULL);
    differ("cache=elsewhere", NULL);
    differ("limits.threads=4", NULL);
    differ("limits.checkpoint_s=4", NULL);
    differ("heads.linear.l2=[0.0001, 0.1]",
           "heads.linear.l2 is [0.0001, 0.1] here, [0.0001, 0.01] there");
    differ("heads.linear.standardize=false", "heads.linear.standardize is false here, true there");
    differ("backbones.0.input.scale=1",
           "backbones.resnet.input.scale is 1.0 here, 0.00392156862745098 there");
    differ("experiments.e1.baseline=random",
           "experiments.e1.baseline is \"random\" here, \"pixels\" there");
    differ("backbones.resnet.file=jobs/models/x.onnx", NULL); /* the same path */
    differ("backbones.resnet.file=./jobs/../jobs/models/x.onnx", NULL);
    snprintf(expected, sizeof expected,
             "backbones.random.file is \"%s/x.onnx\" here, \"%s/jobs/x.onnx\" there",
             (const char *)*state, (const char *)*state);
    if (strlen(*state) < 40) differ("backbones.random.file=x.onnx", expected);
    differ(
        "heads=({ name = \"linear\"; kind = \"softmax\"; }, { name = \"b\"; kind = \"softmax\"; })",
        "heads has 2 elements here, 1 there");
}

/* Change every key of the tables, one at a time: compare sees it unless the key is silent. */
static void change_each(const judd_key_table *table, void *base, judd_job *job, judd_job *other,
                        int silent, int *seen) {
    for (int i = 0; i < table->n_keys; i++) {
        const judd_key *key = &table->keys[i];
        char *target = (char *)base + key->offset, *difference = NULL, *items = NULL, saved[16];
        int hidden = silent || key->flags & JUDD_KEY_SILENT;
        judd_key_type element = judd_keys_element(key->type);
        size_t size = element == key->type ? judd_keys_size(element) : sizeof(int64_t);
        int64_t longer = 0;
        char *text = (char *)(uintptr_t) "another";
        if (!judd_keys_applies(key, table, base)) continue;
        if (key->type == JUDD_KEY_GROUP) {
            change_each(key->table, target, job, other, hidden, seen);
            continue;
        }
        if (key->type == JUDD_KEY_LIST) {
            memcpy(&items, target, sizeof items);
            change_each(key->table, items, job, other, hidden, seen);
            continue;
        }
        memcpy(saved, target, size);
        if (element != key->type)
            memcpy(target, &longer, sizeof longer); /* an empty list */
        else if (element >= JUDD_KEY_STRING && element <= JUDD_KEY_FOLDER)
            memcpy(target, &text, sizeof text);
        else
            target[0] ^= 1; /* the lowest bit */
        assert_int_equal(judd_job_compare(job, other, &difference), JUDD_OK);
        if (hidden ? difference != NULL : !difference || !strstr(difference, key->name))
            fail_msg("%s: %s", key->name, difference ? difference : "no difference");
        free(difference);
        memcpy(target, saved, size);
        ++*seen;
    }
}

/* A list that can be emptied, whatever the random job has there. */
static void one_number(judd_job_numbers *list) {
    free(list->values);
    list->values = calloc(1, sizeof *list->values);
    list->values[0] = 0.5;
    list->n = 1;
}

static void test_compare_every_key(void **state) {
    (void)state;
    judd_job *job = random_job(8), *other = random_job(8);
    int seen = 0;
    free(job->datasets[0].class_names.values[0]); /* classes were emptied: give them one value */
    job->datasets[0].class_names.values[0] = strdup("one");
    replace(&other->datasets[0].class_names.values[0], "one");
    job->datasets[0].classes.n = other->datasets[0].classes.n = 1;
    judd_job *both[2] = {job, other};
    for (int i = 0; i < 2; i++) {
        one_number(&both[i]->backbones[0].input.mean);
        one_number(&both[i]->backbones[0].input.std);
    }
    change_each(judd_keys_job(), job, job, other, 0, &seen);
    assert_true(seen > 40);
    judd_job_destroy(job);
    judd_job_destroy(other);
}

static void check_table(const judd_key_table *table, int must_have_defaults) {
    for (int i = 0; i < table->n_keys; i++) {
        const judd_key *key = &table->keys[i];
        judd_key_type element = judd_keys_element(key->type);
        int excludes = key->flags & (JUDD_KEY_ABOVE | JUDD_KEY_BELOW);
        assert_non_null(key->help);
        assert_null(strchr(key->help, '|')); /* would break the Markdown */
        const judd_key *first = judd_keys_find(table, key->name);
        if (first != key) { /* for other kinds */
            assert_true(key->kinds && first->kinds && key->type == first->type);
            assert_int_equal(key->offset, first->offset);
        }
        if (key->kinds) assert_true(judd_keys_find(table, "kind") < key);
        if (must_have_defaults) assert_false(key->flags & JUDD_KEY_REQUIRED);
        if (key->table)
            check_table(key->table,
                        key->type == JUDD_KEY_GROUP && !(key->flags & JUDD_KEY_REQUIRED));
        if (key->type == JUDD_KEY_CHOICE) assert_non_null(key->choices);
        if (element != JUDD_KEY_INT && element != JUDD_KEY_REAL) continue;
        assert_true(key->minimum < key->maximum || !excludes);
        if (key->type == JUDD_KEY_INT &&
            key->minimum < key->maximum) /* all but versions and seeds */
            assert_true(key->unit || strstr(key->name, "seed"));
        const char *c = key->fallback ? key->fallback : "";
        while (*c) {
            char *end = NULL;
            double value = strtod(c, &end);
            assert_true(end > c && value >= key->minimum && value <= key->maximum);
            if (key->flags & JUDD_KEY_ABOVE) assert_true(value > key->minimum);
            if (key->flags & JUDD_KEY_BELOW) assert_true(value < key->maximum);
            c = *end ? end + 2 : end;
        }
    }
}

static void test_tables(void **state) {
    (void)state;
    check_table(judd_keys_job(), 0);
}

static void test_documentation(void **state) {
    (void)state;
    char *text = NULL;
    size_t size = 0;
    int rows = 0, columns = 0;
    FILE *file = open_memstream(&text, &size);
    assert_int_equal(judd_job_write_keys(file), JUDD_OK);
    fclose(file);
    assert_non_null(strstr(text, "\n### heads[].optimizer\n"));
    assert_non_null(
        strstr(text, "| `momentum` | real | `0.9` | at least 0 and below 1 | sgd: share of"));
    assert_non_null(strstr(text, "| `schedule` | choice | `\"cosine\"` | `constant`, `cosine`, "
                                 "`linear`, `step` |"));
    assert_non_null(strstr(text, "| `learning_rate` | reals | `[0.01, 0.03, 0.1, 0.3, 1]` |"));
    for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        int bars = 0;
        for (const char *c = line; *c; c++) bars += *c == '|';
        if (line[0] != '|') columns = 0;
        if (line[0] == '|') assert_true(bars == (columns ? columns : 6) || (!columns && bars == 7));
        if (line[0] == '|') columns = bars; /* a row has as many as its table's head */
        rows += line[0] == '|' && line[2] == '`';
    }
    assert_true(rows > 50);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_bad_overrides),
        cmocka_unit_test(test_written_for_libconfig),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_compare_every_key),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_documentation),
    };
    return cmocka_run_group_tests(tests, setup, leave_folder);
}

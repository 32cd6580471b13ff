/* Job files as people write them, well and badly: values, defaults, and messages with file:line. */
#include "job/fixture.h"

#include <locale.h>
#include <math.h>

static judd_job *read_good(const char *text) {
    judd_job *job = NULL;
    write_file("a.cfg", text);
    judd_status status = judd_job_read(&job, "a.cfg", NULL, 0);
    if (status != JUDD_OK) fail_msg("%s", judd_status_message());
    return job;
}

static void test_values_and_defaults(void **state) {
    (void)state;
    char text[GOOD_SIZE];
    good_text(text, 0, NULL);
    setenv("JUDD_CACHE", "/big/cache", 1);
    judd_job *job = read_good(text);
    assert_int_equal(job->schema, 1);
    assert_string_equal(job->name, "fashion");
    assert_int_equal(job->seed, 1);
    assert_int_equal(job->lanes, 16);
    assert_string_equal(job->output, "runs/fashion");
    assert_string_equal(job->cache, "/big/cache");
    assert_int_equal(job->limits.memory_mib, 4096);
    assert_int_equal(job->limits.threads, 0);
    assert_int_equal(job->limits.checkpoint_steps, 0);
    assert_true(job->limits.checkpoint_s == 60);
    assert_true(job->verdict.margin == 0.005);
    assert_int_equal(job->n_backbones, 3);
    const judd_job_backbone *b = judd_job_find_backbone(job, "resnet");
    assert_ptr_equal(b, &job->backbones[0]);
    assert_string_equal(b->file, "models/x.onnx");
    assert_string_equal(b->weights, "file");
    assert_int_equal(b->tap.n, 1);
    assert_string_equal(b->tap.values[0], "penultimate");
    assert_string_equal(b->pool, "none");
    assert_true(b->input.scale == 1.0 / 255);
    assert_int_equal(b->input.mean.n, 1);
    assert_true(b->input.mean.values[0] == 0.5);
    assert_string_equal(job->backbones[1].weights, "random");
    assert_null(job->backbones[2].file);
    assert_int_equal(job->backbones[2].input.std.n, 0);
    assert_null(judd_job_find_backbone(job, "resne"));
    const judd_job_dataset *d = judd_job_find_dataset(job, "own");
    assert_string_equal(d->test.labels, "tl.gz");
    assert_int_equal(d->classes.n, 3);
    assert_int_equal(d->classes.values[2], 3);
    assert_int_equal(d->class_names.n, 0);
    const judd_job_head *h = judd_job_find_head(job, "linear");
    assert_true(h->optimizer.momentum == 0.8);
    assert_int_equal(h->optimizer.batch, 256);
    assert_int_equal(h->optimizer.steps, 100);
    assert_int_equal(h->optimizer.learning_rate.n, 5);
    assert_true(h->optimizer.learning_rate.values[1] == 0.03);
    assert_true(h->optimizer.learning_rate.values[4] == 1);
    assert_string_equal(h->optimizer.schedule, "cosine");
    assert_true(h->standardize);
    assert_int_equal(h->folds, 5);
    const judd_job_experiment *e = &job->experiments[0];
    assert_string_equal(e->mode, "backbone");
    assert_int_equal(e->target.n, 1); /* a single value is a list of one */
    assert_string_equal(e->target.values[0], "own");
    assert_int_equal(e->shots.n, 2);
    assert_int_equal(e->shots.values[1], 20);
    judd_job_destroy(job);
    judd_job_destroy(NULL);
}

static void test_cache_places(void **state) {
    (void)state;
    char text[GOOD_SIZE];
    good_text(text, 0, NULL);
    unsetenv("JUDD_CACHE");
    setenv("XDG_CACHE_HOME", "/xdg", 1);
    setenv("HOME", "/home/me", 1);
    judd_job *job = read_good(text);
    assert_string_equal(job->cache, "/xdg/judd");
    judd_job_destroy(job);
    setenv("XDG_CACHE_HOME", "", 1);
    job = read_good(text);
    assert_string_equal(job->cache, "/home/me/.cache/judd");
    judd_job_destroy(job);
    unsetenv("HOME");
    expect_refusal("a.cfg", NULL,
                   "a.cfg: no cache, and neither JUDD_CACHE, XDG_CACHE_HOME nor HOME is set; add "
                   "cache = \"...\"");
    setenv("JUDD_CACHE", "/big/cache", 1);
}

/* What people write and libconfig 1.5 alone refuses or gets wrong. */
static void test_lenient_syntax(void **state) {
    (void)state;
    static const struct {
        const char *l2;
        int n;
        double first, last;
    } cases[] = {
        {"l2 = [0, 0.5];", 2, 0, 0.5},
        {"l2 = (0, 0.5,);", 2, 0, 0.5},
        {"l2 = 1e-3;", 1, 1e-3, 1e-3},
        {"l2 = [1e-3, /* , */ 1E+2 # x\n ];", 2, 1e-3, 100},
        {"l2 : .5", 1, 0.5, 0.5},
        {"l2 = [-0.0, 1L, 0x10];", 3, 0, 16},
        {"l2 = 5. // comment \" {", 1, 5, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[GOOD_SIZE], line[256];
        snprintf(line, sizeof line, "%s } );", cases[i].l2);
        if (strstr(line, "//")) snprintf(line, sizeof line, "%s\n } );", cases[i].l2);
        good_text(text, 21, line);
        judd_job *job = read_good(text);
        assert_int_equal(job->heads[0].l2.n, cases[i].n);
        assert_true(job->heads[0].l2.values[0] == cases[i].first);
        assert_false(signbit(job->heads[0].l2.values[0])); /* -0 and 0 are one value */
        assert_true(job->heads[0].l2.values[cases[i].n - 1] == cases[i].last);
        judd_job_destroy(job);
    }
    char text[GOOD_SIZE + 8], crlf[2 * GOOD_SIZE] = "\xef\xbb\xbf", *c = crlf + 3;
    good_text(text, 3, "seed = 9007199254740991; # beyond 32 bits");
    for (const char *t = text; *t; t++) {
        if (*t == '\n') *c++ = '\r';
        *c++ = *t;
    }
    *c = '\0';
    judd_job *job = read_good(crlf); /* a byte order mark and CRLF */
    assert_int_equal(job->seed, 9007199254740991);
    judd_job_destroy(job);
}

/* Numbers have a point wherever the user lives; skipped where no such locale can be had. */
static void test_locale(void **state) {
    char text[GOOD_SIZE], *written = NULL, path[4200];
    if (!setlocale(LC_ALL, "de_DE.UTF-8")) {
        snprintf(path, sizeof path, "%s/locales", (const char *)*state);
        assert_int_equal(mkdir(path, 0777) | setenv("LOCPATH", path, 1), 0);
        int made = system("localedef -i de_DE -f UTF-8 locales/de_DE.UTF-8 >localedef.log 2>&1");
        if (made != 0 || !setlocale(LC_ALL, "de_DE.UTF-8")) skip();
    }
    assert_true(strtod("0,5", NULL) == 0.5); /* it does matter here */
    good_text(text, 0, NULL);
    judd_job *job = read_good(text);
    assert_true(job->verdict.margin == 5. / 1000);
    assert_int_equal(judd_job_write(job, &written), JUDD_OK);
    assert_non_null(strstr(written, "margin = 0.005;"));
    free(written);
    judd_job_destroy(job);
    setlocale(LC_ALL, "C");
}

typedef struct bad_case {
    int line;
    const char *replacement, *message;
} bad_case;

static const bad_case bad_syntax[] = {
    {6, "  seeds = ;", "a.cfg:6: no value between \"=\" and \";\"; write key = value"},
    {6, "  seeds 10;", "a.cfg:6: \"seeds\" has no value; write seeds = ..."},
    {6, "  = 10;", "a.cfg:6: \"=\" without a key before it; write key = value"},
    {6, "  seeds = ten;", "a.cfg:6: ten is not a value; a string needs quotes: \"ten\""},
    {6, "  seeds = 10x;", "a.cfg:6: 10x is not a number; a string needs quotes: \"10x\""},
    {6, "  seeds = 1.2.3;", "a.cfg:6: 1.2.3 is not a number; a string needs quotes: \"1.2.3\""},
    {6, "  seeds = \"10;", "a.cfg:6: a string is not closed on its line; add the missing \""},
    {6, "  seeds = @;", "a.cfg:6: unexpected character \"@\"; remove it"},
    {6, "  seeds = \xff;", "a.cfg:6: unexpected byte 0xff; remove it"},
    {6, "  seeds = 99999999999999999999;",
     "a.cfg:6: 99999999999999999999 does not fit into 64 bits; give a smaller "
     "number, or a real with .0"},
    {6, "  seeds = 0x7fffffffffffffffff;",
     "a.cfg:6: 0x7fffffffffffffffff does not fit into 64 bits; give a smaller number"},
    {2, "name = \"a\\x00b\";", "a.cfg:2: a string cannot hold \\x00; remove it"},
    {6, "  margin = 0.1;", "a.cfg:6: key \"margin\" is given twice, first at a.cfg:5; remove one"},
    {8, "verdict = {};", "a.cfg:8: key \"verdict\" is given twice, first at a.cfg:4; remove one"},
    {7, "};\n}", "a.cfg:8: \"}\" closes nothing; remove it"},
    {7, ");",
     "a.cfg:7: \")\" cannot close the \"{\" of a.cfg:4; write \"}\" or look for a missing "
     "one"},
    {24, "  shots = [5, 20]; }", "a.cfg:22: \"(\" is never closed; add the missing bracket"},
    {24, "  shots = [5, 20]; } ); /* more\n\n",
     "a.cfg:26: a comment has no end in this file; add */"},
    {24, "  shots = [5 20]; } );", "a.cfg:24: two values in a row; put a comma between them"},
    {24, "  shots = [5; 20]; } );", "a.cfg:24: \";\" inside a list; separate its values by commas"},
    {24, "  shots = [5,, 20]; } );", "a.cfg:24: \",\" follows no value; remove it"},
    {24, "  shots = [,]; } );", "a.cfg:24: \",\" follows no value; remove it"},
    {24, "  shots = 5;; } );", "a.cfg:24: \";\" follows no value; remove it"},
    {24, "  shots = } );", "a.cfg:24: no value before \"}\"; write key = value"},
    {24, "  shots = [5, 20]; } ); seed =", "a.cfg:24: no value at the end; write key = value"},
    {5, "  margin = ", "a.cfg:6: no value before \"seeds\"; write key = value"},
    {5, "  margin = 5 6;", "a.cfg:5: a value without a key before it; write key = value"},
    {9, "backbones = ( { kind = ( x = 3 ); },",
     "a.cfg:9: key \"x\" stands in a list; put { } around the element"},
    {3, "@include lanes", "a.cfg:3: @include without a path; write @include \"file.cfg\""},
    {3, "@include \"b.cfg\" lanes = 3",
     "a.cfg:3: text behind @include \"...\"; put it on a line of its own"},
};

static const bad_case bad_keys[] = {
    {20, "optimizer = { momentm = 0.9; };",
     "a.cfg:20: unknown key \"momentm\" in optimizer; did you mean \"momentum\"?"},
    {20, "optimizer = {\n lr = 0.9; };",
     "a.cfg:21: unknown key \"lr\" in optimizer; known: kind, learning_rate, momentum, "
     "nesterov, beta1, beta2, epsilon, clip, batch, steps, schedule, warmup_steps, decay_steps, "
     "decay_factor, reduce, patience, watch_steps, curve_steps, tolerance, max_iterations"},
    {3, "lane = 3;", "a.cfg:3: unknown key \"lane\" in the job; did you mean \"lanes\"?"},
    {3, "Lanes = 3;", "a.cfg:3: unknown key \"Lanes\" in the job; did you mean \"lanes\"?"},
    {3, "lnaes = 3;", "a.cfg:3: unknown key \"lnaes\" in the job; did you mean \"lanes\"?"},
    {1, "seed = 1;", "a.cfg:1: the job has no \"schema\" (version of this format); add schema = 1"},
    {13, "{ name = \"pixels\"; } );",
     "a.cfg:13: backbones.pixels has no \"kind\" (onnx: a network from a file; pixels: the input "
     "itself is the feature; none: the data sets hold ready features (npy, hdf5); texts: word2vec, "
     "glove, fasttext or words (any of them): vectors of words from a file; tfidf: hashed TF-IDF); "
     "add kind = \"onnx\""},
    {13, "{ kind = \"pixels\"; } );",
     "a.cfg:13: backbones.[2] has no \"name\" (how experiments call it); add name = \"...\""},
    {17, "",
     "a.cfg:15: datasets.own has no images to judge by; add test = { images = \"...\"; }, or "
     "test_fraction = 0.2 to divide train"},
    {17, "\ntest = { images = \"i\"; labels = \"l\"; }; test_fraction = 0.2;",
     "a.cfg:18: datasets.own.test_fraction = 0.2 divides train, but test names images too; remove "
     "one"},
    {13, "{ name = \"p\"; kind = \"pixels\"; columns = [0, 3]; } );",
     "a.cfg:13: backbones.p.columns is given, but kind = \"pixels\" has no columns; remove it"},
    {13, "{ name = \"p\"; kind = \"none\"; columns = [2, 0]; } );",
     "a.cfg:13: backbones.p.columns = [2, 0] names no column; give 1 or more"},
    {13, "{ name = \"p\"; kind = \"none\"; columns = [3]; } );",
     "a.cfg:13: backbones.p.columns has 1 value; give the first column and a number of columns"},
    {17, "\ntest = { images = \"i\"; };",
     "a.cfg:18: datasets.own.test has no \"labels\", which format = \"idx\" needs; add labels = "
     "\"...\""},
    {13, "{ name = \"p\"; kind = \"pixels\"; input = { crop = [1, 2, 3]; }; } );",
     "a.cfg:13: backbones.p.input.crop has 3 values; give one side, or height and width"},
    {13, "{ name = \"p\"; kind = \"pixels\"; input = { resize = [8, 9]; }; } );",
     "a.cfg:13: backbones.p.input.resize has two values; add resize_mode = \"exact\""},
    {13, "{ name = \"p\"; kind = \"pixels\"; input = { resize_mode = \"exact\"; }; } );",
     "a.cfg:13: backbones.p.input.resize_mode = \"exact\" needs a size; add resize = 256"},
};

static const bad_case bad_types[] = {
    {6, "  seeds = \"10\";",
     "a.cfg:6: verdict.seeds is a string, but an integer is needed; write seeds = 10"},
    {6, "  seeds = 20.0;",
     "a.cfg:6: verdict.seeds is a real, but an integer is needed; write seeds = 20"},
    {6, "  seeds = 2.5;",
     "a.cfg:6: verdict.seeds is a real, but an integer is needed; write seeds = 10"},
    {6, "  seeds = [10];",
     "a.cfg:6: verdict.seeds is a list, but an integer is needed; write seeds = 10"},
    {5, "  margin = true;",
     "a.cfg:5: verdict.margin is a truth value, but a number is needed; write margin = 0.005"},
    {5, "  margin = { };",
     "a.cfg:5: verdict.margin is a group, but a number is needed; write margin = 0.005"},
    {2, "name = 5;", "a.cfg:2: name is an integer, but a string is needed; write name = \"...\""},
    {8, "limits = 5;",
     "a.cfg:8: limits is an integer, but a group is needed; write limits = { ... }"},
    {21, "standardize = 1; } );",
     "a.cfg:21: heads.linear.standardize is an integer, but true or false is needed; write "
     "standardize = true"},
    {21, "l2 = [0.1,\n \"0.2\"]; } );",
     "a.cfg:22: heads.linear.l2.[1] is a string, but a number is needed; write l2 = [0.01, 0.1]"},
    {13, "{ name = \"pixels\"; kind = \"pixels\"; }, 7 );",
     "a.cfg:13: backbones.[3] is an integer, but a group is needed; write { ... }"},
    {18, "  classes = [[0, 1]]; } );",
     "a.cfg:18: datasets.own.classes.[0] is a list, but an integer is needed; write classes = [5, "
     "20]"},
};

static const bad_case bad_values[] = {
    {1, "schema = 2;", "a.cfg:1: schema is 2, but must be 1"},
    {3, "lanes = 0;", "a.cfg:3: lanes is 0, but must be at least 1 and at most 4096 lanes"},
    {3, "lanes = 4097;", "a.cfg:3: lanes is 4097, but must be at least 1 and at most 4096 lanes"},
    {3, "lanes = 4294967312;", /* 16 in 32 bits */
     "a.cfg:3: lanes is 4294967312, but must be at least 1 and at most 4096 lanes"},
    {5, "margin = 0;", "a.cfg:5: verdict.margin is 0, but must be above 0 and below 1"},
    {5, "margin = 1;", "a.cfg:5: verdict.margin is 1, but must be above 0 and below 1"},
    {5, "margin = 1.0e999;", "a.cfg:5: verdict.margin is inf, but must be above 0 and below 1"},
    {8, "limits = { memory_mib = 1; };",
     "a.cfg:8: limits.memory_mib is 1, but must be at least 16 and at most 1073741824 MiB"},
    {20, "optimizer = { momentum = 1.0; };",
     "a.cfg:20: heads.linear.optimizer.momentum is 1, but must be at least 0 and below 1"},
    {20, "optimizer = { learning_rate = [0.1, 0]; };",
     "a.cfg:20: heads.linear.optimizer.learning_rate.[1] is 0, but must be above 0 and at most "
     "1000000"},
    {20, "optimizer = { learning_rate = [0.1, 0.3, 0.1]; };",
     "a.cfg:20: heads.linear.optimizer.learning_rate.[2] repeats value 1 of the list; remove one"},
    {20, "optimizer = { learning_rate = []; };",
     "a.cfg:20: heads.linear.optimizer.learning_rate is empty; write learning_rate = [0.01, 0.1]"},
    {20, "optimizer = { schedule = \"cosin\"; };",
     "a.cfg:20: heads.linear.optimizer.schedule = \"cosin\" is unknown; did you mean \"cosine\"?"},
    {20, "optimizer = { schedule = \"straight\"; };",
     "a.cfg:20: heads.linear.optimizer.schedule = \"straight\" is unknown; known: constant, "
     "cosine, "
     "linear, step"},
    {18, "classes = [0, 65536]; } );",
     "a.cfg:18: datasets.own.classes.[1] is 65536, but must be at least 0 and at most 65535"},
    {18, "classes = [0, 2, 0]; } );",
     "a.cfg:18: datasets.own.classes.[2] repeats value 1 of the list; remove one"},
    {24, "shots = [5, 5]; } );",
     "a.cfg:24: experiments.e1.shots.[1] repeats value 1 of the list; remove one"},
    {24, "shots = [-1]; } );",
     "a.cfg:24: experiments.e1.shots.[0] is -1, but must be at least 0 and at most 1000000000 "
     "samples"},
    {2, "name = \"\";", "a.cfg:2: name is empty; write name = \"...\" or remove it"},
    {2, "name = \"a b\";",
     "a.cfg:2: name = \"a b\" cannot name a file; use letters, digits, \"_\", \"-\" and \".\", and "
     "no "
     "\".\" in front"},
    {2, "name = \"..\";",
     "a.cfg:2: name = \"..\" cannot name a file; use letters, digits, \"_\", \"-\" and \".\", and "
     "no "
     "\".\" in front"},
    {2, "name = \"a12345678901234567890123456789012345678901234567890123456789012345\";",
     "a.cfg:2: name is longer than 64 characters; shorten the name"},
    {22, "experiments = ( { name = \"e1\"; source = \"a\\nb\"; target = \"own\";",
     "a.cfg:22: experiments.e1.source holds a control character (0x0a); remove it"},
    {22, "experiments = ( { name = \"e1\"; source = \"a\xe9\"; target = \"own\";",
     "a.cfg:22: experiments.e1.source is no UTF-8 (byte 0xe9); save the file as UTF-8"},
};

static const bad_case bad_relations[] = {
    {23, "backbone = \"resnt\"; baseline = \"pixels\"; head = \"linear\";",
     "a.cfg:23: experiments.e1.backbone = \"resnt\" is none of the backbones; did you mean "
     "\"resnet\"?"},
    {23, "backbone = \"resnet\"; baseline = \"zero\"; head = \"linear\";",
     "a.cfg:23: experiments.e1.baseline = \"zero\" is none of the backbones; known: resnet, "
     "random, "
     "pixels"},
    {23, "backbone = \"resnet\"; baseline = \"pixels\"; head = \"liner\";",
     "a.cfg:23: experiments.e1.head = \"liner\" is none of the heads; did you mean \"linear\"?"},
    {23, "backbone = \"resnet\"; baseline = \"resnet\"; head = \"linear\";",
     "a.cfg:23: experiments.e1.baseline = \"resnet\" is the backbone itself; name another one to "
     "compare with"},
    {22, "experiments = ( { name = \"e1\"; source = \"f\"; target = [\"own\", \"other\"];",
     "a.cfg:22: experiments.e1.target = \"other\" is none of the datasets; known: own"},
    {22, "experiments = ( { name = \"e1\"; source = \"f\"; target = [\"own\", \"own\"];",
     "a.cfg:22: experiments.e1.target.[1] repeats value 1 of the list; remove one"},
    {22, "experiments = ( { name = \"e1\"; source = \"f\"; target = [];",
     "a.cfg:22: experiments.e1.target is empty; write target = [\"...\"]"},
    {11, "  input = { mean = [0.5, 0.5]; std = [0.25]; }; },",
     "a.cfg:11: backbones.resnet.input.std has 1 values, but mean has 2; give one value a channel "
     "to "
     "both"},
    {11, "  input = { channels = 3; mean = [0.5]; }; },",
     "a.cfg:11: backbones.resnet.input.mean has 1 values, but channels = 3; give one each"},
    {11, "  input = { std = 0; }; },",
     "a.cfg:11: backbones.resnet.input.std is 0, but must be above 0 and at most 1000000000"},
    {12, "{ name = \"random\"; kind = \"onnx\"; },",
     "a.cfg:12: backbones.random.kind = \"onnx\" needs a model; add file = \"....onnx\""},
    {13, "{ name = \"pixels\"; kind = \"pixels\"; file = \"x\"; } );",
     "a.cfg:13: backbones.pixels.file is given, but kind = \"pixels\" has no file; remove it"},
    {13, "{ name = \"pixels\"; kind = \"pixels\"; weights = \"random\"; } );",
     "a.cfg:13: backbones.pixels.weights = \"random\" needs a network, but kind is \"pixels\"; "
     "remove "
     "it"},
    {12, "{ name = \"resnet\"; kind = \"pixels\"; },",
     "a.cfg:12: backbones.resnet.name is a name of backbones already, given at a.cfg:10; rename "
     "one"},
    {18, "classes = [0, 3]; class_names = [\"a\", \"b\", \"c\"]; } );",
     "a.cfg:18: datasets.own.classes holds label 3, but class_names has 3 names; name all classes "
     "of "
     "the files"},
    {18, "classes = [3]; } );",
     "a.cfg:18: datasets.own.classes holds one label; a task needs two or more"},
};

static void refuse_all(const bad_case *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char text[GOOD_SIZE];
        good_text(text, cases[i].line, cases[i].replacement);
        write_file("a.cfg", text);
        expect_refusal("a.cfg", NULL, cases[i].message);
    }
}

#define REFUSE(name, cases)                                                                        \
    static void name(void **state) {                                                               \
        (void)state;                                                                               \
        refuse_all(cases, sizeof cases / sizeof *cases);                                           \
    }
REFUSE(test_bad_syntax, bad_syntax)
REFUSE(test_bad_keys, bad_keys)
REFUSE(test_bad_types, bad_types)
REFUSE(test_bad_values, bad_values)
REFUSE(test_bad_relations, bad_relations)

static void test_includes(void **state) {
    (void)state;
    char text[GOOD_SIZE];
    assert_int_equal(mkdir("jobs", 0777) | mkdir("jobs/parts", 0777) | mkdir("presets", 0777), 0);
    setenv("JUDD_PRESETS", "presets", 1);
    good_text(text, 12,
              "/* @include \"nothing\"\n@include \"nothing\" */\n  @include \"parts/b.cfg\" # c");
    write_file("jobs/a.cfg", text);
    write_file("jobs/parts/b.cfg", "\n@include \"../c.cfg\"\n@include \"d.cfg\"");
    write_file("jobs/c.cfg", "{ name = \"random\"; kind = \"onnx\"; file = \"c.onnx\";");
    write_file("presets/d.cfg", "# preset\nfile2 = 3; },\n");
    expect_refusal("jobs/a.cfg", NULL,
                   "presets/d.cfg:2: unknown key \"file2\" in a backbone; did you mean \"file\"?");
    write_file("presets/d.cfg", "},\n");
    judd_job *job = NULL;
    assert_int_equal(judd_job_read(&job, "jobs/a.cfg", NULL, 0), JUDD_OK);
    /* relative to the file that names them */
    assert_string_equal(job->backbones[0].file, "jobs/models/x.onnx");
    assert_string_equal(job->backbones[1].file, "jobs/parts/../c.onnx");
    judd_job_destroy(job);
    write_file("jobs/c.cfg", "{ name = \"random\"; kind = \"onnx\"; file = 3;");
    expect_refusal("jobs/a.cfg", NULL,
                   "jobs/parts/../c.cfg:1: backbones.random.file is an integer, but a string is "
                   "needed; write file = \"...\"");
    write_file("presets/d.cfg", "}, /*");
    expect_refusal("jobs/a.cfg", NULL,
                   "presets/d.cfg:1: a comment has no end in this file; add */");
    write_file("presets/d.cfg", "kind = \"onnx\"; },");
    expect_refusal("jobs/a.cfg", NULL,
                   "presets/d.cfg:1: key \"kind\" is given twice, first at jobs/parts/../c.cfg:1; "
                   "remove one");
    assert_int_equal(remove("presets/d.cfg"), 0);
    expect_refusal("jobs/a.cfg", NULL,
                   "jobs/parts/b.cfg:3: @include \"d.cfg\" is neither beside this file nor in the "
                   "presets; correct the path or set JUDD_PRESETS");
    write_file("presets/d.cfg", "},\n\n\n");
    write_file("jobs/c.cfg", "{ name = \"random\"; kind = \"onnx\"; file = \"c.onnx\";");
    good_text(text, 12, "@include \"parts/b.cfg\"\n{ name = \"x\"; kind = \"pixel\"; },");
    write_file("jobs/a.cfg", text); /* lines behind an include count as in their file */
    expect_refusal(
        "jobs/a.cfg", NULL,
        "jobs/a.cfg:13: backbones.x.kind = \"pixel\" is unknown; did you mean \"pixels\"?");
    unsetenv("JUDD_PRESETS");
}

static void test_include_cycles(void **state) {
    (void)state;
    char path[32], text[64];
    write_file("a.cfg", "\n@include \"b.cfg\"\n");
    write_file("b.cfg", "@include \"./a.cfg\"\n");
    expect_refusal("a.cfg", NULL,
                   "b.cfg:1: @include makes a cycle: a.cfg -> b.cfg -> ./a.cfg; remove one");
    write_file("a.cfg", "@include \"a.cfg\"");
    expect_refusal("a.cfg", NULL, "a.cfg:1: @include makes a cycle: a.cfg -> a.cfg; remove one");
    for (int i = 0; i < 12; i++) {
        snprintf(path, sizeof path, "n%d.cfg", i);
        snprintf(text, sizeof text, "@include \"n%d.cfg\"\n", i + 1);
        write_file(path, text);
    }
    expect_refusal("n0.cfg", NULL,
                   "n10.cfg:1: @include nests deeper than 10: n0.cfg -> n1.cfg -> n2.cfg -> n3.cfg "
                   "-> n4.cfg -> n5.cfg -> n6.cfg -> n7.cfg -> n8.cfg -> n9.cfg -> n10.cfg -> "
                   "n11.cfg; flatten it");
}

static void test_files_that_are_none(void **state) {
    (void)state;
    expect_refusal("missing.cfg", NULL,
                   "missing.cfg: No such file or directory; give the path of a job file");
    assert_int_equal(mkfifo("fifo.cfg", 0600), 0); /* must not block */
    expect_refusal("fifo.cfg", NULL, "fifo.cfg: not a regular file; give the path of a job file");
    expect_refusal(".", NULL, ".: not a regular file; give the path of a job file");
    write_bytes("nul.cfg", "schema = 1;\nname\0", 17);
    expect_refusal("nul.cfg", NULL, "nul.cfg:2: a NUL byte; this is no text file");
    assert_int_equal(truncate("nul.cfg", (16 << 20) + 1), 0); /* sparse */
    expect_refusal("nul.cfg", NULL, "nul.cfg: larger than 16 MiB; this is no job file");
    write_file("empty.cfg", "");
    expect_refusal(
        "empty.cfg", NULL,
        "empty.cfg:1: the job has no \"schema\" (version of this format); add schema = 1");
    char *big = calloc(1, (9 << 20) + 1); /* twice 9 MiB are too many */
    assert_non_null(big);
    memset(big, '\n', 9 << 20);
    write_bytes("half.cfg", big, 9 << 20);
    free(big);
    write_file("twice.cfg", "@include \"half.cfg\"\n@include \"half.cfg\"\n");
    expect_refusal("twice.cfg", NULL,
                   "half.cfg: more than 16 MiB with all @include files; this is no job file");
}

static void test_hostile_nesting(void **state) {
    (void)state;
    enum { DEPTH = 200000 };
    static const char *const opens[] = {"(", "[", "{a="};
    for (int k = 0; k < 3; k++) {
        char *text = malloc(DEPTH * 3 + 16), *t = text;
        assert_non_null(text);
        t += sprintf(t, "x = ");
        for (int i = 0; i < DEPTH; i++) t += sprintf(t, "%s", opens[k]);
        write_file("deep.cfg", text);
        free(text);
        expect_refusal("deep.cfg", NULL,
                       "deep.cfg:1: brackets nest deeper than 64; no job needs that");
    }
    char bound[160] = "x = ";
    memset(bound + 4, '(', 65);
    memset(bound + 4 + 65, ')', 65);
    write_file("deep.cfg", bound);
    expect_refusal("deep.cfg", NULL, "deep.cfg:1: brackets nest deeper than 64; no job needs that");
    bound[4] = bound[4 + 129] = ' ';
    write_file("deep.cfg", bound); /* 64 of them are parsed */
    expect_refusal(
        "deep.cfg", NULL,
        "deep.cfg:1: unknown key \"x\" in the job; known: schema, name, seed, lanes, "
        "output, cache, tensorboard, limits, verdict, backbones, datasets, heads, experiments");
    char *text = malloc(300 * 16), *t = text;
    assert_non_null(text);
    for (int i = 0; i < 300; i++) t += sprintf(t, "k%d = 1;\n", i);
    write_file("many.cfg", text);
    free(text);
    expect_refusal("many.cfg", NULL,
                   "many.cfg:257: more than 256 keys in one group; no group has so many");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_defaults), cmocka_unit_test(test_cache_places),
        cmocka_unit_test(test_lenient_syntax),      cmocka_unit_test(test_locale),
        cmocka_unit_test(test_bad_syntax),          cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_bad_types),           cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_bad_relations),       cmocka_unit_test(test_includes),
        cmocka_unit_test(test_include_cycles),      cmocka_unit_test(test_files_that_are_none),
        cmocka_unit_test(test_hostile_nesting),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}

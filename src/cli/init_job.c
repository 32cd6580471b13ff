#include "cli/init_job.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLASSES_SHOWN = 12,
    SMALL_PIXELS = 4096, /* numbers of an image that are features as they are */
    PIXELS_SIDE = 32,    /* else it is made so small */
    SMALL_SIDE = 96,     /* of networks that learned something other than ImageNet */
    MAX_SHOTS = 4
};
static const double TEST_FRACTION = 0.2;

typedef struct writer {
    FILE *file;
    const judd_init_job *job;
    const judd_init_data *d;
    int64_t shots[MAX_SHOTS];
    int n_shots;
    int64_t least; /* training samples of the smallest class that stays; with targets: of all */
    int n_kept;    /* classes that stay */
} writer;

/* A string of libconfig. */
static void quote(const writer *w, const char *text) {
    fputc('"', w->file);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', w->file);
        fputc(*text, w->file);
    }
    fputc('"', w->file);
}

static void quote_path(const writer *w, const char *path) {
    char *whole = NULL;
    if (judd_memory_format(&whole, "%s%s", path[0] == '/' ? "" : w->job->folder, path) == JUDD_OK)
        quote(w, whole);
    free(whole);
}

/* Somebody's text inside a comment. */
static void plain(const writer *w, const char *text) {
    for (; *text; text++) fputc((unsigned char)*text < ' ' ? '?' : *text, w->file);
}

/* ---- what the classes allow ---------------------------------------------------------------------
 */

/* Samples of n that are trained on. */
static int64_t training(const writer *w, int64_t n) {
    if (w->d->test.samples) return n;
    int64_t test = (int64_t)floor(TEST_FRACTION * (double)n + 0.5);
    return n - (test > 0 ? test : 1);
}

static bool is_kept(const writer *w, int c) {
    return w->d->info->targets || training(w, w->d->counts[c]) > 0;
}

/* As many shots as the smallest class has, in steps of about four; 0: all. */
static judd_status choose_shots(writer *w) {
    static const int64_t few[MAX_SHOTS] = {5, 20, 100, 500},
                         many[MAX_SHOTS] = {50, 200, 1000, 5000};
    judd_status status = JUDD_OK;
    const judd_dataset_info *info = w->d->info;
    const int64_t *steps = info->targets ? many : few;
    w->least = info->targets ? training(w, w->d->n_good) : INT64_MAX;
    for (int c = 0; c < info->n_classes && !info->targets; c++) {
        if (!is_kept(w, c)) continue;
        w->n_kept++;
        int64_t n = training(w, w->d->counts[c]);
        if (n < w->least) w->least = n;
    }
    if (!info->targets && w->n_kept < 2)
        JUDD_FAIL(JUDD_E_DATA,
                  "init: %s: %d classes with samples to train and to test on; a comparison needs "
                  "two",
                  w->d->train.samples, w->n_kept);
    for (int i = 0; i < MAX_SHOTS - 1 && steps[i] <= w->least; i++)
        w->shots[w->n_shots++] = steps[i];
    if (w->n_shots == 0) w->n_shots = 1; /* all */
done:
    return status;
}

/* ---- backbones ----------------------------------------------------------------------------------
 */

/* "[0.2860, 0.3, 0.1]" */
static void numbers(const writer *w, const double *x, int n) {
    for (int i = 0; i < n; i++) fprintf(w->file, "%s%.4f", i ? ", " : "[", x[i]);
    fputc(']', w->file);
}

/* How images become what the network takes, where no preset says it. */
static void write_input(const writer *w, const judd_init_model *m) {
    static const double mean[] = {0.485, 0.456, 0.406}, std[] = {0.229, 0.224, 0.225};
    const judd_init_data *d = w->d;
    bool same =
        judd_init_data_is_uniform(d) && d->height[0] == m->height && d->width[0] == m->width;
    bool imagenet = m->channels == 3 && m->height >= SMALL_SIDE;
    double own_mean[JUDD_INIT_CHANNELS], own_std[JUDD_INIT_CHANNELS];
    int n = m->channels <= JUDD_INIT_CHANNELS ? m->channels : 0;
    for (int c = 0; c < n; c++) {
        own_mean[c] = d->mean[c % (d->channels ? d->channels : 1)];
        own_std[c] = fmax(0.01, d->std[c % (d->channels ? d->channels : 1)]);
    }
    fprintf(
        w->file,
        "      # CHECK: how images were prepared when the network was trained, no file says. Here\n"
        "      # they are scaled to 0 .. 1, then %s.\n",
        imagenet ? "by mean and deviation of ImageNet, as torchvision does"
                 : "by mean and deviation of these images");
    fprintf(w->file, "      input = { channels = %d; ", m->channels);
    if (same)
        fprintf(w->file, "height = %d; width = %d;", m->height, m->width);
    else if (m->height >= SMALL_SIDE && m->height == m->width)
        fprintf(w->file, "resize = %d; crop = %d;", (m->height * 8 + 3) / 7, m->height);
    else
        fprintf(w->file, "resize = [%d, %d]; resize_mode = \"exact\";", m->height, m->width);
    if (n > 0) {
        fprintf(w->file, "\n                mean = ");
        numbers(w, imagenet ? mean : own_mean, n);
        fprintf(w->file, "; std = ");
        numbers(w, imagenet ? std : own_std, n);
        fputc(';', w->file);
    }
    fprintf(w->file, " };\n");
}

static void write_network(const writer *w, const judd_init_model *m) {
    fprintf(w->file, "    # %lld features an image: ", (long long)m->dim);
    fprintf(w->file, "%s%s; judd inspect shows all layers\n",
            strcmp(m->tap, "logits") == 0 ? "the network's outputs" : "what enters the last layer",
            m->pool ? ", its mean over all places" : "");
    fprintf(w->file, "    { name = ");
    quote(w, m->name);
    fprintf(w->file, "; kind = \"onnx\"; file = ");
    quote_path(w, m->path);
    fprintf(w->file, ";\n      tap = \"%s\";%s\n", m->tap, m->pool ? " pool = \"avg\";" : "");
    if (m->preset)
        fprintf(w->file,
                "      # CHECK: how images were prepared in training, guessed by the file's name "
                "and size\n"
                "@include \"%s\"\n",
                m->preset);
    else
        write_input(w, m);
    fprintf(w->file, "    },\n");
}

static void write_vectors(const writer *w, const judd_init_model *m) {
    fprintf(w->file, "    # %lld numbers a text\n    { name = ", (long long)m->dim);
    quote(w, m->name);
    fprintf(w->file, "; file = ");
    quote_path(w, m->path);
    fprintf(w->file, ";\n");
    if (m->preset)
        fprintf(w->file,
                "      # CHECK: its rules of words, guessed by the file's name\n@include \"%s\"\n",
                m->preset);
    else
        fprintf(w->file,
                "      # CHECK: lowercase = false for vectors that know capital letters;\n"
                "      # data.jsonl of the run says how many words they know\n"
                "      kind = \"words\"; tokens = \"words\"; lowercase = true; pool = \"mean\";\n");
    fprintf(w->file, "    },\n");
}

static void write_pixels(const writer *w) {
    const judd_init_data *d = w->d;
    int channels = d->channels > 0 ? d->channels : 1;
    bool small =
        judd_init_data_is_uniform(d) && channels * d->height[0] * d->width[0] <= SMALL_PIXELS;
    fprintf(w->file,
            "    # what the network is compared with: the bare pixels%s\n"
            "    { name = \"pixels\"; kind = \"pixels\";",
            small ? "" : ", made small");
    if (!small)
        fprintf(w->file, " input = { resize = %d; resize_mode = \"exact\"; };", PIXELS_SIDE);
    else if (d->info->encoded)
        fprintf(w->file, " input = { height = %d; width = %d; };", d->height[0], d->width[0]);
    fprintf(w->file, " }\n");
}

/* Ready features have no model; what stands side by side can be compared. */
static void write_columns(const writer *w) {
    int64_t dim = w->d->info->feature_dim, first = dim / 2;
    fprintf(
        w->file,
        "    # CHECK: the data set holds %lld ready features a sample. A comparison needs two "
        "kinds:\n"
        "    # say which columns are which ([first, number]); here they are cut in the middle.\n"
        "    { name = \"first\"; kind = \"none\"; columns = [0, %lld]; },\n"
        "    { name = \"second\"; kind = \"none\"; columns = [%lld, %lld]; }\n",
        (long long)dim, (long long)first, (long long)first, (long long)(dim - first));
}

static void write_backbones(const writer *w) {
    fprintf(w->file, "backbones = (\n");
    for (int i = 0; i < w->job->n_models; i++)
        if (w->d->info->text)
            write_vectors(w, &w->job->models[i]);
        else
            write_network(w, &w->job->models[i]);
    if (w->d->info->text)
        fprintf(
            w->file,
            "    # what vectors are compared with: words counted and weighted, without vectors\n"
            "    { name = \"tfidf\"; kind = \"tfidf\"; tokens = \"words\"; lowercase = true; }\n");
    else if (w->d->info->feature_dim > 0)
        write_columns(w);
    else
        write_pixels(w);
    fprintf(w->file, ");\n\n");
}

/* ---- data set -----------------------------------------------------------------------------------
 */

static void write_files(const writer *w, const char *split, const judd_init_files *files) {
    if (!files->samples) return;
    fprintf(w->file, "      %s = { %s = ", split, w->d->info->text ? "texts" : "images");
    quote_path(w, files->samples);
    if (files->labels) {
        fprintf(w->file, ";\n                labels = ");
        quote_path(w, files->labels);
    }
    fprintf(w->file, "; };\n");
}

static void write_class(const writer *w, int c) {
    if (w->d->info->class_names)
        plain(w, w->d->info->class_names[c]);
    else
        fprintf(w->file, "%d", c);
    fprintf(w->file, " %lld", (long long)w->d->counts[c]);
}

/* "3 classes (training samples): cat 52, dog 40, bird 38" */
static void write_classes(const writer *w) {
    const judd_dataset_info *info = w->d->info;
    if (info->task == JUDD_REGRESSION) {
        fprintf(w->file, "    # %lld samples, %d numbers to predict each\n",
                (long long)w->d->n_good, info->n_targets);
        return;
    }
    fprintf(w->file, "    # %lld samples in %d classes: ", (long long)w->d->n_good,
            info->n_classes);
    for (int c = 0; c < info->n_classes && c < CLASSES_SHOWN; c++) {
        if (c > 0) fprintf(w->file, "%s", c % 6 ? ", " : ",\n    #   ");
        write_class(w, c);
    }
    if (info->n_classes > CLASSES_SHOWN)
        fprintf(w->file, " and %d more (judd inspect)", info->n_classes - CLASSES_SHOWN);
    fprintf(w->file, "\n");
}

static void write_kept(const writer *w) {
    const judd_dataset_info *info = w->d->info;
    if (info->targets || w->n_kept == info->n_classes) return;
    fprintf(w->file, "      # without %d classes that have too few samples\n      classes = [",
            info->n_classes - w->n_kept);
    for (int c = 0, n = 0; c < info->n_classes; c++)
        if (is_kept(w, c)) fprintf(w->file, "%s%d", n++ ? ", " : "", c);
    fprintf(w->file, "];\n");
}

/* " key = value;" */
static void write_option(const writer *w, const char *key, const char *value) {
    if (!value) return;
    fprintf(w->file, " %s = ", key);
    quote(w, value);
    fputc(';', w->file);
}

static void write_dataset(const writer *w, const char *name) {
    static const char *const tasks[] = {NULL, "multilabel", "regression"};
    const judd_init_data *d = w->d;
    fprintf(w->file, "datasets = (\n");
    write_classes(w);
    fprintf(w->file, "    {");
    write_option(w, "name", name);
    write_option(w, "format", judd_dataset_format(d->dataset));
    write_option(w, "task", tasks[d->info->task]);
    write_option(w, "text_column", d->options->text_column);
    write_option(w, "label_column", d->options->label_column);
    fputc('\n', w->file);
    write_files(w, "train", &d->train);
    write_files(w, "validation", &d->validation);
    write_files(w, "test", &d->test);
    if (!d->test.samples)
        fprintf(w->file,
                "      # no test set was found: a fifth of %s is kept for it, always the same\n"
                "      test_fraction = %g;\n",
                d->info->targets ? "the samples" : "every class", TEST_FRACTION);
    write_kept(w);
    fprintf(w->file, "    }\n);\n\n");
}

/* ---- the rest -----------------------------------------------------------------------------------
 */

/* The head's name. */
static const char *head_of(const writer *w) {
    static const char *const names[] = {"softmax", "multilabel", "ridge"};
    return names[w->d->info->task];
}

static void write_heads(const writer *w) {
    const char *name = head_of(w);
    fprintf(w->file, "# other heads, ridge is the fastest: configs/heads\nheads = (\n");
    if (w->d->info->task == JUDD_CLASSIFICATION)
        fprintf(w->file,
                "    # logistic regression to its minimum; the strength is picked inside the "
                "training samples\n"
                "    { name = \"%s\"; kind = \"softmax\";\n"
                "      optimizer = { kind = \"lbfgs\"; tolerance = 1e-4; };\n"
                "      l2 = [0.0001, 0.001, 0.01, 0.1, 1, 10, 100]; folds = 5; }\n",
                name);
    else
        fprintf(w->file, "@include \"heads/%s.cfg\"\n", name);
    fprintf(w->file, ");\n\n");
}

static void write_experiment(const writer *w, const char *dataset) {
    bool columns = w->job->n_models == 0;
    const char *baseline = w->d->info->text ? "tfidf" : columns ? "second" : "pixels";
    fprintf(w->file,
            "experiments = (\n    { name = \"against-%s\"; source = \"pretraining\";\n"
            "      backbone = [",
            baseline);
    if (columns) quote(w, "first");
    for (int i = 0; i < w->job->n_models; i++) {
        if (i > 0) fprintf(w->file, ", ");
        quote(w, w->job->models[i].name);
    }
    fprintf(w->file, "]; baseline = \"%s\"; target = ", baseline);
    quote(w, dataset);
    fprintf(w->file, "; head = \"%s\";\n", head_of(w));
    fprintf(w->file, "      # training samples %s; 0: all, which takes longer\n      shots = [",
            w->d->info->targets ? "in total" : "a class");
    for (int i = 0; i < w->n_shots; i++)
        fprintf(w->file, "%s%lld", i ? ", " : "", (long long)w->shots[i]);
    fprintf(w->file, "]; }\n);\n");
}

static void write_top(const writer *w) {
    fprintf(w->file, "# Written by judd init from ");
    plain(w, w->d->given);
    fprintf(w->file, ". It runs as it is; CHECK marks what was guessed.\n"
                     "# All keys and presets: configs/README.md, or judd inspect --keys.\n"
                     "schema = 1;\nname = ");
    quote(w, w->job->name);
    fprintf(w->file,
            ";\nseed = 1;\nlanes = 16;\n"
            "# gains within the margin count as none; every arm is trained with this many seeds\n"
            "verdict = { margin = 0.01; seeds = 10; };\n");
    if (w->d->info->n_bad > 0)
        fprintf(w->file,
                "# %lld images cannot be decoded and are left out (judd inspect names them)\n"
                "limits = { max_bad_fraction = %.4f; };\n",
                (long long)w->d->info->n_bad,
                fmin(1.0, 0.001 + (double)w->d->info->n_bad / (double)w->d->info->n_samples));
    fputc('\n', w->file);
}

judd_status judd_init_job_text(char **text, const judd_init_job *job) {
    judd_status status = JUDD_OK;
    writer w = {.job = job, .d = job->data};
    char *dataset = NULL, *all = NULL;
    size_t bytes = 0;
    JUDD_TRY(choose_shots(&w));
    JUDD_TRY(judd_init_name(&dataset, job->data->given));
    w.file = open_memstream(&all, &bytes);
    if (!w.file) JUDD_FAIL(JUDD_E_INTERNAL, "init: no memory for the text");
    write_top(&w);
    write_backbones(&w);
    write_dataset(&w, dataset);
    write_heads(&w);
    write_experiment(&w, dataset);
    if (fclose(w.file) != 0) JUDD_FAIL(JUDD_E_INTERNAL, "init: no memory for the text");
    *text = all;
    all = NULL;
done:
    free(all);
    free(dataset);
    return status;
}

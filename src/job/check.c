#include "job/check.h"

#include "job/fill.h"
#include "job/grid.h"
#include "job/head.h"
#include "job/keys.h"
#include "job/source.h"

#include <judd/base/memory.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Place and path of `key` in element `index` of a list, or of the element if the key is absent. */
typedef struct place {
    char where[JUDD_WHERE_SIZE];
    char path[JUDD_FILL_PATH];
} place;

static place find_place(config_setting_t *root, const char *list, int64_t index, const char *key) {
    config_setting_t *element =
        judd_fill_element(config_setting_get_member(root, list), (int)index);
    config_setting_t *setting = config_setting_lookup(element, key);
    place at;
    judd_source_where(at.where, setting ? setting : element);
    judd_fill_path(at.path, setting ? setting : element);
    return at;
}

#define FAIL_AT(list, index, key, format, ...)                                                     \
    do {                                                                                           \
        place at_ = find_place(root, list, index, key);                                            \
        JUDD_FAIL(JUDD_E_CONFIG, "%s: %s" format, at_.where, at_.path, __VA_ARGS__);               \
    } while (0)

/* The name of element i of an array of structs that begin with it. */
static const char *name_of(const void *items, size_t size, int64_t i) {
    const char *name;
    memcpy(&name, (const char *)items + (size_t)i * size, sizeof name);
    return name;
}

static judd_status check_names(config_setting_t *root, const char *list, const void *items,
                               size_t size, int64_t n) {
    judd_status status = JUDD_OK;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) {
            if (strcmp(name_of(items, size, i), name_of(items, size, j)) != 0) continue;
            place first = find_place(root, list, j, "name");
            FAIL_AT(list, i, "name", " is a name of %s already, given at %s; rename one", list,
                    first.where);
        }
done:
    return status;
}

/* Fail unless `name`, what `key` of an experiment says, is the name of an element of `list`. */
static judd_status check_reference(config_setting_t *root, int64_t experiment, const char *key,
                                   const char *name, const char *list, const void *items,
                                   size_t size, int64_t n) {
    judd_status status = JUDD_OK;
    const char **names = NULL;
    char suggestion[JUDD_KEY_SUGGESTION];
    for (int64_t i = 0; i < n; i++)
        if (strcmp(name_of(items, size, i), name) == 0) return JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&names, n, sizeof *names));
    for (int64_t i = 0; i < n; i++) names[i] = name_of(items, size, i);
    judd_keys_suggest(suggestion, name, names, n);
    FAIL_AT("experiments", experiment, key, " = \"%.64s\" is none of the %s%s", name, list,
            suggestion);
done:
    free(names);
    return status;
}

/* A side, or height and width. */
static judd_status check_sizes(config_setting_t *root, int64_t i, const char *key,
                               const judd_job_integers *sizes) {
    judd_status status = JUDD_OK;
    if (sizes->n > 2)
        FAIL_AT("backbones", i, key, " has %lld values; give one side, or height and width",
                (long long)sizes->n);
done:
    return status;
}

static judd_status check_backbone(const judd_job *job, config_setting_t *root, int64_t i) {
    judd_status status = JUDD_OK;
    const judd_job_backbone *b = &job->backbones[i];
    const judd_job_numbers *mean = &b->input.mean, *deviation = &b->input.std;
    bool is_onnx = strcmp(b->kind, "onnx") == 0;
    bool has_file = is_onnx || (b->tokens && strcmp(b->kind, "tfidf") != 0);
    if (has_file && !b->file)
        FAIL_AT("backbones", i, "kind", " = \"%s\" needs %s", b->kind,
                is_onnx ? "a model; add file = \"....onnx\""
                        : "vectors of words; add file = \"...\"");
    if (!has_file && b->file)
        FAIL_AT("backbones", i, "file", " is given, but kind = \"%s\" has no file; remove it",
                b->kind);
    if (b->columns.n > 0 && strcmp(b->kind, "none") != 0)
        FAIL_AT("backbones", i, "columns", " is given, but kind = \"%s\" has no columns; remove it",
                b->kind);
    if (b->columns.n == 2 && b->columns.values[1] == 0)
        FAIL_AT("backbones", i, "columns", " = [%lld, 0] names no column; give 1 or more",
                (long long)b->columns.values[0]);
    if (b->columns.n != 0 && b->columns.n != 2)
        FAIL_AT("backbones", i, "columns",
                " has %lld value%s; give the first column and a number of columns",
                (long long)b->columns.n, b->columns.n == 1 ? "" : "s");
    if (!is_onnx && strcmp(b->weights, "random") == 0)
        FAIL_AT("backbones", i, "weights",
                " = \"random\" needs a network, but kind is \"%s\"; remove it", b->kind);
    if (mean->n > 0 && deviation->n > 0 && mean->n != deviation->n)
        FAIL_AT("backbones", i, "input.std",
                " has %lld values, but mean has %lld; give one value a channel to both",
                (long long)deviation->n, (long long)mean->n);
    JUDD_TRY(check_sizes(root, i, "input.resize", &b->input.resize));
    JUDD_TRY(check_sizes(root, i, "input.crop", &b->input.crop));
    bool exact = strcmp(b->input.resize_mode, "exact") == 0;
    if (exact && b->input.resize.n == 0)
        FAIL_AT("backbones", i, "input.resize_mode", " = \"exact\" needs a size; add %s",
                "resize = 256");
    if (!exact && b->input.resize.n == 2)
        FAIL_AT("backbones", i, "input.resize", " has two values; add %s",
                "resize_mode = \"exact\"");
    if (b->input.channels == 0) goto done;
    if (mean->n > 0 && mean->n != b->input.channels)
        FAIL_AT("backbones", i, "input.mean",
                " has %lld values, but channels = %lld; give one each", (long long)mean->n,
                (long long)b->input.channels);
    if (deviation->n > 0 && deviation->n != b->input.channels)
        FAIL_AT("backbones", i, "input.std", " has %lld values, but channels = %lld; give one each",
                (long long)deviation->n, (long long)b->input.channels);
done:
    return status;
}

/* The least and the most of something, or its one value. */
static judd_status check_range(config_setting_t *root, int64_t i, const char *key,
                               const judd_job_numbers *range) {
    judd_status status = JUDD_OK;
    if (range->n > 2 || range->values[0] > range->values[range->n - 1])
        FAIL_AT("datasets", i, key, " is not %s",
                "the least and the largest value; give these two");
done:
    return status;
}

static bool is_text(const judd_job_dataset *d) {
    static const char *const formats[] = {"tsv", "csv", "lines", "jsonl"};
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++)
        if (strcmp(formats[k], d->format) == 0) return true;
    return false;
}

/* Texts are called texts, and only they have columns. */
static judd_status check_texts(const judd_job_dataset *d, config_setting_t *root, int64_t i) {
    judd_status status = JUDD_OK;
    static const char *const splits[] = {"train", "validation", "test"};
    const judd_job_files *files[] = {&d->train, &d->validation, &d->test};
    bool text = is_text(d);
    for (int k = 0; k < 3; k++)
        if (text ? files[k]->images : files[k]->texts)
            FAIL_AT("datasets", i, splits[k], " has \"%s\", but format = \"%s\" has %s; rename it",
                    text ? "images" : "texts", d->format, text ? "texts" : "images");
    if (!text && (d->text_column || d->label_column))
        FAIL_AT("datasets", i, d->text_column ? "text_column" : "label_column",
                " is given, but format = \"%s\" has no columns of text; remove it", d->format);
    if (text && d->views > 1)
        FAIL_AT("datasets", i, "views", " = %lld, but of texts no other views are drawn; remove it",
                (long long)d->views);
done:
    return status;
}

static judd_status check_dataset(const judd_job *job, config_setting_t *root, int64_t i) {
    judd_status status = JUDD_OK;
    const judd_job_dataset *d = &job->datasets[i];
    bool needs_labels = strcmp(d->format, "idx") == 0 || strcmp(d->format, "npy") == 0 ||
                        strcmp(d->format, "lines") == 0;
    const char *what = is_text(d) ? "texts" : "images", *train = judd_job_files_path(&d->train),
               *test = judd_job_files_path(&d->test),
               *validation = judd_job_files_path(&d->validation);
    JUDD_TRY(check_texts(d, root, i));
    if (!train) FAIL_AT("datasets", i, "train", " has no \"%s\"; add %s = \"...\"", what, what);
    if (!test && d->test_fraction == 0.0)
        FAIL_AT("datasets", i, "test",
                " has no %s to judge by; add test = { %s = \"...\"; }, or test_fraction = 0.2 to "
                "divide train",
                what, what);
    if (test && d->test_fraction > 0.0)
        FAIL_AT("datasets", i, "test_fraction",
                " = %g divides train, but test names %s too; remove one", d->test_fraction, what);
    if (needs_labels && !d->train.labels)
        FAIL_AT("datasets", i, "train", " has no \"labels\", which format = \"%s\" needs; add %s",
                d->format, "labels = \"...\"");
    if (needs_labels && test && !d->test.labels)
        FAIL_AT("datasets", i, "test", " has no \"labels\", which format = \"%s\" needs; add %s",
                d->format, "labels = \"...\"");
    JUDD_TRY(check_range(root, i, "augment.scale", &d->augment.scale));
    JUDD_TRY(check_range(root, i, "augment.ratio", &d->augment.ratio));
    if (needs_labels && validation && !d->validation.labels)
        FAIL_AT("datasets", i, "validation",
                " has no \"labels\", which format = \"%s\" needs; add %s", d->format,
                "labels = \"...\"");
    if (!validation && d->validation.labels)
        FAIL_AT("datasets", i, "validation", " has labels, but no \"%s\"; add %s = \"...\"", what,
                what);
    if (d->classes.n == 1)
        FAIL_AT("datasets", i, "classes", " holds %s; a task needs two or more", "one label");
    for (int64_t k = 0; d->class_names.n > 0 && k < d->classes.n; k++)
        if (d->classes.values[k] >= d->class_names.n)
            FAIL_AT(
                "datasets", i, "classes",
                " holds label %lld, but class_names has %lld names; name all classes of the files",
                (long long)d->classes.values[k], (long long)d->class_names.n);
done:
    return status;
}

static judd_status check_head(const judd_job *job, config_setting_t *root, int64_t i) {
    judd_status status = JUDD_OK;
    const judd_job_head *h = &job->heads[i];
    if (h->hidden.n > JUDD_BANK_MAX_HIDDEN)
        FAIL_AT("heads", i, "hidden", " has %lld layers; give one to %d", (long long)h->hidden.n,
                JUDD_BANK_MAX_HIDDEN);
    if (h->hidden.n > 0 && strcmp(h->optimizer.kind, "lbfgs") == 0)
        FAIL_AT("heads", i, "optimizer.kind",
                " = \"lbfgs\" is for convex heads; hidden layers need %s", "sgd or adamw");
    if (h->optimizer.patience > 0 && strcmp(h->optimizer.kind, "lbfgs") == 0)
        FAIL_AT("heads", i, "optimizer.patience",
                " is for minibatches, but the optimizer is lbfgs; remove %s", "it");
    if (h->components > 0 && strcmp(h->transform, "none") == 0)
        FAIL_AT("heads", i, "components", " is given, but no transform; add %s",
                "transform = \"pca\"");
    if (h->class_map.n > 0 && h->output_names)
        FAIL_AT("heads", i, "class_map", " and output_names say the same thing; remove %s", "one");
done:
    return status;
}

static const char *const task_names[JUDD_HEAD_TASKS] = {[JUDD_CLASSIFICATION] = "classification",
                                                        [JUDD_MULTILABEL] = "multilabel",
                                                        [JUDD_REGRESSION] = "regression"};

/* A head that reads a network's own outputs needs a network. */
static judd_status check_tap(const judd_job *job, config_setting_t *root, int64_t i,
                             const char *key, const char *backbone, const judd_head_ops *ops) {
    judd_status status = JUDD_OK;
    const judd_job_backbone *b = judd_job_find_backbone(job, backbone);
    if (ops->tap && strcmp(b->kind, "onnx") != 0)
        FAIL_AT("experiments", i, key,
                " = \"%s\" is of kind \"%s\", but a head of kind \"%s\" needs a network", b->name,
                b->kind, ops->kind);
done:
    return status;
}

/* Whether a head of an experiment can learn its targets on its backbones. */
static judd_status check_fit(const judd_job *job, config_setting_t *root, int64_t i,
                             const char *head) {
    judd_status status = JUDD_OK;
    const judd_job_experiment *e = &job->experiments[i];
    const judd_head_ops *ops = judd_head_of(judd_job_find_head(job, head));
    for (int64_t k = 0; k < e->target.n; k++) {
        const judd_job_dataset *d = judd_job_find_dataset(job, e->target.values[k]);
        for (int task = 0; task < JUDD_HEAD_TASKS; task++)
            if (strcmp(d->task, task_names[task]) == 0 && ops->outputs[task] == JUDD_OUTPUTS_NONE)
                FAIL_AT("experiments", i, "head",
                        " = \"%s\" is of kind \"%s\", which cannot learn the %s task of data set "
                        "%s; name a head that can",
                        head, ops->kind, d->task, d->name);
    }
    for (int64_t k = 0; k < e->backbone.n; k++)
        JUDD_TRY(check_tap(job, root, i, "backbone", e->backbone.values[k], ops));
    if (e->baseline) JUDD_TRY(check_tap(job, root, i, "baseline", e->baseline, ops));
done:
    return status;
}

/* A head that can start from another one, or take a second set of samples. */
static judd_status check_learner(const judd_job *job, config_setting_t *root, int64_t i,
                                 const char *key, const char *name) {
    judd_status status = JUDD_OK;
    const judd_job_head *h = judd_job_find_head(job, name);
    bool by_steps = (strcmp(h->kind, "softmax") == 0 || strcmp(h->kind, "mlp") == 0) &&
                    strcmp(h->optimizer.kind, "lbfgs") != 0;
    if (!by_steps)
        FAIL_AT(
            "experiments", i, key,
            " = \"%s\" is solved at once, but mode \"%s\" needs a head that learns step by step; "
            "name one of kind softmax or mlp with optimizer.kind \"sgd\" or \"adamw\"",
            name, job->experiments[i].mode);
done:
    return status;
}

static judd_status check_classes_only(const judd_job *job, config_setting_t *root, int64_t i,
                                      const char *key, const char *name) {
    judd_status status = JUDD_OK;
    const judd_job_dataset *d = judd_job_find_dataset(job, name);
    if (strcmp(d->task, "classification") != 0)
        FAIL_AT("experiments", i, key,
                " = \"%s\" has task = \"%s\", but mode \"%s\" is for one class a sample; use mode "
                "\"backbone\"",
                name, d->task, job->experiments[i].mode);
done:
    return status;
}

static judd_status check_source(const judd_job *job, config_setting_t *root, int64_t i) {
    judd_status status = JUDD_OK;
    const judd_job_experiment *e = &job->experiments[i];
    if (strcmp(e->source, "auto") == 0 && !judd_job_find_dataset(job, "auto"))
        FAIL_AT("experiments", i, "source",
                " = \"auto\" chooses among backbones, but mode \"%s\" learns from a data set; name "
                "one",
                e->mode);
    JUDD_TRY(check_reference(root, i, "source", e->source, "datasets", job->datasets,
                             sizeof *job->datasets, job->n_datasets));
    JUDD_TRY(check_classes_only(job, root, i, "source", e->source));
    for (int64_t k = 0; k < e->target.n; k++)
        if (strcmp(e->target.values[k], e->source) == 0)
            FAIL_AT("experiments", i, "source", " = \"%s\" is a target too; name another data set",
                    e->source);
    for (int64_t k = 0; k < e->label_map.n; k++)
        if (!strchr(e->label_map.values[k], '='))
            FAIL_AT("experiments", i, "label_map",
                    " has \"%.64s\"; write \"class of the source=class of the target\"",
                    e->label_map.values[k]);
    if (!e->source_head) goto done;
    JUDD_TRY(check_reference(root, i, "source_head", e->source_head, "heads", job->heads,
                             sizeof *job->heads, job->n_heads));
    JUDD_TRY(check_learner(job, root, i, "source_head", e->source_head));
done:
    return status;
}

/* An experiment of a mode in which a head learns from more than its own data set. */
static judd_status check_lesson(const judd_job *job, config_setting_t *root, int64_t i) {
    judd_status status = JUDD_OK;
    const judd_job_experiment *e = &job->experiments[i];
    for (int64_t k = 0; k < e->head.n; k++)
        JUDD_TRY(check_learner(job, root, i, "head", e->head.values[k]));
    for (int64_t k = 0; k < e->target.n; k++)
        JUDD_TRY(check_classes_only(job, root, i, "target", e->target.values[k]));
    if (strcmp(e->mode, "sequence") != 0)
        JUDD_TRY(check_source(job, root, i));
    else if (e->target.n < 2)
        FAIL_AT("experiments", i, "target", " has one task; a sequence needs two or more, %s",
                "in their order");
done:
    return status;
}

/* A guard decides by held-out samples: the head must have some. */
static judd_status check_guard(const judd_job *job, config_setting_t *root, int64_t i,
                               const char *name) {
    judd_status status = JUDD_OK;
    const judd_job_experiment *e = &job->experiments[i];
    const judd_job_head *head = judd_job_find_head(job, name);
    const judd_head_ops *ops = judd_head_of(head);
    bool scored = judd_grid_size(ops, head) > 1 || head->validation_fraction > 0.0 ||
                  (head->hold_out && strcmp(head->hold_out, "always") == 0);
    for (int64_t k = 0; k < e->target.n && e->guard; k++)
        if (ops->untrained ||
            (!scored &&
             !judd_job_files_path(&judd_job_find_dataset(job, e->target.values[k])->validation)))
            FAIL_AT("experiments", i, "guard",
                    " decides by held-out samples, but head \"%s\" has none: give it a grid, %s",
                    name, "hold_out = \"always\" or validation_fraction");
done:
    return status;
}

/* Scores are of one class a sample. */
static judd_status check_score(const judd_job *job, config_setting_t *root, int64_t i) {
    judd_status status = JUDD_OK;
    const judd_job_experiment *e = &job->experiments[i];
    if (!e->score || strcmp(e->score, "none") == 0) return JUDD_OK;
    for (int64_t k = 0; k < e->target.n; k++) {
        const judd_job_dataset *d = judd_job_find_dataset(job, e->target.values[k]);
        if (strcmp(d->task, "classification") != 0)
            FAIL_AT(
                "experiments", i, "target",
                " = \"%s\" has task = \"%s\", but backbones are chosen by scores of one class a "
                "sample; name the backbones and set score = \"none\"",
                d->name, d->task);
    }
done:
    return status;
}

static judd_status check_experiment(const judd_job *job, config_setting_t *root, int64_t i) {
    judd_status status = JUDD_OK;
    const judd_job_experiment *e = &job->experiments[i];
    for (int64_t k = 0; k < e->backbone.n; k++)
        JUDD_TRY(check_reference(root, i, "backbone", e->backbone.values[k], "backbones",
                                 job->backbones, sizeof *job->backbones, job->n_backbones));
    if (e->baseline)
        JUDD_TRY(check_reference(root, i, "baseline", e->baseline, "backbones", job->backbones,
                                 sizeof *job->backbones, job->n_backbones));
    for (int64_t k = 0; k < e->head.n; k++)
        JUDD_TRY(check_reference(root, i, "head", e->head.values[k], "heads", job->heads,
                                 sizeof *job->heads, job->n_heads));
    for (int64_t k = 0; k < e->target.n; k++)
        JUDD_TRY(check_reference(root, i, "target", e->target.values[k], "datasets", job->datasets,
                                 sizeof *job->datasets, job->n_datasets));
    for (int64_t k = 0; k < e->backbone.n && e->baseline; k++)
        if (strcmp(e->backbone.values[k], e->baseline) == 0)
            FAIL_AT("experiments", i, "baseline",
                    " = \"%s\" is the backbone itself; name another one to compare with",
                    e->baseline);
    for (int64_t k = 0; k < e->head.n; k++) JUDD_TRY(check_fit(job, root, i, e->head.values[k]));
    for (int64_t k = 0; k < e->head.n; k++) JUDD_TRY(check_guard(job, root, i, e->head.values[k]));
    JUDD_TRY(check_score(job, root, i));
    if (strcmp(e->mode, "backbone") != 0) JUDD_TRY(check_lesson(job, root, i));
done:
    return status;
}

judd_status judd_check_job(const judd_job *job, config_setting_t *root) {
    judd_status status = JUDD_OK;
    JUDD_TRY(
        check_names(root, "backbones", job->backbones, sizeof *job->backbones, job->n_backbones));
    JUDD_TRY(check_names(root, "datasets", job->datasets, sizeof *job->datasets, job->n_datasets));
    JUDD_TRY(check_names(root, "heads", job->heads, sizeof *job->heads, job->n_heads));
    JUDD_TRY(check_names(root, "experiments", job->experiments, sizeof *job->experiments,
                         job->n_experiments));
    for (int64_t i = 0; i < job->n_backbones; i++) JUDD_TRY(check_backbone(job, root, i));
    for (int64_t i = 0; i < job->n_datasets; i++) JUDD_TRY(check_dataset(job, root, i));
    for (int64_t i = 0; i < job->n_heads; i++) JUDD_TRY(check_head(job, root, i));
    for (int64_t i = 0; i < job->n_experiments; i++) JUDD_TRY(check_experiment(job, root, i));
done:
    return status;
}

#include "job/inputs.h"

#include "job/grid.h"
#include "job/head.h"

#include <judd/base/memory.h>
#include <judd/job/splits.h>
#include <judd/learn/cached_rows.h>

#include <stdlib.h>
#include <string.h>

/* ---- data sets and tasks ----------------------------------------------------------------------
 */

static judd_status open_split(judd_dataset **out, judd_inputs *in, const judd_job_dataset *config,
                              const judd_job_files *files) {
    judd_dataset_options options = judd_splits_options(in->job, config, files);
    for (int64_t i = 0; i < in->n_splits; i++)
        if (judd_splits_equal(&in->split_options[i], &options)) {
            *out = in->splits[i];
            return JUDD_OK;
        }
    judd_status status = judd_dataset_open(out, in->comm, &options);
    if (status != JUDD_OK) return judd_status_context(status, "dataset %s", config->name);
    in->splits[in->n_splits] = *out;
    in->split_options[in->n_splits++] = options;
    if (!judd_dataset_info_of(*out)->text) return JUDD_OK;
    return judd_comm_agree(in->comm, judd_lexicon_add(in->lexicon, *out));
}

/* A class alone can be of a sample or not, but not told from others. */
static int least_classes(judd_task_kind kind) {
    return kind == JUDD_CLASSIFICATION ? 2 : kind == JUDD_MULTILABEL ? 1 : 0;
}

static const char *const split_names[JUDD_N_SPLITS] = {"train", "validation", "test"};

/* The classes of the task: those the job names, or all of the training files. */
static judd_status choose_classes(judd_input *input) {
    judd_status status = JUDD_OK;
    const judd_job_integers *chosen = &input->config->classes;
    const judd_dataset_info *train = judd_dataset_info_of(input->split[JUDD_SPLIT_TRAIN]);
    input->kind = train->task;
    input->n_classes = chosen->n > 0 ? (int)chosen->n : train->n_classes;
    JUDD_TRY(judd_memory_alloc(&input->classes, input->n_classes, sizeof *input->classes));
    for (int c = 0; c < input->n_classes; c++)
        input->classes[c] = chosen->n > 0 ? (int32_t)chosen->values[c] : c;
    for (int s = 0; s < JUDD_N_SPLITS && chosen->n == 0; s++) {
        const judd_dataset *split = input->split[s];
        if (split && judd_dataset_info_of(split)->n_classes > train->n_classes)
            JUDD_FAIL(JUDD_E_DATA,
                      "the %s labels reach %d, the training labels only %d; name the task's labels "
                      "in datasets.classes",
                      split_names[s], judd_dataset_info_of(split)->n_classes - 1,
                      train->n_classes - 1);
    }
    if (input->n_classes < least_classes(input->kind))
        JUDD_FAIL(JUDD_E_DATA, "one class only; a task needs two or more: set datasets.classes");
done:
    return status;
}

/* Labels are numbers: they mean the same in both splits only if the names do. */
static judd_status check_class_names(const judd_input *input, int split) {
    const judd_dataset_info *a = judd_dataset_info_of(input->split[JUDD_SPLIT_TRAIN]);
    const judd_dataset_info *b = judd_dataset_info_of(input->split[split]);
    bool real = a->task == JUDD_REGRESSION;
    int n_a = real ? a->n_targets : a->n_classes, n_b = real ? b->n_targets : b->n_classes;
    const char *const *names_a = real ? a->target_names : a->class_names;
    const char *const *names_b = real ? b->target_names : b->class_names;
    if (a->n_targets > 0 && a->n_targets != b->n_targets)
        return judd_status_set(JUDD_E_DATA,
                               "%d targets a sample in train, but %d in %s; give both the same "
                               "list of names as labels",
                               a->n_targets, b->n_targets, split_names[split]);
    if (!names_a || !names_b) return JUDD_OK;
    for (int c = 0; c < n_a || c < n_b; c++) {
        const char *x = c < n_a ? names_a[c] : "(none)";
        const char *y = c < n_b ? names_b[c] : "(none)";
        if (strcmp(x, y) != 0)
            return judd_status_set(JUDD_E_DATA,
                                   "%s %d is %s in train, but %s in %s; give both the same "
                                   "list of %s as labels",
                                   real ? "column" : "class", c, x, y, split_names[split],
                                   real ? "names" : "classes");
    }
    return JUDD_OK;
}

static judd_status check_shapes(const judd_input *input, int split) {
    const judd_dataset_info *a = judd_dataset_info_of(input->split[JUDD_SPLIT_TRAIN]);
    const judd_dataset_info *b = judd_dataset_info_of(input->split[split]);
    if (a->channels == b->channels && a->height == b->height && a->width == b->width)
        return JUDD_OK;
    return judd_status_set(JUDD_E_DATA,
                           "training images are %d x %d x %d (channels, height, width), %s "
                           "images %d x %d x %d; name files of one data set",
                           a->channels, a->height, a->width, split_names[split], b->channels,
                           b->height, b->width);
}

/* A view is drawn from an image. */
static judd_status check_views(const judd_input *input) {
    int64_t views = input->config->views;
    if (views == 1 || judd_dataset_info_of(input->split[JUDD_SPLIT_TRAIN])->feature_dim == 0)
        return JUDD_OK;
    return judd_status_set(JUDD_E_CONFIG,
                           "views = %lld, but train holds ready features, of which no other views "
                           "can be drawn; remove views",
                           (long long)views);
}

/* The classes must all be there to learn from; what heads are judged by may lack some. */
static judd_status select_split(judd_input *input, int split, bool tasks) {
    const judd_dataset_info *info = judd_dataset_info_of(input->split[split]);
    const int32_t *classes = input->classes;
    bool every = split == JUDD_SPLIT_TRAIN;
    judd_status status = judd_task_ids(&input->ids[split], info, classes, input->n_classes, every);
    if (status == JUDD_OK && tasks)
        status = judd_task_select(&input->task[split], info, classes, input->n_classes, every);
    return judd_status_context(status, "%s", split_names[split]);
}

/* Without test files the test set is a part of the training set. */
static judd_status divide_train(judd_input *input) {
    const judd_job_dataset *config = input->config;
    return judd_status_context(
        judd_task_divide(&input->task[JUDD_SPLIT_TRAIN], &input->task[JUDD_SPLIT_TEST],
                         input->n_classes, config->test_fraction, (uint64_t)config->split_seed),
        "test");
}

/* What the test samples are made of stays unseen. */
static judd_status choose_corpus(judd_input *input) {
    const judd_task_samples *train = &input->task[JUDD_SPLIT_TRAIN];
    if (!judd_dataset_info_of(input->split[JUDD_SPLIT_TRAIN])->text) return JUDD_OK;
    return train->n > 0 ? judd_id_set_add_array(&input->corpus, train->ids, train->n)
                        : judd_id_set_unite(&input->corpus, &input->ids[JUDD_SPLIT_TRAIN]);
}

static judd_status select_tasks(judd_input *input, bool tasks) {
    judd_status status = JUDD_OK;
    for (int s = 0; s < JUDD_N_SPLITS; s++) {
        if (!input->split[s]) continue;
        JUDD_TRY(check_class_names(input, s));
        JUDD_TRY(check_shapes(input, s));
    }
    JUDD_TRY(check_views(input));
    JUDD_TRY(choose_classes(input));
    JUDD_TRY(select_split(input, JUDD_SPLIT_TRAIN, tasks));
    if (input->split[JUDD_SPLIT_VALIDATION])
        JUDD_TRY(select_split(input, JUDD_SPLIT_VALIDATION, tasks));
    JUDD_TRY(judd_job_files_path(&input->config->test) ? select_split(input, JUDD_SPLIT_TEST, tasks)
                                                       : divide_train(input));
    JUDD_TRY(choose_corpus(input));
done:
    return judd_status_context(status, "dataset %s", input->config->name);
}

/* Of backbones with one file, the first reads it. */
static judd_status identify_model(judd_inputs *in, int64_t b) {
    const judd_job_backbone *backbones = in->job->backbones, *own = &backbones[b];
    int64_t first = 0;
    if (!own->file) return JUDD_OK;
    while (!backbones[first].file || strcmp(backbones[first].file, own->file) != 0) first++;
    in->models[b] = in->models[first];
    if (first < b) return JUDD_OK;
    return judd_status_context(
        judd_model_identify(&in->models[b], in->comm, own->kind, own->file, in->copy, in->lexicon),
        "backbone %s", own->name);
}

static judd_status create(judd_inputs **out, const judd_job *job, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_inputs *in = NULL;
    int64_t n = job->n_datasets;
    JUDD_TRY(judd_memory_alloc(&in, 1, sizeof *in));
    *in = (judd_inputs){.job = job, .comm = comm, .n = n};
    JUDD_TRY(judd_lexicon_create(&in->lexicon, comm));
    JUDD_TRY(judd_model_copy_create(&in->copy));
    JUDD_TRY(judd_memory_alloc(&in->inputs, n, sizeof *in->inputs));
    JUDD_TRY(judd_memory_alloc(&in->splits, n * JUDD_N_SPLITS, sizeof *in->splits));
    JUDD_TRY(judd_memory_alloc(&in->models, job->n_backbones, sizeof *in->models));
    JUDD_TRY(judd_memory_alloc(&in->split_options, n * JUDD_N_SPLITS, sizeof *in->split_options));
    *out = in;
    in = NULL;
done:
    judd_inputs_close(in);
    return status;
}

static judd_status open_input(judd_inputs *in, const judd_job_dataset *config, bool tasks) {
    judd_status status = JUDD_OK;
    judd_input *input = &in->inputs[config - in->job->datasets];
    input->config = config;
    JUDD_TRY(open_split(&input->split[JUDD_SPLIT_TRAIN], in, config, &config->train));
    if (judd_job_files_path(&config->validation))
        JUDD_TRY(open_split(&input->split[JUDD_SPLIT_VALIDATION], in, config, &config->validation));
    JUDD_TRY(open_split(&input->split[JUDD_SPLIT_TEST], in, config,
                        judd_job_files_path(&config->test) ? &config->test : &config->train));
    JUDD_TRY(judd_comm_agree(in->comm, select_tasks(input, tasks)));
done:
    return status;
}

judd_status judd_inputs_open(judd_inputs **out, const judd_job *job, const judd_comm *comm,
                             judd_log *log, const volatile sig_atomic_t *stop, bool quiet,
                             bool tasks) {
    judd_status status = JUDD_OK;
    judd_inputs *in = NULL;
    JUDD_TRY(judd_comm_agree(comm, create(&in, job, comm)));
    in->log = log;
    in->stop = stop;
    in->quiet = quiet;
    for (int64_t i = 0; i < in->n; i++) JUDD_TRY(open_input(in, &job->datasets[i], tasks));
    for (int64_t b = 0; b < job->n_backbones; b++) JUDD_TRY(identify_model(in, b));
    *out = in;
    in = NULL;
done:
    judd_inputs_close(in);
    return status;
}

judd_status judd_inputs_open_one(judd_inputs **out, const judd_job *job,
                                 const judd_job_dataset *dataset, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_inputs *in = NULL;
    JUDD_TRY(judd_comm_agree(comm, create(&in, job, comm)));
    JUDD_TRY(open_input(in, dataset, true));
    *out = in;
    in = NULL;
done:
    judd_inputs_close(in);
    return status;
}

void judd_inputs_close(judd_inputs *in) {
    if (!in) return;
    for (int64_t i = 0; i < in->n; i++) {
        for (int s = 0; s < JUDD_N_SPLITS; s++) {
            judd_task_free(&in->inputs[i].task[s]);
            judd_id_set_free(&in->inputs[i].ids[s]);
        }
        judd_id_set_free(&in->inputs[i].corpus);
        free(in->inputs[i].classes);
    }
    judd_lexicon_destroy(in->lexicon);
    judd_model_copy_destroy(in->copy);
    for (int64_t i = 0; i < in->n_splits; i++) judd_dataset_close(in->splits[i]);
    free(in->inputs);
    free(in->splits);
    free(in->split_options);
    free(in->models);
    free(in);
}

const judd_input *judd_inputs_find(const judd_inputs *in, const judd_job_dataset *dataset) {
    return &in->inputs[dataset - in->job->datasets];
}

static void hash_dataset(judd_hash *hash, const judd_input *input) {
    for (int s = 0; s < JUDD_N_SPLITS; s++) {
        const judd_dataset *split = input->split[s];
        if (!split) continue;
        const judd_dataset_info *info = judd_dataset_info_of(split);
        judd_hash_add(hash, info->sha256, sizeof info->sha256);
        judd_hash_add(hash, info->labels, (size_t)info->n_samples * sizeof *info->labels);
        if (info->targets)
            judd_hash_add(hash, info->targets,
                          (size_t)(info->n_samples * info->n_targets) * sizeof *info->targets);
    }
}

judd_status judd_inputs_identity(char hex[JUDD_SHA256_HEX], const judd_inputs *in,
                                 const judd_plan_bank *bank) {
    judd_hash *hash = NULL;
    judd_status status = judd_hash_create(&hash);
    if (status != JUDD_OK) return status;
    judd_hash_add(hash, in->models[bank->backbone - in->job->backbones].sha256, JUDD_SHA256_HEX);
    for (int64_t r = 0; r < judd_plan_n_reads(bank); r++)
        hash_dataset(hash, judd_inputs_find(in, judd_plan_read_of(bank, in->job, r).bank.dataset));
    if (bank->head->output_names) {
        char names[JUDD_SHA256_HEX];
        int64_t bytes = 0;
        JUDD_TRY(judd_hash_file(names, &bytes, bank->head->output_names));
        judd_hash_add(hash, names, sizeof names);
    }
    judd_hash_finish(hash, hex);
done:
    judd_hash_destroy(hash);
    return judd_status_context(status, "head %s", bank->head->name);
}

judd_status judd_inputs_identities(char (**hex)[JUDD_SHA256_HEX], const judd_inputs *in,
                                   const judd_plan *plan) {
    char(*all)[JUDD_SHA256_HEX] = NULL;
    judd_status status = judd_memory_alloc(&all, plan->n_banks, sizeof *all);
    for (int64_t b = 0; status == JUDD_OK && b < plan->n_banks; b++)
        status = judd_inputs_identity(all[b], in, &plan->banks[b]);
    if (status == JUDD_OK)
        *hex = all;
    else
        free(all);
    return status;
}

/* ---- shots ------------------------------------------------------------------------------------
 */

int judd_inputs_outputs(const judd_inputs *in, const judd_job_dataset *dataset) {
    const judd_input *input = judd_inputs_find(in, dataset);
    return input->kind == JUDD_REGRESSION ? input->task[JUDD_SPLIT_TRAIN].n_targets
                                          : input->n_classes;
}

judd_status judd_inputs_name(char **name, const judd_input *input, int c) {
    const judd_job_strings *given = &input->config->class_names;
    const judd_dataset_info *info = judd_dataset_info_of(input->split[JUDD_SPLIT_TRAIN]);
    if (input->kind == JUDD_REGRESSION)
        return info->target_names ? judd_memory_string(name, info->target_names[c])
                                  : judd_memory_format(name, "%d", c);
    int32_t label = input->classes[c];
    if (label < given->n) return judd_memory_string(name, given->values[label]);
    if (info->class_names) return judd_memory_string(name, info->class_names[label]);
    return judd_memory_format(name, "%d", label);
}

static judd_status copy_samples(judd_task_samples *out, const judd_task_samples *samples) {
    return judd_task_join(out, &samples, 1);
}

/* Set samples apart to pick by: those of validation files, a part of the shots, or folds of them.
 */
static judd_status hold_out(judd_inputs_drawn *d, const judd_input *input,
                            const judd_plan_bank *bank) {
    const judd_job_head *head = bank->head;
    uint64_t seed = (uint64_t)bank->seed;
    d->validation_split = JUDD_SPLIT_VALIDATION;
    if (input->split[JUDD_SPLIT_VALIDATION])
        return copy_samples(&d->validation, &input->task[JUDD_SPLIT_VALIDATION]);
    d->validation_split = JUDD_SPLIT_TRAIN;
    if (head->validation_fraction > 0.0)
        return judd_status_context(judd_task_divide(&d->train, &d->validation, input->n_classes,
                                                    head->validation_fraction, seed),
                                   "validation_fraction");
    const judd_head_ops *ops = judd_head_of(head);
    bool wanted =
        judd_grid_size(ops, head) > 1 || (head->hold_out && strcmp(head->hold_out, "always") == 0);
    /* one shot leaves nothing of its class to learn from when it is held out */
    if (!wanted || bank->shots == 1) return JUDD_OK;
    /* views of an image are no strangers to each other: they are held out together, by folds */
    d->leave_one_out = ops->leaves_one_out && ops->leaves_one_out(head) && bank->dataset->views < 2;
    if (d->leave_one_out) return JUDD_OK;
    int64_t folds = bank->shots > 0 && bank->shots < head->folds ? bank->shots : head->folds;
    if (folds < 2) return JUDD_OK;
    d->n_folds = (int)folds;
    return judd_task_deal_folds(&d->train, input->n_classes, d->n_folds, seed);
}

static judd_status draw_shots(judd_task_samples *out, const judd_input *input, int64_t shots,
                              int64_t seed) {
    judd_status status = judd_task_draw_shots(out, &input->task[JUDD_SPLIT_TRAIN], input->n_classes,
                                              shots, (uint64_t)seed);
    return judd_status_context(status, "data set %s", input->config->name);
}

judd_status judd_inputs_draw(judd_inputs_drawn *out, const judd_inputs *in,
                             const judd_plan_bank *bank) {
    judd_status status = JUDD_OK;
    const judd_input *input = judd_inputs_find(in, bank->dataset);
    judd_inputs_drawn drawn = {0};
    *out = drawn;
    if (bank->head && judd_head_of(bank->head)->untrained) return JUDD_OK;
    JUDD_TRY(draw_shots(&drawn.train, input, bank->shots, bank->seed));
    if (bank->head) JUDD_TRY(hold_out(&drawn, input, bank));
    if (bank->head && bank->dataset->views > 1)
        JUDD_TRY(
            judd_task_add_views(&drawn.train, (int)bank->dataset->views,
                                judd_dataset_info_of(input->split[JUDD_SPLIT_TRAIN])->n_samples));
    *out = drawn;
    drawn = (judd_inputs_drawn){0};
done:
    judd_inputs_drawn_free(&drawn);
    return judd_status_context(status, "%s", bank->name);
}

judd_status judd_inputs_draw_source(judd_task_samples *out, const judd_inputs *in,
                                    const judd_plan_bank *bank, const judd_plan_read *read) {
    judd_status status = JUDD_OK;
    const judd_input *input = judd_inputs_find(in, read->bank.dataset);
    const double share = bank->lesson->rehearsal;
    judd_task_samples drawn = {0}, kept = {0};
    JUDD_TRY(draw_shots(&drawn, input, read->bank.shots, bank->seed));
    if (share > 0.0 && share < 1.0) {
        JUDD_TRY(judd_task_divide(&drawn, &kept, input->n_classes, share, (uint64_t)bank->seed));
        judd_task_free(&drawn);
        drawn = kept;
        kept = (judd_task_samples){0};
    }
    *out = drawn;
    drawn = (judd_task_samples){0};
done:
    judd_task_free(&drawn);
    judd_task_free(&kept);
    return judd_status_context(status, "%s: source %s", bank->name, read->bank.dataset->name);
}

void judd_inputs_drawn_free(judd_inputs_drawn *drawn) {
    judd_task_free(&drawn->train);
    judd_task_free(&drawn->validation);
    *drawn = (judd_inputs_drawn){0};
}

/* ---- features ---------------------------------------------------------------------------------
 */

/* A side, or height and width; 0 if there is none. */
static void get_sizes(int *height, int *width, const judd_job_integers *sizes) {
    *height = sizes->n > 0 ? (int)sizes->values[0] : 0;
    *width = sizes->n > 1 ? (int)sizes->values[1] : *height;
}

static void get_transform(judd_transform_options *t, const judd_job_backbone *b) {
    get_sizes(&t->resize_height, &t->resize_width, &b->input.resize);
    if (strcmp(b->input.resize_mode, "shorter") == 0) t->resize_width = 0;
    get_sizes(&t->crop_height, &t->crop_width, &b->input.crop);
    t->interpolation =
        strcmp(b->input.interpolation, "bicubic") == 0 ? JUDD_BICUBIC : JUDD_BILINEAR;
    t->bgr = strcmp(b->input.channel_order, "bgr") == 0;
    t->scale = b->input.scale;
    for (int c = 0; c < JUDD_BACKBONE_MAX_CHANNELS; c++) {
        if (c < b->input.mean.n) t->mean[c] = b->input.mean.values[c];
        if (c < b->input.std.n) t->std[c] = b->input.std.values[c];
    }
}

static void get_range(double range[2], const judd_job_numbers *values) {
    range[0] = values->values[0];
    range[1] = values->values[values->n - 1];
}

judd_backbone_options judd_inputs_backbone_options(const judd_job *job,
                                                   const judd_job_backbone *b) {
    judd_backbone_options o = JUDD_BACKBONE_DEFAULTS;
    o.kind = b->kind;
    o.first_column = b->columns.n > 0 ? b->columns.values[0] : 0;
    o.n_columns = b->columns.n > 1 ? b->columns.values[1] : 0;
    o.file = b->file;
    o.taps = (const char *const *)b->tap.values;
    o.n_taps = (int)b->tap.n;
    o.pool = b->pool;
    if (b->tokens) o.tokens = (judd_tokens_options){b->tokens, b->lowercase};
    o.smoothing = b->smoothing;
    o.hash_columns = b->hash_columns;
    o.random_weights = strcmp(b->weights, "random") == 0;
    o.batch = b->batch;
    o.winograd = b->winograd;
    o.precision = judd_job_is_bf16(b) ? JUDD_BF16 : JUDD_FLOAT32;
    o.channels = (int)b->input.channels;
    o.height = (int)b->input.height;
    o.width = (int)b->input.width;
    o.threads = (int)job->limits.threads;
    o.half = strcmp(b->storage, "float16") == 0;
    get_transform(&o.transform, b);
    return o;
}

/* tap: the bank's, which the options borrow. */
static judd_backbone_options bank_options(const judd_inputs *in, const judd_plan_bank *bank,
                                          const char *const *tap) {
    judd_backbone_options o = judd_inputs_backbone_options(in->job, bank->backbone);
    if (*tap) {
        o.taps = tap;
        o.n_taps = 1;
        o.pool = "none";
    }
    o.identity = &in->models[bank->backbone - in->job->backbones];
    o.copy = in->copy;
    o.lexicon = in->lexicon;
    o.corpus = judd_inputs_find(in, bank->dataset)->split[JUDD_SPLIT_TRAIN];
    o.corpus_ids = &judd_inputs_find(in, bank->dataset)->corpus;
    o.seed = judd_plan_weights_seed(bank);
    get_range(o.augment.scale, &bank->dataset->augment.scale);
    get_range(o.augment.ratio, &bank->dataset->augment.ratio);
    o.augment.flip = bank->dataset->augment.flip;
    return o;
}

/* Where the bank takes features instead of where its backbone says; NULL: there. */
static const char *tap_of(const judd_plan_bank *bank) {
    return bank->head ? judd_head_of(bank->head)->tap : bank->tap;
}

judd_status judd_inputs_backbone(judd_backbone **out, const judd_inputs *in,
                                 const judd_plan_bank *bank, judd_split split) {
    const char *tap = tap_of(bank);
    judd_backbone_options options = bank_options(in, bank, &tap);
    const judd_dataset *dataset = judd_inputs_find(in, bank->dataset)->split[split];
    return judd_status_context(
        judd_backbone_open(out, in->comm, &options, judd_dataset_info_of(dataset)), "backbone %s",
        bank->backbone->name);
}

const char *judd_inputs_split_name(judd_split split) {
    static const char *const names[JUDD_N_SPLITS] = {"train", "validation", "test"};
    return names[split];
}

bool judd_inputs_same_network(const judd_plan_bank *a, const judd_plan_bank *b) {
    const char *tap_a = tap_of(a), *tap_b = tap_of(b);
    return a->backbone == b->backbone && judd_plan_weights_seed(a) == judd_plan_weights_seed(b) &&
           (tap_a && tap_b ? strcmp(tap_a, tap_b) == 0 : tap_a == tap_b);
}

bool judd_inputs_same_corpus(const judd_plan_bank *a, const judd_plan_bank *b) {
    return a->dataset == b->dataset || !judd_backbone_learns(a->backbone->kind, a->backbone->pool);
}

int judd_inputs_views(const judd_plan_bank *bank, judd_split split) {
    return split == JUDD_SPLIT_TRAIN && bank->head ? (int)bank->dataset->views : 1;
}

static judd_status open_views(judd_cache **out, const judd_inputs *in, const judd_plan_bank *bank,
                              judd_split split, const judd_backbone *backbone) {
    judd_status status = JUDD_OK;
    int n = judd_inputs_views(bank, split);
    char **keys = NULL, *warning = NULL;
    const judd_dataset *dataset = judd_inputs_find(in, bank->dataset)->split[split];
    judd_cache_options options = {.folder = in->job->cache,
                                  .n_views = n,
                                  .n_samples = judd_dataset_info_of(dataset)->n_samples,
                                  .half = strcmp(bank->backbone->storage, "float16") == 0};
    status = judd_memory_alloc(&keys, n, sizeof *keys);
    for (int v = 0; v < n && status == JUDD_OK; v++)
        status = judd_backbone_view_key(&keys[v], backbone, v);
    JUDD_TRY(judd_comm_agree(in->comm, status));
    options.keys = (const char *const *)keys;
    JUDD_TRY(judd_cache_open(out, &warning, in->comm, &options));
    if (warning) judd_log_warning(in->log, "%s", warning);
done:
    for (int v = 0; keys && v < n; v++) free(keys[v]);
    free(keys);
    free(warning);
    return status;
}

judd_status judd_inputs_cache(judd_cache **out, const judd_inputs *in, const judd_plan_bank *bank,
                              judd_split split) {
    judd_status status = JUDD_OK;
    judd_backbone *backbone = NULL;
    JUDD_TRY(judd_inputs_backbone(&backbone, in, bank, split));
    JUDD_TRY(open_views(out, in, bank, split, backbone));
    if (!judd_cache_exists(*out))
        JUDD_FAIL(JUDD_E_IO, "%s: vanished while the job ran; run it again",
                  judd_cache_path(*out, 0));
done:
    judd_backbone_close(backbone);
    return status;
}

/* Samples begin .. end - 1 of all parts, those of one part: part sample `begin - skip` comes first.
 */
static judd_status fill_rows(judd_rows *rows, const judd_inputs_part *part, int64_t skip,
                             int64_t begin, int64_t end) {
    const judd_task_samples *s = part->samples;
    int64_t from = begin - skip, to = begin - judd_lanes_first(&rows->lanes), n = end - begin;
    if (rows->targets)
        memcpy(rows->targets + to * s->n_targets, s->targets + from * s->n_targets,
               (size_t)(n * s->n_targets) * sizeof *rows->targets);
    memcpy(rows->labels + to, s->labels + from, (size_t)n * sizeof *rows->labels);
    if (s->folds) memcpy(rows->folds + to, s->folds + from, (size_t)n * sizeof *rows->folds);
    return rows->x ? judd_cache_read(part->cache, s->ids + from, n, NULL, rows->x + to * rows->dim)
                   : JUDD_OK;
}

static judd_status fill_all(judd_rows *rows, const judd_inputs_part *parts, int n_parts) {
    judd_status status = JUDD_OK;
    int64_t first = judd_lanes_first(&rows->lanes), end = first + judd_lanes_count(&rows->lanes);
    for (int64_t p = 0, skip = 0; p < n_parts; skip += parts[p++].samples->n) {
        int64_t last = skip + parts[p].samples->n;
        int64_t from = first > skip ? first : skip, to = end < last ? end : last;
        if (from < to) JUDD_TRY(fill_rows(rows, &parts[p], skip, from, to));
    }
done:
    return status;
}

/* The rank with most rows decides for all. */
static bool exceeds_memory(const judd_inputs *in, int64_t n, int64_t dim) {
    int64_t most = 0;
    for (int r = 0; r < in->comm->size; r++) {
        judd_lanes lanes;
        if (judd_lanes_deal(&lanes, n, (int)in->job->lanes, r, in->comm->size) != JUDD_OK) break;
        int64_t rows = judd_lanes_count(&lanes);
        most = rows > most ? rows : most;
    }
    return (double)most * (double)dim * sizeof(float) >
           (double)in->job->limits.memory_mib * 1048576.0;
}

/* This rank's share of the parts' rows, from where they are. */
static judd_status cached_source(judd_rows_source *source, const judd_lanes *lanes,
                                 const judd_inputs_part *parts, int n_parts) {
    judd_cached_rows_part own[JUDD_INPUTS_PARTS];
    int64_t first = judd_lanes_first(lanes), end = first + judd_lanes_count(lanes), skip = 0;
    for (int p = 0; p < n_parts; p++) {
        int64_t n = parts[p].samples->n, from = first > skip ? first - skip : 0;
        int64_t to = end - skip < n ? end - skip : n;
        if (from > n) from = n;
        own[p] = (judd_cached_rows_part){parts[p].cache, parts[p].samples->ids + from,
                                         to > from ? to - from : 0};
        skip += n;
    }
    return judd_cached_rows_source(source, own, n_parts);
}

static judd_status create_rows(judd_rows *rows, const judd_inputs *in, int64_t n,
                               const judd_inputs_part *parts, int n_parts) {
    judd_status status = JUDD_OK;
    int64_t dim = judd_cache_dim(parts[0].cache);
    int n_lanes = (int)in->job->lanes;
    judd_lanes lanes;
    judd_rows_source source;
    if (!exceeds_memory(in, n, dim)) return judd_rows_create(rows, n, dim, n_lanes, in->comm);
    JUDD_TRY(judd_lanes_deal(&lanes, n, n_lanes, in->comm->rank, in->comm->size));
    JUDD_TRY(cached_source(&source, &lanes, parts, n_parts));
    JUDD_TRY(judd_rows_create_streamed(rows, n, dim, n_lanes, source, in->comm));
done:
    return status;
}

judd_status judd_inputs_rows(judd_rows *out, const judd_inputs *in, const judd_inputs_part *parts,
                             int n_parts) {
    judd_status status = JUDD_OK;
    judd_rows rows = {0};
    const judd_cache *cache = parts[0].cache;
    int64_t n = 0;
    for (int p = 0; p < n_parts; p++) n += parts[p].samples->n;
    status = create_rows(&rows, in, n, parts, n_parts);
    if (status == JUDD_OK) status = judd_rows_add_targets(&rows, parts[0].samples->n_targets);
    if (status == JUDD_OK) status = fill_all(&rows, parts, n_parts);
    if (status == JUDD_OK)
        status = judd_status_context(judd_rows_check_finite(&rows, &rows.largest), "%s",
                                     judd_cache_path(cache, 0));
    JUDD_TRY(judd_comm_agree(in->comm, status));
    *out = rows;
    rows = (judd_rows){0};
done:
    judd_rows_free(&rows);
    return status;
}

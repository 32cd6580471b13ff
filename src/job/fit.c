#include "job/fit.h"

#include "job/write.h"

#include <judd/base/hash.h>
#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

static void hash_samples(judd_hash *hash, const judd_task_samples *s) {
    judd_hash_add(hash, s->ids, (size_t)s->n * sizeof *s->ids);
    judd_hash_add(hash, s->labels, (size_t)s->n * sizeof *s->labels);
    if (s->targets) judd_hash_add(hash, s->targets, (size_t)(s->n * s->n_targets) * sizeof(float));
}

static void hash_part(judd_hash *hash, const judd_inputs_part *part) {
    for (int v = 0; v < judd_cache_views(part->cache); v++) {
        const char *key = judd_cache_key(part->cache, v);
        judd_hash_add(hash, key, strlen(key));
    }
    hash_samples(hash, part->samples);
}

/* Whatever the bits of this training depend on: a checkpoint of anything else is not ours. */
static judd_status make_identity(judd_fit *t, const judd_fit_samples *s) {
    judd_status status = JUDD_OK;
    judd_hash *hash = NULL;
    char *text = NULL, *head = NULL, hex[JUDD_SHA256_HEX];
    JUDD_TRY(judd_hash_create(&hash));
    JUDD_TRY(judd_write_head(&t->config, &head));
    JUDD_TRY(judd_memory_format(&text, "%s %lld %lld %d %s", t->name, (long long)t->c->job->lanes,
                                (long long)t->plan->seed, s->held_out ? s->held_out->n_folds : 0,
                                head));
    judd_hash_add(hash, text, strlen(text));
    for (int i = 0; i < s->n_parts; i++) hash_part(hash, &s->parts[i]);
    for (int i = 0; i < s->n_sources; i++) hash_part(hash, &s->sources[i]);
    if (s->start) {
        char start[JUDD_SHA256_HEX];
        JUDD_TRY(judd_bank_hash(start, s->start->model));
        judd_hash_add(hash, start, sizeof start);
        judd_hash_add(hash, t->from_output, (size_t)s->space->n_outputs * sizeof *t->from_output);
    }
    if (t->plan->lesson) {
        const judd_job_experiment *x = t->plan->lesson;
        const double numbers[] = {x->weight, x->l2_sp};
        judd_hash_add(hash, numbers, sizeof numbers);
        if (x->weight_schedule) judd_hash_add(hash, x->weight_schedule, strlen(x->weight_schedule));
    }
    if (s->validation) hash_part(hash, s->validation);
    judd_hash_finish(hash, hex);
    JUDD_TRY(judd_memory_string(&t->identity, hex));
done:
    judd_hash_destroy(hash);
    free(text);
    free(head);
    return status;
}

/* What the problem borrows. */
static judd_status prepare(judd_fit *t, const judd_fit_samples *s, const char *what) {
    judd_status status = JUDD_OK;
    const judd_train_context *c = t->c;
    const judd_task_samples *each[JUDD_INPUTS_PARTS];
    for (int i = 0; i < s->n_parts; i++) each[i] = s->parts[i].samples;
    JUDD_TRY(judd_task_join(&t->samples, each, s->n_parts));
    JUDD_TRY(judd_memory_format(&t->name, "%s%s", t->plan->name, what));
    JUDD_TRY(judd_memory_format(&t->folder, "%s/checkpoints/%s", judd_output_folder(c->output),
                                t->name));
    if (c->job->tensorboard)
        JUDD_TRY(judd_memory_format(&t->events, "%s/tensorboard/%s", judd_output_folder(c->output),
                                    t->name));
    if (s->start) {
        JUDD_TRY(judd_memory_alloc(&t->from_output, s->space->n_outputs, sizeof *t->from_output));
        JUDD_TRY(judd_label_space_inherit(t->from_output, s->space, t->plan));
    }
    JUDD_TRY(make_identity(t, s));
done:
    return status;
}

static void pose_problem(judd_fit *t, const judd_fit_samples *s) {
    const judd_train_context *c = t->c;
    const judd_inputs_drawn *held_out = s->held_out;
    const judd_job_experiment *lesson = t->plan->lesson;
    const judd_input *input = judd_inputs_find(c->inputs, t->plan->dataset);
    t->problem = (judd_head_problem){
        .config = &t->config,
        .comm = c->comm,
        .train = &t->rows,
        .validation = t->validation.lanes.n_samples > 0 ? &t->validation : NULL,
        .samples = &t->samples,
        .task = input->kind,
        .source = t->source.lanes.n_samples > 0 ? &t->source : NULL,
        .source_weight = lesson ? lesson->weight : 0.0,
        .source_schedule = lesson && lesson->weight_schedule ? lesson->weight_schedule : "constant",
        .start = s->start ? s->start->model : NULL,
        .from_output = t->from_output,
        .pull = lesson ? lesson->l2_sp : 0.0,
        .curve = t->curve.lanes.n_samples > 0 ? &t->curve : NULL,
        .n_outputs = s->space->n_outputs,
        .n_folds = held_out ? held_out->n_folds : 0,
        .leave_one_out = held_out && held_out->leave_one_out,
        .n_features = t->map.dim,
        .classes = input->classes,
        .class_names = (const char *const *)s->space->names,
        .n_file_classes = judd_dataset_info_of(input->split[JUDD_SPLIT_TRAIN])->n_classes,
        .seed = t->plan->seed,
        .name = t->name,
        .folder = t->folder,
        .events = t->events,
        .output = c->output,
        .identity = t->identity,
        .checkpoint_steps = c->job->limits.checkpoint_steps,
        .checkpoint_s = c->job->limits.checkpoint_s,
        .stop = c->stop,
        .log = c->log};
}

static judd_feature_map_options map_options(const judd_job_head *config) {
    const char *transform = config->transform ? config->transform : "none";
    return (judd_feature_map_options){.standardize = config->standardize,
                                      .project = strcmp(transform, "none") != 0,
                                      .whiten = strcmp(transform, "whiten") == 0,
                                      .n_components = config->components};
}

/* The mapped rows; raw ones stay only where the mapped are streamed from them. Collective. */
static judd_status map_rows(judd_rows *mapped, judd_rows *raw, const judd_fit *t) {
    judd_status status = judd_feature_map_apply(mapped, &t->map, raw, t->c->comm);
    if (status == JUDD_OK && mapped->x) judd_rows_free(raw);
    return status;
}

/* Raw rows of samples that a fit learns from or is held against, mapped; if there are any. */
static judd_status take_rows(judd_rows *mapped, judd_rows *raw, const judd_fit *t,
                             const judd_inputs_part *parts, int n_parts) {
    judd_status status = JUDD_OK;
    int64_t dim = t->map.standard.dim, n = 0;
    for (int i = 0; i < n_parts; i++) n += parts[i].samples->n;
    if (n == 0) return JUDD_OK;
    for (int i = 0; i < n_parts; i++)
        if (judd_cache_dim(parts[i].cache) != dim)
            JUDD_FAIL(
                JUDD_E_DATA,
                "source and target have %lld and %lld features through backbone %s; give both "
                "data sets images of one size, or set input.height and input.width of the "
                "backbone",
                (long long)judd_cache_dim(parts[i].cache), (long long)dim, t->plan->backbone->name);
    JUDD_TRY(judd_inputs_rows(raw, t->c->inputs, parts, n_parts));
    JUDD_TRY(map_rows(mapped, raw, t));
done:
    return status;
}

/* The map of the head it starts from, whose weights would mean nothing behind another. */
static judd_status make_map(judd_fit *t, const judd_fit_samples *s) {
    judd_status status = JUDD_OK;
    const judd_feature_map_options options = map_options(&t->config);
    if (!s->start) return judd_feature_map_fit(&t->map, &t->raw, &options, t->c->comm);
    if (s->start->map.standard.dim != t->raw.dim)
        JUDD_FAIL(
            JUDD_E_DATA,
            "the head to start from takes %lld features, %s has %lld through backbone %s; give "
            "both data sets images of one size, or set input.height and input.width of the "
            "backbone",
            (long long)s->start->map.standard.dim, t->plan->dataset->name, (long long)t->raw.dim,
            t->plan->backbone->name);
    JUDD_TRY(judd_comm_agree(t->c->comm, judd_feature_map_copy(&t->map, &s->start->map)));
done:
    return status;
}

/* A row of no fold is learned from by every head. */
static void leave_no_fold(judd_rows *rows) {
    for (int64_t i = 0; i < judd_lanes_count(&rows->lanes); i++) rows->folds[i] = JUDD_ROWS_NO_FOLD;
}

judd_status judd_fit_run(judd_fit *t, const judd_train_context *c, const judd_plan_bank *bank,
                         const judd_job_head *config, const judd_fit_samples *s, const char *what) {
    judd_status status = JUDD_OK;
    *t = (judd_fit){.c = c, .plan = bank, .config = *config, .ops = judd_head_of(config)};
    JUDD_TRY(judd_comm_agree(c->comm, prepare(t, s, what)));
    JUDD_TRY(judd_inputs_rows(&t->raw, c->inputs, s->parts, s->n_parts));
    JUDD_TRY(make_map(t, s));
    JUDD_TRY(map_rows(&t->rows, &t->raw, t));
    if (s->validation) JUDD_TRY(take_rows(&t->validation, &t->raw_validation, t, s->validation, 1));
    if (s->n_sources > 0) {
        JUDD_TRY(take_rows(&t->source, &t->raw_source, t, s->sources, s->n_sources));
        leave_no_fold(&t->source);
    }
    if (config->optimizer.curve_steps > 0) {
        JUDD_TRY(judd_feature_map_apply(&t->curve, &t->map, s->test, c->comm));
        if (bank->lesson) judd_label_space_relabel(&t->curve, s->space, 0);
    }
    pose_problem(t, s);
    JUDD_TRY(t->ops->create(&t->head, &t->problem));
    JUDD_TRY(t->ops->train(t->head));
done:
    return status;
}

void judd_fit_end(judd_fit *t) {
    if (t->head) t->ops->destroy(t->head);
    judd_task_free(&t->samples);
    judd_feature_map_free(&t->map);
    judd_rows_free(&t->rows);
    judd_rows_free(&t->raw);
    judd_rows_free(&t->validation);
    judd_rows_free(&t->raw_validation);
    judd_rows_free(&t->source);
    judd_rows_free(&t->raw_source);
    judd_rows_free(&t->curve);
    free(t->from_output);
    free(t->name);
    free(t->folder);
    free(t->identity);
    free(t->events);
    *t = (judd_fit){0};
}

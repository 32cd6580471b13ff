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
    const judd_input *input = judd_inputs_find(c->inputs, t->plan->dataset);
    const judd_task_samples *each[JUDD_INPUTS_PARTS];
    for (int i = 0; i < s->n_parts; i++) each[i] = s->parts[i].samples;
    JUDD_TRY(judd_task_join(&t->samples, each, s->n_parts));
    JUDD_TRY(judd_memory_format(&t->name, "%s%s", t->plan->name, what));
    JUDD_TRY(judd_memory_format(&t->folder, "%s/checkpoints/%s", judd_output_folder(c->output),
                                t->name));
    JUDD_TRY(make_identity(t, s));
    t->problem.n_outputs = judd_inputs_outputs(c->inputs, t->plan->dataset);
    JUDD_TRY(judd_memory_alloc(&t->outputs, t->problem.n_outputs, sizeof *t->outputs));
    for (int k = 0; k < t->problem.n_outputs; k++)
        JUDD_TRY(judd_inputs_name(&t->outputs[k], input, k));
done:
    return status;
}

static void pose_problem(judd_fit *t, const judd_inputs_drawn *held_out) {
    const judd_train_context *c = t->c;
    const judd_input *input = judd_inputs_find(c->inputs, t->plan->dataset);
    t->problem = (judd_head_problem){
        .config = &t->config,
        .comm = c->comm,
        .train = &t->rows,
        .validation = t->validation.lanes.n_samples > 0 ? &t->validation : NULL,
        .samples = &t->samples,
        .task = input->kind,
        .n_outputs = t->problem.n_outputs,
        .n_folds = held_out ? held_out->n_folds : 0,
        .leave_one_out = held_out && held_out->leave_one_out,
        .n_features = t->map.dim,
        .classes = input->classes,
        .class_names = (const char *const *)t->outputs,
        .n_file_classes = judd_dataset_info_of(input->split[JUDD_SPLIT_TRAIN])->n_classes,
        .seed = t->plan->seed,
        .name = t->name,
        .folder = t->folder,
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

judd_status judd_fit_run(judd_fit *t, const judd_train_context *c, const judd_plan_bank *bank,
                         const judd_job_head *config, const judd_fit_samples *s, const char *what) {
    judd_status status = JUDD_OK;
    const judd_feature_map_options options = map_options(config);
    *t = (judd_fit){.c = c, .plan = bank, .config = *config, .ops = judd_head_of(config)};
    JUDD_TRY(judd_comm_agree(c->comm, prepare(t, s, what)));
    JUDD_TRY(judd_inputs_rows(&t->raw, c->inputs, s->parts, s->n_parts));
    JUDD_TRY(judd_feature_map_fit(&t->map, &t->raw, &options, c->comm));
    JUDD_TRY(map_rows(&t->rows, &t->raw, t));
    if (s->validation) {
        JUDD_TRY(judd_inputs_rows(&t->raw_validation, c->inputs, s->validation, 1));
        JUDD_TRY(map_rows(&t->validation, &t->raw_validation, t));
    }
    pose_problem(t, s->held_out);
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
    for (int k = 0; t->outputs && k < t->problem.n_outputs; k++) free(t->outputs[k]);
    free(t->outputs);
    free(t->name);
    free(t->folder);
    free(t->identity);
    *t = (judd_fit){0};
}

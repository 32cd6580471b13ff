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

/* Whatever the bits of this training depend on: a checkpoint of anything else is not ours. */
static judd_status make_identity(judd_fit *t, const judd_inputs_part *parts, int n_parts,
                                 int n_folds) {
    judd_status status = JUDD_OK;
    judd_hash *hash = NULL;
    char *text = NULL, *head = NULL, hex[JUDD_SHA256_HEX];
    JUDD_TRY(judd_hash_create(&hash));
    JUDD_TRY(judd_write_head(&t->config, &head));
    JUDD_TRY(judd_memory_format(&text, "%s %lld %lld %d %s", t->name, (long long)t->c->job->lanes,
                                (long long)t->plan->seed, n_folds, head));
    judd_hash_add(hash, text, strlen(text));
    for (int i = 0; i < n_parts; i++) {
        for (int v = 0; v < judd_cache_views(parts[i].cache); v++) {
            const char *key = judd_cache_key(parts[i].cache, v);
            judd_hash_add(hash, key, strlen(key));
        }
        hash_samples(hash, parts[i].samples);
    }
    judd_hash_finish(hash, hex);
    JUDD_TRY(judd_memory_string(&t->identity, hex));
done:
    judd_hash_destroy(hash);
    free(text);
    free(head);
    return status;
}

/* What the problem borrows. */
static judd_status prepare(judd_fit *t, const judd_inputs_part *parts, int n_parts, int n_folds,
                           const char *what) {
    judd_status status = JUDD_OK;
    const judd_train_context *c = t->c;
    const judd_input *input = judd_inputs_find(c->inputs, t->plan->dataset);
    const judd_task_samples *each[JUDD_INPUTS_PARTS];
    for (int i = 0; i < n_parts; i++) each[i] = parts[i].samples;
    JUDD_TRY(judd_task_join(&t->samples, each, n_parts));
    JUDD_TRY(judd_memory_format(&t->name, "%s%s", t->plan->name, what));
    JUDD_TRY(judd_memory_format(&t->folder, "%s/checkpoints/%s", judd_output_folder(c->output),
                                t->name));
    JUDD_TRY(make_identity(t, parts, n_parts, n_folds));
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

judd_status judd_fit_run(judd_fit *t, const judd_train_context *c, const judd_plan_bank *bank,
                         const judd_job_head *config, const judd_inputs_part *parts, int n_parts,
                         const judd_inputs_drawn *held_out, const char *what) {
    judd_status status = JUDD_OK;
    const judd_feature_map_options options = map_options(config);
    *t = (judd_fit){.c = c, .plan = bank, .config = *config, .ops = judd_head_of(config)};
    JUDD_TRY(judd_comm_agree(c->comm,
                             prepare(t, parts, n_parts, held_out ? held_out->n_folds : 0, what)));
    JUDD_TRY(judd_inputs_rows(&t->raw, c->inputs, parts, n_parts));
    JUDD_TRY(judd_feature_map_fit(&t->map, &t->raw, &options, c->comm));
    JUDD_TRY(judd_feature_map_apply(&t->rows, &t->map, &t->raw, c->comm));
    if (t->rows.x) judd_rows_free(&t->raw);
    pose_problem(t, held_out);
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
    for (int k = 0; t->outputs && k < t->problem.n_outputs; k++) free(t->outputs[k]);
    free(t->outputs);
    free(t->name);
    free(t->folder);
    free(t->identity);
    *t = (judd_fit){0};
}

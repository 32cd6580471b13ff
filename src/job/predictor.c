#include <judd/job/predictor.h>

#include "job/head.h"
#include "job/inputs.h"
#include "job/predictor_backbone.h"
#include "job/shared_job.h"

#include <judd/base/memory.h>
#include <judd/features/extract.h>
#include <judd/learn/bank_scores.h>
#include <judd/learn/evaluate.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct judd_predictor {
    const judd_comm *comm; /* borrowed */
    judd_job *job;
    char *path, *folder, *trial;
    judd_trial_model model;
    json_t *key; /* of its backbone, on the images it was trained on */
    judd_predictor_info info;
};

void judd_predictor_close(judd_predictor *p) {
    if (!p) return;
    judd_trial_model_free(&p->model);
    judd_job_destroy(p->job);
    json_decref(p->key);
    free(p->path);
    free(p->folder);
    free(p->trial);
    free(p);
}

const judd_predictor_info *judd_predictor_info_of(const judd_predictor *p) {
    return &p->info;
}

judd_predictor_parts judd_predictor_parts_of(const judd_predictor *p) {
    return (judd_predictor_parts){p->path, p->job, &p->model, p->key, &p->info};
}

/* ---- the head -----------------------------------------------------------------------------------
 */

/* OUTPUT/heads/TRIAL.h5 taken apart; a head elsewhere has its own folder as output folder. */
static judd_status split_path(judd_predictor *p) {
    judd_status status = JUDD_OK;
    const char *slash = strrchr(p->path, '/'), *base = slash ? slash + 1 : p->path;
    size_t length = strlen(base);
    if (length > 3 && strcmp(base + length - 3, ".h5") == 0) length -= 3;
    JUDD_TRY(judd_memory_format(&p->trial, "%.*s", (int)length, base));
    JUDD_TRY(judd_memory_format(&p->folder, "%.*s", slash ? (int)(slash - p->path) : 1,
                                slash ? p->path : "."));
    length = strlen(p->folder);
    if (strcmp(p->folder, "heads") == 0)
        strcpy(p->folder, ".");
    else if (length > 6 && strcmp(p->folder + length - 6, "/heads") == 0)
        p->folder[length - 6] = '\0';
done:
    return status;
}

static judd_status describe(judd_predictor *p) {
    const judd_trial_model *m = &p->model;
    const judd_head_ops *ops = judd_head_find(m->kind);
    if (!ops)
        return judd_status_set(JUDD_E_DATA, "%s: a head of kind \"%s\", which is not known here",
                               p->path, m->kind);
    const char *backbone = json_string_value(json_object_get(p->key, "kind"));
    judd_task_kind task = JUDD_CLASSIFICATION;
    if (m->has_targets) task = ops->outputs[JUDD_REGRESSION] ? JUDD_REGRESSION : JUDD_MULTILABEL;
    if (m->n_names != m->model->options.n_outputs)
        return judd_status_set(JUDD_E_DATA, "%s: %lld names for %d outputs; it is damaged", p->path,
                               (long long)m->n_names, m->model->options.n_outputs);
    p->info = (judd_predictor_info){
        .kind = ops->kind,
        .task = task,
        .outputs = ops->outputs[task],
        .n_outputs = m->model->options.n_outputs,
        .output_names = (const char *const *)m->names,
        .text = judd_backbone_reads_text(backbone ? backbone : ""),
        .dct_side = (int)json_integer_value(json_object_get(p->key, "dct_side")),
        .cache = p->job->cache,
        .trial = p->trial,
        .folder = p->folder};
    return JUDD_OK;
}

static judd_status read_head(judd_predictor *p) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_trial_files_read_model(&p->model, p->path));
    p->key = json_loads(p->model.backbone_key, 0, NULL);
    if (!json_is_object(p->key))
        JUDD_FAIL(JUDD_E_DATA, "%s: its backbone_key is no JSON; it is damaged", p->path);
    JUDD_TRY(describe(p));
done:
    return status;
}

/* Rank 0. */
static judd_status check_paths(const char *head, const char *job_file, bool named) {
    struct stat st;
    if (stat(head, &st) == 0 && S_ISDIR(st.st_mode))
        return judd_status_set(JUDD_E_USAGE,
                               "%s: is a folder; give a head, OUTPUT/heads/TRIAL.h5 (judd run "
                               "makes it when a trial is finished, of its checkpoints)",
                               head);
    if (access(head, R_OK) != 0)
        return judd_status_set(JUDD_E_IO,
                               "%s: cannot be read; give OUTPUT/heads/TRIAL.h5 (heads without "
                               "weights, as knn and source, leave no file)",
                               head);
    if (named || access(job_file, R_OK) == 0) return JUDD_OK;
    return judd_status_set(JUDD_E_CONFIG,
                           "%s: cannot be read, but tells the backbone of %s; give the job file "
                           "that trained it by --job",
                           job_file, head);
}

judd_status judd_predictor_open(judd_predictor **out, const judd_comm *comm, const char *head,
                                const char *job_file) {
    judd_status status = JUDD_OK;
    judd_predictor *p = NULL;
    char *found = NULL;
    status = judd_memory_alloc(&p, 1, sizeof *p);
    if (status == JUDD_OK) status = judd_memory_string(&p->path, head);
    if (status == JUDD_OK) status = split_path(p);
    if (status == JUDD_OK && !job_file)
        status = judd_memory_format(&found, "%s/job.cfg", p->folder);
    const char *job_path = job_file ? job_file : found;
    if (status == JUDD_OK && comm->rank == 0) status = check_paths(head, job_path, job_file);
    JUDD_TRY(judd_comm_agree(comm, status));
    p->comm = comm;
    JUDD_TRY(judd_shared_job_read(&p->job, comm, job_path, NULL, 0));
    JUDD_TRY(judd_shared_job_settle(p->job, comm, NULL, NULL));
    JUDD_TRY(judd_comm_agree(comm, read_head(p)));
    *out = p;
    p = NULL;
done:
    judd_predictor_close(p);
    free(found);
    return status;
}

/* ---- the samples --------------------------------------------------------------------------------
 */

static int find_output(const judd_predictor *p, const char *name) {
    for (int c = 0; c < p->info.n_outputs; c++)
        if (strcmp(p->info.output_names[c], name) == 0) return c;
    return -1;
}

/* The head's output for class or target c of the data set, which may have no name; -1: none. */
static int output_of(const judd_predictor *p, const judd_dataset_info *info, int c) {
    char number[16];
    const char *const *names = info->n_targets > 0 ? info->target_names : info->class_names;
    snprintf(number, sizeof number, "%d", c);
    if (!names && p->info.task == JUDD_REGRESSION) return c < p->info.n_outputs ? c : -1;
    return find_output(p, names ? names[c] : number);
}

static judd_status map_columns(judd_task_samples *s, const judd_predictor *p,
                               const judd_dataset_info *info) {
    judd_status status = JUDD_OK;
    int n_outputs = p->info.n_outputs, found = 0;
    JUDD_TRY(judd_memory_alloc(&s->targets, s->n * n_outputs, sizeof *s->targets));
    s->n_targets = n_outputs;
    for (int c = 0; c < info->n_targets; c++) {
        int to = output_of(p, info, c);
        found += to >= 0;
        for (int64_t i = 0; to >= 0 && i < s->n; i++)
            s->targets[i * n_outputs + to] = info->targets[s->ids[i] * info->n_targets + c];
    }
    if (found < n_outputs)
        JUDD_FAIL(JUDD_E_DATA,
                  "the data set has %d of the head's %d targets, by name; name them as the head "
                  "does (%s, ...)",
                  found, n_outputs, p->info.output_names[0]);
done:
    return status;
}

judd_status judd_predictor_select(judd_task_samples *out, int64_t *n_foreign,
                                  const judd_predictor *p, const judd_dataset *dataset) {
    judd_status status = JUDD_OK;
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    judd_task_samples s = {0};
    int32_t *output = NULL;
    *n_foreign = 0;
    JUDD_TRY(judd_memory_alloc(&s.ids, info->n_samples, sizeof *s.ids));
    JUDD_TRY(judd_memory_alloc(&s.labels, info->n_samples, sizeof *s.labels));
    JUDD_TRY(judd_memory_alloc(&output, info->n_classes, sizeof *output));
    bool classes = info->task == JUDD_CLASSIFICATION;
    for (int c = 0; classes && c < info->n_classes; c++) output[c] = output_of(p, info, c);
    for (int64_t i = 0; i < info->n_samples; i++) {
        int32_t label = info->labels[i];
        if (label < 0) continue; /* a bad image */
        if (classes && output[label] < 0) {
            ++*n_foreign;
            continue;
        }
        s.ids[s.n] = i;
        s.labels[s.n++] = classes ? output[label] : 0;
    }
    if (s.n == 0)
        JUDD_FAIL(
            JUDD_E_DATA,
            "no sample of the data set is one of the head's classes (%s, ...); name classes as "
            "the head does, for instance by --labels FILE",
            p->info.output_names[0]);
    if (info->n_targets > 0) JUDD_TRY(map_columns(&s, p, info));
    *out = s;
    s = (judd_task_samples){0};
done:
    judd_task_free(&s);
    free(output);
    return status;
}

/* ---- features and scores ------------------------------------------------------------------------
 */

static judd_status fill_cache(judd_cache **out, bool *passing, const judd_predictor_backbone *found,
                              const judd_predictor *p, judd_dataset *dataset,
                              const judd_task_samples *samples, const volatile sig_atomic_t *stop,
                              bool quiet) {
    judd_status status = JUDD_OK;
    judd_id_set ids = {0};
    char *warning = NULL;
    const char *key = judd_backbone_key(found->backbone);
    judd_cache_options o = {.folder = p->job->cache,
                            .keys = &key,
                            .n_views = 1,
                            .n_samples = judd_dataset_info_of(dataset)->n_samples,
                            .half = strcmp(found->config->storage, "float16") == 0};
    JUDD_TRY(judd_comm_agree(p->comm, judd_id_set_add_array(&ids, samples->ids, samples->n)));
    JUDD_TRY(judd_cache_open(out, &warning, p->comm, &o));
    *passing = *passing && !judd_cache_exists(*out);
    judd_extract_target target = {.cache = *out, .backbone = found->backbone, .ids = &ids};
    JUDD_TRY(judd_extract_run(&target, 1, dataset, p->comm, stop, quiet));
    if (!judd_cache_exists(*out))
        JUDD_FAIL(JUDD_E_IO, "%s: vanished while it was read; run it again",
                  judd_cache_path(*out, 0));
done:
    judd_id_set_free(&ids);
    free(warning);
    return status;
}

typedef struct keeper {
    float *scores;
    int n_outputs;
} keeper;

static judd_status keep(void *context, int64_t point, int64_t first, int64_t n,
                        const float *score) {
    keeper *k = context;
    (void)point;
    memcpy(k->scores + first * k->n_outputs, score, (size_t)(n * k->n_outputs) * sizeof *k->scores);
    return JUDD_OK;
}

/* The rows go with their features, which may be a stream from the cache. */
static judd_status score_rows(float **out, judd_rows *rows, const judd_predictor *p,
                              const judd_cache *cache, const judd_task_samples *samples) {
    judd_status status = JUDD_OK;
    judd_inputs in = {.job = p->job, .comm = p->comm};
    judd_inputs_part part = {cache, samples};
    judd_rows raw = {0}, mapped = {0};
    keeper k = {.n_outputs = p->info.n_outputs};
    JUDD_TRY(judd_inputs_rows(&raw, &in, &part, 1));
    status =
        judd_memory_alloc(&k.scores, judd_lanes_count(&raw.lanes) * k.n_outputs, sizeof *k.scores);
    JUDD_TRY(judd_comm_agree(p->comm, status));
    JUDD_TRY(judd_feature_map_apply(&mapped, &p->model.map, &raw, p->comm));
    JUDD_TRY(judd_comm_agree(p->comm,
                             judd_bank_scores(p->model.model, 0, &mapped,
                                              &(judd_outputs_sink){.take = keep, .context = &k})));
    *out = k.scores;
    *rows = mapped;
    free(rows->x); /* only what tells the samples is wanted; a mapped source is borrowed from raw */
    rows->x = NULL;
    rows->source = (judd_rows_source){0};
    k.scores = NULL;
    mapped = (judd_rows){0};
done:
    judd_rows_free(&mapped);
    judd_rows_free(&raw);
    free(k.scores);
    return status;
}

judd_status judd_predictor_scores(float **scores, judd_rows *rows, judd_predictor *p,
                                  judd_dataset *dataset, const judd_task_samples *samples,
                                  const volatile sig_atomic_t *stop, bool keep, bool quiet) {
    judd_status status = JUDD_OK;
    const judd_predictor_parts parts = judd_predictor_parts_of(p);
    judd_predictor_backbone found = {0};
    judd_cache *cache = NULL;
    bool passing = !keep; /* a file that was there before is somebody's */
    JUDD_TRY(judd_predictor_backbone_find(&found, &parts, dataset, p->comm));
    JUDD_TRY(fill_cache(&cache, &passing, &found, p, dataset, samples, stop, quiet));
    if (judd_cache_dim(cache) != p->model.map.standard.dim)
        JUDD_FAIL(JUDD_E_DATA, "%s: takes %lld features, backbone %s gives %lld", p->path,
                  (long long)p->model.map.standard.dim, found.config->name,
                  (long long)judd_cache_dim(cache));
    JUDD_TRY(score_rows(scores, rows, p, cache, samples));
done:
    if (cache && passing && p->comm->rank == 0) unlink(judd_cache_path(cache, 0));
    judd_cache_close(cache);
    judd_predictor_backbone_free(&found);
    return status;
}

bool judd_predictor_probabilities(const judd_predictor *predictor, double *p, const float *scores,
                                  int64_t n) {
    int k = predictor->info.n_outputs;
    bool logits = predictor->info.outputs == JUDD_OUTPUTS_LOGITS;
    if (!logits && predictor->info.outputs != JUDD_OUTPUTS_LABELS) return false;
    for (int64_t i = 0; i < n; i++, p += k, scores += k) {
        double largest = logits ? (double)scores[judd_evaluate_argmax(scores, k)] : 0.0, sum = 0.0;
        for (int c = 0; c < k; c++) {
            p[c] =
                logits ? exp((double)scores[c] - largest) : 1.0 / (1.0 + exp(-(double)scores[c]));
            sum += p[c];
        }
        for (int c = 0; logits && c < k; c++) p[c] /= sum;
    }
    return true;
}

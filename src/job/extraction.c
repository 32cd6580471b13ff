#include "job/extraction.h"

#include "job/head.h"

#include <judd/base/memory.h>

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* A network with the images' size, and whose it is. */
typedef struct network {
    judd_backbone *backbone;
    judd_plan_bank of;
} network;

/* A cache file and what is needed of it. */
typedef struct want {
    judd_plan_bank of;
    judd_backbone *backbone; /* borrowed */
    int view;
    char *key;
    judd_id_set needed;
    judd_cache *cache;
} want;

/* One split of one data set. */
typedef struct gathering {
    const judd_inputs *in;
    judd_split split;
    judd_dataset *dataset;
    int64_t n_samples;
    network *networks;
    want *wants;
    int n_networks, n_wants, most_networks, most_wants;
    bool look; /* change nothing */
} gathering;

static void free_gathering(gathering *g) {
    for (int k = 0; k < g->n_wants; k++) {
        free(g->wants[k].key);
        judd_id_set_free(&g->wants[k].needed);
        judd_cache_close(g->wants[k].cache);
    }
    for (int k = 0; k < g->n_networks; k++) judd_backbone_close(g->networks[k].backbone);
    free(g->wants);
    free(g->networks);
}

/* Room for one more element. Local. */
static judd_status grow(void *array, int n, int *most, size_t size) {
    void *old = *(void **)array, *larger = NULL;
    if (n < *most) return JUDD_OK;
    judd_status status = judd_memory_alloc(&larger, 2 * (int64_t)n + 8, size);
    if (status != JUDD_OK) return status;
    if (n > 0) memcpy(larger, old, (size_t)n * size);
    free(old);
    *(void **)array = larger;
    *most = 2 * n + 8;
    return JUDD_OK;
}

/* ---- who needs what ----------------------------------------------------------------------------
 */

static bool same_numbers(const judd_job_numbers *a, const judd_job_numbers *b) {
    return a->n == b->n && memcmp(a->values, b->values, (size_t)a->n * sizeof *a->values) == 0;
}

static bool same_augment(const judd_job_dataset *a, const judd_job_dataset *b) {
    return same_numbers(&a->augment.scale, &b->augment.scale) &&
           same_numbers(&a->augment.ratio, &b->augment.ratio) && a->augment.flip == b->augment.flip;
}

static judd_status find_network(judd_backbone **out, gathering *g, const judd_plan_bank *bank) {
    judd_status status = JUDD_OK;
    for (int k = 0; k < g->n_networks; k++) {
        const judd_plan_bank *of = &g->networks[k].of;
        *out = g->networks[k].backbone;
        if (judd_inputs_same_network(of, bank) && judd_inputs_same_corpus(of, bank) &&
            same_augment(of->dataset, bank->dataset))
            return JUDD_OK;
    }
    JUDD_TRY(judd_comm_agree(
        g->in->comm, grow(&g->networks, g->n_networks, &g->most_networks, sizeof *g->networks)));
    JUDD_TRY(judd_inputs_backbone(out, g->in, bank, g->split));
    g->networks[g->n_networks++] = (network){.backbone = *out, .of = *bank};
done:
    return status;
}

/* The want with this view's key: data sets with the same files share them. Local. */
static judd_status find_want(want **out, gathering *g, const judd_plan_bank *bank,
                             judd_backbone *backbone, int view) {
    judd_status status = JUDD_OK;
    char *key = NULL;
    JUDD_TRY(judd_backbone_view_key(&key, backbone, view));
    for (int k = 0; k < g->n_wants; k++) {
        *out = &g->wants[k];
        if (strcmp((*out)->key, key) == 0) goto done;
    }
    JUDD_TRY(grow(&g->wants, g->n_wants, &g->most_wants, sizeof *g->wants));
    *out = &g->wants[g->n_wants++];
    **out = (want){.of = *bank, .backbone = backbone, .view = view, .key = key};
    key = NULL;
done:
    free(key);
    return status;
}

/* In views 0 .. n_views-1. Local. */
static judd_status mark_ids(gathering *g, const judd_plan_bank *bank, judd_backbone *backbone,
                            const judd_id_set *ids, int n_views) {
    judd_status status = JUDD_OK;
    for (int v = 0; v < n_views; v++) {
        want *w = NULL;
        JUDD_TRY(find_want(&w, g, bank, backbone, v));
        JUDD_TRY(judd_id_set_unite(&w->needed, ids));
    }
done:
    return status;
}

/* The first n of `samples`. Local. */
static judd_status mark_samples(gathering *g, const judd_plan_bank *bank, judd_backbone *backbone,
                                const judd_task_samples *samples, int64_t n, int n_views) {
    judd_id_set ids = {0};
    judd_status status = judd_id_set_add_array(&ids, samples->ids, n);
    if (status == JUDD_OK) status = mark_ids(g, bank, backbone, &ids, n_views);
    judd_id_set_free(&ids);
    return status;
}

static bool reads_split(const judd_plan_read *read, judd_split split) {
    return read->own || (split == JUDD_SPLIT_TRAIN && read->source) ||
           (split == JUDD_SPLIT_TEST && read->judged);
}

/* What a bank reads of this split. Local. */
static judd_status mark(gathering *g, const judd_plan_read *read, judd_backbone *backbone,
                        bool all) {
    judd_status status = JUDD_OK;
    const judd_plan_bank *bank = &read->bank;
    judd_inputs_drawn drawn = {0};
    const judd_input *input = judd_inputs_find(g->in, bank->dataset);
    const judd_task_samples *task = &input->task[g->split];
    int n_views = judd_inputs_views(bank, g->split);
    if (bank->head && judd_head_of(bank->head)->untrained && g->split != JUDD_SPLIT_TEST)
        return JUDD_OK;
    if (task->n == 0) return mark_ids(g, bank, backbone, &input->ids[g->split], n_views);
    if (all || g->split == JUDD_SPLIT_TEST)
        return mark_samples(g, bank, backbone, task, task->n, n_views);
    JUDD_TRY(judd_inputs_draw(&drawn, g->in, bank));
    if (g->split == JUDD_SPLIT_TRAIN) /* the rows of view 0 stand first */
        JUDD_TRY(mark_samples(g, bank, backbone, &drawn.train, drawn.train.n / n_views, n_views));
    if (g->split == drawn.validation_split)
        JUDD_TRY(mark_samples(g, bank, backbone, &drawn.validation, drawn.validation.n, 1));
done:
    judd_inputs_drawn_free(&drawn);
    return status;
}

static judd_status open_cache(gathering *g, want *w) {
    judd_status status = JUDD_OK;
    char *warning = NULL;
    const char *keys[1] = {w->key};
    judd_cache_options options = {.folder = g->in->job->cache,
                                  .keys = keys,
                                  .n_views = 1,
                                  .look = g->look,
                                  .n_samples = g->n_samples,
                                  .half = strcmp(w->of.backbone->storage, "float16") == 0};
    JUDD_TRY(judd_cache_open(&w->cache, &warning, g->in->comm, &options));
    if (warning) judd_log_warning(g->in->log, "%s", warning);
done:
    free(warning);
    return status;
}

static judd_status gather(gathering *g, const judd_plan_bank *const *banks, int64_t n_banks,
                          bool all) {
    judd_status status = JUDD_OK;
    for (int64_t b = 0; b < n_banks; b++)
        for (int64_t r = 0; r < judd_plan_n_reads(banks[b]); r++) {
            judd_backbone *backbone = NULL;
            judd_plan_read read = judd_plan_read_of(banks[b], g->in->job, r);
            const judd_input *input = judd_inputs_find(g->in, read.bank.dataset);
            if (input->split[g->split] != g->dataset || !reads_split(&read, g->split)) continue;
            JUDD_TRY(find_network(&backbone, g, &read.bank));
            JUDD_TRY(judd_comm_agree(g->in->comm, mark(g, &read, backbone, all)));
        }
    for (int k = 0; k < g->n_wants; k++) JUDD_TRY(open_cache(g, &g->wants[k]));
done:
    return status;
}

/* ---- passes over the images --------------------------------------------------------------------
 */

static judd_status report(const gathering *g, const want *w, const judd_extract_report *r,
                          judd_extraction_done done, void *context) {
    judd_extraction_outcome what = {.backbone = w->of.backbone,
                                    .dataset = w->of.dataset,
                                    .split = g->split,
                                    .view = w->view,
                                    .path = judd_cache_path(w->cache, 0),
                                    .report = r,
                                    .dim = judd_cache_dim(w->cache)};
    if (r->n_damaged > 0)
        judd_log_warning(g->in->log, "%s: %lld damaged row%s recomputed", what.path,
                         (long long)r->n_damaged, r->n_damaged == 1 ? "" : "s");
    return judd_comm_agree(g->in->comm, done(context, &what));
}

/* Wants [first, end) in one pass. */
static judd_status extract(const gathering *g, int first, int end, judd_extraction_done done_one,
                           void *context) {
    judd_status status = JUDD_OK;
    judd_extract_target *targets = NULL;
    int n = end - first;
    JUDD_TRY(judd_comm_agree(g->in->comm, judd_memory_alloc(&targets, n, sizeof *targets)));
    for (int k = 0; k < n; k++) {
        const want *w = &g->wants[first + k];
        targets[k] = (judd_extract_target){
            .cache = w->cache, .backbone = w->backbone, .view = w->view, .ids = &w->needed};
    }
    JUDD_TRY(judd_extract_run(targets, n, g->dataset, g->in->comm, g->in->stop, g->in->quiet));
    const char *why = judd_dataset_info_of(g->dataset)->not_staged;
    if (why && first == 0) judd_log_warning(g->in->log, "not staged, read where it lies: %s", why);
    for (int k = 0; k < n; k++)
        JUDD_TRY(report(g, &g->wants[first + k], &targets[k].report, done_one, context));
done:
    free(targets);
    return status;
}

/* The wants of one backbone together, in the order in which the backbones came. */
static void sort_wants(gathering *g) {
    int sorted = 0;
    for (int k = 0; k < g->n_networks; k++)
        for (int j = sorted; j < g->n_wants; j++) {
            want w = g->wants[j];
            if (w.backbone != g->networks[k].backbone) continue;
            memmove(&g->wants[sorted + 1], &g->wants[sorted], (size_t)(j - sorted) * sizeof w);
            g->wants[sorted++] = w;
        }
}

/* As many backbones in a pass as fit into the memory, at least one. */
static judd_status pass_over(gathering *g, judd_extraction_done done_one, void *context) {
    judd_status status = JUDD_OK;
    const int64_t limit = g->in->job->limits.memory_mib << 20;
    sort_wants(g);
    for (int first = 0, end = 0; first < g->n_wants; first = end) {
        int64_t bytes = 0;
        while (end < g->n_wants) {
            judd_backbone *b = g->wants[end].backbone;
            bytes += judd_backbone_memory(b);
            if (end > first && bytes > limit) break;
            while (end < g->n_wants && g->wants[end].backbone == b) end++;
        }
        JUDD_TRY(extract(g, first, end, done_one, context));
        for (int k = first; k < end; k++) judd_backbone_unload(g->wants[k].backbone);
    }
done:
    return status;
}

/* ---- looking -----------------------------------------------------------------------------------
 */

enum { MOST_BATCHES = 20 };
static const double TRIAL_S = 0.3;

/* What a backbone was seen to take. */
typedef struct trial {
    double prepare_s, image_s; /* of a sample; image_s is 0 before a trial */
    int64_t dim;
} trial;

static judd_status prepare(float *input, judd_image *image, judd_preparer *preparer,
                           const gathering *g, const want *w, int64_t id) {
    const char *text = NULL;
    int64_t bytes = 0;
    judd_status status = judd_dataset_info_of(g->dataset)->text
                             ? judd_dataset_text(g->dataset, id, &text, &bytes)
                             : judd_dataset_image(g->dataset, id, image);
    if (status != JUDD_OK) return status;
    return text ? judd_backbone_prepare_text(w->backbone, preparer, text, bytes, input)
                : judd_backbone_prepare(w->backbone, preparer, image, id, w->view, input);
}

static double lesser(double a, double b) {
    return a < b ? a : b;
}

/* A batch of the samples that are missing, over and over if they are fewer. */
static judd_status try_batch(trial *t, float *input, float *features, judd_image *image,
                             judd_preparer *preparer, const gathering *g, const want *w,
                             const judd_id_set *missing) {
    judd_status status = JUDD_OK;
    const int64_t n = judd_backbone_batch(w->backbone), width = judd_backbone_input(w->backbone);
    double start = MPI_Wtime();
    for (int64_t i = 0; i < n; i++)
        JUDD_TRY(prepare(input + i * width, image, preparer, g, w,
                         judd_id_set_at(missing, i % missing->n)));
    double ready = MPI_Wtime();
    JUDD_TRY(judd_backbone_run(w->backbone, input, n, features));
    t->prepare_s = lesser((ready - start) / (double)n, t->prepare_s);
    t->image_s = lesser((MPI_Wtime() - ready) / (double)n, t->image_s);
done:
    return status;
}

/* The fastest batch counts, of at least two: on a machine that others use the rest measures them.
 * Every rank tries, as all would compute. */
static judd_status try_network(trial *t, const gathering *g, const want *w,
                               const judd_id_set *missing) {
    judd_status status = JUDD_OK;
    judd_backbone *b = w->backbone;
    judd_preparer *preparer = NULL;
    judd_image image = {0};
    float *input = NULL, *features = NULL;
    JUDD_TRY(judd_dataset_load(g->dataset));
    JUDD_TRY(judd_backbone_load(b, g->in->comm));
    t->dim = judd_backbone_dim(b);
    const int64_t n = judd_backbone_batch(b);
    status = judd_memory_alloc(&input, n * judd_backbone_input(b), sizeof *input);
    if (status == JUDD_OK) status = judd_memory_alloc(&features, n * t->dim, sizeof *features);
    if (status == JUDD_OK) status = judd_preparer_create(&preparer, b);
    t->prepare_s = t->image_s = DBL_MAX;
    for (double k = 0, start = MPI_Wtime();
         status == JUDD_OK && (k < 2 || (k < MOST_BATCHES && MPI_Wtime() - start < TRIAL_S)); k++)
        status = try_batch(t, input, features, &image, preparer, g, w, missing);
    JUDD_TRY(judd_comm_agree(g->in->comm, status));
    JUDD_TRY(judd_comm_max(g->in->comm, &t->prepare_s, 1));
    JUDD_TRY(judd_comm_max(g->in->comm, &t->image_s, 1));
done:
    judd_backbone_unload(b);
    judd_preparer_destroy(preparer);
    judd_image_free(&image);
    free(input);
    free(features);
    return status;
}

/* What the cache has not: nothing, if there is no file. */
static judd_status find_missing(judd_id_set *missing, judd_extract_report *r, int64_t *dim,
                                const want *w) {
    if (!judd_cache_exists(w->cache)) return judd_id_set_unite(missing, &w->needed);
    *dim = judd_cache_dim(w->cache);
    return judd_cache_missing(missing, &r->n_damaged, w->cache, &w->needed);
}

/* What is missing of a want; a backbone is tried once, whatever seeds its weights have. */
static judd_status look_at(const gathering *g, const want *w, trial *t,
                           judd_extraction_done done_one, void *context) {
    judd_status status = JUDD_OK;
    judd_extract_report r = {.n_needed = w->needed.n};
    judd_id_set missing = {0};
    JUDD_TRY(judd_comm_agree(g->in->comm, find_missing(&missing, &r, &t->dim, w)));
    r.n_computed = missing.n;
    if (missing.n > 0 && t->image_s == 0.0) JUDD_TRY(try_network(t, g, w, &missing));
    judd_extraction_outcome what = {.backbone = w->of.backbone,
                                    .dataset = w->of.dataset,
                                    .split = g->split,
                                    .view = w->view,
                                    .path = judd_cache_path(w->cache, 0),
                                    .report = &r,
                                    .dim = t->dim,
                                    .prepare_s = t->prepare_s,
                                    .image_s = t->image_s,
                                    .network_bytes =
                                        missing.n > 0 ? judd_backbone_memory(w->backbone) : 0};
    JUDD_TRY(judd_comm_agree(g->in->comm, done_one(context, &what)));
done:
    judd_id_set_free(&missing);
    return status;
}

static judd_status look_over(gathering *g, judd_extraction_done done_one, void *context) {
    judd_status status = JUDD_OK;
    trial t = {0};
    sort_wants(g);
    for (int k = 0; status == JUDD_OK && k < g->n_wants; k++) {
        if (k > 0 && g->wants[k].of.backbone != g->wants[k - 1].of.backbone) t = (trial){0};
        status = look_at(g, &g->wants[k], &t, done_one, context);
    }
    return status;
}

/* Both of the functions below: every split of every data set. */
static judd_status with_each_split(const judd_inputs *in, const judd_plan_bank *const *banks,
                                   int64_t n_banks, bool all, bool look,
                                   judd_extraction_done done_one, void *context) {
    judd_status status = JUDD_OK;
    for (int split = 0; split < JUDD_N_SPLITS; split++)
        for (int64_t k = 0; k < in->n_splits; k++) {
            gathering g = {.in = in,
                           .split = (judd_split)split,
                           .dataset = in->splits[k],
                           .n_samples = judd_dataset_info_of(in->splits[k])->n_samples,
                           .look = look};
            status = gather(&g, banks, n_banks, all);
            if (status == JUDD_OK)
                status = look ? look_over(&g, done_one, context) : pass_over(&g, done_one, context);
            free_gathering(&g);
            if (status != JUDD_OK) goto done;
        }
done:
    judd_lexicon_forget(in->lexicon);
    return status;
}

judd_status judd_extraction_run(const judd_inputs *in, const judd_plan_bank *const *banks,
                                int64_t n_banks, bool all, judd_extraction_done done_one,
                                void *context) {
    return with_each_split(in, banks, n_banks, all, false, done_one, context);
}

judd_status judd_extraction_look(const judd_inputs *in, const judd_plan_bank *const *banks,
                                 int64_t n_banks, judd_extraction_done done_one, void *context) {
    return with_each_split(in, banks, n_banks, false, true, done_one, context);
}

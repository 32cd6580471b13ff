#include <judd/features/backbone.h>

#include "features/backbone_words.h"

#include <judd/base/memory.h>
#include <judd/engine/engine.h>
#include <judd/onnx/graph.h>

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { WORDS_BATCH = 1024 }; /* texts take microseconds, a batch as long as a small network's */

struct judd_backbone {
    judd_backbone_options options; /* strings owned */
    char *kind, *file, *key;
    char **taps;
    int n_taps;
    judd_graph_pool pool;
    judd_model_identity model;
    int channels, height, width; /* of the network's input */
    bool ready;                  /* the data set's own features */
    judd_backbone_words *words;  /* NULL: no texts */
    judd_engine *engine;
    float *output; /* [batch, dim] */
    int64_t dim;   /* 0 before load */
};

static const char *const pool_names[] = {"none", "avg", "max", "avgmax"}; /* judd_graph_pool */

/* What the images come out as; 0 x 0 if each has a size of its own. */
static void prepared_size(const judd_backbone_options *o, const judd_dataset_info *dataset,
                          int *height, int *width) {
    bool fixed = o->transform.crop_height > 0 || o->transform.resize_width > 0;
    *height = dataset->height;
    *width = dataset->width;
    if (fixed || dataset->height > 0) judd_transform_size(&o->transform, height, width);
}

/* Ready features, or some columns of them. */
static judd_status check_columns(judd_backbone *b, const judd_dataset_info *dataset) {
    int64_t first = b->options.first_column, n = b->options.n_columns, all = dataset->feature_dim;
    if (n == 0) n = all - first;
    b->ready = true;
    b->channels = b->height = 1;
    b->width = (int)n;
    if (n > 0 && first + n <= all) return JUDD_OK;
    return judd_status_set(JUDD_E_CONFIG,
                           "backbone: columns %lld to %lld, but the data set has %lld; correct "
                           "backbone.columns",
                           (long long)first, (long long)(first + n - 1), (long long)all);
}

/* Words want texts, and nothing else does. */
static judd_status check_text(const judd_backbone *b, const judd_dataset_info *dataset) {
    if ((b->words != NULL) == dataset->text) return JUDD_OK;
    return judd_status_set(JUDD_E_CONFIG,
                           dataset->text
                               ? "backbone: kind = \"%s\", but the data set holds texts; "
                                 "set backbone.kind to \"words\" or \"tfidf\""
                               : "backbone: kind = \"%s\", but the data set holds no texts; "
                                 "name a data set of format tsv, csv, lines or jsonl",
                           b->kind);
}

static judd_status check_shape(judd_backbone *b, const judd_dataset_info *dataset) {
    const judd_backbone_options *o = &b->options;
    if (b->words || dataset->text) {
        b->channels = b->height = 1;
        b->width = b->words ? (int)judd_backbone_words_dim(b->words) : 0;
        return check_text(b, dataset);
    }
    bool none = strcmp(b->kind, "none") == 0;
    if (none != (dataset->feature_dim > 0))
        return judd_status_set(
            JUDD_E_CONFIG, none ? "backbone: the data set holds images, not ready features; set "
                                  "backbone.kind to \"onnx\" or \"pixels\""
                                : "backbone: the data set holds ready features, not images; set "
                                  "backbone.kind = \"none\"");
    if (none) return check_columns(b, dataset);
    int height = 0, width = 0, from = dataset->channels;
    prepared_size(o, dataset, &height, &width);
    b->channels = o->channels ? o->channels : from;
    b->height = o->height ? o->height : height;
    b->width = o->width ? o->width : width;
    if (b->channels > JUDD_BACKBONE_MAX_CHANNELS || b->channels < 1)
        return judd_status_set(JUDD_E_CONFIG, "backbone: %d channels; at most %d are supported",
                               b->channels, JUDD_BACKBONE_MAX_CHANNELS);
    if (b->height == 0 || b->width == 0)
        return judd_status_set(JUDD_E_CONFIG,
                               "backbone: image files may have any size; set its input.height and "
                               "input.width if all have the one it takes, else input.resize and "
                               "input.crop");
    bool same_channels =
        b->channels == from || (from == 1 && b->channels == 3) || (from == 3 && b->channels == 1);
    bool same_size = height == 0 || (b->height == height && b->width == width);
    if (!same_channels || !same_size)
        return judd_status_set(JUDD_E_DATA,
                               "backbone: input is %d x %d x %d (channels, height, width), but the "
                               "images are %d x %d x %d; set backbone.input to the images' shape, "
                               "or its resize and crop",
                               b->channels, b->height, b->width, from, height, width);
    if (o->transform.bgr && b->channels != 3)
        return judd_status_set(JUDD_E_CONFIG,
                               "backbone: channel_order = \"bgr\" needs 3 channels, not %d",
                               b->channels);
    return JUDD_OK;
}

static json_t *pair(int first, int second) {
    return json_pack("[i, i]", first, second);
}

/* What changes the pixels before scaling. */
static void add_transform(json_t *key, const judd_transform_options *t) {
    if (t->resize_height > 0) {
        json_object_set_new(key, "resize", pair(t->resize_height, t->resize_width));
        json_object_set_new(key, "interpolation",
                            json_string(t->interpolation == JUDD_BICUBIC ? "bicubic" : "bilinear"));
    }
    if (t->crop_height > 0) json_object_set_new(key, "crop", pair(t->crop_height, t->crop_width));
    if (t->bgr) json_object_set_new(key, "channel_order", json_string("bgr"));
}

/* Jansson writes reals with 17 digits and keys in the order given: one text for one meaning. */
static judd_status make_key(judd_backbone *b, const judd_dataset_info *dataset) {
    const judd_backbone_options *o = &b->options;
    json_t *mean = json_array(), *std = json_array(), *input = json_array(), *taps = json_array();
    for (int i = 0; i < b->n_taps; i++) json_array_append_new(taps, json_string(b->taps[i]));
    const judd_transform_options *t = &o->transform;
    for (int c = 0; c < b->channels; c++) {
        json_array_append_new(mean, json_real(t->mean[c]));
        json_array_append_new(std, json_real(t->std[c]));
    }
    int shape[3] = {b->channels, b->height, b->width};
    for (int i = 0; i < 3; i++) json_array_append_new(input, json_integer(shape[i]));
    json_t *key = json_object();
    json_object_set_new(key, "kind", json_string(b->kind));
    if (b->file) {
        json_object_set_new(key, "model_sha256", json_string(b->model.sha256));
        json_object_set(key, "tap", taps);
        json_object_set_new(key, "pool", json_string(pool_names[b->pool]));
        json_object_set_new(key, "weights", json_string(o->random_weights ? "random" : "file"));
        if (o->random_weights)
            json_object_set_new(key, "weights_seed", json_integer((json_int_t)o->seed));
        json_object_set_new(key, "batch", json_integer((json_int_t)o->batch));
        json_object_set_new(key, "engine", json_integer(JUDD_ENGINE_VERSION));
        bool winograd = o->winograd && o->precision == JUDD_FLOAT32;
        json_object_set_new(key, "winograd", json_integer(winograd ? JUDD_WINOGRAD_RULE : 0));
        json_object_set_new(key, "library", json_string(judd_engine_library()));
        json_object_set_new(key, "isa",
                            json_string(judd_engine_isa_name(judd_engine_isa(o->precision))));
    }
    json_object_set_new(key, "precision",
                        json_string(o->precision == JUDD_BF16 && b->file ? "bf16" : "f32"));
    json_object_set_new(key, "storage", json_string(o->half ? "f16" : "f32"));
    json_object_set_new(key, "input", input);
    if (b->ready)
        json_object_set_new(key, "first_column", json_integer((json_int_t)o->first_column));
    add_transform(key, t);
    if (dataset->dct_side > 0)
        json_object_set_new(key, "dct_side", json_integer(dataset->dct_side));
    if (dataset->encoded) json_object_set_new(key, "decoders", json_string(judd_image_decoders()));
    json_object_set_new(key, "scale", json_real(t->scale));
    json_object_set_new(key, "mean", mean);
    json_object_set_new(key, "std", std);
    json_object_set_new(key, "images_sha256", json_string(dataset->sha256));
    b->key = json_dumps(key, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(key);
    json_decref(taps);
    if (!b->key) return judd_status_set(JUDD_E_INTERNAL, "backbone: key is not valid UTF-8");
    return JUDD_OK;
}

static judd_status make_words_key(judd_backbone *b, const judd_dataset_info *dataset) {
    json_t *key = json_object();
    judd_status status = judd_backbone_words_key(key, b->words, b->model.sha256);
    json_object_set_new(key, "precision", json_string("f32"));
    json_object_set_new(key, "storage", json_string(b->options.half ? "f16" : "f32"));
    json_object_set_new(key, "texts_sha256", json_string(dataset->sha256));
    b->key = json_dumps(key, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(key);
    if (status != JUDD_OK || b->key) return status;
    return judd_status_set(JUDD_E_INTERNAL, "backbone: no memory for the key");
}

static judd_status copy_taps(judd_backbone *b, const judd_backbone_options *options) {
    static const char *const penultimate[] = {"penultimate"};
    judd_status status = JUDD_OK;
    int n = options->n_taps > 0 ? options->n_taps : 1, pool = 3;
    const char *const *taps = options->n_taps > 0 ? options->taps : penultimate;
    while (pool >= 0 && strcmp(options->pool, pool_names[pool]) != 0) pool--;
    if (pool < 0)
        JUDD_FAIL(JUDD_E_CONFIG, "backbone: unknown pool \"%s\"; known: none, avg, max, avgmax",
                  options->pool);
    b->pool = (judd_graph_pool)pool;
    JUDD_TRY(judd_memory_alloc(&b->taps, n, sizeof *b->taps));
    while (b->n_taps < n) {
        JUDD_TRY(judd_memory_string(&b->taps[b->n_taps], taps[b->n_taps]));
        b->n_taps++;
    }
done:
    return status;
}

static judd_status copy_options(judd_backbone *b, const judd_backbone_options *options) {
    judd_status status = JUDD_OK;
    bool onnx = strcmp(options->kind, "onnx") == 0;
    b->options = *options;
    JUDD_TRY(judd_memory_string(&b->kind, options->kind));
    if (judd_backbone_words_kind(b->kind)) {
        if (b->options.batch < WORDS_BATCH) b->options.batch = WORDS_BATCH;
        goto done;
    }
    if (!onnx && strcmp(options->kind, "pixels") != 0 && strcmp(options->kind, "none") != 0)
        JUDD_FAIL(
            JUDD_E_CONFIG,
            "backbone: unknown kind \"%s\"; known: onnx, pixels, none, words, word2vec, glove, "
            "fasttext, tfidf",
            options->kind);
    JUDD_TRY(copy_taps(b, options));
    if (onnx) JUDD_TRY(judd_memory_string(&b->file, options->file));
done:
    return status;
}

bool judd_backbone_reads_text(const char *kind) {
    return judd_backbone_words_kind(kind);
}

judd_status judd_model_identify(judd_model_identity *out, const judd_comm *comm, const char *kind,
                                const char *file, judd_model_copy *copy, judd_lexicon *lexicon) {
    judd_status status = JUDD_OK;
    judd_model_identity model = {0};
    judd_vectors *vectors = NULL;
    if (judd_backbone_words_kind(kind)) {
        JUDD_TRY(judd_lexicon_file(&vectors, lexicon, file, kind));
        const judd_vectors_info *info = judd_vectors_info_of(vectors);
        model.bytes = info->file_bytes;
        memcpy(model.sha256, info->sha256, sizeof model.sha256);
    } else {
        if (comm->rank == 0) status = judd_graph_identify(model.sha256, &model.bytes, file, copy);
        JUDD_TRY(judd_comm_broadcast_status(comm, status));
        JUDD_TRY(judd_comm_broadcast(comm, &model, sizeof model));
    }
    *out = model;
done:
    return status;
}

/* It may be known already: a job has many backbones of one file. */
static judd_status identify(judd_backbone *b, const judd_comm *comm,
                            const judd_backbone_options *options) {
    const char *file = b->words ? options->file : b->file;
    if (options->identity) b->model = *options->identity;
    if (options->identity || !file) return JUDD_OK;
    return judd_model_identify(&b->model, comm, options->kind, file, options->copy,
                               options->lexicon);
}

judd_status judd_backbone_open(judd_backbone **out, const judd_comm *comm,
                               const judd_backbone_options *options,
                               const judd_dataset_info *dataset) {
    judd_status status = JUDD_OK;
    judd_backbone *b = NULL;
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&b, 1, sizeof *b)));
    JUDD_TRY(judd_comm_agree(comm, copy_options(b, options)));
    if (judd_backbone_words_kind(b->kind))
        JUDD_TRY(judd_backbone_words_open(&b->words, comm, options));
    JUDD_TRY(identify(b, comm, options));
    status = check_shape(b, dataset);
    b->options.transform.channels = b->channels;
    if (status == JUDD_OK) status = b->words ? make_words_key(b, dataset) : make_key(b, dataset);
    JUDD_TRY(judd_comm_agree(comm, status));
    *out = b;
    b = NULL;
done:
    judd_backbone_close(b);
    return status;
}

void judd_backbone_close(judd_backbone *b) {
    if (!b) return;
    judd_backbone_unload(b);
    judd_backbone_words_close(b->words);
    free(b->kind);
    free(b->file);
    for (int i = 0; i < b->n_taps; i++) free(b->taps[i]);
    free(b->taps);
    free(b->key);
    free(b);
}

void judd_backbone_unload(judd_backbone *b) {
    judd_engine_destroy(b->engine);
    if (b->words) judd_backbone_words_unload(b->words);
    free(b->output);
    b->engine = NULL;
    b->output = NULL;
    b->dim = 0;
}

/* Weights stand in the file, reordered, and transformed; the largest activations of common networks
 * are some ten times their input. */
int64_t judd_backbone_memory(const judd_backbone *b) {
    int64_t input = b->options.batch * judd_backbone_input(b) * (int64_t)sizeof(float);
    if (b->words) return 2 * input; /* the vectors are the lexicon's, for all passes */
    return 3 * b->model.bytes + (b->file ? 12 : 2) * input;
}

const char *judd_backbone_key(const judd_backbone *b) {
    return b->key;
}

judd_status judd_backbone_view_key(char **out, const judd_backbone *b, int view) {
    if (view == 0) return judd_memory_string(out, b->key);
    if (b->ready || b->words)
        return judd_status_set(JUDD_E_CONFIG,
                               "backbone: %s have no views; set views = 1 in the data set",
                               b->ready ? "features" : "texts");
    const judd_augment_options *a = &b->options.augment;
    json_t *key = json_loads(b->key, 0, NULL);
    json_t *drawn =
        json_pack("{s:i, s:i, s:[f, f], s:[f, f], s:f, s:s}", "number", view, "rule",
                  JUDD_AUGMENT_RULE, "scale", a->scale[0], a->scale[1], "ratio", a->ratio[0],
                  a->ratio[1], "flip", a->flip, "interpolation",
                  b->options.transform.interpolation == JUDD_BICUBIC ? "bicubic" : "bilinear");
    json_object_set_new(key, "view", drawn);
    *out = json_dumps(key, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(key);
    if (*out) return JUDD_OK;
    return judd_status_set(JUDD_E_INTERNAL, "backbone: no memory for the key of a view");
}

int64_t judd_backbone_dim(const judd_backbone *b) {
    return b->dim;
}

int64_t judd_backbone_batch(const judd_backbone *b) {
    return b->options.batch;
}

int judd_backbone_threads(const judd_backbone *b) {
    return b->options.threads;
}

static judd_status read_graph(judd_graph **graph, const judd_backbone *b) {
    judd_status status = JUDD_OK;
    judd_graph_options options = {.batch = b->options.batch,
                                  .channels = b->channels,
                                  .height = b->height,
                                  .width = b->width,
                                  .taps = (const char *const *)b->taps,
                                  .n_taps = b->n_taps,
                                  .pool = b->pool,
                                  .copy = b->options.copy};
    JUDD_TRY(judd_graph_load(graph, b->file, &options));
    if (strcmp((*graph)->sha256, b->model.sha256) != 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: changed while the job was starting; start it again", b->file);
    if (b->options.random_weights) JUDD_TRY(judd_graph_randomize(*graph, b->options.seed));
done:
    return status;
}

static judd_status make_engine(judd_backbone *b, const judd_graph *graph, bool hollow) {
    judd_status status = JUDD_OK;
    judd_engine_options options = JUDD_ENGINE_DEFAULTS;
    options.threads = b->options.threads;
    options.winograd = b->options.winograd;
    options.precision = b->options.precision;
    options.hollow = hollow;
    JUDD_TRY(judd_engine_create(&b->engine, graph, &options));
    b->dim = judd_engine_dim(b->engine);
    JUDD_TRY(judd_memory_alloc(&b->output, b->options.batch * b->dim, sizeof *b->output));
done:
    return status;
}

/* Rank 0 reads the file for all. With `once`, one rank of a node makes the weights, and the others
 * get theirs from it when the engine is shared. */
static judd_status load_network(judd_backbone *b, const judd_comm *comm, bool once) {
    judd_status status = JUDD_OK;
    judd_graph *graph = NULL;
    if (comm->rank == 0) status = read_graph(&graph, b);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_graph_share(&graph, comm));
    bool hollow = once && graph->shared && !judd_node_memory_is_writer(graph->shared);
    JUDD_TRY(judd_comm_agree(comm, make_engine(b, graph, hollow)));
done:
    judd_graph_destroy(graph);
    return status;
}

judd_status judd_backbone_load(judd_backbone *b, const judd_comm *comm) {
    if (b->dim > 0) return JUDD_OK;
    judd_status status = JUDD_OK;
    if (b->words) JUDD_TRY(judd_backbone_words_load(b->words, comm));
    if (!b->file) {
        b->dim = judd_backbone_input(b);
        return JUDD_OK;
    }
    JUDD_TRY(load_network(b, comm, true));
    status = judd_engine_share(b->engine, comm);
    if (status == JUDD_E_IO) { /* too small a /dev/shm: weights once a rank */
        judd_backbone_unload(b);
        status = load_network(b, comm, false);
    }
done:
    return status;
}

int64_t judd_backbone_input(const judd_backbone *b) {
    return (int64_t)b->channels * b->height * b->width;
}

struct judd_preparer {
    judd_transform *transform; /* images, else tokens */
    judd_tokens *tokens;
};

judd_status judd_preparer_create(judd_preparer **out, const judd_backbone *b) {
    judd_status status = JUDD_OK;
    judd_preparer *p = NULL;
    JUDD_TRY(judd_memory_alloc(&p, 1, sizeof *p));
    JUDD_TRY(b->words ? judd_tokens_create(&p->tokens, judd_backbone_words_tokens(b->words))
                      : judd_transform_create(&p->transform, &b->options.transform));
    *out = p;
    p = NULL;
done:
    judd_preparer_destroy(p);
    return status;
}

void judd_preparer_destroy(judd_preparer *p) {
    if (!p) return;
    judd_transform_destroy(p->transform);
    judd_tokens_destroy(p->tokens);
    free(p);
}

judd_status judd_backbone_prepare_text(const judd_backbone *b, judd_preparer *preparer,
                                       const char *text, int64_t bytes, float *input) {
    return judd_backbone_words_run(b->words, preparer->tokens, text, bytes, input);
}

judd_status judd_backbone_prepare(const judd_backbone *b, judd_preparer *preparer,
                                  const judd_image *image, int64_t id, int view, float *input) {
    if (b->ready) {
        memcpy(input, image->pixels + b->options.first_column * (int64_t)sizeof *input,
               (size_t)b->width * sizeof *input);
        return JUDD_OK;
    }
    if (view == 0)
        return judd_transform_run(preparer->transform, image, b->height, b->width, input);
    judd_augment_box box =
        judd_augment_draw(&b->options.augment, id, view, image->height, image->width);
    return judd_transform_view(preparer->transform, image, &box, b->height, b->width, input);
}

judd_status judd_backbone_run(judd_backbone *b, float *input, int64_t n, float *features) {
    size_t image = (size_t)judd_backbone_input(b) * sizeof(float);
    if (n > b->options.batch || b->dim == 0)
        return judd_status_set(JUDD_E_INTERNAL, "backbone: run before load, or %lld > batch images",
                               (long long)n);
    if (!b->engine) {
        memcpy(features, input, (size_t)n * image);
        return JUDD_OK;
    }
    memset((char *)input + (size_t)n * image, 0, (size_t)(b->options.batch - n) * image);
    judd_status status = judd_engine_run(b->engine, (const float *const[]){input}, b->output);
    if (status == JUDD_OK) memcpy(features, b->output, (size_t)(n * b->dim) * sizeof(float));
    return status;
}

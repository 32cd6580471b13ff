#include <judd/features/backbone.h>

#include <judd/base/memory.h>
#include <judd/engine/engine.h>
#include <judd/onnx/graph.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct judd_backbone {
    judd_backbone_options options; /* strings owned */
    char *kind, *file, *key;
    char **taps;
    int n_taps;
    judd_graph_pool pool;
    char model_sha256[JUDD_SHA256_HEX];
    int image_channels;                           /* of the images; 1 may feed a network of 3 */
    int channels, height, width;                  /* of the network's input */
    float table[JUDD_BACKBONE_MAX_CHANNELS][256]; /* pixel value -> network input */
    judd_engine *engine;
    float *input, *output; /* [batch, channels, height, width], [batch, dim] */
    int64_t dim;
};

static const char *const pool_names[] = {"none", "avg", "max", "avgmax"}; /* judd_graph_pool */

static judd_status check_shape(judd_backbone *b, const judd_dataset_info *dataset) {
    const judd_backbone_options *o = &b->options;
    b->image_channels = dataset->channels;
    b->channels = o->channels ? o->channels : dataset->channels;
    b->height = o->height ? o->height : dataset->height;
    b->width = o->width ? o->width : dataset->width;
    bool grey_to_rgb = dataset->channels == 1 && b->channels == 3;
    if (b->channels > JUDD_BACKBONE_MAX_CHANNELS || b->channels < 1)
        return judd_status_set(JUDD_E_CONFIG, "backbone: %d channels; at most %d are supported",
                               b->channels, JUDD_BACKBONE_MAX_CHANNELS);
    if ((b->channels != dataset->channels && !grey_to_rgb) || b->height != dataset->height ||
        b->width != dataset->width)
        return judd_status_set(JUDD_E_DATA,
                               "backbone: input is %d x %d x %d (channels, height, width), but the "
                               "images are %d x %d x %d; set backbone.input to the images' shape",
                               b->channels, b->height, b->width, dataset->channels, dataset->height,
                               dataset->width);
    return JUDD_OK;
}

static void fill_table(judd_backbone *b) {
    const judd_backbone_options *o = &b->options;
    for (int c = 0; c < b->channels; c++)
        for (int p = 0; p < 256; p++)
            b->table[c][p] = (float)(((double)p * o->scale - o->mean[c]) / o->std[c]);
}

/* Jansson writes reals with 17 digits and keys in the order given: one text for one meaning. */
static judd_status make_key(judd_backbone *b, const judd_dataset_info *dataset) {
    const judd_backbone_options *o = &b->options;
    json_t *mean = json_array(), *std = json_array(), *input = json_array(), *taps = json_array();
    for (int i = 0; i < b->n_taps; i++) json_array_append_new(taps, json_string(b->taps[i]));
    for (int c = 0; c < b->channels; c++) {
        json_array_append_new(mean, json_real(o->mean[c]));
        json_array_append_new(std, json_real(o->std[c]));
    }
    int shape[3] = {b->channels, b->height, b->width};
    for (int i = 0; i < 3; i++) json_array_append_new(input, json_integer(shape[i]));
    json_t *key = json_object();
    json_object_set_new(key, "kind", json_string(b->kind));
    if (b->file) {
        json_object_set_new(key, "model_sha256", json_string(b->model_sha256));
        json_object_set(key, "tap", taps);
        json_object_set_new(key, "pool", json_string(pool_names[b->pool]));
        json_object_set_new(key, "weights", json_string(o->random_weights ? "random" : "file"));
        if (o->random_weights)
            json_object_set_new(key, "weights_seed", json_integer((json_int_t)o->seed));
        json_object_set_new(key, "batch", json_integer((json_int_t)o->batch));
        json_object_set_new(key, "engine", json_integer(JUDD_ENGINE_VERSION));
        json_object_set_new(key, "winograd", json_integer(o->winograd ? JUDD_WINOGRAD_RULE : 0));
        json_object_set_new(key, "library", json_string(judd_engine_library()));
        json_object_set_new(key, "isa", json_string(judd_engine_isa_name(judd_engine_isa())));
    }
    json_object_set_new(key, "precision", json_string("f32"));
    json_object_set_new(key, "input", input);
    json_object_set_new(key, "scale", json_real(o->scale));
    json_object_set_new(key, "mean", mean);
    json_object_set_new(key, "std", std);
    json_object_set_new(key, "images_sha256", json_string(dataset->sha256));
    b->key = json_dumps(key, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(key);
    json_decref(taps);
    if (!b->key) return judd_status_set(JUDD_E_INTERNAL, "backbone: key is not valid UTF-8");
    return JUDD_OK;
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
    if (!onnx && strcmp(options->kind, "pixels") != 0)
        JUDD_FAIL(JUDD_E_CONFIG, "backbone: unknown kind \"%s\"; known: onnx, pixels",
                  options->kind);
    JUDD_TRY(judd_memory_string(&b->kind, options->kind));
    JUDD_TRY(copy_taps(b, options));
    if (onnx) JUDD_TRY(judd_memory_string(&b->file, options->file));
done:
    return status;
}

judd_status judd_backbone_open(judd_backbone **out, const judd_comm *comm,
                               const judd_backbone_options *options,
                               const judd_dataset_info *dataset) {
    judd_status status = JUDD_OK;
    judd_backbone *b = NULL;
    int64_t bytes = 0;
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&b, 1, sizeof *b)));
    JUDD_TRY(judd_comm_agree(comm, copy_options(b, options)));
    if (b->file && comm->rank == 0) status = judd_hash_file(b->model_sha256, &bytes, b->file);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, b->model_sha256, sizeof b->model_sha256));
    status = check_shape(b, dataset);
    if (status == JUDD_OK) {
        fill_table(b);
        status = make_key(b, dataset);
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    *out = b;
    b = NULL;
done:
    judd_backbone_close(b);
    return status;
}

void judd_backbone_close(judd_backbone *b) {
    if (!b) return;
    judd_engine_destroy(b->engine);
    free(b->kind);
    free(b->file);
    for (int i = 0; i < b->n_taps; i++) free(b->taps[i]);
    free(b->taps);
    free(b->key);
    free(b->input);
    free(b->output);
    free(b);
}

const char *judd_backbone_key(const judd_backbone *b) {
    return b->key;
}

int64_t judd_backbone_dim(const judd_backbone *b) {
    return b->dim;
}

int64_t judd_backbone_batch(const judd_backbone *b) {
    return b->options.batch;
}

static judd_status load_network(judd_backbone *b) {
    judd_status status = JUDD_OK;
    judd_graph *graph = NULL;
    judd_graph_options graph_options = {.batch = b->options.batch,
                                        .channels = b->channels,
                                        .height = b->height,
                                        .width = b->width,
                                        .taps = (const char *const *)b->taps,
                                        .n_taps = b->n_taps,
                                        .pool = b->pool};
    judd_engine_options engine_options = JUDD_ENGINE_DEFAULTS;
    engine_options.threads = b->options.threads;
    engine_options.winograd = b->options.winograd;
    JUDD_TRY(judd_graph_load(&graph, b->file, &graph_options));
    if (strcmp(graph->sha256, b->model_sha256) != 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: changed while the job was starting; start it again", b->file);
    if (b->options.random_weights) JUDD_TRY(judd_graph_randomize(graph, b->options.seed));
    JUDD_TRY(judd_engine_create(&b->engine, graph, &engine_options));
    b->dim = judd_engine_dim(b->engine);
    JUDD_TRY(judd_memory_alloc(&b->output, b->options.batch * b->dim, sizeof *b->output));
done:
    judd_graph_destroy(graph);
    return status;
}

judd_status judd_backbone_load(judd_backbone *b, const judd_comm *comm) {
    if (b->input) return JUDD_OK;
    int64_t pixels = (int64_t)b->channels * b->height * b->width;
    b->dim = pixels;
    judd_status status = judd_memory_alloc(&b->input, b->options.batch * pixels, sizeof *b->input);
    if (status == JUDD_OK && b->file) status = load_network(b);
    return judd_comm_agree(comm, status);
}

/* [n, image_channels, h, w] uint8 -> [n, channels, h, w] float; grey is repeated as R, G and B. */
static void normalise(const judd_backbone *b, const uint8_t *pixels, int64_t n, float *input) {
    int64_t plane = (int64_t)b->height * b->width;
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < b->channels; c++) {
            const uint8_t *from = pixels + (i * b->image_channels + c % b->image_channels) * plane;
            float *to = input + (i * b->channels + c) * plane;
            for (int64_t k = 0; k < plane; k++) to[k] = b->table[c][from[k]];
        }
}

judd_status judd_backbone_run(judd_backbone *b, const uint8_t *pixels, int64_t n, float *features) {
    if (n > b->options.batch || !b->input)
        return judd_status_set(JUDD_E_INTERNAL, "backbone: run before load, or %lld > batch images",
                               (long long)n);
    if (!b->engine) {
        normalise(b, pixels, n, features);
        return JUDD_OK;
    }
    size_t image = (size_t)(b->channels * b->height) * (size_t)b->width * sizeof(float);
    normalise(b, pixels, n, b->input);
    memset((char *)b->input + (size_t)n * image, 0, (size_t)(b->options.batch - n) * image);
    judd_status status = judd_engine_run(b->engine, (const float *const[]){b->input}, b->output);
    if (status == JUDD_OK) memcpy(features, b->output, (size_t)(n * b->dim) * sizeof(float));
    return status;
}

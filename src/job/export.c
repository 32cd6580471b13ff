#include <judd/job/export.h>

#include "job/predictor_parts.h"

#include <judd/base/memory.h>
#include <judd/features/backbone.h>
#include <judd/image/transform.h>
#include <judd/onnx/builder.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 64, MOST_TAPS = 64 };

/* The model while it grows: `x` is the tensor that comes last. */
typedef struct growth {
    judd_onnx_builder *b;
    const judd_predictor_parts *parts;
    char x[NAME];
    int64_t batch;
} growth;

/* x = op(x, constant[dims]). */
static judd_status apply(growth *g, const char *op, const char *name, int rank, const int64_t *dims,
                         const float *data) {
    judd_status status = JUDD_OK;
    char constant[NAME], output[NAME];
    snprintf(constant, NAME, "judd/%.40s/constant", name);
    snprintf(output, NAME, "judd/%.40s", name);
    JUDD_TRY(judd_onnx_builder_floats(g->b, constant, rank, dims, data));
    JUDD_TRY(
        judd_onnx_builder_node(g->b, output, op, (const char *const[4]){g->x, constant}, NULL));
    memcpy(g->x, output, NAME);
done:
    return status;
}

/* x = op(x). */
static judd_status pass(growth *g, const char *op, const char *name, const judd_onnx_attribute *a) {
    char output[NAME];
    snprintf(output, NAME, "judd/%.40s", name);
    judd_status status = judd_onnx_builder_node(g->b, output, op, (const char *const[4]){g->x}, a);
    memcpy(g->x, output, NAME);
    return status;
}

/* ---- preprocessing ------------------------------------------------------------------------------
 */

static double number_at(const json_t *list, int64_t i) {
    return json_number_value(json_array_get(list, (size_t)i));
}

/* (x scale - mean) / std, channel by channel, as image/transform.h. */
static judd_status normalise(growth *g, const json_t *key, int64_t channels) {
    judd_status status = JUDD_OK;
    const json_t *mean = json_object_get(key, "mean"), *std = json_object_get(key, "std");
    double scale = json_number_value(json_object_get(key, "scale"));
    float factor[JUDD_TRANSFORM_CHANNELS], shift[JUDD_TRANSFORM_CHANNELS];
    const int64_t dims[4] = {1, channels, 1, 1};
    for (int64_t c = 0; c < channels; c++) {
        factor[c] = (float)(scale / number_at(std, c));
        shift[c] = (float)(number_at(mean, c) / number_at(std, c));
    }
    JUDD_TRY(apply(g, "Mul", "scaled", 4, dims, factor));
    JUDD_TRY(apply(g, "Sub", "normalised", 4, dims, shift));
done:
    return status;
}

static judd_status swap_channels(growth *g) {
    static const int64_t order[3] = {2, 1, 0};
    judd_onnx_attribute axis = {.name = "axis", .i = 1};
    judd_status status = judd_onnx_builder_integers(g->b, "judd/order", 3, order);
    if (status == JUDD_OK)
        status = judd_onnx_builder_node(g->b, "judd/bgr", "Gather",
                                        (const char *const[4]){g->x, "judd/order"}, &axis);
    snprintf(g->x, NAME, "judd/bgr");
    return status;
}

static judd_status preprocess(growth *g, const json_t *key) {
    judd_status status = JUDD_OK;
    const json_t *input = json_object_get(key, "input");
    const char *order = json_string_value(json_object_get(key, "channel_order"));
    int64_t dims[4] = {g->batch};
    for (int i = 0; i < 3; i++) dims[i + 1] = json_integer_value(json_array_get(input, (size_t)i));
    if (dims[1] < 1 || dims[1] > JUDD_TRANSFORM_CHANNELS || dims[2] < 1 || dims[3] < 1)
        JUDD_FAIL(JUDD_E_DATA, "its backbone_key names no image; the head file is damaged");
    JUDD_TRY(judd_onnx_builder_input(g->b, "image", 4, dims));
    snprintf(g->x, NAME, "image");
    if (order && strcmp(order, "bgr") == 0) JUDD_TRY(swap_channels(g));
    JUDD_TRY(normalise(g, key, dims[1]));
done:
    return status;
}

/* ---- backbone -----------------------------------------------------------------------------------
 */

/* The tensor that the file's network takes, from x. */
static judd_status enter_network(growth *g) {
    static const int64_t last[4] = {0, 2, 3, 1};
    judd_onnx_attribute perm = {.name = "perm", .ints = last, .n = 4};
    bool turn = judd_onnx_builder_channels_last(g->b);
    return judd_onnx_builder_node(g->b, judd_onnx_builder_image(g->b),
                                  turn ? "Transpose" : "Identity", (const char *const[4]){g->x},
                                  turn ? &perm : NULL);
}

/* A tap, pooled or flattened, becomes parts[*n]... */
static judd_status gather_tap(growth *g, const judd_graph_tap *tap, const char *pool,
                              char (*parts)[NAME], int *n) {
    judd_status status = JUDD_OK;
    static const int64_t places[2] = {2, 3}, tokens[1] = {1};
    bool image = tap->rank == 4, map = image || tap->rank == 3;
    judd_onnx_attribute axis = {.name = "axis", .i = 1};
    char *name = NULL;
    JUDD_TRY(judd_onnx_builder_name(&name, tap->name));
    for (int k = 0; map && k < 2; k++) {
        const char *word = k == 0 ? "avg" : "max";
        if (strncmp(pool, word, 3) != 0 && strcmp(pool, "avgmax") != 0) continue;
        snprintf(parts[*n], NAME, "judd/%s%d", word, *n);
        JUDD_TRY(judd_onnx_builder_reduce(g->b, parts[*n], k == 0 ? "ReduceMean" : "ReduceMax",
                                          name, image ? places : tokens, image ? 2 : 1, false));
        ++*n;
    }
    if (map && strcmp(pool, "none") != 0) goto done;
    snprintf(parts[*n], NAME, "judd/flat%d", *n);
    JUDD_TRY(
        judd_onnx_builder_node(g->b, parts[*n], "Flatten", (const char *const[4]){name}, &axis));
    ++*n;
done:
    free(name);
    return status;
}

static judd_status gather_taps(growth *g, const judd_graph *graph, const char *pool) {
    judd_status status = JUDD_OK;
    char(*parts)[NAME] = NULL;
    int n = 0;
    judd_onnx_attribute axis = {.name = "axis", .i = 1};
    JUDD_TRY(judd_memory_alloc(&parts, 2 * (int64_t)graph->n_taps, sizeof *parts));
    for (int i = 0; i < graph->n_taps; i++)
        JUDD_TRY(gather_tap(g, &graph->taps[i], pool, parts, &n));
    memcpy(g->x, parts[0], NAME);
    for (int i = 1; i < n; i++) {
        char joined[NAME];
        snprintf(joined, NAME, "judd/joined%d", i);
        JUDD_TRY(judd_onnx_builder_node(g->b, joined, "Concat",
                                        (const char *const[4]){g->x, parts[i]}, &axis));
        memcpy(g->x, joined, NAME);
    }
done:
    free(parts);
    return status;
}

/* The graph of the model file that made the head's features. */
static judd_status find_model(judd_graph **out, const char **path, const judd_predictor_parts *p) {
    judd_status status = JUDD_OK;
    const json_t *taps = json_object_get(p->key, "tap"), *input = json_object_get(p->key, "input");
    const char *sha256 = json_string_value(json_object_get(p->key, "model_sha256"));
    const char *names[MOST_TAPS];
    int n = (int)json_array_size(taps);
    if (!sha256 || n < 1 || n > MOST_TAPS) JUDD_FAIL(JUDD_E_DATA, "its backbone_key is damaged");
    for (int i = 0; i < n; i++)
        if (!(names[i] = json_string_value(json_array_get(taps, (size_t)i))))
            JUDD_FAIL(JUDD_E_DATA, "its backbone_key is damaged");
    judd_graph_options o = {.batch = 1,
                            .channels = (int)json_integer_value(json_array_get(input, 0)),
                            .height = (int)json_integer_value(json_array_get(input, 1)),
                            .width = (int)json_integer_value(json_array_get(input, 2)),
                            .taps = names,
                            .n_taps = n};
    for (int64_t k = 0; k < p->job->n_backbones; k++) {
        const judd_job_backbone *b = &p->job->backbones[k];
        char here[JUDD_SHA256_HEX];
        int64_t bytes = 0;
        if (strcmp(b->kind, "onnx") != 0) continue;
        if (judd_graph_identify(here, &bytes, b->file, NULL) != JUDD_OK)
            continue; /* it may be another's */
        if (strcmp(here, sha256) != 0) continue;
        *path = b->file;
        status = judd_graph_load(out, b->file, &o);
        goto done;
    }
    JUDD_FAIL(
        JUDD_E_DATA,
        "no backbone of the job has the model file with sha256 %s that made its features; give "
        "the job file that trained it by --job, or export with --head-only",
        sha256);
done:
    return status;
}

static judd_status grow_network(growth *g) {
    judd_status status = JUDD_OK;
    const json_t *key = g->parts->key;
    const char *weights = json_string_value(json_object_get(key, "weights")), *path = NULL;
    const char *pool = json_string_value(json_object_get(key, "pool")), *names[MOST_TAPS];
    judd_graph *graph = NULL;
    if (!weights || strcmp(weights, "file") != 0)
        JUDD_FAIL(JUDD_E_DATA, "its backbone has random weights, which no model file holds; export "
                               "with --head-only");
    JUDD_TRY(find_model(&graph, &path, g->parts));
    for (int i = 0; i < graph->n_taps; i++) names[i] = graph->taps[i].name;
    JUDD_TRY(judd_onnx_builder_open(&g->b, path, names, graph->n_taps));
    g->batch = judd_onnx_builder_batch(g->b);
    JUDD_TRY(preprocess(g, key));
    JUDD_TRY(enter_network(g));
    judd_onnx_builder_follow(g->b);
    JUDD_TRY(gather_taps(g, graph, pool ? pool : "none"));
done:
    judd_graph_destroy(graph);
    return status;
}

static judd_status grow_backbone(growth *g, bool head_only) {
    judd_status status = JUDD_OK;
    const char *kind = json_string_value(json_object_get(g->parts->key, "kind"));
    judd_onnx_attribute axis = {.name = "axis", .i = 1};
    const int64_t dims[2] = {0, g->parts->model->map.standard.dim};
    bool network = kind && strcmp(kind, "onnx") == 0, pixels = kind && strcmp(kind, "pixels") == 0;
    if (network && !head_only) return grow_network(g);
    if (kind && judd_backbone_reads_text(kind) && !head_only)
        JUDD_FAIL(JUDD_E_CONFIG, "a head on texts, whose words and vectors no ONNX model holds; "
                                 "export the head alone, on features, with --head-only");
    JUDD_TRY(judd_onnx_builder_open(&g->b, NULL, NULL, 0));
    if (pixels && !head_only) {
        JUDD_TRY(preprocess(g, g->parts->key));
        JUDD_TRY(pass(g, "Flatten", "flat", &axis));
    } else {
        JUDD_TRY(judd_onnx_builder_input(g->b, "features", 2, dims));
        snprintf(g->x, NAME, "features");
    }
done:
    return status;
}

/* ---- head ---------------------------------------------------------------------------------------
 */

/* x = x weight' + bias, [outputs, inputs] and [outputs]. */
static judd_status affine(growth *g, const char *name, int64_t outputs, int64_t inputs,
                          const float *weight, const float *bias) {
    judd_status status = JUDD_OK;
    const int64_t dims[2] = {outputs, inputs};
    judd_onnx_attribute turn = {.name = "transB", .i = 1};
    char w[NAME], b[NAME], output[NAME];
    snprintf(w, NAME, "judd/%.40s/weight", name);
    snprintf(b, NAME, "judd/%.40s/bias", name);
    snprintf(output, NAME, "judd/%.40s", name);
    JUDD_TRY(judd_onnx_builder_floats(g->b, w, 2, dims, weight));
    JUDD_TRY(judd_onnx_builder_floats(g->b, b, 1, dims, bias));
    JUDD_TRY(
        judd_onnx_builder_node(g->b, output, "Gemm", (const char *const[4]){g->x, w, b}, &turn));
    memcpy(g->x, output, NAME);
done:
    return status;
}

static judd_status map_features(growth *g) {
    judd_status status = JUDD_OK;
    const judd_feature_map *m = &g->parts->model->map;
    JUDD_TRY(apply(g, "Sub", "centred", 1, &m->standard.dim, m->standard.mean));
    JUDD_TRY(apply(g, "Mul", "standardised", 1, &m->standard.dim, m->standard.scale));
    if (m->projection)
        JUDD_TRY(affine(g, "projected", m->dim, m->standard.dim, m->projection, m->offset));
done:
    return status;
}

/* (x - mean) / sqrt(variance + 1e-5) gain + shift, over a sample's units (learn/bank.h). */
static judd_status norm(growth *g, int l, const judd_layer *layer) {
    judd_status status = JUDD_OK;
    static const int64_t axis[1] = {1}, one[1] = {1};
    static const float epsilon = 1e-5f;
    char n[9][NAME];
    static const char *const words[9] = {"mean", "offset", "square",   "variance", "raised",
                                         "root", "scaled", "constant", "normed"};
    for (int i = 0; i < 9; i++) snprintf(n[i], NAME, "judd/norm%d/%s", l, words[i]);
    JUDD_TRY(judd_onnx_builder_reduce(g->b, n[0], "ReduceMean", g->x, axis, 1, true));
    JUDD_TRY(judd_onnx_builder_node(g->b, n[1], "Sub", (const char *const[4]){g->x, n[0]}, NULL));
    JUDD_TRY(judd_onnx_builder_node(g->b, n[2], "Mul", (const char *const[4]){n[1], n[1]}, NULL));
    JUDD_TRY(judd_onnx_builder_reduce(g->b, n[3], "ReduceMean", n[2], axis, 1, true));
    JUDD_TRY(judd_onnx_builder_floats(g->b, n[7], 1, one, &epsilon));
    JUDD_TRY(judd_onnx_builder_node(g->b, n[4], "Add", (const char *const[4]){n[3], n[7]}, NULL));
    JUDD_TRY(judd_onnx_builder_node(g->b, n[5], "Sqrt", (const char *const[4]){n[4]}, NULL));
    JUDD_TRY(judd_onnx_builder_node(g->b, n[8], "Div", (const char *const[4]){n[1], n[5]}, NULL));
    memcpy(g->x, n[8], NAME);
    snprintf(n[0], NAME, "norm%d/gained", l);
    snprintf(n[1], NAME, "norm%d/shifted", l);
    JUDD_TRY(apply(g, "Mul", n[0], 1, &layer->outputs, layer->gain->value));
    JUDD_TRY(apply(g, "Add", n[1], 1, &layer->outputs, layer->shift->value));
done:
    return status;
}

/* x Phi(x) = x (1 + erf(x / sqrt 2)) / 2. */
static judd_status gelu(growth *g, int l) {
    judd_status status = JUDD_OK;
    static const int64_t one[1] = {1};
    const float root = (float)sqrt(0.5), half = 0.5f, unit = 1.0f;
    char x[NAME], name[NAME], output[NAME];
    memcpy(x, g->x, NAME);
    snprintf(name, NAME, "gelu%d/argument", l);
    JUDD_TRY(apply(g, "Mul", name, 1, one, &root));
    snprintf(name, NAME, "gelu%d/erf", l);
    JUDD_TRY(pass(g, "Erf", name, NULL));
    snprintf(name, NAME, "gelu%d/raised", l);
    JUDD_TRY(apply(g, "Add", name, 1, one, &unit));
    snprintf(name, NAME, "gelu%d/halved", l);
    JUDD_TRY(apply(g, "Mul", name, 1, one, &half));
    snprintf(output, NAME, "judd/gelu%d", l);
    JUDD_TRY(judd_onnx_builder_node(g->b, output, "Mul", (const char *const[4]){x, g->x}, NULL));
    memcpy(g->x, output, NAME);
done:
    return status;
}

static judd_status grow_head(growth *g) {
    judd_status status = JUDD_OK;
    const judd_bank *m = g->parts->model->model;
    JUDD_TRY(map_features(g));
    for (int l = 0; l < m->n_layers; l++) {
        const judd_layer *layer = &m->layers[l];
        char name[NAME];
        snprintf(name, NAME, "layer%d", l);
        JUDD_TRY(affine(g, name, layer->outputs, layer->inputs, layer->weight->value,
                        layer->bias->value));
        if (l == m->n_layers - 1) break;
        if (layer->gain) JUDD_TRY(norm(g, l, layer));
        snprintf(name, NAME, "relu%d", l);
        JUDD_TRY(m->options.activation == JUDD_ACTIVATION_GELU ? gelu(g, l)
                                                               : pass(g, "Relu", name, NULL));
    }
done:
    return status;
}

static judd_status name_outputs(growth *g) {
    judd_status status = JUDD_OK;
    const judd_predictor_info *info = g->parts->info;
    const int64_t dims[2] = {g->batch, info->n_outputs};
    judd_onnx_attribute axis = {.name = "axis", .i = 1};
    bool logits = info->outputs == JUDD_OUTPUTS_LOGITS,
         labels = info->outputs == JUDD_OUTPUTS_LABELS;
    const char *const score[4] = {"score"};
    JUDD_TRY(judd_onnx_builder_node(g->b, "score", "Identity", (const char *const[4]){g->x}, NULL));
    JUDD_TRY(judd_onnx_builder_output(g->b, "score", 2, dims));
    if (!logits && !labels) goto done;
    JUDD_TRY(judd_onnx_builder_node(g->b, "probability", logits ? "Softmax" : "Sigmoid", score,
                                    logits ? &axis : NULL));
    JUDD_TRY(judd_onnx_builder_output(g->b, "probability", 2, dims));
done:
    return status;
}

/* ---- what the file says of itself ---------------------------------------------------------------
 */

static judd_status put_json(growth *g, const char *name, json_t *value) {
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    judd_status status = text ? judd_onnx_builder_metadata(g->b, name, text) : JUDD_OK;
    free(text);
    json_decref(value);
    return status;
}

static judd_status describe(growth *g) {
    judd_status status = JUDD_OK;
    static const char *const steps[] = {"resize", "interpolation", "crop", "channel_order",
                                        "input",  "scale",         "mean", "std"};
    const judd_predictor_info *info = g->parts->info;
    json_t *names = json_array(), *preprocessing = json_object();
    char hex[JUDD_SHA256_HEX];
    for (int c = 0; c < info->n_outputs; c++)
        json_array_append_new(names, json_string(info->output_names[c]));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (json_object_get(g->parts->key, steps[i]))
            json_object_set(preprocessing, steps[i], json_object_get(g->parts->key, steps[i]));
    JUDD_TRY(put_json(g, "class_names", names));
    JUDD_TRY(put_json(g, "preprocessing", preprocessing));
    JUDD_TRY(judd_onnx_builder_metadata(g->b, "kind", info->kind));
    JUDD_TRY(judd_onnx_builder_metadata(g->b, "job", g->parts->job->name));
    JUDD_TRY(judd_onnx_builder_metadata(g->b, "trial", info->trial));
    JUDD_TRY(judd_bank_hash(hex, g->parts->model->model));
    JUDD_TRY(judd_onnx_builder_metadata(g->b, "head_sha256", hex));
done:
    return status;
}

judd_status judd_export_write(const judd_predictor *predictor, const char *path, bool head_only) {
    judd_status status = JUDD_OK;
    const judd_predictor_parts parts = judd_predictor_parts_of(predictor);
    growth g = {.parts = &parts};
    JUDD_TRY(grow_backbone(&g, head_only));
    JUDD_TRY(grow_head(&g));
    JUDD_TRY(name_outputs(&g));
    JUDD_TRY(describe(&g));
    JUDD_TRY(judd_onnx_builder_write(g.b, path));
done:
    judd_onnx_builder_close(g.b);
    return judd_status_context(status, "%s", parts.path);
}

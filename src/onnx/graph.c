#include <judd/onnx/graph.h>

#include "onnx/import.h"
#include "onnx/model_file.h"
#include "onnx/node.h"
#include "onnx/simplify.h"
#include "onnx/sort.h"
#include "onnx/tap.h"
#include "onnx/wire.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

int64_t judd_graph_size(const judd_graph_value *value) {
    int64_t n = 1;
    for (int d = 0; d < value->rank; d++) n *= value->dims[d];
    return n;
}

const judd_graph_attribute *judd_graph_attribute_of(const judd_graph_node *node, const char *name) {
    for (int i = 0; i < node->n_attributes; i++)
        if (strcmp(node->attributes[i].name, name) == 0) return &node->attributes[i];
    return NULL;
}

int64_t judd_graph_attribute_int(const judd_graph_node *node, const char *name, int64_t absent) {
    const judd_graph_attribute *attribute = judd_graph_attribute_of(node, name);
    return attribute && attribute->kind == 'i' ? attribute->i : absent;
}

float judd_graph_attribute_float(const judd_graph_node *node, const char *name, float absent) {
    const judd_graph_attribute *attribute = judd_graph_attribute_of(node, name);
    return attribute && attribute->kind == 'f' ? attribute->f : absent;
}

void judd_graph_destroy(judd_graph *graph) {
    if (!graph) return;
    for (int v = 0; v < graph->n_values; v++) {
        free(graph->values[v].name);
        if (!graph->shared && !graph->copy) free(graph->values[v].data);
    }
    for (int i = 0; i < graph->n_nodes; i++) judd_node_free(&graph->nodes[i]);
    for (int i = 0; i < graph->n_taps; i++) free(graph->taps[i].name);
    free(graph->taps);
    free(graph->values);
    free(graph->nodes);
    judd_node_memory_destroy(graph->shared);
    free(graph->copy);
    free(graph);
}

static judd_status check_options(const judd_graph_options *o, const char *path) {
    if (o->batch < 0 || o->batch > 65536)
        return judd_status_set(JUDD_E_USAGE, "%s: batch %lld is not between 0 and 65536", path,
                               (long long)o->batch);
    if (o->n_taps < 0 || o->n_taps > JUDD_MAX_TAPS)
        return judd_status_set(JUDD_E_USAGE, "%s: %d taps, but at most %d are supported", path,
                               o->n_taps, JUDD_MAX_TAPS);
    if (o->channels < 0 || o->height < 0 || o->width < 0)
        return judd_status_set(JUDD_E_USAGE, "%s: input %d x %d x %d is negative", path,
                               o->channels, o->height, o->width);
    return JUDD_OK;
}

/* File -> protobuf messages; the raw bytes are gone afterwards. With only_if_external they become
 * messages where some of the model's bytes are in other files, else *model stays NULL. */
static judd_status unpack(Onnx__ModelProto **model, int64_t *bytes, const char *path,
                          judd_model_copy *copy, judd_hash *hash, bool only_if_external) {
    judd_status status = JUDD_OK;
    uint8_t *data = NULL;
    bool external = false;
    JUDD_TRY(judd_model_file_read(&data, bytes, path, copy));
    judd_hash_add(hash, data, (size_t)*bytes);
    JUDD_TRY(judd_wire_check(data, (size_t)*bytes, path, &external));
    if (only_if_external && !external) goto done;
    *model = onnx__model_proto__unpack(NULL, (size_t)*bytes, data);
    if (!*model) JUDD_FAIL(JUDD_E_DATA, "%s: not an ONNX model; copy or export it again", path);
done:
    free(data);
    return status;
}

judd_status judd_graph_identify(char sha256[JUDD_SHA256_HEX], int64_t *bytes, const char *path,
                                judd_model_copy *copy) {
    judd_status status = JUDD_OK;
    judd_hash *hash = NULL;
    Onnx__ModelProto *model = NULL;
    int64_t beside = 0;
    JUDD_TRY(judd_hash_create(&hash));
    JUDD_TRY(unpack(&model, bytes, path, copy, hash, true));
    if (model) JUDD_TRY(judd_import_skim(&beside, model, path, copy, hash));
    *bytes += beside;
    judd_hash_finish(hash, sha256);
done:
    if (model) onnx__model_proto__free_unpacked(model, NULL);
    judd_hash_destroy(hash);
    return status;
}

static judd_status check_output(const judd_pass *pass) {
    judd_status status = JUDD_OK;
    const judd_graph *graph = pass->graph;
    const judd_graph_value *y = &graph->values[graph->output];
    if (graph->batch == 0) goto done;
    if (graph->output == graph->inputs[0])
        JUDD_FAIL(JUDD_E_DATA, "%s: the tap is the image itself; set tap to a tensor behind it",
                  pass->path);
    if (y->data || y->type != JUDD_F32)
        JUDD_FAIL(JUDD_E_DATA, "%s: the tap %s does not depend on the image; set another tap",
                  pass->path, y->name);
    if (y->rank < 2 || y->dims[0] != pass->options->batch)
        JUDD_FAIL(
            JUDD_E_DATA,
            "%s: the tap %s has dimensions %s, not [%lld, ...]: the batch is lost on the way; "
            "export with a dynamic batch (dynamic_axes) or set another tap",
            pass->path, y->name, judd_pass_dims(y).text, (long long)pass->options->batch);
done:
    return status;
}

judd_status judd_graph_load(judd_graph **out, const char *path, const judd_graph_options *options) {
    judd_status status = JUDD_OK;
    judd_graph *graph = NULL;
    judd_pass pass = {.path = path, .options = options};
    judd_hash *hash = NULL;
    Onnx__ModelProto *model = NULL;
    int64_t bytes = 0;
    JUDD_TRY(check_options(options, path));
    JUDD_TRY(judd_hash_create(&hash));
    JUDD_TRY(judd_memory_alloc(&graph, 1, sizeof *graph));
    pass.graph = graph;
    graph->output = -1;
    graph->batch = options->batch;
    JUDD_TRY(unpack(&model, &bytes, path, options->copy, hash, false));
    JUDD_TRY(judd_import_model(&pass, model, hash));
    onnx__model_proto__free_unpacked(model, NULL);
    model = NULL;
    pass.fold_budget = 4 * bytes + (INT64_C(64) << 20);
    JUDD_TRY(judd_tap_resolve(&pass));
    JUDD_TRY(judd_sort_cut(graph)); /* what is behind the tap need not be supported */
    JUDD_TRY(judd_simplify_graph(&pass));
    JUDD_TRY(judd_sort_cut(graph)); /* constants that were folded away */
    JUDD_TRY(check_output(&pass));
    if (graph->n_taps == 1 && graph->taps[0].rank == 0)
        graph->taps[0].rank = graph->values[graph->output].rank;
    judd_hash_finish(hash, graph->sha256);
    *out = graph;
    graph = NULL;
done:
    if (model) onnx__model_proto__free_unpacked(model, NULL);
    free(pass.before);
    judd_hash_destroy(hash);
    judd_graph_destroy(graph);
    return status;
}

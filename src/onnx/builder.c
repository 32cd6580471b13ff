#include <judd/onnx/builder.h>

#include "onnx/import.h"
#include "onnx/model_file.h"
#include "onnx/names.h"
#include "onnx/tensor.h"
#include "onnx/wire.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>

#include <stdlib.h>
#include <string.h>

enum { OPSET = 13, IR_VERSION = 8, REDUCE_AXES_OPSET = 18 };

/* The message owns all it points to, by malloc, whether protobuf-c unpacked it or we made it. */
struct judd_onnx_builder {
    Onnx__ModelProto *model;
    int64_t opset, batch;
    size_t at; /* where the next node goes */
    bool channels_last;
    char *image;
};

void judd_onnx_builder_close(judd_onnx_builder *b) {
    if (!b) return;
    if (b->model) onnx__model_proto__free_unpacked(b->model, NULL);
    free(b->image);
    free(b);
}

const char *judd_onnx_builder_image(const judd_onnx_builder *b) {
    return b->image;
}

bool judd_onnx_builder_channels_last(const judd_onnx_builder *b) {
    return b->channels_last;
}

int64_t judd_onnx_builder_batch(const judd_onnx_builder *b) {
    return b->batch;
}

/* ---- messages -----------------------------------------------------------------------------------
 */

/* list [*n] of messages, one longer. */
static judd_status append(void *list, size_t *n, void *message) {
    void **moved = realloc(*(void ***)list, (*n + 1) * sizeof *moved);
    if (!moved) return judd_status_set(JUDD_E_INTERNAL, "no memory for a model");
    moved[(*n)++] = message;
    *(void ***)list = moved;
    return JUDD_OK;
}

#define NEW(out, type, initialize)                                                                 \
    do {                                                                                           \
        type *made;                                                                                \
        JUDD_TRY(judd_memory_alloc(&made, 1, sizeof *made));                                       \
        initialize(made);                                                                          \
        *(out) = made;                                                                             \
    } while (0)

static judd_status new_dimension(Onnx__TensorShapeProto *shape, int64_t value) {
    judd_status status = JUDD_OK;
    Onnx__TensorShapeProto__Dimension *d = NULL;
    NEW(&d, Onnx__TensorShapeProto__Dimension, onnx__tensor_shape_proto__dimension__init);
    status = append(&shape->dim, &shape->n_dim, d);
    if (status != JUDD_OK) {
        free(d);
        goto done;
    }
    d->value_case = value > 0 ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE
                              : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    if (value > 0)
        d->dim_value = value;
    else
        JUDD_TRY(judd_memory_string(&d->dim_param, "batch"));
done:
    return status;
}

static judd_status new_value(Onnx__ValueInfoProto *info, const char *name, int rank,
                             const int64_t *dims) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_string(&info->name, name));
    NEW(&info->type, Onnx__TypeProto, onnx__type_proto__init);
    info->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    NEW(&info->type->tensor_type, Onnx__TypeProto__Tensor, onnx__type_proto__tensor__init);
    info->type->tensor_type->has_elem_type = true;
    info->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    NEW(&info->type->tensor_type->shape, Onnx__TensorShapeProto, onnx__tensor_shape_proto__init);
    for (int d = 0; d < rank; d++) JUDD_TRY(new_dimension(info->type->tensor_type->shape, dims[d]));
done:
    return status;
}

static judd_status add_value(Onnx__ValueInfoProto ***list, size_t *n, const char *name, int rank,
                             const int64_t *dims) {
    judd_status status = JUDD_OK;
    Onnx__ValueInfoProto *info = NULL;
    NEW(&info, Onnx__ValueInfoProto, onnx__value_info_proto__init);
    JUDD_TRY(new_value(info, name, rank, dims));
    JUDD_TRY(append(list, n, info));
    info = NULL;
done:
    if (info) onnx__value_info_proto__free_unpacked(info, NULL);
    return status;
}

judd_status judd_onnx_builder_input(judd_onnx_builder *b, const char *name, int rank,
                                    const int64_t *dims) {
    return add_value(&b->model->graph->input, &b->model->graph->n_input, name, rank, dims);
}

judd_status judd_onnx_builder_output(judd_onnx_builder *b, const char *name, int rank,
                                     const int64_t *dims) {
    return add_value(&b->model->graph->output, &b->model->graph->n_output, name, rank, dims);
}

static judd_status add_constant(judd_onnx_builder *b, const char *name, int32_t type, int rank,
                                const int64_t *dims, const void *data, size_t width) {
    judd_status status = JUDD_OK;
    Onnx__TensorProto *t = NULL;
    int64_t n = 1;
    for (int d = 0; d < rank; d++) n *= dims[d];
    NEW(&t, Onnx__TensorProto, onnx__tensor_proto__init);
    JUDD_TRY(judd_memory_string(&t->name, name));
    t->has_data_type = true;
    t->data_type = type;
    JUDD_TRY(judd_memory_alloc(&t->dims, rank, sizeof *t->dims));
    memcpy(t->dims, dims, (size_t)rank * sizeof *dims);
    t->n_dims = (size_t)rank;
    JUDD_TRY(judd_memory_alloc(&t->raw_data.data, n, width));
    memcpy(t->raw_data.data, data, (size_t)n * width);
    t->raw_data.len = (size_t)n * width;
    t->has_raw_data = true;
    JUDD_TRY(append(&b->model->graph->initializer, &b->model->graph->n_initializer, t));
    t = NULL;
done:
    if (t) onnx__tensor_proto__free_unpacked(t, NULL);
    return status;
}

judd_status judd_onnx_builder_floats(judd_onnx_builder *b, const char *name, int rank,
                                     const int64_t *dims, const float *data) {
    return add_constant(b, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, rank, dims, data,
                        sizeof *data);
}

judd_status judd_onnx_builder_integers(judd_onnx_builder *b, const char *name, int64_t n,
                                       const int64_t *data) {
    return add_constant(b, name, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, 1, &n, data, sizeof *data);
}

static judd_status add_attribute(Onnx__NodeProto *node, const judd_onnx_attribute *a) {
    judd_status status = JUDD_OK;
    Onnx__AttributeProto *p = NULL;
    NEW(&p, Onnx__AttributeProto, onnx__attribute_proto__init);
    status = append(&node->attribute, &node->n_attribute, p);
    if (status != JUDD_OK) {
        free(p);
        goto done;
    }
    JUDD_TRY(judd_memory_string(&p->name, a->name));
    p->has_type = true;
    p->type = a->n > 0 ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS
                       : ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    p->has_i = a->n == 0;
    p->i = a->i;
    if (a->n == 0) goto done;
    JUDD_TRY(judd_memory_alloc(&p->ints, a->n, sizeof *p->ints));
    memcpy(p->ints, a->ints, (size_t)a->n * sizeof *p->ints);
    p->n_ints = (size_t)a->n;
done:
    return status;
}

static judd_status add_name(char ***list, size_t *n, const char *name) {
    char *copy = NULL;
    judd_status status = judd_memory_string(&copy, name);
    if (status == JUDD_OK) status = append(list, n, copy);
    if (status != JUDD_OK) free(copy);
    return status;
}

static judd_status add_node(judd_onnx_builder *b, const char *output, const char *op,
                            const char *const *inputs, int n_inputs,
                            const judd_onnx_attribute *attributes, int n_attributes) {
    judd_status status = JUDD_OK;
    Onnx__NodeProto *node = NULL;
    NEW(&node, Onnx__NodeProto, onnx__node_proto__init);
    JUDD_TRY(judd_memory_string(&node->op_type, op));
    JUDD_TRY(judd_memory_string(&node->name, output));
    JUDD_TRY(add_name(&node->output, &node->n_output, output));
    for (int i = 0; i < n_inputs; i++) JUDD_TRY(add_name(&node->input, &node->n_input, inputs[i]));
    for (int i = 0; i < n_attributes; i++) JUDD_TRY(add_attribute(node, &attributes[i]));
    JUDD_TRY(append(&b->model->graph->node, &b->model->graph->n_node, node));
    Onnx__NodeProto **list = b->model->graph->node;
    memmove(list + b->at + 1, list + b->at, (b->model->graph->n_node - 1 - b->at) * sizeof *list);
    list[b->at++] = node;
    node = NULL;
done:
    if (node) onnx__node_proto__free_unpacked(node, NULL);
    return status;
}

judd_status judd_onnx_builder_node(judd_onnx_builder *b, const char *output, const char *op,
                                   const char *const inputs[4],
                                   const judd_onnx_attribute *attribute) {
    int n = 0;
    while (n < 4 && inputs[n]) n++;
    return add_node(b, output, op, inputs, n, attribute, attribute != NULL);
}

judd_status judd_onnx_builder_reduce(judd_onnx_builder *b, const char *output, const char *op,
                                     const char *input, const int64_t *axes, int n, bool keep) {
    judd_status status = JUDD_OK;
    char *name = NULL;
    judd_onnx_attribute attributes[2] = {{.name = "keepdims", .i = keep},
                                         {.name = "axes", .ints = axes, .n = n}};
    bool as_input = b->opset >= REDUCE_AXES_OPSET;
    JUDD_TRY(judd_memory_format(&name, "%s/axes", output));
    if (as_input) JUDD_TRY(judd_onnx_builder_integers(b, name, n, axes));
    JUDD_TRY(add_node(b, output, op, (const char *const[]){input, name}, as_input ? 2 : 1,
                      attributes, as_input ? 1 : 2));
done:
    free(name);
    return status;
}

void judd_onnx_builder_follow(judd_onnx_builder *b) {
    b->at = b->model->graph->n_node;
}

judd_status judd_onnx_builder_metadata(judd_onnx_builder *b, const char *name, const char *value) {
    judd_status status = JUDD_OK;
    Onnx__StringStringEntryProto *entry = NULL;
    NEW(&entry, Onnx__StringStringEntryProto, onnx__string_string_entry_proto__init);
    JUDD_TRY(judd_memory_string(&entry->key, name));
    JUDD_TRY(judd_memory_string(&entry->value, value));
    JUDD_TRY(append(&b->model->metadata_props, &b->model->n_metadata_props, entry));
    entry = NULL;
done:
    if (entry) onnx__string_string_entry_proto__free_unpacked(entry, NULL);
    return status;
}

judd_status judd_onnx_builder_name(char **out, const char *name) {
    static const char *const reserved[] = {"image", "features", "score", "probability"};
    bool taken = strncmp(name, "judd/", 5) == 0;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        taken = taken || strcmp(name, reserved[i]) == 0;
    return judd_memory_format(out, "%s%s", taken ? "file/" : "", name);
}

static judd_status rename_all(char **names, size_t n) {
    judd_status status = JUDD_OK;
    for (size_t i = 0; i < n && status == JUDD_OK; i++) {
        char *name = NULL;
        status = judd_onnx_builder_name(&name, names[i]);
        if (status != JUDD_OK) break;
        free(names[i]);
        names[i] = name;
    }
    return status;
}

/* Tensors, and what the file says of itself. */
static judd_status rename_tensors(judd_onnx_builder *b) {
    judd_status status = JUDD_OK;
    Onnx__GraphProto *g = b->model->graph;
    for (size_t i = 0; i < g->n_node; i++) {
        JUDD_TRY(rename_all(g->node[i]->input, g->node[i]->n_input));
        JUDD_TRY(rename_all(g->node[i]->output, g->node[i]->n_output));
    }
    for (size_t i = 0; i < g->n_initializer; i++) JUDD_TRY(rename_all(&g->initializer[i]->name, 1));
    JUDD_TRY(rename_all(&b->image, 1));
    for (size_t i = 0; i < b->model->n_metadata_props; i++) {
        Onnx__StringStringEntryProto *entry = b->model->metadata_props[i];
        char *key = NULL;
        JUDD_TRY(judd_memory_format(&key, "file/%s", entry->key));
        free(entry->key);
        entry->key = key;
    }
done:
    return status;
}

/* ---- an existing model --------------------------------------------------------------------------
 */

static judd_status find_image(judd_onnx_builder *b, const judd_names *constants) {
    judd_status status = JUDD_OK;
    const Onnx__GraphProto *g = b->model->graph;
    for (size_t i = 0; i < g->n_input && !b->image; i++) {
        const Onnx__ValueInfoProto *input = g->input[i];
        if (judd_names_find(constants, input->name) >= 0) continue;
        const Onnx__TensorShapeProto *shape = input->type->tensor_type->shape;
        const Onnx__TensorShapeProto__Dimension *batch = shape->dim[0];
        JUDD_TRY(judd_memory_string(&b->image, input->name));
        b->channels_last = judd_import_has_channels_last(shape);
        if (batch->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
            b->batch = batch->dim_value;
    }
    if (!b->image) JUDD_FAIL(JUDD_E_DATA, "the model has no image as input");
done:
    return status;
}

/* needed [n_node]: whether a node leads to one of the tensors. Node after node from the end, since
 * a file's nodes are in topological order (the graph was loaded before). */
static judd_status mark(bool **out, judd_names *needed, const Onnx__GraphProto *g) {
    judd_status status = JUDD_OK;
    bool *keep = NULL;
    JUDD_TRY(judd_memory_alloc(&keep, (int64_t)g->n_node, sizeof *keep));
    for (bool more = true; more;) { /* once, if the order is as it should be */
        more = false;
        for (size_t i = g->n_node; i-- > 0;) {
            const Onnx__NodeProto *node = g->node[i];
            for (size_t k = 0; k < node->n_output && !keep[i]; k++)
                more = (keep[i] = judd_names_find(needed, node->output[k]) >= 0) || more;
            for (size_t k = 0; keep[i] && k < node->n_input; k++)
                if (node->input[k][0] && judd_names_find(needed, node->input[k]) < 0)
                    judd_names_add(needed, node->input[k], 0);
        }
    }
    *out = keep;
    keep = NULL;
done:
    free(keep);
    return status;
}

static void cut_nodes(Onnx__GraphProto *g, const bool *keep) {
    size_t n = 0;
    for (size_t i = 0; i < g->n_node; i++) {
        if (keep[i])
            g->node[n++] = g->node[i];
        else
            onnx__node_proto__free_unpacked(g->node[i], NULL);
    }
    g->n_node = n;
}

/* Constants that are needed stay, with their external bytes; what described other values goes. */
static judd_status cut_values(judd_onnx_builder *b, const judd_names *needed,
                              judd_tensor_reader *reader) {
    judd_status status = JUDD_OK;
    Onnx__GraphProto *g = b->model->graph;
    size_t n = 0;
    for (size_t i = 0; i < g->n_initializer; i++) {
        if (judd_names_find(needed, g->initializer[i]->name) >= 0)
            g->initializer[n++] = g->initializer[i];
        else
            onnx__tensor_proto__free_unpacked(g->initializer[i], NULL);
    }
    g->n_initializer = n;
    for (size_t i = 0; i < n; i++) JUDD_TRY(judd_tensor_take_in(g->initializer[i], reader));
    for (size_t i = 0; i < g->n_input; i++)
        onnx__value_info_proto__free_unpacked(g->input[i], NULL);
    for (size_t i = 0; i < g->n_output; i++)
        onnx__value_info_proto__free_unpacked(g->output[i], NULL);
    for (size_t i = 0; i < g->n_value_info; i++)
        onnx__value_info_proto__free_unpacked(g->value_info[i], NULL);
    g->n_input = g->n_output = g->n_value_info = 0;
done:
    return status;
}

static judd_status cut(judd_onnx_builder *b, const char *path, const char *const *tensors, int n) {
    judd_status status = JUDD_OK;
    judd_names *constants = NULL, *needed = NULL;
    judd_tensor_reader *reader = NULL;
    judd_hash *hash = NULL;
    bool *keep = NULL;
    Onnx__GraphProto *g = b->model->graph;
    JUDD_TRY(judd_hash_create(&hash));
    JUDD_TRY(judd_names_create(&constants, (int)g->n_initializer + 1));
    for (size_t i = 0; i < g->n_initializer; i++)
        judd_names_add(constants, g->initializer[i]->name, 0);
    JUDD_TRY(find_image(b, constants));
    int most = n;
    for (size_t i = 0; i < g->n_node; i++) most += (int)g->node[i]->n_input;
    JUDD_TRY(judd_names_create(&needed, most));
    for (int i = 0; i < n; i++)
        if (judd_names_find(needed, tensors[i]) < 0) judd_names_add(needed, tensors[i], 0);
    JUDD_TRY(mark(&keep, needed, g));
    cut_nodes(g, keep);
    JUDD_TRY(judd_tensor_reader_create(&reader, path, NULL, hash, (int64_t)g->n_initializer + 1));
    JUDD_TRY(cut_values(b, needed, reader));
done:
    judd_tensor_reader_destroy(reader);
    judd_names_destroy(constants);
    judd_names_destroy(needed);
    judd_hash_destroy(hash);
    free(keep);
    return status;
}

static judd_status unpack(judd_onnx_builder *b, const char *path) {
    judd_status status = JUDD_OK;
    uint8_t *data = NULL;
    int64_t bytes = 0;
    JUDD_TRY(judd_model_file_read(&data, &bytes, path, NULL));
    JUDD_TRY(judd_wire_check(data, (size_t)bytes, path, &(bool){false}));
    b->model = onnx__model_proto__unpack(NULL, (size_t)bytes, data);
    if (!b->model || !b->model->graph) JUDD_FAIL(JUDD_E_DATA, "%s: not an ONNX model", path);
    for (size_t i = 0; i < b->model->n_opset_import; i++)
        if (!b->model->opset_import[i]->domain || !b->model->opset_import[i]->domain[0])
            b->opset = b->model->opset_import[i]->version;
    if (b->model->ir_version < 4) b->model->ir_version = 4; /* weights need not be inputs */
done:
    free(data);
    return status;
}

static judd_status new_model(judd_onnx_builder *b) {
    judd_status status = JUDD_OK;
    Onnx__OperatorSetIdProto *set = NULL;
    NEW(&b->model, Onnx__ModelProto, onnx__model_proto__init);
    b->model->has_ir_version = true;
    b->model->ir_version = IR_VERSION;
    NEW(&b->model->graph, Onnx__GraphProto, onnx__graph_proto__init);
    JUDD_TRY(judd_memory_string(&b->model->graph->name, "judd"));
    NEW(&set, Onnx__OperatorSetIdProto, onnx__operator_set_id_proto__init);
    set->has_version = true;
    set->version = b->opset = OPSET;
    JUDD_TRY(append(&b->model->opset_import, &b->model->n_opset_import, set));
    set = NULL;
done:
    free(set);
    return status;
}

judd_status judd_onnx_builder_open(judd_onnx_builder **out, const char *path,
                                   const char *const *tensors, int n) {
    judd_status status = JUDD_OK;
    judd_onnx_builder *b = NULL;
    JUDD_TRY(judd_memory_alloc(&b, 1, sizeof *b));
    if (path) {
        JUDD_TRY(unpack(b, path));
        JUDD_TRY(judd_status_context(cut(b, path, tensors, n), "%s", path));
        JUDD_TRY(rename_tensors(b));
    } else {
        JUDD_TRY(new_model(b));
    }
    *out = b;
    b = NULL;
done:
    judd_onnx_builder_close(b);
    return status;
}

judd_status judd_onnx_builder_write(judd_onnx_builder *b, const char *path) {
    judd_status status = JUDD_OK;
    uint8_t *data = NULL;
    size_t bytes = onnx__model_proto__get_packed_size(b->model);
    if (bytes > INT32_MAX)
        JUDD_FAIL(JUDD_E_DATA, "%s: the model has %zu bytes, ONNX files at most 2 GiB", path,
                  bytes);
    JUDD_TRY(judd_memory_alloc(&data, (int64_t)bytes, 1));
    onnx__model_proto__pack(b->model, data);
    JUDD_TRY(judd_atomic_file_write(path, data, (int64_t)bytes));
done:
    free(data);
    return status;
}

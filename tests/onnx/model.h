/* Builds small ONNX models in memory and writes them to a temporary file. */
#ifndef JUDD_TESTS_ONNX_MODEL_H
#define JUDD_TESTS_ONNX_MODEL_H

#include <onnx/onnx.pb-c.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* needs four of the headers above */

static inline void *model_grow(void *list, size_t n, size_t size) {
    void *grown = realloc(list, (n + 1) * size);
    assert_non_null(grown);
    return grown;
}

#define MODEL_APPEND(message, field, value)                                                        \
    do {                                                                                           \
        (message)->field =                                                                         \
            model_grow((message)->field, (message)->n_##field, sizeof *(message)->field);          \
        (message)->field[(message)->n_##field++] = (value);                                        \
    } while (0)

/* A message on the heap, so that free_unpacked frees the whole model. */
#define MODEL_NEW(variable, Type, INIT)                                                            \
    Type *variable = malloc(sizeof *variable);                                                     \
    assert_non_null(variable);                                                                     \
    *variable = (Type)INIT

static inline Onnx__ModelProto *model_new(int64_t opset) {
    MODEL_NEW(model, Onnx__ModelProto, ONNX__MODEL_PROTO__INIT);
    MODEL_NEW(graph, Onnx__GraphProto, ONNX__GRAPH_PROTO__INIT);
    MODEL_NEW(version, Onnx__OperatorSetIdProto, ONNX__OPERATOR_SET_ID_PROTO__INIT);
    model->has_ir_version = 1;
    model->ir_version = 7;
    version->has_version = 1;
    version->version = opset;
    model->graph = graph;
    MODEL_APPEND(model, opset_import, version);
    return model;
}

/* A float32 input or output; a dimension of -1 is symbolic. */
static inline Onnx__ValueInfoProto *model_value(const char *name, int rank, const int64_t *dims) {
    MODEL_NEW(info, Onnx__ValueInfoProto, ONNX__VALUE_INFO_PROTO__INIT);
    MODEL_NEW(type, Onnx__TypeProto, ONNX__TYPE_PROTO__INIT);
    MODEL_NEW(tensor, Onnx__TypeProto__Tensor, ONNX__TYPE_PROTO__TENSOR__INIT);
    MODEL_NEW(shape, Onnx__TensorShapeProto, ONNX__TENSOR_SHAPE_PROTO__INIT);
    for (int d = 0; d < rank; d++) {
        MODEL_NEW(dim, Onnx__TensorShapeProto__Dimension,
                  ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT);
        if (dims[d] >= 0) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = dims[d];
        } else {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = strdup("N");
        }
        MODEL_APPEND(shape, dim, dim);
    }
    tensor->has_elem_type = 1;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->shape = shape;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    info->name = strdup(name);
    info->type = type;
    return info;
}

static inline void model_input(Onnx__ModelProto *model, const char *name, int64_t n, int64_t c,
                               int64_t h, int64_t w) {
    MODEL_APPEND(model->graph, input, model_value(name, 4, (int64_t[]){n, c, h, w}));
}

static inline void model_output(Onnx__ModelProto *model, const char *name) {
    MODEL_APPEND(model->graph, output, model_value(name, 0, NULL));
}

/* Names separated by commas; an empty one is an absent input. */
static inline void model_names(size_t *n, char ***list, const char *names) {
    for (const char *at = names; *names;) {
        size_t length = strcspn(at, ",");
        *list = model_grow(*list, *n, sizeof **list);
        (*list)[(*n)++] = strndup(at, length);
        if (!at[length]) break;
        at += length + 1;
    }
}

static inline Onnx__NodeProto *model_node(Onnx__ModelProto *model, const char *op, const char *name,
                                          const char *inputs, const char *outputs) {
    MODEL_NEW(node, Onnx__NodeProto, ONNX__NODE_PROTO__INIT);
    node->op_type = strdup(op);
    node->name = strdup(name);
    model_names(&node->n_input, &node->input, inputs);
    model_names(&node->n_output, &node->output, outputs);
    MODEL_APPEND(model->graph, node, node);
    return node;
}

static inline Onnx__AttributeProto *model_attribute(Onnx__NodeProto *node, const char *name,
                                                    Onnx__AttributeProto__AttributeType type) {
    MODEL_NEW(attribute, Onnx__AttributeProto, ONNX__ATTRIBUTE_PROTO__INIT);
    attribute->name = strdup(name);
    attribute->has_type = 1;
    attribute->type = type;
    MODEL_APPEND(node, attribute, attribute);
    return attribute;
}

static inline void model_int(Onnx__NodeProto *node, const char *name, int64_t value) {
    Onnx__AttributeProto *a =
        model_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = 1;
    a->i = value;
}

static inline void model_float(Onnx__NodeProto *node, const char *name, float value) {
    Onnx__AttributeProto *a =
        model_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    a->has_f = 1;
    a->f = value;
}

static inline void model_string(Onnx__NodeProto *node, const char *name, const char *value) {
    Onnx__AttributeProto *a =
        model_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = 1;
    a->s.len = strlen(value);
    a->s.data = (uint8_t *)strdup(value);
}

static inline void model_ints(Onnx__NodeProto *node, const char *name, int n,
                              const int64_t *values) {
    Onnx__AttributeProto *a =
        model_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    for (int i = 0; i < n; i++) MODEL_APPEND(a, ints, values[i]);
}

static inline Onnx__TensorProto *model_tensor(const char *name, int32_t type, int rank,
                                              const int64_t *dims, const void *data, size_t bytes) {
    MODEL_NEW(tensor, Onnx__TensorProto, ONNX__TENSOR_PROTO__INIT);
    tensor->name = strdup(name);
    tensor->has_data_type = 1;
    tensor->data_type = type;
    for (int d = 0; d < rank; d++) MODEL_APPEND(tensor, dims, dims[d]);
    tensor->has_raw_data = 1;
    tensor->raw_data.len = bytes;
    tensor->raw_data.data = malloc(bytes + 1);
    assert_non_null(tensor->raw_data.data);
    if (bytes) memcpy(tensor->raw_data.data, data, bytes);
    return tensor;
}

/* A float32 weight that counts 0, 0.5, 1, ... */
static inline Onnx__TensorProto *model_weight(Onnx__ModelProto *model, const char *name, int rank,
                                              const int64_t *dims) {
    size_t n = 1;
    for (int d = 0; d < rank; d++) n *= (size_t)dims[d];
    float *data = malloc(n * sizeof *data + 1);
    assert_non_null(data);
    for (size_t i = 0; i < n; i++) data[i] = 0.5f * (float)i;
    Onnx__TensorProto *t = model_tensor(name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, rank, dims,
                                        data, n * sizeof *data);
    free(data);
    MODEL_APPEND(model->graph, initializer, t);
    return t;
}

static inline void model_list(Onnx__ModelProto *model, const char *name, int64_t n,
                              const int64_t *values) {
    MODEL_APPEND(model->graph, initializer,
                 model_tensor(name, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, 1, &n, values,
                              (size_t)n * sizeof *values));
}

/* Owner: caller, free(). */
static inline uint8_t *model_pack(size_t *bytes, const Onnx__ModelProto *model) {
    *bytes = onnx__model_proto__get_packed_size(model);
    uint8_t *data = malloc(*bytes + 1);
    assert_non_null(data);
    assert_int_equal(onnx__model_proto__pack(model, data), *bytes);
    return data;
}

static inline void model_write_bytes(const char *path, const void *data, size_t bytes) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* Writes the model and frees it. */
static inline void model_write(const char *path, Onnx__ModelProto *model) {
    size_t bytes = 0;
    uint8_t *data = model_pack(&bytes, model);
    model_write_bytes(path, data, bytes);
    free(data);
    onnx__model_proto__free_unpacked(model, NULL);
}

/* A folder for the files of one test program; cmocka runs tests in order, so one path serves. */
static inline char *model_folder(char folder[64]) {
    snprintf(folder, 64, "judd-onnx-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

#endif

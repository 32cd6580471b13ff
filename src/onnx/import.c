#include "onnx/import.h"

#include "onnx/names.h"
#include "onnx/node.h"
#include "onnx/sort.h"
#include "onnx/tensor.h"

#include <judd/base/memory.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ATTRIBUTES = 64, MAX_TAPS = JUDD_MAX_TAPS }; /* no operator has 20 attributes */

typedef struct importer {
    judd_pass *pass;
    const Onnx__GraphProto *proto;
    judd_names *names;
    judd_tensor_reader *reader;
    int channels_last; /* the image as the file has it, if so; or -1 */
} importer;

static bool is_standard_domain(const char *domain) {
    return !domain || !domain[0] || strcmp(domain, "ai.onnx") == 0;
}

static judd_status check_model(judd_pass *pass, const Onnx__ModelProto *model) {
    judd_status status = JUDD_OK;
    int64_t opset = 0;
    if (!model->graph) JUDD_FAIL(JUDD_E_DATA, "%s: no graph inside; not an ONNX model", pass->path);
    if (model->n_functions > 0 || model->n_training_info > 0 ||
        model->graph->n_sparse_initializer > 0)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: functions, training graphs and sparse weights are not supported; export a "
                  "plain inference model",
                  pass->path);
    for (size_t i = 0; i < model->n_opset_import; i++)
        if (is_standard_domain(model->opset_import[i]->domain))
            opset = model->opset_import[i]->version;
    if (opset < JUDD_OPSET_FIRST || opset > JUDD_OPSET_LAST)
        JUDD_FAIL(JUDD_E_DATA, "%s: opset %lld, but %d to %d are supported; export with opset 13",
                  pass->path, (long long)opset, JUDD_OPSET_FIRST, JUDD_OPSET_LAST);
    pass->graph->opset = opset;
    snprintf(pass->graph->producer, sizeof pass->graph->producer, "%s",
             model->producer_name ? model->producer_name : "");
    if (model->graph->n_node > JUDD_MAX_NODES || model->graph->n_initializer > JUDD_MAX_NODES)
        JUDD_FAIL(JUDD_E_DATA, "%s: more than %d nodes or weights; simplify the model", pass->path,
                  JUDD_MAX_NODES);
done:
    return status;
}

/* Every message names nodes and tensors, so a name must fit one. */
static judd_status check_name(const judd_pass *pass, const char *what, const char *name) {
    if (!name || !name[0])
        return judd_status_set(JUDD_E_DATA, "%s: %s without a name; export again", pass->path,
                               what);
    if (strlen(name) > JUDD_MAX_NAME)
        return judd_status_set(JUDD_E_DATA, "%s: %s '%.40s...' has a name longer than %d bytes",
                               pass->path, what, name, JUDD_MAX_NAME);
    return JUDD_OK;
}

static judd_status add_named(int *index, importer *im, const char *what, const char *name) {
    judd_status status = JUDD_OK;
    JUDD_TRY(check_name(im->pass, what, name));
    if (judd_names_find(im->names, name) >= 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: tensor %s is defined twice (%s); export again", im->pass->path,
                  name, what);
    JUDD_TRY(judd_pass_add_value(index, im->pass, name));
    im->pass->graph->values[*index].in_file = true;
    judd_names_add(im->names, im->pass->graph->values[*index].name, *index);
done:
    return status;
}

static judd_status read_initializers(importer *im) {
    judd_status status = JUDD_OK;
    for (size_t i = 0; i < im->proto->n_initializer; i++) {
        const Onnx__TensorProto *tensor = im->proto->initializer[i];
        int index = -1;
        JUDD_TRY(add_named(&index, im, "weight", tensor->name));
        judd_graph_value *value = &im->pass->graph->values[index];
        value->is_initializer = true;
        status = judd_tensor_read(value, im->reader, tensor);
        JUDD_TRY(judd_status_context(status, "%s: weight %s", im->pass->path, value->name));
    }
done:
    return status;
}

/* One dimension of the input: what the caller gives (0: nothing) against what the file fixes. */
static judd_status choose_dim(int64_t *dim, const judd_pass *pass,
                              const Onnx__TensorShapeProto__Dimension *in_file, int64_t given,
                              const char *what) {
    judd_status status = JUDD_OK;
    bool fixed = in_file->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    int64_t value = fixed ? in_file->dim_value : given;
    if (fixed && given > 0 && value != given)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: the model fixes %s %lld, but %lld is asked; set input.%s = %lld", pass->path,
                  what, (long long)value, (long long)given, what, (long long)value);
    if (!fixed && given == 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: the model leaves %s open; set input.%s", pass->path, what,
                  what);
    if (value < 1 || value > 65536)
        JUDD_FAIL(JUDD_E_DATA, "%s: %s %lld is not between 1 and 65536", pass->path, what,
                  (long long)value);
    *dim = value;
done:
    return status;
}

/* Grey or colour at the end and no few channels in front: images as Keras has them. */
bool judd_import_has_channels_last(const Onnx__TensorShapeProto *shape) {
    const Onnx__TensorShapeProto__Dimension *second = shape->dim[1], *last = shape->dim[3];
    bool fixed = second->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    return last->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
           (last->dim_value == 1 || last->dim_value == 3) && !(fixed && second->dim_value <= 4);
}

/* Any rank, with the dimensions of the file. */
static judd_status set_tensor(importer *im, judd_graph_value *value,
                              const Onnx__TensorShapeProto *shape) {
    judd_status status = JUDD_OK;
    judd_pass *pass = im->pass;
    int64_t dims[JUDD_GRAPH_MAX_RANK] = {0};
    if (!shape || shape->n_dim > JUDD_GRAPH_MAX_RANK)
        JUDD_FAIL(JUDD_E_DATA, "%s: input %s has no shape, or more than %d dimensions", pass->path,
                  value->name, JUDD_GRAPH_MAX_RANK);
    for (size_t d = 0; d < shape->n_dim; d++) {
        if (shape->dim[d]->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE ||
            shape->dim[d]->dim_value < 1)
            JUDD_FAIL(JUDD_E_DATA, "%s: dimension %zu of input %s is open; set a batch", pass->path,
                      d, value->name);
        dims[d] = shape->dim[d]->dim_value;
    }
    status = judd_pass_set_dims(value, (int)shape->n_dim, dims);
    JUDD_TRY(judd_status_context(status, "%s: input %s", pass->path, value->name));
done:
    return status;
}

static judd_status set_input(importer *im, judd_graph_value *value,
                             const Onnx__ValueInfoProto *info) {
    judd_status status = JUDD_OK;
    judd_pass *pass = im->pass;
    const judd_graph_options *o = pass->options;
    const Onnx__TypeProto *type = info->type;
    if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ||
        type->tensor_type->elem_type != JUDD_F32)
        JUDD_FAIL(JUDD_E_DATA, "%s: input %s is not a float32 tensor; export with a float32 image",
                  pass->path, value->name);
    const Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    if (o->batch == 0) {
        JUDD_TRY(set_tensor(im, value, shape));
        goto done;
    }
    if (!shape || shape->n_dim != 4)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: input %s has %zu dimensions, but [batch, channels, height, width] is needed",
                  pass->path, value->name, shape ? shape->n_dim : 0);
    int64_t dims[4] = {o->batch};
    int c = judd_import_has_channels_last(shape) ? 3 : 1, h = c == 3 ? 1 : 2;
    JUDD_TRY(choose_dim(&dims[c], pass, shape->dim[c], o->channels, "channels"));
    JUDD_TRY(choose_dim(&dims[h], pass, shape->dim[h], o->height, "height"));
    JUDD_TRY(choose_dim(&dims[h + 1], pass, shape->dim[h + 1], o->width, "width"));
    if (c == 3) im->channels_last = (int)(value - pass->graph->values);
    if (shape->dim[0]->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
        pass->file_batch = shape->dim[0]->dim_value > 0 ? shape->dim[0]->dim_value : 0;
    status = judd_pass_set_dims(value, 4, dims);
    JUDD_TRY(judd_status_context(status, "%s: input %s", pass->path, value->name));
done:
    return status;
}

/* Files of IR version 3 and older list their weights among the inputs. */
static judd_status read_inputs(importer *im) {
    judd_status status = JUDD_OK;
    judd_graph *graph = im->pass->graph;
    for (size_t i = 0; i < im->proto->n_input; i++) {
        const char *name = im->proto->input[i]->name;
        JUDD_TRY(check_name(im->pass, "input", name));
        int known = judd_names_find(im->names, name);
        if (known >= 0 && graph->values[known].is_initializer) continue;
        if (graph->n_inputs == (im->pass->options->batch > 0 ? 1 : JUDD_GRAPH_MAX_INPUTS))
            JUDD_FAIL(JUDD_E_DATA,
                      "%s: inputs %s and %s, but one image is supported; export the "
                      "image model alone",
                      im->pass->path, graph->values[graph->inputs[0]].name, name);
        int *input = &graph->inputs[graph->n_inputs];
        JUDD_TRY(add_named(input, im, "input", name));
        graph->n_inputs++;
        JUDD_TRY(set_input(im, &graph->values[*input], im->proto->input[i]));
    }
    if (graph->n_inputs == 0 && im->pass->options->batch > 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: no input; export again", im->pass->path);
done:
    return status;
}

static judd_status read_tensor_attribute(importer *im, judd_graph_node *node,
                                         judd_graph_attribute *attribute,
                                         const Onnx__TensorProto *tensor) {
    judd_status status = JUDD_OK;
    int index = -1;
    if (!tensor) JUDD_NODE_FAIL(im->pass, node, "attribute %s is empty", attribute->name);
    JUDD_TRY(judd_pass_add_value(&index, im->pass, attribute->name));
    attribute->kind = 't';
    attribute->i = index;
    status = judd_tensor_read(&im->pass->graph->values[index], im->reader, tensor);
    JUDD_TRY(judd_pass_context(im->pass, node, status));
done:
    return status;
}

static judd_status read_list(judd_graph_attribute *attribute, const Onnx__AttributeProto *proto) {
    judd_status status = JUDD_OK;
    if (proto->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS) {
        attribute->kind = 'I';
        JUDD_TRY(judd_memory_alloc(&attribute->ints, (int64_t)proto->n_ints, sizeof(int64_t)));
        attribute->n = (int64_t)proto->n_ints;
        if (attribute->n) memcpy(attribute->ints, proto->ints, proto->n_ints * sizeof(int64_t));
    } else {
        attribute->kind = 'F';
        JUDD_TRY(judd_memory_alloc(&attribute->floats, (int64_t)proto->n_floats, sizeof(float)));
        attribute->n = (int64_t)proto->n_floats;
        if (attribute->n) memcpy(attribute->floats, proto->floats, proto->n_floats * sizeof(float));
    }
done:
    return status;
}

static judd_status read_attribute(importer *im, judd_graph_node *node,
                                  const Onnx__AttributeProto *proto) {
    judd_status status = JUDD_OK;
    judd_graph_attribute *attribute = NULL;
    const char *name = proto->name ? proto->name : "";
    if (judd_graph_attribute_of(node, name))
        JUDD_NODE_FAIL(im->pass, node, "attribute %.64s is given twice; export again", name);
    JUDD_TRY(judd_node_add(&attribute, node, name));
    switch (proto->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        attribute->kind = 'i';
        attribute->i = proto->i;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        attribute->kind = 'f';
        attribute->f = proto->f;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        attribute->kind = 's';
        JUDD_TRY(judd_memory_format(&attribute->s, "%.*s", (int)proto->s.len,
                                    proto->s.data ? (const char *)proto->s.data : ""));
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        JUDD_TRY(read_list(attribute, proto));
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        JUDD_TRY(read_tensor_attribute(im, node, attribute, proto->t));
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH:
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS:
        JUDD_NODE_FAIL(im->pass, node,
                       "control flow is not supported; export without loops and "
                       "branches (torch.onnx.export traces them away)");
    default:
        JUDD_NODE_FAIL(im->pass, node, "attribute %.64s has the unsupported type %d; export again",
                       name, (int)proto->type);
    }
done:
    return status;
}

/* Name, operator, attributes and outputs; the inputs may be defined by later nodes. */
static judd_status read_node(importer *im, judd_graph_node *node, const Onnx__NodeProto *proto,
                             int index) {
    judd_status status = JUDD_OK;
    if (proto->name && proto->name[0]) {
        JUDD_TRY(check_name(im->pass, "node", proto->name));
        JUDD_TRY(judd_memory_string(&node->name, proto->name));
    } else
        JUDD_TRY(judd_memory_format(&node->name, "#%d", index));
    JUDD_TRY(check_name(im->pass, "operator of a node", proto->op_type));
    JUDD_TRY(judd_memory_string(&node->op, proto->op_type));
    if (!is_standard_domain(proto->domain) || strcmp(proto->op_type, JUDD_FEATURES_OP) == 0)
        JUDD_NODE_FAIL(im->pass, node,
                       "operators of the domain %.64s are not supported; export "
                       "with standard operators",
                       proto->domain ? proto->domain : "?");
    if (proto->n_attribute > MAX_ATTRIBUTES)
        JUDD_NODE_FAIL(im->pass, node, "%zu attributes; export again", proto->n_attribute);
    for (size_t i = 0; i < proto->n_attribute; i++)
        JUDD_TRY(read_attribute(im, node, proto->attribute[i]));
    if (proto->n_output == 0) JUDD_NODE_FAIL(im->pass, node, "no output; export again");
    JUDD_TRY(judd_memory_alloc(&node->outputs, (int64_t)proto->n_output, sizeof(int)));
    node->n_outputs = (int)proto->n_output;
    for (int i = 0; i < node->n_outputs; i++) {
        node->outputs[i] = -1;
        if (proto->output[i][0])
            JUDD_TRY(add_named(&node->outputs[i], im, "output of a node", proto->output[i]));
    }
done:
    return status;
}

static judd_status link_node(importer *im, judd_graph_node *node, const Onnx__NodeProto *proto) {
    judd_status status = JUDD_OK;
    size_t n = proto->n_input;
    while (n > 0 && !proto->input[n - 1][0]) n--;
    JUDD_TRY(judd_memory_alloc(&node->inputs, (int64_t)n, sizeof(int)));
    node->n_inputs = (int)n;
    for (int i = 0; i < node->n_inputs; i++) {
        node->inputs[i] = proto->input[i][0] ? judd_names_find(im->names, proto->input[i]) : -1;
        if (proto->input[i][0] && node->inputs[i] < 0)
            JUDD_NODE_FAIL(im->pass, node, "input %.160s is not defined anywhere; export again",
                           proto->input[i]);
    }
done:
    return status;
}

/* The graph's input becomes [batch, channels, height, width]; what the file has follows from it. */
static judd_status transpose_input(importer *im) {
    judd_status status = JUDD_OK;
    judd_graph *graph = im->pass->graph;
    judd_graph_node *node = &graph->nodes[graph->n_nodes++];
    const int64_t *d = graph->values[im->channels_last].dims, perm[4] = {0, 2, 3, 1};
    int image = -1;
    JUDD_TRY(
        judd_memory_format(&node->name, "%s/channels-last", graph->values[im->channels_last].name));
    JUDD_TRY(judd_memory_string(&node->op, "Transpose"));
    JUDD_TRY(judd_node_set_ints(node, "perm", 4, perm));
    JUDD_TRY(judd_memory_alloc(&node->inputs, 1, sizeof(int)));
    JUDD_TRY(judd_memory_alloc(&node->outputs, 1, sizeof(int)));
    JUDD_TRY(judd_pass_add_value(&image, im->pass, graph->values[im->channels_last].name));
    JUDD_TRY(judd_pass_set_dims(&graph->values[image], 4, (int64_t[]){d[0], d[3], d[1], d[2]}));
    node->n_inputs = node->n_outputs = 1;
    node->inputs[0] = graph->inputs[0] = image;
    node->outputs[0] = im->channels_last;
done:
    return status;
}

static judd_status read_nodes(importer *im) {
    judd_status status = JUDD_OK;
    judd_graph *graph = im->pass->graph;
    int n = (int)im->proto->n_node;
    JUDD_TRY(judd_memory_alloc(&graph->nodes, n + 1, sizeof *graph->nodes));
    for (graph->n_nodes = 0; graph->n_nodes < n;) {
        int i = graph->n_nodes++; /* counted first: freed if reading fails half-way */
        JUDD_TRY(read_node(im, &graph->nodes[i], im->proto->node[i], i));
    }
    for (int i = 0; i < n; i++) JUDD_TRY(link_node(im, &graph->nodes[i], im->proto->node[i]));
    if (im->channels_last >= 0) JUDD_TRY(transpose_input(im));
done:
    return status;
}

static judd_status read_output(importer *im) {
    judd_status status = JUDD_OK;
    judd_graph *graph = im->pass->graph;
    if (im->proto->n_output == 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: no output; export again", im->pass->path);
    const char *name = im->proto->output[0]->name;
    JUDD_TRY(check_name(im->pass, "output", name));
    graph->output = judd_names_find(im->names, name);
    if (graph->output < 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: output %s is computed by no node; export again", im->pass->path,
                  name);
done:
    return status;
}

/* Upper bound of the number of values; four times the nodes are room for rewriting. */
static judd_status reserve(importer *im) {
    judd_status status = JUDD_OK;
    const Onnx__GraphProto *proto = im->proto;
    size_t n = proto->n_initializer + proto->n_input + 4 * proto->n_node + 4 * MAX_TAPS + 1;
    for (size_t i = 0; i < proto->n_node; i++)
        n += 2 * proto->node[i]->n_input + 2 * proto->node[i]->n_output +
             proto->node[i]->n_attribute;
    if (n > 16 * JUDD_MAX_NODES)
        JUDD_FAIL(JUDD_E_DATA, "%s: too many tensors; simplify the model", im->pass->path);
    im->pass->value_capacity = (int)n;
    JUDD_TRY(judd_memory_alloc(&im->pass->graph->values, (int64_t)n, sizeof(judd_graph_value)));
    JUDD_TRY(judd_names_create(&im->names, (int)n));
done:
    return status;
}

judd_status judd_import_skim(int64_t *bytes, const Onnx__ModelProto *model, const char *path,
                             judd_model_copy *copy, judd_hash *hash) {
    judd_status status = JUDD_OK;
    judd_tensor_reader *reader = NULL;
    const Onnx__GraphProto *g = model->graph;
    int64_t n = 0, most = g ? (int64_t)g->n_initializer : 0;
    *bytes = 0;
    for (size_t i = 0; g && i < g->n_node; i++) most += (int64_t)g->node[i]->n_attribute;
    JUDD_TRY(judd_tensor_reader_create(&reader, path, copy, hash, most + 1));
    for (size_t i = 0; g && i < g->n_initializer; i++, *bytes += n)
        JUDD_TRY(judd_tensor_skim(&n, reader, g->initializer[i]));
    for (size_t i = 0; g && i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_attribute; k++, *bytes += n) {
            const Onnx__AttributeProto *a = g->node[i]->attribute[k];
            n = 0;
            if (a->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR && a->t)
                JUDD_TRY(judd_tensor_skim(&n, reader, a->t));
        }
done:
    judd_tensor_reader_destroy(reader);
    return judd_status_context(status, "%s", path);
}

judd_status judd_import_model(judd_pass *pass, const Onnx__ModelProto *model, judd_hash *hash) {
    judd_status status = JUDD_OK;
    importer im = {.pass = pass, .proto = model->graph, .channels_last = -1};
    JUDD_TRY(check_model(pass, model));
    JUDD_TRY(reserve(&im));
    JUDD_TRY(judd_tensor_reader_create(&im.reader, pass->path, pass->options->copy, hash,
                                       pass->value_capacity));
    JUDD_TRY(read_initializers(&im));
    JUDD_TRY(read_inputs(&im));
    JUDD_TRY(read_nodes(&im));
    JUDD_TRY(read_output(&im));
    JUDD_TRY(judd_sort_nodes(pass));
done:
    judd_names_destroy(im.names);
    judd_tensor_reader_destroy(im.reader);
    return status;
}

/* What a loaded graph looks like: shapes, normalised nodes, taps, batch, randomized weights. Shapes
   and attributes are compared with hand-worked values here, with PyTorch's in test_models.sh. */
#include "onnx/model.h"

#include <judd/onnx/graph.h>

#include <float.h>
#include <math.h>
#include <sys/stat.h>

static char folder[64], path[128];

static int set_up(void **state) {
    (void)state;
    snprintf(path, sizeof path, "%s/model.onnx", model_folder(folder));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static judd_graph *load(Onnx__ModelProto *model, int64_t batch, const char *tap) {
    judd_graph *graph = NULL;
    judd_graph_options options = {.batch = batch, .taps = &tap, .n_taps = 1};
    model_write(path, model);
    if (judd_graph_load(&graph, path, &options) != JUDD_OK) fail_msg("%s", judd_status_message());
    return graph;
}

static void refuse(Onnx__ModelProto *model, const char *tap, const char *message) {
    judd_graph *graph = NULL;
    judd_graph_options options = {.batch = 2, .taps = &tap, .n_taps = 1};
    model_write(path, model);
    assert_int_equal(judd_graph_load(&graph, path, &options), JUDD_E_DATA);
    assert_null(graph);
    if (!strstr(judd_status_message(), message) || !strstr(judd_status_message(), path))
        fail_msg("message '%s' does not name '%s'", judd_status_message(), message);
}

static void assert_dims(const judd_graph_value *value, int rank, const int64_t *dims) {
    assert_int_equal(value->rank, rank);
    for (int d = 0; d < rank; d++) assert_int_equal(value->dims[d], dims[d]);
}

static void assert_ints(const judd_graph_node *node, const char *name, int n,
                        const int64_t *values) {
    const judd_graph_attribute *a = judd_graph_attribute_of(node, name);
    assert_non_null(a);
    assert_int_equal(a->kind, 'I');
    assert_int_equal(a->n, n);
    for (int i = 0; i < n; i++) assert_int_equal(a->ints[i], values[i]);
}

#define INTS(...) ((int64_t[]){__VA_ARGS__})

/* image -> Conv -> BatchNormalization -> Relu6 -> pool -> Dropout -> Flatten -> Gemm -> Softmax */
static Onnx__ModelProto *small_net(int64_t batch) {
    Onnx__ModelProto *m = model_new(13);
    model_input(m, "image", batch, 3, 9, 8);
    model_weight(m, "w", 4, INTS(4, 3, 3, 3));
    for (const char *const *p = (const char *const[]){"scale", "shift", "mean", "var", NULL}; *p;
         p++)
        model_weight(m, *p, 1, INTS(4));
    model_weight(m, "six", 0, NULL);
    model_weight(m, "fc", 2, INTS(5, 4));
    model_weight(m, "fcb", 1, INTS(5));
    Onnx__NodeProto *conv = model_node(m, "Conv", "conv", "image,w", "c");
    model_ints(conv, "strides", 2, INTS(2, 2));
    model_string(conv, "auto_pad", "SAME_UPPER");
    model_node(m, "BatchNormalization", "bn", "c,scale,shift,mean,var", "n");
    model_node(m, "Clip", "clip", "n,,six", "r");
    model_node(m, "GlobalAveragePool", "pool", "r", "p");
    model_node(m, "Dropout", "drop", "p", "d,mask");
    model_node(m, "Flatten", "flat", "d", "features");
    model_int(model_node(m, "Gemm", "classify", "features,fc,fcb", "scores"), "transB", 1);
    model_node(m, "Softmax", "softmax", "scores", "probabilities");
    model_output(m, "probabilities");
    return m;
}

static void test_normalised(void **state) {
    (void)state;
    judd_graph *g = load(small_net(-1), 6, "logits");
    assert_int_equal(g->n_nodes, 6); /* Dropout and Softmax are gone */
    assert_string_equal(g->values[g->output].name, "scores");
    assert_dims(&g->values[g->inputs[0]], 4, INTS(6, 3, 9, 8));
    assert_dims(&g->values[g->output], 2, INTS(6, 5));
    const judd_graph_node *conv = &g->nodes[0];
    assert_string_equal(conv->op, "Conv");
    assert_int_equal(conv->n_inputs, 2);
    /* 9 rows at stride 2: 5 outputs, 2 rows of padding; 8 columns: 4 outputs, 1 at the end */
    assert_ints(conv, "pads", 4, INTS(1, 0, 1, 1));
    assert_ints(conv, "kernel_shape", 2, INTS(3, 3));
    assert_ints(conv, "dilations", 2, INTS(1, 1));
    assert_int_equal(judd_graph_attribute_int(conv, "group", -1), 1);
    assert_null(judd_graph_attribute_of(conv, "auto_pad"));
    assert_dims(&g->values[conv->outputs[0]], 4, INTS(6, 4, 5, 4));
    assert_float_equal(judd_graph_attribute_float(&g->nodes[1], "epsilon", 0), 1e-5, 1e-12);
    assert_int_equal(g->nodes[2].n_inputs, 1);
    assert_float_equal(judd_graph_attribute_float(&g->nodes[2], "min", 0), -FLT_MAX, 0);
    assert_float_equal(judd_graph_attribute_float(&g->nodes[2], "max", 1), 0, 0);
    assert_int_equal(judd_graph_attribute_int(&g->nodes[5], "transB", 0), 1);
    assert_int_equal(judd_graph_attribute_int(&g->nodes[5], "transA", 7), 0);
    for (int i = 0; i < g->n_nodes; i++) assert_int_equal(g->nodes[i].n_outputs, 1);
    judd_graph_destroy(g);
}

static void test_taps(void **state) {
    (void)state;
    static const struct {
        const char *tap, *output;
        int n_nodes;
    } cases[] = {{"penultimate", "features", 5},
                 {"", "scores", 6},
                 {NULL, "scores", 6},
                 {"r", "r", 3},
                 {"clip", "r", 3},
                 {"conv", "c", 1},
                 {"d", "p", 4},
                 {"drop", "p", 4},
                 {"logits", "scores", 6},
                 {"softmax", "probabilities", 7}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        judd_graph *g = load(small_net(-1), 2, cases[i].tap);
        assert_string_equal(g->values[g->output].name, cases[i].output);
        assert_int_equal(g->n_nodes, cases[i].n_nodes);
        judd_graph_destroy(g);
    }
    refuse(small_net(-1), "scale", "does not depend on the image");
    refuse(small_net(-1), "image", "the image itself");
    refuse(small_net(-1), "feature", "nearest: features");
}

/* SqueezeNet's end: the classifying convolution comes before ReLU and pooling. */
/* A map [2, 4, 5, 4], pooled or not, beside features and logits. */
static void test_several_taps(void **state) {
    (void)state;
    static const char *const taps[] = {"conv", "penultimate", "logits"};
    static const int64_t widths[] = {4 * 5 * 4 + 4 + 5, 4 + 4 + 5, 4 + 4 + 5, 8 + 4 + 5};
    model_write(path, small_net(-1));
    for (int pool = 0; pool < 4; pool++) {
        judd_graph *g = NULL;
        judd_graph_options o = {
            .batch = 2, .taps = taps, .n_taps = 3, .pool = (judd_graph_pool)pool};
        if (judd_graph_load(&g, path, &o) != JUDD_OK) fail_msg("%s", judd_status_message());
        assert_dims(&g->values[g->output], 2, INTS(2, widths[pool]));
        const judd_graph_node *last = &g->nodes[g->n_nodes - 1];
        assert_string_equal(last->op, "Concat");
        assert_int_equal(last->n_inputs, pool == 3 ? 4 : 3);
        assert_string_equal(g->values[last->inputs[last->n_inputs - 1]].name, "scores");
        judd_graph_destroy(g);
    }
}

static void test_tap_of_conv_classifier(void **state) {
    (void)state;
    Onnx__ModelProto *m = model_new(11);
    model_input(m, "image", -1, 3, 6, 6);
    model_weight(m, "w1", 4, INTS(4, 3, 3, 3));
    model_weight(m, "w2", 4, INTS(10, 4, 1, 1));
    model_node(m, "Conv", "body", "image,w1", "map");
    model_node(m, "Dropout", "drop", "map", "dropped");
    model_node(m, "Conv", "classify", "dropped,w2", "c");
    model_node(m, "Relu", "relu", "c", "r");
    model_node(m, "GlobalAveragePool", "pool", "r", "p");
    model_node(m, "Flatten", "flat", "p", "y");
    model_output(m, "y");
    judd_graph *g = load(m, 3, "penultimate");
    assert_string_equal(g->values[g->output].name, "map");
    assert_dims(&g->values[g->output], 4, INTS(3, 4, 4, 4));
    judd_graph_destroy(g);
    m = model_new(11);
    model_input(m, "image", -1, 3, 6, 6);
    model_weight(m, "w1", 4, INTS(4, 3, 3, 3));
    model_node(m, "Conv", "body", "image,w1", "map");
    model_node(m, "Relu", "relu", "map", "y");
    model_output(m, "y");
    refuse(m, "penultimate", "node body");
}

/* x.view(x.size(0), -1) as exported with a symbolic batch, and with a fixed one. */
static void test_batch(void **state) {
    (void)state;
    Onnx__ModelProto *m = model_new(13);
    model_input(m, "image", -1, 2, 3, 4);
    model_list(m, "zero", 1, INTS(0));
    model_list(m, "rest", 1, INTS(-1));
    m->graph->initializer[0]->n_dims = 0; /* a scalar index */
    model_node(m, "Shape", "shape", "image", "s");
    model_node(m, "Gather", "gather", "s,zero", "n");
    model_list(m, "first", 1, INTS(0));
    model_node(m, "Unsqueeze", "unsqueeze", "n,first", "n1");
    model_int(model_node(m, "Concat", "concat", "n1,rest", "target"), "axis", 0);
    model_node(m, "Reshape", "view", "image,target", "y");
    model_output(m, "y");
    judd_graph *g = load(m, 5, "");
    assert_int_equal(g->n_nodes, 1);
    assert_int_equal(g->n_values, 2);
    assert_int_equal(g->nodes[0].n_inputs, 1);
    assert_dims(&g->values[g->output], 2, INTS(5, 24));
    judd_graph_destroy(g);
    for (int fixed = 1; fixed <= 3; fixed += 2)
        for (int open = 0; open < 2; open++) {
            m = model_new(13);
            model_input(m, "image", fixed, 2, 3, 4);
            model_list(m, "target", 2, INTS(fixed, open ? -1 : 24));
            model_node(m, "Reshape", "view", "image,target", "y");
            model_output(m, "y");
            g = load(m, 5, "");
            assert_dims(&g->values[g->output], 2, INTS(5, 24));
            judd_graph_destroy(g);
        }
    m = model_new(13);
    model_input(m, "image", 1, 2, 3, 4);
    model_list(m, "target", 2, INTS(2, 12));
    model_node(m, "Reshape", "view", "image,target", "y");
    model_output(m, "y");
    refuse(m, "", "node view"); /* 2 x 24 elements cannot become 2 x 12 */
}

static void test_given_size(void **state) {
    (void)state;
    judd_graph *g = NULL;
    Onnx__ModelProto *m = model_new(13);
    model_input(m, "image", -1, 3, -1, 8);
    model_node(m, "Relu", "relu", "image", "y");
    model_output(m, "y");
    model_write(path, m);
    judd_graph_options o = {.batch = 2};
    assert_int_equal(judd_graph_load(&g, path, &o), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "leaves height open"));
    o.height = 7;
    assert_int_equal(judd_graph_load(&g, path, &o), JUDD_OK);
    assert_dims(&g->values[g->output], 4, INTS(2, 3, 7, 8));
    judd_graph_destroy(g);
    o.width = 9;
    assert_int_equal(judd_graph_load(&g, path, &o), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "fixes width 8, but 9"));
    o.width = 8;
    o.batch = -1;
    assert_int_equal(judd_graph_load(&g, path, &o), JUDD_E_USAGE);
}

/* An average over a window that hangs over the edge: pads count, the overhang does not. */
static void test_average_pool_overhang(void **state) {
    (void)state;
    Onnx__ModelProto *m = model_new(13);
    model_input(m, "image", -1, 1, 6, 6);
    Onnx__NodeProto *pool = model_node(m, "AveragePool", "pool", "image", "y");
    model_ints(pool, "kernel_shape", 2, INTS(3, 3));
    model_ints(pool, "strides", 2, INTS(2, 2));
    model_ints(pool, "pads", 4, INTS(1, 1, 1, 1));
    model_int(pool, "ceil_mode", 1);
    model_int(pool, "count_include_pad", 1);
    model_output(m, "y");
    judd_graph *g = load(m, 2, "");
    assert_int_equal(g->n_nodes, 2);
    assert_string_equal(g->nodes[0].op, "Pad");
    assert_ints(&g->nodes[0], "pads", 8, INTS(0, 0, 1, 1, 0, 0, 1, 1));
    assert_dims(&g->values[g->nodes[0].outputs[0]], 4, INTS(2, 1, 8, 8));
    assert_ints(&g->nodes[1], "pads", 4, INTS(0, 0, 1, 1));
    assert_int_equal(judd_graph_attribute_int(&g->nodes[1], "count_include_pad", 1), 0);
    assert_dims(&g->values[g->output], 4, INTS(2, 1, 4, 4));
    judd_graph_destroy(g);
}

/* Until opset 12 softmax runs over everything from the axis on. */
static void test_old_softmax(void **state) {
    (void)state;
    for (int opset = 11; opset <= 13; opset += 2) {
        Onnx__ModelProto *m = model_new(opset);
        model_input(m, "image", -1, 2, 3, 4);
        model_int(model_node(m, "Softmax", "soft", "image", "s"), "axis", 1);
        model_node(m, "Relu", "relu", "s", "y");
        model_output(m, "y");
        judd_graph *g = load(m, 5, "");
        const judd_graph_node *soft = &g->nodes[opset == 11];
        assert_int_equal(g->n_nodes, opset == 11 ? 4 : 2);
        assert_string_equal(soft->op, "Softmax");
        assert_int_equal(judd_graph_attribute_int(soft, "axis", -1), 1);
        if (opset == 11)
            assert_dims(&g->values[soft->outputs[0]], 2, INTS(5, 24));
        else
            assert_dims(&g->values[soft->outputs[0]], 4, INTS(5, 2, 3, 4));
        assert_dims(&g->values[g->output], 4, INTS(5, 2, 3, 4));
        judd_graph_destroy(g);
    }
}

static void test_nodes_are_sorted(void **state) {
    (void)state;
    Onnx__ModelProto *m = model_new(13);
    model_input(m, "image", -1, 1, 2, 2);
    model_node(m, "Add", "third", "a,b", "y");
    model_node(m, "Sigmoid", "second", "a", "b");
    model_node(m, "Relu", "first", "image", "a");
    model_output(m, "y");
    judd_graph *g = load(m, 1, "");
    assert_string_equal(g->nodes[0].name, "first");
    assert_string_equal(g->nodes[1].name, "second");
    assert_string_equal(g->nodes[2].name, "third");
    judd_graph_destroy(g);
}

static const judd_graph_value *named(const judd_graph *g, const char *name) {
    for (int v = 0; v < g->n_values; v++)
        if (strcmp(g->values[v].name, name) == 0) return &g->values[v];
    fail_msg("no value %s", name);
    return NULL;
}

static Onnx__ModelProto *wide_net(void) {
    Onnx__ModelProto *m = model_new(13);
    model_input(m, "image", -1, 16, 4, 4);
    model_weight(m, "mean_image", 3, INTS(16, 1, 1));
    model_weight(m, "w", 4, INTS(64, 8, 3, 3));
    model_weight(m, "b", 1, INTS(64));
    model_weight(m, "fc", 2, INTS(256, 100));
    model_weight(m, "fcb", 1, INTS(100));
    model_node(m, "Sub", "normalise", "image,mean_image", "x");
    model_int(model_node(m, "Conv", "conv", "x,w,b", "c"), "group", 2);
    model_node(m, "Flatten", "flat", "c", "f");
    model_node(m, "MatMul", "product", "f,fc", "p");
    model_node(m, "Add", "bias", "p,fcb", "y");
    model_output(m, "y");
    return m;
}

static void test_randomize(void **state) {
    (void)state;
    judd_graph *g = load(wide_net(), 1, ""), *again = load(wide_net(), 1, "");
    assert_int_equal(judd_graph_randomize(g, 7), JUDD_OK);
    assert_int_equal(judd_graph_randomize(again, 7), JUDD_OK);
    const struct {
        const char *name;
        double fan_in;
    } weights[] = {{"w", 8 * 9}, {"fc", 256}};
    for (int i = 0; i < 2; i++) {
        const judd_graph_value *w = named(g, weights[i].name);
        const float *x = w->data;
        int64_t n = judd_graph_size(w);
        double mean = 0, square = 0, fourth = 0, variance = 2.0 / weights[i].fan_in;
        for (int64_t k = 0; k < n; k++) {
            mean += x[k];
            square += (double)x[k] * x[k];
            fourth += pow(x[k], 4);
        }
        /* five standard errors of the mean, variance and fourth moment of a normal sample */
        double error = 5 / sqrt((double)n);
        assert_true(fabs(mean / (double)n) < error * sqrt(variance));
        assert_true(fabs(square / (double)n / variance - 1) < error * sqrt(2));
        assert_true(fabs(fourth / (double)n / (variance * variance) - 3) < error * sqrt(96));
        assert_memory_equal(x, named(again, weights[i].name)->data, (size_t)n * sizeof *x);
    }
    assert_float_equal(((float *)named(g, "b")->data)[63], 0, 0);
    assert_float_equal(((float *)named(g, "fcb")->data)[99], 0, 0);
    assert_float_equal(((float *)named(g, "mean_image")->data)[15], 7.5, 0);
    assert_int_equal(judd_graph_randomize(again, 8), JUDD_OK);
    assert_memory_not_equal(named(g, "w")->data, named(again, "w")->data, 64);
    judd_graph_destroy(g);
    judd_graph_destroy(again);
    g = load(small_net(-1), 1, "");
    assert_int_equal(judd_graph_randomize(g, 7), JUDD_OK);
    assert_float_equal(((float *)named(g, "scale")->data)[0], 1, 0);
    assert_float_equal(((float *)named(g, "shift")->data)[3], 0, 0);
    assert_float_equal(((float *)named(g, "mean")->data)[3], 0, 0);
    assert_float_equal(((float *)named(g, "var")->data)[0], 1, 0);
    judd_graph_destroy(g);
}

/* A trained tensor in a place no rule knows would carry the training into the random arm. */
static void test_randomize_refuses(void **state) {
    (void)state;
    Onnx__ModelProto *m = model_new(13);
    model_input(m, "image", -1, 2, 2, 2);
    model_weight(m, "token", 4, INTS(1, 1, 2, 2));
    model_node(m, "Max", "join", "image,token", "y");
    model_output(m, "y");
    judd_graph *g = load(m, 1, "");
    assert_int_equal(judd_graph_randomize(g, 1), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "node join (Max) has a trained tensor token"));
    judd_graph_destroy(g);
    m = model_new(13);
    model_input(m, "image", -1, 2, 2, 2);
    for (int i = 0; i < 2; i++) model_weight(m, i ? "other" : "shared", 1, INTS(2));
    model_node(m, "BatchNormalization", "bn", "image,shared,shared,other,other", "y");
    model_output(m, "y");
    g = load(m, 1, "");
    assert_int_equal(judd_graph_randomize(g, 1), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "tensor shared has two roles"));
    judd_graph_destroy(g);
}

/* IR version 3: weights stand among the inputs as well; batch norm has the attribute spatial. */
static void test_old_file(void **state) {
    (void)state;
    for (int spatial = 0; spatial < 2; spatial++) {
        Onnx__ModelProto *m = model_new(8);
        m->ir_version = 3;
        MODEL_APPEND(m->graph, input, model_value("scale", 1, INTS(2)));
        model_input(m, "image", -1, 2, 3, 3);
        model_weight(m, "scale", 1, INTS(2));
        Onnx__NodeProto *bn =
            model_node(m, "BatchNormalization", "bn", "image,scale,scale,scale,scale", "y");
        model_int(bn, "spatial", spatial);
        model_float(bn, "epsilon", 0.25f);
        model_output(m, "y");
        if (!spatial) {
            refuse(m, "", "node bn (BatchNormalization): spatial = 0");
            continue;
        }
        judd_graph *g = load(m, 2, "");
        assert_int_equal(g->nodes[0].n_attributes, 1);
        assert_float_equal(judd_graph_attribute_float(&g->nodes[0], "epsilon", 0), 0.25, 0);
        judd_graph_destroy(g);
    }
}

/* Behind the tap anything may stand; before it every operator must be known. */
/* One node on an image [2, 3, 8, 8] with a list of integers as its last input. */
static Onnx__ModelProto *one_node(const char *op, const char *inputs, int64_t n,
                                  const int64_t *list) {
    Onnx__ModelProto *m = model_new(13);
    model_input(m, "image", -1, 3, 8, 8);
    model_list(m, "list", n, list);
    model_list(m, "one", 1, INTS(1));
    model_node(m, op, "node", inputs, strcmp(op, "Split") == 0 ? "y,z" : "y");
    model_output(m, "y");
    return m;
}

static void test_bad_moves(void **state) {
    (void)state;
    refuse(one_node("Split", "image,list", 2, INTS(3, -1)), "", "part 0 has 3 of 2 places");
    refuse(one_node("Split", "image,list", 2, INTS(INT64_MIN, 4)), "", "places");
    refuse(one_node("Split", "image,list", 3, INTS(1, 1, 1)), "", "3 sizes of 2 places");
    refuse(one_node("Gather", "image,list", 1, INTS(2)), "", "index 2 of 2");
    refuse(one_node("Gather", "image,list", 1, INTS(INT64_MIN)), "", "of 2");
    refuse(one_node("Slice", "image,one,list,one,list", 1, INTS(0)), "", "step 0");
    refuse(one_node("Slice", "image,list,one,list", 1, INTS(7)), "", "axis 7 of 4");
    refuse(one_node("Tile", "image,list", 4, INTS(1, 1, 1, INT64_MAX)), "", "repeats of dimension");
    refuse(one_node("Tile", "image,list", 4, INTS(1, 65536, 65536, 65536)), "", "exceeds");
    refuse(one_node("Expand", "image,list", 1, INTS(INT64_MAX)), "", "exceeds");
    refuse(one_node("Expand", "image,list", 1, INTS(5)), "", "do not fit");
    refuse(one_node("Pad", "image,list", 8, INTS(0, 0, 0, 0, 0, 0, 0, -8)), "", "nothing is left");
    refuse(one_node("Pad", "image,list", 8, INTS(0, INT64_MIN, 0, 0, 0, 0, 0, 0)), "", "pads");
    refuse(one_node("Pow", "image,image,list", 1, INTS(1)), "", "3 inputs");
    refuse(one_node("Where", "image,image,image", 1, INTS(1)), "", "constant condition");
    refuse(one_node("ReduceSum", "image,list", 1, INTS(4)), "", "axis 4 of 4");
    refuse(one_node("Range", "list,list,one", 1, INTS(3)), "", "depend on the image");
    Onnx__ModelProto *m = one_node("DepthToSpace", "image", 1, INTS(1));
    model_int(m->graph->node[0], "blocksize", 2);
    refuse(m, "", "3 channels are no multiple");
    m = one_node("Pad", "image,list", 8, INTS(0, 0, 8, 0, 0, 0, 0, 0));
    model_string(m->graph->node[0], "mode", "reflect");
    refuse(m, "", "pads of dimension 2 exceed 7");
}

/* Constants that nobody could store. */
static void test_bad_constants(void **state) {
    (void)state;
    static const struct {
        const char *op, *inputs, *message;
    } cases[] = {{"Range", "zero,huge,one", "memory"},
                 {"Range", "zero,most,one", "too long"},
                 {"Range", "zero,one,zero", "too long"},
                 {"Tile", "pair,repeats", "overflow"},
                 {"ScatterND", "pair,three,one", "index 3 of 2"},
                 {"ScatterND", "pair,one,pair", "updates"},
                 {"Mod", "one,zero", "division by zero"},
                 {"Pow", "huge,huge", "overflow"},
                 {"Not", "weight", "truth"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Onnx__ModelProto *m = model_new(13);
        model_input(m, "image", -1, 3, 8, 8);
        model_list(m, "zero", 1, INTS(0));
        model_list(m, "one", 1, INTS(1));
        model_list(m, "three", 1, INTS(3));
        model_list(m, "pair", 2, INTS(1, 2));
        model_list(m, "huge", 1, INTS(4000000000));
        model_list(m, "most", 1, INTS(INT64_MAX));
        model_list(m, "repeats", 1, INTS(INT64_MAX));
        model_weight(m, "weight", 1, INTS(1));
        model_node(m, cases[i].op, "node", cases[i].inputs, "c");
        model_node(m, "Reshape", "use", "image,c", "y");
        model_output(m, "y");
        refuse(m, "", cases[i].message);
    }
}

static void test_unsupported(void **state) {
    (void)state;
    for (int behind = 0; behind < 2; behind++) {
        Onnx__ModelProto *m = model_new(13);
        model_input(m, "image", -1, 1, 2, 2);
        model_node(m, "Relu", "relu", "image", "a");
        model_node(m, "Foo", "strange", "a", "y");
        model_output(m, "y");
        if (!behind) {
            refuse(m, "", "node strange: operator Foo (opset 13) is not supported");
            continue;
        }
        judd_graph *g = load(m, 1, "relu");
        assert_int_equal(g->n_nodes, 1);
        judd_graph_destroy(g);
    }
    Onnx__ModelProto *m = model_new(11);
    model_input(m, "image", -1, 1, 2, 2);
    model_node(m, "HardSwish", "early", "image", "y"); /* exists since opset 14 */
    model_output(m, "y");
    refuse(m, "", "operator HardSwish (opset 11)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalised),
        cmocka_unit_test(test_taps),
        cmocka_unit_test(test_several_taps),
        cmocka_unit_test(test_tap_of_conv_classifier),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_given_size),
        cmocka_unit_test(test_average_pool_overhang),
        cmocka_unit_test(test_old_softmax),
        cmocka_unit_test(test_nodes_are_sorted),
        cmocka_unit_test(test_randomize),
        cmocka_unit_test(test_randomize_refuses),
        cmocka_unit_test(test_old_file),
        cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_bad_moves),
        cmocka_unit_test(test_bad_constants),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Whole graphs: fusion, buffers that are shared, errors, instruction sets. */
#include "engine/program.h"
#include "engine_check.h"

#include <dnnl.h>
#include <malloc.h>

static const conv_shape same3 = {.groups = 1,
                                 .kernel = {3, 3},
                                 .stride = {1, 1},
                                 .dilation = {1, 1},
                                 .pads = {1, 1, 1, 1},
                                 .bias = true};

static int conv(builder *b, int x, int64_t out, int64_t kernel, int64_t stride) {
    conv_shape c = same3;
    c.out = out;
    for (int d = 0; d < 2; d++) {
        c.kernel[d] = kernel;
        c.stride[d] = stride;
        c.pads[d] = c.pads[d + 2] = kernel / 2;
    }
    return build_conv(b, x, &c);
}

/* Two residual blocks, the second with a projection; pooled, flattened, classified. */
static builder *residual_network(uint64_t seed, int64_t width) {
    builder *b = build_start(seed, 4, DIMS(4, 3, 16, 16));
    int x = build_same(b, "Relu", build_norm(b, conv(b, 0, width, 3, 1)));
    int y = build_same(b, "Relu", build_norm(b, conv(b, x, width, 3, 1)));
    y = build_norm(b, conv(b, y, width, 3, 1));
    x = build_same(b, "Relu", build_binary(b, "Add", y, x, x));
    y = build_same(b, "Relu", build_norm(b, conv(b, x, 2 * width, 3, 2)));
    y = build_norm(b, conv(b, y, 2 * width, 3, 1));
    int s = build_norm(b, conv(b, x, 2 * width, 1, 2));
    x = build_same(b, "Relu", build_binary(b, "Add", y, s, y));
    x = build_node(b, "GlobalAveragePool", INPUTS(x), 4, DIMS(4, 2 * width, 1, 1));
    x = build_node(b, "Flatten", INPUTS(x), 2, DIMS(4, 2 * width));
    int w = build_constant(b, 2, DIMS(10, 2 * width), 0.0, 0.3),
        c = build_constant(b, 1, DIMS(10), 0, 1);
    build_node(b, "Gemm", INPUTS(x, w, c), 2, DIMS(4, 10));
    build_int(b, "transB", 1);
    return b;
}

static judd_program_facts facts_of(const judd_graph *graph) {
    judd_net *net = NULL;
    judd_onednn *onednn = NULL;
    judd_program *program = NULL;
    assert_int_equal(judd_net_create(&net, graph), JUDD_OK);
    assert_int_equal(judd_onednn_create(&onednn, 1, JUDD_FLOAT32), JUDD_OK);
    net->block = judd_onednn_block(onednn);
    assert_int_equal(judd_fuse_net(net), JUDD_OK);
    assert_int_equal(judd_program_create(&program, net, onednn), JUDD_OK);
    judd_program_facts facts = judd_program_describe(program);
    judd_program_destroy(program);
    judd_onednn_destroy(onednn);
    judd_net_destroy(net);
    return facts;
}

static void test_residual_network(void **state) {
    (void)state;
    builder *b = residual_network(1, 16);
    judd_program_facts f = facts_of(&b->graph);
    /* 6 convolutions, pooling, product: norms, activations and sums are inside, in place, and the
     * image goes into the first convolution as it comes. */
    assert_int_equal(f.n_actions, 8);
    assert_int_equal(f.n_reorders, 0);
    assert_true(f.arena_bytes >= f.peak_bytes && f.arena_bytes < f.buffer_bytes);
    check_graph(b, "residual network");
    check_graph(residual_network(2, 5), "residual network with padded channels");
}

/* A residual that is still needed afterwards, or is the convolution's own input: copied. */
static void test_residual_kept(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        builder *b = build_start(seed + 10, 4, DIMS(3, 5, 6, 6));
        int x = build_same(b, "LeakyRelu", 0);
        int y = build_binary(b, "Add", conv(b, x, 5, 3, 1), seed == 2 ? 0 : x, x);
        if (seed == 1) build_binary(b, "Mul", y, x, x);
        assert_int_equal(facts_of(&b->graph).n_reorders, seed == 2 ? 2 : 3);
        check_graph(b, "kept residual");
    }
    builder *b = build_start(20, 4, DIMS(3, 5, 6, 6)); /* the output is also a residual */
    int x = build_same(b, "LeakyRelu", 0);
    int y = conv(b, x, 5, 3, 1);
    build_binary(b, "Add", conv(b, y, 5, 3, 1), y, x);
    b->graph.output = y;
    check_graph(b, "tapped residual");
}

static void test_patterns(void **state) {
    (void)state;
    builder *b = build_start(30, 4, DIMS(3, 5, 6, 7)); /* Pad, then convolution */
    int x = build_node(b, "Pad", INPUTS(0), 4, DIMS(3, 5, 9, 9));
    build_ints(b, "pads", 8, DIMS(0, 0, 1, 2, 0, 0, 2, 0));
    conv_shape c = same3;
    c.out = 7;
    memset(c.pads, 0, sizeof c.pads);
    x = build_conv(b, x, &c);
    int s = build_same(b, "Sigmoid", x); /* swish, then the mean over the image */
    x = build_binary(b, "Mul", s, x, x);
    build_node(b, "ReduceMean", INPUTS(x), 2, DIMS(3, 7));
    build_ints(b, "axes", 2, DIMS(2, 3));
    build_int(b, "keepdims", 0);
    judd_program_facts f = facts_of(&b->graph); /* convolution with swish, pooling */
    assert_int_equal(f.n_actions - f.n_reorders, 2);
    check_graph(b, "patterns");
    for (uint64_t seed = 32; seed < 34; seed++) { /* a shortcut that pads channels */
        b = build_start(seed, 4, DIMS(3, 6, 7, 9));
        x = build_same(b, "LeakyRelu", 0);
        conv_shape rows = {.kernel = {1, 1}, .stride = {2, 1}, .dilation = {1, 1}};
        conv_shape columns = {.kernel = {1, 1}, .stride = {1, 2}, .dilation = {1, 1}};
        s = build_pool(b, "MaxPool", x, &rows, false);
        s = build_pool(b, "MaxPool", s, &columns, false);
        s = build_node(b, "Pad", INPUTS(s), 4, DIMS(3, 12, 4, 5));
        build_ints(b, "pads", 8, DIMS(0, 4, 0, 0, 0, 2, 0, 0));
        x = seed == 32 ? conv(b, conv(b, x, 12, 3, 2), 12, 3, 1) : conv(b, x, 12, 3, 2);
        build_same(b, "Relu", build_binary(b, "Add", s, x, x));
        f = facts_of(&b->graph); /* activation and convolutions */
        assert_int_equal(f.n_actions - f.n_reorders, seed == 32 ? 4 : 3);
        check_graph(b, "padded shortcut");
    }
    b = build_start(31, 2, DIMS(4, 6)); /* the output is the input */
    build_node(b, "Reshape", INPUTS(0), 3, DIMS(4, 3, 2));
    check_graph(b, "alias of the input");
}

/* x / sqrt(2) -> erf -> + 1 -> * x -> / 2, as PyTorch writes GELU. */
static int long_gelu(builder *b, int x) {
    int root = build_constant(b, 0, NULL, 1.41421356, 0.0), one = build_constant(b, 0, NULL, 1, 0);
    int half = build_constant(b, 0, NULL, 0.5, 0.0);
    int y = build_same(b, "Erf", build_binary(b, "Div", x, root, x));
    y = build_binary(b, "Mul", x, build_binary(b, "Add", y, one, y), x);
    return build_binary(b, "Mul", y, half, y);
}

/* Layer normalisation over the last dimension from eight operators. */
static int long_norm(builder *b, int x) {
    int rank = b->values[x].rank;
    int64_t dims[4], last = rank - 1, n = b->values[x].dims[last];
    memcpy(dims, b->values[x].dims, sizeof dims);
    dims[last] = 1;
    int two = build_constant(b, 0, NULL, 2.0, 0.0), e = build_constant(b, 0, NULL, 1e-5, 0.0);
    int scale = build_constant(b, 1, &n, 1.0, 0.3), shift = build_constant(b, 1, &n, 0.0, 0.3);
    int mean = build_node(b, "ReduceMean", INPUTS(x), rank, dims);
    build_ints(b, "axes", 1, &last);
    int sub = build_binary(b, "Sub", x, mean, x);
    int power = build_binary(b, "Pow", sub, two, sub);
    int v = build_node(b, "ReduceMean", INPUTS(power), rank, dims);
    build_ints(b, "axes", 1, &last);
    v = build_same(b, "Sqrt", build_binary(b, "Add", v, e, v));
    int y = build_binary(b, "Mul", build_binary(b, "Div", sub, v, sub), scale, x);
    return build_binary(b, "Add", y, shift, y);
}

static int linear(builder *b, int x, int64_t n) {
    int rank = b->values[x].rank;
    int64_t dims[4], k = b->values[x].dims[rank - 1];
    memcpy(dims, b->values[x].dims, sizeof dims);
    dims[rank - 1] = n;
    int w = build_constant(b, 2, DIMS(k, n), 0.0, 1.0 / sqrt((double)k));
    int bias = build_constant(b, 1, &n, 0.0, 0.3);
    int y = build_node(b, "MatMul", INPUTS(x, w), rank, dims);
    return build_binary(b, "Add", y, bias, y);
}

static void count_actions(const builder *b, int expected) {
    judd_program_facts f = facts_of(&b->graph);
    assert_int_equal(f.n_actions - f.n_reorders, expected);
}

/* Blocks of transformers, ConvNeXt and DenseNet as exporters write them. */
static void test_blocks(void **state) {
    (void)state;
    builder *b = build_start(34, 3, DIMS(3, 7, 20)); /* norm, product with GELU, product */
    linear(b, long_gelu(b, linear(b, long_norm(b, 0), 37)), 20);
    count_actions(b, 3);
    check_graph(b, "transformer");
    for (uint64_t seed = 0; seed < 2; seed++) {
        int64_t c = seed ? 13 : 16;
        b = build_start(35 + seed, 4, DIMS(3, c, 6, 5)); /* activation, norm, two convolutions */
        int in = build_same(b, "LeakyRelu", 0);
        int x = build_node(b, "Transpose", INPUTS(in), 4, DIMS(3, 6, 5, c));
        build_ints(b, "perm", 4, DIMS(0, 2, 3, 1));
        x = linear(b, long_gelu(b, linear(b, long_norm(b, x), 24)), c);
        x = build_node(b, "Transpose", INPUTS(x), 4, DIMS(3, c, 6, 5));
        build_ints(b, "perm", 4, DIMS(0, 3, 1, 2));
        x = build_binary(b, "Mul", build_constant(b, 3, DIMS(c, 1, 1), 0.3, 0.1), x, x);
        build_binary(b, "Add", x, in, x);
        count_actions(b, 4);
        check_graph(b, "channels last");
        b = build_start(37 + seed, 4, DIMS(3, 16, 6, 5)); /* two activations, norm, convolution */
        int y = build_same(b, "Sigmoid", 0);
        in = build_same(b, "LeakyRelu", 0);
        int z = conv(b, in, c, 3, 1);
        x = build_node(b, "Concat", INPUTS(in, y, z), 4, DIMS(3, 32 + c, 6, 5));
        build_int(b, "axis", 1);
        conv(b, build_same(b, "Relu", build_norm(b, x)), 12, 1, 1);
        count_actions(b, 5);
        check_graph(b, "dense block");
    }
    b = build_start(39, 4, DIMS(3, 16, 7, 6)); /* a mean that counts the zeros around */
    int x = build_node(b, "Pad", INPUTS(build_same(b, "Relu", 0)), 4, DIMS(3, 16, 9, 8));
    build_ints(b, "pads", 8, DIMS(0, 0, 1, 1, 0, 0, 1, 1));
    conv_shape mean = {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}};
    build_pool(b, "AveragePool", x, &mean, false);
    count_actions(b, 2);
    check_graph(b, "padded mean");
}

/* Random graphs with values of many readers: what buffers share memory must never show. */
static void test_random_graphs(void **state) {
    (void)state;
    for (uint64_t seed = 40; seed < 70; seed++) {
        int64_t c = seed % 3 == 0 ? 16 : seed % 3 == 1 ? 5 : 20;
        builder *b = build_start(seed, 4, DIMS(3, c, 5, 6));
        int pool[32] = {0}, n = 1;
        for (int i = 0; i < 14; i++) {
            int x = pool[build_below(b, n)], y = pool[n - 1];
            switch (build_below(b, 7)) {
            case 0:
                pool[n++] = conv(b, x, c, 3, 1);
                break;
            case 1:
                pool[n++] = build_norm(b, conv(b, y, c, 1, 1));
                break;
            case 2:
                pool[n++] = build_binary(b, "Add", x, y, x);
                break;
            case 3:
                pool[n++] = build_same(b, "Relu", y);
                break;
            case 4:
                pool[n++] = build_same(b, "Sigmoid", x);
                break;
            case 5:
                pool[n++] = build_binary(b, "Add", conv(b, y, c, 3, 1), x, x);
                break;
            default: {
                int z = build_node(b, "Concat", INPUTS(x, y), 4, DIMS(3, 2 * c, 5, 6));
                build_int(b, "axis", 1);
                pool[n++] = conv(b, z, c, 1, 1);
            }
            }
        }
        char text[32];
        snprintf(text, sizeof text, "random graph %d", (int)seed);
        check_graph(b, text);
    }
}

static void test_no_allocation(void **state) {
    (void)state;
    builder *b = residual_network(3, 5);
    judd_engine *e = check_engine(&b->graph, "onednn", 1);
    float in[4 * 3 * 16 * 16] = {0}, out[40];
    check_run(e, in, out);
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 10; i++) check_run(e, in, out);
    assert_int_equal(mallinfo2().uordblks, before);
    judd_engine_destroy(e);
    build_end(b);
}

static void refused(builder *b, const char *backend, int threads, judd_status code,
                    const char *part) {
    judd_engine *e = NULL;
    judd_engine_options o = {.backend = backend, .threads = threads};
    assert_int_equal(judd_engine_create(&e, &b->graph, &o), code);
    assert_null(e);
    if (!strstr(judd_status_message(), part)) fail_msg("message: %s", judd_status_message());
    build_end(b);
}

static void test_refusals(void **state) {
    (void)state;
    builder *b = build_start(80, 4, DIMS(2, 3, 4, 4));
    build_same(b, "Einsum", 0);
    refused(b, "onednn", 1, JUDD_E_DATA, "#0: operator Einsum");
    b = build_start(81, 4, DIMS(2, 3, 4, 4));
    conv(b, 0, 3, 3, 1);
    free(b->values[1].data); /* computed weights */
    b->values[1].data = NULL;
    refused(b, "onednn", 1, JUDD_E_DATA, "#0 (Conv)");
    b = build_start(82, 4, DIMS(2, 3, 4, 4));
    conv(b, 0, 3, 3, 1);
    b->values[b->graph.output].dims[2] = 99; /* a shape that would be written past its end */
    refused(b, "reference", 1, JUDD_E_DATA, "#0 (Conv)");
    b = build_start(83, 2, DIMS(4, 6));
    build_node(b, "Reshape", INPUTS(0), 2, DIMS(6, 4));
    refused(b, "onednn", 1, JUDD_E_DATA, "batch");
    b = build_start(84, 2, DIMS(4, 6));
    int c = build_constant(b, 1, DIMS(5), 0, 1);
    build_binary(b, "Sub", 0, c, 0);
    refused(b, "onednn", 1, JUDD_E_DATA, "#0");
    refused(residual_network(85, 4), "cuda", 1, JUDD_E_CONFIG, "cuda");
    refused(residual_network(86, 4), "onednn", 0, JUDD_E_CONFIG, "threads = 0");
}

static void test_isa(void **state) {
    (void)state;
    int isa = judd_engine_isa(JUDD_FLOAT32);
    assert_int_equal(judd_engine_limit_isa(isa), JUDD_OK);
    assert_int_equal(judd_engine_isa(JUDD_FLOAT32), isa);
    /* Our rule against oneDNN's own answer, which is fixed from here on. */
    int bits = (int)dnnl_get_effective_cpu_isa();
    int known = (bits & 0x27) == 0x27 ? 4 : (bits & 7) == 7 ? 3 : (bits & 3) == 3 ? 2 : bits & 1;
    assert_int_equal(isa, known);
    assert_string_not_equal(judd_engine_isa_name(isa), "unknown");
    assert_non_null(strstr(judd_engine_library(), "oneDNN "));
    assert_int_equal(judd_engine_limit_isa(99), JUDD_E_INTERNAL);
    assert_int_equal(judd_engine_limit_isa(isa), JUDD_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isa), /* first: it fixes the instruction set */
        cmocka_unit_test(test_residual_network),
        cmocka_unit_test(test_residual_kept),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

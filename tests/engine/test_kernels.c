/* oneDNN kernels against the plain loops, one operator at a time, and the promise that neighbours,
 * places and threads change no bit. */
#include "engine_check.h"

static const int64_t channels[] = {1, 3, 5, 17, 8, 16, 32, 24};

static conv_shape random_window(builder *b) {
    static const int64_t kernels[] = {1, 3, 3, 5, 7, 2};
    conv_shape c = {.groups = 1, .bias = build_below(b, 2) == 0};
    for (int d = 0; d < 2; d++) {
        c.kernel[d] = kernels[build_below(b, 6)];
        c.stride[d] = 1 + build_below(b, 2);
        c.dilation[d] = c.kernel[d] < 5 && build_below(b, 4) == 0 ? 2 : 1;
        c.pads[d] = build_below(b, c.kernel[d]);
        c.pads[d + 2] = build_below(b, c.kernel[d]);
    }
    return c;
}

static void describe(char *text, size_t size, const char *op, int64_t in, const conv_shape *c,
                     uint64_t seed) {
    snprintf(text, size,
             "%s seed %d in %d out %d groups %d kernel %d,%d stride %d,%d dilation %d,%d pads "
             "%d,%d,%d,%d",
             op, (int)seed, (int)in, (int)c->out, (int)c->groups, (int)c->kernel[0],
             (int)c->kernel[1], (int)c->stride[0], (int)c->stride[1], (int)c->dilation[0],
             (int)c->dilation[1], (int)c->pads[0], (int)c->pads[1], (int)c->pads[2],
             (int)c->pads[3]);
}

static void test_convolution(void **state) {
    (void)state;
    double worst = 0.0;
    for (uint64_t seed = 1; seed <= 48; seed++) {
        builder tmp = {.stream = seed};
        int64_t in = channels[build_below(&tmp, 8)];
        int64_t dims[4] = {5, in, 13 + build_below(&tmp, 6), 13 + build_below(&tmp, 9)};
        builder *b = build_start(seed, 4, dims);
        conv_shape c = random_window(b);
        c.out = channels[build_below(b, 8)];
        if (seed % 4 == 0) c.groups = c.out = in; /* depthwise */
        if (seed % 8 == 1 && in % 4 == 0) {
            c.groups = 4;
            c.out = 4 * (1 + build_below(b, 5));
        }
        int x = seed % 2 ? 0 : build_same(b, "LeakyRelu", 0); /* plain and blocked sources */
        build_conv(b, x, &c);
        char text[256];
        describe(text, sizeof text, "Conv", in, &c, seed);
        worst = fmax(worst, check_graph(b, text));
    }
    print_message("convolution: largest relative error %.2g\n", worst);
}

/* A few channels of an image as they come: the kernels that read plain nchw. */
static void test_image_side(void **state) {
    (void)state;
    for (uint64_t seed = 100; seed < 112; seed++) {
        builder tmp = {.stream = seed};
        int64_t in = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 3 : 4;
        builder *b = build_start(seed, 4, DIMS(5, in, 20 + build_below(&tmp, 9), 33));
        conv_shape c = random_window(b);
        c.out = seed % 2 ? 64 : 32;
        build_conv(b, 0, &c);
        char text[256];
        describe(text, sizeof text, "Conv on an image", in, &c, seed);
        check_graph(b, text);
    }
}

static void test_fused(void **state) {
    (void)state;
    static const char *const acts[] = {"Relu",        "LeakyRelu", "Clip", "Sigmoid",
                                       "HardSigmoid", "HardSwish", "none"};
    for (uint64_t seed = 200; seed < 242; seed++) {
        int64_t n = channels[seed % 8];
        builder *b = build_start(seed, 4, DIMS(4, n, 9, 11));
        conv_shape c = {.out = n,
                        .groups = seed % 3 == 0 ? n : 1,
                        .kernel = {3, 3},
                        .stride = {1, 1},
                        .dilation = {1, 1},
                        .pads = {1, 1, 1, 1},
                        .bias = seed % 2 == 0};
        int x = build_same(b, "LeakyRelu", 0), y = build_conv(b, x, &c);
        if (seed % 5 != 0) y = build_norm(b, y);
        if (seed % 4 != 0)
            y = build_binary(b, "Add", seed % 4 == 1 ? x : y, seed % 4 == 1 ? y : 0, y);
        const char *act = acts[seed % 7];
        if (strcmp(act, "none") != 0) y = build_same(b, act, y);
        if (seed % 2) { /* a reader that would see garbage in the padding */
            conv_shape one = {
                .out = 5, .groups = 1, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
            build_conv(b, y, &one);
        }
        char text[128];
        snprintf(text, sizeof text, "fused %s, %d channels, seed %d", act, (int)n, (int)seed);
        check_graph(b, text);
    }
}

static void test_pooling(void **state) {
    (void)state;
    for (uint64_t seed = 300; seed < 340; seed++) {
        int64_t n = channels[seed % 8];
        builder *b = build_start(seed, 4, DIMS(4, n, 12, 15));
        conv_shape c = random_window(b);
        const char *op = seed % 2 ? "MaxPool" : "AveragePool";
        for (int d = 0; d < 2; d++) {
            if (c.kernel[d] < 2) c.kernel[d] = 3;
            if (seed % 2 == 0) c.dilation[d] = 1;
            c.pads[d] = build_below(b, c.kernel[d] / 2 + 1);
            c.pads[d + 2] = build_below(b, c.kernel[d] / 2 + 1);
        }
        build_pool(b, op, 0, &c, seed % 4 == 0);
        char text[256];
        describe(text, sizeof text, op, n, &c, seed);
        check_graph(b, text);
    }
    for (uint64_t seed = 340; seed < 348; seed++) {
        builder *b = build_start(seed, 4, DIMS(4, channels[seed % 8], 7, 6));
        build_node(b, seed % 2 ? "GlobalAveragePool" : "GlobalMaxPool", INPUTS(0), 4,
                   DIMS(4, channels[seed % 8], 1, 1));
        check_graph(b, "global pooling");
    }
}

static void test_elementwise(void **state) {
    (void)state;
    static const char *const ops[] = {"Relu",        "LeakyRelu", "Clip", "Sigmoid",
                                      "HardSigmoid", "HardSwish", "norm"};
    for (uint64_t i = 0; i < 7; i++)
        for (uint64_t shape = 0; shape < 3; shape++) {
            const int64_t dims[3][4] = {{4, 5, 6, 7}, {4, 16, 3, 3}, {4, 33}};
            builder *b = build_start(400 + i, shape == 2 ? 2 : 4, dims[shape]);
            int y = i == 6 ? build_norm(b, 0) : build_same(b, ops[i], 0);
            if (shape < 2) { /* padding */
                conv_shape one = {
                    .out = 3, .groups = 1, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
                build_conv(b, y, &one);
            }
            check_graph(b, ops[i]);
        }
}

/* numpy's broadcasting, computed and constant operands, either side, images and matrices. */
static void test_binary(void **state) {
    (void)state;
    static const char *const ops[] = {"Add", "Sub", "Mul", "Div"};
    const int64_t shapes[][4] = {{4, 5, 3, 7}, {1, 5, 1, 1}, {1, 1, 1, 7}, {1, 1, 1, 1},
                                 {1, 1, 3, 7}, {1, 1, 3, 1}, {1, 5, 3, 1}};
    for (uint64_t i = 0; i < 4 * 7 * 2; i++) {
        builder *b = build_start(500 + i, 4, shapes[0]);
        int act = build_same(b, "Sigmoid", 0); /* away from 0: also a divisor */
        int64_t dims[4];
        memcpy(dims, shapes[i / 4 % 7], sizeof dims);
        dims[0] = 1; /* a constant that differs between images would be no layer */
        int other = build_constant(b, 4, dims, 3.0, 0.2);
        if (i >= 28) {
            int y = build_binary(b, ops[i % 4], act, other, 0);
            build_same(b, "Relu", y);
        } else {
            build_binary(b, ops[i % 4], other, act, 0);
        }
        check_graph(b, ops[i % 4]);
    }
    for (uint64_t i = 0; i < 8; i++) { /* computed gate of [n, c, 1, 1], and equal shapes */
        builder *b = build_start(560 + i, 4, DIMS(4, channels[i], 5, 6));
        int x = build_same(b, "Sigmoid", 0);
        int y = build_node(b, "GlobalAveragePool", INPUTS(x), 4, DIMS(4, channels[i], 1, 1));
        int z = build_binary(b, ops[i % 4], x, y, x);
        z = build_binary(b, i % 2 ? "Add" : "Mul", z, x, x);
        check_graph(b, "gate");
    }
    for (uint64_t i = 0; i < 12; i++) { /* other ranks */
        builder *b = build_start(570 + i, 2, DIMS(4, 6));
        int c = build_constant(b, i / 4 == 0 ? 0 : 1, DIMS(6), 2.0, 0.1);
        int y = build_binary(b, ops[i % 4], 0, c, 0);
        if (i / 4 == 2) build_binary(b, "Mul", y, y, y);
        check_graph(b, "matrix");
    }
}

static void test_products(void **state) {
    (void)state;
    const int64_t sizes[][2] = {{1, 1},  {3, 5},    {17, 10},  {64, 10},   {64, 1000},
                                {65, 7}, {512, 33}, {513, 64}, {2048, 100}};
    for (uint64_t i = 0; i < 9 * 4; i++) {
        int64_t k = sizes[i % 9][0], n = sizes[i % 9][1], rows = i < 18 ? 5 : 32;
        builder *b = build_start(600 + i, 2, DIMS(rows, k));
        bool turned = i % 2, matmul = i % 3 == 2;
        int w = build_constant(b, 2, turned && !matmul ? DIMS(n, k) : DIMS(k, n), 0.0, 0.1);
        int c = i % 5 == 0
                    ? -2
                    : build_constant(b, i % 5 == 1 ? 2 : 1, i % 5 == 1 ? DIMS(1, n) : &n, 0, 1);
        if (matmul) {
            build_node(b, "MatMul", INPUTS(0, w), 2, DIMS(rows, n));
        } else {
            build_node(b, "Gemm", INPUTS(0, w, c), 2, DIMS(rows, n));
            build_int(b, "transB", turned);
            build_float(b, "alpha", i % 4 ? 1.0f : 0.5f);
            build_float(b, "beta", i % 4 ? 1.0f : 2.0f);
        }
        if (i % 4 == 3) build_same(b, "Relu", b->graph.output);
        char text[64];
        snprintf(text, sizeof text, "product %d x %d x %d", (int)rows, (int)k, (int)n);
        check_graph(b, text);
    }
    builder *b = build_start(650, 3, DIMS(3, 4, 5)); /* both computed: attention */
    int t = build_node(b, "Transpose", INPUTS(0), 3, DIMS(3, 5, 4));
    build_ints(b, "perm", 3, DIMS(0, 2, 1));
    int s = build_node(b, "MatMul", INPUTS(0, t), 3, DIMS(3, 4, 4));
    int p = build_node(b, "Softmax", INPUTS(s), 3, DIMS(3, 4, 4));
    build_int(b, "axis", 2);
    int y = build_node(b, "MatMul", INPUTS(p, 0), 3, DIMS(3, 4, 5));
    int w = build_constant(b, 2, DIMS(5, 6), 0.0, 1.0);
    build_node(b, "MatMul", INPUTS(y, w), 3, DIMS(3, 4, 6));
    check_graph(b, "attention");
}

static int strassen_layers(const judd_graph *graph) {
    judd_engine *e = check_engine(graph, "onednn", 1);
    int n = 0;
    for (int i = 0; i < judd_engine_n_layers(e); i++) n += judd_engine_layer_at(e, i).strassen;
    judd_engine_destroy(e);
    return n;
}

/* Products large enough for Strassen's algorithm; where tokens come before the batch, rows of
 * several images would make pairs. */
static void test_large_products(void **state) {
    (void)state;
    for (uint64_t seed = 710; seed < 714; seed++) {
        int64_t n = 3, t = seed == 711 ? 51 : 60, in = 448, out = 512;
        bool turned = seed == 712;
        builder *b = build_start(seed, 3, DIMS(n, t, in));
        int w = build_constant(b, 2, DIMS(in, out), 0.0, 0.04), x = 0;
        int back = build_constant(b, 2, DIMS(out, in), 0.0, 0.04);
        int c = build_constant(b, 1, DIMS(out), 0.0, 0.3);
        int64_t rows = turned ? t : n, columns = turned ? n : t;
        if (turned) {
            x = build_node(b, "Transpose", INPUTS(0), 3, DIMS(t, n, in));
            build_ints(b, "perm", 3, DIMS(1, 0, 2));
        }
        int y = build_node(b, "MatMul", INPUTS(x, w), 3, DIMS(rows, columns, out));
        y = build_node(b, "Add", INPUTS(y, c), 3, DIMS(rows, columns, out));
        y = build_same(b, seed % 2 ? "Gelu" : "Relu", y);
        y = build_node(b, "MatMul", INPUTS(y, back), 3, DIMS(rows, columns, in));
        if (turned) {
            y = build_node(b, "Transpose", INPUTS(y), 3, DIMS(n, t, in));
            build_ints(b, "perm", 3, DIMS(1, 0, 2));
        }
        build_node(b, "Add", INPUTS(y, 0), 3, DIMS(n, t, in));
        assert_int_equal(strassen_layers(&b->graph), turned ? 0 : 2);
        check_graph(b, turned ? "large products, tokens first" : "large products");
    }
}

static void test_concat(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 24; i++) {
        int64_t c = channels[i % 8];
        builder *b = build_start(700 + i, 4, DIMS(3, c, 5, 4));
        int x = build_same(b, "Sigmoid", 0), y = build_same(b, "LeakyRelu", 0);
        int64_t d[4] = {3, c, 5, 4};
        int axis = 1 + (int)(i / 8);
        d[axis] *= 3;
        int z = build_node(b, "Concat", INPUTS(x, y, x), 4, d);
        build_int(b, "axis", axis);
        conv_shape one = {
            .out = 4, .groups = 1, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
        build_conv(b, z, &one);
        check_graph(b, "concat");
    }
}

static void test_rest(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 16; i++) {
        int64_t c = channels[i % 8];
        builder *b = build_start(800 + i, 4, DIMS(3, c, 5, 4));
        build_node(b, "LRN", INPUTS(0), 4, DIMS(3, c, 5, 4));
        build_int(b, "size", i < 8 ? 5 : 4);
        build_float(b, "alpha", 0.3f);
        build_float(b, "beta", 0.75f);
        build_float(b, "bias", 1.5f);
        check_graph(b, "LRN");
    }
    for (uint64_t i = 0; i < 10; i++) {
        builder *b = build_start(820 + i, i < 4 ? 2 : 4, i < 4 ? DIMS(5, 37) : DIMS(5, 6, 3, 2));
        build_node(b, i % 2 ? "Softmax" : "LogSoftmax", INPUTS(0), i < 4 ? 2 : 4,
                   i < 4 ? DIMS(5, 37) : DIMS(5, 6, 3, 2));
        build_int(b, "axis", i < 4 ? 1 : 1 + (int64_t)i / 2 % 3);
        check_graph(b, "softmax");
    }
    builder *b = build_start(840, 4, DIMS(3, 5, 6, 7));
    int y = build_same(b, "Sigmoid", 0);
    y = build_node(b, "Transpose", INPUTS(y), 4, DIMS(3, 7, 5, 6));
    build_ints(b, "perm", 4, DIMS(0, 3, 1, 2));
    y = build_node(b, "Pad", INPUTS(y), 4, DIMS(3, 8, 5, 9));
    build_ints(b, "pads", 8, DIMS(0, 1, -1, 1, 0, 0, 1, 2));
    build_float(b, "value", 0.5f);
    y = build_same(b, "Relu", y);
    y = build_node(b, "ReduceMean", INPUTS(y), 2, DIMS(3, 5));
    build_ints(b, "axes", 2, DIMS(1, 3));
    build_int(b, "keepdims", 0);
    y = build_node(b, "Unsqueeze", INPUTS(y), 3, DIMS(3, 1, 5));
    y = build_node(b, "Squeeze", INPUTS(y), 2, DIMS(3, 5));
    build_node(b, "Reshape", INPUTS(y), 3, DIMS(3, 5, 1));
    check_graph(b, "moves");
}

static void test_functions(void **state) {
    (void)state;
    static const char *const ops[] = {"Abs",  "Ceil",     "Celu",     "Elu",   "Erf",
                                      "Exp",  "Floor",    "Neg",      "Round", "Selu",
                                      "Sign", "Softplus", "Softsign", "Tanh",  "ThresholdedRelu"};
    for (uint64_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        builder *b = build_start(900 + i, 4, DIMS(3, channels[i % 8], 5, 4));
        int x = build_same(b, ops[i], 0);
        if (i % 3 == 2) build_float(b, "alpha", 0.7f);
        if (strcmp(ops[i], "Selu") == 0) build_float(b, "gamma", 1.1f);
        conv_shape one = {
            .out = 4, .groups = 1, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
        build_conv(b, x, &one); /* multiplies what pads the channels */
        check_graph(b, ops[i]);
    }
    static const char *const pairs[] = {"Max", "Min", "Pow", "PRelu"};
    for (uint64_t i = 0; i < 8; i++) {
        builder *b = build_start(930 + i, 4, DIMS(3, channels[i], 5, 4));
        int x = build_same(b, "Sigmoid", 0);
        int y = i < 4
                    ? build_constant(b, 3, DIMS(channels[i], 1, 1), 0.5, 0.1)
                    : build_node(b, "GlobalAveragePool", INPUTS(x), 4, DIMS(3, channels[i], 1, 1));
        build_binary(b, pairs[i % 4], x, y, x);
        check_graph(b, pairs[i % 4]);
    }
}

static void test_statistics(void **state) {
    (void)state;
    static const char *const ops[] = {"ReduceL1",   "ReduceL2",   "ReduceLogSumExp",
                                      "ReduceMax",  "ReduceMean", "ReduceMin",
                                      "ReduceProd", "ReduceSum",  "ReduceSumSquare"};
    for (uint64_t i = 0; i < 9; i++) {
        builder *b = build_start(950 + i, 4, DIMS(3, 5, 4, 6));
        build_node(b, ops[i], INPUTS(0), 2, DIMS(3, 6));
        build_ints(b, "axes", 2, DIMS(1, 2));
        build_int(b, "keepdims", 0);
        check_graph(b, ops[i]);
    }
    builder *b = build_start(970, 3, DIMS(4, 7, 33));
    int s = build_constant(b, 1, DIMS(33), 1.0, 0.3), t = build_constant(b, 1, DIMS(33), 0.0, 0.3);
    build_node(b, "LayerNormalization", INPUTS(0, s, t), 3, DIMS(4, 7, 33));
    build_int(b, "axis", 2);
    build_float(b, "epsilon", 1e-6f);
    check_graph(b, "layer norm");
    b = build_start(971, 4, DIMS(4, 7, 5, 3));
    s = build_constant(b, 1, DIMS(7), 1.0, 0.3);
    t = build_constant(b, 1, DIMS(7), 0.0, 0.3);
    build_node(b, "InstanceNormalization", INPUTS(0, s, t), 4, DIMS(4, 7, 5, 3));
    build_float(b, "epsilon", 1e-5f);
    check_graph(b, "instance norm");
}

/* What only the fast backend has kernels for: a layer norm of whole vectors and of the rest, GELU
 * behind a product, single numbers, a gate, convolutions with a stride as large as a patch. */
static void test_vectors(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        int64_t n = seed == 0 ? 5 : seed == 1 ? 64 : 133;
        builder *b = build_start(990 + seed, 3, DIMS(3, 6, n));
        int s = build_constant(b, 1, &n, 1.0, 0.3), t = build_constant(b, 1, &n, 0.0, 0.3);
        int w = build_constant(b, 2, DIMS(n, 37), 0.0, 0.3), c = build_constant(b, 0, NULL, 3, 1);
        int x = build_node(b, "LayerNormalization", INPUTS(0, s, t), 3, DIMS(3, 6, n));
        build_int(b, "axis", 2);
        build_float(b, "epsilon", 1e-6f);
        x = build_node(b, "MatMul", INPUTS(x, w), 3, DIMS(3, 6, 37));
        x = build_same(b, "Gelu", x);
        build_binary(b, seed == 0 ? "Add" : seed == 1 ? "Mul" : "Sub", x, c, x);
        check_graph(b, "vectors");
    }
    for (uint64_t seed = 0; seed < 6; seed++) {
        builder *b = build_start(1000 + seed, 4, DIMS(4, 3, 35, 26));
        conv_shape c = {.out = 8 + 5 * (int64_t)seed, .groups = 1, .bias = seed % 2};
        for (int d = 0; d < 2; d++) {
            c.kernel[d] = seed < 2 ? 11 : 4;
            c.stride[d] = 4;
            c.dilation[d] = 1;
            c.pads[d] = c.pads[d + 2] = seed < 2 ? 2 : 0;
        }
        static const char *const functions[] = {"Relu", "HardSwish", "Clip",
                                                "Gelu", "Sigmoid",   "Relu"};
        int x = build_same(b, functions[seed], build_conv(b, 0, &c));
        const int64_t *d = b->values[x].dims;
        int gate = build_node(b, "GlobalAveragePool", INPUTS(x), 4, DIMS(d[0], d[1], 1, 1));
        gate = build_same(b, "Sigmoid", gate);
        x = seed % 2 ? build_binary(b, "Mul", gate, x, x) : build_binary(b, "Mul", x, gate, x);
        conv_shape one = {
            .out = 9, .groups = 1, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
        build_same(b, "Gelu", build_conv(b, x, &one));
        check_graph(b, "image side");
    }
}

static void test_moves(void **state) {
    (void)state;
    builder *b = build_start(980, 4, DIMS(3, 19, 6, 7));
    int y = build_same(b, "Sigmoid", 0);
    y = build_node(b, "Slice", INPUTS(y), 4, DIMS(3, 9, 6, 3));
    build_ints(b, "starts", 4, DIMS(0, 17, 0, 1));
    build_ints(b, "steps", 4, DIMS(1, -2, 1, 2));
    y = build_node(b, "Gather", INPUTS(y), 4, DIMS(3, 4, 6, 3));
    build_int(b, "axis", 1);
    build_ints(b, "indices", 4, DIMS(8, 0, 3, 3));
    int c = build_constant(b, 1, DIMS(3), 0.5, 1.0), w = build_constant(b, 3, DIMS(4, 1, 1), 0, 1);
    for (int i = 0; i < 4; i++) ((float *)b->values[w].data)[i] = (float)(i % 2);
    y = build_node(b, "Where", INPUTS(w, y, c), 4, DIMS(3, 4, 6, 3));
    y = build_node(b, "ReduceMax", INPUTS(y), 4, DIMS(3, 4, 6, 1));
    build_ints(b, "axes", 1, DIMS(3));
    build_int(b, "keepdims", 1);
    y = build_node(b, "Expand", INPUTS(y), 4, DIMS(3, 4, 6, 5));
    for (int mode = 1; mode < 3; mode++) {
        y = build_node(b, "Pad", INPUTS(y), 4, DIMS(3, 4, 6 + 3 * mode, 5));
        build_ints(b, "pads", 8, DIMS(0, 0, 2, 0, 0, 0, 1, 0));
        build_int(b, "mode", mode);
    }
    check_graph(b, "moves");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolution), cmocka_unit_test(test_image_side),
        cmocka_unit_test(test_fused),       cmocka_unit_test(test_pooling),
        cmocka_unit_test(test_elementwise), cmocka_unit_test(test_binary),
        cmocka_unit_test(test_products),    cmocka_unit_test(test_large_products),
        cmocka_unit_test(test_concat),      cmocka_unit_test(test_rest),
        cmocka_unit_test(test_functions),   cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_moves),       cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

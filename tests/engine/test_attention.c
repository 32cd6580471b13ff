/* Attention as exporters write it becomes one step that moves nothing, and computes the same. */
#include "engine_check.h"

/* How many layers of `op` the engine makes of the graph, and how many layers in all. */
static int layers_of(const judd_graph *graph, const char *op, int *all) {
    judd_engine *e = check_engine(graph, "onednn", 1);
    int n = 0;
    *all = judd_engine_n_layers(e);
    for (int i = 0; i < *all; i++) n += strcmp(judd_engine_layer_at(e, i).op, op) == 0;
    judd_engine_destroy(e);
    return n;
}

static int transpose(builder *b, int x, int rank, const int64_t *dims, const int64_t *perm) {
    int y = build_node(b, "Transpose", INPUTS(x), rank, dims);
    build_ints(b, "perm", rank, perm);
    return y;
}

static int linear(builder *b, int x, int rank, const int64_t *dims, int64_t in) {
    int64_t out = dims[rank - 1];
    int w = build_constant(b, 2, DIMS(in, out), 0.0, 1.0 / sqrt((double)in));
    int c = build_constant(b, 1, &out, 0.0, 0.3);
    int y = build_node(b, "MatMul", INPUTS(x, w), rank, dims);
    return build_node(b, "Add", INPUTS(c, y), rank, dims);
}

static int softmax(builder *b, int x, int rank, const int64_t *dims) {
    int y = build_node(b, "Softmax", INPUTS(x), rank, dims);
    build_int(b, "axis", rank - 1);
    return y;
}

/* torch.nn.MultiheadAttention: tokens before the batch, heads cut out of rows. */
static builder *multihead(uint64_t seed, int64_t batch, int64_t t, int64_t heads, int64_t d,
                          bool mask) {
    int64_t width = heads * d, g = batch * heads;
    builder *b = build_start(seed, 3, DIMS(batch, t, width));
    int part[3], x = transpose(b, 0, 3, DIMS(t, batch, width), DIMS(1, 0, 2));
    x = linear(b, x, 3, DIMS(t, batch, 3 * width), width);
    for (int i = 0; i < 3; i++) {
        part[i] = build_node(b, "Slice", INPUTS(x), 3, DIMS(t, batch, width));
        build_ints(b, "starts", 3, DIMS(0, 0, i * width));
        build_ints(b, "steps", 3, DIMS(1, 1, 1));
        part[i] = build_node(b, "Reshape", INPUTS(part[i]), 3, DIMS(t, g, d));
    }
    int root = build_constant(b, 0, NULL, sqrt((double)d), 0.0);
    int q = transpose(b, part[0], 3, DIMS(g, t, d), DIMS(1, 0, 2));
    q = build_node(b, "Div", INPUTS(q, root), 3, DIMS(g, t, d));
    int k = transpose(b, part[1], 3, DIMS(g, d, t), DIMS(1, 2, 0));
    int v = transpose(b, part[2], 3, DIMS(g, t, d), DIMS(1, 0, 2));
    int s = build_node(b, "MatMul", INPUTS(q, k), 3, DIMS(g, t, t));
    if (mask) {
        int m = build_constant(b, 2, DIMS(t, t), 0.0, 1.0);
        for (int64_t i = 0; i + 1 < t; i++) ((float *)b->values[m].data)[i] = -INFINITY;
        s = build_node(b, "Add", INPUTS(s, m), 3, DIMS(g, t, t));
    }
    s = softmax(b, s, 3, DIMS(g, t, t));
    int y = build_node(b, "MatMul", INPUTS(s, v), 3, DIMS(g, t, d));
    y = transpose(b, y, 3, DIMS(t, g, d), DIMS(1, 0, 2));
    y = build_node(b, "Reshape", INPUTS(y), 2, DIMS(t * batch, width));
    int w = build_constant(b, 2, DIMS(width, width), 0.0, 0.3);
    y = build_node(b, "Gemm", INPUTS(y, w), 2, DIMS(t * batch, width));
    build_int(b, "transB", 1);
    build_float(b, "alpha", 1.0f);
    build_float(b, "beta", 1.0f);
    y = build_node(b, "Reshape", INPUTS(y), 3, DIMS(t, batch, width));
    y = transpose(b, y, 3, DIMS(batch, t, width), DIMS(1, 0, 2));
    build_node(b, "Add", INPUTS(y, 0), 3, DIMS(batch, t, width));
    return b;
}

static void test_multihead(void **state) {
    (void)state;
    const int64_t sizes[][4] = {{3, 7, 4, 6},   {2, 197, 3, 64}, {1, 5, 1, 8},
                                {4, 16, 2, 16}, {2, 33, 3, 17},  {1, 100, 2, 1}};
    for (uint64_t i = 0; i < 12; i++) {
        const int64_t *s = sizes[i / 2];
        builder *b = multihead(1100 + i, s[0], s[1], s[2], s[3], i % 2);
        char text[64];
        int all = 0;
        snprintf(text, sizeof text, "multihead %d x %d x %d", (int)s[1], (int)s[2], (int)s[3]);
        assert_int_equal(layers_of(&b->graph, "Attention", &all), 1);
        assert_int_equal(all, 4); /* product, attention, copy of the input, product onto it */
        check_graph(b, text);
    }
}

/* Swin: windows, a bias for every head and a mask for every window. Liu et al. 2021. */
static void test_windows(void **state) {
    (void)state;
    const int64_t n = 2, c = 16, heads = 2, g = n * 4; /* 2 x 2 windows of 2 x 3 */
    for (int seed = 0; seed < 2; seed++) {
        builder *b = build_start(1150 + (uint64_t)seed, 4, DIMS(n, 4, 6, c));
        int part[3], x = build_node(b, "Pad", INPUTS(0), 4, DIMS(n, 4, 6, c));
        build_ints(b, "pads", 8, DIMS(0, 0, 0, 0, 0, 0, 0, 0));
        build_int(b, "mode", 0);
        x = build_node(b, "Reshape", INPUTS(x), 6, DIMS(n, 2, 2, 2, 3, c));
        x = transpose(b, x, 6, DIMS(n, 2, 2, 2, 3, c), DIMS(0, 1, 3, 2, 4, 5));
        x = build_node(b, "Reshape", INPUTS(x), 3, DIMS(g, 6, c));
        x = linear(b, x, 3, DIMS(g, 6, 3 * c), c);
        x = build_node(b, "Reshape", INPUTS(x), 5, DIMS(g, 6, 3, heads, 8));
        x = transpose(b, x, 5, DIMS(3, g, heads, 6, 8), DIMS(2, 0, 3, 1, 4));
        for (int i = 0; i < 3; i++) {
            part[i] = build_node(b, "Gather", INPUTS(x), 4, DIMS(g, heads, 6, 8));
            build_int(b, "axis", 0);
            build_ints(b, "indices", 1, DIMS(i));
        }
        int scale = build_constant(b, 0, NULL, 0.4, 0.0);
        int q = build_node(b, "Mul", INPUTS(part[0], scale), 4, DIMS(g, heads, 6, 8));
        int k = transpose(b, part[1], 4, DIMS(g, heads, 8, 6), DIMS(0, 1, 3, 2));
        int s = build_node(b, "MatMul", INPUTS(q, k), 4, DIMS(g, heads, 6, 6));
        int bias = build_constant(b, 4, DIMS(1, heads, 6, 6), 0.0, 1.0);
        int mask = build_constant(b, 5, DIMS(1, 4, 1, 6, 6), 0.0, 1.0);
        s = build_node(b, "Add", INPUTS(s, bias), 4, DIMS(g, heads, 6, 6));
        s = build_node(b, "Reshape", INPUTS(s), 5, DIMS(n, 4, heads, 6, 6));
        s = build_node(b, "Add", INPUTS(s, mask), 5, DIMS(n, 4, heads, 6, 6));
        s = build_node(b, "Reshape", INPUTS(s), 4, DIMS(g, heads, 6, 6));
        if (seed) s = build_node(b, "Mul", INPUTS(s, scale), 4, DIMS(g, heads, 6, 6));
        s = softmax(b, s, 4, DIMS(g, heads, 6, 6));
        int y = build_node(b, "MatMul", INPUTS(s, part[2]), 4, DIMS(g, heads, 6, 8));
        y = transpose(b, y, 4, DIMS(g, 6, heads, 8), DIMS(0, 2, 1, 3));
        y = build_node(b, "Reshape", INPUTS(y), 3, DIMS(g, 6, c));
        y = linear(b, y, 3, DIMS(g, 6, c), c);
        y = build_node(b, "Reshape", INPUTS(y), 6, DIMS(n, 2, 2, 2, 3, c));
        y = transpose(b, y, 6, DIMS(n, 2, 2, 2, 3, c), DIMS(0, 1, 3, 2, 4, 5));
        y = build_node(b, "Reshape", INPUTS(y), 4, DIMS(n, 4, 6, c));
        build_node(b, "Add", INPUTS(0, y), 4, DIMS(n, 4, 6, c));
        int all = 0, found = layers_of(&b->graph, "Attention", &all);
        assert_int_equal(found, seed ? 0 : 1); /* a scale behind a mask is another function */
        if (!seed) assert_int_equal(all, 4);
        check_graph(b, "windows");
    }
}

/* Values that others read too, or that lie the other way round, stay right. */
static void test_shared(void **state) {
    (void)state;
    builder *b = build_start(1160, 4, DIMS(2, 3, 10, 8));
    int k = transpose(b, 0, 4, DIMS(2, 3, 8, 10), DIMS(0, 1, 3, 2));
    int q = build_same(b, "Sigmoid", 0);
    int s = build_node(b, "MatMul", INPUTS(q, k), 4, DIMS(2, 3, 10, 10));
    int p = softmax(b, s, 4, DIMS(2, 3, 10, 10));
    int y = build_node(b, "MatMul", INPUTS(p, q), 4, DIMS(2, 3, 10, 8));
    y = transpose(b, y, 4, DIMS(2, 3, 8, 10), DIMS(0, 1, 3, 2));
    build_node(b, "Add", INPUTS(y, k), 4, DIMS(2, 3, 8, 10));
    int all = 0;
    assert_int_equal(layers_of(&b->graph, "Attention", &all), 1);
    check_graph(b, "shared");
    b = build_start(1161, 3, DIMS(2, 6, 6)); /* the scores are used again: no attention */
    k = transpose(b, 0, 3, DIMS(2, 6, 6), DIMS(0, 2, 1));
    s = build_node(b, "MatMul", INPUTS(0, k), 3, DIMS(2, 6, 6));
    p = softmax(b, s, 3, DIMS(2, 6, 6));
    y = build_node(b, "MatMul", INPUTS(p, 0), 3, DIMS(2, 6, 6));
    build_node(b, "Add", INPUTS(y, s), 3, DIMS(2, 6, 6));
    assert_int_equal(layers_of(&b->graph, "Attention", &all), 0);
    check_graph(b, "scores read twice");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_multihead),
                                       cmocka_unit_test(test_windows),
                                       cmocka_unit_test(test_shared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

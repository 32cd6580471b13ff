/* Networks in bfloat16 against the plain loops in float32. Needs AVX-512: oneDNN puts products of
 * bfloat16 together from other instructions where the CPU has none, so these tests also run where
 * jobs are refused (tests/emulated).
 * test_bf16 MODEL.onnx: the features of that network in both precisions, for noise. */
#include "engine_check.h"

enum { BATCH = 3 };

/* bfloat16 keeps 8 bits: rounding errs by up to 2^-9 of a number, and errors of different layers
 * and terms mostly cancel. */
static const double MOST_ERROR = 2e-2, LEAST_COSINE = 0.9995;

static judd_engine *make_as(const judd_graph *graph, const char *backend, int threads,
                            judd_precision precision) {
    judd_engine *e = NULL;
    judd_engine_options o = JUDD_ENGINE_DEFAULTS;
    o.backend = backend;
    o.threads = threads;
    o.precision = precision;
    if (judd_engine_create(&e, graph, &o) != JUDD_OK) fail_msg("%s", judd_status_message());
    return e;
}

static judd_engine *make(const judd_graph *graph, const char *backend, int threads) {
    return make_as(graph, backend, threads, JUDD_BF16);
}

static double cosine(const float *x, const float *y, int64_t n) {
    double xx = 0.0, yy = 0.0, xy = 0.0;
    for (int64_t i = 0; i < n; i++) {
        xx += (double)x[i] * (double)x[i];
        yy += (double)y[i] * (double)y[i];
        xy += (double)x[i] * (double)y[i];
    }
    return xy / sqrt(xx * yy);
}

static int count_bf16(const judd_engine *e) {
    int n = 0;
    for (int i = 0; i < judd_engine_n_layers(e); i++) n += judd_engine_layer_at(e, i).bf16;
    return n;
}

/* Ends the builder. At least n_bf16 layers must be in bfloat16. integers: inputs are small whole
 * numbers; the error allowed is `most`. */
static void check(builder *b, const char *what, int n_bf16, bool integers, double most) {
    const judd_graph_value *x = &b->values[b->graph.inputs[0]];
    int64_t batch = x->dims[0], size = build_size(b, b->graph.inputs[0]) / batch;
    judd_engine *reference = make(&b->graph, "reference", 1), *e = make(&b->graph, "onednn", 1);
    judd_engine *two = make(&b->graph, "onednn", 2);
    int64_t dim = judd_engine_dim(e), n = batch * dim;
    float *in = malloc((size_t)(batch * size) * sizeof *in);
    float *want = malloc((size_t)n * sizeof *want), *got = malloc((size_t)n * sizeof *got);
    for (int64_t i = 0; i < batch * size; i++)
        in[i] = integers ? (float)build_below(b, 17) - 8.0f : (float)build_normal(b);
    check_run(reference, in, want);
    check_run(e, in, got);
    double error = check_error(got, want, n), least = 1.0;
    for (int64_t i = 0; i < batch; i++)
        least = fmin(least, cosine(got + i * dim, want + i * dim, dim));
    print_message("%s: %d of %d layers in bfloat16, relative error %.2g, least cosine %.6f\n", what,
                  count_bf16(e), judd_engine_n_layers(e), error, least);
    assert_true(count_bf16(e) >= n_bf16);
    if (!(error <= most)) fail_msg("%s: relative error %.3g", what, error);
    if (!integers && error < 1e-5) fail_msg("%s: float32, not bfloat16", what);
    if (!(least >= LEAST_COSINE)) fail_msg("%s: cosine %.6f", what, least);
    check_places(e, batch, size, in, got, what);
    check_run(two, in, want);
    if (memcmp(want, got, (size_t)n * sizeof *got) != 0) fail_msg("%s: threads change bits", what);
    free(in);
    free(want);
    free(got);
    judd_engine_destroy(reference);
    judd_engine_destroy(e);
    judd_engine_destroy(two);
    build_end(b);
}

static int conv(builder *b, int x, int64_t out, int64_t groups, int64_t kernel, int64_t stride) {
    conv_shape c = {out,
                    groups,
                    {kernel, kernel},
                    {stride, stride},
                    {1, 1},
                    {kernel / 2, kernel / 2, kernel / 2, kernel / 2},
                    true};
    return build_conv(b, x, &c);
}

/* As build_constant, of whole numbers -4 .. 4: bfloat16 holds them, and float32 their sums. */
static int whole_numbers(builder *b, int rank, const int64_t *dims) {
    int v = build_constant(b, rank, dims, 0.0, 1.0);
    float *data = (float *)(uintptr_t)b->values[v].data;
    for (int64_t i = 0; i < build_size(b, v); i++) data[i] = (float)build_below(b, 9) - 4.0f;
    return v;
}

/* Nothing rounds: every weight must meet its number, to the bit. */
static void test_product(void **state) {
    (void)state;
    for (int turned = 0; turned < 2; turned++)
        for (int64_t k = 24; k <= 72; k += 48) {
            builder *b = build_start(300 + (uint64_t)k, 3, DIMS(BATCH, 7, k));
            int w = whole_numbers(b, 2, DIMS(k, 40));
            build_node(b, "MatMul", INPUTS(0, w), 3, DIMS(BATCH, 7, 40));
            if (turned) { /* Gemm wants two dimensions */
                build_end(b);
                b = build_start(310 + (uint64_t)k, 2, DIMS(BATCH, k));
                w = whole_numbers(b, 2, DIMS(40, k));
                build_node(b, "Gemm", INPUTS(0, w, whole_numbers(b, 1, DIMS(40))), 2,
                           DIMS(BATCH, 40));
                build_int(b, "transB", 1);
            }
            check(b, turned ? "Gemm" : "MatMul", 1, true, 0.0);
        }
}

/* Image side, strides, pooling, a sum, a depthwise and a grouped convolution, ends of channels that
 * fill no vector, a mean in float32, and the last product. */
static void test_images(void **state) {
    (void)state;
    builder *b = build_start(320, 4, DIMS(BATCH, 3, 32, 32));
    int x = build_same(b, "Relu", build_norm(b, conv(b, 0, 32, 1, 3, 2)));
    conv_shape pool = {0, 1, {2, 2}, {2, 2}, {1, 1}, {0, 0, 0, 0}, false};
    x = build_pool(b, "MaxPool", x, &pool, false);
    int y = build_same(b, "Relu", conv(b, x, 48, 1, 1, 1));
    y = build_same(b, "Relu", conv(b, y, 48, 48, 3, 1));
    y = conv(b, y, 32, 1, 3, 1);
    x = build_same(b, "Relu", build_binary(b, "Add", x, y, x));
    x = build_same(b, "HardSwish", conv(b, x, 40, 1, 3, 2));
    x = build_node(b, "GlobalAveragePool", INPUTS(x), 4, DIMS(BATCH, 40, 1, 1));
    x = build_node(b, "Flatten", INPUTS(x), 2, DIMS(BATCH, 40));
    int w = build_constant(b, 2, DIMS(40, 10), 0.0, 0.2);
    build_node(b, "Gemm", INPUTS(x, w, build_constant(b, 1, DIMS(10), 0.0, 0.1)), 2,
               DIMS(BATCH, 10));
    check(b, "a network for images", 5, false, MOST_ERROR); /* and the depthwise one on some CPUs */
}

/* The feed-forward half of a transformer's block, twice: GELU goes into the first product, the sum
 * into the second. */
static void test_tokens(void **state) {
    (void)state;
    builder *b = build_start(330, 3, DIMS(BATCH, 9, 64));
    for (int block = 0, x = 0; block < 2; block++) {
        int norm = build_node(b, "LayerNormalization",
                              INPUTS(x, build_constant(b, 1, DIMS(64), 1.0, 0.1),
                                     build_constant(b, 1, DIMS(64), 0.0, 0.1)),
                              3, DIMS(BATCH, 9, 64));
        build_int(b, "axis", 2);
        int h = build_node(b, "MatMul", INPUTS(norm, build_constant(b, 2, DIMS(64, 128), 0, 0.1)),
                           3, DIMS(BATCH, 9, 128));
        h = build_same(b, "Gelu", h);
        h = build_node(b, "MatMul", INPUTS(h, build_constant(b, 2, DIMS(128, 64), 0, 0.1)), 3,
                       DIMS(BATCH, 9, 64));
        x = build_binary(b, "Add", x, h, x);
    }
    check(b, "a network for tokens", 4, false, MOST_ERROR);
}

/* Engines of both precisions in one process, the later one float32. */
static void test_float32_beside(void **state) {
    (void)state;
    builder *b = build_start(340, 4, DIMS(BATCH, 16, 8, 8));
    conv(b, 0, 32, 1, 3, 1);
    double error = check_graph(b, "float32 beside bfloat16");
    assert_true(error <= TOLERANCE);
}

static int compare(const char *model) {
    judd_graph *graph = NULL;
    const char *const taps[] = {"penultimate"};
    judd_graph_options options = {.batch = 1, .taps = taps, .n_taps = 1};
    if (judd_graph_load(&graph, model, &options) != JUDD_OK) {
        printf("%s\n", judd_status_message());
        return 1;
    }
    judd_engine *e = make(graph, "onednn", 1), *exact = make_as(graph, "onednn", 1, JUDD_FLOAT32);
    int64_t size = judd_graph_size(&graph->values[graph->inputs[0]]), dim = judd_engine_dim(e);
    float *in = malloc((size_t)size * sizeof *in);
    float *got = malloc((size_t)dim * sizeof *got), *want = malloc((size_t)dim * sizeof *want);
    for (int64_t i = 0; i < size; i++)
        in[i] = (float)judd_rng_normal(1, JUDD_RNG_WEIGHTS, 7, (uint64_t)i);
    check_run(e, in, got);
    check_run(exact, in, want);
    printf("%s: %d of %d layers in bfloat16, relative error of %d features %.2g, cosine %.6f\n",
           model, count_bf16(e), judd_engine_n_layers(e), (int)dim, check_error(got, want, dim),
           cosine(got, want, dim));
    free(in);
    free(got);
    free(want);
    judd_engine_destroy(e);
    judd_engine_destroy(exact);
    judd_graph_destroy(graph);
    return 0;
}

int main(int argc, char **argv) {
    int isa = judd_engine_isa(JUDD_BF16);
    if (isa < judd_engine_isa(JUDD_FLOAT32) || strncmp(judd_engine_isa_name(isa), "avx512", 6)) {
        printf("skipped: instruction set %s has no AVX-512, which bfloat16 needs\n",
               judd_engine_isa_name(isa));
        return 77;
    }
    printf("instruction set %s%s\n", judd_engine_isa_name(isa),
           judd_engine_isa_has_bf16(isa) ? "" : ": products of bfloat16 put together by oneDNN");
    judd_engine_limit_isa(isa); /* before float32 cuts it */
    if (argc > 1) return compare(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_product),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_float32_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

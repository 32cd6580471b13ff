/* Winograd's algorithm against sums in float64, and the promise of equal bits: whatever the
 * instruction set, the sizes of blocks, the threads, the place in the batch. */
#include "engine/onednn.h"
#include "engine/winograd.h"
#include "engine_check.h"

/* 36 terms of a channel meet in a tile's transforms: about 4 times the rounding of direct sums. */
static const double ERROR = 5e-6;

typedef struct problem {
    judd_winograd_problem p; /* shapes without blocks */
    int64_t end[2];
    float *src, *residual, *weights, *bias; /* plain */
    double *want, largest;                  /* largest before the activation */
    int64_t n_src, n_dst;
} problem;

static float *normals(int64_t n, uint64_t stream, double scale) {
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(scale * judd_rng_normal(stream, JUDD_RNG_WEIGHTS, 1, (uint64_t)i));
    return x;
}

static double clamp(judd_activation f, double x) {
    if (f.kind == JUDD_ACTIVATION_RELU) return fmax(x, 0.0);
    if (f.kind == JUDD_ACTIVATION_CLIP) return fmin(fmax(x, (double)f.alpha), (double)f.beta);
    return x;
}

static double output_at(const problem *q, int64_t n, int64_t o, int64_t y, int64_t x) {
    const int64_t *s = q->p.src.dims, r = q->p.kernel;
    double sum = q->bias ? (double)q->bias[o] : 0.0;
    for (int64_t c = 0; c < s[1]; c++)
        for (int64_t k = 0; k < r * r; k++) {
            int64_t i = y + k / r - q->p.begin[0], j = x + k % r - q->p.begin[1];
            if (i < 0 || j < 0 || i >= s[2] || j >= s[3]) continue;
            sum += (double)q->weights[(o * s[1] + c) * r * r + k] *
                   (double)q->src[((n * s[1] + c) * s[2] + i) * s[3] + j];
        }
    return sum;
}

static void reference(problem *q) {
    const int64_t *d = q->p.dst.dims, pool = q->p.pool ? 2 : 1;
    int64_t at = 0;
    q->want = malloc((size_t)q->n_dst * sizeof *q->want);
    for (int64_t n = 0; n < d[0]; n++)
        for (int64_t o = 0; o < d[1]; o++)
            for (int64_t y = 0; y < d[2]; y++)
                for (int64_t x = 0; x < d[3]; x++, at++) {
                    double sum = -INFINITY;
                    for (int64_t i = 0; i < pool; i++)
                        for (int64_t j = 0; j < pool; j++)
                            sum = fmax(sum, output_at(q, n, o, pool * y + i, pool * x + j));
                    if (q->residual) sum += (double)q->residual[at];
                    q->largest = fmax(q->largest, fabs(sum));
                    q->want[at] = clamp(q->p.activation, sum);
                }
}

static problem problem_make(uint64_t stream, int64_t kernel, const int64_t src[4], int64_t out,
                            const int64_t begin[2], const int64_t end[2]) {
    int64_t cells = kernel * kernel;
    problem q = {.p = {.src = {.rank = 4}, .dst = {.rank = 4}, .kernel = kernel},
                 .end = {end[0], end[1]}};
    q.p.pool = kernel == 3 && stream % 4 == 2; /* a residual: 1 */
    memcpy(q.p.src.dims, src, 4 * sizeof *src);
    q.p.dst.dims[0] = src[0];
    q.p.dst.dims[1] = out;
    for (int i = 0; i < 2; i++) {
        q.p.begin[i] = begin[i];
        q.p.dst.dims[2 + i] = src[2 + i] + begin[i] + end[i] + 1 - kernel;
        if (q.p.pool) q.p.dst.dims[2 + i] = (q.p.dst.dims[2 + i] + 1) / 2;
    }
    q.n_src = judd_net_elements(4, q.p.src.dims);
    q.n_dst = judd_net_elements(4, q.p.dst.dims);
    q.src = normals(q.n_src, 4 * stream, 1.0);
    q.weights = normals(out * src[1] * cells, 4 * stream + 1, sqrt(2.0 / (double)(cells * src[1])));
    if (stream % 3) q.bias = normals(out, 4 * stream + 2, 0.5);
    if (stream % 4 == 1) q.residual = normals(q.n_dst, 4 * stream + 3, 1.0);
    q.p.weights = q.weights;
    q.p.bias = q.bias;
    q.p.residual = q.residual != NULL;
    if (stream % 5 < 2) q.p.activation.kind = JUDD_ACTIVATION_RELU;
    if (stream % 5 == 2)
        q.p.activation =
            (judd_activation){.kind = JUDD_ACTIVATION_CLIP, .alpha = 0.1f, .beta = 0.8f};
    reference(&q);
    return q;
}

static void problem_free(problem *q) {
    free(q->src);
    free(q->residual);
    free(q->weights);
    free(q->bias);
    free(q->want);
}

static int64_t blocked_at(const int64_t *d, int block, int64_t i) {
    int64_t pixels = d[2] * d[3], blocks = (d[1] + block - 1) / block;
    int64_t n = i / pixels / d[1], c = i / pixels % d[1];
    return ((n * blocks + c / block) * pixels + i % pixels) * block + c % block;
}

/* Plain to blocked, zeros in the padding. */
static float *block_of(const judd_operand *o, const float *plain) {
    float *x = NULL;
    assert_int_equal(judd_memory_alloc(&x, judd_net_bytes(o), 1), JUDD_OK);
    for (int64_t i = 0; plain && i < judd_net_elements(4, o->dims); i++)
        x[blocked_at(o->dims, o->block, i)] = plain[i];
    return x;
}

/* Runs in `parts` shares, in any order; the result plain in got[n_dst]. */
static void run(const problem *q, const judd_winograd_kernel *kernel, int64_t tiles,
                int64_t channels, int parts, float *got) {
    judd_winograd *w = NULL;
    judd_winograd_problem p = q->p;
    p.src.layout = p.dst.layout = JUDD_BLOCKED;
    p.src.block = p.dst.block = kernel->width;
    p.block_tiles = tiles;
    p.pass_channels = channels;
    if (judd_winograd_create(&w, kernel, &p) != JUDD_OK) fail_msg("%s", judd_status_message());
    float *src = block_of(&p.src, q->src), *dst = block_of(&p.dst, q->residual);
    void *workspace = NULL;
    assert_int_equal(judd_memory_alloc(&workspace, judd_winograd_workspace(w), 1), JUDD_OK);
    for (int part = parts - 1; part >= 0; part--)
        judd_winograd_run(w, src, dst, workspace, part, parts);
    for (int64_t i = 0; i < q->n_dst; i++) {
        int64_t at = blocked_at(p.dst.dims, p.dst.block, i);
        got[i] = dst[at];
        dst[at] = 0.0f;
    }
    for (int64_t i = 0; i < judd_net_bytes(&p.dst) / (int64_t)sizeof *dst; i++)
        if (dst[i] != 0.0f) fail_msg("%s: something in a padded channel", kernel->isa);
    judd_winograd_destroy(w);
    free(workspace);
    free(src);
    free(dst);
}

static int kernels_here(const judd_winograd_kernel *kernels[3]) {
    int n = 0;
    kernels[n++] = judd_winograd_generic();
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        kernels[n++] = judd_winograd_avx2();
    if (__builtin_cpu_supports("avx512f")) kernels[n++] = judd_winograd_avx512();
#endif
    return n;
}

static double error_of(const problem *q, const float *got) {
    double error = 0.0;
    for (int64_t i = 0; i < q->n_dst; i++) {
        error = fmax(error, fabs((double)got[i] - q->want[i]));
        if (isnan(got[i])) return INFINITY;
    }
    return error / q->largest;
}

/* Every kernel, default and odd blocks, some numbers of threads: right, and the same bits. */
static double check(const problem *q, const char *what) {
    const judd_winograd_kernel *kernels[3];
    float *first = malloc((size_t)q->n_dst * sizeof *first);
    float *other = malloc((size_t)q->n_dst * sizeof *other);
    int n = kernels_here(kernels);
    run(q, kernels[0], 0, 0, 1, first);
    double error = error_of(q, first);
    if (error > ERROR) fail_msg("%s: relative error %.3g", what, error);
    for (int k = 0; k < n; k++)
        for (int v = 0; v < 4; v++) {
            static const int64_t blocks[4][3] = {
                {0, 0, 1}, {1, 1, 2}, {13, 48, 3}, {1000, 1000, 7}};
            run(q, kernels[k], blocks[v][0], blocks[v][1], (int)blocks[v][2], other);
            if (memcmp(first, other, (size_t)q->n_dst * sizeof *first) != 0)
                fail_msg("%s: other bits with %s, blocks of %d tiles", what, kernels[k]->isa,
                         (int)blocks[v][0]);
        }
    free(first);
    free(other);
    return error;
}

static void test_shapes(void **state) {
    (void)state;
    static const int64_t channels[] = {1, 3, 5, 8, 15, 16, 17, 24, 31, 32, 40, 70};
    double worst = 0.0;
    for (uint64_t s = 0; s < 60; s++) {
        builder b = {.stream = s};
        int64_t kernel = s % 2 ? 5 : 3;
        int64_t src[4] = {1 + build_below(&b, 3), channels[build_below(&b, 12)],
                          kernel + build_below(&b, 12), kernel + build_below(&b, 19)};
        int64_t out = channels[build_below(&b, 12)];
        int64_t begin[2] = {build_below(&b, kernel), build_below(&b, kernel)};
        int64_t end[2] = {build_below(&b, kernel), build_below(&b, kernel)};
        problem q = problem_make(s, kernel, src, out, begin, end);
        char text[128];
        snprintf(text, sizeof text, "seed %d: kernel %d, %d x %d x %d x %d to %d", (int)s,
                 (int)kernel, (int)src[0], (int)src[1], (int)src[2], (int)src[3], (int)out);
        worst = fmax(worst, check(&q, text));
        problem_free(&q);
    }
    print_message("largest relative error %.2g\n", worst);
}

/* Not-a-numbers stay in their image, and are not hidden by the activation. */
static void test_nan(void **state) {
    (void)state;
    const int64_t one[2] = {1, 1};
    problem q = problem_make(6, 3, DIMS(3, 20, 9, 10), 21, one, one);
    const judd_winograd_kernel *kernels[3];
    float *got = malloc((size_t)q.n_dst * sizeof *got);
    int64_t image = q.n_dst / 3;
    for (int64_t i = 0; i < q.n_src / 3; i++) q.src[q.n_src / 3 + i] = NAN;
    int n = kernels_here(kernels);
    for (int k = 0; k < n; k++) {
        run(&q, kernels[k], 0, 0, 1, got); /* padded channels are zero even then */
        for (int64_t i = 0; i < q.n_dst; i++)
            if (isnan(got[i]) != (i / image == 1))
                fail_msg("%s: output %d", kernels[k]->isa, (int)i);
    }
    free(got);
    problem_free(&q);
}

/* Errors grow with the channels: as documented, a few times those of direct sums. */
static void test_accuracy(void **state) {
    (void)state;
    static const int64_t channels[] = {64, 256, 512};
    const int64_t one[2] = {1, 1};
    const judd_winograd_kernel *kernels[3];
    int n = kernels_here(kernels);
    for (int i = 0; i < 6; i++) {
        int64_t kernel = i < 3 ? 3 : 5;
        problem q =
            problem_make((uint64_t)(10 + i), kernel, DIMS(1, channels[i % 3], 9, 10), 64, one, one);
        float *got = malloc((size_t)q.n_dst * sizeof *got);
        run(&q, kernels[n - 1], 0, 0, 1, got);
        double error = error_of(&q, got);
        print_message("%d x %d, %d channels: relative error %.2g\n", (int)kernel, (int)kernel,
                      (int)channels[i % 3], error);
        assert_true(error > 0.0 && error <= ERROR);
        free(got);
        problem_free(&q);
    }
}

/* ---- in the engine --------------------------------------------------------------------------- */

typedef struct twist {
    int64_t in, out, height, width, kernel, stride, dilation, groups;
    const char *after;
    bool winograd;
} twist;

static builder *twisted(const twist *t, uint64_t seed) {
    builder *b = build_start(seed, 4, DIMS(4, t->in, t->height, t->width));
    conv_shape c = {.out = t->out,
                    .groups = t->groups,
                    .kernel = {t->kernel, t->kernel},
                    .stride = {t->stride, t->stride},
                    .dilation = {t->dilation, t->dilation},
                    .pads = {1, 1, 1, 1},
                    .bias = true};
    int y = build_conv(b, 0, &c);
    if (strcmp(t->after, "Add") == 0)
        y = build_same(b, "Relu", build_binary(b, "Add", y, 0, y));
    else if (t->after[0])
        y = build_same(b, t->after, y);
    return b;
}

static int winograd_layers(const judd_engine *e) {
    int n = 0;
    for (int i = 0; i < judd_engine_n_layers(e); i++) n += judd_engine_layer_at(e, i).winograd;
    return n;
}

static void test_choice(void **state) {
    (void)state;
    bool possible = judd_winograd_kernel_of(judd_onednn_isa(JUDD_FLOAT32)) != NULL;
    static const twist twists[] = {
        {32, 32, 13, 9, 3, 1, 1, 1, "Add", true},      {20, 37, 8, 17, 3, 1, 1, 1, "Clip", true},
        {64, 16, 28, 28, 3, 1, 1, 1, "", true},        {16, 16, 32, 32, 3, 1, 1, 1, "Relu", true},
        {32, 32, 13, 9, 3, 2, 1, 1, "", false},        {32, 32, 13, 9, 3, 1, 2, 1, "", false},
        {64, 32, 13, 9, 5, 1, 1, 1, "Relu", true},     {48, 32, 13, 9, 5, 1, 1, 1, "", false},
        {32, 32, 13, 9, 7, 1, 1, 1, "", false},        {32, 32, 13, 9, 3, 1, 1, 2, "", false},
        {32, 32, 13, 9, 3, 1, 1, 1, "Sigmoid", false}, {3, 32, 13, 9, 3, 1, 1, 1, "", false}};
    for (int i = 0; i < (int)(sizeof twists / sizeof *twists); i++) {
        builder *b = twisted(&twists[i], (uint64_t)(900 + i));
        judd_engine *e = check_engine(&b->graph, "onednn", 1), *direct = NULL;
        assert_int_equal(winograd_layers(e), possible && twists[i].winograd);
        judd_engine_options o = JUDD_ENGINE_DEFAULTS;
        o.winograd = false;
        assert_int_equal(judd_engine_create(&direct, &b->graph, &o), JUDD_OK);
        assert_int_equal(winograd_layers(direct), 0);
        judd_engine_destroy(e);
        judd_engine_destroy(direct);
        check_graph(b, "a twisted convolution"); /* bits: places, neighbours, threads */
    }
}

/* A pooling of pairs goes into the convolution; any other stays. */
static void test_pooled(void **state) {
    (void)state;
    bool possible = judd_winograd_kernel_of(judd_onednn_isa(JUDD_FLOAT32)) != NULL;
    for (int i = 0; i < 6; i++) {
        twist t = {24, 20, 17 + i, 22 - i, 3, 1, 1, 1, i % 2 ? "Relu" : "", true};
        builder *b = twisted(&t, (uint64_t)(950 + i));
        conv_shape pool = {.kernel = {2, 2}, .stride = {2, 2}, .dilation = {1, 1}};
        if (i == 4) pool.kernel[1] = 3;
        if (i == 5) pool.stride[0] = 1;
        int y = build_pool(b, "MaxPool", b->graph.output, &pool, false);
        if (i == 3) build_same(b, "Sigmoid", y);
        judd_engine *e = check_engine(&b->graph, "onednn", 1);
        int pools = 0;
        for (int k = 0; k < judd_engine_n_layers(e); k++)
            pools += strcmp(judd_engine_layer_at(e, k).op, "MaxPool") == 0;
        assert_int_equal(pools, !possible || i >= 4);
        judd_engine_destroy(e);
        check_graph(b, "a pooled convolution");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes), cmocka_unit_test(test_nan), cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_choice), cmocka_unit_test(test_pooled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

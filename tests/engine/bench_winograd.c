/* bench_winograd [NET]: Winograd against oneDNN's direct convolution, turn by turn in
 * one process, batch 8: milliseconds (medians), ratio, GFLOP/s of the direct count, errors.
 * bench_winograd grid: the same for small images, small batches and few channels.
 * bench_winograd tune: milliseconds for every size of the blocks. */
#include "engine/onednn.h"
#include "engine/winograd.h"

#include <judd/base/clock.h>
#include <judd/base/rng.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_RUNS = 64 };

typedef struct layer {
    const char *net;
    int64_t in, height, width, out, pad, batch, kernel;
} layer;

static const layer layers[] = {
    {"VGG-16", 64, 224, 224, 64, 1, 8, 3},    {"VGG-16", 64, 112, 112, 128, 1, 8, 3},
    {"VGG-16", 128, 112, 112, 128, 1, 8, 3},  {"VGG-16", 128, 56, 56, 256, 1, 8, 3},
    {"VGG-16", 256, 56, 56, 256, 1, 8, 3},    {"VGG-16", 256, 28, 28, 512, 1, 8, 3},
    {"VGG-16", 512, 28, 28, 512, 1, 8, 3},    {"VGG-16", 512, 14, 14, 512, 1, 8, 3},
    {"ResNet", 64, 56, 56, 64, 1, 8, 3},      {"ResNet", 128, 28, 28, 128, 1, 8, 3},
    {"ResNet", 256, 14, 14, 256, 1, 8, 3},    {"ResNet", 512, 7, 7, 512, 1, 8, 3},
    {"Inception", 32, 149, 149, 32, 0, 8, 3}, {"Inception", 32, 147, 147, 64, 1, 8, 3},
    {"Inception", 80, 73, 73, 192, 0, 8, 3},  {"Inception", 64, 35, 35, 96, 1, 8, 3},
    {"Inception", 96, 35, 35, 96, 1, 8, 3},   {"Inception", 448, 8, 8, 384, 1, 8, 3},
    {"SqueezeNet", 16, 54, 54, 64, 1, 8, 3},  {"SqueezeNet", 32, 27, 27, 128, 1, 8, 3},
    {"SqueezeNet", 48, 27, 27, 192, 1, 8, 3}, {"SqueezeNet", 64, 13, 13, 256, 1, 8, 3},
    {"DenseNet", 128, 56, 56, 32, 1, 8, 3},   {"DenseNet", 128, 28, 28, 32, 1, 8, 3},
    {"DenseNet", 128, 14, 14, 32, 1, 8, 3},   {"DenseNet", 128, 7, 7, 32, 1, 8, 3},
    {"resnet20", 16, 32, 32, 16, 1, 8, 3},    {"resnet20", 32, 16, 16, 32, 1, 8, 3},
    {"resnet20", 64, 8, 8, 64, 1, 8, 3},      {"5x5", 64, 27, 27, 192, 2, 8, 5},
    {"5x5", 48, 35, 35, 64, 2, 8, 5},         {"5x5", 16, 28, 28, 32, 2, 8, 5},
    {"5x5", 32, 7, 7, 128, 2, 8, 5},          {"AlexNet", 192, 13, 13, 384, 1, 8, 3},
    {"AlexNet", 256, 13, 13, 256, 1, 8, 3},   {"small", 8, 56, 56, 8, 1, 8, 3},
    {"small", 8, 56, 56, 64, 1, 8, 3},        {"small", 64, 56, 56, 8, 1, 8, 3},
    {"small", 16, 56, 56, 16, 1, 8, 3},       {"small", 24, 56, 56, 24, 1, 8, 3},
    {"small", 256, 4, 4, 256, 1, 8, 3},       {"small", 256, 2, 2, 256, 1, 8, 3},
    {"small", 512, 5, 5, 512, 0, 8, 3},       {"small", 512, 3, 3, 512, 1, 8, 3}};
enum { N_LAYERS = sizeof layers / sizeof *layers };

typedef struct bench {
    layer l;
    judd_winograd_problem problem;
    judd_window window;
    judd_onednn *onednn;
    judd_primitive *direct;
    judd_winograd *winograd;
    const judd_winograd_kernel *kernel;
    float *src, *dst, *weights, *bias;
    void *workspace;
} bench;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static judd_operand operand(int64_t batch, int64_t channels, int64_t height, int64_t width,
                            int block) {
    return (judd_operand){.rank = 4,
                          .dims = {batch, channels, height, width},
                          .layout = JUDD_BLOCKED,
                          .block = block};
}

static float normal(int64_t i, uint32_t stream) {
    return (float)judd_rng_normal(1, JUDD_RNG_WEIGHTS, stream, (uint64_t)i);
}

/* ReLU of a normal, He-normal weights; zeros in the padded channels. */
static judd_status fill(bench *b) {
    judd_status status = JUDD_OK;
    const layer *l = &b->l;
    int64_t cells = l->kernel * l->kernel;
    int64_t block = b->problem.src.block, pixels = l->height * l->width;
    int64_t blocks = (l->in + block - 1) / block, n = judd_net_bytes(&b->problem.src) / 4;
    float pool[4099];
    for (int i = 0; i < 4099; i++) pool[i] = fmaxf(0.0f, normal(i, 1));
    JUDD_TRY(judd_memory_alloc(&b->src, n, sizeof *b->src));
    JUDD_TRY(judd_memory_alloc(&b->dst, judd_net_bytes(&b->problem.dst), 1));
    JUDD_TRY(judd_memory_alloc(&b->weights, l->in * l->out * cells, sizeof *b->weights));
    JUDD_TRY(judd_memory_alloc(&b->bias, l->out, sizeof *b->bias));
    for (int64_t i = 0; i < n; i++)
        b->src[i] = i / block / pixels % blocks * block + i % block < l->in ? pool[i % 4099] : 0.0f;
    float scale = sqrtf(2.0f / (float)(cells * l->in));
    for (int i = 0; i < 4099; i++) pool[i] = scale * normal(i, 2);
    for (int64_t i = 0; i < l->in * l->out * cells; i++) b->weights[i] = pool[i % 4099];
    for (int64_t i = 0; i < l->out; i++) b->bias[i] = 0.1f * normal(i, 3);
done:
    return status;
}

static judd_status make(bench *b, const layer *l, int threads) {
    judd_status status = JUDD_OK;
    *b = (bench){.l = *l};
    JUDD_TRY(judd_onednn_create(&b->onednn, threads, JUDD_FLOAT32));
    int block = judd_onednn_block(b->onednn);
    b->window = (judd_window){.groups = 1,
                              .kernel = {l->kernel, l->kernel},
                              .stride = {1, 1},
                              .dilation = {1, 1},
                              .begin = {l->pad, l->pad},
                              .end = {l->pad, l->pad}};
    b->kernel = judd_winograd_kernel_of(judd_onednn_isa(JUDD_FLOAT32));
    b->problem = (judd_winograd_problem){
        .src = operand(b->l.batch, l->in, l->height, l->width, block),
        .dst = operand(b->l.batch, l->out, l->height + 2 * l->pad + 1 - l->kernel,
                       l->width + 2 * l->pad + 1 - l->kernel, block),
        .kernel = l->kernel,
        .begin = {l->pad, l->pad},
        .activation = {.kind = JUDD_ACTIVATION_RELU}};
    JUDD_TRY(fill(b));
    b->problem.weights = b->weights;
    b->problem.bias = b->bias;
    judd_onednn_convolution c = {.src = b->problem.src,
                                 .dst = b->problem.dst,
                                 .window = &b->window,
                                 .weights = b->weights,
                                 .bias = b->bias,
                                 .post = {.activation = b->problem.activation}};
    judd_onednn_enter(b->onednn);
    JUDD_TRY(judd_onednn_convolve(&b->direct, b->onednn, &c));
    JUDD_TRY(judd_onednn_ready(b->onednn));
done:
    return status;
}

static judd_status make_winograd(bench *b, int64_t tiles, int64_t channels) {
    judd_status status = JUDD_OK;
    judd_winograd_destroy(b->winograd);
    free(b->workspace);
    b->workspace = NULL;
    b->problem.block_tiles = tiles;
    b->problem.pass_channels = channels;
    JUDD_TRY(judd_winograd_create(&b->winograd, b->kernel, &b->problem));
    JUDD_TRY(judd_memory_alloc(&b->workspace, judd_winograd_workspace(b->winograd), 1));
done:
    return status;
}

static void drop(bench *b) {
    judd_winograd_destroy(b->winograd);
    judd_onednn_release(b->direct);
    judd_onednn_destroy(b->onednn);
    free(b->src);
    free(b->dst);
    free(b->weights);
    free(b->bias);
    free(b->workspace);
}

/* One output of the float64 reference. */
static double reference_at(const bench *b, int64_t image, int64_t o, int64_t y, int64_t x) {
    const layer *l = &b->l;
    int64_t block = b->problem.src.block, blocks = (l->in + block - 1) / block;
    double sum = (double)b->bias[o];
    for (int64_t c = 0; c < l->in; c++)
        for (int64_t k = 0; k < l->kernel * l->kernel; k++) {
            int64_t r = y + k / l->kernel - l->pad, s = x + k % l->kernel - l->pad;
            if (r < 0 || s < 0 || r >= l->height || s >= l->width) continue;
            int64_t at = ((image * blocks + c / block) * l->height + r) * l->width + s;
            sum += (double)b->weights[(o * l->in + c) * l->kernel * l->kernel + k] *
                   (double)b->src[at * block + c % block];
        }
    return fmax(sum, 0.0);
}

/* Largest error over largest output of some outputs. */
static double error(const bench *b) {
    const int64_t *d = b->problem.dst.dims;
    int64_t block = b->problem.dst.block, blocks = (d[1] + block - 1) / block;
    double worst = 0.0, largest = 0.0;
    for (uint64_t i = 0; i < 4000; i++) {
        int64_t q =
            (int64_t)(judd_rng_bits(1, JUDD_RNG_WEIGHTS, 4, i) >> 20) % (d[0] * d[1] * d[2] * d[3]);
        int64_t x = q % d[3], y = q / d[3] % d[2], o = q / d[3] / d[2] % d[1];
        int64_t image = q / d[3] / d[2] / d[1];
        int64_t at = ((image * blocks + o / block) * d[2] + y) * d[3] + x;
        double want = reference_at(b, image, o, y, x), got = (double)b->dst[at * block + o % block];
        worst = fmax(worst, fabs(got - want));
        largest = fmax(largest, want);
    }
    return worst / largest;
}

static double run_winograd(bench *b) {
    double start = judd_clock_s(CLOCK_MONOTONIC);
    judd_winograd_run(b->winograd, b->src, b->dst, b->workspace, 0, 1);
    return judd_clock_s(CLOCK_MONOTONIC) - start;
}

static double run_direct(bench *b) {
    double start = judd_clock_s(CLOCK_MONOTONIC);
    const float *in = b->src;
    if (judd_onednn_run(b->direct, &in, b->dst) != JUDD_OK) return NAN;
    return judd_clock_s(CLOCK_MONOTONIC) - start;
}

static judd_status compare(const layer *l, double seconds) {
    judd_status status = JUDD_OK;
    bench b;
    double t[2][MAX_RUNS], errors[2], start = judd_clock_s(CLOCK_MONOTONIC);
    int runs = 0;
    JUDD_TRY(make(&b, l, 1));
    JUDD_TRY(make_winograd(&b, 0, 0));
    run_direct(&b);
    errors[0] = error(&b);
    memset(b.dst, 0x7f, (size_t)judd_net_bytes(&b.problem.dst));
    run_winograd(&b);
    errors[1] = error(&b);
    for (start = judd_clock_s(CLOCK_MONOTONIC);
         runs < 3 || (runs < MAX_RUNS && judd_clock_s(CLOCK_MONOTONIC) - start < seconds); runs++) {
        t[0][runs] = run_direct(&b);
        t[1][runs] = run_winograd(&b);
    }
    for (int k = 0; k < 2; k++) qsort(t[k], (size_t)runs, sizeof(double), by_value);
    const int64_t *d = b.problem.dst.dims;
    double flop = 2e-9 * (double)(b.l.kernel * b.l.kernel * d[0] * d[1] * d[2] * d[3] * l->in);
    double direct = t[0][runs / 2], winograd = t[1][runs / 2];
    printf("%-10s %4d %4d x%4d %4d pad %d batch %d | %8.3f %8.3f ms | %5.2f %s | %4.0f %4.0f | "
           "%.1e %.1e\n",
           l->net, (int)l->in, (int)l->height, (int)l->width, (int)l->out, (int)l->pad,
           (int)b.l.batch, 1e3 * direct, 1e3 * winograd, direct / winograd,
           judd_winograd_wins(b.kernel->width, b.l.kernel, b.problem.src.dims, d) ? "yes" : "no ",
           flop / direct, flop / winograd, errors[0], errors[1]);
    fflush(stdout);
done:
    drop(&b);
    return status;
}

static judd_status tune(const layer *l) {
    judd_status status = JUDD_OK;
    bench b;
    JUDD_TRY(make(&b, l, 1));
    int64_t rows = b.kernel->rows, panel = 2 * b.kernel->width;
    printf("%s %d, %d, %d", l->net, (int)l->in, (int)l->height, (int)l->out);
    for (int64_t groups = 2; groups <= 32; groups *= 2) {
        printf("\n  %4d tiles:", (int)(groups * rows));
        for (int64_t channels = panel; channels <= l->out; channels *= 2) {
            double best = 1e9;
            JUDD_TRY(make_winograd(&b, groups * rows, channels));
            double start = judd_clock_s(CLOCK_MONOTONIC);
            for (int i = 0; i < 3 || judd_clock_s(CLOCK_MONOTONIC) - start < 0.15; i++)
                best = fmin(best, run_winograd(&b));
            printf(" %8.3f", 1e3 * best);
        }
    }
    printf(" ms at %d, %d, ... channels\n", (int)panel, (int)(2 * panel));
    fflush(stdout);
done:
    drop(&b);
    return status;
}

/* Where the rule is decided: small images, small batches, few channels. */
static judd_status grid(void) {
    judd_status status = JUDD_OK;
    static const int64_t sizes[] = {2, 3, 4, 5, 6, 7, 9, 11, 14, 28};
    static const int64_t batches[] = {1, 2, 8, 32}, channels[] = {16, 64, 256, 512};
    for (int c = 0; c < 4; c++)
        for (int s = 0; s < 10; s++)
            for (int b = 0; b < 4; b++) {
                layer l = {"grid", channels[c], sizes[s], sizes[s], channels[c], 1, batches[b], 3};
                JUDD_TRY(compare(&l, 0.1));
            }
    static const int64_t few[] = {3, 5, 8, 12, 16, 17, 24, 32, 40};
    for (int i = 0; i < 9; i++)
        for (int o = 0; o < 9; o += 2) {
            layer l = {"few", few[i], 28, 28, few[o], 1, 8, 3};
            JUDD_TRY(compare(&l, 0.1));
        }
done:
    return status;
}

int main(int argc, char **argv) {
    judd_status status = JUDD_OK;
    bool tuning = argc > 1 && strcmp(argv[1], "tune") == 0;
    const char *net = argc > 1 + tuning ? argv[1 + tuning] : "";
    if (!tuning)
        printf("%s: in, height x width, out | direct, winograd | ratio, rule | GFLOP/s | errors\n",
               judd_onednn_isa_name(judd_onednn_isa(JUDD_FLOAT32)));
    if (strcmp(net, "grid") == 0) JUDD_TRY(grid());
    for (int i = 0; i < N_LAYERS; i++) {
        if (strncmp(layers[i].net, net, strlen(net)) != 0) continue;
        JUDD_TRY(tuning ? tune(&layers[i]) : compare(&layers[i], 0.6));
    }
done:
    if (status != JUDD_OK) fprintf(stderr, "bench_winograd: %s\n", judd_status_message());
    return status;
}

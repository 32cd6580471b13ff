/* judd bench features: how fast a backbone runs here, and how near that is to what the processor
 * can do. */
#include "cli/bench.h"
#include "cli/commands.h"

#include <judd/base/clock.h>
#include <judd/base/memory.h>
#include <judd/engine/engine.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MIN_RUNS = 5, MAX_RUNS = 1000 };
static const double SECONDS = 3.0, PEAK_SECONDS = 0.1;

typedef struct options {
    const char *model, *tap;
    int64_t batch, threads, channels, height, width;
    bool direct, bf16, layers, cpu, as_json;
} options;

typedef struct bench {
    options o;
    judd_graph *graph;
    judd_engine *engine;
    float *input, *output;
    int n_layers, runs;
    double load_s, peak, seconds[MAX_RUNS];
    double *layer_s; /* [n_layers] sums over the runs */
} bench;

/* Of the clock, or that this thread computed. */
static double now_s(const options *o) {
    return judd_clock_s(o->cpu ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC);
}

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static judd_status read_precision(options *o, judd_arguments *a) {
    const char *precision = judd_arguments_text(a, "--precision", "float32");
    o->bf16 = strcmp(precision, "bf16") == 0;
    if (!o->bf16 && strcmp(precision, "float32") != 0)
        return judd_status_set(JUDD_E_USAGE,
                               "bench features: --precision %s is none; give float32 or bf16",
                               precision);
    int isa = judd_engine_isa(JUDD_BF16);
    if (o->bf16 && !judd_engine_isa_has_bf16(isa))
        return judd_status_set(JUDD_E_CONFIG,
                               "bench features: --precision bf16 needs a CPU with AVX512_BF16 or "
                               "AMX, this has instruction set %s; leave it out",
                               judd_engine_isa_name(isa));
    return JUDD_OK;
}

static judd_status read_options(options *o, judd_arguments *a) {
    judd_status status = JUDD_OK;
    const struct {
        const char *name;
        int64_t *count;
    } counts[] = {{"--batch", &o->batch},
                  {"--threads", &o->threads},
                  {"--channels", &o->channels},
                  {"--height", &o->height},
                  {"--width", &o->width}};
    o->model = a->operands[0];
    o->tap = judd_arguments_text(a, "--tap", "");
    o->direct = judd_arguments_has(a, "--no-winograd");
    o->cpu = judd_arguments_has(a, "--cpu");
    o->layers = judd_arguments_has(a, "--layers");
    o->as_json = judd_arguments_has(a, "--json");
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
        JUDD_TRY(judd_arguments_whole(counts[k].count, a, counts[k].name, 1, 65536));
    JUDD_TRY(read_precision(o, a));
done:
    return status;
}

/* Pixels of no image in particular: speed does not depend on them, subnormals would. */
static judd_status load(bench *b) {
    judd_status status = JUDD_OK;
    const options *o = &b->o;
    judd_graph_options graph_options = {.batch = o->batch,
                                        .channels = (int)o->channels,
                                        .height = (int)o->height,
                                        .width = (int)o->width,
                                        .taps = &o->tap,
                                        .n_taps = o->tap ? 1 : 0};
    judd_engine_options engine_options = JUDD_ENGINE_DEFAULTS;
    engine_options.threads = (int)o->threads;
    engine_options.winograd = !o->direct;
    engine_options.precision = o->bf16 ? JUDD_BF16 : JUDD_FLOAT32;
    double start = now_s(o);
    JUDD_TRY(judd_graph_load(&b->graph, o->model, &graph_options));
    JUDD_TRY(judd_engine_create(&b->engine, b->graph, &engine_options));
    b->load_s = now_s(o) - start;
    b->n_layers = judd_engine_n_layers(b->engine);
    int64_t n_in = judd_graph_size(&b->graph->values[b->graph->inputs[0]]);
    JUDD_TRY(judd_memory_alloc(&b->input, n_in, sizeof *b->input));
    JUDD_TRY(
        judd_memory_alloc(&b->output, o->batch * judd_engine_dim(b->engine), sizeof *b->output));
    JUDD_TRY(judd_memory_alloc(&b->layer_s, b->n_layers, sizeof *b->layer_s));
    for (int64_t i = 0; i < n_in; i++)
        b->input[i] = (float)(i * 2654435761 % 1999) * 1e-3f - 0.9995f;
    judd_graph_destroy(b->graph); /* its weights are packed now */
    b->graph = NULL;
done:
    return status;
}

/* The peak is taken between the runs: clocks and neighbours change. */
static judd_status measure(bench *b) {
    judd_status status = JUDD_OK;
    const options *o = &b->o;
    JUDD_TRY(judd_engine_run(b->engine, (const float *const *)&b->input, b->output)); /* warm up */
    double begin = now_s(o), last_peak = 0.0;
    while (b->runs < MIN_RUNS || (b->runs < MAX_RUNS && now_s(o) - begin < SECONDS)) {
        if (now_s(o) - last_peak > 0.2 * SECONDS) {
            double peak = judd_engine_peak(PEAK_SECONDS);
            if (peak > b->peak) b->peak = peak;
            last_peak = now_s(o);
        }
        double start = now_s(o);
        JUDD_TRY(judd_engine_run(b->engine, (const float *const *)&b->input, b->output));
        b->seconds[b->runs++] = now_s(o) - start;
        for (int i = 0; i < b->n_layers; i++)
            b->layer_s[i] += judd_engine_layer_at(b->engine, i).seconds;
    }
done:
    return status;
}

static json_t *layer_records(const bench *b) {
    json_t *list = json_array();
    for (int i = 0; i < b->n_layers; i++) {
        judd_engine_layer l = judd_engine_layer_at(b->engine, i);
        double seconds = b->layer_s[i] / b->runs;
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b, s:b, s:f, s:f}", "name", l.name,
                                              "op", l.op, "winograd", l.winograd, "strassen",
                                              l.strassen, "bf16", l.bf16, "ms", 1e3 * seconds,
                                              "gflop_per_s", 1e-9 * l.flop / seconds));
    }
    return list;
}

static void print_layers(const bench *b) {
    double total = 0.0;
    for (int i = 0; i < b->n_layers; i++) total += b->layer_s[i];
    printf("\n%10s %7s %10s  layer\n", "ms", "share", "GFLOP/s");
    for (int i = 0; i < b->n_layers; i++) {
        judd_engine_layer l = judd_engine_layer_at(b->engine, i);
        printf("%10.3f %6.1f%% %10.1f  %s %s%s\n", 1e3 * b->layer_s[i] / b->runs,
               100.0 * b->layer_s[i] / total, 1e-9 * l.flop * b->runs / b->layer_s[i], l.op, l.name,
               l.winograd   ? " (winograd)"
               : l.strassen ? " (strassen)"
               : l.bf16     ? " (bf16)"
                            : "");
    }
}

static judd_status report(bench *b) {
    const options *o = &b->o;
    double flop = 0.0;
    int winograd = 0, strassen = 0, bf16 = 0;
    int isa = judd_engine_isa(o->bf16 ? JUDD_BF16 : JUDD_FLOAT32);
    for (int i = 0; i < b->n_layers; i++) {
        flop += judd_engine_layer_at(b->engine, i).flop;
        winograd += judd_engine_layer_at(b->engine, i).winograd;
        strassen += judd_engine_layer_at(b->engine, i).strassen;
        bf16 += judd_engine_layer_at(b->engine, i).bf16;
    }
    qsort(b->seconds, (size_t)b->runs, sizeof *b->seconds, by_value);
    double median = b->seconds[b->runs / 2], rate = flop / median;
    json_t *r = json_pack(
        "{s:s, s:s, s:I, s:I, s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:i}", "model",
        o->model, "tap", o->tap, "batch", (json_int_t)o->batch, "threads", (json_int_t)o->threads,
        "isa", judd_engine_isa_name(isa), "library", judd_engine_library(), "runs", b->runs,
        "load_s", b->load_s, "images_per_s", (double)o->batch / median, "images_per_s_best",
        (double)o->batch / b->seconds[0], "gflop_per_s", 1e-9 * rate, "peak_gflop_per_s",
        1e-9 * b->peak * (double)o->threads, "peak_share", rate / (b->peak * (double)o->threads),
        "winograd_layers", winograd, "strassen_layers", strassen, "bf16_layers", bf16);
    if (!r) return judd_status_set(JUDD_E_INTERNAL, "bench features: a name is not valid UTF-8");
    if (o->as_json) {
        if (o->layers) json_object_set_new(r, "layers", layer_records(b));
        json_dumpf(r, stdout, JSON_REAL_PRECISION(6));
        printf("\n");
    } else {
        const char *key;
        json_t *value;
        json_object_foreach(r, key, value) {
            printf("%-18s ", key);
            json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(4));
            printf("\n");
        }
        if (o->layers) print_layers(b);
    }
    json_decref(r);
    return JUDD_OK;
}

judd_status judd_bench_features(const judd_comm *comm, judd_arguments *a,
                                const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    (void)stop; /* nothing to save */
    bench b = {.o = {.batch = 8, .threads = 1}};
    status = read_options(&b.o, a);
    if (status == JUDD_OK) status = load(&b);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_engine_share(b.engine, comm));
    JUDD_TRY(judd_comm_agree(comm, measure(&b)));
    status = comm->rank == 0 ? report(&b) : JUDD_OK;
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    free(b.input);
    free(b.output);
    free(b.layer_s);
    judd_engine_destroy(b.engine);
    judd_graph_destroy(b.graph);
    return status;
}

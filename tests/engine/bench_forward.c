/* bench_forward MODEL BATCH [SECONDS [BACKEND [THREADS]]]: images per second.
 * bench_forward MODEL BATCH run BACKEND IN OUT [TAP]...: raw float32 in, the logits or the taps
 * side by side raw float32 out. */
#include <judd/base/clock.h>
#include <judd/engine/engine.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static judd_status whole_file(const char *path, const char *mode, float *data, int64_t n) {
    FILE *f = fopen(path, mode);
    if (!f) return judd_status_set(JUDD_E_IO, "%s: cannot be opened", path);
    size_t done = mode[0] == 'r' ? fread(data, sizeof *data, (size_t)n, f)
                                 : fwrite(data, sizeof *data, (size_t)n, f);
    fclose(f);
    if (done != (size_t)n) return judd_status_set(JUDD_E_IO, "%s: wrong size", path);
    return JUDD_OK;
}

static judd_status measure(judd_engine *e, const float *in, float *out, int64_t batch,
                           double seconds) {
    judd_status status = JUDD_OK;
    double best = 1e30, start = judd_clock_s(CLOCK_MONOTONIC);
    int64_t runs = 0;
    JUDD_TRY(judd_engine_run(e, (const float *const[]){in}, out));
    for (double t = judd_clock_s(CLOCK_MONOTONIC); t - start < seconds || runs < 3; runs++) {
        JUDD_TRY(judd_engine_run(e, (const float *const[]){in}, out));
        double end = judd_clock_s(CLOCK_MONOTONIC);
        if (end - t < best) best = end - t;
        t = end;
    }
    printf("%.1f images/s (best of %lld runs of %lld), %s, %s\n", (double)batch / best,
           (long long)runs, (long long)batch, judd_engine_library(),
           judd_engine_isa_name(judd_engine_isa(JUDD_FLOAT32)));
done:
    return status;
}

int main(int argc, char **argv) {
    judd_status status = JUDD_OK;
    judd_graph *graph = NULL;
    judd_engine *e = NULL;
    float *in = NULL, *out = NULL;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_forward MODEL BATCH [SECONDS [BACKEND [THREADS]]]\n");
        return JUDD_E_USAGE;
    }
    bool run = argc >= 7 && strcmp(argv[3], "run") == 0;
    judd_graph_options g = {.batch = atoll(argv[2])};
    if (run) {
        g.taps = (const char *const *)argv + 7;
        g.n_taps = argc - 7;
    }
    judd_engine_options o = JUDD_ENGINE_DEFAULTS;
    if (argc > 4) o.backend = argv[4];
    if (argc > 5 && !run) o.threads = atoi(argv[5]);
    JUDD_TRY(judd_graph_load(&graph, argv[1], &g));
    double start = judd_clock_s(CLOCK_MONOTONIC);
    JUDD_TRY(judd_engine_create(&e, graph, &o));
    int64_t n_in = judd_graph_size(&graph->values[graph->inputs[0]]);
    int64_t n_out = g.batch * judd_engine_dim(e);
    if (!run) printf("made in %.0f ms\n", 1e3 * (judd_clock_s(CLOCK_MONOTONIC) - start));
    in = calloc((size_t)n_in, sizeof *in);
    out = calloc((size_t)n_out, sizeof *out);
    if (run) {
        JUDD_TRY(whole_file(argv[5], "rb", in, n_in));
        JUDD_TRY(judd_engine_run(e, (const float *const[]){in}, out));
        JUDD_TRY(whole_file(argv[6], "wb", out, n_out));
    } else {
        for (int64_t i = 0; i < n_in; i++) in[i] = (float)(i % 255) / 255.0f - 0.5f;
        JUDD_TRY(measure(e, in, out, g.batch, argc > 3 ? atof(argv[3]) : 3.0));
    }
done:
    if (status != JUDD_OK) fprintf(stderr, "bench_forward: %s\n", judd_status_message());
    free(in);
    free(out);
    judd_engine_destroy(e);
    judd_graph_destroy(graph);
    return status;
}

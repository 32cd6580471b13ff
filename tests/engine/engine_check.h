/* What every kernel must satisfy: agree with the plain loops, and give an image the same bits at
 * every place of the batch, beside anything, with any number of threads. */
#ifndef JUDD_TESTS_ENGINE_ENGINE_CHECK_H
#define JUDD_TESTS_ENGINE_ENGINE_CHECK_H

#include "graph_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

/* float32 sums of K random terms err by about sqrt(K) 2^-24 of their size: 3e-6 of the largest
 * output at K = 2500; the plain loops sum in double. */
static const double TOLERANCE = 1e-5;

static inline judd_engine *check_engine(const judd_graph *graph, const char *backend, int threads) {
    judd_engine *e = NULL;
    judd_engine_options o = JUDD_ENGINE_DEFAULTS;
    o.backend = backend;
    o.threads = threads;
    if (judd_engine_create(&e, graph, &o) != JUDD_OK) fail_msg("%s", judd_status_message());
    return e;
}

static inline void check_run(judd_engine *e, const float *in, float *out) {
    if (judd_engine_run(e, &in, out) != JUDD_OK) fail_msg("%s", judd_status_message());
}

/* Image 0 of `in` at every place, beside not-a-numbers: same bits. */
static inline void check_places(judd_engine *e, int64_t batch, int64_t size, const float *in,
                                const float *expected, const char *what) {
    int64_t dim = judd_engine_dim(e);
    float *other = malloc((size_t)(batch * size) * sizeof *other);
    float *out = malloc((size_t)(batch * dim) * sizeof *out);
    for (int64_t place = 0; place < batch; place++) {
        for (int64_t i = 0; i < batch * size; i++) other[i] = NAN;
        memcpy(other + place * size, in, (size_t)size * sizeof *in);
        check_run(e, other, out);
        if (memcmp(out + place * dim, expected, (size_t)dim * sizeof *out) != 0)
            fail_msg("%s: other bits at place %d of %d", what, (int)place, (int)batch);
    }
    free(other);
    free(out);
}

static inline double check_error(const float *got, const float *want, int64_t n) {
    double largest = 0.0, error = 0.0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(got[i]) || isnan(want[i])) return INFINITY;
        largest = fmax(largest, fabs((double)want[i]));
        error = fmax(error, fabs((double)got[i] - (double)want[i]));
    }
    return error == 0.0 ? 0.0 : error / largest;
}

/* Ends the builder. */
static inline double check_graph(builder *b, const char *what) {
    const judd_graph_value *x = &b->values[b->graph.inputs[0]];
    int64_t batch = x->dims[0], size = build_size(b, b->graph.inputs[0]) / batch;
    judd_engine *reference = check_engine(&b->graph, "reference", 1);
    judd_engine *e = check_engine(&b->graph, "onednn", 1);
    judd_engine *two = check_engine(&b->graph, "onednn", 2);
    int64_t n = batch * judd_engine_dim(e);
    assert_int_equal(judd_engine_dim(e), judd_engine_dim(reference));
    assert_int_equal(n, build_size(b, b->graph.output));
    float *in = malloc((size_t)(batch * size) * sizeof *in);
    float *want = malloc((size_t)n * sizeof *want), *got = malloc((size_t)n * sizeof *got);
    for (int64_t i = 0; i < batch * size; i++) in[i] = (float)build_normal(b);
    check_run(reference, in, want);
    check_run(e, in, got);
    double error = check_error(got, want, n);
    if (error > TOLERANCE) fail_msg("%s: relative error %.3g", what, error);
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
    return error;
}

#endif

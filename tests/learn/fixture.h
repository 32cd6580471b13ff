/* Rows that tools/make-learn-vectors makes too, bit by bit: integers hashed to multiples of 2^-53,
 * one sum, one cast. */
#ifndef TESTS_LEARN_FIXTURE_H
#define TESTS_LEARN_FIXTURE_H

#include <judd/learn/rows.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FIXTURE_LANES = 8 };

/* Uniform in [-1/2, 1/2). */
static double fixture_entry(int64_t i, int64_t j) {
    uint64_t x = (uint64_t)i * 0x9E3779B97F4A7C15u ^ (uint64_t)(j + 1) * 0xC2B2AE3D27D4EB4Fu;
    x = (x ^ x >> 29) * 0xBF58476D1CE4E5B9u;
    x ^= x >> 32;
    return (double)(x >> 11) * 0x1p-53 - 0.5;
}

static int32_t fixture_label(int64_t i, int n_classes) {
    return (int32_t)((fixture_entry(i, 100000) + 0.5) * n_classes);
}

/* Noise and a class's centre, columns shrinking down to 2^-shrink. */
static float fixture_feature(int64_t i, int64_t j, int64_t dim, int n_classes, int shrink) {
    int64_t centre = 1000000 + fixture_label(i, n_classes);
    double x = fixture_entry(i, j) + 0.5 * fixture_entry(centre, j);
    return (float)ldexp(x, (int)(-j * shrink / (dim > 1 ? dim - 1 : 1)));
}

static inline void ok(judd_status status) {
    if (status != JUDD_OK) fail_msg("%d: %s", (int)status, judd_status_message());
}

static inline void assert_near(double got, double expected, double tolerance) {
    if (!(fabs(got - expected) <= tolerance)) fail_msg("%.17g, expected %.17g", got, expected);
}

/* Samples first .. first + n, dealt to the ranks; fold = i mod n_folds. */
static inline judd_rows fixture_rows(int64_t first, int64_t n, int64_t dim, int n_classes,
                                     int shrink, int n_folds, const judd_comm *comm) {
    judd_rows rows;
    ok(judd_rows_create(&rows, n, dim, FIXTURE_LANES, comm));
    int64_t begin = judd_lanes_first(&rows.lanes);
    for (int64_t i = 0; i < judd_lanes_count(&rows.lanes); i++) {
        int64_t id = first + begin + i;
        rows.labels[i] = fixture_label(id, n_classes);
        rows.folds[i] = (int16_t)((begin + i) % n_folds);
        for (int64_t j = 0; j < dim; j++)
            rows.x[i * dim + j] = fixture_feature(id, j, dim, n_classes, shrink);
    }
    return rows;
}

/* The sample at `position` of the set changes, on the rank that has it. */
static inline float *fixture_row(judd_rows *rows, int64_t position) {
    int64_t i = position - judd_lanes_first(&rows->lanes);
    return i >= 0 && i < judd_lanes_count(&rows->lanes) ? rows->x + i * rows->dim : NULL;
}

static inline judd_status fixture_read(void *context, float *out, const int64_t *which, int64_t n) {
    return judd_rows_read(out, context, which, n);
}

static inline void fixture_close(void *context) {
    judd_rows_free(context);
    free(context);
}

/* The rows go where they must be read from, as if from a cache. */
static inline void fixture_stream(judd_rows *rows, const judd_comm *comm) {
    const int64_t n = judd_lanes_count(&rows->lanes);
    judd_rows *kept = malloc(sizeof *kept), out;
    assert_non_null(kept);
    *kept = *rows;
    judd_rows_source source = {fixture_read, fixture_close, kept, comm->rank % 3};
    ok(judd_rows_create_streamed(&out, rows->lanes.n_samples, rows->dim, rows->lanes.n_lanes,
                                 source, comm));
    memcpy(out.labels, kept->labels, (size_t)n * sizeof *out.labels);
    memcpy(out.folds, kept->folds, (size_t)n * sizeof *out.folds);
    *rows = out;
}

#endif

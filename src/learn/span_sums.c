#include "learn/span_sums.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Unknowns, outputs times outputs and 1, and a pass in passes over the features, at most. */
enum { W = JUDD_PANELS_WIDTH, MOST = 512, DEAREST = 4 };

static judd_span_sums plan(const judd_targets *t, int64_t dim) {
    int64_t n = t->n_outputs, bars = n * (n + 1) / 2, products = (n + 1) * (n + 2) / 2;
    int64_t ld = judd_panels_round(products);
    bool none = t->loss == JUDD_LOSS_SQUARED; /* its curvature is the same everywhere */
    if (none || n * (n + 1) > MOST || bars * ld > DEAREST * 2 * n * dim)
        return (judd_span_sums){.targets = t};
    return (judd_span_sums){.targets = t, .bars = bars, .products = products, .ld = ld};
}

int64_t judd_span_sums_size(const judd_targets *targets, int64_t dim) {
    judd_span_sums s = plan(targets, dim);
    return s.bars * s.products;
}

judd_status judd_span_sums_create(judd_span_sums *out, const judd_targets *targets, int64_t dim,
                                  int n_heads, int64_t rows) {
    judd_status status = JUDD_OK;
    judd_span_sums s = plan(targets, dim);
    JUDD_TRY(judd_memory_alloc(&s.lane, n_heads * s.bars * s.ld, sizeof *s.lane));
    JUDD_TRY(judd_memory_alloc(&s.product, rows * s.ld, sizeof *s.product));
    JUDD_TRY(judd_memory_alloc(&s.bar, rows * s.bars, sizeof *s.bar));
    JUDD_TRY(judd_memory_alloc(&s.room, rows * s.bars, sizeof *s.room));
    JUDD_TRY(judd_memory_alloc(&s.one, targets->n_outputs + 1, sizeof *s.one));
done:
    *out = s;
    return status;
}

void judd_span_sums_free(judd_span_sums *s) {
    free(s->lane);
    free(s->product);
    free(s->bar);
    free(s->room);
    free(s->one);
}

double judd_span_sums_bound(const double *weights, int n_outputs, int64_t dim, double max_x) {
    double most = 1.0;
    for (int c = 0; c < n_outputs; c++) {
        double sum = 0.0;
        for (int64_t j = 0; j < dim; j++) sum += fabs(weights[c * dim + j]);
        most = fmax(most, sum * max_x);
    }
    return most * most;
}

void judd_span_sums_clear(judd_span_sums *s, int h) {
    int64_t size = s->bars * s->ld;
    memset(s->lane + h * size, 0, (size_t)size * sizeof *s->lane);
}

void judd_span_sums_note(judd_span_sums *s, const double *z, int64_t ldz, const double *biases,
                         int64_t m) {
    int n = s->targets->n_outputs;
    for (int64_t i = 0; i < m; i++) {
        double *to = s->product + i * W;
        int64_t k = 0;
        for (int c = 0; c < n; c++) s->one[c] = z[i * ldz + c] - biases[c];
        s->one[n] = 1.0;
        for (int u = 0; u <= n; u++)
            for (int v = u; v <= n; v++, k++) to[k / W * m * W + k % W] = s->one[u] * s->one[v];
    }
}

/* With slope_a = mass p_a - share_a: mass p_a ([a = b] - p_b). */
static void softmax(double *bar, double *p, const judd_targets *t, const double *slope,
                    int32_t label) {
    const float *share = t->share + (int64_t)label * t->n_outputs;
    double mass = (double)t->mass[label];
    for (int c = 0; c < t->n_outputs; c++) p[c] = slope[c] + (double)share[c];
    for (int a = 0; a < t->n_outputs; a++) {
        double part = mass > 0.0 ? p[a] / mass : 0.0;
        *bar++ = p[a] - part * p[a];
        for (int b = a + 1; b < t->n_outputs; b++) *bar++ = -part * p[b];
    }
}

/* With slope = mass p - w y, mass = 1 - y + w y: mass p (1 - p); outputs know nothing of others. */
static void sigmoid(double *bar, const judd_targets *t, const double *slope, const float *answers) {
    for (int a = 0; a < t->n_outputs; a++) {
        double y = (double)answers[a], yes = (double)t->positive[a] * y, mass = 1.0 - y + yes;
        double p = slope[a] + yes;
        *bar++ = mass > 0.0 ? p - p * p / mass : 0.0;
        for (int b = a + 1; b < t->n_outputs; b++) *bar++ = 0.0;
    }
}

void judd_span_sums_add(judd_span_sums *s, int h, const judd_panels_kernel *kernel,
                        const double *slope, int64_t lds, const int32_t *labels,
                        const float *answers, const bool *seen, int64_t m) {
    const judd_targets *t = s->targets;
    for (int64_t i = 0; i < m; i++) {
        double *bar = s->bar + i * s->bars;
        if (!seen[i])
            memset(bar, 0, (size_t)s->bars * sizeof *bar);
        else if (t->loss == JUDD_LOSS_SOFTMAX)
            softmax(bar, s->one, t, slope + i * lds, labels[i]);
        else
            sigmoid(bar, t, slope + i * lds, answers + i * t->n_outputs);
    }
    judd_panels_gradient(kernel, s->lane + h * s->bars * s->ld, s->ld, s->bar, s->bars, m, s->bars,
                         s->product, s->ld / W, s->room);
}

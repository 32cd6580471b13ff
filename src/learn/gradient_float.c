#include "learn/gradient.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Part of one parameter's gradient: what a layer multiplied, [n, columns] from `in` on. */
static void add_product(float *out, const float *delta, int64_t delta_stride, const float *in,
                        int64_t in_stride, const judd_parameter *p, int64_t rows, int64_t n) {
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)rows, (int)p->columns, (int)n, 1.0f,
                delta, (int)delta_stride, in, (int)in_stride, 0.0f, out, (int)p->columns);
}

static void add_weight(judd_gradient *g, int l) {
    const judd_parameter *p = g->bank->layers[l].weight;
    const judd_network_layer *y = &g->network->layers[l];
    int64_t n_heads = g->bank->options.n_heads, width = n_heads * p->rows;
    int64_t n = g->sampler->batch.n;
    float *out = g->plain + p->offset;
    if (l == 0) {
        add_product(out, y->delta, width, g->sampler->batch.x, p->columns, p, width, n);
        return;
    }
    for (int h = 0; h < n_heads; h++)
        add_product(out + judd_bank_parameter_begin(p, h), y->delta + h * p->rows, width,
                    g->network->layers[l - 1].out + h * p->columns, n_heads * p->columns, p,
                    p->rows, n);
}

static void add_vector(judd_gradient *g, const judd_parameter *p, const float *delta,
                       const float *by) {
    int64_t width = g->bank->options.n_heads * p->rows;
    float *out = g->plain + p->offset;
    memset(out, 0, (size_t)width * sizeof *out);
    for (int64_t i = 0; i < g->sampler->batch.n; i++)
        for (int64_t c = 0; c < width; c++)
            out[c] += by ? delta[i * width + c] * by[i * width + c] : delta[i * width + c];
}

void judd_gradient_add_float(judd_gradient *g) {
    for (int l = 0; l < g->bank->n_layers; l++) {
        const judd_layer *layer = &g->bank->layers[l];
        const judd_network_layer *y = &g->network->layers[l];
        add_weight(g, l);
        add_vector(g, layer->bias, y->delta, NULL);
        if (layer->gain) {
            add_vector(g, layer->gain, y->slope, y->normal);
            add_vector(g, layer->shift, y->slope, NULL);
        }
    }
    judd_stopwatch_lap(&g->watch, &g->times.product);
}

/* The totals of one head's tensor as the update takes them, in a fixed point that holds them. */
static void fix(judd_gradient *g, judd_parameter *p, int h) {
    int64_t at = p->offset + judd_bank_parameter_begin(p, h), n = judd_bank_parameter_size(p);
    uint32_t bits = judd_exact_sum_magnitude(g->plain + at, n);
    float largest;
    memcpy(&largest, &bits, sizeof largest);
    if (!isfinite(largest)) {
        g->sums.bad[h]++;
        return;
    }
    int64_t *exponent = judd_gradient_exponent(g, p, h), *sum = g->sums.gradient + at;
    *exponent = judd_exact_sum_scale((double)largest, 1).exponent;
    memset(sum, 0, (size_t)n * sizeof *sum);
    (void)judd_exact_sum_add(sum, g->plain + at, n, (judd_exact_scale){(int)*exponent, g->fraction},
                             NULL);
}

judd_status judd_gradient_finish_float(judd_gradient *g, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    enum { CALL = 1 << 28 }; /* numbers in one: MPI counts are int */
    int64_t size = judd_bank_size(g->bank);
    for (int64_t i = 0; i < size; i += CALL)
        JUDD_TRY(judd_comm_check(MPI_Allreduce(MPI_IN_PLACE, g->plain + i,
                                               (int)(size - i < CALL ? size - i : CALL), MPI_FLOAT,
                                               MPI_SUM, comm->mpi),
                                 "MPI_Allreduce"));
    JUDD_TRY(judd_comm_sum(comm, g->sums.data, g->sums.n));
    judd_stopwatch_lap(&g->watch, &g->times.all_reduce);
    for (int k = 0; k < g->bank->n_parameters; k++)
        for (int h = 0; h < g->bank->options.n_heads; h++) fix(g, &g->bank->parameters[k], h);
    judd_stopwatch_lap(&g->watch, &g->times.exact_sum);
done:
    return status;
}

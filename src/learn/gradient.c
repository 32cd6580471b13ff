#include "learn/gradient.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

/* Gradient made at a time: whole tiles of the product; with its sums, 336 KiB of cache. */
enum { BLOCK_ROWS = 112, BLOCK_FLOATS = BLOCK_ROWS * 256, BLOCK_STEP = 32 };

static judd_status create_sums(judd_gradient_sums *s, const judd_bank *bank) {
    int64_t size = judd_bank_size(bank), n_heads = bank->options.n_heads;
    s->n = size + 2 * n_heads + 3;
    judd_status status = judd_memory_alloc(&s->data, s->n, sizeof *s->data);
    if (status != JUDD_OK) return status;
    s->gradient = s->data;
    s->count = s->gradient + size;
    s->bad = s->count + n_heads;
    s->error = s->bad + n_heads;
    s->stop = s->error + 1;
    s->save = s->stop + 1;
    return JUDD_OK;
}

judd_status judd_gradient_create(judd_gradient *out, const judd_bank *bank, int n_lanes) {
    judd_status status = JUDD_OK;
    int64_t width = judd_bank_width(bank);
    judd_gradient g = {
        .bank = bank, .n_lanes = n_lanes, .fraction = judd_exact_sum_scale(1.0, n_lanes).fraction};
    g.block_rows = width < BLOCK_ROWS ? width : BLOCK_ROWS;
    g.block_columns = BLOCK_FLOATS / g.block_rows / BLOCK_STEP * BLOCK_STEP;
    JUDD_TRY(create_sums(&g.sums, bank));
    JUDD_TRY(judd_memory_alloc(&g.block, g.block_rows * g.block_columns, sizeof *g.block));
    *out = g;
    g = (judd_gradient){0};
done:
    judd_gradient_destroy(&g);
    return status;
}

void judd_gradient_destroy(judd_gradient *g) {
    free(g->sums.data);
    free(g->block);
    *g = (judd_gradient){0};
}

static judd_exact_scale scale_of(const judd_gradient *g, const judd_parameter *p, int64_t h) {
    return (judd_exact_scale){(int)p->exponent[h], g->fraction};
}

/* One lane's bias gradient: column sums of its delta, in row order. */
static void add_bias(judd_gradient *g, const judd_parameter *p, const float *delta, int64_t begin,
                     int64_t end) {
    int64_t width = g->bank->options.n_heads * p->rows;
    for (int64_t c = 0; c < width; c++) {
        int64_t h = c / p->rows;
        float s = 0.0f;
        for (int64_t i = begin; i < end; i++) s += delta[i * width + c];
        g->sums.bad[h] +=
            judd_exact_sum_add(g->sums.gradient + p->offset + c, &s, 1, scale_of(g, p, h));
    }
}

/* Part of the gradient of a weight: rows of all heads, columns. */
typedef struct block {
    int64_t row, rows, column, columns;
} block;

/* A block of delta^T x, lane by lane, each rounded to fixed point at once: the sums of a block stay
 * in the cache until every lane has added. */
static judd_status add_block(judd_gradient *g, const judd_parameter *p, const judd_network *network,
                             const judd_sampler *sampler, block b) {
    judd_status status = JUDD_OK;
    int64_t width = g->bank->options.n_heads * p->rows;
    for (int lane = 0; lane < sampler->n_own; lane++) {
        int64_t begin = sampler->begin[lane], count = sampler->begin[lane + 1] - begin;
        judd_gemm_matrix delta_t = {network->outputs + begin * width + b.row, 1, width};
        judd_gemm_matrix x = {sampler->batch.x + begin * p->columns + b.column, p->columns, 1};
        if (count == 0) continue;
        JUDD_TRY(judd_gemm_multiply(network->gemm, b.rows, b.columns, count, delta_t, x, g->block,
                                    b.columns, false));
        judd_stopwatch_lap(&g->watch, &g->times.product);
        for (int64_t i = 0; i < b.rows; i++) {
            int64_t row = b.row + i, h = row / p->rows;
            g->sums.bad[h] +=
                judd_exact_sum_add(g->sums.gradient + p->offset + row * p->columns + b.column,
                                   g->block + i * b.columns, b.columns, scale_of(g, p, h));
        }
        judd_stopwatch_lap(&g->watch, &g->times.exact_sum);
    }
done:
    return status;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static judd_status add_weight(judd_gradient *g, const judd_parameter *p,
                              const judd_network *network, const judd_sampler *sampler) {
    judd_status status = JUDD_OK;
    int64_t width = g->bank->options.n_heads * p->rows, dim = p->columns;
    int64_t rows = g->block_rows, columns = least(g->block_columns, dim);
    for (int64_t row = 0; row < width; row += rows)
        for (int64_t column = 0; column < dim; column += columns)
            JUDD_TRY(add_block(
                g, p, network, sampler,
                (block){row, least(width - row, rows), column, least(dim - column, columns)}));
done:
    return status;
}

judd_status judd_gradient_add(judd_gradient *g, const judd_network *network,
                              const judd_sampler *sampler) {
    const judd_layer *layer = &g->bank->layers[0];
    for (int k = 0; k < sampler->n_own; k++)
        add_bias(g, layer->bias, network->outputs, sampler->begin[k], sampler->begin[k + 1]);
    return add_weight(g, layer->weight, network, sampler);
}

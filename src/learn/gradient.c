#include "learn/gradient.h"

#include "learn/saving.h"

#include <judd/base/clones.h>
#include <judd/base/integers.h>
#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bits to spare above what the step before had, and the smallest exponent. */
enum { SPARE = 2, LOWEST = -120 };

/* ---- room ---------------------------------------------------------------------------------------
 */

static judd_status create_sums(judd_gradient_sums *s, const judd_bank *bank) {
    int64_t n_heads = bank->options.n_heads, pairs = n_heads * bank->n_parameters;
    s->n = 2 * pairs + 2 * n_heads + 1 + JUDD_N_WISHES;
    judd_status status = judd_memory_alloc(&s->data, s->n, sizeof *s->data);
    if (status != JUDD_OK) return status;
    s->peak = s->data;
    s->over = s->peak + pairs;
    s->bad = s->over + pairs;
    s->count = s->bad + n_heads;
    s->n_again = s->count - s->data;
    s->error = s->count + n_heads;
    s->wishes = s->error + 1;
    return JUDD_OK;
}

static judd_status create_product(judd_gradient *g) {
    judd_status status = JUDD_OK;
    int64_t n_heads = g->bank->options.n_heads, most_rows = 0, widest = 0;
    for (int l = 0; l < g->bank->n_layers; l++) {
        int64_t outputs = g->bank->layers[l].outputs;
        most_rows = judd_most(most_rows, (l == 0 ? n_heads : 1) * outputs);
        widest = judd_most(widest, n_heads * outputs);
    }
    JUDD_TRY(judd_memory_alloc(&g->vector, widest, sizeof *g->vector));
    JUDD_TRY(judd_memory_alloc(&g->lane, widest, sizeof *g->lane));
    JUDD_TRY(
        judd_lane_product_create(&g->product, g->network->gemm, most_rows, g->sampler->capacity));
done:
    return status;
}

static int64_t n_pairs(const judd_gradient *g) {
    return (int64_t)g->bank->n_parameters * g->bank->options.n_heads;
}

judd_status judd_gradient_create(judd_gradient *out, judd_bank *bank, const judd_network *network,
                                 const judd_sampler *sampler, judd_node_sum *total, int set) {
    judd_status status = JUDD_OK;
    judd_gradient g = {.bank = bank,
                       .network = network,
                       .sampler = sampler,
                       .total = total,
                       .set = set,
                       .fraction = judd_exact_sum_scale(1.0, sampler->rows->lanes.n_lanes).fraction,
                       .adapts = bank->n_layers > 1 || isinf(bank->targets.bound)};
    JUDD_TRY(create_sums(&g.sums, bank));
    g.sums.gradient = judd_node_sum_data(total);
    if (bank->options.reduce == JUDD_BANK_FLOAT) {
        g.adapts = false;
        JUDD_TRY(judd_memory_alloc(&g.plain, judd_bank_size(bank), sizeof *g.plain));
    } else {
        JUDD_TRY(create_product(&g));
    }
    if (g.adapts)
        JUDD_TRY(judd_memory_alloc(&g.largest, sampler->n_own * n_pairs(&g), sizeof *g.largest));
    *out = g;
    g = (judd_gradient){0};
done:
    judd_gradient_destroy(&g);
    return status;
}

void judd_gradient_destroy(judd_gradient *g) {
    free(g->sums.data);
    free(g->vector);
    free(g->lane);
    judd_lane_product_destroy(g->product);
    free(g->plain);
    free(g->largest);
    *g = (judd_gradient){0};
}

/* ---- one lane's part, in fixed point ------------------------------------------------------------
 */

int64_t *judd_gradient_exponent(const judd_gradient *g, const judd_parameter *p, int64_t h) {
    return &p->exponent[g->set * (int64_t)g->bank->options.n_heads + h];
}

static judd_exact_scale scale_of(const judd_gradient *g, const judd_parameter *p, int64_t h) {
    return (judd_exact_scale){(int)*judd_gradient_exponent(g, p, h), g->fraction};
}

static int64_t pair_of(const judd_gradient *g, const judd_parameter *p, int64_t h) {
    return (p - g->bank->parameters) * g->bank->options.n_heads + h;
}

/* n numbers of head h, of a lane, are added to sum. */
static void add_numbers(judd_gradient *g, const judd_parameter *p, int lane, int64_t h,
                        int64_t *sum, const float *x, int64_t n) {
    uint32_t *largest = g->adapts ? &g->largest[lane * n_pairs(g) + pair_of(g, p, h)] : NULL;
    int64_t bad = judd_exact_sum_add(sum, x, n, scale_of(g, p, h), largest);
    if (!g->adapts) g->sums.bad[h] += bad;
}

/* sum[c] = column c's sum in row order of x or, with `by`, of their products. */
JUDD_CLONES static void sum_rows(float *restrict sum, const float *restrict x,
                                 const float *restrict by, int64_t rows, int64_t width) {
    memset(sum, 0, (size_t)width * sizeof *sum);
    for (int64_t i = 0; i < rows; i++, x += width) {
        for (int64_t c = 0; !by && c < width; c++) sum[c] += x[c];
        for (int64_t c = 0; by && c < width; c++) sum[c] += x[c] * by[i * width + c];
    }
}

/* Column sums of delta or, with `by`, of their products: biases, shifts and gains. */
static void add_vector(judd_gradient *g, const judd_parameter *p, const float *delta,
                       const float *by) {
    int64_t n_heads = g->bank->options.n_heads, width = n_heads * p->rows;
    int64_t *sum = g->sums.gradient + p->offset;
    memset(g->vector, 0, (size_t)width * sizeof *g->vector);
    for (int lane = 0; lane < g->sampler->n_own; lane++) {
        int64_t begin = g->sampler->begin[lane], n = g->sampler->begin[lane + 1] - begin;
        if (n == 0) continue;
        sum_rows(g->lane, delta + begin * width, by ? by + begin * width : NULL, n, width);
        for (int64_t h = 0; h < n_heads; h++)
            add_numbers(g, p, lane, h, g->vector + h * p->rows, g->lane + h * p->rows, p->rows);
    }
    if (judd_node_sum_is_own(g->total)) {
        memcpy(sum, g->vector, (size_t)width * sizeof *sum);
        return;
    }
    judd_node_sum_lock(g->total, sum, width);
    judd_exact_sum_join(sum, g->vector, width);
    judd_node_sum_unlock(g->total, sum, width);
}

/* The first n numbers of the gradient are final. */
static judd_status reach(judd_gradient *g, int64_t n) {
    judd_status status = judd_node_sum_reach(g->total, n);
    judd_stopwatch_lap(&g->watch, &g->times.all_reduce);
    return status;
}

/* What a layer multiplies: row i of the batch is row rows[i] of data, or row i if rows is NULL. */
typedef struct operand {
    const float *data;
    int64_t stride;
    const int64_t *rows;
} operand;

/* Rows [first, end) of all heads, by heads. Returns the number of groups. */
static int group_rows(judd_gradient *g, const judd_parameter *p, int64_t first, int64_t end,
                      judd_lane_product_group *groups) {
    int n = 0;
    for (int64_t row = first; row < end; n++) {
        int64_t h = row / p->rows;
        row = judd_least((h + 1) * p->rows, end);
        groups[n] =
            (judd_lane_product_group){.end = row - first,
                                      .scale = scale_of(g, p, h),
                                      .largest = g->adapts ? g->largest + pair_of(g, p, h) : NULL};
    }
    return n;
}

/* Rows [first, end) of a weight of all heads, at most JUDD_LANE_PRODUCT_ROWS, whose inputs are the
 * same for all of them. */
static judd_status add_rows(judd_gradient *g, const judd_parameter *p, const float *delta,
                            operand inputs, int64_t first, int64_t end) {
    judd_status status = JUDD_OK;
    judd_lane_product_group groups[JUDD_LANE_PRODUCT_ROWS];
    int64_t width = g->bank->options.n_heads * p->rows;
    int64_t *sum = g->sums.gradient + p->offset + first * p->columns;
    judd_lane_product_part part = {.right_stride = inputs.stride,
                                   .right_rows = inputs.rows,
                                   .sum_stride = p->columns,
                                   .among = g->total,
                                   .n_groups = group_rows(g, p, first, end, groups),
                                   .groups = groups,
                                   .largest_stride = n_pairs(g)};
    judd_lane_product_left(g->product, delta + first, width, end - first, g->sampler->begin,
                           g->sampler->n_own);
    const int64_t most = judd_lane_product_columns(g->product), n = judd_pieces(p->columns, most);
    /* each rank of a node begins elsewhere, so that none waits for another's lock */
    const int64_t turn = judd_part_begin(n, g->bank->parts, g->bank->part);
    for (int64_t i = 0; i < n; i++) {
        int64_t j = (turn + i) % n * most;
        part.columns = judd_least(most, p->columns - j);
        part.right = inputs.data ? inputs.data + j : NULL; /* a rank may have no samples */
        part.sum = sum + j;
        judd_lane_product_add(g->product, &part);
        judd_stopwatch_lap(&g->watch, &g->times.product);
        JUDD_TRY(reach(g, p->offset + first * p->columns)); /* rows before these are done */
    }
    for (int k = 0; k < part.n_groups && !g->adapts; k++)
        g->sums.bad[(first + groups[k].end - 1) / p->rows] += groups[k].bad;
    judd_stopwatch_lap(&g->watch, &g->times.product);
done:
    return status;
}

static judd_status add_blocks(judd_gradient *g, const judd_parameter *p, const float *delta,
                              operand inputs, int64_t first, int64_t end) {
    judd_status status = JUDD_OK;
    int64_t rows = end - first, n = judd_pieces(rows, JUDD_LANE_PRODUCT_ROWS);
    for (int64_t i = 0; i < n; i++)
        JUDD_TRY(add_rows(g, p, delta, inputs, first + judd_part_begin(rows, n, i),
                          first + judd_part_begin(rows, n, i + 1)));
done:
    return status;
}

/* The first layer's inputs are the features: all heads in one product. Deeper, each has its own. */
static judd_status add_weight(judd_gradient *g, int l) {
    judd_status status = JUDD_OK;
    const judd_parameter *p = g->bank->layers[l].weight;
    const float *delta = g->network->layers[l].delta;
    int64_t n_heads = g->bank->options.n_heads;
    if (l == 0) {
        operand x = {g->sampler->batch.x, p->columns, g->sampler->batch.rows};
        return add_blocks(g, p, delta, x, 0, n_heads * p->rows);
    }
    for (int h = 0; h < n_heads; h++) {
        operand x = {g->network->layers[l - 1].out + h * p->columns, n_heads * p->columns, NULL};
        JUDD_TRY(add_blocks(g, p, delta, x, h * p->rows, (h + 1) * p->rows));
    }
done:
    return status;
}

/* What a lane's largest number says: not finite, too large, or how large. */
static void add_peaks(judd_gradient *g) {
    for (int lane = 0; lane < g->sampler->n_own; lane++)
        for (int k = 0; k < g->bank->n_parameters; k++)
            for (int h = 0; h < g->bank->options.n_heads; h++) {
                const judd_parameter *p = &g->bank->parameters[k];
                int64_t pair = pair_of(g, p, h);
                float largest;
                memcpy(&largest, &g->largest[lane * n_pairs(g) + pair], sizeof largest);
                if (isfinite(largest))
                    g->sums.over[pair] += judd_exact_sum_add(&g->sums.peak[pair], &largest, 1,
                                                             scale_of(g, p, h), NULL);
                else
                    g->sums.bad[h]++;
            }
}

judd_status judd_gradient_add(judd_gradient *g) {
    judd_status status = JUDD_OK;
    if (g->adapts)
        memset(g->largest, 0, (size_t)(g->sampler->n_own * n_pairs(g)) * sizeof *g->largest);
    for (int l = 0; l < g->bank->n_layers; l++) {
        const judd_layer *layer = &g->bank->layers[l];
        const judd_network_layer *y = &g->network->layers[l];
        JUDD_TRY(add_weight(g, l)); /* in the order of the sums, so that what is done may go */
        add_vector(g, layer->bias, y->delta, NULL);
        if (layer->gain) {
            add_vector(g, layer->gain, y->slope, y->normal);
            add_vector(g, layer->shift, y->slope, NULL);
        }
    }
    if (g->adapts) add_peaks(g);
done:
    return status;
}

/* ---- exponents ----------------------------------------------------------------------------------
 */

static int exponent_of(double bound) {
    return judd_exact_sum_scale(bound, 1).exponent;
}

void judd_gradient_begin(judd_gradient *g, double max_x) {
    double bound = isinf(g->bank->targets.bound) ? 1.0 : g->bank->targets.bound;
    bound *= (double)g->sampler->micro * (max_x > 1.0 ? max_x : 1.0);
    if (g->adapts && g->bank->step > 0) return;
    for (int k = 0; k < g->bank->n_parameters; k++)
        for (int h = 0; h < g->bank->options.n_heads; h++)
            *judd_gradient_exponent(g, &g->bank->parameters[k], h) = exponent_of(bound);
}

void judd_gradient_clear(judd_gradient *g) {
    if (!judd_node_sum_is_own(g->total)) judd_node_sum_clear(g->total);
}

/* A head that has diverged in this step is lost in any case. */
static bool is_over(const judd_gradient *g, int k, int h) {
    return g->sums.bad[h] == 0 && judd_bank_is_active(g->bank, h) &&
           g->sums.over[k * g->bank->options.n_heads + h] > 0;
}

/* Exponents from the exact largest over all lanes, where they were exceeded. */
static judd_status widen(judd_gradient *g, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    double *largest = NULL;
    int n_heads = g->bank->options.n_heads;
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&largest, n_pairs(g), sizeof *largest)));
    for (int64_t i = 0; i < g->sampler->n_own * n_pairs(g); i++) {
        float x;
        memcpy(&x, &g->largest[i], sizeof x);
        if (isfinite(x)) largest[i % n_pairs(g)] = fmax(largest[i % n_pairs(g)], (double)x);
    }
    JUDD_TRY(judd_comm_max(comm, largest, n_pairs(g)));
    for (int k = 0; k < g->bank->n_parameters; k++)
        for (int h = 0; h < n_heads; h++)
            if (is_over(g, k, h))
                *judd_gradient_exponent(g, &g->bank->parameters[k], h) =
                    exponent_of(largest[k * n_heads + h]) + SPARE;
done:
    free(largest);
    return status;
}

/* The same step once more. Nobody reads the totals before. */
static judd_status add_again(judd_gradient *g, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_gradient_clear(g);
    memset(g->sums.data, 0, (size_t)g->sums.n_again * sizeof *g->sums.data);
    JUDD_TRY(judd_comm_meet_node(comm));
    judd_status local = judd_gradient_add(g);
    JUDD_TRY(judd_node_sum_finish(g->total));
    JUDD_TRY(judd_comm_agree(comm, local));
    JUDD_TRY(judd_comm_sum(comm, g->sums.data, g->sums.n_again));
    g->times.repeats++;
done:
    return status;
}

judd_status judd_gradient_settle(judd_gradient *g, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    bool over = false;
    for (int k = 0; k < g->bank->n_parameters; k++)
        for (int h = 0; h < g->bank->options.n_heads; h++) over = over || is_over(g, k, h);
    if (!over) return JUDD_OK; /* the sums are the same on every rank: so is this */
    JUDD_TRY(widen(g, comm));
    JUDD_TRY(add_again(g, comm));
done:
    return status;
}

void judd_gradient_adapt(judd_gradient *g) {
    int n_heads = g->bank->options.n_heads;
    for (int k = 0; k < g->bank->n_parameters; k++)
        for (int h = 0; h < n_heads; h++) {
            const judd_parameter *p = &g->bank->parameters[k];
            double peak = judd_exact_sum_value(g->sums.peak[k * n_heads + h], scale_of(g, p, h));
            int next = exponent_of(peak) + SPARE; /* of 0: very low */
            *judd_gradient_exponent(g, p, h) = next > LOWEST ? next : LOWEST;
        }
}

#include <judd/learn/objective.h>

#include <judd/base/clones.h>
#include <judd/base/exact_math.h>
#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/learn/row_stream.h>
#include <judd/linalg/panels.h>

#include "learn/span_sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    W = JUDD_PANELS_WIDTH,
    BLOCK_BYTES = 1 << 19, /* of features in float64: stays in the second-level cache */
    MIN_ROWS = 128,        /* or the gradient of a wide head is read and written too often */
    MAX_ROWS = 256
};

/* A sample's loss beyond this counts as this, so that the sums have a bound. A slope of a loss
 * whose slopes have none must not exceed this. */
#define MAX_LOSS 1e6
#define MAX_SLOPE 0x1p20

struct judd_objective {
    const judd_rows *rows;
    const judd_targets *targets;
    const judd_comm *comm;
    const judd_panels_kernel *kernel;
    int n_outputs, n_heads;
    int64_t dim, panels;       /* features; panels of 16 of them */
    int64_t block;             /* rows at a time */
    int words;                 /* of a number of the gradient: 2 where slopes have no small bound */
    judd_exact_scale scale[2]; /* of gradients, and of what the first word rounds off */
    judd_exact_scale loss_scale[2];
    double *x, *z;           /* [panels][block][16], [block, width up to panels] */
    double *room;            /* [block, width]: for the exponentials, then for the product */
    double *weight;          /* [width panels][16 panels][16] */
    double *offset;          /* [width up to panels]: the biases of all outputs */
    double *gradient, *bias; /* of one lane: [width, 16 panels], [width] */
    double *loss;            /* of one lane: [n_heads] */
    double *squares;         /* [dim]: mean squares of the features */
    double max_x;            /* the largest |x| of all ranks */
    judd_span_sums span;     /* of points that ask for it */
    judd_exact_scale (*span_scale)[2]; /* [n_heads] */
    int64_t *sum;                      /* everything that is summed over ranks */
};

/* Where what lies in the sums, for n heads. */
typedef struct layout {
    int64_t *gradient, *bias; /* [words][width, dim], [words][width] */
    int64_t *loss;            /* [2][n] */
    int64_t *count, *mistakes, *bad, *wishes;
    int64_t *span; /* [n][2][bars, products], if a point asks for it */
    int64_t n;     /* without wishes */
} layout;

int64_t judd_objective_span(const judd_targets *targets, int64_t dim) {
    return judd_span_sums_size(targets, dim);
}

/* What lay_out lays out, but for the wishes. */
static int64_t n_sums(const judd_objective *o, int64_t n, bool spans) {
    return o->words * n * o->n_outputs * (o->dim + 1) + 5 * n +
           (spans ? 2 * n * judd_objective_span(o->targets, o->dim) : 0);
}

static layout lay_out(const judd_objective *o, int n, bool spans) {
    int64_t width = (int64_t)n * o->n_outputs, *s = o->sum;
    layout l = {.gradient = s, .bias = s + o->words * width * o->dim};
    l.loss = l.bias + o->words * width;
    l.count = l.loss + 2 * (int64_t)n;
    l.mistakes = l.count + n;
    l.bad = l.mistakes + n;
    l.span = l.bad + n;
    l.n = n_sums(o, n, spans);
    l.wishes = s + l.n;
    return l;
}

enum { MAX_WISHES = 8 };

static judd_status create_buffers(judd_objective *o) {
    judd_status status = JUDD_OK;
    int64_t width = (int64_t)o->n_heads * o->n_outputs, wide = judd_panels_round(width);
    int64_t deep = W * o->panels;
    JUDD_TRY(judd_memory_alloc(&o->x, o->block * deep, sizeof *o->x));
    JUDD_TRY(judd_memory_alloc(&o->z, o->block * wide, sizeof *o->z));
    JUDD_TRY(judd_memory_alloc(&o->room, o->block * width, sizeof *o->room));
    JUDD_TRY(judd_memory_alloc(&o->weight, wide * deep, sizeof *o->weight));
    JUDD_TRY(judd_memory_alloc(&o->offset, wide, sizeof *o->offset));
    JUDD_TRY(judd_memory_alloc(&o->gradient, width * deep, sizeof *o->gradient));
    JUDD_TRY(judd_memory_alloc(&o->bias, width, sizeof *o->bias));
    JUDD_TRY(judd_memory_alloc(&o->loss, o->n_heads, sizeof *o->loss));
    JUDD_TRY(judd_memory_alloc(&o->squares, o->dim, sizeof *o->squares));
    JUDD_TRY(judd_memory_alloc(&o->span_scale, o->n_heads, sizeof *o->span_scale));
    JUDD_TRY(judd_span_sums_create(&o->span, o->targets, o->dim, o->n_heads, o->block));
    int64_t sums = n_sums(o, o->n_heads, true);
    JUDD_TRY(judd_memory_alloc(&o->sum, sums + MAX_WISHES, sizeof *o->sum));
done:
    return status;
}

/* sums [dim] = the squares of one lane, in its order. */
static judd_status square_lane(const judd_objective *o, int lane, double *sums) {
    judd_status status = JUDD_OK;
    judd_row_stream *stream = NULL;
    judd_row_block b;
    memset(sums, 0, (size_t)o->dim * sizeof *sums);
    JUDD_TRY(judd_row_stream_lane(&stream, o->rows, lane, MAX_ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        for (int64_t i = 0; i < b.n; i++)
            for (int64_t j = 0; j < o->dim; j++) {
                double x = judd_row_block_at(&b, i * o->dim + j);
                sums[j] += x * x;
            }
    }
done:
    judd_row_stream_close(stream);
    return status;
}

/* Exact between lanes; within one, chains. The sums and one lane's gradient lend their memory. */
static judd_status find_squares(judd_objective *o) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &o->rows->lanes;
    double n = (double)lanes->n_samples, *lane = o->gradient;
    judd_exact_scale scale = judd_exact_sum_scale(
        (double)judd_lanes_largest(lanes) * o->max_x * o->max_x, lanes->n_lanes);
    memset(o->sum, 0, (size_t)o->dim * sizeof *o->sum);
    for (int l = lanes->first_lane; status == JUDD_OK && l < lanes->end_lane; l++) {
        status = square_lane(o, l, lane);
        judd_exact_sum_add_double(o->sum, lane, o->dim, scale);
    }
    JUDD_TRY(judd_comm_agree(o->comm, status));
    JUDD_TRY(judd_comm_sum(o->comm, o->sum, o->dim));
    for (int64_t j = 0; j < o->dim; j++) o->squares[j] = judd_exact_sum_value(o->sum[j], scale) / n;
done:
    return status;
}

const double *judd_objective_squares(const judd_objective *o) {
    return o->squares;
}

static judd_exact_scale second_word(judd_exact_scale first) {
    return (judd_exact_scale){first.exponent - first.fraction, first.fraction};
}

static void set_scales(judd_objective *o) {
    const judd_lanes *lanes = &o->rows->lanes;
    double largest = (double)judd_lanes_largest(lanes);
    double slope = fmin(o->targets->bound, MAX_SLOPE);
    o->scale[0] = judd_exact_sum_scale(largest * fmax(o->max_x, 1.0) * slope, lanes->n_lanes);
    o->scale[1] = second_word(o->scale[0]);
    o->loss_scale[0] = judd_exact_sum_scale(largest * MAX_LOSS, lanes->n_lanes);
    o->loss_scale[1] = second_word(o->loss_scale[0]);
}

judd_status judd_objective_create(judd_objective **out, const judd_rows *rows,
                                  const judd_targets *targets, int n_heads, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_objective *o = NULL;
    status = judd_memory_alloc(&o, 1, sizeof *o);
    if (status == JUDD_OK) {
        o->rows = rows;
        o->comm = comm;
        o->kernel = judd_panels_pick();
        o->targets = targets;
        o->n_outputs = targets->n_outputs;
        o->n_heads = n_heads;
        o->words = isinf(targets->bound) ? 2 : 1;
        o->dim = rows->dim;
        o->panels = judd_panels_round(rows->dim) / W;
        o->block = BLOCK_BYTES / (o->panels * W * (int64_t)sizeof(double));
        if (o->block < MIN_ROWS) o->block = MIN_ROWS;
        if (o->block > MAX_ROWS) o->block = MAX_ROWS;
        status = create_buffers(o);
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_rows_max(&o->max_x, rows, comm));
    set_scales(o);
    JUDD_TRY(find_squares(o));
    *out = o;
    o = NULL;
done:
    judd_objective_destroy(o);
    return status;
}

void judd_objective_destroy(judd_objective *o) {
    if (!o) return;
    free(o->x);
    free(o->z);
    free(o->room);
    free(o->weight);
    free(o->offset);
    free(o->gradient);
    free(o->bias);
    free(o->loss);
    free(o->squares);
    free(o->span_scale);
    judd_span_sums_free(&o->span);
    free(o->sum);
    free(o);
}

/* And biases. Panels of 16 outputs: [panel][k][16], zeros where there is no feature or no output.
 */
static void pack_weights(judd_objective *o, const judd_objective_point *points, int n) {
    int64_t width = (int64_t)n * o->n_outputs, deep = W * o->panels;
    memset(o->weight, 0, (size_t)(judd_panels_round(width) * deep) * sizeof *o->weight);
    for (int64_t j = 0; j < width; j++) {
        const double *from = points[j / o->n_outputs].at + j % o->n_outputs * o->dim;
        double *to = o->weight + j / W * deep * W + j % W;
        for (int64_t k = 0; k < o->dim; k++) to[k * W] = from[k];
        o->offset[j] = points[j / o->n_outputs].at[o->n_outputs * o->dim + j % o->n_outputs];
    }
    for (int64_t j = width; j < judd_panels_round(width); j++) o->offset[j] = 0.0;
}

/* ---- losses of one head on a block of rows ------------------------------------------------------
 */

typedef struct head_block {
    const judd_targets *targets;
    int head;              /* in targets->mean and scale */
    const int32_t *labels; /* [m] */
    const float *answers;  /* [m, n_outputs], or NULL */
    int64_t m, stride;     /* rows; between rows of z */
    double *z;             /* outputs, then d loss / d outputs */
    double *room;          /* [m, n_outputs] */
    bool seen[MAX_ROWS];   /* rows that count; the others' z is left as it comes */
    bool mistake[MAX_ROWS];
    double loss[MAX_ROWS];
} head_block;

JUDD_CLONES static void exponentials(double *z, int64_t n) {
    for (int64_t i = 0; i < n; i++) z[i] = judd_exact_exp(z[i]);
}

JUDD_CLONES static void logarithms(double *restrict y, const double *restrict x, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] = judd_exact_log(x[i]);
}

/* From e = exp(z - top) of one row of one head to slope = d loss / d logits. Returns the sum of e.
 */
static double finish_row(double *restrict slope, const double *restrict e, const judd_targets *t,
                         int32_t label) {
    const float *share = t->share + (int64_t)label * t->n_outputs;
    double sum = 0.0, mass = t->mass[label];
    for (int c = 0; c < t->n_outputs; c++) sum += e[c];
    double factor = mass / sum;
    if (t->plain) {
        for (int c = 0; c < t->n_outputs; c++) slope[c] = e[c] * factor;
        slope[label] -= 1.0;
    } else {
        for (int c = 0; c < t->n_outputs; c++) slope[c] = e[c] * factor - (double)share[c];
    }
    return sum;
}

/* shifted = the row's logits less the highest one. Returns whether it is a mistake: one unless its
 * own class alone has the highest. */
static bool shift_row(double *restrict shifted, const double *restrict z, const judd_targets *t,
                      int32_t label, double *pull) {
    const float *share = t->share + (int64_t)label * t->n_outputs;
    double top = z[0], other = -INFINITY;
    for (int c = 1; c < t->n_outputs; c++) top = z[c] > top ? z[c] : top;
    for (int c = 0; c < t->n_outputs; c++)
        if (c != label && z[c] > other) other = z[c];
    for (int c = 0; c < t->n_outputs; c++) shifted[c] = z[c] - top;
    *pull = shifted[label];
    if (!t->plain) {
        *pull = 0.0;
        for (int c = 0; c < t->n_outputs; c++) *pull += (double)share[c] * shifted[c];
    }
    return !(z[label] > other);
}

/* The loss is -sum_c q_c log p_c = mass log(sum e) - pull. In sweeps, so that exponentials and
 * logarithms run over long vectors. */
static void softmax(head_block *b) {
    int n = b->targets->n_outputs;
    double pull[MAX_ROWS], sum[MAX_ROWS];
    for (int64_t i = 0; i < b->m; i++)
        b->mistake[i] =
            shift_row(b->room + i * n, b->z + i * b->stride, b->targets, b->labels[i], &pull[i]);
    exponentials(b->room, b->m * n);
    for (int64_t i = 0; i < b->m; i++)
        sum[i] = b->seen[i]
                     ? finish_row(b->z + i * b->stride, b->room + i * n, b->targets, b->labels[i])
                     : 1.0;
    logarithms(b->loss, sum, b->m);
    for (int64_t i = 0; i < b->m; i++)
        b->loss[i] = b->targets->mass[b->labels[i]] * b->loss[i] - pull[i];
}

/* As in learn/loss.c, in float64. A mistake: an answer on the wrong side of a half. */
static void sigmoid(head_block *b) {
    int n = b->targets->n_outputs;
    for (int64_t i = 0; i < b->m; i++) {
        double *z = b->z + i * b->stride;
        b->loss[i] = 0.0;
        b->mistake[i] = false;
        for (int c = 0; c < n; c++) {
            double y = (double)b->answers[i * n + c], w = (double)b->targets->positive[c];
            double e = judd_exact_exp(-fabs(z[c])), rest = judd_exact_log(1.0 + e);
            double no = (z[c] >= 0.0 ? e : 1.0) / (1.0 + e);
            double yes = (z[c] >= 0.0 ? 1.0 : e) / (1.0 + e);
            b->loss[i] += w * y * (rest + fmax(-z[c], 0.0)) + (1.0 - y) * (rest + fmax(z[c], 0.0));
            b->mistake[i] = b->mistake[i] || (z[c] > 0.0) != (y > 0.5);
            z[c] = (1.0 - y) * yes - w * y * no;
        }
    }
}

/* There is always a minimum: every row counts as a mistake. A slope too large to be summed up
 * becomes NaN, which is counted as not finite. */
static void squared(head_block *b) {
    int n = b->targets->n_outputs;
    const float *mean = b->targets->mean + (int64_t)b->head * n;
    const float *scale = b->targets->scale + (int64_t)b->head * n;
    for (int64_t i = 0; i < b->m; i++) {
        double *z = b->z + i * b->stride;
        b->loss[i] = 0.0;
        b->mistake[i] = true;
        for (int c = 0; c < n; c++) {
            double y = (double)((b->answers[i * n + c] - mean[c]) * scale[c]), d = z[c] - y;
            b->loss[i] += d * d;
            z[c] = fabs(2.0 * d) <= MAX_SLOPE ? 2.0 * d : (double)NAN;
        }
    }
}

static void (*const losses[])(head_block *b) = {
    [JUDD_LOSS_SOFTMAX] = softmax, [JUDD_LOSS_SIGMOID] = sigmoid, [JUDD_LOSS_SQUARED] = squared};

/* Rows [first, first + m) of this rank: outputs become d loss / d outputs, 0 for rows a head must
 * not see. */
static void find_slopes(judd_objective *o, const judd_objective_point *points, int n, int64_t first,
                        int64_t m, int64_t wide, const layout *l) {
    const judd_rows *rows = o->rows;
    const judd_targets *t = o->targets;
    head_block b = {.targets = t,
                    .labels = rows->labels + first,
                    .answers = rows->targets ? rows->targets + first * rows->n_targets : NULL,
                    .m = m,
                    .stride = wide,
                    .room = o->room};
    for (int h = 0; h < n; h++) {
        b.head = points[h].head;
        b.z = o->z + (int64_t)h * o->n_outputs;
        for (int64_t i = 0; i < m; i++) b.seen[i] = points[h].held_out != rows->folds[first + i];
        if (points[h].span)
            judd_span_sums_note(&o->span, b.z, wide, o->offset + (int64_t)h * o->n_outputs, m);
        losses[t->loss](&b);
        if (points[h].span)
            judd_span_sums_add(&o->span, h, o->kernel, b.z, wide, b.labels, b.answers, b.seen, m);
        for (int64_t i = 0; i < m; i++) {
            if (!b.seen[i]) {
                memset(b.z + i * wide, 0, (size_t)o->n_outputs * sizeof *b.z);
                continue;
            }
            o->loss[h] += b.loss[i] < MAX_LOSS ? b.loss[i] : MAX_LOSS; /* NaN counts as worst */
            l->mistakes[h] += b.mistake[i];
            l->count[h] += t->loss == JUDD_LOSS_SOFTMAX ? t->weight[b.labels[i]] : 1;
        }
    }
}

static void add_block(judd_objective *o, const judd_objective_point *points, int n,
                      const judd_row_block *block, const layout *l) {
    int64_t first = block->first, m = block->n;
    int64_t width = (int64_t)n * o->n_outputs, wide = judd_panels_round(width);
    judd_row_block_pack(o->x, block, o->dim);
    for (int64_t i = 0; i < m; i++) memcpy(o->z + i * wide, o->offset, (size_t)wide * sizeof *o->z);
    judd_panels_forward(o->kernel, o->z, wide, o->x, m, o->panels, o->weight, wide / W);
    find_slopes(o, points, n, first, m, wide, l);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < width; j++) o->bias[j] += o->z[i * wide + j];
    judd_panels_gradient(o->kernel, o->gradient, W * o->panels, o->z, wide, m, width, o->x,
                         o->panels, o->room);
}

/* n numbers to fixed point: sum += x or, in two words of which the second begins at sum[second],
 * what the first one rounds off, too, which is exact in float64. */
static int64_t add_numbers(int64_t *sum, int words, int64_t second, const double *x, int64_t n,
                           const judd_exact_scale scale[2]) {
    int64_t bad = 0;
    if (words == 1) return judd_exact_sum_add_double(sum, x, n, scale[0]);
    for (int64_t j = 0; j < n; j++) {
        int64_t before = sum[j], out = judd_exact_sum_add_double(&sum[j], &x[j], 1, scale[0]);
        double rest = x[j] - judd_exact_sum_value(sum[j] - before, scale[0]);
        bad += out ? out : judd_exact_sum_add_double(&sum[second + j], &rest, 1, scale[1]);
    }
    return bad;
}

/* Head h's sums of one lane to fixed point. What is not finite is left out: it is in the gradient,
 * too, where it counts. */
static void add_span(judd_objective *o, int h, const layout *l) {
    const judd_span_sums *s = &o->span;
    int64_t second = judd_objective_span(o->targets, o->dim);
    for (int64_t k = 0; k < s->bars; k++)
        add_numbers(l->span + 2 * h * second + k * s->products, 2, second,
                    s->lane + (h * s->bars + k) * s->ld, s->products, o->span_scale[h]);
}

static judd_status add_lane(judd_objective *o, const judd_objective_point *points, int n, int lane,
                            const layout *l) {
    judd_status status = JUDD_OK;
    judd_row_stream *stream = NULL;
    judd_row_block block;
    int64_t width = (int64_t)n * o->n_outputs, deep = W * o->panels;
    memset(o->gradient, 0, (size_t)(width * deep) * sizeof *o->gradient);
    memset(o->bias, 0, (size_t)width * sizeof *o->bias);
    memset(o->loss, 0, (size_t)n * sizeof *o->loss);
    for (int h = 0; h < n; h++)
        if (points[h].span) judd_span_sums_clear(&o->span, h);
    JUDD_TRY(judd_row_stream_lane(&stream, o->rows, lane, o->block));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &block));
        if (block.n == 0) break;
        add_block(o, points, n, &block, l);
    }
    for (int64_t j = 0; j < width; j++) {
        int64_t *bad = &l->bad[j / o->n_outputs];
        *bad += add_numbers(l->gradient + j * o->dim, o->words, width * o->dim,
                            o->gradient + j * deep, o->dim, o->scale);
        *bad += add_numbers(l->bias + j, o->words, width, o->bias + j, 1, o->scale);
    }
    for (int h = 0; h < n; h++) {
        l->bad[h] += add_numbers(&l->loss[h], 2, n, &o->loss[h], 1, o->loss_scale);
        if (points[h].span) add_span(o, h, l);
    }
done:
    judd_row_stream_close(stream);
    return status;
}

/* x = total * factor, rounded where the words are many. */
JUDD_CLONES static void take_numbers(double *x, const int64_t *sum, int words, int64_t second,
                                     int64_t n, double unit, double count, double fine) {
    if (words == 1)
        for (int64_t j = 0; j < n; j++) x[j] = (double)sum[j] * unit / count;
    else
        for (int64_t j = 0; j < n; j++)
            x[j] = ((double)sum[j] * unit + (double)sum[second + j] * fine) / count;
}

/* From sums over all samples to the mean, and the penalty. */
JUDD_CLONES static void finish(const judd_objective *o, judd_objective_point *p, const layout *l,
                               int h, int n_heads) {
    int64_t weights = o->n_outputs * o->dim, width = (int64_t)n_heads * o->n_outputs;
    double n = p->count > 0 ? (double)p->count * o->targets->unit : 1.0;
    double unit = judd_exact_sum_value(1, o->scale[0]), fine = judd_exact_sum_value(1, o->scale[1]);
    double part[8] = {0}, square = 0.0;
    take_numbers(p->gradient, l->gradient + h * weights, o->words, width * o->dim, weights, unit, n,
                 fine);
    take_numbers(p->gradient + weights, l->bias + (int64_t)h * o->n_outputs, o->words, width,
                 o->n_outputs, unit, n, fine);
    for (int64_t j = 0; j < weights; j++) p->gradient[j] += p->l2 * p->at[j];
    for (int64_t j = 0; j + 8 <= weights; j += 8)
        for (int k = 0; k < 8; k++) part[k] += p->at[j + k] * p->at[j + k];
    for (int64_t j = weights / 8 * 8; j < weights; j++) square += p->at[j] * p->at[j];
    for (int k = 0; k < 8; k++) square += part[k];
    double loss = judd_exact_sum_value(l->loss[h], o->loss_scale[0]) +
                  judd_exact_sum_value(l->loss[n_heads + h], o->loss_scale[1]);
    if (p->span) {
        int64_t second = judd_objective_span(o->targets, o->dim);
        take_numbers(p->span, l->span + 2 * h * second, 2, second, second,
                     judd_exact_sum_value(1, o->span_scale[h][0]), n,
                     judd_exact_sum_value(1, o->span_scale[h][1]));
    }
    p->value = loss / n + 0.5 * p->l2 * square;
    p->finite = l->bad[h] == 0 && isfinite(p->value);
}

/* Two words: a bound by the weights may be far above what samples give. Whether a point asks. */
static bool set_span_scales(judd_objective *o, const judd_objective_point *points, int n) {
    const judd_lanes *lanes = &o->rows->lanes;
    bool any = false;
    for (int h = 0; h < n; h++) {
        if (!points[h].span) continue;
        double bound = judd_span_sums_bound(points[h].at, o->n_outputs, o->dim, o->max_x);
        o->span_scale[h][0] = judd_exact_sum_scale(
            2.0 * (double)judd_lanes_largest(lanes) * o->targets->bound * bound, lanes->n_lanes);
        o->span_scale[h][1] = second_word(o->span_scale[h][0]);
        any = true;
    }
    return any;
}

judd_status judd_objective_evaluate(judd_objective *o, judd_objective_point *points, int n,
                                    int64_t *wishes, int n_wishes) {
    judd_status status = JUDD_OK;
    bool spans = set_span_scales(o, points, n);
    layout l = lay_out(o, n, spans);
    memset(o->sum, 0, (size_t)(l.n + n_wishes) * sizeof *o->sum);
    pack_weights(o, points, n);
    for (int lane = o->rows->lanes.first_lane; status == JUDD_OK && lane < o->rows->lanes.end_lane;
         lane++)
        status = add_lane(o, points, n, lane, &l);
    JUDD_TRY(judd_comm_agree(o->comm, status));
    for (int i = 0; i < n_wishes; i++) l.wishes[i] = wishes[i];
    JUDD_TRY(judd_comm_sum(o->comm, o->sum, l.n + n_wishes));
    for (int i = 0; i < n_wishes; i++) wishes[i] = l.wishes[i];
    for (int h = 0; h < n; h++) {
        points[h].count = l.count[h];
        points[h].mistakes = l.mistakes[h];
        finish(o, &points[h], &l, h, n);
    }
done:
    return status;
}

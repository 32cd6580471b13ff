#include <judd/learn/objective.h>

#include <judd/base/clones.h>
#include <judd/base/exact_math.h>
#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/linalg/panels.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    W = JUDD_PANELS_WIDTH,
    BLOCK_BYTES = 1 << 19, /* of features in float64: stays in the second-level cache */
    MIN_ROWS = 16,
    MAX_ROWS = 256
};

/* A sample's loss beyond this counts as this, so that the sums have a bound. */
#define MAX_LOSS 1e6

struct judd_objective {
    const judd_rows *rows;
    const judd_targets *targets;
    const judd_comm *comm;
    const judd_panels_kernel *kernel;
    int n_classes, n_heads;
    int64_t dim, panels;     /* features; panels of 16 of them */
    int64_t block;           /* rows at a time */
    judd_exact_scale scale;  /* of gradients */
    judd_exact_scale coarse; /* of losses */
    judd_exact_scale fine;   /* of what the coarse one rounds off */
    double *x, *z;           /* [panels][block][16], [block, width up to panels] */
    double *weight;          /* [width panels][16 panels][16] */
    double *gradient, *bias; /* of one lane: [width, 16 panels], [width] */
    double *loss;            /* of one lane: [n_heads] */
    double *squares;         /* [dim]: mean squares of the features */
    int64_t *sum;            /* everything that is summed over ranks */
};

/* Where what lies in the sums, for n heads. */
typedef struct layout {
    int64_t *gradient, *bias, *coarse, *fine, *count, *mistakes, *bad, *wishes;
    int64_t n; /* without wishes */
} layout;

static layout lay_out(const judd_objective *o, int n) {
    int64_t width = (int64_t)n * o->n_classes, *s = o->sum;
    layout l = {.gradient = s, .bias = s + width * o->dim};
    l.coarse = l.bias + width;
    l.fine = l.coarse + n;
    l.count = l.fine + n;
    l.mistakes = l.count + n;
    l.bad = l.mistakes + n;
    l.wishes = l.bad + n;
    l.n = l.wishes - s;
    return l;
}

enum { MAX_WISHES = 8 };

static judd_status create_buffers(judd_objective *o) {
    judd_status status = JUDD_OK;
    int64_t width = (int64_t)o->n_heads * o->n_classes, wide = judd_panels_round(width);
    int64_t deep = W * o->panels;
    JUDD_TRY(judd_memory_alloc(&o->x, o->block * deep, sizeof *o->x));
    JUDD_TRY(judd_memory_alloc(&o->z, o->block * wide, sizeof *o->z));
    JUDD_TRY(judd_memory_alloc(&o->weight, wide * deep, sizeof *o->weight));
    JUDD_TRY(judd_memory_alloc(&o->gradient, width * deep, sizeof *o->gradient));
    JUDD_TRY(judd_memory_alloc(&o->bias, width, sizeof *o->bias));
    JUDD_TRY(judd_memory_alloc(&o->loss, o->n_heads, sizeof *o->loss));
    JUDD_TRY(judd_memory_alloc(&o->squares, o->dim, sizeof *o->squares));
    JUDD_TRY(judd_memory_alloc(&o->sum, width * (o->dim + 1) + 5 * (int64_t)o->n_heads + MAX_WISHES,
                               sizeof *o->sum));
done:
    return status;
}

/* Exact between lanes; within one, chains. The sums and one lane's gradient lend their memory. */
static judd_status find_squares(judd_objective *o, double max_x) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &o->rows->lanes;
    double n = (double)lanes->n_samples, *lane = o->gradient;
    judd_exact_scale scale =
        judd_exact_sum_scale((double)judd_lanes_largest(lanes) * max_x * max_x, lanes->n_lanes);
    memset(o->sum, 0, (size_t)o->dim * sizeof *o->sum);
    for (int l = lanes->first_lane; l < lanes->end_lane; l++) {
        int64_t begin = judd_lanes_begin(lanes, l) - judd_lanes_first(lanes);
        int64_t end = judd_lanes_begin(lanes, l + 1) - judd_lanes_first(lanes);
        memset(lane, 0, (size_t)o->dim * sizeof *lane);
        for (int64_t i = begin; i < end; i++)
            for (int64_t j = 0; j < o->dim; j++) {
                double x = (double)o->rows->x[i * o->dim + j];
                lane[j] += x * x;
            }
        judd_exact_sum_add_double(o->sum, lane, o->dim, scale);
    }
    JUDD_TRY(judd_comm_sum(o->comm, o->sum, o->dim));
    for (int64_t j = 0; j < o->dim; j++) o->squares[j] = judd_exact_sum_value(o->sum[j], scale) / n;
done:
    return status;
}

const double *judd_objective_squares(const judd_objective *o) {
    return o->squares;
}

judd_status judd_objective_create(judd_objective **out, const judd_rows *rows,
                                  const judd_targets *targets, int n_heads, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_objective *o = NULL;
    double max_x = 0.0, largest = (double)judd_lanes_largest(&rows->lanes);
    int n_lanes = rows->lanes.n_lanes;
    status = judd_memory_alloc(&o, 1, sizeof *o);
    if (status == JUDD_OK) {
        o->rows = rows;
        o->comm = comm;
        o->kernel = judd_panels_pick();
        o->targets = targets;
        o->n_classes = targets->n_classes;
        o->n_heads = n_heads;
        o->dim = rows->dim;
        o->panels = judd_panels_round(rows->dim) / W;
        o->block = BLOCK_BYTES / (o->panels * W * (int64_t)sizeof(double));
        if (o->block < MIN_ROWS) o->block = MIN_ROWS;
        if (o->block > MAX_ROWS) o->block = MAX_ROWS;
        status = create_buffers(o);
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_rows_max(&max_x, rows, comm));
    o->scale =
        judd_exact_sum_scale(largest * (max_x > 1.0 ? max_x : 1.0) * targets->bound, n_lanes);
    o->coarse = judd_exact_sum_scale(largest * MAX_LOSS, n_lanes);
    o->fine = (judd_exact_scale){.exponent = o->coarse.exponent - o->coarse.fraction,
                                 .fraction = o->coarse.fraction};
    JUDD_TRY(find_squares(o, max_x));
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
    free(o->weight);
    free(o->gradient);
    free(o->bias);
    free(o->loss);
    free(o->squares);
    free(o->sum);
    free(o);
}

/* Panels of 16 outputs: [panel][k][16], zeros where there is no feature or no output. */
static void pack_weights(judd_objective *o, const judd_objective_point *points, int n) {
    int64_t width = (int64_t)n * o->n_classes, deep = W * o->panels;
    memset(o->weight, 0, (size_t)(judd_panels_round(width) * deep) * sizeof *o->weight);
    for (int64_t j = 0; j < width; j++) {
        const double *from = points[j / o->n_classes].at + j % o->n_classes * o->dim;
        double *to = o->weight + j / W * deep * W + j % W;
        for (int64_t k = 0; k < o->dim; k++) to[k * W] = from[k];
    }
}

JUDD_CLONES static void exponentials(double *z, int64_t n) {
    for (int64_t i = 0; i < n; i++) z[i] = judd_exact_exp(z[i]);
}

/* From e = exp(z - top) of one row of one head to d loss / d logits; pull = sum_c q_c (z_c - top).
 */
static void finish_row(double *e, const judd_targets *t, int32_t label, double pull, double *loss) {
    const float *share = t->share + (int64_t)label * t->n_classes;
    double sum = 0.0, mass = (double)t->mass[label];
    for (int c = 0; c < t->n_classes; c++) sum += e[c];
    double l = mass * judd_exact_log(sum) - pull;
    *loss += l < MAX_LOSS ? l : MAX_LOSS; /* NaN counts as worst */
    double factor = mass / sum;
    if (t->plain) {
        for (int c = 0; c < t->n_classes; c++) e[c] *= factor;
        e[label] -= 1.0;
    } else {
        for (int c = 0; c < t->n_classes; c++) e[c] = e[c] * factor - (double)share[c];
    }
}

/* The row's logits less the highest one. Returns whether it is a mistake: one unless its own class
 * alone has the highest. */
static bool shift_row(double *z, const judd_targets *t, int32_t label, double *pull) {
    const float *share = t->share + (int64_t)label * t->n_classes;
    double top = z[0], other = -INFINITY;
    for (int c = 1; c < t->n_classes; c++) top = z[c] > top ? z[c] : top;
    for (int c = 0; c < t->n_classes; c++)
        if (c != label && z[c] > other) other = z[c];
    bool mistake = !(z[label] > other);
    for (int c = 0; c < t->n_classes; c++) z[c] -= top;
    *pull = z[label];
    if (!t->plain) {
        *pull = 0.0;
        for (int c = 0; c < t->n_classes; c++) *pull += (double)share[c] * z[c];
    }
    return mistake;
}

/* Rows [first, first + m) of this rank: logits become p - onehot, 0 for rows a head must not see.
 * In three sweeps, so that the exponentials run over whole vectors. */
static void softmax(judd_objective *o, const judd_objective_point *points, int n, int64_t first,
                    int64_t m, int64_t wide, const layout *l) {
    double pull[MAX_ROWS];
    const int32_t *labels = o->rows->labels + first;
    const int16_t *folds = o->rows->folds + first;
    for (int h = 0; h < n; h++) {
        double *z = o->z + (int64_t)h * o->n_classes;
        for (int64_t i = 0; i < m; i++)
            l->mistakes[h] += shift_row(z + i * wide, o->targets, labels[i], &pull[i]) &&
                              points[h].held_out != folds[i];
        for (int64_t i = 0; i < m; i++) exponentials(z + i * wide, o->n_classes);
        for (int64_t i = 0; i < m; i++) {
            if (points[h].held_out == folds[i]) {
                memset(z + i * wide, 0, (size_t)o->n_classes * sizeof *z);
                continue;
            }
            finish_row(z + i * wide, o->targets, labels[i], pull[i], &o->loss[h]);
            l->count[h] += o->targets->weight[labels[i]];
        }
    }
}

static void add_block(judd_objective *o, const judd_objective_point *points, int n, int64_t first,
                      int64_t m, const layout *l) {
    int64_t width = (int64_t)n * o->n_classes, wide = judd_panels_round(width);
    judd_panels_pack(o->x, o->rows->x + first * o->dim, m, o->dim);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < wide; j++)
            o->z[i * wide + j] =
                j < width ? points[j / o->n_classes].at[o->n_classes * o->dim + j % o->n_classes]
                          : 0.0;
    judd_panels_forward(o->kernel, o->z, wide, o->x, m, o->panels, o->weight, wide / W);
    softmax(o, points, n, first, m, wide, l);
    judd_panels_gradient(o->kernel, o->gradient, W * o->panels, o->z, wide, m, width, o->x,
                         o->panels);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < width; j++) o->bias[j] += o->z[i * wide + j];
}

/* A lane's loss in two words: what the coarse one rounds off is exact in float64. */
static int64_t add_loss(const judd_objective *o, int64_t *coarse, int64_t *fine, double loss) {
    int64_t before = *coarse, bad = judd_exact_sum_add_double(coarse, &loss, 1, o->coarse);
    double rest = loss - judd_exact_sum_value(*coarse - before, o->coarse);
    return bad ? bad : judd_exact_sum_add_double(fine, &rest, 1, o->fine);
}

static void add_lane(judd_objective *o, const judd_objective_point *points, int n, int lane,
                     const layout *l) {
    const judd_lanes *lanes = &o->rows->lanes;
    int64_t width = (int64_t)n * o->n_classes, deep = W * o->panels;
    int64_t begin = judd_lanes_begin(lanes, lane) - judd_lanes_first(lanes);
    int64_t end = judd_lanes_begin(lanes, lane + 1) - judd_lanes_first(lanes);
    memset(o->gradient, 0, (size_t)(width * deep) * sizeof *o->gradient);
    memset(o->bias, 0, (size_t)width * sizeof *o->bias);
    memset(o->loss, 0, (size_t)n * sizeof *o->loss);
    for (int64_t i = begin; i < end; i += o->block)
        add_block(o, points, n, i, end - i < o->block ? end - i : o->block, l);
    for (int64_t j = 0; j < width; j++) {
        int64_t *bad = &l->bad[j / o->n_classes];
        *bad += judd_exact_sum_add_double(l->gradient + j * o->dim, o->gradient + j * deep, o->dim,
                                          o->scale);
        *bad += judd_exact_sum_add_double(l->bias + j, o->bias + j, 1, o->scale);
    }
    for (int h = 0; h < n; h++) l->bad[h] += add_loss(o, &l->coarse[h], &l->fine[h], o->loss[h]);
}

/* From sums over all samples to the mean, and the penalty. */
JUDD_CLONES static void finish(const judd_objective *o, judd_objective_point *p, const layout *l,
                               int h) {
    int64_t weights = o->n_classes * o->dim;
    double n = p->count > 0 ? (double)p->count * o->targets->unit : 1.0;
    double unit = judd_exact_sum_value(1, o->scale), part[8] = {0}, square = 0.0;
    const int64_t *sum = l->gradient + h * weights, *bias = l->bias + (int64_t)h * o->n_classes;
    for (int64_t j = 0; j < weights; j++)
        p->gradient[j] = (double)sum[j] * unit / n + p->l2 * p->at[j];
    for (int c = 0; c < o->n_classes; c++) p->gradient[weights + c] = (double)bias[c] * unit / n;
    for (int64_t j = 0; j + 8 <= weights; j += 8)
        for (int k = 0; k < 8; k++) part[k] += p->at[j + k] * p->at[j + k];
    for (int64_t j = weights / 8 * 8; j < weights; j++) square += p->at[j] * p->at[j];
    for (int k = 0; k < 8; k++) square += part[k];
    double loss =
        judd_exact_sum_value(l->coarse[h], o->coarse) + judd_exact_sum_value(l->fine[h], o->fine);
    p->value = loss / n + 0.5 * p->l2 * square;
    p->finite = l->bad[h] == 0 && isfinite(p->value);
}

judd_status judd_objective_evaluate(judd_objective *o, judd_objective_point *points, int n,
                                    int64_t *wishes, int n_wishes) {
    judd_status status = JUDD_OK;
    layout l = lay_out(o, n);
    memset(o->sum, 0, (size_t)(l.n + n_wishes) * sizeof *o->sum);
    pack_weights(o, points, n);
    for (int lane = o->rows->lanes.first_lane; lane < o->rows->lanes.end_lane; lane++)
        add_lane(o, points, n, lane, &l);
    for (int i = 0; i < n_wishes; i++) l.wishes[i] = wishes[i];
    JUDD_TRY(judd_comm_sum(o->comm, o->sum, l.n + n_wishes));
    for (int i = 0; i < n_wishes; i++) wishes[i] = l.wishes[i];
    for (int h = 0; h < n; h++) {
        points[h].count = l.count[h];
        points[h].mistakes = l.mistakes[h];
        finish(o, &points[h], &l, h);
    }
done:
    return status;
}

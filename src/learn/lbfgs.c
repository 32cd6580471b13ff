#include <judd/learn/lbfgs.h>

#include <judd/base/clones.h>
#include <judd/base/memory.h>
#include <judd/learn/objective.h>
#include <judd/linalg/cholesky.h>
#include <judd/linalg/dot.h>

#include "learn/feature_moments.h"
#include "learn/line_search.h"
#include "learn/path_order.h"
#include "learn/sample_space.h"
#include "learn/saving.h"
#include "learn/span_inverse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- vectors: fixed order of summation, the same on every rank --------------------------------
 */

/* y += a x */
JUDD_CLONES static void add(double *restrict y, double a, const double *restrict x, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] += a * x[i];
}

static double largest(const double *x, int64_t n) {
    double m = 0.0;
    for (int64_t i = 0; i < n; i++) m = fabs(x[i]) > m ? fabs(x[i]) : m;
    return m;
}

/* ---- one head under way -----------------------------------------------------------------------
 */

typedef struct run {
    int head;     /* of the bank, or -1: none */
    bool running; /* a line search is under way, else the head's start is evaluated */
    double value;
    double *x, *gradient;             /* [n]: where the search starts */
    double *trial, *trial_gradient;   /* [n]: what is evaluated now */
    double *direction;                /* [n] */
    double *scale;                    /* [n]: 1 / rough curvature: the first inverse Hessian */
    double *curvature;                /* [dim + 1, dim + 1]: of one output, factored; or NULL */
    bool curved;                      /* its inverse takes the place of scale */
    judd_span_inverse span;           /* puts both right along the weights, once it is made */
    int64_t span_due;                 /* of the iterations, after which it is made */
    double *span_curvature;           /* what it is made from; NULL: it is not */
    double *steps, *changes;          /* [memory, n]: a ring */
    double *inverse_curvature, *part; /* [memory] */
    double factor;                    /* of scale, from the newest pair */
    int n_pairs, next_pair;
    judd_line_search search;
    int64_t iterations, evaluations;
} run;

typedef struct solver {
    judd_bank *bank;
    const judd_lbfgs_options *options;
    judd_lbfgs_report *reports;
    judd_objective *objective;
    judd_sample_space *space; /* where the heads are trained, or NULL: where they are */
    const judd_rows *rows;    /* there */
    int64_t dim, n;           /* features there, parameters of a head */
    double *outside;          /* [n_outputs, bank->dim + 1]: a head as the bank has it */
    double *moments;          /* [dim + 1, dim + 1] of the features, if they correlate; or NULL */
    double *room;             /* [n_outputs, dim + 1] */
    double *turned, *square;  /* [n] */
    int64_t span;             /* numbers of the objective's span; 0: it has none */
    judd_path_head *order;    /* [n_heads] */
    bool *begun;              /* [n_heads], in this order */
    run *runs;
    int n_runs;
    judd_objective_point *points; /* [n_runs] */
    int *asked;                   /* [n_runs]: run of a point */
} solver;

/* Heads under way at once: as many as make the products efficient, by their outputs, but for what
 * they keep together, unless one keeps more. */
enum { WIDE = 256, KEPT_BYTES = 64 << 20 };

/* d^2 loss / d output^2 of the mean, where nothing is known yet: at equal probabilities. */
static double curvature_of(const judd_bank_options *o) {
    double outputs = (double)o->n_outputs;
    switch (o->loss) {
    case JUDD_LOSS_SIGMOID:
        return 0.25 / outputs;
    case JUDD_LOSS_SQUARED:
        return 2.0 / outputs;
    default:
        return (1.0 - 1.0 / outputs) / outputs;
    }
}

/* 1 / diagonal of the Hessian there. Where biases and weights, or features, have
 * scales of their own, this saves most of the iterations. */
static void set_scale(const solver *s, run *p, double spread) {
    const judd_bank *b = s->bank;
    const double *squares = judd_objective_squares(s->objective);
    double l2 = b->options.heads[p->head].l2;
    for (int c = 0; c < b->options.n_outputs; c++)
        for (int64_t j = 0; j < s->dim; j++) {
            double curvature = spread * squares[j] + l2;
            p->scale[c * s->dim + j] = curvature > 0.0 ? 1.0 / curvature : 0.0; /* 0: never used */
        }
    for (int64_t j = b->options.n_outputs * s->dim; j < s->n; j++) p->scale[j] = 1.0 / spread;
}

/* Features that overlap so much share what they say, and curvatures along axes mislead. */
#define LEAST_OVERLAP 1.0
/* Of the diagonal: directions without any curvature keep a step. */
#define LEAST_CURVATURE 1e-8

static judd_status find_moments(solver *s, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const judd_rows *rows = s->rows;
    int64_t order = rows->dim + 1;
    double max_x = 0.0, *moments = NULL;
    if (!s->space && !judd_feature_moments_fit(rows->lanes.n_samples, rows->dim)) return JUDD_OK;
    JUDD_TRY(judd_rows_max(&max_x, rows, comm));
    status = judd_memory_alloc(&moments, order * order, sizeof *moments);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_feature_moments_make(moments, rows, max_x, comm));
    if (judd_feature_moments_overlap(moments, rows->dim) > LEAST_OVERLAP) {
        s->moments = moments;
        moments = NULL;
    }
done:
    free(moments);
    return status;
}

/* The Hessian there, output by output, with all that features have in common: what scale leaves to
 * the pairs, many times as many iterations where features correlate. */
static void set_curvature(const solver *s, run *p, double spread) {
    int64_t dim = s->dim, order = dim + 1;
    double l2 = s->bank->options.heads[p->head].l2;
    double trace = 0.0;
    for (int64_t k = 0; k < order * order; k++) p->curvature[k] = spread * s->moments[k];
    for (int64_t j = 0; j < order; j++) {
        p->curvature[j * order + j] += j < dim ? l2 : 0.0;
        trace += p->curvature[j * order + j];
    }
    for (int64_t j = 0; j < order; j++)
        p->curvature[j * order + j] += LEAST_CURVATURE * trace / (double)order;
    p->curved = judd_cholesky_factor(p->curvature, order);
}

/* x = what was known before the head began of the inverse Hessian, x. */
static void turn_plain(const solver *s, const run *p, double *x) {
    int64_t dim = s->dim, order = dim + 1;
    int n_outputs = s->bank->options.n_outputs;
    if (!p->curved) {
        for (int64_t j = 0; j < s->n; j++) x[j] *= p->scale[j];
        return;
    }
    for (int c = 0; c < n_outputs; c++) {
        memcpy(s->room + c * order, x + c * dim, (size_t)dim * sizeof *x);
        s->room[c * order + dim] = x[n_outputs * dim + c];
    }
    judd_cholesky_solve(s->room, n_outputs, p->curvature, order);
    for (int c = 0; c < n_outputs; c++) {
        memcpy(x + c * dim, s->room + c * order, (size_t)dim * sizeof *x);
        x[n_outputs * dim + c] = s->room[c * order + dim];
    }
}

/* x [dim + 1], weights and bias of one output, = the inverse of that, x. */
static void bend(const solver *s, const run *p, double *x) {
    int64_t dim = s->dim;
    const double *biases = p->scale + s->bank->options.n_outputs * dim;
    if (p->curved) {
        judd_cholesky_multiply(x, 1, p->curvature, dim + 1);
        return;
    }
    for (int64_t j = 0; j < dim; j++) x[j] = p->scale[j] > 0.0 ? x[j] / p->scale[j] : 0.0;
    x[dim] /= biases[0];
}

/* d^2 loss / d output^2 of the mean, over outputs. */
static double measured(const solver *s, const double *span) {
    int n = s->bank->options.n_outputs;
    int64_t products = (int64_t)(n + 1) * (n + 2) / 2;
    double sum = 0.0;
    for (int a = 0; a < n; a++) {
        sum += span[products - 1];
        span += (n - a) * products;
    }
    return sum / n;
}

/* Weights of which something can be said: a start near the minimum, or this many iterations later.
 */
enum { SETTLED = 3 };

/* At the weights `at`, of which span_curvature tells. */
static void make_span(const solver *s, run *p, const double *at) {
    int64_t dim = s->dim;
    judd_span_inverse *span = &p->span;
    double spread = measured(s, p->span_curvature);
    if (spread > 0.0) {
        set_scale(s, p, spread);
        if (p->curvature) set_curvature(s, p, spread);
    }
    judd_span_inverse_begin(span, at);
    memset(span->bent, 0, (size_t)(span->n * (dim + 1)) * sizeof *span->bent);
    for (int i = 0; i < span->n; i++) {
        double *x = span->bent + i * (dim + 1);
        if (i < span->n - 1)
            memcpy(x, span->basis + i * dim, (size_t)dim * sizeof *x);
        else
            x[dim] = 1.0;
        bend(s, p, x);
    }
    judd_span_inverse_end(span, p->span_curvature, s->bank->options.heads[p->head].l2);
    p->span_due = p->span_due > 0 ? 3 * p->span_due : SETTLED;
}

/* x = the first inverse Hessian x, but for p->factor. */
static void turn(const solver *s, run *p, double *x) {
    memcpy(s->turned, x, (size_t)s->n * sizeof *x);
    turn_plain(s, p, x);
    judd_span_inverse_add(&p->span, x, s->turned);
}

/* The first inverse Hessian where nothing is measured. */
static void set_first(const solver *s, run *p) {
    double spread = curvature_of(&s->bank->options);
    set_scale(s, p, spread);
    if (p->curvature) set_curvature(s, p, spread);
    p->span.n = 0;
}

/* From what the bank has, [n_outputs, bank->dim] and biases. */
static void set_start(const solver *s, double *x, const judd_path_head *head) {
    int64_t n_outputs = s->bank->options.n_outputs;
    judd_path_order_start(s->space ? s->outside : x, head, s->bank);
    if (!s->space) return;
    judd_sample_space_enter(s->space, x, s->outside, n_outputs);
    memcpy(x + n_outputs * s->dim, s->outside + n_outputs * s->bank->dim,
           (size_t)n_outputs * sizeof *x);
}

/* x as the bank has it; x is spoilt. */
static const double *outside(const solver *s, double *x) {
    int64_t n_outputs = s->bank->options.n_outputs;
    if (!s->space) return x;
    judd_sample_space_leave(s->space, s->outside, x, n_outputs);
    memcpy(s->outside + n_outputs * s->bank->dim, x + n_outputs * s->dim,
           (size_t)n_outputs * sizeof *x);
    return s->outside;
}

/* The largest number of a gradient. Among samples its numbers are other ones, but the length of an
 * output's is the same, and no number is larger than that. */
static double gradient_size(const solver *s, const double *gradient) {
    int64_t n_outputs = s->bank->options.n_outputs;
    double size = largest(gradient + n_outputs * s->dim, n_outputs);
    if (!s->space) return fmax(size, largest(gradient, n_outputs * s->dim));
    for (int64_t c = 0; c < n_outputs; c++) {
        const double *x = gradient + c * s->dim;
        size = fmax(size, sqrt(judd_dot(x, x, s->dim)));
    }
    return size;
}

static void begin_head(const solver *s, run *p, const judd_path_head *head) {
    p->head = head->head;
    p->running = false;
    p->iterations = p->evaluations = 0;
    set_first(s, p);
    p->span_due = head->n_parents > 0 ? 0 : SETTLED;
    set_start(s, p->trial, head);
}

static void end_head(solver *s, run *p, judd_lbfgs_stop stop) {
    judd_bank *b = s->bank;
    int64_t weights = b->options.n_outputs * b->dim;
    if (stop == JUDD_LBFGS_NOT_FINITE) {
        b->diverged[p->head] = b->step;
    } else {
        float *weight = b->layers[0].weight->value + p->head * weights;
        float *bias = b->layers[0].bias->value + p->head * b->options.n_outputs;
        const double *x = outside(s, p->x);
        for (int64_t j = 0; j < weights; j++) weight[j] = (float)x[j];
        for (int c = 0; c < b->options.n_outputs; c++) bias[c] = (float)x[weights + c];
    }
    b->finished[p->head] = stop;
    b->step++;
    if (s->reports)
        s->reports[p->head] = (judd_lbfgs_report){.iterations = p->iterations,
                                                  .evaluations = p->evaluations,
                                                  .objective = p->value,
                                                  .gradient = gradient_size(s, p->gradient)};
    p->head = -1;
}

/* direction = -H gradient: algorithm 7.4, the two-loop recursion. */
static void find_direction(const solver *s, run *p) {
    int64_t n = s->n;
    int memory = s->options->memory, newest = p->next_pair + memory - 1;
    for (int64_t j = 0; j < n; j++) p->direction[j] = -p->gradient[j];
    for (int i = 0; i < p->n_pairs; i++) {
        int k = (newest - i) % memory;
        p->part[k] = p->inverse_curvature[k] * judd_dot(p->steps + k * n, p->direction, n);
        add(p->direction, -p->part[k], p->changes + k * n, n);
    }
    double factor = p->n_pairs > 0 ? p->factor : 1.0;
    turn(s, p, p->direction);
    for (int64_t j = 0; j < n; j++) p->direction[j] *= factor;
    for (int i = p->n_pairs - 1; i >= 0; i--) {
        int k = (newest - i) % memory;
        double b = p->inverse_curvature[k] * judd_dot(p->changes + k * n, p->direction, n);
        add(p->direction, p->part[k] - b, p->steps + k * n, n);
    }
}

static void set_trial(const solver *s, run *p) {
    memcpy(p->trial, p->x, (size_t)s->n * sizeof *p->trial);
    add(p->trial, p->search.step, p->direction, s->n);
}

/* What rounding may have spoilt goes, the pairs first: where features are of very different sizes,
 * the span's inverse need not be positive. Returns whether something went. */
static bool forget(const solver *s, run *p) {
    bool pairs = p->n_pairs > 0;
    if (!pairs && p->span.n == 0) return false;
    p->n_pairs = 0;
    if (pairs) return true;
    set_first(s, p);
    p->span_due = -1; /* nor is it made again */
    return true;
}

/* A new search from x by a whole quasi-Newton step. */
static void begin_search(const solver *s, run *p) {
    double slope;
    do {
        find_direction(s, p);
        slope = judd_dot(p->gradient, p->direction, s->n);
    } while (!(slope < 0.0) && forget(s, p));
    judd_line_search_begin(&p->search, p->value, slope, 1.0);
    set_trial(s, p);
}

/* x^T H x, H: the first inverse Hessian but for p->factor. */
static double turned_square(const solver *s, run *p, const double *x) {
    memcpy(s->square, x, (size_t)s->n * sizeof *x);
    turn(s, p, s->square);
    return judd_dot(s->square, x, s->n);
}

static void remember(const solver *s, run *p) {
    int64_t n = s->n;
    int k = p->next_pair;
    double *step = p->steps + k * n, *change = p->changes + k * n;
    for (int64_t j = 0; j < n; j++) {
        step[j] = p->trial[j] - p->x[j];
        change[j] = p->trial_gradient[j] - p->gradient[j];
    }
    double curvature = judd_dot(step, change, n), length = turned_square(s, p, change);
    if (!(curvature > 1e-16 * length)) return; /* rounding only */
    p->inverse_curvature[k] = 1.0 / curvature;
    p->factor = curvature / length; /* (7.20), in the metric of the first inverse Hessian */
    p->next_pair = (k + 1) % s->options->memory;
    if (p->n_pairs < s->options->memory) p->n_pairs++;
}

static void take_trial(run *p, double value) {
    double *x = p->x, *gradient = p->gradient;
    p->x = p->trial;
    p->gradient = p->trial_gradient;
    p->trial = x;
    p->trial_gradient = gradient;
    p->value = value;
}

/* Whether the point that is evaluated now is where the span is to be made. */
static bool wants_span(const run *p) {
    return p->span_curvature && p->iterations + p->running == p->span_due;
}

/* At x with value and gradient known: the end of this head, or the next search. */
static void go_on(solver *s, run *p, const judd_objective_point *answer) {
    double l2 = s->bank->options.heads[p->head].l2;
    if (gradient_size(s, p->gradient) <= s->options->tolerance)
        end_head(s, p,
                 l2 == 0.0 && s->bank->options.label_smoothing == 0.0 && answer->mistakes == 0
                     ? JUDD_LBFGS_SEPARATED
                     : JUDD_LBFGS_CONVERGED);
    else if (p->iterations >= s->options->max_iterations)
        end_head(s, p, JUDD_LBFGS_ITERATIONS);
    else
        begin_search(s, p);
}

static void take_answer(solver *s, run *p, const judd_objective_point *answer) {
    p->evaluations++;
    if (!p->running) {
        if (answer->span && answer->finite) make_span(s, p, p->trial);
        take_trial(p, answer->value);
        p->n_pairs = p->next_pair = 0;
        p->running = true;
        if (!answer->finite)
            end_head(s, p, JUDD_LBFGS_NOT_FINITE);
        else
            go_on(s, p, answer);
        return;
    }
    double value = answer->finite ? answer->value : INFINITY;
    double slope = answer->finite ? judd_dot(answer->gradient, p->direction, s->n) : INFINITY;
    switch (judd_line_search_next(&p->search, value, slope)) {
    case JUDD_LINE_SEARCH_TRY:
        set_trial(s, p);
        break;
    case JUDD_LINE_SEARCH_DONE:
        if (answer->span) make_span(s, p, p->trial);
        remember(s, p);
        take_trial(p, answer->value);
        p->iterations++;
        go_on(s, p, answer);
        break;
    case JUDD_LINE_SEARCH_STUCK:
        if (forget(s, p)) /* once more, without it */
            begin_search(s, p);
        else
            end_head(s, p, JUDD_LBFGS_ROUNDING);
    }
}

/* ---- all heads --------------------------------------------------------------------------------
 */

static judd_status create_run(const solver *s, run *p) {
    judd_status status = JUDD_OK;
    int64_t n = s->n, memory = s->options->memory;
    double **vectors[] = {&p->x,         &p->gradient, &p->trial, &p->trial_gradient,
                          &p->direction, &p->scale};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        JUDD_TRY(judd_memory_alloc(vectors[i], n, sizeof(double)));
    if (s->moments) {
        int64_t order = s->dim + 1;
        JUDD_TRY(judd_memory_alloc(&p->curvature, order * order, sizeof(double)));
    }
    JUDD_TRY(judd_memory_alloc(&p->steps, memory * n, sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&p->changes, memory * n, sizeof(double)));
    if (s->span > 0) {
        JUDD_TRY(judd_memory_alloc(&p->span_curvature, s->span, sizeof(double)));
        JUDD_TRY(judd_span_inverse_create(&p->span, s->bank->options.n_outputs, s->dim,
                                          s->bank->options.loss == JUDD_LOSS_SOFTMAX));
    }
    JUDD_TRY(judd_memory_alloc(&p->inverse_curvature, memory, sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&p->part, memory, sizeof(double)));
    p->head = -1;
done:
    return status;
}

static int most_runs(const solver *s) {
    int64_t kept = (6 + 2 * (int64_t)s->options->memory) * s->n, order = s->dim + 1;
    int64_t n = WIDE / s->bank->options.n_outputs;
    if (s->moments) kept += order * order;
    if (s->span > 0) kept += s->span + judd_span_inverse_size(s->bank->options.n_outputs, s->dim);
    int64_t fit = KEPT_BYTES / (kept * (int64_t)sizeof(double));
    if (fit < n) n = fit;
    if (n > s->bank->options.n_heads) n = s->bank->options.n_heads;
    return n > 1 ? (int)n : 1;
}

static judd_status create(solver *s) {
    judd_status status = JUDD_OK;
    const judd_bank_options *o = &s->bank->options;
    s->span = judd_objective_span(&s->bank->targets, s->dim);
    s->n_runs = most_runs(s);
    if (s->space)
        JUDD_TRY(
            judd_memory_alloc(&s->outside, o->n_outputs * (s->bank->dim + 1), sizeof *s->outside));
    JUDD_TRY(judd_memory_alloc(&s->room, s->n, sizeof *s->room));
    JUDD_TRY(judd_memory_alloc(&s->turned, s->n, sizeof *s->turned));
    JUDD_TRY(judd_memory_alloc(&s->square, s->n, sizeof *s->square));
    JUDD_TRY(judd_memory_alloc(&s->order, o->n_heads, sizeof *s->order));
    JUDD_TRY(judd_memory_alloc(&s->begun, o->n_heads, sizeof *s->begun));
    JUDD_TRY(judd_memory_alloc(&s->runs, s->n_runs, sizeof *s->runs));
    JUDD_TRY(judd_memory_alloc(&s->points, s->n_runs, sizeof *s->points));
    JUDD_TRY(judd_memory_alloc(&s->asked, s->n_runs, sizeof *s->asked));
    for (int i = 0; i < s->n_runs; i++) JUDD_TRY(create_run(s, &s->runs[i]));
    for (int h = 0; h < o->n_heads; h++) s->order[h] = (judd_path_head){.head = h};
    if (s->options->path) JUDD_TRY(judd_path_order_make(s->order, o->heads, o->n_heads));
    for (int h = 0; h < o->n_heads; h++) s->begun[h] = s->bank->finished[s->order[h].head] != 0;
done:
    return status;
}

static void destroy(solver *s) {
    judd_objective_destroy(s->objective);
    for (int i = 0; s->runs && i < s->n_runs; i++) {
        run *p = &s->runs[i];
        free(p->x);
        free(p->gradient);
        free(p->trial);
        free(p->trial_gradient);
        free(p->direction);
        free(p->scale);
        free(p->curvature);
        free(p->steps);
        free(p->changes);
        free(p->inverse_curvature);
        free(p->part);
        free(p->span_curvature);
        judd_span_inverse_free(&p->span);
    }
    judd_sample_space_destroy(s->space);
    free(s->outside);
    free(s->moments);
    free(s->room);
    free(s->turned);
    free(s->square);
    free(s->order);
    free(s->begun);
    free(s->runs);
    free(s->points);
    free(s->asked);
}

static bool is_ready(const solver *s, int i) {
    const judd_path_head *head = &s->order[i];
    if (s->begun[i]) return false;
    for (int k = 0; k < head->n_parents; k++)
        if (!s->bank->finished[head->parents[k]]) return false;
    return true;
}

/* Heads that can begin take the runs that are free. */
static void begin_heads(solver *s) {
    int next = 0, n_heads = s->bank->options.n_heads;
    for (int i = 0; i < s->n_runs; i++) {
        if (s->runs[i].head >= 0) continue;
        while (next < n_heads && !is_ready(s, next)) next++;
        if (next == n_heads) return;
        s->begun[next] = true;
        begin_head(s, &s->runs[i], &s->order[next]);
    }
}

/* The points that the heads under way want to know about. */
static int ask(solver *s) {
    int n = 0;
    begin_heads(s);
    for (int i = 0; i < s->n_runs; i++) {
        run *p = &s->runs[i];
        if (p->head < 0) continue;
        const judd_bank_head *head = &s->bank->options.heads[p->head];
        s->points[n] = (judd_objective_point){.at = p->trial,
                                              .head = p->head,
                                              .l2 = head->l2,
                                              .held_out = head->held_out,
                                              .gradient = p->trial_gradient,
                                              .span = wants_span(p) ? p->span_curvature : NULL};
        s->asked[n++] = i;
    }
    return n;
}

/* Whether a multiple of that many heads has been finished since. */
static bool is_due(const judd_trainer_hooks *hooks, int64_t before, int64_t now) {
    int64_t every = hooks ? hooks->checkpoint_steps : 0;
    return every > 0 && now / every > before / every;
}

static judd_status choose_space(solver *s, const judd_rows *rows, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    if (judd_sample_space_fits(rows->lanes.n_samples, rows->dim))
        JUDD_TRY(judd_sample_space_create(&s->space, rows, comm));
    s->rows = s->space ? &s->space->rows : rows;
    s->dim = s->rows->dim;
    s->n = s->bank->options.n_outputs * (s->dim + 1);
done:
    return status;
}

judd_status judd_lbfgs_run(judd_bank *bank, judd_lbfgs_report *reports, const judd_rows *rows,
                           const judd_comm *comm, const judd_lbfgs_options *options,
                           const judd_trainer_hooks *hooks) {
    judd_status status = JUDD_OK;
    solver s = {.bank = bank, .options = options, .reports = reports};
    judd_saving saving = judd_saving_begin(hooks, comm);
    if (bank->n_layers > 1)
        JUDD_FAIL(JUDD_E_CONFIG, "L-BFGS is for heads without hidden layers; use sgd or adamw");
    JUDD_TRY(judd_bank_fit_targets(bank, rows, comm));
    JUDD_TRY(choose_space(&s, rows, comm));
    JUDD_TRY(find_moments(&s, comm));
    JUDD_TRY(judd_comm_agree(comm, create(&s)));
    JUDD_TRY(judd_objective_create(&s.objective, s.rows, &bank->targets, s.n_runs, comm));
    for (int n = ask(&s); n > 0; n = ask(&s)) {
        int64_t before = bank->step;
        int64_t wishes[JUDD_N_WISHES];
        judd_saving_wish(wishes, &saving);
        JUDD_TRY(judd_objective_evaluate(s.objective, s.points, n, wishes, JUDD_N_WISHES));
        for (int i = 0; i < n; i++) take_answer(&s, &s.runs[s.asked[i]], &s.points[i]);
        JUDD_TRY(judd_saving_follow(&saving, bank, wishes, is_due(hooks, before, bank->step),
                                    bank->step == bank->options.n_heads));
    }
done:
    destroy(&s);
    return status;
}

const char *judd_lbfgs_stop_text(judd_lbfgs_stop stop) {
    static const char *const texts[] = {
        [0] = "not finished",
        [JUDD_LBFGS_CONVERGED] = "gradient within tolerance",
        [JUDD_LBFGS_SEPARATED] = "gradient within tolerance, classes separated and l2 = 0",
        [JUDD_LBFGS_ROUNDING] = "no further progress in float64",
        [JUDD_LBFGS_ITERATIONS] = "iterations used up",
        [JUDD_LBFGS_NOT_FINITE] = "not finite"};
    return texts[stop];
}

/* The row of the kernel table that runs attention: for every group and block of queries the scores,
 * their softmax and the sum of the values, without leaving the caches. Both products are those of
 * indirect_kernel.h. */
#include "engine/attention.h"
#include "engine/indirect.h"
#include "engine/kernel.h"

#include <judd/base/clones.h>
#include <judd/base/exact_math.h>
#include <judd/base/integers.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 96, LANES = 16, LARGEST_PANEL = 32 };

/* Floats from the operand's first to a group, and from there to rows and columns. */
typedef struct places {
    int64_t *group, *row, *column;
    bool straight, upright; /* columns, rows stand together */
} places;

typedef struct state {
    const judd_indirect_kernel *kernel;
    judd_onednn *onednn;
    int64_t groups, m, n, d, e, score_row, out_row; /* the last two: floats, whole panels */
    int n_masks;
    float scale, *mask[JUDD_ATTENTION_MAX_MASKS];
    int32_t *terms; /* [d] of q, then [n]: 0, 1, .. */
    bool runs;      /* of q */
    places at[JUDD_ATTENTION_VIEWS];
    int64_t work_floats;
    const float *in[3];
    float *out;
} state;

/* A thread's workspace. */
typedef struct work {
    float *k, *v, *scores, *sums; /* panels; [BLOCK_ROWS][score_row], [BLOCK_ROWS][out_row] */
} work;

static void destroy(void *data) {
    state *s = data;
    if (!s) return;
    for (int i = 0; i < JUDD_ATTENTION_VIEWS; i++) {
        free(s->at[i].group);
        free(s->at[i].row);
        free(s->at[i].column);
    }
    for (int i = 0; i < s->n_masks; i++) free(s->mask[i]);
    free(s->terms);
    free(s);
}

/* ---- softmax ---------------------------------------------------------------------------------
 */

JUDD_CLONES static void scale_row(float *x, int64_t n, float scale) {
    for (int64_t i = 0; i < n; i++) x[i] *= scale;
}

JUDD_CLONES static void add_row(float *x, const float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) x[i] += y[i];
}

/* exp(x - max) / sum for whole chunks of LANES, what is behind the row at -infinity; partial sums
 * are added in one order. */
JUDD_CLONES static void softmax_row(float *x, int64_t n) {
    float lanes[LANES], largest = -INFINITY, sum = 0.0f;
    for (int l = 0; l < LANES; l++) lanes[l] = -INFINITY;
    for (int64_t i = 0; i < n; i += LANES)
        for (int l = 0; l < LANES; l++) lanes[l] = x[i + l] > lanes[l] ? x[i + l] : lanes[l];
    for (int l = 0; l < LANES; l++) largest = lanes[l] > largest ? lanes[l] : largest;
    for (int l = 0; l < LANES; l++) lanes[l] = 0.0f;
    for (int64_t i = 0; i < n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            float y = judd_exact_expf(x[i + l] - largest);
            x[i + l] = y;
            lanes[l] += y;
        }
    for (int l = 0; l < LANES; l++) sum += lanes[l];
    float factor = 1.0f / sum;
    for (int64_t i = 0; i < n; i++) x[i] *= factor;
}

static void softmax(const state *s, float *x, int64_t group, int64_t row) {
    if (s->scale != 1.0f) scale_row(x, s->n, s->scale);
    for (int i = 0; i < s->n_masks; i++) {
        const places *at = &s->at[JUDD_ATTENTION_MASK + i];
        const float *mask = s->mask[i] + at->group[group] + at->row[row];
        if (at->straight)
            add_row(x, mask, s->n);
        else
            for (int64_t c = 0; c < s->n; c++) x[c] += mask[at->column[c]];
    }
    for (int64_t c = s->n; c < s->score_row; c++) x[c] = -INFINITY;
    softmax_row(x, s->score_row);
}

/* ---- products --------------------------------------------------------------------------------
 */

static int vectors_of(const state *s, int64_t first, int64_t columns) {
    return first + s->kernel->width < columns ? 2 : 1;
}

static void pack_straight(float *to, const float *from, const int64_t *row, int64_t rows,
                          int64_t lanes, int64_t valid) {
    enum { CHUNK = 8 }; /* of one size, so that a copy is no call */
    for (int64_t r = 0; r < rows; r++, to += lanes) {
        int64_t c = 0;
        for (; c + CHUNK <= valid; c += CHUNK)
            memcpy(to + c, from + row[r] + c, CHUNK * sizeof *to);
        for (; c < lanes; c++) to[c] = c < valid ? from[row[r] + c] : 0.0f;
    }
}

/* [panel][row][lane], zeros behind the last column. */
static void pack(const state *s, float *to, const float *from, const places *at, int64_t group,
                 int64_t rows, int64_t columns) {
    from += at->group[group];
    for (int64_t first = 0; first < columns; first += 2 * s->kernel->width) {
        int64_t lanes = vectors_of(s, first, columns) * s->kernel->width;
        int64_t valid = judd_least(lanes, columns - first);
        if (at->straight) pack_straight(to, from + at->column[first], at->row, rows, lanes, valid);
        for (int64_t c = 0; c < lanes && !at->straight; c++) {
            const float *x = c < valid ? from + at->column[first + c] : NULL;
            if (x && at->upright)
                for (int64_t r = 0; r < rows; r++) to[r * lanes + c] = x[r];
            else
                for (int64_t r = 0; r < rows; r++) to[r * lanes + c] = x ? x[at->row[r]] : 0.0f;
        }
        to += rows * lanes;
    }
}

/* out[row][columns] = rows times packed panels, for rows of a block. */
static void multiply(const state *s, const float *const *rows, int64_t n_rows, int64_t k,
                     const int32_t *terms, bool runs, const float *panels, int64_t columns,
                     float *out, int64_t out_row) {
    static const float no_bias[LARGEST_PANEL] = {0};
    uint32_t keep[LARGEST_PANEL];
    float *at[JUDD_INDIRECT_ROWS];
    int64_t groups = (n_rows + JUDD_INDIRECT_ROWS - 1) / JUDD_INDIRECT_ROWS;
    memset(keep, 0xff, sizeof keep);
    for (int64_t first = 0; first < columns; first += 2 * s->kernel->width) {
        int vectors = vectors_of(s, first, columns);
        for (int64_t g = 0, row = 0; g < groups; g++) {
            int64_t n = n_rows / groups + (g < n_rows % groups);
            for (int64_t r = 0; r < n; r++) at[r] = out + (row + r) * out_row;
            judd_indirect_tile t = {.k = k,
                                    .offset = terms,
                                    .runs = runs,
                                    .weights = panels,
                                    .rows = rows + row,
                                    .begin = true,
                                    .end = true,
                                    .direct = true,
                                    .out = at,
                                    .panel_step = first,
                                    .vector_step = s->kernel->width,
                                    .bias = no_bias,
                                    .keep = keep,
                                    .least = -INFINITY,
                                    .most = INFINITY};
            s->kernel->multiply[n - 1][vectors - 1](&t);
            row += n;
        }
        panels += k * vectors * s->kernel->width;
    }
}

static void put_rows(const state *s, const work *w, int64_t group, int64_t first, int64_t n) {
    const places *at = &s->at[JUDD_ATTENTION_OUT];
    for (int64_t r = 0; r < n; r++) {
        float *to = s->out + at->group[group] + at->row[first + r];
        const float *from = w->sums + r * s->out_row;
        for (int64_t c = 0; c < s->e && !at->straight; c++) to[at->column[c]] = from[c];
        if (at->straight) memcpy(to, from, (size_t)s->e * sizeof *to);
    }
}

/* gcc drops calls of functions that only prefetch. */
#define ALWAYS inline __attribute__((always_inline))

static ALWAYS void fetch(const float *next, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) __builtin_prefetch(next + i, 0, 2);
}

/* Query, key and value `i` of a group that comes next: short rows far apart, which no prefetcher of
 * the processor's sees coming. */
static ALWAYS void fetch_token(const state *s, int64_t group, int64_t i) {
    const places *q = &s->at[JUDD_ATTENTION_Q], *k = &s->at[JUDD_ATTENTION_K];
    const places *v = &s->at[JUDD_ATTENTION_V];
    if (group >= s->groups) return;
    if (q->straight) fetch(s->in[JUDD_ATTENTION_Q] + q->group[group] + q->row[i], s->d);
    if (i < s->n && k->upright)
        fetch(s->in[JUDD_ATTENTION_K] + k->group[group] + k->column[i], s->d);
    if (i < s->n && v->straight) fetch(s->in[JUDD_ATTENTION_V] + v->group[group] + v->row[i], s->e);
}

static void run_group(const state *s, const work *w, int64_t group) {
    const places *q = &s->at[JUDD_ATTENTION_Q];
    const float *rows[BLOCK_ROWS];
    int64_t blocks = (s->m + BLOCK_ROWS - 1) / BLOCK_ROWS;
    pack(s, w->k, s->in[JUDD_ATTENTION_K], &s->at[JUDD_ATTENTION_K], group, s->d, s->n);
    pack(s, w->v, s->in[JUDD_ATTENTION_V], &s->at[JUDD_ATTENTION_V], group, s->n, s->e);
    for (int64_t b = 0; b < blocks; b++) {
        int64_t first = s->m * b / blocks, n = s->m * (b + 1) / blocks - first;
        for (int64_t r = 0; r < n; r++)
            rows[r] = s->in[JUDD_ATTENTION_Q] + q->group[group] + q->row[first + r];
        multiply(s, rows, n, s->d, s->terms, s->runs, w->k, s->n, w->scores, s->score_row);
        for (int64_t r = 0; r < n; r++) {
            float *row = w->scores + r * s->score_row;
            softmax(s, row, group, first + r);
            rows[r] = row;
            fetch_token(s, group + 1, first + r);
        }
        multiply(s, rows, n, s->n, s->terms + s->d, true, w->v, s->e, w->sums, s->out_row);
        put_rows(s, w, group, first, n);
    }
}

static void run_part(void *data, int part, int parts) {
    const state *s = data;
    work w;
    w.k = (float *)judd_onednn_scratch(s->onednn) + part * s->work_floats;
    w.v = w.k + s->score_row * s->d;
    w.scores = w.v + s->out_row * s->n;
    w.sums = w.scores + BLOCK_ROWS * s->score_row;
    for (int64_t g = s->groups * part / parts; g < s->groups * (part + 1) / parts; g++)
        run_group(s, &w, g);
}

static judd_status run(void *data, const float *const *in, float *out) {
    state *s = data;
    memcpy(s->in, in, sizeof s->in);
    s->out = out;
    judd_onednn_parallel(s->onednn, run_part, s);
    return JUDD_OK;
}

/* ---- making ----------------------------------------------------------------------------------
 */

static judd_status place(places *at, const judd_strided *view) {
    judd_status status = JUDD_OK;
    int rank = view->rank;
    JUDD_TRY(judd_strided_offsets(&at->group, view, 0, rank - 2));
    JUDD_TRY(judd_strided_offsets(&at->row, view, rank - 2, rank - 1));
    JUDD_TRY(judd_strided_offsets(&at->column, view, rank - 1, rank));
    for (int64_t g = 0; g < judd_strided_size(view, 0, rank - 2); g++) at->group[g] += view->offset;
    at->straight = at->upright = true;
    for (int64_t c = 1; c < judd_strided_size(view, rank - 1, rank); c++)
        at->straight = at->straight && at->column[c] == at->column[c - 1] + 1;
    for (int64_t r = 1; r < judd_strided_size(view, rank - 2, rank - 1); r++)
        at->upright = at->upright && at->row[r] == at->row[r - 1] + 1;
done:
    return status;
}

static judd_status set_terms(state *s) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&s->terms, s->d + s->n, sizeof *s->terms));
    s->runs = true;
    for (int64_t i = 0; i < s->d; i++) {
        int64_t at = s->at[JUDD_ATTENTION_Q].column[i];
        if (at > INT32_MAX) JUDD_FAIL(JUDD_E_DATA, "attention over more than 2^31 numbers");
        s->terms[i] = (int32_t)at;
        s->runs = s->runs && (i % JUDD_INDIRECT_RUN == 0 || s->terms[i] == s->terms[i - 1] + 1);
    }
    for (int64_t i = 0; i < s->n; i++) s->terms[s->d + i] = (int32_t)i;
done:
    return status;
}

static judd_status copy_mask(state *s, const judd_kernel_binding *b, int i) {
    judd_status status = JUDD_OK;
    const judd_net_value *v = judd_net_input(b->net, b->step, 3 + i);
    int64_t n = judd_net_elements(v->rank, v->dims);
    JUDD_TRY(judd_memory_alloc(&s->mask[i], n, sizeof **s->mask));
    memcpy(s->mask[i], judd_net_floats(b->net, b->step, 3 + i), (size_t)n * sizeof **s->mask);
done:
    return status;
}

static judd_status create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    state *s = NULL;
    const judd_attention *a = b->step->attention;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    s->kernel = judd_indirect_kernel_of(judd_onednn_isa(JUDD_FLOAT32));
    s->onednn = b->onednn;
    s->groups = a->groups;
    s->m = a->m;
    s->n = a->n;
    s->d = a->d;
    s->e = a->e;
    s->scale = a->scale;
    s->n_masks = a->n_masks;
    s->score_row = judd_round_up(s->n, 2 * s->kernel->width);
    s->out_row = judd_round_up(s->e, 2 * s->kernel->width);
    for (int i = 0; i < JUDD_ATTENTION_MASK + a->n_masks; i++)
        JUDD_TRY(place(&s->at[i], &a->view[i]));
    for (int i = 0; i < a->n_masks; i++) JUDD_TRY(copy_mask(s, b, i));
    JUDD_TRY(set_terms(s));
    s->work_floats = s->score_row * s->d + s->out_row * s->n;
    s->work_floats += BLOCK_ROWS * (s->score_row + s->out_row);
    judd_onednn_reserve(s->onednn,
                        judd_onednn_threads(s->onednn) * s->work_floats * (int64_t)sizeof(float));
    *out = s;
    s = NULL;
done:
    destroy(s);
    return status;
}

const judd_kernel_ops judd_attention_kernels[] = {
    {.op = JUDD_OP_ATTENTION, .create = create, .run = run, .destroy = destroy}, {.op = NULL}};

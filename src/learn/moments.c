#include <judd/learn/moments.h>

#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/learn/row_stream.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256 };

/* Blocks of a rank's rows, of one lane or (lane -1) of all. */
typedef judd_status look_at_block(void *context, const judd_row_block *block);

static judd_status with_blocks(const judd_rows *rows, int lane, look_at_block *look,
                               void *context) {
    judd_row_stream *stream = NULL;
    judd_row_block block;
    judd_status status = lane < 0 ? judd_row_stream_all(&stream, rows, BLOCK_ROWS)
                                  : judd_row_stream_lane(&stream, rows, lane, BLOCK_ROWS);
    while (status == JUDD_OK) {
        status = judd_row_stream_next(stream, &block);
        if (status != JUDD_OK || block.n == 0) break;
        status = look(context, &block);
    }
    judd_row_stream_close(stream);
    return status;
}

typedef struct checked {
    const judd_rows *rows;
    int n_classes;
    const char *what;
} checked;

static judd_status check_block(void *context, const judd_row_block *b) {
    const checked *c = context;
    const judd_rows *rows = c->rows;
    int64_t first = judd_lanes_first(&rows->lanes) + b->first;
    for (int64_t i = 0; i < b->n; i++) {
        int32_t label = c->n_classes > 0 ? rows->labels[b->first + i] : 0;
        for (int64_t j = 0; j < rows->dim; j++)
            if (!isfinite(b->x[i * rows->dim + j]))
                return judd_status_set(JUDD_E_DATA,
                                       "%s: sample %lld of the set, column %lld is not finite; "
                                       "check the model and its input (mean, std, scale)",
                                       c->what, (long long)(first + i), (long long)j);
        if (c->n_classes > 0 && (label < 0 || label >= c->n_classes))
            return judd_status_set(JUDD_E_DATA,
                                   "%s: sample %lld of the set has label %d, but there are %d "
                                   "classes",
                                   c->what, (long long)(first + i), label, c->n_classes);
    }
    return JUDD_OK;
}

static judd_status allocate(judd_moments *m, const judd_rows *rows, int n_classes,
                            const char *what) {
    judd_status status = JUDD_OK;
    *m = (judd_moments){
        .n = rows->lanes.n_samples, .dim = rows->dim, .n_classes = n_classes > 0 ? n_classes : 1};
    if (m->n < 1 || m->dim < 1)
        JUDD_FAIL(JUDD_E_DATA, "%s: %lld samples of %lld columns; need at least one", what,
                  (long long)m->n, (long long)m->dim);
    JUDD_TRY(with_blocks(rows, -1, check_block, &(checked){rows, n_classes, what}));
    JUDD_TRY(judd_memory_alloc(&m->count, m->n_classes, sizeof *m->count));
    JUDD_TRY(judd_memory_alloc(&m->class_mean, m->n_classes * m->dim, sizeof *m->class_mean));
    JUDD_TRY(judd_memory_alloc(&m->mean, m->dim, sizeof *m->mean));
done:
    return status;
}

typedef struct sums {
    const judd_rows *rows;
    const judd_moments *m;
    const float *row_scale;
    bool by_label;
    int64_t *total;          /* [n_classes, dim] and the number of values out of bounds */
    double *lane;            /* [n_classes, dim] in units */
    double *unit;            /* [dim]: powers of two above every |x| of a column */
    uint8_t *seen;           /* [n_classes] in this lane */
    judd_exact_scale *scale; /* [n_classes] */
} sums;

static float scale_of(const sums *s, int64_t i) {
    return s->row_scale ? s->row_scale[i] : 1.0f;
}

static judd_status look_for_unit(void *context, const judd_row_block *b) {
    sums *s = context;
    const int64_t dim = s->m->dim;
    for (int64_t i = 0; i < b->n; i++)
        for (int64_t j = 0; j < dim; j++) {
            double x = fabs((double)(b->x[i * dim + j] * scale_of(s, b->first + i)));
            s->unit[j] = x > s->unit[j] ? x : s->unit[j];
        }
    return JUDD_OK;
}

/* Counts of classes and units of columns: what bounds a lane's sum. One unit for all columns would
 * drown those of small numbers. */
static judd_status find_scales(sums *s, judd_moments *m, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const judd_rows *rows = s->rows;
    for (int64_t i = 0; i < judd_lanes_count(&rows->lanes); i++)
        m->count[s->by_label ? rows->labels[i] : 0]++;
    JUDD_TRY(judd_comm_agree(comm, with_blocks(rows, -1, look_for_unit, s)));
    JUDD_TRY(judd_comm_sum(comm, m->count, m->n_classes));
    JUDD_TRY(judd_comm_max(comm, s->unit, m->dim));
    for (int64_t j = 0; j < m->dim; j++) {
        int exponent;
        (void)frexp(s->unit[j], &exponent);
        s->unit[j] = ldexp(1.0, exponent);
    }
    int64_t lane = judd_lanes_largest(&rows->lanes);
    for (int c = 0; c < m->n_classes; c++) {
        int64_t most = m->count[c] < lane ? m->count[c] : lane;
        s->scale[c] = judd_exact_sum_scale((double)most, rows->lanes.n_lanes);
    }
done:
    return status;
}

static judd_status add_block(void *context, const judd_row_block *b) {
    sums *s = context;
    const int64_t dim = s->m->dim;
    for (int64_t i = 0; i < b->n; i++) {
        int64_t c = s->by_label ? s->rows->labels[b->first + i] : 0;
        double *sum = s->lane + c * dim;
        float scale = scale_of(s, b->first + i);
        if (!s->seen[c]) memset(sum, 0, (size_t)dim * sizeof *sum);
        s->seen[c] = 1;
        for (int64_t j = 0; j < dim; j++)
            sum[j] += (double)(b->x[i * dim + j] * scale) / s->unit[j];
    }
    return JUDD_OK;
}

static judd_status add_lane(sums *s, const judd_moments *m, int lane) {
    const int64_t dim = m->dim;
    memset(s->seen, 0, (size_t)m->n_classes);
    judd_status status = with_blocks(s->rows, lane, add_block, s);
    for (int c = 0; c < m->n_classes; c++)
        if (s->seen[c])
            s->total[m->n_classes * dim] +=
                judd_exact_sum_add_double(s->total + c * dim, s->lane + c * dim, dim, s->scale[c]);
    return status;
}

static void set_means(judd_moments *m, const sums *s) {
    for (int64_t c = 0; c < m->n_classes; c++)
        for (int64_t j = 0; j < m->dim && m->count[c] > 0; j++) {
            double sum = judd_exact_sum_value(s->total[c * m->dim + j], s->scale[c]) * s->unit[j];
            m->class_mean[c * m->dim + j] = sum / (double)m->count[c];
            m->mean[j] += sum;
        }
    for (int64_t j = 0; j < m->dim; j++) m->mean[j] /= (double)m->n;
}

judd_status judd_moments_fit(judd_moments *out, const judd_rows *rows, int n_classes,
                             const float *row_scale, const char *what, const judd_comm *comm) {
    judd_moments m = {0};
    sums s = {.rows = rows, .m = &m, .row_scale = row_scale, .by_label = n_classes > 0};
    judd_status status = allocate(&m, rows, n_classes, what);
    int64_t size = m.n_classes * m.dim;
    if (status == JUDD_OK) status = judd_memory_alloc(&s.total, size + 1, sizeof *s.total);
    if (status == JUDD_OK) status = judd_memory_alloc(&s.lane, size, sizeof *s.lane);
    if (status == JUDD_OK) status = judd_memory_alloc(&s.unit, m.dim, sizeof *s.unit);
    if (status == JUDD_OK) status = judd_memory_alloc(&s.seen, m.n_classes, 1);
    if (status == JUDD_OK) status = judd_memory_alloc(&s.scale, m.n_classes, sizeof *s.scale);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(find_scales(&s, &m, comm));
    for (int l = rows->lanes.first_lane; l < rows->lanes.end_lane && status == JUDD_OK; l++)
        status = add_lane(&s, &m, l);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_sum(comm, s.total, size + 1));
    if (s.total[size] > 0)
        JUDD_FAIL(JUDD_E_INTERNAL, "%s: %lld sums left their bound", what,
                  (long long)s.total[size]);
    set_means(&m, &s);
    *out = m;
    m = (judd_moments){0};
done:
    judd_moments_free(&m);
    free(s.total);
    free(s.lane);
    free(s.unit);
    free(s.seen);
    free(s.scale);
    return status;
}

void judd_moments_free(judd_moments *moments) {
    free(moments->count);
    free(moments->class_mean);
    free(moments->mean);
    *moments = (judd_moments){0};
}

judd_status judd_moments_check_classes(const judd_moments *moments, const char *head) {
    if (moments->n_classes < 2)
        return judd_status_set(JUDD_E_DATA, "%s: one class only; a classifier needs two", head);
    int present = 0;
    for (int c = 0; c < moments->n_classes; c++) present += moments->count[c] > 0;
    for (int c = 0; c < moments->n_classes; c++)
        if (moments->count[c] == 0)
            return judd_status_set(JUDD_E_DEGENERATE,
                                   "%s: class %d has no sample to train on%s; take more samples of "
                                   "it, or name the others in datasets.classes",
                                   head, c, present == 1 ? " (all are of one class)" : "");
    return JUDD_OK;
}

typedef struct range {
    int64_t dim;
    float *most; /* [2, dim]: largest, and largest of the negated */
} range;

static judd_status look_for_range(void *context, const judd_row_block *b) {
    range *r = context;
    for (int64_t i = 0; i < b->n; i++)
        for (int64_t j = 0; j < r->dim; j++) {
            float x = b->x[i * r->dim + j];
            r->most[j] = x > r->most[j] ? x : r->most[j];
            r->most[r->dim + j] = -x > r->most[r->dim + j] ? -x : r->most[r->dim + j];
        }
    return JUDD_OK;
}

judd_status judd_moments_constant_column(int64_t *column, const judd_rows *rows,
                                         const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const int64_t dim = rows->dim;
    range r = {.dim = dim};
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&r.most, 2 * dim, sizeof *r.most)));
    for (int64_t j = 0; j < 2 * dim; j++) r.most[j] = -INFINITY;
    JUDD_TRY(judd_comm_agree(comm, with_blocks(rows, -1, look_for_range, &r)));
    JUDD_TRY(judd_comm_check(
        MPI_Allreduce(MPI_IN_PLACE, r.most, (int)(2 * dim), MPI_FLOAT, MPI_MAX, comm->mpi),
        "MPI_Allreduce"));
    *column = -1;
    for (int64_t j = 0; j < dim && *column < 0; j++)
        if (!(r.most[j] > -r.most[dim + j])) *column = j;
done:
    free(r.most);
    return status;
}

#include <judd/learn/knn.h>

#include <judd/base/exact_math.h>
#include <judd/base/memory.h>
#include <judd/learn/centroid.h>
#include <judd/learn/row_stream.h>
#include <judd/linalg/gemm.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Training rows that are streamed are read once for each block of test rows. */
enum { TEST_ROWS = 256, TEST_ROWS_STREAMED = 1024, TRAIN_ROWS = 512 };

/* A training sample as seen from a test row. */
typedef struct neighbour {
    float similarity;
    int32_t label;
    int64_t position; /* in the training set */
} neighbour;

/* The total order that makes the result independent of who found what. */
static bool nearer(const neighbour *a, const neighbour *b) {
    if (a->similarity != b->similarity) return a->similarity > b->similarity;
    return a->position < b->position;
}

static int compare(const void *a, const void *b) {
    return nearer(a, b) ? -1 : nearer(b, a) ? 1 : 0;
}

/* The nearest so far of one test row: a heap with the farthest on top. */
typedef struct heap {
    neighbour *item; /* [most] */
    int64_t n, most;
} heap;

static void sift_down(neighbour *item, int64_t n, neighbour x) {
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && nearer(&item[child], &item[child + 1])) child++;
        if (!nearer(&x, &item[child])) break;
        item[i] = item[child];
    }
    item[i] = x;
}

static void heap_add(heap *h, neighbour x) {
    if (h->n == h->most) {
        if (nearer(&x, &h->item[0])) sift_down(h->item, h->n, x);
        return;
    }
    int64_t i = h->n++;
    for (; i > 0 && nearer(&h->item[(i - 1) / 2], &x); i = (i - 1) / 2)
        h->item[i] = h->item[(i - 1) / 2];
    h->item[i] = x;
}

typedef struct search {
    const judd_rows *train, *test;
    const judd_knn_options *options;
    const judd_comm *comm;
    judd_gemm *gemm;
    int64_t dim, most;        /* neighbours kept */
    int64_t at_once;          /* test rows */
    float *train_inverse;     /* [local training rows]: 1 / length */
    float *test_inverse;      /* [n_local] */
    float *block;             /* [at_once, dim]: test rows of unit length, on all ranks */
    float *rows;              /* [TRAIN_ROWS, dim]: training rows of unit length */
    float *similarity;        /* [at_once, TRAIN_ROWS] */
    neighbour *found;         /* [at_once, most]: this rank's */
    neighbour *all;           /* [size, at_once, most] on the owner */
    int64_t *n_found, *n_all; /* [at_once]; [size, at_once] */
    int64_t *which;           /* [at_once] */
    neighbour *merged;        /* [size * most] */
} search;

static judd_status check(const judd_rows *rows, int n_classes, const char *what) {
    int64_t n = judd_lanes_count(&rows->lanes), first = judd_lanes_first(&rows->lanes);
    if (rows->lanes.n_samples < 1) return judd_status_set(JUDD_E_DATA, "knn: no %s samples", what);
    for (int64_t i = 0; i < n; i++)
        if (rows->labels[i] < 0 || rows->labels[i] >= n_classes)
            return judd_status_set(JUDD_E_DATA,
                                   "knn: %s sample %lld of the set has label %d, but there are %d "
                                   "classes",
                                   what, (long long)(first + i), rows->labels[i], n_classes);
    return judd_status_context(judd_rows_check_finite(rows, NULL), "knn: %s", what);
}

static judd_status check_input(const search *s) {
    judd_status status = JUDD_OK;
    const judd_knn_options *o = s->options;
    if (o->k < 1) JUDD_FAIL(JUDD_E_CONFIG, "knn: k = %lld; need 1 or more", (long long)o->k);
    if (s->train->dim != s->test->dim)
        JUDD_FAIL(JUDD_E_DATA, "knn: training rows of %lld columns, test rows of %lld",
                  (long long)s->train->dim, (long long)s->test->dim);
    JUDD_TRY(check(s->train, o->n_classes, "training"));
    JUDD_TRY(check(s->test, o->n_classes, "test"));
    if (o->leave_one_out && s->train->lanes.n_samples < 2)
        JUDD_FAIL(JUDD_E_DEGENERATE, "knn: one training sample has no neighbours");
done:
    return status;
}

static judd_status prepare(search *s, judd_knn *k) {
    judd_status status = JUDD_OK;
    int64_t size = s->comm->size, n_train = judd_lanes_count(&s->train->lanes);
    int64_t all = s->train->lanes.n_samples - s->options->leave_one_out;
    int64_t block = s->train->x ? TEST_ROWS : TEST_ROWS_STREAMED;
    JUDD_TRY(check_input(s));
    s->at_once = block;
    s->most = s->options->k < all ? s->options->k : all;
    *k = (judd_knn){.n_local = judd_lanes_count(&s->test->lanes), .n_nearest = s->most};
    JUDD_TRY(judd_gemm_create(&s->gemm));
    JUDD_TRY(judd_memory_alloc(&s->train_inverse, n_train, sizeof(float)));
    JUDD_TRY(judd_memory_alloc(&s->test_inverse, k->n_local, sizeof(float)));
    JUDD_TRY(judd_memory_alloc(&s->block, block * s->dim, sizeof(float)));
    JUDD_TRY(judd_memory_alloc(&s->rows, TRAIN_ROWS * s->dim, sizeof(float)));
    JUDD_TRY(judd_memory_alloc(&s->similarity, block * TRAIN_ROWS, sizeof(float)));
    JUDD_TRY(judd_memory_alloc(&s->found, block * s->most, sizeof(neighbour)));
    JUDD_TRY(judd_memory_alloc(&s->all, size * block * s->most, sizeof(neighbour)));
    JUDD_TRY(judd_memory_alloc(&s->n_found, block, sizeof(int64_t)));
    JUDD_TRY(judd_memory_alloc(&s->n_all, size * block, sizeof(int64_t)));
    JUDD_TRY(judd_memory_alloc(&s->which, block, sizeof(int64_t)));
    JUDD_TRY(judd_memory_alloc(&s->merged, size * s->most, sizeof(neighbour)));
    JUDD_TRY(judd_memory_alloc(&k->nearest, k->n_local * s->most, sizeof(int64_t)));
    JUDD_TRY(judd_memory_alloc(&k->label, k->n_local * s->most, sizeof(int32_t)));
    JUDD_TRY(judd_memory_alloc(&k->similarity, k->n_local * s->most, sizeof(float)));
    JUDD_TRY(judd_centroid_inverse_norms(s->train_inverse, s->train));
    JUDD_TRY(judd_centroid_inverse_norms(s->test_inverse, s->test));
done:
    return status;
}

static void free_search(search *s) {
    judd_gemm_destroy(s->gemm);
    free(s->train_inverse);
    free(s->test_inverse);
    free(s->block);
    free(s->rows);
    free(s->similarity);
    free(s->found);
    free(s->all);
    free(s->n_found);
    free(s->n_all);
    free(s->which);
    free(s->merged);
}

static void unit_rows(float *out, const float *x, const float *inverse, int64_t n, int64_t dim) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < dim; j++) out[i * dim + j] = x[i * dim + j] * inverse[i];
}

/* Training rows of one block as neighbours of n test rows; `self` of the first of these, in the
 * block's numbers, moves on with them. */
static void add_neighbours(search *s, const judd_row_block *b, int64_t n, int64_t self) {
    const int32_t *labels = s->train->labels + b->first;
    int64_t position = judd_lanes_first(&s->train->lanes) + b->first;
    for (int64_t i = 0; i < n; i++) {
        heap h = {s->found + i * s->most, s->n_found[i], s->most};
        for (int64_t j = 0; j < b->n; j++) {
            float similarity = s->similarity[i * b->n + j];
            if (h.n == h.most && similarity < h.item[0].similarity) continue;
            if (s->options->leave_one_out && j == self + i) continue;
            heap_add(&h, (neighbour){similarity, labels[j], position + j});
        }
        s->n_found[i] = h.n;
    }
}

/* This rank's nearest training rows of n test rows in s->block, the first of which is at `position`
 * of the test set. */
static judd_status find_local(search *s, int64_t position, int64_t n) {
    judd_status status = JUDD_OK;
    judd_row_stream *stream = NULL;
    judd_row_block b;
    const judd_gemm_matrix x = {s->block, s->dim, 1}, y = {s->rows, 1, s->dim};
    int64_t base = judd_lanes_first(&s->train->lanes);
    memset(s->n_found, 0, (size_t)s->at_once * sizeof *s->n_found);
    JUDD_TRY(judd_row_stream_all(&stream, s->train, TRAIN_ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        unit_rows(s->rows, b.x, s->train_inverse + b.first, b.n, s->dim);
        JUDD_TRY(judd_gemm_multiply(s->gemm, n, b.n, s->dim, x, y, s->similarity, b.n, false));
        add_neighbours(s, &b, n, position - base - b.first);
    }
done:
    judd_row_stream_close(stream);
    return status;
}

/* Merges what all ranks found for test row i of the block, local row `row`. */
static void merge(search *s, judd_knn *k, int64_t i, int64_t row) {
    int64_t n = 0;
    for (int64_t r = 0; r < s->comm->size; r++) {
        int64_t count = s->n_all[r * s->at_once + i];
        memcpy(s->merged + n, s->all + (r * s->at_once + i) * s->most,
               (size_t)count * sizeof *s->merged);
        n += count;
    }
    qsort(s->merged, (size_t)n, sizeof *s->merged, compare);
    for (int64_t j = 0; j < s->most; j++) {
        k->nearest[row * s->most + j] = s->merged[j].position;
        k->label[row * s->most + j] = s->merged[j].label;
        k->similarity[row * s->most + j] = s->merged[j].similarity;
    }
}

/* n test rows of this rank from `first` on, of unit length, into s->block. */
static judd_status take_test_rows(search *s, int64_t first, int64_t n) {
    for (int64_t i = 0; i < n; i++) s->which[i] = first + i;
    judd_status status = judd_rows_read(s->block, s->test, s->which, n);
    if (status == JUDD_OK) unit_rows(s->block, s->block, s->test_inverse + first, n, s->dim);
    return status;
}

/* One block of `owner`'s test rows: rows first .. first + n of its own, at `position` of the set.
 */
static judd_status visit(search *s, judd_knn *k, int owner, int64_t first, int64_t position,
                         int64_t n) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = s->comm;
    const int count = (int)s->at_once, bytes = count * (int)s->most * (int)sizeof(neighbour);
    status = comm->rank == owner ? take_test_rows(s, first, n) : JUDD_OK;
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_check(MPI_Bcast(s->block, (int)(n * s->dim), MPI_FLOAT, owner, comm->mpi),
                             "MPI_Bcast"));
    JUDD_TRY(judd_comm_agree(comm, find_local(s, position, n)));
    JUDD_TRY(judd_comm_check(
        MPI_Gather(s->n_found, count, MPI_INT64_T, s->n_all, count, MPI_INT64_T, owner, comm->mpi),
        "MPI_Gather"));
    JUDD_TRY(judd_comm_check(
        MPI_Gather(s->found, bytes, MPI_BYTE, s->all, bytes, MPI_BYTE, owner, comm->mpi),
        "MPI_Gather"));
    for (int64_t i = 0; comm->rank == owner && i < n; i++) merge(s, k, i, first + i);
done:
    return status;
}

judd_status judd_knn_search(judd_knn *out, const judd_rows *train, const judd_rows *test,
                            const judd_knn_options *options, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_knn k = {0};
    search s = {.train = train, .test = test, .options = options, .comm = comm, .dim = train->dim};
    void *counts = NULL;
    JUDD_TRY(judd_comm_agree(comm, prepare(&s, &k)));
    JUDD_TRY(judd_comm_allgather(comm, &counts, &k.n_local, 1, sizeof k.n_local));
    int64_t position = 0, n = 0;
    for (int owner = 0; owner < comm->size; owner++) {
        int64_t all = ((int64_t *)counts)[owner];
        for (int64_t first = 0; first < all; first += n, position += n) {
            n = all - first < s.at_once ? all - first : s.at_once;
            JUDD_TRY(visit(&s, &k, owner, first, position, n));
        }
    }
    *out = k;
    k = (judd_knn){0};
done:
    judd_knn_free(&k);
    free_search(&s);
    free(counts);
    return status;
}

void judd_knn_vote(double *votes, const judd_knn *knn, int64_t row, int n_classes, int64_t k,
                   double temperature) {
    const float *similarity = knn->similarity + row * knn->n_nearest;
    const int32_t *label = knn->label + row * knn->n_nearest;
    memset(votes, 0, (size_t)n_classes * sizeof *votes);
    for (int64_t j = 0; j < k && j < knn->n_nearest; j++) {
        /* relative to the nearest: the same winner, and no temperature overflows */
        double lag = (double)similarity[j] - (double)similarity[0];
        votes[label[j]] += (double)judd_exact_expf((float)(lag / temperature));
    }
}

void judd_knn_free(judd_knn *knn) {
    free(knn->nearest);
    free(knn->label);
    free(knn->similarity);
    *knn = (judd_knn){0};
}

#include <judd/learn/knn.h>

#include <judd/base/exact_math.h>
#include <judd/base/memory.h>
#include <judd/learn/centroid.h>
#include <judd/linalg/gemm.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { TEST_ROWS = 256, TRAIN_ROWS = 512 };

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
    float *train_inverse;     /* [local training rows]: 1 / length */
    float *test_inverse;      /* [n_local] */
    float *block;             /* [TEST_ROWS, dim]: test rows of unit length, on all ranks */
    float *rows;              /* [TRAIN_ROWS, dim]: training rows of unit length */
    float *similarity;        /* [TEST_ROWS, TRAIN_ROWS] */
    neighbour *found;         /* [TEST_ROWS, most]: this rank's */
    neighbour *all;           /* [size, TEST_ROWS, most] on the owner */
    int64_t *n_found, *n_all; /* [TEST_ROWS]; [size, TEST_ROWS] */
    neighbour *merged;        /* [size * most] */
} search;

static judd_status check(const judd_rows *rows, int n_classes, const char *what) {
    int64_t n = judd_lanes_count(&rows->lanes), first = judd_lanes_first(&rows->lanes);
    judd_status kept = judd_rows_need_memory(rows, "knn");
    if (kept != JUDD_OK) return kept;
    if (rows->lanes.n_samples < 1) return judd_status_set(JUDD_E_DATA, "knn: no %s samples", what);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < rows->dim; j++)
            if (!isfinite(rows->x[i * rows->dim + j]))
                return judd_status_set(JUDD_E_DATA,
                                       "knn: %s sample %lld of the set, column %lld is not finite; "
                                       "check the model and its input (mean, std, scale)",
                                       what, (long long)(first + i), (long long)j);
        if (rows->labels[i] < 0 || rows->labels[i] >= n_classes)
            return judd_status_set(JUDD_E_DATA,
                                   "knn: %s sample %lld of the set has label %d, but there are %d "
                                   "classes",
                                   what, (long long)(first + i), rows->labels[i], n_classes);
    }
    return JUDD_OK;
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
        JUDD_FAIL(JUDD_E_DATA, "knn: one training sample has no neighbours");
done:
    return status;
}

static judd_status allocate(search *s, judd_knn *k) {
    judd_status status = JUDD_OK;
    int64_t size = s->comm->size, block = TEST_ROWS, n_train = judd_lanes_count(&s->train->lanes);
    int64_t all = s->train->lanes.n_samples - s->options->leave_one_out;
    JUDD_TRY(check_input(s));
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
    JUDD_TRY(judd_memory_alloc(&s->merged, size * s->most, sizeof(neighbour)));
    JUDD_TRY(judd_memory_alloc(&k->nearest, k->n_local * s->most, sizeof(int64_t)));
    JUDD_TRY(judd_memory_alloc(&k->label, k->n_local * s->most, sizeof(int32_t)));
    JUDD_TRY(judd_memory_alloc(&k->similarity, k->n_local * s->most, sizeof(float)));
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
    free(s->merged);
}

static void unit_rows(float *out, const float *x, const float *inverse, int64_t n, int64_t dim) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < dim; j++) out[i * dim + j] = x[i * dim + j] * inverse[i];
}

/* This rank's nearest training rows of n test rows in s->block, the first of which is at `position`
 * of the test set. */
static judd_status find_local(search *s, int64_t position, int64_t n) {
    judd_status status = JUDD_OK;
    const judd_rows *train = s->train;
    int64_t n_train = judd_lanes_count(&train->lanes), base = judd_lanes_first(&train->lanes);
    judd_gemm_matrix a = {s->block, s->dim, 1}, b = {s->rows, 1, s->dim};
    memset(s->n_found, 0, TEST_ROWS * sizeof *s->n_found);
    for (int64_t first = 0; first < n_train; first += TRAIN_ROWS) {
        int64_t m = n_train - first < TRAIN_ROWS ? n_train - first : TRAIN_ROWS;
        unit_rows(s->rows, train->x + first * s->dim, s->train_inverse + first, m, s->dim);
        JUDD_TRY(judd_gemm_multiply(s->gemm, n, m, s->dim, a, b, s->similarity, m, false));
        for (int64_t i = 0; i < n; i++) {
            heap h = {s->found + i * s->most, s->n_found[i], s->most};
            int64_t self = s->options->leave_one_out ? position + i - base - first : -1;
            for (int64_t j = 0; j < m; j++) {
                float similarity = s->similarity[i * m + j];
                if (h.n == h.most && similarity < h.item[0].similarity) continue;
                if (j == self) continue;
                heap_add(&h, (neighbour){similarity, train->labels[first + j], base + first + j});
            }
            s->n_found[i] = h.n;
        }
    }
done:
    return status;
}

/* Merges what all ranks found for test row i of the block, local row `row`. */
static void merge(search *s, judd_knn *k, int64_t i, int64_t row) {
    int64_t n = 0;
    for (int64_t r = 0; r < s->comm->size; r++) {
        int64_t count = s->n_all[r * TEST_ROWS + i];
        memcpy(s->merged + n, s->all + (r * TEST_ROWS + i) * s->most,
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

/* One block of `owner`'s test rows: rows first .. first + n of its own, at `position` of the set.
 */
static judd_status visit(search *s, judd_knn *k, int owner, int64_t first, int64_t position,
                         int64_t n) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = s->comm;
    const int bytes = (int)(TEST_ROWS * s->most * (int64_t)sizeof(neighbour));
    if (comm->rank == owner)
        unit_rows(s->block, s->test->x + first * s->dim, s->test_inverse + first, n, s->dim);
    JUDD_TRY(judd_comm_check(MPI_Bcast(s->block, (int)(n * s->dim), MPI_FLOAT, owner, comm->mpi),
                             "MPI_Bcast"));
    JUDD_TRY(judd_comm_agree(comm, find_local(s, position, n)));
    JUDD_TRY(judd_comm_check(MPI_Gather(s->n_found, TEST_ROWS, MPI_INT64_T, s->n_all, TEST_ROWS,
                                        MPI_INT64_T, owner, comm->mpi),
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
    JUDD_TRY(judd_comm_agree(comm, allocate(&s, &k)));
    judd_centroid_inverse_norms(s.train_inverse, train->x, judd_lanes_count(&train->lanes), s.dim);
    judd_centroid_inverse_norms(s.test_inverse, test->x, k.n_local, s.dim);
    JUDD_TRY(judd_comm_allgather(comm, &counts, &k.n_local, 1, sizeof k.n_local));
    int64_t position = 0, n = 0;
    for (int owner = 0; owner < comm->size; owner++) {
        int64_t all = ((int64_t *)counts)[owner];
        for (int64_t first = 0; first < all; first += n, position += n) {
            n = all - first < TEST_ROWS ? all - first : TEST_ROWS;
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

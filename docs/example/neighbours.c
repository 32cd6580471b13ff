/* neighbours CACHE.h5 ROW [K]: which samples look most alike to a network?
 *
 * A program of one's own on libjudd: reads a feature cache that judd run or judd features wrote and
 * prints the K rows (default 5) whose features have the largest cosine with those of ROW. Row i is
 * sample i of the data set's files. Every rank compares its share of the rows.
 *
 *     cc neighbours.c -o neighbours $(pkg-config --cflags --libs judd) -lm
 *     mpirun -n 2 ./neighbours ~/.cache/judd/NAME.h5 17
 */
#include <judd/features/cache.h>
#include <judd/io/h5.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 1024, MOST = 100 };

typedef struct neighbour {
    double cosine;
    int64_t row;
} neighbour;

static int by_cosine(const void *x, const void *y) {
    const neighbour *a = x, *b = y;
    if (a->cosine != b->cosine) return a->cosine < b->cosine ? 1 : -1;
    return (a->row > b->row) - (a->row < b->row);
}

static double cosine(const float *x, const float *y, int64_t dim) {
    double xy = 0.0, xx = 0.0, yy = 0.0;
    for (int64_t j = 0; j < dim; j++) {
        xy += (double)x[j] * (double)y[j];
        xx += (double)x[j] * (double)x[j];
        yy += (double)y[j] * (double)y[j];
    }
    return xx > 0.0 && yy > 0.0 ? xy / sqrt(xx * yy) : 0.0;
}

/* The k + 1 best of this rank's rows: *best [*n]. Local. */
static judd_status search(neighbour *best, int *n, const judd_cache *cache, const judd_id_set *rows,
                          int64_t row, int k, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t dim = judd_cache_dim(cache), ids[BLOCK];
    int64_t first = rows->n * comm->rank / comm->size,
            end = rows->n * (comm->rank + 1) / comm->size;
    float *x = malloc((size_t)(BLOCK * dim) * sizeof *x),
          *mine = malloc((size_t)dim * sizeof *mine);
    if (!x || !mine) JUDD_FAIL(JUDD_E_INTERNAL, "no memory for %d rows", BLOCK);
    JUDD_TRY(judd_cache_read(cache, &row, 1, NULL, mine));
    while (first < end) {
        int64_t m = judd_id_set_copy(rows, first, end - first < BLOCK ? end - first : BLOCK, ids);
        JUDD_TRY(judd_cache_read(cache, ids, m, NULL, x));
        for (int64_t i = 0; i < m; i++)
            best[(*n)++] = (neighbour){cosine(mine, x + i * dim, dim), ids[i]};
        qsort(best, (size_t)*n, sizeof *best, by_cosine);
        if (*n > k + 1) *n = k + 1; /* ROW itself is one of them */
        first += m;
    }
done:
    free(x);
    free(mine);
    return status;
}

/* Rows of which the cache holds the features. Collective. */
static judd_status find_rows(judd_id_set *rows, const judd_cache *cache) {
    judd_status status = JUDD_OK;
    judd_id_set all = {0}, missing = {0};
    int64_t damaged = 0;
    JUDD_TRY(judd_id_set_add(&all, 0, judd_cache_rows(cache)));
    JUDD_TRY(judd_cache_missing(&missing, &damaged, cache, &all));
    for (int64_t i = 0; i < judd_cache_rows(cache); i++)
        if (!judd_id_set_has(&missing, i)) JUDD_TRY(judd_id_set_add(rows, i, i + 1));
done:
    judd_id_set_free(&all);
    judd_id_set_free(&missing);
    return status;
}

static judd_status run(const judd_comm *comm, const char *path, int64_t row, int k) {
    judd_status status = JUDD_OK;
    judd_cache *cache = NULL;
    judd_id_set rows = {0};
    neighbour best[MOST + 1 + BLOCK], *all = NULL;
    int n = 0;
    int64_t n_all = 0;
    JUDD_TRY(judd_cache_open_file(&cache, comm, path));
    JUDD_TRY(find_rows(&rows, cache));
    if (!judd_id_set_has(&rows, row))
        JUDD_FAIL(JUDD_E_USAGE, "%s has no features of row %lld; it holds %lld of %lld rows", path,
                  (long long)row, (long long)rows.n, (long long)judd_cache_rows(cache));
    JUDD_TRY(judd_comm_agree(comm, search(best, &n, cache, &rows, row, k, comm)));
    JUDD_TRY(judd_comm_gather(comm, (void **)&all, best, n, sizeof *best));
    n_all = n;
    JUDD_TRY(judd_comm_sum(comm, &n_all, 1));
    if (comm->rank != 0) goto done;
    qsort(all, (size_t)n_all, sizeof *all, by_cosine);
    for (int64_t i = 0, shown = 0; i < n_all && shown < k; i++)
        if (all[i].row != row && ++shown)
            printf("%lld\t%.6f\n", (long long)all[i].row, all[i].cosine);
done:
    free(all);
    judd_id_set_free(&rows);
    judd_cache_close(cache);
    return status;
}

int main(int argc, char **argv) {
    judd_comm comm = {0};
    judd_status status = judd_h5_init(); /* before MPI_Init */
    int threads = 0, k = argc > 3 ? atoi(argv[3]) : 5;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &threads);
    if (status == JUDD_OK) status = judd_comm_open(&comm, MPI_COMM_WORLD);
    if (status == JUDD_OK && (argc < 3 || k < 1 || k > MOST))
        status =
            judd_status_set(JUDD_E_USAGE, "write neighbours CACHE.h5 ROW [K], K at most %d", MOST);
    if (status == JUDD_OK) status = run(&comm, argv[1], atoll(argv[2]), k);
    if (status != JUDD_OK && comm.rank == 0)
        fprintf(stderr, "neighbours: %s\n", judd_status_message());
    judd_comm_close(&comm);
    MPI_Finalize();
    return status;
}

#include <judd/learn/cached_rows.h>

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

enum { PIECE = 256 };

typedef struct cached {
    judd_cached_rows_part *parts; /* their ids lie in `ids`, one part's behind the other's */
    int64_t *ids;
    uint64_t *checks; /* of ids: rows are read many times, in any order */
} cached;

/* Reads the rows at which[0 .. *n) that are of one part, PIECE at most; *n becomes their number. */
static judd_status read_piece(const cached *c, float *out, const int64_t *which, int64_t *n) {
    int64_t ids[PIECE], first = 0, k = 0;
    uint64_t checks[PIECE];
    const judd_cached_rows_part *p = c->parts;
    while (which[0] >= first + p->n) first += p++->n;
    for (; k < *n && k < PIECE && which[k] >= first && which[k] < first + p->n; k++) {
        ids[k] = p->ids[which[k] - first];
        checks[k] = c->checks[which[k]];
    }
    *n = k;
    return judd_cache_read(p->cache, ids, k, checks, out);
}

static judd_status read_rows(void *context, float *out, const int64_t *which, int64_t n) {
    judd_status status = JUDD_OK;
    const cached *c = context;
    int64_t dim = judd_cache_dim(c->parts[0].cache);
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i;
        JUDD_TRY(read_piece(c, out + i * dim, which + i, &m));
    }
done:
    return status;
}

static void close_rows(void *context) {
    cached *c = context;
    if (!c) return;
    free(c->parts);
    free(c->ids);
    free(c->checks);
    free(c);
}

judd_status judd_cached_rows_source(judd_rows_source *out, const judd_cached_rows_part *parts,
                                    int n_parts) {
    judd_status status = JUDD_OK;
    cached *c = NULL;
    int64_t n = 0;
    for (int p = 0; p < n_parts; p++) n += parts[p].n;
    JUDD_TRY(judd_memory_alloc(&c, 1, sizeof *c));
    JUDD_TRY(judd_memory_alloc(&c->parts, n_parts, sizeof *c->parts));
    JUDD_TRY(judd_memory_alloc(&c->ids, n, sizeof *c->ids));
    JUDD_TRY(judd_memory_alloc(&c->checks, n, sizeof *c->checks));
    n = 0;
    for (int p = 0; p < n_parts; p++) {
        c->parts[p] = parts[p];
        c->parts[p].ids = c->ids + n;
        if (parts[p].n > 0) memcpy(c->ids + n, parts[p].ids, (size_t)parts[p].n * sizeof *c->ids);
        JUDD_TRY(judd_cache_read_checks(parts[p].cache, parts[p].ids, parts[p].n, c->checks + n));
        n += parts[p].n;
    }
    *out = (judd_rows_source){.read = read_rows,
                              .close = close_rows,
                              .context = c,
                              .n_readers = judd_cache_readers(parts[0].cache)};
    c = NULL;
done:
    close_rows(c);
    return status;
}

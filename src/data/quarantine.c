#include "data/quarantine.h"

#include <judd/base/memory.h>
#include <judd/image/image.h>
#include <judd/io/atomic_file.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t most_bytes = (int64_t)1 << 34;

typedef struct text {
    char *bytes;
    int64_t n, capacity;
} text;

void judd_quarantine_free(judd_quarantine *q) {
    for (int64_t i = 0; i < q->n; i++) {
        free(q->bad[i].path);
        free(q->bad[i].reason);
    }
    free(q->bad);
    *q = (judd_quarantine){0};
}

/* One line "id<TAB>offset<TAB>reason". */
static judd_status note(text *t, int64_t id, int64_t offset) {
    char line[JUDD_MESSAGE_SIZE + 64];
    int n = snprintf(line, sizeof line, "%lld\t%lld\t%s\n", (long long)id, (long long)offset,
                     judd_status_message());
    for (char *c = strrchr(line, '\t') + 1; c < line + n - 1; c++)
        if (*c == '\n' || *c == '\t') *c = ' ';
    if (t->n + n > t->capacity) {
        int64_t more = 2 * (t->n + n);
        char *moved = realloc(t->bytes, (size_t)more);
        if (!moved) return judd_status_set(JUDD_E_INTERNAL, "no memory for the list of bad images");
        t->bytes = moved;
        t->capacity = more;
    }
    memcpy(t->bytes + t->n, line, (size_t)n);
    t->n += n;
    return JUDD_OK;
}

/* What a rank finds on its way through the images. */
typedef struct inspection {
    text lines;
    judd_image image;
} inspection;

static judd_status inspect(void *context, int64_t id, const void *bytes, int64_t n) {
    inspection *x = context;
    int64_t offset = 0;
    judd_status status = judd_image_decode(&x->image, bytes, n, &offset);
    return status == JUDD_E_DATA ? note(&x->lines, id, offset) : status;
}

static void free_inspection(inspection *x) {
    judd_image_free(&x->image);
    free(x->lines.bytes);
}

static int by_id(const void *a, const void *b) {
    long long x = atoll(*(char *const *)a), y = atoll(*(char *const *)b);
    return (x > y) - (x < y);
}

/* The lines [bytes, bytes + n) by id; each ends with a newline. */
static judd_status sort_lines(char **out, char *bytes, int64_t n) {
    judd_status status = JUDD_OK;
    char **lines = NULL, *at, *sorted = NULL;
    int64_t count = 0, k = 0;
    for (int64_t i = 0; i < n; i++) count += bytes[i] == '\n';
    JUDD_TRY(judd_memory_alloc(&lines, count, sizeof *lines));
    JUDD_TRY(judd_memory_alloc(&sorted, n + 1, 1));
    for (at = bytes; k < count; at = strchr(at, '\0') + 1) {
        lines[k++] = at;
        *(char *)memchr(at, '\n', (size_t)(bytes + n - at)) = '\0';
    }
    qsort(lines, (size_t)count, sizeof *lines, by_id);
    at = sorted;
    for (k = 0; k < count; k++) at = stpcpy(stpcpy(at, lines[k]), "\n");
    *out = sorted;
    sorted = NULL;
done:
    free(lines);
    free(sorted);
    return status;
}

/* *lines: on rank 0 the lines of all, NUL-terminated. */
static judd_status collect(char **lines, const text *own, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    void *all = NULL;
    int64_t bytes = own->n;
    JUDD_TRY(judd_comm_gather(comm, &all, own->bytes, own->n, 1));
    JUDD_TRY(judd_comm_sum(comm, &bytes, 1));
    if (comm->rank == 0) status = sort_lines(lines, all, bytes);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    free(all);
    return status;
}

static judd_status make_head(char **head, const char *sha256) {
    return judd_memory_format(head, "judd bad images 2\t%s\t%s\n", sha256, judd_image_decoders());
}

/* 16 digits and a newline behind the head: of the lines that follow. */
enum { CHECK_BYTES = 17 };

static void make_check(char check[CHECK_BYTES + 1], const char *lines) {
    snprintf(check, CHECK_BYTES + 1, "%016llx\n",
             (unsigned long long)judd_hash_check(lines, strlen(lines), 0));
}

/* Rank 0: the remembered lines, or *lines stays NULL. A file that is not what it should be is as
 * none.
 */
static judd_status recall(char **lines, const char *path, const char *head) {
    judd_status status = JUDD_OK;
    char *all = NULL, check[CHECK_BYTES + 1];
    int64_t bytes = 0;
    if (access(path, R_OK) != 0) return JUDD_OK;
    JUDD_TRY(judd_atomic_file_read(&all, &bytes, path, most_bytes));
    size_t n = strlen(head);
    if (strncmp(all, head, n) != 0 || (int64_t)strlen(all) != bytes ||
        bytes < (int64_t)n + CHECK_BYTES)
        goto done;
    make_check(check, all + n + CHECK_BYTES);
    if (memcmp(all + n, check, CHECK_BYTES) == 0)
        JUDD_TRY(judd_memory_string(lines, all + n + CHECK_BYTES));
done:
    free(all);
    return status;
}

static judd_status remember(const char *folder, const char *path, const char *head,
                            const char *lines) {
    judd_status status = JUDD_OK;
    char *all = NULL, check[CHECK_BYTES + 1];
    JUDD_TRY(judd_atomic_file_make_folder(folder));
    make_check(check, lines);
    JUDD_TRY(judd_memory_format(&all, "%s%s%s", head, check, lines));
    JUDD_TRY(judd_atomic_file_write(path, all, (int64_t)strlen(all)));
done:
    free(all);
    return status;
}

/* ---- what is remembered, under the names and sizes of the images and under their bytes --------
 */

/* Where a cache remembers the images of an index. Rank 0's. */
typedef struct memory {
    char *folder;
    char names[17]; /* of all names and sizes */
    char *path, *head;
} memory;

static void free_memory(memory *m) {
    free(m->folder);
    free(m->path);
    free(m->head);
}

static void hash_names(char hex[17], const judd_sample_index *index) {
    uint64_t h = 0;
    for (int64_t i = 0; i < judd_sample_index_count(index); i++) {
        const char *name = judd_sample_index_name(index, i);
        int64_t size = judd_sample_index_size(index, i);
        h = judd_hash_check(name, strlen(name) + 1, h);
        h = judd_hash_check(&size, sizeof size, h);
        judd_sample_index_passed(index, i);
    }
    snprintf(hex, 17, "%016llx", (unsigned long long)h);
}

/* Whether images of these names and sizes are remembered: the same ones, most likely. */
static bool is_likely(const memory *m) {
    bool found = false;
    DIR *folder = opendir(m->folder);
    for (const struct dirent *e; folder && !found && (e = readdir(folder));)
        found = strncmp(e->d_name, m->names, strlen(m->names)) == 0;
    if (folder) closedir(folder);
    return found;
}

static judd_status begin_memory(memory *m, int64_t *likely, const judd_sample_index *index,
                                const char *cache) {
    judd_status status = JUDD_OK;
    if (!cache) goto done;
    JUDD_TRY(judd_memory_format(&m->folder, "%s/bad-images", cache));
    hash_names(m->names, index);
    *likely = is_likely(m);
done:
    return status;
}

static judd_status look_up(char **lines, memory *m, const char *sha256) {
    judd_status status = JUDD_OK;
    if (!m->folder) goto done;
    JUDD_TRY(make_head(&m->head, sha256));
    JUDD_TRY(judd_memory_format(&m->path, "%s/%s-%s.tsv", m->folder, m->names, sha256));
    JUDD_TRY(recall(lines, m->path, m->head));
done:
    return status;
}

/* The identity, and on rank 0 the lines of all ranks: from the cache, or by looking at the images,
 * on the way to their identity where they seem to be new: so they are read once. */
static judd_status find_lines(char **lines, judd_sample_index *index, char *sha256,
                              const char *cache, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    memory m = {0};
    inspection x = {0};
    int64_t likely = 0, known = 0;
    if (comm->rank == 0) status = begin_memory(&m, &likely, index, cache);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, &likely, sizeof likely));
    if (!likely) JUDD_TRY(judd_sample_index_pass(index, inspect, &x));
    JUDD_TRY(judd_sample_index_identify(index, sha256));
    if (comm->rank == 0) status = look_up(lines, &m, sha256);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    known = *lines != NULL;
    JUDD_TRY(judd_comm_broadcast(comm, &known, sizeof known));
    if (known) goto done;
    if (likely) JUDD_TRY(judd_sample_index_pass(index, inspect, &x));
    JUDD_TRY(collect(lines, &x.lines, comm));
    if (comm->rank == 0 && cache) status = remember(m.folder, m.path, m.head, *lines);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    free_memory(&m);
    free_inspection(&x);
    return status;
}

/* ---- the list ---------------------------------------------------------------------------------
 */

static judd_status parse(judd_quarantine *q, const judd_sample_index *index, char *lines) {
    judd_status status = JUDD_OK;
    int64_t n = 0;
    for (const char *c = lines; *c; c++) n += *c == '\n';
    JUDD_TRY(judd_memory_alloc(&q->bad, n, sizeof *q->bad));
    for (char *at = lines; *at;) {
        judd_dataset_bad *bad = &q->bad[q->n];
        char *end = at + strcspn(at, "\n"), *tab = NULL;
        bool is_whole = *end == '\n';
        if (is_whole) *end++ = '\0';
        if (is_whole) bad->id = strtoll(at, &tab, 10);
        if (is_whole && *tab == '\t') bad->offset = strtoll(tab + 1, &tab, 10);
        if (!is_whole || *tab != '\t' || bad->id < 0 || bad->id >= judd_sample_index_count(index) ||
            (q->n > 0 && bad->id <= bad[-1].id))
            JUDD_FAIL(JUDD_E_DATA,
                      "the list of bad images in the cache is damaged at line %lld; "
                      "delete the cache's folder bad-images",
                      (long long)q->n + 2);
        q->n++;
        JUDD_TRY(judd_memory_string(&bad->reason, tab + 1));
        JUDD_TRY(judd_sample_index_place(&bad->path, index, bad->id));
        at = end;
    }
done:
    return status;
}

static judd_status check_fraction(const judd_quarantine *q, const judd_sample_index *index,
                                  const judd_dataset_options *options) {
    int64_t n = judd_sample_index_count(index);
    if ((double)q->n <= options->max_bad_fraction * (double)n) return JUDD_OK;
    return judd_status_set(
        JUDD_E_DATA,
        "%s: %lld of %lld images are bad, more than the fraction %g; repair them "
        "or raise limits.max_bad_fraction; the first: %s: %s (byte %lld)",
        options->images, (long long)q->n, (long long)n, options->max_bad_fraction, q->bad[0].path,
        q->bad[0].reason, (long long)q->bad[0].offset);
}

judd_status judd_quarantine_find(judd_quarantine *out, judd_sample_index *index, char *sha256,
                                 const judd_dataset_options *options, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_quarantine q = {0};
    char *lines = NULL;
    JUDD_TRY(find_lines(&lines, index, sha256, options->cache, comm));
    JUDD_TRY(judd_comm_broadcast_string(comm, &lines));
    status = parse(&q, index, lines);
    if (status == JUDD_OK) status = check_fraction(&q, index, options);
    JUDD_TRY(judd_comm_agree(comm, status));
    *out = q;
    q = (judd_quarantine){0};
done:
    judd_quarantine_free(&q);
    free(lines);
    return status;
}

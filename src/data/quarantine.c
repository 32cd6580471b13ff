#include "data/quarantine.h"

#include <judd/base/memory.h>
#include <judd/image/image.h>
#include <judd/io/atomic_file.h>

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

static judd_status check_share(text *t, judd_sample_index *index, int64_t first, int64_t end) {
    judd_status status = JUDD_OK;
    judd_image image = {0};
    uint8_t *bytes = NULL;
    int64_t capacity = 0, offset = 0;
    for (int64_t i = first; i < end; i++) {
        int64_t n = judd_sample_index_size(index, i);
        judd_sample_index_passed(index, i);
        if (n > capacity) {
            free(bytes);
            bytes = NULL;
            JUDD_TRY(judd_memory_alloc(&bytes, 2 * n, 1));
            capacity = 2 * n;
        }
        JUDD_TRY(judd_sample_index_read(index, i, bytes));
        judd_status decoded = judd_image_decode(&image, bytes, n, &offset);
        if (decoded == JUDD_E_DATA)
            JUDD_TRY(note(t, i, offset));
        else
            JUDD_TRY(decoded);
    }
done:
    judd_image_free(&image);
    free(bytes);
    return status;
}

/* Shares are contiguous and in the order of ranks, so the lines come out by id. *lines: on rank 0
 * the lines of all, NUL-terminated. */
static judd_status check_all(char **lines, judd_sample_index *index, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    text t = {0};
    void *all = NULL;
    int64_t n = judd_sample_index_count(index), bytes = 0;
    status = check_share(&t, index, n * comm->rank / comm->size, n * (comm->rank + 1) / comm->size);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_gather(comm, &all, t.bytes, t.n, 1));
    bytes = t.n;
    JUDD_TRY(judd_comm_sum(comm, &bytes, 1));
    if (comm->rank == 0)
        status = judd_memory_format(lines, "%.*s", (int)bytes, bytes ? (char *)all : "");
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    free(t.bytes);
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

/* The lines of all ranks on rank 0, from the cache or by looking. */
static judd_status find_lines(char **lines, judd_sample_index *index, const char *sha256,
                              const char *cache, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    char *folder = NULL, *path = NULL, *head = NULL;
    if (comm->rank == 0) {
        status = make_head(&head, sha256);
        if (status == JUDD_OK && cache)
            status = judd_memory_format(&folder, "%s/bad-images", cache);
        if (status == JUDD_OK && cache)
            status = judd_memory_format(&path, "%s/%s.tsv", folder, sha256);
        if (status == JUDD_OK && cache) status = recall(lines, path, head);
    }
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    int64_t known = *lines != NULL;
    JUDD_TRY(judd_comm_broadcast(comm, &known, sizeof known));
    if (known) goto done;
    JUDD_TRY(check_all(lines, index, comm));
    if (comm->rank == 0 && cache) status = remember(folder, path, head, *lines);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    free(folder);
    free(path);
    free(head);
    return status;
}

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

judd_status judd_quarantine_find(judd_quarantine *out, judd_sample_index *index, const char *sha256,
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

#include "data/sample_index.h"

#include "data/block_hash.h"
#include "data/slab.h"

#include <judd/base/memory.h>
#include <judd/comm/node_memory.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 22, BLOCK = 64, NO_TEXT = 0 };

/* The blob every node holds: head, entries, file paths as offsets of texts, texts.
 */
typedef struct blob_head {
    int64_t bytes, n_samples, n_files, root;
    char sha256[JUDD_SHA256_HEX + 7]; /* "": not known yet; the length keeps entries aligned */
} blob_head;

typedef struct blob_entry {
    int64_t offset, size, name; /* name: offset of its text */
    int64_t file;
    uint64_t check; /* XXH3 of the encoded bytes, 0: not known yet */
} blob_entry;

struct judd_sample_index {
    const judd_comm *comm; /* borrowed */
    judd_node_memory *memory;
    const blob_head *head;
    const blob_entry *entries;
    const int64_t *files; /* offsets of texts */
    judd_slab slab;       /* of the shards */
};

/* ---- building ---------------------------------------------------------------------------------
 */

static int64_t text_bytes(const char *text) {
    return text ? (int64_t)strlen(text) + 1 : 0;
}

static int64_t blob_bytes(const judd_sample_list *l) {
    int64_t n = (int64_t)sizeof(blob_head) + l->n * (int64_t)sizeof(blob_entry) +
                l->n_files * (int64_t)sizeof(int64_t) + text_bytes(l->root);
    for (int64_t i = 0; i < l->n; i++) n += text_bytes(l->samples[i].name);
    for (int64_t i = 0; i < l->n_files; i++) n += text_bytes(l->files[i]);
    return n;
}

static int64_t put_text(char *blob, int64_t *at, const char *text) {
    int64_t start = *at, n = text_bytes(text);
    if (!text) return NO_TEXT;
    memcpy(blob + start, text, (size_t)n);
    *at += n;
    return start;
}

/* Rank 0: the list as one piece of memory without pointers. */
static judd_status make_blob(char **out, int64_t *bytes, const judd_sample_list *l) {
    char *blob = NULL;
    *bytes = blob_bytes(l);
    judd_status status = judd_memory_alloc(&blob, *bytes, 1);
    if (status != JUDD_OK) return status;
    blob_head *head = (blob_head *)blob;
    blob_entry *entries = (blob_entry *)(head + 1);
    int64_t *files = (int64_t *)(entries + l->n);
    int64_t at = (char *)(files + l->n_files) - blob;
    *head = (blob_head){.bytes = *bytes,
                        .n_samples = l->n,
                        .n_files = l->n_files,
                        .root = put_text(blob, &at, l->root)};
    strcpy(head->sha256, l->sha256);
    for (int64_t i = 0; i < l->n; i++) {
        const judd_sample *s = &l->samples[i];
        entries[i] = (blob_entry){.offset = s->offset,
                                  .size = s->size,
                                  .name = put_text(blob, &at, s->name),
                                  .file = s->file,
                                  .check = s->check};
    }
    for (int64_t i = 0; i < l->n_files; i++) files[i] = put_text(blob, &at, l->files[i]);
    *out = blob;
    return JUDD_OK;
}

/* Rank 0's blob into every node's memory, piece by piece, so that no rank holds it twice. */
static judd_status spread(judd_sample_index *index, const char *blob, int64_t bytes) {
    judd_status status = JUDD_OK;
    char *piece = NULL;
    char *memory = judd_node_memory_data(index->memory);
    JUDD_TRY(
        judd_comm_agree(index->comm, judd_memory_alloc(&piece, bytes < PIECE ? bytes : PIECE, 1)));
    for (int64_t at = 0; at < bytes; at += PIECE) {
        int64_t n = bytes - at < PIECE ? bytes - at : PIECE;
        if (index->comm->rank == 0) memcpy(piece, blob + at, (size_t)n);
        JUDD_TRY(judd_comm_broadcast(index->comm, piece, n));
        if (judd_node_memory_is_writer(index->memory)) memcpy(memory + at, piece, (size_t)n);
    }
    JUDD_TRY(judd_node_memory_publish(index->memory));
done:
    free(piece);
    return status;
}

judd_status judd_sample_index_create(judd_sample_index **out, const judd_comm *comm,
                                     const judd_sample_list *list) {
    judd_status status = JUDD_OK;
    judd_sample_index *index = NULL;
    char *blob = NULL;
    int64_t bytes = 0;
    status = judd_memory_alloc(&index, 1, sizeof *index);
    if (status == JUDD_OK) *index = (judd_sample_index){.comm = comm, .slab = JUDD_SLAB_EMPTY};
    if (status == JUDD_OK && comm->rank == 0) status = make_blob(&blob, &bytes, list);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, &bytes, sizeof bytes));
    JUDD_TRY(judd_node_memory_create(&index->memory, comm, bytes));
    JUDD_TRY(spread(index, blob, bytes));
    index->head = judd_node_memory_data(index->memory);
    index->entries = (const blob_entry *)(index->head + 1);
    index->files = (const int64_t *)(index->entries + index->head->n_samples);
    *out = index;
    index = NULL;
done:
    judd_sample_index_destroy(index);
    free(blob);
    return status;
}

void judd_sample_index_destroy(judd_sample_index *index) {
    if (!index) return;
    judd_node_memory_destroy(index->memory);
    judd_slab_close(&index->slab);
    free(index);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static const char *text_at(const judd_sample_index *index, int64_t offset) {
    return offset == NO_TEXT ? NULL : (const char *)index->head + offset;
}

int64_t judd_sample_index_count(const judd_sample_index *index) {
    return index->head->n_samples;
}

const char *judd_sample_index_name(const judd_sample_index *index, int64_t id) {
    return text_at(index, index->entries[id].name);
}

uint64_t judd_sample_index_check(const judd_sample_index *index, int64_t id) {
    return index->entries[id].check;
}

int64_t judd_sample_index_size(const judd_sample_index *index, int64_t id) {
    return index->entries[id].size;
}

judd_status judd_sample_index_place(char **place, const judd_sample_index *index, int64_t id) {
    const blob_entry *e = &index->entries[id];
    const char *name = text_at(index, e->name);
    if (e->file >= 0)
        return judd_memory_format(place, "%s:%s", text_at(index, index->files[e->file]), name);
    if (name[0] == '/') return judd_memory_string(place, name);
    return judd_memory_format(place, "%s/%s", text_at(index, index->head->root), name);
}

static judd_status changed(const judd_sample_index *index, int64_t id) {
    char *place = NULL;
    judd_status status = judd_sample_index_place(&place, index, id);
    if (status == JUDD_OK)
        status = judd_status_set(JUDD_E_DATA,
                                 "%s: changed since the job opened it, or is another file on this "
                                 "node; give all nodes the same file and run again",
                                 place);
    free(place);
    return status;
}

/* An image in a file of its own. */
static judd_status read_own(const judd_sample_index *index, int64_t id, uint8_t *bytes) {
    judd_status status = JUDD_OK;
    const blob_entry *e = &index->entries[id];
    char *path = NULL;
    int fd = -1;
    JUDD_TRY(judd_sample_index_place(&path, index, id));
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) JUDD_FAIL(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
    for (int64_t done = 0; done < e->size;) {
        ssize_t got = read(fd, bytes + done, (size_t)(e->size - done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) JUDD_FAIL(JUDD_E_IO, "%s: %s", path, strerror(errno));
        if (got == 0) JUDD_TRY(changed(index, id));
        done += got;
    }
done:
    if (fd >= 0) close(fd);
    free(path);
    return status;
}

judd_status judd_sample_index_read(judd_sample_index *index, int64_t id, void *bytes) {
    const blob_entry *e = &index->entries[id];
    judd_status status = e->file < 0
                             ? read_own(index, id, bytes)
                             : judd_slab_read(&index->slab, text_at(index, index->files[e->file]),
                                              e->file, e->offset, e->size, bytes);
    if (status == JUDD_OK && e->check && judd_hash_check(bytes, (size_t)e->size, 0) != e->check)
        status = changed(index, id);
    return status;
}

/* ---- identity ---------------------------------------------------------------------------------
 */

static judd_status add_block(void *context, judd_hash *hash, int64_t first, int64_t end,
                             uint64_t *checks) {
    judd_status status = JUDD_OK;
    judd_sample_index *index = context;
    void *bytes = NULL;
    int64_t most = 0;
    for (int64_t i = first; i < end; i++)
        if (index->entries[i].size > most) most = index->entries[i].size;
    JUDD_TRY(judd_memory_alloc(&bytes, most, 1));
    for (int64_t i = first; i < end; i++) {
        char size[32];
        const char *name = judd_sample_index_name(index, i);
        int64_t n = index->entries[i].size;
        JUDD_TRY(judd_sample_index_read(index, i, bytes));
        int length = snprintf(size, sizeof size, "%lld", (long long)n);
        judd_hash_add(hash, name, strlen(name) + 1);
        judd_hash_add(hash, size, (size_t)length + 1);
        judd_hash_add(hash, bytes, (size_t)n);
        checks[i - first] = judd_hash_check(bytes, (size_t)n, 0);
    }
done:
    free(bytes);
    return status;
}

static judd_status store_checks(judd_sample_index *index, const uint64_t *checks) {
    blob_head *head = judd_node_memory_data(index->memory);
    blob_entry *entries = (blob_entry *)(head + 1);
    if (judd_node_memory_is_writer(index->memory))
        for (int64_t i = 0; i < head->n_samples; i++) entries[i].check = checks[i];
    return judd_node_memory_publish(index->memory);
}

judd_status judd_sample_index_identify(judd_sample_index *index, char sha256[JUDD_SHA256_HEX]) {
    judd_status status = JUDD_OK;
    uint64_t *checks = NULL;
    strcpy(sha256, index->head->sha256);
    if (sha256[0]) return JUDD_OK;
    JUDD_TRY(judd_block_hash_run(sha256, &checks, index->comm, index->head->n_samples, BLOCK,
                                 add_block, index));
    JUDD_TRY(store_checks(index, checks));
done:
    free(checks);
    return status;
}

#include "data/sample_index.h"

#include "data/block_hash.h"
#include "data/slab.h"

#include <judd/base/memory.h>
#include <judd/comm/node_memory.h>
#include <judd/comm/watchdog.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 64, RELEASE = 1 << 14 };

struct judd_sample_index {
    const judd_comm *comm; /* borrowed */
    int64_t n, n_files;
    char sha256[JUDD_SHA256_HEX]; /* "": not known yet */
    char *root, **files;          /* every rank's own */
    judd_node_memory *entry_memory, *name_memory, *check_memory;
    const judd_sample_entry *entries;
    const char *names;
    const uint64_t *checks; /* NULL: not known yet */
    judd_slab slab;         /* of the shards */
};

/* ---- building ---------------------------------------------------------------------------------
 */

static judd_status share_files(judd_sample_index *index) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = index->comm;
    JUDD_TRY(judd_comm_broadcast_string(comm, &index->root));
    if (comm->rank > 0) status = judd_memory_alloc(&index->files, index->n_files, sizeof(char *));
    JUDD_TRY(judd_comm_agree(comm, status));
    for (int64_t i = 0; i < index->n_files; i++)
        JUDD_TRY(judd_comm_broadcast_string(comm, &index->files[i]));
done:
    return status;
}

static judd_status share_tables(judd_sample_index *index, judd_sample_table *table) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = index->comm;
    JUDD_TRY(judd_node_memory_share(&index->entry_memory, comm, &table->entries));
    JUDD_TRY(judd_node_memory_share(&index->name_memory, comm, &table->names));
    if (index->sha256[0])
        JUDD_TRY(judd_node_memory_share(&index->check_memory, comm, &table->checks));
    index->entries = judd_node_memory_data(index->entry_memory);
    index->names = judd_node_memory_data(index->name_memory);
    if (index->check_memory) index->checks = judd_node_memory_data(index->check_memory);
done:
    return status;
}

judd_status judd_sample_index_create(judd_sample_index **out, const judd_comm *comm,
                                     judd_sample_table *table) {
    judd_status status = JUDD_OK;
    judd_sample_index *index = NULL;
    struct {
        int64_t n, n_files;
        char sha256[JUDD_SHA256_HEX];
    } facts = {.n = table->n, .n_files = table->n_files};
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&index, 1, sizeof *index)));
    memcpy(facts.sha256, table->sha256, sizeof facts.sha256);
    JUDD_TRY(judd_comm_broadcast(comm, &facts, sizeof facts));
    *index = (judd_sample_index){
        .comm = comm, .n = facts.n, .n_files = facts.n_files, .slab = JUDD_SLAB_EMPTY};
    memcpy(index->sha256, facts.sha256, sizeof facts.sha256);
    if (comm->rank == 0) {
        index->root = table->root;
        index->files = table->files;
        table->root = NULL;
        table->files = NULL;
        table->n_files = 0;
    }
    JUDD_TRY(share_files(index));
    JUDD_TRY(share_tables(index, table));
    *out = index;
    index = NULL;
done:
    judd_sample_index_destroy(index);
    return status;
}

void judd_sample_index_destroy(judd_sample_index *index) {
    if (!index) return;
    judd_node_memory_destroy(index->entry_memory);
    judd_node_memory_destroy(index->name_memory);
    judd_node_memory_destroy(index->check_memory);
    judd_slab_close(&index->slab);
    for (int64_t i = 0; index->files && i < index->n_files; i++) free(index->files[i]);
    free(index->files);
    free(index->root);
    free(index);
}

void judd_sample_index_passed(const judd_sample_index *index, int64_t id) {
    judd_watchdog_beat(index->comm->watchdog);
    if (id % RELEASE != 0) return;
    judd_node_memory_release(index->entry_memory);
    judd_node_memory_release(index->name_memory);
    if (index->check_memory) judd_node_memory_release(index->check_memory);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

int64_t judd_sample_index_count(const judd_sample_index *index) {
    return index->n;
}

const char *judd_sample_index_name(const judd_sample_index *index, int64_t id) {
    return index->names + index->entries[id].name;
}

uint64_t judd_sample_index_check(const judd_sample_index *index, int64_t id) {
    return index->checks ? index->checks[id] : 0;
}

int64_t judd_sample_index_size(const judd_sample_index *index, int64_t id) {
    return index->entries[id].size;
}

judd_status judd_sample_index_place(char **place, const judd_sample_index *index, int64_t id) {
    const judd_sample_entry *e = &index->entries[id];
    const char *name = index->names + e->name;
    if (e->file >= 0) return judd_memory_format(place, "%s:%s", index->files[e->file], name);
    if (name[0] == '/') return judd_memory_string(place, name);
    return judd_memory_format(place, "%s/%s", index->root, name);
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

/* An image in a file of its own; of an empty one there need be no file (scan_folder.c). */
static judd_status read_own(const judd_sample_index *index, int64_t id, uint8_t *bytes) {
    judd_status status = JUDD_OK;
    const judd_sample_entry *e = &index->entries[id];
    char *path = NULL;
    int fd = -1;
    if (e->size == 0) goto done;
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
    const judd_sample_entry *e = &index->entries[id];
    judd_status status = e->file < 0 ? read_own(index, id, bytes)
                                     : judd_slab_read(&index->slab, index->files[e->file], e->file,
                                                      e->offset, e->size, bytes);
    if (status == JUDD_OK && index->checks &&
        judd_hash_check(bytes, (size_t)e->size, 0) != index->checks[id])
        status = changed(index, id);
    return status;
}

judd_status judd_sample_index_stage(judd_sample_index *index) {
    if (index->n_files != 1) return JUDD_OK;
    return judd_slab_stage(&index->slab, index->comm, index->files[0]);
}

/* ---- identity ---------------------------------------------------------------------------------
 */

typedef struct pass {
    judd_sample_index *index;
    judd_sample_index_visit visit;
    void *context;
} pass;

static judd_status add_block(void *context, judd_hash *hash, int64_t first, int64_t end,
                             uint64_t *checks) {
    judd_status status = JUDD_OK;
    const pass *p = context;
    judd_sample_index *index = p->index;
    void *bytes = NULL;
    int64_t most = 0;
    for (int64_t i = first; i < end; i++)
        if (index->entries[i].size > most) most = index->entries[i].size;
    JUDD_TRY(judd_memory_alloc(&bytes, most, 1));
    judd_sample_index_passed(index, first);
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
        if (p->visit) JUDD_TRY(p->visit(p->context, i, bytes, n));
    }
done:
    free(bytes);
    return status;
}

judd_status judd_sample_index_pass(judd_sample_index *index, judd_sample_index_visit visit,
                                   void *context) {
    judd_status status = JUDD_OK;
    pass p = {index, visit, context};
    judd_node_memory *checks = NULL;
    char sha256[JUDD_SHA256_HEX];
    JUDD_TRY(judd_block_hash_run(sha256, &checks, index->comm, index->n, BLOCK, add_block, &p));
    if (index->sha256[0]) goto done; /* every image was compared with its own */
    memcpy(index->sha256, sha256, sizeof sha256);
    index->check_memory = checks;
    index->checks = judd_node_memory_data(checks);
    checks = NULL;
done:
    judd_node_memory_destroy(checks);
    return status;
}

judd_status judd_sample_index_identify(judd_sample_index *index, char sha256[JUDD_SHA256_HEX]) {
    judd_status status = JUDD_OK;
    if (!index->sha256[0]) JUDD_TRY(judd_sample_index_pass(index, NULL, NULL));
    memcpy(sha256, index->sha256, sizeof index->sha256);
done:
    return status;
}

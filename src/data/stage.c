#include "data/stage.h"

#include <judd/base/hash.h>
#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 22 };

judd_status judd_stage_wanted(bool *wanted, const judd_comm *comm) {
    const char *text = getenv("JUDD_STAGE");
    *wanted = text && *text && strcmp(text, "0") != 0 && strcmp(text, "no") != 0;
    return judd_comm_broadcast(comm, wanted, sizeof *wanted);
}

static int64_t piece_at(int64_t at, int64_t bytes) {
    return bytes - at < PIECE ? bytes - at : PIECE;
}

static judd_status open_source(int *fd, int64_t *bytes, const char *path) {
    struct stat info;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0 || fstat(*fd, &info) != 0)
        return judd_status_set(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
    *bytes = (int64_t)info.st_size;
    return JUDD_OK;
}

static judd_status read_piece(int fd, char *piece, int64_t at, int64_t n, const char *path) {
    for (int64_t done = 0; done < n;) {
        ssize_t got = pread(fd, piece + done, (size_t)(n - done), at + done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            return judd_status_set(JUDD_E_IO, "%s: %s; start the job again", path,
                                   got < 0 ? strerror(errno) : "became shorter");
        done += got;
    }
    return JUDD_OK;
}

/* Rank 0's pieces into every node's memory; *check: of all that rank 0 has read. */
static judd_status spread(judd_node_memory *memory, uint64_t *check, const judd_comm *comm, int fd,
                          int64_t bytes, const char *path) {
    judd_status status = JUDD_OK;
    char *piece = NULL, *data = judd_node_memory_data(memory);
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&piece, PIECE, 1)));
    for (int64_t at = 0; at < bytes; at += PIECE) {
        int64_t n = piece_at(at, bytes);
        if (comm->rank == 0) status = read_piece(fd, piece, at, n, path);
        JUDD_TRY(judd_comm_broadcast_status(comm, status));
        JUDD_TRY(judd_comm_broadcast(comm, piece, n));
        if (judd_node_memory_is_writer(memory)) memcpy(data + at, piece, (size_t)n);
        *check = judd_hash_check(piece, (size_t)n, *check);
    }
    JUDD_TRY(judd_comm_broadcast(comm, check, sizeof *check));
done:
    free(piece);
    return status;
}

/* Each node's copy against what rank 0 read. */
static judd_status verify(const judd_node_memory *memory, uint64_t expected, const judd_comm *comm,
                          int64_t bytes, const char *path) {
    uint64_t check = 0;
    const char *data = judd_node_memory_data(memory);
    if (!judd_node_memory_is_writer(memory)) return JUDD_OK;
    for (int64_t at = 0; at < bytes; at += PIECE) {
        check = judd_hash_check(data + at, (size_t)piece_at(at, bytes), check);
        judd_watchdog_beat(comm->watchdog);
    }
    if (check == expected) return JUDD_OK;
    return judd_status_set(JUDD_E_IO, "%s: its copy on this node differs; look at the node's disk",
                           path);
}

judd_status judd_stage_file(judd_node_memory **out, int64_t *bytes, const judd_comm *comm,
                            const char *path) {
    judd_status status = JUDD_OK;
    judd_node_memory *memory = NULL;
    uint64_t check = 0;
    int fd = -1;
    *out = NULL;
    if (comm->rank == 0) status = open_source(&fd, bytes, path);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, bytes, sizeof *bytes));
    JUDD_TRY(judd_node_memory_create_on_disk(&memory, comm, *bytes));
    JUDD_TRY(spread(memory, &check, comm, fd, *bytes, path));
    JUDD_TRY(judd_node_memory_publish(memory));
    JUDD_TRY(judd_comm_agree(comm, verify(memory, check, comm, *bytes, path)));
    judd_node_memory_release(memory);
    *out = memory;
    memory = NULL;
done:
    if (fd >= 0) close(fd);
    judd_node_memory_destroy(memory);
    return status;
}

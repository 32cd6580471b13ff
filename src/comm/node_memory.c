#include <judd/comm/node_memory.h>

#include <judd/base/memory.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; older kernels answer EINVAL */
#endif

enum {
    ALIGNMENT = 64,
    PIECE = 1 << 22,
    SLACK = 1 << 20
}; /* slack: MPI's own bookkeeping in the same folder */

struct judd_node_memory {
    const judd_comm *comm; /* borrowed */
    MPI_Comm node;
    int node_rank, node_size;
    MPI_Win window; /* MPI_WIN_NULL if this rank is alone on its node, where plain memory will do,
                       and on disk */
    judd_scratch scratch; /* on disk */
    char *data;
    int64_t bytes;
};

/* Where Open MPI >= 3.1 and MPICH put windows; the variable is Open MPI's own. */
static const char *backing_folder(void) {
    const char *folder = getenv("OMPI_MCA_osc_sm_backing_directory");
    return folder && folder[0] ? folder : "/dev/shm";
}

static judd_status too_small(int64_t bytes, const char *reason) {
    return judd_status_set(JUDD_E_IO,
                           "%s: no room for %lld bytes of shared memory (%s); enlarge it (docker: "
                           "--shm-size) or set OMPI_MCA_osc_sm_backing_directory to a larger "
                           "local folder",
                           backing_folder(), (long long)bytes, reason);
}

/* Open MPI only extends the file: without this check the first write past the end is a SIGBUS. */
static judd_status check_space(int64_t bytes) {
    struct statvfs fs;
    if (statvfs(backing_folder(), &fs) != 0) return JUDD_OK; /* MPI will choose another place */
    const double room = (double)fs.f_bavail * (double)fs.f_frsize;
    if ((double)bytes + SLACK <= room) return JUDD_OK;
    char text[64];
    snprintf(text, sizeof text, "%.0f are free", room);
    return too_small(bytes, text);
}

/* Takes the pages now, so that what is short is an error here and not a signal later. */
static judd_status take_pages(const judd_node_memory *memory) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t start = (uintptr_t)memory->data & ~(page - 1);
    const uintptr_t end = (uintptr_t)memory->data + (uintptr_t)memory->bytes;
    if (madvise((void *)start, end - start, MADV_POPULATE_WRITE) != 0 &&
        (errno == EFAULT || errno == ENOMEM))
        return too_small(memory->bytes, "another process took the rest");
    memset(memory->data, 0, (size_t)memory->bytes);
    return JUDD_OK;
}

/* A build for a test may pretend that so many ranks are a node. */
#ifdef JUDD_NODE_RANKS
#define SPLIT(comm, rank, node) MPI_Comm_split(comm, (rank) / JUDD_NODE_RANKS, rank, node)
#else
#define SPLIT(comm, rank, node)                                                                    \
    MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, node)
#endif

static judd_status split_node(judd_node_memory *memory) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_comm_check(SPLIT(memory->comm->mpi, memory->comm->rank, &memory->node),
                             "MPI_Comm_split_type"));
    JUDD_TRY(judd_comm_check(MPI_Comm_set_errhandler(memory->node, MPI_ERRORS_RETURN),
                             "MPI_Comm_set_errhandler"));
    JUDD_TRY(judd_comm_check(MPI_Comm_rank(memory->node, &memory->node_rank), "MPI_Comm_rank"));
    JUDD_TRY(judd_comm_check(MPI_Comm_size(memory->node, &memory->node_size), "MPI_Comm_size"));
done:
    return status;
}

/* The writer's piece holds all; the addresses differ between ranks but are equal modulo a page. */
static judd_status map_window(judd_node_memory *memory) {
    judd_status status = JUDD_OK;
    const MPI_Aint own = memory->node_rank == 0 ? (MPI_Aint)memory->bytes + ALIGNMENT : 0;
    char *base = NULL;
    MPI_Aint size = 0;
    int unit = 0;
    JUDD_TRY(judd_comm_check(
        MPI_Win_allocate_shared(own, 1, MPI_INFO_NULL, memory->node, &base, &memory->window),
        "MPI_Win_allocate_shared"));
    JUDD_TRY(judd_comm_check(MPI_Win_set_errhandler(memory->window, MPI_ERRORS_RETURN),
                             "MPI_Win_set_errhandler"));
    JUDD_TRY(judd_comm_check(MPI_Win_shared_query(memory->window, 0, &size, &unit, &base),
                             "MPI_Win_shared_query"));
    /* one epoch for the whole life: MPI_Win_sync is only allowed inside one */
    JUDD_TRY(
        judd_comm_check(MPI_Win_lock_all(MPI_MODE_NOCHECK, memory->window), "MPI_Win_lock_all"));
    const uintptr_t misfit = (uintptr_t)base % ALIGNMENT;
    memory->data = base + (misfit ? ALIGNMENT - misfit : 0);
done:
    return status;
}

/* Who is on this node. */
static judd_status begin(judd_node_memory **out, const judd_comm *comm, int64_t bytes) {
    judd_status status = JUDD_OK;
    judd_node_memory *memory = NULL;
    status = judd_memory_alloc(&memory, 1, sizeof *memory);
    if (status == JUDD_OK && (bytes < 0 || bytes > INT64_MAX / 2))
        status = judd_status_set(JUDD_E_INTERNAL, "shared memory of %lld bytes", (long long)bytes);
    if (memory)
        *memory = (judd_node_memory){
            .comm = comm, .node = MPI_COMM_NULL, .window = MPI_WIN_NULL, .bytes = bytes};
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_agree(comm, split_node(memory)));
    *out = memory;
    memory = NULL;
done:
    judd_node_memory_destroy(memory);
    return status;
}

judd_status judd_node_memory_create(judd_node_memory **out, const judd_comm *comm, int64_t bytes) {
    judd_status status = JUDD_OK;
    judd_node_memory *memory = NULL;
    *out = NULL;
    JUDD_TRY(begin(&memory, comm, bytes));
    if (memory->node_size == 1)
        status = judd_memory_alloc(&memory->data, bytes, 1);
    else if (memory->node_rank == 0)
        status = check_space(bytes);
    JUDD_TRY(judd_comm_agree(comm, status));
    if (memory->node_size > 1) status = map_window(memory);
    JUDD_TRY(judd_comm_agree(comm, status));
    if (memory->node_size > 1 && memory->node_rank == 0) status = take_pages(memory);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_node_memory_publish(memory)); /* the zeros */
    *out = memory;
    memory = NULL;
done:
    judd_node_memory_destroy(memory);
    return status;
}

/* ---- on disk ----------------------------------------------------------------------------------
 */

/* The node's other ranks map the file that its writer has made. */
static judd_status open_scratch(judd_node_memory *memory) {
    judd_status status = JUDD_OK;
    char path[4096] = "";
    if (memory->scratch.path) strncpy(path, memory->scratch.path, sizeof path - 1);
    JUDD_TRY(judd_comm_check(MPI_Bcast(path, sizeof path, MPI_BYTE, 0, memory->node), "MPI_Bcast"));
    if (memory->node_rank > 0) JUDD_TRY(judd_scratch_open(&memory->scratch, path, memory->bytes));
    memory->data = memory->scratch.data;
done:
    return status;
}

/* The writer has its scratch already if the ranks share one that is there. */
static judd_status on_disk(judd_node_memory *memory) {
    judd_status status = JUDD_OK;
    if (memory->node_rank == 0 && !memory->scratch.data)
        status = judd_scratch_create(&memory->scratch, memory->bytes);
    if (status == JUDD_OK && memory->node_rank == 0 && memory->node_size > 1)
        status = judd_scratch_show(&memory->scratch);
    JUDD_TRY(judd_comm_agree(memory->comm, status));
    JUDD_TRY(judd_comm_agree(memory->comm, open_scratch(memory)));
    judd_scratch_hide(&memory->scratch);
done:
    return status;
}

judd_status judd_node_memory_create_on_disk(judd_node_memory **out, const judd_comm *comm,
                                            int64_t bytes) {
    judd_status status = JUDD_OK;
    judd_node_memory *memory = NULL;
    *out = NULL;
    JUDD_TRY(begin(&memory, comm, bytes));
    JUDD_TRY(on_disk(memory));
    *out = memory;
    memory = NULL;
done:
    judd_node_memory_destroy(memory);
    return status;
}

judd_status judd_node_memory_spread(judd_node_memory *memory) {
    judd_status status = JUDD_OK;
    char *piece = NULL;
    int64_t elsewhere = memory->node_rank == 0 && memory->comm->rank > 0;
    JUDD_TRY(judd_comm_sum(memory->comm, &elsewhere, 1));
    if (elsewhere == 0) goto ready;
    JUDD_TRY(judd_comm_agree(memory->comm, judd_memory_alloc(&piece, PIECE, 1)));
    for (int64_t at = 0; at < memory->bytes; at += PIECE) {
        int64_t n = memory->bytes - at < PIECE ? memory->bytes - at : PIECE;
        if (memory->comm->rank == 0) memcpy(piece, memory->data + at, (size_t)n);
        JUDD_TRY(judd_comm_broadcast(memory->comm, piece, n));
        if (memory->node_rank == 0 && memory->comm->rank > 0)
            memcpy(memory->data + at, piece, (size_t)n);
    }
ready:
    JUDD_TRY(judd_node_memory_publish(memory));
done:
    free(piece);
    return status;
}

judd_status judd_node_memory_share(judd_node_memory **out, const judd_comm *comm,
                                   judd_scratch *scratch) {
    judd_status status = JUDD_OK;
    judd_node_memory *memory = NULL;
    int64_t bytes = comm->rank == 0 ? scratch->bytes : 0;
    *out = NULL;
    JUDD_TRY(judd_comm_broadcast(comm, &bytes, sizeof bytes));
    JUDD_TRY(begin(&memory, comm, bytes));
    if (comm->rank == 0) { /* rank 0 is the first of its node, too */
        memory->scratch = *scratch;
        *scratch = (judd_scratch){0};
    }
    JUDD_TRY(on_disk(memory));
    JUDD_TRY(judd_node_memory_spread(memory));
    *out = memory;
    memory = NULL;
done:
    if (comm->rank == 0) judd_scratch_free(scratch);
    judd_node_memory_destroy(memory);
    return status;
}

void judd_node_memory_release(const judd_node_memory *memory) {
    judd_scratch_release(&memory->scratch);
}

/* ---- life -------------------------------------------------------------------------------------
 */

void judd_node_memory_destroy(judd_node_memory *memory) {
    if (!memory) return;
    if (memory->scratch.data) {
        judd_scratch_free(&memory->scratch);
    } else if (memory->window != MPI_WIN_NULL) {
        if (memory->data) MPI_Win_unlock_all(memory->window);
        MPI_Win_free(&memory->window);
    } else {
        free(memory->data);
    }
    if (memory->node != MPI_COMM_NULL) MPI_Comm_free(&memory->node);
    free(memory);
}

void *judd_node_memory_data(const judd_node_memory *memory) {
    return memory->data;
}

bool judd_node_memory_is_writer(const judd_node_memory *memory) {
    return memory->node_rank == 0;
}

judd_status judd_node_memory_publish(judd_node_memory *memory) {
    judd_status status = JUDD_OK;
    if (memory->scratch.data) {
        status = judd_comm_check(MPI_Barrier(memory->node), "MPI_Barrier");
    } else if (memory->window != MPI_WIN_NULL) {
        status = judd_comm_check(MPI_Win_sync(memory->window), "MPI_Win_sync");
        if (status == JUDD_OK) status = judd_comm_check(MPI_Barrier(memory->node), "MPI_Barrier");
        if (status == JUDD_OK)
            status = judd_comm_check(MPI_Win_sync(memory->window), "MPI_Win_sync");
    }
    return judd_comm_agree(memory->comm, status);
}

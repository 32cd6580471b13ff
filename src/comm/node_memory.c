#include <judd/comm/node_memory.h>

#include <judd/base/memory.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 22 };

struct judd_node_memory {
    const judd_comm *comm; /* borrowed */
    judd_scratch scratch;  /* zero: plain memory, of a rank that is alone on its node */
    char *data;
    int64_t bytes;
};

static const char *memory_folder(void) {
    const char *given = getenv("JUDD_SHM");
    return given && given[0] ? given : "/dev/shm";
}

static judd_status begin(judd_node_memory **out, const judd_comm *comm, int64_t bytes) {
    judd_node_memory *memory = NULL;
    judd_status status = judd_memory_alloc(&memory, 1, sizeof *memory);
    if (status == JUDD_OK && (bytes < 0 || bytes > INT64_MAX / 2))
        status = judd_status_set(JUDD_E_INTERNAL, "shared memory of %lld bytes", (long long)bytes);
    if (memory) *memory = (judd_node_memory){.comm = comm, .bytes = bytes};
    JUDD_TRY(judd_comm_agree(comm, status));
    *out = memory;
    memory = NULL;
done:
    judd_node_memory_destroy(memory);
    return status;
}

/* The node's other ranks map the file that its writer has made. */
static judd_status open_scratch(judd_node_memory *memory) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = memory->comm;
    char path[4096] = "";
    if (memory->scratch.path) strncpy(path, memory->scratch.path, sizeof path - 1);
    if (comm->node_size > 1)
        JUDD_TRY(
            judd_comm_check(MPI_Bcast(path, sizeof path, MPI_BYTE, 0, comm->node), "MPI_Bcast"));
    if (comm->node_rank > 0) JUDD_TRY(judd_scratch_open(&memory->scratch, path, memory->bytes));
    if (memory->scratch.data) memory->data = memory->scratch.data;
done:
    return status;
}

/* The writer's scratch, made with this status, on all ranks of its node. */
static judd_status map_scratch(judd_node_memory *memory, judd_status status) {
    const judd_comm *comm = memory->comm;
    if (status == JUDD_OK && comm->node_rank == 0 && comm->node_size > 1)
        status = judd_scratch_show(&memory->scratch);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_agree(comm, open_scratch(memory)));
    judd_scratch_hide(&memory->scratch);
done:
    return status;
}

/* The space is taken when the file is made: what is short is an error here, not a signal later. */
static judd_status in_memory(judd_node_memory *memory) {
    judd_status status = JUDD_OK;
    const char *folder = memory_folder();
    if (memory->comm->node_rank > 0) return JUDD_OK;
    if (memory->comm->node_size == 1) {
        JUDD_TRY(judd_memory_alloc(&memory->data, memory->bytes, 1));
    } else if (judd_scratch_create_in(&memory->scratch, folder, memory->bytes) != JUDD_OK) {
        JUDD_FAIL(JUDD_E_IO,
                  "%s: no room for %lld bytes of memory that the ranks of a node share; enlarge it "
                  "(docker: --shm-size) or set JUDD_SHM to a larger folder in memory",
                  folder, (long long)memory->bytes);
    }
done:
    return status;
}

judd_status judd_node_memory_create(judd_node_memory **out, const judd_comm *comm, int64_t bytes) {
    judd_status status = JUDD_OK;
    judd_node_memory *memory = NULL;
    *out = NULL;
    JUDD_TRY(begin(&memory, comm, bytes));
    JUDD_TRY(map_scratch(memory, in_memory(memory)));
    *out = memory;
    memory = NULL;
done:
    judd_node_memory_destroy(memory);
    return status;
}

judd_status judd_node_memory_create_on_disk(judd_node_memory **out, const judd_comm *comm,
                                            int64_t bytes) {
    judd_status status = JUDD_OK;
    judd_node_memory *memory = NULL;
    *out = NULL;
    JUDD_TRY(begin(&memory, comm, bytes));
    if (comm->node_rank == 0) status = judd_scratch_create(&memory->scratch, bytes);
    JUDD_TRY(map_scratch(memory, status));
    *out = memory;
    memory = NULL;
done:
    judd_node_memory_destroy(memory);
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
    } else if (comm->node_rank == 0) {
        status = judd_scratch_create(&memory->scratch, bytes);
    }
    JUDD_TRY(map_scratch(memory, status));
    JUDD_TRY(judd_node_memory_spread(memory));
    *out = memory;
    memory = NULL;
done:
    if (comm->rank == 0) judd_scratch_free(scratch);
    judd_node_memory_destroy(memory);
    return status;
}

void judd_node_memory_destroy(judd_node_memory *memory) {
    if (!memory) return;
    if (memory->scratch.data)
        judd_scratch_free(&memory->scratch);
    else
        free(memory->data);
    free(memory);
}

/* ---- what is in it ------------------------------------------------------------------------------
 */

judd_status judd_node_memory_spread(judd_node_memory *memory) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = memory->comm;
    char *piece = NULL;
    bool writer = comm->node_rank == 0 && comm->rank > 0;
    int64_t elsewhere = writer;
    JUDD_TRY(judd_comm_sum(comm, &elsewhere, 1));
    if (elsewhere == 0) goto ready;
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&piece, PIECE, 1)));
    for (int64_t at = 0; at < memory->bytes; at += PIECE) {
        int64_t n = memory->bytes - at < PIECE ? memory->bytes - at : PIECE;
        if (comm->rank == 0) memcpy(piece, memory->data + at, (size_t)n);
        JUDD_TRY(judd_comm_broadcast(comm, piece, n));
        if (writer) memcpy(memory->data + at, piece, (size_t)n);
    }
ready:
    JUDD_TRY(judd_node_memory_publish(memory));
done:
    free(piece);
    return status;
}

void judd_node_memory_release(const judd_node_memory *memory) {
    judd_scratch_release(&memory->scratch);
}

void *judd_node_memory_data(const judd_node_memory *memory) {
    return memory->data;
}

bool judd_node_memory_is_writer(const judd_node_memory *memory) {
    return memory->comm->node_rank == 0;
}

judd_status judd_node_memory_publish(const judd_node_memory *memory) {
    return judd_comm_agree(memory->comm, judd_comm_meet_node(memory->comm));
}

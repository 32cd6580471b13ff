/** Small pieces of large files: what is asked for in order is read in large steps. */
#ifndef JUDD_SRC_DATA_SLAB_H
#define JUDD_SRC_DATA_SLAB_H

#include <judd/comm/node_memory.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct judd_slab {
    int fd;           /* of the file open now, or -1 */
    int64_t file;     /* its number, as the caller counts */
    int64_t expected; /* where the next read begins if it goes on */
    int64_t start, n; /* bytes [start, start + n) of the file are held */
    uint8_t *bytes;
    judd_node_memory *staged; /* the one file, on the node's own disk; NULL: files are read */
    int64_t staged_bytes;
} judd_slab;

#define JUDD_SLAB_EMPTY                                                                            \
    { .fd = -1, .file = -1 }

/** n bytes at `offset` of the file `path`, which has the number `file`. JUDD_E_DATA if the file
 *  ends before. Local. */
judd_status judd_slab_read(judd_slab *slab, const char *path, int64_t file, int64_t offset,
                           int64_t n, void *bytes);
/** Read from copies on the nodes from now on, where there is one file only. A second call does
 * nothing. Collective; JUDD_E_IO: no room, and the file will be read as before. */
judd_status judd_slab_stage(judd_slab *slab, const judd_comm *comm, const char *path);
/** Collective once staged. */
void judd_slab_close(judd_slab *slab);

#endif

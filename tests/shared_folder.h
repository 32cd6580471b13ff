/* A temporary folder for all ranks of a test. Collective. */
#ifndef JUDD_TESTS_SHARED_FOLDER_H
#define JUDD_TESTS_SHARED_FOLDER_H

#include <judd/comm/comm.h>
#include <judd/io/atomic_file.h>

#include <stdio.h>
#include <stdlib.h>

enum { SHARED_FOLDER = 4096 };

static inline judd_status make_shared_folder(char folder[SHARED_FOLDER], const judd_comm *comm) {
    judd_status status = JUDD_OK;
    if (comm->rank == 0) {
        const char *base = getenv("TMPDIR");
        snprintf(folder, SHARED_FOLDER, "%s/judd-XXXXXX", base ? base : "/tmp");
        if (!mkdtemp(folder)) status = judd_status_set(JUDD_E_IO, "%s: cannot be made", folder);
    }
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, folder, SHARED_FOLDER));
done:
    return status;
}

/* When no rank reads there any more. */
static inline judd_status remove_shared_folder(const char *folder, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_comm_agree(comm, JUDD_OK));
    if (comm->rank == 0) status = judd_atomic_file_remove(folder);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    return status;
}

#endif

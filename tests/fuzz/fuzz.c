#include "fuzz/fuzz.h"

#include <judd/io/h5.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static judd_comm comm;
static char path[64];

static void end(void) {
    if (path[0]) unlink(path);
    judd_comm_close(&comm);
    MPI_Finalize();
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0); /* no daemon for one rank */
    if (judd_h5_init() != JUDD_OK) abort();
    MPI_Init(argc, argv);
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) abort();
    atexit(end);
    return 0;
}

const judd_comm *fuzz_comm(void) {
    return &comm;
}

const char *fuzz_file(const uint8_t *data, size_t n) {
    if (!path[0]) snprintf(path, sizeof path, "/dev/shm/judd-fuzz-%ld", (long)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, n) != (ssize_t)n || close(fd) != 0) abort();
    return path;
}

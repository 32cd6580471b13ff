/** One existing file that all ranks write, each its own bytes, by plain system calls: a failure is
 *  one rank's alone, so nobody waits in a library for a rank that is no longer there. (MPI-IO opens
 *  and closes together: where one rank cannot, the others hang; and on a short write Open MPI's
 *  loses data and reports success.) */
#ifndef JUDD_IO_SHARED_FILE_H
#define JUDD_IO_SHARED_FILE_H

#include <judd/comm/comm.h>

/** Open on every rank for reading and writing, and see that all have the regular file that rank 0
 *  has, of *bytes bytes. *fd: owner caller, -1 after a failure. Collective. */
judd_status judd_shared_file_open(int *fd, int64_t *bytes, const judd_comm *comm, const char *path);

/** All n bytes at `offset`; what is short of them is an error. Local, as the functions below. */
judd_status judd_shared_file_write(int fd, const char *path, const void *data, int64_t n,
                                   int64_t offset);
/** fsync. After a failure the pages may be lost: the file is to be given up, not tried again. */
judd_status judd_shared_file_sync(int fd, const char *path);
/** *fd becomes -1; -1: no effect. */
judd_status judd_shared_file_close(int *fd, const char *path);

#endif

/** Reads of many places at once. Where the kernel has io_uring and allows it, a few system calls
 * are enough for all of them, and storage sees them together; elsewhere they are read one by one.
 */
#ifndef JUDD_IO_READ_QUEUE_H
#define JUDD_IO_READ_QUEUE_H

#include <judd/base/status.h>

#include <stddef.h>
#include <stdint.h>

typedef struct judd_read_queue judd_read_queue;

/** `size` bytes of file fd at `offset`, to `to`. */
typedef struct judd_read {
    int fd;
    int64_t offset;
    size_t size;
    void *to;
    size_t got; /* less than size: the file ends there, or */
    int error;  /* errno, if not 0 */
} judd_read;

/** Local. */
judd_status judd_read_queue_create(judd_read_queue **out);
/** No run may be under way. NULL is allowed. */
void judd_read_queue_destroy(judd_read_queue *queue);

/** Sets got and error of every read; returns when none is under way. queue may be NULL: one by one.
 *  Any thread may call it, several at once. Local. */
void judd_read_queue_run(judd_read_queue *queue, judd_read *reads, int64_t n);

/** How many threads that run at once keep storage busy. Any thread. Local. */
int judd_read_queue_threads(judd_read_queue *queue);

#endif

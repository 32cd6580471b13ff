/** Blocks of rows that are not in memory, read ahead by threads that make no MPI call, and by
 * whoever waits for a block: the half of learn/row_stream.h that needs threads. */
#ifndef JUDD_SRC_LEARN_ROW_AHEAD_H
#define JUDD_SRC_LEARN_ROW_AHEAD_H

#include <judd/learn/row_stream.h>

typedef struct judd_row_ahead judd_row_ahead;

/** As judd_row_stream_open; plan is called by any of the threads, one at a time. Local. */
judd_status judd_row_ahead_open(judd_row_ahead **out, const judd_rows *rows, int64_t capacity,
                                int64_t first_block, judd_row_stream_plan *plan, void *context);
/** As judd_row_stream_next; rows lie in order in x. Reads along while the block is not there.
 *  Local. */
judd_status judd_row_ahead_next(judd_row_ahead *ahead, judd_row_block *block);
/** NULL is allowed. */
void judd_row_ahead_close(judd_row_ahead *ahead);

#endif

/** Blocks of this rank's rows, one after the other, wherever they are kept.
 *
 *  Rows in memory are handed out where they are. Rows that are not (judd_rows.source) are read
 * ahead and standardised by threads of the stream, which make no MPI call, into a few buffers.
 * Who uses a stream sees the same numbers in the same order either way.
 */
#ifndef JUDD_LEARN_ROW_STREAM_H
#define JUDD_LEARN_ROW_STREAM_H

#include <judd/learn/rows.h>
#include <judd/linalg/panels.h>

/** A view, valid until the next call. Row i of the block is row (rows ? rows[i] : i) of x. */
typedef struct judd_row_block {
    int64_t n;            /* 0: there are no more */
    int64_t first;        /* the first row's number among this rank's rows */
    const float *x;       /* [.., dim], standardised; NULL if the rows are wide */
    const double *wide;   /* [.., dim], or NULL */
    const int64_t *rows;  /* NULL when they lie in order, as they do in judd_row_stream_lane */
    const int64_t *which; /* [n]: their numbers among this rank's rows */
} judd_row_block;

/** which [capacity] = the rows of a block; returns how many. Called for ascending blocks, one after
 *  the other, by a thread that need not be the caller's. */
typedef int64_t judd_row_stream_plan(void *context, int64_t block, int64_t *which);

typedef struct judd_row_stream judd_row_stream;

/** Blocks first_block, first_block + 1, ... without end, as `plan` says, of at most `capacity`
 * rows. rows and context are borrowed. Local. */
judd_status judd_row_stream_open(judd_row_stream **out, const judd_rows *rows, int64_t capacity,
                                 int64_t first_block, judd_row_stream_plan *plan, void *context);
/** The rows of one lane of this rank, in order, at most `capacity` at a time. Local. */
judd_status judd_row_stream_lane(judd_row_stream **out, const judd_rows *rows, int lane,
                                 int64_t capacity);
/** All rows of this rank, in order. Local. */
judd_status judd_row_stream_all(judd_row_stream **out, const judd_rows *rows, int64_t capacity);

/** Number k of a block in order, counted through its rows. */
static inline double judd_row_block_at(const judd_row_block *block, int64_t k) {
    return block->wide ? block->wide[k] : (double)block->x[k];
}
/** The panels of a block in order, as judd_panels_pack. */
static inline void judd_row_block_pack(double *panels, const judd_row_block *block, int64_t dim) {
    if (block->wide)
        judd_panels_pack_wide(panels, block->wide, block->n, dim);
    else
        judd_panels_pack(panels, block->x, block->n, dim);
}

/** JUDD_E_IO as the source says; the same again from then on. Local. */
judd_status judd_row_stream_next(judd_row_stream *stream, judd_row_block *block);
/** NULL is allowed. */
void judd_row_stream_close(judd_row_stream *stream);

#endif

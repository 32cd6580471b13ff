/** The rows of a sample set that this rank holds, and their standardisation. */
#ifndef JUDD_LEARN_ROWS_H
#define JUDD_LEARN_ROWS_H

#include <judd/comm/comm.h>
#include <judd/learn/lanes.h>

/** x' = (x - mean) * scale, column by column. */
typedef struct judd_standard {
    int64_t dim;
    float *mean, *scale; /* [dim] */
} judd_standard;

/** Where rows come from that are too many to keep. */
typedef struct judd_rows_source {
    /** out [n, dim] = rows `which` of this rank. Any thread may call it, without MPI. Local. */
    judd_status (*read)(void *context, float *out, const int64_t *which, int64_t n);
    void (*close)(void *context);
    void *context; /* owned: close frees it */
    int n_readers; /* threads that pay, beside the one that trains; 4 at most are made */
} judd_rows_source;

/** The fold of a row that no head holds out. */
enum { JUDD_ROWS_NO_FOLD = -2 };

/** Kept in x, or, when x is NULL, read from `source` whenever they are needed: learn/row_stream.h
 *  hides which. */
typedef struct judd_rows {
    judd_lanes lanes;
    int64_t dim;
    double largest;     /* |x| of this rank's rows; < 0: not known */
    float *x;           /* [n_local, dim]: this rank's lanes, lane after lane; owned */
    const double *wide; /* in place of x, where float32 would not do; for learn/objective.h */
    judd_rows_source source;
    judd_standard standard; /* of what source reads; dim 0: none; owned */
    int32_t *labels;        /* [n_local]; owned */
    int16_t *folds;         /* [n_local], all 0 when there are no folds; owned */
    int n_targets;          /* 0: the labels say all */
    float *targets;         /* [n_local, n_targets], or NULL; owned */
} judd_rows;

/** Room for this rank's share of n_samples rows, zeroed. Local. */
judd_status judd_rows_create(judd_rows *out, int64_t n_samples, int64_t dim, int n_lanes,
                             const judd_comm *comm);
/** Room for targets, zeroed. n_targets = 0 does nothing. Local. */
judd_status judd_rows_add_targets(judd_rows *rows, int n_targets);
void judd_rows_free(judd_rows *rows);

/** The same without room for x: rows come from `source`, which the rows then own, also when this
 *  fails. Local. */
judd_status judd_rows_create_streamed(judd_rows *out, int64_t n_samples, int64_t dim, int n_lanes,
                                      judd_rows_source source, const judd_comm *comm);
/** From now on the rows are the standardised ones. Once at most. Local. */
judd_status judd_rows_standardize(judd_rows *rows, const judd_standard *standard);
/** out [n, dim] = rows `which` of this rank, standardised. Any thread. Local. */
judd_status judd_rows_read(float *out, const judd_rows *rows, const int64_t *which, int64_t n);
/** out [n, dim] = rows first .. first + n of this rank less mean [dim] (NULL: 0), in float64. Any
 *  thread. Local. */
judd_status judd_rows_read_centred(double *out, const judd_rows *rows, int64_t first, int64_t n,
                                   const double *mean);

/** JUDD_E_DATA names a sample (its position in the set) and column that is not finite; JUDD_E_IO as
 *  the source says. largest, unless NULL, becomes that of |x|: rows that are ready may keep it in
 *  rows->largest, on all ranks, to spare each training a look at all of them. Local. */
judd_status judd_rows_check_finite(const judd_rows *rows, double *largest);

/** Mean and 1/deviation (divisor n) of every column over all ranks' rows, exact: the same bits at
 * any number of ranks. Constant columns get scale 1. JUDD_E_DATA as judd_rows_check_finite.
 * Collective. */
judd_status judd_rows_standard_fit(judd_standard *out, const judd_rows *rows,
                                   const judd_comm *comm);
/** Mean 0, scale 1. Local. */
judd_status judd_rows_standard_identity(judd_standard *out, int64_t dim);
void judd_rows_standard_free(judd_standard *standard);
/** out [n, dim] from x [n, dim]; may be the same array. Local. */
void judd_rows_standard_apply(const judd_standard *standard, float *out, const float *x, int64_t n);

/** Largest |x| over all ranks, exact. Collective. */
judd_status judd_rows_max(double *max, const judd_rows *rows, const judd_comm *comm);

#endif

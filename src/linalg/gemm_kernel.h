/** What gemm.c asks of an instruction set: one tile of c, and a transposing copy. */
#ifndef JUDD_SRC_LINALG_GEMM_KERNEL_H
#define JUDD_SRC_LINALG_GEMM_KERNEL_H

#include <judd/linalg/gemm.h>

/** Bounds of every kernel's tile. */
enum { JUDD_GEMM_MOST_ROWS = 14, JUDD_GEMM_MOST_COLUMNS = 32 };

/** Rows that may lie anywhere are asked for so many before they are used. */
enum { JUDD_GEMM_ROWS_AHEAD = 8 };

/** c[rows, columns] = or += the sum over one block of k <= JUDD_GEMM_K_BLOCK, in the documented
 *  order. A NaN is stored as 0x7fc00000 whatever NaN the operation made. Rows of b are readable for
 *  all columns of the kernel. */
typedef struct judd_gemm_tile {
    const float *a;             /* a[i, k] at a[k * a_stride + i] */
    const float *b;             /* b[k, j] at b[k * b_stride + j] */
    const float *const *a_rows; /* if not NULL, a[i, k] at a_rows[i][k] instead */
    const float *const *a_next; /* with a_rows: those of the next tile, to be fetched meanwhile */
    const float *const *b_rows; /* if not NULL, b[k, j] at b_rows[k][b_column + j] instead */
    float *c;                   /* row-major, leading dimension ldc */
    int64_t a_stride;           /* floats from one k to the next */
    int64_t b_stride;
    int64_t b_column;
    int64_t ldc;
    int64_t k;
    int rows;        /* 1 .. kernel->rows, with a_rows kernel->rows_in_place */
    int columns;     /* 1 .. kernel->columns */
    bool accumulate; /* add to c, else to zero */
} judd_gemm_tile;

/** A tile of judd/linalg/lane_product.h: sum[i, j] += the bits of (double)s + magic[i] for the sum
 * s over each lane's k, of which there are at most JUDD_GEMM_K_BLOCK. */
typedef struct judd_gemm_lane_tile {
    const float *a;             /* a[i, k] at a[k * rows + i] */
    const float *b;             /* b[k, j] at b[k * kernel->columns + j] */
    const float *const *b_rows; /* if not NULL, b[k, j] at b_rows[k][b_column + j] instead; for
                                   JUDD_GEMM_ROWS_AHEAD more k there are rows to be fetched */
    int64_t b_column;
    const int64_t *begin; /* lane l has k = begin[l] - begin[0] .. begin[l + 1] - begin[0] */
    int n_lanes;
    int rows;
    int64_t *sum;          /* [rows, kernel->columns] */
    const double *magic;   /* [rows] */
    const uint32_t *limit; /* [rows]: bits of the largest |s| */
    uint32_t *largest;     /* [lane * largest_stride + i]: bits of |s|, raised; or NULL */
    int64_t largest_stride;
} judd_gemm_lane_tile;

/** The last lane of tiles before, which is within its limits and still to be added: n vectors of
 * the kernel's (0: nothing is left), with sum and magic of its tile. */
typedef struct judd_gemm_lane_rest {
    _Alignas(64) float lane[JUDD_GEMM_MOST_ROWS * JUDD_GEMM_MOST_COLUMNS];
    int n;
    int64_t *sum;
    const double *magic;
} judd_gemm_lane_rest;

typedef struct judd_gemm_kernel {
    const char *isa;
    int rows, columns; /* the largest tile: what the registers hold */
    int rows_in_place; /* the most rows of a tile with a_rows, for which there are registers */
    void (*tile)(const judd_gemm_tile *tile);
    /** From `lane` on. Returns n_lanes, or the first lane that it leaves to the caller: of more k
     *  than a block, or with an s beyond its limit. NULL: leaves all of them. The last lane may be
     *  left in *rest, which the next tile adds, or add_rest where none follows; sum and magic must
     *  stay. */
    int (*lane_tile)(const judd_gemm_lane_tile *tile, judd_gemm_lane_rest *rest, int lane);
    void (*add_rest)(judd_gemm_lane_rest *rest); /* NULL: lane_tile leaves nothing */
    /** out[k * out_stride + i] = in[i][k] for i < rows, k < depth. */
    void (*transpose)(float *out, int64_t out_stride, const float *const *in, int rows,
                      int64_t depth);
} judd_gemm_kernel;

/** The one that was chosen. */
const judd_gemm_kernel *judd_gemm_kernel_of(const judd_gemm *gemm);

/** The tables; NULL where the compiler's target has no such instructions. */
const judd_gemm_kernel *judd_gemm_generic(void);
const judd_gemm_kernel *judd_gemm_avx2(void);
const judd_gemm_kernel *judd_gemm_avx512(void);

#endif

/** Matrix product whose every output has the same bits alone and inside any larger product, on any
 *  CPU: the summation order is fixed.
 *
 *  The order. For blocks of JUDD_GEMM_K_BLOCK consecutive k, in ascending order:
 *      s = 0;  for k in block, ascending:  s = fmaf(a[i,k], b[k,j], s);   c[i,j] += s  (rounded)
 *  starting from c = 0, or from the given c when accumulating. K = 0 gives 0 (or c unchanged).
 *  A result that is NaN is always 0x7fc00000: processors differ in which NaN they make.
 *  OpenBLAS gives other bits for other M, N, threads and CPUs (tests/linalg), hence our own.
 */
#ifndef JUDD_LINALG_GEMM_H
#define JUDD_LINALG_GEMM_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stdint.h>

enum { JUDD_GEMM_K_BLOCK = 256 };

/** A matrix in memory: element (i, j) is data[i * row_stride + j * column_stride] (strides in
 *  elements, so a transposed view is two numbers swapped). */
typedef struct judd_gemm_matrix {
    const float *data;
    int64_t row_stride;
    int64_t column_stride;
} judd_gemm_matrix;

typedef struct judd_gemm judd_gemm; /* packing buffers and the kernel for this CPU */

/** The instruction set is chosen here; JUDD_GEMM_ISA=generic|avx2|avx512 in the environment lowers
 *  it (for tests: the bits do not change). */
judd_status judd_gemm_create(judd_gemm **out);
void judd_gemm_destroy(judd_gemm *gemm);
/** "generic", "avx2" or "avx512". */
const char *judd_gemm_isa(const judd_gemm *gemm);

/** c[m,n] (row-major, leading dimension ldc >= n) = a[m,k] b[k,n], or += when accumulate.
 *  c must not overlap a or b. Single-threaded, local. */
judd_status judd_gemm_multiply(judd_gemm *gemm, int64_t m, int64_t n, int64_t k, judd_gemm_matrix a,
                               judd_gemm_matrix b, float *c, int64_t ldc, bool accumulate);

/** The same with rows taken from larger matrices without a copy: row i of a is its row a_rows[i],
 * row k of b its row b_rows[k]. NULL: all in order. */
judd_status judd_gemm_multiply_rows(judd_gemm *gemm, int64_t m, int64_t n, int64_t k,
                                    judd_gemm_matrix a, const int64_t *a_rows, judd_gemm_matrix b,
                                    const int64_t *b_rows, float *c, int64_t ldc, bool accumulate);

#endif

/** Float64 products with a fixed order of summation, on blocks cut into panels of 16 columns.
 *
 *  The order: every output is one chain, c = fma(a[i,k], b[k,j], c) for ascending k, starting from
 *  the given c. Its bits do not depend on the shape of the product, on the position in it or on the
 *  CPU; a chain may be cut into several calls.
 *
 *  A block of rows lies in memory panel after panel: element (k, j) of panel p, columns 16 p + j,
 * is at panels[(p * rows + k) * 16 + j]. Columns that are missing are zeros.
 */
#ifndef JUDD_LINALG_PANELS_H
#define JUDD_LINALG_PANELS_H

#include <stdint.h>

enum { JUDD_PANELS_WIDTH = 16 };

typedef struct judd_panels_kernel judd_panels_kernel; /* for one instruction set */

/** For this CPU; JUDD_GEMM_ISA lowers it as it does for gemm. Static: nothing to destroy. */
const judd_panels_kernel *judd_panels_pick(void);

/** n rounded up to whole panels. */
int64_t judd_panels_round(int64_t n);

/** panels [columns / 16][rows][16] of x [rows, columns], row-major. */
void judd_panels_pack(double *panels, const float *x, int64_t rows, int64_t columns);
void judd_panels_pack_wide(double *panels, const double *x, int64_t rows, int64_t columns);

/** c [m, 16 per panel] (leading dimension ldc) += x w^T: x [m, 16 n_panels] in panels of m rows, w
 * in n_outputs panels of 16 n_panels rows (row k: the weights of feature k for 16 outputs). Local.
 */
void judd_panels_forward(const judd_panels_kernel *kernel, double *c, int64_t ldc, const double *x,
                         int64_t m, int64_t n_panels, const double *w, int64_t n_outputs);

/** g [n, 16 n_panels] (leading dimension ldg) += p^T x: p [m, n] row-major with leading dimension
 *  ldp, x in panels of m rows. room [m * n] is overwritten. Local. */
void judd_panels_gradient(const judd_panels_kernel *kernel, double *g, int64_t ldg, const double *p,
                          int64_t ldp, int64_t m, int64_t n, const double *x, int64_t n_panels,
                          double *room);

#endif

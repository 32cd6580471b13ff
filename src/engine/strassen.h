/** Products with constant weights by Strassen's algorithm, one level: seven products of half the
 *  size instead of eight.
 *
 *  Strassen 1969, "Gaussian elimination is not optimal"; sums formed while packing and products
 *  added where they belong from registers: Huang, Smith, Henry & van de Geijn 2016, "Strassen's
 *  algorithm reloaded". The weights are constants, so their sums are made once.
 *
 *  The halves of the rows are even and odd rows of one image, so an image's results do not depend
 *  on its neighbours; those of the columns are left and right; those of the terms are neighbouring
 *  blocks. Results have the same bits for every instruction set, number of threads and place in the
 *  batch.
 */
#ifndef JUDD_SRC_ENGINE_STRASSEN_H
#define JUDD_SRC_ENGINE_STRASSEN_H

#include "engine/indirect_kernel.h"
#include "engine/net.h"

typedef struct judd_strassen judd_strassen;

/** dst[image][row][column] = f(sum over terms of src * weight + bias [+ dst]), all row-major. */
typedef struct judd_strassen_problem {
    int64_t images, rows, columns, n_terms;
    const float *weights;               /* not kept; NULL: the constant stays NULL */
    int64_t column_weight, term_weight; /* floats from a column, from a term to the next */
    const float *bias;                  /* [columns] or NULL; copied */
    bool residual;                      /* add to what dst holds */
    judd_activation activation;
} judd_strassen_problem;

/** Is it faster than the plain product? By shape alone. */
bool judd_strassen_wins(int64_t rows, int64_t columns, int64_t n_terms);

/** columns and n_terms as judd_strassen_wins wants them. */
judd_status judd_strassen_create(judd_strassen **out, const judd_indirect_kernel *kernel,
                                 const judd_strassen_problem *problem);
void judd_strassen_destroy(judd_strassen *strassen);

/** visit(data, place of the packed weights, bytes). */
void judd_strassen_constants(judd_strassen *strassen,
                             void (*visit)(void *data, float **constant, int64_t bytes),
                             void *data);

/** Bytes of workspace a thread needs. */
int64_t judd_strassen_workspace(const judd_strassen *strassen);

/** Part `part` of `parts` of all rows. */
void judd_strassen_run(const judd_strassen *strassen, const float *src, float *dst, void *workspace,
                       int part, int parts);

#endif

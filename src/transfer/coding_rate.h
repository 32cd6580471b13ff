/** Coding rates of TransRate: Huang et al. 2022, "Frustratingly easy transferability estimation",
 *  R(f) = 1/2 ln det(I + f^T f / (n eps)) with eps = 1e-4. */
#ifndef JUDD_SRC_TRANSFER_CODING_RATE_H
#define JUDD_SRC_TRANSFER_CODING_RATE_H

#include "transfer/solver.h"

#include <judd/learn/moments.h>

/** R of a class of n samples from f_c^T f_c, where it is solved (NULL on ranks without a part),
 *  which is destroyed; on every rank. Collective. */
judd_status judd_coding_rate_of_gram(double *rate, judd_block_cyclic *gram, int64_t n,
                                     const judd_solver *solver);

/** rate [n_classes] of the classes with less than dim samples, from f_c f_c^T; the others' stay.
 *  Features are centred by the mean of all. A class's rows meet on one rank, its number modulo the
 *  ranks, and so on. Collective. */
judd_status judd_coding_rate_of_small_classes(double *rate, const judd_rows *rows,
                                              const judd_moments *moments,
                                              const judd_solver *solver);

#endif

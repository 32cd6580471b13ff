/** What heads are trained to make small, and its slope.
 *
 *  softmax: cross-entropy with class weights and smoothing, as learn/targets.h states it.
 */
#ifndef JUDD_LEARN_LOSS_H
#define JUDD_LEARN_LOSS_H

#include <judd/learn/bank.h>
#include <judd/learn/batch.h>

/** Row by row and head by head: outputs [n, judd_bank_width] is replaced by d loss / d outputs (0
 *  where the row's fold is held out), and loss [n_heads] += sums over rows (float64, row order; may
 *  be NULL). x is not looked at. Local. */
void judd_loss_gradient(const judd_bank *bank, float *outputs, const judd_batch *batch,
                        double *loss);

/** Divisor of a head's sums: count [n_heads] += the weights of the rows that it sees, in units of
 *  targets.unit. Local. */
void judd_loss_count(const judd_bank *bank, int64_t *count, const judd_batch *batch);

#endif

/** The losses of learn/targets.h at work on the outputs of a bank. */
#ifndef JUDD_LEARN_LOSS_H
#define JUDD_LEARN_LOSS_H

#include <judd/learn/bank.h>
#include <judd/learn/batch.h>

/** A sample's loss beyond this counts as this, as does one that is not a number. */
#define JUDD_LOSS_MAX 1e6

/** Row by row and head by head: outputs [n, judd_bank_width] is replaced by d loss / d outputs, 0
 *  where the row's fold is held out. batch->x is not looked at. Local. */
void judd_loss_gradient(const judd_bank *bank, float *outputs, const judd_batch *batch);

/** The loss of row i of a batch under head h, whose outputs [n_outputs] are given. Local. */
double judd_loss_value(const judd_bank *bank, int h, const float *outputs, const judd_batch *batch,
                       int64_t i);

/** One row's outputs [n_outputs] of head h in the targets' own units, in place: squared is trained
 *  in others, learn/targets.h. Local. */
void judd_loss_units(const judd_bank *bank, int h, float *outputs);

/** What row i adds to the count that a mean divides by, in units of targets.unit. */
int64_t judd_loss_weight(const judd_bank *bank, const judd_batch *batch, int64_t i);

/** count [n_heads] += the weights of the rows that a head sees. Local. */
void judd_loss_count(const judd_bank *bank, int64_t *count, const judd_batch *batch);

#endif

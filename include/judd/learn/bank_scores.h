/** Scores of a bank's heads, for banks that hold a grid with folds: the head of point p on all
 *  samples has index p * (n_folds + 1), the one without fold f index p * (n_folds + 1) + 1 + f. */
#ifndef JUDD_LEARN_BANK_SCORES_H
#define JUDD_LEARN_BANK_SCORES_H

#include <judd/learn/bank.h>
#include <judd/learn/outputs.h>

/** For every point, each of the training rows by the head that did not see its fold (rows->folds in
 *  0 .. n_folds - 1). Local. */
judd_status judd_bank_scores_held_out(const judd_bank *bank, int n_folds, const judd_rows *rows,
                                      const judd_outputs_sink *sink);

/** Rows by a bank of one head, given to the sink as `point`. Local. */
judd_status judd_bank_scores(const judd_bank *head, int64_t point, const judd_rows *rows,
                             const judd_outputs_sink *sink);

#endif

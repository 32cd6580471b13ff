/** Totals of the scores of many grid points, block by block as they come: what selection needs.
 *  Sums are exact over lanes: the same bits at any number of ranks. */
#ifndef JUDD_LEARN_TALLY_H
#define JUDD_LEARN_TALLY_H

#include <judd/learn/outputs.h>
#include <judd/learn/rows.h>

typedef struct judd_tally judd_tally;

typedef struct judd_tally_total {
    int64_t count;   /* samples over all ranks */
    int64_t correct; /* whose class has the highest score, the lowest class on ties */
    double loss;     /* sum: of -log p(class) for LOGITS, squared errors for INDICATORS, else 0 */
} judd_tally_total;

/** For scores of this rank's rows, whose lanes and labels are borrowed. Local. */
judd_status judd_tally_create(judd_tally **out, judd_outputs_kind kind, int64_t n_points,
                              int n_outputs, const judd_rows *rows);
void judd_tally_destroy(judd_tally *tally);
/** Takes scores for the points 0 .. n_points - 1. Borrows the tally. */
judd_outputs_sink judd_tally_sink(judd_tally *tally);
/** totals [n_points]. Once, when all scores have come. Collective. */
judd_status judd_tally_finish(judd_tally_total *totals, judd_tally *tally, const judd_comm *comm);

#endif

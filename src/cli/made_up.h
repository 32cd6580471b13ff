/** Made-up rows and banks of heads to train on them: `judd bench` and its simulation
 *  (tools/scaling) run the very same work. */
#ifndef JUDD_SRC_CLI_MADE_UP_H
#define JUDD_SRC_CLI_MADE_UP_H

#include <judd/learn/bank.h>

/** x [n, dim] of independent numbers with mean 0 and deviation 1, and labels [n] at random: a
 *  function of the sample's position, first .. first + n, alone. */
void judd_made_up_fill(float *x, int32_t *labels, int64_t first, int64_t n, int64_t dim,
                       int n_classes);
/** All of this rank's lanes of n_samples of them, in memory. Local. */
judd_status judd_made_up_rows(judd_rows *out, int64_t n_samples, int64_t dim, int n_classes,
                              int n_lanes, const judd_comm *comm);

typedef struct judd_made_up_training {
    int64_t features, classes, batch, heads, steps, seed;
    judd_bank_reduce reduce;
} judd_made_up_training;

/** Linear heads with learning rates from 0.01 to 0.02. Local. Owner: caller. */
judd_status judd_made_up_bank(judd_bank **out, const judd_made_up_training *training);

#endif

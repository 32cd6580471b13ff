/** The layers of a bank at work on a batch: forward and, for training, backward. */
#ifndef JUDD_LEARN_NETWORK_H
#define JUDD_LEARN_NETWORK_H

#include <judd/learn/bank.h>
#include <judd/learn/batch.h>
#include <judd/linalg/gemm.h>

typedef struct judd_network {
    const judd_bank *bank; /* borrowed */
    judd_gemm *gemm;
    int64_t capacity; /* rows */
    float *outputs;   /* [capacity, judd_bank_width] */
} judd_network;

/** Room for batches of up to `capacity` rows. bank must outlive the network. Local. */
judd_status judd_network_create(judd_network *out, const judd_bank *bank, int64_t capacity);
void judd_network_destroy(judd_network *network);

/** network->outputs [n, judd_bank_width] = what every head of the bank says of rows x [n, dim].
 *  Local. */
judd_status judd_network_forward(judd_network *network, const float *x, int64_t n);

#endif

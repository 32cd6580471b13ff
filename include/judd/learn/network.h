/** The layers of a bank at work on a batch: forward and, for training, backward. Local throughout.
 *
 *  Every number that comes out is a function of its row, its head and the step alone, bit for bit:
 *  products have one order of summation (linalg/gemm.h), sums over a layer's units another, and
 *  nothing looks at other rows or heads.
 */
#ifndef JUDD_LEARN_NETWORK_H
#define JUDD_LEARN_NETWORK_H

#include <judd/learn/bank.h>
#include <judd/learn/batch.h>
#include <judd/linalg/gemm.h>

/** One layer's numbers, [capacity, n_heads * units of a head], head after head. */
typedef struct judd_network_layer {
    float *out; /* what the next layer sees */
    /* For training, of hidden layers only (of the last one, delta is out): */
    float *slope;  /* d out / d input of the activation; after backward d loss / d that input */
    float *delta;  /* d loss / d (weight inputs + bias) */
    float *normal; /* with layer norm: what gain and shift act on */
    float *spread; /* with layer norm: 1 / deviation, [capacity, n_heads] */
} judd_network_layer;

typedef struct judd_network {
    const judd_bank *bank; /* borrowed */
    judd_gemm *gemm;
    int64_t capacity; /* rows */
    bool training;
    judd_network_layer layers[JUDD_BANK_MAX_LAYERS];
    float *outputs; /* [capacity, judd_bank_width]: the last layer's */
    float *keep;    /* [units of the widest layer]: 0 or 1 / (1 - dropout) */
    uint32_t *words;
} judd_network;

/** Room for batches of up to `capacity` rows; only one made for training can go backward. bank must
 *  outlive the network. */
judd_status judd_network_create(judd_network *out, const judd_bank *bank, int64_t capacity,
                                bool training);
void judd_network_destroy(judd_network *network);

/** network->outputs [n, judd_bank_width] = what every head of the bank says of rows x [n, dim]. */
judd_status judd_network_forward(judd_network *network, const float *x, int64_t n);

/** The same in training, at bank->step: with dropout, and slopes kept for backward. */
judd_status judd_network_forward_training(judd_network *network, const judd_batch *batch);

/** From d loss / d outputs in network->outputs to the delta of every layer. */
judd_status judd_network_backward(judd_network *network, int64_t n);

#endif

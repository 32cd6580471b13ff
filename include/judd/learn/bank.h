/** A bank: heads that share features, sample sequence and shape, trained together. What all of them
 *  do to the same rows is one wide product. Each head of a bank has the bits it would have alone.
 *
 *  A head is a list of layers and a loss. With n_hidden = 0 it is linear, else an MLP whose hidden
 *  layers are: weight and bias, layer norm if asked for (Ba, Kiros & Hinton 2016; over a layer's
 *  units, divisor n, epsilon 1e-5, gain and shift), activation, dropout if asked for (Srivastava et
 *  al. 2014: a unit is kept with probability 1 - dropout and then divided by it; a function of
 *  (init_seed, step, position of the sample in its set, layer, unit) alone). Per head, with batch B
 *  (its samples not in the head's held-out fold), parameters theta and weights W of its layers:
 *      f = 1/|B| sum_i loss(head(x_i; theta), y_i) + l2/2 sum ||W||^2
 *  with |B| and the losses as in learn/targets.h, and an update by one of the rules of
 *  learn/optimizer.h (adamw: l2 is its decay; only weights decay). The sample order is a function
 *  of (seed, epoch, lane).
 *
 *  With a source (transfer in mode joint) a second set of rows, the source's, adds its own mean:
 *      f = 1/|B| sum_B loss + a(t) 1/|S| sum_S loss + l2/2 sum ||W||^2
 *  with a batch S of it a step, and a(t) = source_weight times a factor that may fall with the
 * steps.
 *
 *  A linear head starts from zero: its loss is convex. An MLP starts from biases and shifts 0,
 * gains 1, and normal weights of mean 0 and variance 2 / inputs (He et al. 2015), of the last layer
 * 1 / inputs, drawn by the head's init_seed. Or a bank inherits from a finished head
 *  (judd_bank_inherit), and may be pulled towards it as it learns.
 */
#ifndef JUDD_LEARN_BANK_H
#define JUDD_LEARN_BANK_H

#include <judd/base/hash.h>
#include <judd/comm/exact_sum.h>
#include <judd/comm/node_memory.h>
#include <judd/learn/optimizer.h>
#include <judd/learn/rows.h>
#include <judd/learn/targets.h>

/** What distinguishes the heads of a bank. */
typedef struct judd_bank_head {
    double learning_rate;
    double l2;
    int held_out;       /* fold whose samples this head does not see; -1: none */
    uint64_t init_seed; /* of an MLP's first weights and its dropout */
} judd_bank_head;

typedef enum judd_activation {
    JUDD_ACTIVATION_RELU,
    JUDD_ACTIVATION_GELU /* x Phi(x), the exact form: Hendrycks & Gimpel 2016 */
} judd_activation;

/** Every `every` steps and after the last one, each head's loss without penalty is taken on its
 *  validation samples: its held-out fold or, where it has none, judd_trainer_hooks.validation (none
 *  given: the head is not watched). A head that has not become better for `patience` times stops.
 *  Every watched head ends with the parameters that were best. */
typedef struct judd_early_stopping {
    int64_t every, patience; /* every = 0: no early stopping */
} judd_early_stopping;

enum { JUDD_BANK_MAX_HIDDEN = 3, JUDD_BANK_MAX_LAYERS = JUDD_BANK_MAX_HIDDEN + 1 };

/** How the gradient of minibatch training is added up. */
typedef enum judd_bank_reduce {
    JUDD_BANK_EXACT, /* the same bits at any number of ranks, alone or in a bank */
    JUDD_BANK_FLOAT  /* OpenBLAS's products and MPI's float sums: the bits depend on all of that */
} judd_bank_reduce;

typedef struct judd_bank_options {
    judd_bank_reduce reduce;
    int n_heads;
    judd_loss_kind loss;
    int n_outputs; /* classes of softmax and sigmoid, targets of squared */
    int n_hidden, hidden[JUDD_BANK_MAX_HIDDEN]; /* units, layer by layer */
    judd_activation activation;
    bool layer_norm;
    double dropout;              /* in [0, 1) */
    const judd_bank_head *heads; /* [n_heads]; borrowed during create */
    judd_optimizer_options optimizer;
    const double *class_weight; /* [n_outputs], borrowed during create; NULL: all 1 */
    double label_smoothing;
    int64_t batch; /* samples per step over all lanes; each lane takes ceil(batch / n_lanes) */
    int64_t steps;
    uint64_t seed; /* of the sample order */
    judd_early_stopping early_stopping;
    double source_weight; /* of the source's rows, judd_trainer_hooks.source; 0: none */
    judd_schedule source_schedule;
    int64_t curve_steps; /* softmax: every so many steps each head is tried on the rows of
                            judd_trainer_hooks.curve; 0: never */
} judd_bank_options;

/** One tensor of every head, with what the optimiser keeps about it. Update, checkpoint, hash and
 *  clearing are loops over these records: a new kind of layer brings records, no special case. */
typedef struct judd_parameter {
    char name[24];                 /* "layer0_weight", "layer0_bias", ... */
    int64_t rows, columns;         /* of one head; a vector has one column */
    int64_t offset;                /* of head 0 in the bank's gradient, in numbers */
    bool decays;                   /* l2 acts on it */
    float *value, *first, *second; /* [n_heads, rows, columns]; second may be NULL */
    float *best;                   /* the same, where validation was best; or NULL */
    float *anchor;      /* [rows, columns] that all heads inherited and are pulled to; or NULL */
    uint8_t *inherited; /* [rows]: whether a row was; NULL without an anchor */
    int64_t *exponent;  /* [judd_bank_sets, n_heads]: E of its gradient's fixed point in the next
                           step */
} judd_parameter;

/** weight inputs + bias, then norm, activation and dropout; in records of the bank. */
typedef struct judd_layer {
    int64_t inputs, outputs;      /* of one head */
    judd_parameter *weight;       /* [outputs, inputs] */
    judd_parameter *bias;         /* [outputs] */
    judd_parameter *gain, *shift; /* [outputs] of the layer norm, or NULL */
} judd_layer;

enum { JUDD_BANK_MAX_PARAMETERS = 4 * JUDD_BANK_MAX_LAYERS };

/** State of a bank: equal on all ranks. A plain struct, so that checkpoints see all of it. */
typedef struct judd_bank {
    judd_bank_options options; /* heads owned */
    int64_t dim, step;         /* features; steps done so far */
    judd_targets targets;
    int n_layers, n_parameters;
    judd_layer layers[JUDD_BANK_MAX_LAYERS];
    judd_parameter parameters[JUDD_BANK_MAX_PARAMETERS]; /* layer by layer */
    int64_t *diverged; /* [n_heads]: step at which the head left the finite, or -1 */
    int64_t *finished; /* [n_heads]: judd_lbfgs_stop; 0: not yet, or another solver */
    /* Early stopping, [n_heads] each. */
    double *best_loss;       /* lowest validation loss so far, INFINITY before the first */
    int64_t *best_step;      /* the step it was seen after, or -1 */
    int64_t *stopped;        /* the step after which patience had been used up, or -1 */
    double pull;             /* towards anchors, in place of l2 */
    int64_t n_curve, *curve; /* [n_heads, n_curve]: samples that a head has right after point *
                                curve_steps steps (the last point: after all); -1: not yet there */
    int64_t bytes; /* of what updates change: value, first, second, best and lost, which lie in */
    char *state;   /* memory of the rank's own, or */
    judd_node_memory *shared; /* after judd_bank_share one copy a node; the other is NULL */
    int part, parts;          /* this rank's share of the node's work on it */
    int64_t *lost;            /* [n_heads]: heads that left the finite in an update */
} judd_bank;

/** JUDD_E_CONFIG names an option that cannot be. Local. */
judd_status judd_bank_create(judd_bank **out, int64_t dim, const judd_bank_options *options);
void judd_bank_destroy(judd_bank *bank);

/** Parameters and the optimiser's state become the node's: one copy, of which each rank updates its
 *  share. Where ranks have no room for that, or no company, nothing changes. Before the first step
 *  of a training, when all ranks have the same bank. Collective. */
judd_status judd_bank_share(judd_bank *bank, const judd_comm *comm);

/** The numbers [*from, *stop) of head h of a parameter that this rank changes. */
void judd_bank_own(const judd_bank *bank, const judd_parameter *parameter, int h, int64_t *from,
                   int64_t *stop);

/** Sets of rows that a step sees: the target's and, with a source_weight, the source's. */
int judd_bank_sets(const judd_bank *bank);

/** Every head begins as `from`, a bank of one head with the same features and hidden layers: output
 * c of the last layer as output from_output[c] of it, or, where that is -1, as it was made. With
 * pull > 0 what was inherited has the penalty pull/2 ||w - w_from||^2, biases, gains and shifts
 * too, in place of l2/2 ||w||^2, which the rest keeps (L2-SP: Li, Grandvalet & Davoine 2018).
 * JUDD_E_CONFIG if the layers differ. Before the first step. Local. */
judd_status judd_bank_inherit(judd_bank *bank, const judd_bank *from, const int32_t *from_output,
                              double pull);

/** Head h as a bank of its own: its parameters without the optimiser's state, whatever trained it,
 *  and a regression's last layer in the targets' own units. This is what a finished head is:
 *  evaluate, export and score take it. Owner: caller. Local. */
judd_status judd_bank_extract(judd_bank **out, const judd_bank *bank, int h);

/** A finished linear head that was trained elsewhere (closed form, a file): weight [n_outputs, dim]
 *  and bias [n_outputs] are copied. Owner: caller. Local. */
judd_status judd_bank_from_linear(judd_bank **out, const float *weight, const float *bias,
                                  int n_outputs, int64_t dim);

/** Whether the answers in rows suit the bank (JUDD_E_DATA), then targets.mean and scale of every
 *  head from them. The trainer and L-BFGS begin with it. Collective. */
judd_status judd_bank_fit_targets(judd_bank *bank, const judd_rows *rows, const judd_comm *comm);

/** Whether head h still learns: neither diverged nor stopped. */
bool judd_bank_is_active(const judd_bank *bank, int h);

/** Outputs of all heads side by side: n_heads * n_outputs. */
int64_t judd_bank_width(const judd_bank *bank);
/** Numbers in the gradient of the whole bank. */
int64_t judd_bank_size(const judd_bank *bank);
/** Numbers of one head's tensor, and where head h's begins in value, first, second. */
int64_t judd_bank_parameter_size(const judd_parameter *parameter);
int64_t judd_bank_parameter_begin(const judd_parameter *parameter, int h);

/** SHA-256 over all parameters as little-endian float32, layer by layer, weight before bias.
 *  Local. */
judd_status judd_bank_hash(char hex[JUDD_SHA256_HEX], const judd_bank *bank);

/** The exact sums of a step over one set of rows. */
typedef struct judd_bank_sums {
    const int64_t *gradient; /* [judd_bank_size], fixed point: head h of parameter p from p.offset +
                              * h size in scale {p.exponent[set * n_heads + h], fraction} */
    const int64_t *count;    /* [n_heads] of targets.weight */
    const int64_t *bad;      /* [n_heads] values that were not finite */
    int fraction;
    double weight; /* of the set's mean; 0: it was left out, and nothing of it is read */
} judd_bank_sums;

/** One update with the sums of every set, of this rank's share of a shared bank. A head with bad >
 * 0, or whose parameters leave the finite in this update, is marked diverged and set to zero; one
 * that has stopped stays, as one without a sample of the first set does; the others go on. The same
 * on every rank for the same input. Afterwards no rank of the node reads the sums any more.
 * Collective over the node. */
judd_status judd_bank_update(judd_bank *bank, const judd_bank_sums *sets, const judd_comm *comm);

#endif

/** Distributed full-batch L-BFGS for the heads of a bank, to a stated gradient.
 *
 *  Nocedal & Wright, "Numerical Optimization", 2nd ed., algorithms 7.4 and 7.5, with the line
 * search of More & Thuente (strong Wolfe). All heads advance in lock step and share every pass over
 * the features (learn/objective.h); a head that has finished drops out. Weights and everything the
 *  optimiser does are float64, equal on every rank; the bank receives them rounded to float32. The
 *  first inverse Hessian is that at equal probabilities: of the features' second moments where
 * there are at most 1,024 features, no fewer samples, and the mean sum of squared cosines between
 * them exceeds 1 (correlated or not centred); else of its diagonal. Along the head's own
 * weights, where a loss saturates and curves far less, it is the true one (learn/span_inverse.h),
 * and the rest is scaled by the mean curvature; both are measured at the start of a head that
 * begins near its minimum, and after 3, 9, 27 .. iterations, for softmax and sigmoid with few
 * outputs (judd_objective_span).
 *
 *  Up to 1,024 samples of more features than samples, 4 M numbers together, are trained in the
 * space that the samples span (learn/sample_space.h): the same minimum with fewer unknowns. What is
 * then compared with the tolerance and reported is the length of an output's gradient, which no
 * entry exceeds.
 *
 *  With `path`, heads that leave out the same fold and lie between finished ones in L2 start from
 *  the cubic through the weights of the four nearest (learn/path_order.h). Without it every head
 *  starts from zero, and is bit for bit what it would be alone. Curvature is never carried from one
 * head to the next, so that a run resumed from a checkpoint, which holds whole heads, has the same
 * bits.
 */
#ifndef JUDD_LEARN_LBFGS_H
#define JUDD_LEARN_LBFGS_H

#include <judd/learn/trainer.h>

#include <stdbool.h>

/** Why a head stopped; in bank->finished, 0 while it has not. */
typedef enum judd_lbfgs_stop {
    JUDD_LBFGS_CONVERGED = 1, /* largest |gradient| <= tolerance */
    JUDD_LBFGS_SEPARATED,     /* the same with l2 = 0 and no mistake: there is no minimum, the loss
                                 falls to 0 as the weights grow */
    JUDD_LBFGS_ROUNDING,      /* no step lowers the loss in float64 */
    JUDD_LBFGS_ITERATIONS,    /* max_iterations */
    JUDD_LBFGS_NOT_FINITE     /* the head is marked diverged */
} judd_lbfgs_stop;

typedef struct judd_lbfgs_options {
    double tolerance;       /* on the largest |entry| of the gradient of the mean loss; 1e-9 leaves
                               less than 1e-8 of the objective above its minimum on data such as
                               scikit-learn's Digits with a penalty of 0.01 / n and up */
    int64_t max_iterations; /* per head */
    int memory;             /* pairs of steps and gradient changes kept */
    bool path;
} judd_lbfgs_options;

#define JUDD_LBFGS_DEFAULTS                                                                        \
    ((judd_lbfgs_options){.tolerance = 1e-9, .max_iterations = 10000, .memory = 20, .path = true})

/** What it cost and gave, head by head. */
typedef struct judd_lbfgs_report {
    int64_t iterations, evaluations;
    double objective, gradient; /* at the end; largest |entry| */
} judd_lbfgs_report;

/** "gradient within tolerance", ... for messages. */
const char *judd_lbfgs_stop_text(judd_lbfgs_stop stop);

/** Train the heads that bank->finished says are not; bank->step counts finished heads. Rows are
 *  standardised. reports [n_heads] or NULL: those of heads trained by this call. hooks as in
 *  judd_trainer_run, with "step" a finished head. Collective. */
judd_status judd_lbfgs_run(judd_bank *bank, judd_lbfgs_report *reports, const judd_rows *rows,
                           const judd_comm *comm, const judd_lbfgs_options *options,
                           const judd_trainer_hooks *hooks);

#endif

/** Train the banks of a plan and record their trials. */
#ifndef JUDD_SRC_JOB_TRAIN_H
#define JUDD_SRC_JOB_TRAIN_H

#include "job/inputs.h"
#include "job/output.h"

#include <signal.h>

/** What training needs to know; everything borrowed. */
typedef struct judd_train_context {
    const judd_job *job;
    const judd_comm *comm;
    const judd_plan *plan;
    const judd_inputs *inputs;
    judd_output *output;
    judd_log *log;                     /* NULL on ranks > 0 */
    const uint8_t *finished;           /* [n_trials] */
    const uint8_t *failed;             /* [n_trials]: left no head; of waves before this one */
    const volatile sig_atomic_t *stop; /* set by a signal */
    bool quiet;
} judd_train_context;

/** Banks that an unfinished trial needs, in plan order; *banks is a new array of n pointers into
 * the plan. Local; the same on every rank. */
judd_status judd_train_pending(const judd_plan_bank ***banks, int64_t *n, const judd_plan *plan,
                               const uint8_t *finished);

/** Train each bank, or resume it from its newest checkpoint, pick from its grid, evaluate the pick
 * on the test set once, and record every unfinished trial that uses it. What has no answer for its
 * samples (JUDD_E_DEGENERATE) is recorded as failed, and the others go on. `failed` of the context
 * is not looked at. Collective. JUDD_E_AGAIN after a signal. */
judd_status judd_train_run(const judd_train_context *context, const judd_plan_bank *const *banks,
                           int64_t n_banks);

#endif

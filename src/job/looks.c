#include "job/looks.h"

#include "job/judge.h"

#include <judd/base/memory.h>
#include <judd/transfer/verdict.h>

#include <stdlib.h>
#include <string.h>

void judd_looks_plan(judd_plan *plan, const judd_job *job) {
    bool by_looks = job->verdict.seeds == 0;
    plan->n_seeds = by_looks ? job->verdict.max_seeds : job->verdict.seeds;
    plan->n_looks = by_looks ? judd_verdict_n_looks(plan->n_seeds) : 1;
}

static int64_t seeds_at(const judd_plan *plan, int look) {
    return plan->n_looks == 1 ? plan->n_seeds : judd_verdict_look(look, plan->n_seeds);
}

/* Rank 0: the comparisons that used all seeds of the look before and are not settled go on. */
static judd_status find_open(uint8_t *open, const judd_plan *plan, int look, int64_t n_judged,
                             const judd_output *output, double margin) {
    judd_status status = JUDD_OK;
    for (int64_t c = 0; c < plan->n_comparisons; c++) {
        judd_judged j;
        if (plan->comparisons[c].n_seeds < seeds_at(plan, look - 1)) continue;
        JUDD_TRY(judd_judge_measure(&j, NULL, output, plan, c, margin));
        open[c] = !judd_verdict_is_settled(&j.verdict, n_judged, margin);
    }
done:
    return status;
}

judd_status judd_looks_next(bool *more, judd_plan *plan, int look, int64_t n_judged,
                            const judd_output *output, double margin, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    uint8_t *open = NULL;
    *more = false;
    if (look >= plan->n_looks) return JUDD_OK;
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&open, plan->n_comparisons, 1)));
    if (look == 0)
        memset(open, 1, (size_t)plan->n_comparisons);
    else if (comm->rank == 0)
        status = find_open(open, plan, look, n_judged, output, margin);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, open, plan->n_comparisons));
    for (int64_t c = 0; c < plan->n_comparisons; c++) {
        if (open[c]) plan->comparisons[c].n_seeds = seeds_at(plan, look);
        *more |= open[c] != 0;
    }
done:
    free(open);
    return status;
}

/* Whether a comparison of its experiment uses the seed of a trial that no comparison names, such as
 * the training on a source. */
static bool seed_is_used(const judd_plan *plan, const judd_plan_trial *trial, int64_t first_seed) {
    for (int64_t i = 0; i < plan->n_comparisons; i++)
        if (plan->comparisons[i].experiment == trial->experiment &&
            trial->seed - first_seed < plan->comparisons[i].n_seeds)
            return true;
    return false;
}

static judd_plan_trial *find_trial(const judd_plan *plan, const char *name) {
    for (int64_t t = 0; t < plan->n_trials; t++)
        if (strcmp(plan->trials[t].name, name) == 0) return &plan->trials[t];
    return NULL;
}

/* A trial that starts from another's head needs that one, which may need another. */
static void use_starts(uint8_t *skip, const judd_plan *plan) {
    for (int64_t t = 0; t < plan->n_trials; t++) {
        const judd_plan_trial *trial = &plan->trials[t];
        while (!skip[t] && trial && plan->banks[trial->bank].start) {
            trial = find_trial(plan, plan->banks[trial->bank].start);
            if (trial) skip[trial - plan->trials] = 0;
        }
    }
}

void judd_looks_skip(uint8_t *skip, const uint8_t *finished, const judd_plan *plan,
                     int64_t first_seed) {
    enum { USED, UNUSED, UNNAMED };
    memset(skip, UNNAMED, (size_t)plan->n_trials);
    for (int64_t i = 0; i < plan->n_comparisons; i++) {
        const judd_plan_comparison *c = &plan->comparisons[i];
        for (int64_t s = 0; s < plan->n_seeds; s++)
            for (int arm = 0; arm < 2; arm++) {
                uint8_t *mark = &skip[arm == 0 ? c->transfer[s] : c->baseline[s]];
                if (s < c->n_seeds) *mark = USED;
                if (*mark == UNNAMED) *mark = UNUSED;
            }
    }
    for (int64_t t = 0; t < plan->n_trials; t++) {
        bool used =
            skip[t] == UNNAMED ? seed_is_used(plan, &plan->trials[t], first_seed) : skip[t] == USED;
        skip[t] = !used;
    }
    use_starts(skip, plan);
    for (int64_t t = 0; t < plan->n_trials; t++) skip[t] |= finished[t];
}

judd_status judd_looks_left(uint8_t *skip, judd_plan *plan, const uint8_t *finished,
                            const judd_output *output, const judd_job *job, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    bool more = true, open = false;
    for (int look = 0; !open; look++) {
        JUDD_TRY(
            judd_looks_next(&more, plan, look, plan->n_judged, output, job->verdict.margin, comm));
        if (!more) break;
        judd_looks_skip(skip, finished, plan, job->seed);
        for (int64_t t = 0; t < plan->n_trials; t++) open |= !skip[t];
        for (int64_t c = 0; open && c < plan->n_comparisons; c++)
            if (plan->comparisons[c].n_seeds == seeds_at(plan, look))
                plan->comparisons[c].n_seeds = plan->n_seeds;
    }
    judd_looks_skip(skip, finished, plan, job->seed);
done:
    return status;
}

#include "job/plan.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

uint64_t judd_plan_weights_seed(const judd_plan_bank *bank) {
    return strcmp(bank->backbone->weights, "random") == 0 ? (uint64_t)bank->seed : 0;
}

/* Number of (experiment, backbone, target, head, shots) cells. */
static int64_t count_comparisons(const judd_job *job) {
    int64_t n = 0;
    for (int64_t e = 0; e < job->n_experiments; e++) {
        const judd_job_experiment *x = &job->experiments[e];
        n += x->backbone.n * x->target.n * x->head.n * x->shots.n;
    }
    return n;
}

/* The name of a bank identifies it: parts cannot hold '+'. */
static judd_status add_bank(judd_plan *plan, int64_t *index, judd_plan_bank bank) {
    judd_status status = judd_memory_format(&bank.name, "%s+%s+%s+k%lld+s%lld", bank.backbone->name,
                                            bank.dataset->name, bank.head->name,
                                            (long long)bank.shots, (long long)bank.seed);
    if (status != JUDD_OK) return status;
    *index = plan->n_banks;
    plan->banks[plan->n_banks++] = bank;
    return JUDD_OK;
}

static judd_status add_arm(judd_plan *plan, const judd_job *job, judd_plan_trial trial) {
    judd_status status = JUDD_OK;
    const judd_plan_comparison *c = &plan->comparisons[trial.comparison];
    judd_plan_bank bank = {
        .backbone =
            trial.transfer ? c->backbone : judd_job_find_backbone(job, trial.experiment->baseline),
        .dataset = trial.dataset,
        .head = c->head,
        .shots = trial.shots,
        .seed = trial.seed};
    JUDD_TRY(judd_memory_format(&trial.name, "%s+s%lld+%s", c->name, (long long)trial.seed,
                                trial.transfer ? "transfer" : "baseline"));
    plan->trials[plan->n_trials++] = trial;
    JUDD_TRY(add_bank(plan, &plan->trials[plan->n_trials - 1].bank, bank));
done:
    return status;
}

static int compare_text(const char *a, const char *b, int earlier) {
    return earlier ? earlier : strcmp(a, b);
}

static int compare_number(int64_t a, int64_t b, int earlier) {
    return earlier ? earlier : (a > b) - (a < b);
}

/* Banks on the same features stand together: backbone, its weights, data set; then the rest. */
static int compare_banks(const void *pa, const void *pb) {
    const judd_plan_bank *a = pa, *b = pb;
    int c = compare_text(a->backbone->name, b->backbone->name, 0);
    c = compare_number((int64_t)judd_plan_weights_seed(a), (int64_t)judd_plan_weights_seed(b), c);
    c = compare_text(a->dataset->name, b->dataset->name, c);
    c = compare_text(a->head->name, b->head->name, c);
    c = compare_number(a->shots, b->shots, c);
    return compare_number(a->seed, b->seed, c);
}

static int compare_trials(const void *a, const void *b) {
    return strcmp(((const judd_plan_trial *)a)->name, ((const judd_plan_trial *)b)->name);
}

/* Sort banks, drop repeated ones, and point the trials at the survivors. */
static judd_status merge_banks(judd_plan *plan) {
    judd_status status = JUDD_OK;
    judd_plan_bank *old = NULL;
    int64_t n = plan->n_banks, kept = 0;
    JUDD_TRY(judd_memory_alloc(&old, n, sizeof *old));
    memcpy(old, plan->banks, (size_t)n * sizeof *old);
    qsort(plan->banks, (size_t)n, sizeof *plan->banks, compare_banks);
    for (int64_t i = 0; i < n; i++) {
        if (kept > 0 && compare_banks(&plan->banks[kept - 1], &plan->banks[i]) == 0) continue;
        plan->banks[kept++] = plan->banks[i];
    }
    for (int64_t t = 0; t < plan->n_trials; t++) {
        const judd_plan_bank *found = bsearch(&old[plan->trials[t].bank], plan->banks, (size_t)kept,
                                              sizeof *plan->banks, compare_banks);
        plan->trials[t].bank = found - plan->banks;
    }
    for (int64_t i = 0; i < n; i++) { /* free the names of those dropped */
        const judd_plan_bank *found =
            bsearch(&old[i], plan->banks, (size_t)kept, sizeof *plan->banks, compare_banks);
        if (found->name != old[i].name) free(old[i].name);
    }
    plan->n_banks = kept;
done:
    free(old);
    return status;
}

static judd_status list_trials(judd_plan *plan, const judd_job *job) {
    judd_status status = JUDD_OK;
    for (int64_t c = 0; c < plan->n_comparisons; c++)
        for (int64_t s = 0; s < plan->n_seeds; s++)
            for (int arm = 0; arm < 2; arm++) {
                const judd_plan_comparison *p = &plan->comparisons[c];
                judd_plan_trial trial = {.experiment = p->experiment,
                                         .dataset = p->dataset,
                                         .transfer = arm == 0,
                                         .shots = p->shots,
                                         .seed = job->seed + s,
                                         .comparison = c};
                JUDD_TRY(add_arm(plan, job, trial));
            }
    qsort(plan->trials, (size_t)plan->n_trials, sizeof *plan->trials, compare_trials);
    JUDD_TRY(merge_banks(plan));
done:
    return status;
}

/* An axis that has one value only is left out of the name. */
static judd_status name_comparison(judd_plan_comparison *c) {
    const judd_job_experiment *x = c->experiment;
    bool several_backbones = x->backbone.n > 1, several_heads = x->head.n > 1;
    return judd_memory_format(
        &c->name, "%s%s%s+%s%s%s+k%lld", x->name, several_backbones ? "+" : "",
        several_backbones ? c->backbone->name : "", c->dataset->name, several_heads ? "+" : "",
        several_heads ? c->head->name : "", (long long)c->shots);
}

static judd_status add_comparison(judd_plan *plan, judd_plan_comparison comparison) {
    judd_status status = JUDD_OK;
    judd_plan_comparison *c = &plan->comparisons[plan->n_comparisons++];
    *c = comparison;
    JUDD_TRY(name_comparison(c));
    JUDD_TRY(judd_memory_alloc(&c->transfer, plan->n_seeds, sizeof *c->transfer));
    JUDD_TRY(judd_memory_alloc(&c->baseline, plan->n_seeds, sizeof *c->baseline));
done:
    return status;
}

/* Cell i of an experiment: shots change fastest, then heads, targets, backbones. */
static judd_plan_comparison cell(const judd_job *job, const judd_job_experiment *x, int64_t i) {
    judd_plan_comparison c = {.experiment = x};
    c.shots = x->shots.values[i % x->shots.n];
    i /= x->shots.n;
    c.head = judd_job_find_head(job, x->head.values[i % x->head.n]);
    i /= x->head.n;
    c.dataset = judd_job_find_dataset(job, x->target.values[i % x->target.n]);
    i /= x->target.n;
    c.backbone = judd_job_find_backbone(job, x->backbone.values[i]);
    return c;
}

static judd_status list_comparisons(judd_plan *plan, const judd_job *job) {
    judd_status status = JUDD_OK;
    for (int64_t e = 0; e < job->n_experiments; e++) {
        const judd_job_experiment *x = &job->experiments[e];
        int64_t n = x->backbone.n * x->target.n * x->head.n * x->shots.n;
        for (int64_t i = 0; i < n; i++) JUDD_TRY(add_comparison(plan, cell(job, x, i)));
    }
done:
    return status;
}

static void link_comparisons(judd_plan *plan, const judd_job *job) {
    for (int64_t t = 0; t < plan->n_trials; t++) {
        const judd_plan_trial *trial = &plan->trials[t];
        judd_plan_comparison *c = &plan->comparisons[trial->comparison];
        (trial->transfer ? c->transfer : c->baseline)[trial->seed - job->seed] = t;
    }
}

judd_status judd_plan_create(judd_plan **out, const judd_job *job) {
    judd_status status = JUDD_OK;
    judd_plan *plan = NULL;
    int64_t n_comparisons = count_comparisons(job), n_trials = 0;
    JUDD_TRY(judd_memory_alloc(&plan, 1, sizeof *plan));
    plan->n_seeds = job->verdict.seeds;
    n_trials = n_comparisons * plan->n_seeds * 2;
    JUDD_TRY(judd_memory_alloc(&plan->comparisons, n_comparisons, sizeof *plan->comparisons));
    JUDD_TRY(judd_memory_alloc(&plan->trials, n_trials, sizeof *plan->trials));
    JUDD_TRY(judd_memory_alloc(&plan->banks, n_trials, sizeof *plan->banks));
    JUDD_TRY(list_comparisons(plan, job));
    JUDD_TRY(list_trials(plan, job));
    link_comparisons(plan, job);
    *out = plan;
    plan = NULL;
done:
    judd_plan_destroy(plan);
    return status;
}

void judd_plan_destroy(judd_plan *plan) {
    if (!plan) return;
    for (int64_t i = 0; i < plan->n_banks; i++) free(plan->banks[i].name);
    for (int64_t i = 0; i < plan->n_trials; i++) free(plan->trials[i].name);
    for (int64_t i = 0; i < plan->n_comparisons; i++) {
        free(plan->comparisons[i].name);
        free(plan->comparisons[i].transfer);
        free(plan->comparisons[i].baseline);
    }
    free(plan->banks);
    free(plan->trials);
    free(plan->comparisons);
    free(plan);
}

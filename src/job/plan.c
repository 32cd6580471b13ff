#include "job/plan.h"

#include "job/choice.h"
#include "job/grid.h"
#include "job/looks.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

uint64_t judd_plan_weights_seed(const judd_plan_bank *bank) {
    return strcmp(bank->backbone->weights, "random") == 0 ? (uint64_t)bank->seed : 0;
}

const char *judd_plan_arm_name(judd_plan_arm arm) {
    static const char *const names[] = {[JUDD_PLAN_TRANSFER] = "transfer",
                                        [JUDD_PLAN_BASELINE] = "baseline",
                                        [JUDD_PLAN_SOURCE] = "source"};
    return names[arm];
}

/* ---- what a bank reads --------------------------------------------------------------------------
 */

static bool is_mode(const judd_plan_bank *b, const char *mode) {
    return b->lesson && strcmp(b->lesson->mode, mode) == 0;
}

/* Alone, a task of a sequence has the sequence's label space and nothing else of it. */
static bool is_alone(const judd_plan_bank *b) {
    return is_mode(b, "sequence") && b->stage < 0;
}

int64_t judd_plan_n_reads(const judd_plan_bank *b) {
    if (!b->lesson) return 1;
    return is_mode(b, "sequence") ? b->lesson->target.n : 2;
}

judd_plan_read judd_plan_read_of(const judd_plan_bank *b, const judd_job *job, int64_t k) {
    judd_plan_read read = {.bank = *b, .own = k == 0 && b->head, .source = k == 0 && !b->head};
    read.bank.lesson = NULL;
    read.bank.stage = 0;
    read.bank.start = NULL;
    if (k == 0) return read;
    if (!is_mode(b, "sequence")) {
        read.bank.dataset = judd_job_find_dataset(job, b->lesson->source);
        read.bank.shots = b->lesson->source_shots;
        read.source = is_mode(b, "joint");
        read.judged = is_mode(b, "warm");
        return read;
    }
    /* the other tasks in their order */
    int64_t own = 0;
    while (judd_job_find_dataset(job, b->lesson->target.values[own]) != b->dataset) own++;
    int64_t task = k - 1 < own ? k - 1 : k;
    read.bank.dataset = judd_job_find_dataset(job, b->lesson->target.values[task]);
    read.source = !is_alone(b) && task < own && b->lesson->rehearsal > 0.0;
    read.judged = !is_alone(b);
    return read;
}

/* ---- listing ------------------------------------------------------------------------------------
 */

/* The arrays of the plan as they grow. */
typedef struct builder {
    judd_plan *plan;
    const judd_job *job;
    int64_t most_banks, most_trials, most_comparisons;
} builder;

/* Where a trial stands in an experiment. */
typedef struct cell {
    const judd_job_experiment *x;
    const judd_job_backbone *backbone;
    const judd_job_dataset *dataset;
    const judd_job_head *head;
    int64_t shots;
} cell;

/* Room for one more element. */
static judd_status grow(void *array, int64_t n, int64_t *most, size_t size) {
    void *old = *(void **)array, *larger = NULL;
    if (n < *most) return JUDD_OK;
    judd_status status = judd_memory_alloc(&larger, 2 * n + 16, size);
    if (status != JUDD_OK) return status;
    if (n > 0) memcpy(larger, old, (size_t)n * size);
    free(old);
    *(void **)array = larger;
    *most = 2 * n + 16;
    return JUDD_OK;
}

/* An axis that has one value only is left out of the name. */
static judd_status name_cell(char **name, const cell *c, const char *suffix) {
    bool several_backbones = c->x->backbone.n > 1, several_heads = c->x->head.n > 1;
    return judd_memory_format(
        name, "%s%s%s+%s%s%s+k%lld%s", c->x->name, several_backbones ? "+" : "",
        several_backbones ? c->backbone->name : "", c->dataset->name, several_heads ? "+" : "",
        several_heads ? c->head->name : "", (long long)c->shots, suffix);
}

/* Whether folds are dealt by the seed, as judd_inputs_draw does without validation samples. */
static bool deals_folds(const judd_plan_bank *b) {
    const judd_job_head *head = b->head;
    const judd_head_ops *ops = judd_head_of(head);
    bool wanted =
        judd_grid_size(ops, head) > 1 || (head->hold_out && strcmp(head->hold_out, "always") == 0);
    bool leaves_one_out = ops->leaves_one_out && ops->leaves_one_out(head) && b->dataset->views < 2;
    return wanted && !leaves_one_out;
}

/* Whether a training draws anything by its seed: weights of its backbone, samples, or what its head
 * starts from and the order in which it sees them. */
static bool draws(const judd_plan_bank *b) {
    const judd_head_ops *ops = judd_head_of(b->head);
    if (b->lesson || strcmp(b->backbone->weights, "random") == 0) return true;
    if (ops->untrained) return false;
    if (b->shots > 0 || (ops->draws && ops->draws(b->head))) return true;
    if (judd_job_files_path(&b->dataset->validation)) return false;
    return b->head->validation_fraction > 0.0 || deals_folds(b);
}

/* The name of a bank identifies it: parts cannot hold '+'. What draws nothing is one training, of
 * the first seed, for the trials of all seeds. */
static judd_status add_bank(builder *p, int64_t *index, judd_plan_bank bank, const char *start) {
    judd_status status = JUDD_OK;
    judd_plan *plan = p->plan;
    JUDD_TRY(grow(&plan->banks, plan->n_banks, &p->most_banks, sizeof *plan->banks));
    bank.name = bank.start = NULL;
    *index = plan->n_banks;
    judd_plan_bank *b = &plan->banks[plan->n_banks++];
    *b = bank;
    if (!draws(b)) b->seed = p->job->seed;
    if (start) JUDD_TRY(judd_memory_string(&b->start, start));
    JUDD_TRY(judd_memory_format(&b->name, "%s+%s+%s+k%lld+s%lld%s%s%s", bank.backbone->name,
                                bank.dataset->name, bank.head->name, (long long)bank.shots,
                                (long long)b->seed, bank.lesson ? "+" : "",
                                bank.lesson ? bank.lesson->name : "", is_alone(b) ? "+alone" : ""));
done:
    return status;
}

/* *index: of the new trial, for as long as they are not sorted. What a name says twice is merged
 * later. start: index of the trial whose head the bank starts from; -1: none. */
static judd_status add_trial(builder *p, int64_t *index, const cell *c, judd_plan_arm arm,
                             judd_plan_bank bank, int64_t start) {
    judd_status status = JUDD_OK;
    judd_plan *plan = p->plan;
    JUDD_TRY(grow(&plan->trials, plan->n_trials, &p->most_trials, sizeof *plan->trials));
    *index = plan->n_trials;
    judd_plan_trial *t = &plan->trials[plan->n_trials++];
    *t = (judd_plan_trial){.experiment = c->x,
                           .dataset = c->dataset,
                           .arm = arm,
                           .shots = c->shots,
                           .seed = bank.seed};
    JUDD_TRY(name_cell(&t->cell, c, ""));
    JUDD_TRY(judd_memory_format(&t->name, "%s+s%lld+%s", t->cell, (long long)bank.seed,
                                judd_plan_arm_name(arm)));
    if (start >= 0) bank.depth = plan->banks[plan->trials[start].bank].depth + 1;
    JUDD_TRY(add_bank(p, &t->bank, bank, start >= 0 ? plan->trials[start].name : NULL));
done:
    return status;
}

static judd_plan_bank plain(const cell *c, int64_t seed) {
    return (judd_plan_bank){.backbone = c->backbone,
                            .dataset = c->dataset,
                            .head = c->head,
                            .shots = c->shots,
                            .seed = seed};
}

static judd_plan_bank lesson(const cell *c, int64_t seed, int64_t stage) {
    judd_plan_bank bank = plain(c, seed);
    bank.lesson = c->x;
    bank.stage = stage;
    return bank;
}

/* ---- the modes: the two trials of a seed that a gain compares ---------------------------------
 */

typedef struct pair {
    int64_t transfer, baseline;
} pair;

/* A backbone against another, the same head on both. */
static judd_status backbone_pair(builder *p, pair *out, const cell *c, int64_t seed) {
    judd_status status = JUDD_OK;
    judd_plan_bank baseline = plain(c, seed);
    baseline.backbone = judd_job_find_backbone(p->job, c->x->baseline);
    JUDD_TRY(add_trial(p, &out->transfer, c, JUDD_PLAN_TRANSFER, plain(c, seed), -1));
    JUDD_TRY(add_trial(p, &out->baseline, c, JUDD_PLAN_BASELINE, baseline, -1));
done:
    return status;
}

/* A head that starts from the source's against a fresh one. */
static judd_status warm_pair(builder *p, pair *out, const cell *c, int64_t seed) {
    judd_status status = JUDD_OK;
    int64_t start = 0;
    cell source = *c;
    source.dataset = judd_job_find_dataset(p->job, c->x->source);
    source.shots = c->x->source_shots;
    if (c->x->source_head) source.head = judd_job_find_head(p->job, c->x->source_head);
    JUDD_TRY(add_trial(p, &start, &source, JUDD_PLAN_SOURCE, plain(&source, seed), -1));
    JUDD_TRY(add_trial(p, &out->transfer, c, JUDD_PLAN_TRANSFER, lesson(c, seed, 0), start));
    JUDD_TRY(add_trial(p, &out->baseline, c, JUDD_PLAN_BASELINE, plain(c, seed), -1));
done:
    return status;
}

/* Source and target pooled against the target alone. Weight 0 leaves nothing of the source. */
static judd_status joint_pair(builder *p, pair *out, const cell *c, int64_t seed) {
    judd_status status = JUDD_OK;
    JUDD_TRY(add_trial(p, &out->transfer, c, JUDD_PLAN_TRANSFER, lesson(c, seed, 0), -1));
    JUDD_TRY(add_trial(p, &out->baseline, c, JUDD_PLAN_BASELINE, plain(c, seed), -1));
done:
    return status;
}

static cell task_of(const builder *p, const cell *c, int64_t task) {
    cell other = *c;
    other.dataset = judd_job_find_dataset(p->job, c->x->target.values[task]);
    return other;
}

static int64_t index_of_task(const builder *p, const cell *c) {
    int64_t k = 0;
    while (judd_job_find_dataset(p->job, c->x->target.values[k]) != c->dataset) k++;
    return k;
}

/* The trial that learns task `last` after those before it. */
static judd_status add_stages(builder *p, int64_t *out, const cell *c, int64_t last, int64_t seed) {
    judd_status status = JUDD_OK;
    *out = -1;
    for (int64_t k = 0; k <= last; k++) {
        cell task = task_of(p, c, k);
        JUDD_TRY(add_trial(p, out, &task, JUDD_PLAN_TRANSFER, lesson(&task, seed, k), *out));
    }
done:
    return status;
}

/* A task after the tasks before it against the task alone. */
static judd_status sequence_pair(builder *p, pair *out, const cell *c, int64_t seed) {
    judd_status status = JUDD_OK;
    bool own_labels = strcmp(c->x->labels, "union") != 0;
    JUDD_TRY(add_stages(p, &out->transfer, c, index_of_task(p, c), seed));
    JUDD_TRY(add_trial(p, &out->baseline, c, JUDD_PLAN_BASELINE,
                       own_labels ? plain(c, seed) : lesson(c, seed, -1), -1));
done:
    return status;
}

/* What is left of a task after the last against what had just been learned. */
static judd_status sequence_retention(builder *p, pair *out, const cell *c, int64_t seed) {
    judd_status status = JUDD_OK;
    JUDD_TRY(add_stages(p, &out->transfer, c, c->x->target.n - 1, seed));
    JUDD_TRY(add_stages(p, &out->baseline, c, index_of_task(p, c), seed));
done:
    return status;
}

/* What is left of the source in the head that started from it. */
static judd_status warm_retention(builder *p, pair *out, const cell *c, int64_t seed) {
    judd_status status = JUDD_OK;
    pair gain;
    JUDD_TRY(warm_pair(p, &gain, c, seed));
    out->transfer = gain.transfer;
    for (int64_t t = gain.transfer; t >= 0; t--) /* the source was added just before */
        if (p->plan->trials[t].arm == JUDD_PLAN_SOURCE) {
            out->baseline = t;
            break;
        }
done:
    return status;
}

typedef judd_status pair_maker(builder *p, pair *out, const cell *c, int64_t seed);

typedef struct mode {
    const char *name;
    pair_maker *gain, *retention; /* retention NULL: nothing that could be lost */
} mode;

static const mode modes[] = {{"backbone", backbone_pair, NULL},
                             {"warm", warm_pair, warm_retention},
                             {"joint", joint_pair, NULL},
                             {"sequence", sequence_pair, sequence_retention}};

static const mode *mode_of(const judd_job_experiment *x) {
    const mode *m = modes;
    while (strcmp(m->name, x->mode) != 0) m++;
    return m;
}

/* judged: the data set that both arms are judged on. */
static judd_status add_comparison(builder *p, const cell *c, bool retention,
                                  const judd_job_dataset *judged) {
    judd_status status = JUDD_OK;
    judd_plan *plan = p->plan;
    const mode *m = mode_of(c->x);
    JUDD_TRY(grow(&plan->comparisons, plan->n_comparisons, &p->most_comparisons,
                  sizeof *plan->comparisons));
    judd_plan_comparison *k = &plan->comparisons[plan->n_comparisons++];
    *k = (judd_plan_comparison){.experiment = c->x,
                                .backbone = c->backbone,
                                .dataset = judged,
                                .head = c->head,
                                .shots = c->shots,
                                .retention = retention,
                                .n_seeds = plan->n_seeds};
    JUDD_TRY(name_cell(&k->name, c, retention ? "+retention" : ""));
    JUDD_TRY(judd_memory_alloc(&k->transfer, plan->n_seeds, sizeof *k->transfer));
    JUDD_TRY(judd_memory_alloc(&k->baseline, plan->n_seeds, sizeof *k->baseline));
    for (int64_t s = 0; s < plan->n_seeds; s++) {
        pair both = {0};
        JUDD_TRY((retention ? m->retention : m->gain)(p, &both, c, p->job->seed + s));
        k->transfer[s] = both.transfer;
        k->baseline[s] = both.baseline;
    }
done:
    return status;
}

/* Cell i of an experiment: shots change fastest, then heads, targets, backbones. */
static cell cell_of(const judd_job *job, const judd_job_experiment *x, int64_t i) {
    cell c = {.x = x};
    c.shots = x->shots.values[i % x->shots.n];
    i /= x->shots.n;
    c.head = judd_job_find_head(job, x->head.values[i % x->head.n]);
    i /= x->head.n;
    c.dataset = judd_job_find_dataset(job, x->target.values[i % x->target.n]);
    i /= x->target.n;
    c.backbone = judd_job_find_backbone(job, x->backbone.values[i]);
    return c;
}

/* In a sequence the first task has nothing to gain, the last nothing to lose. */
static bool is_compared(const judd_job *job, const cell *c, bool retention) {
    const judd_job_experiment *x = c->x;
    if (!retention && strcmp(x->mode, "sequence") == 0)
        return judd_job_find_dataset(job, x->target.values[0]) != c->dataset;
    if (retention && strcmp(x->mode, "sequence") == 0)
        return judd_job_find_dataset(job, x->target.values[x->target.n - 1]) != c->dataset;
    return !retention || (mode_of(x)->retention && strcmp(x->labels, "none") != 0);
}

/* Whether the shard has combination c of experiment, backbone, target and head. */
static bool is_of(const judd_shard *shard, int64_t c) {
    return !shard || shard->n == 0 || c % shard->n == shard->i - 1;
}

static judd_status list_comparisons(builder *p, const judd_shard *shard) {
    judd_status status = JUDD_OK;
    const judd_job *job = p->job;
    int64_t before = 0; /* combinations of the experiments before */
    for (int64_t e = 0; e < job->n_experiments; e++) {
        const judd_job_experiment *x = &job->experiments[e];
        int64_t n = x->backbone.n * x->target.n * x->head.n * x->shots.n;
        bool warm = strcmp(x->mode, "warm") == 0;
        for (int retention = 0; retention <= 1; retention++)
            for (int64_t i = 0; i < n; i++) {
                cell c = cell_of(job, x, i);
                if (!is_compared(job, &c, retention)) continue;
                if (!judd_choice_has(x, c.dataset, c.shots, c.backbone)) continue;
                p->plan->n_judged += !retention && x->guard ? 2 : 1; /* also in other shards */
                if (!is_of(shard, before + i / x->shots.n)) continue;
                JUDD_TRY(add_comparison(p, &c, retention,
                                        retention && warm ? judd_job_find_dataset(job, x->source)
                                                          : c.dataset));
            }
        before += n / x->shots.n;
    }
done:
    return status;
}

/* ---- sorting and merging ------------------------------------------------------------------------
 */

static int compare_text(const char *a, const char *b, int earlier) {
    return earlier ? earlier : strcmp(a, b);
}

static int compare_number(int64_t a, int64_t b, int earlier) {
    return earlier ? earlier : (a > b) - (a < b);
}

/* Banks on the same features stand together: backbone, its weights, data set; then the rest. */
static int compare_banks(const void *pa, const void *pb) {
    const judd_plan_bank *a = pa, *b = pb;
    int c = compare_number(a->depth, b->depth, 0);
    c = compare_text(a->backbone->name, b->backbone->name, c);
    c = compare_number((int64_t)judd_plan_weights_seed(a), (int64_t)judd_plan_weights_seed(b), c);
    c = compare_text(a->dataset->name, b->dataset->name, c);
    c = compare_text(a->head->name, b->head->name, c);
    c = compare_number(a->shots, b->shots, c);
    c = compare_number(a->seed, b->seed, c);
    return compare_text(a->name, b->name, c);
}

static int compare_trials(const void *a, const void *b) {
    return strcmp(((const judd_plan_trial *)a)->name, ((const judd_plan_trial *)b)->name);
}

static void drop_bank(void *bank) {
    judd_plan_bank *b = bank;
    free(b->name);
    free(b->start);
}

static void drop_trial(void *trial) {
    judd_plan_trial *t = trial;
    free(t->name);
    free(t->cell);
}

/* Elements [n] of some size that begin with their name, which they own. */
typedef struct table {
    char *items;
    int64_t n;
    size_t size;
    int (*compare)(const void *, const void *);
    void (*drop)(void *);
} table;

static const char *name_of(const void *item) {
    const char *name;
    memcpy(&name, item, sizeof name);
    return name;
}

/* Sort and drop what is there twice. place[i]: where element i is now. */
static judd_status merge(table *t, int64_t *place) {
    judd_status status = JUDD_OK;
    char *old = NULL;
    int64_t n = t->n;
    if (n == 0) return JUDD_OK; /* there may be no items */
    JUDD_TRY(judd_memory_alloc(&old, n, t->size));
    memcpy(old, t->items, (size_t)n * t->size);
    qsort(t->items, (size_t)n, t->size, t->compare);
    t->n = 0;
    for (int64_t i = 0; i < n; i++) {
        char *item = t->items + (size_t)i * t->size, *last = t->items + (size_t)t->n * t->size;
        if (t->n == 0 || t->compare(last - t->size, item) != 0) {
            memmove(last, item, t->size);
            t->n++;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        const char *found =
            bsearch(old + (size_t)i * t->size, t->items, (size_t)t->n, t->size, t->compare);
        place[i] = (found - t->items) / (int64_t)t->size;
    }
    for (int64_t i = 0; i < n; i++) /* those that were dropped */
        if (name_of(t->items + (size_t)place[i] * t->size) != name_of(old + (size_t)i * t->size))
            t->drop(old + (size_t)i * t->size);
done:
    free(old);
    return status;
}

static judd_status merge_trials(judd_plan *plan) {
    judd_status status = JUDD_OK;
    int64_t *place = NULL;
    table t = {(char *)plan->trials, plan->n_trials, sizeof *plan->trials, compare_trials,
               drop_trial};
    JUDD_TRY(judd_memory_alloc(&place, plan->n_trials, sizeof *place));
    JUDD_TRY(merge(&t, place));
    plan->n_trials = t.n;
    for (int64_t c = 0; c < plan->n_comparisons; c++)
        for (int64_t s = 0; s < plan->n_seeds; s++) {
            plan->comparisons[c].transfer[s] = place[plan->comparisons[c].transfer[s]];
            plan->comparisons[c].baseline[s] = place[plan->comparisons[c].baseline[s]];
        }
done:
    free(place);
    return status;
}

static judd_status merge_banks(judd_plan *plan) {
    judd_status status = JUDD_OK;
    int64_t *place = NULL;
    table t = {(char *)plan->banks, plan->n_banks, sizeof *plan->banks, compare_banks, drop_bank};
    JUDD_TRY(judd_memory_alloc(&place, plan->n_banks, sizeof *place));
    JUDD_TRY(merge(&t, place));
    plan->n_banks = t.n;
    for (int64_t i = 0; i < plan->n_trials; i++) plan->trials[i].bank = place[plan->trials[i].bank];
done:
    free(place);
    return status;
}

judd_status judd_plan_create(judd_plan **out, const judd_job *job, const judd_shard *shard) {
    judd_status status = JUDD_OK;
    judd_plan *plan = NULL;
    JUDD_TRY(judd_memory_alloc(&plan, 1, sizeof *plan));
    judd_looks_plan(plan, job);
    JUDD_TRY(list_comparisons(&(builder){.plan = plan, .job = job}, shard));
    JUDD_TRY(merge_trials(plan));
    JUDD_TRY(merge_banks(plan));
    *out = plan;
    plan = NULL;
done:
    judd_plan_destroy(plan);
    return status;
}

void judd_plan_destroy(judd_plan *plan) {
    if (!plan) return;
    for (int64_t i = 0; i < plan->n_banks; i++) drop_bank(&plan->banks[i]);
    for (int64_t i = 0; i < plan->n_trials; i++) drop_trial(&plan->trials[i]);
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

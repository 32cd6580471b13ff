#include "job/grouping.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool same_features(const judd_plan_bank *a, const judd_plan_bank *b) {
    return a->dataset == b->dataset && judd_inputs_same_network(a, b);
}

/* Columns do not depend on a network's weights: one look for all seeds. */
static bool same_columns(const judd_plan_bank *a, const judd_plan_bank *b) {
    const char *tap_a = judd_head_of(a->head)->tap, *tap_b = judd_head_of(b->head)->tap;
    return a->dataset == b->dataset && a->backbone == b->backbone && !tap_a == !tap_b;
}

static judd_status find_dim(int64_t *dim, const judd_inputs *in, const judd_plan_bank *bank) {
    judd_cache *cache = NULL;
    judd_status status = judd_inputs_cache(&cache, in, bank, JUDD_SPLIT_TEST);
    if (status == JUDD_OK) *dim = judd_cache_dim(cache);
    judd_cache_close(cache);
    return status;
}

/* Costs and lists; neighbours in the plan share features. */
static judd_status look_at(judd_grouping *s, const judd_inputs *in,
                           const judd_plan_bank *const *banks, const int64_t *dims) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&s->costs, s->n, sizeof *s->costs));
    JUDD_TRY(judd_memory_alloc(&s->work, s->n, sizeof *s->work));
    JUDD_TRY(judd_memory_alloc(&s->list, s->n, sizeof *s->list));
    for (int64_t b = 0; b < s->n; b++) {
        s->costs[b] = judd_cost_of(in, banks[b], dims[b]);
        s->list[b] = b == 0 ? 0 : s->list[b - 1] + !same_features(banks[b - 1], banks[b]);
    }
done:
    return status;
}

static int longer_first(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Graham 1969: longest processing time first. */
double judd_grouping_makespan(double *seconds, int64_t n, double *busy, int n_groups) {
    double end = 0.0;
    qsort(seconds, (size_t)n, sizeof *seconds, longer_first);
    memset(busy, 0, (size_t)n_groups * sizeof *busy);
    for (int64_t b = 0; b < n; b++) {
        int first = 0;
        for (int g = 1; g < n_groups; g++)
            if (busy[g] < busy[first]) first = g;
        busy[first] += seconds[b];
        if (busy[first] > end) end = busy[first];
    }
    return end;
}

/* Seconds of every bank in the smaller of n_groups groups. */
static void time_banks(double *seconds, const judd_grouping *s, int n_groups, int n_ranks,
                       int64_t n_lanes) {
    const judd_cost_rates rates = JUDD_COST_RATES;
    for (int64_t b = 0; b < s->n; b++)
        seconds[b] = judd_cost_seconds(&s->costs[b], &rates, n_ranks / n_groups, n_lanes);
}

static bool fits(const judd_grouping *s, int n_groups, int n_ranks, int64_t n_lanes, double bytes) {
    for (int64_t b = 0; b < s->n; b++)
        if (judd_cost_bytes(&s->costs[b], n_ranks / n_groups, n_lanes) > bytes) return false;
    return true;
}

/* No group may have more ranks than there are lanes. */
static int fewest_groups(int64_t n_lanes, int n_ranks) {
    return (int)((n_ranks + n_lanes - 1) / n_lanes);
}

static int clamp(int64_t n_groups, int64_t n_lanes, int n_ranks) {
    int fewest = fewest_groups(n_lanes, n_ranks);
    return n_groups < fewest ? fewest : n_groups > n_ranks ? n_ranks : (int)n_groups;
}

/* From the fewest groups to one a rank. */
static judd_status choose_groups(judd_grouping *s, const judd_job *job, int n_ranks) {
    judd_status status = JUDD_OK;
    const double limit = (double)job->limits.memory_mib * 1048576.0;
    const int fewest = fewest_groups(job->lanes, n_ranks);
    double *seconds = NULL, *busy = NULL, best = INFINITY;
    JUDD_TRY(judd_memory_alloc(&seconds, s->n, sizeof *seconds));
    JUDD_TRY(judd_memory_alloc(&busy, n_ranks, sizeof *busy));
    s->n_groups = fewest;
    for (int size = n_ranks / fewest; size >= 1 && s->n > 0; size--) {
        int n_groups = n_ranks / size; /* the most that have so many ranks */
        if (n_groups < fewest ||
            (n_groups > fewest && !fits(s, n_groups, n_ranks, job->lanes, limit)))
            continue;
        time_banks(seconds, s, n_groups, n_ranks, job->lanes);
        double end = judd_grouping_makespan(seconds, s->n, busy, n_groups);
        if (end < best) {
            best = end;
            s->n_groups = n_groups;
        }
    }
done:
    free(seconds);
    free(busy);
    return status;
}

judd_status judd_grouping_choose(judd_grouping *out, const judd_inputs *in,
                                 const judd_plan_bank *const *banks, int64_t n, const int64_t *dims,
                                 int64_t n_groups) {
    judd_status status = JUDD_OK;
    judd_grouping s = {.n = n};
    JUDD_TRY(look_at(&s, in, banks, dims));
    JUDD_TRY(choose_groups(&s, in->job, in->comm->size));
    if (n_groups > 0) s.n_groups = clamp(n_groups, in->job->lanes, in->comm->size);
    time_banks(s.work, &s, s.n_groups, in->comm->size, in->job->lanes);
    *out = s;
    s = (judd_grouping){0};
done:
    judd_grouping_free(&s);
    return status;
}

judd_status judd_grouping_make(judd_grouping *out, const judd_inputs *in,
                               const judd_plan_bank *const *banks, int64_t n, int64_t n_groups) {
    judd_status status = JUDD_OK;
    int64_t *dims = NULL;
    JUDD_TRY(judd_comm_agree(in->comm, judd_memory_alloc(&dims, n, sizeof *dims)));
    for (int64_t b = 0; b < n; b++) {
        for (int64_t a = b - 1; a >= 0 && dims[b] == 0; a--)
            if (same_columns(banks[a], banks[b])) dims[b] = dims[a];
        if (dims[b] == 0) JUDD_TRY(find_dim(&dims[b], in, banks[b]));
    }
    JUDD_TRY(judd_comm_agree(in->comm, judd_grouping_choose(out, in, banks, n, dims, n_groups)));
done:
    free(dims);
    return status;
}

void judd_grouping_free(judd_grouping *s) {
    free(s->costs);
    free(s->work);
    free(s->list);
    *s = (judd_grouping){0};
}

#include "learn/figures_list.h"

#include <judd/base/memory.h>
#include <judd/stats/influence.h>
#include <judd/stats/intervals.h>

#include <math.h>
#include <stdlib.h>

static const char *const names[] = {"r2", "rmse", "mae"};
enum { N_NAMES = sizeof names / sizeof *names };

/* Rank 0's view of all samples, and scratch. */
typedef struct set {
    const float *score, *truth; /* [n, n_targets] */
    int64_t n, n_targets;
    float *said, *true_values; /* of one target, [n] */
    double *r2, *mae, *rmse;   /* influences of the means over targets, [n] */
} set;

static judd_status allocate(set *a) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&a->said, a->n, sizeof *a->said));
    JUDD_TRY(judd_memory_alloc(&a->true_values, a->n, sizeof *a->true_values));
    JUDD_TRY(judd_memory_alloc(&a->r2, a->n, sizeof *a->r2));
    JUDD_TRY(judd_memory_alloc(&a->mae, a->n, sizeof *a->mae));
    JUDD_TRY(judd_memory_alloc(&a->rmse, a->n, sizeof *a->rmse));
done:
    return status;
}

static void release(set *a) {
    free(a->said);
    free(a->true_values);
    free(a->r2);
    free(a->mae);
    free(a->rmse);
}

/* Size of the errors of one target; influences += scale times theirs. */
static void measure_errors(double *mae, double *rmse, set *a, double scale) {
    double sum = 0.0, squares = 0.0, n = (double)a->n;
    for (int64_t i = 0; i < a->n; i++) {
        double e = (double)a->true_values[i] - (double)a->said[i];
        sum += fabs(e);
        squares += e * e;
    }
    *mae = sum / n;
    *rmse = sqrt(squares / n);
    for (int64_t i = 0; i < a->n; i++) {
        double e = (double)a->true_values[i] - (double)a->said[i];
        a->mae[i] += scale * (fabs(e) - *mae);
        if (*rmse > 0.0) a->rmse[i] += scale * (e * e - squares / n) / (2.0 * *rmse);
    }
}

static judd_status on_rank_0(judd_figures *f, set *a) {
    judd_status status = JUDD_OK;
    double *r2, *mae, *rmse, low, high, scale = 1.0 / (double)a->n_targets;
    JUDD_TRY(allocate(a));
    JUDD_TRY(judd_figures_list_column(&r2, f, "r2"));
    JUDD_TRY(judd_figures_list_column(&rmse, f, "rmse"));
    JUDD_TRY(judd_figures_list_column(&mae, f, "mae"));
    for (int64_t t = 0; t < a->n_targets; t++) {
        for (int64_t i = 0; i < a->n; i++) {
            a->said[i] = a->score[i * a->n_targets + t];
            a->true_values[i] = a->truth[i * a->n_targets + t];
        }
        r2[t] = judd_metrics_r2(a->true_values, a->said, a->n);
        judd_influence_add_r2(a->r2, scale, a->true_values, a->said, a->n);
        measure_errors(&mae[t], &rmse[t], a, scale);
    }
    double mean_r2 = judd_figures_list_mean_of(r2, a->n_targets);
    judd_intervals_normal(&low, &high, mean_r2, judd_influence_variance(a->r2, a->n), -INFINITY,
                          1.0);
    judd_figures_list_add(f, "r2", mean_r2, low, high);
    JUDD_TRY(judd_figures_list_share(f, a->r2));
    judd_figures_list_size(f, "rmse", judd_figures_list_mean_of(rmse, a->n_targets), a->rmse);
    judd_figures_list_size(f, "mae", judd_figures_list_mean_of(mae, a->n_targets), a->mae);
done:
    return status;
}

judd_status judd_figures_targets(judd_figures *out, const float *score, const float *truth,
                                 int n_targets, const judd_lanes *lanes, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_figures f = {0};
    void *all = NULL;
    bool sound;
    set a = {.n = lanes->n_samples, .n_targets = n_targets};
    JUDD_TRY(judd_figures_list_begin(&f, &sound, score, n_targets, names, N_NAMES, lanes, comm));
    if (sound) {
        JUDD_TRY(judd_comm_gather(comm, &all, truth, judd_lanes_count(lanes),
                                  n_targets * (int64_t)sizeof *truth));
        a.score = f.score;
        a.truth = all;
        if (comm->rank == 0) status = on_rank_0(&f, &a);
        JUDD_TRY(judd_comm_broadcast_status(comm, status));
    }
    *out = f;
    f = (judd_figures){0};
done:
    judd_figures_free(&f);
    release(&a);
    free(all);
    return status;
}

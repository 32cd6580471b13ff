#include <judd/learn/figures.h>

#include "learn/figures_list.h"

#include <judd/base/memory.h>
#include <judd/stats/influence.h>
#include <judd/stats/intervals.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Position in the set of the first sample with a score that is not finite, and of that score; -1.
 */
static judd_status find_fault(int64_t *position, int *output, const float *score, int n_outputs,
                              const judd_lanes *lanes, const judd_comm *comm) {
    int64_t n = judd_lanes_count(lanes) * n_outputs, at = 0;
    while (at < n && isfinite(score[at])) at++;
    double first = at < n ? (double)(judd_lanes_first(lanes) * n_outputs + at) : INFINITY;
    first = -first;
    judd_status status = judd_comm_max(comm, &first, 1);
    if (status != JUDD_OK) return status;
    *position = isinf(first) ? -1 : (int64_t)-first / n_outputs;
    *output = isinf(first) ? -1 : (int)((int64_t)-first % n_outputs);
    return JUDD_OK;
}

judd_status judd_figures_list_begin(judd_figures *out, bool *sound, const float *score,
                                    int n_outputs, const char *const *names, int n_names,
                                    const judd_lanes *lanes, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t position;
    int output;
    *out = (judd_figures){.n = lanes->n_samples, .n_outputs = n_outputs};
    JUDD_TRY(find_fault(&position, &output, score, n_outputs, lanes, comm));
    JUDD_TRY(judd_comm_gather(comm, (void **)&out->score, score, judd_lanes_count(lanes),
                              n_outputs * (int64_t)sizeof *score));
    *sound = position < 0;
    if (!*sound)
        snprintf(out->fault, sizeof out->fault, "score %d of sample %lld of the set is not finite",
                 output, (long long)position);
    if (*sound || comm->rank > 0) goto done;
    for (int i = 0; i < n_names; i++) judd_figures_list_undefined(out, names[i], out->fault);
done:
    return status;
}

judd_status judd_figures_measure(judd_figures *out, const float *score, judd_outputs_kind kind,
                                 int n_outputs, const judd_rows *rows, double temperature,
                                 const char *why, const judd_comm *comm) {
    if (rows->n_targets == 0)
        return judd_figures_classes(out, score, kind, rows->labels, n_outputs, temperature, why,
                                    &rows->lanes, comm);
    if (kind == JUDD_OUTPUTS_VALUES)
        return judd_figures_targets(out, score, rows->targets, n_outputs, &rows->lanes, comm);
    return judd_figures_labels(out, score, kind, rows->targets, n_outputs, &rows->lanes, comm);
}

judd_figure *judd_figures_list_add(judd_figures *figures, const char *name, double value,
                                   double low, double high) {
    judd_figure *figure = &figures->list[figures->n_list++];
    *figure = (judd_figure){.name = name, .value = value, .low = low, .high = high};
    return figure;
}

void judd_figures_list_undefined(judd_figures *figures, const char *name, const char *why) {
    judd_figure *figure = judd_figures_list_add(figures, name, NAN, NAN, NAN);
    snprintf(figure->note, sizeof figure->note, "%s", why);
}

judd_figure *judd_figures_list_fraction(judd_figures *figures, const char *name, double value,
                                        const double *influence, double least) {
    double low, high;
    judd_intervals_fraction(&low, &high, value, judd_influence_variance(influence, figures->n),
                            least);
    return judd_figures_list_add(figures, name, value, low, high);
}

judd_figure *judd_figures_list_size(judd_figures *figures, const char *name, double value,
                                    const double *influence) {
    double low, high;
    judd_intervals_normal(&low, &high, value, judd_influence_variance(influence, figures->n), 0.0,
                          INFINITY);
    return judd_figures_list_add(figures, name, value, low, high);
}

judd_figure *judd_figures_list_mean(judd_figures *figures, const char *name, double *x) {
    double mean = judd_figures_list_mean_of(x, figures->n);
    judd_influence_mean(x, x, mean, figures->n);
    return judd_figures_list_size(figures, name, mean, x);
}

judd_status judd_figures_list_column(double **out, judd_figures *figures, const char *name) {
    judd_status status = judd_memory_alloc(out, figures->n_outputs, sizeof **out);
    if (status != JUDD_OK) return status;
    figures->columns[figures->n_columns++] = (judd_figures_column){name, *out};
    return JUDD_OK;
}

judd_status judd_figures_list_share(judd_figures *figures, const double *influence) {
    judd_status status = judd_memory_alloc(&figures->share, figures->n, sizeof(double));
    for (int64_t i = 0; status == JUDD_OK && i < figures->n; i++)
        figures->share[i] = figures->list[0].value + influence[i];
    return status;
}

double judd_figures_list_mean_of(const double *x, int64_t n) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    return sum / (double)n;
}

void judd_figures_free(judd_figures *figures) {
    for (int i = 0; i < figures->n_columns; i++) free(figures->columns[i].value);
    free(figures->score);
    free(figures->share);
    free(figures->predicted);
    free(figures->confusion);
    *figures = (judd_figures){0};
}

const judd_figure *judd_figures_find(const judd_figures *figures, const char *name) {
    for (int i = 0; i < figures->n_list; i++)
        if (strcmp(figures->list[i].name, name) == 0) return &figures->list[i];
    return NULL;
}

#include "learn/figures_list.h"

#include <judd/base/exact_math.h>
#include <judd/base/memory.h>
#include <judd/stats/influence.h>
#include <judd/stats/ranking.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = {"map", "nll", "auroc", "macro_f1", "micro_f1"};
enum { N_NAMES = sizeof names / sizeof *names };

/* Rank 0's view of all samples, and scratch. */
typedef struct set {
    const float *score, *truth; /* [n, n_labels] */
    judd_outputs_kind kind;
    float threshold;
    int64_t n, n_labels;
    /* of one label, [n] */
    float *column;
    uint8_t *positive, *predicted;
    double *area, *precision; /* influences */
    /* of all labels, [n] */
    double *sum_area, *sum_precision, *sum_f1, *sum_micro;
} set;

static judd_status allocate(set *a) {
    judd_status status = JUDD_OK;
    double **reals[] = {&a->area,          &a->precision, &a->sum_area,
                        &a->sum_precision, &a->sum_f1,    &a->sum_micro};
    JUDD_TRY(judd_memory_alloc(&a->column, a->n, sizeof *a->column));
    JUDD_TRY(judd_memory_alloc(&a->positive, a->n, 1));
    JUDD_TRY(judd_memory_alloc(&a->predicted, a->n, 1));
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        JUDD_TRY(judd_memory_alloc(reals[i], a->n, sizeof(double)));
done:
    return status;
}

static void release(set *a) {
    free(a->column);
    free(a->positive);
    free(a->predicted);
    free(a->area);
    free(a->precision);
    free(a->sum_area);
    free(a->sum_precision);
    free(a->sum_f1);
    free(a->sum_micro);
}

static void take_label(set *a, int64_t label) {
    for (int64_t i = 0; i < a->n; i++) {
        a->column[i] = a->score[i * a->n_labels + label];
        a->positive[i] = a->truth[i * a->n_labels + label] > 0.5f;
        a->predicted[i] = a->column[i] > a->threshold;
    }
}

/* A mean over the labels for which it is defined. */
typedef struct macro {
    double sum, least; /* least: samples that its smallest part rests on */
    int64_t n;
} macro;

static void add_to(macro *m, double *sum, double value, const double *influence, double samples,
                   int64_t n) {
    if (isnan(value)) return;
    m->least = m->n == 0 || samples < m->least ? samples : m->least;
    m->sum += value;
    m->n++;
    for (int64_t i = 0; i < n; i++) sum[i] += influence[i];
}

static void add_macro(judd_figures *f, const char *name, const macro *m, double *influence,
                      const char *lacks) {
    if (m->n == 0) {
        char why[JUDD_FIGURES_NOTE];
        snprintf(why, sizeof why, "no label has %s", lacks);
        judd_figures_list_undefined(f, name, why);
        return;
    }
    for (int64_t i = 0; i < f->n; i++) influence[i] /= (double)m->n;
    judd_figure *figure =
        judd_figures_list_fraction(f, name, m->sum / (double)m->n, influence, m->least);
    if (m->n < f->n_outputs)
        snprintf(figure->note, sizeof figure->note,
                 "the mean of the %lld of %d labels that have %s", (long long)m->n, f->n_outputs,
                 lacks);
}

static double log_loss(double z, bool positive) {
    return judd_exact_log(1.0 + judd_exact_exp(-fabs(z))) + (z > 0.0 ? z : 0.0) -
           (positive ? z : 0.0);
}

/* Mean over labels of the binary cross-entropy, sample by sample into a->area. */
static void add_nll(judd_figures *f, const set *a) {
    if (a->kind != JUDD_OUTPUTS_LABELS) {
        judd_figures_list_undefined(f, "nll", "the scores of this head are not probabilities");
        return;
    }
    for (int64_t i = 0; i < a->n; i++) {
        a->area[i] = 0.0;
        for (int64_t k = i * a->n_labels; k < (i + 1) * a->n_labels; k++)
            a->area[i] += log_loss((double)a->score[k], a->truth[k] > 0.5f) / (double)a->n_labels;
    }
    judd_figures_list_mean(f, "nll", a->area);
}

/* Counts of every label and of all together. */
static judd_metrics_counts count_all(judd_metrics_counts *each, set *a) {
    judd_metrics_counts all = {0};
    for (int64_t c = 0; c < a->n_labels; c++) {
        take_label(a, c);
        each[c] = judd_metrics_count(a->positive, a->predicted, a->n);
        all.right += each[c].right;
        all.truth += each[c].truth;
        all.predicted += each[c].predicted;
    }
    return all;
}

static judd_status on_rank_0(judd_figures *f, set *a) {
    judd_status status = JUDD_OK;
    judd_metrics_counts *each = NULL;
    double *auroc, *precision, *f1, macro_f1 = 0.0;
    macro map = {0}, area = {0};
    JUDD_TRY(allocate(a));
    JUDD_TRY(judd_memory_alloc(&each, a->n_labels, sizeof *each));
    JUDD_TRY(judd_figures_list_column(&precision, f, "average_precision"));
    JUDD_TRY(judd_figures_list_column(&auroc, f, "auroc"));
    JUDD_TRY(judd_figures_list_column(&f1, f, "f1"));
    judd_metrics_counts all = count_all(each, a);
    for (int64_t c = 0; c < a->n_labels; c++) {
        double positives = (double)each[c].truth, negatives = (double)a->n - positives;
        take_label(a, c);
        JUDD_TRY(judd_ranking_measure(&auroc[c], &precision[c], a->area, a->precision, a->column,
                                      a->positive, a->n));
        add_to(&area, a->sum_area, auroc[c], a->area, fmin(positives, negatives), a->n);
        add_to(&map, a->sum_precision, precision[c], a->precision, positives, a->n);
        f1[c] = judd_metrics_f1(&each[c]);
        macro_f1 += f1[c] / (double)a->n_labels;
        judd_influence_add_f1(a->sum_f1, 1.0 / (double)a->n_labels, &each[c], a->positive,
                              a->predicted, a->n);
        judd_influence_add_f1(a->sum_micro, 1.0, &all, a->positive, a->predicted, a->n);
    }
    add_macro(f, "map", &map, a->sum_precision, "a positive sample");
    JUDD_TRY(judd_figures_list_share(f, a->sum_precision));
    add_nll(f, a);
    add_macro(f, "auroc", &area, a->sum_area, "both a positive and a negative sample");
    judd_figures_list_fraction(f, "macro_f1", macro_f1, a->sum_f1, fmax(map.least, 1.0));
    judd_figures_list_fraction(f, "micro_f1", judd_metrics_f1(&all), a->sum_micro, (double)a->n);
done:
    free(each);
    return status;
}

judd_status judd_figures_labels(judd_figures *out, const float *score, judd_outputs_kind kind,
                                const float *truth, int n_labels, const judd_lanes *lanes,
                                const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_figures f = {0};
    void *all = NULL;
    bool sound;
    set a = {.n = lanes->n_samples,
             .n_labels = n_labels,
             .kind = kind,
             .threshold = kind == JUDD_OUTPUTS_LABELS ? 0.0f : 0.5f}; /* probability one half */
    JUDD_TRY(judd_figures_list_begin(&f, &sound, score, n_labels, names, N_NAMES, lanes, comm));
    f.threshold = a.threshold;
    if (sound) {
        JUDD_TRY(judd_comm_gather(comm, &all, truth, judd_lanes_count(lanes),
                                  n_labels * (int64_t)sizeof *truth));
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

#include "learn/figures_list.h"

#include <judd/base/memory.h>
#include <judd/learn/scores.h>
#include <judd/stats/influence.h>
#include <judd/stats/intervals.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* All that the figures need to know of one sample. */
typedef struct sample {
    double loss[2], confidence[2]; /* as the scores are, and at the temperature */
    int32_t label, predicted, rank, unused;
} sample;

static const char *const names[] = {"accuracy",   "nll", "top5",           "mean_per_class",
                                    "macro_f1",   "ece", "nll_calibrated", "ece_calibrated",
                                    "temperature"};
enum { N_NAMES = sizeof names / sizeof *names };

static void look(sample *s, const float *score, const int32_t *labels, int64_t n, int n_classes,
                 double temperature) {
    for (int64_t i = 0; i < n; i++) {
        const float *z = score + i * n_classes;
        judd_scores_row plain = judd_scores_look(z, n_classes, labels[i], 1.0);
        judd_scores_row warm = judd_scores_look(z, n_classes, labels[i], 1.0 / temperature);
        s[i] = (sample){.loss = {plain.loss, warm.loss},
                        .confidence = {plain.top, warm.top},
                        .label = labels[i],
                        .predicted = plain.best,
                        .rank = judd_metrics_rank(z, n_classes, labels[i])};
    }
}

/* What a head with scores that are not finite says all the same; no share is defined. */
static judd_status say_only(judd_figures *f) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&f->predicted, f->n, sizeof *f->predicted));
    for (int64_t i = 0; i < f->n; i++)
        f->predicted[i] = judd_scores_look(f->score + i * f->n_outputs, f->n_outputs, 0, 1.0).best;
done:
    return status;
}

/* Rank 0's view of all samples. */
typedef struct set {
    const sample *s;
    int64_t n;
    int n_classes;
    int32_t *truth;    /* [n] */
    double *influence; /* [n], scratch */
} set;

static judd_status count(judd_figures *f, set *a) {
    judd_status status = JUDD_OK;
    int64_t classes = a->n_classes;
    JUDD_TRY(judd_memory_alloc(&f->confusion, classes * classes, sizeof *f->confusion));
    JUDD_TRY(judd_memory_alloc(&f->predicted, a->n, sizeof *f->predicted));
    JUDD_TRY(judd_memory_alloc(&a->truth, a->n, sizeof *a->truth));
    JUDD_TRY(judd_memory_alloc(&a->influence, a->n, sizeof *a->influence));
    for (int64_t i = 0; i < a->n; i++) {
        a->truth[i] = a->s[i].label;
        f->predicted[i] = a->s[i].predicted;
        f->confusion[a->truth[i] * classes + f->predicted[i]]++;
    }
done:
    return status;
}

/* Samples of every class and how many of them are right; *absent: the first class that has none, or
 * -1. Returns the samples of the smallest class that has any. */
static int64_t count_classes(int64_t *samples, int64_t *right, int *absent,
                             const int64_t *confusion, int64_t n_classes) {
    int64_t smallest = INT64_MAX;
    *absent = -1;
    for (int64_t c = n_classes - 1; c >= 0; c--) {
        samples[c] = 0;
        right[c] = confusion[c * n_classes + c];
        for (int64_t j = 0; j < n_classes; j++) samples[c] += confusion[c * n_classes + j];
        if (samples[c] == 0)
            *absent = (int)c;
        else if (samples[c] < smallest)
            smallest = samples[c];
    }
    return smallest;
}

static void add_share_of(judd_figures *f, const char *name, int64_t k, int64_t n) {
    double low, high;
    judd_intervals_wilson(&low, &high, k, n, 0.95);
    judd_figures_list_add(f, name, (double)k / (double)n, low, high);
}

/* Accuracy and its shares. */
static judd_status add_accuracy(judd_figures *f, const set *a) {
    int64_t right = 0;
    for (int64_t i = 0; i < a->n; i++) {
        a->influence[i] = (double)(f->predicted[i] == a->truth[i]);
        right += f->predicted[i] == a->truth[i];
    }
    add_share_of(f, "accuracy", right, a->n);
    judd_influence_mean(a->influence, a->influence, f->list[0].value, a->n);
    return judd_figures_list_share(f, a->influence);
}

static void add_mean_per_class(judd_figures *f, const set *a, const int64_t *samples,
                               const int64_t *right, int absent) {
    double low, high;
    char why[JUDD_FIGURES_NOTE];
    if (absent >= 0) {
        snprintf(why, sizeof why, "class %d has no sample in the set", absent);
        judd_figures_list_undefined(f, "mean_per_class", why);
        return;
    }
    judd_intervals_mean_of_shares(&low, &high, right, samples, a->n_classes);
    judd_figures_list_add(f, "mean_per_class",
                          judd_metrics_mean_per_class(f->confusion, a->n_classes), low, high);
}

static judd_status add_by_class(judd_figures *f, const set *a) {
    judd_status status = JUDD_OK;
    int64_t top5 = 0, *samples = NULL, *right = NULL; /* [n_classes] */
    int absent;
    JUDD_TRY(judd_memory_alloc(&samples, a->n_classes, sizeof *samples));
    JUDD_TRY(judd_memory_alloc(&right, a->n_classes, sizeof *right));
    int64_t least = count_classes(samples, right, &absent, f->confusion, a->n_classes);
    for (int64_t i = 0; i < a->n; i++) top5 += a->s[i].rank < 5;
    add_share_of(f, "top5", top5, a->n);
    add_mean_per_class(f, a, samples, right, absent);
    JUDD_TRY(judd_influence_macro_f1(a->influence, f->confusion, a->n_classes, a->truth,
                                     f->predicted, a->n));
    judd_figures_list_fraction(f, "macro_f1", judd_metrics_macro_f1(f->confusion, a->n_classes),
                               a->influence, (double)least);
done:
    free(samples);
    free(right);
    return status;
}

static void add_nll(judd_figures *f, const char *name, const set *a, int which) {
    for (int64_t i = 0; i < a->n; i++) a->influence[i] = a->s[i].loss[which];
    judd_figures_list_mean(f, name, a->influence);
}

static judd_status add_ece(judd_figures *f, const char *name, const set *a, int which) {
    judd_status status = JUDD_OK;
    double *confidence = NULL;
    uint8_t *correct = NULL;
    judd_metrics_calibration bins = {0};
    JUDD_TRY(judd_memory_alloc(&confidence, a->n, sizeof *confidence));
    JUDD_TRY(judd_memory_alloc(&correct, a->n, 1));
    for (int64_t i = 0; i < a->n; i++) {
        confidence[i] = a->s[i].confidence[which];
        correct[i] = f->predicted[i] == a->truth[i];
        judd_metrics_calibrate(&bins, confidence[i], correct[i]);
    }
    judd_influence_ece(a->influence, &bins, confidence, correct, a->n);
    judd_figures_list_size(f, name, judd_metrics_ece(&bins), a->influence);
done:
    free(confidence);
    free(correct);
    return status;
}

static const char *const no_probabilities = "the scores of this head are not probabilities";

static judd_status on_rank_0(judd_figures *f, set *a, judd_outputs_kind kind, double temperature,
                             const char *why) {
    judd_status status = JUDD_OK;
    JUDD_TRY(count(f, a));
    JUDD_TRY(add_accuracy(f, a));
    if (kind == JUDD_OUTPUTS_LOGITS)
        add_nll(f, "nll", a, 0);
    else
        judd_figures_list_undefined(f, "nll", no_probabilities);
    JUDD_TRY(add_by_class(f, a));
    if (kind == JUDD_OUTPUTS_LOGITS)
        JUDD_TRY(add_ece(f, "ece", a, 0));
    else
        judd_figures_list_undefined(f, "ece", no_probabilities);
    if (isnan(temperature)) {
        for (int i = N_NAMES - 3; i < N_NAMES; i++) judd_figures_list_undefined(f, names[i], why);
        goto done;
    }
    add_nll(f, "nll_calibrated", a, 1);
    JUDD_TRY(add_ece(f, "ece_calibrated", a, 1));
    judd_figures_list_add(f, "temperature", temperature, NAN, NAN);
done:
    return status;
}

judd_status judd_figures_classes(judd_figures *out, const float *score, judd_outputs_kind kind,
                                 const int32_t *labels, int n_classes, double temperature,
                                 const char *why, const judd_lanes *lanes, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_figures f = {0};
    sample *local = NULL;
    void *all = NULL;
    bool sound;
    set a = {.n = lanes->n_samples, .n_classes = n_classes};
    JUDD_TRY(judd_figures_list_begin(&f, &sound, score, n_classes, names, N_NAMES, lanes, comm));
    if (sound) {
        int64_t n = judd_lanes_count(lanes);
        JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&local, n, sizeof *local)));
        look(local, score, labels, n, n_classes, isnan(temperature) ? 1.0 : temperature);
        JUDD_TRY(judd_comm_gather(comm, &all, local, n, sizeof *local));
        a.s = all;
        if (comm->rank == 0) status = on_rank_0(&f, &a, kind, temperature, why);
    } else if (comm->rank == 0) {
        status = say_only(&f);
    }
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    *out = f;
    f = (judd_figures){0};
done:
    judd_figures_free(&f);
    free(local);
    free(all);
    free(a.truth);
    free(a.influence);
    return status;
}

/** Figures of merit of a head from the scores it gives to a sample set: what they are, how certain
 *  they are, why one is not defined. Every sample counts once. What costs (softmax, losses) is done
 *  by each rank for its lanes, what orders or sums over samples by rank 0 in the set's order, so
 * the figures are the same bits at any number of ranks.
 *
 *  Names and definitions are listed in docs/metrics.md; all agree with scikit-learn's.
 */
#ifndef JUDD_LEARN_FIGURES_H
#define JUDD_LEARN_FIGURES_H

#include <judd/learn/outputs.h>
#include <judd/learn/rows.h>

enum { JUDD_FIGURES_MOST = 12, JUDD_FIGURES_COLUMNS = 3, JUDD_FIGURES_NOTE = 160 };

typedef struct judd_figure {
    const char *name;
    double value;                 /* NaN: not defined */
    double low, high;             /* 95 % interval over test sets; NaN: none */
    char note[JUDD_FIGURES_NOTE]; /* why it is not defined or what it leaves out; "" */
} judd_figure;

/** One figure for each class, label or target. */
typedef struct judd_figures_column {
    const char *name;
    double *value; /* [n_outputs]; NaN: not defined */
} judd_figures_column;

/** On rank 0; elsewhere only n, n_outputs and fault. */
typedef struct judd_figures {
    int64_t n;     /* samples over all ranks */
    int n_outputs; /* classes, labels or targets */
    int n_list, n_columns;
    judd_figure list[JUDD_FIGURES_MOST]; /* first what is to be large (accuracy, map, r2), then what
                                            is to be small (nll, nll, rmse) */
    judd_figures_column columns[JUDD_FIGURES_COLUMNS];
    char fault[JUDD_FIGURES_NOTE]; /* a score is not finite: no figure is defined; "" */
    float *score;                  /* [n, n_outputs] in the set's order */
    float threshold;               /* labels: scores above it say yes */
    double *share;                 /* [n]: of list[0], as in stats/influence.h */
    int32_t *predicted;            /* classes: [n], the lowest class on ties; else NULL */
    int64_t *confusion;            /* classes: [n_outputs (true), n_outputs (predicted)]; or NULL */
} judd_figures;

/** Figures of scores [n_local, n_outputs] of this rank's rows, whose lanes and labels or targets
 * are looked at: rows without targets are of classes; with outputs of kind VALUES their targets are
 *  real, else labels (1 or 0). temperature, for classes: NaN: none is known, and `why` says why.
 *  Collective; owner of what *out holds: caller, judd_figures_free. */
judd_status judd_figures_measure(judd_figures *out, const float *score, judd_outputs_kind kind,
                                 int n_outputs, const judd_rows *rows, double temperature,
                                 const char *why, const judd_comm *comm);
void judd_figures_free(judd_figures *figures);

/** By name; NULL if there is none. */
const judd_figure *judd_figures_find(const judd_figures *figures, const char *name);

#endif

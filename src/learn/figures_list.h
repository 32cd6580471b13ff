/** How the three kinds of figures are put together. */
#ifndef JUDD_SRC_LEARN_FIGURES_LIST_H
#define JUDD_SRC_LEARN_FIGURES_LIST_H

#include <judd/learn/figures.h>

#include <stdbool.h>

/** judd_figures_measure for one kind of task. */
judd_status judd_figures_classes(judd_figures *out, const float *score, judd_outputs_kind kind,
                                 const int32_t *labels, int n_classes, double temperature,
                                 const char *why, const judd_lanes *lanes, const judd_comm *comm);
judd_status judd_figures_labels(judd_figures *out, const float *score, judd_outputs_kind kind,
                                const float *truth, int n_labels, const judd_lanes *lanes,
                                const judd_comm *comm);
judd_status judd_figures_targets(judd_figures *out, const float *score, const float *truth,
                                 int n_targets, const judd_lanes *lanes, const judd_comm *comm);

/** Start: sizes, and the scores of all ranks on rank 0. *sound: all scores are finite; if not,
 * every rank has the fault, and rank 0 a list of the n_names figures, none of them defined.
 * Collective. */
judd_status judd_figures_list_begin(judd_figures *out, bool *sound, const float *score,
                                    int n_outputs, const char *const *names, int n_names,
                                    const judd_lanes *lanes, const judd_comm *comm);

/** Append a figure with the interval given. Returns it, for a note. */
judd_figure *judd_figures_list_add(judd_figures *figures, const char *name, double value,
                                   double low, double high);
/** Append one that is not defined. */
void judd_figures_list_undefined(judd_figures *figures, const char *name, const char *why);
/** Append a figure in [0, 1], or a real one not below 0, with the interval that its influence [n]
 *  gives; `least` as in judd_intervals_fraction. */
judd_figure *judd_figures_list_fraction(judd_figures *figures, const char *name, double value,
                                        const double *influence, double least);
judd_figure *judd_figures_list_size(judd_figures *figures, const char *name, double value,
                                    const double *influence);
/** Append the mean of x [n] >= 0; x becomes its influence. */
judd_figure *judd_figures_list_mean(judd_figures *figures, const char *name, double *x);

/** Append a column of n_outputs zeros. */
judd_status judd_figures_list_column(double **out, judd_figures *figures, const char *name);

/** share = value of list[0] + influence. */
judd_status judd_figures_list_share(judd_figures *figures, const double *influence);

/** Mean in the order given. */
double judd_figures_list_mean_of(const double *x, int64_t n);

#endif

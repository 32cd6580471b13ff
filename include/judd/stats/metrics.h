/** Figures of merit of a classifier from integer counts and exact sums. */
#ifndef JUDD_STATS_METRICS_H
#define JUDD_STATS_METRICS_H

#include <stdint.h>

/** confusion: [n_classes (true), n_classes (predicted)], row-major counts. */
double judd_metrics_accuracy(const int64_t *confusion, int n_classes);
/** Mean over the classes that occur of their recall. */
double judd_metrics_mean_per_class(const int64_t *confusion, int n_classes);
/** Mean over all classes of F1; a class with no true and no predicted sample counts 0, as in
 *  scikit-learn with zero_division = 0. */
double judd_metrics_macro_f1(const int64_t *confusion, int n_classes);

#endif

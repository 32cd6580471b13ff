/** A task: some classes of a dataset, relabelled 0 .. C-1, and the choice of shots and folds. */
#ifndef JUDD_DATA_TASK_H
#define JUDD_DATA_TASK_H

#include <judd/base/id_set.h>
#include <judd/data/dataset.h>

/** Samples of a task: ids into a dataset, ascending, with task labels. Owner: judd_task_free. */
typedef struct judd_task_samples {
    int64_t n;
    int64_t *ids;    /* [n], ascending */
    int32_t *labels; /* [n], 0 .. n_classes-1 */
    int16_t *folds;  /* [n], 0 .. n_folds-1, or NULL */
    int n_targets;
    float *targets; /* [n, n_targets], or NULL; then all labels are 0 */
} judd_task_samples;

/** Classification: all samples whose label is classes[c], relabelled c. Multilabel: all samples,
 *  with the targets of these classes. Regression: all samples, n_classes = 0. Bad images are left
 *  out. Fails with JUDD_E_DATA without samples and, if `every`, when a class has none. Local; the
 * same on every rank for the same input. */
judd_status judd_task_select(judd_task_samples *out, const judd_dataset_info *info,
                             const int32_t *classes, int n_classes, bool every);

/** The ids that judd_task_select gives, as runs, and the same errors, without its memory. */
judd_status judd_task_ids(judd_id_set *out, const judd_dataset_info *info, const int32_t *classes,
                          int n_classes, bool every);

/** `shots` samples of every class, drawn by `seed`: a class's samples are ranked by counter-based
 *  random bits of (seed, id) and the first `shots` are taken, so that fewer shots of a seed are a
 *  subset of more. shots = 0 takes all. Fails with JUDD_E_DATA naming a class with too few. Samples
 *  with targets are one class, so shots counts all of them. */
judd_status judd_task_draw_shots(judd_task_samples *out, const judd_task_samples *all,
                                 int n_classes, int64_t shots, uint64_t seed);

/** Deal the samples of every class to n_folds folds as evenly as possible, by `seed` (sets folds).
 */
judd_status judd_task_deal_folds(judd_task_samples *samples, int n_classes, int n_folds,
                                 uint64_t seed);

/** Move a share of every class's samples from `samples` to `part`, chosen by `seed`: round(fraction
 * * n) of a class's n, at least 1, and JUDD_E_DATA if none would stay. Samples with targets are one
 *  class. */
judd_status judd_task_divide(judd_task_samples *samples, judd_task_samples *part, int n_classes,
                             double fraction, uint64_t seed);

/** The samples of parts [n_parts] one behind the other, without folds; ids are then no longer of
 * one dataset. */
judd_status judd_task_join(judd_task_samples *out, const judd_task_samples *const *parts,
                           int n_parts);

/** Every sample in n_views views: view v of sample i gets the id v * n_files + i, its label and its
 *  fold. n_files: samples of the data set's files. Ids stay ascending. */
judd_status judd_task_add_views(judd_task_samples *samples, int n_views, int64_t n_files);

/** Sample of class c becomes one of class label[c], or, where that is -1, is dropped. Local. */
void judd_task_relabel(judd_task_samples *samples, const int32_t *label);

/** Each sample's label is, with probability `share`, replaced by one of the n_classes - 1 others,
 * as (seed, id) says. Local; the same on every rank. */
void judd_task_add_noise(judd_task_samples *samples, int n_classes, double share, uint64_t seed);

void judd_task_free(judd_task_samples *samples);

#endif

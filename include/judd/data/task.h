/** A task: some classes of a dataset, relabelled 0 .. C-1, and the choice of shots and folds. */
#ifndef JUDD_DATA_TASK_H
#define JUDD_DATA_TASK_H

#include <judd/base/status.h>

#include <stdint.h>

/** Samples of a task: ids into a dataset, ascending, with task labels. Owner: judd_task_free. */
typedef struct judd_task_samples {
    int64_t n;
    int64_t *ids;    /* [n], ascending */
    int32_t *labels; /* [n], 0 .. n_classes-1 */
    int16_t *folds;  /* [n], 0 .. n_folds-1, or NULL */
} judd_task_samples;

/** All samples whose label is classes[c], relabelled c. labels: [n] of the dataset. Fails with
 *  JUDD_E_DATA if a class has no sample. Local; the same on every rank for the same input. */
judd_status judd_task_select(judd_task_samples *out, const int32_t *labels, int64_t n,
                             const int32_t *classes, int n_classes);

/** `shots` samples of every class, drawn by `seed`: a class's samples are ranked by counter-based
 *  random bits of (seed, id) and the first `shots` are taken, so that fewer shots of a seed are a
 *  subset of more. shots = 0 takes all. Fails with JUDD_E_DATA naming a class with too few. */
judd_status judd_task_draw_shots(judd_task_samples *out, const judd_task_samples *all,
                                 int n_classes, int64_t shots, uint64_t seed);

/** Deal the samples of every class to n_folds folds as evenly as possible, by `seed` (sets folds).
 */
judd_status judd_task_deal_folds(judd_task_samples *samples, int n_classes, int n_folds,
                                 uint64_t seed);

/** Every sample in n_views views: view v of sample i gets the id v * n_files + i, its label and its
 *  fold. n_files: samples of the data set's files. Ids stay ascending. */
judd_status judd_task_add_views(judd_task_samples *samples, int n_views, int64_t n_files);

void judd_task_free(judd_task_samples *samples);

#endif

/** One comparison seen sample by sample: predictions of both arms, paired by sample, over seeds. */
#ifndef JUDD_SRC_REPORT_STUDY_H
#define JUDD_SRC_REPORT_STUDY_H

#include "report/view.h"

enum { JUDD_STUDY_BINS = 15 }; /* of equal width, as metric ece has them */
typedef enum judd_study_arm {
    JUDD_STUDY_TRANSFER,
    JUDD_STUDY_BASELINE,
    JUDD_STUDY_ARMS
} judd_study_arm;

typedef struct judd_study {
    const judd_comparison *of;
    char why[160]; /* there is nothing to see; "": there is */
    int n_seeds;   /* read; large test sets: not all, see judd_study_make */
    int64_t n;     /* samples */
    int n_classes;
    char **names;                    /* [n_classes] */
    int64_t *ids;                    /* [n] */
    int32_t *label;                  /* [n] */
    int32_t *right[JUDD_STUDY_ARMS]; /* [n] seeds in which the arm was right */
    int32_t *said[JUDD_STUDY_ARMS];  /* [n] what it said instead, in the last seed it was wrong */
    int64_t *confusion[JUDD_STUDY_ARMS]; /* [n_classes, n_classes] truth, said; all seeds */
    struct {
        double confidence, right, n; /* sums */
    } bins[JUDD_STUDY_ARMS][JUDD_STUDY_BINS];
} judd_study;

/** Read both arms; of large test sets as many seeds as have 2^25 scores, at least one. What cannot
 *  be read leaves `why`. Local. Owner: caller, judd_study_free. */
judd_status judd_study_make(judd_study *out, const judd_view *view, const judd_comparison *of);
void judd_study_free(judd_study *study);

#endif

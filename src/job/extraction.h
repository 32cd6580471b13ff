/** The extraction phase of a job: every feature that its banks need, computed once. */
#ifndef JUDD_SRC_JOB_EXTRACTION_H
#define JUDD_SRC_JOB_EXTRACTION_H

#include "job/inputs.h"

#include <judd/features/extract.h>

/** What became of one cache file: a backbone, a data set's split and a view. */
typedef struct judd_extraction_outcome {
    const judd_job_backbone *backbone;
    const judd_job_dataset *dataset;
    judd_split split;
    int view;
    const char *path; /* borrowed, as report */
    const judd_extract_report *report;
    int64_t dim; /* columns; 0: not known, as there is no file and nothing was tried */
    /* Of a look: seconds a sample takes to be read, decoded and prepared, and in the network; 0:
     * not tried. Bytes that the network takes; 0: it is not needed. */
    double prepare_s, image_s;
    int64_t network_bytes;
} judd_extraction_outcome;

typedef judd_status (*judd_extraction_done)(void *context, const judd_extraction_outcome *what);

/** Compute every feature that the banks [n_banks] (those still to train) need and that the cache
 *  does not hold; all: also those of samples that no bank draws. Each data set is passed over once
 *  for all its backbones and views, or more often if they do not fit into limits.memory_mib
 *  together. done(context, &what) is called on every rank for each file; it may fail on one of them
 *  alone. Collective. JUDD_E_AGAIN after a signal. */
judd_status judd_extraction_run(const judd_inputs *inputs, const judd_plan_bank *const *banks,
                                int64_t n_banks, bool all, judd_extraction_done done,
                                void *context);

/** The same without computing or changing anything: what a run would need, and (n_computed) what
 * the cache does not have. Each backbone that would have to compute is tried on a batch of the
 * samples that it misses. Collective. */
judd_status judd_extraction_look(const judd_inputs *inputs, const judd_plan_bank *const *banks,
                                 int64_t n_banks, judd_extraction_done done, void *context);

#endif

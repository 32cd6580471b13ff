/** Which backbone of the job made the features that a head was trained on. */
#ifndef JUDD_SRC_JOB_PREDICTOR_BACKBONE_H
#define JUDD_SRC_JOB_PREDICTOR_BACKBONE_H

#include "job/inputs.h"
#include "job/predictor_parts.h"

/** Start with {0}. */
typedef struct judd_predictor_backbone {
    judd_backbone *backbone;         /* for the samples of the data set it was found for */
    const judd_job_backbone *config; /* borrowed from the job */
    judd_lexicon *lexicon; /* texts: of these samples; borrowed from inputs if there are */
    judd_inputs *inputs;   /* and the training texts that words are weighed by, or NULL */
    judd_lexicon *files;   /* has files of vectors from one candidate to the next */
} judd_predictor_backbone;

/** Told by the cache key in the head's file. JUDD_E_DATA if there is none, with what differs in the
 *  one that comes closest. The data set must outlive it. Collective. Owner: caller,
 *  judd_predictor_backbone_free. */
judd_status judd_predictor_backbone_find(judd_predictor_backbone *out,
                                         const judd_predictor_parts *head, judd_dataset *dataset,
                                         const judd_comm *comm);
/** Collective. */
void judd_predictor_backbone_free(judd_predictor_backbone *found);

#endif

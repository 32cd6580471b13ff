/** What a predictor is made of, for those who do something else with it. */
#ifndef JUDD_SRC_JOB_PREDICTOR_PARTS_H
#define JUDD_SRC_JOB_PREDICTOR_PARTS_H

#include "job/trial_files.h"

#include <judd/job/predictor.h>

/** Borrowed from the predictor. */
typedef struct judd_predictor_parts {
    const char *path; /* of the head */
    const judd_job *job;
    const judd_trial_model *model;
    const json_t *key; /* of the backbone, on the images the head was trained on */
    const judd_predictor_info *info;
} judd_predictor_parts;

judd_predictor_parts judd_predictor_parts_of(const judd_predictor *predictor);

#endif

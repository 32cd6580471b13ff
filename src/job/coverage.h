/** How much of a data set's texts its word vectors know. */
#ifndef JUDD_SRC_JOB_COVERAGE_H
#define JUDD_SRC_JOB_COVERAGE_H

#include "job/inputs.h"

#include <jansson.h>

/** For every backbone of words that an experiment uses with the data set: tokens of the split's
 * task, those that the file does not know, those without a vector, texts of zeros. *words: an
 * object by the backbones' names, the same on every rank; NULL if there is none. Collective. */
judd_status judd_coverage_of(json_t **words, const judd_inputs *inputs, const judd_input *input,
                             judd_split split);

#endif

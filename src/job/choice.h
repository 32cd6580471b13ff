/** Experiments that take only the best-scored of their backbones, for each target and shot count.
 */
#ifndef JUDD_SRC_JOB_CHOICE_H
#define JUDD_SRC_JOB_CHOICE_H

#include "job/scoring.h"

/** "auto" becomes what it stands for: backbone = "auto" all backbones but the baseline, and with it
 *  or source = "auto" the score logme unless another is named. Local. */
judd_status judd_choice_expand(judd_job *job);
/** Forget what was chosen. */
void judd_choice_clear(judd_job *job);

/** Whether any experiment of the job chooses. */
bool judd_choice_any(const judd_job *job);
/** Whether it chooses by what networks say themselves (leep, nce). */
bool judd_choice_needs_outputs(const judd_job *job);
/** Whether the experiment has this backbone here: all, or the chosen one. */
bool judd_choice_has(const judd_job_experiment *x, const judd_job_dataset *target, int64_t shots,
                     const judd_job_backbone *backbone);

/** Choose. JUDD_E_DATA, with the reasons, if no backbone has the score. Local. */
judd_status judd_choice_make(judd_job *job, const judd_scoring *scoring);
/** Append a record for each choice: the lines of choices.jsonl. Local. */
judd_status judd_choice_records(json_t *records, const judd_job *job);
/** Choose as such records say. *all: there is one for every choice. Local. */
judd_status judd_choice_take(bool *all, judd_job *job, const json_t *records);

#endif

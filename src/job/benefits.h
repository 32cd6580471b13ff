/** What a transfer is worth beside its gain: labelled examples and seconds of training. Local. */
#ifndef JUDD_SRC_JOB_BENEFITS_H
#define JUDD_SRC_JOB_BENEFITS_H

#include <judd/base/status.h>

#include <jansson.h>

/** Give each of the records of verdicts.jsonl (an array, changed in place) of kind "gain" its
 *  "equivalent_labels": how many more labels per class the baseline needs for the metric that the
 *  transfer has, from the shot curve of the same experiment, backbone, target and head,
 * interpolated in the logarithm of shots between counts that were measured, never beyond them.
 * Below 0 where the baseline needs fewer. Null with "equivalent_labels_note" where the curve does
 * not tell. */
judd_status judd_benefits_add_labels(json_t *verdicts);

/** Seconds of training that the transfer of `verdict` saved against a baseline as good: those of
 * the baseline at that many labels, less those of the transfer; means over seeds, as timing.jsonl
 *  measured them, features not counted. NaN if that is not known. seconds: judd_benefits_seconds.
 */
double judd_benefits_seconds_saved(const json_t *verdict, const json_t *verdicts,
                                   const json_t *results, const json_t *seconds);

/** Training seconds by bank, from the records of timing.jsonl. Owner: caller, json_decref. */
json_t *judd_benefits_seconds(const json_t *timing);

#endif

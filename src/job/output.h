/** The output folder of a job: who owns it, which job it holds, what is finished. Rank 0 does the
 * work; every function that says so is collective and returns the same status on all ranks. */
#ifndef JUDD_SRC_JOB_OUTPUT_H
#define JUDD_SRC_JOB_OUTPUT_H

#include "job/plan.h"

#include <judd/base/hash.h>
#include <judd/base/log.h>
#include <judd/comm/comm.h>

#include <jansson.h>

typedef struct judd_output judd_output;

/** Make or reopen the folder for this job, lock it, and read what is finished. Another job in it is
 *  refused with the difference named, unless fresh, which removes that job's files. Collective. */
judd_status judd_output_open(judd_output **out, const judd_job *job, const judd_comm *comm,
                             judd_log *log, bool fresh);
/** Collective; drops the lock. NULL is allowed. */
void judd_output_close(judd_output *output);

const char *judd_output_folder(const judd_output *output);
/** Append to the job's log from this rank too, which has no log yet. Local. */
judd_status judd_output_open_log(judd_log **log, const judd_output *output, bool quiet);
/** Finished trials, one flag per trial of the plan: its record is whole, was made from these
 * inputs, and its files hold what it says. inputs: [n_banks] identity of what each bank reads
 * (hexadecimal). Other records are dropped, with a line in the log. Collective. */
judd_status judd_output_finished(uint8_t **finished, judd_output *output, const judd_plan *plan,
                                 const char (*inputs)[JUDD_SHA256_HEX]);
/** The same of a folder that is only looked at: no lock is taken, nothing is written, and it may be
 * a running job's. Where it is not this job's, nothing is finished, and *why says so (free()); else
 *  *why is NULL. Collective. Owner: caller, judd_output_close and free(*finished). */
judd_status judd_output_look(judd_output **out, uint8_t **finished, char **why, const char *folder,
                             const judd_job *job, const judd_comm *comm, const judd_plan *plan,
                             const char (*inputs)[JUDD_SHA256_HEX]);
/** The record of a finished trial, borrowed; NULL if there is none. Rank 0 only. */
const json_t *judd_output_record(const judd_output *output, const char *trial);
/** Number of records of finished trials. Rank 0 only. */
int64_t judd_output_n_records(const judd_output *output);
/** Whether the recorded trial trained without diverging. Rank 0 only. */
bool judd_output_is_sound(const judd_output *output, const char *trial);

/** failed[t], t < n_trials: whether a trial was recorded without having been trained: it has no
 * head and no predictions. Rank 0 only. */
void judd_output_failed(uint8_t *failed, const judd_output *output, const judd_plan *plan);

/** Ranks that write side by side write to files of their own: from now on this rank appends to
 *  parts/results-PART.jsonl and parts/timing-PART.jsonl, and to the same log. PART 0, rank 0's, are
 *  results.jsonl and timing.jsonl themselves. Every start reads the parts that it finds. Local. */
judd_status judd_output_use_part(judd_output *output, int part);
/** The parts become parts of results.jsonl and timing.jsonl, and are removed. Rank 0 only, when no
 *  other rank writes any more. */
judd_status judd_output_gather(judd_output *output, const judd_plan *plan);

/** Take over the records of another output folder, also of a running job, whose files are sound
 *  there and whose trials are not yet marked; mark them in finished [n_trials]. *dropped: those
 * that cannot be used. results.jsonl is written by sort_results. Rank 0 only. */
judd_status judd_output_import(judd_output *output, const char *folder, const judd_plan *plan,
                               uint8_t *finished, int64_t *dropped);

/** Append a record to results.jsonl, or its part, with a check of its text, on disk before it
 *  returns. Takes the reference. Only one rank a part. */
judd_status judd_output_add_result(judd_output *output, json_t *record);
/** Append a line to timing.jsonl or its part. Takes the reference. Only one rank a part. */
judd_status judd_output_add_timing(judd_output *output, json_t *record);
/** Write a whole file of the folder atomically. Rank 0 only. */
judd_status judd_output_write(judd_output *output, const char *name, const char *text);
/** The same of records, a line each. */
judd_status judd_output_write_lines(judd_output *output, const char *name, const json_t *records);
/** results.jsonl with one line per trial, sorted by trial. Rank 0 only. */
judd_status judd_output_sort_results(judd_output *output);
/** Remove what only a running job needs and write COMPLETED. Rank 0 only. */
judd_status judd_output_complete(judd_output *output);

/** Whether the folder is still this job's, as io/lock.h says; whatever writes into it asks first.
 *  Local. */
judd_status judd_output_owned(const judd_output *output);

/** Give a record its "check", the last of its keys: XXH3-64 of its line without it. Local. */
judd_status judd_output_add_check(json_t *record);
/** Whether a record of results.jsonl or verdicts.jsonl is as it was written. Local. */
bool judd_output_is_whole(const json_t *record);

/** The records of folder/WHAT.jsonl and, while groups write, of its parts behind them: "results" or
 *  "timing". What is torn is left out. Local. Owner: caller, json_decref. */
judd_status judd_output_read_records(json_t **records, const char *folder, const char *what);

/** One line of JSON, as every record is written: keys in order, reals with 17 digits. free(). */
judd_status judd_output_line(char **line, const json_t *record);
/** All records of an array, a line each. free(). */
judd_status judd_output_lines(char **text, const json_t *records);

#endif

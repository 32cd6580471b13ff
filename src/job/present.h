/** What a job found, for people and for other programs: report.html, results.csv, verdicts.csv. */
#ifndef JOB_PRESENT_H
#define JOB_PRESENT_H

#include "job/inputs.h"
#include "report/page.h"

/** Everything borrowed. */
typedef struct judd_present {
    const judd_job *job;
    const judd_inputs
        *inputs;         /* test sets loaded; NULL: opened if the page shows samples of them */
    const char *results; /* folder of results.jsonl, verdicts.jsonl, timing.jsonl, predictions/ */
    const char *facts; /* folder of job.cfg, versions.json, data.jsonl, scores.jsonl and the log */
    judd_page_state state;
    int64_t n_finished, n_unfinished; /* trials */
    const char *missing;              /* shards, or "" */
} judd_present;

/** Write the page, replacing `path`. A file of facts that is not there is not shown; records of a
 *  schema that we do not know are JUDD_E_DATA. The log (NULL: nobody) is told where the page is and
 *  what it lacks. Rank 0; local. */
judd_status judd_present_page(const judd_present *what, const char *path, judd_log *log);

/** Write results.csv and verdicts.csv into a folder. Rank 0; local. */
judd_status judd_present_tables(const judd_present *what, const char *folder);

#endif

/** The results of one job from one or several output folders: `judd report`. */
#ifndef JUDD_JOB_REPORT_H
#define JUDD_JOB_REPORT_H

#include <judd/comm/comm.h>

#include <stdbool.h>

typedef struct judd_report_options {
    const char *const
        *folders; /* [n_folders] of one job: shards of a job array, or one of it all */
    int n_folders;
    const char *output; /* folder for the merged results; NULL: none */
    const char *page;   /* file for the page; NULL: report.html in output, or in the only folder */
    bool tables;        /* also results.csv and verdicts.csv, in output or in the only folder */
    bool quiet;
} judd_report_options;

/** Print the table of what is finished, also of a job that runs or was killed, and say what is
 *  missing. With an output, records, heads and predictions of a finished job are brought together
 *  there, and verdicts.jsonl is written, the bytes of a job that was not divided; an unfinished one
 *  is JUDD_E_DATA. Folders of different jobs, or made from different inputs, are refused. Of the
 *  folders only report.html, and the tables if asked for, are written. The page of an unfinished
 * job has gains, but no verdicts. Rank 0 works; collective. */
judd_status judd_report(const judd_comm *comm, const judd_report_options *options);

#endif

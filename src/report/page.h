/** report.html: what a job found, as one page for people. Rank 0; local.
 *
 *  What somebody who opens it wants to know, and where it stands:
 *    in 10 seconds  Did transfer help, where, and may I trust it? Headline, sign matrix, warnings.
 *    in 1 minute    How much, from how many labels on, at what price, which source for which
 * target? Gains by shot count, all verdicts, labels and seconds saved, scores. in 10 minutes  Why,
 * and how do I repeat it? Curves, forgetting, calibration, confusions, samples that were fixed and
 * broken, the job with versions and hashes. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include <judd/base/status.h>
#include <judd/image/image.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/** What a head said of the samples of a test set of classes. */
typedef struct judd_predicted {
    int64_t n;
    int n_classes;
    int64_t *ids;               /* [n] */
    int32_t *label, *predicted; /* [n] */
    float *score;               /* [n, n_classes] */
    char **names;               /* [n_classes], one block with its strings */
} judd_predicted;
void judd_predicted_free(judd_predicted *p);

/** A test sample to look at: a picture, or a text. Start with {0}. */
typedef struct judd_page_sample {
    judd_image image; /* 1, 3 or 4 channels; no pixels: none */
    char *text;       /* UTF-8, or NULL */
} judd_page_sample;
void judd_page_sample_free(judd_page_sample *sample);

typedef enum judd_page_state {
    JUDD_PAGE_COMPLETE,
    JUDD_PAGE_RUNNING,
    JUDD_PAGE_STOPPED /* neither complete nor running */
} judd_page_state;

/** Everything borrowed; the arrays hold the records of the files of that name, as they are now. */
typedef struct judd_page_input {
    const char *job_name, *version; /* of judd */
    judd_page_state state;
    int64_t n_finished, n_unfinished; /* trials */
    const char *missing;              /* shards, or "" */
    double margin;
    json_t *results, *timing, *scores, *data;
    json_t *verdicts;                      /* "seconds_saved" added to each where it is known */
    json_t *versions;                      /* an object, or NULL */
    const char *config, *quarantine, *log; /* texts of job.cfg, quarantine.tsv, judd.log, or NULL */
    const char *command;                   /* that repeats the job */
    json_t *hashes;                        /* {FILE: SHA-256} of what was found, or NULL */

    void *context;
    /** Owner of *out: the page. Failing is no error of the page: it says so. */
    judd_status (*predictions)(void *context, const char *trial, judd_predicted *out);
    judd_status (*sample)(void *context, const char *dataset, int64_t id, judd_page_sample *out);
} judd_page_input;

/** The whole page. Without gnuplot it has tables only, and says so. *html: owner caller, free().
 *  *no_charts (static): what went wrong with gnuplot, or NULL; that there is none is not wrong. */
judd_status judd_page_make(char **html, int64_t *bytes, const char **no_charts,
                           const judd_page_input *input);

#endif

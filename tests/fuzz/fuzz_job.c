/* The job file: the text, and an override behind the first NUL byte. */
#include "fuzz/fuzz.h"

#include <judd/job/job.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    judd_job *job = NULL, *again = NULL;
    char *text = malloc(n + 1), *written = NULL;
    memcpy(text, data, n);
    text[n] = 0;
    judd_status status = judd_job_read_text(&job, text, "fuzz");
    if (status == JUDD_OK) {
        char *difference = NULL; /* what is written out reads back as the same job */
        fuzz_taken();
        if (judd_job_write(job, &written) != JUDD_OK) abort();
        if (judd_job_read_text(&again, written, "written") != JUDD_OK) abort();
        if (judd_job_compare(job, again, &difference) != JUDD_OK || difference) abort();
    }
    judd_job_destroy(job);
    judd_job_destroy(again);
    free(text);
    free(written);
    return 0;
}

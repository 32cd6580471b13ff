#include <judd/job/evaluation.h>

#include "job/output.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RESULTS = 1 << 30 };

/* The metrics of the trial's record; NULL: there is no sound one. Owner: caller, json_decref. */
static json_t *recorded_metrics(const judd_predictor_info *head) {
    char *path = NULL, *text = NULL;
    int64_t bytes = 0;
    json_t *metrics = NULL;
    judd_status status = judd_memory_format(&path, "%s/results.jsonl", head->folder);
    if (status == JUDD_OK) status = judd_atomic_file_read(&text, &bytes, path, MOST_RESULTS);
    for (char *line = text, *next; status == JUDD_OK && line && *line && !metrics; line = next) {
        char *end = strchr(line, '\n');
        if (!end) break;
        *end = '\0';
        next = end + 1;
        json_t *record = json_loads(line, 0, NULL);
        const char *trial = json_string_value(json_object_get(record, "trial"));
        if (trial && strcmp(trial, head->trial) == 0 && judd_output_is_whole(record))
            metrics = json_incref(json_object_get(record, "metrics"));
        json_decref(record);
    }
    free(path);
    free(text);
    return metrics;
}

static void print_number(FILE *file, double x, const char *form) {
    if (isfinite(x))
        fprintf(file, form, x);
    else
        fprintf(file, "%9s", "-");
}

judd_status judd_evaluation_print(FILE *file, const judd_figures *figures,
                                  const judd_predictor_info *head, const char *data) {
    json_t *metrics = recorded_metrics(head);
    fprintf(file, "%s on %s: %lld samples\n%-18s %9s %-20s %9s %9s\n", head->trial, data,
            (long long)figures->n, "metric", "here", "95 % interval", "test set", "change");
    for (int i = 0; i < figures->n_list; i++) {
        const judd_figure *f = &figures->list[i];
        const json_t *recorded = json_object_get(metrics, f->name);
        double before = json_is_number(recorded) ? json_number_value(recorded) : (double)NAN;
        char interval[48] = "-";
        if (isfinite(f->low) && isfinite(f->high))
            snprintf(interval, sizeof interval, "[%.4f, %.4f]", f->low, f->high);
        fprintf(file, "%-18s ", f->name);
        print_number(file, f->value, "%9.4f");
        fprintf(file, " %-20s ", interval);
        print_number(file, before, "%9.4f");
        fputc(' ', file);
        print_number(file, f->value - before, "%+9.4f");
        fprintf(file, "%s%s\n", f->note[0] ? "  " : "", f->note);
    }
    json_decref(metrics);
    if (ferror(file)) return judd_status_set(JUDD_E_IO, "the table cannot be written");
    return JUDD_OK;
}

#include <judd/job/evaluation.h>

#include "job/output.h"
#include "report/records.h"

#include <math.h>

/* The metrics of the trial's record; NULL: there is no sound one. Owner: caller, json_decref. */
static json_t *recorded_metrics(const judd_predictor_info *head) {
    json_t *records = NULL, *record, *metrics = NULL;
    size_t i;
    if (judd_records_read(&records, head->folder, "results.jsonl", true) != JUDD_OK) return NULL;
    json_array_foreach(records, i, record) {
        if (!judd_records_is(record, "trial", head->trial) || !judd_output_is_whole(record))
            continue;
        json_decref(metrics);
        metrics = json_incref(json_object_get(record, "metrics"));
    }
    json_decref(records);
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
        double before = judd_records_number(metrics, f->name);
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

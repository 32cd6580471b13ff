#include "job/pace.h"

#include "job/output.h"
#include "report/records.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>

/* A trained head. */
typedef struct sample {
    const judd_job_head *head;
    double factor, expected;
} sample;

static int compare(const void *a, const void *b) {
    const sample *x = a, *y = b;
    if (x->head != y->head) return x->head < y->head ? -1 : 1;
    return (x->factor > y->factor) - (x->factor < y->factor);
}

static judd_status index_banks(json_t **out, const judd_plan *plan) {
    json_t *banks = json_object();
    for (int64_t b = 0; b < plan->n_banks; b++)
        json_object_set_new(banks, plan->banks[b].name, json_integer(b));
    *out = banks;
    if (json_object_size(banks) == (size_t)plan->n_banks) return JUDD_OK;
    return judd_status_set(JUDD_E_INTERNAL, "plan: no memory");
}

/* False if the record is of no head of the plan, or has no time. */
static bool read_sample(sample *s, const json_t *record, const json_t *banks,
                        const judd_inputs *inputs, const judd_plan *plan,
                        const judd_cost_rates *rates) {
    const json_t *bank = json_object_get(banks, judd_records_text(record, "bank"));
    double seconds = judd_records_number(record, "seconds"),
           ranks = judd_records_number(record, "ranks"), dim = judd_records_number(record, "dim");
    if (!judd_records_is(record, "phase", "train") || !bank) return false;
    if (!(seconds > 0.0 && ranks >= 1.0 && ranks <= 1e6 && dim >= 1.0 && dim <= 1e9)) return false;
    const judd_plan_bank *of = &plan->banks[json_integer_value(bank)];
    const judd_cost cost = judd_cost_of(inputs, of, (int64_t)dim);
    s->head = of->head;
    s->expected = judd_cost_seconds(&cost, rates, (int)ranks, inputs->job->lanes);
    s->factor = seconds / s->expected;
    return isfinite(s->factor);
}

/* The median of samples [n] of one head, in order. */
static judd_pace median(const sample *s, int64_t n) {
    double all = 0.0, below = 0.0;
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++) all += s[i].expected;
    while (k < n - 1 && (below += s[k].expected) < 0.5 * all) k++;
    return (judd_pace){s[k].factor, n};
}

judd_status judd_pace_read(judd_pace **out, const char *folder, const judd_inputs *inputs,
                           const judd_plan *plan, const judd_cost_rates *rates) {
    judd_status status = JUDD_OK;
    const judd_job *job = inputs->job;
    json_t *records = NULL, *banks = NULL, *record = NULL;
    judd_pace *paces = NULL;
    sample *s = NULL;
    size_t i = 0;
    int64_t n = 0;
    JUDD_TRY(judd_output_read_records(&records, folder, "timing"));
    JUDD_TRY(index_banks(&banks, plan));
    JUDD_TRY(judd_memory_alloc(&s, (int64_t)json_array_size(records), sizeof *s));
    JUDD_TRY(judd_memory_alloc(&paces, job->n_heads, sizeof *paces));
    for (int64_t h = 0; h < job->n_heads; h++) paces[h].factor = 1.0;
    json_array_foreach(records, i, record) n +=
        read_sample(&s[n], record, banks, inputs, plan, rates);
    qsort(s, (size_t)n, sizeof *s, compare);
    for (int64_t first = 0, end = 0; first < n; first = end) {
        while (end < n && s[end].head == s[first].head) end++;
        paces[s[first].head - job->heads] = median(s + first, end - first);
    }
    *out = paces;
    paces = NULL;
done:
    json_decref(records);
    json_decref(banks);
    free(paces);
    free(s);
    return status;
}

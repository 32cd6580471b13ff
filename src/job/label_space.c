#include "job/label_space.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

static bool is_sequence(const judd_plan_bank *bank) {
    return bank->lesson && strcmp(bank->lesson->mode, "sequence") == 0;
}

/* The names of a data set's classes. */
static judd_status class_names(char ***out, int *n, const judd_inputs *in,
                               const judd_job_dataset *dataset) {
    judd_status status = JUDD_OK;
    char **names = NULL;
    const judd_input *input = judd_inputs_find(in, dataset);
    *n = judd_inputs_outputs(in, dataset);
    JUDD_TRY(judd_memory_alloc(&names, *n, sizeof *names));
    *out = names; /* freed by the caller in any case */
    for (int c = 0; c < *n; c++) JUDD_TRY(judd_inputs_name(&names[c], input, c));
done:
    return status;
}

static void free_names(char **names, int n) {
    for (int c = 0; names && c < n; c++) free(names[c]);
    free(names);
}

/* The output of this name, of `length` bytes; -1: none. */
static int32_t find_output(const judd_label_space *s, const char *name, size_t length) {
    for (int c = 0; c < s->n_outputs; c++)
        if (strlen(s->names[c]) == length && memcmp(s->names[c], name, length) == 0) return c;
    return -1;
}

/* The entry of a class in a label_map, or NULL. */
static const char *find_entry(const judd_job_strings *map, const char *name) {
    for (int64_t k = 0; k < map->n; k++) {
        size_t n = strlen(name);
        if (strncmp(map->values[k], name, n) == 0 && map->values[k][n] == '=')
            return map->values[k] + n + 1;
    }
    return NULL;
}

/* Every entry of the map must be about a class that there is. */
static judd_status check_map(const judd_plan_bank *bank, char *const *names, int n) {
    const judd_job_strings *map = &bank->lesson->label_map;
    for (int64_t k = 0; k < map->n; k++) {
        bool known = false;
        for (int c = 0; c < n; c++) {
            size_t length = strlen(names[c]);
            known = known || (strncmp(map->values[k], names[c], length) == 0 &&
                              map->values[k][length] == '=');
        }
        if (!known)
            return judd_status_set(JUDD_E_DATA,
                                   "experiment %s: label_map has \"%s\", but the source %s has no "
                                   "such class; `judd inspect` lists them",
                                   bank->lesson->name, map->values[k], bank->lesson->source);
    }
    return JUDD_OK;
}

static judd_status refuse_class(const judd_plan_bank *bank, const judd_job_dataset *from,
                                const char *name) {
    const judd_job_experiment *x = bank->lesson;
    if (strcmp(x->mode, "sequence") == 0)
        return judd_status_set(
            JUDD_E_DATA,
            "experiment %s: class \"%s\" of %s is no class of %s; give the tasks "
            "the same classes, or set labels = \"union\" or \"position\"",
            x->name, name, from->name, x->target.values[0]);
    return judd_status_set(
        JUDD_E_DATA,
        "experiment %s: class \"%s\" of the source %s is no class of %s; say what "
        "it is in label_map (\"%s=...\"), leave it out (\"%s=\"), or set labels = "
        "\"position\"",
        x->name, name, from->name, bank->dataset->name, name, name);
}

/* The output of class c of read k. */
static judd_status place_class(int32_t *out, const judd_label_space *s, const judd_plan_bank *bank,
                               const judd_job_dataset *from, const char *name, int c) {
    const judd_job_experiment *x = bank->lesson;
    const char *entry = find_entry(&x->label_map, name);
    *out = -1;
    if (entry) {
        *out = find_output(s, entry, strlen(entry));
        if (*out < 0 && entry[0])
            return judd_status_set(JUDD_E_DATA,
                                   "experiment %s: label_map says \"%s=%s\", but %s has no such "
                                   "class; `judd inspect` lists them",
                                   x->name, name, entry, bank->dataset->name);
        return JUDD_OK;
    }
    if (strcmp(x->labels, "none") == 0) return JUDD_OK;
    *out = strcmp(x->labels, "position") == 0 ? c : find_output(s, name, strlen(name));
    bool may_be_left = strcmp(x->mode, "warm") == 0;
    return *out >= 0 || may_be_left ? JUDD_OK : refuse_class(bank, from, name);
}

static judd_status place_read(judd_label_space *s, const judd_inputs *in,
                              const judd_plan_bank *bank, int64_t k) {
    judd_status status = JUDD_OK;
    char **names = NULL;
    int n = 0;
    uint8_t *taken = NULL;
    const judd_job_dataset *from = judd_plan_read_of(bank, in->job, k).bank.dataset;
    JUDD_TRY(class_names(&names, &n, in, from));
    s->n_classes[k] = n;
    JUDD_TRY(judd_memory_alloc(&s->output[k], n, sizeof **s->output));
    JUDD_TRY(judd_memory_alloc(&taken, s->n_outputs, 1));
    bool own = k == 0 && !is_sequence(bank);
    bool by_place = bank->lesson && strcmp(bank->lesson->labels, "position") == 0;
    if (!own && by_place && n != s->n_outputs)
        JUDD_FAIL(
            JUDD_E_DATA,
            "experiment %s: %s has %d classes, %s has %d; labels = \"position\" needs as many",
            bank->lesson->name, from->name, n,
            is_sequence(bank) ? bank->lesson->target.values[0] : bank->dataset->name, s->n_outputs);
    if (k > 0 && bank->lesson->label_map.n > 0) JUDD_TRY(check_map(bank, names, n));
    s->complete[k] = true;
    for (int c = 0; c < n; c++) {
        int32_t *out = &s->output[k][c];
        if (own)
            *out = c;
        else
            JUDD_TRY(place_class(out, s, bank, from, names[c], c));
        s->complete[k] = s->complete[k] && *out >= 0 && !taken[*out];
        if (*out >= 0) taken[*out] = 1;
    }
done:
    free_names(names, n);
    free(taken);
    return status;
}

static judd_status add_output(judd_label_space *s, int *most, const char *name) {
    judd_status status = JUDD_OK;
    if (s->n_outputs == *most) {
        char **larger = NULL;
        JUDD_TRY(judd_memory_alloc(&larger, 2 * *most + 16, sizeof *larger));
        if (s->n_outputs > 0) memcpy(larger, s->names, (size_t)s->n_outputs * sizeof *larger);
        free(s->names);
        s->names = larger;
        *most = 2 * *most + 16;
    }
    JUDD_TRY(judd_memory_string(&s->names[s->n_outputs], name));
    s->n_outputs++;
done:
    return status;
}

/* The classes of the bank's own data set; in a sequence, of its first task, or of all. */
static judd_status name_outputs(judd_label_space *s, const judd_inputs *in,
                                const judd_plan_bank *bank) {
    judd_status status = JUDD_OK;
    const judd_job_experiment *x = bank->lesson;
    bool all = x && strcmp(x->labels, "union") == 0;
    const judd_job_dataset *first = bank->dataset;
    if (is_sequence(bank)) first = judd_job_find_dataset(in->job, x->target.values[0]);
    char **names = NULL;
    int most = 0, n = 0;
    for (int64_t t = 0; t < (all ? x->target.n : 1); t++) {
        JUDD_TRY(class_names(&names, &n, in,
                             all ? judd_job_find_dataset(in->job, x->target.values[t]) : first));
        for (int c = 0; c < n; c++)
            if (!all || find_output(s, names[c], strlen(names[c])) < 0)
                JUDD_TRY(add_output(s, &most, names[c]));
        free_names(names, n);
        names = NULL;
    }
done:
    free_names(names, n);
    return status;
}

judd_status judd_label_space_make(judd_label_space *out, const judd_inputs *in,
                                  const judd_plan_bank *bank) {
    judd_status status = JUDD_OK;
    judd_label_space s = {.n_reads = judd_plan_n_reads(bank)};
    JUDD_TRY(name_outputs(&s, in, bank));
    JUDD_TRY(judd_memory_alloc(&s.output, s.n_reads, sizeof *s.output));
    JUDD_TRY(judd_memory_alloc(&s.n_classes, s.n_reads, sizeof *s.n_classes));
    JUDD_TRY(judd_memory_alloc(&s.complete, s.n_reads, sizeof *s.complete));
    for (int64_t k = 0; k < s.n_reads; k++) JUDD_TRY(place_read(&s, in, bank, k));
    *out = s;
    s = (judd_label_space){0};
done:
    judd_label_space_free(&s);
    return status;
}

void judd_label_space_free(judd_label_space *s) {
    for (int64_t k = 0; s->output && k < s->n_reads; k++) free(s->output[k]);
    free_names(s->names, s->n_outputs);
    free(s->output);
    free(s->n_classes);
    free(s->complete);
    *s = (judd_label_space){0};
}

void judd_label_space_relabel(judd_rows *rows, const judd_label_space *s, int64_t k) {
    for (int64_t i = 0; i < judd_lanes_count(&rows->lanes); i++)
        rows->labels[i] = s->output[k][rows->labels[i]];
}

judd_status judd_label_space_inherit(int32_t *from, const judd_label_space *s,
                                     const judd_plan_bank *bank) {
    bool sequence = is_sequence(bank);
    bool some = sequence || bank->head->hidden.n > 0;
    for (int32_t c = 0; c < s->n_outputs; c++) from[c] = sequence ? c : -1;
    if (!sequence) /* the start's outputs are the classes of read 1, the source */
        for (int32_t c = s->n_classes[1] - 1; c >= 0; c--)
            if (s->output[1][c] >= 0) {
                from[s->output[1][c]] = c;
                some = true;
            }
    if (some) return JUDD_OK;
    return judd_status_set(
        JUDD_E_CONFIG,
        "experiment %s: no class of %s has the name of one of the source %s, so "
        "a head without hidden layers would inherit nothing; give label_map, set "
        "labels = \"position\", or take a head of kind mlp",
        bank->lesson->name, bank->dataset->name, bank->lesson->source);
}

judd_status judd_label_space_check(const judd_inputs *inputs, const judd_plan_bank *const *banks,
                                   int64_t n) {
    judd_status status = JUDD_OK;
    judd_label_space space = {0};
    int32_t *from = NULL;
    for (int64_t b = 0; b < n; b++) {
        if (!banks[b]->lesson) continue;
        JUDD_TRY(judd_label_space_make(&space, inputs, banks[b]));
        JUDD_TRY(judd_memory_alloc(&from, space.n_outputs, sizeof *from));
        if (banks[b]->start) JUDD_TRY(judd_label_space_inherit(from, &space, banks[b]));
        judd_label_space_free(&space);
        free(from);
        from = NULL;
    }
done:
    judd_label_space_free(&space);
    free(from);
    return status;
}

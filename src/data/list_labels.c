#include "data/list_labels.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

/* ---- one class each ---------------------------------------------------------------------------
 */

/* ImageNet's names begin with their class: n01440764_10026.JPEG. */
static int32_t class_of_name(const judd_name_table *classes, const char *name) {
    char prefix[256];
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    size_t length = strcspn(base, "_");
    if (!base[length] || length >= sizeof prefix) return -1;
    memcpy(prefix, base, length);
    prefix[length] = '\0';
    return judd_name_table_find(classes, prefix);
}

static judd_status collect_classes(judd_name_table *classes, const judd_sample_list *list) {
    judd_status status = JUDD_OK;
    const char **texts = NULL;
    JUDD_TRY(judd_memory_alloc(&texts, list->n, sizeof *texts));
    for (int64_t i = 0; i < list->n; i++) {
        texts[i] = list->samples[i].class_text;
        if (!texts[i])
            JUDD_FAIL(JUDD_E_DATA, "%s lies in no class folder; move it or give a class list",
                      list->samples[i].name);
    }
    JUDD_TRY(judd_name_table_collect(classes, texts, list->n));
done:
    free(texts);
    return status;
}

static judd_status label_by_name(judd_label_set *out, const judd_sample_list *list,
                                 const char *class_list) {
    judd_status status = JUDD_OK;
    if (!class_list) JUDD_TRY(collect_classes(&out->names, list));
    JUDD_TRY(judd_name_table_sort(&out->names, class_list));
    for (int64_t i = 0; i < list->n; i++) {
        const judd_sample *s = &list->samples[i];
        int32_t label = judd_name_table_find(&out->names, s->class_text);
        if (label < 0 && class_list) label = class_of_name(&out->names, s->name);
        if (label < 0)
            JUDD_FAIL(JUDD_E_DATA, "%s: class %s is not in %s; add it or remove the image", s->name,
                      s->class_text ? s->class_text : "(none)", class_list);
        out->labels[i] = label;
    }
done:
    return status;
}

static judd_status label_by_number(judd_label_set *out, const judd_sample_list *list) {
    int64_t most = (out->names.n > 0 ? out->names.n : JUDD_NAME_TABLE_MOST) - 1;
    for (int64_t i = 0; i < list->n; i++) {
        const judd_sample *s = &list->samples[i];
        int64_t label = s->class_text ? judd_name_table_number(s->class_text, most) : -1;
        if (label < 0)
            return judd_status_set(JUDD_E_DATA,
                                   "%s: label %s, but labels are 0 .. %lld; correct it", s->name,
                                   s->class_text ? s->class_text : "missing", (long long)most);
        out->labels[i] = (int32_t)label;
    }
    return JUDD_OK;
}

/* ---- several classes each ---------------------------------------------------------------------
 */

typedef struct word { /* one class of one sample */
    int64_t sample;
    const char *text; /* into a copy of the sample's class text */
} word;

typedef struct words {
    word *items;  /* [n] */
    char **texts; /* [n_samples] copies, cut at the commas */
    int64_t n, n_samples;
} words;

static void free_words(words *w) {
    for (int64_t i = 0; w->texts && i < w->n_samples; i++) free(w->texts[i]);
    free(w->texts);
    free(w->items);
}

static judd_status cut_words(words *w, const judd_sample_list *list) {
    judd_status status = JUDD_OK;
    int64_t most = 0;
    for (int64_t i = 0; i < list->n; i++) {
        const char *c = list->samples[i].class_text;
        if (!c) JUDD_FAIL(JUDD_E_DATA, "%s has no labels; use a list", list->samples[i].name);
        for (most += *c != '\0'; *c; c++) most += *c == ',';
    }
    w->n_samples = list->n;
    JUDD_TRY(judd_memory_alloc(&w->texts, list->n, sizeof *w->texts));
    JUDD_TRY(judd_memory_alloc(&w->items, most, sizeof *w->items));
    for (int64_t i = 0; i < list->n; i++) {
        JUDD_TRY(judd_memory_string(&w->texts[i], list->samples[i].class_text));
        for (char *at = *w->texts[i] ? w->texts[i] : NULL, *comma; at; at = comma) {
            comma = strchr(at, ',');
            if (comma) *comma++ = '\0';
            if (!*at)
                JUDD_FAIL(JUDD_E_DATA, "%s: an empty label between commas; correct the line",
                          list->samples[i].name);
            w->items[w->n++] = (word){.sample = i, .text = at};
        }
    }
done:
    return status;
}

static judd_status collect_words(judd_name_table *classes, const words *w) {
    judd_status status = JUDD_OK;
    const char **texts = NULL;
    JUDD_TRY(judd_memory_alloc(&texts, w->n, sizeof *texts));
    for (int64_t i = 0; i < w->n; i++) texts[i] = w->items[i].text;
    JUDD_TRY(judd_name_table_collect(classes, texts, w->n));
done:
    free(texts);
    return status;
}

/* Class of every word; the largest number tells how many there are when they have no names. */
static judd_status number_words(int32_t *numbers, judd_label_set *out, const words *w,
                                const judd_sample_list *list, const char *class_list) {
    int64_t most = (out->names.n > 0 ? out->names.n : JUDD_NAME_TABLE_MOST) - 1;
    out->n_targets = out->names.n;
    for (int64_t i = 0; i < w->n; i++) {
        int64_t number = list->numbers ? judd_name_table_number(w->items[i].text, most)
                                       : judd_name_table_find(&out->names, w->items[i].text);
        if (number < 0)
            return judd_status_set(JUDD_E_DATA, "%s: label %s is not among the %lld of %s",
                                   list->samples[w->items[i].sample].name, w->items[i].text,
                                   (long long)most + 1, class_list ? class_list : "the data set");
        numbers[i] = (int32_t)number;
        if (number >= out->n_targets) out->n_targets = number + 1;
    }
    return JUDD_OK;
}

static judd_status make_multilabel(judd_label_set *out, const judd_sample_list *list,
                                   const char *class_list) {
    judd_status status = JUDD_OK;
    words w = {0};
    int32_t *numbers = NULL;
    JUDD_TRY(cut_words(&w, list));
    if (w.n == 0) JUDD_FAIL(JUDD_E_DATA, "no sample has a label; is it the right file?");
    if (!class_list && !list->numbers) JUDD_TRY(collect_words(&out->names, &w));
    JUDD_TRY(judd_name_table_sort(&out->names, class_list));
    JUDD_TRY(judd_memory_alloc(&numbers, w.n, sizeof *numbers));
    JUDD_TRY(number_words(numbers, out, &w, list, class_list));
    JUDD_TRY(judd_memory_alloc(&out->targets, list->n * out->n_targets, sizeof *out->targets));
    for (int64_t i = 0; i < w.n; i++)
        out->targets[w.items[i].sample * out->n_targets + numbers[i]] = 1.0f;
done:
    free(numbers);
    free_words(&w);
    return status;
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

static int64_t count_columns(const char *text) {
    int64_t n = 1;
    for (; *text; text++) n += *text == '\t';
    return n;
}

/* Finite or not is looked at where all formats meet. */
static judd_status read_numbers(float *row, int64_t n, const judd_sample *s) {
    const char *at = s->class_text;
    if (count_columns(at) != n)
        return judd_status_set(JUDD_E_DATA, "%s: %lld numbers, the first sample has %lld", s->name,
                               (long long)count_columns(at), (long long)n);
    for (int64_t j = 0; j < n; j++) {
        char *end = NULL;
        row[j] = strtof(at, &end);
        if (end == at || (*end != '\t' && *end != '\0'))
            return judd_status_set(JUDD_E_DATA, "%s: \"%.*s\" is no number; correct the line",
                                   s->name, (int)strcspn(at, "\t"), at);
        at = end + 1;
    }
    return JUDD_OK;
}

static judd_status make_regression(judd_label_set *out, const judd_sample_list *list) {
    judd_status status = JUDD_OK;
    for (int64_t i = 0; i < list->n; i++)
        if (!list->samples[i].class_text)
            JUDD_FAIL(JUDD_E_DATA, "%s has no numbers; use a list", list->samples[i].name);
    int64_t n = count_columns(list->samples[0].class_text);
    out->n_targets = n;
    JUDD_TRY(judd_memory_alloc(&out->targets, list->n * n, sizeof *out->targets));
    for (int64_t i = 0; i < list->n; i++)
        JUDD_TRY(read_numbers(out->targets + i * n, n, &list->samples[i]));
done:
    return status;
}

judd_status judd_list_labels_make(judd_label_set *out, const judd_sample_list *list,
                                  const char *class_list) {
    judd_status status = JUDD_OK;
    out->n = list->n;
    if (class_list) JUDD_TRY(judd_name_table_read(&out->names, class_list));
    if (list->task == JUDD_MULTILABEL) return make_multilabel(out, list, class_list);
    if (list->task == JUDD_REGRESSION) return make_regression(out, list);
    JUDD_TRY(judd_memory_alloc(&out->labels, list->n, sizeof *out->labels));
    JUDD_TRY(list->numbers ? label_by_number(out, list) : label_by_name(out, list, class_list));
done:
    return status;
}

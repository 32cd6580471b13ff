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

static judd_status put_name(judd_label_set *out, const char *class_list, const judd_sample *s,
                            int64_t i) {
    if (!s->text && !class_list)
        return judd_status_set(JUDD_E_DATA,
                               "%s lies in no class folder; move it or give a class list", s->name);
    int32_t label = judd_name_table_find(&out->names, s->text);
    if (label < 0 && class_list) label = class_of_name(&out->names, s->name);
    if (label < 0)
        return judd_status_set(JUDD_E_DATA,
                               "%s: class %s is not in %s; add it or remove the sample", s->name,
                               s->text ? s->text : "(none)", class_list);
    out->labels[i] = label;
    return JUDD_OK;
}

/* The largest number that is a class. */
static int64_t most_of(const judd_label_set *out) {
    return (out->names.n > 0 ? out->names.n : JUDD_NAME_TABLE_MOST) - 1;
}

static judd_status put_number(judd_label_set *out, const judd_sample *s, int64_t i) {
    int64_t most = most_of(out), label = s->text ? judd_name_table_number(s->text, most) : -1;
    if (label < 0)
        return judd_status_set(JUDD_E_DATA, "%s: label %s, but labels are 0 .. %lld; correct it",
                               s->name, s->text ? s->text : "missing", (long long)most);
    out->labels[i] = (int32_t)label;
    return JUDD_OK;
}

/* ---- several classes each ---------------------------------------------------------------------
 */

static judd_status put_word(judd_label_set *out, const judd_sample_list *list,
                            const char *class_list, const judd_sample *s, const char *word,
                            float *row) {
    if (!*word)
        return judd_status_set(JUDD_E_DATA, "%s: an empty label between commas; correct the line",
                               s->name);
    int64_t most = most_of(out);
    int64_t number = list->numbers ? judd_name_table_number(word, most)
                                   : judd_name_table_find(&out->names, word);
    if (number < 0)
        return judd_status_set(JUDD_E_DATA, "%s: label %s is not among the %lld of %s", s->name,
                               word, (long long)most + 1, class_list ? class_list : "the data set");
    row[number] = 1.0f;
    return JUDD_OK;
}

static judd_status put_words(judd_label_set *out, const judd_sample_list *list,
                             const char *class_list, const judd_sample *s, int64_t i) {
    judd_status status = JUDD_OK;
    char *copy = NULL;
    if (!s->text) JUDD_FAIL(JUDD_E_DATA, "%s has no labels; use a list", s->name);
    JUDD_TRY(judd_memory_string(&copy, s->text));
    for (char *at = *copy ? copy : NULL, *comma; at; at = comma) {
        comma = strchr(at, ',');
        if (comma) *comma++ = '\0';
        JUDD_TRY(put_word(out, list, class_list, s, at, out->targets + i * out->n_targets));
    }
done:
    free(copy);
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
static judd_status put_numbers(judd_label_set *out, const judd_sample *s, int64_t i) {
    const char *at = s->text;
    float *row = out->targets + i * out->n_targets;
    if (count_columns(at) != out->n_targets)
        return judd_status_set(JUDD_E_DATA, "%s: %lld numbers, the first sample has %lld", s->name,
                               (long long)count_columns(at), (long long)out->n_targets);
    for (int64_t j = 0; j < out->n_targets; j++) {
        char *end = NULL;
        row[j] = strtof(at, &end);
        if (end == at || (*end != '\t' && *end != '\0'))
            return judd_status_set(JUDD_E_DATA, "%s: \"%.*s\" is no number; correct the line",
                                   s->name, (int)strcspn(at, "\t"), at);
        at = end + 1;
    }
    return JUDD_OK;
}

/* ---- all --------------------------------------------------------------------------------------
 */

judd_status judd_list_labels_begin(judd_label_set *out, judd_sample_list *list,
                                   const char *class_list) {
    judd_status status = JUDD_OK;
    out->n = list->n;
    if (list->task == JUDD_NO_TASK) return JUDD_OK;
    if (list->task == JUDD_MULTILABEL && list->words.n == 0)
        JUDD_FAIL(JUDD_E_DATA, "no sample has a label; is it the right file?");
    if (class_list) {
        JUDD_TRY(judd_name_table_read(&out->names, class_list));
    } else if (!list->numbers && list->task != JUDD_REGRESSION) {
        out->names = list->words;
        list->words = (judd_name_table){0};
        JUDD_TRY(judd_name_table_number_by_bytes(&out->names));
    }
    JUDD_TRY(judd_name_table_sort(&out->names, class_list));
done:
    return status;
}

/* How many columns there are is known when the first sample is. */
static judd_status create(judd_label_set *out, const judd_sample_list *list,
                          const judd_sample *first) {
    int64_t n_targets = 0;
    if (list->task == JUDD_MULTILABEL)
        n_targets = out->names.n > 0 ? out->names.n : list->largest + 1;
    if (list->task == JUDD_REGRESSION) {
        if (!first->text)
            return judd_status_set(JUDD_E_DATA, "%s has no numbers; use a list", first->name);
        n_targets = count_columns(first->text);
    }
    if (list->task == JUDD_MULTILABEL && n_targets == 0) n_targets = 1; /* put_word refuses */
    return judd_label_set_create(out, list->n, n_targets);
}

judd_status judd_list_labels_put(judd_label_set *out, const judd_sample_list *list,
                                 const char *class_list, const judd_sample *s, int64_t i) {
    judd_status status = i == 0 ? create(out, list, s) : JUDD_OK;
    if (status != JUDD_OK || list->task == JUDD_NO_TASK) return status;
    if (list->task == JUDD_MULTILABEL) return put_words(out, list, class_list, s, i);
    if (list->task == JUDD_REGRESSION) {
        if (s->text) return put_numbers(out, s, i);
        return judd_status_set(JUDD_E_DATA, "%s has no numbers; use a list", s->name);
    }
    return list->numbers ? put_number(out, s, i) : put_name(out, class_list, s, i);
}

#include "data/sample_list.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifndef JUDD_SORT_BYTES
#define JUDD_SORT_BYTES (1 << 25)
#endif
static const int64_t most_bytes = (int64_t)1 << 31; /* of an image, which is read whole */

/* What is sorted by name: this, then the text with its NUL unless there is none. A label's name is
 * its key with the dot, so it comes before all images of the key, which are neighbours. */
typedef struct entry {
    int64_t offset, size;
    int32_t file;
    bool is_label, has_text;
} entry;

typedef struct judd_label {
    int32_t file;
    char *text;
} judd_label;

judd_status judd_sample_list_create(judd_sample_list *list, judd_task_kind task,
                                    judd_watchdog *watchdog) {
    *list = (judd_sample_list){.task = task, .largest = -1, .watchdog = watchdog};
    return judd_sorter_create(&list->sorter, JUDD_SORT_BYTES);
}

static void forget_labels(judd_sample_list *list) {
    for (int64_t i = 0; i < list->n_labels; i++) free(list->labels[i].text);
    list->n_labels = 0;
    free(list->key);
    list->key = NULL;
}

void judd_sample_list_free(judd_sample_list *list) {
    for (int64_t i = 0; i < list->n_files; i++) free(list->files[i]);
    forget_labels(list);
    judd_name_table_free(&list->words);
    judd_sorter_destroy(list->sorter);
    free(list->labels);
    free(list->before);
    free(list->root);
    free(list->files);
    *list = (judd_sample_list){0};
}

judd_status judd_sample_list_add_file(judd_sample_list *list, const char *path) {
    judd_status status = JUDD_OK;
    char **moved = realloc(list->files, (size_t)(list->n_files + 1) * sizeof *moved);
    if (!moved) JUDD_FAIL(JUDD_E_INTERNAL, "no memory for %lld names", (long long)list->n_files);
    list->files = moved;
    JUDD_TRY(judd_memory_string(&list->files[list->n_files], path));
    list->n_files++;
done:
    return status;
}

/* ---- adding -----------------------------------------------------------------------------------
 */

static judd_status add(judd_sample_list *list, const char *name, entry e, const char *text) {
    judd_status status = JUDD_OK;
    size_t text_bytes = text ? strlen(text) + 1 : 0;
    char *data = NULL;
    judd_watchdog_beat(list->watchdog);
    e.has_text = text != NULL;
    JUDD_TRY(judd_memory_alloc(&data, (int64_t)(sizeof e + text_bytes), 1));
    memcpy(data, &e, sizeof e);
    if (text) memcpy(data + sizeof e, text, text_bytes);
    JUDD_TRY(judd_sorter_add(list->sorter, name, data, (int64_t)(sizeof e + text_bytes)));
done:
    free(data);
    return status;
}

static judd_status note_word(judd_sample_list *list, const char *word) {
    int64_t number = judd_name_table_number(word, JUDD_NAME_TABLE_MOST - 1);
    if (number > list->largest) list->largest = number;
    return judd_name_table_note(&list->words, word);
}

judd_status judd_sample_list_note(judd_sample_list *list, const char *text) {
    judd_status status = JUDD_OK;
    char *copy = NULL;
    if (list->task == JUDD_REGRESSION || list->task == JUDD_NO_TASK || !text) return JUDD_OK;
    if (list->task == JUDD_CLASSIFICATION) return note_word(list, text);
    JUDD_TRY(judd_memory_string(&copy, text));
    for (char *at = copy, *comma; at && *at; at = comma) {
        comma = strchr(at, ',');
        if (comma) *comma++ = '\0';
        JUDD_TRY(note_word(list, at));
    }
done:
    free(copy);
    return status;
}

judd_status judd_sample_list_add(judd_sample_list *list, const judd_sample *s) {
    judd_status status = JUDD_OK;
    entry e = {.offset = s->offset, .size = s->size, .file = s->file};
    JUDD_TRY(judd_name_table_check(s->name));
    if (s->size > most_bytes)
        JUDD_FAIL(JUDD_E_DATA, "%s: %lld bytes, more than an image has (2 GiB); remove it", s->name,
                  (long long)s->size);
    JUDD_TRY(judd_sample_list_note(list, s->text));
    JUDD_TRY(add(list, s->name, e, s->text));
    list->n++;
    list->name_bytes += (int64_t)strlen(s->name) + 1;
done:
    return status;
}

/* Length of the name up to the first dot of its last part. */
static size_t key_length(const char *name) {
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    return (size_t)(base - name) + strcspn(base, ".");
}

judd_status judd_sample_list_add_label(judd_sample_list *list, const char *name, const char *text,
                                       int32_t file) {
    char *key = NULL;
    judd_status status = judd_memory_format(&key, "%.*s.", (int)key_length(name), name);
    if (status == JUDD_OK) status = add(list, key, (entry){.file = file, .is_label = true}, text);
    free(key);
    list->labelled = list->numbers = true;
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static judd_status take_label(judd_sample_list *list, const char *key, const entry *e,
                              const char *text) {
    judd_status status = JUDD_OK;
    if (!list->key || strcmp(list->key, key) != 0) {
        forget_labels(list);
        JUDD_TRY(judd_memory_string(&list->key, key));
    }
    if (list->n_labels == list->most_labels) {
        int64_t more = 2 * list->most_labels + 1;
        judd_label *moved = realloc(list->labels, (size_t)more * sizeof *moved);
        if (!moved) JUDD_FAIL(JUDD_E_INTERNAL, "no memory for labels");
        list->labels = moved;
        list->most_labels = more;
    }
    judd_label *l = &list->labels[list->n_labels];
    *l = (judd_label){.file = e->file};
    JUDD_TRY(judd_memory_string(&l->text, text));
    list->n_labels++;
done:
    return status;
}

static judd_status give_label(const judd_sample_list *list, judd_sample *s) {
    size_t n = key_length(s->name);
    bool fits = list->key && strncmp(list->key, s->name, n) == 0 && strcmp(list->key + n, ".") == 0;
    s->text = NULL;
    for (int64_t i = 0; fits && i < list->n_labels && !s->text; i++)
        if (list->labels[i].file == s->file) s->text = list->labels[i].text;
    if (s->text || list->task == JUDD_NO_TASK) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA, "%s: %s has no .cls, but others have; add it",
                           list->files[s->file], s->name);
}

static judd_status check_order(judd_sample_list *list, const char *name) {
    if (list->before && strcmp(list->before, name) == 0)
        return judd_status_set(JUDD_E_DATA, "%s stands in it twice; remove one", name);
    free(list->before);
    list->before = NULL;
    return judd_memory_string(&list->before, name);
}

judd_status judd_sample_list_next(judd_sample_list *list, judd_sample *s) {
    judd_status status = JUDD_OK;
    entry e = {0};
    do {
        const void *data = NULL;
        int64_t bytes = 0;
        *s = (judd_sample){0};
        judd_watchdog_beat(list->watchdog);
        JUDD_TRY(judd_sorter_next(list->sorter, &s->name, &data, &bytes));
        if (!s->name) goto done;
        memcpy(&e, data, sizeof e);
        s->text = e.has_text ? (const char *)data + sizeof e : NULL;
        if (e.is_label) JUDD_TRY(take_label(list, s->name, &e, s->text));
    } while (e.is_label);
    s->file = e.file;
    s->offset = e.offset;
    s->size = e.size;
    JUDD_TRY(check_order(list, s->name));
    if (list->labelled) JUDD_TRY(give_label(list, s));
done:
    return status;
}

bool judd_sample_list_is_image(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

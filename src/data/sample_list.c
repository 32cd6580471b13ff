#include "data/sample_list.h"

#include "data/name_table.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void judd_sample_list_free(judd_sample_list *list) {
    for (int64_t i = 0; i < list->n_files; i++) free(list->files[i]);
    for (int64_t i = 0; i < list->n; i++) {
        free(list->samples[i].name);
        free(list->samples[i].class_text);
    }
    free(list->root);
    free(list->files);
    free(list->samples);
    *list = (judd_sample_list){0};
}

/* Room for one item more than n, doubling. */
static judd_status grow(void **items, int64_t n, int64_t *capacity, size_t size) {
    if (n < *capacity) return JUDD_OK;
    int64_t more = *capacity ? 2 * *capacity : 64;
    void *moved = realloc(*items, (size_t)more * size);
    if (!moved)
        return judd_status_set(JUDD_E_INTERNAL, "no memory for %lld names", (long long)more);
    *items = moved;
    *capacity = more;
    return JUDD_OK;
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

judd_status judd_sample_list_add(judd_sample_list *list, const char *name, const char *class_text,
                                 int32_t file, int64_t offset, int64_t size) {
    judd_status status = JUDD_OK;
    judd_sample s = {.file = file, .offset = offset, .size = size};
    void *items = list->samples;
    JUDD_TRY(judd_name_table_check(name));
    JUDD_TRY(grow(&items, list->n, &list->capacity, sizeof s));
    list->samples = items;
    JUDD_TRY(judd_memory_string(&s.name, name));
    JUDD_TRY(judd_memory_string(&s.class_text, class_text));
    list->samples[list->n++] = s;
    s = (judd_sample){0};
done:
    free(s.name);
    return status;
}

bool judd_sample_list_is_image(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

static int compare_samples(const void *a, const void *b) {
    const judd_sample *x = a, *y = b;
    return strcmp(x->name, y->name);
}

judd_status judd_sample_list_sort(judd_sample_list *list) {
    if (list->n == 0)
        return judd_status_set(JUDD_E_DATA,
                               "no image (.jpg, .jpeg, .png) is in it; check the path");
    qsort(list->samples, (size_t)list->n, sizeof *list->samples, compare_samples);
    for (int64_t i = 1; i < list->n; i++)
        if (strcmp(list->samples[i - 1].name, list->samples[i].name) == 0)
            return judd_status_set(JUDD_E_DATA, "%s stands in it twice; remove one",
                                   list->samples[i].name);
    return JUDD_OK;
}

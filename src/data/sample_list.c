#include "data/sample_list.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_CLASSES = 65536, MAX_CLASS_LIST = 1 << 26 };

void judd_sample_list_free(judd_sample_list *list) {
    for (int64_t i = 0; i < list->n_files; i++) free(list->files[i]);
    for (int64_t i = 0; i < list->n; i++) {
        free(list->samples[i].name);
        free(list->samples[i].class_text);
    }
    for (int64_t i = 0; list->classes && i < list->n_classes; i++) free(list->classes[i]);
    free(list->root);
    free(list->files);
    free(list->samples);
    free(list->classes);
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

/* Length of a valid UTF-8 sequence at p, 0 if there is none (RFC 3629, section 4) or it is a
 * control character. */
static int printable(const unsigned char *p) {
    if (p[0] < 0x20 || p[0] == 0x7f) return 0;
    if (p[0] < 0x80) return 1;
    int n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    for (int i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
               (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return bad ? 0 : n;
}

static judd_status check_name(const char *name) {
    int length = 1;
    for (const char *c = name; *c; c += length) {
        length = printable((const unsigned char *)c);
        if (length == 0)
            return judd_status_set(JUDD_E_DATA,
                                   "name %.*s... has byte 0x%02x after it, which is no printable "
                                   "UTF-8; rename the file",
                                   (int)(c - name), name, (unsigned char)*c);
    }
    return JUDD_OK;
}

judd_status judd_sample_list_add(judd_sample_list *list, const char *name, const char *class_text,
                                 int32_t file, int64_t offset, int64_t size) {
    judd_status status = JUDD_OK;
    judd_sample s = {.file = file, .offset = offset, .size = size};
    void *items = list->samples;
    JUDD_TRY(check_name(name));
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

/* ---- classes ----------------------------------------------------------------------------------
 */

/* A whole decimal number 0 .. most, or -1. */
static int64_t number(const char *text, int64_t most) {
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') return -1;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0 && value <= most ? value : -1;
}

static judd_status add_class(judd_sample_list *list, int64_t *capacity, const char *name) {
    void *items = list->classes;
    if (list->n_classes == MAX_CLASSES)
        return judd_status_set(JUDD_E_DATA, "more than %d classes; is this a data set?",
                               MAX_CLASSES);
    judd_status status = grow(&items, list->n_classes, capacity, sizeof *list->classes);
    list->classes = items;
    if (status == JUDD_OK) status = judd_memory_string(&list->classes[list->n_classes], name);
    if (status == JUDD_OK) list->n_classes++;
    return status;
}

/* One line of a class list: "name" or "label<TAB>name<TAB>...", labels in order. */
static judd_status read_class_line(judd_sample_list *list, int64_t *capacity, char *line) {
    char *tab = strchr(line, '\t');
    char *name = line;
    if (tab) {
        *tab = '\0';
        int64_t label = number(line, MAX_CLASSES);
        if (label >= 0) {
            if (label != list->n_classes)
                return judd_status_set(JUDD_E_DATA,
                                       "label %lld, expected %lld; list the classes in the order "
                                       "of their labels",
                                       (long long)label, (long long)list->n_classes);
            name = tab + 1;
            name[strcspn(name, "\t")] = '\0';
        }
    }
    judd_status status = check_name(name);
    return status == JUDD_OK ? add_class(list, capacity, name) : status;
}

static judd_status read_class_list(judd_sample_list *list, const char *path) {
    judd_status status = JUDD_OK;
    char *text = NULL;
    int64_t bytes = 0, capacity = 0, line = 0;
    JUDD_TRY(judd_atomic_file_read(&text, &bytes, path, MAX_CLASS_LIST));
    for (char *at = text, *next; at && *at; at = next) {
        next = strchr(at, '\n');
        if (next) *next++ = '\0';
        at[strcspn(at, "\r")] = '\0';
        line++;
        if (*at)
            JUDD_TRY(judd_status_context(read_class_line(list, &capacity, at), "%s:%lld", path,
                                         (long long)line));
    }
    if (list->n_classes == 0) JUDD_FAIL(JUDD_E_DATA, "%s: names no class; list one a line", path);
done:
    free(text);
    return status;
}

static int compare_text(const void *a, const void *b) {
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* Class names are the distinct class texts in byte order, as torchvision sorts folders. */
static judd_status collect_classes(judd_sample_list *list) {
    judd_status status = JUDD_OK;
    char **texts = NULL;
    int64_t capacity = 0;
    JUDD_TRY(judd_memory_alloc(&texts, list->n, sizeof *texts));
    for (int64_t i = 0; i < list->n; i++) texts[i] = list->samples[i].class_text;
    qsort(texts, (size_t)list->n, sizeof *texts, compare_text);
    for (int64_t i = 0; i < list->n; i++)
        if (i == 0 || strcmp(texts[i - 1], texts[i]) != 0)
            JUDD_TRY(add_class(list, &capacity, texts[i]));
done:
    free(texts);
    return status;
}

typedef struct class_row {
    const char *name;
    int32_t label;
} class_row;

static int compare_rows(const void *a, const void *b) {
    const class_row *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static const class_row *find_class(const class_row *rows, int64_t n, const char *name) {
    class_row wanted = {.name = name};
    return name ? bsearch(&wanted, rows, (size_t)n, sizeof *rows, compare_rows) : NULL;
}

/* ImageNet's names begin with their class: n01440764_10026.JPEG. */
static const class_row *class_of_name(const class_row *rows, int64_t n, const char *name) {
    char prefix[256];
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    size_t length = strcspn(base, "_");
    if (!base[length] || length >= sizeof prefix) return NULL;
    memcpy(prefix, base, length);
    prefix[length] = '\0';
    return find_class(rows, n, prefix);
}

static judd_status label_by_name(judd_sample_list *list, const char *class_list) {
    judd_status status = JUDD_OK;
    class_row *rows = NULL;
    JUDD_TRY(judd_memory_alloc(&rows, list->n_classes, sizeof *rows));
    for (int64_t c = 0; c < list->n_classes; c++)
        rows[c] = (class_row){.name = list->classes[c], .label = (int32_t)c};
    qsort(rows, (size_t)list->n_classes, sizeof *rows, compare_rows);
    for (int64_t c = 1; c < list->n_classes; c++)
        if (strcmp(rows[c - 1].name, rows[c].name) == 0)
            JUDD_FAIL(JUDD_E_DATA, "%s: class %s stands twice", class_list, rows[c].name);
    for (int64_t i = 0; i < list->n; i++) {
        judd_sample *s = &list->samples[i];
        const class_row *row = find_class(rows, list->n_classes, s->class_text);
        if (!row && class_list) row = class_of_name(rows, list->n_classes, s->name);
        if (!row)
            JUDD_FAIL(JUDD_E_DATA, "%s: class %s is not in %s; add it or remove the image", s->name,
                      s->class_text ? s->class_text : "(none)", class_list);
        s->label = row->label;
    }
done:
    free(rows);
    return status;
}

static judd_status label_by_number(judd_sample_list *list) {
    int64_t most = list->classes ? list->n_classes - 1 : MAX_CLASSES - 1, n_classes = 0;
    for (int64_t i = 0; i < list->n; i++) {
        judd_sample *s = &list->samples[i];
        int64_t label = s->class_text ? number(s->class_text, most) : -1;
        if (label < 0)
            return judd_status_set(JUDD_E_DATA,
                                   "%s: label %s, but labels are 0 .. %lld; correct it", s->name,
                                   s->class_text ? s->class_text : "missing", (long long)most);
        s->label = (int32_t)label;
        if (label >= n_classes) n_classes = label + 1;
    }
    if (!list->classes) list->n_classes = n_classes;
    return JUDD_OK;
}

static int compare_samples(const void *a, const void *b) {
    const judd_sample *x = a, *y = b;
    return strcmp(x->name, y->name);
}

judd_status judd_sample_list_finish(judd_sample_list *list, const char *class_list,
                                    const char *place) {
    judd_status status = JUDD_OK;
    if (list->n == 0)
        JUDD_FAIL(JUDD_E_DATA, "no image (.jpg, .jpeg, .png) is in it; check the path");
    qsort(list->samples, (size_t)list->n, sizeof *list->samples, compare_samples);
    for (int64_t i = 1; i < list->n; i++)
        if (strcmp(list->samples[i - 1].name, list->samples[i].name) == 0)
            JUDD_FAIL(JUDD_E_DATA, "%s stands in it twice; remove one", list->samples[i].name);
    if (class_list) JUDD_TRY(read_class_list(list, class_list));
    if (list->numbers) {
        JUDD_TRY(label_by_number(list));
        goto done;
    }
    for (int64_t i = 0; !class_list && i < list->n; i++)
        if (!list->samples[i].class_text)
            JUDD_FAIL(JUDD_E_DATA, "%s lies in no class folder; move it or give a class list",
                      list->samples[i].name);
    if (!class_list) JUDD_TRY(collect_classes(list));
    JUDD_TRY(label_by_name(list, class_list));
done:
    return judd_status_context(status, "%s", place);
}

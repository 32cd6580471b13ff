#include <judd/io/h5_list.h>

#include <judd/base/plain.h>
#include <judd/io/h5.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Values that are few; characters of a text on a line; columns of the table. */
enum { FEW = 8, MOST_TEXT = 400, NAME = 24, SHAPE = 16, TYPE = 8 };

typedef struct listing {
    FILE *to;
    hid_t file;
    const char *before; /* the first value of a dataset */
    bool titled;        /* the table has its head */
    judd_status status;
} listing;

/* ---- attributes ---------------------------------------------------------------------------------
 */

static H5T_class_t class_of_attribute(hid_t object, const char *name) {
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    hid_t type = attribute < 0 ? H5I_INVALID_HID : H5Aget_type(attribute);
    H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
    if (type >= 0) H5Tclose(type);
    if (attribute >= 0) H5Aclose(attribute);
    return class;
}

static judd_status print_attribute(const listing *l, H5T_class_t class, const char *name) {
    judd_status status = JUDD_OK;
    char *text = NULL;
    int64_t whole = 0;
    double real = 0.0;
    if (class == H5T_STRING) JUDD_TRY(judd_h5_get_string(l->file, "/", name, &text));
    if (class == H5T_INTEGER) JUDD_TRY(judd_h5_get_int(l->file, "/", name, &whole));
    if (class == H5T_FLOAT) JUDD_TRY(judd_h5_get_double(l->file, "/", name, &real));
    judd_plain_print(l->to, name, MOST_TEXT);
    fputs(": ", l->to);
    if (text) judd_plain_print(l->to, text, MOST_TEXT);
    if (class == H5T_INTEGER) fprintf(l->to, "%" PRId64, whole);
    if (class == H5T_FLOAT) fprintf(l->to, "%.9g", real);
    fputc('\n', l->to);
done:
    free(text);
    return status;
}

static herr_t list_attribute(hid_t object, const char *name, const H5A_info_t *info,
                             void *context) {
    listing *l = context;
    (void)info;
    l->status = print_attribute(l, class_of_attribute(object, name), name);
    return l->status != JUDD_OK;
}

/* ---- datasets -----------------------------------------------------------------------------------
 */

static void print_shape(const listing *l, const judd_h5_extent *e) {
    char text[JUDD_H5_MAX_RANK * 24] = "one";
    for (int d = 0, used = 0; d < e->rank; d++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%" PRId64, d > 0 ? " x " : "",
                         e->dims[d]);
    fprintf(l->to, "  %-*s", SHAPE, text);
}

static void print_type(const listing *l, const judd_h5_extent *e) {
    const char *kind = e->kind == 'f' ? "float" : e->kind == 'i' ? "int" : "uint";
    char text[32] = "text";
    if (e->kind != '?') snprintf(text, sizeof text, "%s%d", kind, 8 * e->width);
    fprintf(l->to, "  %-*s", TYPE, text);
}

static judd_status print_numbers(const listing *l, const char *name, const judd_h5_extent *e,
                                 int64_t n) {
    double real[FEW];
    int64_t whole[FEW];
    bool is_real = e->kind == 'f';
    hid_t type = is_real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64;
    void *to = is_real ? (void *)real : (void *)whole;
    judd_status status = judd_h5_read_rows(l->file, name, type, 0, e->dims[0], to);
    if (status != JUDD_OK) return status;
    for (int64_t i = 0; i < n; i++) {
        fputs(i > 0 ? ", " : l->before, l->to);
        if (is_real)
            fprintf(l->to, "%.9g", real[i]);
        else
            fprintf(l->to, "%" PRId64, whole[i]);
    }
    return JUDD_OK;
}

static judd_status print_words(const listing *l, const char *name) {
    char **words = NULL;
    int64_t n = 0;
    judd_status status = judd_h5_read_strings(l->file, name, &words, &n);
    for (int64_t i = 0; status == JUDD_OK && i < n && i < FEW; i++) {
        fputs(i > 0 ? ", " : l->before, l->to);
        judd_plain_print(l->to, words[i], MOST_TEXT);
    }
    if (status == JUDD_OK && n > FEW) fputs(", ...", l->to);
    free(words);
    return status;
}

static judd_status print_values(const listing *l, const char *name, const judd_h5_extent *e) {
    int64_t n = 1;
    for (int d = 0; d < e->rank && n <= FEW; d++) n = e->dims[d] > FEW ? FEW + 1 : n * e->dims[d];
    if (e->kind == '?' && e->rank == 1) return print_words(l, name);
    bool few = e->kind != '?' && e->rank > 0 && n <= FEW;
    return few ? print_numbers(l, name, e, n) : JUDD_OK;
}

static judd_status print_dataset(listing *l, const char *name) {
    judd_status status = JUDD_OK;
    judd_h5_extent e;
    char *description = NULL;
    JUDD_TRY(judd_h5_extent_of(l->file, name, &e));
    if (H5Aexists_by_name(l->file, name, "description", H5P_DEFAULT) > 0)
        JUDD_TRY(judd_h5_get_string(l->file, name, "description", &description));
    if (!l->titled)
        fprintf(l->to, "\n%-*s  %-*s  %-*s  %s\n", NAME, "dataset", SHAPE, "shape", TYPE, "type",
                "what");
    l->titled = true;
    judd_plain_print(l->to, name, MOST_TEXT);
    fprintf(l->to, "%*s", strlen(name) < NAME ? NAME - (int)strlen(name) : 0, "");
    print_shape(l, &e);
    print_type(l, &e);
    fputs("  ", l->to);
    if (description) judd_plain_print(l->to, description, MOST_TEXT);
    l->before = description && description[0] ? ": " : "";
    JUDD_TRY(print_values(l, name, &e));
done:
    fputc('\n', l->to);
    free(description);
    return status;
}

static herr_t list_link(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    listing *l = context;
    H5O_info_t object;
    if (info->type == H5L_TYPE_HARD &&
        H5Oget_info_by_name(group, name, &object, H5P_DEFAULT) >= 0 &&
        object.type == H5O_TYPE_DATASET)
        l->status = print_dataset(l, name);
    return l->status != JUDD_OK;
}

judd_status judd_h5_list(FILE *to, hid_t file, const char *path) {
    listing l = {.to = to, .file = file};
    if (H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, NULL, list_attribute, &l) < 0 ||
        H5Lvisit(file, H5_INDEX_NAME, H5_ITER_INC, list_link, &l) < 0)
        l.status = judd_status_set(JUDD_E_DATA, "%s: cannot be examined: %s; it is damaged", path,
                                   judd_h5_reason());
    return l.status;
}

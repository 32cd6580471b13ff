#include "job/write.h"

#include "job/c_locale.h"
#include "job/keys.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The folder part without links, dots and doubled slashes, as far as it exists. */
static judd_status absolute_path(char **out, const char *path) {
    judd_status status = JUDD_OK;
    char *folder = NULL, *real = NULL;
    size_t n = strlen(path);
    while (!real) {
        while (n > 0 && path[n - 1] != '/') n--;
        free(folder);
        folder = NULL;
        JUDD_TRY(judd_memory_format(&folder, "%.*s", n > 0 ? (int)n : 1, n > 0 ? path : "."));
        real = realpath(folder, NULL);
        if (!real && n == 0) JUDD_FAIL(JUDD_E_IO, "working directory: %s", strerror(errno));
        if (!real && n == 1) JUDD_FAIL(JUDD_E_IO, "/: %s", strerror(errno));
        n -= !real;
    }
    status = judd_memory_format(out, "%s%s%s", real, strcmp(real, "/") == 0 ? "" : "/", path + n);
done:
    free(folder);
    free(real);
    return status;
}

static void write_text(FILE *file, const char *text) {
    fputc('"', file);
    for (const char *c = text; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte < 32 || byte == 127)
            fprintf(file, "\\x%02x", byte);
        else
            fprintf(file, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    }
    fputc('"', file);
}

/* The shortest decimal that reads back as the same double, with a point or an exponent: without one
 * libconfig would read an integer. */
static void write_real(FILE *file, double real) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, real);
        if (strtod(text, NULL) == real) break;
    }
    fprintf(file, strpbrk(text, ".e") ? "%s" : "%s.0", text);
}

static judd_status write_scalar(FILE *file, judd_key_type element, const char *target) {
    judd_status status = JUDD_OK;
    int64_t integer;
    double real;
    bool truth;
    char *text, *path = NULL;
    switch (element) {
    case JUDD_KEY_INT:
        memcpy(&integer, target, sizeof integer);
        fprintf(file, integer < INT32_MIN || integer > INT32_MAX ? "%lldL" : "%lld",
                (long long)integer);
        break;
    case JUDD_KEY_REAL:
        memcpy(&real, target, sizeof real);
        write_real(file, real);
        break;
    case JUDD_KEY_BOOL:
        memcpy(&truth, target, sizeof truth);
        fputs(truth ? "true" : "false", file);
        break;
    default:
        memcpy(&text, target, sizeof text);
        if (text && element == JUDD_KEY_PATH) JUDD_TRY(absolute_path(&path, text));
        if (text) write_text(file, path ? path : text);
    }
done:
    free(path);
    return status;
}

/* The value of a key that is no group; nothing for a string that is NULL. */
static judd_status write_value(FILE *file, const judd_key *key, const void *base) {
    judd_status status = JUDD_OK;
    judd_key_type element = judd_keys_element(key->type);
    const char *target = (const char *)base + key->offset;
    int64_t n;
    const char *items;
    memcpy(&n, target, sizeof n);
    if (key->flags & JUDD_KEY_AUTO && n == 0) {
        write_text(file, "auto");
        return JUDD_OK;
    }
    if (element == key->type) return write_scalar(file, element, target);
    memcpy(&n, target + offsetof(judd_job_numbers, n), sizeof n);
    memcpy(&items, target + offsetof(judd_job_numbers, values), sizeof items);
    fputc('[', file);
    for (int64_t i = 0; i < n; i++) {
        if (i > 0) fputs(", ", file);
        JUDD_TRY(write_scalar(file, element, items + (size_t)i * judd_keys_size(element)));
    }
    fputc(']', file);
done:
    return status;
}

static bool is_absent(const judd_key *key, const void *base) {
    char *text;
    if (key->type < JUDD_KEY_STRING || key->type > JUDD_KEY_FOLDER) return false;
    memcpy(&text, (const char *)base + key->offset, sizeof text);
    return !text;
}

/* Element i of a list of structs; *n is their number. */
static const char *element_of(const judd_key *key, const void *base, int64_t i, int64_t *n) {
    const char *items;
    memcpy(n, (const char *)base + key->count_offset, sizeof *n);
    memcpy(&items, (const char *)base + key->offset, sizeof items);
    return *n > 0 ? items + (size_t)i * key->table->size : NULL;
}

static judd_status write_table(FILE *file, const judd_key_table *table, const void *base,
                               int indent) {
    judd_status status = JUDD_OK;
    for (int i = 0; i < table->n_keys; i++) {
        const judd_key *key = &table->keys[i];
        int64_t n = 0;
        if (is_absent(key, base) || !judd_keys_applies(key, table, base)) continue;
        fprintf(file, "%*s%s = ", indent, "", key->name);
        if (key->type == JUDD_KEY_GROUP) {
            fputs("{\n", file);
            JUDD_TRY(write_table(file, key->table, (const char *)base + key->offset, indent + 4));
            fprintf(file, "%*s}", indent, "");
        } else if (key->type == JUDD_KEY_LIST) {
            element_of(key, base, 0, &n);
            fputs("(", file);
            for (int64_t k = 0; k < n; k++) {
                fputs(k > 0 ? ", {\n" : "{\n", file);
                JUDD_TRY(write_table(file, key->table, element_of(key, base, k, &n), indent + 4));
                fprintf(file, "%*s}", indent, "");
            }
            fputs(")", file);
        } else {
            JUDD_TRY(write_value(file, key, base));
        }
        fputs(";\n", file);
    }
done:
    return status;
}

static judd_status write_text_of(char **text, const judd_key_table *table, const void *base) {
    judd_status status = JUDD_OK;
    judd_c_locale locale = {0};
    char *buffer = NULL;
    size_t size = 0;
    FILE *file = NULL;
    JUDD_TRY(judd_c_locale_enter(&locale));
    file = open_memstream(&buffer, &size);
    if (!file) JUDD_FAIL(JUDD_E_INTERNAL, "job: no memory for its text");
    JUDD_TRY(write_table(file, table, base, 0));
    int is_bad = ferror(file);
    if (fclose(file) != 0) is_bad = 1;
    file = NULL;
    if (is_bad) JUDD_FAIL(JUDD_E_INTERNAL, "job: no memory for its text");
    *text = buffer;
    buffer = NULL;
done:
    if (file) fclose(file);
    free(buffer);
    judd_c_locale_leave(&locale);
    return status;
}

judd_status judd_write_job(const judd_job *job, char **text) {
    return write_text_of(text, judd_keys_job(), job);
}

judd_status judd_write_head(const judd_job_head *head, char **text) {
    return write_text_of(text, judd_keys_find(judd_keys_job(), "heads")->table, head);
}

/* The value as text, "" if absent. Owner: caller. */
static judd_status value_text(char **out, const judd_key *key, const void *base) {
    judd_status status = JUDD_OK;
    char *buffer = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&buffer, &size);
    if (!file) JUDD_FAIL(JUDD_E_INTERNAL, "job: no memory to compare");
    status = write_value(file, key, base);
    if (fclose(file) != 0 && status == JUDD_OK)
        status = judd_status_set(JUDD_E_INTERNAL, "job: no memory to compare");
    if (status != JUDD_OK) goto done;
    *out = buffer;
    buffer = NULL;
done:
    free(buffer);
    return status;
}

/* Where two texts differ a long way in, show them from a little before. */
static const char *from_difference(const char *text, size_t common) {
    return common > 40 ? text + common - 20 : text;
}

static judd_status compare_value(char **out, const judd_key *key, const void *here,
                                 const void *there, const char *path) {
    judd_status status = JUDD_OK;
    char *left = NULL, *right = NULL;
    size_t common = 0;
    JUDD_TRY(value_text(&left, key, here));
    JUDD_TRY(value_text(&right, key, there));
    while (left[common] && left[common] == right[common]) common++;
    if (left[common] == right[common]) goto done;
    const char *dots = common > 40 ? "..." : "";
    const char *mine = from_difference(left, common), *other = from_difference(right, common);
    JUDD_TRY(judd_memory_format(out, "%s%s is %s%.120s%s here, %s%.120s%s there", path, key->name,
                                left[0] ? dots : "", left[0] ? mine : "absent",
                                strlen(mine) > 120 ? "..." : "", right[0] ? dots : "",
                                right[0] ? other : "absent", strlen(other) > 120 ? "..." : ""));
done:
    free(left);
    free(right);
    return status;
}

static judd_status compare_table(char **out, const judd_key_table *table, const void *here,
                                 const void *there, const char *path);

static judd_status compare_list(char **out, const judd_key *key, const void *here,
                                const void *there, const char *path) {
    judd_status status = JUDD_OK;
    int64_t n = 0, m = 0;
    char *inner = NULL;
    element_of(key, here, 0, &n);
    element_of(key, there, 0, &m);
    if (n != m) {
        JUDD_TRY(judd_memory_format(out, "%s%s has %lld elements here, %lld there", path, key->name,
                                    (long long)n, (long long)m));
    }
    for (int64_t i = 0; i < n && !*out; i++) {
        const char *mine = element_of(key, here, i, &n), *other = element_of(key, there, i, &n);
        const char *name; /* the first member of every element */
        memcpy(&name, mine, sizeof name);
        free(inner);
        inner = NULL;
        JUDD_TRY(judd_memory_format(&inner, "%s%s.%s.", path, key->name, name));
        JUDD_TRY(compare_table(out, key->table, mine, other, inner));
    }
done:
    free(inner);
    return status;
}

static judd_status compare_table(char **out, const judd_key_table *table, const void *here,
                                 const void *there, const char *path) {
    judd_status status = JUDD_OK;
    char *inner = NULL;
    for (int i = 0; i < table->n_keys && !*out; i++) {
        const judd_key *key = &table->keys[i];
        if (key->flags & JUDD_KEY_SILENT || !judd_keys_applies(key, table, here)) continue;
        if (key->type == JUDD_KEY_GROUP) {
            free(inner);
            inner = NULL;
            JUDD_TRY(judd_memory_format(&inner, "%s%s.", path, key->name));
            JUDD_TRY(compare_table(out, key->table, (const char *)here + key->offset,
                                   (const char *)there + key->offset, inner));
        } else if (key->type == JUDD_KEY_LIST) {
            JUDD_TRY(compare_list(out, key, here, there, path));
        } else {
            JUDD_TRY(compare_value(out, key, here, there, path));
        }
    }
done:
    free(inner);
    return status;
}

judd_status judd_write_difference(const judd_job *here, const judd_job *there, char **difference) {
    judd_status status = JUDD_OK;
    judd_c_locale locale = {0};
    char *found = NULL;
    *difference = NULL;
    JUDD_TRY(judd_c_locale_enter(&locale));
    JUDD_TRY(compare_table(&found, judd_keys_job(), here, there, ""));
    *difference = found;
    found = NULL;
done:
    free(found);
    judd_c_locale_leave(&locale);
    return status;
}

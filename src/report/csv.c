#include "report/csv.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 512, DEEPEST = 8 };

/* The plain values of a record as `flat`: {NAME: value}. */
static void flatten(json_t *flat, const char *name, const json_t *value, int depth) {
    static const char *const ends[] = {"low", "high"};
    char inner[LONGEST_NAME];
    const char *key;
    json_t *v;
    if (json_is_object(value) && depth < DEEPEST) {
        json_object_foreach((json_t *)(uintptr_t)value, key, v) {
            snprintf(inner, sizeof inner, "%s%s%s", name, name[0] ? "." : "", key);
            flatten(flat, inner, v, depth + 1);
        }
    } else if (json_is_array(value)) {
        bool interval = json_array_size(value) == 2;
        for (size_t k = 0; k < 2 && interval; k++)
            interval =
                json_is_number(json_array_get(value, k)) || json_is_null(json_array_get(value, k));
        for (size_t k = 0; k < 2 && interval; k++) {
            snprintf(inner, sizeof inner, "%s.%s", name, ends[k]);
            json_object_set(flat, inner, json_array_get(value, k));
        }
    } else if (!json_is_object(value)) {
        json_object_set(flat, name, (json_t *)(uintptr_t)value);
    }
}

static void write_text(FILE *to, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"') fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

static void write_value(FILE *to, const json_t *v) {
    if (json_is_string(v))
        write_text(to, json_string_value(v));
    else if (json_is_integer(v))
        fprintf(to, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        fprintf(to, "%.17g", json_real_value(v));
    else if (json_is_boolean(v))
        fputs(json_is_true(v) ? "true" : "false", to);
}

static void write_table(FILE *to, const json_t *flat, json_t *columns) {
    const char *name, *before = "";
    json_t *row, *unused;
    size_t i = 0;
    json_object_foreach(columns, name, unused) {
        fputs(before, to);
        write_text(to, name);
        before = ",";
    }
    fputc('\n', to);
    json_array_foreach((json_t *)(uintptr_t)flat, i, row) {
        before = "";
        json_object_foreach(columns, name, unused) {
            fputs(before, to);
            write_value(to, json_object_get(row, name));
            before = ",";
        }
        fputc('\n', to);
    }
}

judd_status judd_csv_make(char **text, int64_t *bytes, const json_t *records) {
    judd_status status = JUDD_OK;
    json_t *flat = json_array(), *columns = json_object(), *r = NULL;
    size_t i = 0, length = 0;
    char *made = NULL;
    FILE *memory = open_memstream(&made, &length);
    if (!memory || !flat || !columns) JUDD_FAIL(JUDD_E_INTERNAL, "csv: no memory");
    json_array_foreach((json_t *)(uintptr_t)records, i, r) {
        json_t *row = json_object();
        flatten(row, "", r, 0);
        json_object_update_missing(columns, row);
        json_array_append_new(flat, row);
    }
    write_table(memory, flat, columns);
    bool failed = ferror(memory);
    failed |= fclose(memory) != 0;
    memory = NULL;
    if (failed) JUDD_FAIL(JUDD_E_INTERNAL, "csv: no memory");
    *text = made;
    *bytes = (int64_t)length;
    made = NULL;
done:
    if (memory) fclose(memory);
    free(made);
    json_decref(flat);
    json_decref(columns);
    return status;
}

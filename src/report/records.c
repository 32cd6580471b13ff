#include "report/records.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FILE = 1 << 30 };

static judd_status check_schema(const json_t *record, const char *path, int64_t line) {
    const json_t *schema = json_object_get(record, "schema");
    if (!json_is_integer(schema) || json_integer_value(schema) == JUDD_RECORDS_SCHEMA)
        return JUDD_OK;
    return judd_status_set(JUDD_E_DATA,
                           "%s:%lld: a record of schema %lld, but this judd reads schema %d; use "
                           "the judd that wrote it",
                           path, (long long)line, (long long)json_integer_value(schema),
                           JUDD_RECORDS_SCHEMA);
}

static judd_status read_text(json_t *all, const char *text, const char *path, bool torn) {
    judd_status status = JUDD_OK;
    int64_t number = 1;
    for (const char *line = text; *line; number++) {
        size_t n = strcspn(line, "\n");
        json_t *record = json_loadb(line, n, 0, NULL);
        if (!record && !torn)
            JUDD_FAIL(JUDD_E_DATA, "%s:%lld: not a record; run with --fresh to make it anew", path,
                      (long long)number);
        status = check_schema(record, path, number);
        if (record) json_array_append_new(all, record);
        if (status != JUDD_OK) goto done;
        line += n + (line[n] == '\n');
    }
done:
    return status;
}

judd_status judd_records_read(json_t **records, const char *folder, const char *name, bool torn) {
    judd_status status = JUDD_OK;
    char *path = NULL, *text = NULL;
    int64_t bytes = 0;
    json_t *all = json_array();
    JUDD_TRY(judd_memory_format(&path, "%s/%s", folder, name));
    if (!torn || access(path, F_OK) == 0) {
        JUDD_TRY(judd_atomic_file_read(&text, &bytes, path, MAX_FILE));
        JUDD_TRY(read_text(all, text, path, torn));
    }
    *records = all;
    all = NULL;
done:
    json_decref(all);
    free(path);
    free(text);
    return status;
}

const char *judd_records_text(const json_t *record, const char *key) {
    const char *text = json_string_value(json_object_get(record, key));
    return text ? text : "";
}

double judd_records_value(const json_t *value) {
    return json_is_number(value) ? json_number_value(value) : NAN;
}

double judd_records_number(const json_t *record, const char *key) {
    return judd_records_value(json_object_get(record, key));
}

bool judd_records_is(const json_t *record, const char *key, const char *text) {
    return strcmp(judd_records_text(record, key), text) == 0;
}

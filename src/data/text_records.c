#include "data/text_records.h"

#include "data/name_table.h"

#include <judd/base/memory.h>
#include <judd/text/tokens.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 4096 };

/* One file, record by record. */
typedef struct reading {
    const char *path;
    FILE *file;
    int64_t line, begun; /* lines read; line of this record */
    char *bytes;         /* [n] of this record, with a NUL behind; owned by getline or add */
    size_t n, capacity;
    size_t starts[MAX_COLUMNS + 1]; /* of its fields in bytes */
    int n_fields;
} reading;

static judd_status open_reading(reading *r, const judd_scratch *bytes, int64_t n,
                                const char *path) {
    r->path = path;
    r->file = n > 0 ? fmemopen(bytes->data, (size_t)n, "r") : fopen("/dev/null", "r");
    if (!r->file) return judd_status_set(JUDD_E_INTERNAL, "%s: %s", path, strerror(errno));
    int c[3] = {getc(r->file), getc(r->file), getc(r->file)};
    if (c[0] != 0xef || c[1] != 0xbb || c[2] != 0xbf) rewind(r->file);
    return JUDD_OK;
}

static judd_status open_texts(reading *r, const judd_text_files *files,
                              const judd_dataset_options *o) {
    return open_reading(r, &files->texts, files->n_texts, o->images);
}

static void close_reading(reading *r) {
    if (r->file) fclose(r->file);
    free(r->bytes);
}

#define FAIL_IN(r, ...)                                                                            \
    return judd_status_context(judd_status_set(JUDD_E_DATA, __VA_ARGS__), "%s:%lld", (r)->path,    \
                               (long long)(r)->begun)

/* The next line without its end; *got is false behind the last. */
static judd_status next_line(reading *r, bool *got) {
    ssize_t n = getline(&r->bytes, &r->capacity, r->file);
    *got = n >= 0;
    if (ferror(r->file)) return judd_status_set(JUDD_E_IO, "%s: %s", r->path, strerror(errno));
    if (n < 0) return JUDD_OK;
    r->begun = ++r->line;
    r->n = (size_t)n;
    if (r->n > 0 && r->bytes[r->n - 1] == '\n') r->n--;
    if (r->n > 0 && r->bytes[r->n - 1] == '\r') r->n--;
    r->bytes[r->n] = '\0';
    if (strlen(r->bytes) != r->n) FAIL_IN(r, "holds a zero byte; is it a text file?");
    return JUDD_OK;
}

/* ---- fields ------------------------------------------------------------------------------------
 */

static judd_status begin_field(reading *r) {
    if (r->n_fields == MAX_COLUMNS)
        FAIL_IN(r, "more than %d columns; check the format", MAX_COLUMNS);
    r->starts[r->n_fields++] = r->n;
    return JUDD_OK;
}

static judd_status next_tsv(reading *r, bool *got) {
    judd_status status = JUDD_OK;
    do JUDD_TRY(next_line(r, got));
    while (*got && r->n == 0);
    size_t n = r->n;
    r->n_fields = 0;
    r->n = 0;
    if (*got) JUDD_TRY(begin_field(r));
    for (size_t i = 0; i < n && *got; i++) {
        r->n = i + 1;
        if (r->bytes[i] != '\t') continue;
        r->bytes[i] = '\0';
        JUDD_TRY(begin_field(r));
    }
    r->n = n;
done:
    return status;
}

static judd_status add(reading *r, int c) {
    if (r->n + 1 >= r->capacity) {
        size_t capacity = 2 * r->capacity + 4096;
        char *larger = realloc(r->bytes, capacity);
        if (!larger) return judd_status_set(JUDD_E_INTERNAL, "%s: no memory", r->path);
        r->bytes = larger;
        r->capacity = capacity;
    }
    r->bytes[r->n++] = (char)c;
    return JUDD_OK;
}

/* What stands between quotation marks; the first has been read. */
static judd_status read_quoted(reading *r) {
    judd_status status = JUDD_OK;
    for (int c;;) {
        c = getc(r->file);
        if (c == EOF) FAIL_IN(r, "a quotation mark is not closed; correct the record");
        if (c == '"' && (c = getc(r->file)) != '"') {
            ungetc(c, r->file);
            return JUDD_OK;
        }
        r->line += c == '\n';
        if (c == '\0') FAIL_IN(r, "holds a zero byte; is it a text file?");
        JUDD_TRY(add(r, c));
    }
done:
    return status;
}

/* A field and what ends it: a comma, a newline or EOF. */
static judd_status read_field(reading *r, int *ending) {
    judd_status status = JUDD_OK;
    bool quoted = false;
    JUDD_TRY(begin_field(r));
    for (int c;;) {
        c = getc(r->file);
        if (c == '\r' && (c = getc(r->file)) != '\n') {
            ungetc(c, r->file);
            c = '\r';
        }
        *ending = c;
        if (c == ',' || c == '\n' || c == EOF) break;
        if (c == '\0') FAIL_IN(r, "holds a zero byte; is it a text file?");
        if (quoted)
            FAIL_IN(r, "something stands behind a closing quotation mark; correct the record");
        quoted = c == '"' && r->n == r->starts[r->n_fields - 1];
        JUDD_TRY(quoted ? read_quoted(r) : add(r, c));
    }
    JUDD_TRY(add(r, '\0'));
done:
    return status;
}

static judd_status next_csv(reading *r, bool *got) {
    judd_status status = JUDD_OK;
    int ending = ',';
    do {
        r->n = 0;
        r->n_fields = 0;
        r->begun = ++r->line;
        do JUDD_TRY(read_field(r, &ending));
        while (ending == ',');
        if (ferror(r->file)) JUDD_FAIL(JUDD_E_IO, "%s: %s", r->path, strerror(errno));
        *got = r->n > 1; /* else an empty line, or the end */
    } while (!*got && ending != EOF);
    r->n--; /* the last NUL */
done:
    return status;
}

static size_t field_bytes(const reading *r, int i) {
    return (i + 1 < r->n_fields ? r->starts[i + 1] - 1 : r->n) - r->starts[i];
}

/* ---- columns -----------------------------------------------------------------------------------
 */

static judd_status find_column(int *column, const reading *r, const char *name, bool head) {
    int64_t number = judd_name_table_number(name, MAX_COLUMNS - 1);
    *column = (int)number;
    for (int i = 0; number < 0 && head && i < r->n_fields; i++)
        if (strcmp(r->bytes + r->starts[i], name) == 0) *column = i;
    if (*column >= 0) return JUDD_OK;
    FAIL_IN(r, "no column is called \"%.64s\"; correct the data set's column names", name);
}

static judd_status visit_checked(reading *r, judd_text_record record, judd_text_visit visit,
                                 void *context) {
    record.line = r->begun;
    int64_t bad = judd_tokens_bad_utf8(record.text, record.bytes);
    if (bad >= 0)
        FAIL_IN(r, "byte 0x%02x of the text (at %lld) is no UTF-8; save the file as UTF-8",
                (unsigned char)record.text[bad], (long long)bad);
    if (judd_name_table_check(record.label) != JUDD_OK)
        FAIL_IN(r, "the label is no UTF-8 or holds control characters; correct it");
    return judd_status_context(visit(context, &record), "%s", r->path);
}

static judd_status read_columns(const judd_text_files *files, const judd_dataset_options *o,
                                bool csv, judd_text_visit visit, void *context) {
    judd_status status = JUDD_OK;
    reading r = {0};
    bool got = false;
    int text = 0, label = 0;
    const char *text_name = o->text_column ? o->text_column : "1";
    const char *label_name = o->label_column ? o->label_column : "0";
    bool labelled = o->task != JUDD_NO_TASK;
    bool head = judd_name_table_number(text_name, MAX_COLUMNS) < 0 ||
                judd_name_table_number(label_name, MAX_COLUMNS) < 0;
    JUDD_TRY(open_texts(&r, files, o));
    if (head) JUDD_TRY(csv ? next_csv(&r, &got) : next_tsv(&r, &got));
    JUDD_TRY(find_column(&text, &r, text_name, head));
    if (labelled) JUDD_TRY(find_column(&label, &r, label_name, head));
    for (;;) {
        JUDD_TRY(csv ? next_csv(&r, &got) : next_tsv(&r, &got));
        if (!got) break;
        int needed = (text > label ? text : label) + 1;
        if (r.n_fields < needed)
            JUDD_FAIL(JUDD_E_DATA, "%s:%lld: %d columns, but %s need%s %d; correct the line",
                      r.path, (long long)r.begun, r.n_fields,
                      labelled ? "label and text" : "the text", labelled ? "" : "s", needed);
        JUDD_TRY(
            visit_checked(&r,
                          (judd_text_record){.label = labelled ? r.bytes + r.starts[label] : "",
                                             .text = r.bytes + r.starts[text],
                                             .bytes = (int64_t)field_bytes(&r, text)},
                          visit, context));
    }
done:
    close_reading(&r);
    return status;
}

/* ---- lines -------------------------------------------------------------------------------------
 */

static judd_status read_lines(const judd_text_files *files, const judd_dataset_options *o,
                              judd_text_visit visit, void *context) {
    judd_status status = JUDD_OK;
    reading r = {0};
    bool got = true;
    JUDD_TRY(open_texts(&r, files, o));
    for (;;) {
        JUDD_TRY(next_line(&r, &got));
        if (!got) break;
        JUDD_TRY(visit_checked(
            &r, (judd_text_record){.label = "", .text = r.bytes, .bytes = (int64_t)r.n}, visit,
            context));
    }
done:
    close_reading(&r);
    return status;
}

static judd_status read_pairs(const judd_text_files *files, const judd_dataset_options *o,
                              judd_text_visit visit, void *context) {
    judd_status status = JUDD_OK;
    reading texts = {0}, labels = {0};
    bool got_text = true, got_label = true;
    JUDD_TRY(open_texts(&texts, files, o));
    JUDD_TRY(open_reading(&labels, &files->labels, files->n_labels, o->labels));
    for (;;) {
        JUDD_TRY(next_line(&texts, &got_text));
        JUDD_TRY(next_line(&labels, &got_label));
        if (!got_text || !got_label) break;
        JUDD_TRY(visit_checked(&texts,
                               (judd_text_record){.label = labels.bytes,
                                                  .text = texts.bytes,
                                                  .bytes = (int64_t)texts.n},
                               visit, context));
    }
    if (got_text != got_label)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s and %s: not the same number of lines (the shorter has %lld); name "
                  "files that belong together",
                  o->images, o->labels, (long long)texts.line - got_text);
done:
    close_reading(&texts);
    close_reading(&labels);
    return status;
}

/* ---- JSON lines --------------------------------------------------------------------------------
 */

/* A label as text: a string, a number, or several between commas. free(). */
static judd_status label_text(char **out, const reading *r, const json_t *label) {
    judd_status status = JUDD_OK;
    char *one = NULL, *all = NULL;
    if (json_is_string(label)) return judd_memory_string(out, json_string_value(label));
    if (json_is_integer(label))
        return judd_memory_format(out, "%lld", (long long)json_integer_value(label));
    if (json_is_real(label)) return judd_memory_format(out, "%.17g", json_real_value(label));
    if (!json_is_array(label))
        FAIL_IN(r, "the label is neither text nor number nor a list of them");
    JUDD_TRY(judd_memory_string(&all, ""));
    for (size_t i = 0; i < json_array_size(label); i++) {
        const json_t *item = json_array_get(label, i);
        char *longer = NULL;
        if (json_is_array(item)) FAIL_IN(r, "the label is a list of lists; correct the line");
        JUDD_TRY(label_text(&one, r, item));
        if (strchr(one, ','))
            JUDD_FAIL(JUDD_E_DATA, "%s:%lld: a label holds a comma; rename it", r->path,
                      (long long)r->begun);
        JUDD_TRY(judd_memory_format(&longer, "%s%s%s", all, i > 0 ? "," : "", one));
        free(all);
        free(one);
        one = NULL;
        all = longer;
    }
    *out = all;
    all = NULL;
done:
    free(one);
    free(all);
    return status;
}

static judd_status visit_json(reading *r, const judd_dataset_options *o, judd_text_visit visit,
                              void *context) {
    judd_status status = JUDD_OK;
    json_error_t error;
    char *label = NULL;
    json_t *object = json_loadb(r->bytes, r->n, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(object))
        JUDD_FAIL(JUDD_E_DATA, "%s:%lld: %s; every line is one JSON object", r->path,
                  (long long)r->begun, object ? "no object" : error.text);
    const json_t *text = json_object_get(object, o->text_column ? o->text_column : "text");
    const json_t *kind = json_object_get(object, o->label_column ? o->label_column : "label");
    if (!json_is_string(text) || (!kind && o->task != JUDD_NO_TASK))
        JUDD_FAIL(JUDD_E_DATA,
                  "%s:%lld: has no %s \"%s\"; correct the line or the data set's columns", r->path,
                  (long long)r->begun, json_is_string(text) ? "key" : "string",
                  json_is_string(text) ? (o->label_column ? o->label_column : "label")
                                       : (o->text_column ? o->text_column : "text"));
    if (o->task == JUDD_NO_TASK)
        JUDD_TRY(judd_memory_string(&label, ""));
    else
        JUDD_TRY(label_text(&label, r, kind));
    JUDD_TRY(visit_checked(r,
                           (judd_text_record){.label = label,
                                              .text = json_string_value(text),
                                              .bytes = (int64_t)json_string_length(text)},
                           visit, context));
done:
    json_decref(object);
    free(label);
    return status;
}

static judd_status read_json(const judd_text_files *files, const judd_dataset_options *o,
                             judd_text_visit visit, void *context) {
    judd_status status = JUDD_OK;
    reading r = {0};
    bool got = false;
    JUDD_TRY(open_texts(&r, files, o));
    for (;;) {
        JUDD_TRY(next_line(&r, &got));
        if (!got) break;
        if (r.bytes[strspn(r.bytes, " \t")] != '\0') JUDD_TRY(visit_json(&r, o, visit, context));
    }
done:
    close_reading(&r);
    return status;
}

static bool has_pairs(const judd_dataset_options *o, const char *format) {
    return strcmp(format, "lines") == 0 && o->task != JUDD_NO_TASK;
}

judd_status judd_text_files_read(judd_text_files *files, const judd_dataset_options *o,
                                 const char *format) {
    *files = (judd_text_files){0};
    judd_status status = judd_scratch_read(&files->texts, &files->n_texts, NULL, o->images);
    if (status == JUDD_OK && has_pairs(o, format))
        status = judd_scratch_read(&files->labels, &files->n_labels, NULL, o->labels);
    return status;
}

void judd_text_files_free(judd_text_files *files) {
    judd_scratch_free(&files->texts);
    judd_scratch_free(&files->labels);
}

judd_status judd_text_records_read(const judd_text_files *files, const judd_dataset_options *o,
                                   const char *format, judd_text_visit visit, void *context) {
    if (has_pairs(o, format)) return read_pairs(files, o, visit, context);
    if (strcmp(format, "lines") == 0) return read_lines(files, o, visit, context);
    if (strcmp(format, "jsonl") == 0) return read_json(files, o, visit, context);
    return read_columns(files, o, strcmp(format, "csv") == 0, visit, context);
}

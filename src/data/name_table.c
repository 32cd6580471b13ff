#include "data/name_table.h"

#include <judd/base/hash.h>
#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 26 };

void judd_name_table_free(judd_name_table *table) {
    for (int64_t i = 0; i < table->n; i++) free(table->names[i]);
    free(table->names);
    free(table->order);
    free(table->slots);
    *table = (judd_name_table){0};
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
    int bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
              (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return bad ? 0 : n;
}

judd_status judd_name_table_check(const char *name) {
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

int64_t judd_name_table_number(const char *text, int64_t most) {
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') return -1;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0 && value <= most ? value : -1;
}

static judd_status too_many(void) {
    return judd_status_set(JUDD_E_DATA, "more than %d classes; is this a data set?",
                           JUDD_NAME_TABLE_MOST);
}

judd_status judd_name_table_add(judd_name_table *table, const char *name) {
    if (table->n == JUDD_NAME_TABLE_MOST) return too_many();
    if (table->n == table->capacity) {
        int64_t more = table->capacity ? 2 * table->capacity : 64;
        char **moved = realloc(table->names, (size_t)more * sizeof *moved);
        if (!moved)
            return judd_status_set(JUDD_E_INTERNAL, "no memory for %lld names", (long long)more);
        table->names = moved;
        table->capacity = more;
    }
    judd_status status = judd_memory_string(&table->names[table->n], name);
    if (status == JUDD_OK) table->n++;
    return status;
}

static judd_status read_line(judd_name_table *table, char *line) {
    char *tab = strchr(line, '\t');
    char *name = line;
    if (tab) {
        *tab = '\0';
        int64_t number = judd_name_table_number(line, JUDD_NAME_TABLE_MOST);
        if (number >= 0) {
            if (number != table->n)
                return judd_status_set(JUDD_E_DATA,
                                       "label %lld, expected %lld; list the classes in the order "
                                       "of their labels",
                                       (long long)number, (long long)table->n);
            name = tab + 1;
            name[strcspn(name, "\t")] = '\0';
        }
    }
    judd_status status = judd_name_table_check(name);
    return status == JUDD_OK ? judd_name_table_add(table, name) : status;
}

judd_status judd_name_table_read(judd_name_table *table, const char *path) {
    judd_status status = JUDD_OK;
    char *text = NULL;
    int64_t bytes = 0, line = 0;
    JUDD_TRY(judd_atomic_file_read(&text, &bytes, path, MAX_FILE));
    for (char *at = text, *next; at && *at; at = next) {
        next = strchr(at, '\n');
        if (next) *next++ = '\0';
        at[strcspn(at, "\r")] = '\0';
        line++;
        if (*at)
            JUDD_TRY(judd_status_context(read_line(table, at), "%s:%lld", path, (long long)line));
    }
    if (table->n == 0) JUDD_FAIL(JUDD_E_DATA, "%s: names no class; list one a line", path);
done:
    free(text);
    return status;
}

static int compare_text(const void *a, const void *b) {
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* The slot of a name, or the empty one where it belongs; there always is one. */
static int64_t find_slot(const judd_name_table *table, const char *name) {
    uint64_t hash = judd_hash_check(name, strlen(name), 0);
    int64_t at = (int64_t)(hash % (uint64_t)table->n_slots);
    while (table->slots[at] >= 0 && strcmp(table->names[table->slots[at]], name) != 0)
        at = (at + 1) % table->n_slots;
    return at;
}

/* At most half of the slots are taken. */
static judd_status widen(judd_name_table *table) {
    if (2 * table->n < table->n_slots) return JUDD_OK;
    free(table->slots);
    table->n_slots = 4 * table->n + 64;
    judd_status status = judd_memory_alloc(&table->slots, table->n_slots, sizeof *table->slots);
    if (status != JUDD_OK) return status;
    for (int64_t i = 0; i < table->n_slots; i++) table->slots[i] = -1;
    for (int64_t i = 0; i < table->n; i++)
        table->slots[find_slot(table, table->names[i])] = (int32_t)i;
    return JUDD_OK;
}

judd_status judd_name_table_note(judd_name_table *table, const char *name) {
    judd_status status = JUDD_OK;
    JUDD_TRY(widen(table));
    int64_t at = find_slot(table, name);
    if (table->slots[at] >= 0) goto done;
    table->overflown = table->n == JUDD_NAME_TABLE_MOST;
    if (table->overflown) goto done;
    JUDD_TRY(judd_name_table_add(table, name));
    table->slots[at] = (int32_t)(table->n - 1);
done:
    return status;
}

judd_status judd_name_table_number_by_bytes(judd_name_table *table) {
    if (table->overflown) return too_many();
    if (table->n > 0) qsort(table->names, (size_t)table->n, sizeof *table->names, compare_text);
    free(table->slots);
    table->slots = NULL;
    table->n_slots = 0;
    return JUDD_OK;
}

typedef struct named {
    const char *name;
    int32_t number;
} named;

static int compare_named(const void *a, const void *b) {
    const named *x = a, *y = b;
    return strcmp(x->name, y->name);
}

judd_status judd_name_table_sort(judd_name_table *table, const char *place) {
    judd_status status = JUDD_OK;
    named *rows = NULL;
    JUDD_TRY(judd_memory_alloc(&rows, table->n, sizeof *rows));
    JUDD_TRY(judd_memory_alloc(&table->order, table->n, sizeof *table->order));
    for (int64_t i = 0; i < table->n; i++)
        rows[i] = (named){.name = table->names[i], .number = (int32_t)i};
    qsort(rows, (size_t)table->n, sizeof *rows, compare_named);
    for (int64_t i = 0; i < table->n; i++) {
        if (i > 0 && strcmp(rows[i - 1].name, rows[i].name) == 0)
            JUDD_FAIL(JUDD_E_DATA, "%s: class %s stands twice", place, rows[i].name);
        table->order[i] = rows[i].number;
    }
done:
    free(rows);
    return status;
}

int32_t judd_name_table_find(const judd_name_table *table, const char *name) {
    int64_t low = 0, high = name ? table->n : 0;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        int order = strcmp(table->names[table->order[middle]], name);
        if (order == 0) return table->order[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

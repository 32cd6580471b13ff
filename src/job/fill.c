#include "job/fill.h"

#include <judd/base/memory.h>

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LIST = 65536 }; /* elements of any list */

typedef union value {
    int64_t integer;
    double real;
    bool truth;
    char *text; /* owned */
} value;

/* The three list structs of job.h share this layout. */
typedef struct values {
    int64_t n;
    void *items;
} values;
static_assert(sizeof(values) == sizeof(judd_job_numbers) &&
                  sizeof(values) == sizeof(judd_job_integers) &&
                  sizeof(values) == sizeof(judd_job_strings) &&
                  offsetof(values, items) == offsetof(judd_job_numbers, values) &&
                  offsetof(values, items) == offsetof(judd_job_integers, values) &&
                  offsetof(values, items) == offsetof(judd_job_strings, values),
              "lists share one layout");

/* Refuse `setting` with place and path in front of the message. */
#define FAIL_ON(setting, format, ...)                                                              \
    do {                                                                                           \
        char where_[JUDD_WHERE_SIZE], path_[JUDD_FILL_PATH];                                       \
        judd_source_where(where_, setting);                                                        \
        judd_fill_path(path_, setting);                                                            \
        JUDD_FAIL(JUDD_E_CONFIG, "%s: %s" format, where_, path_, __VA_ARGS__);                     \
    } while (0)

static bool is_text(judd_key_type type) {
    return type >= JUDD_KEY_STRING && type <= JUDD_KEY_FOLDER;
}

static bool is_list(const config_setting_t *setting) {
    return config_setting_is_list(setting) || config_setting_is_array(setting);
}

void judd_fill_path(char out[JUDD_FILL_PATH], const config_setting_t *setting) {
    const config_setting_t *parent = config_setting_parent(setting);
    out[0] = '\0';
    if (!parent) {
        snprintf(out, JUDD_FILL_PATH, "the job");
        return;
    }
    if (!config_setting_is_root(parent)) {
        judd_fill_path(out, parent);
        size_t used = strlen(out);
        snprintf(out + used, JUDD_FILL_PATH - used, ".");
    }
    size_t used = strlen(out), room = JUDD_FILL_PATH - used;
    const char *name = NULL;
    if (config_setting_name(setting))
        snprintf(out + used, room, "%s", config_setting_name(setting));
    else if (config_setting_is_group(setting) &&
             config_setting_lookup_string(setting, "name", &name))
        snprintf(out + used, room, "%.64s", name);
    else
        snprintf(out + used, room, "[%d]", config_setting_index(setting));
}

int judd_fill_elements(const config_setting_t *setting) {
    return config_setting_is_group(setting) ? 1 : config_setting_length(setting);
}

config_setting_t *judd_fill_element(config_setting_t *setting, int index) {
    return config_setting_is_group(setting) ? setting
                                            : config_setting_get_elem(setting, (unsigned)index);
}

static const char *found_type(const config_setting_t *setting) {
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_GROUP:
        return "a group";
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return "an integer";
    case CONFIG_TYPE_FLOAT:
        return "a real";
    case CONFIG_TYPE_STRING:
        return "a string";
    case CONFIG_TYPE_BOOL:
        return "a truth value";
    case CONFIG_TYPE_ARRAY:
    case CONFIG_TYPE_LIST:
        return "a list";
    default:
        return "nothing";
    }
}

static const char *needed_type(judd_key_type type) {
    switch (type) {
    case JUDD_KEY_INT:
        return "an integer";
    case JUDD_KEY_REAL:
        return "a number";
    case JUDD_KEY_BOOL:
        return "true or false";
    case JUDD_KEY_GROUP:
        return "a group";
    case JUDD_KEY_LIST:
        return "a list of groups";
    default:
        return "a string";
    }
}

static judd_status refuse_type(const judd_key *key, const config_setting_t *setting) {
    judd_status status = JUDD_OK;
    char example[160];
    judd_keys_example(example, sizeof example, key);
    double real = config_setting_type(setting) == CONFIG_TYPE_FLOAT ? setting->value.fval : 0.5;
    if (key->type == JUDD_KEY_INT && real == floor(real) && fabs(real) < 1e15)
        snprintf(example, sizeof example, "%s = %.0f", key->name, real);
    FAIL_ON(setting, " is %s, but %s is needed; write %s", found_type(setting),
            needed_type(judd_keys_element(key->type)), example);
done:
    return status;
}

static judd_status check_range(const judd_key *key, double number, const char *shown,
                               const config_setting_t *setting) {
    judd_status status = JUDD_OK;
    bool low = key->flags & JUDD_KEY_ABOVE ? !(number > key->minimum) : !(number >= key->minimum);
    bool high = key->flags & JUDD_KEY_BELOW ? !(number < key->maximum) : !(number <= key->maximum);
    char range[128];
    if (!low && !high) goto done;
    judd_keys_range(range, sizeof range, key);
    FAIL_ON(setting, " is %s, but must be %s", shown, range);
done:
    return status;
}

/* Length of a valid UTF-8 sequence at p, 0 if there is none (RFC 3629, section 4). */
static int utf8_length(const unsigned char *p) {
    int n = p[0] < 0x80   ? 1
            : p[0] < 0xC2 ? 0
            : p[0] < 0xE0 ? 2
            : p[0] < 0xF0 ? 3
            : p[0] < 0xF5 ? 4
                          : 0;
    for (int i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80) return 0; /* stops at the final NUL too */
    if (p[0] == 0xE0 && p[1] < 0xA0) return 0;
    if (p[0] == 0xED && p[1] > 0x9F) return 0;
    if (p[0] == 0xF0 && p[1] < 0x90) return 0;
    if (p[0] == 0xF4 && p[1] > 0x8F) return 0;
    return n;
}

static bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool is_choice(const char *choices, const char *text) {
    size_t n = strlen(text);
    for (const char *c = choices; *c; c += strcspn(c, "|"), c += *c == '|')
        if (strcspn(c, "|") == n && memcmp(c, text, n) == 0) return true;
    return false;
}

static judd_status refuse_choice(const judd_key *key, const char *text,
                                 const config_setting_t *setting) {
    judd_status status = JUDD_OK;
    char *choices = NULL, *rest = NULL, suggestion[JUDD_KEY_SUGGESTION];
    const char *names[16];
    int n = 0;
    JUDD_TRY(judd_memory_string(&choices, key->choices));
    for (char *c = strtok_r(choices, "|", &rest); c && n < 16; c = strtok_r(NULL, "|", &rest))
        names[n++] = c;
    judd_keys_suggest(suggestion, text, names, n);
    FAIL_ON(setting, " = \"%.64s\" is unknown%s", text, suggestion);
done:
    free(choices);
    return status;
}

static judd_status check_text(const judd_key *key, const char *text,
                              const config_setting_t *setting) {
    judd_status status = JUDD_OK;
    size_t n = strnlen(text, JUDD_KEY_TEXT_LENGTH + 1);
    if (n == 0) FAIL_ON(setting, " is empty; write %s = \"...\" or remove it", key->name);
    if (n > JUDD_KEY_TEXT_LENGTH)
        FAIL_ON(setting, " is longer than %d characters; shorten it", JUDD_KEY_TEXT_LENGTH);
    bool is_path = key->type == JUDD_KEY_PATH || key->type == JUDD_KEY_FOLDER;
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        int length = is_path ? 1 : utf8_length(c); /* a path is bytes */
        if (*c < 32 || *c == 127)
            FAIL_ON(setting, " holds a control character (0x%02x); remove it", *c);
        if (length == 0) FAIL_ON(setting, " is no UTF-8 (byte 0x%02x); save the file as UTF-8", *c);
        c += length;
    }
    if (key->type == JUDD_KEY_CHOICE && !is_choice(key->choices, text))
        JUDD_TRY(refuse_choice(key, text, setting));
    if (key->type != JUDD_KEY_NAME) goto done;
    if (n > JUDD_KEY_NAME_LENGTH)
        FAIL_ON(setting, " is longer than %d characters; shorten the name", JUDD_KEY_NAME_LENGTH);
    for (const char *c = text; *c; c++)
        if (!is_name_character(*c) || text[0] == '.')
            FAIL_ON(
                setting,
                " = \"%s\" cannot name a file; use letters, digits, \"_\", \"-\" and \".\", and no "
                "\".\" in front",
                text);
done:
    return status;
}

static judd_status get_integer(value *out, const judd_key *key, const config_setting_t *setting) {
    judd_status status = JUDD_OK;
    int type = config_setting_type(setting);
    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
        JUDD_TRY(refuse_type(key, setting));
    } else {
        char shown[32];
        out->integer = type == CONFIG_TYPE_INT ? setting->value.ival : setting->value.llval;
        snprintf(shown, sizeof shown, "%lld", (long long)out->integer);
        JUDD_TRY(check_range(key, (double)out->integer, shown, setting));
    }
done:
    return status;
}

static judd_status get_real(value *out, const judd_key *key, const config_setting_t *setting) {
    judd_status status = JUDD_OK;
    char shown[32];
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
        out->real = setting->value.ival;
        break;
    case CONFIG_TYPE_INT64:
        out->real = (double)setting->value.llval;
        break;
    case CONFIG_TYPE_FLOAT:
        out->real = setting->value.fval;
        break;
    default:
        JUDD_TRY(refuse_type(key, setting));
    }
    snprintf(shown, sizeof shown, "%.15g", out->real);
    JUDD_TRY(check_range(key, out->real, shown, setting));
    if (out->real == 0) out->real = 0; /* -0 would read as another value in records */
done:
    return status;
}

static judd_status get_text(value *out, const judd_key *key, const config_setting_t *setting) {
    judd_status status = JUDD_OK;
    const char *text = NULL;
    if (config_setting_type(setting) == CONFIG_TYPE_STRING)
        text = setting->value.sval ? setting->value.sval : "";
    else if (config_setting_is_scalar(setting))
        text = judd_source_raw(setting); /* --set name=1 */
    if (!text) JUDD_TRY(refuse_type(key, setting));
    JUDD_TRY(check_text(key, text, setting));
    const char *folder =
        key->type == JUDD_KEY_PATH && text[0] != '/' ? judd_source_folder(setting) : "";
    JUDD_TRY(judd_memory_format(&out->text, "%s%s", folder, text));
done:
    return status;
}

static bool is_auto(const config_setting_t *setting) {
    return config_setting_type(setting) == CONFIG_TYPE_STRING &&
           strcmp(config_setting_get_string(setting), "auto") == 0;
}

/* One value of an element type; on failure nothing is owned. */
static judd_status get_value(value *out, const judd_key *key, const config_setting_t *setting) {
    judd_key_type element = judd_keys_element(key->type);
    if (key->flags & JUDD_KEY_AUTO && is_auto(setting)) return JUDD_OK; /* *out is 0 */
    if (element == JUDD_KEY_INT) return get_integer(out, key, setting);
    if (element == JUDD_KEY_REAL) return get_real(out, key, setting);
    if (is_text(element)) return get_text(out, key, setting);
    if (config_setting_type(setting) != CONFIG_TYPE_BOOL) return refuse_type(key, setting);
    out->truth = setting->value.ival != 0;
    return JUDD_OK;
}

/* The same from the default of a key, up to *end. */
static judd_status default_value(value *out, const judd_key *key, const char *text, size_t length) {
    judd_key_type element = judd_keys_element(key->type);
    if (is_text(element)) return judd_memory_format(&out->text, "%.*s", (int)length, text);
    if (element == JUDD_KEY_INT)
        out->integer = strtoll(text, NULL, 10);
    else if (element == JUDD_KEY_REAL)
        out->real = strtod(text, NULL);
    else
        out->truth = text[0] == 't';
    return JUDD_OK;
}

static void store(void *target, judd_key_type element, const value *v) {
    memcpy(target, v, judd_keys_size(element)); /* every member starts at the union's start */
}

static int compare_texts(const void *a, const void *b) {
    char *left, *right;
    memcpy(&left, *(const char *const *)a, sizeof left);
    memcpy(&right, *(const char *const *)b, sizeof right);
    int order = strcmp(left, right);
    return order ? order : (*(const char *const *)a > *(const char *const *)b ? 1 : -1);
}

static int compare_numbers(const void *a, const void *b) {
    const char *left = *(const char *const *)a, *right = *(const char *const *)b;
    int order = memcmp(left, right, sizeof(int64_t)); /* any order of the bits will do */
    return order ? order : (left > right ? 1 : -1);
}

/* Sorting pointers to the values, equal ones by position, brings repetitions together. */
static judd_status check_distinct(const values *list, const judd_key *key,
                                  config_setting_t *setting) {
    judd_status status = JUDD_OK;
    judd_key_type element = judd_keys_element(key->type);
    size_t size = judd_keys_size(element);
    const char **order = NULL, *start = list->items;
    int (*compare)(const void *, const void *) = is_text(element) ? compare_texts : compare_numbers;
    JUDD_TRY(judd_memory_alloc(&order, list->n, sizeof *order));
    for (int64_t i = 0; i < list->n; i++) order[i] = start + (size_t)i * size;
    qsort(order, (size_t)list->n, sizeof *order, compare);
    for (int64_t i = 1; i < list->n; i++) {
        value a = {0}, b = {0};
        memcpy(&a, order[i - 1], size);
        memcpy(&b, order[i], size);
        bool is_same = is_text(element) ? strcmp(a.text, b.text) == 0 : a.integer == b.integer;
        if (!is_same) continue;
        long first = (long)((size_t)(order[i - 1] - start) / size) + 1;
        unsigned second = (unsigned)((size_t)(order[i] - start) / size);
        FAIL_ON(config_setting_get_elem(setting, second),
                " repeats value %ld of the list; remove one", first);
    }
done:
    free(order);
    return status;
}

/* The values of a list key, already allocated in *list; list->n counts what is owned. */
static judd_status get_values(values *list, const judd_key *key, config_setting_t *setting, int n) {
    judd_status status = JUDD_OK;
    judd_key_type element = judd_keys_element(key->type);
    size_t size = judd_keys_size(element);
    for (int i = 0; i < n; i++) {
        value v = {0};
        JUDD_TRY(get_value(
            &v, key, is_list(setting) ? config_setting_get_elem(setting, (unsigned)i) : setting));
        store((char *)list->items + (size_t)i * size, element, &v);
        list->n = i + 1;
    }
    if (key->flags & JUDD_KEY_DISTINCT && n > 1) JUDD_TRY(check_distinct(list, key, setting));
done:
    return status;
}

static judd_status fill_values(void *target, const judd_key *key, config_setting_t *setting) {
    judd_status status = JUDD_OK;
    judd_key_type element = judd_keys_element(key->type);
    values list = {0};
    int n = 0;
    if (setting) n = is_list(setting) ? config_setting_length(setting) : 1;
    if (n > MAX_LIST) FAIL_ON(setting, " holds more than %d values; shorten it", MAX_LIST);
    if (setting && n == 0 && key->flags & JUDD_KEY_SOME) {
        char example[160];
        judd_keys_example(example, sizeof example, key);
        FAIL_ON(setting, " is empty; write %s", example);
    }
    const char *text = setting || !key->fallback ? "" : key->fallback;
    for (const char *c = text; *c; c += strcspn(c, ","), c += *c == ',' ? 2 : 0) n++;
    JUDD_TRY(judd_memory_alloc(&list.items, n, judd_keys_size(element)));
    if (setting) {
        status = get_values(&list, key, setting, n);
        goto done;
    }
    for (const char *c = text; *c; c += strcspn(c, ","), c += *c == ',' ? 2 : 0) {
        value v = {0};
        JUDD_TRY(default_value(&v, key, c, strcspn(c, ",")));
        store((char *)list.items + (size_t)list.n++ * judd_keys_size(element), element, &v);
    }
done:
    memcpy(target, &list, sizeof list); /* also after a failure, to be freed with the struct */
    return status;
}

static judd_status fill_list(void *base, const judd_key *key, config_setting_t *setting) {
    judd_status status = JUDD_OK;
    char *items = NULL;
    int64_t n = judd_fill_elements(setting);
    if (!is_list(setting) && !config_setting_is_group(setting)) JUDD_TRY(refuse_type(key, setting));
    if (n > MAX_LIST) FAIL_ON(setting, " holds more than %d groups; split the job", MAX_LIST);
    if (n == 0 && key->flags & JUDD_KEY_SOME)
        FAIL_ON(setting, " is empty; write %s = ( { ... } )", key->name);
    JUDD_TRY(judd_memory_alloc(&items, n, key->table->size));
    memcpy((char *)base + key->offset, &items, sizeof items);
    memcpy((char *)base + key->count_offset, &n, sizeof n);
    for (int i = 0; i < n; i++) {
        config_setting_t *element = judd_fill_element(setting, i);
        if (!config_setting_is_group(element))
            FAIL_ON(element, " is %s, but a group is needed; write { ... }", found_type(element));
        JUDD_TRY(judd_fill_group(items + (size_t)i * key->table->size, key->table, element));
    }
done:
    return status;
}

static judd_status fill_key(void *base, const judd_key *key, config_setting_t *setting);

/* The keys of a group; NULL if it is absent as a whole: then no key in it is required (a test
 * proves it). */
static judd_status fill_keys(void *base, const judd_key_table *table, config_setting_t *group);

/* `setting` may be NULL: the default. */
static judd_status fill_key(void *base, const judd_key *key, config_setting_t *setting) {
    judd_status status = JUDD_OK;
    judd_key_type element = judd_keys_element(key->type);
    char *target = (char *)base + key->offset;
    value v = {0};
    if (key->type == JUDD_KEY_GROUP) {
        if (!setting) return fill_keys(target, key->table, NULL);
        if (!config_setting_is_group(setting)) return refuse_type(key, setting);
        return judd_fill_group(target, key->table, setting);
    }
    if (key->type == JUDD_KEY_LIST) return setting ? fill_list(base, key, setting) : JUDD_OK;
    if (element != key->type) return fill_values(target, key, setting);
    if (setting)
        JUDD_TRY(get_value(&v, key, setting));
    else if (key->fallback)
        JUDD_TRY(default_value(&v, key, key->fallback, strlen(key->fallback)));
    store(target, element, &v);
done:
    return status;
}

/* "ridge, lda and knn" of "ridge|lda|knn". */
static void list_kinds(char *out, size_t size, const char *kinds) {
    size_t used = 0;
    out[0] = '\0';
    for (const char *c = kinds, *next; *c && used < size; c = next) {
        int n = (int)strcspn(c, "|");
        next = c + n + (c[n] == '|');
        const char *between = c == kinds ? "" : strchr(next, '|') || *next ? ", " : " and ";
        used += (size_t)snprintf(out + used, size - used, "%s%.*s", between, n, c);
    }
}

static judd_status refuse_key(const judd_key *key, const judd_key_table *table, const void *base,
                              const config_setting_t *setting) {
    judd_status status = JUDD_OK;
    char kinds[160];
    list_kinds(kinds, sizeof kinds, key->kinds);
    FAIL_ON(setting, " is no option of %s = \"%s\", but of %s (%s); remove it",
            judd_keys_find(table, "kind") ? "kind" : "mode", judd_keys_kind(table, base), kinds,
            key->help);
done:
    return status;
}

static judd_status fill_keys(void *base, const judd_key_table *table, config_setting_t *group) {
    judd_status status = JUDD_OK;
    char example[160];
    for (int i = 0; i < table->n_keys; i++) {
        const judd_key *key = &table->keys[i];
        config_setting_t *setting = group ? config_setting_get_member(group, key->name) : NULL;
        if (!judd_keys_applies(key, table, base)) {
            if (setting && !judd_keys_applies_by_name(key->name, table, base))
                JUDD_TRY(refuse_key(key, table, base, setting));
            continue;
        }
        judd_keys_example(example, sizeof example, key);
        if (group && !setting && key->flags & JUDD_KEY_REQUIRED)
            FAIL_ON(group, " has no \"%s\" (%s); add %s", key->name, key->help, example);
        JUDD_TRY(fill_key(base, key, setting));
    }
done:
    return status;
}

judd_status judd_fill_group(void *base, const judd_key_table *table, config_setting_t *group) {
    judd_status status = JUDD_OK;
    char where[JUDD_WHERE_SIZE], suggestion[JUDD_KEY_SUGGESTION];
    for (int i = 0; i < config_setting_length(group); i++) {
        config_setting_t *member = config_setting_get_elem(group, (unsigned)i);
        const char *name = config_setting_name(member);
        if (judd_keys_find(table, name)) continue;
        judd_source_where(where, member);
        judd_keys_suggest_key(suggestion, name, table);
        JUDD_FAIL(JUDD_E_CONFIG, "%s: unknown key \"%s\" in %s%s", where, name, table->title,
                  suggestion);
    }
    return fill_keys(base, table, group);
done:
    return status;
}

static void clear_values(void *target, judd_key_type element) {
    values list;
    memcpy(&list, target, sizeof list);
    for (int64_t i = 0; is_text(element) && i < list.n; i++) {
        char *text;
        memcpy(&text, (char *)list.items + (size_t)i * sizeof text, sizeof text);
        free(text);
    }
    free(list.items);
    memset(target, 0, sizeof list); /* rows of one name share a member */
}

static void clear_list(const void *base, const judd_key *key) {
    int64_t n;
    char *items;
    memcpy(&n, (const char *)base + key->count_offset, sizeof n);
    memcpy(&items, (const char *)base + key->offset, sizeof items);
    for (int64_t i = 0; i < n; i++)
        judd_fill_clear(items + (size_t)i * key->table->size, key->table);
    free(items);
}

void judd_fill_clear(void *base, const judd_key_table *table) {
    for (int i = 0; i < table->n_keys; i++) {
        const judd_key *key = &table->keys[i];
        char *target = (char *)base + key->offset, *text = NULL;
        judd_key_type element = judd_keys_element(key->type);
        if (key->type == JUDD_KEY_GROUP) {
            judd_fill_clear(target, key->table);
        } else if (key->type == JUDD_KEY_LIST) {
            clear_list(base, key);
        } else if (element != key->type) {
            clear_values(target, element);
        } else if (is_text(element)) {
            memcpy(&text, target, sizeof text);
            free(text);
            text = NULL;
            memcpy(target, &text, sizeof text);
        }
    }
}

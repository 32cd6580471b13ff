#include "job/override.h"

#include "job/fill.h"
#include "job/keys.h"

#include <judd/base/memory.h>

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A way down the tree and the tables at once. */
typedef struct walk {
    const char *where;           /* "--set ..." */
    judd_source *change;         /* hook of everything made */
    const judd_key_table *table; /* of `group` */
    config_setting_t *group;
    const char *rest; /* of the path */
} walk;

static judd_status copy_members(config_setting_t *to, const config_setting_t *from, void *hook);

/* A deep copy of `from` as a new member or element of `parent`. Depth: JUDD_SCAN_DEPTH at most. */
static judd_status copy_setting(config_setting_t *parent, const char *name,
                                const config_setting_t *from, void *hook) {
    judd_status status = JUDD_OK;
    config_setting_t *to = config_setting_add(parent, name, config_setting_type(from));
    int done = CONFIG_TRUE;
    if (!to) JUDD_FAIL(JUDD_E_INTERNAL, "--set: libconfig refuses \"%s\"", name ? name : "element");
    config_setting_set_hook(to, hook);
    switch (config_setting_type(from)) {
    case CONFIG_TYPE_INT:
        done = config_setting_set_int(to, from->value.ival);
        break;
    case CONFIG_TYPE_INT64:
        done = config_setting_set_int64(to, from->value.llval);
        break;
    case CONFIG_TYPE_FLOAT:
        done = config_setting_set_float(to, from->value.fval);
        break;
    case CONFIG_TYPE_BOOL:
        done = config_setting_set_bool(to, from->value.ival);
        break;
    case CONFIG_TYPE_STRING:
        done = config_setting_set_string(to, from->value.sval);
        break;
    default:
        JUDD_TRY(copy_members(to, from, hook));
    }
    if (!done) JUDD_FAIL(JUDD_E_INTERNAL, "--set: libconfig refuses a value");
done:
    return status;
}

static judd_status copy_members(config_setting_t *to, const config_setting_t *from, void *hook) {
    judd_status status = JUDD_OK;
    for (int i = 0; i < config_setting_length(from); i++) {
        const config_setting_t *member = config_setting_get_elem(from, (unsigned)i);
        JUDD_TRY(copy_setting(to, config_setting_name(member), member, hook));
    }
done:
    return status;
}

static const config_setting_t *new_value(const walk *w) {
    return config_setting_get_elem(judd_source_root(w->change), 0);
}

/* The last key of the path: whatever its type is, filling the structs checks it. */
static judd_status assign_member(const walk *w, const judd_key *key) {
    if (config_setting_get_member(w->group, key->name)) config_setting_remove(w->group, key->name);
    return copy_setting(w->group, key->name, new_value(w), w->change);
}

static judd_status assign_element(const walk *w, config_setting_t *element) {
    const config_setting_t *value = new_value(w);
    if (!config_setting_is_group(value) || !config_setting_is_group(element))
        return judd_status_set(JUDD_E_CONFIG, "%s: an element of a list is a group; write ={ ... }",
                               w->where);
    while (config_setting_length(element) > 0) config_setting_remove_elem(element, 0);
    config_setting_set_hook(element, w->change);
    return copy_members(element, value, w->change);
}

/* Length of `name` if the path goes on with it, else 0. */
static size_t match_name(const char *rest, const char *name) {
    size_t n = strlen(name);
    return n > 0 && strncmp(rest, name, n) == 0 && (rest[n] == '.' || rest[n] == '\0') ? n : 0;
}

/* Number of an element, "0" or "[0]", and its length in the path; -1 if it is none. */
static long match_index(const char *rest, size_t *length) {
    char *end = NULL;
    bool in_brackets = rest[0] == '[';
    const char *digits = rest + in_brackets;
    if (digits[0] < '0' || digits[0] > '9') return -1;
    long index = strtol(digits, &end, 10);
    if (in_brackets && *end++ != ']') return -1;
    if (*end && *end != '.') return -1;
    *length = (size_t)(end - rest);
    return index;
}

static judd_status refuse_element(const walk *w, const judd_key *key, config_setting_t *list) {
    judd_status status = JUDD_OK;
    char suggestion[JUDD_KEY_SUGGESTION];
    const char **names = NULL;
    int n = judd_fill_elements(list), n_names = 0;
    char *word = NULL;
    JUDD_TRY(judd_memory_format(&word, "%.*s", (int)strcspn(w->rest, "."), w->rest));
    JUDD_TRY(judd_memory_alloc(&names, n, sizeof *names));
    for (int i = 0; i < n; i++) {
        config_setting_t *element = judd_fill_element(list, i);
        if (config_setting_is_group(element) &&
            config_setting_lookup_string(element, "name", &names[n_names]))
            n_names++;
    }
    judd_keys_suggest(suggestion, word, names, n_names);
    JUDD_FAIL(JUDD_E_CONFIG, "%s: %s has no element \"%.64s\"%s", w->where, key->name, word,
              suggestion);
done:
    free(names);
    free(word);
    return status;
}

/* Step to the element that the path names; the longest name wins, for names may hold points. */
static judd_status enter_element(walk *w, const judd_key *key, config_setting_t *list) {
    config_setting_t *found = NULL;
    size_t longest = 0;
    int n = judd_fill_elements(list);
    for (int i = 0; i < n; i++) {
        config_setting_t *element = judd_fill_element(list, i);
        const char *name = NULL;
        if (!config_setting_is_group(element) ||
            !config_setting_lookup_string(element, "name", &name))
            continue;
        size_t length = match_name(w->rest, name);
        if (length <= longest) continue;
        longest = length;
        found = element;
    }
    if (!found) {
        long index = match_index(w->rest, &longest);
        if (index < 0 || index >= n) return refuse_element(w, key, list);
        found = judd_fill_element(list, (int)index);
    }
    w->rest += longest;
    w->table = key->table;
    w->group = found;
    if (*w->rest) {
        w->rest++;
        if (config_setting_is_group(found)) return JUDD_OK;
        return judd_status_set(JUDD_E_CONFIG, "%s: an element of %s is no group", w->where,
                               key->name);
    }
    return assign_element(w, found);
}

static judd_status enter_group(walk *w, const judd_key *key) {
    config_setting_t *group = config_setting_get_member(w->group, key->name);
    if (!group) {
        group = config_setting_add(w->group, key->name, CONFIG_TYPE_GROUP);
        if (!group)
            return judd_status_set(JUDD_E_INTERNAL, "%s: libconfig refuses a group", w->where);
        config_setting_set_hook(group, w->change);
    }
    if (!config_setting_is_group(group))
        return judd_status_set(JUDD_E_CONFIG, "%s: %s is no group in the job file", w->where,
                               key->name);
    w->table = key->table;
    w->group = group;
    return JUDD_OK;
}

/* One key of the path. */
static judd_status step(walk *w) {
    judd_status status = JUDD_OK;
    char suggestion[JUDD_KEY_SUGGESTION];
    size_t length = strcspn(w->rest, ".");
    char *name = NULL;
    JUDD_TRY(judd_memory_format(&name, "%.*s", (int)length, w->rest));
    const judd_key *key = judd_keys_find(w->table, name);
    bool is_last = w->rest[length] == '\0';
    if (!key) {
        judd_keys_suggest_key(suggestion, name, w->table);
        JUDD_FAIL(JUDD_E_CONFIG, "%s: unknown key \"%.64s\" in %s%s", w->where, name,
                  w->table->title, suggestion);
    }
    w->rest += length + !is_last;
    if (is_last) {
        status = assign_member(w, key);
    } else if (key->type == JUDD_KEY_GROUP) {
        status = enter_group(w, key);
    } else if (key->type == JUDD_KEY_LIST) {
        config_setting_t *list = config_setting_get_member(w->group, key->name);
        if (!list)
            JUDD_FAIL(JUDD_E_CONFIG, "%s: the job has no %s yet; set the whole list", w->where,
                      name);
        status = enter_element(w, key, list);
    } else {
        JUDD_FAIL(JUDD_E_CONFIG, "%s: %s has no parts; set it as a whole", w->where, name);
    }
done:
    free(name);
    return status;
}

judd_status judd_override_apply(judd_source *source, judd_source *change, const char *assignment) {
    judd_status status = JUDD_OK;
    char where[JUDD_WHERE_SIZE];
    char *path = NULL;
    judd_source_line(where, change, 1);
    JUDD_TRY(judd_memory_format(&path, "%.*s", (int)strcspn(assignment, "="), assignment));
    walk w = {where, change, judd_keys_job(), judd_source_root(source), path};
    size_t n = strlen(path);
    if (n == 0 || path[n - 1] == '.')
        JUDD_FAIL(JUDD_E_CONFIG, "%s: the path ends in a point; write path.to.key=value", where);
    while (*w.rest) JUDD_TRY(step(&w));
done:
    free(path);
    return status;
}

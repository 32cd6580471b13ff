#include "job/scan.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct scope {
    char open;
    int64_t line;
    int64_t first_key; /* into scanner.keys */
} scope;

typedef struct key_seen {
    const char *name;
    int length;
    int64_t line;
} key_seen;

typedef struct scanner {
    const judd_source *source;
    const char *p; /* cursor */
    int64_t line;
    char *out; /* write cursor; every rule writes at most twice what it reads */
    char last; /* token: a bracket, '=', ',', ';', 's' a string, 'v' another value, 'k' a key, 0 */
    int depth;
    scope scopes[JUDD_SCAN_DEPTH + 1]; /* [0] is the file */
    key_seen *keys;                    /* of the open groups, innermost last */
    int64_t n_keys, capacity;
} scanner;

#define FAIL_AT(scan, at, format, ...)                                                             \
    do {                                                                                           \
        char where_[JUDD_WHERE_SIZE];                                                              \
        judd_source_line(where_, (scan)->source, at);                                              \
        return judd_status_set(JUDD_E_CONFIG, "%s: " format, where_, __VA_ARGS__);                 \
    } while (0)

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\n';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The characters of a libconfig name after the first one. */
static bool is_name(char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '*';
}

/* Behind blanks and comments; NULL if a block comment has no end. */
static const char *skip_blank(const char *p) {
    for (;;) {
        if (is_blank(*p)) {
            p++;
        } else if (*p == '#' || (p[0] == '/' && p[1] == '/')) {
            while (*p && *p != '\n') p++;
        } else if (p[0] == '/' && p[1] == '*') {
            p = strstr(p + 2, "*/");
            if (!p) return NULL;
            p += 2;
        } else {
            return p;
        }
    }
}

/* Move over blanks and comments; only their line ends are kept. */
static judd_status scan_blank(scanner *s) {
    const char *end = skip_blank(s->p);
    if (!end) FAIL_AT(s, s->line, "%s", "a comment opened here or below has no end; add */");
    if (end > s->p) *s->out++ = ' ';
    for (; s->p < end; s->p++) {
        if (*s->p != '\n') continue;
        *s->out++ = '\n';
        s->line++;
    }
    return JUDD_OK;
}

static void copy_to(scanner *s, const char *end) {
    memcpy(s->out, s->p, (size_t)(end - s->p));
    s->out += end - s->p;
    s->p = end;
}

/* May a value stand here? libconfig would only say "syntax error", and lose memory. */
static judd_status expect_value(const scanner *s) {
    bool in_group = s->scopes[s->depth].open == '{';
    if (s->last == '=') return JUDD_OK;
    if (in_group) FAIL_AT(s, s->line, "%s", "a value without a key before it; write key = value");
    if (s->last == 'v' || s->last == 's')
        FAIL_AT(s, s->line, "%s", "two values in a row; put a comma between them");
    return JUDD_OK;
}

static judd_status scan_string(scanner *s) {
    const char *p = s->p + 1;
    for (; *p != '"'; p++) {
        if (!*p || *p == '\n')
            FAIL_AT(s, s->line, "%s", "a string is not closed on its line; add the missing \"");
        if (*p != '\\') continue;
        if ((p[1] == 'x' || p[1] == 'X') && p[2] == '0' && p[3] == '0')
            FAIL_AT(s, s->line, "%s", "a string cannot hold \\x00; remove it");
        if (p[1] == '"' || p[1] == '\\') p++;
    }
    copy_to(s, p + 1);
    s->last = 's';
    return JUDD_OK;
}

static judd_status remember_key(scanner *s, const char *name, int length) {
    int64_t first = s->scopes[s->depth].first_key;
    for (int64_t i = first; i < s->n_keys; i++) {
        const key_seen *seen = &s->keys[i];
        if (seen->length != length || memcmp(seen->name, name, (size_t)length) != 0) continue;
        char there[JUDD_WHERE_SIZE];
        judd_source_line(there, s->source, seen->line);
        FAIL_AT(s, s->line, "key \"%.*s\" is given twice, first at %s; remove one", length, name,
                there);
    }
    if (s->n_keys - first == JUDD_SCAN_KEYS)
        FAIL_AT(s, s->line, "more than %d keys in one group; no group has so many", JUDD_SCAN_KEYS);
    if (s->n_keys == s->capacity) {
        int64_t more = 2 * s->capacity + 64;
        key_seen *moved = realloc(s->keys, (size_t)more * sizeof *moved);
        if (!moved) return judd_status_set(JUDD_E_INTERNAL, "no memory for the keys of a job file");
        s->keys = moved;
        s->capacity = more;
    }
    s->keys[s->n_keys++] = (key_seen){name, length, s->line};
    return JUDD_OK;
}

/* A key, true or false; any other word is a string that lacks its quotes. */
static judd_status scan_word(scanner *s) {
    const char *end = s->p;
    while (is_name(*end)) end++;
    int length = (int)(end - s->p > 64 ? 64 : end - s->p);
    const char *next = skip_blank(end);
    bool is_key = next && (*next == '=' || *next == ':');
    bool is_truth = (length == 4 && strncasecmp(s->p, "true", 4) == 0) ||
                    (length == 5 && strncasecmp(s->p, "false", 5) == 0);
    bool is_value = s->last == '=' || s->last == ',' || s->last == '(' || s->last == '[';
    if (is_key && !is_truth && end - s->p > length)
        FAIL_AT(s, s->line, "\"%.*s...\" is too long for a key", length, s->p);
    if (is_key && !is_truth && s->scopes[s->depth].open != '{')
        FAIL_AT(s, s->line, "key \"%.*s\" stands in a list; put { } around the element", length,
                s->p);
    if (is_key && !is_truth && s->last == '=')
        FAIL_AT(s, s->line, "no value before \"%.*s\"; write key = value", length, s->p);
    if (is_truth) {
        judd_status status = expect_value(s);
        if (status != JUDD_OK) return status;
    } else if (is_key) {
        judd_status status = remember_key(s, s->p, length);
        if (status != JUDD_OK) return status;
    } else if (is_value) {
        FAIL_AT(s, s->line, "%.*s is not a value; a string needs quotes: \"%.*s\"", length, s->p,
                length, s->p);
    } else {
        FAIL_AT(s, s->line, "\"%.*s\" has no value; write %.*s = ...", length, s->p, length, s->p);
    }
    s->last = is_key && !is_truth ? 'k' : 'v';
    copy_to(s, end);
    return JUDD_OK;
}

/* Digits with an optional sign, 0x before and L behind; *fits tells whether 64 bits hold it. */
static bool parse_integer(const char *p, const char *end, int64_t *value, bool *fits) {
    bool is_hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
    const char *digits = p + (is_hex ? 2 : *p == '-' || *p == '+');
    const char *stop = digits;
    while (is_digit(*stop) || (is_hex && is_letter(*stop) && (*stop | 32) <= 'f')) stop++;
    if (stop == digits || end - stop > 2) return false;
    for (const char *c = stop; c < end; c++)
        if (*c != 'L') return false;
    errno = 0;
    char *parsed = NULL;
    *value = strtoll(p, &parsed, is_hex ? 16 : 10);
    *fits = errno == 0;
    return parsed == stop;
}

static bool parse_real(const char *p, const char *end) {
    for (const char *c = p; c < end; c++)
        if (is_letter(*c) && *c != 'e' && *c != 'E') return false;
    char *parsed = NULL;
    strtod(p, &parsed);
    return parsed == end;
}

static judd_status scan_number(scanner *s) {
    const char *end = s->p;
    bool is_hex = end[0] == '0' && (end[1] == 'x' || end[1] == 'X');
    while (is_digit(*end) || is_letter(*end) || *end == '.' || *end == '_' ||
           ((*end == '+' || *end == '-') &&
            (end == s->p || (!is_hex && (end[-1] == 'e' || end[-1] == 'E')))))
        end++;
    int shown = (int)(end - s->p > 64 ? 64 : end - s->p);
    int64_t value = 0;
    bool fits = true;
    s->last = 'v';
    if (parse_integer(s->p, end, &value, &fits)) {
        if (!fits)
            FAIL_AT(s, s->line, "%.*s does not fit into 64 bits; %s", shown, s->p,
                    is_hex ? "give a smaller number" : "give a smaller number, or a real with .0");
        bool is_long = value < INT32_MIN || value > INT32_MAX;
        s->out += sprintf(s->out, is_long ? "%lldL" : "%lld", (long long)value);
        s->p = end;
    } else if (parse_real(s->p, end)) {
        copy_to(s, end);
    } else {
        FAIL_AT(s, s->line, "%.*s is not a number; a string needs quotes: \"%.*s\"", shown, s->p,
                shown, s->p);
    }
    return JUDD_OK;
}

static judd_status scan_open(scanner *s) {
    if (s->depth == JUDD_SCAN_DEPTH)
        FAIL_AT(s, s->line, "brackets nest deeper than %d; no job needs that", JUDD_SCAN_DEPTH);
    s->scopes[++s->depth] = (scope){*s->p, s->line, s->n_keys};
    *s->out++ = *s->p == '[' ? '(' : *s->p;
    s->last = *s->p++;
    return JUDD_OK;
}

static judd_status scan_close(scanner *s) {
    const scope *open = &s->scopes[s->depth];
    char wanted = open->open == '(' ? ')' : open->open == '[' ? ']' : '}';
    if (s->depth == 0) FAIL_AT(s, s->line, "\"%c\" closes nothing; remove it", *s->p);
    if (*s->p != wanted) {
        char there[JUDD_WHERE_SIZE];
        judd_source_line(there, s->source, open->line);
        FAIL_AT(s, s->line,
                "\"%c\" cannot close the \"%c\" of %s; write \"%c\" or look for a missing one",
                *s->p, open->open, there, wanted);
    }
    if (s->last == '=') FAIL_AT(s, s->line, "no value before \"%c\"; write key = value", *s->p);
    s->n_keys = open->first_key;
    s->depth--;
    *s->out++ = *s->p == ']' ? ')' : *s->p;
    s->p++;
    s->last = 'v';
    return JUDD_OK;
}

/* = : ; , and what is none of the language. A comma may stand before a closing bracket. */
static judd_status scan_sign(scanner *s) {
    char c = *s->p;
    if (c != '=' && c != ':' && c != ';' && c != ',') {
        if (c > 32 && c < 127) FAIL_AT(s, s->line, "unexpected character \"%c\"; remove it", c);
        FAIL_AT(s, s->line, "unexpected byte 0x%02x; remove it", (unsigned)(unsigned char)c);
    }
    bool is_after_value = s->last == 'v' || s->last == 's';
    bool in_group = s->scopes[s->depth].open == '{';
    const char *next = skip_blank(s->p + 1);
    bool is_last = c == ',' && next && (*next == ')' || *next == ']');
    if ((c == '=' || c == ':') && s->last != 'k')
        FAIL_AT(s, s->line, "\"%c\" without a key before it; write key = value", c);
    if (s->last == '=')
        FAIL_AT(s, s->line, "no value between \"=\" and \"%c\"; write key = value", c);
    if (c == ';' && !in_group)
        FAIL_AT(s, s->line, "\"%c\" inside a list; separate its values by commas", c);
    if ((c == ';' || c == ',') && !is_after_value)
        FAIL_AT(s, s->line, "\"%c\" follows no value; remove it", c);
    *s->out++ = is_last ? ' ' : c;
    if (!is_last) s->last = c == ':' ? '=' : c;
    s->p++;
    return JUDD_OK;
}

static judd_status scan_token(scanner *s) {
    char c = *s->p;
    bool is_signed = (c == '-' || c == '+') && (is_digit(s->p[1]) || s->p[1] == '.');
    bool is_number = is_digit(c) || c == '.' || is_signed;
    bool is_open = c == '{' || c == '(' || c == '[';
    bool is_more = c == '"' && s->last == 's'; /* strings in a row are one */
    if (is_letter(c) || c == '*') return scan_word(s);
    if (is_number || is_open || (c == '"' && !is_more)) {
        judd_status status = expect_value(s);
        if (status != JUDD_OK) return status;
    }
    if (c == '"') return scan_string(s);
    if (is_number) return scan_number(s);
    if (is_open) return scan_open(s);
    if (c == '}' || c == ')' || c == ']') return scan_close(s);
    return scan_sign(s);
}

judd_status judd_scan_text(char **out, const char *text, const judd_source *source) {
    judd_status status = JUDD_OK;
    char *normalised = NULL;
    scanner s = {.source = source, .p = text, .line = 1, .scopes = {{'{', 1, 0}}};
    int64_t length = (int64_t)strlen(text);
    JUDD_TRY(judd_memory_alloc(&normalised, 2 * length + 32, 1));
    s.out = normalised;
    for (;;) {
        JUDD_TRY(scan_blank(&s));
        if (!*s.p) break;
        JUDD_TRY(scan_token(&s));
    }
    if (s.last == '=') {
        char where[JUDD_WHERE_SIZE];
        judd_source_line(where, source, s.line);
        JUDD_FAIL(JUDD_E_CONFIG, "%s: no value at the end; write key = value", where);
    }
    if (s.depth > 0) {
        char where[JUDD_WHERE_SIZE];
        judd_source_line(where, source, s.scopes[s.depth].line);
        JUDD_FAIL(JUDD_E_CONFIG, "%s: \"%c\" is never closed; add the missing bracket", where,
                  s.scopes[s.depth].open);
    }
    *out = normalised;
    normalised = NULL;
done:
    free(normalised);
    free(s.keys);
    return status;
}

int judd_scan_comment(const char *line, const char *end, int in_comment) {
    for (const char *p = line; p < end; p++) {
        if (in_comment) {
            if (p[0] != '*' || p + 1 == end || p[1] != '/') continue;
            in_comment = 0;
            p++;
        } else if (*p == '"') {
            for (p++; p < end && *p != '"'; p++)
                if (*p == '\\') p++;
        } else if (*p == '#' || (p[0] == '/' && p + 1 < end && p[1] == '/')) {
            break;
        } else if (p[0] == '/' && p + 1 < end && p[1] == '*') {
            in_comment = 1;
            p++;
        }
    }
    return in_comment;
}

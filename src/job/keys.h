/** Option tables: one row a key. They drive parsing, defaults, range checks, suggestions, the
 *  resolved file, comparison and the documentation.
 */
#ifndef JUDD_SRC_JOB_KEYS_H
#define JUDD_SRC_JOB_KEYS_H

#include <judd/job/job.h>

#include <stddef.h>
#include <stdio.h>

typedef enum judd_key_type {
    JUDD_KEY_INT,     /* int64_t */
    JUDD_KEY_REAL,    /* double */
    JUDD_KEY_BOOL,    /* bool */
    JUDD_KEY_STRING,  /* char *, UTF-8, from here to FOLDER */
    JUDD_KEY_NAME,    /* safe in file names */
    JUDD_KEY_CHOICE,  /* one of `choices` */
    JUDD_KEY_PATH,    /* input, relative to the file that names it */
    JUDD_KEY_FOLDER,  /* output, relative to the working directory */
    JUDD_KEY_INTS,    /* judd_job_integers */
    JUDD_KEY_REALS,   /* judd_job_numbers */
    JUDD_KEY_STRINGS, /* judd_job_strings */
    JUDD_KEY_GROUP,   /* a table inside the same struct */
    JUDD_KEY_LIST     /* a counted array of structs */
} judd_key_type;

enum {
    JUDD_KEY_REQUIRED = 1,  /* else absent means `fallback`, or empty / NULL without one */
    JUDD_KEY_ABOVE = 2,     /* the minimum itself is out of range */
    JUDD_KEY_BELOW = 4,     /* the maximum itself is out of range */
    JUDD_KEY_SOME = 8,      /* a list may not be empty */
    JUDD_KEY_DISTINCT = 16, /* no value twice in a list */
    JUDD_KEY_SILENT = 32,   /* does not matter to results */
    JUDD_KEY_AUTO = 64      /* an INT that may be "auto" instead, which the struct holds as 0 */
};

enum { JUDD_KEY_NAME_LENGTH = 64, JUDD_KEY_TEXT_LENGTH = 4096, JUDD_KEY_SUGGESTION = 320 };

typedef struct judd_key_table judd_key_table;

typedef struct judd_key {
    const char *name;
    judd_key_type type;
    const char
        *kinds; /* split by '|': the key is there only if the key "kind" (or "mode") of its table,
                   which stands before it, is among them; else its member stays zero. NULL: always.
                   Rows of one name and type may follow each other for different kinds */
    int flags;
    size_t offset;        /* in the table's struct; GROUP: start of the group's struct */
    size_t count_offset;  /* LIST: of the int64_t number of elements */
    const char *fallback; /* default as text, without quotes or brackets; values split by ", " */
    double minimum, maximum;
    const char *choices; /* split by '|' */
    const char *unit;
    const char *help;
    const judd_key_table *table; /* GROUP, LIST */
} judd_key;

struct judd_key_table {
    const char *title; /* in messages: unknown key "x" in <title> */
    const judd_key *keys;
    int n_keys;
    size_t size; /* of the struct an element of a LIST is */
};

/** The table of the whole job file. */
const judd_key_table *judd_keys_job(void);

/** What the struct says its kind is, "" if its table has no such key. */
const char *judd_keys_kind(const judd_key_table *table, const void *base);
/** Whether a struct of this kind has the key; whether it has any row of this name. */
bool judd_keys_applies(const judd_key *key, const judd_key_table *table, const void *base);
bool judd_keys_applies_by_name(const char *name, const judd_key_table *table, const void *base);

/** First row of a key, NULL if there is none. */
const judd_key *judd_keys_find(const judd_key_table *table, const char *name);

/** The type of one element: INTS -> INT and so on; other types are themselves. */
judd_key_type judd_keys_element(judd_key_type type);
/** Bytes of one value of a scalar type. */
size_t judd_keys_size(judd_key_type element);

/** '; did you mean "x"?' if a name is near `word`, else '; known: a, b, c'. */
void judd_keys_suggest(char out[JUDD_KEY_SUGGESTION], const char *word, const char *const *names,
                       int64_t n_names);
/** The same for the keys of a table. */
void judd_keys_suggest_key(char out[JUDD_KEY_SUGGESTION], const char *word,
                           const judd_key_table *table);

/** What one would write, "seeds = 10", for messages. */
void judd_keys_example(char *out, size_t size, const judd_key *key);
/** "at least 1 and at most 4096", with the unit; "" if the key has no range. */
void judd_keys_range(char *out, size_t size, const judd_key *key);

/** All tables as Markdown. */
judd_status judd_keys_write(FILE *file);

#endif

#include "cli/arguments.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct judd_given {
    const judd_option *option;
    const char *value;
    bool asked;
} judd_given;

const judd_option *judd_command_option(const judd_command *command, int k) {
    for (int list = 0; list < JUDD_OPTION_LISTS && command->options[list]; list++)
        for (const judd_option *o = command->options[list]; o->name; o++)
            if (k-- == 0) return o;
    return NULL;
}

/* The option called text [length], or NULL. */
static const judd_option *find(const judd_command *command, const char *text, size_t length) {
    const judd_option *o;
    for (int k = 0; (o = judd_command_option(command, k)); k++)
        for (int s = 0; s < 2; s++) {
            const char *name = s ? o->short_name : o->name;
            if (name && strlen(name) == length && memcmp(name, text, length) == 0) return o;
        }
    return NULL;
}

bool judd_command_has_option(const judd_command *command, const char *name) {
    return find(command, name, strlen(name)) != NULL;
}

/* --name value, --name=value, -n value. */
static judd_status take_option(judd_arguments *a, int *i, int argc, char **argv) {
    const char *text = argv[*i], *equals = strncmp(text, "--", 2) == 0 ? strchr(text, '=') : NULL;
    const judd_option *o = find(a->command, text, equals ? (size_t)(equals - text) : strlen(text));
    if (!o || (equals && !o->value))
        return judd_status_set(JUDD_E_USAGE, "%s: unknown option %s; see judd %s --help", a->name,
                               text, a->name);
    judd_given *given = &a->given[a->n_given++];
    *given = (judd_given){.option = o};
    if (!o->value) return JUDD_OK;
    if (!equals && *i + 1 == argc)
        return judd_status_set(JUDD_E_USAGE, "%s: %s needs a value: %s %s", a->name, text, text,
                               o->value);
    given->value = equals ? equals + 1 : argv[++*i];
    return JUDD_OK;
}

/* What is missing, as it would be written. */
static judd_status check_complete(const judd_arguments *a) {
    const judd_command *c = a->command;
    const judd_option *o;
    char missing[256] = "";
    bool complete = a->n >= c->least;
    for (int k = 0; (o = judd_command_option(c, k)); k++) {
        bool given = !o->required;
        for (int g = 0; g < a->n_given && !given; g++) given = a->given[g].option == o;
        complete = complete && given;
        size_t used = strlen(missing);
        if (o->required)
            snprintf(missing + used, sizeof missing - used, " %s %s", o->name, o->value);
    }
    if (!complete)
        return judd_status_set(JUDD_E_USAGE, "%s: no %s; write judd %s %s%s", a->name,
                               a->n < c->least ? c->operands : missing + 1, a->name, c->operands,
                               missing);
    return JUDD_OK;
}

judd_status judd_arguments_parse(judd_arguments *a, const judd_command *command, const char *name,
                                 int argc, char **argv) {
    judd_status status = JUDD_OK;
    bool options = true;
    *a = (judd_arguments){.command = command, .name = name};
    JUDD_TRY(judd_memory_alloc(&a->operands, argc + command->least + 1, sizeof *a->operands));
    JUDD_TRY(judd_memory_alloc(&a->given, argc, sizeof *a->given));
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && argv[i][0] == '-' && argv[i][1])
            JUDD_TRY(take_option(a, &i, argc, argv));
        else if (a->n < command->most)
            a->operands[a->n++] = argv[i];
        else
            JUDD_FAIL(JUDD_E_USAGE, "%s: %s is too much; write judd %s %s", name, argv[i], name,
                      command->operands);
    }
    JUDD_TRY(check_complete(a));
done:
    return status;
}

void judd_arguments_free(judd_arguments *a) {
    free(a->operands);
    free(a->given);
    *a = (judd_arguments){0};
}

judd_status judd_arguments_all_asked(const judd_arguments *a) {
    for (int g = 0; g < a->n_given; g++)
        if (!a->given[g].asked)
            return judd_status_set(JUDD_E_INTERNAL,
                                   "%s: %s stands in the table of options, but "
                                   "nothing reads it; please report this",
                                   a->name, a->given[g].option->name);
    return JUDD_OK;
}

/* The next one given from number *g on, or NULL. */
static judd_given *next(judd_arguments *a, int *g, const char *option) {
    const judd_option *o = find(a->command, option, strlen(option));
    if (!o) {
        fprintf(stderr, "judd: %s asks for %s, which the table of options lacks\n", a->name,
                option);
        abort();
    }
    while (*g < a->n_given) {
        judd_given *given = &a->given[(*g)++];
        if (given->option != o) continue;
        given->asked = true;
        return given;
    }
    return NULL;
}

bool judd_arguments_has(judd_arguments *a, const char *option) {
    bool has = false;
    for (int g = 0; next(a, &g, option);) has = true;
    return has;
}

const char *judd_arguments_text(judd_arguments *a, const char *option, const char *otherwise) {
    judd_given *given;
    for (int g = 0; (given = next(a, &g, option));) otherwise = given->value;
    return otherwise;
}

int judd_arguments_texts(judd_arguments *a, const char *option, const char **list) {
    judd_given *given;
    int n = 0;
    for (int g = 0; (given = next(a, &g, option)); n++)
        if (list) list[n] = given->value;
    return n;
}

/* Whether writing the file `path` would replace `input`, or a file of it. */
static bool replaces(const char *path, const char *input) {
    struct stat x, y;
    if (stat(path, &x) != 0 || stat(input, &y) != 0) return false;
    if (x.st_dev == y.st_dev && x.st_ino == y.st_ino) return true;
    if (!S_ISDIR(y.st_mode)) return false;
    char *file = realpath(path, NULL), *folder = realpath(input, NULL);
    const size_t n = folder ? strlen(folder) : 0;
    /* a folder's own files are no samples of it */
    const bool inside = file && folder && strncmp(file, folder, n) == 0 && file[n] == '/' &&
                        strchr(file + n + 1, '/');
    free(file);
    free(folder);
    return inside;
}

judd_status judd_arguments_output(const char **path, judd_arguments *a, const char *option) {
    const char *input = NULL, *said = *path = judd_arguments_text(a, option, NULL);
    for (int i = 0; said && !input && i < a->n; i++)
        if (replaces(said, a->operands[i])) input = a->operands[i];
    for (int g = 0; said && !input && g < a->n_given; g++) {
        const judd_given *given = &a->given[g];
        if (given->value && strcmp(given->option->name, option) != 0 &&
            replaces(said, given->value))
            input = given->value;
    }
    if (!input) return JUDD_OK;
    return judd_status_set(JUDD_E_USAGE,
                           "%s: %s %s would replace %s, which is read; write another file", a->name,
                           option, said, input);
}

judd_status judd_arguments_whole(int64_t *x, judd_arguments *a, const char *option, int64_t least,
                                 int64_t most) {
    const char *text = judd_arguments_text(a, option, NULL);
    char *end = NULL;
    if (!text) return JUDD_OK;
    errno = 0;
    *x = strtoll(text, &end, 10);
    if (end != text && !*end && !errno && *x >= least && *x <= most) return JUDD_OK;
    return judd_status_set(JUDD_E_USAGE, "%s: %s %.32s: write a whole number from %lld to %lld",
                           a->name, option, text, (long long)least, (long long)most);
}

judd_status judd_arguments_real(double *x, judd_arguments *a, const char *option) {
    const char *text = judd_arguments_text(a, option, NULL);
    char *end = NULL;
    if (!text) return JUDD_OK;
    *x = strtod(text, &end);
    if (end != text && !*end && isfinite(*x) && *x > 0.0) return JUDD_OK;
    return judd_status_set(JUDD_E_USAGE, "%s: %s %.32s: write a number greater than 0", a->name,
                           option, text);
}

#include "cli/help.h"

#include <string.h>

enum { WIDTH = 80, NAMES = 24 };

const judd_help_item judd_help_exit_codes[] = {
    {"0", "done"},
    {"64", "wrong command line"},
    {"65", "bad data set or model file"},
    {"70", "internal error"},
    {"74", "the system refused input or output"},
    {"75", "a signal, a lost host, a folder in use: run the same command again"},
    {"78", "bad job file"},
    {0}};
const judd_help_item judd_help_signals[] = {
    {"SIGUSR1, SIGTERM", "save a checkpoint and exit with 75; a second one ends at once"}, {0}};
const judd_help_item judd_help_variables[] = {
    {"JUDD_CACHE", "folder of the feature cache; default $XDG_CACHE_HOME/judd, else ~/.cache/judd"},
    {"JUDD_NODE_RANKS", "most ranks that share a node's memory; default: all that are on it"},
    {"JUDD_PRESETS", "folder that @include searches before the installed presets"},
    {"JUDD_SHARE", "folder with configs, jobs and slurm in place of the installed share/judd"},
    {"JUDD_SHM", "folder in memory for what the ranks of a node share; default /dev/shm"},
    {"JUDD_SITE", "settings of the cluster for judd submit; default slurm/site.conf"},
    {"JUDD_SLURM", "folder of judd.sbatch for judd submit; default the installed one"},
    {"JUDD_STAGE",
     "yes: copy data sets in one file to TMPDIR on every node before networks read them"},
    {"JUDD_START_S", "seconds MPI may take to start; default 600, 0: for ever"},
    {"TMPDIR", "folder for tables of samples on every node; default /tmp"},
    {0}};

/* Words of text from `column` on, wrapped before WIDTH; further lines begin at `indent`. */
static void wrap(FILE *file, const char *text, int column, int indent) {
    char before = '\0'; /* the separator of the last word and this one */
    while (*text) {
        int length = (int)strcspn(text, " \n");
        if (before == '\n' || (before && column + 1 + length > WIDTH)) {
            fprintf(file, "\n%*s", indent, "");
            column = indent;
        } else if (before) {
            fputc(' ', file);
            column++;
        }
        fprintf(file, "%.*s", length, text);
        column += length;
        text += length;
        before = *text;
        if (*text) text++;
    }
    fputc('\n', file);
}

/* "  name      meaning", the meaning in a column of its own. */
static void print_item(FILE *file, const char *name, const char *meaning, int column) {
    fprintf(file, "  %s", name);
    int used = 2 + (int)strlen(name);
    if (used + 2 > column) {
        fputc('\n', file);
        used = 0;
    }
    fprintf(file, "%*s", column - used, "");
    wrap(file, meaning, column, column);
}

static void print_items(FILE *file, const char *title, const judd_help_item *item, int column) {
    fprintf(file, "\n%s\n", title);
    for (; item->name; item++) print_item(file, item->name, item->meaning, column);
}

static void print_usage(FILE *file, const judd_command *c, const char *name) {
    const judd_option *o;
    bool optional = false;
    fprintf(file, "judd %s", name);
    if (c->operands) fprintf(file, " %s", c->operands);
    for (int k = 0; (o = judd_command_option(c, k)); k++) {
        if (o->required) fprintf(file, " %s %s", o->name, o->value);
        optional = optional || !o->required;
    }
    fprintf(file, "%s\n", optional ? " [OPTIONS]" : "");
}

static void print_options(FILE *file, const judd_command *c) {
    const judd_option *o;
    for (int k = 0; (o = judd_command_option(c, k)); k++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s%s%s%s", o->name, o->value ? " " : "",
                 o->value ? o->value : "", o->short_name ? ", " : "",
                 o->short_name ? o->short_name : "");
        print_item(file, name, o->help, NAMES);
    }
}

void judd_help_print(FILE *file) {
    fprintf(file, "judd %s: distributed transfer experiments\n\n", JUDD_VERSION);
    fprintf(file,
            "usage: judd COMMAND [ARGUMENTS]        on one process\n"
            "       mpirun -n RANKS judd COMMAND    on several; results are the same bits\n\n");
    for (const judd_command *c = judd_commands; c->name; c++) {
        print_item(file, c->name, c->summary, 12);
        fprintf(file, "%12s", "");
        print_usage(file, c, c->name);
    }
    fprintf(file, "\n  judd COMMAND --help    options of a command\n"
                  "  judd --version         versions of judd and its libraries\n");
    print_items(file, "signals", judd_help_signals, NAMES);
    print_items(file, "exit codes", judd_help_exit_codes, 8);
    print_items(file, "environment", judd_help_variables, NAMES);
}

static void print_measurements(FILE *file, const judd_command *list, const char *name) {
    char full[64];
    for (const judd_command *c = list; c->name; c++) {
        snprintf(full, sizeof full, "%s %s", name, c->name);
        fputc('\n', file);
        print_usage(file, c, full);
        fprintf(file, "  ");
        wrap(file, c->summary, 2, 2);
        print_options(file, c);
    }
}

void judd_help_print_command(FILE *file, const judd_command *c, const char *name) {
    fprintf(file, "usage: ");
    print_usage(file, c, name);
    fputc('\n', file);
    wrap(file, c->summary, 0, 0);
    if (c->commands) print_measurements(file, c->commands, name);
    if (judd_command_option(c, 0)) fputc('\n', file);
    print_options(file, c);
    if (c->notes) {
        fputc('\n', file);
        wrap(file, c->notes, 0, 0);
    }
}

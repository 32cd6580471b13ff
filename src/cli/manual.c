#include "cli/help.h"

#include <string.h>

enum { LINE = 72 };

/* Text in man's macros: hyphens are those of options, a dot at the beginning of a line is none. */
static void text(FILE *file, const char *s) {
    bool begins = true;
    for (int column = 0; *s; s++, column++) {
        if (begins && (*s == '.' || *s == '\'')) fputs("\\&", file);
        begins = *s == '\n' || (*s == ' ' && column + (int)strcspn(s + 1, " \n") > LINE);
        if (*s == '-')
            fputs("\\-", file);
        else if (*s == '\\')
            fputs("\\e", file);
        else if (*s == '\n')
            fputs("\n.br\n", file);
        else
            fputc(begins ? '\n' : *s, file);
        if (begins) column = 0;
    }
}

/* Bold what is typed as it stands, italic what stands for something. */
static void words(FILE *file, const char *bold, const char *italic) {
    fputs("\\fB", file);
    text(file, bold);
    fputs("\\fR", file);
    if (!italic) return;
    fputs(" \\fI", file);
    text(file, italic);
    fputs("\\fR", file);
}

static void options(FILE *file, const judd_command *c) {
    const judd_option *o;
    for (int k = 0; (o = judd_command_option(c, k)); k++) {
        fputs(".TP\n", file);
        words(file, o->name, o->value);
        if (o->short_name) {
            fputs(", ", file);
            words(file, o->short_name, o->value);
        }
        fputc('\n', file);
        text(file, o->help);
        fputs(".\n", file);
    }
}

static void command(FILE *file, const judd_command *c, const char *group) {
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", group, *group ? " " : "", c->name);
    fputs(".SS ", file);
    fputc('"', file);
    words(file, name, c->operands);
    fputs("\"\n", file);
    text(file, c->summary);
    fputs(".\n", file);
    options(file, c);
    if (c->notes) {
        fputs(".PP\n", file);
        text(file, c->notes);
        fputc('\n', file);
    }
    for (const judd_command *sub = c->commands; sub && sub->name; sub++)
        command(file, sub, c->name);
}

static void items(FILE *file, const char *title, const judd_help_item *item) {
    fprintf(file, ".SH %s\n", title);
    for (; item->name; item++) {
        fputs(".TP\n", file);
        words(file, item->name, NULL);
        fputc('\n', file);
        text(file, item->meaning);
        fputs(".\n", file);
    }
}

void judd_manual_print(FILE *file) {
    fprintf(file,
            ".TH JUDD 1 \"%s\" \"judd %s\" \"User Commands\"\n"
            ".SH NAME\njudd \\- distributed transfer experiments\n"
            ".SH SYNOPSIS\n\\fBjudd\\fR \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n.br\n"
            "\\fBmpirun \\-n\\fR \\fIRANKS\\fR \\fBjudd\\fR \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n"
            ".SH DESCRIPTION\n"
            "Frozen pretrained networks or word vectors compute features of images or\n"
            "texts, many ranks train small heads on them, and the verdict says with\n"
            "statistics whether the transfer was positive, negative or neutral.\n"
            "A job file describes the experiments.\n"
            "Results are the same bits at any number of ranks; a job that was killed goes\n"
            "on when the same command is run again.\n"
            ".PP\n\\fBjudd\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR shows the options of a command,\n"
            "\\fBjudd \\-\\-version\\fR the versions of judd and its libraries.\n"
            ".SH COMMANDS\n",
            JUDD_DATE, JUDD_VERSION);
    for (const judd_command *c = judd_commands; c->name; c++) command(file, c, "");
    items(file, "SIGNALS", judd_help_signals);
    items(file, "EXIT STATUS", judd_help_exit_codes);
    items(file, "ENVIRONMENT", judd_help_variables);
    fputs(".SH FILES\n.TP\n\\fIPREFIX\\fR/share/judd\n"
          "Presets that job files include (configs), complete jobs, batch scripts.\n"
          ".SH SEE ALSO\n.BR mpirun (1),\n.BR sbatch (1)\n",
          file);
}

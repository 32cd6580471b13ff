/* bash gets the table itself, lines of "command<TAB>option<TAB>what completes its value", and a
 * function that reads it; zsh gets specifications of _arguments. */
#include "cli/help.h"

#include <string.h>

static void rows(FILE *file, const judd_command *c, const char *name) {
    const judd_option *o;
    fprintf(file, "%s\t\t%s\n", name, c->files ? c->files : "");
    for (int k = 0; (o = judd_command_option(c, k)); k++)
        for (int s = 0; s < 2; s++)
            if (s ? o->short_name : o->name)
                fprintf(file, "%s\t%s\t%s\n", name, s ? o->short_name : o->name,
                        !o->value   ? "-"
                        : o->values ? o->values
                                    : "");
    for (const judd_command *sub = c->commands; sub && sub->name; sub++) {
        char full[64];
        snprintf(full, sizeof full, "%s %s", name, sub->name);
        rows(file, sub, full);
    }
}

static const char function[] =
    "'\n\n"
    "# _judd_values WHAT: files of a pattern, folders (/), or words (a|b)\n"
    "_judd_values() {\n"
    "    local IFS=$'\\n' what=$1\n"
    "    case $what in\n"
    "        *\\**)\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            [ \"$what\" = '*' ] || COMPREPLY=($(compgen -f -X \"!$what\" -- \"$cur\") "
    "$(compgen -d -- \"$cur\"))\n"
    "            [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
    "            ;;\n"
    "        /)\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            COMPREPLY=($(compgen -d -- \"$cur\"))\n"
    "            ;;\n"
    "        ?*) COMPREPLY=($(compgen -W \"${what//|/$IFS}\" -- \"$cur\")) ;;\n"
    "    esac\n"
    "}\n\n"
    "_judd() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    local command=${COMP_WORDS[1]} name option what names='' files=''\n"
    "    COMPREPLY=()\n"
    "    [ \"$COMP_CWORD\" -gt 2 ] && command=\"$command ${COMP_WORDS[2]}\"\n"
    "    # a command of two words, or else of one\n"
    "    case $_judd_table in *$'\\n'\"$command\"$'\\t'*) ;; *) command=${COMP_WORDS[1]} ;; esac\n"
    "    while IFS= read -r what; do\n"
    "        name=${what%%$'\\t'*} what=${what#*$'\\t'}\n"
    "        option=${what%%$'\\t'*} what=${what#*$'\\t'}\n"
    "        if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "            [ -n \"$option\" ] || [ \"$name\" != \"${name% *}\" ] || names+=\" $name\"\n"
    "        elif [ \"$name\" = \"$command\" ]; then\n"
    "            [ -z \"$option\" ] || names+=\" $option\"\n"
    "            if [ -n \"$option\" ] && [ \"$option\" = \"$previous\" ] && [ \"$what\" != - ]; "
    "then\n"
    "                _judd_values \"$what\"\n"
    "                return\n"
    "            fi\n"
    "            [ -n \"$option\" ] || files=$what\n"
    "        elif [ \"$COMP_CWORD\" -eq 2 ] && [ -z \"$option\" ] && [ \"${name% *}\" = "
    "\"$command\" ]; then\n"
    "            names+=\" ${name#* }\"\n"
    "        fi\n"
    "    done <<<\"$_judd_table\"\n"
    "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "        names+=' --help --version'\n"
    "    elif [ \"${cur#-}\" != \"$cur\" ]; then\n"
    "        names+=' --help'\n"
    "    elif [ -n \"$files\" ]; then\n"
    "        _judd_values \"$files\"\n"
    "        return\n"
    "    fi\n"
    "    COMPREPLY=($(compgen -W \"$names\" -- \"$cur\"))\n"
    "}\n";

void judd_completion_print_bash(FILE *file) {
    fputs("# Completion of judd for bash: made by the program from its table of options.\n"
          "_judd_table='\n",
          file);
    for (const judd_command *c = judd_commands; c->name; c++) rows(file, c, c->name);
    fputs(function, file);
    fputs("complete -F _judd judd\n", file);
}

/* ---- zsh ---------------------------------------------------------------------------------------
 */

/* Inside of single quotes, where `special` characters need a backslash. */
static void quoted(FILE *file, const char *s, const char *special) {
    for (; *s; s++) {
        if (*s == '\'')
            fputs("'\\'", file);
        else if (strchr(special, *s))
            fputc('\\', file);
        fputc(*s, file);
    }
}

/* :MESSAGE:ACTION */
static void value(FILE *file, const char *message, judd_completion what) {
    fputc(':', file);
    quoted(file, message, ":");
    fputc(':', file);
    if (!what) return;
    if (strcmp(what, "*") == 0)
        fputs("_files", file);
    else if (strchr(what, '*'))
        fprintf(file, "_files -g \"%s\"", what);
    else if (strcmp(what, "/") == 0)
        fputs("_files -/", file);
    else {
        fputc('(', file);
        for (; *what; what++) fputc(*what == '|' ? ' ' : *what, file);
        fputc(')', file);
    }
}

static void option(FILE *file, const judd_option *o) {
    for (int s = 0; s < 2; s++) {
        const char *name = s ? o->short_name : o->name;
        if (!name) continue;
        fprintf(file, " \\\n        '%s%s[", o->repeated ? "*" : "", name);
        quoted(file, o->help, "[]\\");
        fputc(']', file);
        if (o->value) value(file, o->value, o->values);
        fputc('\'', file);
    }
}

/* A function of its own for each command; one of several commands describes them first. */
static void zsh_command(FILE *file, const judd_command *c, const char *name);

static void zsh_commands(FILE *file, const judd_command *list, const char *name) {
    for (const judd_command *c = list; c->name; c++) {
        char full[64];
        snprintf(full, sizeof full, "%s_%s", name, c->name);
        zsh_command(file, c, full);
    }
    fprintf(file, "%s() {\n    local -a commands=(\n", name);
    for (const judd_command *c = list; c->name; c++) {
        fprintf(file, "        '%s:", c->name);
        quoted(file, c->summary, "");
        fputs("'\n", file);
    }
    fprintf(file,
            "    )\n"
            "    if (( CURRENT == 2 )); then\n"
            "        _describe -t commands command commands\n"
            "        _arguments '--help[show help]' '--version[show versions]'\n"
            "    elif (( $+functions[%s_$words[2]] )); then\n"
            "        local command=$words[2]\n"
            "        shift words\n        (( CURRENT-- ))\n"
            "        %s_$command\n    fi\n}\n\n",
            name, name);
}

static void zsh_command(FILE *file, const judd_command *c, const char *name) {
    const judd_option *o;
    if (c->commands) {
        zsh_commands(file, c->commands, name);
        return;
    }
    fprintf(file, "%s() {\n    _arguments '--help[show help]'", name);
    for (int k = 0; (o = judd_command_option(c, k)); k++) option(file, o);
    if (c->operands) {
        fputs(" \\\n        '*", file);
        value(file, c->operands, c->files);
        fputc('\'', file);
    }
    fputs("\n}\n\n", file);
}

void judd_completion_print_zsh(FILE *file) {
    fputs("#compdef judd\n"
          "# Completion of judd for zsh: made by the program from its table of options.\n\n",
          file);
    zsh_commands(file, judd_commands, "_judd");
    fputs("_judd \"$@\"\n", file);
}

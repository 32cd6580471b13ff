/** What the table of commands looks like to people and to shells. */
#ifndef JUDD_SRC_CLI_HELP_H
#define JUDD_SRC_CLI_HELP_H

#include "cli/commands.h"

#include <stdio.h>

void judd_help_print(FILE *file);
/** name: all words, as "bench train". */
void judd_help_print_command(FILE *file, const judd_command *command, const char *name);

/** judd(1), in man's macros. */
void judd_manual_print(FILE *file);
/** Completion for bash and zsh. */
void judd_completion_print_bash(FILE *file);
void judd_completion_print_zsh(FILE *file);

/** Signals, exit codes and variables: a name and what it means, ended by a zeroed row. */
typedef struct judd_help_item {
    const char *name, *meaning;
} judd_help_item;
extern const judd_help_item judd_help_exit_codes[], judd_help_signals[], judd_help_variables[];

#endif

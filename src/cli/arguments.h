/** The command line. Commands, their arguments and options stand in one table (commands.c), which
 *  serves parsing, --help, the manual page and completion: what is not in it is no option.
 *
 *  A command asks for its options by name. One that it asks for and the table lacks, or that was
 *  given and it never asks for, is an internal error.
 */
#ifndef JUDD_SRC_CLI_ARGUMENTS_H
#define JUDD_SRC_CLI_ARGUMENTS_H

#include <judd/comm/comm.h>

#include <signal.h>
#include <stdbool.h>

/** What completion offers: "*" or "*.cfg": such files; "/": folders; "a|b": these words;
 *  NULL: nothing. */
typedef const char *judd_completion;

/** A row of a list of options; the list ends with a zeroed one. */
typedef struct judd_option {
    const char *name;       /* "--quiet", "-o" */
    const char *short_name; /* "-q", or NULL */
    const char *value;      /* as shown in help, "N"; NULL: it takes none */
    judd_completion values;
    const char *help; /* a sentence without its full stop */
    bool required, repeated;
} judd_option;

typedef struct judd_arguments judd_arguments;

enum { JUDD_OPTION_LISTS = 5 };

/** A row of a list of commands; the list ends with a zeroed one. */
typedef struct judd_command {
    const char *name;
    const char *operands; /* as shown in help */
    judd_completion files;
    int least, most; /* number of operands */
    const char *summary;
    const judd_option *options[JUDD_OPTION_LISTS];
    const char *notes; /* paragraphs, a line each */
    bool alone;        /* one process does it: no MPI is started, comm is NULL */
    /** Collective over comm. */
    judd_status (*run)(const judd_comm *comm, judd_arguments *a, const volatile sig_atomic_t *stop);
    const struct judd_command *commands; /* instead of run: the next argument says which */
} judd_command;

struct judd_arguments {
    const judd_command *command;
    const char *name;      /* for messages: "bench train"; borrowed */
    const char **operands; /* [n], borrowed from argv; one more is NULL */
    int n;
    struct judd_given *given; /* options in their order */
    int n_given;
};

/** Options of a command one by one, of all its lists: k from 0 on; NULL at the end. */
const judd_option *judd_command_option(const judd_command *command, int k);

/** Whether one of them has this name. */
bool judd_command_has_option(const judd_command *command, const char *name);

/** argv[0] is the last word of the command's name. Local. Owner: caller, judd_arguments_free, also
 *  after a failure. */
judd_status judd_arguments_parse(judd_arguments *a, const judd_command *command, const char *name,
                                 int argc, char **argv);
void judd_arguments_free(judd_arguments *a);
/** JUDD_E_INTERNAL if an option was given that nothing asked for. */
judd_status judd_arguments_all_asked(const judd_arguments *a);

bool judd_arguments_has(judd_arguments *a, const char *option);
/** The last value given, borrowed from argv; `otherwise` if none is. */
const char *judd_arguments_text(judd_arguments *a, const char *option, const char *otherwise);
/** All values in their order: list [n_given], or NULL to count; how many. */
int judd_arguments_texts(judd_arguments *a, const char *option, const char **list);
/** The path that an option gives for writing, or NULL. JUDD_E_USAGE if an operand or another option
 *  names the same file, or a folder in whose subfolders it is: what is read would be lost. */
judd_status judd_arguments_output(const char **path, judd_arguments *a, const char *option);
/** A whole number of least .. most, a real number greater than 0; *x stays if none is given. */
judd_status judd_arguments_whole(int64_t *x, judd_arguments *a, const char *option, int64_t least,
                                 int64_t most);
judd_status judd_arguments_real(double *x, judd_arguments *a, const char *option);

#endif

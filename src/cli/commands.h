/** The command table: one row per command serves dispatch and --help. */
#ifndef JUDD_CLI_COMMANDS_H
#define JUDD_CLI_COMMANDS_H

#include <judd/comm/comm.h>

#include <signal.h>

typedef struct judd_command {
    const char *name;
    const char *arguments; /* as shown in help */
    const char *summary;   /* one line */
    const char *help;      /* options, one a line */
    /** argv[0] is the command's name. Collective over comm. */
    judd_status (*run)(const judd_comm *comm, int argc, char **argv,
                       const volatile sig_atomic_t *stop);
} judd_command;

judd_status judd_command_run(const judd_comm *comm, int argc, char **argv,
                             const volatile sig_atomic_t *stop);
judd_status judd_command_bench(const judd_comm *comm, int argc, char **argv,
                               const volatile sig_atomic_t *stop);

judd_status judd_command_features(const judd_comm *comm, int argc, char **argv,
                                  const volatile sig_atomic_t *stop);
judd_status judd_command_score(const judd_comm *comm, int argc, char **argv,
                               const volatile sig_atomic_t *stop);
judd_status judd_command_verify(const judd_comm *comm, int argc, char **argv,
                                const volatile sig_atomic_t *stop);
judd_status judd_command_plan(const judd_comm *comm, int argc, char **argv,
                              const volatile sig_atomic_t *stop);
judd_status judd_command_submit(const judd_comm *comm, int argc, char **argv,
                                const volatile sig_atomic_t *stop);
judd_status judd_command_report(const judd_comm *comm, int argc, char **argv,
                                const volatile sig_atomic_t *stop);
judd_status judd_command_pack(const judd_comm *comm, int argc, char **argv,
                              const volatile sig_atomic_t *stop);

judd_status judd_command_predict(const judd_comm *comm, int argc, char **argv,
                                 const volatile sig_atomic_t *stop);
judd_status judd_command_eval(const judd_comm *comm, int argc, char **argv,
                              const volatile sig_atomic_t *stop);
judd_status judd_command_export(const judd_comm *comm, int argc, char **argv,
                                const volatile sig_atomic_t *stop);
judd_status judd_command_inspect(const judd_comm *comm, int argc, char **argv,
                                 const volatile sig_atomic_t *stop);

#endif

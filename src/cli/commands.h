/** The commands: one row each serves dispatch, parsing, --help, the manual page and completion. */
#ifndef JUDD_SRC_CLI_COMMANDS_H
#define JUDD_SRC_CLI_COMMANDS_H

#include "cli/arguments.h"

extern const judd_command judd_commands[];

/** The command of that name; NULL if there is none. */
const judd_command *judd_commands_find(const judd_command *list, const char *name);

typedef judd_status judd_command_function(const judd_comm *comm, judd_arguments *a,
                                          const volatile sig_atomic_t *stop);

judd_command_function judd_command_init, judd_command_run, judd_command_plan, judd_command_submit,
    judd_command_report;
judd_command_function judd_command_export, judd_command_predict, judd_command_eval;
judd_command_function judd_command_watch, judd_command_features, judd_command_score,
    judd_command_verify;
judd_command_function judd_command_pack, judd_command_inspect, judd_command_doctor;

judd_command_function judd_bench_train, judd_bench_allreduce, judd_bench_checkpoint;
judd_command_function judd_bench_path, judd_bench_ridge, judd_bench_score, judd_bench_features;
judd_command_function judd_bench_extract, judd_bench_decode, judd_bench_read, judd_bench_vectors;

#endif

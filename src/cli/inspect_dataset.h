/** `judd inspect DATASET`: what is in a data set. */
#ifndef JUDD_CLI_INSPECT_DATASET_H
#define JUDD_CLI_INSPECT_DATASET_H

#include <judd/comm/comm.h>

#include <stdbool.h>

/** Whether the arguments name a data set (and not a network). argv[0] is the command's name. */
bool judd_inspect_is_dataset(int argc, char **argv);

/** Collective. */
judd_status judd_inspect_dataset(const judd_comm *comm, int argc, char **argv);

#endif

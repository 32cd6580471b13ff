/** `judd inspect DATASET`: what is in a data set. */
#ifndef JUDD_SRC_CLI_INSPECT_DATASET_H
#define JUDD_SRC_CLI_INSPECT_DATASET_H

#include "cli/arguments.h"

/** Whether the arguments name a data set (and not a network). */
bool judd_inspect_is_dataset(judd_arguments *a);

/** Collective. */
judd_status judd_inspect_dataset(const judd_comm *comm, judd_arguments *a);

#endif

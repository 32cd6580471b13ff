/** Images that stand in two sets byte for byte: a test set that training has seen. */
#ifndef JUDD_DATA_DUPLICATES_H
#define JUDD_DATA_DUPLICATES_H

#include <judd/comm/node_memory.h>
#include <judd/data/task.h>

/** XXH3 of every sample's bytes: uint64_t [n_samples] on the nodes' disks; owner: caller. Samples
 *  are read only where the format does not know them. After load. Collective. */
judd_status judd_duplicates_checks(judd_node_memory **checks, judd_dataset *dataset,
                                   const judd_comm *comm);

/** A test sample and the first training sample that is the same. */
typedef struct judd_duplicate {
    int64_t train, test; /* ids in their data sets */
} judd_duplicate;

/** Samples of the test task whose bytes are those of one of the training task, by test id: *found
 *  [n], free(). checks as judd_duplicates_checks gave them; equal ones are compared byte by byte.
 *  Local. */
judd_status judd_duplicates_find(judd_duplicate **found, int64_t *n, judd_dataset *train,
                                 const judd_task_samples *train_task, const uint64_t *train_checks,
                                 judd_dataset *test, const judd_task_samples *test_task,
                                 const uint64_t *test_checks);

#endif

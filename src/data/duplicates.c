#include <judd/data/duplicates.h>

#include "data/block_hash.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024 };

static judd_status add_checks(void *context, judd_hash *hash, int64_t first, int64_t end,
                              uint64_t *checks) {
    judd_status status = JUDD_OK;
    judd_dataset *dataset = context;
    uint8_t *bytes = NULL;
    int64_t most = 0;
    (void)hash;
    for (int64_t i = first; i < end; i++)
        if (judd_dataset_size(dataset, i) > most) most = judd_dataset_size(dataset, i);
    JUDD_TRY(judd_memory_alloc(&bytes, most, 1));
    for (int64_t i = first; i < end; i++) {
        checks[i - first] = judd_dataset_check(dataset, i);
        if (checks[i - first] != 0) continue;
        JUDD_TRY(judd_dataset_read(dataset, &i, 1, bytes));
        checks[i - first] = judd_hash_check(bytes, (size_t)judd_dataset_size(dataset, i), 0);
    }
done:
    free(bytes);
    return status;
}

judd_status judd_duplicates_checks(judd_node_memory **checks, judd_dataset *dataset,
                                   const judd_comm *comm) {
    return judd_block_hash_run(NULL, checks, comm, judd_dataset_info_of(dataset)->n_samples, BLOCK,
                               add_checks, dataset);
}

typedef struct entry {
    uint64_t check;
    int64_t id;
} entry;

static int compare_entries(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->check != y->check) return x->check < y->check ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The first entry of this check, or n. */
static int64_t lower_bound(const entry *entries, int64_t n, uint64_t check) {
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (entries[middle].check < check)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static judd_status same_bytes(bool *same, judd_dataset *a, int64_t i, judd_dataset *b, int64_t j) {
    judd_status status = JUDD_OK;
    uint8_t *x = NULL, *y = NULL;
    int64_t n = judd_dataset_size(a, i);
    *same = false;
    if (judd_dataset_size(b, j) != n) return JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&x, n, 1));
    JUDD_TRY(judd_memory_alloc(&y, n, 1));
    JUDD_TRY(judd_dataset_read(a, &i, 1, x));
    JUDD_TRY(judd_dataset_read(b, &j, 1, y));
    *same = memcmp(x, y, (size_t)n) == 0;
done:
    free(x);
    free(y);
    return status;
}

judd_status judd_duplicates_find(judd_duplicate **found, int64_t *n, judd_dataset *train,
                                 const judd_task_samples *train_task, const uint64_t *train_checks,
                                 judd_dataset *test, const judd_task_samples *test_task,
                                 const uint64_t *test_checks) {
    judd_status status = JUDD_OK;
    entry *entries = NULL;
    judd_duplicate *made = NULL;
    *n = 0;
    JUDD_TRY(judd_memory_alloc(&entries, train_task->n, sizeof *entries));
    JUDD_TRY(judd_memory_alloc(&made, test_task->n, sizeof *made));
    for (int64_t i = 0; i < train_task->n; i++)
        entries[i] = (entry){train_checks[train_task->ids[i]], train_task->ids[i]};
    qsort(entries, (size_t)train_task->n, sizeof *entries, compare_entries);
    for (int64_t i = 0; i < test_task->n; i++) {
        int64_t id = test_task->ids[i], at = 0;
        bool same = false;
        at = lower_bound(entries, train_task->n, test_checks[id]);
        if (at == train_task->n || entries[at].check != test_checks[id]) continue;
        JUDD_TRY(same_bytes(&same, train, entries[at].id, test, id));
        if (same) made[(*n)++] = (judd_duplicate){.train = entries[at].id, .test = id};
    }
    *found = made;
    made = NULL;
done:
    free(entries);
    free(made);
    return status;
}

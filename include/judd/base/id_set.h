/** Numbers in ascending order as runs without a gap: all samples of a data set are one run,
 * whatever their number, and what a killed extraction left to do is a few. */
#ifndef JUDD_BASE_ID_SET_H
#define JUDD_BASE_ID_SET_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct judd_id_run {
    int64_t first, end, before; /* [first, end); ids in the runs before it */
} judd_id_run;

/** Zeroed: empty. Owner: caller, judd_id_set_free. */
typedef struct judd_id_set {
    judd_id_run *runs; /* [n_runs] */
    int64_t n_runs, capacity;
    int64_t n; /* ids */
} judd_id_set;

void judd_id_set_free(judd_id_set *set);

/** Ids [first, end), none of them below the last one added. */
judd_status judd_id_set_add(judd_id_set *set, int64_t first, int64_t end);
/** The ids of an ascending array that are not among those of `set`, too. */
judd_status judd_id_set_add_array(judd_id_set *set, const int64_t *ids, int64_t n);
/** The ids of `other`, too. */
judd_status judd_id_set_unite(judd_id_set *set, const judd_id_set *other);

bool judd_id_set_has(const judd_id_set *set, int64_t id);
/** Id number k, from 0 on. */
int64_t judd_id_set_at(const judd_id_set *set, int64_t k);
/** Ids number k .. k + n - 1, as far as there are any; how many. */
int64_t judd_id_set_copy(const judd_id_set *set, int64_t k, int64_t n, int64_t *ids);

#endif

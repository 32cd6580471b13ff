#include <judd/base/id_set.h>

#include <stdlib.h>

void judd_id_set_free(judd_id_set *set) {
    free(set->runs);
    *set = (judd_id_set){0};
}

judd_status judd_id_set_add(judd_id_set *set, int64_t first, int64_t end) {
    judd_id_run *last = set->n_runs > 0 ? &set->runs[set->n_runs - 1] : NULL;
    if (end <= first) return JUDD_OK;
    if (last && first < last->end)
        return judd_status_set(JUDD_E_INTERNAL, "id %lld comes after %lld", (long long)first,
                               (long long)last->end - 1);
    set->n += end - first;
    if (last && first == last->end) {
        last->end = end;
        return JUDD_OK;
    }
    if (set->n_runs == set->capacity) {
        int64_t more = 2 * set->capacity + 4;
        judd_id_run *moved = realloc(set->runs, (size_t)more * sizeof *moved);
        if (!moved)
            return judd_status_set(JUDD_E_INTERNAL, "no memory for %lld runs of ids",
                                   (long long)more);
        set->runs = moved;
        set->capacity = more;
    }
    set->runs[set->n_runs++] = (judd_id_run){first, end, set->n - (end - first)};
    return JUDD_OK;
}

/* The first run that ends behind id, or n_runs. */
static int64_t find(const judd_id_set *set, int64_t id) {
    int64_t low = 0, high = set->n_runs;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (set->runs[middle].end <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool judd_id_set_has(const judd_id_set *set, int64_t id) {
    int64_t at = find(set, id);
    return at < set->n_runs && set->runs[at].first <= id;
}

judd_status judd_id_set_unite(judd_id_set *set, const judd_id_set *other) {
    judd_status status = JUDD_OK;
    judd_id_set both = {0};
    const judd_id_run *a = set->runs, *b = other->runs;
    const judd_id_run *a_end = a + set->n_runs, *b_end = b + other->n_runs;
    int64_t added = 0; /* ids below are done */
    while (a < a_end || b < b_end) {
        const judd_id_run *next = b == b_end || (a < a_end && a->first <= b->first) ? a++ : b++;
        int64_t first = both.n_runs > 0 && next->first < added ? added : next->first;
        JUDD_TRY(judd_id_set_add(&both, first, next->end));
        if (next->end > added) added = next->end;
    }
    judd_id_set_free(set);
    *set = both;
    both = (judd_id_set){0};
done:
    judd_id_set_free(&both);
    return status;
}

judd_status judd_id_set_add_array(judd_id_set *set, const int64_t *ids, int64_t n) {
    judd_status status = JUDD_OK;
    judd_id_set other = {0};
    for (int64_t i = 0, k = 0; i < n; i += k) {
        for (k = 1; i + k < n && ids[i + k] == ids[i] + k;) k++;
        JUDD_TRY(judd_id_set_add(&other, ids[i], ids[i] + k));
    }
    JUDD_TRY(judd_id_set_unite(set, &other));
done:
    judd_id_set_free(&other);
    return status;
}

/* The run with id number k. */
static const judd_id_run *run_of(const judd_id_set *set, int64_t k) {
    int64_t low = 0, high = set->n_runs - 1;
    while (low < high) {
        int64_t middle = (low + high + 1) / 2;
        if (set->runs[middle].before <= k)
            low = middle;
        else
            high = middle - 1;
    }
    return &set->runs[low];
}

int64_t judd_id_set_at(const judd_id_set *set, int64_t k) {
    const judd_id_run *run = run_of(set, k);
    return run->first + (k - run->before);
}

int64_t judd_id_set_copy(const judd_id_set *set, int64_t k, int64_t n, int64_t *ids) {
    if (n > set->n - k) n = set->n - k;
    if (n <= 0) return 0;
    const judd_id_run *run = run_of(set, k);
    for (int64_t i = 0; i < n; i++) {
        while (k + i - run->before >= run->end - run->first) run++;
        ids[i] = run->first + (k + i - run->before);
    }
    return n;
}

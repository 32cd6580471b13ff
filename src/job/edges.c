#include "job/edges.h"

#include <stdlib.h>
#include <string.h>

/* edges: {HEAD: {"": trainings, "l2 lowest": picks there, ...}} */

static int add(json_t *counts, const char *key, json_int_t more) {
    json_int_t n = json_integer_value(json_object_get(counts, key));
    return json_object_set_new(counts, key, json_integer(n + more));
}

/* The counts of a head, which may be new. Borrowed; NULL: no memory. */
static json_t *counts_of(json_t *edges, const char *head) {
    if (!json_object_get(edges, head)) json_object_set_new(edges, head, json_object());
    return json_object_get(edges, head);
}

static judd_status no_memory(void) {
    return judd_status_set(JUDD_E_INTERNAL, "edges of grids: no memory");
}

judd_status judd_edges_count(json_t *edges, const char *head, const json_t *selection) {
    size_t i = 0;
    json_t *edge = NULL, *counts = counts_of(edges, head);
    int failed = add(counts, "", 1);
    json_array_foreach(json_object_get(selection, "grid_edge"), i, edge) failed |=
        add(counts, json_string_value(edge), 1);
    return failed ? no_memory() : JUDD_OK;
}

static int add_all(json_t *to, const json_t *edges) {
    int failed = 0;
    const char *head, *edge;
    json_t *counts, *n;
    json_object_foreach((json_t *)(uintptr_t)edges, head, counts)
        json_object_foreach(counts, edge, n) failed |=
        add(counts_of(to, head), edge, json_integer_value(n));
    return failed;
}

judd_status judd_edges_merge(json_t **all, const json_t *edges, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    char *own = NULL, *texts = NULL;
    int64_t bytes = 0;
    json_t *merged = json_object();
    if (edges) own = json_dumps(edges, JSON_COMPACT);
    JUDD_TRY(judd_comm_agree(comm, edges && !own ? no_memory() : JUDD_OK));
    bytes = own ? (int64_t)strlen(own) + 1 : 0; /* with the NUL that ends each of the texts */
    JUDD_TRY(judd_comm_gather(comm, (void **)&texts, own, bytes, 1));
    JUDD_TRY(judd_comm_sum(comm, &bytes, 1));
    for (int64_t at = 0; texts && at < bytes; at += (int64_t)strlen(texts + at) + 1) {
        json_t *one = json_loads(texts + at, 0, NULL);
        if (add_all(merged, one) != 0 && status == JUDD_OK) status = no_memory();
        json_decref(one);
    }
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    *all = merged;
    merged = NULL;
done:
    json_decref(merged);
    free(own);
    free(texts);
    return status;
}

void judd_edges_warn(const json_t *edges, judd_log *log) {
    const char *head, *edge;
    json_t *counts, *n;
    json_object_foreach((json_t *)edges, head, counts) {
        json_int_t all = json_integer_value(json_object_get(counts, ""));
        json_object_foreach(counts, edge, n) if (edge[0])
            judd_log_warning(log,
                             "head %s: the pick lies on the edge of the grid (%s) in %lld of %lld "
                             "trainings; widen the grid there",
                             head, edge, (long long)json_integer_value(n), (long long)all);
    }
}

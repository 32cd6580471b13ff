#include "job/edges.h"

/* edges: {HEAD: {"": trainings, "l2 lowest": picks there, ...}} */

static int increment(json_t *counts, const char *key) {
    json_int_t n = json_integer_value(json_object_get(counts, key));
    return json_object_set_new(counts, key, json_integer(n + 1));
}

judd_status judd_edges_count(json_t *edges, const char *head, const json_t *selection) {
    size_t i = 0;
    json_t *edge = NULL, *counts = json_object_get(edges, head);
    int failed = counts ? 0 : json_object_set_new(edges, head, json_object());
    counts = json_object_get(edges, head);
    failed |= increment(counts, "");
    json_array_foreach(json_object_get(selection, "grid_edge"), i, edge) failed |=
        increment(counts, json_string_value(edge));
    return failed ? judd_status_set(JUDD_E_INTERNAL, "edges of grids: no memory") : JUDD_OK;
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

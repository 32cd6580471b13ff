#include <judd/learn/feature_map.h>

#include <string.h>

judd_status judd_feature_map_fit(judd_feature_map *out, const judd_rows *rows,
                                 const judd_feature_map_options *options, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_feature_map map = {.dim = rows->dim};
    JUDD_TRY(options->standardize
                 ? judd_rows_standard_fit(&map.standard, rows, comm)
                 : judd_comm_agree(comm, judd_rows_standard_identity(&map.standard, rows->dim)));
    *out = map;
    map = (judd_feature_map){0};
done:
    judd_feature_map_free(&map);
    return status;
}

void judd_feature_map_free(judd_feature_map *map) {
    judd_rows_standard_free(&map->standard);
    *map = (judd_feature_map){0};
}

judd_status judd_feature_map_apply(judd_rows *out, const judd_feature_map *map,
                                   const judd_rows *rows, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_rows result = {0};
    const int64_t n = judd_lanes_count(&rows->lanes);
    judd_rows_source source = rows->source;
    source.close = NULL; /* borrowed */
    status = rows->x ? judd_rows_create(&result, rows->lanes.n_samples, map->dim,
                                        rows->lanes.n_lanes, comm)
                     : judd_rows_create_streamed(&result, rows->lanes.n_samples, map->dim,
                                                 rows->lanes.n_lanes, source, comm);
    if (status == JUDD_OK && !rows->x) status = judd_rows_standardize(&result, &map->standard);
    if (status == JUDD_OK) status = judd_rows_add_targets(&result, rows->n_targets);
    JUDD_TRY(judd_comm_agree(comm, status));
    if (rows->x) judd_rows_standard_apply(&map->standard, result.x, rows->x, n);
    memcpy(result.labels, rows->labels, (size_t)n * sizeof *result.labels);
    memcpy(result.folds, rows->folds, (size_t)n * sizeof *result.folds);
    if (rows->targets)
        memcpy(result.targets, rows->targets,
               (size_t)(n * rows->n_targets) * sizeof *result.targets);
    *out = result;
    result = (judd_rows){0};
done:
    judd_rows_free(&result);
    return status;
}

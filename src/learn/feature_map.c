#include <judd/learn/feature_map.h>

#include <judd/base/memory.h>
#include <judd/learn/pca.h>
#include <judd/learn/row_stream.h>
#include <judd/learn/whole.h>
#include <judd/linalg/gemm.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256 };

/* projection = component (divided by its deviation), offset = -projection mean. */
static judd_status take_components(judd_feature_map *map, const judd_pca *pca) {
    judd_status status = JUDD_OK;
    const int64_t dim = pca->dim;
    map->dim = pca->n_components;
    JUDD_TRY(judd_memory_alloc(&map->projection, map->dim * dim, sizeof *map->projection));
    JUDD_TRY(judd_memory_alloc(&map->offset, map->dim, sizeof *map->offset));
    for (int64_t c = 0; c < map->dim; c++) {
        double scale = pca->whiten ? 1.0 / sqrt(pca->variance[c]) : 1.0, offset = 0.0;
        for (int64_t j = 0; j < dim; j++) {
            double p = pca->component[c * dim + j] * scale;
            map->projection[c * dim + j] = (float)p;
            offset -= p * pca->mean[j];
        }
        map->offset[c] = (float)offset;
    }
done:
    return status;
}

/* From rows that are standardised. */
static judd_status fit_projection(judd_feature_map *map, const judd_rows *rows,
                                  const judd_feature_map_options *o, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const judd_pca_options options = {o->n_components, o->whiten};
    judd_whole whole = {0};
    judd_pca pca = {0};
    JUDD_TRY(judd_whole_open(&whole, rows, comm));
    JUDD_TRY(judd_comm_agree(comm, judd_pca_fit(&pca, whole.rows, &options, whole.comm)));
    JUDD_TRY(judd_comm_agree(comm, take_components(map, &pca)));
    JUDD_TRY(judd_whole_settle(&whole, map->projection,
                               map->dim * rows->dim * (int64_t)sizeof *map->projection));
    JUDD_TRY(judd_whole_settle(&whole, map->offset, map->dim * (int64_t)sizeof *map->offset));
done:
    judd_pca_free(&pca);
    judd_whole_close(&whole);
    return status;
}

judd_status judd_feature_map_fit(judd_feature_map *out, const judd_rows *rows,
                                 const judd_feature_map_options *options, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_feature_map map = {.dim = rows->dim};
    judd_rows standardised = {0};
    JUDD_TRY(options->standardize
                 ? judd_rows_standard_fit(&map.standard, rows, comm)
                 : judd_comm_agree(comm, judd_rows_standard_identity(&map.standard, rows->dim)));
    if (options->project) {
        JUDD_TRY(judd_feature_map_apply(&standardised, &map, rows, comm));
        JUDD_TRY(fit_projection(&map, &standardised, options, comm));
    }
    *out = map;
    map = (judd_feature_map){0};
done:
    judd_rows_free(&standardised);
    judd_feature_map_free(&map);
    return status;
}

static judd_status copy_floats(float **out, const float *x, int64_t n) {
    judd_status status = x ? judd_memory_alloc(out, n, sizeof **out) : JUDD_OK;
    if (status == JUDD_OK && x) memcpy(*out, x, (size_t)n * sizeof **out);
    return status;
}

judd_status judd_feature_map_copy(judd_feature_map *out, const judd_feature_map *map) {
    judd_status status = JUDD_OK;
    const int64_t dim = map->standard.dim;
    judd_feature_map copy = {.dim = map->dim, .standard.dim = dim};
    JUDD_TRY(copy_floats(&copy.standard.mean, map->standard.mean, dim));
    JUDD_TRY(copy_floats(&copy.standard.scale, map->standard.scale, dim));
    JUDD_TRY(copy_floats(&copy.projection, map->projection, map->dim * dim));
    JUDD_TRY(copy_floats(&copy.offset, map->offset, map->dim));
    *out = copy;
    copy = (judd_feature_map){0};
done:
    judd_feature_map_free(&copy);
    return status;
}

void judd_feature_map_free(judd_feature_map *map) {
    judd_rows_standard_free(&map->standard);
    free(map->projection);
    free(map->offset);
    *map = (judd_feature_map){0};
}

static judd_status project(float *out, const judd_feature_map *map, const judd_rows *rows) {
    judd_status status = JUDD_OK;
    const int64_t dim = map->standard.dim;
    judd_gemm *gemm = NULL;
    judd_row_stream *stream = NULL;
    judd_row_block b;
    float *block = NULL;
    JUDD_TRY(judd_gemm_create(&gemm));
    JUDD_TRY(judd_memory_alloc(&block, BLOCK_ROWS * dim, sizeof *block));
    JUDD_TRY(judd_row_stream_all(&stream, rows, BLOCK_ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        float *z = out + b.first * map->dim;
        judd_rows_standard_apply(&map->standard, block, b.x, b.n);
        JUDD_TRY(judd_gemm_multiply(gemm, b.n, map->dim, dim, (judd_gemm_matrix){block, dim, 1},
                                    (judd_gemm_matrix){map->projection, 1, dim}, z, map->dim,
                                    false));
        for (int64_t k = 0; k < b.n * map->dim; k++) z[k] += map->offset[k % map->dim];
    }
done:
    judd_row_stream_close(stream);
    judd_gemm_destroy(gemm);
    free(block);
    return status;
}

/* Components are fewer than columns and stay in memory; rows that are only standardised stay where
 * they are. */
static judd_status map_rows(judd_rows *out, const judd_feature_map *map, const judd_rows *rows,
                            const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_rows_source source = rows->source;
    bool streamed = !rows->x && !map->projection;
    const judd_lanes *lanes = &rows->lanes;
    source.close = NULL; /* borrowed */
    JUDD_TRY(streamed ? judd_rows_create_streamed(out, lanes->n_samples, map->dim, lanes->n_lanes,
                                                  source, comm)
                      : judd_rows_create(out, lanes->n_samples, map->dim, lanes->n_lanes, comm));
    if (streamed)
        JUDD_TRY(judd_rows_standardize(out, &map->standard));
    else if (map->projection)
        JUDD_TRY(project(out->x, map, rows));
    else
        judd_rows_standard_apply(&map->standard, out->x, rows->x, judd_lanes_count(lanes));
done:
    return status;
}

judd_status judd_feature_map_apply(judd_rows *out, const judd_feature_map *map,
                                   const judd_rows *rows, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_rows result = {0};
    const int64_t n = judd_lanes_count(&rows->lanes);
    status = map_rows(&result, map, rows, comm);
    if (status == JUDD_OK) status = judd_rows_add_targets(&result, rows->n_targets);
    JUDD_TRY(judd_comm_agree(comm, status));
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

#include "cli/bench.h"

#include <judd/base/memory.h>
#include <judd/base/rng.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

void judd_bench_fill(float *x, int32_t *labels, int64_t first, int64_t n, int64_t dim,
                     int n_classes) {
    const uint32_t key[2] = {2024, 1};
    for (int64_t i = 0; i < n; i++) {
        uint64_t id = (uint64_t)(first + i);
        uint32_t word[4], at[4] = {(uint32_t)id, (uint32_t)(id >> 32), 0, 0};
        for (int64_t j = 0; j < dim; j += 4) {
            at[2] = (uint32_t)(j / 4) + 1;
            judd_rng_philox(word, key, at);
            for (int64_t k = j; k < j + 4 && k < dim; k++) /* uniform on +-sqrt(3) */
                x[i * dim + k] = ((float)(word[k - j] >> 8) * 0x1p-23f - 1.0f) * 1.7320508f;
        }
        at[2] = 0;
        judd_rng_philox(word, key, at);
        labels[i] = (int32_t)(word[0] % (uint32_t)n_classes);
    }
}

judd_status judd_bench_rows(judd_rows *out, int64_t n_samples, int64_t dim, int n_classes,
                            int n_lanes, const judd_comm *comm) {
    judd_status status = judd_rows_create(out, n_samples, dim, n_lanes, comm);
    if (status != JUDD_OK) return status;
    judd_bench_fill(out->x, out->labels, judd_lanes_first(&out->lanes),
                    judd_lanes_count(&out->lanes), dim, n_classes);
    return JUDD_OK;
}

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

double judd_bench_median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, by_value);
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

judd_status judd_bench_print(json_t *record, bool as_json, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const char *key;
    json_t *value;
    if (comm->rank != 0) goto done;
    if (!record) JUDD_FAIL(JUDD_E_INTERNAL, "bench: no memory for the record");
    if (as_json) {
        json_dumpf(record, stdout, JSON_REAL_PRECISION(17));
        printf("\n");
    } else {
        json_object_foreach(record, key, value) {
            printf("%-20s ", key);
            json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
            printf("\n");
        }
    }
done:
    json_decref(record);
    return judd_comm_broadcast_status(comm, status);
}

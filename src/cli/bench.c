#include "cli/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

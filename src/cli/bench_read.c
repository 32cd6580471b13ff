#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/dataset_argument.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WARM_PASSES = 3 };

/* Every rank its share of the samples, in order, as extraction does. */
static judd_status pass(judd_dataset *dataset, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t n = judd_dataset_info_of(dataset)->n_samples, most = 0;
    int64_t first = n * comm->rank / comm->size, end = n * (comm->rank + 1) / comm->size;
    uint8_t *bytes = NULL;
    for (int64_t i = first; i < end; i++)
        if (judd_dataset_size(dataset, i) > most) most = judd_dataset_size(dataset, i);
    JUDD_TRY(judd_memory_alloc(&bytes, most, 1));
    for (int64_t i = first; i < end; i++) JUDD_TRY(judd_dataset_read(dataset, &i, 1, bytes));
done:
    free(bytes);
    return judd_comm_agree(comm, status);
}

/* File contents, names and attributes leave the memory of this node. */
static judd_status drop_caches(const judd_comm *comm) {
    judd_status status = JUDD_OK;
    sync();
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "3\n", 2) != 2)
        status = judd_status_set(JUDD_E_IO,
                                 "/proc/sys/vm/drop_caches: %s; --cold needs the rights of root",
                                 strerror(errno));
    if (fd >= 0) close(fd);
    return judd_comm_agree(comm, status);
}

static judd_status measure(double *seconds, judd_dataset *dataset, const judd_comm *comm,
                           bool cold) {
    judd_status status = JUDD_OK;
    *seconds = 0.0;
    for (int k = 0; k < (cold ? 1 : WARM_PASSES); k++) {
        if (cold) JUDD_TRY(drop_caches(comm));
        double start = MPI_Wtime(), took = 0.0;
        JUDD_TRY(pass(dataset, comm));
        took = MPI_Wtime() - start;
        JUDD_TRY(judd_comm_max(comm, &took, 1));
        if (k == 0 || took < *seconds) *seconds = took;
    }
done:
    return status;
}

/* Adds a record to the list; its rates are compared with those of the first one there. */
static judd_status bench_one(json_t *list, const char *path, const judd_comm *comm, bool cold) {
    static const char *const names[] = {"warm", "cold"};
    judd_status status = JUDD_OK;
    judd_dataset_argument a = {.text = path};
    judd_dataset *dataset = NULL;
    double bytes = 0.0, seconds = 0.0, start = MPI_Wtime();
    JUDD_TRY(judd_dataset_argument_open(&dataset, &a, comm));
    double opened = MPI_Wtime() - start;
    int64_t n = judd_dataset_info_of(dataset)->n_samples;
    for (int64_t i = 0; i < n; i++) bytes += (double)judd_dataset_size(dataset, i);
    json_t *record = json_pack("{s:s, s:I, s:f, s:f}", "data_set", path, "samples", (json_int_t)n,
                               "mb", bytes * 1e-6, "opened_s", opened);
    json_array_append_new(list, record);
    for (int k = cold; k >= 0; k--) {
        char key[3][32];
        JUDD_TRY(measure(&seconds, dataset, comm, k));
        snprintf(key[0], sizeof key[0], "%s_samples_per_s", names[k]);
        snprintf(key[1], sizeof key[1], "%s_mb_per_s", names[k]);
        snprintf(key[2], sizeof key[2], "%s_by_first", names[k]);
        double first = json_real_value(json_object_get(json_array_get(list, 0), key[0]));
        json_object_set_new(record, key[0], json_real((double)n / seconds));
        json_object_set_new(record, key[1], json_real(bytes * 1e-6 / seconds));
        if (first > 0.0)
            json_object_set_new(record, key[2], json_real((double)n / seconds / first));
    }
done:
    judd_dataset_close(dataset);
    judd_dataset_argument_free(&a);
    return status;
}

judd_status judd_bench_read(const judd_comm *comm, judd_arguments *a,
                            const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    (void)stop; /* nothing to save */
    bool cold = judd_arguments_has(a, "--cold"), as_json = judd_arguments_has(a, "--json");
    json_t *list = json_array();
    for (int i = 0; i < a->n; i++) JUDD_TRY(bench_one(list, a->operands[i], comm, cold));
    for (int i = 0; i < a->n; i++) {
        if (i > 0 && comm->rank == 0 && !as_json) printf("\n");
        JUDD_TRY(judd_bench_print(json_incref(json_array_get(list, (size_t)i)), as_json, comm));
    }
done:
    json_decref(list);
    return status;
}

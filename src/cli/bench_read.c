#include "cli/bench_read.h"

#include "cli/dataset_argument.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
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

static judd_status bench_one(double seconds[2], const char *path, const judd_comm *comm,
                             bool cold) {
    judd_status status = JUDD_OK;
    judd_dataset_argument a = {.text = path};
    judd_dataset *dataset = NULL;
    double bytes = 0.0, start = MPI_Wtime();
    JUDD_TRY(judd_dataset_argument_open(&dataset, &a, comm));
    double opened = MPI_Wtime() - start;
    int64_t n = judd_dataset_info_of(dataset)->n_samples;
    for (int64_t i = 0; i < n; i++) bytes += (double)judd_dataset_size(dataset, i);
    if (cold) JUDD_TRY(measure(&seconds[0], dataset, comm, true));
    JUDD_TRY(measure(&seconds[1], dataset, comm, false));
    if (comm->rank == 0)
        printf("%s: %lld samples, %.1f MB, opened in %.2f s\n", path, (long long)n, bytes * 1e-6,
               opened);
    for (int k = cold ? 0 : 1; comm->rank == 0 && k < 2; k++)
        printf("  %s %10.0f samples/s %8.1f MB/s\n", k ? "warm" : "cold", (double)n / seconds[k],
               bytes * 1e-6 / seconds[k]);
done:
    judd_dataset_close(dataset);
    judd_dataset_argument_free(&a);
    return status;
}

judd_status judd_bench_read(const judd_comm *comm, int argc, char **argv) {
    judd_status status = JUDD_OK;
    double first[2] = {0}, seconds[2] = {0};
    bool cold = false, seen = false;
    for (int i = 1; i < argc; i++) cold = cold || strcmp(argv[i], "--cold") == 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--cold") == 0) continue;
        if (strncmp(argv[i], "--", 2) == 0)
            JUDD_FAIL(JUDD_E_USAGE, "bench read: unknown option %s; give DATASET... [--cold]",
                      argv[i]);
        JUDD_TRY(bench_one(seconds, argv[i], comm, cold));
        if (!seen) memcpy(first, seconds, sizeof first);
        if (seen && comm->rank == 0) {
            printf("  %.1f times the first, warm", first[1] / seconds[1]);
            if (cold) printf("; %.1f times, cold", first[0] / seconds[0]);
            printf("\n");
        }
        seen = true;
    }
    if (!seen) JUDD_FAIL(JUDD_E_USAGE, "bench read: give DATASET... [--cold]");
done:
    return status;
}

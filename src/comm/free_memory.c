#include <judd/comm/free_memory.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The number behind `key` in a file of lines, or alone there for ""; NAN if it says none. */
static double read_number(const char *path, const char *key) {
    char line[256];
    double x = NAN;
    FILE *file = fopen(path, "r");
    while (file && isnan(x) && fgets(line, sizeof line, file)) {
        size_t n = strlen(key);
        if (strncmp(line, key, n) == 0 && sscanf(line + n, "%lf", &x) != 1) x = NAN;
    }
    if (file) fclose(file);
    return x;
}

/* What a control group leaves in a folder of its files; files that it keeps in memory can go. NAN:
 * no limit. */
static double room_in(const char *folder, bool second) {
    char path[1024];
    double used, cached;
    snprintf(path, sizeof path, "%s/%s", folder, second ? "memory.max" : "memory.limit_in_bytes");
    double most = read_number(path, "");
    if (!(most < 0x1p60)) return NAN;
    snprintf(path, sizeof path, "%s/%s", folder,
             second ? "memory.current" : "memory.usage_in_bytes");
    used = read_number(path, "");
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    cached = read_number(path, second ? "active_file " : "total_active_file ") +
             read_number(path, second ? "inactive_file " : "total_inactive_file ");
    return most - (isnan(used) ? 0.0 : used - (isnan(cached) ? 0.0 : cached));
}

/* Bytes that this process's control group leaves, or NAN without a limit. */
static double room_in_cgroup(void) {
    char line[512], folder[768];
    double room = NAN;
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        const char *group = strrchr(line, ':');
        bool second = strncmp(line, "0::", 3) == 0;
        if (!group || (!second && !strstr(line, ":memory:"))) continue;
        const char *root = second ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
        for (int own = 1; own >= 0 && isnan(room); own--) { /* a container sees its own as / */
            snprintf(folder, sizeof folder, "%s%s", root, own ? group + 1 : "");
            room = room_in(folder, second);
        }
    }
    if (file) fclose(file);
    return room;
}

double judd_free_memory_bytes(bool *limited) {
    double group = room_in_cgroup();
    double node = 1024.0 * read_number("/proc/meminfo", "MemAvailable:");
    if (isnan(node)) node = INFINITY;
    *limited = group < node;
    return *limited ? group : node;
}

/* Of all ranks the smallest share of a node's memory. */
static judd_status least_share(double *least, const judd_comm *comm, double free_bytes) {
    judd_status status = JUDD_OK;
    MPI_Comm node = MPI_COMM_NULL;
    int ranks = 1;
    JUDD_TRY(judd_comm_check(
        MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node),
        "MPI_Comm_split_type"));
    JUDD_TRY(judd_comm_check(MPI_Comm_size(node, &ranks), "MPI_Comm_size"));
    *least = -free_bytes / ranks;
    JUDD_TRY(judd_comm_max(comm, least, 1));
    *least = -*least;
done:
    if (node != MPI_COMM_NULL) MPI_Comm_free(&node);
    return status;
}

judd_status judd_free_memory_need(const judd_comm *comm, double bytes, double free_bytes,
                                  const char *what, const char *remedy) {
    judd_status status = JUDD_OK;
    double share = 0.0;
    JUDD_TRY(least_share(&share, comm, free_bytes));
    if (bytes <= share * comm->size) return JUDD_OK;
    JUDD_FAIL(JUDD_E_USAGE,
              "%s needs %.4g GB of memory, and %d ranks have %.4g GB free together; start %.0f "
              "ranks, as many a node as now, or use larger nodes%s",
              what, 1e-9 * bytes, comm->size, 1e-9 * share * comm->size,
              ceil(bytes / fmax(share, 1.0)), remedy);
done:
    return status;
}

judd_status judd_free_memory_ask(const judd_comm *comm, double bytes, const char *what,
                                 const char *remedy) {
    bool limited;
    if (bytes < JUDD_FREE_MEMORY_ASKED) return JUDD_OK;
    return judd_free_memory_need(comm, bytes, judd_free_memory_bytes(&limited), what, remedy);
}

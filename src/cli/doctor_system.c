/* Limits of the system, and programs and files that Judd calls. */
#include "cli/doctor.h"

#include "report/gnuplot.h"

#include <judd/base/share.h>
#include <judd/comm/free_memory.h>
#include <judd/io/read_queue.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

static judd_status check_memory(judd_doctor *d) {
    bool limited = false;
    double least = -judd_free_memory_bytes(&limited) / d->node_size;
    judd_status status = judd_comm_max(d->comm, &least, 1);
    if (status != JUDD_OK) return status;
    judd_doctor_say(d, -least < 512e6 ? JUDD_CHECK_WARNING : JUDD_CHECK_OK, "memory",
                    "start fewer ranks a node, or ask the batch system for more",
                    "%.1f GB free a rank%s", -least * 1e-9,
                    limited ? " (limited by the control group)" : "");
    return JUDD_OK;
}

static judd_status check_shm(judd_doctor *d) {
    struct statvfs s;
    double room = statvfs("/dev/shm", &s) == 0 ? (double)s.f_bavail * (double)s.f_frsize : 0.0;
    double least = -room;
    judd_status status = judd_comm_max(d->comm, &least, 1);
    if (status != JUDD_OK) return status;
    judd_doctor_say(d, -least < 256e6 ? JUDD_CHECK_WARNING : JUDD_CHECK_OK, "/dev/shm",
                    "Docker: --shm-size=1g; ranks of a node keep messages and weights there",
                    "%.2f GB free", -least * 1e-9);
    return JUDD_OK;
}

static void check_limits(judd_doctor *d) {
    struct rlimit files, locked;
    getrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_MEMLOCK, &locked);
    judd_doctor_say(d, files.rlim_cur < 256 ? JUDD_CHECK_WARNING : JUDD_CHECK_OK, "open files",
                    "ulimit -n 1024", "limit %lld", (long long)files.rlim_cur);
    if (access("/sys/class/infiniband", F_OK) == 0)
        judd_doctor_say(
            d, locked.rlim_cur == RLIM_INFINITY ? JUDD_CHECK_OK : JUDD_CHECK_WARNING,
            "locked memory", "ulimit -l unlimited (limits.conf, or of the batch system)",
            locked.rlim_cur == RLIM_INFINITY ? "unlimited" : "limited, and InfiniBand needs it");
}

/* Rows that do not fit the memory are streamed: by which way, the kernel and its filters say. */
static judd_status check_reads(judd_doctor *d) {
    judd_read_queue *queue = NULL;
    judd_status status = judd_comm_agree(d->comm, judd_read_queue_create(&queue));
    if (status != JUDD_OK) return status;
    double threads = judd_read_queue_threads(queue);
    judd_read_queue_destroy(queue);
    status = judd_comm_max(d->comm, &threads, 1);
    if (status != JUDD_OK) return status;
    judd_doctor_say(d, JUDD_CHECK_OK, "reads", NULL,
                    threads > 1.0 ? "one by one, by %.0f threads: this build, the kernel or the "
                                    "container has no io_uring"
                                  : "io_uring: many rows a system call",
                    threads);
    return JUDD_OK;
}

judd_status judd_doctor_limits(judd_doctor *d) {
    judd_status status = JUDD_OK;
    JUDD_TRY(check_memory(d));
    JUDD_TRY(check_shm(d));
    check_limits(d);
    JUDD_TRY(check_reads(d));
done:
    return status;
}

/* A program in a folder of PATH. */
static bool is_there(const char *name) {
    char path[4096];
    const char *folders = getenv("PATH");
    while (folders && *folders) {
        int n = (int)strcspn(folders, ":");
        snprintf(path, sizeof path, "%.*s/%s", n, folders, name);
        if (access(path, X_OK) == 0) return true;
        folders += n + (folders[n] == ':');
    }
    return false;
}

static bool is_set(const char *name) {
    const char *value = getenv(name);
    return value && *value && strcmp(value, "0") != 0;
}

static void check_launcher(judd_doctor *d) {
    static const char *const launchers[] = {"mpirun", "mpiexec", "srun"};
    const char *found = NULL;
    for (int i = 0; i < 3 && !found; i++)
        if (is_there(launchers[i])) found = launchers[i];
    bool refuses = geteuid() == 0 && found && strcmp(found, "srun") != 0 &&
                   !(is_set("OMPI_ALLOW_RUN_AS_ROOT") && is_set("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"));
    if (refuses)
        judd_doctor_say(d, JUDD_CHECK_WARNING, "launcher",
                        "use another account, or in a container export OMPI_ALLOW_RUN_AS_ROOT=1 "
                        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                        "Open MPI's %s refuses to start programs for root", found);
    else
        judd_doctor_say(d, found ? JUDD_CHECK_OK : JUDD_CHECK_WARNING, "launcher",
                        "install openmpi-bin to run on more than one process",
                        found ? "%s" : "no mpirun, mpiexec or srun on the PATH", found);
}

/* Rank 0 alone uses these; the other ranks count as it does. */
judd_status judd_doctor_programs(judd_doctor *d) {
    judd_status status = JUDD_OK;
    char *gnuplot = NULL, *presets = NULL;
    int there[2] = {0, 0};
    JUDD_TRY(judd_comm_agree(d->comm, judd_gnuplot_find(&gnuplot)));
    JUDD_TRY(judd_comm_agree(d->comm, judd_share_folder(&presets, "configs")));
    there[0] = gnuplot != NULL;
    there[1] = presets != NULL;
    JUDD_TRY(judd_comm_broadcast(d->comm, there, sizeof there));
    check_launcher(d);
    judd_doctor_say(
        d, there[0] ? JUDD_CHECK_OK : JUDD_CHECK_WARNING, "gnuplot", "install gnuplot-nox",
        there[0] ? "%s" : "not on the PATH: reports have tables, but no charts", gnuplot);
    judd_doctor_say(d, there[1] ? JUDD_CHECK_OK : JUDD_CHECK_WARNING, "presets",
                    "set JUDD_SHARE to the folder share/judd of the installation",
                    there[1] ? "%s" : "not found: @include \"backbones/...\" will not work",
                    presets);
done:
    free(gnuplot);
    free(presets);
    return status;
}

/* A folder of a job: may it be written, is what one rank writes seen by the others, do locks,
 * renames and parallel HDF5 work there, and how much room is left? */
#include "cli/doctor.h"

#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>
#include <judd/io/h5_slabs.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { ROWS = 64, COLUMNS = 16, TEXT_BYTES = 4096 };

/* Rank 0 makes a folder of our own in it; `trial` on all ranks. */
static judd_status make_trial(judd_doctor *d, char trial[PATH_MAX], const char *path) {
    judd_status status = JUDD_OK;
    if (d->comm->rank == 0) {
        status = judd_atomic_file_make_folder(path);
        snprintf(trial, PATH_MAX, "%s/judd-doctor-XXXXXX", path);
        if (status == JUDD_OK && !mkdtemp(trial))
            status = judd_status_set(JUDD_E_IO, "%s: %s", path, strerror(errno));
    }
    JUDD_TRY(judd_comm_broadcast_status(d->comm, status));
    JUDD_TRY(judd_comm_broadcast(d->comm, trial, PATH_MAX));
done:
    return status;
}

/* A file that is written, synced and renamed by rank 0 and then read by every rank. */
static judd_status try_file(judd_doctor *d, double *seconds, const char *trial) {
    judd_status status = JUDD_OK;
    char path[PATH_MAX + 8], text[TEXT_BYTES], *read = NULL;
    int64_t bytes = 0;
    snprintf(path, sizeof path, "%s/file", trial);
    memset(text, 'x', sizeof text);
    double start = MPI_Wtime();
    JUDD_TRY(judd_comm_broadcast_status(
        d->comm, d->comm->rank == 0 ? judd_atomic_file_write(path, text, sizeof text) : JUDD_OK));
    *seconds = MPI_Wtime() - start;
    status = judd_atomic_file_read(&read, &bytes, path, TEXT_BYTES);
    if (status == JUDD_OK && (bytes != TEXT_BYTES || memcmp(read, text, sizeof text) != 0))
        status = judd_status_set(JUDD_E_IO, "%s: a rank reads other bytes than were written", path);
    status = judd_comm_agree(d->comm, status);
done:
    free(read);
    return status;
}

/* Rank 0 holds flock on a file: *excluded counts the other ranks that then do not get it. */
static judd_status try_lock(judd_doctor *d, int64_t *excluded, const char *trial) {
    judd_status status = JUDD_OK;
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/file", trial);
    int fd = open(path, O_RDWR | O_CLOEXEC), second = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || second < 0) status = judd_status_set(JUDD_E_IO, "%s: %s", path, strerror(errno));
    if (d->comm->rank == 0 && status == JUDD_OK && flock(fd, LOCK_EX | LOCK_NB) != 0)
        status = judd_status_set(JUDD_E_IO, "flock: %s", strerror(errno));
    JUDD_TRY(judd_comm_agree(d->comm, status));
    *excluded = flock(second, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    JUDD_TRY(judd_comm_sum(d->comm, excluded, 1)); /* also: all have tried */
done:
    if (fd >= 0) close(fd);
    if (second >= 0) close(second);
    return status;
}

/* Every rank writes its rows of a dataset and reads all of them on its own. */
static judd_status try_h5(judd_doctor *d, const char *trial) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = d->comm;
    char path[PATH_MAX + 16];
    hid_t file = -1;
    judd_h5_slabs *slabs = NULL;
    const int64_t dims[2] = {ROWS, COLUMNS};
    int64_t first = ROWS * comm->rank / comm->size, end = ROWS * (comm->rank + 1) / comm->size;
    double x[ROWS * COLUMNS];
    snprintf(path, sizeof path, "%s/trial.h5", trial);
    if (comm->rank == 0) {
        status = judd_h5_create(&file, path);
        if (status == JUDD_OK)
            status = judd_h5_create_dataset(file, "x", H5T_IEEE_F64LE, 2, dims, NULL);
        judd_status made = judd_h5_close(file, path);
        if (status == JUDD_OK) status = made;
    }
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_h5_slabs_open(&slabs, comm, path, &(const char *){"x"}, 1));
    for (int64_t i = 0; i < ROWS * COLUMNS; i++) x[i] = (double)i / 3.0;
    status = judd_h5_slabs_write(slabs, 0, first, end - first, x + first * COLUMNS);
    judd_status closed = judd_h5_slabs_close(slabs);
    JUDD_TRY(judd_comm_agree(comm, status == JUDD_OK ? closed : status));
    memset(x, 0, sizeof x);
    status = judd_h5_open_read(&file, path);
    if (status == JUDD_OK) {
        status = judd_h5_read_rows(file, "x", H5T_NATIVE_DOUBLE, 0, ROWS, x);
        (void)judd_h5_close(file, path);
    }
    for (int64_t i = 0; i < ROWS * COLUMNS && status == JUDD_OK; i++)
        if (x[i] != (double)i / 3.0)
            status = judd_status_set(JUDD_E_IO, "%s: row %lld is not what was written", path,
                                     (long long)(i / COLUMNS));
    status = judd_comm_agree(comm, status);
done:
    return status;
}

static const char *kind_of(const char *path) {
    static const struct {
        long magic;
        const char *name;
    } kinds[] = {{0x01021994, "tmpfs: memory, lost at a restart"},
                 {0x6969, "NFS"},
                 {0x0BD00BD0, "Lustre"},
                 {0x47504653, "GPFS"},
                 {0x19830326, "BeeGFS"},
                 {0xEF53, "ext4"},
                 {0x58465342, "XFS"},
                 {0x9123683E, "Btrfs"},
                 {0x794c7630, "overlay"}};
    struct statfs s;
    if (statfs(path, &s) != 0) return "unknown file system";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((long)s.f_type == kinds[i].magic) return kinds[i].name;
    return "other file system";
}

static void say_room(judd_doctor *d, const char *what, const char *path, double sync_s) {
    struct statvfs s = {0};
    double room = statvfs(path, &s) == 0 ? (double)s.f_bavail * (double)s.f_frsize : 0.0;
    double few = room < 1e9;
    if (judd_comm_broadcast(d->comm, &few, sizeof few) != JUDD_OK) return;
    judd_doctor_say(d, few != 0.0 ? JUDD_CHECK_WARNING : JUDD_CHECK_OK, what, "make room",
                    "%s (%s): %.1f GB free; write, sync, rename and read by every rank: %.0f ms",
                    path, kind_of(path), room * 1e-9, 1e3 * sync_s);
}

static void say_lock(judd_doctor *d, judd_status tried, int64_t excluded, const char *what) {
    char place[32];
    snprintf(place, sizeof place, "%s lock", what);
    if (tried != JUDD_OK)
        judd_doctor_say(d, JUDD_CHECK_WARNING, place,
                        "mount it with locks (NFS: without nolock; Lustre: flock)",
                        "%s: two jobs in one folder are told apart by process and time only",
                        judd_status_message());
    else
        judd_doctor_say(d, excluded == d->comm->size ? JUDD_CHECK_OK : JUDD_CHECK_WARNING, place,
                        "mount it with locks for all nodes (Lustre: flock, not localflock)",
                        "flock keeps out %lld of %d who try", (long long)excluded, d->comm->size);
}

static judd_status check_contents(judd_doctor *d, const char *what, const char *path,
                                  const char *trial) {
    judd_status status = JUDD_OK;
    char place[32];
    double seconds = 0.0;
    int64_t excluded = 0;
    status = try_file(d, &seconds, trial);
    if (status != JUDD_OK) {
        judd_doctor_say(d, JUDD_CHECK_PROBLEM, what, "name a folder on a disk that all nodes share",
                        "%s", judd_status_message());
        return JUDD_OK;
    }
    say_room(d, what, path, seconds);
    status = try_lock(d, &excluded, trial);
    say_lock(d, status, excluded, what);
    status = try_h5(d, trial);
    snprintf(place, sizeof place, "%s HDF5", what);
    if (status == JUDD_OK)
        judd_doctor_say(d, JUDD_CHECK_OK, place, NULL,
                        "one file written by all ranks (%d), read by each", d->comm->size);
    else
        judd_doctor_say(d, JUDD_CHECK_PROBLEM, place,
                        "use an HDF5 built for this MPI, or another file system", "%s",
                        judd_status_message());
    return JUDD_OK;
}

judd_status judd_doctor_folder(judd_doctor *d, const char *what, const char *path) {
    char trial[PATH_MAX] = "";
    bool existed = access(path, F_OK) == 0;
    judd_status status = make_trial(d, trial, path);
    if (status != JUDD_OK) {
        judd_doctor_say(d, JUDD_CHECK_PROBLEM, what, "name a folder that may be written", "%s",
                        judd_status_message());
        return JUDD_OK;
    }
    status = check_contents(d, what, path, trial);
    if (d->comm->rank == 0) (void)judd_atomic_file_remove(trial);
    if (d->comm->rank == 0 && !existed) (void)rmdir(path);
    return judd_comm_agree(d->comm, status);
}

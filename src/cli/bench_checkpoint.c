#include "cli/bench.h"
#include "cli/commands.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>
#include <judd/learn/checkpoint.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A checkpoint against what `dd conv=fsync` does with as many bytes: rank 0 writes them in pieces
 * of a MiB and syncs, the others wait. Turns alternate. */

enum { PIECE = 1 << 20, OUTPUTS = 64 };

static judd_status write_plainly(const char *path, int64_t mib) {
    judd_status status = JUDD_OK;
    char *piece = NULL;
    int fd = -1;
    JUDD_TRY(judd_memory_alloc(&piece, PIECE, 1));
    memset(piece, 0x5a, PIECE);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    for (int64_t i = 0; fd >= 0 && i < mib; i++)
        if (write(fd, piece, PIECE) != PIECE)
            JUDD_FAIL(JUDD_E_IO, "%s: %s; check free space", path, strerror(errno));
    if (fd < 0 || fsync(fd) != 0)
        JUDD_FAIL(JUDD_E_IO, "%s: %s; check free space", path, strerror(errno));
done:
    if (fd >= 0) close(fd);
    free(piece);
    return status;
}

/* Value and momentum of one linear layer: half of the bytes each. */
static judd_status make_bank(judd_bank **out, int64_t mib) {
    static const judd_bank_head head = {.learning_rate = 0.1, .held_out = -1};
    const judd_bank_options o = {
        .n_heads = 1, .n_outputs = OUTPUTS, .heads = &head, .batch = 1, .steps = 1 << 20};
    judd_status status = judd_bank_create(out, mib * PIECE / (2 * OUTPUTS * 4), &o);
    if (status != JUDD_OK) return status;
    judd_parameter *weight = (*out)->layers[0].weight;
    int64_t n = judd_bank_parameter_size(weight);
    for (int64_t i = 0; i < n; i++)
        weight->value[i] = weight->first[i] = (float)(i * 2654435761 % 1999) * 1e-3f;
    return JUDD_OK;
}

/* What a training waits for: until its state is copied, and once it is on the disk. */
static judd_status measure_beside(double *seconds, judd_bank *bank, const char *folder,
                                  const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const struct timespec pause = {.tv_nsec = 1000000};
    judd_checkpoint *c = NULL;
    bank->step++;
    JUDD_TRY(judd_comm_agree(comm, JUDD_OK));
    double start = MPI_Wtime();
    JUDD_TRY(judd_checkpoint_begin(&c, folder, "bench", bank, comm));
    *seconds = MPI_Wtime() - start;
    while (judd_checkpoint_runs(c)) nanosleep(&pause, NULL);
    JUDD_TRY(judd_comm_agree(comm, JUDD_OK));
    start = MPI_Wtime();
    JUDD_TRY(judd_checkpoint_end(c));
    *seconds += MPI_Wtime() - start;
done:
    return status;
}

/* Seconds of one checkpoint, of the plain write, and of what a training loses by a checkpoint. */
static judd_status measure(double seconds[3], judd_bank *bank, const char *folder,
                           const char *plain, int64_t mib, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    bank->step++;
    JUDD_TRY(judd_comm_agree(comm, JUDD_OK));
    double start = MPI_Wtime();
    JUDD_TRY(judd_checkpoint_save(folder, "bench", bank, comm));
    double middle = MPI_Wtime();
    JUDD_TRY(
        judd_comm_broadcast_status(comm, comm->rank == 0 ? write_plainly(plain, mib) : JUDD_OK));
    seconds[0] = middle - start;
    seconds[1] = MPI_Wtime() - middle;
    JUDD_TRY(measure_beside(&seconds[2], bank, folder, comm));
done:
    return status;
}

static judd_status print(double *save, double *plain, double *lost, int n, int64_t mib,
                         bool as_json, const judd_comm *comm) {
    double mb = (double)(mib * PIECE) * 1e-6, ratio[64];
    for (int i = 0; i < n; i++) ratio[i] = plain[i] / save[i];
    double whole = judd_bench_median(save, n), reference = judd_bench_median(plain, n);
    return judd_bench_print(json_pack("{s:I, s:i, s:i, s:f, s:f, s:f, s:f}", "mib", (json_int_t)mib,
                                      "ranks", comm->size, "repeats", n, "checkpoint_mb_per_s",
                                      mb / whole, "plain_mb_per_s", mb / reference, "ratio",
                                      judd_bench_median(ratio, n), "training_lost_s",
                                      judd_bench_median(lost, n)),
                            as_json, comm);
}

judd_status judd_bench_checkpoint(const judd_comm *comm, judd_arguments *a,
                                  const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    (void)stop; /* nothing to save */
    int64_t mib = 256, repeats = 5;
    const char *folder = ".";
    char *own = NULL, *plain = NULL;
    double save[64], reference[64], lost[64], seconds[3];
    bool as_json = false;
    judd_bank *bank = NULL;
    JUDD_TRY(judd_arguments_whole(&mib, a, "--mib", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&repeats, a, "--repeats", 1, INT32_MAX));
    folder = judd_arguments_text(a, "--folder", folder);
    as_json = judd_arguments_has(a, "--json");
    if (repeats > 64) repeats = 64;
    status = judd_memory_format(&own, "%s/judd-bench-checkpoint", folder);
    if (status == JUDD_OK) status = judd_memory_format(&plain, "%s/plain", own);
    if (status == JUDD_OK) status = make_bank(&bank, mib);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? judd_atomic_file_make_folder(own)
                                                              : JUDD_OK));
    /* first until as many checkpoints are removed as made, and memory for files is no longer new */
    for (int64_t i = -1 - JUDD_CHECKPOINT_KEEP; i < repeats; i++) {
        JUDD_TRY(measure(seconds, bank, own, plain, mib, comm));
        if (i < 0) continue;
        save[i] = seconds[0];
        reference[i] = seconds[1];
        lost[i] = seconds[2];
    }
    JUDD_TRY(print(save, reference, lost, (int)repeats, mib, as_json, comm));
done:
    if (own && comm->rank == 0) (void)judd_atomic_file_remove(own);
    judd_bank_destroy(bank);
    free(own);
    free(plain);
    return status;
}

#include <judd/learn/checkpoint.h>

#include <judd/base/hash.h>
#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>
#include <judd/io/shared_file.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SCHEMA = 3,
    MAX_MANIFEST = 1 << 16,
    BLOCK = 1 << 20 /* bytes of state.h5 under one check */
};

/* The tensors of a bank by name: one list for creating, writing, comparing and reading. */
typedef struct tensor {
    char name[40];
    const char *description;
    void *data;
    int64_t rows, columns; /* columns 0: one-dimensional */
    hid_t file_type, memory_type;
    size_t size;
} tensor;

enum { MAX_TENSORS = 5 * JUDD_BANK_MAX_PARAMETERS + 6 };

static tensor floats(const judd_bank *b, const judd_parameter *p, const char *suffix, float *data,
                     const char *description) {
    tensor t = {.description = description,
                .data = data,
                .rows = b->options.n_heads * p->rows,
                .columns = p->columns > 1 ? p->columns : 0,
                .file_type = H5T_IEEE_F32LE,
                .memory_type = H5T_NATIVE_FLOAT,
                .size = sizeof *data};
    (void)snprintf(t.name, sizeof t.name, "%s%s", p->name, suffix);
    return t;
}

/* One number a head. */
static tensor integers(const judd_bank *b, const char *name, const char *suffix, int64_t *data,
                       const char *description) {
    tensor t = {.description = description,
                .data = data,
                .rows = b->options.n_heads,
                .file_type = H5T_STD_I64LE,
                .memory_type = H5T_NATIVE_INT64,
                .size = sizeof *data};
    (void)snprintf(t.name, sizeof t.name, "%s%s", name, suffix);
    return t;
}

static int list_tensors(tensor out[MAX_TENSORS], const judd_bank *b) {
    int n = 0;
    for (int k = 0; k < b->n_parameters; k++) {
        const judd_parameter *p = &b->parameters[k];
        out[n++] = floats(b, p, "", p->value, "the rows of head 0, then those of head 1, ...");
        out[n++] = floats(b, p, "_first", p->first, "the optimiser's first state");
        if (p->second)
            out[n++] = floats(b, p, "_second", p->second, "the optimiser's second state");
        if (p->best) out[n++] = floats(b, p, "_best", p->best, "where validation was best");
        out[n] = integers(b, p->name, "_exponent", p->exponent,
                          "of the fixed point of a head's next gradient, target then source");
        out[n++].rows *= judd_bank_sets(b);
    }
    out[n++] =
        integers(b, "diverged", "", b->diverged, "step at which a head left the finite, or -1");
    out[n++] = integers(b, "finished", "", b->finished, "why a head's solver stopped, 0: not yet");
    if (b->n_curve > 0) {
        out[n] =
            integers(b, "curve", "", b->curve, "samples right after every so many steps, or -1");
        out[n++].columns = b->n_curve;
    }
    if (b->options.early_stopping.every == 0) return n;
    out[n++] = integers(b, "best_step", "", b->best_step, "step of the best validation, or -1");
    out[n++] = integers(b, "stopped", "", b->stopped, "step at which patience ended, or -1");
    out[n] = integers(b, "best_loss", "", NULL, "of validation");
    out[n].data = b->best_loss;
    out[n].file_type = H5T_IEEE_F64LE;
    out[n++].memory_type = H5T_NATIVE_DOUBLE;
    return n;
}

static int64_t row_bytes(const tensor *t) {
    return (t->columns ? t->columns : 1) * (int64_t)t->size;
}

static judd_status create_state(const char *path, const char *identity, const judd_bank *b) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    tensor tensors[MAX_TENSORS];
    int n_tensors = list_tensors(tensors, b);
    JUDD_TRY(judd_h5_create(&file, path));
    JUDD_TRY(judd_h5_set_string(file, "/", "title", "Judd checkpoint of a bank of heads"));
    JUDD_TRY(judd_h5_set_string(file, "/", "identity", identity));
    JUDD_TRY(judd_h5_set_int(file, "/", "schema", SCHEMA));
    JUDD_TRY(judd_h5_set_int(file, "/", "step", b->step));
    JUDD_TRY(judd_h5_set_int(file, "/", "steps", b->options.steps));
    JUDD_TRY(judd_h5_set_int(file, "/", "n_heads", b->options.n_heads));
    JUDD_TRY(judd_h5_set_int(file, "/", "n_outputs", b->options.n_outputs));
    JUDD_TRY(judd_h5_set_int(file, "/", "seed", (int64_t)b->options.seed));
    for (int i = 0; i < n_tensors; i++) {
        const tensor *t = &tensors[i];
        int64_t dims[2] = {t->rows, t->columns};
        JUDD_TRY(judd_h5_create_dataset(file, t->name, t->file_type, t->columns ? 2 : 1, dims,
                                        t->description));
    }
done:
    if (file > 0) {
        judd_status closed = judd_h5_close(file, path);
        if (status == JUDD_OK) status = closed;
    }
    return status;
}

/* ---- blocks of the file -------------------------------------------------------------------------
 */

/* state.h5 as blocks of bytes: each is written, synced, read back and checked by one rank. Once the
 * file is created, HDF5 has no part in it. */
typedef struct blocks {
    const char *path;
    int fd;
    int64_t bytes, n;
    int64_t first, end; /* this rank's share */
    int64_t *check;     /* [n], XXH3-64 */
    char *buffer;       /* a block, or the file if it is smaller */
    char *kept; /* [end - first, BLOCK], the share as it was; NULL: it is taken when written */
    int n_tensors;
    tensor tensors[MAX_TENSORS];
    int64_t offset[MAX_TENSORS]; /* of each tensor in the file */
} blocks;

static void close_blocks(blocks *f) {
    if (f->fd >= 0) close(f->fd);
    free(f->check);
    free(f->buffer);
    free(f->kept);
}

static judd_status fail_block(const blocks *f, const char *action, int error) {
    return judd_status_set(JUDD_E_IO,
                           "%s: cannot %s: %s; check the file system, its space and quota", f->path,
                           action, strerror(error));
}

/* Of a file of so many bytes, which is open. */
static judd_status init_blocks(blocks *f, int64_t bytes) {
    judd_status status = JUDD_OK;
    f->bytes = bytes;
    f->n = judd_pieces(bytes, BLOCK);
    JUDD_TRY(judd_memory_alloc(&f->check, f->n, sizeof *f->check));
    JUDD_TRY(judd_memory_alloc(&f->buffer, bytes < BLOCK ? bytes : BLOCK, 1));
done:
    return status;
}

static judd_status open_blocks(blocks *f, const char *path) {
    judd_status status = JUDD_OK;
    struct stat info;
    *f = (blocks){.path = path, .fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    if (f->fd < 0 || fstat(f->fd, &info) != 0) JUDD_TRY(fail_block(f, "open", errno));
    if (!S_ISREG(info.st_mode)) JUDD_FAIL(JUDD_E_DATA, "%s: not a regular file", path);
    JUDD_TRY(init_blocks(f, (int64_t)info.st_size));
done:
    return status;
}

static int64_t block_bytes(const blocks *f, int64_t b) {
    int64_t left = f->bytes - b * BLOCK;
    return left < BLOCK ? left : BLOCK;
}

static judd_status read_block(blocks *f, int64_t b) {
    for (int64_t at = 0, n = block_bytes(f, b); at < n;) {
        ssize_t done = pread(f->fd, f->buffer + at, (size_t)(n - at), b * BLOCK + at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return fail_block(f, "read", done < 0 ? errno : ENODATA);
        at += done;
    }
    return JUDD_OK;
}

static int64_t check_of(const char *block, int64_t n) {
    return (int64_t)judd_hash_check(block, (size_t)n, 0);
}

/* The bytes of block b in memory: in a tensor if it has all of them, else put together in the
 * buffer with what HDF5 wrote around the tensors. */
static judd_status take_block(const char **block, blocks *f, int64_t b) {
    judd_status status = JUDD_OK;
    int64_t begin = b * BLOCK, n = block_bytes(f, b);
    bool whole = false;
    *block = f->buffer;
    for (int pass = 0; pass < 2 && !whole; pass++) {
        if (pass == 1) JUDD_TRY(read_block(f, b));
        for (int i = 0; i < f->n_tensors && !whole; i++) {
            const tensor *t = &f->tensors[i];
            int64_t first = f->offset[i], last = first + t->rows * row_bytes(t);
            const char *data = t->data;
            whole = first <= begin && last >= begin + n;
            if (whole) *block = data + (begin - first);
            if (pass == 0 || whole || first >= begin + n || last <= begin) continue;
            int64_t from = first > begin ? first : begin, to = last < begin + n ? last : begin + n;
            memcpy(f->buffer + (from - begin), data + (from - first), (size_t)(to - from));
        }
    }
done:
    return status;
}

static judd_status write_block(blocks *f, int64_t b) {
    judd_status status = JUDD_OK;
    int64_t n = block_bytes(f, b);
    const char *block = NULL;
    if (f->kept)
        block = f->kept + (b - f->first) * BLOCK;
    else
        JUDD_TRY(take_block(&block, f, b));
    f->check[b] = check_of(block, n);
    JUDD_TRY(judd_shared_file_write(f->fd, f->path, block, n, b * BLOCK));
    /* on its way to the disk while the next is made; fsync waits for it and tells failures */
    (void)sync_file_range(f->fd, b * BLOCK, n, SYNC_FILE_RANGE_WRITE);
done:
    return status;
}

/* This rank's share as it is now: training goes on while it is written. */
static judd_status keep_share(blocks *f) {
    judd_status status = JUDD_OK;
    const char *block = NULL;
    char *kept = NULL;
    JUDD_TRY(judd_memory_alloc(&kept, f->end - f->first, BLOCK));
    for (int64_t b = f->first; b < f->end; b++) {
        JUDD_TRY(take_block(&block, f, b));
        memcpy(kept + (b - f->first) * BLOCK, block, (size_t)block_bytes(f, b));
    }
    f->kept = kept;
    kept = NULL;
done:
    free(kept);
    return status;
}

/* This rank's share of the blocks: written, on the disk, and read back as they were in memory. */
static judd_status write_share(blocks *f) {
    judd_status status = JUDD_OK;
    for (int64_t b = f->first; b < f->end; b++) JUDD_TRY(write_block(f, b));
    JUDD_TRY(judd_shared_file_sync(f->fd, f->path));
    for (int64_t b = f->first; b < f->end; b++) {
        JUDD_TRY(read_block(f, b));
        if (check_of(f->buffer, block_bytes(f, b)) != f->check[b])
            JUDD_FAIL(JUDD_E_IO, "%s: differs from memory after writing; check the file system",
                      f->path);
    }
    JUDD_TRY(judd_shared_file_close(&f->fd, f->path));
done:
    return status;
}

/* Rank 0: where HDF5 put the tensors; and room for all of it now, so that a full disk is known. */
static judd_status find_tensors(blocks *f) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    JUDD_TRY(judd_h5_open_read(&file, f->path));
    for (int i = 0; i < f->n_tensors; i++) {
        judd_h5_extent extent;
        JUDD_TRY(judd_h5_extent_of(file, f->tensors[i].name, &extent));
        if (extent.offset < 0)
            JUDD_FAIL(JUDD_E_INTERNAL, "%s: %s is not where it can be written", f->path,
                      f->tensors[i].name);
        f->offset[i] = extent.offset;
    }
    if (fallocate(f->fd, 0, 0, f->bytes) != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
        JUDD_TRY(fail_block(f, "make room", errno));
done:
    if (file > 0) (void)judd_h5_close(file, f->path);
    return status;
}

/* The file that rank 0 made, on all ranks, and where the bank's tensors go in it. Collective. */
static judd_status prepare_blocks(blocks *f, const judd_bank *bank, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t bytes = 0;
    JUDD_TRY(judd_shared_file_open(&f->fd, &bytes, comm, f->path));
    status = init_blocks(f, bytes);
    f->first = judd_part_begin(f->n, comm->size, comm->rank);
    f->end = judd_part_begin(f->n, comm->size, comm->rank + 1);
    f->n_tensors = list_tensors(f->tensors, bank);
    if (comm->rank == 0 && status == JUDD_OK) status = find_tensors(f);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, f->offset, sizeof f->offset));
done:
    return status;
}

static judd_status check_state(uint64_t *check, int64_t *bytes, const char *path) {
    judd_status status = JUDD_OK;
    blocks f = {.fd = -1};
    JUDD_TRY(open_blocks(&f, path));
    for (int64_t b = 0; b < f.n; b++) {
        JUDD_TRY(read_block(&f, b));
        f.check[b] = check_of(f.buffer, block_bytes(&f, b));
    }
    *check = judd_hash_check(f.check, (size_t)f.n * sizeof *f.check, 0);
    *bytes = f.bytes;
done:
    close_blocks(&f);
    return status;
}

/* ---- folders ------------------------------------------------------------------------------------
 */

static judd_status manifest_text(char **text, int64_t step, const char *identity, int64_t bytes,
                                 uint64_t check) {
    return judd_memory_format(
        text, "judd-checkpoint %d\nstep %lld\nidentity %s\nstate.h5 %lld %016llx\n", SCHEMA,
        (long long)step, identity, (long long)bytes, (unsigned long long)check);
}

static judd_status write_manifest(const char *folder, const char *text) {
    char *path = NULL;
    judd_status status = judd_memory_format(&path, "%s/MANIFEST", folder);
    if (status == JUDD_OK) status = judd_atomic_file_write(path, text, (int64_t)strlen(text));
    free(path);
    return status;
}

/* Steps of the complete checkpoints in `folder`, newest first; leftovers of killed saves are
 * removed. A missing folder has none. */
static judd_status list_steps(int64_t **steps, int64_t *n, const char *folder) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    int64_t *list = NULL, capacity = 0, count = 0;
    DIR *directory = opendir(folder);
    for (struct dirent *e; directory && (e = readdir(directory));) {
        char *end = NULL;
        if (strncmp(e->d_name, "step-", 5) != 0) continue;
        errno = 0;
        int64_t step = strtoll(e->d_name + 5, &end, 10);
        if (end == e->d_name + 5 || step < 0 || errno) continue;
        if (strncmp(end, ".tmp", 4) == 0) {
            JUDD_TRY(judd_memory_format(&path, "%s/%s", folder, e->d_name));
            JUDD_TRY(judd_atomic_file_remove(path));
            free(path);
            path = NULL;
        }
        if (*end) continue;
        if (count == capacity) {
            int64_t *larger = NULL;
            capacity = 2 * capacity + 8;
            JUDD_TRY(judd_memory_alloc(&larger, capacity, sizeof *larger));
            if (count) memcpy(larger, list, (size_t)count * sizeof *list);
            free(list);
            list = larger;
        }
        int64_t at = count++;
        for (; at > 0 && list[at - 1] < step; at--) list[at] = list[at - 1];
        list[at] = step;
    }
    *steps = list;
    *n = count;
    list = NULL;
done:
    if (directory) closedir(directory);
    free(path);
    free(list);
    return status;
}

/* Keep the newest ones up to `step`, just saved. Later ones were passed over when this training
 * began (damaged, or of another identity): they would crowd out the new ones. */
static judd_status prune(const char *folder, int64_t step) {
    judd_status status = JUDD_OK;
    int64_t *steps = NULL, n = 0, kept = 0;
    char *path = NULL;
    JUDD_TRY(list_steps(&steps, &n, folder));
    for (int64_t i = 0; i < n; i++) {
        if (steps[i] <= step && kept++ < JUDD_CHECKPOINT_KEEP) continue;
        JUDD_TRY(judd_memory_format(&path, "%s/step-%lld", folder, (long long)steps[i]));
        JUDD_TRY(judd_atomic_file_remove(path));
        free(path);
        path = NULL;
    }
done:
    free(path);
    free(steps);
    return status;
}

static judd_status begin_on_rank0(const char *temporary, const char *state, const char *identity,
                                  const judd_bank *bank) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_atomic_file_remove(temporary));
    JUDD_TRY(judd_atomic_file_make_folder(temporary));
    JUDD_TRY(create_state(state, identity, bank));
done:
    return status;
}

static judd_status commit_on_rank0(const char *folder, const char *temporary, const char *manifest,
                                   int64_t step) {
    judd_status status = JUDD_OK;
    char *final = NULL;
    JUDD_TRY(write_manifest(temporary, manifest));
    JUDD_TRY(judd_memory_format(&final, "%s/step-%lld", folder, (long long)step));
    JUDD_TRY(judd_atomic_file_remove(final)); /* a damaged one of the same step */
    JUDD_TRY(judd_atomic_file_commit(temporary, final));
    JUDD_TRY(prune(folder, step));
done:
    free(final);
    return status;
}

/* ---- saving -------------------------------------------------------------------------------------
 */

struct judd_checkpoint {
    const judd_comm *comm; /* borrowed */
    char *folder, *identity, *temporary, *state;
    int64_t step;
    blocks blocks;
    /* the thread that writes; once it is done, its outcome */
    pthread_t thread;
    bool has_thread;
    _Atomic bool done;
    judd_status written;
    char message[JUDD_MESSAGE_SIZE];
};

static judd_status create_checkpoint(judd_checkpoint **out, const char *folder,
                                     const char *identity, int64_t step, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_checkpoint *c = NULL;
    JUDD_TRY(judd_memory_alloc(&c, 1, sizeof *c));
    *out = c;
    c->comm = comm;
    c->step = step;
    c->blocks.fd = -1;
    JUDD_TRY(judd_memory_string(&c->folder, folder));
    JUDD_TRY(judd_memory_string(&c->identity, identity));
    JUDD_TRY(judd_memory_format(&c->temporary, "%s/step-%lld.tmp", folder, (long long)step));
    JUDD_TRY(judd_memory_format(&c->state, "%s/state.h5", c->temporary));
    c->blocks.path = c->state;
done:
    return status;
}

/* Makes no MPI call. */
static void *write_beside(void *context) {
    judd_checkpoint *c = context;
    c->written = write_share(&c->blocks);
    if (c->written != JUDD_OK) snprintf(c->message, sizeof c->message, "%s", judd_status_message());
    c->done = true;
    return NULL;
}

static judd_status start_thread(judd_checkpoint *c) {
    judd_status status = keep_share(&c->blocks);
    if (status != JUDD_OK) return status;
    int error = pthread_create(&c->thread, NULL, write_beside, c);
    if (error != 0)
        return judd_status_set(JUDD_E_IO, "%s: no thread to write it: %s; raise ulimit -u",
                               c->state, strerror(error));
    c->has_thread = true;
    return JUDD_OK;
}

/* This rank's outcome. */
static judd_status join(judd_checkpoint *c) {
    if (!c->has_thread) return write_share(&c->blocks);
    pthread_join(c->thread, NULL);
    c->has_thread = false;
    return c->written == JUDD_OK ? JUDD_OK : judd_status_set(c->written, "%s", c->message);
}

static judd_status begin(judd_checkpoint **out, const char *folder, const char *identity,
                         const judd_bank *bank, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_checkpoint *c = NULL;
    *out = NULL;
    JUDD_TRY(judd_comm_agree(comm, create_checkpoint(&c, folder, identity, bank->step, comm)));
    if (comm->rank == 0) status = begin_on_rank0(c->temporary, c->state, identity, bank);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(prepare_blocks(&c->blocks, bank, comm));
    *out = c;
    c = NULL;
done:
    judd_checkpoint_abandon(c);
    return status;
}

judd_status judd_checkpoint_begin(judd_checkpoint **out, const char *folder, const char *identity,
                                  const judd_bank *bank, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_checkpoint *c = NULL;
    *out = NULL;
    JUDD_TRY(begin(&c, folder, identity, bank, comm));
    JUDD_TRY(judd_comm_agree(comm, start_thread(c)));
    *out = c;
    c = NULL;
done:
    judd_checkpoint_abandon(c);
    return judd_status_context(status, "checkpoint");
}

bool judd_checkpoint_runs(const judd_checkpoint *c) {
    return c && c->has_thread && !c->done;
}

judd_status judd_checkpoint_end(judd_checkpoint *c) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = c->comm;
    blocks *f = &c->blocks;
    char *manifest = NULL;
    JUDD_TRY(judd_comm_agree(comm, join(c)));
    JUDD_TRY(judd_comm_sum(comm, f->check, f->n)); /* zeros where they are not ours */
    uint64_t check = judd_hash_check(f->check, (size_t)f->n * sizeof *f->check, 0);
    status = manifest_text(&manifest, c->step, c->identity, f->bytes, check);
    JUDD_TRY(judd_comm_agree(comm, status));
    status =
        comm->rank == 0 ? commit_on_rank0(c->folder, c->temporary, manifest, c->step) : JUDD_OK;
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    free(manifest);
    judd_checkpoint_abandon(c);
    return judd_status_context(status, "checkpoint");
}

void judd_checkpoint_abandon(judd_checkpoint *c) {
    if (!c) return;
    if (c->has_thread) pthread_join(c->thread, NULL);
    close_blocks(&c->blocks);
    free(c->folder);
    free(c->identity);
    free(c->temporary);
    free(c->state);
    free(c);
}

judd_status judd_checkpoint_save(const char *folder, const char *identity, const judd_bank *bank,
                                 const judd_comm *comm) {
    judd_checkpoint *c = NULL;
    judd_status status = begin(&c, folder, identity, bank, comm);
    return status == JUDD_OK ? judd_checkpoint_end(c) : judd_status_context(status, "checkpoint");
}

/* ---- restoring ----------------------------------------------------------------------------------
 */

/* The manifest of the state in `folder` (".../step-N"), if it is whole. free(). */
static judd_status expected_manifest(char **text, const char *folder, int64_t step,
                                     const char *identity) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    uint64_t check = 0;
    int64_t bytes = 0;
    JUDD_TRY(judd_memory_format(&path, "%s/state.h5", folder));
    JUDD_TRY(check_state(&check, &bytes, path));
    JUDD_TRY(manifest_text(text, step, identity, bytes, check));
done:
    free(path);
    return status;
}

static judd_status read_manifest(char **text, char **path, const char *folder) {
    int64_t n = 0;
    judd_status status = judd_memory_format(path, "%s/MANIFEST", folder);
    return status == JUDD_OK ? judd_atomic_file_read(text, &n, *path, MAX_MANIFEST) : status;
}

/* Rank 0: does `folder`/step-N hold what its manifest says, and is it ours? */
static judd_status verify(const char *folder, int64_t step, const char *identity) {
    judd_status status = JUDD_OK;
    char *own = NULL, *path = NULL, *found = NULL, *expected = NULL;
    JUDD_TRY(judd_memory_format(&own, "%s/step-%lld", folder, (long long)step));
    JUDD_TRY(expected_manifest(&expected, own, step, identity));
    JUDD_TRY(read_manifest(&found, &path, own));
    if (strcmp(found, expected) != 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: does not match the state or belongs to another job", path);
done:
    free(own);
    free(path);
    free(found);
    free(expected);
    return status;
}

judd_status judd_checkpoint_verify(const char *folder) {
    judd_status status = JUDD_OK;
    char *path = NULL, *found = NULL, *expected = NULL, identity[JUDD_SHA256_HEX] = "";
    long long step = 0;
    JUDD_TRY(read_manifest(&found, &path, folder));
    int n = sscanf(found, "judd-checkpoint %*d step %lld identity %64[0-9a-f]", &step, identity);
    if (n == 2) JUDD_TRY(expected_manifest(&expected, folder, step, identity));
    if (n != 2 || strcmp(found, expected) != 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: does not match the state; the job takes an earlier one", path);
done:
    free(path);
    free(found);
    free(expected);
    return status;
}

static judd_status find_newest(int64_t *step, char **skipped, const char *folder,
                               const char *identity) {
    judd_status status = JUDD_OK;
    int64_t *steps = NULL, n = 0;
    *step = -1;
    JUDD_TRY(list_steps(&steps, &n, folder));
    for (int64_t i = 0; i < n && *step < 0; i++) {
        if (verify(folder, steps[i], identity) == JUDD_OK) {
            *step = steps[i];
        } else if (!*skipped) {
            JUDD_TRY(judd_memory_format(skipped, "checkpoint step-%lld passed over (%s)",
                                        (long long)steps[i], judd_status_message()));
        }
    }
done:
    free(steps);
    return status;
}

static judd_status read_state(judd_bank *bank, const char *folder, int64_t step) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    char *path = NULL;
    tensor tensors[MAX_TENSORS];
    int n_tensors = list_tensors(tensors, bank);
    JUDD_TRY(judd_memory_format(&path, "%s/step-%lld/state.h5", folder, (long long)step));
    JUDD_TRY(judd_h5_open_read(&file, path));
    for (int i = 0; i < n_tensors; i++) {
        int64_t dims[2] = {0, 0};
        JUDD_TRY(judd_h5_dims(file, tensors[i].name, tensors[i].columns ? 2 : 1, dims));
        if (dims[0] != tensors[i].rows || dims[1] != tensors[i].columns)
            JUDD_FAIL(JUDD_E_DATA, "%s: %s has another shape than this job's bank", path,
                      tensors[i].name);
        JUDD_TRY(judd_h5_read(file, tensors[i].name, tensors[i].memory_type, tensors[i].data));
    }
    bank->step = step;
done:
    if (file > 0) (void)judd_h5_close(file, path);
    free(path);
    return status;
}

judd_status judd_checkpoint_restore(judd_bank *bank, int64_t *restored_step, char **skipped,
                                    const char *folder, const char *identity,
                                    const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t step = -1;
    *skipped = NULL;
    JUDD_TRY(judd_comm_broadcast_status(
        comm, comm->rank == 0 ? find_newest(&step, skipped, folder, identity) : JUDD_OK));
    JUDD_TRY(judd_comm_broadcast(comm, &step, sizeof step));
    if (step >= 0) JUDD_TRY(judd_comm_agree(comm, read_state(bank, folder, step)));
    *restored_step = step;
done:
    return judd_status_context(status, "checkpoint");
}

#include "fuzz/fuzz.h"

#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_FILES = 4, PATH_SIZE = 96 };

typedef struct file {
    const char *name;
    char path[PATH_SIZE];
    int fd;
    size_t bytes;
} file;

static judd_comm comm;
static bool is_open;
static char folder[PATH_SIZE];
static file files[MOST_FILES];
static int n_files;

/* Memory beyond this is refused as it would be where there is no more, not a finding; what was
 * freed is given back soon, or the kernel's pages are all that is measured. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=512:"
           "quarantine_size_mb=2:thread_local_quarantine_size_kb=64:malloc_context_size=0:"
           "max_malloc_fill_size=0";
}

int64_t fuzz_n_taken;

void fuzz_taken(void) {
    fuzz_n_taken++;
}

static void end(void) {
    fprintf(stderr, "taken: %lld\n", (long long)fuzz_n_taken);
    if (folder[0]) (void)judd_atomic_file_remove(folder);
    if (!is_open) return;
    judd_comm_close(&comm);
    MPI_Finalize();
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    if (judd_h5_init() != JUDD_OK) abort();
    H5set_free_list_limits(-1, -1, -1, -1, -1, -1); /* a megabyte for each open file: kept */
    atexit(end);
    setenv("TMPDIR", fuzz_folder(), 1); /* the product's own temporary files: in memory too */
    return 0;
}

const judd_comm *fuzz_comm(void) {
    if (is_open) return &comm;
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0); /* no daemon for one rank */
    MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &(int){0});
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) abort();
    is_open = true;
    return &comm;
}

const char *fuzz_folder(void) {
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/dev/shm/judd-fuzz-XXXXXX");
        if (!mkdtemp(folder)) abort();
    }
    return folder;
}

/* Opening and truncating a file costs more than most parsers, so it stays open. */
const char *fuzz_file_named(const char *name, const void *data, size_t n) {
    int i = 0;
    while (i < n_files && strcmp(files[i].name, name) != 0) i++;
    file *f = &files[i];
    if (i == n_files) {
        if (n_files++ == MOST_FILES) abort();
        *f = (file){.name = name};
        snprintf(f->path, sizeof f->path, "%.60s/%.30s", fuzz_folder(), name);
        char *slash = strrchr(f->path, '/');
        *slash = '\0'; /* the name may have a folder */
        (void)mkdir(f->path, 0700);
        *slash = '/';
        f->fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (f->fd < 0) abort();
    }
    if (pwrite(f->fd, data, n, 0) != (ssize_t)n) abort();
    if (n != f->bytes && ftruncate(f->fd, (off_t)n) != 0) abort();
    f->bytes = n;
    return f->path;
}

const char *fuzz_file(const uint8_t *data, size_t n) {
    return fuzz_file_named("input", data, n);
}

#include "data/recognise.h"

#include "data/packed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { START = 512, CIFAR10_RECORD = 3073, CIFAR100_RECORD = 3074 };

static bool holds(const char *folder, const char *name) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n < (int)sizeof path && access(path, F_OK) == 0;
}

static bool ends(const char *name, const char *ending) {
    size_t n = strlen(name), k = strlen(ending);
    return n >= k && strcmp(name + n - k, ending) == 0;
}

static const char *folder_format(const char *path) {
    if (holds(path, "data_batch_1.bin")) return "cifar10";
    if (holds(path, "fine_label_names.txt")) return "cifar100";
    bool tar = false;
    DIR *folder = opendir(path);
    for (const struct dirent *e; folder && (e = readdir(folder)) != NULL;)
        tar = tar || (e->d_name[0] != '.' && ends(e->d_name, ".tar"));
    if (folder) closedir(folder);
    return tar ? "tar" : "folder";
}

/* A network is full of numbers that no text holds, though not of zeros. */
static bool is_text(const unsigned char *start, ssize_t n) {
    for (ssize_t i = 0; i < n; i++)
        if (start[i] < ' ' && start[i] != '\t' && start[i] != '\n' && start[i] != '\r')
            return false;
    return true;
}

/* A list names files in front of its tabs, labelled texts do not. */
static const char *text_format(const char *path, const char *start, size_t n) {
    char first[4096];
    if (start[0] == '{') return "jsonl";
    if (ends(path, ".csv")) return "csv";
    const char *tab = memchr(start, '\t', n), *slash = strrchr(path, '/');
    if (!tab) return NULL;
    bool absolute = start[0] == '/' || !slash;
    snprintf(first, sizeof first, "%.*s%.*s", absolute ? 0 : (int)(slash + 1 - path), path,
             (int)(tab - start), start);
    return access(first, F_OK) == 0 ? "list" : "tsv";
}

static const char *file_format(const char *path, const unsigned char *start, ssize_t n,
                               int64_t size) {
    if (n >= 8 && memcmp(start, "\x89HDF\r\n\x1a\n", 8) == 0)
        return judd_packed_is(path) ? "packed" : "hdf5";
    if (n >= 6 && memcmp(start, "\x93NUMPY", 6) == 0) return "npy";
    if (n >= 262 && memcmp(start + 257, "ustar", 5) == 0) return "tar";
    if (n >= 4 && start[0] == 0 && start[1] == 0 && start[2] == 8) return "idx";
    if (n >= 2 && start[0] == 0x1f && start[1] == 0x8b) return "idx";
    if (ends(path, ".bin") && size % CIFAR10_RECORD == 0) return "cifar10";
    if (ends(path, ".bin") && size % CIFAR100_RECORD == 0) return "cifar100";
    return n > 0 && is_text(start, n) ? text_format(path, (const char *)start, (size_t)n) : NULL;
}

judd_status judd_recognise_format(char format[JUDD_DATASET_FORMAT], const char *path) {
    judd_status status = JUDD_OK;
    unsigned char start[START];
    struct stat st;
    ssize_t n = 0;
    const char *found = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0)
        JUDD_FAIL(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
    if (S_ISREG(st.st_mode)) n = read(fd, start, sizeof start);
    if (n < 0) JUDD_FAIL(JUDD_E_IO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        found = folder_format(path);
    else if (S_ISREG(st.st_mode))
        found = file_format(path, start, n, st.st_size);
    if (!found)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: no format of data sets is recognised in it; give --format, or check the "
                  "path",
                  path);
    snprintf(format, JUDD_DATASET_FORMAT, "%s", found);
done:
    if (fd >= 0) close(fd);
    return status;
}

#include "onnx/model_file.h"

#include "onnx/model_copy.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY }; /* a FIFO must not block */

static judd_status regular_size(int64_t *bytes, struct stat *info, int fd, const char *remedy) {
    if (fstat(fd, info) != 0)
        return judd_status_set(JUDD_E_IO, "%s; check the path", strerror(errno));
    if (!S_ISREG(info->st_mode))
        return judd_status_set(JUDD_E_DATA, "not a regular file; %s", remedy);
    *bytes = info->st_size;
    return JUDD_OK;
}

judd_status judd_model_file_read_at(int fd, void *data, int64_t bytes, int64_t offset,
                                    const char *path) {
    for (int64_t done = 0; done < bytes;) {
        ssize_t n = pread(fd, (char *)data + done, (size_t)(bytes - done), offset + done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return judd_status_set(JUDD_E_IO, "%s: read failed: %s", path, strerror(errno));
        if (n == 0)
            return judd_status_set(JUDD_E_IO, "%s: became shorter while it was read; try again",
                                   path);
        done += n;
    }
    return JUDD_OK;
}

static judd_status read_whole(uint8_t **data, int64_t *bytes, const char *path) {
    judd_status status = JUDD_OK;
    struct stat info;
    uint8_t *buffer = NULL;
    int64_t size = 0;
    int fd = open(path, FLAGS);
    if (fd < 0) JUDD_FAIL(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
    JUDD_TRY(
        judd_status_context(regular_size(&size, &info, fd, "give the model file"), "%s", path));
    if (size == 0) JUDD_FAIL(JUDD_E_DATA, "%s: empty; copy or export the model again", path);
    if (size > INT32_MAX)
        JUDD_FAIL(JUDD_E_DATA, "%s: %lld bytes, but protobuf ends at 2 GiB; use external data",
                  path, (long long)size);
    JUDD_TRY(judd_memory_alloc(&buffer, size, 1));
    JUDD_TRY(judd_model_file_read_at(fd, buffer, size, 0, path));
    *data = buffer;
    *bytes = size;
    buffer = NULL;
done:
    free(buffer);
    if (fd >= 0) close(fd);
    return status;
}

judd_status judd_model_file_read(uint8_t **data, int64_t *bytes, const char *path,
                                 judd_model_copy *copy) {
    const judd_model_place place = {.model = path, .location = ""};
    judd_status status = judd_model_copy_find(data, bytes, copy, &place);
    if (status != JUDD_OK || *data) return status;
    status = read_whole(data, bytes, path);
    if (status != JUDD_OK) return status;
    status = judd_model_copy_keep(copy, &place, *data, *bytes);
    if (status == JUDD_OK) return JUDD_OK;
    free(*data);
    *data = NULL;
    return status;
}

static bool has_parent_step(const char *path) {
    for (const char *p = path; (p = strstr(p, "..")) != NULL; p += 2)
        if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0')) return true;
    return false;
}

static judd_status open_folder(int *fd, const char *model) {
    judd_status status = JUDD_OK;
    char *folder = NULL;
    const char *slash = strrchr(model, '/');
    int length = slash ? (int)(slash - model) + 1 : 0; /* with the slash: "/" stays "/" */
    JUDD_TRY(judd_memory_format(&folder, "%.*s", slash ? length : 1, slash ? model : "."));
    *fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0) JUDD_FAIL(JUDD_E_IO, "%s: %s; check the path", folder, strerror(errno));
done:
    free(folder);
    return status;
}

judd_status judd_model_file_open_beside(int *fd, int64_t *bytes, const char *model,
                                        const char *location) {
    judd_status status = JUDD_OK;
    struct stat info;
    int folder = -1, file = -1;
    if (!location[0] || location[0] == '/' || has_parent_step(location))
        JUDD_FAIL(JUDD_E_DATA,
                  "external data '%s' is not a path below the model's folder; put it there",
                  location);
    JUDD_TRY(open_folder(&folder, model));
    struct open_how how = {.flags = FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    file = (int)syscall(SYS_openat2, folder, location, &how, sizeof how);
    if (file < 0 && errno == ENOSYS)
        JUDD_FAIL(JUDD_E_IO, "external data needs openat2 (Linux 5.6); save the model as one file");
    if (file < 0 && (errno == ELOOP || errno == EXDEV))
        JUDD_FAIL(JUDD_E_DATA, "external data '%s' passes a symbolic link; copy the file",
                  location);
    if (file < 0)
        JUDD_FAIL(JUDD_E_IO, "external data '%s': %s; copy it beside the model", location,
                  strerror(errno));
    JUDD_TRY(
        judd_status_context(regular_size(bytes, &info, file, "put the file with the weights there"),
                            "external data '%s'", location));
    if (info.st_nlink > 1)
        JUDD_FAIL(JUDD_E_DATA, "external data '%s' is a hard link; copy the file", location);
    *fd = file;
    file = -1;
done:
    if (folder >= 0) close(folder);
    if (file >= 0) close(file);
    return status;
}

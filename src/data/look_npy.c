#include "data/look.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_HEADER = 1 << 16, MAX_RANK = 4, BLOCK = 4096 };

/* An open NPY file: numpy.lib.format, versions 1.0, 2.0 and 3.0. */
typedef struct npy {
    const char *path; /* borrowed */
    int fd;
    char kind; /* 'b', 'u', 'i' or 'f' */
    int width, rank;
    int64_t dims[MAX_RANK], offset, file_bytes;
} npy;

static judd_status bad_header(const npy *a) {
    return judd_status_set(JUDD_E_DATA,
                           "%s: the NPY header is damaged or of a kind that is not supported; save "
                           "the array again with numpy.save",
                           a->path);
}

static judd_status read_at(const npy *a, void *to, int64_t n, int64_t at) {
    for (int64_t done = 0; done < n;) {
        ssize_t got = pread(a->fd, (char *)to + done, (size_t)(n - done), at + done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return judd_status_set(JUDD_E_IO, "%s: %s", a->path, strerror(errno));
        if (got == 0) return judd_status_set(JUDD_E_DATA, "%s: truncated; fetch it again", a->path);
        done += got;
    }
    return JUDD_OK;
}

/* Skips blanks and, if it comes next, `word`. */
static bool take(const char **at, const char *word) {
    while (**at == ' ') ++*at;
    size_t n = strlen(word);
    if (strncmp(*at, word, n) != 0) return false;
    *at += n;
    return true;
}

static judd_status parse_type(npy *a, const char **at) {
    const char *t = *at;
    if (!take(&t, "'")) return bad_header(a);
    char order = t[0];
    if (!order || !t[1] || !t[2]) return bad_header(a);
    a->kind = t[1];
    a->width = t[2] - '0';
    bool known = (a->kind == 'b' && a->width == 1) || (a->kind == 'f' && a->width >= 2) ||
                 a->kind == 'u' || a->kind == 'i';
    bool sized = a->width == 1 || a->width == 2 || a->width == 4 || a->width == 8;
    if (!known || !sized || t[3] != '\'')
        return judd_status_set(JUDD_E_DATA,
                               "%s: items of type %.*s; save bool, integers or floats with "
                               "array.astype",
                               a->path, (int)strcspn(t, "'"), t);
    if (order != '<' && !(order == '|' && a->width == 1))
        return judd_status_set(JUDD_E_DATA,
                               "%s: items have their largest byte first; save "
                               "array.astype(array.dtype.newbyteorder('<'))",
                               a->path);
    *at = t + 4;
    return JUDD_OK;
}

static judd_status parse_shape(npy *a, const char **at) {
    if (!take(at, "(")) return bad_header(a);
    while (!take(at, ")")) {
        char *end = NULL;
        while (**at == ' ') ++*at;
        if (**at < '0' || **at > '9') return bad_header(a);
        errno = 0;
        long long side = strtoll(*at, &end, 10);
        if (errno != 0) return bad_header(a);
        if (a->rank == MAX_RANK)
            return judd_status_set(JUDD_E_DATA, "%s: more than %d dimensions; reshape it", a->path,
                                   MAX_RANK);
        a->dims[a->rank++] = side;
        *at = end;
        if (!take(at, ",") && **at != ')') return bad_header(a);
    }
    return JUDD_OK;
}

/* The dictionary: each of its three keys once, in any order. */
static judd_status parse_header(npy *a, const char *text) {
    enum { TYPE = 1, ORDER = 2, SHAPE = 4 };
    const char *at = text;
    int seen = 0;
    judd_status status = JUDD_OK;
    if (!take(&at, "{")) return bad_header(a);
    while (!take(&at, "}")) {
        int key = take(&at, "'descr':")           ? TYPE
                  : take(&at, "'fortran_order':") ? ORDER
                  : take(&at, "'shape':")         ? SHAPE
                                                  : 0;
        if (key == 0 || (seen & key)) return bad_header(a);
        seen |= key;
        if (key == TYPE)
            status = parse_type(a, &at);
        else if (key == SHAPE)
            status = parse_shape(a, &at);
        else if (!take(&at, "False"))
            status = take(&at, "True")
                         ? judd_status_set(JUDD_E_DATA,
                                           "%s: Fortran order; save numpy.ascontiguousarray(array)",
                                           a->path)
                         : bad_header(a);
        if (status != JUDD_OK) return status;
        if (!take(&at, ",") && *at != '}') return bad_header(a);
    }
    while (*at == ' ' || *at == '\n') at++;
    return *at == '\0' && seen == (TYPE | ORDER | SHAPE) ? JUDD_OK : bad_header(a);
}

static judd_status read_header(npy *a) {
    judd_status status = JUDD_OK;
    unsigned char start[12] = {0};
    char *text = NULL;
    if (a->file_bytes < (int64_t)sizeof start) JUDD_TRY(bad_header(a));
    JUDD_TRY(read_at(a, start, sizeof start, 0));
    if (memcmp(start, "\x93NUMPY", 6) != 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: is not an NPY file; save the array with numpy.save", a->path);
    if (start[6] < 1 || start[6] > 3) JUDD_TRY(bad_header(a));
    int64_t begin = start[6] == 1 ? 10 : 12;
    int64_t length = start[8] | start[9] << 8;
    if (start[6] > 1) length |= (int64_t)start[10] << 16 | (int64_t)start[11] << 24;
    if (length > MAX_HEADER || length > a->file_bytes - begin) JUDD_TRY(bad_header(a));
    JUDD_TRY(judd_memory_alloc(&text, length + 1, 1));
    JUDD_TRY(read_at(a, text, length, begin));
    JUDD_TRY(parse_header(a, text));
    a->offset = begin + length;
done:
    free(text);
    return status;
}

/* What the header promises is what the file holds. */
static judd_status check_size(const npy *a) {
    int64_t bytes = a->width;
    for (int i = 0; i < a->rank; i++)
        if (__builtin_mul_overflow(bytes, a->dims[i], &bytes)) return bad_header(a);
    if (a->rank == 0 || bytes == 0)
        return judd_status_set(JUDD_E_DATA,
                               "%s: holds no sample, or samples of no columns; save an array "
                               "of one sample a row",
                               a->path);
    if (bytes == a->file_bytes - a->offset) return JUDD_OK;
    return judd_status_set(
        JUDD_E_DATA, "%s: its header promises %lld bytes, the file holds %lld; fetch it again",
        a->path, (long long)bytes, (long long)(a->file_bytes - a->offset));
}

static judd_status open_npy(npy *a, const char *path) {
    judd_status status = JUDD_OK;
    struct stat st;
    *a = (npy){.path = path};
    a->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (a->fd < 0 || fstat(a->fd, &st) != 0)
        JUDD_FAIL(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        JUDD_FAIL(JUDD_E_DATA, "%s: is not a file; name the file itself", path);
    a->file_bytes = st.st_size;
    JUDD_TRY(read_header(a));
    JUDD_TRY(check_size(a));
done:
    return status;
}

static double number(const npy *a, const unsigned char *p) {
    uint64_t bits = 0;
    memcpy(&bits, p, (size_t)a->width);
    if (a->kind == 'f') return judd_raw_real(p, a->width);
    if (a->kind != 'i' || !(bits >> (8 * a->width - 1))) return (double)bits;
    return -(double)((~bits + 1) & (UINT64_MAX >> (64 - 8 * a->width)));
}

static judd_status read_numbers(judd_label_set *labels, const npy *a, int64_t n) {
    judd_status status = JUDD_OK;
    unsigned char block[BLOCK * 8];
    double values[BLOCK];
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t k = n - i < BLOCK ? n - i : BLOCK;
        JUDD_TRY(read_at(a, block, k * a->width, a->offset + i * a->width));
        for (int64_t j = 0; j < k; j++) values[j] = number(a, block + j * a->width);
        JUDD_TRY(judd_label_set_put(labels, i, values, k, a->path));
    }
done:
    return status;
}

static judd_status look_labels(judd_label_set *labels, const judd_dataset_options *options) {
    judd_status status = JUDD_OK;
    npy a = {.fd = -1};
    JUDD_TRY(open_npy(&a, options->labels));
    if (a.rank > 2)
        JUDD_FAIL(JUDD_E_DATA, "%s: %d dimensions; labels are [n] or [n, targets]", a.path, a.rank);
    int64_t columns = a.rank == 2 ? a.dims[1] : 1;
    JUDD_TRY(judd_label_set_create_for(labels, options->task, a.dims[0], columns, a.path));
    JUDD_TRY(read_numbers(labels, &a, a.dims[0] * columns));
done:
    if (a.fd >= 0) close(a.fd);
    return status;
}

judd_status judd_look_npy(judd_raw_plan *plan, judd_label_set *labels,
                          const judd_dataset_options *options) {
    judd_status status = JUDD_OK;
    npy a = {.fd = -1};
    JUDD_TRY(open_npy(&a, options->images));
    JUDD_TRY(
        judd_raw_shape_of(&plan->shape, a.kind, a.width, a.dims, a.rank, options->layout, a.path));
    JUDD_TRY(
        judd_raw_plan_add(plan, (judd_raw_piece){.path = (char *)(uintptr_t)a.path,
                                                 .n = a.dims[0],
                                                 .offset = a.offset,
                                                 .stride = judd_raw_shape_bytes(&plan->shape)}));
    if (options->task != JUDD_NO_TASK) JUDD_TRY(look_labels(labels, options));
done:
    if (a.fd >= 0) close(a.fd);
    return status;
}

/* POSIX.1-1988 ustar, with the long names and sizes of POSIX.1-2001 (pax) and of GNU tar. */
#include "data/scan.h"

#include <judd/base/memory.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 512, MAX_NAME = 4096, MAX_EXTENSION = 1 << 20, MAX_LABEL = 64 };

typedef struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
    char magic[8], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
} header;
_Static_assert(sizeof(header) == BLOCK, "a tar header is one block");

typedef struct shard {
    judd_sample_list *list;
    const char *path;
    int fd;
    int32_t file;           /* number in the list */
    int64_t size, at, next; /* of the file; this header; the one behind its data */
    char name[MAX_NAME];    /* of this entry */
    char *long_name;        /* from an extension in front of it, or NULL */
    int64_t long_size;      /* -1: none */
    int64_t n_labels;
} shard;

static judd_status refuse(const shard *s, const char *what) {
    return judd_status_set(JUDD_E_DATA, "%s: entry \"%.200s\" at byte %lld %s", s->path, s->name,
                           (long long)s->at, what);
}

static judd_status read_at(const shard *s, void *to, int64_t n, int64_t at) {
    for (int64_t done = 0; done < n;) {
        ssize_t got = pread(s->fd, (char *)to + done, (size_t)(n - done), at + done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return judd_status_set(JUDD_E_IO, "%s: %s", s->path, strerror(errno));
        if (got == 0)
            return judd_status_set(JUDD_E_DATA, "%s: truncated at byte %lld; fetch it again",
                                   s->path, (long long)s->size);
        done += got;
    }
    return JUDD_OK;
}

/* Octal digits, or GNU's base 256 with the top bit set; -1 if neither. */
static int64_t number(const char *field, int width) {
    const unsigned char *p = (const unsigned char *)field;
    int64_t value = 0;
    int i = 0;
    if (p[0] == 0x80) {
        for (i = 1; i < width; i++) {
            if (value >> 54) return -1;
            value = value << 8 | p[i];
        }
        return value;
    }
    while (i < width && p[i] == ' ') i++;
    for (; i < width && p[i] >= '0' && p[i] <= '7'; i++) value = value << 3 | (p[i] - '0');
    return i == width || p[i] == ' ' || p[i] == '\0' ? value : -1;
}

static bool sum_is_right(const header *h) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return true; /* a fuzzer cannot guess it */
#endif
    const unsigned char *p = (const unsigned char *)h;
    int64_t sum = 8 * ' ';
    for (size_t i = 0; i < BLOCK; i++)
        if (i < offsetof(header, sum) || i >= offsetof(header, sum) + sizeof h->sum) sum += p[i];
    return sum == number(h->sum, sizeof h->sum);
}

static void take_name(shard *s, const header *h) {
    bool ustar = memcmp(h->magic, "ustar", 6) == 0;
    if (s->long_name)
        snprintf(s->name, sizeof s->name, "%s", s->long_name);
    else if (ustar && h->prefix[0])
        snprintf(s->name, sizeof s->name, "%.155s/%.100s", h->prefix, h->name);
    else
        snprintf(s->name, sizeof s->name, "%.100s", h->name);
}

static judd_status check_entry_name(const shard *s) {
    const char *n = s->name;
    if (n[0] == '/') return refuse(s, "is absolute; make the archive from relative names");
    for (const char *p = n; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == '\0'))
            return refuse(s, "climbs out of its folder; make the archive without \"..\"");
    }
    return JUDD_OK;
}

/* "length key=value\n" records of a pax header: path and size matter. */
static judd_status read_pax(shard *s, char *text, int64_t n) {
    for (int64_t at = 0; at < n;) {
        char *end = NULL;
        long long length = strtoll(text + at, &end, 10);
        if (length < 5 || length > n - at || !end || *end != ' ' || text[at + length - 1] != '\n')
            return refuse(s, "has a damaged pax header; make the archive again");
        text[at + length - 1] = '\0';
        char *key = end + 1, *value = strchr(key, '=');
        if (value) *value++ = '\0';
        if (value && strcmp(key, "path") == 0) {
            free(s->long_name);
            judd_status status = judd_memory_string(&s->long_name, value);
            if (status != JUDD_OK) return status;
        } else if (value && strcmp(key, "size") == 0) {
            s->long_size = strtoll(value, &end, 10);
            if (*end || s->long_size < 0) return refuse(s, "has a pax size that is no number");
        } else if (value && strncmp(key, "GNU.sparse", 10) == 0) {
            return refuse(s, "is sparse; make the archive without --sparse");
        }
        at += length;
    }
    return JUDD_OK;
}

/* The data of an extension: a name or pax records for the entry that follows. */
static judd_status read_extension(shard *s, char type, int64_t size) {
    judd_status status = JUDD_OK;
    char *text = NULL;
    if (size > MAX_EXTENSION) JUDD_TRY(refuse(s, "has a header of more than a MiB; remove it"));
    JUDD_TRY(judd_memory_alloc(&text, size + 1, 1));
    JUDD_TRY(read_at(s, text, size, s->at + BLOCK));
    if (type == 'x') {
        JUDD_TRY(read_pax(s, text, size));
    } else {
        free(s->long_name);
        s->long_name = text;
        text = NULL;
    }
    if (s->long_name && strlen(s->long_name) >= MAX_NAME)
        JUDD_TRY(refuse(s, "has a name of more than 4095 bytes; rename it"));
done:
    free(text);
    return status;
}

static judd_status add_label(shard *s, int64_t size) {
    judd_status status = JUDD_OK;
    char text[MAX_LABEL] = "";
    if (size < 1 || size >= MAX_LABEL) JUDD_TRY(refuse(s, "should hold one number; correct it"));
    JUDD_TRY(read_at(s, text, size, s->at + BLOCK));
    text[strcspn(text, " \r\n\t")] = '\0';
    JUDD_TRY(judd_sample_list_add_label(s->list, s->name, text, s->file));
    s->n_labels++;
done:
    return status;
}

/* Its class is the folder it lies in, if it lies in one. */
static judd_status add_image(shard *s, int64_t size) {
    char class_text[MAX_NAME];
    const char *end = strrchr(s->name, '/'), *start = end;
    while (start && start > s->name && start[-1] != '/') start--;
    if (end) snprintf(class_text, sizeof class_text, "%.*s", (int)(end - start), start);
    judd_sample sample = {s->name, end ? class_text : NULL, s->file, s->at + BLOCK, size};
    return judd_status_context(judd_sample_list_add(s->list, &sample), "%s", s->path);
}

static judd_status take_regular(shard *s, int64_t size) {
    const char *slash = strrchr(s->name, '/'), *base = slash ? slash + 1 : s->name;
    const char *dot = strrchr(base, '.');
    if (base[0] == '.') return JUDD_OK; /* macOS's "._name" is no image */
    if (dot && strcmp(dot, ".cls") == 0) return add_label(s, size);
    return judd_sample_list_is_image(base) ? add_image(s, size) : JUDD_OK;
}

static judd_status take_entry(shard *s, const header *h) {
    judd_status status = JUDD_OK;
    int64_t size = number(h->size, sizeof h->size);
    bool extension = h->type == 'x' || h->type == 'L' || h->type == 'g' || h->type == 'K';
    take_name(s, h);
    if (!extension && s->long_size >= 0) size = s->long_size;
    if (size < 0 || size > s->size - s->at - BLOCK)
        JUDD_TRY(refuse(s, "reaches beyond the end: the archive is truncated; fetch it again"));
    s->next = s->at + BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
    if (extension) {
        if (h->type == 'x' || h->type == 'L') JUDD_TRY(read_extension(s, h->type, size));
        goto done;
    }
    JUDD_TRY(check_entry_name(s));
    if (h->type == '0' || h->type == '\0' || h->type == '7')
        JUDD_TRY(take_regular(s, size));
    else if (h->type == '1' || h->type == '2')
        JUDD_TRY(refuse(s, "is a link; make the archive with --dereference --hard-dereference"));
    else if (h->type == '5')
        s->next = s->at + BLOCK; /* a folder's size means nothing */
    else
        JUDD_TRY(refuse(s, "is neither file nor folder; remove it"));
    free(s->long_name);
    s->long_name = NULL;
    s->long_size = -1;
done:
    return status;
}

static judd_status read_entries(shard *s) {
    static const header zero;
    judd_status status = JUDD_OK;
    header h;
    for (s->at = 0;; s->at = s->next) {
        s->name[0] = '\0';
        JUDD_TRY(read_at(s, &h, BLOCK, s->at));
        if (memcmp(&h, &zero, BLOCK) == 0) break;
        if (!sum_is_right(&h))
            JUDD_FAIL(JUDD_E_DATA,
                      s->at ? "%s: damaged: the header at byte %lld has a wrong sum; fetch it again"
                            : "%s: is not a tar file (at byte %lld); unpack it if it is compressed",
                      s->path, (long long)s->at);
        JUDD_TRY(take_entry(s, &h));
    }
done:
    return status;
}

static judd_status scan_shard(judd_sample_list *list, const char *path) {
    judd_status status = JUDD_OK;
    shard *s = NULL;
    struct stat st;
    int64_t first = list->n;
    bool was_labelled = list->labelled;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    *s = (shard){.list = list, .path = path, .fd = -1, .long_size = -1};
    s->file = (int32_t)list->n_files;
    JUDD_TRY(judd_sample_list_add_file(list, path));
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s->fd < 0 || fstat(s->fd, &st) != 0)
        JUDD_FAIL(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        JUDD_FAIL(JUDD_E_DATA, "%s: is not a file; name the file itself", path);
    s->size = st.st_size;
    if (s->size == 0) JUDD_FAIL(JUDD_E_DATA, "%s: is empty; fetch it again", path);
    JUDD_TRY(read_entries(s));
    if (first > 0 && list->n > first && was_labelled != (s->n_labels > 0))
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: has %s.cls entries, unlike the shards before it; make them alike", path,
                  s->n_labels ? "" : "no ");
done:
    if (s && s->fd >= 0) close(s->fd);
    if (s) free(s->long_name);
    free(s);
    return status;
}

static int is_shard(const struct dirent *entry) {
    size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > 4 && strcmp(entry->d_name + n - 4, ".tar") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

judd_status judd_scan_tar(judd_sample_list *list, const char *path) {
    judd_status status = JUDD_OK;
    struct dirent **names = NULL;
    char *shard_path = NULL;
    struct stat st;
    int n = 0;
    if (stat(path, &st) != 0) JUDD_FAIL(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
    if (!S_ISDIR(st.st_mode)) return scan_shard(list, path);
    n = scandir(path, &names, is_shard, by_bytes);
    if (n < 0) JUDD_FAIL(JUDD_E_IO, "%s: %s", path, strerror(errno));
    if (n == 0) JUDD_FAIL(JUDD_E_DATA, "%s: holds no .tar file; check the path", path);
    for (int i = 0; i < n; i++) {
        JUDD_TRY(judd_memory_format(&shard_path, "%s/%s", path, names[i]->d_name));
        JUDD_TRY(scan_shard(list, shard_path));
        free(shard_path);
        shard_path = NULL;
    }
done:
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
    free(shard_path);
    return status;
}

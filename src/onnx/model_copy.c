#include "onnx/model_copy.h"

#include <judd/base/memory.h>
#include <judd/base/scratch.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

typedef struct piece {
    judd_model_place place; /* strings owned */
    int64_t at, bytes;      /* in the temporary file */
    int64_t reading;        /* that had it last, or brought it */
} piece;

struct judd_model_copy {
    int fd; /* -1: there is none yet */
    int64_t end, reading;
    int64_t n, capacity, next; /* next: pieces are asked for in the order they came in */
    piece *pieces;
};

judd_status judd_model_copy_create(judd_model_copy **out) {
    judd_status status = judd_memory_alloc(out, 1, sizeof **out);
    if (status == JUDD_OK) (*out)->fd = -1;
    return status;
}

void judd_model_copy_destroy(judd_model_copy *copy) {
    if (!copy) return;
    for (int64_t i = 0; i < copy->n; i++) {
        free((char *)copy->pieces[i].place.model);
        free((char *)copy->pieces[i].place.location);
    }
    free(copy->pieces);
    if (copy->fd >= 0) close(copy->fd);
    free(copy);
}

static bool is_same(const judd_model_place *a, const judd_model_place *b) {
    return a->offset == b->offset && a->bytes == b->bytes &&
           strcmp(a->location, b->location) == 0 && strcmp(a->model, b->model) == 0;
}

void judd_model_copy_begin(judd_model_copy *copy) {
    if (copy) copy->reading++;
}

static const piece *find(judd_model_copy *copy, const judd_model_place *place) {
    for (int64_t i = 0; copy && i < copy->n; i++) {
        int64_t k = (copy->next + i) % copy->n;
        piece *p = &copy->pieces[k];
        bool had = place->bytes > 0 && p->reading == copy->reading;
        if (had || !is_same(&p->place, place)) continue;
        copy->next = k + 1;
        p->reading = copy->reading;
        return p;
    }
    return NULL;
}

judd_status judd_model_copy_find(uint8_t **data, int64_t *bytes, judd_model_copy *copy,
                                 const judd_model_place *place) {
    const piece *p = find(copy, place);
    *data = NULL;
    if (!p) return JUDD_OK;
    judd_status status = judd_memory_alloc(data, p->bytes, 1);
    if (status != JUDD_OK || (*bytes = p->bytes) == 0) return status;
    char *all = mmap(NULL, (size_t)copy->end, PROT_READ, MAP_SHARED, copy->fd, 0);
    if (all != MAP_FAILED) {
        memcpy(*data, all + p->at, (size_t)p->bytes);
        munmap(all, (size_t)copy->end);
        return JUDD_OK;
    }
    free(*data);
    *data = NULL;
    return judd_status_set(JUDD_E_IO, "%s: its copy in a temporary file: %s", place->model,
                           strerror(errno));
}

/* The copy spares work and nothing more: it is never larger than what it leaves free for those who
 * must have room. */
static bool has_room(const judd_model_copy *copy, int64_t bytes) {
    struct statvfs disk;
    if (fstatvfs(copy->fd, &disk) != 0) return false;
    if (disk.f_blocks == 0) return true; /* no limit, or none that is said */
    return (double)copy->end + 2.0 * (double)bytes <= (double)disk.f_bavail * (double)disk.f_frsize;
}

static bool append(judd_model_copy *copy, const uint8_t *data, int64_t bytes) {
    if (copy->fd < 0 && judd_scratch_file(&copy->fd) != JUDD_OK) return false;
    if (!has_room(copy, bytes)) return false;
    for (int64_t put = 0; put < bytes;) {
        ssize_t n = pwrite(copy->fd, data + put, (size_t)(bytes - put), copy->end + put);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) { /* what there was of it goes; if it cannot, the next piece lies over it */
            (void)!ftruncate(copy->fd, copy->end);
            return false;
        }
        put += n;
    }
    return true;
}

judd_status judd_model_copy_keep(judd_model_copy *copy, const judd_model_place *place,
                                 const uint8_t *data, int64_t bytes) {
    judd_status status = JUDD_OK;
    char *model = NULL, *location = NULL;
    if (!copy || !append(copy, data, bytes)) return JUDD_OK;
    JUDD_TRY(judd_memory_grow(&copy->pieces, copy->n, copy->n + 1, &copy->capacity,
                              sizeof *copy->pieces));
    JUDD_TRY(judd_memory_string(&model, place->model));
    JUDD_TRY(judd_memory_string(&location, place->location));
    copy->pieces[copy->n++] =
        (piece){{model, location, place->offset, place->bytes}, copy->end, bytes, copy->reading};
    copy->end += bytes;
    model = location = NULL;
done:
    free(model);
    free(location);
    return status;
}

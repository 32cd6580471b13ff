#include <judd/io/h5_slabs.h>

#include <judd/base/memory.h>
#include <judd/io/h5.h>
#include <judd/io/shared_file.h>

#include <stdlib.h>

typedef struct place {
    int64_t rows, row_bytes, offset;
} place;

struct judd_h5_slabs {
    char *path;
    int fd;
    place places[JUDD_H5_SLABS_MAX];
};

static judd_status find_place(place *p, hid_t file, const char *path, const char *name) {
    judd_status status = JUDD_OK;
    judd_h5_extent extent;
    JUDD_TRY(judd_h5_extent_of(file, name, &extent));
    *p = (place){.rows = extent.rank ? extent.dims[0] : 1,
                 .row_bytes = extent.width,
                 .offset = extent.offset};
    for (int d = 1; d < extent.rank; d++) p->row_bytes *= extent.dims[d];
    if (p->offset < 0 && p->rows * p->row_bytes > 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: '%s' is not where it can be written; make the file again", path,
                  name);
done:
    return status;
}

/* Rank 0. */
static judd_status find_places(judd_h5_slabs *s, const char *const *names, int n) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    JUDD_TRY(judd_h5_open_read(&file, s->path));
    for (int k = 0; k < n; k++) JUDD_TRY(find_place(&s->places[k], file, s->path, names[k]));
done:
    if (file > 0) (void)judd_h5_close(file, s->path);
    return status;
}

judd_status judd_h5_slabs_open(judd_h5_slabs **out, const judd_comm *comm, const char *path,
                               const char *const *names, int n) {
    judd_status status = JUDD_OK;
    judd_h5_slabs *s = NULL;
    int64_t bytes = 0;
    *out = NULL;
    status = judd_memory_alloc(&s, 1, sizeof *s);
    if (s) s->fd = -1;
    if (status == JUDD_OK) status = judd_memory_string(&s->path, path);
    JUDD_TRY(judd_comm_agree(comm, status));
    status = comm->rank == 0 ? find_places(s, names, n) : JUDD_OK;
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, s->places, sizeof s->places));
    JUDD_TRY(judd_shared_file_open(&s->fd, &bytes, comm, path));
    *out = s;
    s = NULL;
done:
    judd_h5_slabs_abandon(s);
    return status;
}

judd_status judd_h5_slabs_write(judd_h5_slabs *s, int k, int64_t first, int64_t n,
                                const void *data) {
    const place *p = &s->places[k];
    if (first < 0 || n < 0 || first > p->rows - n)
        return judd_status_set(JUDD_E_INTERNAL, "%s: %lld rows from row %lld on, of %lld", s->path,
                               (long long)n, (long long)first, (long long)p->rows);
    return judd_shared_file_write(s->fd, s->path, data, n * p->row_bytes,
                                  p->offset + first * p->row_bytes);
}

judd_status judd_h5_slabs_sync(judd_h5_slabs *s) {
    return judd_shared_file_sync(s->fd, s->path);
}

judd_status judd_h5_slabs_close(judd_h5_slabs *s) {
    if (!s) return JUDD_OK;
    judd_status status = judd_h5_slabs_sync(s);
    if (status == JUDD_OK) status = judd_shared_file_close(&s->fd, s->path);
    judd_h5_slabs_abandon(s);
    return status;
}

void judd_h5_slabs_abandon(judd_h5_slabs *s) {
    if (!s) return;
    (void)judd_shared_file_close(&s->fd, s->path);
    free(s->path);
    free(s);
}

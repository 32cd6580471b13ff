#include "data/reader_idx.h"

#include "data/byte_stream.h"

#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/comm/node_memory.h>

#include <stdlib.h>
#include <string.h>

enum {
    TYPE_UINT8 = 0x08,
    LABELS_RANK = 1,
    MAX_RANK = 4,
    MAX_CHANNELS = 4096, /* beyond these a header is damaged, not a picture */
    MAX_SIDE = 1 << 16
};

typedef struct idx_header {
    int rank;
    int64_t dims[MAX_RANK];
    int64_t item_bytes;   /* of one sample */
    int64_t header_bytes; /* before the first sample */
} idx_header;

/* What rank 0 finds out and every rank must know; broadcast as bytes. */
typedef struct idx_facts {
    idx_header header;
    char sha256[JUDD_SHA256_HEX];
} idx_facts;

typedef struct idx_reader {
    char *path; /* images */
    idx_facts facts;
    judd_scratch pixels;      /* rank 0's between open and load */
    judd_node_memory *memory; /* NULL before load */
} idx_reader;

static int64_t big_endian(const uint8_t b[4]) {
    return (int64_t)b[0] << 24 | (int64_t)b[1] << 16 | (int64_t)b[2] << 8 | (int64_t)b[3];
}

/* The first four bytes: uint8 items of a rank that fits what the file is meant to be. */
static judd_status check_magic(const uint8_t b[4], int64_t got, const char *path, bool images) {
    const char *expected =
        images ? "images (magic 0x00000803 or 0x00000804)" : "labels (magic 0x00000801)";
    if (got == 0) return judd_status_set(JUDD_E_DATA, "%s: is empty; fetch the file again", path);
    if (got < 4 || b[0] != 0 || b[1] != 0)
        return judd_status_set(
            JUDD_E_DATA, "%s: is not an IDX file; expected IDX %s, plain or gzip", path, expected);
    bool is_images = b[2] == TYPE_UINT8 && (b[3] == 3 || b[3] == 4);
    bool is_labels = b[2] == TYPE_UINT8 && b[3] == LABELS_RANK;
    if (images ? is_images : is_labels) return JUDD_OK;
    const char *remedy = images && is_labels    ? "; this is a labels file, name the images file"
                         : !images && is_images ? "; this is an images file, name the labels file"
                                                : "; convert the file";
    return judd_status_set(JUDD_E_DATA, "%s: IDX magic 0x%08llx, expected %s%s", path,
                           (unsigned long long)big_endian(b), expected, remedy);
}

static judd_status check_dims(idx_header *h, const char *path) {
    const int64_t *d = h->dims;
    h->item_bytes = 1;
    for (int i = 0; i < h->rank; i++) {
        int64_t most = i == 0 ? INT64_MAX : (h->rank == 4 && i == 1) ? MAX_CHANNELS : MAX_SIDE;
        if (d[i] < 1 || d[i] > most)
            return judd_status_set(JUDD_E_DATA,
                                   "%s: dimension %d of the IDX header is %lld, allowed 1 .. %lld; "
                                   "fetch the file again",
                                   path, i + 1, (long long)d[i], (long long)most);
        if (i > 0) h->item_bytes *= d[i]; /* at most 2^12 2^16 2^16 */
    }
    return JUDD_OK;
}

static judd_status read_header(idx_header *h, judd_byte_stream *stream, const char *path,
                               bool images) {
    uint8_t magic[4] = {0}, words[4 * MAX_RANK];
    int64_t got = 0;
    judd_status status = judd_byte_stream_read(stream, magic, 4, &got);
    if (status == JUDD_OK) status = check_magic(magic, got, path, images);
    if (status != JUDD_OK) return status;
    h->rank = magic[3];
    h->header_bytes = 4 + 4 * h->rank;
    status = judd_byte_stream_read(stream, words, 4 * h->rank, &got);
    if (status != JUDD_OK) return status;
    if (got < 4 * h->rank)
        return judd_status_set(JUDD_E_DATA,
                               "%s: truncated: the IDX header ends after %lld bytes of %lld; fetch "
                               "the file again",
                               path, (long long)(4 + got), (long long)h->header_bytes);
    for (int i = 0; i < h->rank; i++) h->dims[i] = big_endian(words + 4 * i);
    return check_dims(h, path);
}

static judd_status truncated(const char *path, const char *what, int64_t promised, int64_t held) {
    return judd_status_set(JUDD_E_DATA,
                           "%s: truncated: its header promises %lld bytes of %s, the file holds "
                           "%lld; fetch the file again",
                           path, (long long)promised, what, (long long)held);
}

static judd_status trailing(const char *path, const char *what, int64_t rest) {
    return judd_status_set(JUDD_E_DATA,
                           "%s: %lld trailing bytes after the last of the %s its header promises; "
                           "fetch the file again",
                           path, (long long)rest, what);
}

/* The counts of the header against the size of the file, before anything is allocated for them. */
static judd_status check_size(const idx_header *h, const judd_byte_stream *stream, const char *path,
                              bool images) {
    const char *what = images ? "images" : "labels";
    int64_t limit = judd_byte_stream_limit(stream) - h->header_bytes;
    int64_t bytes = 0;
    bool overflow = __builtin_mul_overflow(h->dims[0], h->item_bytes, &bytes);
    if (overflow || bytes > limit) {
        if (!overflow && !judd_byte_stream_is_gzip(stream))
            return truncated(path, what, bytes, judd_most(limit, 0));
        return judd_status_set(JUDD_E_DATA,
                               "%s: truncated or damaged: its header promises %lld %s of %lld "
                               "bytes, more than a file of this size can hold; fetch it again",
                               path, (long long)h->dims[0], what, (long long)h->item_bytes);
    }
    if (!judd_byte_stream_is_gzip(stream) && bytes < limit)
        return trailing(path, what, limit - bytes);
    return JUDD_OK;
}

/* Everything behind the header: `data` [dims[0], item_bytes]; the file must end with it. */
static judd_status read_items(uint8_t *data, const idx_header *h, judd_byte_stream *stream,
                              const char *path, bool images, char sha256[JUDD_SHA256_HEX]) {
    const char *what = images ? "images" : "labels";
    int64_t bytes = h->dims[0] * h->item_bytes, got = 0, rest = 0;
    judd_status status = judd_byte_stream_read(stream, data, bytes, &got);
    if (status != JUDD_OK) return status;
    if (got < bytes) return truncated(path, what, bytes, got);
    status = judd_byte_stream_finish(stream, &rest, sha256);
    if (status == JUDD_OK && rest > 0) return trailing(path, what, rest);
    return status;
}

static judd_status read_labels(judd_label_set *labels, const char *path) {
    judd_status status = JUDD_OK;
    judd_byte_stream *stream = NULL;
    uint8_t *bytes = NULL;
    idx_header h = {0};
    char sha256[JUDD_SHA256_HEX];
    JUDD_TRY(judd_byte_stream_open(&stream, path));
    JUDD_TRY(read_header(&h, stream, path, false));
    JUDD_TRY(check_size(&h, stream, path, false));
    JUDD_TRY(judd_memory_alloc(&bytes, h.dims[0], 1));
    JUDD_TRY(judd_label_set_create(labels, h.dims[0], 0));
    JUDD_TRY(read_items(bytes, &h, stream, path, false, sha256));
    for (int64_t i = 0; i < labels->n; i++) labels->labels[i] = bytes[i];
done:
    free(bytes);
    judd_byte_stream_close(stream);
    return status;
}

/* Rank 0's part of open. The file is read once, so pixels and identity are of the same bytes,
 * whatever becomes of the file. */
static judd_status look(idx_reader *r, judd_label_set *labels,
                        const judd_dataset_options *options) {
    judd_status status = JUDD_OK;
    judd_byte_stream *stream = NULL;
    idx_header *h = &r->facts.header;
    JUDD_TRY(judd_byte_stream_open(&stream, r->path));
    JUDD_TRY(read_header(h, stream, r->path, true));
    JUDD_TRY(check_size(h, stream, r->path, true));
    JUDD_TRY(options->task == JUDD_NO_TASK ? judd_label_set_create(labels, h->dims[0], 0)
                                           : read_labels(labels, options->labels));
    if (labels->n != h->dims[0])
        JUDD_FAIL(JUDD_E_DATA,
                  "%s has %lld images, %s has %lld labels; name files that belong "
                  "together",
                  r->path, (long long)h->dims[0], options->labels, (long long)labels->n);
    JUDD_TRY(judd_scratch_create(&r->pixels, h->dims[0] * h->item_bytes));
    JUDD_TRY(read_items(r->pixels.data, h, stream, r->path, true, r->facts.sha256));
    judd_scratch_release(&r->pixels);
done:
    judd_byte_stream_close(stream);
    return status;
}

static void fill_info(judd_dataset_info *info, const idx_facts *facts) {
    const idx_header *h = &facts->header;
    info->n_samples = h->dims[0];
    info->channels = h->rank == 4 ? (int)h->dims[1] : 1;
    info->height = (int)h->dims[h->rank - 2];
    info->width = (int)h->dims[h->rank - 1];
    memcpy(info->sha256, facts->sha256, sizeof info->sha256);
}

static void idx_close(void *reader) {
    idx_reader *r = reader;
    if (!r) return;
    judd_node_memory_destroy(r->memory);
    judd_scratch_free(&r->pixels);
    free(r->path);
    free(r);
}

static judd_status idx_open(void **reader, judd_dataset_info *info, judd_label_set *labels,
                            const judd_dataset_options *options, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    idx_reader *r = NULL;
    judd_status local = judd_memory_alloc(&r, 1, sizeof *r);
    if (local == JUDD_OK) local = judd_memory_string(&r->path, options->images);
    if (local == JUDD_OK && comm->rank == 0) local = look(r, labels, options);
    JUDD_TRY(judd_comm_agree(comm, local));
    JUDD_TRY(judd_comm_broadcast(comm, &r->facts, sizeof r->facts));
    fill_info(info, &r->facts);
    *reader = r;
    r = NULL;
done:
    idx_close(r); /* memory is NULL still: nothing collective */
    return status;
}

static judd_status idx_load(void *reader, const judd_comm *comm) {
    idx_reader *r = reader;
    return r->memory ? JUDD_OK : judd_node_memory_share(&r->memory, comm, &r->pixels);
}

static int64_t idx_size(const void *reader, int64_t id) {
    const idx_reader *r = reader;
    (void)id;
    return r->facts.header.item_bytes;
}

static judd_status idx_read(void *reader, int64_t id, uint8_t *bytes) {
    const idx_reader *r = reader;
    int64_t n = r->facts.header.item_bytes;
    if (!r->memory)
        return judd_status_set(JUDD_E_INTERNAL, "%s: pixels asked for before they were loaded",
                               r->path);
    memcpy(bytes, (const uint8_t *)judd_node_memory_data(r->memory) + id * n, (size_t)n);
    return JUDD_OK;
}

static judd_status idx_place(char **place, const void *reader, int64_t id) {
    const idx_reader *r = reader;
    return judd_memory_format(place, "%s: image %lld", r->path, (long long)id);
}

const judd_reader_ops judd_reader_idx = {.format = "idx",
                                         .needs_labels = true,
                                         .open = idx_open,
                                         .load = idx_load,
                                         .size = idx_size,
                                         .read = idx_read,
                                         .place = idx_place,
                                         .close = idx_close};

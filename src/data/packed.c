#include "data/packed.h"

#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/io/h5.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEP = 1 << 17, MAX_TARGETS = 1 << 16 };

void judd_packed_free(judd_packed *p) {
    free(p->label_names);
    *p = (judd_packed){0};
}

/* ---- columns ----------------------------------------------------------------------------------
 */

/* A column as it is in the file and in memory. */
typedef struct column {
    const char *name, *description;
    hid_t stored, type;
    size_t size;      /* of an item */
    int64_t n, width; /* rows of `width` items */
    int rank;
} column;

static column describe(const judd_packed *p, judd_packed_column c) {
    const column columns[JUDD_PACKED_COLUMNS] = {
        [JUDD_PACKED_OFFSETS] = {"offsets", "sample i is bytes[offsets[i]:offsets[i + 1]]",
                                 H5T_STD_I64LE, H5T_NATIVE_INT64, 8, p->n + 1, 1, 1},
        [JUDD_PACKED_CHECKS] = {"check", "XXH3-64 of each sample's bytes", H5T_STD_U64LE,
                                H5T_NATIVE_UINT64, 8, p->n, 1, 1},
        [JUDD_PACKED_NAMES] = {"names", "names of the samples, each with a NUL behind it",
                               H5T_STD_U8LE, H5T_NATIVE_UINT8, 1, p->names_bytes, 1, 1},
        [JUDD_PACKED_LABELS] = {"labels", "class of each sample; 0 when there are targets",
                                H5T_STD_I32LE, H5T_NATIVE_INT32, 4, p->n, 1, 1},
        [JUDD_PACKED_TARGETS] = {"targets", "what each sample is to be recognised as",
                                 H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 4, p->n_targets > 0 ? p->n : 0,
                                 p->n_targets, 2}};
    return columns[c];
}

/* Everything but the columns and what follows them. */
static judd_status begin_hash(judd_hash **out, const judd_packed *p) {
    judd_status status = judd_hash_create(out);
    if (status != JUDD_OK) return status;
    const int64_t numbers[] = {p->n,      p->n_targets, p->n_names,       p->channels,
                               p->height, p->width,     p->channels_last, p->feature_dim};
    judd_hash_add(*out, p->kind, strlen(p->kind) + 1);
    judd_hash_add(*out, p->sha256, strlen(p->sha256) + 1);
    judd_hash_add(*out, numbers, sizeof numbers);
    return JUDD_OK;
}

static void finish_hash(judd_hash *hash, const judd_packed *p, char hex[JUDD_SHA256_HEX]) {
    for (int64_t i = 0; i < p->n_names; i++)
        judd_hash_add(hash, p->label_names[i], strlen(p->label_names[i]) + 1);
    judd_hash_finish(hash, hex);
}

/* A column on its way, one piece after the other. */
typedef struct passage {
    const judd_packed *p;
    hid_t file;
    const char *path; /* NULL: writing */
    judd_packed_step step;
    void *context;
    judd_hash *hash;
    int64_t last; /* offset */
} passage;

static judd_status damaged(const char *path, const char *what) {
    return judd_status_set(JUDD_E_DATA, "%s: %s; pack the data set again", path, what);
}

static judd_status check_offsets(passage *w, int64_t first, int64_t n, const int64_t *offsets) {
    const judd_packed *p = w->p;
    int64_t size = strcmp(p->kind, "pixels") == 0 ? p->channels * p->height * p->width
                                                  : p->feature_dim * (int64_t)sizeof(float);
    bool encoded = strcmp(p->kind, "encoded") == 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t length = offsets[i] - w->last;
        bool fits =
            first + i == 0 ? offsets[i] == 0 : offsets[i] >= w->last && (encoded || length == size);
        if (!fits || offsets[i] > p->total)
            return damaged(w->path, "offsets do not ascend as they should");
        w->last = offsets[i];
    }
    if (first + n == p->n + 1 && w->last != p->total) return damaged(w->path, "offsets do not fit");
    return JUDD_OK;
}

static judd_status pass_piece(passage *w, judd_packed_column c, const column *x, int64_t first,
                              int64_t n, void *items) {
    judd_status status = JUDD_OK;
    if (w->path) {
        JUDD_TRY(judd_h5_read_rows(w->file, x->name, x->type, first, n, items));
        if (c == JUDD_PACKED_OFFSETS) JUDD_TRY(check_offsets(w, first, n, items));
    }
    JUDD_TRY(w->step(w->context, c, first, n, items));
    if (!w->path) JUDD_TRY(judd_h5_write_rows(w->file, x->name, x->type, first, n, items));
    judd_hash_add(w->hash, items, (size_t)(n * x->width) * x->size);
done:
    return status;
}

static judd_status pass_column(passage *w, judd_packed_column c) {
    judd_status status = JUDD_OK;
    column x = describe(w->p, c);
    void *items = NULL;
    int64_t dims[2] = {x.n, x.width};
    int64_t step = judd_least(x.n, x.width > 0 ? STEP / x.width + 1 : 1);
    if (x.n == 0) return JUDD_OK;
    if (!w->path)
        JUDD_TRY(judd_h5_create_dataset(w->file, x.name, x.stored, x.rank, dims, x.description));
    JUDD_TRY(judd_memory_alloc(&items, step * x.width, x.size));
    for (int64_t first = 0; first < x.n; first += step)
        JUDD_TRY(pass_piece(w, c, &x, first, judd_least(x.n - first, step), items));
done:
    free(items);
    return status;
}

static judd_status pass_all(passage *w, char hex[JUDD_SHA256_HEX]) {
    judd_status status = JUDD_OK;
    JUDD_TRY(begin_hash(&w->hash, w->p));
    for (int c = 0; c < JUDD_PACKED_COLUMNS; c++) JUDD_TRY(pass_column(w, (judd_packed_column)c));
    finish_hash(w->hash, w->p, hex);
done:
    judd_hash_destroy(w->hash);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

judd_status judd_packed_write(hid_t file, const judd_packed *p, judd_packed_step fill,
                              void *context) {
    judd_status status = JUDD_OK;
    passage w = {.p = p, .file = file, .step = fill, .context = context};
    char hex[JUDD_SHA256_HEX];
    JUDD_TRY(judd_h5_set_string(file, "/", "title", "Judd packed data set"));
    JUDD_TRY(judd_h5_set_int(file, "/", "packed_schema", 1));
    JUDD_TRY(judd_h5_set_string(file, "/", "kind", p->kind));
    JUDD_TRY(judd_h5_set_string(file, "/", "images_sha256", p->sha256));
    JUDD_TRY(judd_h5_set_int(file, "/", "channels", p->channels));
    JUDD_TRY(judd_h5_set_int(file, "/", "height", p->height));
    JUDD_TRY(judd_h5_set_int(file, "/", "width", p->width));
    JUDD_TRY(judd_h5_set_int(file, "/", "channels_last", p->channels_last));
    JUDD_TRY(judd_h5_set_int(file, "/", "feature_dim", p->feature_dim));
    JUDD_TRY(pass_all(&w, hex));
    JUDD_TRY(judd_h5_set_string(file, "/", "metadata_sha256", hex));
    if (p->label_names)
        JUDD_TRY(judd_h5_write_strings(file, "label_names", (const char *const *)p->label_names,
                                       p->n_names, "names of the classes or targets"));
    JUDD_TRY(judd_h5_create_dataset(file, "bytes", H5T_STD_U8LE, 1, &p->total,
                                    "all samples, one behind the other"));
done:
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static bool is_size(int64_t n, int64_t most) {
    return n >= 0 && n <= most;
}

static judd_status read_attributes(judd_packed *p, hid_t file, const char *path) {
    judd_status status = JUDD_OK;
    char *kind = NULL, *sha256 = NULL;
    int64_t schema = 0;
    JUDD_TRY(judd_h5_get_int(file, "/", "packed_schema", &schema));
    if (schema != 1) JUDD_TRY(damaged(path, "a schema of another version of judd"));
    JUDD_TRY(judd_h5_get_string(file, "/", "kind", &kind));
    JUDD_TRY(judd_h5_get_string(file, "/", "images_sha256", &sha256));
    if (strlen(kind) >= sizeof p->kind || strlen(sha256) != JUDD_SHA256_HEX - 1)
        JUDD_TRY(damaged(path, "damaged attributes"));
    strcpy(p->kind, kind);
    strcpy(p->sha256, sha256);
    JUDD_TRY(judd_h5_get_int(file, "/", "channels", &p->channels));
    JUDD_TRY(judd_h5_get_int(file, "/", "height", &p->height));
    JUDD_TRY(judd_h5_get_int(file, "/", "width", &p->width));
    JUDD_TRY(judd_h5_get_int(file, "/", "channels_last", &p->channels_last));
    JUDD_TRY(judd_h5_get_int(file, "/", "feature_dim", &p->feature_dim));
    if (!is_size(p->channels, 1 << 16) || !is_size(p->height, 1 << 16) ||
        !is_size(p->width, 1 << 16) || !is_size(p->feature_dim, 1 << 24))
        JUDD_TRY(damaged(path, "damaged sizes"));
done:
    free(kind);
    free(sha256);
    return status;
}

static judd_status read_sizes(judd_packed *p, hid_t file, const char *path) {
    judd_status status = JUDD_OK;
    int64_t offsets = 0, labels = 0, targets[2] = {0, 0};
    JUDD_TRY(judd_h5_dims(file, "check", 1, &p->n));
    JUDD_TRY(judd_h5_dims(file, "offsets", 1, &offsets));
    if (p->n < 1 || offsets != p->n + 1) JUDD_TRY(damaged(path, "offsets and check do not fit"));
    JUDD_TRY(judd_h5_dims(file, "labels", 1, &labels));
    if (labels != p->n) JUDD_TRY(damaged(path, "labels do not fit"));
    if (judd_h5_exists(file, "targets")) {
        JUDD_TRY(judd_h5_dims(file, "targets", 2, targets));
        if (targets[0] != p->n || targets[1] < 1 || targets[1] > MAX_TARGETS)
            JUDD_TRY(damaged(path, "targets do not fit"));
        p->n_targets = targets[1];
    }
    if (judd_h5_exists(file, "names")) JUDD_TRY(judd_h5_dims(file, "names", 1, &p->names_bytes));
    if (judd_h5_exists(file, "label_names"))
        JUDD_TRY(judd_h5_read_strings(file, "label_names", &p->label_names, &p->n_names));
done:
    return status;
}

judd_status judd_packed_open(judd_packed *p, hid_t file, const char *path) {
    judd_status status = JUDD_OK;
    judd_h5_extent e;
    *p = (judd_packed){0};
    JUDD_TRY(read_attributes(p, file, path));
    JUDD_TRY(judd_status_context(read_sizes(p, file, path), "%s", path));
    JUDD_TRY(judd_h5_extent_of(file, "bytes", &e));
    if (e.rank != 1 || e.kind != 'u' || e.width != 1 || e.offset < 0)
        JUDD_TRY(damaged(path, "bytes are not what they should be"));
    p->bytes_at = e.offset;
    p->total = e.dims[0];
done:
    return status;
}

judd_status judd_packed_read(const judd_packed *p, hid_t file, const char *path,
                             judd_packed_step take, void *context) {
    judd_status status = JUDD_OK;
    passage w = {.p = p, .file = file, .path = path, .step = take, .context = context};
    char *promised = NULL, hex[JUDD_SHA256_HEX];
    JUDD_TRY(judd_status_context(pass_all(&w, hex), "%s", path));
    JUDD_TRY(judd_h5_get_string(file, "/", "metadata_sha256", &promised));
    if (strcmp(promised, hex) != 0) JUDD_TRY(damaged(path, "names, labels or checks are damaged"));
done:
    free(promised);
    return status;
}

bool judd_packed_is(const char *path) {
    hid_t file = 0;
    int64_t schema = 0;
    if (access(path, R_OK) != 0 || judd_h5_open_read(&file, path) != JUDD_OK) return false;
    bool is = judd_h5_get_int(file, "/", "packed_schema", &schema) == JUDD_OK;
    (void)judd_h5_close(file, path);
    return is;
}

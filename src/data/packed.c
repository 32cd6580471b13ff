#include "data/packed.h"

#include <judd/base/memory.h>
#include <judd/io/h5.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void judd_packed_free(judd_packed *p) {
    free(p->offsets);
    free(p->checks);
    free(p->names);
    free(p->labels);
    free(p->targets);
    free(p->label_names);
    *p = (judd_packed){0};
}

judd_status judd_packed_hash(char hex[JUDD_SHA256_HEX], const judd_packed *p) {
    judd_hash *hash = NULL;
    judd_status status = judd_hash_create(&hash);
    if (status != JUDD_OK) return status;
    const int64_t numbers[] = {p->n,      p->n_targets, p->n_names,       p->channels,
                               p->height, p->width,     p->channels_last, p->feature_dim};
    size_t n = (size_t)p->n;
    judd_hash_add(hash, p->kind, strlen(p->kind) + 1);
    judd_hash_add(hash, p->sha256, strlen(p->sha256) + 1);
    judd_hash_add(hash, numbers, sizeof numbers);
    judd_hash_add(hash, p->offsets, (n + 1) * sizeof *p->offsets);
    judd_hash_add(hash, p->checks, n * sizeof *p->checks);
    judd_hash_add(hash, p->names, (size_t)p->names_bytes);
    judd_hash_add(hash, p->labels, n * sizeof *p->labels);
    judd_hash_add(hash, p->targets, n * (size_t)p->n_targets * sizeof *p->targets);
    for (int64_t i = 0; i < p->n_names; i++)
        judd_hash_add(hash, p->label_names[i], strlen(p->label_names[i]) + 1);
    judd_hash_finish(hash, hex);
    judd_hash_destroy(hash);
    return JUDD_OK;
}

static judd_status damaged(const char *path, const char *what) {
    return judd_status_set(JUDD_E_DATA, "%s: %s; pack the data set again", path, what);
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
done:
    free(kind);
    free(sha256);
    return status;
}

static judd_status read_arrays(judd_packed *p, hid_t file) {
    judd_status status = JUDD_OK;
    int64_t dims[2];
    JUDD_TRY(judd_h5_dims(file, "check", 1, &p->n));
    JUDD_TRY(judd_h5_dims(file, "offsets", 1, dims));
    if (p->n < 1 || dims[0] != p->n + 1)
        JUDD_FAIL(JUDD_E_DATA, "offsets and check do not fit; pack the data set again");
    JUDD_TRY(judd_memory_alloc(&p->offsets, p->n + 1, sizeof *p->offsets));
    JUDD_TRY(judd_memory_alloc(&p->checks, p->n, sizeof *p->checks));
    JUDD_TRY(judd_memory_alloc(&p->labels, p->n, sizeof *p->labels));
    JUDD_TRY(judd_h5_read(file, "offsets", H5T_NATIVE_INT64, p->offsets));
    JUDD_TRY(judd_h5_read(file, "check", H5T_NATIVE_UINT64, p->checks));
    JUDD_TRY(judd_h5_dims(file, "labels", 1, dims));
    if (dims[0] != p->n) JUDD_FAIL(JUDD_E_DATA, "labels do not fit; pack the data set again");
    JUDD_TRY(judd_h5_read(file, "labels", H5T_NATIVE_INT32, p->labels));
    if (judd_h5_exists(file, "targets")) {
        JUDD_TRY(judd_h5_dims(file, "targets", 2, dims));
        if (dims[0] != p->n || dims[1] < 1 || dims[1] > 1 << 16)
            JUDD_FAIL(JUDD_E_DATA, "targets do not fit; pack the data set again");
        p->n_targets = dims[1];
        JUDD_TRY(judd_memory_alloc(&p->targets, p->n * dims[1], sizeof *p->targets));
        JUDD_TRY(judd_h5_read(file, "targets", H5T_NATIVE_FLOAT, p->targets));
    }
    if (judd_h5_exists(file, "label_names"))
        JUDD_TRY(judd_h5_read_strings(file, "label_names", &p->label_names, &p->n_names));
    if (judd_h5_exists(file, "names")) {
        JUDD_TRY(judd_h5_dims(file, "names", 1, &p->names_bytes));
        JUDD_TRY(judd_memory_alloc(&p->names, p->names_bytes + 1, 1));
        JUDD_TRY(judd_h5_read(file, "names", H5T_NATIVE_UINT8, p->names));
    }
done:
    return status;
}

static bool is_size(int64_t n, int64_t most) {
    return n >= 0 && n <= most;
}

static judd_status check_sizes(const judd_packed *p, int64_t total, const char *path) {
    if (!is_size(p->channels, 1 << 16) || !is_size(p->height, 1 << 16) ||
        !is_size(p->width, 1 << 16) || !is_size(p->feature_dim, 1 << 24))
        return damaged(path, "sizes are not what they should be");
    int64_t size = strcmp(p->kind, "pixels") == 0 ? p->channels * p->height * p->width
                                                  : p->feature_dim * (int64_t)sizeof(float);
    bool encoded = strcmp(p->kind, "encoded") == 0;
    if (p->offsets[0] != 0 || p->offsets[p->n] != total) return damaged(path, "offsets do not fit");
    for (int64_t i = 0; i < p->n; i++) {
        int64_t length = p->offsets[i + 1] - p->offsets[i];
        if (p->offsets[i] > total || length < 0 || (!encoded && length != size))
            return damaged(path, "offsets do not ascend as they should");
    }
    return JUDD_OK;
}

static judd_status check_names(const judd_packed *p, const char *path) {
    if (strcmp(p->kind, "encoded") != 0) return JUDD_OK;
    if (!p->names) return damaged(path, "names are missing");
    const char *at = p->names, *before = NULL, *end = p->names + p->names_bytes;
    for (int64_t i = 0; i < p->n; i++) {
        if (at >= end || (before && strcmp(before, at) >= 0))
            return damaged(path, "names are missing or out of order");
        before = at;
        at += strlen(at) + 1;
    }
    return at == end ? JUDD_OK : damaged(path, "more names than samples");
}

static judd_status check_all(judd_packed *p, hid_t file, const char *path) {
    judd_status status = JUDD_OK;
    judd_h5_extent e;
    char *promised = NULL, hex[JUDD_SHA256_HEX];
    JUDD_TRY(judd_h5_extent_of(file, "bytes", &e));
    if (e.rank != 1 || e.kind != 'u' || e.width != 1 || e.offset < 0)
        JUDD_TRY(damaged(path, "bytes are not what they should be"));
    p->bytes_at = e.offset;
    JUDD_TRY(check_sizes(p, e.dims[0], path));
    JUDD_TRY(check_names(p, path));
    JUDD_TRY(judd_packed_hash(hex, p));
    JUDD_TRY(judd_h5_get_string(file, "/", "metadata_sha256", &promised));
    if (strcmp(promised, hex) != 0) JUDD_TRY(damaged(path, "names, labels or checks are damaged"));
done:
    free(promised);
    return status;
}

judd_status judd_packed_read(judd_packed *p, const char *path) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(read_attributes(p, file, path));
    JUDD_TRY(judd_status_context(read_arrays(p, file), "%s", path));
    JUDD_TRY(check_all(p, file, path));
done:
    if (file > 0) (void)judd_h5_close(file, path);
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

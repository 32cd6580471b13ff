#include <judd/data/pack.h>

#include "data/packed.h"

#include <judd/base/memory.h>
#include <judd/data/duplicates.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEP = 1 << 23 };

/* ---- what stands beside the bytes -------------------------------------------------------------
 */

static judd_status copy_names(judd_packed *p, const judd_dataset *dataset) {
    judd_status status = JUDD_OK;
    for (int64_t i = 0; i < p->n; i++)
        p->names_bytes += (int64_t)strlen(judd_dataset_name(dataset, i)) + 1;
    JUDD_TRY(judd_memory_alloc(&p->names, p->names_bytes, 1));
    char *at = p->names;
    for (int64_t i = 0; i < p->n; i++) at = stpcpy(at, judd_dataset_name(dataset, i)) + 1;
done:
    return status;
}

static judd_status copy_label_names(judd_packed *p, const judd_dataset_info *info) {
    judd_status status = JUDD_OK;
    const char *const *names = info->target_names ? info->target_names : info->class_names;
    if (!names) return JUDD_OK;
    p->n_names = info->target_names ? info->n_targets : info->n_classes;
    JUDD_TRY(judd_memory_alloc(&p->label_names, p->n_names, sizeof *p->label_names));
    for (int64_t i = 0; i < p->n_names; i++) p->label_names[i] = (char *)(uintptr_t)names[i];
done:
    return status;
}

static judd_status copy_labels(judd_packed *p, const judd_dataset_info *info) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&p->labels, p->n, sizeof *p->labels));
    memcpy(p->labels, info->labels, (size_t)p->n * sizeof *p->labels);
    for (int64_t i = 0; i < info->n_bad; i++) p->labels[info->bad[i].id] = info->bad[i].label;
    p->n_targets = info->n_targets;
    if (!info->targets) goto done;
    JUDD_TRY(judd_memory_alloc(&p->targets, p->n * p->n_targets, sizeof *p->targets));
    memcpy(p->targets, info->targets, (size_t)(p->n * p->n_targets) * sizeof *p->targets);
done:
    return status;
}

/* Local, but for the checks. */
static judd_status describe(judd_packed *p, judd_dataset *dataset, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    *p = (judd_packed){.n = info->n_samples,
                       .channels = info->channels,
                       .height = info->height,
                       .width = info->width,
                       .channels_last = info->channels_last,
                       .feature_dim = info->feature_dim};
    strcpy(p->kind, info->encoded ? "encoded" : info->feature_dim > 0 ? "features" : "pixels");
    strcpy(p->sha256, info->sha256);
    status = judd_memory_alloc(&p->offsets, p->n + 1, sizeof *p->offsets);
    for (int64_t i = 0; status == JUDD_OK && i < p->n; i++)
        p->offsets[i + 1] = p->offsets[i] + judd_dataset_size(dataset, i);
    if (status == JUDD_OK) status = copy_labels(p, info);
    if (status == JUDD_OK) status = copy_label_names(p, info);
    if (status == JUDD_OK && info->encoded) status = copy_names(p, dataset);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_duplicates_checks(&p->checks, dataset, comm));
done:
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static judd_status write_array(hid_t file, const char *name, hid_t type, hid_t memory, int rank,
                               const int64_t *dims, const void *data, const char *description) {
    judd_status status = judd_h5_create_dataset(file, name, type, rank, dims, description);
    return status == JUDD_OK ? judd_h5_write(file, name, memory, data) : status;
}

static judd_status write_attributes(hid_t file, const judd_packed *p) {
    judd_status status = JUDD_OK;
    char hex[JUDD_SHA256_HEX];
    JUDD_TRY(judd_packed_hash(hex, p));
    JUDD_TRY(judd_h5_set_string(file, "/", "title", "Judd packed data set"));
    JUDD_TRY(judd_h5_set_int(file, "/", "packed_schema", 1));
    JUDD_TRY(judd_h5_set_string(file, "/", "kind", p->kind));
    JUDD_TRY(judd_h5_set_string(file, "/", "images_sha256", p->sha256));
    JUDD_TRY(judd_h5_set_string(file, "/", "metadata_sha256", hex));
    JUDD_TRY(judd_h5_set_int(file, "/", "channels", p->channels));
    JUDD_TRY(judd_h5_set_int(file, "/", "height", p->height));
    JUDD_TRY(judd_h5_set_int(file, "/", "width", p->width));
    JUDD_TRY(judd_h5_set_int(file, "/", "channels_last", p->channels_last));
    JUDD_TRY(judd_h5_set_int(file, "/", "feature_dim", p->feature_dim));
done:
    return status;
}

static judd_status write_arrays(hid_t file, const judd_packed *p) {
    judd_status status = JUDD_OK;
    int64_t more = p->n + 1, target_dims[2] = {p->n, p->n_targets};
    JUDD_TRY(write_array(file, "offsets", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, &more, p->offsets,
                         "sample i is bytes[offsets[i]:offsets[i + 1]]"));
    JUDD_TRY(write_array(file, "check", H5T_STD_U64LE, H5T_NATIVE_UINT64, 1, &p->n, p->checks,
                         "XXH3-64 of each sample's bytes"));
    JUDD_TRY(write_array(file, "labels", H5T_STD_I32LE, H5T_NATIVE_INT32, 1, &p->n, p->labels,
                         "class of each sample; 0 when there are targets"));
    if (p->targets)
        JUDD_TRY(write_array(file, "targets", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, target_dims,
                             p->targets, "what each sample is to be recognised as"));
    if (p->names)
        JUDD_TRY(write_array(file, "names", H5T_STD_U8LE, H5T_NATIVE_UINT8, 1, &p->names_bytes,
                             p->names, "names of the samples, each with a NUL behind it"));
    if (p->label_names)
        JUDD_TRY(judd_h5_write_strings(file, "label_names", (const char *const *)p->label_names,
                                       p->n_names, "names of the classes or targets"));
    JUDD_TRY(judd_h5_create_dataset(file, "bytes", H5T_STD_U8LE, 1, &p->offsets[p->n],
                                    "all samples, one behind the other"));
done:
    return status;
}

static judd_status create_file(const char *path, const judd_packed *p) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    JUDD_TRY(judd_h5_create(&file, path));
    JUDD_TRY(write_attributes(file, p));
    JUDD_TRY(write_arrays(file, p));
done:
    if (file > 0 && status != JUDD_OK) (void)judd_h5_close(file, path);
    return status == JUDD_OK ? judd_h5_close(file, path) : status;
}

/* This rank's samples, gathered to steps of some megabytes. */
static judd_status write_share(hid_t file, const judd_packed *p, judd_dataset *dataset,
                               const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t first = p->n * comm->rank / comm->size, end = p->n * (comm->rank + 1) / comm->size;
    uint8_t *bytes = NULL;
    for (int64_t i = first, k; i < end; i = k) {
        int64_t start = p->offsets[i], n = 0;
        for (k = i; k < end && (k == i || p->offsets[k + 1] - start <= STEP); k++) continue;
        free(bytes);
        bytes = NULL;
        n = p->offsets[k] - start;
        JUDD_TRY(judd_memory_alloc(&bytes, n, 1));
        for (int64_t j = i; j < k; j++)
            JUDD_TRY(judd_dataset_read(dataset, &j, 1, bytes + (p->offsets[j] - start)));
        JUDD_TRY(judd_h5_write_rows(file, "bytes", H5T_NATIVE_UINT8, start, n, bytes));
    }
done:
    free(bytes);
    return status;
}

static judd_status write_bytes(const char *path, const judd_packed *p, judd_dataset *dataset,
                               const judd_comm *comm) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    JUDD_TRY(judd_h5_open_write(&file, comm, path));
    status = judd_comm_agree(comm, write_share(file, p, dataset, comm));
    if (status == JUDD_E_IO) goto done; /* a file with a failed write is not even closed */
    judd_status closed = judd_h5_close(file, path);
    if (status == JUDD_OK) status = closed;
    if (status == JUDD_OK) status = judd_atomic_file_sync(path);
    status = judd_comm_agree(comm, status);
done:
    return status;
}

judd_status judd_pack_write(judd_dataset *dataset, const judd_comm *comm, const char *path) {
    judd_status status = JUDD_OK;
    judd_packed p = {0};
    char *temporary = NULL;
    JUDD_TRY(describe(&p, dataset, comm));
    JUDD_TRY(judd_comm_agree(comm, judd_memory_format(&temporary, "%s.tmp", path)));
    JUDD_TRY(
        judd_comm_broadcast_status(comm, comm->rank == 0 ? create_file(temporary, &p) : JUDD_OK));
    JUDD_TRY(write_bytes(temporary, &p, dataset, comm));
    JUDD_TRY(judd_comm_broadcast_status(
        comm, comm->rank == 0 ? judd_atomic_file_commit(temporary, path) : JUDD_OK));
done:
    if (status != JUDD_OK && temporary && comm->rank == 0) unlink(temporary);
    free(temporary);
    judd_packed_free(&p);
    return status;
}

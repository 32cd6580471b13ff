#include <judd/data/pack.h>

#include "data/packed.h"

#include <judd/base/memory.h>
#include <judd/comm/node_memory.h>
#include <judd/data/duplicates.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>
#include <judd/io/h5_slabs.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEP = 1 << 23 };

/* ---- what stands beside the bytes -------------------------------------------------------------
 */

/* Where the columns come from; they are asked for in order. */
typedef struct source {
    judd_packed p;
    judd_dataset *dataset;
    judd_node_memory *checks;
    int64_t offset;          /* of the next sample */
    int64_t sample, name_at; /* the next byte of the names */
    int64_t bad;             /* the next bad sample */
} source;

static judd_status name_labels(judd_packed *p, const judd_dataset_info *info) {
    judd_status status = JUDD_OK;
    const char *const *names = info->target_names ? info->target_names : info->class_names;
    if (!names) return JUDD_OK;
    p->n_names = info->target_names ? info->n_targets : info->n_classes;
    JUDD_TRY(judd_memory_alloc(&p->label_names, p->n_names, sizeof *p->label_names));
    for (int64_t i = 0; i < p->n_names; i++) p->label_names[i] = (char *)(uintptr_t)names[i];
done:
    return status;
}

/* Local, but for the checks. */
static judd_status describe(source *s, judd_dataset *dataset, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    judd_packed *p = &s->p;
    s->dataset = dataset;
    status = info->text
                 ? judd_status_set(JUDD_E_CONFIG, "pack: texts lie in one file already; name a "
                                                  "data set of images or features")
                 : JUDD_OK;
    JUDD_TRY(judd_comm_agree(comm, status));
    *p = (judd_packed){.n = info->n_samples,
                       .n_targets = info->n_targets,
                       .channels = info->channels,
                       .height = info->height,
                       .width = info->width,
                       .channels_last = info->channels_last,
                       .feature_dim = info->feature_dim};
    strcpy(p->kind, info->encoded ? "encoded" : info->feature_dim > 0 ? "features" : "pixels");
    strcpy(p->sha256, info->sha256);
    for (int64_t i = 0; i < p->n; i++) {
        p->total += judd_dataset_size(dataset, i);
        if (info->encoded) p->names_bytes += (int64_t)strlen(judd_dataset_name(dataset, i)) + 1;
    }
    JUDD_TRY(judd_comm_agree(comm, name_labels(p, info)));
    JUDD_TRY(judd_duplicates_checks(&s->checks, dataset, comm));
done:
    return status;
}

static void fill_offsets(source *s, int64_t first, int64_t n, int64_t *offsets) {
    for (int64_t i = first; i < first + n; i++) {
        offsets[i - first] = s->offset;
        if (i < s->p.n) s->offset += judd_dataset_size(s->dataset, i);
    }
}

static void fill_names(source *s, int64_t n, char *bytes) {
    for (int64_t done = 0; done < n;) {
        const char *name = judd_dataset_name(s->dataset, s->sample);
        int64_t rest = (int64_t)strlen(name) + 1 - s->name_at;
        int64_t k = rest < n - done ? rest : n - done;
        memcpy(bytes + done, name + s->name_at, (size_t)k);
        done += k;
        s->name_at = k == rest ? 0 : s->name_at + k;
        s->sample += k == rest;
    }
}

/* Bad images have the label they would have. */
static void fill_labels(source *s, int64_t first, int64_t n, int32_t *labels) {
    const judd_dataset_info *info = judd_dataset_info_of(s->dataset);
    memcpy(labels, info->labels + first, (size_t)n * sizeof *labels);
    for (; s->bad < info->n_bad && info->bad[s->bad].id < first + n; s->bad++)
        labels[info->bad[s->bad].id - first] = info->bad[s->bad].label;
}

static judd_status fill(void *context, judd_packed_column column, int64_t first, int64_t n,
                        void *items) {
    source *s = context;
    const judd_dataset_info *info = judd_dataset_info_of(s->dataset);
    const uint64_t *checks = judd_node_memory_data(s->checks);
    size_t k = (size_t)n;
    if (column == JUDD_PACKED_OFFSETS) fill_offsets(s, first, n, items);
    if (column == JUDD_PACKED_CHECKS) memcpy(items, checks + first, k * sizeof *checks);
    if (column == JUDD_PACKED_NAMES) fill_names(s, n, items);
    if (column == JUDD_PACKED_LABELS) fill_labels(s, first, n, items);
    if (column == JUDD_PACKED_TARGETS)
        memcpy(items, info->targets + first * info->n_targets,
               k * (size_t)info->n_targets * sizeof *info->targets);
    return JUDD_OK;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static judd_status create_file(const char *path, source *s) {
    hid_t file = 0;
    judd_status status = judd_h5_create(&file, path);
    if (status == JUDD_OK) status = judd_packed_write(file, &s->p, fill, s);
    if (file > 0 && status != JUDD_OK) (void)judd_h5_close(file, path);
    return status == JUDD_OK ? judd_h5_close(file, path) : status;
}

/* Samples [i, *end) are some megabytes, or one; *n bytes. */
static void next_step(int64_t *end, int64_t *n, const judd_dataset *dataset, int64_t i,
                      int64_t last) {
    *n = judd_dataset_size(dataset, i);
    for (*end = i + 1; *end < last; ++*end) {
        int64_t size = judd_dataset_size(dataset, *end);
        if (*n + size > STEP) return;
        *n += size;
    }
}

/* This rank's samples, gathered to steps. */
static judd_status write_share(judd_h5_slabs *slabs, const source *s, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t first = s->p.n * comm->rank / comm->size, last = s->p.n * (comm->rank + 1) / comm->size;
    int64_t start = 0, n = 0;
    uint8_t *bytes = NULL;
    for (int64_t i = 0; i < first; i++) start += judd_dataset_size(s->dataset, i);
    for (int64_t i = first, end = 0; i < last; i = end, start += n) {
        next_step(&end, &n, s->dataset, i, last);
        free(bytes);
        bytes = NULL;
        JUDD_TRY(judd_memory_alloc(&bytes, n, 1));
        uint8_t *at = bytes;
        for (int64_t j = i; j < end; at += judd_dataset_size(s->dataset, j++))
            JUDD_TRY(judd_dataset_read(s->dataset, &j, 1, at));
        JUDD_TRY(judd_h5_slabs_write(slabs, 0, start, n, bytes));
    }
done:
    free(bytes);
    return status;
}

static judd_status write_bytes(const char *path, const source *s, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_h5_slabs *slabs = NULL;
    JUDD_TRY(judd_h5_slabs_open(&slabs, comm, path, &(const char *){"bytes"}, 1));
    status = write_share(slabs, s, comm);
    judd_status closed = judd_h5_slabs_close(slabs);
    status = judd_comm_agree(comm, status == JUDD_OK ? closed : status);
done:
    return status;
}

judd_status judd_pack_write(judd_dataset *dataset, const judd_comm *comm, const char *path) {
    judd_status status = JUDD_OK;
    source s = {0};
    char *temporary = NULL;
    JUDD_TRY(describe(&s, dataset, comm));
    if (comm->rank == 0) status = judd_atomic_file_temporary(&temporary, path);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast_string(comm, &temporary));
    JUDD_TRY(
        judd_comm_broadcast_status(comm, comm->rank == 0 ? create_file(temporary, &s) : JUDD_OK));
    JUDD_TRY(write_bytes(temporary, &s, comm));
    JUDD_TRY(judd_comm_broadcast_status(
        comm, comm->rank == 0 ? judd_atomic_file_commit(temporary, path) : JUDD_OK));
done:
    if (status != JUDD_OK && temporary && comm->rank == 0) unlink(temporary);
    free(temporary);
    judd_packed_free(&s.p);
    judd_node_memory_destroy(s.checks);
    return status;
}

#include "data/reader_encoded.h"

#include "data/list_labels.h"
#include "data/look_packed.h"
#include "data/quarantine.h"
#include "data/sample_index.h"
#include "data/scan.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

enum { RELEASE = 1 << 14 }; /* samples between two times that pages written are let go */

typedef struct encoded_reader {
    judd_sample_index *index;
    judd_quarantine quarantine;
} encoded_reader;

typedef judd_status (*scan_function)(judd_sample_list *list, const char *path);
typedef judd_status (*look_function)(judd_sample_table *table, judd_label_set *labels,
                                     const judd_dataset_options *options, judd_watchdog *watchdog);

static void encoded_close(void *reader) {
    encoded_reader *r = reader;
    if (!r) return;
    judd_quarantine_free(&r->quarantine);
    judd_sample_index_destroy(r->index);
    free(r);
}

/* One sample after the other, by name. */
static judd_status fill(judd_sample_table *table, judd_label_set *labels, judd_sample_list *list,
                        const char *class_list) {
    judd_status status = JUDD_OK;
    judd_sample s;
    judd_sample_entry *entries = table->entries.data;
    char *names = table->names.data, *at = names;
    for (int64_t i = 0; i < list->n; i++) {
        JUDD_TRY(judd_sample_list_next(list, &s));
        entries[i] = (judd_sample_entry){
            .offset = s.offset, .name = at - names, .size = s.size, .file = s.file};
        at = stpcpy(at, s.name) + 1;
        JUDD_TRY(judd_list_labels_put(labels, list, class_list, &s, i));
        if (i % RELEASE == 0) judd_sample_table_release(table);
    }
    table->root = list->root;
    table->files = list->files;
    table->n_files = list->n_files;
    list->root = NULL;
    list->files = NULL;
    list->n_files = 0;
done:
    return status;
}

/* Rank 0's part: what is there. */
static judd_status look_by(judd_sample_table *table, judd_label_set *labels, scan_function scan,
                           const judd_dataset_options *options, judd_watchdog *watchdog) {
    judd_status status = JUDD_OK;
    judd_sample_list list = {0};
    JUDD_TRY(judd_sample_list_create(&list, options->task, watchdog));
    JUDD_TRY(scan(&list, options->images));
    if (list.n == 0)
        status = judd_status_set(JUDD_E_DATA, "no image (.jpg, .jpeg, .png) is in it; "
                                              "check the path");
    if (status == JUDD_OK) status = judd_list_labels_begin(labels, &list, options->labels);
    if (status == JUDD_OK) status = judd_sample_table_create(table, list.n, list.name_bytes);
    if (status == JUDD_OK) status = fill(table, labels, &list, options->labels);
    status = judd_status_context(status, "%s", options->images);
done:
    judd_sample_list_free(&list);
    return status;
}

static judd_status encoded_open(encoded_reader **reader, judd_dataset_info *info,
                                judd_label_set *labels, const judd_dataset_options *options,
                                const judd_comm *comm, look_function look) {
    judd_status status = JUDD_OK;
    judd_sample_table table = {0};
    encoded_reader *r = NULL;
    status = judd_memory_alloc(&r, 1, sizeof *r);
    if (status == JUDD_OK && comm->rank == 0)
        status = look(&table, labels, options, comm->watchdog);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_sample_index_create(&r->index, comm, &table));
    info->n_samples = judd_sample_index_count(r->index);
    info->encoded = true;
    info->channels = 3;
    JUDD_TRY(judd_quarantine_find(&r->quarantine, r->index, info->sha256, options, comm));
    info->bad = r->quarantine.bad;
    info->n_bad = r->quarantine.n;
    *reader = r;
    r = NULL;
done:
    judd_sample_table_free(&table);
    encoded_close(r);
    return status;
}

#define LOOK(name, scan)                                                                           \
    static judd_status name(judd_sample_table *table, judd_label_set *labels,                      \
                            const judd_dataset_options *options, judd_watchdog *watchdog) {        \
        return look_by(table, labels, scan, options, watchdog);                                    \
    }
LOOK(look_folder, judd_scan_folder)
LOOK(look_tar, judd_scan_tar)
LOOK(look_list, judd_scan_list)

#define OPEN(name, look)                                                                           \
    static judd_status name(void **reader, judd_dataset_info *info, judd_label_set *labels,        \
                            const judd_dataset_options *options, const judd_comm *comm) {          \
        encoded_reader *r = NULL;                                                                  \
        judd_status status = encoded_open(&r, info, labels, options, comm, look);                  \
        *reader = r;                                                                               \
        return status;                                                                             \
    }
OPEN(open_folder, look_folder)
OPEN(open_tar, look_tar)
OPEN(open_list, look_list)
OPEN(open_packed, judd_look_packed_table)

static judd_status encoded_load(void *reader, const judd_comm *comm) {
    (void)reader;
    (void)comm;
    return JUDD_OK;
}

static judd_status encoded_stage(void *reader) {
    encoded_reader *r = reader;
    return judd_sample_index_stage(r->index);
}

static int64_t encoded_size(const void *reader, int64_t id) {
    const encoded_reader *r = reader;
    return judd_sample_index_size(r->index, id);
}

static judd_status encoded_read(void *reader, int64_t id, uint8_t *bytes) {
    encoded_reader *r = reader;
    return judd_sample_index_read(r->index, id, bytes);
}

static const char *encoded_name(const void *reader, int64_t id) {
    const encoded_reader *r = reader;
    return judd_sample_index_name(r->index, id);
}

static uint64_t encoded_check(const void *reader, int64_t id) {
    const encoded_reader *r = reader;
    return judd_sample_index_check(r->index, id);
}

static judd_status encoded_place(char **place, const void *reader, int64_t id) {
    const encoded_reader *r = reader;
    return judd_sample_index_place(place, r->index, id);
}

#define READER(title, open_function)                                                               \
    {                                                                                              \
        .format = title, .open = open_function, .load = encoded_load, .stage = encoded_stage,      \
        .size = encoded_size, .read = encoded_read, .name = encoded_name, .check = encoded_check,  \
        .place = encoded_place, .close = encoded_close                                             \
    }
const judd_reader_ops judd_reader_folder = READER("folder", open_folder);
const judd_reader_ops judd_reader_tar = READER("tar", open_tar);
const judd_reader_ops judd_reader_list = READER("list", open_list);
const judd_reader_ops judd_reader_packed_encoded = READER("packed", open_packed);

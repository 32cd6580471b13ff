#include "data/reader_text.h"

#include "data/block_hash.h"
#include "data/list_labels.h"
#include "data/text_records.h"

#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024, RELEASE = 1 << 14 };

typedef struct entry {
    int64_t offset, line; /* of the text among all; in the file */
} entry;

typedef struct text_reader {
    char *path;
    int64_t n;
    judd_node_memory *entries, *bytes, *checks;
    const entry *entry; /* [n + 1] */
    const char *text;
    const uint64_t *check; /* [n] */
} text_reader;

/* Rank 0 goes through the file twice: what there is, then into its place. */
typedef struct look {
    judd_text_files files;
    judd_label_set *labels;
    const judd_dataset_options *options;
    judd_sample_list list; /* for what list_labels knows: words and task */
    judd_scratch entries, bytes;
    int64_t n, n_bytes;
    judd_watchdog *watchdog;
} look;

static void text_close(void *reader) {
    text_reader *r = reader;
    if (!r) return;
    judd_node_memory_destroy(r->entries);
    judd_node_memory_destroy(r->bytes);
    judd_node_memory_destroy(r->checks);
    free(r->path);
    free(r);
}

static judd_status count(void *context, const judd_text_record *record) {
    look *l = context;
    l->list.n++;
    l->n_bytes += record->bytes;
    if (record->label[strspn(record->label, "0123456789,")] != '\0') l->list.numbers = false;
    judd_watchdog_beat(l->watchdog);
    bool labelled = l->list.task != JUDD_MULTILABEL && l->list.task != JUDD_NO_TASK;
    if (!*record->label && labelled) /* with several labels it may be of no class */
        return judd_status_set(JUDD_E_DATA, "line %lld: has no label; correct the line",
                               (long long)record->line);
    return judd_sample_list_note(&l->list, record->label);
}

static judd_status put(void *context, const judd_text_record *record) {
    look *l = context;
    char name[32];
    entry *entries = l->entries.data;
    const judd_sample sample = {.name = name, .text = record->label, .file = -1};
    snprintf(name, sizeof name, "line %lld", (long long)record->line);
    int64_t offset = entries[l->n].offset;
    entries[l->n].line = record->line;
    entries[l->n + 1].offset = offset + record->bytes;
    memcpy((char *)l->bytes.data + offset, record->text, (size_t)record->bytes);
    if (l->n % RELEASE == 0) {
        judd_scratch_release(&l->entries);
        judd_scratch_release(&l->bytes);
    }
    judd_watchdog_beat(l->watchdog);
    return judd_list_labels_put(l->labels, &l->list, l->options->labels, &sample, l->n++);
}

static judd_status look_at(look *l, const char *format) {
    judd_status status = JUDD_OK;
    const judd_dataset_options *o = l->options;
    const char *class_list = strcmp(format, "lines") == 0 ? NULL : o->labels;
    judd_dataset_options own = *o;
    own.labels = class_list;
    l->list.numbers = true;
    l->list.largest = -1;
    JUDD_TRY(judd_text_files_read(&l->files, o, format));
    JUDD_TRY(judd_text_records_read(&l->files, o, format, count, l));
    if (l->list.n == 0) JUDD_FAIL(JUDD_E_DATA, "%s: holds no text; check the path", o->images);
    JUDD_TRY(judd_scratch_create(&l->entries, (l->list.n + 1) * (int64_t)sizeof(entry)));
    JUDD_TRY(judd_scratch_create(&l->bytes, l->n_bytes + 1));
    JUDD_TRY(judd_status_context(judd_list_labels_begin(l->labels, &l->list, class_list), "%s",
                                 o->images));
    l->options = &own;
    status = judd_text_records_read(&l->files, o, format, put, l);
    l->options = o;
done:
    judd_text_files_free(&l->files);
    return status;
}

/* The identity is of the texts alone, whatever file they are in and however they are labelled. */
static judd_status add_texts(void *context, judd_hash *hash, int64_t first, int64_t end,
                             uint64_t *checks) {
    const text_reader *r = context;
    for (int64_t i = first; i < end; i++) {
        const char *text = r->text + r->entry[i].offset;
        size_t bytes = (size_t)(r->entry[i + 1].offset - r->entry[i].offset);
        char size[24];
        int n = snprintf(size, sizeof size, "%zu", bytes);
        judd_hash_add(hash, size, (size_t)n + 1);
        judd_hash_add(hash, text, bytes);
        checks[i - first] = judd_hash_check(text, bytes, 0);
    }
    return JUDD_OK;
}

static judd_status text_open(void **reader, judd_dataset_info *info, judd_label_set *labels,
                             const judd_dataset_options *options, const judd_comm *comm,
                             const char *format) {
    judd_status status = JUDD_OK;
    text_reader *r = NULL;
    look l = {.labels = labels,
              .options = options,
              .list = {.task = options->task},
              .watchdog = comm->watchdog};
    status = judd_memory_alloc(&r, 1, sizeof *r);
    if (status == JUDD_OK) status = judd_memory_string(&r->path, options->images);
    if (status == JUDD_OK && comm->rank == 0) status = look_at(&l, format);
    JUDD_TRY(judd_comm_agree(comm, status));
    r->n = l.n;
    JUDD_TRY(judd_comm_broadcast(comm, &r->n, sizeof r->n));
    JUDD_TRY(judd_node_memory_share(&r->entries, comm, &l.entries));
    JUDD_TRY(judd_node_memory_share(&r->bytes, comm, &l.bytes));
    r->entry = judd_node_memory_data(r->entries);
    r->text = judd_node_memory_data(r->bytes);
    JUDD_TRY(judd_block_hash_run(info->sha256, &r->checks, comm, r->n, BLOCK, add_texts, r));
    r->check = judd_node_memory_data(r->checks);
    info->n_samples = r->n;
    info->text = true;
    *reader = r;
    r = NULL;
done:
    judd_sample_list_free(&l.list);
    judd_scratch_free(&l.entries);
    judd_scratch_free(&l.bytes);
    text_close(r);
    return status;
}

#define OPEN(name, format)                                                                         \
    static judd_status name(void **reader, judd_dataset_info *info, judd_label_set *labels,        \
                            const judd_dataset_options *options, const judd_comm *comm) {          \
        return text_open(reader, info, labels, options, comm, format);                             \
    }
OPEN(open_tsv, "tsv")
OPEN(open_csv, "csv")
OPEN(open_lines, "lines")
OPEN(open_jsonl, "jsonl")

static judd_status text_load(void *reader, const judd_comm *comm) {
    (void)reader;
    (void)comm;
    return JUDD_OK;
}

static int64_t text_size(const void *reader, int64_t id) {
    const text_reader *r = reader;
    return r->entry[id + 1].offset - r->entry[id].offset;
}

static const char *text_text(const void *reader, int64_t id) {
    const text_reader *r = reader;
    return r->text + r->entry[id].offset;
}

static judd_status text_read(void *reader, int64_t id, uint8_t *bytes) {
    memcpy(bytes, text_text(reader, id), (size_t)text_size(reader, id));
    return JUDD_OK;
}

static uint64_t text_check(const void *reader, int64_t id) {
    const text_reader *r = reader;
    return r->check[id];
}

static judd_status text_place(char **place, const void *reader, int64_t id) {
    const text_reader *r = reader;
    return judd_memory_format(place, "%s:%lld", r->path, (long long)r->entry[id].line);
}

#define READER(title, open_function, labels_needed)                                                \
    {                                                                                              \
        .format = title, .needs_labels = labels_needed, .open = open_function, .load = text_load,  \
        .size = text_size, .read = text_read, .text = text_text, .check = text_check,              \
        .place = text_place, .close = text_close                                                   \
    }
const judd_reader_ops judd_reader_tsv = READER("tsv", open_tsv, false);
const judd_reader_ops judd_reader_csv = READER("csv", open_csv, false);
const judd_reader_ops judd_reader_lines = READER("lines", open_lines, true);
const judd_reader_ops judd_reader_jsonl = READER("jsonl", open_jsonl, false);

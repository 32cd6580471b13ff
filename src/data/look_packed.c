#include "data/look_packed.h"

#include "data/packed.h"

#include <judd/base/memory.h>
#include <judd/io/h5.h>

#include <stdlib.h>
#include <string.h>

/* Where the columns go. */
typedef struct taker {
    judd_packed p;
    judd_label_set *labels;
    judd_scratch *checks;
    judd_sample_entry *entries; /* NULL: samples have no names */
    char *names;
    judd_watchdog *watchdog;
} taker;

static void take_offsets(taker *t, int64_t first, int64_t n, const int64_t *offsets) {
    for (int64_t i = 0; i < n; i++) {
        int64_t at = t->p.bytes_at + offsets[i], sample = first + i;
        if (sample > 0) t->entries[sample - 1].size = at - t->entries[sample - 1].offset;
        if (sample < t->p.n) t->entries[sample].offset = at;
    }
}

static judd_status take(void *context, judd_packed_column column, int64_t first, int64_t n,
                        void *items) {
    taker *t = context;
    judd_label_set *l = t->labels;
    size_t k = (size_t)n;
    judd_watchdog_beat(t->watchdog);
    if (column == JUDD_PACKED_OFFSETS && t->entries) take_offsets(t, first, n, items);
    if (column == JUDD_PACKED_CHECKS)
        memcpy((uint64_t *)t->checks->data + first, items, k * sizeof(uint64_t));
    if (column == JUDD_PACKED_NAMES && t->names) memcpy(t->names + first, items, k);
    if (column == JUDD_PACKED_LABELS && l->labels)
        memcpy(l->labels + first, items, k * sizeof *l->labels);
    if (column == JUDD_PACKED_TARGETS)
        memcpy(l->targets + first * l->n_targets, items,
               k * (size_t)l->n_targets * sizeof *l->targets);
    return JUDD_OK;
}

/* A class list given with the data set has precedence. */
static judd_status take_label_names(judd_label_set *labels, const judd_packed *p,
                                    const judd_dataset_options *options) {
    judd_status status = JUDD_OK;
    if (options->labels) JUDD_TRY(judd_name_table_read(&labels->names, options->labels));
    for (int64_t i = 0; !options->labels && i < p->n_names; i++) {
        JUDD_TRY(judd_name_table_check(p->label_names[i]));
        JUDD_TRY(judd_name_table_add(&labels->names, p->label_names[i]));
    }
done:
    return judd_status_context(status, "%s", options->images);
}

/* Room for the columns, the columns, the names of the labels. */
static judd_status take_columns(taker *t, hid_t file, const judd_dataset_options *options) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_label_set_create(t->labels, t->p.n, t->p.n_targets));
    JUDD_TRY(judd_scratch_create(t->checks, t->p.n * (int64_t)sizeof(uint64_t)));
    JUDD_TRY(judd_packed_read(&t->p, file, options->images, take, t));
    JUDD_TRY(take_label_names(t->labels, &t->p, options));
done:
    return status;
}

/* As many names as samples, in order. */
static judd_status number_names(const taker *t, const char *path) {
    const char *at = t->names, *end = at + t->p.names_bytes, *before = NULL;
    if (t->p.names_bytes == 0 || end[-1] != '\0') end = at;
    for (int64_t i = 0; i < t->p.n; i++) {
        if (at == end || (before && strcmp(before, at) >= 0))
            return judd_status_set(JUDD_E_DATA,
                                   "%s: names are missing or out of order; pack the data set again",
                                   path);
        judd_status status = judd_status_context(judd_name_table_check(at), "%s", path);
        if (status != JUDD_OK) return status;
        t->entries[i].name = at - t->names;
        before = at;
        at += strlen(at) + 1;
    }
    if (at == end) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA, "%s: more names than samples; pack the data set again",
                           path);
}

static judd_status name_file(judd_sample_table *table, const char *path) {
    judd_status status = judd_memory_alloc(&table->files, 1, sizeof *table->files);
    if (status == JUDD_OK) status = judd_memory_string(&table->files[0], path);
    if (status == JUDD_OK) table->n_files = 1;
    return status;
}

judd_status judd_look_packed_table(judd_sample_table *table, judd_label_set *labels,
                                   const judd_dataset_options *options, judd_watchdog *watchdog) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    taker t = {.labels = labels, .checks = &table->checks, .watchdog = watchdog};
    JUDD_TRY(judd_h5_open_read(&file, options->images));
    JUDD_TRY(judd_packed_open(&t.p, file, options->images));
    JUDD_TRY(judd_sample_table_create(table, t.p.n, t.p.names_bytes));
    t.entries = table->entries.data;
    t.names = table->names.data;
    JUDD_TRY(take_columns(&t, file, options));
    JUDD_TRY(number_names(&t, options->images));
    JUDD_TRY(name_file(table, options->images));
    memcpy(table->sha256, t.p.sha256, sizeof table->sha256);
done:
    if (file > 0) (void)judd_h5_close(file, options->images);
    judd_packed_free(&t.p);
    return status;
}

static judd_status find_shape(judd_raw_shape *shape, const judd_packed *p, const char *path) {
    int64_t pixels[4] = {p->n, p->channels, p->height, p->width},
            features[2] = {p->n, p->feature_dim};
    int64_t last[4] = {p->n, p->height, p->width, p->channels};
    if (p->feature_dim > 0) return judd_raw_shape_of(shape, 'f', 4, features, 2, NULL, path);
    return judd_raw_shape_of(shape, 'u', 1, p->channels_last ? last : pixels, 4,
                             p->channels_last ? "channels_last" : "channels_first", path);
}

judd_status judd_look_packed_array(judd_raw_plan *plan, judd_label_set *labels,
                                   const judd_dataset_options *options) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    taker t = {.labels = labels, .checks = &plan->checks};
    const char *path = options->images;
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(judd_packed_open(&t.p, file, path));
    JUDD_TRY(find_shape(&plan->shape, &t.p, path));
    JUDD_TRY(
        judd_raw_plan_add(plan, (judd_raw_piece){.path = (char *)(uintptr_t)path,
                                                 .n = t.p.n,
                                                 .offset = t.p.bytes_at,
                                                 .stride = judd_raw_shape_bytes(&plan->shape)}));
    JUDD_TRY(take_columns(&t, file, options));
    memcpy(plan->sha256, t.p.sha256, sizeof plan->sha256);
done:
    if (file > 0) (void)judd_h5_close(file, path);
    judd_packed_free(&t.p);
    return status;
}

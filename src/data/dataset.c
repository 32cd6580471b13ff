#include <judd/data/dataset.h>

#include "data/reader_idx.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

static const judd_reader_ops *const readers[] = {&judd_reader_idx};

enum { N_READERS = sizeof readers / sizeof readers[0] };

struct judd_dataset {
    const judd_comm *comm; /* borrowed */
    const judd_reader_ops *ops;
    void *reader;
    int32_t *labels;
    judd_dataset_info info;
};

static judd_status find_reader(const judd_reader_ops **out, const char *format) {
    for (int i = 0; format && i < N_READERS; i++)
        if (strcmp(readers[i]->format, format) == 0) {
            *out = readers[i];
            return JUDD_OK;
        }
    char known[256] = "";
    for (int i = 0; i < N_READERS; i++) {
        if (i > 0) strncat(known, ", ", sizeof known - strlen(known) - 1);
        strncat(known, readers[i]->format, sizeof known - strlen(known) - 1);
    }
    return judd_status_set(JUDD_E_CONFIG, "data set format \"%s\" is unknown; known: %s",
                           format ? format : "", known);
}

static judd_status check_options(const judd_dataset_options *options) {
    if (options->images && options->labels) return JUDD_OK;
    return judd_status_set(JUDD_E_CONFIG, "data set has no %s file; set %s",
                           options->images ? "labels" : "images",
                           options->images ? "labels" : "images");
}

judd_status judd_dataset_open(judd_dataset **out, const judd_comm *comm,
                              const judd_dataset_options *options) {
    judd_dataset *dataset = NULL;
    *out = NULL;
    judd_status status = judd_memory_alloc(&dataset, 1, sizeof *dataset);
    if (status == JUDD_OK) status = find_reader(&dataset->ops, options->format);
    if (status == JUDD_OK) status = check_options(options);
    JUDD_TRY(judd_comm_agree(comm, status));
    dataset->comm = comm;
    JUDD_TRY(dataset->ops->open(&dataset->reader, &dataset->info, &dataset->labels, options, comm));
    dataset->info.labels = dataset->labels;
    *out = dataset;
done:
    if (status != JUDD_OK) free(dataset);
    return status;
}

void judd_dataset_close(judd_dataset *dataset) {
    if (!dataset) return;
    dataset->ops->close(dataset->reader);
    free(dataset->labels);
    free(dataset);
}

const judd_dataset_info *judd_dataset_info_of(const judd_dataset *dataset) {
    return &dataset->info;
}

judd_status judd_dataset_load(judd_dataset *dataset) {
    return dataset->ops->load(dataset->reader, dataset->comm);
}

judd_status judd_dataset_read(const judd_dataset *dataset, const int64_t *ids, int64_t n,
                              uint8_t *pixels) {
    return dataset->ops->read(dataset->reader, ids, n, pixels);
}

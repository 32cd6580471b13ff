#include <judd/data/dataset.h>

#include "data/reader_encoded.h"
#include "data/reader_idx.h"
#include "data/reader_packed.h"
#include "data/reader_raw.h"
#include "data/reader_text.h"
#include "data/recognise.h"
#include "data/stage.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

static judd_status find_reader(const judd_reader_ops **out, const char *format);

/* The format by content. */
static judd_status choose_by_content(const judd_reader_ops **better,
                                     const judd_dataset_options *options, const judd_comm *comm) {
    char format[JUDD_DATASET_FORMAT] = "";
    judd_status status = comm->rank == 0 ? judd_recognise_format(format, options->images) : JUDD_OK;
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, format, sizeof format));
    JUDD_TRY(find_reader(better, format));
done:
    return status;
}

static const judd_reader_ops reader_auto = {.format = "auto", .choose = choose_by_content};

static const judd_reader_ops *const readers[] = {
    &judd_reader_idx,     &judd_reader_folder,   &judd_reader_tar, &judd_reader_list,
    &judd_reader_cifar10, &judd_reader_cifar100, &judd_reader_npy, &judd_reader_hdf5,
    &judd_reader_packed,  &judd_reader_tsv,      &judd_reader_csv, &judd_reader_lines,
    &judd_reader_jsonl,   &reader_auto};

enum { N_READERS = sizeof readers / sizeof readers[0] };

struct judd_dataset {
    const judd_comm *comm; /* borrowed */
    const judd_reader_ops *ops;
    void *reader;
    judd_label_set labels;
    judd_dataset_info info;
    char *not_staged; /* what info says */
    uint8_t *bytes;   /* of one sample, for image */
    int64_t capacity;
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

static judd_status check_options(const judd_dataset_options *options, const judd_reader_ops *ops) {
    bool labels = ops->needs_labels && options->task != JUDD_NO_TASK;
    if (options->images && (options->labels || !labels)) return JUDD_OK;
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
    if (status == JUDD_OK) status = check_options(options, dataset->ops);
    JUDD_TRY(judd_comm_agree(comm, status));
    while (dataset->ops->choose) JUDD_TRY(dataset->ops->choose(&dataset->ops, options, comm));
    JUDD_TRY(judd_comm_agree(comm, check_options(options, dataset->ops)));
    dataset->comm = comm;
    JUDD_TRY(dataset->ops->open(&dataset->reader, &dataset->info, &dataset->labels, options, comm));
    JUDD_TRY(judd_label_set_share(&dataset->labels, options->task,
                                  options->labels ? options->labels : options->images, comm));
    JUDD_TRY(judd_label_set_hide(&dataset->labels, dataset->info.bad, dataset->info.n_bad));
    judd_label_set_fill(&dataset->labels, options->task, &dataset->info);
    dataset->info.dct_side = options->dct_side;
    *out = dataset;
    dataset = NULL;
done:
    judd_dataset_close(dataset);
    return status;
}

bool judd_dataset_recognised(const char *path, char format[JUDD_DATASET_FORMAT]) {
    return judd_recognise_format(format, path) == JUDD_OK;
}

void judd_dataset_close(judd_dataset *dataset) {
    if (!dataset) return;
    if (dataset->reader) dataset->ops->close(dataset->reader);
    judd_label_set_free(&dataset->labels);
    free(dataset->bytes);
    free(dataset->not_staged);
    free(dataset);
}

const judd_dataset_info *judd_dataset_info_of(const judd_dataset *dataset) {
    return &dataset->info;
}

judd_status judd_dataset_load(judd_dataset *dataset) {
    return dataset->ops->load(dataset->reader, dataset->comm);
}

judd_status judd_dataset_stage(judd_dataset *d) {
    judd_status status = JUDD_OK;
    bool wanted = false;
    if (!d->ops->stage || d->not_staged) return JUDD_OK;
    JUDD_TRY(judd_stage_wanted(&wanted, d->comm));
    if (!wanted) return JUDD_OK;
    status = d->ops->stage(d->reader);
    if (status != JUDD_E_IO) return status;
    JUDD_TRY(judd_comm_agree(d->comm, judd_memory_string(&d->not_staged, judd_status_message())));
    d->info.not_staged = d->not_staged;
done:
    return status;
}

const char *judd_dataset_format(const judd_dataset *dataset) {
    return dataset->ops->format;
}

const char *judd_dataset_name(const judd_dataset *dataset, int64_t id) {
    return dataset->ops->name ? dataset->ops->name(dataset->reader, id) : NULL;
}

judd_status judd_dataset_place(char **place, const judd_dataset *dataset, int64_t id) {
    return dataset->ops->place(place, dataset->reader, id);
}

uint64_t judd_dataset_check(const judd_dataset *dataset, int64_t id) {
    return dataset->ops->check ? dataset->ops->check(dataset->reader, id) : 0;
}

int64_t judd_dataset_size(const judd_dataset *dataset, int64_t id) {
    return dataset->ops->size(dataset->reader, id);
}

static judd_status check_id(const judd_dataset *dataset, int64_t id) {
    if (id >= 0 && id < dataset->info.n_samples) return JUDD_OK;
    return judd_status_set(JUDD_E_INTERNAL, "sample %lld asked for, has 0 .. %lld", (long long)id,
                           (long long)dataset->info.n_samples - 1);
}

judd_status judd_dataset_text(const judd_dataset *dataset, int64_t id, const char **text,
                              int64_t *bytes) {
    judd_status status = check_id(dataset, id);
    if (status == JUDD_OK && !dataset->ops->text)
        status = judd_status_set(JUDD_E_INTERNAL, "a text asked for, but the samples are none");
    if (status != JUDD_OK) return status;
    *text = dataset->ops->text(dataset->reader, id);
    *bytes = dataset->ops->size(dataset->reader, id);
    return JUDD_OK;
}

judd_status judd_dataset_read(judd_dataset *dataset, const int64_t *ids, int64_t n,
                              uint8_t *bytes) {
    for (int64_t i = 0; i < n; i++) {
        judd_status status = check_id(dataset, ids[i]);
        if (status == JUDD_OK) status = dataset->ops->read(dataset->reader, ids[i], bytes);
        if (status != JUDD_OK) return status;
        bytes += judd_dataset_size(dataset, ids[i]);
    }
    return JUDD_OK;
}

/* [channels, plane] -> [plane, channels] */
static judd_status interleave(judd_image *image, const uint8_t *planes,
                              const judd_dataset_info *info) {
    int c = info->channels;
    int64_t plane = (int64_t)info->height * info->width;
    judd_status status = judd_image_shape(image, info->height, info->width, c);
    if (status != JUDD_OK) return status;
    if (c == 1 || info->channels_last)
        memcpy(image->pixels, planes, (size_t)(c * plane));
    else
        for (int64_t k = 0; k < plane; k++)
            for (int j = 0; j < c; j++) image->pixels[k * c + j] = planes[j * plane + k];
    return JUDD_OK;
}

static judd_status decode(judd_image *image, const judd_dataset *dataset, int64_t id,
                          const uint8_t *bytes) {
    judd_status status = judd_image_decode_reduced(image, bytes, judd_dataset_size(dataset, id),
                                                   dataset->info.dct_side, NULL);
    if (status == JUDD_OK) return JUDD_OK;
    char *place = NULL;
    char message[JUDD_MESSAGE_SIZE];
    strcpy(message, judd_status_message());
    judd_status named = dataset->ops->place(&place, dataset->reader, id);
    if (named == JUDD_OK) status = judd_status_set(status, "%s: %s", place, message);
    free(place);
    return named == JUDD_OK ? status : named;
}

judd_status judd_dataset_decode(const judd_dataset *dataset, int64_t id, const uint8_t *bytes,
                                judd_image *image) {
    if (dataset->info.text)
        return judd_status_set(JUDD_E_CONFIG,
                               "the samples are texts, of which there is no picture");
    return dataset->info.encoded ? decode(image, dataset, id, bytes)
                                 : interleave(image, bytes, &dataset->info);
}

judd_status judd_dataset_image(judd_dataset *dataset, int64_t id, judd_image *image) {
    judd_status status = JUDD_OK;
    int64_t n = judd_dataset_size(dataset, id);
    if (n > dataset->capacity) {
        free(dataset->bytes);
        dataset->bytes = NULL;
        dataset->capacity = 0;
        JUDD_TRY(judd_memory_alloc(&dataset->bytes, n, 1));
        dataset->capacity = n;
    }
    JUDD_TRY(judd_dataset_read(dataset, &id, 1, dataset->bytes));
    JUDD_TRY(judd_dataset_decode(dataset, id, dataset->bytes, image));
done:
    return status;
}

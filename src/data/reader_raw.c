#include "data/reader_raw.h"

#include "data/look.h"
#include "data/look_packed.h"

#include <stdlib.h>

typedef judd_status (*look_function)(judd_raw_plan *plan, judd_label_set *labels,
                                     const judd_dataset_options *options);

static void raw_close(void *reader) {
    judd_raw_array_destroy(reader);
}

static void fill_info(judd_dataset_info *info, const judd_raw_array *array) {
    const judd_raw_shape *s = judd_raw_array_shape(array);
    info->n_samples = judd_raw_array_count(array);
    info->channels = s->channels;
    info->height = s->height;
    info->width = s->width;
    info->channels_last = s->channels_last;
    info->feature_dim = s->dim;
    if (s->dim == 0) return;
    info->channels = (int)sizeof(float);
    info->height = 1;
    info->width = (int)s->dim;
    info->channels_last = true;
}

/* Rank 0's part of open. */
static judd_status look_and_compare(judd_raw_plan *plan, judd_label_set *labels, look_function look,
                                    const judd_dataset_options *options) {
    int64_t n = 0;
    judd_status status = look(plan, labels, options);
    if (status != JUDD_OK) return status;
    for (int64_t i = 0; i < plan->n_pieces; i++) n += plan->pieces[i].n;
    if (options->task == JUDD_NO_TASK && !labels->labels)
        return judd_label_set_create(labels, n, 0);
    if (n == labels->n) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA,
                           "%s: %lld samples, but %lld labels; name files that belong together",
                           options->images, (long long)n, (long long)labels->n);
}

static judd_status raw_open(void **reader, judd_dataset_info *info, judd_label_set *labels,
                            const judd_dataset_options *options, const judd_comm *comm,
                            look_function look) {
    judd_status status = JUDD_OK;
    judd_raw_array *array = NULL;
    judd_raw_plan plan = {0};
    if (comm->rank == 0) status = look_and_compare(&plan, labels, look, options);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_raw_array_create(&array, comm, &plan));
    JUDD_TRY(judd_raw_array_identify(array, info->sha256));
    fill_info(info, array);
    *reader = array;
    array = NULL;
done:
    judd_raw_plan_free(&plan);
    judd_raw_array_destroy(array);
    return status;
}

#define OPEN(name, look)                                                                           \
    static judd_status name(void **reader, judd_dataset_info *info, judd_label_set *labels,        \
                            const judd_dataset_options *options, const judd_comm *comm) {          \
        return raw_open(reader, info, labels, options, comm, look);                                \
    }
OPEN(open_cifar10, judd_look_cifar10)
OPEN(open_cifar100, judd_look_cifar100)
OPEN(open_npy, judd_look_npy)
OPEN(open_hdf5, judd_look_hdf5)
OPEN(open_packed, judd_look_packed_array)

static judd_status raw_load(void *reader, const judd_comm *comm) {
    (void)reader;
    (void)comm;
    return JUDD_OK;
}

static judd_status raw_stage(void *reader) {
    return judd_raw_array_stage(reader);
}

static int64_t raw_size(const void *reader, int64_t id) {
    (void)id;
    return judd_raw_shape_size(judd_raw_array_shape(reader));
}

static judd_status raw_read(void *reader, int64_t id, uint8_t *bytes) {
    return judd_raw_array_read(reader, id, bytes);
}

/* Of the bytes in the file: features may be converted on the way. */
static uint64_t raw_check(const void *reader, int64_t id) {
    return judd_raw_array_check(reader, id);
}

static judd_status raw_place(char **place, const void *reader, int64_t id) {
    return judd_raw_array_place(place, reader, id);
}

#define READER(name, open_function, labels_needed)                                                 \
    {                                                                                              \
        .format = name, .needs_labels = labels_needed, .open = open_function, .load = raw_load,    \
        .stage = raw_stage, .size = raw_size, .read = raw_read, .check = raw_check,                \
        .place = raw_place, .close = raw_close                                                     \
    }
const judd_reader_ops judd_reader_cifar10 = READER("cifar10", open_cifar10, false);
const judd_reader_ops judd_reader_cifar100 = READER("cifar100", open_cifar100, false);
const judd_reader_ops judd_reader_npy = READER("npy", open_npy, true);
const judd_reader_ops judd_reader_hdf5 = READER("hdf5", open_hdf5, false);
const judd_reader_ops judd_reader_packed_raw = READER("packed", open_packed, false);

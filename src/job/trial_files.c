#include "job/trial_files.h"

#include <judd/base/hash.h>
#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef judd_status (*writer)(hid_t file, const void *context);

/* Create path.tmp, fill it, rename. */
static judd_status write_file(const char *folder, const char *kind, const char *trial, writer fill,
                              const void *context) {
    judd_status status = JUDD_OK;
    char *path = NULL, *temporary = NULL;
    hid_t file = 0;
    JUDD_TRY(judd_memory_format(&path, "%s/%s/%s.h5", folder, kind, trial));
    JUDD_TRY(judd_memory_format(&temporary, "%s.tmp", path));
    JUDD_TRY(judd_h5_create(&file, temporary));
    status = fill(file, context);
    judd_status closed = judd_h5_close(file, temporary);
    JUDD_TRY(status);
    JUDD_TRY(closed);
    JUDD_TRY(judd_atomic_file_commit(temporary, path));
done:
    if (status != JUDD_OK && temporary) unlink(temporary);
    free(path);
    free(temporary);
    return status;
}

static judd_status put(hid_t file, const char *name, hid_t file_type, hid_t memory_type, int rank,
                       const int64_t *dims, const char *description, const void *data) {
    judd_status status = judd_h5_create_dataset(file, name, file_type, rank, dims, description);
    return status == JUDD_OK ? judd_h5_write(file, name, memory_type, data) : status;
}

static judd_status put_floats(hid_t file, const char *name, int rank, const int64_t *dims,
                              const char *description, const float *data) {
    return put(file, name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, rank, dims, description, data);
}

static judd_status fill_head(hid_t file, const void *context) {
    judd_status status = JUDD_OK;
    const judd_trial_head *h = context;
    int64_t dims[2] = {h->n_classes, h->standard->dim}, dim = h->standard->dim, n = h->train->n;
    JUDD_TRY(judd_h5_set_string(file, "/", "title",
                                "Judd head: logits = weight ((x - feature_mean) * feature_scale) + "
                                "bias"));
    JUDD_TRY(judd_h5_set_int(file, "/", "schema", 1));
    JUDD_TRY(judd_h5_set_string(file, "/", "kind", "softmax"));
    JUDD_TRY(judd_h5_set_string(file, "/", "job", h->job_name));
    JUDD_TRY(judd_h5_set_string(file, "/", "backbone_key", h->backbone_key));
    JUDD_TRY(judd_h5_set_double(file, "/", "learning_rate", h->learning_rate));
    JUDD_TRY(judd_h5_set_double(file, "/", "l2", h->l2));
    JUDD_TRY(put_floats(file, "weight", 2, dims, "[classes, features]", h->weight));
    JUDD_TRY(put_floats(file, "bias", 1, dims, "[classes]", h->bias));
    JUDD_TRY(
        put_floats(file, "feature_mean", 1, &dim, "of the training features", h->standard->mean));
    JUDD_TRY(put_floats(file, "feature_scale", 1, &dim, "1 / deviation of the training features",
                        h->standard->scale));
    JUDD_TRY(judd_h5_write_strings(file, "class_names", h->class_names, h->n_classes,
                                   "in the order of the rows of weight"));
    JUDD_TRY(put(file, "train_ids", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, &n,
                 "samples of the training files", h->train->ids));
    JUDD_TRY(put(file, "train_labels", H5T_STD_I32LE, H5T_NATIVE_INT32, 1, &n,
                 "their classes, as rows of weight", h->train->labels));
done:
    return status;
}

judd_status judd_trial_files_write_head(const char *folder, const char *trial,
                                        const judd_trial_head *head) {
    return write_file(folder, "heads", trial, fill_head, head);
}

typedef struct predictions {
    const judd_task_samples *test;
    const int32_t *predicted;
} predictions;

static judd_status fill_predictions(hid_t file, const void *context) {
    judd_status status = JUDD_OK;
    const predictions *p = context;
    int64_t n = p->test->n;
    JUDD_TRY(judd_h5_set_string(file, "/", "title", "Judd test predictions"));
    JUDD_TRY(judd_h5_set_int(file, "/", "schema", 1));
    JUDD_TRY(put(file, "sample_id", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, &n,
                 "samples of the test files", p->test->ids));
    JUDD_TRY(
        put(file, "label", H5T_STD_I32LE, H5T_NATIVE_INT32, 1, &n, "true class", p->test->labels));
    JUDD_TRY(put(file, "predicted", H5T_STD_I32LE, H5T_NATIVE_INT32, 1, &n, "predicted class",
                 p->predicted));
done:
    return status;
}

judd_status judd_trial_files_write_predictions(const char *folder, const char *trial,
                                               const judd_task_samples *test,
                                               const int32_t *predicted) {
    predictions p = {test, predicted};
    return write_file(folder, "predictions", trial, fill_predictions, &p);
}

judd_status judd_trial_files_read_correct(uint8_t **correct, int64_t *n, const char *folder,
                                          const char *trial) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    hid_t file = 0;
    int32_t *label = NULL, *predicted = NULL;
    uint8_t *flags = NULL;
    int64_t n_label = 0;
    JUDD_TRY(judd_memory_format(&path, "%s/predictions/%s.h5", folder, trial));
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(judd_h5_dims(file, "predicted", 1, n));
    JUDD_TRY(judd_h5_dims(file, "label", 1, &n_label));
    if (*n != n_label || *n < 1) JUDD_FAIL(JUDD_E_DATA, "%s: labels and predictions differ", path);
    JUDD_TRY(judd_memory_alloc(&label, *n, sizeof *label));
    JUDD_TRY(judd_memory_alloc(&predicted, *n, sizeof *predicted));
    JUDD_TRY(judd_memory_alloc(&flags, *n, 1));
    JUDD_TRY(judd_h5_read(file, "label", H5T_NATIVE_INT32, label));
    JUDD_TRY(judd_h5_read(file, "predicted", H5T_NATIVE_INT32, predicted));
    for (int64_t i = 0; i < *n; i++) flags[i] = label[i] == predicted[i];
    *correct = flags;
    flags = NULL;
done:
    if (file > 0) (void)judd_h5_close(file, path);
    free(path);
    free(label);
    free(predicted);
    free(flags);
    return status;
}

bool judd_trial_files_sound(const char *folder, const char *trial) {
    uint8_t *correct = NULL;
    char *path = NULL;
    int64_t n = 0;
    hid_t file = 0;
    bool sound = judd_trial_files_read_correct(&correct, &n, folder, trial) == JUDD_OK &&
                 judd_memory_format(&path, "%s/heads/%s.h5", folder, trial) == JUDD_OK &&
                 judd_h5_open_read(&file, path) == JUDD_OK && judd_h5_exists(file, "weight");
    if (file > 0) (void)judd_h5_close(file, path);
    free(correct);
    free(path);
    return sound;
}

judd_status judd_trial_files_head_hash(char hex[65], const float *weight, const float *bias,
                                       int n_classes, int64_t dim) {
    judd_hash *hash = NULL;
    judd_status status = judd_hash_create(&hash);
    if (status != JUDD_OK) return status;
    judd_hash_add(hash, weight, (size_t)(n_classes * dim) * sizeof *weight);
    judd_hash_add(hash, bias, (size_t)n_classes * sizeof *bias);
    judd_hash_finish(hash, hex);
    judd_hash_destroy(hash);
    return JUDD_OK;
}

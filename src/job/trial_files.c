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

/* "weight" and "bias" of a single layer, "layer0_weight", ... of several. */
static const char *name_of(const judd_bank *model, const judd_parameter *p) {
    return model->n_layers > 1 ? p->name : p->name + strlen("layer0_");
}

/* Every tensor, and their names in the order in which they are hashed. */
static judd_status put_model(hid_t file, const judd_bank *model) {
    judd_status status = JUDD_OK;
    const char *names[JUDD_BANK_MAX_PARAMETERS];
    for (int k = 0; k < model->n_parameters; k++) {
        const judd_parameter *p = &model->parameters[k];
        int64_t dims[2] = {p->rows, p->columns};
        names[k] = name_of(model, p);
        JUDD_TRY(put_floats(file, names[k], p->columns > 1 ? 2 : 1, dims,
                            p->columns > 1 ? "[outputs, inputs]" : "[outputs]", p->value));
    }
    JUDD_TRY(judd_h5_write_strings(file, "parameters", names, model->n_parameters,
                                   "tensors of the head, in the order of its sha256"));
done:
    return status;
}

/* Numbers and texts of a record as attributes. */
static judd_status put_hyper(hid_t file, const json_t *hyper) {
    judd_status status = JUDD_OK;
    const char *key;
    const json_t *value;
    json_object_foreach((json_t *)hyper, key, value) {
        if (json_is_real(value))
            JUDD_TRY(judd_h5_set_double(file, "/", key, json_real_value(value)));
        else if (json_is_integer(value) || json_is_boolean(value))
            JUDD_TRY(judd_h5_set_int(file, "/", key,
                                     json_is_integer(value) ? json_integer_value(value)
                                                            : json_is_true(value)));
        else if (json_is_string(value))
            JUDD_TRY(judd_h5_set_string(file, "/", key, json_string_value(value)));
    }
done:
    return status;
}

static judd_status fill_head(hid_t file, const void *context) {
    judd_status status = JUDD_OK;
    const judd_trial_head *h = context;
    const judd_standard *standard = &h->map->standard;
    int64_t dim = standard->dim, n = h->train->n;
    JUDD_TRY(judd_h5_set_string(file, "/", "title",
                                "Judd head: scores = weight ((x - feature_mean) * feature_scale) + "
                                "bias"));
    JUDD_TRY(judd_h5_set_int(file, "/", "schema", 1));
    JUDD_TRY(judd_h5_set_string(file, "/", "kind", h->kind));
    JUDD_TRY(judd_h5_set_string(file, "/", "job", h->job_name));
    JUDD_TRY(judd_h5_set_string(file, "/", "backbone_key", h->backbone_key));
    JUDD_TRY(put_hyper(file, h->hyper));
    JUDD_TRY(put_model(file, h->model));
    JUDD_TRY(put_floats(file, "feature_mean", 1, &dim, "of the training features", standard->mean));
    JUDD_TRY(put_floats(file, "feature_scale", 1, &dim, "1 / deviation of the training features",
                        standard->scale));
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

/* SHA-256 over the three arrays: a verdict never rests on a flipped bit. */
static judd_status hash_predictions(char hex[JUDD_SHA256_HEX], const int64_t *ids,
                                    const int32_t *labels, const int32_t *predicted, int64_t n) {
    judd_hash *hash = NULL;
    judd_status status = judd_hash_create(&hash);
    if (status != JUDD_OK) return status;
    judd_hash_add(hash, ids, (size_t)n * sizeof *ids);
    judd_hash_add(hash, labels, (size_t)n * sizeof *labels);
    judd_hash_add(hash, predicted, (size_t)n * sizeof *predicted);
    judd_hash_finish(hash, hex);
    judd_hash_destroy(hash);
    return JUDD_OK;
}

static judd_status fill_predictions(hid_t file, const void *context) {
    judd_status status = JUDD_OK;
    const predictions *p = context;
    int64_t n = p->test->n;
    char hex[JUDD_SHA256_HEX];
    JUDD_TRY(hash_predictions(hex, p->test->ids, p->test->labels, p->predicted, n));
    JUDD_TRY(judd_h5_set_string(file, "/", "title", "Judd test predictions"));
    JUDD_TRY(judd_h5_set_int(file, "/", "schema", 1));
    JUDD_TRY(judd_h5_set_string(file, "/", "sha256", hex)); /* of sample_id, label, predicted */
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

typedef struct stored_predictions {
    int64_t n, *ids;
    int32_t *label, *predicted;
    char *sha256;
} stored_predictions;

static void free_predictions(stored_predictions *p) {
    free(p->ids);
    free(p->label);
    free(p->predicted);
    free(p->sha256);
}

static judd_status read_predictions(stored_predictions *p, hid_t file) {
    judd_status status = JUDD_OK;
    int64_t n_label = 0, n_ids = 0;
    JUDD_TRY(judd_h5_get_string(file, "/", "sha256", &p->sha256));
    JUDD_TRY(judd_h5_dims(file, "predicted", 1, &p->n));
    JUDD_TRY(judd_h5_dims(file, "label", 1, &n_label));
    JUDD_TRY(judd_h5_dims(file, "sample_id", 1, &n_ids));
    if (p->n != n_label || p->n != n_ids || p->n < 1)
        JUDD_FAIL(JUDD_E_DATA, "samples, labels and predictions differ in number");
    JUDD_TRY(judd_memory_alloc(&p->ids, p->n, sizeof *p->ids));
    JUDD_TRY(judd_memory_alloc(&p->label, p->n, sizeof *p->label));
    JUDD_TRY(judd_memory_alloc(&p->predicted, p->n, sizeof *p->predicted));
    JUDD_TRY(judd_h5_read(file, "sample_id", H5T_NATIVE_INT64, p->ids));
    JUDD_TRY(judd_h5_read(file, "label", H5T_NATIVE_INT32, p->label));
    JUDD_TRY(judd_h5_read(file, "predicted", H5T_NATIVE_INT32, p->predicted));
done:
    return status;
}

judd_status judd_trial_files_read_correct(uint8_t **correct, int64_t *n, const char *folder,
                                          const char *trial) {
    judd_status status = JUDD_OK;
    char *path = NULL, hex[JUDD_SHA256_HEX];
    hid_t file = 0;
    stored_predictions p = {0};
    uint8_t *flags = NULL;
    JUDD_TRY(judd_memory_format(&path, "%s/predictions/%s.h5", folder, trial));
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(judd_status_context(read_predictions(&p, file), "%s", path));
    JUDD_TRY(hash_predictions(hex, p.ids, p.label, p.predicted, p.n));
    if (strcmp(hex, p.sha256) != 0)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: damaged: its sha256 is another; delete it, and COMPLETED, and "
                  "run again",
                  path);
    JUDD_TRY(judd_memory_alloc(&flags, p.n, 1));
    for (int64_t i = 0; i < p.n; i++) flags[i] = p.label[i] == p.predicted[i];
    *n = p.n;
    *correct = flags;
done:
    if (file > 0) (void)judd_h5_close(file, path);
    free(path);
    free_predictions(&p);
    return status;
}

static judd_status hash_tensor(judd_hash *hash, hid_t file, const char *name) {
    judd_status status = JUDD_OK;
    float *value = NULL;
    int64_t dims[2] = {0, 1};
    if (judd_h5_dims(file, name, 1, dims) != JUDD_OK) JUDD_TRY(judd_h5_dims(file, name, 2, dims));
    JUDD_TRY(judd_memory_alloc(&value, dims[0] * dims[1], sizeof *value));
    JUDD_TRY(judd_h5_read(file, name, H5T_NATIVE_FLOAT, value));
    judd_hash_add(hash, value, (size_t)(dims[0] * dims[1]) * sizeof *value);
done:
    free(value);
    return status;
}

/* SHA-256 of the head in the file, as judd_bank_hash. */
static judd_status hash_head_file(char hex[JUDD_SHA256_HEX], const char *folder,
                                  const char *trial) {
    judd_status status = JUDD_OK;
    judd_hash *hash = NULL;
    char *path = NULL, **names = NULL;
    hid_t file = 0;
    int64_t n = 0;
    JUDD_TRY(judd_memory_format(&path, "%s/heads/%s.h5", folder, trial));
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(judd_hash_create(&hash));
    JUDD_TRY(judd_h5_read_strings(file, "parameters", &names, &n));
    for (int64_t k = 0; k < n; k++)
        JUDD_TRY(judd_status_context(hash_tensor(hash, file, names[k]), "%s", path));
    judd_hash_finish(hash, hex);
done:
    if (file > 0) (void)judd_h5_close(file, path);
    judd_hash_destroy(hash);
    free(names);
    free(path);
    return status;
}

bool judd_trial_files_sound(const char *folder, const char *trial, const char *head_sha256) {
    uint8_t *correct = NULL;
    char hex[JUDD_SHA256_HEX];
    int64_t n = 0;
    bool sound = judd_trial_files_read_correct(&correct, &n, folder, trial) == JUDD_OK;
    if (sound && head_sha256[0])
        sound = hash_head_file(hex, folder, trial) == JUDD_OK && strcmp(hex, head_sha256) == 0;
    free(correct);
    return sound;
}

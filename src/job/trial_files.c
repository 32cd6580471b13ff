#include "job/trial_files.h"

#include "job/predictions.h"

#include <judd/base/hash.h>
#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What reached the file is what its checks say: a write may be lost and report success. */
static judd_status read_again(const char *path) {
    hid_t file = 0;
    judd_status status = judd_h5_open_read(&file, path);
    if (status != JUDD_OK) return status;
    status = judd_h5_check(file, path);
    (void)judd_h5_close(file, path);
    return status;
}

/* Create path.tmp, fill it, compare, rename. */
judd_status judd_trial_files_write(const char *folder, const char *kind, const char *trial,
                                   judd_status (*fill)(hid_t file, const void *context),
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
    JUDD_TRY(read_again(temporary));
    JUDD_TRY(judd_atomic_file_commit(temporary, path));
done:
    if (status != JUDD_OK && temporary) unlink(temporary);
    free(path);
    free(temporary);
    return status;
}

static judd_status put_floats(hid_t file, const char *name, int rank, const int64_t *dims,
                              const char *description, const float *data) {
    return judd_h5_put(file, name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, rank, dims, description, data);
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

/* x' becomes feature_projection x' + feature_offset before the weights take it. */
static judd_status put_projection(hid_t file, const judd_feature_map *map) {
    const int64_t dims[2] = {map->dim, map->standard.dim};
    judd_status status =
        put_floats(file, "feature_projection", 2, dims,
                   "[components, features], of standardised features", map->projection);
    return status == JUDD_OK ? put_floats(file, "feature_offset", 1, dims,
                                          "[components], added to the projection", map->offset)
                             : status;
}

/* What a head learned from, or was picked by. */
static judd_status put_samples(hid_t file, const char *ids, const char *labels, const char *targets,
                               const judd_task_samples *s) {
    judd_status status = JUDD_OK;
    int64_t dims[2] = {s->n, s->n_targets};
    JUDD_TRY(judd_h5_put(file, ids, H5T_STD_I64LE, H5T_NATIVE_INT64, 1, dims,
                         "samples of the training or validation files", s->ids));
    if (s->targets)
        JUDD_TRY(put_floats(file, targets, 2, dims, "their targets", s->targets));
    else
        JUDD_TRY(judd_h5_put(file, labels, H5T_STD_I32LE, H5T_NATIVE_INT32, 1, dims,
                             "their classes, as rows of weight", s->labels));
done:
    return status;
}

static judd_status fill_head(hid_t file, const void *context) {
    judd_status status = JUDD_OK;
    const judd_trial_head *h = context;
    const judd_standard *standard = &h->map->standard;
    int64_t dim = standard->dim;
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
    if (h->map->projection) JUDD_TRY(put_projection(file, h->map));
    JUDD_TRY(judd_h5_write_strings(file, "class_names", h->class_names, h->n_classes,
                                   "in the order of the rows of weight"));
    JUDD_TRY(judd_h5_set_int(file, "/", "refit", h->refit));
    JUDD_TRY(put_samples(file, "train_ids", "train_labels", "train_targets", h->train));
    if (h->validation->n > 0)
        JUDD_TRY(put_samples(file, "validation_ids", "validation_labels", "validation_targets",
                             h->validation));
done:
    return status;
}

judd_status judd_trial_files_write_head(const char *folder, const char *trial,
                                        const judd_trial_head *head) {
    return judd_trial_files_write(folder, "heads", trial, fill_head, head);
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
judd_status judd_trial_files_hash_head(char hex[65], const char *folder, const char *trial) {
    judd_status status = JUDD_OK;
    judd_hash *hash = NULL;
    char *path = NULL, **names = NULL;
    hid_t file = 0;
    int64_t n = 0;
    JUDD_TRY(judd_memory_format(&path, "%s/heads/%s.h5", folder, trial));
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(judd_h5_check(file, path)); /* also what the hash does not cover */
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

/* ---- reading a head back ------------------------------------------------------------------------
 */

enum { MOST_WIDE = 1 << 24 }; /* features or outputs that a file may claim */

static judd_status check_dims(hid_t file, const char *name, int rank, const int64_t *expected) {
    judd_status status = JUDD_OK;
    int64_t dims[2];
    JUDD_TRY(judd_h5_dims(file, name, rank, dims));
    for (int k = 0; k < rank; k++)
        if (dims[k] != expected[k])
            JUDD_FAIL(JUDD_E_DATA, "%s has %lld numbers a side where %lld are needed", name,
                      (long long)dims[k], (long long)expected[k]);
done:
    return status;
}

static judd_status read_floats(float **out, hid_t file, const char *name, int rank,
                               const int64_t *dims) {
    judd_status status = JUDD_OK;
    float *data = NULL;
    JUDD_TRY(check_dims(file, name, rank, dims));
    JUDD_TRY(judd_memory_alloc(&data, dims[0] * (rank > 1 ? dims[1] : 1), sizeof *data));
    JUDD_TRY(judd_h5_read(file, name, H5T_NATIVE_FLOAT, data));
    *out = data;
    data = NULL;
done:
    free(data);
    return status;
}

static judd_status read_map(judd_feature_map *map, hid_t file) {
    judd_status status = JUDD_OK;
    int64_t dims[2];
    JUDD_TRY(judd_h5_dims(file, "feature_mean", 1, dims));
    map->dim = map->standard.dim = dims[0];
    JUDD_TRY(read_floats(&map->standard.mean, file, "feature_mean", 1, dims));
    JUDD_TRY(read_floats(&map->standard.scale, file, "feature_scale", 1, dims));
    if (!judd_h5_exists(file, "feature_projection")) goto done;
    JUDD_TRY(judd_h5_dims(file, "feature_projection", 2, dims));
    dims[1] = map->standard.dim;
    JUDD_TRY(read_floats(&map->projection, file, "feature_projection", 2, dims));
    map->dim = dims[0];
    JUDD_TRY(read_floats(&map->offset, file, "feature_offset", 1, dims));
done:
    return status;
}

/* The layers that the tensors of the file make. */
static judd_status read_options(judd_bank_options *o, hid_t file, char *const *names, int64_t n) {
    judd_status status = JUDD_OK;
    char *activation = NULL;
    int layers = 0;
    for (int64_t k = 0; k < n; k++) {
        int64_t dims[2];
        size_t length = strlen(names[k]);
        if (length < 6 || strcmp(names[k] + length - 6, "weight") != 0) continue;
        JUDD_TRY(judd_h5_dims(file, names[k], 2, dims));
        if (layers == JUDD_BANK_MAX_LAYERS || dims[0] < 1 || dims[0] > MOST_WIDE)
            JUDD_FAIL(JUDD_E_DATA, "%s: no layer of ours", names[k]);
        if (layers > 0) o->hidden[layers - 1] = o->n_outputs;
        o->n_outputs = (int)dims[0];
        layers++;
    }
    if (layers == 0) JUDD_FAIL(JUDD_E_DATA, "no layer in it");
    o->n_hidden = layers - 1;
    o->layer_norm = judd_h5_exists(file, "layer0_gain");
    if (o->n_hidden == 0) goto done;
    JUDD_TRY(judd_h5_get_string(file, "/", "activation", &activation));
    if (strcmp(activation, "gelu") == 0) o->activation = JUDD_ACTIVATION_GELU;
done:
    free(activation);
    return status;
}

static judd_status read_model(judd_bank **out, hid_t file, int64_t dim) {
    judd_status status = JUDD_OK;
    static const judd_bank_head head = {.held_out = -1};
    judd_bank_options o = {.n_heads = 1, .heads = &head};
    judd_bank *bank = NULL;
    char **names = NULL;
    int64_t n = 0;
    JUDD_TRY(judd_h5_read_strings(file, "parameters", &names, &n));
    JUDD_TRY(read_options(&o, file, names, n));
    JUDD_TRY(judd_bank_create(&bank, dim, &o));
    if (n != bank->n_parameters) JUDD_FAIL(JUDD_E_DATA, "its tensors are no head of ours");
    for (int k = 0; k < bank->n_parameters; k++) {
        judd_parameter *p = &bank->parameters[k];
        const int64_t dims[2] = {p->rows, p->columns};
        JUDD_TRY(check_dims(file, name_of(bank, p), p->columns > 1 ? 2 : 1, dims));
        JUDD_TRY(judd_h5_read(file, name_of(bank, p), H5T_NATIVE_FLOAT, p->value));
    }
    *out = bank;
    bank = NULL;
done:
    judd_bank_destroy(bank);
    free(names);
    return status;
}

static judd_status read_about(judd_trial_model *m, hid_t file) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_h5_get_string(file, "/", "kind", &m->kind));
    JUDD_TRY(judd_h5_get_string(file, "/", "backbone_key", &m->backbone_key));
    JUDD_TRY(judd_h5_read_strings(file, "class_names", &m->names, &m->n_names));
    m->has_targets = judd_h5_exists(file, "train_targets");
done:
    return status;
}

judd_status judd_trial_files_read_model(judd_trial_model *out, const char *path) {
    judd_status status = JUDD_OK;
    judd_trial_model m = {0};
    hid_t file = 0;
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(judd_status_context(read_map(&m.map, file), "%s", path));
    JUDD_TRY(judd_status_context(read_model(&m.model, file, m.map.dim), "%s", path));
    JUDD_TRY(judd_status_context(read_about(&m, file), "%s", path));
    *out = m;
    m = (judd_trial_model){0};
done:
    if (file > 0) (void)judd_h5_close(file, path);
    judd_trial_model_free(&m);
    return status;
}

judd_status judd_trial_files_read_head(judd_trial_model *out, const char *folder,
                                       const char *trial) {
    char *path = NULL;
    judd_status status = judd_memory_format(&path, "%s/heads/%s.h5", folder, trial);
    if (status == JUDD_OK) status = judd_trial_files_read_model(out, path);
    free(path);
    return status;
}

void judd_trial_model_free(judd_trial_model *m) {
    judd_bank_destroy(m->model);
    judd_feature_map_free(&m->map);
    free(m->kind);
    free(m->backbone_key);
    free(m->names);
    *m = (judd_trial_model){0};
}

bool judd_trial_files_sound(const char *folder, const char *trial, const char *head_sha256) {
    char hex[JUDD_SHA256_HEX];
    if (!judd_predictions_sound(folder, trial)) return false;
    return !head_sha256[0] || (judd_trial_files_hash_head(hex, folder, trial) == JUDD_OK &&
                               strcmp(hex, head_sha256) == 0);
}

judd_status judd_trial_files_remove(const char *folder, const char *trial) {
    static const char *const kinds[] = {"heads", "predictions"};
    judd_status status = JUDD_OK;
    for (int k = 0; status == JUDD_OK && k < 2; k++) {
        char *path = NULL;
        status = judd_memory_format(&path, "%s/%s/%s.h5", folder, kinds[k], trial);
        if (status == JUDD_OK) status = judd_atomic_file_remove(path);
        free(path);
    }
    return status;
}

#include "cli/init_data.h"

#include <judd/base/memory.h>
#include <judd/image/header.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEASURED = 500 }; /* images whose colours are measured */

/* ---- files --------------------------------------------------------------------------------------
 */

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

static bool is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* folder/name if it exists, else NULL. */
static judd_status in_folder(char **path, const char *folder, const char *name) {
    size_t n = strlen(folder);
    judd_status status =
        judd_memory_format(path, "%s%s%s", folder, n > 0 && folder[n - 1] == '/' ? "" : "/", name);
    if (status != JUDD_OK || exists(*path)) return status;
    free(*path);
    *path = NULL;
    return JUDD_OK;
}

/* The first of several names that exists in a folder, else NULL. */
static judd_status first_in_folder(char **path, const char *folder, const char *const *names) {
    judd_status status = JUDD_OK;
    for (*path = NULL; status == JUDD_OK && !*path && *names; names++)
        status = in_folder(path, folder, *names);
    return status;
}

/* *path with `word` in its last component replaced by `other`; unchanged without it. */
static judd_status replace(char **path, const char *word, const char *other) {
    char *slash = strrchr(*path, '/'), *at = strstr(slash ? slash + 1 : *path, word), *made = NULL;
    if (!at) return JUDD_OK;
    judd_status status =
        judd_memory_format(&made, "%.*s%s%s", (int)(at - *path), *path, other, at + strlen(word));
    if (status != JUDD_OK) return status;
    free(*path);
    *path = made;
    return JUDD_OK;
}

/* The labels file that belongs to images or features by its name, else NULL. */
static judd_status find_labels(char **labels, const char *samples) {
    static const char *const pairs[][2] = {{"images", "labels"}, {"features", "labels"},
                                           {"idx3", "idx1"},     {"texts", "labels"},
                                           {"X_", "y_"},         {"x_", "y_"}};
    judd_status status = JUDD_OK;
    char *path = NULL;
    JUDD_TRY(judd_memory_string(&path, samples));
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        JUDD_TRY(replace(&path, pairs[i][0], pairs[i][1]));
    if (strcmp(path, samples) != 0 && exists(path)) {
        *labels = path;
        path = NULL;
    }
done:
    free(path);
    return status;
}

/* The file whose name differs by one of `words` where this one's says "train", else NULL. */
static judd_status find_other(char **other, const char *train, const char *const *words) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    for (*other = NULL; *words && !*other; words++) {
        JUDD_TRY(judd_memory_string(&path, train));
        JUDD_TRY(replace(&path, "train", *words));
        if (strcmp(path, train) != 0 && exists(path)) {
            *other = path;
            path = NULL;
        }
        free(path);
        path = NULL;
    }
done:
    free(path);
    return status;
}

/* A folder may hold the files of all splits. */
static judd_status look_into(judd_init_data *d, const char *path) {
    static const char *const idx[] = {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz",
                                      "train-images.idx3-ubyte", NULL},
                             *const train[] = {"train", "training", NULL},
                             *const test[] = {"test", "testing", "test_batch.bin", "test.bin",
                                              NULL},
                             *const validation[] = {"validation", "valid", "val", NULL};
    judd_status status = JUDD_OK;
    if (!is_folder(path)) goto done;
    JUDD_TRY(first_in_folder(&d->train.samples, path, idx));
    if (d->train.samples) goto done;
    JUDD_TRY(first_in_folder(&d->train.samples, path, train));
    char format[JUDD_DATASET_FORMAT] = "";
    bool cifar = !d->train.samples && judd_dataset_recognised(path, format) &&
                 strncmp(format, "cifar", 5) == 0;
    if (d->train.samples || cifar) JUDD_TRY(first_in_folder(&d->test.samples, path, test));
    if (d->train.samples) JUDD_TRY(first_in_folder(&d->validation.samples, path, validation));
done:
    return status;
}

/* What was typed comes first, then what names say. */
static judd_status find_files(judd_init_data *d, const judd_dataset_argument *a, const char *test,
                              const char *test_labels) {
    static const char *const tests[] = {"test", "t10k", NULL}, *const validations[] = {
                                                                   "validation", "valid", "val",
                                                                   "dev", NULL};
    judd_status status = JUDD_OK;
    char format[JUDD_DATASET_FORMAT] = "";
    JUDD_TRY(look_into(d, a->text));
    if (!d->train.samples) JUDD_TRY(judd_memory_string(&d->train.samples, a->text));
    if (test) {
        free(d->test.samples);
        d->test.samples = NULL;
        JUDD_TRY(judd_memory_string(&d->test.samples, test));
    }
    if (!d->test.samples) JUDD_TRY(find_other(&d->test.samples, d->train.samples, tests));
    if (!d->validation.samples)
        JUDD_TRY(find_other(&d->validation.samples, d->train.samples, validations));
    if (!d->test.samples) { /* who has one more set only tests by it */
        d->test.samples = d->validation.samples;
        d->validation.samples = NULL;
    }
    if (a->options.format)
        snprintf(format, sizeof format, "%s", a->options.format);
    else
        (void)judd_dataset_recognised(d->train.samples, format);
    JUDD_TRY(judd_memory_string(&d->train.labels, a->options.labels));
    JUDD_TRY(judd_memory_string(&d->test.labels, test_labels));
    bool apart =
        strcmp(format, "idx") == 0 || strcmp(format, "npy") == 0 || strcmp(format, "lines") == 0;
    if (!apart) { /* a list of classes serves all splits */
        if (d->test.samples && !test_labels)
            JUDD_TRY(judd_memory_string(&d->test.labels, a->options.labels));
        if (d->validation.samples)
            JUDD_TRY(judd_memory_string(&d->validation.labels, a->options.labels));
        goto done;
    }
    judd_init_files *all[] = {&d->train, &d->validation, &d->test};
    for (int i = 0; i < 3; i++)
        if (all[i]->samples && !all[i]->labels)
            JUDD_TRY(find_labels(&all[i]->labels, all[i]->samples));
    if (!d->train.labels)
        JUDD_FAIL(JUDD_E_USAGE, "init: %s: no labels file is beside it by name; give --labels FILE",
                  d->train.samples);
    if (d->test.samples && !d->test.labels)
        JUDD_FAIL(JUDD_E_USAGE,
                  "init: %s: no labels file is beside it by name; give --test-labels FILE",
                  d->test.samples);
done:
    return status;
}

/* Rank 0's findings on every rank. */
static judd_status share(char **text, const judd_comm *comm) {
    int64_t there = comm->rank == 0 && *text;
    judd_status status = judd_comm_sum(comm, &there, 1);
    if (status != JUDD_OK || !there) return status;
    return judd_comm_broadcast_string(comm, text);
}

/* ---- samples ------------------------------------------------------------------------------------
 */

static judd_status count(judd_init_data *d) {
    const judd_dataset_info *info = d->info;
    judd_status status = judd_memory_alloc(&d->counts, info->n_classes, sizeof *d->counts);
    for (int64_t i = 0; status == JUDD_OK && i < info->n_samples; i++) {
        if (info->labels[i] < 0) continue;
        d->n_good++;
        for (int c = 0; info->targets && c < info->n_classes; c++)
            d->counts[c] += info->targets[i * info->n_classes + c] != 0.0f;
        if (!info->targets) d->counts[info->labels[i]]++;
    }
    return status;
}

static void note_size(judd_init_data *d, int height, int width) {
    bool first = d->height[1] == 0;
    if (first || height < d->height[0]) d->height[0] = height;
    if (height > d->height[1]) d->height[1] = height;
    if (first || width < d->width[0]) d->width[0] = width;
    if (width > d->width[1]) d->width[1] = width;
}

static judd_status measure_sizes(judd_init_data *d) {
    judd_status status = JUDD_OK;
    uint8_t *bytes = NULL;
    int64_t room = 0;
    if (!d->info->encoded) note_size(d, d->info->height, d->info->width);
    for (int64_t i = 0; d->info->encoded && i < d->info->n_samples; i++) {
        judd_image_header h;
        int64_t n = judd_dataset_size(d->dataset, i);
        if (d->info->labels[i] < 0) continue;
        JUDD_TRY(judd_memory_grow(&bytes, 0, n, &room, 1));
        JUDD_TRY(judd_dataset_read(d->dataset, &i, 1, bytes));
        if (judd_image_header_read(&h, bytes, n)) note_size(d, h.height, h.width);
    }
done:
    free(bytes);
    return status;
}

/* Mean and deviation of each channel, over evenly spaced images. */
static judd_status measure_colours(judd_init_data *d) {
    judd_status status = JUDD_OK;
    judd_image image = {0};
    int64_t n = d->info->n_samples, step = (n + MEASURED - 1) / MEASURED;
    double sum[JUDD_INIT_CHANNELS] = {0}, square[JUDD_INIT_CHANNELS] = {0}, pixels = 0.0;
    d->channels = d->info->channels;
    if (d->channels > JUDD_INIT_CHANNELS) goto done;
    for (int64_t i = 0; i < n; i += step) {
        if (d->info->labels[i] < 0) continue;
        JUDD_TRY(judd_dataset_image(d->dataset, i, &image));
        int64_t plane = (int64_t)image.height * image.width;
        for (int c = 0; c < d->channels; c++)
            for (int64_t k = 0; k < plane; k++) { /* grey files count as colours */
                double x = image.pixels[k * image.channels + c % image.channels] / 255.0;
                sum[c] += x;
                square[c] += x * x;
            }
        pixels += (double)plane;
    }
    for (int c = 0; c < d->channels && pixels > 0.0; c++) {
        d->mean[c] = sum[c] / pixels;
        d->std[c] = sqrt(fmax(0.0, square[c] / pixels - d->mean[c] * d->mean[c]));
    }
done:
    judd_image_free(&image);
    return status;
}

static judd_status look_on_rank0(judd_init_data *d) {
    judd_status status = JUDD_OK;
    JUDD_TRY(count(d));
    if (d->info->text || d->info->feature_dim > 0) goto done;
    JUDD_TRY(measure_sizes(d));
    JUDD_TRY(measure_colours(d));
done:
    return status;
}

judd_status judd_init_data_look(judd_init_data *d, const judd_dataset_argument *a, const char *test,
                                const char *test_labels, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_dataset_options options = a->options;
    d->given = a->text;
    d->options = &a->options;
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? find_files(d, a, test, test_labels)
                                                              : JUDD_OK));
    JUDD_TRY(share(&d->train.samples, comm));
    JUDD_TRY(share(&d->train.labels, comm));
    if (!options.format) options.format = "auto";
    options.images = d->train.samples;
    options.labels = d->train.labels;
    options.max_bad_fraction = 1.0;
    JUDD_TRY(judd_status_context(judd_dataset_open(&d->dataset, comm, &options), "%s",
                                 d->train.samples));
    JUDD_TRY(judd_dataset_load(d->dataset));
    d->info = judd_dataset_info_of(d->dataset);
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? look_on_rank0(d) : JUDD_OK));
done:
    return status;
}

void judd_init_data_free(judd_init_data *d) {
    judd_init_files *all[] = {&d->train, &d->validation, &d->test};
    for (int i = 0; i < 3; i++) {
        free(all[i]->samples);
        free(all[i]->labels);
    }
    judd_dataset_close(d->dataset);
    free(d->counts);
    *d = (judd_init_data){0};
}

bool judd_init_data_is_uniform(const judd_init_data *d) {
    return d->height[0] == d->height[1] && d->width[0] == d->width[1];
}

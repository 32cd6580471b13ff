/* A data set whose images file holds the input; its samples are read if it opens. */
#ifndef FUZZ_DATASET_H
#define FUZZ_DATASET_H

#include "fuzz/fuzz.h"

#include <judd/data/dataset.h>

#include <stdlib.h>

static inline int fuzz_dataset(const char *format, const char *images, const char *labels) {
    judd_dataset *dataset = NULL;
    judd_image image = {0};
    judd_dataset_options o = {
        .format = format, .images = images, .labels = labels, .max_bad_fraction = 1.0};
    if (judd_dataset_open(&dataset, fuzz_comm(), &o) == JUDD_OK &&
        judd_dataset_load(dataset) == JUDD_OK) {
        fuzz_taken();
        const judd_dataset_info *info = judd_dataset_info_of(dataset);
        for (int64_t i = 0; i < info->n_samples && i < 2; i++)
            if (!info->labels || info->labels[i] >= 0) judd_dataset_image(dataset, i, &image);
    }
    judd_image_free(&image);
    judd_dataset_close(dataset);
    return 0;
}

/* Two files, images and labels: the first two bytes say how long the first is. */
static inline int fuzz_dataset_pair(const char *format, const uint8_t *data, size_t n) {
    if (n < 2) return 0;
    size_t first = (size_t)data[0] << 8 | data[1];
    if (first > n - 2) first = n - 2;
    const char *labels = fuzz_file_named("labels", data + 2 + first, n - 2 - first);
    return fuzz_dataset(format, fuzz_file(data + 2, first), labels);
}

#endif

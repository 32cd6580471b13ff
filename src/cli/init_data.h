/** What judd init finds out about a data set: its files and companions, classes, sizes, colours. */
#ifndef JUDD_SRC_CLI_INIT_DATA_H
#define JUDD_SRC_CLI_INIT_DATA_H

#include "cli/dataset_argument.h"

enum { JUDD_INIT_CHANNELS = 4 };

/** One split: paths, or NULL. Owned. */
typedef struct judd_init_files {
    char *samples, *labels;
} judd_init_files;

typedef struct judd_init_data {
    const char *given; /* what was typed; borrowed */
    judd_init_files train, validation, test;
    const judd_dataset_options *options; /* borrowed from the argument */
    judd_dataset *dataset;               /* the training files, loaded */
    const judd_dataset_info *info;
    int64_t *counts;         /* [n_classes] training samples, bad ones left out */
    int64_t n_good;          /* their sum, or the number of samples with targets */
    int height[2], width[2]; /* least and most; 0: no images */
    int channels;            /* of images; files: 3 */
    double mean[JUDD_INIT_CHANNELS], std[JUDD_INIT_CHANNELS]; /* of pixels, 0 to 1 */
} judd_init_data;

/** Look at the data set of the argument. Files that its path does not name (labels, test and
 *  validation files) are found by their names: train/ beside test/ or val/, train-images beside
 *  train-labels and t10k-images, CIFAR's own. test: path of the test files, or NULL. Collective.
 *  Owner: caller, judd_init_data_free, also after a failure; collective. */
judd_status judd_init_data_look(judd_init_data *data, const judd_dataset_argument *argument,
                                const char *test, const char *test_labels, const judd_comm *comm);
void judd_init_data_free(judd_init_data *data);

/** Whether all images have one size. */
bool judd_init_data_is_uniform(const judd_init_data *data);

#endif

/** Formats whose samples all have one size: rank 0 looks for where they lie and for their labels.
 */
#ifndef JUDD_SRC_DATA_LOOK_H
#define JUDD_SRC_DATA_LOOK_H

#include "data/label_set.h"
#include "data/raw_array.h"

/** CIFAR-10's binary version (Krizhevsky 2009): a file of records, or its folder, which stands for
 *  data_batch_1.bin to _5.bin. A record is a label byte and 3 x 32 x 32 pixels. Names are taken
 *  from options->labels or batches.meta.txt. */
judd_status judd_look_cifar10(judd_raw_plan *plan, judd_label_set *labels,
                              const judd_dataset_options *options);
/** CIFAR-100: two label bytes, of 20 superclasses and of 100 classes; a folder stands for
 *  train.bin. Names: fine_label_names.txt or coarse_label_names.txt. */
judd_status judd_look_cifar100(judd_raw_plan *plan, judd_label_set *labels,
                               const judd_dataset_options *options);

/** NumPy's NPY files (format 1.0 to 3.0): uint8 images of 3 or 4 dimensions, or float16, float32 or
 *  float64 features [n, dim], beside their labels. */
judd_status judd_look_npy(judd_raw_plan *plan, judd_label_set *labels,
                          const judd_dataset_options *options);

/** HDF5: the same in datasets that lie contiguously and unfiltered in the file; class names in the
 *  dataset class_names if there is one. */
judd_status judd_look_hdf5(judd_raw_plan *plan, judd_label_set *labels,
                           const judd_dataset_options *options);

#endif

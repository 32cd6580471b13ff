/* What becomes of scanned samples: sorted, and their labels made. */
#ifndef FUZZ_LABELS_H
#define FUZZ_LABELS_H

#include "data/list_labels.h"
#include "data/scan.h"
#include "fuzz/fuzz.h"

static inline void fuzz_labels(judd_sample_list *list, const char *class_list) {
    judd_label_set labels = {0};
    if (judd_sample_list_sort(list) == JUDD_OK) judd_list_labels_make(&labels, list, class_list);
    judd_label_set_free(&labels);
}

#endif

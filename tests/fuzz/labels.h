/* What becomes of scanned samples: read by name, and their labels made. */
#ifndef FUZZ_LABELS_H
#define FUZZ_LABELS_H

#include "data/list_labels.h"
#include "data/scan.h"
#include "fuzz/fuzz.h"

static inline void fuzz_labels(judd_task_kind task, const char *path, const char *class_list,
                               judd_status (*scan)(judd_sample_list *list, const char *path)) {
    judd_sample_list list = {0};
    judd_label_set labels = {0};
    judd_sample s;
    int64_t n = 0;
    if (judd_sample_list_create(&list, task, NULL) == JUDD_OK && scan(&list, path) == JUDD_OK &&
        list.n > 0 && judd_list_labels_begin(&labels, &list, class_list) == JUDD_OK)
        while (n < list.n && judd_sample_list_next(&list, &s) == JUDD_OK &&
               judd_list_labels_put(&labels, &list, class_list, &s, n) == JUDD_OK)
            n++;
    if (n > 0 && n == list.n) fuzz_taken();
    judd_label_set_free(&labels);
    judd_sample_list_free(&list);
}

#endif

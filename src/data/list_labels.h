/** Labels of a list of encoded images from what its format says of each. */
#ifndef JUDD_SRC_DATA_LIST_LABELS_H
#define JUDD_SRC_DATA_LIST_LABELS_H

#include "data/label_set.h"
#include "data/sample_list.h"

/** By list->task, for a list that has been filled: the names, before the first sample is read.
 *  Classes have the numbers of the class list (a file, see name_table.h; NULL: none), else their
 * own if list->numbers, else the byte order of their names. Takes list->words. Rank 0. */
judd_status judd_list_labels_begin(judd_label_set *out, judd_sample_list *list,
                                   const char *class_list);
/** What sample number i is, from 0 on. An image without a class folder belongs to the class its
 * name begins with, up to the first '_', if the class list has it. Regression: the class list names
 * the columns. Without a task every label is 0. Rank 0. */
judd_status judd_list_labels_put(judd_label_set *out, const judd_sample_list *list,
                                 const char *class_list, const judd_sample *sample, int64_t i);

#endif

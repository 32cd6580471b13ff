/** Packed data sets (judd/data/pack.h), on rank 0: their samples are known without being read. */
#ifndef JUDD_SRC_DATA_LOOK_PACKED_H
#define JUDD_SRC_DATA_LOOK_PACKED_H

#include "data/label_set.h"
#include "data/raw_array.h"
#include "data/sample_table.h"

#include <judd/comm/watchdog.h>

/** Encoded images, sorted and with their checks. watchdog: told of progress; borrowed. */
judd_status judd_look_packed_table(judd_sample_table *table, judd_label_set *labels,
                                   const judd_dataset_options *options, judd_watchdog *watchdog);

/** Pixels or features. */
judd_status judd_look_packed_array(judd_raw_plan *plan, judd_label_set *labels,
                                   const judd_dataset_options *options);

#endif

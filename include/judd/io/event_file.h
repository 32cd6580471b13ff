/** Event files of TensorBoard: scalars by step, one behind the other.
 *
 *  A file is TFRecords (length, masked CRC32C of it, data, masked CRC32C of the data) of Event
 *  messages: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto. Steps never
 *  fall within a file, so that a run that goes on from a checkpoint takes back what lies behind it.
 */
#ifndef JUDD_IO_EVENT_FILE_H
#define JUDD_IO_EVENT_FILE_H

#include <judd/base/status.h>

#include <stdint.h>

typedef struct judd_event_file judd_event_file;

/** Make or reopen folder/events.out.tfevents.NAME. What is there from the first event of a step >=
 *  `step` on, or from the first that is torn or damaged, is cut off. Local. Owner: caller,
 *  judd_event_file_close. */
judd_status judd_event_file_open(judd_event_file **out, const char *folder, const char *name,
                                 int64_t step);
/** One scalar, in the kernel's hands when this returns; not synced. Local. */
judd_status judd_event_file_add(judd_event_file *file, const char *tag, int64_t step, double value);
/** NULL is allowed. */
void judd_event_file_close(judd_event_file *file);

#endif

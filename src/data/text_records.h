/** Files of labelled texts, a record each: tsv, csv, lines with a label file, and JSON lines. */
#ifndef JUDD_SRC_DATA_TEXT_RECORDS_H
#define JUDD_SRC_DATA_TEXT_RECORDS_H

#include <judd/base/scratch.h>
#include <judd/data/dataset.h>

/** A record. Strings are borrowed; the text is valid UTF-8 without zero bytes, the label a string
 *  that may be printed. */
typedef struct judd_text_record {
    int64_t line; /* it begins in, from 1 on */
    const char *label, *text;
    int64_t bytes; /* of the text */
} judd_text_record;

/** The files' bytes: each is read once, however often its records are. */
typedef struct judd_text_files {
    judd_scratch texts, labels; /* labels: of "lines" that have them */
    int64_t n_texts, n_labels;  /* bytes */
} judd_text_files;

/** Read what `format` takes of options' files. Local. Owner: caller, judd_text_files_free. */
judd_status judd_text_files_read(judd_text_files *files, const judd_dataset_options *options,
                                 const char *format);
void judd_text_files_free(judd_text_files *files);

typedef judd_status (*judd_text_visit)(void *context, const judd_text_record *record);

/** Every record in order. format: "tsv": fields between tabs; "csv": RFC 4180; both with a head
 * line if a column is given by name; "lines": a text a line of images, its label in the same line
 * of labels; "jsonl": an object a line. JUDD_NO_TASK: labels are "", and need not be there. Empty
 * lines are no records, but of "lines". A byte order mark in front is passed over. JUDD_E_DATA
 * names file and line. Local. */
judd_status judd_text_records_read(const judd_text_files *files,
                                   const judd_dataset_options *options, const char *format,
                                   judd_text_visit visit, void *context);

#endif

/** Readers of labelled texts. Rank 0 parses the file; the texts lie once a node in unnamed files.
 */
#ifndef JUDD_SRC_DATA_READER_TEXT_H
#define JUDD_SRC_DATA_READER_TEXT_H

#include "data/reader.h"

extern const judd_reader_ops judd_reader_tsv, judd_reader_csv, judd_reader_lines, judd_reader_jsonl;

#endif

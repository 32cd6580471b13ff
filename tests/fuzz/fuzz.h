/* What the fuzz targets share. A target is a file fuzz_NAME.c with LLVMFuzzerTestOneInput: built
 * with libFuzzer by the preset "fuzz", and with replay.c as a test that runs every file in
 * tests/fuzz/corpus/NAME/. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <judd/comm/comm.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* This input was taken: it got past every check that its target has. The replay demands it of every
 * seed-*, and a campaign counts it, so that no target knocks at a closed door. */
void fuzz_taken(void);
extern int64_t fuzz_n_taken;

/* A file with these bytes in memory, the same path each time for each name (a literal). */
const char *fuzz_file_named(const char *name, const void *data, size_t n);
const char *fuzz_file(const uint8_t *data, size_t n);
/* The folder they are in. */
const char *fuzz_folder(void);
/* One rank; starts MPI when first asked for. */
const judd_comm *fuzz_comm(void);

#endif

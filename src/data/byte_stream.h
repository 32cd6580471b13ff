/** The bytes of a file in order, inflated on the way if the file is gzip; private to src/data.
 *
 *  Every byte of the file passes through a SHA-256, so that one pass reads, checks and identifies.
 */
#ifndef JUDD_SRC_DATA_BYTE_STREAM_H
#define JUDD_SRC_DATA_BYTE_STREAM_H

#include <judd/base/hash.h>

#include <stdbool.h>

typedef struct judd_byte_stream judd_byte_stream;

/** Open a regular file; gzip is told by its magic 1f 8b. `path` is borrowed and must outlive the
 *  stream. JUDD_E_IO if it cannot be read, JUDD_E_DATA if it is no regular file. Local. */
judd_status judd_byte_stream_open(judd_byte_stream **out, const char *path);
/** NULL is allowed. */
void judd_byte_stream_close(judd_byte_stream *stream);

bool judd_byte_stream_is_gzip(const judd_byte_stream *stream);

/** The most bytes the stream can hold, told without reading it: the size of a plain file, 1032
 * times that of a gzip file (the limit of deflate: zlib's technical notes). */
int64_t judd_byte_stream_limit(const judd_byte_stream *stream);

/** Next n bytes; *got < n only at the end of the stream. A damaged gzip file (bad structure, length
 *  or CRC, cut off, other bytes behind it) is JUDD_E_DATA. */
judd_status judd_byte_stream_read(judd_byte_stream *stream, void *data, int64_t n, int64_t *got);

/** Reads the rest: its length in *rest, the SHA-256 of the file's own bytes in hex. Gives up after
 *  64 MiB (the rest is an error to every caller); then hex does not describe the file. */
judd_status judd_byte_stream_finish(judd_byte_stream *stream, int64_t *rest,
                                    char hex[JUDD_SHA256_HEX]);

#endif

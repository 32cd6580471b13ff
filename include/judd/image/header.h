/** What a JPEG or PNG file says of itself, without decoding. */
#ifndef JUDD_IMAGE_HEADER_H
#define JUDD_IMAGE_HEADER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct judd_image_header {
    int height, width;
    int channels, bits; /* as stored: a palette is one channel */
    const char *kind;   /* "JPEG colour", "PNG palette", ... */
} judd_image_header;

/** False if the bytes are neither, or end before they say. Local. */
bool judd_image_header_read(judd_image_header *out, const void *bytes, int64_t n);

#endif

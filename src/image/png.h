/** PNG through libpng. */
#ifndef JUDD_SRC_IMAGE_PNG_H
#define JUDD_SRC_IMAGE_PNG_H

#include <judd/image/image.h>

#include <stdbool.h>

bool judd_png_is(const uint8_t *bytes, int64_t n);
/** *offset: where the decoder stood in the end. */
judd_status judd_png_decode(judd_image *image, const uint8_t *bytes, int64_t n, int64_t *offset);
/** A picture of 1, 3 or 4 channels as a PNG file. Owner of *bytes: caller, free(). */
judd_status judd_png_encode(void **bytes, int64_t *n, const judd_image *image);

#endif

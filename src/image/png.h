/** PNG through libpng. */
#ifndef IMAGE_PNG_H
#define IMAGE_PNG_H

#include <judd/image/image.h>

#include <stdbool.h>

bool judd_png_is(const uint8_t *bytes, int64_t n);
/** *offset: where the decoder stood in the end. */
judd_status judd_png_decode(judd_image *image, const uint8_t *bytes, int64_t n, int64_t *offset);

#endif

/** JPEG through libjpeg-turbo, with the settings Pillow uses: the library's defaults. */
#ifndef JUDD_SRC_IMAGE_JPEG_H
#define JUDD_SRC_IMAGE_JPEG_H

#include <judd/image/image.h>

#include <stdbool.h>

bool judd_jpeg_is(const uint8_t *bytes, int64_t n);
/** side: as judd_image_decode_reduced. *offset: where the decoder stood in the end. */
judd_status judd_jpeg_decode(judd_image *image, const uint8_t *bytes, int64_t n, int side,
                             int64_t *offset);

#endif

/** Images in memory and out of JPEG and PNG files. */
#ifndef JUDD_IMAGE_IMAGE_H
#define JUDD_IMAGE_IMAGE_H

#include <judd/base/status.h>

#include <stdint.h>

/** Refused from the header, before anything is allocated: Pillow's limit for decompression bombs.
 */
enum { JUDD_IMAGE_MAX_PIXELS = 178956970, JUDD_IMAGE_MAX_SIDE = 65535 };

/** Pixels as Pillow holds them: [height, width, channels] uint8. The memory belongs to the image
 *  and serves the next picture too; start with {0}, end with judd_image_free. */
typedef struct judd_image {
    int height, width, channels;
    uint8_t *pixels;
    int64_t capacity; /* bytes allocated */
} judd_image;

/** Give the image a shape; its pixels are undefined afterwards. */
judd_status judd_image_shape(judd_image *image, int height, int width, int channels);
void judd_image_free(judd_image *image);

/** The RGB picture in the bytes of a JPEG or PNG file (told apart by content, not by name), as
 *  Pillow's Image.open(...).convert("RGB") and so torchvision's ImageFolder see it:
 *    grey is repeated; alpha and transparent colours are dropped, not blended; 16-bit RGB and grey
 *    with alpha keep their high byte, 16-bit grey is clipped at 255; indices beyond a palette are
 *    grey levels; four-component JPEGs are taken as Adobe's inverted CMYK; gamma and colour
 * profiles are not applied; EXIF orientation is NOT applied; of an animated PNG the default image
 * counts. A picture that libjpeg warns about (truncated, damaged data) or that libpng refuses, one
 * with a header that promises more than JUDD_IMAGE_MAX_PIXELS, and anything that is neither JPEG
 * nor PNG is JUDD_E_DATA; *offset (may be NULL) is then where in the bytes the decoder stood.
 * Whether arithmetic-coded JPEG can be read depends on how libjpeg was built. Local. */
judd_status judd_image_decode(judd_image *image, const void *bytes, int64_t n, int64_t *offset);

/** The same, but a JPEG is decoded at 1/8, 1/4 or 1/2 of its size by smaller cosine transforms: the
 *  smallest of these (or 1) whose shorter side is at least `side`, as Pillow's draft mode chooses;
 *  side 0: at its size. Faster where it is then reduced further, but other pixels. */
judd_status judd_image_decode_reduced(judd_image *image, const void *bytes, int64_t n, int side,
                                      int64_t *offset);

/** Names and versions of the libraries that decode, one line. */
const char *judd_image_decoders(void);

/** One channel from three: Pillow's convert("L"), (19595 R + 38470 G + 7471 B + 2^15) / 2^16
 *  (ITU-R BT.601). In place. */
void judd_image_to_grey(judd_image *image);

#endif

/** Pillow's antialiased resize, bit for bit.
 *
 *  Source: Pillow's Resample.c ("resize" of 8-bit images): separable filters whose support grows
 *  with the reduction, weights rounded to 22 bits, rows first into 8 bits, then columns.
 *  Bilinear: the triangle; bicubic: Keys 1981 with a = -0.5.
 */
#ifndef JUDD_IMAGE_RESIZE_H
#define JUDD_IMAGE_RESIZE_H

#include <judd/image/image.h>

typedef enum judd_interpolation { JUDD_BILINEAR, JUDD_BICUBIC } judd_interpolation;

/** A rectangle of the resized picture: the rest of it is not computed. */
typedef struct judd_window {
    int top, left, height, width;
} judd_window;

/** `out` becomes the window of `in` resized to height x width. `between` is scratch of the caller,
 *  reused from call to call. out and between must not be in. Local. */
judd_status judd_resize_image(judd_image *out, const judd_image *in, int height, int width,
                              judd_window window, judd_interpolation interpolation,
                              judd_image *between);

#endif

/** torchvision's evaluation transform: resize, centre crop, scale, mean and deviation. */
#ifndef JUDD_IMAGE_TRANSFORM_H
#define JUDD_IMAGE_TRANSFORM_H

#include <judd/image/augment.h>
#include <judd/image/resize.h>

#include <stdbool.h>

enum { JUDD_TRANSFORM_CHANNELS = 4 };

typedef struct judd_transform_options {
    int resize_height, resize_width; /* 0: no resize; width 0: the shorter side becomes height */
    judd_interpolation interpolation;
    int crop_height,
        crop_width; /* of the centre; 0: no crop. Smaller pictures get a black border */
    int channels; /* of the result: as the image's, or 3 from grey, or 1 from RGB (before resizing)
                   */
    bool bgr;     /* blue first */
    double scale; /* result = (pixel * scale - mean) / std, channel of the result by channel */
    double mean[JUDD_TRANSFORM_CHANNELS], std[JUDD_TRANSFORM_CHANNELS];
} judd_transform_options;

typedef struct judd_transform judd_transform;

judd_status judd_transform_create(judd_transform **out, const judd_transform_options *options);
/** NULL is allowed. */
void judd_transform_destroy(judd_transform *transform);

/** The size that pictures of height x width come out with (torchvision's rounding); with a crop or
 * an exact size they need not be known. Local. */
void judd_transform_size(const judd_transform_options *options, int *height, int *width);

/** Resize and crop: *out is the picture before scaling, borrowed until the next call. `image` may
 * be *out. Local. */
judd_status judd_transform_pixels(judd_transform *transform, const judd_image *image,
                                  const judd_image **out);

/** The whole way: planes [channels, height, width], where height x width must be what
 *  judd_transform_size says of the image, else JUDD_E_DATA. Local. */
judd_status judd_transform_run(judd_transform *transform, const judd_image *image, int height,
                               int width, float *planes);

/** A view instead of resize and crop: the box, resized to height x width, mirrored if it says so;
 *  then as judd_transform_run. Local. */
judd_status judd_transform_view(judd_transform *transform, const judd_image *image,
                                const judd_augment_box *box, int height, int width, float *planes);

#endif

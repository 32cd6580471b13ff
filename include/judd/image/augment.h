/** Random views of a picture, as torchvision's RandomResizedCrop and RandomHorizontalFlip draw
 * them, but each a function of (sample, view) alone. */
#ifndef JUDD_IMAGE_AUGMENT_H
#define JUDD_IMAGE_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct judd_augment_options {
    double scale[2]; /* share of the area that the crop takes, least and most */
    double ratio[2]; /* width / height of the crop, least and most; log-uniform */
    double flip;     /* probability of left and right changing sides */
} judd_augment_options;

/** torchvision's. */
#define JUDD_AUGMENT_DEFAULTS                                                                      \
    { .scale = {0.08, 1.0}, .ratio = {3.0 / 4.0, 4.0 / 3.0}, .flip = 0.5 }

/** Part of every key of a view: changes whenever draws may change. */
enum { JUDD_AUGMENT_RULE = 1 };

/** The part of a picture that a view shows, and whether mirrored. */
typedef struct judd_augment_box {
    int top, left, height, width;
    bool flip;
} judd_augment_box;

/** The view `view` (1, 2, ...) of sample `id`, a picture of height x width. Local. */
judd_augment_box judd_augment_draw(const judd_augment_options *options, int64_t id, int view,
                                   int height, int width);

#endif

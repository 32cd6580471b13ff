#include <judd/image/augment.h>

#include <judd/base/exact_math.h>
#include <judd/base/rng.h>

#include <math.h>

enum { ATTEMPTS = 10, DRAWS = 64 }; /* draws: of one view, at most 4 * ATTEMPTS + 1 are used */

/* One stream of random bits for each sample and view. */
typedef struct stream {
    int64_t id;
    uint32_t next;
} stream;

static uint64_t bits(stream *s) {
    return judd_rng_bits(0, JUDD_RNG_VIEWS, s->next++, (uint64_t)s->id);
}

/* In [low, high). */
static double uniform(stream *s, double low, double high) {
    return low + (double)(bits(s) >> 11) * 0x1p-53 * (high - low);
}

/* In 0 .. n-1. */
static int below(stream *s, int n) {
    unsigned __int128 wide = (unsigned __int128)bits(s) * (unsigned)n;
    return (int)(wide >> 64);
}

/* When no draw fits: the largest box of an allowed shape, in the centre. */
static judd_augment_box centre(const judd_augment_options *o, int height, int width) {
    judd_augment_box box = {.height = height, .width = width};
    double ratio = (double)width / height;
    if (ratio < o->ratio[0]) box.height = (int)rint(width / o->ratio[0]);
    if (ratio > o->ratio[1]) box.width = (int)rint(height * o->ratio[1]);
    if (box.height < 1) box.height = 1;
    if (box.width < 1) box.width = 1;
    box.top = (height - box.height) / 2;
    box.left = (width - box.width) / 2;
    return box;
}

/* torchvision.transforms.RandomResizedCrop.get_params, its order of draws and its roundings. */
static judd_augment_box draw_box(stream *s, const judd_augment_options *o, int height, int width) {
    double low = judd_exact_log(o->ratio[0]), high = judd_exact_log(o->ratio[1]);
    double area = (double)height * width;
    for (int k = 0; k < ATTEMPTS; k++) {
        double target = area * uniform(s, o->scale[0], o->scale[1]);
        double ratio = judd_exact_exp(uniform(s, low, high));
        double w = rint(sqrt(target * ratio)), h = rint(sqrt(target / ratio));
        if (w < 1 || h < 1 || w > width || h > height) continue;
        judd_augment_box box = {.height = (int)h, .width = (int)w};
        box.top = below(s, height - box.height + 1);
        box.left = below(s, width - box.width + 1);
        return box;
    }
    return centre(o, height, width);
}

judd_augment_box judd_augment_draw(const judd_augment_options *o, int64_t id, int view, int height,
                                   int width) {
    stream s = {.id = id, .next = (uint32_t)view * DRAWS};
    bool flip = uniform(&s, 0.0, 1.0) < o->flip;
    judd_augment_box box = draw_box(&s, o, height, width);
    box.flip = flip;
    return box;
}

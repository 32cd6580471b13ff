#include <judd/image/transform.h>

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

struct judd_transform {
    judd_transform_options options;
    float table[JUDD_TRANSFORM_CHANNELS][256]; /* pixel value -> result */
    judd_image grey, boxed, between, resized, padded;
};

judd_status judd_transform_create(judd_transform **out, const judd_transform_options *options) {
    judd_transform *t = NULL;
    judd_status status = judd_memory_alloc(&t, 1, sizeof *t);
    if (status != JUDD_OK) return status;
    t->options = *options;
    for (int c = 0; c < JUDD_TRANSFORM_CHANNELS; c++)
        for (int p = 0; p < 256; p++)
            t->table[c][p] =
                (float)(((double)p * options->scale - options->mean[c]) / options->std[c]);
    *out = t;
    return JUDD_OK;
}

void judd_transform_destroy(judd_transform *t) {
    if (!t) return;
    judd_image_free(&t->grey);
    judd_image_free(&t->boxed);
    judd_image_free(&t->between);
    judd_image_free(&t->resized);
    judd_image_free(&t->padded);
    free(t);
}

/* The size after resizing: the longer side is cut, not rounded. A side never vanishes. */
static void resized_size(const judd_transform_options *o, int *height, int *width) {
    int64_t side = o->resize_height, h = *height, w = *width;
    if (side == 0) return;
    if (o->resize_width > 0) {
        *height = o->resize_height;
        *width = o->resize_width;
    } else if (w <= h) {
        *width = (int)side;
        *height = (int)(side * h / w);
    } else {
        *height = (int)side;
        *width = (int)(side * w / h);
    }
}

void judd_transform_size(const judd_transform_options *o, int *height, int *width) {
    if (o->crop_height == 0) {
        resized_size(o, height, width);
        return;
    }
    *height = o->crop_height; /* whatever was before */
    *width = o->crop_width;
}

/* Half of the excess, halves to the even neighbour: Python's round(). */
static int half(int excess) {
    int down = excess / 2;
    return excess % 2 == 0 ? down : down + down % 2;
}

/* Along one side: which part of `size` pixels the crop takes, and how much black stands before. */
static void cut(int size, int crop, int *start, int *count, int *before) {
    *before = crop > size ? (crop - size) / 2 : 0;
    *start = crop > size ? 0 : half(size - crop);
    *count = crop > size ? size : crop;
}

static judd_status pad(judd_transform *t, int top, int left) {
    const judd_transform_options *o = &t->options;
    const judd_image *in = &t->resized;
    int64_t c = in->channels, row = (int64_t)in->width * c;
    judd_status status = judd_image_shape(&t->padded, o->crop_height, o->crop_width, in->channels);
    if (status != JUDD_OK) return status;
    memset(t->padded.pixels, 0, (size_t)(c * o->crop_height * o->crop_width));
    for (int y = 0; y < in->height; y++)
        memcpy(t->padded.pixels + ((int64_t)(top + y) * o->crop_width + left) * c,
               in->pixels + y * row, (size_t)row);
    return JUDD_OK;
}

static judd_status copy_rows(judd_image *out, const judd_image *in, judd_window from) {
    int64_t c = in->channels, row = (int64_t)from.width * c;
    judd_status status = judd_image_shape(out, from.height, from.width, in->channels);
    for (int y = 0; status == JUDD_OK && y < from.height; y++)
        memcpy(out->pixels + y * row,
               in->pixels + ((int64_t)(from.top + y) * in->width + from.left) * c, (size_t)row);
    return status;
}

/* A grey copy if the network takes one channel: other networks may want the colours. */
static judd_status choose_channels(judd_transform *t, const judd_image **image) {
    if (t->options.channels != 1 || (*image)->channels == 1) return JUDD_OK;
    judd_window all = {.height = (*image)->height, .width = (*image)->width};
    judd_status status = copy_rows(&t->grey, *image, all);
    if (status == JUDD_OK) judd_image_to_grey(&t->grey);
    *image = &t->grey;
    return status;
}

judd_status judd_transform_pixels(judd_transform *t, const judd_image *image,
                                  const judd_image **out) {
    const judd_transform_options *o = &t->options;
    int height = image->height, width = image->width, top = 0, left = 0;
    judd_status status = choose_channels(t, &image);
    if (status != JUDD_OK) return status;
    *out = image;
    if (o->resize_height == 0 && o->crop_height == 0) return JUDD_OK;
    resized_size(o, &height, &width);
    if ((int64_t)height * width > JUDD_IMAGE_MAX_PIXELS)
        return judd_status_set(JUDD_E_DATA,
                               "%d x %d pixels would become %d x %d; remove the image or resize to "
                               "an exact size",
                               image->width, image->height, width, height);
    judd_window window = {.height = height, .width = width};
    if (o->crop_height > 0) {
        cut(height, o->crop_height, &window.top, &window.height, &top);
        cut(width, o->crop_width, &window.left, &window.width, &left);
    }
    status =
        judd_resize_image(&t->resized, image, height, width, window, o->interpolation, &t->between);
    if (status != JUDD_OK) return status;
    *out = &t->resized;
    if (o->crop_height <= height && o->crop_width <= width) return JUDD_OK;
    status = pad(t, top, left);
    *out = &t->padded;
    return status;
}

/* Pixels to numbers, colours to planes. */
static judd_status put_planes(const judd_transform *t, const judd_image *p, float *planes) {
    const judd_transform_options *o = &t->options;
    int channels = o->channels ? o->channels : p->channels;
    int64_t plane = (int64_t)p->height * p->width;
    if (p->channels != channels && p->channels != 1)
        return judd_status_set(JUDD_E_DATA,
                               "%d channels, but the network takes %d; set "
                               "backbone.input.channels",
                               p->channels, channels);
    for (int c = 0; c < channels; c++) {
        int source = (o->bgr ? channels - 1 - c : c) % p->channels;
        const float *table = t->table[c];
        for (int64_t k = 0; k < plane; k++)
            planes[c * plane + k] = table[p->pixels[k * p->channels + source]];
    }
    return JUDD_OK;
}

judd_status judd_transform_run(judd_transform *t, const judd_image *image, int height, int width,
                               float *planes) {
    const judd_image *p = NULL;
    judd_status status = judd_transform_pixels(t, image, &p);
    if (status != JUDD_OK) return status;
    if (p->height != height || p->width != width)
        return judd_status_set(
            JUDD_E_DATA,
            "%d x %d pixels (height, width) become %d x %d, but the network takes "
            "%d x %d; set backbone.input.resize and crop",
            image->height, image->width, p->height, p->width, height, width);
    return put_planes(t, p, planes);
}

static void mirror(judd_image *image) {
    int c = image->channels;
    for (int y = 0; y < image->height; y++) {
        uint8_t *row = image->pixels + (int64_t)y * image->width * c;
        for (int64_t a = 0, b = image->width - 1; a < b; a++, b--)
            for (int k = 0; k < c; k++) {
                uint8_t kept = row[a * c + k];
                row[a * c + k] = row[b * c + k];
                row[b * c + k] = kept;
            }
    }
}

judd_status judd_transform_view(judd_transform *t, const judd_image *image,
                                const judd_augment_box *box, int height, int width, float *planes) {
    judd_status status = JUDD_OK;
    judd_window from = {box->top, box->left, box->height, box->width};
    judd_window all = {.height = height, .width = width};
    JUDD_TRY(choose_channels(t, &image));
    JUDD_TRY(copy_rows(&t->boxed, image, from));
    JUDD_TRY(judd_resize_image(&t->resized, &t->boxed, height, width, all, t->options.interpolation,
                               &t->between));
    if (box->flip) mirror(&t->resized);
    JUDD_TRY(put_planes(t, &t->resized, planes));
done:
    return status;
}

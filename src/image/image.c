#include <judd/image/image.h>

#include "image/jpeg.h"
#include "image/png.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

#include <png.h> /* for the versions */
#include <stdio.h>

#include <jpeglib.h>

enum { SLACK = 64 }; /* vector loads may reach behind the last pixel */

judd_status judd_image_shape(judd_image *image, int height, int width, int channels) {
    int64_t bytes = (int64_t)height * width * channels + SLACK;
    if (bytes > image->capacity) {
        uint8_t *pixels = NULL;
        judd_status status = judd_memory_alloc(&pixels, bytes, 1);
        if (status != JUDD_OK) return status;
        free(image->pixels);
        image->pixels = pixels;
        image->capacity = bytes;
    }
    image->height = height;
    image->width = width;
    image->channels = channels;
    return JUDD_OK;
}

void judd_image_free(judd_image *image) {
    free(image->pixels);
    *image = (judd_image){0};
}

static judd_status refuse(const uint8_t *b, int64_t n) {
    if (n == 0)
        return judd_status_set(JUDD_E_DATA,
                               "is empty, or a link that leads nowhere; fetch the image again");
    if (n < 4)
        return judd_status_set(JUDD_E_DATA, "holds %lld bytes; fetch the image again",
                               (long long)n);
    return judd_status_set(JUDD_E_DATA,
                           "is neither JPEG nor PNG (starts with %02x %02x %02x %02x); convert or "
                           "remove it",
                           b[0], b[1], b[2], b[3]);
}

judd_status judd_image_decode_reduced(judd_image *image, const void *bytes, int64_t n, int side,
                                      int64_t *offset) {
    int64_t stood = 0;
    judd_status status;
    if (judd_jpeg_is(bytes, n))
        status = judd_jpeg_decode(image, bytes, n, side, &stood);
    else if (judd_png_is(bytes, n))
        status = judd_png_decode(image, bytes, n, &stood);
    else
        status = refuse(bytes, n);
    if (offset) *offset = status == JUDD_OK ? n : stood;
    return status;
}

judd_status judd_image_decode(judd_image *image, const void *bytes, int64_t n, int64_t *offset) {
    return judd_image_decode_reduced(image, bytes, n, 0, offset);
}

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *judd_image_decoders(void) {
#ifdef LIBJPEG_TURBO_VERSION
    return "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION) ", libpng " PNG_LIBPNG_VER_STRING;
#else
    return "libjpeg " TEXT(JPEG_LIB_VERSION) ", libpng " PNG_LIBPNG_VER_STRING;
#endif
}

void judd_image_to_grey(judd_image *image) {
    uint8_t *p = image->pixels;
    int64_t n = (int64_t)image->height * image->width;
    if (image->channels != 3) return;
    for (int64_t i = 0; i < n; i++) {
        int sum = 19595 * p[3 * i] + 38470 * p[3 * i + 1] + 7471 * p[3 * i + 2] + (1 << 15);
        p[i] = (uint8_t)(sum >> 16);
    }
    image->channels = 1;
}

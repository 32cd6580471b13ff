#include "image/png.h"

#include <judd/base/memory.h>

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum { DEFLATE_RATIO = 1032, CHUNK_BYTES = 8 << 20, CHUNKS = 1000 };

typedef struct decoder {
    png_structp png;
    png_infop info;
    const uint8_t *bytes;
    int64_t n, at;
    judd_status status; /* with its message, when libpng jumps */
    uint8_t *raw;       /* [height, row_bytes] as libpng gives it */
    png_bytep *rows;
    uint8_t palette[256][3];
} decoder;

bool judd_png_is(const uint8_t *b, int64_t n) {
    return n >= 8 && png_sig_cmp(b, 0, 8) == 0;
}

static void give_up(png_structp png, png_const_charp text) {
    decoder *d = png_get_error_ptr(png);
    d->status = judd_status_set(JUDD_E_DATA, "PNG: %s; fetch the image again or remove it", text);
    png_longjmp(png, 1);
}

/* libpng's warnings are about chunks that do not touch the pixels. */
static void ignore(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void take(png_structp png, png_bytep to, size_t n) {
    decoder *d = png_get_io_ptr(png);
    if ((int64_t)n > d->n - d->at) {
        d->at = d->n;
        png_error(png, "truncated");
    }
    memcpy(to, d->bytes + d->at, n);
    d->at += (int64_t)n;
}

static judd_status check_header(const decoder *d) {
    int64_t width = png_get_image_width(d->png, d->info);
    int64_t height = png_get_image_height(d->png, d->info);
    if (width > JUDD_IMAGE_MAX_SIDE || height > JUDD_IMAGE_MAX_SIDE ||
        width * height > JUDD_IMAGE_MAX_PIXELS)
        return judd_status_set(
            JUDD_E_DATA,
            "PNG: its header promises %lld x %lld pixels, more than %d a side or "
            "%d in all; scale the image down or remove it",
            (long long)width, (long long)height, JUDD_IMAGE_MAX_SIDE, JUDD_IMAGE_MAX_PIXELS);
    int64_t bits = width * png_get_channels(d->png, d->info) * png_get_bit_depth(d->png, d->info);
    if (height * (bits / 8) / DEFLATE_RATIO > d->n)
        return judd_status_set(JUDD_E_DATA,
                               "PNG: its header promises %lld x %lld pixels, more than %lld bytes "
                               "can hold; fetch the image again or remove it",
                               (long long)width, (long long)height, (long long)d->n);
    return JUDD_OK;
}

/* Pillow's palette starts as a grey ramp. */
static void read_palette(decoder *d) {
    png_colorp colours = NULL;
    int n = 0;
    for (int i = 0; i < 256; i++) memset(d->palette[i], i, 3);
    png_get_PLTE(d->png, d->info, &colours, &n);
    for (int i = 0; i < n; i++)
        memcpy(d->palette[i], (uint8_t[3]){colours[i].red, colours[i].green, colours[i].blue}, 3);
}

/* Grey of `depth` bits: fewer than 8 are spread over 0 .. 255; 16 are clipped, as Pillow's mode I
 * becomes RGB. */
static void from_grey(uint8_t *rgb, const uint8_t *raw, int64_t n, int depth) {
    int spread = depth < 8 ? 255 / ((1 << depth) - 1) : 1;
    for (int64_t i = 0; i < n; i++) {
        int v = depth == 16 ? (raw[2 * i] ? 255 : raw[2 * i + 1]) : raw[i] * spread;
        memset(rgb + 3 * i, v, 3);
    }
}

static void convert_row(const decoder *d, uint8_t *rgb, const uint8_t *raw, int64_t n, int type,
                        int depth) {
    switch (type) {
    case PNG_COLOR_TYPE_GRAY:
        from_grey(rgb, raw, n, depth);
        break;
    case PNG_COLOR_TYPE_PALETTE:
        for (int64_t i = 0; i < n; i++) memcpy(rgb + 3 * i, d->palette[raw[i]], 3);
        break;
    case PNG_COLOR_TYPE_GRAY_ALPHA:
        for (int64_t i = 0; i < n; i++) memset(rgb + 3 * i, raw[2 * i], 3);
        break;
    case PNG_COLOR_TYPE_RGB_ALPHA:
        for (int64_t i = 0; i < n; i++) memcpy(rgb + 3 * i, raw + 4 * i, 3);
        break;
    default:
        memcpy(rgb, raw, (size_t)(3 * n));
    }
}

static judd_status read_pixels(decoder *d, judd_image *image) {
    judd_status status = JUDD_OK;
    int type = png_get_color_type(d->png, d->info), depth = png_get_bit_depth(d->png, d->info);
    if (depth == 16 && type != PNG_COLOR_TYPE_GRAY) png_set_strip_16(d->png);
    png_set_packing(d->png);
    png_set_interlace_handling(d->png);
    read_palette(d);
    png_read_update_info(d->png, d->info);
    size_t row = png_get_rowbytes(d->png, d->info);
    JUDD_TRY(judd_memory_alloc(&d->raw, image->height, row));
    JUDD_TRY(judd_memory_alloc(&d->rows, image->height, sizeof *d->rows));
    for (int y = 0; y < image->height; y++) d->rows[y] = d->raw + (size_t)y * row;
    png_read_image(d->png, d->rows);
    png_read_end(d->png, NULL);
    for (int y = 0; y < image->height; y++)
        convert_row(d, image->pixels + (int64_t)y * image->width * 3, d->rows[y], image->width,
                    type, depth);
done:
    return status;
}

/* Everything that may jump: nothing here is needed after the jump but what `d` points to. */
static judd_status decode(decoder *d, judd_image *image) {
    if (setjmp(png_jmpbuf(d->png))) return d->status;
    png_set_read_fn(d->png, d, take);
    png_set_user_limits(d->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* check_header says it better */
    png_set_chunk_cache_max(d->png, CHUNKS);
    png_set_chunk_malloc_max(d->png, CHUNK_BYTES);
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    png_set_crc_action(d->png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE); /* nor guess these */
#endif
    png_read_info(d->png, d->info);
    judd_status status = check_header(d);
    if (status == JUDD_OK)
        status = judd_image_shape(image, (int)png_get_image_height(d->png, d->info),
                                  (int)png_get_image_width(d->png, d->info), 3);
    return status == JUDD_OK ? read_pixels(d, image) : status;
}

judd_status judd_png_decode(judd_image *image, const uint8_t *bytes, int64_t n, int64_t *offset) {
    judd_status status = JUDD_OK;
    decoder d = {.bytes = bytes, .n = n};
    d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, give_up, ignore);
    d.info = d.png ? png_create_info_struct(d.png) : NULL;
    if (!d.info) JUDD_FAIL(JUDD_E_INTERNAL, "PNG: no memory, or another libpng than at build time");
    JUDD_TRY(decode(&d, image));
done:
    *offset = d.at;
    png_destroy_read_struct(&d.png, &d.info, NULL);
    free(d.raw);
    free(d.rows);
    return status;
}

judd_status judd_png_encode(void **bytes, int64_t *n, const judd_image *image) {
    judd_status status = JUDD_OK;
    void *data = NULL;
    png_alloc_size_t size = 0;
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)image->width,
                     .height = (png_uint_32)image->height,
                     .format = image->channels == 1   ? PNG_FORMAT_GRAY
                               : image->channels == 4 ? PNG_FORMAT_RGBA
                                                      : PNG_FORMAT_RGB};
    if (!png_image_write_to_memory(&png, NULL, &size, 0, image->pixels, 0, NULL))
        JUDD_FAIL(JUDD_E_INTERNAL, "PNG: %s", png.message);
    JUDD_TRY(judd_memory_alloc(&data, (int64_t)size, 1));
    if (!png_image_write_to_memory(&png, data, &size, 0, image->pixels, 0, NULL))
        JUDD_FAIL(JUDD_E_INTERNAL, "PNG: %s", png.message);
    *bytes = data;
    *n = (int64_t)size;
    data = NULL;
done:
    free(data);
    return status;
}

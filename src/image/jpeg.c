#include "image/jpeg.h"

#include <judd/base/memory.h>

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

/* A progressive file of a few bytes a scan can keep a decoder busy for minutes; cameras and
 * encoders write about ten. */
enum { MAX_SCANS = 200 };

typedef struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf leave;
    judd_status status; /* with its message, when leave is taken */
    uint8_t *line;      /* one row of CMYK */
} decoder;

bool judd_jpeg_is(const uint8_t *b, int64_t n) {
    return n >= 4 && b[0] == 0xff && b[1] == 0xd8 && b[2] == 0xff;
}

static void give_up(j_common_ptr jpeg) {
    decoder *d = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    d->status = judd_status_set(JUDD_E_DATA, "JPEG: %s; fetch the image again or remove it", text);
    longjmp(d->leave, 1);
}

/* Level -1 is a warning: the pixels that follow are guesses. */
static void hear(j_common_ptr jpeg, int level) {
    if (level < 0) give_up(jpeg);
}

static void say_nothing(j_common_ptr jpeg) {
    (void)jpeg;
}

static void watch(j_common_ptr jpeg) {
    decoder *d = jpeg->client_data;
    if (((j_decompress_ptr)jpeg)->input_scan_number <= MAX_SCANS) return;
    d->status = judd_status_set(
        JUDD_E_DATA, "JPEG: more than %d scans; convert the image or remove it", MAX_SCANS);
    longjmp(d->leave, 1);
}

static judd_status check_header(const struct jpeg_decompress_struct *jpeg) {
    int64_t pixels = (int64_t)jpeg->image_width * jpeg->image_height;
    int c = jpeg->num_components;
    if (pixels > JUDD_IMAGE_MAX_PIXELS)
        return judd_status_set(
            JUDD_E_DATA,
            "JPEG: its header promises %u x %u pixels, more than %d in all; scale "
            "the image down or remove it",
            jpeg->image_width, jpeg->image_height, JUDD_IMAGE_MAX_PIXELS);
    if (c != 1 && c != 3 && c != 4)
        return judd_status_set(JUDD_E_DATA, "JPEG: %d components; convert the image to RGB", c);
    return JUDD_OK;
}

/* a b / 255, rounded, as Pillow's MULDIV255. */
static uint8_t product(int a, int b) {
    int t = a * b + 128;
    return (uint8_t)(((t >> 8) + t) >> 8);
}

/* Adobe writes CMYK inverted, and so Pillow takes any: what is stored is 255 - ink. */
static void from_cmyk(uint8_t *rgb, const uint8_t *stored, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        int paper = stored[4 * i + 3]; /* 255 - K */
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(paper - product(255 - stored[4 * i + c], paper));
    }
}

static judd_status read_rows(decoder *d, judd_image *image) {
    judd_status status = JUDD_OK;
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    bool cmyk = jpeg->num_components == 4;
    int64_t row = (int64_t)image->width * 3;
    if (cmyk) JUDD_TRY(judd_memory_alloc(&d->line, image->width, 4));
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *to = image->pixels + jpeg->output_scanline * row;
        JSAMPROW rows[1] = {cmyk ? d->line : to};
        jpeg_read_scanlines(jpeg, rows, 1);
        if (cmyk) from_cmyk(to, d->line, image->width);
    }
    jpeg_finish_decompress(jpeg);
done:
    return status;
}

/* As Pillow's JpegImageFile.draft. */
static unsigned reduction(const struct jpeg_decompress_struct *jpeg, int side) {
    unsigned shorter =
        jpeg->image_width < jpeg->image_height ? jpeg->image_width : jpeg->image_height;
    unsigned denominator = 8;
    if (side == 0) return 1;
    while (denominator > 1 && shorter / (unsigned)side < denominator) denominator /= 2;
    return denominator;
}

/* Everything that may jump: nothing here is needed after the jump but what `d` points to. */
static judd_status decode(decoder *d, judd_image *image, const uint8_t *bytes, int64_t n,
                          int side) {
    if (setjmp(d->leave)) return d->status;
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &d->progress;
    jpeg_mem_src(jpeg, bytes, (unsigned long)n);
    jpeg_read_header(jpeg, TRUE);
    judd_status status = check_header(jpeg);
    if (status != JUDD_OK) return status;
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg->scale_denom = reduction(jpeg, side);
    jpeg_calc_output_dimensions(jpeg);
    status = judd_image_shape(image, (int)jpeg->output_height, (int)jpeg->output_width, 3);
    if (status != JUDD_OK) return status;
    jpeg_start_decompress(jpeg);
    return read_rows(d, image);
}

judd_status judd_jpeg_decode(judd_image *image, const uint8_t *bytes, int64_t n, int side,
                             int64_t *offset) {
    decoder d = {.progress = {.progress_monitor = watch}};
    d.jpeg.client_data = &d;
    d.jpeg.err = jpeg_std_error(&d.errors);
    d.errors.error_exit = give_up;
    d.errors.emit_message = hear;
    d.errors.output_message = say_nothing;
    judd_status status = decode(&d, image, bytes, n, side);
    const struct jpeg_source_mgr *source = d.jpeg.src;
    const uint8_t *at = source ? source->next_input_byte : bytes;
    *offset = at >= bytes && at <= bytes + n ? at - bytes : n; /* it ran out: a buffer of its own */
    jpeg_destroy_decompress(&d.jpeg);
    free(d.line);
    return status;
}

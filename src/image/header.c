#include "image/jpeg.h"
#include "image/png.h"

#include <judd/image/header.h>

#include <string.h>

static int big_endian(const uint8_t *b, int n) {
    int value = 0;
    for (int i = 0; i < n; i++) value = value << 8 | b[i];
    return value;
}

/* IHDR is the first chunk (PNG specification, 5.6 and 11.2.2). */
static bool png_header(judd_image_header *out, const uint8_t *b, int64_t n) {
    static const char *const kinds[] = {"PNG grey",         "", "PNG RGB", "PNG palette",
                                        "PNG grey + alpha", "", "PNG RGBA"};
    static const int channels[] = {1, 0, 3, 1, 2, 0, 4};
    if (n < 29 || memcmp(b + 12, "IHDR", 4) != 0 || b[25] > 6 || channels[b[25]] == 0 || b[16] ||
        b[20])
        return false;
    *out = (judd_image_header){.width = big_endian(b + 16, 4),
                               .height = big_endian(b + 20, 4),
                               .bits = b[24],
                               .channels = channels[b[25]],
                               .kind = kinds[b[25]]};
    return true;
}

/* Segments up to the frame header (ITU-T T.81, B.1 and B.2.2). */
static bool jpeg_header(judd_image_header *out, const uint8_t *b, int64_t n) {
    for (int64_t at = 2; at + 10 <= n && b[at] == 0xff;) {
        int marker = b[at + 1];
        if (marker == 0xff) {
            at++;
            continue;
        }
        bool frame =
            marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        if (frame) {
            int channels = b[at + 9];
            *out = (judd_image_header){.bits = b[at + 4],
                                       .height = big_endian(b + at + 5, 2),
                                       .width = big_endian(b + at + 7, 2),
                                       .channels = channels,
                                       .kind = channels == 1   ? "JPEG grey"
                                               : channels == 3 ? "JPEG colour"
                                                               : "JPEG CMYK"};
            return true;
        }
        at += 2 + big_endian(b + at + 2, 2);
    }
    return false;
}

bool judd_image_header_read(judd_image_header *out, const void *bytes, int64_t n) {
    const uint8_t *b = bytes;
    if (judd_png_is(b, n)) return png_header(out, b, n);
    return judd_jpeg_is(b, n) && jpeg_header(out, b, n);
}

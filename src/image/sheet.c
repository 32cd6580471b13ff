#include <judd/image/sheet.h>

#include "image/png.h"

#include <judd/image/resize.h>
#include <judd/io/atomic_file.h>

#include <stdlib.h>
#include <string.h>

enum { TILE = JUDD_SHEET_TILE, MARGIN = 4, ROOM = TILE - MARGIN };

judd_status judd_sheet_create(judd_sheet *sheet, int rows, int columns) {
    *sheet = (judd_sheet){.rows = rows, .columns = columns};
    judd_status status =
        judd_image_shape(&sheet->page, rows * TILE + MARGIN, columns * TILE + MARGIN, 3);
    if (status == JUDD_OK)
        memset(sheet->page.pixels, 255, 3 * (size_t)sheet->page.height * (size_t)sheet->page.width);
    return status;
}

void judd_sheet_free(judd_sheet *sheet) {
    judd_image_free(&sheet->page);
    judd_image_free(&sheet->small);
    judd_image_free(&sheet->between);
}

/* The longer side fills the place. */
static judd_status shrink(judd_sheet *sheet, const judd_image *image) {
    int longer = image->height > image->width ? image->height : image->width;
    int height = (int)((int64_t)image->height * ROOM / longer);
    int width = (int)((int64_t)image->width * ROOM / longer);
    judd_window all = {0, 0, height > 0 ? height : 1, width > 0 ? width : 1};
    return judd_resize_image(&sheet->small, image, all.height, all.width, all, JUDD_BILINEAR,
                             &sheet->between);
}

static judd_status enlarge(judd_sheet *sheet, const judd_image *image, int factor) {
    int h = image->height * factor, w = image->width * factor, c = image->channels;
    judd_status status = judd_image_shape(&sheet->small, h, w, c);
    for (int y = 0; status == JUDD_OK && y < h; y++)
        for (int x = 0; x < w; x++)
            memcpy(sheet->small.pixels + ((int64_t)y * w + x) * c,
                   image->pixels + ((int64_t)(y / factor) * image->width + x / factor) * c,
                   (size_t)c);
    return status;
}

judd_status judd_sheet_put(judd_sheet *sheet, int row, int column, const judd_image *image) {
    int longer = image->height > image->width ? image->height : image->width;
    judd_status status =
        longer > ROOM ? shrink(sheet, image) : enlarge(sheet, image, ROOM / longer);
    if (status != JUDD_OK) return status;
    const judd_image *s = &sheet->small;
    int top = row * TILE + MARGIN + (ROOM - s->height) / 2;
    int left = column * TILE + MARGIN + (ROOM - s->width) / 2;
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++) {
            const uint8_t *from = s->pixels + ((int64_t)y * s->width + x) * s->channels;
            uint8_t *to =
                sheet->page.pixels + ((int64_t)(top + y) * sheet->page.width + left + x) * 3;
            for (int c = 0; c < 3; c++) to[c] = from[s->channels >= 3 ? c : 0];
        }
    return JUDD_OK;
}

judd_status judd_sheet_write(const judd_sheet *sheet, const char *path) {
    judd_status status = JUDD_OK;
    void *bytes = NULL;
    int64_t n = 0;
    JUDD_TRY(judd_status_context(judd_png_encode(&bytes, &n, &sheet->page), "%s", path));
    JUDD_TRY(judd_atomic_file_write(path, bytes, n));
done:
    free(bytes);
    return status;
}

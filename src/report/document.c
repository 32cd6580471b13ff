#include "report/document.h"

#include "image/png.h"
#include "report/style.h"

#include <judd/image/resize.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_SIDE = 64, MOST_PIXELS_SIDE = 96 };

void judd_document_begin(judd_html *h, const char *title, const char *heading) {
    judd_html_add(
        h,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width, initial-scale=1\"><meta "
        "http-equiv=\"Content-Security-Policy\" "
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
        "<title>%s</title><style>\n",
        title);
    judd_html_raw(h, judd_style, (int64_t)strlen(judd_style));
    judd_html_add(h, "</style></head><body>\n<header><h1>%s</h1>", heading);
}

void judd_document_end(judd_html *h) {
    judd_html_add(h, "</body></html>\n");
}

judd_status judd_document_picture(judd_html *h, const judd_image *image, const char *what) {
    judd_status status = JUDD_OK;
    judd_image small = {0}, between = {0};
    int longer = image->height > image->width ? image->height : image->width;
    void *png = NULL;
    int64_t bytes = 0;
    bool large = longer > MOST_PIXELS_SIDE;
    if (large) {
        int height = image->height * MOST_PIXELS_SIDE / longer;
        int width = image->width * MOST_PIXELS_SIDE / longer;
        judd_window all = {0, 0, height > 0 ? height : 1, width > 0 ? width : 1};
        JUDD_TRY(
            judd_resize_image(&small, image, all.height, all.width, all, JUDD_BILINEAR, &between));
    }
    JUDD_TRY(judd_png_encode(&png, &bytes, large ? &small : image));
    judd_html_add(h,
                  longer <= LONGEST_SIDE ? "<img class=\"pixels\" alt=\"%s\" src=\"data:image/png;"
                                           "base64,"
                                         : "<img alt=\"%s\" src=\"data:image/png;base64,",
                  what);
    judd_html_base64(h, png, bytes);
    judd_html_add(h, "\">");
done:
    judd_image_free(&small);
    judd_image_free(&between);
    free(png);
    return status;
}

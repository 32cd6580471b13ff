/** A contact sheet: many pictures on one page, written as PNG. */
#ifndef JUDD_IMAGE_SHEET_H
#define JUDD_IMAGE_SHEET_H

#include <judd/image/image.h>

enum { JUDD_SHEET_TILE = 72 }; /* side of a place, pixels */

typedef struct judd_sheet {
    int rows, columns;
    judd_image page, small, between; /* the last two are scratch */
} judd_sheet;

/** An empty (white) page. */
judd_status judd_sheet_create(judd_sheet *sheet, int rows, int columns);
void judd_sheet_free(judd_sheet *sheet);

/** Put a picture of 1, 3 or 4 channels (of which the first 3 are shown) into a place: small ones
 * are enlarged by a whole factor, large ones are resized into it. Local. */
judd_status judd_sheet_put(judd_sheet *sheet, int row, int column, const judd_image *image);

/** Write the page, replacing `path`. Local. */
judd_status judd_sheet_write(const judd_sheet *sheet, const char *path);

#endif

/** An HTML document of ours: its head with style and policy, pictures in it, its end. */
#ifndef JUDD_SRC_REPORT_DOCUMENT_H
#define JUDD_SRC_REPORT_DOCUMENT_H

#include "report/html.h"

#include <judd/image/image.h>

/** Up to and with the heading; <header> is open. The page may load nothing and run no script. */
void judd_document_begin(judd_html *html, const char *title, const char *heading);
void judd_document_end(judd_html *html);
/** A picture as a small PNG in the page; large ones are resized. what: says it in words. */
judd_status judd_document_picture(judd_html *html, const judd_image *image, const char *what);

#endif

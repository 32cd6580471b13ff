/** HTML in memory. Markup is ours and stands in formats; whatever a format's arguments bring is
 *  escaped, so that no name out of a file can become markup. */
#ifndef JUDD_SRC_REPORT_HTML_H
#define JUDD_SRC_REPORT_HTML_H

#include <judd/base/status.h>

#include <stdint.h>

/** Start with {0}, end with judd_html_free. */
typedef struct judd_html {
    char *text; /* [n], NUL behind it; NULL: empty */
    int64_t n, capacity;
    judd_status status; /* of the first failure; later calls do nothing */
} judd_html;

/** printf: the format goes out as it is, what its %s bring is escaped for text and for quoted
 *  attributes: & < > " ' as entities; what is no UTF-8, no character, or a control becomes U+FFFD;
 *  marks that turn the direction of writing become visible as [U+202E]. Formats: %s, %c, %d
 *  and %f, %g with flags; %lld. */
void judd_html_add(judd_html *html, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Bytes that are HTML already. */
void judd_html_raw(judd_html *html, const char *bytes, int64_t n);
/** Bytes as base64, for data URIs. */
void judd_html_base64(judd_html *html, const void *bytes, int64_t n);
void judd_html_free(judd_html *html);

#endif

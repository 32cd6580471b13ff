#include "report/html.h"

#include <judd/base/memory.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONGEST_NUMBER = 400,
    LONGEST_SPEC = 16
}; /* %.3f of the largest double has 313 characters */

void judd_html_free(judd_html *h) {
    free(h->text);
    *h = (judd_html){0};
}

void judd_html_raw(judd_html *h, const char *bytes, int64_t n) {
    if (h->status != JUDD_OK || n == 0) return;
    if (h->n + n >= h->capacity) {
        int64_t capacity = 2 * (h->n + n) + 4096;
        char *larger = realloc(h->text, (size_t)capacity);
        if (!larger) {
            h->status = judd_status_set(JUDD_E_INTERNAL, "report: no memory");
            return;
        }
        h->text = larger;
        h->capacity = capacity;
    }
    memcpy(h->text + h->n, bytes, (size_t)n);
    h->n += n;
    h->text[h->n] = 0;
}

static void put(judd_html *h, const char *text) {
    judd_html_raw(h, text, (int64_t)strlen(text));
}

/* ---- escaping -----------------------------------------------------------------------------------
 */

/* Length of the well-formed UTF-8 character at s (Unicode 15, table 3-7), its code in *code; 0:
 * none begins there. n: bytes that are there. */
static int character_at(const unsigned char *s, int64_t n, uint32_t *code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int length = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (length == 0 || length > n || s[0] > 0xF4) return 0;
    *code = length == 1 ? s[0] : s[0] & (0x7Fu >> length);
    for (int i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80) return 0;
        *code = *code << 6 | (s[i] & 0x3Fu);
    }
    bool surrogate = *code >= 0xD800 && *code <= 0xDFFF;
    return *code < least[length] || surrogate || *code > 0x10FFFF ? 0 : length;
}

/* Turns the direction of what follows it, also of what we write. */
static bool turns(uint32_t c) {
    return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* No part of any text: controls, line separators, what Unicode calls no characters. */
static bool is_no_text(uint32_t c) {
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0) || c == 0x2028 ||
           c == 0x2029 || (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

static void put_character(judd_html *h, const unsigned char *s, int length, uint32_t c) {
    char visible[16];
    if (c == '&')
        put(h, "&amp;");
    else if (c == '<')
        put(h, "&lt;");
    else if (c == '>')
        put(h, "&gt;");
    else if (c == '"')
        put(h, "&quot;");
    else if (c == '\'')
        put(h, "&#39;");
    else if (is_no_text(c))
        put(h, "\xEF\xBF\xBD");
    else if (turns(c)) {
        snprintf(visible, sizeof visible, "[U+%04X]", (unsigned)c);
        put(h, visible);
    } else
        judd_html_raw(h, (const char *)s, length);
}

static void put_escaped(judd_html *h, const char *text, int64_t n) {
    const unsigned char *s = (const unsigned char *)text;
    for (int64_t i = 0; i < n;) {
        uint32_t code = 0;
        int length = character_at(s + i, n - i, &code);
        if (length == 0)
            put(h, "\xEF\xBF\xBD");
        else
            put_character(h, s + i, length, code);
        i += length > 0 ? length : 1;
    }
}

/* ---- formats ------------------------------------------------------------------------------------
 */

/* One argument of a conversion that ends in `type`. spec: from '%' on, with any precision in it.
 * The compiler has checked formats and arguments against each other. */
static void put_argument(judd_html *h, const char *spec, char type, va_list *args) {
    char text[LONGEST_NUMBER];
    if (type == 's') {
        const char *s = va_arg(*args, const char *);
        put_escaped(h, s ? s : "", s ? (int64_t)strlen(s) : 0);
        return;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (type == 'd' && strstr(spec, "ll"))
        snprintf(text, sizeof text, spec, va_arg(*args, long long));
    else if (type == 'd' || type == 'c')
        snprintf(text, sizeof text, spec, va_arg(*args, int));
    else
        snprintf(text, sizeof text, spec, va_arg(*args, double));
#pragma GCC diagnostic pop
    put_escaped(h, text, (int64_t)strlen(text));
}

void judd_html_add(judd_html *h, const char *format, ...) {
    va_list args;
    va_start(args, format);
    for (const char *f = format; *f;) {
        size_t plain = strcspn(f, "%");
        judd_html_raw(h, f, (int64_t)plain);
        f += plain;
        if (!*f) break;
        size_t n = 1 + strcspn(f + 1, "sdcfge%");
        char spec[LONGEST_SPEC] = "";
        if (n + 1 >= sizeof spec || !f[n]) break;
        memcpy(spec, f, n + 1);
        if (f[n] == '%')
            put(h, "%");
        else
            put_argument(h, spec, f[n], &args);
        f += n + 1;
    }
    va_end(args);
}

void judd_html_base64(judd_html *h, const void *bytes, int64_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = bytes;
    for (int64_t i = 0; i < n; i += 3) {
        uint32_t three = (uint32_t)b[i] << 16 | (i + 1 < n ? (uint32_t)b[i + 1] << 8 : 0) |
                         (i + 2 < n ? b[i + 2] : 0);
        char four[4];
        for (int k = 0; k < 4; k++) four[k] = digits[three >> (18 - 6 * k) & 63];
        if (i + 2 >= n) four[3] = '=';
        if (i + 1 >= n) four[2] = '=';
        judd_html_raw(h, four, 4);
    }
}

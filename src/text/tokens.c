#include <judd/text/tokens.h>

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

struct judd_tokens {
    bool words, lowercase;
    const char *at, *end;   /* what is left of the text, or of its prepared form */
    utf8proc_int32_t *wide; /* [wide_capacity] the text's characters */
    char *text;             /* [text_capacity] the prepared form: words with spaces between */
    int64_t wide_capacity, text_capacity;
};

judd_status judd_tokens_create(judd_tokens **out, const judd_tokens_options *options) {
    bool words = strcmp(options->rule, "words") == 0;
    if (!words && strcmp(options->rule, "whitespace") != 0)
        return judd_status_set(JUDD_E_CONFIG,
                               "words: unknown rule of tokens \"%s\"; known: whitespace, words",
                               options->rule);
    judd_status status = judd_memory_alloc(out, 1, sizeof **out);
    if (status == JUDD_OK) **out = (judd_tokens){.words = words, .lowercase = options->lowercase};
    return status;
}

void judd_tokens_destroy(judd_tokens *t) {
    if (!t) return;
    free(t->wide);
    free(t->text);
    free(t);
}

const char *judd_tokens_library(void) {
    return utf8proc_version();
}

/* ---- preparing ---------------------------------------------------------------------------------
 */

/* The text's characters: as they are, or in form NFC. */
static judd_status decode(judd_tokens *t, const char *text, int64_t bytes, int64_t *n) {
    const utf8proc_uint8_t *from = (const utf8proc_uint8_t *)text;
    utf8proc_option_t form = t->words ? UTF8PROC_COMPOSE | UTF8PROC_STABLE : 0;
    utf8proc_ssize_t got = utf8proc_decompose(from, bytes, t->wide, t->wide_capacity, form);
    if (got > t->wide_capacity) {
        judd_status status = judd_memory_grow(&t->wide, 0, got, &t->wide_capacity, sizeof *t->wide);
        if (status != JUDD_OK) return status;
        got = utf8proc_decompose(from, bytes, t->wide, t->wide_capacity, form);
    }
    if (got > 0 && t->words) got = utf8proc_normalize_utf32(t->wide, got, form);
    *n = got;
    if (got >= 0) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA, "text: %s", utf8proc_errmsg(got));
}

typedef enum part { BETWEEN, OF_WORD, ALONE } part;

static part part_of(utf8proc_int32_t c) {
    utf8proc_category_t k = utf8proc_category(c);
    if (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NO) return OF_WORD;
    bool none = k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL ||
                k == UTF8PROC_CATEGORY_ZP || k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF;
    return none ? BETWEEN : ALONE;
}

/* A character is at most 4 bytes, with a space before and behind it 6. */
static judd_status prepare(judd_tokens *t, const char *text, int64_t bytes) {
    int64_t n = 0;
    judd_status status = decode(t, text, bytes, &n);
    if (status == JUDD_OK) status = judd_memory_grow(&t->text, 0, 6 * n + 1, &t->text_capacity, 1);
    if (status != JUDD_OK) return status;
    char *to = t->text;
    for (int64_t i = 0; i < n; i++) {
        utf8proc_int32_t c = t->wide[i];
        part p = t->words ? part_of(c) : OF_WORD;
        if (p != OF_WORD) *to++ = ' ';
        if (p == BETWEEN) continue;
        if (t->lowercase) c = utf8proc_tolower(c);
        to += utf8proc_encode_char(c, (utf8proc_uint8_t *)to);
        if (p == ALONE) *to++ = ' ';
    }
    t->at = t->text;
    t->end = to;
    return JUDD_OK;
}

/* Without characters beyond ASCII a text is its own form NFC. */
static bool is_ascii(const char *text, int64_t bytes) {
    unsigned char all = 0;
    for (int64_t i = 0; i < bytes; i++) all |= (unsigned char)text[i];
    return all < 0x80;
}

static bool is_space(unsigned char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The same as prepare, for ASCII. */
static judd_status prepare_ascii(judd_tokens *t, const char *text, int64_t bytes) {
    judd_status status = judd_memory_grow(&t->text, 0, 3 * bytes + 1, &t->text_capacity, 1);
    if (status != JUDD_OK) return status;
    char *to = t->text;
    for (int64_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i], low = c | 0x20;
        bool letter = low >= 'a' && low <= 'z', of_word = letter || (c >= '0' && c <= '9');
        if (letter && t->lowercase) c = low;
        if (!t->words || of_word) {
            *to++ = (char)c;
        } else {
            *to++ = ' ';
            if (c <= ' ' || c == 0x7f) continue;
            *to++ = (char)c;
            *to++ = ' ';
        }
    }
    t->at = t->text;
    t->end = to;
    return JUDD_OK;
}

/* ---- words -------------------------------------------------------------------------------------
 */

judd_status judd_tokens_begin(judd_tokens *t, const char *text, int64_t bytes) {
    t->at = text;
    t->end = text + bytes;
    if (!t->words && !t->lowercase) return JUDD_OK;
    return is_ascii(text, bytes) ? prepare_ascii(t, text, bytes) : prepare(t, text, bytes);
}

bool judd_tokens_next(judd_tokens *t, const char **word, int64_t *bytes) {
    const char *at = t->at, *end = t->end;
    while (at < end && is_space((unsigned char)*at)) at++;
    *word = at;
    while (at < end && !is_space((unsigned char)*at)) at++;
    *bytes = at - *word;
    t->at = at;
    return *bytes > 0;
}

int64_t judd_tokens_bad_utf8(const char *text, int64_t bytes) {
    const utf8proc_uint8_t *from = (const utf8proc_uint8_t *)text;
    utf8proc_int32_t c = 0;
    for (int64_t i = 0, n = 0; i < bytes; i += n) {
        n = from[i] < 0x80 ? 1 : utf8proc_iterate(from + i, bytes - i, &c);
        if (n < 1 || from[i] == 0) return i;
    }
    return -1;
}

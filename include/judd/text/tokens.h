/** Texts into words.
 *
 *  "whitespace": what fastText reads: runs of bytes between space, \t, \n, \v, \f and \r
 * (Bojanowski et al. 2017; Dictionary::readWord). "words": the text in Unicode's form NFC; runs of
 * letters, marks and numbers (general categories L, M and N) are words, every other character that
 * is no separator or control is a word of its own. Either may be lower-cased, character by
 * character. All local.
 */
#ifndef JUDD_TEXT_TOKENS_H
#define JUDD_TEXT_TOKENS_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct judd_tokens_options {
    const char *rule; /* "whitespace" or "words" */
    bool lowercase;
} judd_tokens_options;

typedef struct judd_tokens judd_tokens;

/** One a thread. JUDD_E_CONFIG if the rule is unknown. Owner: caller, judd_tokens_destroy. */
judd_status judd_tokens_create(judd_tokens **out, const judd_tokens_options *options);
/** NULL is allowed. */
void judd_tokens_destroy(judd_tokens *tokens);

/** Begin with a text of valid UTF-8, which must stay as it is until the last word. */
judd_status judd_tokens_begin(judd_tokens *tokens, const char *text, int64_t bytes);
/** The next word and its length, without a NUL; false behind the last. Borrowed until begin. */
bool judd_tokens_next(judd_tokens *tokens, const char **word, int64_t *bytes);

/** What the words depend on beside text and rule: the Unicode library's version. */
const char *judd_tokens_library(void);

/** Where a text stops being UTF-8 (RFC 3629): the byte's place, or -1. A zero byte is none. */
int64_t judd_tokens_bad_utf8(const char *text, int64_t bytes);

#endif

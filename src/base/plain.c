#include <judd/base/plain.h>

#include <string.h>

void judd_plain_print(FILE *to, const char *text, size_t most) {
    size_t n = strnlen(text, most);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        fputc(c < 32 || c == 127 ? '?' : c, to);
    }
    if (text[n]) fputs(" ...", to);
}

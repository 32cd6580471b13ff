#include <judd/base/status.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[JUDD_MESSAGE_SIZE];

judd_status judd_status_set(judd_status code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char text[JUDD_MESSAGE_SIZE]; /* the arguments may point into `message` */
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 32) *c = ' '; /* one line, whatever a hostile file name holds */
    memcpy(message, text, sizeof message);
    return code;
}

judd_status judd_status_context(judd_status code, const char *format, ...) {
    if (code == JUDD_OK) return code;
    char text[JUDD_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return judd_status_set(code, "%s: %s", text, message);
}

const char *judd_status_message(void) {
    return message;
}

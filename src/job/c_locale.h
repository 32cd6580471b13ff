/** Numbers in job files have a point whatever the locale of the process or the user is. */
#ifndef JUDD_SRC_JOB_C_LOCALE_H
#define JUDD_SRC_JOB_C_LOCALE_H

#include <judd/base/status.h>

#include <locale.h>

typedef struct judd_c_locale {
    locale_t own, before; /* 0: not entered */
} judd_c_locale;

/** This thread reads and writes numbers as in C until judd_c_locale_leave. Start from {0}. */
judd_status judd_c_locale_enter(judd_c_locale *locale);
/** Does nothing if it was not entered. */
void judd_c_locale_leave(judd_c_locale *locale);

#endif

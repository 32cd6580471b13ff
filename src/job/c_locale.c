#include "job/c_locale.h"

judd_status judd_c_locale_enter(judd_c_locale *locale) {
    locale->own = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (!locale->own)
        return judd_status_set(JUDD_E_INTERNAL, "job file: no memory for the C locale");
    locale->before = uselocale(locale->own);
    return JUDD_OK;
}

void judd_c_locale_leave(judd_c_locale *locale) {
    if (!locale->own) return;
    uselocale(locale->before);
    freelocale(locale->own);
    *locale = (judd_c_locale){0};
}

/** Checked, aligned memory. */
#ifndef JUDD_BASE_MEMORY_H
#define JUDD_BASE_MEMORY_H

#include <judd/base/status.h>

#include <stddef.h>
#include <stdint.h>

/** Zeroed, 64-byte aligned memory for `count` items of `size` bytes in *out (free with free()).
 *  The product is checked; count 0 gives a valid pointer. Fails with JUDD_E_INTERNAL. */
judd_status judd_memory_alloc(void *out, int64_t count, size_t size);

/** The same for what may stay zero: pages take memory when they are written. The alignment is that
 * of malloc. */
judd_status judd_memory_zeros(void *out, int64_t count, size_t size);

/** Room for `wanted` items in *(T **)array, of which the first `used` are kept and *capacity are
 * there; half as many again are taken where it does not suffice. Owner: caller, free(). */
judd_status judd_memory_grow(void *array, int64_t used, int64_t wanted, int64_t *capacity,
                             size_t size);

/** Copy of a string; `text` may be NULL, then *out is NULL. Owner: caller, free(). */
judd_status judd_memory_string(char **out, const char *text);

/** printf into a new string. Owner: caller, free(). */
judd_status judd_memory_format(char **out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

#include <judd/base/memory.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 1 << 21 };

static bool is_large(size_t bytes) {
    return bytes >= 2 * (size_t)HUGE_PAGE;
}

/* Every small page of a large array costs a page walk, again and again where there are more than
 * the processor remembers; the kernel gives huge ones where it is asked to, and nothing is lost
 * where it does not. */
static void ask_for_huge_pages(char *p, size_t bytes) {
    size_t skipped = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    if (is_large(bytes)) (void)madvise(p + skipped, bytes - skipped, MADV_HUGEPAGE);
}

static void *allocate(size_t bytes) {
    void *p = NULL; /* not aligned_alloc, whose size must be a multiple of the alignment */
    if (posix_memalign(&p, is_large(bytes) ? HUGE_PAGE : ALIGNMENT, bytes) != 0) return NULL;
    ask_for_huge_pages(p, bytes);
    return p;
}

/* *bytes: of count items, at least one line, even for 0 items. */
static judd_status check_size(size_t *bytes, int64_t count, size_t size) {
    if (count < 0 || __builtin_mul_overflow((size_t)count, size, bytes) ||
        *bytes > (size_t)PTRDIFF_MAX - ALIGNMENT)
        return judd_status_set(JUDD_E_INTERNAL, "memory: %lld items of %zu bytes are too many",
                               (long long)count, size);
    *bytes = (*bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    return JUDD_OK;
}

static judd_status no_memory(size_t bytes) {
    return judd_status_set(
        JUDD_E_INTERNAL, "memory: no %zu bytes left; use more nodes or fewer ranks a node", bytes);
}

judd_status judd_memory_alloc(void *out, int64_t count, size_t size) {
    size_t bytes = 0;
    judd_status status = check_size(&bytes, count, size);
    if (status != JUDD_OK) return status;
    void *p = allocate(bytes);
    if (!p) return no_memory(bytes);
    memset(p, 0, bytes);
    memcpy(out, &p, sizeof p);
    return JUDD_OK;
}

judd_status judd_memory_zeros(void *out, int64_t count, size_t size) {
    size_t bytes = 0;
    judd_status status = check_size(&bytes, count, size);
    if (status != JUDD_OK) return status;
    void *p = calloc(bytes, 1);
    if (!p) return no_memory(bytes);
    ask_for_huge_pages(p, bytes);
    memcpy(out, &p, sizeof p);
    return JUDD_OK;
}

judd_status judd_memory_grow(void *array, int64_t used, int64_t wanted, int64_t *capacity,
                             size_t size) {
    void *larger = NULL;
    if (wanted <= *capacity) return JUDD_OK;
    judd_status status = judd_memory_alloc(&larger, wanted + wanted / 2 + 16, size);
    if (status != JUDD_OK) return status;
    if (used > 0) memcpy(larger, *(void **)array, (size_t)used * size);
    free(*(void **)array);
    *(void **)array = larger;
    *capacity = wanted + wanted / 2 + 16;
    return JUDD_OK;
}

judd_status judd_memory_string(char **out, const char *text) {
    if (!text) {
        *out = NULL;
        return JUDD_OK;
    }
    size_t n = strlen(text) + 1;
    char *copy = NULL;
    judd_status status = judd_memory_alloc(&copy, (int64_t)n, 1);
    if (status == JUDD_OK) *out = memcpy(copy, text, n);
    return status;
}

judd_status judd_memory_format(char **out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = NULL;
    judd_status status = judd_memory_alloc(&text, (int64_t)n + 1, 1);
    if (status != JUDD_OK) return status;
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    *out = text;
    return JUDD_OK;
}

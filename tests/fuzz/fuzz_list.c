/* A list of images with labels, names or numbers, and a list of classes: the first byte says what
 * they are for, a NUL stands between them. The images "a" and "b" exist. */
#include "fuzz/labels.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char image[] = "?";
    if (n == 0) return 0;
    const uint8_t *text = data + 1, *zero = memchr(text, 0, n - 1);
    size_t length = zero ? (size_t)(zero - text) : n - 1;
    static bool made;
    if (!made) fuzz_file_named("a", image, 1), fuzz_file_named("b", image, 1);
    made = true;
    const char *classes = zero ? fuzz_file_named("classes", zero + 1, n - 2 - length) : NULL;
    fuzz_labels((judd_task_kind)(data[0] % 3), fuzz_file(text, length), classes, judd_scan_list);
    return 0;
}

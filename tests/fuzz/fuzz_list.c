/* A list of images with labels, names or numbers, and a list of classes: the first byte says what
 * they are for, a NUL stands between them. The images "a" and "b" exist. */
#include "fuzz/labels.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char image[] = "?";
    if (n == 0) return 0;
    judd_sample_list list = {.task = (judd_task_kind)(data[0] % 3)};
    const uint8_t *text = data + 1, *zero = memchr(text, 0, n - 1);
    size_t length = zero ? (size_t)(zero - text) : n - 1;
    static bool made;
    if (!made) fuzz_file_named("a", image, 1), fuzz_file_named("b", image, 1);
    made = true;
    const char *classes = zero ? fuzz_file_named("classes", zero + 1, n - 2 - length) : NULL;
    if (judd_scan_list(&list, fuzz_file(text, length)) == JUDD_OK) fuzz_labels(&list, classes);
    judd_sample_list_free(&list);
    return 0;
}

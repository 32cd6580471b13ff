/* JPEG and PNG. */
#include "fuzz/fuzz.h"

#include <judd/image/image.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    judd_image image = {0};
    int64_t offset = 0;
    if (judd_image_decode(&image, data, (int64_t)n, &offset) == JUDD_OK) fuzz_taken();
    judd_image_free(&image);
    return 0;
}

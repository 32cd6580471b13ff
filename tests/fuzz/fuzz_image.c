/* JPEG, at its size or reduced, and PNG; grey ones too. */
#include "fuzz/fuzz.h"

#include <judd/image/image.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    judd_image image = {0};
    int64_t offset = 0;
    int side = (int)(n % 4); /* of what length the input is, the fuzzer tries many */
    if (judd_image_decode_reduced(&image, data, (int64_t)n, side, &offset) == JUDD_OK) {
        fuzz_taken();
        judd_image_to_grey(&image);
    }
    judd_image_free(&image);
    return 0;
}

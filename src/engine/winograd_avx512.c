#include "engine/winograd_kernel.h"

#include <stddef.h>

#if defined(__x86_64__)

/* 28 sums, 2 vectors of weights and 2 broadcasts make 32 registers. */
#define ROWS 14
#include "engine/vector_avx512.h"
#include "engine/winograd_stages.h"

const judd_winograd_kernel *judd_winograd_avx512(void) {
    static const judd_winograd_kernel kernel = {.isa = "avx512",
                                                .width = WIDTH,
                                                .rows = ROWS,
                                                .input = input_stage,
                                                .products = product_stage,
                                                .output = output_stage};
    return &kernel;
}

#else

const judd_winograd_kernel *judd_winograd_avx512(void) {
    return NULL;
}

#endif

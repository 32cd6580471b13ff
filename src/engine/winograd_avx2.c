#include "engine/winograd_kernel.h"

#include <stddef.h>

#if defined(__x86_64__)

/* 12 sums, 2 vectors of weights and 1 or 2 broadcasts make 16 registers. */
#define ROWS 6
#include "engine/vector_avx2.h"
#include "engine/winograd_stages.h"

const judd_winograd_kernel *judd_winograd_avx2(void) {
    static const judd_winograd_kernel kernel = {.isa = "avx2",
                                                .width = WIDTH,
                                                .rows = ROWS,
                                                .input = input_stage,
                                                .products = product_stage,
                                                .output = output_stage};
    return &kernel;
}

#else

const judd_winograd_kernel *judd_winograd_avx2(void) {
    return NULL;
}

#endif

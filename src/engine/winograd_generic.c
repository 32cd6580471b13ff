#include "engine/winograd_kernel.h"

#define ROWS 6
#include "engine/vector_generic.h"
#include "engine/winograd_stages.h"

const judd_winograd_kernel *judd_winograd_generic(void) {
    static const judd_winograd_kernel kernel = {.isa = "generic",
                                                .width = WIDTH,
                                                .rows = ROWS,
                                                .input = input_stage,
                                                .products = product_stage,
                                                .output = output_stage};
    return &kernel;
}

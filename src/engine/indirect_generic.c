#include "engine/vector_generic.h"

#include "engine/indirect_stages.h"

const judd_indirect_kernel *judd_indirect_generic(void) {
    static const judd_indirect_kernel kernel = {
        .isa = "generic", .width = WIDTH, .multiply = multiplications, .share = shares};
    return &kernel;
}

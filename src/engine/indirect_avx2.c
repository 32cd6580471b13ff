#include "engine/indirect_kernel.h"

#include <stddef.h>

#if defined(__x86_64__)

#include "engine/vector_avx2.h"

#include "engine/indirect_stages.h"

const judd_indirect_kernel *judd_indirect_avx2(void) {
    static const judd_indirect_kernel kernel = {
        .isa = "avx2", .width = WIDTH, .multiply = multiplications, .share = shares};
    return &kernel;
}

#else

const judd_indirect_kernel *judd_indirect_avx2(void) {
    return NULL;
}

#endif

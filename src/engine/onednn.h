/* oneDNN behind plain functions: the only place that knows its C API (2.x and 3.x). */
#ifndef JUDD_SRC_ENGINE_ONEDNN_H
#define JUDD_SRC_ENGINE_ONEDNN_H

#include <judd/engine/engine.h>

#include "engine/net.h"

typedef struct judd_onednn judd_onednn;       /* engine, stream, scratchpad, thread count */
typedef struct judd_primitive judd_primitive; /* a primitive with its packed weights */

/* Instruction sets as ordered numbers. float32 kernels do not use anything newer than AVX-512 core
 * (VNNI, bfloat16 and AMX serve other types), so newer ones are one level to them and CPUs that
 * differ in them only give the same results. */
enum { JUDD_ISA_AVX2 = 3, JUDD_ISA_AVX512 = 4, JUDD_ISA_BF16 = 5, JUDD_ISA_AMX = 6 };
int judd_onednn_isa(judd_precision precision);
const char *judd_onednn_isa_name(int isa);
judd_status judd_onednn_limit_isa(int isa);
const char *judd_onednn_version(void);

judd_status judd_onednn_create(judd_onednn **out, int threads, judd_precision precision);
void judd_onednn_destroy(judd_onednn *onednn);
/** Channels of a block: 16 with AVX-512, else 8. */
int judd_onednn_block(const judd_onednn *onednn);

/** Give the calling thread this object's number of OpenMP threads; `leave` restores what was.
 *  Around creating primitives and around running them: oneDNN cuts the work when it creates. */
int judd_onednn_enter(judd_onednn *onednn);
void judd_onednn_leave(judd_onednn *onednn, int previous);

/** Allocate the scratchpad all primitives share; after the last primitive, before the first run. */
judd_status judd_onednn_ready(judd_onednn *onednn);

/** Workspace for kernels of our own, in the same scratchpad: the most anybody reserves. */
void judd_onednn_reserve(judd_onednn *onednn, int64_t bytes);
void *judd_onednn_scratch(const judd_onednn *onednn);
int judd_onednn_threads(const judd_onednn *onednn);

/** run(data, part, parts) for all parts < parts <= threads, on the threads of oneDNN's own OpenMP.
 */
void judd_onednn_parallel(judd_onednn *onednn, void (*run)(void *data, int part, int parts),
                          void *data);

/** What happens to the result before it is stored: += what is there, then the activation. */
typedef struct judd_onednn_post {
    bool sum;
    judd_activation activation;
} judd_onednn_post;

typedef struct judd_onednn_convolution {
    judd_operand src, dst; /* of a bfloat16 source the weights are rounded as well */
    const judd_window *window;
    const float *weights; /* [dst channels, src channels / groups, kh, kw]; copied; NULL: the
                             constant stays NULL */
    bool turned;          /* they are [src channels, dst channels, 1, 1] */
    const float *bias;    /* or NULL; copied */
    judd_onednn_post post;
} judd_onednn_convolution;

judd_status judd_onednn_convolve(judd_primitive **out, judd_onednn *onednn,
                                 const judd_onednn_convolution *c);
/** Is there a generated kernel for it, or only the generic one? */
bool judd_onednn_convolves_fast(judd_onednn *onednn, const judd_onednn_convolution *c);

typedef enum judd_onednn_pool_kind {
    JUDD_POOL_MAX,
    JUDD_POOL_AVERAGE, /* divisor: cells inside the image */
    JUDD_POOL_AVERAGE_WITH_PADDING
} judd_onednn_pool_kind;

judd_status judd_onednn_pool(judd_primitive **out, judd_onednn *onednn, judd_onednn_pool_kind kind,
                             const judd_operand *src, const judd_operand *dst,
                             const judd_window *window);
judd_status judd_onednn_activate(judd_primitive **out, judd_onednn *onednn,
                                 const judd_operand *operand, judd_activation activation);
/** op '+' or '*', equal shapes. */
judd_status judd_onednn_binary(judd_primitive **out, judd_onednn *onednn, char op,
                               const judd_operand *operand, judd_activation activation);
judd_status judd_onednn_concat(judd_primitive **out, judd_onednn *onednn, int n,
                               const judd_operand *src, const judd_operand *dst, int axis);
judd_status judd_onednn_softmax(judd_primitive **out, judd_onednn *onednn,
                                const judd_operand *operand, int axis, bool logarithm);
judd_status judd_onednn_lrn(judd_primitive **out, judd_onednn *onednn, const judd_operand *operand,
                            int64_t size, float alpha, float beta, float k);

judd_status judd_onednn_reorder(judd_primitive **out, judd_onednn *onednn, const judd_operand *src,
                                const judd_operand *dst);

judd_status judd_onednn_run(judd_primitive *primitive, const float *const *in, float *out);
void judd_onednn_release(judd_primitive *primitive);
/** visit(data, place of the packed weights, bytes), if there are any. */
void judd_onednn_constants(judd_primitive *primitive,
                           void (*visit)(void *data, float **constant, int64_t bytes), void *data);

#endif

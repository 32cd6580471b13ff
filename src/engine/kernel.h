/* The one table of kernels: what can run which step, in which layout. */
#ifndef JUDD_SRC_ENGINE_KERNEL_H
#define JUDD_SRC_ENGINE_KERNEL_H

#include "engine/net.h"
#include "engine/onednn.h"

/** All that a kernel may know when it is made. */
typedef struct judd_kernel_binding {
    const judd_net *net;
    const judd_step *step;
    judd_onednn *onednn;    /* NULL in the reference backend */
    const judd_operand *in; /* [step->n_operands] */
    judd_operand out;
} judd_kernel_binding;

/** Called with the place of every pointer to constants of a kernel: weights and the like, filled by
 *  create, never written afterwards; NULL in a hollow net. It may be changed to another copy, or to
 *  NULL before destroy. */
typedef void judd_constant_visit(void *data, float **constant, int64_t bytes);

typedef struct judd_kernel_ops {
    const char *op;
    judd_layout layout; /* of 4-D operands that are not constants; constants are always plain.
                         * EITHER: what the first operand has */
    bool aliases;       /* the output is the first operand under another shape; nothing to run */
    bool any_precision; /* blocked ones: also images of bfloat16, if the first operand is one */
    bool rounds;        /* reads bfloat16, row-major */
    bool (*accepts)(const judd_net *net, const judd_step *step); /* NULL: every step */
    /* May the first operand be plain although the layout is blocked? NULL: no. */
    bool (*takes_plain)(const judd_kernel_binding *binding);
    judd_status (*create)(void **state, const judd_kernel_binding *binding);
    /* in: n_operands pointers. With a residual, out holds it on entry. No allocation. */
    judd_status (*run)(void *state, const float *const *in, float *out);
    void (*constants)(void *state, judd_constant_visit *visit, void *data); /* NULL: none of size */
    void (*destroy)(void *state);
} judd_kernel_ops;

/** Is it a row of this table? */
bool judd_kernel_is_of(const judd_kernel_ops *ops, const judd_kernel_ops *table);

/** The first kernel that accepts the step, or NULL. */
const judd_kernel_ops *judd_kernel_find(const judd_net *net, const judd_step *step, bool onednn);

/** Copies bytes from a place to one of the same shape and layout. */
extern const judd_kernel_ops judd_kernel_copy;
/** Changes the layout (oneDNN only). */
extern const judd_kernel_ops judd_kernel_reorder;

/* Rows of the table, ended by op == NULL; earlier rows win. */
extern const judd_kernel_ops judd_bf16_kernels[];     /* before all others */
extern const judd_kernel_ops judd_winograd_kernels[]; /* before oneDNN's */
extern const judd_kernel_ops judd_strassen_kernels[]; /* before the indirect product */
extern const judd_kernel_ops judd_indirect_kernels[];
extern const judd_kernel_ops judd_attention_kernels[];
extern const judd_kernel_ops judd_vector_kernels[];
extern const judd_kernel_ops judd_mean_kernels[];
extern const judd_kernel_ops judd_onednn_kernels[];
extern const judd_kernel_ops judd_product_kernels[];
extern const judd_kernel_ops judd_product_reference_kernels[];
extern const judd_kernel_ops judd_reference_window_kernels[];
extern const judd_kernel_ops judd_reference_math_kernels[];
extern const judd_kernel_ops judd_reference_shape_kernels[];

#endif

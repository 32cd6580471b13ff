/* softmax(scale q k + masks) v as one step: Vaswani et al. 2017, "Attention is all you need".
 *
 * Inputs of the step: what q, k and v are views of, then the masks, constants.
 */
#ifndef JUDD_SRC_ENGINE_ATTENTION_H
#define JUDD_SRC_ENGINE_ATTENTION_H

#include "engine/strided.h"

#define JUDD_OP_ATTENTION "Attention"

enum {
    JUDD_ATTENTION_Q,    /* [.., m, d] */
    JUDD_ATTENTION_K,    /* [.., d, n] */
    JUDD_ATTENTION_V,    /* [.., n, e] */
    JUDD_ATTENTION_OUT,  /* [.., m, e] */
    JUDD_ATTENTION_MASK, /* [.., m, n] */
    JUDD_ATTENTION_MAX_MASKS = 2,
    JUDD_ATTENTION_VIEWS = JUDD_ATTENTION_MASK + JUDD_ATTENTION_MAX_MASKS
};

struct judd_attention {
    int rank, n_masks;
    int64_t groups, m, n, d, e; /* groups: all dimensions but the last two */
    float scale;
    judd_strided view[JUDD_ATTENTION_VIEWS];
};

/** Step i, the product of a softmax and values, becomes an attention where it can; products with
 *  constant weights change places with what only moves their rows, so that nothing is moved. */
judd_status judd_rewrite_attention(judd_net *net, int i);

#endif

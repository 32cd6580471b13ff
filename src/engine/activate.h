/* Activations over many numbers at once. */
#ifndef JUDD_SRC_ENGINE_ACTIVATE_H
#define JUDD_SRC_ENGINE_ACTIVATE_H

#include "engine/net.h"

/** x[i] = f(x[i]). Every number by the same operations, wherever it stands and whatever the
 *  instruction set: no bit depends on n or on the neighbours. Sigmoid, swish and GELU err by less
 *  than 3e-7 of the larger of 1 and |x|; what is not worth vectors is judd_net_activate. */
void judd_activate(judd_activation f, float *x, int64_t n);

#endif

/* How much arithmetic a step is, counted the usual way. */
#ifndef JUDD_SRC_ENGINE_FLOP_H
#define JUDD_SRC_ENGINE_FLOP_H

#include "engine/net.h"

/** Multiplications and additions of a convolution or matrix product as it is defined, whatever
 *  algorithm runs it; 0 for other operators. */
double judd_flop_count(const judd_net *net, const judd_step *step);

#endif

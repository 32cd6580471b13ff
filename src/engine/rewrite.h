/* What passes over a net have in common. A step without op is gone. */
#ifndef JUDD_SRC_ENGINE_REWRITE_H
#define JUDD_SRC_ENGINE_REWRITE_H

#include "engine/net.h"

bool judd_rewrite_is(const judd_step *step, const char *op);

/** Number of readers of a value; the graph's output has one more. */
int judd_rewrite_uses(const judd_net *net, int value);
/** The only step that reads what `step` makes, or -1. */
int judd_rewrite_only_reader(const judd_net *net, const judd_step *step);
/** The step that makes a value, or NULL. */
judd_step *judd_rewrite_producer(const judd_net *net, int value);

void judd_rewrite_kill(judd_step *step);
/** Kills what nobody reads. */
void judd_rewrite_sweep(judd_net *net);
/** `first` takes the place and the output of `then`, which disappears. Its operands are still there
 *  at the later place; a residual may not be earlier. */
void judd_rewrite_absorb(judd_net *net, int first, int then);
/** Other inputs, of which the first n_operands arrive at run time. */
judd_status judd_rewrite_inputs(judd_step *step, int n_operands, int n_inputs, const int *inputs);
/** Close the gaps. */
void judd_rewrite_compact(judd_net *net);

/** What exporters write for one operator becomes that operator (patterns.c). */
judd_status judd_rewrite_patterns(judd_net *net);

#endif

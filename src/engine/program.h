/* What an engine runs: a list of actions on buffers whose places are fixed beforehand.
 *
 * Every value has one buffer per layout it is needed in; a reorder is inserted the first time a
 * kernel wants another layout than the producer wrote. Buffers whose lives do not overlap share
 * memory.
 */
#ifndef JUDD_SRC_ENGINE_PROGRAM_H
#define JUDD_SRC_ENGINE_PROGRAM_H

#include <judd/engine/engine.h>

#include "engine/kernel.h"

typedef struct judd_program judd_program;

/** onednn NULL: the reference backend. The net is borrowed during the call, onednn for life. */
judd_status judd_program_create(judd_program **out, const judd_net *net, judd_onednn *onednn);
void judd_program_destroy(judd_program *program);

/** Visits the constants of all kernels and of the program, in the same order every time. */
void judd_program_constants(judd_program *program, judd_constant_visit *visit, void *data);

/** No allocation. */
judd_status judd_program_run(judd_program *program, const float *const *inputs, float *output);

/** For tests: number of actions, how many of them move data only, bytes of all buffers, of the
 *  arena they share, and of the most that is alive at once. */
typedef struct judd_program_facts {
    int n_actions, n_reorders;
    int64_t buffer_bytes, arena_bytes, peak_bytes;
} judd_program_facts;

judd_program_facts judd_program_describe(const judd_program *program);

/** Action i: name, operator, arithmetic, and the time of the last run. */
judd_engine_layer judd_program_layer(const judd_program *program, int i);

#endif

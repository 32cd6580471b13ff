/** Runs a graph: float32 images in, features out.
 *
 *  The batch is fixed and padded by the caller, so an image's features do not depend on its
 *  neighbours. Kernels come from one table: oneDNN on a blocked layout, or plain C loops
 *  ("reference", the oracle of the tests).
 */
#ifndef JUDD_ENGINE_ENGINE_H
#define JUDD_ENGINE_ENGINE_H

#include <judd/comm/comm.h>
#include <judd/onnx/graph.h>

/** What convolutions and products with constant weights are computed in. JUDD_BF16: their operands
 * are rounded to bfloat16 where oneDNN has generated code for them, sums are float32. */
typedef enum judd_precision { JUDD_FLOAT32, JUDD_BF16 } judd_precision;

typedef struct judd_engine_options {
    const char *backend; /* "onednn" or "reference", which is always float32 */
    int threads;         /* threads of this rank; 1 by default */
    bool winograd;       /* fewer multiplications where rules of shape say it wins: 3x3 and 5x5
                          * convolutions by Winograd's algorithm, products by Strassen's;
                          * float32 only */
    judd_precision precision;
    bool hollow; /* onednn: without weights, which judd_engine_share brings before the first run */
} judd_engine_options;

#define JUDD_ENGINE_DEFAULTS                                                                       \
    { .backend = "onednn", .threads = 1, .winograd = true }

typedef struct judd_engine judd_engine;

/** The instruction set that networks of a precision use here, as an ordered number (larger =
 *  newer), and its name. float32 has no use for anything newer than AVX-512 core. Ranks of one job
 *  agree on the lowest and pass it to judd_engine_limit_isa before the first engine is made; where
 *  one process has engines of both precisions, that of JUDD_BF16. Local. */
int judd_engine_isa(judd_precision precision);
/** Has this instruction set products of bfloat16 (AVX512_BF16, AMX)? With AVX-512 core alone oneDNN
 * puts them together from others, slower than float32. */
bool judd_engine_isa_has_bf16(int isa);
const char *judd_engine_isa_name(int isa);
judd_status judd_engine_limit_isa(int isa);

/** "oneDNN 2.6.3" and the like, static. */
const char *judd_engine_library(void);

/** Part of every cache key: changes whenever the engine's results may change in a bit. */
enum { JUDD_ENGINE_VERSION = 7 };

/** Part of the key beside it, since the choice changes bits: the version of the rule that says
 * which convolutions Winograd's algorithm computes. */
enum { JUDD_WINOGRAD_RULE = 2 };

/** Build primitives and reorder weights once. The graph is borrowed during the call only. Local. */
judd_status judd_engine_create(judd_engine **out, const judd_graph *graph,
                               const judd_engine_options *options);
/** Collective over the comm of judd_engine_share if that was called, else local. */
void judd_engine_destroy(judd_engine *engine);

/** One copy of the weights for all ranks of a node (comm/node_memory), those of its writer; the
 *  others may be hollow. No bit changes. Where /dev/shm is too small for them, each rank keeps its
 *  own and all is well, or, if one is hollow, it is JUDD_E_IO. Collective over comm, which must
 *  outlive the engine; every rank has made its engine of the same graph with the same options. */
judd_status judd_engine_share(judd_engine *engine, const judd_comm *comm);

/** Elements of the tapped value per image (all but the batch dimension); of the whole value in a
 *  graph without a batch. */
int64_t judd_engine_dim(const judd_engine *engine);

/** inputs[0] [batch, channels, height, width] -> features [batch, dim], both row-major float32 and
 *  owned by the caller; one pointer for each of the graph's inputs. The features of an image have
 * the same bits at every place in the batch and beside any other images. Local. */
judd_status judd_engine_run(judd_engine *engine, const float *const *inputs, float *features);

/** What an engine runs, in its order. Changes of layout and copies count as layers. */
typedef struct judd_engine_layer {
    const char *name, *op; /* borrowed from the engine */
    double flop;           /* of convolutions and products, as they are defined */
    double seconds;        /* of the last run; 0 before the first */
    bool winograd, strassen, bf16;
} judd_engine_layer;

int judd_engine_n_layers(const judd_engine *engine);
judd_engine_layer judd_engine_layer_at(const judd_engine *engine, int i);

/** Fused multiply-adds in registers, with the instruction set of the engine: floating-point
 *  operations a second of the calling thread's core, the best found in `seconds`. */
double judd_engine_peak(double seconds);

#endif

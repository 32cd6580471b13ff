#include <judd/engine/engine.h>

#include "engine/program.h"

#include <judd/comm/node_memory.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct judd_engine {
    judd_onednn *onednn; /* NULL: reference */
    judd_program *program;
    judd_node_memory *shared; /* the kernels' constants, or NULL: they own them */
    bool hollow;              /* or have none yet */
    int64_t dim;
};

int judd_engine_isa(judd_precision precision) {
    return judd_onednn_isa(precision);
}

bool judd_engine_isa_has_bf16(int isa) {
    return isa >= JUDD_ISA_BF16;
}

const char *judd_engine_isa_name(int isa) {
    return judd_onednn_isa_name(isa);
}

judd_status judd_engine_limit_isa(int isa) {
    return judd_onednn_limit_isa(isa);
}

const char *judd_engine_library(void) {
    return judd_onednn_version();
}

static judd_status make_backend(judd_engine *e, const judd_engine_options *options) {
    if (options->threads < 1)
        return judd_status_set(JUDD_E_CONFIG, "engine: threads = %d; at least 1 is needed",
                               options->threads);
    if (strcmp(options->backend, "reference") == 0) return JUDD_OK;
    if (strcmp(options->backend, "onednn") == 0)
        return judd_onednn_create(&e->onednn, options->threads, options->precision);
    return judd_status_set(JUDD_E_CONFIG,
                           "engine: no backend \"%s\"; use \"onednn\" or "
                           "\"reference\"",
                           options->backend);
}

/* With a batch: float32 images in, one value with a row per image out. */
static judd_status check_ends(judd_engine *e, const judd_net *net) {
    const judd_net_value *out = &net->values[net->output];
    if (out->type != JUDD_F32 || out->rank < 0)
        return judd_status_set(JUDD_E_DATA, "value %s is not a float32 tensor", out->name);
    e->dim = judd_net_elements(out->rank, out->dims);
    if (net->batch == 0) return JUDD_OK;
    const judd_net_value *in = &net->values[net->inputs[0]];
    if (in->rank < 1 || out->rank < 1 || in->dims[0] != net->batch || out->dims[0] != net->batch)
        return judd_status_set(JUDD_E_DATA,
                               "value %s: the first dimension is not the batch; tap a value that "
                               "has a row for every image",
                               out->name);
    e->dim /= net->batch;
    return JUDD_OK;
}

judd_status judd_engine_create(judd_engine **out, const judd_graph *graph,
                               const judd_engine_options *options) {
    judd_status status = JUDD_OK;
    judd_engine *e = NULL;
    judd_net *net = NULL;
    int threads = 0;
    bool entered = false;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&e, 1, sizeof *e));
    JUDD_TRY(judd_net_create(&net, graph));
    JUDD_TRY(check_ends(e, net));
    JUDD_TRY(make_backend(e, options));
    if (e->onednn) {
        threads = judd_onednn_enter(e->onednn);
        entered = true;
        net->block = judd_onednn_block(e->onednn);
        net->winograd = options->winograd && options->precision == JUDD_FLOAT32;
        net->bf16 = options->precision == JUDD_BF16 ? e->onednn : NULL;
        net->hollow = e->hollow = options->hollow;
        JUDD_TRY(judd_fuse_net(net));
    }
    JUDD_TRY(judd_program_create(&e->program, net, e->onednn));
    if (e->onednn) JUDD_TRY(judd_onednn_ready(e->onednn));
    *out = e;
done:
    if (entered) judd_onednn_leave(e->onednn, threads);
    if (status != JUDD_OK) judd_engine_destroy(e);
    judd_net_destroy(net);
    return status;
}

/* ---- weights of a node ------------------------------------------------------------------------
 */

enum { LINE = 64 }; /* bytes; every constant starts a cache line */

static int64_t whole_lines(int64_t bytes) {
    return (bytes + LINE - 1) / LINE * LINE;
}

static void add_bytes(void *data, float **constant, int64_t bytes) {
    (void)constant;
    *(int64_t *)data += whole_lines(bytes);
}

typedef struct mover {
    char *to;
    bool writer;
} mover;

static void copy_constant(void *data, float **constant, int64_t bytes) {
    mover *m = data;
    if (m->writer) memcpy(m->to, *constant, (size_t)bytes);
    m->to += whole_lines(bytes);
}

static void replace_constant(void *data, float **constant, int64_t bytes) {
    mover *m = data;
    free(*constant);
    *constant = (float *)(void *)m->to;
    m->to += whole_lines(bytes);
}

static void forget_constant(void *data, float **constant, int64_t bytes) {
    (void)data;
    (void)bytes;
    *constant = NULL;
}

judd_status judd_engine_share(judd_engine *e, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_node_memory *shared = NULL;
    int64_t bytes = 0;
    if (comm->size == 1 || e->shared) return JUDD_OK;
    judd_program_constants(e->program, add_bytes, &bytes);
    status = judd_node_memory_create(&shared, comm, bytes);
    if (status == JUDD_E_IO) { /* too small a /dev/shm: each rank keeps its own, if it has */
        int64_t hollow = e->hollow;
        JUDD_TRY(judd_comm_sum(comm, &hollow, 1));
        return hollow > 0 ? JUDD_E_IO : JUDD_OK;
    }
    JUDD_TRY(status);
    mover m = {judd_node_memory_data(shared), judd_node_memory_is_writer(shared)};
    judd_program_constants(e->program, copy_constant, &m);
    JUDD_TRY(judd_node_memory_publish(shared));
    m.to = judd_node_memory_data(shared);
    judd_program_constants(e->program, replace_constant, &m);
    e->shared = shared;
    e->hollow = false;
    shared = NULL;
    malloc_trim(0); /* what the weights took goes back to the system */
done:
    judd_node_memory_destroy(shared);
    return status;
}

void judd_engine_destroy(judd_engine *e) {
    if (!e) return;
    if (e->shared) judd_program_constants(e->program, forget_constant, NULL);
    judd_program_destroy(e->program);
    judd_node_memory_destroy(e->shared);
    judd_onednn_destroy(e->onednn);
    free(e);
}

int64_t judd_engine_dim(const judd_engine *e) {
    return e->dim;
}

judd_status judd_engine_run(judd_engine *e, const float *const *inputs, float *features) {
    if (e->hollow) return judd_status_set(JUDD_E_INTERNAL, "engine: run before it has weights");
    int threads = e->onednn ? judd_onednn_enter(e->onednn) : 0;
    judd_status status = judd_program_run(e->program, inputs, features);
    if (e->onednn) judd_onednn_leave(e->onednn, threads);
    return status;
}

int judd_engine_n_layers(const judd_engine *e) {
    return judd_program_describe(e->program).n_actions;
}

judd_engine_layer judd_engine_layer_at(const judd_engine *e, int i) {
    return judd_program_layer(e->program, i);
}

#include "engine/onednn.h"

#include <dlfcn.h>
#include <dnnl.h>
#include <dnnl_debug.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define V3 (DNNL_VERSION_MAJOR >= 3)
#define STRING(x) #x
#define VERSION(a, b, c) "oneDNN " STRING(a) "." STRING(b) "." STRING(c)

/* ---- what differs between oneDNN 2 and 3 ----------------------------------------------------- */

#if V3
typedef const_dnnl_memory_desc_t shape_ref;
#else
typedef const dnnl_memory_desc_t *shape_ref;
#endif

typedef struct shape { /* a memory descriptor: a struct in 2.x, a handle in 3.x */
    dnnl_memory_desc_t md;
    bool present;
} shape;

static shape_ref ref(const shape *s) {
#if V3
    return s->present ? s->md : NULL;
#else
    return s->present ? &s->md : NULL;
#endif
}

static void shape_free(shape *s) {
#if V3
    if (s->present) dnnl_memory_desc_destroy(s->md);
#endif
    s->present = false;
}

/* The API's arrays have one fixed length. */
static void widen(dnnl_dims_t out, int n, const int64_t *in) {
    memset(out, 0, sizeof(dnnl_dims_t));
    memcpy(out, in, (size_t)n * sizeof *in);
}

typedef struct window_dims {
    dnnl_dims_t stride, kernel, dilates, begin, end; /* oneDNN counts dilation from 0 */
} window_dims;

static window_dims widen_window(const judd_window *w) {
    window_dims d;
    int64_t dilates[2] = {w->dilation[0] - 1, w->dilation[1] - 1};
    widen(d.stride, 2, w->stride);
    widen(d.kernel, 2, w->kernel);
    widen(d.dilates, 2, dilates);
    widen(d.begin, 2, w->begin);
    widen(d.end, 2, w->end);
    return d;
}

static dnnl_status_t shape_strided(shape *s, int rank, const int64_t *narrow,
                                   const int64_t *narrow_strides, dnnl_data_type_t type) {
    dnnl_dims_t dims, strides;
    widen(dims, rank, narrow);
    widen(strides, rank, narrow_strides);
#if V3
    dnnl_status_t e = dnnl_memory_desc_create_with_strides(&s->md, rank, dims, type, strides);
#else
    dnnl_status_t e = dnnl_memory_desc_init_by_strides(&s->md, rank, dims, type, strides);
#endif
    s->present = e == dnnl_success;
    return e;
}

static dnnl_status_t shape_tagged(shape *s, int rank, const int64_t *narrow, dnnl_format_tag_t tag,
                                  dnnl_data_type_t type) {
    dnnl_dims_t dims;
    widen(dims, rank, narrow);
#if V3
    dnnl_status_t e = dnnl_memory_desc_create_with_tag(&s->md, rank, dims, type, tag);
#else
    dnnl_status_t e = dnnl_memory_desc_init_by_tag(&s->md, rank, dims, type, tag);
#endif
    s->present = e == dnnl_success;
    return e;
}

#if !V3
static dnnl_status_t describe(dnnl_primitive_desc_t *pd, const void *desc, dnnl_status_t error,
                              const_dnnl_primitive_attr_t attr, dnnl_engine_t engine) {
    return error != dnnl_success ? error : dnnl_primitive_desc_create(pd, desc, attr, engine, NULL);
}
#endif

static dnnl_status_t pd_convolution(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                    const shape *src, const shape *weights, const shape *bias,
                                    const shape *dst, const judd_window *w,
                                    const_dnnl_primitive_attr_t attr) {
    window_dims n = widen_window(w);
#if V3
    return dnnl_convolution_forward_primitive_desc_create(
        pd, engine, dnnl_forward_inference, dnnl_convolution_direct, ref(src), ref(weights),
        ref(bias), ref(dst), n.stride, n.dilates, n.begin, n.end, attr);
#else
    dnnl_convolution_desc_t d;
    dnnl_status_t e = dnnl_dilated_convolution_forward_desc_init(
        &d, dnnl_forward_inference, dnnl_convolution_direct, ref(src), ref(weights), ref(bias),
        ref(dst), n.stride, n.dilates, n.begin, n.end);
    return describe(pd, &d, e, attr, engine);
#endif
}

static dnnl_status_t pd_pooling(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                dnnl_alg_kind_t kind, const shape *src, const shape *dst,
                                const judd_window *w, const_dnnl_primitive_attr_t attr) {
    window_dims n = widen_window(w);
#if V3
    return dnnl_pooling_forward_primitive_desc_create(pd, engine, dnnl_forward_inference, kind,
                                                      ref(src), ref(dst), n.stride, n.kernel,
                                                      n.dilates, n.begin, n.end, attr);
#else
    dnnl_pooling_desc_t d;
    dnnl_status_t e = dnnl_pooling_forward_desc_init(&d, dnnl_forward_inference, kind, ref(src),
                                                     ref(dst), n.stride, n.kernel, n.begin, n.end);
    return describe(pd, &d, e, attr, engine);
#endif
}

static dnnl_status_t pd_eltwise(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                dnnl_alg_kind_t kind, float alpha, float beta, const shape *s,
                                const_dnnl_primitive_attr_t attr) {
#if V3
    return dnnl_eltwise_forward_primitive_desc_create(pd, engine, dnnl_forward_inference, kind,
                                                      ref(s), ref(s), alpha, beta, attr);
#else
    dnnl_eltwise_desc_t d;
    dnnl_status_t e =
        dnnl_eltwise_forward_desc_init(&d, dnnl_forward_inference, kind, ref(s), alpha, beta);
    return describe(pd, &d, e, attr, engine);
#endif
}

static dnnl_status_t pd_binary(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                               dnnl_alg_kind_t kind, const shape *s,
                               const_dnnl_primitive_attr_t attr) {
#if V3
    return dnnl_binary_primitive_desc_create(pd, engine, kind, ref(s), ref(s), ref(s), attr);
#else
    dnnl_binary_desc_t d;
    dnnl_status_t e = dnnl_binary_desc_init(&d, kind, ref(s), ref(s), ref(s));
    return describe(pd, &d, e, attr, engine);
#endif
}

static dnnl_status_t pd_softmax(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, bool logarithm,
                                int axis, const shape *s, const_dnnl_primitive_attr_t attr) {
    dnnl_alg_kind_t kind = logarithm ? dnnl_softmax_log : dnnl_softmax_accurate;
#if V3
    return dnnl_softmax_forward_primitive_desc_create(pd, engine, dnnl_forward_inference, kind,
                                                      ref(s), ref(s), axis, attr);
#else
    dnnl_softmax_v2_desc_t d;
    dnnl_status_t e =
        dnnl_softmax_v2_forward_desc_init(&d, dnnl_forward_inference, kind, ref(s), ref(s), axis);
    return describe(pd, &d, e, attr, engine);
#endif
}

static dnnl_status_t pd_lrn(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, int64_t size,
                            float alpha, float beta, float k, const shape *s,
                            const_dnnl_primitive_attr_t attr) {
#if V3
    return dnnl_lrn_forward_primitive_desc_create(pd, engine, dnnl_forward_inference,
                                                  dnnl_lrn_across_channels, ref(s), ref(s), size,
                                                  alpha, beta, k, attr);
#else
    dnnl_lrn_desc_t d;
    dnnl_status_t e = dnnl_lrn_forward_desc_init(
        &d, dnnl_forward_inference, dnnl_lrn_across_channels, ref(s), size, alpha, beta, k);
    return describe(pd, &d, e, attr, engine);
#endif
}

static dnnl_status_t pd_concat(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, int n,
                               const shape *src, const shape *dst, int axis,
                               const_dnnl_primitive_attr_t attr) {
    dnnl_memory_desc_t *list = calloc((size_t)n, sizeof *list);
    if (!list) return dnnl_out_of_memory;
    for (int i = 0; i < n; i++) list[i] = src[i].md;
#if V3
    dnnl_status_t e = dnnl_concat_primitive_desc_create(
        pd, engine, ref(dst), n, axis, (const_dnnl_memory_desc_t const *)list, attr);
#else
    dnnl_status_t e = dnnl_concat_primitive_desc_create(pd, ref(dst), n, axis, list, attr, engine);
#endif
    free(list);
    return e;
}

static dnnl_status_t append_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float alpha,
                                    float beta) {
#if V3
    return dnnl_post_ops_append_eltwise(ops, kind, alpha, beta);
#else
    return dnnl_post_ops_append_eltwise(ops, 1.0f, kind, alpha, beta);
#endif
}

static dnnl_status_t append_sum(dnnl_post_ops_t ops) {
#if V3
    return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
#else
    return dnnl_post_ops_append_sum(ops, 1.0f);
#endif
}

/* ---- instruction sets ------------------------------------------------------------------------ */

typedef struct isa_level {
    const char *name, *variable; /* ours, and the value of ONEDNN_MAX_CPU_ISA */
    int bits;                    /* dnnl_cpu_isa_t is a set of bits */
} isa_level;

static const isa_level levels[] = {
    {"generic", "ALL", 0},
    {"sse41", "SSE41", dnnl_cpu_isa_sse41},
    {"avx", "AVX", dnnl_cpu_isa_avx},
    {"avx2", "AVX2", dnnl_cpu_isa_avx2},
    {"avx512_core", "AVX512_CORE", dnnl_cpu_isa_avx512_core},
    {"avx512_core_bf16", "AVX512_CORE_BF16", dnnl_cpu_isa_avx512_core_bf16},
    {"avx512_core_amx", "AVX512_CORE_AMX", dnnl_cpu_isa_avx512_core_amx}};

#if defined(__x86_64__)
/* Tiles need, beside the CPU, a system that keeps them (XCR0) and its leave for this process. */
static bool may_use_tiles(void) {
    unsigned a, b, c, d, low, high;
    const unsigned bits = 1u << 22 | 1u << 24 | 1u << 25; /* AMX-BF16, AMX-TILE, AMX-INT8 */
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & bits) != bits) return false;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low >> 17 & 3) != 3) return false;
#if defined(__linux__)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* ARCH_REQ_XCOMP_PERM of asm/prctl.h */
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return true;
#endif
}

/* Beyond AVX-512 core. AVX512_BF16 asks for VNNI as well: so oneDNN counts. */
static int bf16_level(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(c >> 11 & 1)) return JUDD_ISA_AVX512;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a >> 5 & 1)) return JUDD_ISA_AVX512;
    return may_use_tiles() ? JUDD_ISA_AMX : JUDD_ISA_BF16;
}
#endif

static int cpu_level(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return bf16_level();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return JUDD_ISA_AVX2;
    if (__builtin_cpu_supports("avx")) return 2;
    if (__builtin_cpu_supports("sse4.1")) return 1;
#endif
    return 0;
}

/* Asking oneDNN (dnnl_get_effective_cpu_isa) would fix the set for the life of the process, and the
 * ranks could no longer agree on the lowest; so this repeats its rule: the CPU, capped by the
 * environment. tests/engine compare the two. */
static int process_level(void) {
    static const struct {
        const char *name;
        int level;
    } caps[] = {{"SSE41", 1},
                {"AVX", 2},
                {"AVX2", JUDD_ISA_AVX2},
                {"AVX2_VNNI", JUDD_ISA_AVX2},
                {"AVX2_VNNI_2", JUDD_ISA_AVX2},
                {"AVX512_MIC", JUDD_ISA_AVX2},
                {"AVX512_MIC_4OPS", JUDD_ISA_AVX2},
                {"AVX512_CORE", JUDD_ISA_AVX512},
                {"AVX512_CORE_VNNI", JUDD_ISA_AVX512},
                {"AVX512_CORE_BF16", JUDD_ISA_BF16},
                {"AVX512_CORE_FP16", JUDD_ISA_BF16},
                {"AVX10_1_512", JUDD_ISA_BF16}};
    const char *cap = getenv("ONEDNN_MAX_CPU_ISA");
    int level = cpu_level();
    if (!cap) cap = getenv("DNNL_MAX_CPU_ISA");
    for (size_t i = 0; cap && i < sizeof caps / sizeof *caps; i++)
        if (strcasecmp(cap, caps[i].name) == 0 && caps[i].level < level) level = caps[i].level;
    return level;
}

int judd_onednn_isa(judd_precision precision) {
    int level = process_level();
    return precision == JUDD_FLOAT32 && level > JUDD_ISA_AVX512 ? JUDD_ISA_AVX512 : level;
}

static int effective_level(void) {
    int bits = (int)dnnl_get_effective_cpu_isa();
    for (int i = JUDD_ISA_AMX; i > 0; i--)
        if ((bits & levels[i].bits) == levels[i].bits) return i;
    return 0;
}

const char *judd_onednn_isa_name(int isa) {
    return isa >= 0 && isa <= JUDD_ISA_AMX ? levels[isa].name : "unknown";
}

judd_status judd_onednn_limit_isa(int isa) {
    if (isa < 0 || isa > JUDD_ISA_AMX)
        return judd_status_set(JUDD_E_INTERNAL, "no instruction set has the number %d", isa);
    int own = process_level();
    int level = isa < own ? isa : own;
    if (cpu_level() == 0) return JUDD_OK;                     /* not x86: one set */
    dnnl_set_max_cpu_isa((dnnl_cpu_isa_t)levels[level].bits); /* fails when fixed: looked at next */
    if (effective_level() > level)
        return judd_status_set(JUDD_E_INTERNAL,
                               "oneDNN already runs %s kernels; limit the instruction set to %s "
                               "before the first engine is made",
                               levels[effective_level()].name, levels[level].name);
    /* The variable is what judd_onednn_isa reads back afterwards: the limit is a property of the
     * process, and its environment is where oneDNN itself keeps it. */
    if (level < own && setenv("ONEDNN_MAX_CPU_ISA", levels[level].variable, 1) != 0)
        return judd_status_set(JUDD_E_INTERNAL, "cannot set ONEDNN_MAX_CPU_ISA");
    return JUDD_OK;
}

const char *judd_onednn_version(void) {
    return VERSION(DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH);
}

/* ---- the object ------------------------------------------------------------------------------ */

struct judd_onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int threads, block;
    int (*get_threads)(void);
    void (*set_threads)(int);
    /* What compilers call for a parallel region: GNU's, Intel's and LLVM's runtimes all have it. */
    void (*fork)(void (*run)(void *), void *data, unsigned threads, unsigned flags);
    int (*part)(void), (*parts)(void);
    int64_t scratch_bytes; /* the most any primitive asked for */
    void *scratch;
};

static judd_status check(dnnl_status_t error, const char *what) {
    if (error == dnnl_success) return JUDD_OK;
    return judd_status_set(error == dnnl_unimplemented ? JUDD_E_DATA : JUDD_E_INTERNAL,
                           "oneDNN: %s: %s (%d)", what, dnnl_status2str(error), (int)error);
}

#define TRY_DNNL(expression, what) JUDD_TRY(check(expression, what))

/* The OpenMP runtime must be the one libdnnl itself loaded (GNU's, Intel's or LLVM's): linking one
 * here could set the threads of another. Hence looked up, not linked. */
static void find_openmp(judd_onednn *d) {
    *(void **)&d->set_threads = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    *(void **)&d->get_threads = dlsym(RTLD_DEFAULT, "omp_get_max_threads");
    if (!d->get_threads) d->set_threads = NULL;
    *(void **)&d->fork = dlsym(RTLD_DEFAULT, "GOMP_parallel");
    *(void **)&d->part = dlsym(RTLD_DEFAULT, "omp_get_thread_num");
    *(void **)&d->parts = dlsym(RTLD_DEFAULT, "omp_get_num_threads");
    if (!d->part || !d->parts) d->fork = NULL;
}

/* Fixes the set of the process, if it is not: without what the precision has no use for. */
static judd_status settle_isa(judd_precision precision) {
    int level = judd_onednn_isa(precision);
    if (cpu_level() == 0) return JUDD_OK;
    dnnl_set_max_cpu_isa((dnnl_cpu_isa_t)levels[level].bits);
    int now = effective_level();
    if (now == level || (precision == JUDD_FLOAT32 && now > level && level == JUDD_ISA_AVX512))
        return JUDD_OK;
    return judd_status_set(JUDD_E_INTERNAL,
                           "oneDNN runs %s kernels in this process, not %s; set "
                           "ONEDNN_MAX_CPU_ISA=%s, or make engines for bfloat16 first",
                           levels[now].name, levels[level].name, levels[now].variable);
}

judd_status judd_onednn_create(judd_onednn **out, int threads, judd_precision precision) {
    judd_status status = JUDD_OK;
    judd_onednn *d = NULL;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&d, 1, sizeof *d));
    d->threads = threads;
    find_openmp(d);
    if (!d->set_threads && DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_SEQ)
        JUDD_FAIL(JUDD_E_INTERNAL,
                  "oneDNN was built without OpenMP: its threads cannot be set to %d; use an OpenMP "
                  "or sequential build",
                  threads);
    JUDD_TRY(settle_isa(precision));
    d->block = effective_level() >= JUDD_ISA_AVX512 ? 16 : 8;
    TRY_DNNL(dnnl_engine_create(&d->engine, dnnl_cpu, 0), "making an engine");
    TRY_DNNL(dnnl_stream_create(&d->stream, d->engine, dnnl_stream_in_order), "making a stream");
    *out = d;
    d = NULL;
done:
    judd_onednn_destroy(d);
    return status;
}

void judd_onednn_destroy(judd_onednn *d) {
    if (!d) return;
    if (d->stream) dnnl_stream_destroy(d->stream);
    if (d->engine) dnnl_engine_destroy(d->engine);
    free(d->scratch);
    free(d);
}

int judd_onednn_block(const judd_onednn *d) {
    return d->block;
}

/* The calling thread's number of threads from now on; returns what it was. */
static int set_threads(judd_onednn *d, int threads) {
    if (!d->set_threads) return 1;
    int previous = d->get_threads();
    if (previous != threads) d->set_threads(threads);
    return previous;
}

int judd_onednn_enter(judd_onednn *d) {
    return set_threads(d, d->threads);
}

void judd_onednn_leave(judd_onednn *d, int previous) {
    set_threads(d, previous);
}

void judd_onednn_reserve(judd_onednn *d, int64_t bytes) {
    if (bytes > d->scratch_bytes) d->scratch_bytes = bytes;
}

void *judd_onednn_scratch(const judd_onednn *d) {
    return d->scratch;
}

int judd_onednn_threads(const judd_onednn *d) {
    return d->threads;
}

typedef struct region {
    const judd_onednn *onednn;
    void (*run)(void *data, int part, int parts);
    void *data;
} region;

static void run_part(void *data) {
    const region *r = data;
    r->run(r->data, r->onednn->part(), r->onednn->parts());
}

void judd_onednn_parallel(judd_onednn *d, void (*run)(void *data, int part, int parts),
                          void *data) {
    region r = {.onednn = d, .run = run, .data = data};
    if (d->fork && d->threads > 1)
        d->fork(run_part, &r, (unsigned)d->threads, 0);
    else
        run(data, 0, 1);
}

judd_status judd_onednn_ready(judd_onednn *d) {
    return judd_memory_alloc(&d->scratch, d->scratch_bytes, 1);
}

/* ---- primitives ------------------------------------------------------------------------------ */

struct judd_primitive {
    judd_onednn *owner;
    dnnl_primitive_t primitive;
    int n_in, n_args;
    dnnl_exec_arg_t *args; /* sources, destination, scratchpad, then constants */
    void **handles;        /* what each memory object points to now */
    float *constants[2];   /* packed weights, bias */
    int weights;           /* which argument */
    int64_t weight_bytes;
};

/* A primitive being made: everything that is thrown away at the end. */
typedef struct recipe {
    shape src, weights, bias, dst;
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t ops;
    dnnl_primitive_desc_t pd;
} recipe;

static void recipe_free(recipe *r) {
    shape_free(&r->src);
    shape_free(&r->weights);
    shape_free(&r->bias);
    shape_free(&r->dst);
    if (r->ops) dnnl_post_ops_destroy(r->ops);
    if (r->attr) dnnl_primitive_attr_destroy(r->attr);
    if (r->pd) dnnl_primitive_desc_destroy(r->pd);
}

static judd_status describe_operand(shape *s, const judd_operand *o) {
    dnnl_data_type_t type = judd_layout_is_bf16(o->layout) ? dnnl_bf16 : dnnl_f32;
    if (o->layout == JUDD_BLOCKED)
        return check(shape_tagged(s, 4, o->dims, o->block == 16 ? dnnl_aBcd16b : dnnl_aBcd8b, type),
                     "describing a blocked tensor");
    if (o->layout == JUDD_PIXELS || o->layout == JUDD_BF16_PIXELS)
        return check(shape_tagged(s, 4, o->dims, dnnl_acdb, type), "describing channels last");
    int64_t strides[JUDD_GRAPH_MAX_RANK], stride = 1;
    for (int i = o->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= o->dims[i];
    }
    return check(shape_strided(s, o->rank, o->dims, strides, type), "describing a plain tensor");
}

typedef struct eltwise {
    dnnl_alg_kind_t kind;
    float alpha, beta;
} eltwise;

/* HardSigmoid takes two: 2.6 has no such kind. */
static int eltwise_of(eltwise e[2], judd_activation f) {
    switch (f.kind) {
    case JUDD_ACTIVATION_NONE:
        return 0;
    case JUDD_ACTIVATION_RELU:
        e[0] = (eltwise){dnnl_eltwise_relu, f.alpha, 0};
        return 1;
    case JUDD_ACTIVATION_CLIP:
        e[0] = (eltwise){dnnl_eltwise_clip, f.alpha, f.beta};
        return 1;
    case JUDD_ACTIVATION_SIGMOID:
        e[0] = (eltwise){dnnl_eltwise_logistic, 0, 0};
        return 1;
    case JUDD_ACTIVATION_SWISH:
        e[0] = (eltwise){dnnl_eltwise_swish, 1, 0};
        return 1;
    case JUDD_ACTIVATION_HARD_SWISH: /* 2.x ignores the numbers, 3.x needs them */
        e[0] = (eltwise){dnnl_eltwise_hardswish, 1.0f / 6.0f, 0.5f};
        return 1;
    case JUDD_ACTIVATION_HARD_SIGMOID:
        e[0] = (eltwise){dnnl_eltwise_linear, f.alpha, f.beta};
        e[1] = (eltwise){dnnl_eltwise_clip, 0, 1};
        return 2;
    case JUDD_ACTIVATION_GELU: /* behind products of bfloat16 only */
        e[0] = (eltwise){dnnl_eltwise_gelu_erf, 0, 0};
        return 1;
    default: /* never fused: JUDD_ACTIVATION_FUSED */
        return 0;
    }
}

/* The scratchpad is ours (one for all primitives), so that running allocates nothing. */
static judd_status recipe_attr(recipe *r, const judd_onednn_post *post) {
    judd_status status = JUDD_OK;
    TRY_DNNL(dnnl_primitive_attr_create(&r->attr), "making attributes");
    TRY_DNNL(dnnl_primitive_attr_set_scratchpad_mode(r->attr, dnnl_scratchpad_mode_user),
             "choosing the scratchpad");
    if (!post) goto done;
    eltwise e[2];
    int n = eltwise_of(e, post->activation);
    if (n == 0 && !post->sum) goto done;
    TRY_DNNL(dnnl_post_ops_create(&r->ops), "making post-operations");
    if (post->sum) TRY_DNNL(append_sum(r->ops), "fusing an addition");
    for (int i = 0; i < n; i++)
        TRY_DNNL(append_eltwise(r->ops, e[i].kind, e[i].alpha, e[i].beta), "fusing an activation");
    TRY_DNNL(dnnl_primitive_attr_set_post_ops(r->attr, r->ops), "setting post-operations");
done:
    return status;
}

static judd_status add_memory(judd_primitive *p, int arg, shape_ref md, void *handle) {
    dnnl_exec_arg_t *a = &p->args[p->n_args];
    a->arg = arg;
    p->handles[p->n_args] = handle;
    judd_status status = check(dnnl_memory_create(&a->memory, md, p->owner->engine, handle),
                               "making a memory object");
    if (status == JUDD_OK) p->n_args++;
    return status;
}

/* Sources are numbered as `kind` wants: one DNNL_ARG_SRC, DNNL_ARG_SRC_0 and _1, or MULTIPLE_SRC.
 */
static judd_status primitive_create(judd_primitive **out, judd_onednn *d, const recipe *r, int n_in,
                                    const int *arg, const shape *src) {
    judd_status status = JUDD_OK;
    judd_primitive *p = NULL;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&p, 1, sizeof *p));
    p->owner = d;
    p->n_in = n_in;
    JUDD_TRY(judd_memory_alloc(&p->args, n_in + 4, sizeof *p->args));
    JUDD_TRY(judd_memory_alloc(&p->handles, n_in + 4, sizeof *p->handles));
    TRY_DNNL(dnnl_primitive_create(&p->primitive, r->pd), "making a primitive");
    for (int i = 0; i < n_in; i++) JUDD_TRY(add_memory(p, arg[i], ref(&src[i]), DNNL_MEMORY_NONE));
    JUDD_TRY(add_memory(p, DNNL_ARG_DST, ref(&r->dst), DNNL_MEMORY_NONE));
    shape_ref pad = dnnl_primitive_desc_query_md(r->pd, dnnl_query_scratchpad_md, 0);
    JUDD_TRY(add_memory(p, DNNL_ARG_SCRATCHPAD, pad, DNNL_MEMORY_NONE));
    judd_onednn_reserve(d, (int64_t)dnnl_memory_desc_get_size(pad));
    *out = p;
    p = NULL;
done:
    judd_onednn_release(p);
    return status;
}

void judd_onednn_release(judd_primitive *p) {
    if (!p) return;
    for (int i = 0; i < p->n_args; i++) dnnl_memory_destroy(p->args[i].memory);
    if (p->primitive) dnnl_primitive_destroy(p->primitive);
    free(p->constants[0]);
    free(p->constants[1]);
    free(p->args);
    free(p->handles);
    free(p);
}

static judd_status point(judd_primitive *p, int i, void *data) {
    if (p->handles[i] == data) return JUDD_OK;
    p->handles[i] = data;
    return check(dnnl_memory_set_data_handle(p->args[i].memory, data), "setting a pointer");
}

judd_status judd_onednn_run(judd_primitive *p, const float *const *in, float *out) {
    judd_status status = JUDD_OK;
    for (int i = 0; i < p->n_in; i++) JUDD_TRY(point(p, i, (void *)(uintptr_t)in[i]));
    JUDD_TRY(point(p, p->n_in, out));
    JUDD_TRY(point(p, p->n_in + 1, p->owner->scratch));
    TRY_DNNL(dnnl_primitive_execute(p->primitive, p->owner->stream, p->n_args, p->args),
             "running a primitive");
    TRY_DNNL(dnnl_stream_wait(p->owner->stream), "waiting for a primitive");
done:
    return status;
}

void judd_onednn_constants(judd_primitive *p,
                           void (*visit)(void *data, float **constant, int64_t bytes), void *data) {
    if (p->weight_bytes == 0) return;
    visit(data, &p->constants[0], p->weight_bytes);
    /* setting a pointer cannot fail for memory that was made with one */
    if (p->constants[0]) (void)point(p, p->weights, p->constants[0]);
}

/* dst (layout of md) = src (layout of from), once, with a scratchpad of the library. */
static judd_status reorder_once(judd_onednn *d, const shape *from, const void *src, shape_ref to,
                                void *dst) {
    judd_status status = JUDD_OK;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t a = NULL, b = NULL;
    TRY_DNNL(dnnl_memory_create(&a, ref(from), d->engine, (void *)(uintptr_t)src), "weights");
    TRY_DNNL(dnnl_memory_create(&b, to, d->engine, dst), "packed weights");
    TRY_DNNL(dnnl_reorder_primitive_desc_create(&pd, ref(from), d->engine, to, d->engine, NULL),
             "describing the packing of weights");
    TRY_DNNL(dnnl_primitive_create(&primitive, pd), "making the packing of weights");
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, a}, {DNNL_ARG_TO, b}};
    TRY_DNNL(dnnl_primitive_execute(primitive, d->stream, 2, args), "packing weights");
    TRY_DNNL(dnnl_stream_wait(d->stream), "packing weights");
done:
    if (primitive) dnnl_primitive_destroy(primitive);
    if (pd) dnnl_primitive_desc_destroy(pd);
    if (a) dnnl_memory_destroy(a);
    if (b) dnnl_memory_destroy(b);
    return status;
}

/* Weights, if any, in the layout the primitive asked for, and the bias. */
static judd_status add_constants(judd_primitive *p, const recipe *r, const shape *from,
                                 const float *weights, const float *bias, int64_t n_bias) {
    judd_status status = JUDD_OK;
    shape_ref md = dnnl_primitive_desc_query_md(r->pd, dnnl_query_weights_md, 0);
    p->weights = p->n_args;
    p->weight_bytes = (int64_t)dnnl_memory_desc_get_size(md);
    if (weights) {
        JUDD_TRY(judd_memory_alloc(&p->constants[0], p->weight_bytes, 1));
        JUDD_TRY(reorder_once(p->owner, from, weights, md, p->constants[0]));
    }
    JUDD_TRY(add_memory(p, DNNL_ARG_WEIGHTS, md, p->constants[0]));
    if (!bias) goto done;
    JUDD_TRY(judd_memory_alloc(&p->constants[1], n_bias, sizeof *bias));
    memcpy(p->constants[1], bias, (size_t)n_bias * sizeof *bias);
    JUDD_TRY(add_memory(p, DNNL_ARG_BIAS, ref(&r->bias), p->constants[1]));
done:
    return status;
}

/* ---- convolution ----------------------------------------------------------------------------- */

static judd_status convolution_recipe(recipe *r, judd_onednn *d, const judd_onednn_convolution *c) {
    judd_status status = JUDD_OK;
    const judd_window *w = c->window;
    int64_t oc = c->dst.dims[1], ic = c->src.dims[1], g = w->groups;
    int64_t plain[] = {oc, ic, w->kernel[0], w->kernel[1]};
    int64_t grouped[] = {g, oc / g, ic / g, w->kernel[0], w->kernel[1]};
    JUDD_TRY(describe_operand(&r->src, &c->src));
    JUDD_TRY(describe_operand(&r->dst, &c->dst));
    TRY_DNNL(shape_tagged(&r->weights, g > 1 ? 5 : 4, g > 1 ? grouped : plain, dnnl_format_tag_any,
                          judd_layout_is_bf16(c->src.layout) ? dnnl_bf16 : dnnl_f32),
             "describing the weights of a convolution");
    if (c->bias) TRY_DNNL(shape_tagged(&r->bias, 1, &oc, dnnl_a, dnnl_f32), "describing a bias");
    JUDD_TRY(recipe_attr(r, &c->post));
    TRY_DNNL(pd_convolution(&r->pd, d->engine, &r->src, &r->weights, &r->bias, &r->dst, w, r->attr),
             "describing a convolution");
done:
    return status;
}

bool judd_onednn_convolves_fast(judd_onednn *d, const judd_onednn_convolution *c) {
    recipe r = {0};
    const char *name = "";
    bool fast = convolution_recipe(&r, d, c) == JUDD_OK &&
                dnnl_primitive_desc_query(r.pd, dnnl_query_impl_info_str, 0, (void *)&name) ==
                    dnnl_success &&
                (strncmp(name, "jit", 3) == 0 || strncmp(name, "brg", 3) == 0);
    recipe_free(&r);
    return fast;
}

judd_status judd_onednn_convolve(judd_primitive **out, judd_onednn *d,
                                 const judd_onednn_convolution *c) {
    judd_status status = JUDD_OK;
    recipe r = {0};
    shape user = {0};
    judd_primitive *p = NULL;
    const int arg = DNNL_ARG_SRC;
    const judd_window *w = c->window;
    int64_t oc = c->dst.dims[1], ic = c->src.dims[1], g = w->groups;
    int64_t plain[] = {oc, ic, w->kernel[0], w->kernel[1]};
    int64_t grouped[] = {g, oc / g, ic / g, w->kernel[0], w->kernel[1]};
    *out = NULL;
    JUDD_TRY(convolution_recipe(&r, d, c));
    JUDD_TRY(primitive_create(&p, d, &r, 1, &arg, &r.src));
    TRY_DNNL(shape_tagged(&user, g > 1 ? 5 : 4, g > 1 ? grouped : plain,
                          g > 1       ? dnnl_abcde
                          : c->turned ? dnnl_bacd
                                      : dnnl_abcd,
                          dnnl_f32),
             "describing weights");
    JUDD_TRY(add_constants(p, &r, &user, c->weights, c->bias, oc));
    *out = p;
    p = NULL;
done:
    judd_onednn_release(p);
    shape_free(&user);
    recipe_free(&r);
    return status;
}

/* ---- the others ------------------------------------------------------------------------------ */

/* Ends the making of a primitive whose description failed or not. */
static judd_status finish(judd_primitive **out, judd_onednn *d, recipe *r, int n_in, const int *arg,
                          const shape *src, judd_status status, dnnl_status_t error,
                          const char *what) {
    *out = NULL;
    if (status == JUDD_OK) status = check(error, what);
    if (status == JUDD_OK) status = primitive_create(out, d, r, n_in, arg, src);
    recipe_free(r);
    return status;
}

judd_status judd_onednn_pool(judd_primitive **out, judd_onednn *d, judd_onednn_pool_kind kind,
                             const judd_operand *src, const judd_operand *dst,
                             const judd_window *w) {
    static const dnnl_alg_kind_t kinds[] = {dnnl_pooling_max, dnnl_pooling_avg_exclude_padding,
                                            dnnl_pooling_avg_include_padding};
    recipe r = {0};
    const int arg = DNNL_ARG_SRC;
    dnnl_status_t error = dnnl_success;
    judd_status status = describe_operand(&r.src, src);
    if (status == JUDD_OK) status = describe_operand(&r.dst, dst);
    if (status == JUDD_OK) status = recipe_attr(&r, NULL);
    if (status == JUDD_OK)
        error = pd_pooling(&r.pd, d->engine, kinds[kind], &r.src, &r.dst, w, r.attr);
    return finish(out, d, &r, 1, &arg, &r.src, status, error, "describing a pooling");
}

judd_status judd_onednn_activate(judd_primitive **out, judd_onednn *d, const judd_operand *operand,
                                 judd_activation activation) {
    recipe r = {0};
    eltwise e[2] = {{dnnl_eltwise_relu, 0, 0}};
    const int arg = DNNL_ARG_SRC;
    dnnl_status_t error = dnnl_success;
    judd_status status = describe_operand(&r.dst, operand);
    if (status == JUDD_OK) status = recipe_attr(&r, NULL);
    if (status == JUDD_OK && eltwise_of(e, activation) != 1)
        status = judd_status_set(JUDD_E_INTERNAL, "oneDNN: activation %d is not one primitive",
                                 (int)activation.kind);
    if (status == JUDD_OK)
        error = pd_eltwise(&r.pd, d->engine, e->kind, e->alpha, e->beta, &r.dst, r.attr);
    return finish(out, d, &r, 1, &arg, &r.dst, status, error, "describing an activation");
}

judd_status judd_onednn_binary(judd_primitive **out, judd_onednn *d, char op,
                               const judd_operand *operand, judd_activation activation) {
    recipe r = {0};
    const int arg[] = {DNNL_ARG_SRC_0, DNNL_ARG_SRC_1};
    judd_onednn_post post = {.activation = activation};
    dnnl_status_t error = dnnl_success;
    judd_status status = describe_operand(&r.dst, operand);
    if (status == JUDD_OK) status = recipe_attr(&r, &post);
    if (status == JUDD_OK)
        error = pd_binary(&r.pd, d->engine, op == '+' ? dnnl_binary_add : dnnl_binary_mul, &r.dst,
                          r.attr);
    shape both[] = {r.dst, r.dst}; /* borrowed from the recipe */
    return finish(out, d, &r, 2, arg, both, status, error, "describing a sum or product");
}

judd_status judd_onednn_concat(judd_primitive **out, judd_onednn *d, int n, const judd_operand *src,
                               const judd_operand *dst, int axis) {
    judd_status status = JUDD_OK;
    recipe r = {0};
    shape *shapes = NULL;
    int *arg = NULL;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&shapes, n, sizeof *shapes));
    JUDD_TRY(judd_memory_alloc(&arg, n, sizeof *arg));
    for (int i = 0; i < n; i++) {
        arg[i] = DNNL_ARG_MULTIPLE_SRC + i;
        JUDD_TRY(describe_operand(&shapes[i], &src[i]));
    }
    JUDD_TRY(describe_operand(&r.dst, dst));
    JUDD_TRY(recipe_attr(&r, NULL));
    TRY_DNNL(pd_concat(&r.pd, d->engine, n, shapes, &r.dst, axis, r.attr), "describing a concat");
    JUDD_TRY(primitive_create(out, d, &r, n, arg, shapes));
done:
    for (int i = 0; shapes && i < n; i++) shape_free(&shapes[i]);
    free(shapes);
    free(arg);
    recipe_free(&r);
    return status;
}

judd_status judd_onednn_softmax(judd_primitive **out, judd_onednn *d, const judd_operand *operand,
                                int axis, bool logarithm) {
    recipe r = {0};
    const int arg = DNNL_ARG_SRC;
    dnnl_status_t error = dnnl_success;
    judd_status status = describe_operand(&r.dst, operand);
    if (status == JUDD_OK) status = recipe_attr(&r, NULL);
    if (status == JUDD_OK) error = pd_softmax(&r.pd, d->engine, logarithm, axis, &r.dst, r.attr);
    return finish(out, d, &r, 1, &arg, &r.dst, status, error, "describing a softmax");
}

judd_status judd_onednn_lrn(judd_primitive **out, judd_onednn *d, const judd_operand *operand,
                            int64_t size, float alpha, float beta, float k) {
    recipe r = {0};
    const int arg = DNNL_ARG_SRC;
    dnnl_status_t error = dnnl_success;
    judd_status status = describe_operand(&r.dst, operand);
    if (status == JUDD_OK) status = recipe_attr(&r, NULL);
    if (status == JUDD_OK) error = pd_lrn(&r.pd, d->engine, size, alpha, beta, k, &r.dst, r.attr);
    return finish(out, d, &r, 1, &arg, &r.dst, status, error, "describing an LRN");
}

judd_status judd_onednn_reorder(judd_primitive **out, judd_onednn *d, const judd_operand *src,
                                const judd_operand *dst) {
    recipe r = {0};
    const int arg = DNNL_ARG_FROM;
    dnnl_status_t error = dnnl_success;
    judd_status status = describe_operand(&r.src, src);
    if (status == JUDD_OK) status = describe_operand(&r.dst, dst);
    if (status == JUDD_OK) status = recipe_attr(&r, NULL);
    if (status == JUDD_OK)
        error = dnnl_reorder_primitive_desc_create(&r.pd, ref(&r.src), d->engine, ref(&r.dst),
                                                   d->engine, r.attr);
    return finish(out, d, &r, 1, &arg, &r.src, status, error, "describing a reorder");
}

#include "data/raw_array.h"

#include "data/block_hash.h"
#include "data/slab.h"

#include <judd/base/memory.h>
#include <judd/comm/node_memory.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 1 << 16, MAX_DIM = 1 << 24 };

static const int widths[] = {
    [JUDD_RAW_UINT8] = 1, [JUDD_RAW_F16] = 2, [JUDD_RAW_F32] = 4, [JUDD_RAW_F64] = 8};

struct judd_raw_array {
    const judd_comm *comm; /* borrowed */
    judd_raw_plan plan;
    int64_t n;
    judd_node_memory *memory; /* checks [n]; NULL before identify */
    const uint64_t *checks;
    judd_slab slab;
    uint8_t *scratch; /* a sample as in the file */
};

/* ---- plan -------------------------------------------------------------------------------------
 */

judd_status judd_raw_plan_add(judd_raw_plan *plan, judd_raw_piece piece) {
    judd_raw_piece *moved =
        realloc(plan->pieces, (size_t)(plan->n_pieces + 1) * sizeof *plan->pieces);
    if (!moved) return judd_status_set(JUDD_E_INTERNAL, "no memory for the files of a data set");
    plan->pieces = moved;
    judd_raw_piece *p = &plan->pieces[plan->n_pieces];
    *p = piece;
    judd_status status = judd_memory_string(&p->path, piece.path);
    if (status == JUDD_OK) plan->n_pieces++;
    return status;
}

void judd_raw_plan_free(judd_raw_plan *plan) {
    for (int64_t i = 0; i < plan->n_pieces; i++) free(plan->pieces[i].path);
    free(plan->pieces);
    judd_scratch_free(&plan->checks);
    *plan = (judd_raw_plan){0};
}

/* ---- shape ------------------------------------------------------------------------------------
 */

static bool can_be_channels(int64_t side) {
    return side == 1 || side == 3 || side == 4;
}

/* Whether the channels of [n, a, b, c] are c. */
static judd_status find_layout(bool *last, const int64_t *dims, const char *layout) {
    bool automatic = !layout || strcmp(layout, "auto") == 0;
    bool first_fits = can_be_channels(dims[1]), last_fits = can_be_channels(dims[3]);
    *last = automatic ? last_fits : strcmp(layout, "channels_last") == 0;
    if (!automatic || first_fits != last_fits) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA,
                           "images of %lld x %lld x %lld: which side is the channels? Set layout "
                           "to \"channels_first\" or \"channels_last\"",
                           (long long)dims[1], (long long)dims[2], (long long)dims[3]);
}

static judd_status shape_of_pixels(judd_raw_shape *out, const int64_t *dims, int rank,
                                   const char *layout) {
    bool last = false;
    if (rank != 3 && rank != 4)
        return judd_status_set(JUDD_E_DATA,
                               "%d dimensions; images are [n, height, width], [n, channels, "
                               "height, width] or [n, height, width, channels]",
                               rank);
    for (int i = 0; i < rank; i++)
        if (dims[i] < 1 || (i > 0 && dims[i] > MAX_SIDE))
            return judd_status_set(JUDD_E_DATA, "dimension %d is %lld, allowed 1 .. %d", i + 1,
                                   (long long)dims[i], MAX_SIDE);
    *out = (judd_raw_shape){.type = JUDD_RAW_UINT8, .channels = 1};
    if (rank == 3) {
        out->height = (int)dims[1];
        out->width = (int)dims[2];
        return JUDD_OK;
    }
    judd_status status = find_layout(&last, dims, layout);
    out->channels_last = last;
    out->channels = (int)dims[last ? 3 : 1];
    out->height = (int)dims[last ? 1 : 2];
    out->width = (int)dims[last ? 2 : 3];
    return status;
}

static judd_status shape_of_features(judd_raw_shape *out, int width, const int64_t *dims,
                                     int rank) {
    if (rank != 2)
        return judd_status_set(JUDD_E_DATA, "%d dimensions; features are [n, dim]", rank);
    if (dims[1] < 1 || dims[1] > MAX_DIM)
        return judd_status_set(JUDD_E_DATA, "%lld features a sample, allowed 1 .. %d",
                               (long long)dims[1], MAX_DIM);
    *out = (judd_raw_shape){.dim = dims[1],
                            .type = width == 2   ? JUDD_RAW_F16
                                    : width == 4 ? JUDD_RAW_F32
                                                 : JUDD_RAW_F64};
    return JUDD_OK;
}

judd_status judd_raw_shape_of(judd_raw_shape *out, char kind, int width, const int64_t *dims,
                              int rank, const char *layout, const char *place) {
    judd_status status =
        kind == 'u' && width == 1 ? shape_of_pixels(out, dims, rank, layout)
        : kind == 'f'
            ? shape_of_features(out, width, dims, rank)
            : judd_status_set(JUDD_E_DATA, "items are neither uint8 pixels nor little-endian "
                                           "float16, float32 or float64 features; convert "
                                           "them");
    return judd_status_context(status, "%s", place);
}

int64_t judd_raw_shape_bytes(const judd_raw_shape *s) {
    if (s->type == JUDD_RAW_UINT8) return (int64_t)s->channels * s->height * s->width;
    return s->dim * widths[s->type];
}

int64_t judd_raw_shape_size(const judd_raw_shape *s) {
    return s->dim > 0 ? s->dim * (int64_t)sizeof(float) : judd_raw_shape_bytes(s);
}

/* ---- create -----------------------------------------------------------------------------------
 */

static judd_status share_pieces(judd_raw_plan *plan, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t n = plan->n_pieces;
    JUDD_TRY(judd_comm_broadcast(comm, &n, sizeof n));
    JUDD_TRY(judd_comm_broadcast(comm, &plan->shape, sizeof plan->shape));
    JUDD_TRY(judd_comm_broadcast(comm, plan->sha256, sizeof plan->sha256));
    for (int64_t i = 0; i < n; i++) {
        judd_raw_piece piece = {0};
        char *path = NULL;
        if (comm->rank == 0) {
            piece = plan->pieces[i];
            status = judd_memory_string(&path, piece.path);
        }
        JUDD_TRY(judd_comm_broadcast_status(comm, status));
        JUDD_TRY(judd_comm_broadcast_string(comm, &path));
        JUDD_TRY(judd_comm_broadcast(comm, &piece, sizeof piece));
        piece.path = path;
        if (comm->rank != 0) status = judd_raw_plan_add(plan, piece);
        free(path);
        JUDD_TRY(judd_comm_agree(comm, status));
    }
done:
    return status;
}

static judd_status take_plan(judd_raw_plan *out, judd_raw_plan *plan) {
    judd_status status = JUDD_OK;
    out->shape = plan->shape;
    for (int64_t i = 0; status == JUDD_OK && i < plan->n_pieces; i++)
        status = judd_raw_plan_add(out, plan->pieces[i]);
    memcpy(out->sha256, plan->sha256, sizeof out->sha256);
    out->checks = plan->checks;
    plan->checks = (judd_scratch){0};
    return status;
}

judd_status judd_raw_array_create(judd_raw_array **out, const judd_comm *comm,
                                  judd_raw_plan *plan) {
    judd_status status = JUDD_OK;
    judd_raw_array *a = NULL;
    status = judd_memory_alloc(&a, 1, sizeof *a);
    if (status == JUDD_OK) *a = (judd_raw_array){.comm = comm, .slab = JUDD_SLAB_EMPTY};
    if (status == JUDD_OK && comm->rank == 0) status = take_plan(&a->plan, plan);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(share_pieces(&a->plan, comm));
    for (int64_t i = 0; i < a->plan.n_pieces; i++) a->n += a->plan.pieces[i].n;
    status = judd_memory_alloc(&a->scratch, judd_raw_shape_bytes(&a->plan.shape), 1);
    JUDD_TRY(judd_comm_agree(comm, status));
    *out = a;
    a = NULL;
done:
    judd_raw_array_destroy(a);
    return status;
}

void judd_raw_array_destroy(judd_raw_array *a) {
    if (!a) return;
    judd_node_memory_destroy(a->memory);
    judd_slab_close(&a->slab);
    judd_raw_plan_free(&a->plan);
    free(a->scratch);
    free(a);
}

const judd_raw_shape *judd_raw_array_shape(const judd_raw_array *a) {
    return &a->plan.shape;
}

int64_t judd_raw_array_count(const judd_raw_array *a) {
    return a->n;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* The piece of a sample, whose number in it becomes *id. */
static int64_t find_piece(const judd_raw_array *a, int64_t *id) {
    int64_t p = 0;
    while (*id >= a->plan.pieces[p].n) *id -= a->plan.pieces[p++].n;
    return p;
}

judd_status judd_raw_array_place(char **place, const judd_raw_array *a, int64_t id) {
    int64_t p = find_piece(a, &id);
    return judd_memory_format(place, "%s, sample %lld", a->plan.pieces[p].path, (long long)id);
}

uint64_t judd_raw_array_check(const judd_raw_array *a, int64_t id) {
    bool as_read = a->plan.shape.dim == 0 || a->plan.shape.type == JUDD_RAW_F32;
    return as_read && a->checks ? a->checks[id] : 0;
}

static judd_status read_bytes(judd_raw_array *a, int64_t id, void *bytes) {
    int64_t p = find_piece(a, &id);
    const judd_raw_piece *piece = &a->plan.pieces[p];
    int64_t n = judd_raw_shape_bytes(&a->plan.shape);
    return judd_slab_read(&a->slab, piece->path, p, piece->offset + id * piece->stride, n, bytes);
}

judd_status judd_raw_array_stage(judd_raw_array *a) {
    if (a->plan.n_pieces != 1) return JUDD_OK;
    return judd_slab_stage(&a->slab, a->comm, a->plan.pieces[0].path);
}

/* IEEE 754 binary16 from its bits, exact. */
static float half(uint16_t bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float sign = bits >> 15 ? -1.0f : 1.0f;
    if (exponent == 31) return fraction ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * ldexpf((float)fraction, -24);
    return sign * ldexpf((float)(fraction + 1024), exponent - 25);
}

double judd_raw_real(const void *bytes, int width) {
    uint16_t h = 0;
    float f = 0;
    double d = 0;
    if (width == 2) {
        memcpy(&h, bytes, sizeof h);
        return (double)half(h);
    }
    if (width == 4) {
        memcpy(&f, bytes, sizeof f);
        return (double)f;
    }
    memcpy(&d, bytes, sizeof d);
    return d;
}

static judd_status take_features(const judd_raw_array *a, int64_t id, float *row) {
    int width = widths[a->plan.shape.type];
    for (int64_t j = 0; j < a->plan.shape.dim; j++) {
        row[j] = (float)judd_raw_real(a->scratch + j * width, width);
        if (isfinite(row[j])) continue;
        int64_t k = id, p = find_piece(a, &k);
        return judd_status_set(JUDD_E_DATA,
                               "%s, sample %lld, column %lld: feature is not a finite float32; "
                               "correct it or leave the sample out",
                               a->plan.pieces[p].path, (long long)k, (long long)j);
    }
    return JUDD_OK;
}

judd_status judd_raw_array_read(judd_raw_array *a, int64_t id, void *bytes) {
    const judd_raw_shape *s = &a->plan.shape;
    void *stored = s->dim > 0 ? a->scratch : bytes;
    size_t n = (size_t)judd_raw_shape_bytes(s);
    judd_status status = read_bytes(a, id, stored);
    if (status != JUDD_OK) return status;
    if (a->checks && judd_hash_check(stored, n, 0) != a->checks[id]) {
        int64_t p = find_piece(a, &id);
        return judd_status_set(JUDD_E_DATA,
                               "%s, sample %lld: changed while the job runs; start it again",
                               a->plan.pieces[p].path, (long long)id);
    }
    return s->dim > 0 ? take_features(a, id, bytes) : JUDD_OK;
}

/* ---- identity ---------------------------------------------------------------------------------
 */

void judd_raw_shape_hash(judd_hash *hash, const judd_raw_shape *s) {
    char text[128];
    int length =
        snprintf(text, sizeof text, "type %d, %d x %d x %d, channels last %d, dim %lld", s->type,
                 s->channels, s->height, s->width, s->channels_last, (long long)s->dim);
    judd_hash_add(hash, text, (size_t)length + 1);
}

static judd_status add_block(void *context, judd_hash *hash, int64_t first, int64_t end,
                             uint64_t *checks) {
    judd_raw_array *a = context;
    size_t n = (size_t)judd_raw_shape_bytes(&a->plan.shape);
    judd_raw_shape_hash(hash, &a->plan.shape);
    for (int64_t i = first; i < end; i++) {
        judd_status status = read_bytes(a, i, a->scratch);
        if (status != JUDD_OK) return status;
        judd_hash_add(hash, a->scratch, n);
        checks[i - first] = judd_hash_check(a->scratch, n, 0);
    }
    return JUDD_OK;
}

judd_status judd_raw_array_identify(judd_raw_array *a, char sha256[JUDD_SHA256_HEX]) {
    judd_status status = JUDD_OK;
    if (a->plan.sha256[0])
        JUDD_TRY(judd_node_memory_share(&a->memory, a->comm, &a->plan.checks));
    else
        JUDD_TRY(judd_block_hash_run(a->plan.sha256, &a->memory, a->comm, a->n, JUDD_RAW_BLOCK,
                                     add_block, a));
    strcpy(sha256, a->plan.sha256);
    a->checks = judd_node_memory_data(a->memory);
done:
    return status;
}

#include <judd/linalg/lane_product.h>

#include <judd/base/clones.h>
#include <judd/base/integers.h>
#include <judd/base/memory.h>

#include "linalg/gemm_kernel.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Integers of a call, samples of a group of lanes and floats of its right operand: all of it fits
 * the second-level cache, with the group's left operand. */
enum { SUMS = JUDD_LANE_PRODUCT_ROWS * 128, GROUP = 128, RIGHT = GROUP * 256 };
enum { ROWS_AHEAD = 2, LINE = 8 }; /* sums in a line of a cache */

/* Floats between panels, lest the same row of all of them compete for the same place in the first
 * cache: a line; samples between asking for one and using it; most panels of the left operand that
 * make reading the right one in place cheaper than packing it. */
enum { SPACE = 16, AHEAD = JUDD_GEMM_ROWS_AHEAD, IN_PLACE_PANELS = 1 };

struct judd_lane_product {
    const judd_gemm_kernel *kernel;
    const int64_t *begin;            /* of lanes */
    int n_lanes, group;              /* lanes together */
    int64_t rows, n_panels, columns; /* of the left operand; most of a call */
    float *left;                     /* panel after panel: [samples][rows of the panel] */
    float *right;             /* of a group: panel after panel, [samples][columns of a tile] */
    const float **right_rows; /* of a group that is read in place, [samples]; and those ahead */
    int64_t *sums;            /* panel of columns after panel: [rows][columns of a tile] */
    double magic[JUDD_LANE_PRODUCT_ROWS];
    uint32_t limit[JUDD_LANE_PRODUCT_ROWS];
    uint32_t *largest; /* [lanes of a group <= GROUP, rows] */
    judd_gemm_lane_rest rest;
};

judd_status judd_lane_product_create(judd_lane_product **out, const judd_gemm *gemm,
                                     int64_t most_rows, int64_t most_samples) {
    judd_status status = JUDD_OK;
    judd_lane_product *p = NULL;
    int64_t width = judd_gemm_kernel_of(gemm)->columns;
    most_rows = judd_least(most_rows, JUDD_LANE_PRODUCT_ROWS);
    JUDD_TRY(judd_memory_alloc(&p, 1, sizeof *p));
    p->kernel = judd_gemm_kernel_of(gemm);
    JUDD_TRY(judd_memory_alloc(&p->left, most_samples * most_rows, sizeof *p->left));
    int64_t panels = RIGHT / width * SPACE, deep = (most_samples + 1) * width;
    JUDD_TRY(judd_memory_alloc(&p->right, RIGHT + panels + deep, sizeof *p->right));
    JUDD_TRY(judd_memory_alloc(&p->right_rows, most_samples + JUDD_GEMM_ROWS_AHEAD,
                               sizeof *p->right_rows));
    JUDD_TRY(judd_memory_alloc(&p->sums, SUMS, sizeof *p->sums));
    JUDD_TRY(judd_memory_alloc(&p->largest, GROUP * most_rows, sizeof *p->largest));
    *out = p;
    p = NULL;
done:
    judd_lane_product_destroy(p);
    return status;
}

void judd_lane_product_destroy(judd_lane_product *p) {
    if (!p) return;
    free(p->left);
    free(p->right);
    free(p->right_rows);
    free(p->sums);
    free(p->largest);
    free(p);
}

/* ---- operands -----------------------------------------------------------------------------------
 */

/* Full and half-empty panels would cost the same: they are as even as possible. */
static int64_t panel_start(const judd_lane_product *p, int64_t i) {
    return judd_part_begin(p->rows, p->n_panels, i);
}

void judd_lane_product_left(judd_lane_product *p, const float *left, int64_t stride, int64_t rows,
                            const int64_t *begin, int n_lanes) {
    int64_t width = p->kernel->columns, samples = begin[n_lanes], deepest = 1;
    p->begin = begin;
    p->n_lanes = n_lanes;
    p->rows = rows;
    p->n_panels = judd_pieces(rows, p->kernel->rows);
    for (int64_t i = 0; i < p->n_panels; i++) {
        int64_t first = panel_start(p, i), n = panel_start(p, i + 1) - first;
        float *out = p->left + first * samples;
        for (int64_t k = 0; k < samples; k++)
            for (int64_t r = 0; r < n; r++) *out++ = left[k * stride + first + r];
    }
    for (int lane = 0; lane < n_lanes; lane++)
        deepest = judd_most(deepest, begin[lane + 1] - begin[lane]);
    p->group = (int)(deepest < GROUP ? GROUP / deepest : 1);
    int64_t columns = judd_least(SUMS / rows, RIGHT / (p->group * deepest)) / width * width;
    p->columns = judd_most(columns, width);
}

int64_t judd_lane_product_columns(const judd_lane_product *p) {
    return p->columns;
}

int64_t judd_lane_product_samples(const judd_lane_product *p) {
    return p->begin[p->n_lanes];
}

/* Floats of a panel of the right operand. */
static int64_t panel_size(const judd_lane_product *p, int64_t samples) {
    return samples * p->kernel->columns + SPACE;
}

/* Columns of the right operand that are read in place: whole panels, if few tiles use them. */
static int64_t in_place(const judd_lane_product *p, const judd_lane_product_part *x) {
    int64_t width = p->kernel->columns;
    return p->n_panels <= IN_PLACE_PANELS ? x->columns / width * width : 0;
}

static const float *right_row(const judd_lane_product_part *x, int64_t k) {
    return x->right + (x->right_rows ? x->right_rows[k] : k) * x->right_stride;
}

/* Samples first .. end; the last panel is filled up with zeros. */
JUDD_CLONES static void pack_right(judd_lane_product *p, const judd_lane_product_part *x,
                                   int64_t first, int64_t end) {
    int64_t width = p->kernel->columns, panel = panel_size(p, end - first), begin = in_place(p, x);
    for (int64_t k = first; begin < x->columns && k < end; k++) {
        const float *row = right_row(x, k), *ahead = right_row(x, judd_least(k + AHEAD, end - 1));
        float *out = p->right + begin / width * panel + (k - first) * width;
        int64_t j = begin;
        for (; j + width <= x->columns; j += width, out += panel) {
            for (int64_t c = 0; c < width; c += SPACE) __builtin_prefetch(ahead + j + c);
            for (int64_t c = 0; c < width; c += 8) memcpy(out + c, row + j + c, 8 * sizeof *out);
        }
        for (int64_t c = 0; j < x->columns && c < width; c++)
            out[c] = j + c < x->columns ? row[j + c] : 0.0f;
    }
}

/* Samples first .. end: where they are, or packed. */
static void place_right(judd_lane_product *p, const judd_lane_product_part *x, int64_t first,
                        int64_t end) {
    if (in_place(p, x) > 0)
        for (int64_t k = first; k < end + AHEAD && first < end; k++)
            p->right_rows[k - first] = right_row(x, judd_least(k, end - 1));
    pack_right(p, x, first, end);
}

/* ---- tiles --------------------------------------------------------------------------------------
 */

static void add_bits(int64_t *sum, double x) {
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    *sum = (int64_t)((uint64_t)*sum + (uint64_t)bits);
}

JUDD_CLONES static void add_within(int64_t *restrict sum, const float *restrict s, double magic,
                                   int64_t n) {
    for (int64_t j = 0; j < n; j++) add_bits(&sum[j], (double)s[j] + magic);
}

/* n numbers of one row; those beyond its limit leave only the bits of magic, and are counted. */
static int64_t add_row(int64_t *sum, const float *s, int64_t n, double magic, uint32_t limit,
                       uint32_t *largest) {
    uint32_t bits = judd_exact_sum_magnitude(s, n);
    int64_t bad = 0;
    if (largest && bits > *largest) *largest = bits;
    if (bits <= limit) {
        add_within(sum, s, magic, n);
        return 0;
    }
    for (int64_t j = 0; j < n; j++) {
        bool is_bad = judd_exact_sum_magnitude(&s[j], 1) > limit;
        add_bits(&sum[j], is_bad ? magic : (double)s[j] + magic);
        bad += is_bad;
    }
    return bad;
}

/* A lane of a tile that the kernel left: of any number of k, with any numbers. columns: those of
 * the call, without what filled up the panel. */
static void add_lane(const judd_lane_product *p, const judd_gemm_lane_tile *t, int lane,
                     int64_t row, int64_t columns, judd_lane_product_part *x) {
    float part[JUDD_GEMM_MOST_ROWS * JUDD_GEMM_MOST_COLUMNS] = {0};
    int width = p->kernel->columns;
    int64_t end = t->begin[lane + 1] - t->begin[0];
    for (int64_t k = t->begin[lane] - t->begin[0]; k < end; k += JUDD_GEMM_K_BLOCK)
        p->kernel->tile(&(judd_gemm_tile){.a = t->a + k * t->rows,
                                          .b = t->b_rows ? NULL : t->b + k * width,
                                          .b_rows = t->b_rows ? t->b_rows + k : NULL,
                                          .b_column = t->b_column,
                                          .c = part,
                                          .a_stride = t->rows,
                                          .b_stride = width,
                                          .ldc = width,
                                          .k = judd_least(end - k, JUDD_GEMM_K_BLOCK),
                                          .rows = t->rows,
                                          .columns = width,
                                          .accumulate = true});
    judd_lane_product_group *g = x->groups;
    for (int i = 0; i < t->rows; i++) {
        while (row + i >= g->end) g++;
        uint32_t *largest = t->largest ? t->largest + lane * t->largest_stride + i : NULL;
        g->bad += add_row(t->sum + i * width, part + i * width, columns, t->magic[i], t->limit[i],
                          largest);
    }
}

static void multiply_group(judd_lane_product *p, judd_lane_product_part *x, int first, int n) {
    int64_t width = p->kernel->columns, samples = p->begin[p->n_lanes];
    int64_t panel = panel_size(p, p->begin[first + n] - p->begin[first]);
    judd_gemm_lane_tile t = {.begin = p->begin + first, .n_lanes = n, .largest_stride = p->rows};
    for (int64_t q = 0; q * width < x->columns; q++) {
        t.b = p->right + q * panel;
        t.b_rows = q * width < in_place(p, x) ? p->right_rows : NULL;
        t.b_column = q * width;
        for (int64_t i = 0; i < p->n_panels; i++) {
            int64_t row = panel_start(p, i);
            t.rows = (int)(panel_start(p, i + 1) - row);
            t.a = p->left + row * samples + p->begin[first] * t.rows;
            t.sum = p->sums + (q * p->rows + row) * width;
            t.magic = p->magic + row;
            t.limit = p->limit + row;
            t.largest = x->groups->largest ? p->largest + row : NULL;
            for (int lane = 0; lane < n; lane++) {
                if (p->kernel->lane_tile) lane = p->kernel->lane_tile(&t, &p->rest, lane);
                if (lane < n)
                    add_lane(p, &t, lane, row, judd_least(width, x->columns - q * width), x);
            }
        }
    }
}

/* ---- all of it ----------------------------------------------------------------------------------
 */

/* How each row is rounded. */
static void prepare(judd_lane_product *p, const judd_lane_product_part *x) {
    int64_t row = 0;
    for (const judd_lane_product_group *g = x->groups; g < x->groups + x->n_groups; g++) {
        float limit = g->scale.exponent < FLT_MAX_EXP ? ldexpf(1.0f, g->scale.exponent) : FLT_MAX;
        for (; row < g->end; row++) {
            p->magic[row] = judd_exact_sum_magic(g->scale);
            memcpy(&p->limit[row], &limit, sizeof limit);
        }
    }
    int64_t width = p->kernel->columns, columns = judd_round_up(x->columns, width);
    memset(p->sums, 0, (size_t)(p->rows * columns) * sizeof *p->sums);
}

static void tell_largest(const judd_lane_product *p, judd_lane_product_part *x, int first, int n) {
    for (int lane = 0; lane < n; lane++) {
        int64_t row = 0;
        for (judd_lane_product_group *g = x->groups; g < x->groups + x->n_groups; g++) {
            uint32_t *largest = &g->largest[(first + lane) * x->largest_stride];
            for (; row < g->end; row++)
                if (p->largest[lane * p->rows + row] > *largest)
                    *largest = p->largest[lane * p->rows + row];
        }
    }
}

/* out[j] += in[j] - base, modulo 2^64. */
JUDD_CLONES static void add_less(int64_t *restrict out, const int64_t *restrict in, uint64_t base,
                                 int64_t n) {
    for (int64_t j = 0; j < n; j++) out[j] = (int64_t)((uint64_t)out[j] + (uint64_t)in[j] - base);
}

/* out[j] = in[j] - base, modulo 2^64. */
JUDD_CLONES static void put_less(int64_t *restrict out, const int64_t *restrict in, uint64_t base,
                                 int64_t n) {
    for (int64_t j = 0; j < n; j++) out[j] = (int64_t)((uint64_t)in[j] - base);
}

/* Sums may be in the cache of another rank's core: lines of a later row are fetched ahead. */
static void fetch_sums(const judd_lane_product *p, const judd_lane_product_part *x, int64_t row) {
    const int64_t *sum = x->sum + judd_least(row, p->rows - 1) * x->sum_stride;
    for (int64_t j = 0; j < x->columns; j += LINE) __builtin_prefetch(sum + j, 1);
}

/* Every lane has added the bits of magic to every number. */
static void add_sums(const judd_lane_product *p, judd_lane_product_part *x) {
    int64_t width = p->kernel->columns;
    void (*const give)(int64_t *restrict, const int64_t *restrict, uint64_t, int64_t) =
        judd_node_sum_is_own(x->among) ? put_less : add_less;
    for (int64_t i = 0; i < p->rows; i++) {
        uint64_t base;
        memcpy(&base, &p->magic[i], sizeof base);
        base *= (uint64_t)p->n_lanes;
        int64_t *sum = x->sum + i * x->sum_stride;
        fetch_sums(p, x, i + ROWS_AHEAD);
        judd_node_sum_lock(x->among, sum, x->columns);
        for (int64_t j = 0; j < x->columns; j += width)
            give(sum + j, p->sums + j * p->rows + i * width, base,
                 judd_least(width, x->columns - j));
        judd_node_sum_unlock(x->among, sum, x->columns);
    }
}

void judd_lane_product_add(judd_lane_product *p, judd_lane_product_part *x) {
    prepare(p, x);
    for (int first = 0; first < p->n_lanes; first += p->group) {
        int n = (int)judd_least(p->group, p->n_lanes - first);
        place_right(p, x, p->begin[first], p->begin[first + n]);
        if (x->groups->largest) memset(p->largest, 0, (size_t)(n * p->rows) * sizeof *p->largest);
        multiply_group(p, x, first, n);
        if (x->groups->largest) tell_largest(p, x, first, n);
    }
    if (p->kernel->add_rest) p->kernel->add_rest(&p->rest);
    add_sums(p, x);
}

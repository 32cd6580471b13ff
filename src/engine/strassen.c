#include "engine/strassen.h"

#include "engine/activate.h"

#include <judd/base/clones.h>
#include <judd/base/integers.h>

#include <stdlib.h>
#include <string.h>

/* Sums of up to three products for HALF_TERMS terms of BLOCK_PAIRS pairs of rows stay in the
 * second-level cache, a panel of weights in the first. How terms are cut into blocks changes bits,
 * nothing else does. */
enum {
    PRODUCTS = 7,
    PASSES = 3,
    MOST_OF_A_PASS = 3,
    HALF_TERMS = 256,
    BLOCK_PAIRS = 102,
    QUARTERS = 4,
    WHOLE_COLUMNS = 64, /* panels of two vectors in both halves, with every instruction set */
    LINE = 16           /* floats of a cache line; panels are a multiple wide */
};

/* Quarters of a matrix: 11, 12, 21, 22. */
typedef struct share {
    int first, second; /* -1: none */
    float sign;        /* of the second */
} share;

/* What each product is added to. */
static const share shares[PRODUCTS] = {{0, 3, 1.0f},  {2, 3, -1.0f}, {1, 3, 1.0f}, {0, 2, 1.0f},
                                       {1, 0, -1.0f}, {3, -1, 0.0f}, {0, -1, 0.0f}};

struct judd_strassen {
    const judd_indirect_kernel *kernel;
    int64_t images, rows, pairs, columns, n_terms, panels; /* pairs: of an image */
    float *weights; /* [block of terms][pass][panel][product][term][2W] */
    float *bias;    /* [columns] */
    bool residual;
    judd_activation activation;
};

/* tests/engine/bench_products.c measured it. */
bool judd_strassen_wins(int64_t rows, int64_t columns, int64_t n_terms) {
    enum { LEAST_ROWS = 48, LEAST_TERMS = 384, LEAST_COLUMNS = 384 };
    return rows >= LEAST_ROWS && n_terms >= LEAST_TERMS && columns >= LEAST_COLUMNS &&
           columns % WHOLE_COLUMNS == 0 && n_terms % (2 * JUDD_INDIRECT_RUN) == 0;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Terms [first, first + 2 half): the left half of the block, then the right. */
typedef struct term_block {
    int64_t first, half;
    bool begin, end;
} term_block;

static int64_t block_count(const judd_strassen *d) {
    return judd_pieces(d->n_terms / 2, HALF_TERMS);
}

static term_block block_at(const judd_strassen *d, int64_t i) {
    int64_t n = block_count(d), runs = d->n_terms / 2 / JUDD_INDIRECT_RUN;
    int64_t from = runs * i / n * JUDD_INDIRECT_RUN, to = runs * (i + 1) / n * JUDD_INDIRECT_RUN;
    return (term_block){2 * from, to - from, i == 0, i + 1 == n};
}

static int first_of_pass(int pass) {
    return PRODUCTS * pass / PASSES;
}

static int pass_of(int product) {
    int pass = 0;
    while (product >= first_of_pass(pass + 1)) pass++;
    return pass;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* The factor of each product that weights make: quarter `first`, plus or minus `second`. */
static const share weight_sums[PRODUCTS] = {{0, 3, 1.0f},  {0, -1, 0.0f}, {1, 3, -1.0f},
                                            {2, 0, -1.0f}, {3, -1, 0.0f}, {0, 1, 1.0f},
                                            {2, 3, 1.0f}};

static float *pack_panel(float *to, const judd_strassen *d, const judd_strassen_problem *p,
                         term_block b, int product, int64_t panel) {
    const share *sum = &weight_sums[product];
    int64_t lanes = 2 * d->kernel->width, step = p->column_weight;
    int64_t right = p->columns / 2 * step, lower = b.half * p->term_weight;
    for (int64_t k = 0; k < b.half; k++, to += lanes) {
        const float *w = p->weights + (b.first + k) * p->term_weight + panel * lanes * step;
        const float *x = w + sum->first / 2 * lower + sum->first % 2 * right;
        const float *y =
            sum->second < 0 ? NULL : w + sum->second / 2 * lower + sum->second % 2 * right;
        for (int64_t c = 0; c < lanes; c++) to[c] = x[c * step];
        for (int64_t c = 0; y && c < lanes; c++) to[c] += sum->sign * y[c * step];
    }
    return to;
}

static void pack(judd_strassen *d, const judd_strassen_problem *p) {
    float *to = d->weights;
    for (int64_t i = 0; i < block_count(d); i++)
        for (int pass = 0; pass < PASSES; pass++)
            for (int64_t panel = 0; panel < d->panels; panel++)
                for (int m = first_of_pass(pass); m < first_of_pass(pass + 1); m++)
                    to = pack_panel(to, d, p, block_at(d, i), m, panel);
}

static int64_t weight_count(const judd_strassen *d) {
    return d->n_terms / 2 * (d->columns / 2) * PRODUCTS;
}

judd_status judd_strassen_create(judd_strassen **out, const judd_indirect_kernel *kernel,
                                 const judd_strassen_problem *p) {
    judd_status status = JUDD_OK;
    judd_strassen *d = NULL;
    *out = NULL;
    if (p->columns % WHOLE_COLUMNS != 0 || p->n_terms % (2 * JUDD_INDIRECT_RUN) != 0)
        JUDD_FAIL(JUDD_E_INTERNAL, "strassen: %lld terms, %lld columns", (long long)p->n_terms,
                  (long long)p->columns);
    JUDD_TRY(judd_memory_alloc(&d, 1, sizeof *d));
    *d = (judd_strassen){.kernel = kernel,
                         .images = p->images,
                         .rows = p->rows,
                         .pairs = judd_pieces(p->rows, 2),
                         .columns = p->columns,
                         .n_terms = p->n_terms,
                         .panels = p->columns / 2 / (2 * kernel->width),
                         .residual = p->residual,
                         .activation = p->activation};
    JUDD_TRY(judd_memory_alloc(&d->bias, d->columns, sizeof *d->bias));
    if (p->bias) memcpy(d->bias, p->bias, (size_t)d->columns * sizeof *d->bias);
    if (p->weights) {
        JUDD_TRY(judd_memory_alloc(&d->weights, weight_count(d), sizeof *d->weights));
        pack(d, p);
    }
    *out = d;
    d = NULL;
done:
    judd_strassen_destroy(d);
    return status;
}

void judd_strassen_destroy(judd_strassen *d) {
    if (!d) return;
    free(d->weights);
    free(d->bias);
    free(d);
}

void judd_strassen_constants(judd_strassen *d,
                             void (*visit)(void *data, float **constant, int64_t bytes),
                             void *data) {
    visit(data, &d->weights, weight_count(d) * (int64_t)sizeof *d->weights);
}

/* gcc drops calls of functions that only prefetch, and clones call what is not inlined. */
#define ALWAYS inline __attribute__((always_inline))

/* ---- sums of the left factor ----------------------------------------------------------------- */

static ALWAYS void add(float *restrict to, const float *x, const float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = x[i] + y[i];
}

static ALWAYS void subtract(float *restrict to, const float *x, const float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = x[i] - y[i];
}

/* even, odd: the two rows of a pair at the first term of the block. */
static ALWAYS void row_sum(float *to, int product, const float *even, const float *odd,
                           int64_t half) {
    const float *a11 = even, *a12 = even + half, *a21 = odd, *a22 = odd + half;
    switch (product) {
    case 0:
        add(to, a11, a22, half);
        break;
    case 1:
        add(to, a21, a22, half);
        break;
    case 2:
        memcpy(to, a11, (size_t)half * sizeof *to);
        break;
    case 3:
        memcpy(to, a22, (size_t)half * sizeof *to);
        break;
    case 4:
        add(to, a11, a12, half);
        break;
    case 5:
        subtract(to, a21, a11, half);
        break;
    default:
        subtract(to, a12, a22, half);
    }
}

/* ---- running --------------------------------------------------------------------------------- */

/* Pairs under way: even and odd rows of src and dst, NULL behind the last row of an image. */
typedef struct block {
    int64_t n, row; /* floats from an even row of src to the odd one */
    const float *src[2][BLOCK_PAIRS];
    float *dst[2][BLOCK_PAIRS];
    float *rows, *sums; /* [product of a pass][n][half]; [panel][quarter][n][2W] */
} block;

int64_t judd_strassen_workspace(const judd_strassen *d) {
    int64_t floats = MOST_OF_A_PASS * HALF_TERMS + d->panels * QUARTERS * 2 * d->kernel->width;
    return BLOCK_PAIRS * floats * (int64_t)sizeof(float);
}

/* The first column of a panel in a quarter of the result. */
static int64_t column_of(const judd_strassen *d, int64_t panel, int quarter) {
    return quarter % 2 * (d->columns / 2) + panel * 2 * d->kernel->width;
}

static void place_pairs(block *b, const judd_strassen *d, const float *src, float *dst,
                        int64_t first) {
    for (int64_t i = 0; i < b->n; i++) {
        int64_t image = (first + i) / d->pairs, row = (first + i) % d->pairs * 2;
        for (int64_t k = 0; k < 2; k++) {
            int64_t at = image * d->rows + row + k;
            b->src[k][i] = row + k < d->rows ? src + at * d->n_terms : NULL;
            b->dst[k][i] = row + k < d->rows ? dst + at * d->columns : NULL;
        }
    }
}

/* Rows stand far apart: those of the next pair are fetched meanwhile. */
JUDD_CLONES static void sum_rows(const block *b, term_block t, int pass) {
    static const float zeros[2 * HALF_TERMS] = {0};
    int64_t stride = b->n * t.half;
    float *to = b->rows;
    for (int64_t i = 0; i < b->n; i++, to += t.half) {
        const float *even = b->src[0][i] + t.first;
        const float *odd = b->src[1][i] ? b->src[1][i] + t.first : zeros;
        const float *next = i + 1 < b->n ? b->src[0][i + 1] + t.first : even;
        for (int64_t k = 0; k < 2 * t.half; k += LINE) {
            __builtin_prefetch(next + k);
            __builtin_prefetch(next + b->row + k);
        }
        for (int m = first_of_pass(pass); m < first_of_pass(pass + 1); m++)
            row_sum(to + (m - first_of_pass(pass)) * stride, m, even, odd, t.half);
    }
}

/* Lines of the result for pairs [first, first + n): rows stand far apart, so no prefetcher of the
 * processor's sees them coming. */
static ALWAYS void fetch_result(const judd_strassen *d, const block *b, int64_t panel,
                                int64_t first, int64_t n) {
    int64_t lanes = 2 * d->kernel->width;
    for (int q = 0; q < QUARTERS && panel < d->panels; q++)
        for (int64_t i = first; i < first + n; i++)
            for (int64_t c = 0; b->dst[q / 2][i] && c < lanes; c += LINE)
                __builtin_prefetch(b->dst[q / 2][i] + column_of(d, panel, q) + c, 0, 2);
}

/* Groups as even as possible: full and half-empty groups cost the same. */
static void multiply_panel(const judd_strassen *d, const block *b, term_block t, int product,
                           int64_t panel, const float *weights) {
    int64_t lanes = 2 * d->kernel->width, quarter = b->n * lanes, row = 0;
    int64_t groups = judd_pieces(b->n, JUDD_INDIRECT_ROWS), part = t.half * lanes / LINE;
    int at = product - first_of_pass(pass_of(product));  /* in its pass */
    bool reads = d->residual && t.begin && product == 0; /* the next panel's residual */
    bool ends = t.end && product == first_of_pass(PASSES - 1);
    float *sums = b->sums + panel * QUARTERS * quarter;
    const share *to = &shares[product];
    judd_indirect_share s = {.k = t.half, .row = t.half, .weights = weights, .sign = to->sign};
    for (int64_t g = 0; g < groups; g++) {
        int64_t n = b->n / groups + (g < b->n % groups);
        s.next[0] = weights + t.half * lanes + g * part;
        s.next[1] = sums + QUARTERS * quarter + (at * groups + g) * part;
        if (reads) fetch_result(d, b, panel + 1, row, n);
        if (ends) fetch_result(d, b, panel, row, n);
        s.rows = b->rows + (at * b->n + row) * t.half;
        s.first = sums + to->first * quarter + row * lanes;
        s.second = to->second < 0 ? NULL : sums + to->second * quarter + row * lanes;
        d->kernel->share[n - 1](&s);
        row += n;
    }
}

JUDD_CLONES static void begin_rows(float *restrict z, const float *restrict bias, int64_t n,
                                   int64_t lanes) {
    for (int64_t i = 0; i < n; i++, z += lanes)
        for (int64_t c = 0; c < lanes; c += LINE)
            for (int l = 0; l < LINE; l++) z[c + l] = bias[c + l];
}

JUDD_CLONES static void add_rows(float *restrict z, float *const *restrict from, int64_t column,
                                 int64_t n, int64_t lanes) {
    for (int64_t i = 0; i < n; i++, z += lanes) {
        if (!from[i]) continue;
        const float *x = from[i] + column;
        for (int64_t c = 0; c < lanes; c += LINE)
            for (int l = 0; l < LINE; l++) z[c + l] += x[c + l];
    }
}

JUDD_CLONES static void put_rows(const float *z, float *const *to, int64_t column, int64_t n,
                                 int64_t lanes) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < lanes; c += LINE, z += LINE)
            if (to[i]) memcpy(to[i] + column + c, z, LINE * sizeof *z);
}

/* Sums begin as bias [+ what stands where they go]. */
static void begin_panel(const judd_strassen *d, const block *b, int64_t panel, float *sums) {
    int64_t lanes = 2 * d->kernel->width;
    for (int q = 0; q < QUARTERS; q++, sums += b->n * lanes) {
        int64_t column = column_of(d, panel, q);
        begin_rows(sums, d->bias + column, b->n, lanes);
        if (d->residual) add_rows(sums, b->dst[q / 2], column, b->n, lanes);
    }
}

static void end_panel(const judd_strassen *d, const block *b, int64_t panel, float *sums) {
    int64_t lanes = 2 * d->kernel->width;
    judd_activate(d->activation, sums, QUARTERS * b->n * lanes);
    for (int q = 0; q < QUARTERS; q++)
        put_rows(sums + q * b->n * lanes, b->dst[q / 2], column_of(d, panel, q), b->n, lanes);
}

static void multiply_block(const judd_strassen *d, const block *b) {
    int64_t lanes = 2 * d->kernel->width, panel_sums = QUARTERS * b->n * lanes;
    const float *weights = d->weights;
    for (int64_t i = 0; i < block_count(d); i++) {
        term_block t = block_at(d, i);
        for (int pass = 0; pass < PASSES; pass++) {
            sum_rows(b, t, pass);
            for (int64_t panel = 0; panel < d->panels; panel++) {
                float *sums = b->sums + panel * panel_sums;
                if (t.begin && pass == 0) begin_panel(d, b, panel, sums);
                for (int m = first_of_pass(pass); m < first_of_pass(pass + 1); m++) {
                    multiply_panel(d, b, t, m, panel, weights);
                    weights += t.half * lanes;
                }
                if (t.end && pass + 1 == PASSES) end_panel(d, b, panel, sums);
            }
        }
    }
}

void judd_strassen_run(const judd_strassen *d, const float *src, float *dst, void *workspace,
                       int part, int parts) {
    int64_t all = d->images * d->pairs, first = all * part / parts;
    int64_t n = all * (part + 1) / parts - first, blocks = judd_pieces(n, BLOCK_PAIRS);
    block b = {.row = d->n_terms, .rows = workspace};
    b.sums = b.rows + MOST_OF_A_PASS * BLOCK_PAIRS * HALF_TERMS;
    for (int64_t i = 0; i < blocks; i++) {
        int64_t from = first + n * i / blocks;
        b.n = first + n * (i + 1) / blocks - from;
        place_pairs(&b, d, src, dst, from);
        multiply_block(d, &b);
    }
}

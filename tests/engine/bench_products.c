/* Products with constant weights: GFLOP/s of the plain one and of Strassen's, in turn, for shapes
 * of networks: the rule of judd_strassen_wins. CPU time, medians; the weights of several layers in
 * turn, as a network reads them.
 *
 * usage: bench_products [ROUNDS]
 */
#include "engine/indirect.h"
#include "engine/onednn.h"
#include "engine/strassen.h"

#include <judd/base/clock.h>
#include <judd/base/memory.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LAYERS = 3, MOST_ROUNDS = 99, IMAGES = 2 };

typedef struct layer {
    judd_indirect *plain;
    judd_strassen *strassen;
} layer;

typedef struct bench {
    int64_t rows, k, n; /* rows of an image */
    layer layers[LAYERS];
    float *x, *y, *weights;
    void *work;
} bench;

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static judd_status make_layer(layer *l, const bench *b) {
    judd_status status = JUDD_OK;
    const judd_indirect_kernel *kernel = judd_indirect_kernel_of(judd_onednn_isa(JUDD_FLOAT32));
    int64_t rows = IMAGES * b->rows, *row = NULL;
    judd_indirect_term *terms = NULL;
    JUDD_TRY(judd_memory_alloc(&row, rows, sizeof *row));
    JUDD_TRY(judd_memory_alloc(&terms, b->k, sizeof *terms));
    for (int64_t i = 0; i < rows; i++) row[i] = i * b->k;
    for (int64_t i = 0; i < b->k; i++) terms[i] = (judd_indirect_term){(int32_t)i, i * b->n};
    judd_indirect_problem plain = {.images = 1,
                                   .pixels = rows,
                                   .columns = b->n,
                                   .n_terms = b->k,
                                   .pixel_src = row,
                                   .terms = terms,
                                   .weights = b->weights,
                                   .column_weight = 1,
                                   .dst = {.rank = 2, .dims = {rows, b->n}}};
    judd_strassen_problem strassen = {.images = IMAGES,
                                      .rows = b->rows,
                                      .columns = b->n,
                                      .n_terms = b->k,
                                      .weights = b->weights,
                                      .column_weight = 1,
                                      .term_weight = b->n};
    JUDD_TRY(judd_indirect_create(&l->plain, kernel, &plain));
    JUDD_TRY(judd_strassen_create(&l->strassen, kernel, &strassen));
done:
    free(row);
    free(terms);
    return status;
}

static judd_status make(bench *b) {
    judd_status status = JUDD_OK;
    int64_t bytes = 0;
    JUDD_TRY(judd_memory_alloc(&b->x, IMAGES * b->rows * b->k, sizeof *b->x));
    JUDD_TRY(judd_memory_alloc(&b->y, IMAGES * b->rows * b->n, sizeof *b->y));
    JUDD_TRY(judd_memory_alloc(&b->weights, b->k * b->n, sizeof *b->weights));
    for (int64_t i = 0; i < IMAGES * b->rows * b->k; i++) b->x[i] = (float)(i % 97) * 0.01f;
    for (int64_t i = 0; i < b->k * b->n; i++) b->weights[i] = (float)(i % 89) * 0.01f;
    for (int i = 0; i < LAYERS; i++) JUDD_TRY(make_layer(&b->layers[i], b));
    bytes = judd_indirect_workspace(b->layers[0].plain);
    if (judd_strassen_workspace(b->layers[0].strassen) > bytes)
        bytes = judd_strassen_workspace(b->layers[0].strassen);
    JUDD_TRY(judd_memory_alloc(&b->work, bytes, 1));
done:
    return status;
}

static void destroy(bench *b) {
    for (int i = 0; i < LAYERS; i++) {
        judd_indirect_destroy(b->layers[i].plain);
        judd_strassen_destroy(b->layers[i].strassen);
    }
    free(b->x);
    free(b->y);
    free(b->weights);
    free(b->work);
}

static void measure(const bench *b, int rounds) {
    double seconds[2][MOST_ROUNDS], rate[2];
    for (int r = 0; r < rounds; r++)
        for (int side = 0; side < 2; side++) {
            const layer *l = &b->layers[r % LAYERS];
            double start = judd_clock_s(CLOCK_MONOTONIC);
            if (side == 0)
                judd_indirect_run(l->plain, b->x, b->y, 0, IMAGES * b->rows, b->work);
            else
                judd_strassen_run(l->strassen, b->x, b->y, b->work, 0, 1);
            seconds[side][r] = judd_clock_s(CLOCK_MONOTONIC) - start;
        }
    for (int side = 0; side < 2; side++) {
        qsort(seconds[side], (size_t)rounds, sizeof(double), by_value);
        rate[side] = 2e-9 * (double)(IMAGES * b->rows * b->k * b->n) / seconds[side][rounds / 2];
    }
    printf("%5d rows %5d -> %5d  plain %6.1f  strassen %6.1f  %.2f%s\n", (int)b->rows, (int)b->k,
           (int)b->n, rate[0], rate[1], rate[1] / rate[0],
           judd_strassen_wins(b->rows, b->n, b->k) ? "" : "  not by the rule");
}

int main(int argc, char **argv) {
    static const int64_t shapes[][3] = {
        {3136, 128, 512}, {784, 192, 768}, {784, 256, 1024}, {196, 384, 1536}, {196, 1536, 384},
        {196, 512, 2048}, {49, 768, 3072}, {49, 3072, 768},  {50, 768, 768},   {197, 384, 384},
        {197, 192, 768},  {197, 768, 768}, {197, 768, 2304}, {197, 768, 3072}, {197, 3072, 768},
        {16, 768, 768},   {24, 1024, 1024}};
    int rounds = argc > 1 ? atoi(argv[1]) : 15;
    if (rounds < 1 || rounds > MOST_ROUNDS) return 64;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        bench b = {.rows = shapes[i][0], .k = shapes[i][1], .n = shapes[i][2]};
        judd_status status = make(&b);
        if (status == JUDD_OK) measure(&b, rounds);
        destroy(&b);
        if (status != JUDD_OK) {
            fprintf(stderr, "bench_products: %s\n", judd_status_message());
            return 1;
        }
    }
    return 0;
}

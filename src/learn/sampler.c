#include "learn/sampler.h"

#include <judd/base/memory.h>
#include <judd/base/rng.h>

#include <stdlib.h>
#include <string.h>

judd_status judd_sampler_create(judd_sampler *out, const judd_rows *rows, int64_t batch,
                                uint64_t seed) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &rows->lanes;
    int64_t largest = judd_lanes_largest(lanes);
    judd_sampler s = {.rows = rows,
                      .seed = seed,
                      .n_own = lanes->end_lane - lanes->first_lane,
                      .micro = (batch + lanes->n_lanes - 1) / lanes->n_lanes,
                      .epoch = -1};
    if (s.micro > largest) s.micro = largest;
    s.steps_per_epoch = (largest + s.micro - 1) / s.micro;
    s.capacity = s.micro * s.n_own;
    JUDD_TRY(judd_memory_alloc(&s.order, judd_lanes_count(lanes), sizeof *s.order));
    JUDD_TRY(judd_memory_alloc(&s.begin, s.n_own + 1, sizeof *s.begin));
    JUDD_TRY(judd_memory_alloc(&s.batch.x, s.capacity * rows->dim, sizeof *s.batch.x));
    JUDD_TRY(judd_memory_alloc(&s.batch.labels, s.capacity, sizeof *s.batch.labels));
    JUDD_TRY(judd_memory_alloc(&s.batch.folds, s.capacity, sizeof *s.batch.folds));
    JUDD_TRY(judd_memory_alloc(&s.batch.positions, s.capacity, sizeof *s.batch.positions));
    if (rows->n_targets > 0)
        JUDD_TRY(judd_memory_alloc(&s.batch.targets, s.capacity * rows->n_targets,
                                   sizeof *s.batch.targets));
    *out = s;
    s = (judd_sampler){0};
done:
    judd_sampler_destroy(&s);
    return status;
}

void judd_sampler_destroy(judd_sampler *s) {
    free(s->order);
    free(s->begin);
    free(s->batch.x);
    free(s->batch.labels);
    free(s->batch.folds);
    free(s->batch.positions);
    free(s->batch.targets);
    *s = (judd_sampler){0};
}

static void shuffle(judd_sampler *s, int64_t epoch) {
    const judd_lanes *lanes = &s->rows->lanes;
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        int64_t begin = judd_lanes_begin(lanes, lane),
                n = judd_lanes_begin(lanes, lane + 1) - begin;
        uint64_t key = judd_rng_bits(s->seed, JUDD_RNG_ORDER, (uint32_t)lane, (uint64_t)epoch);
        judd_rng_permutation(s->order + (begin - judd_lanes_first(lanes)), n, key, JUDD_RNG_ORDER,
                             (uint32_t)lane);
    }
    s->epoch = epoch;
}

/* Row `row` of this rank becomes the batch's next. */
static void take(judd_sampler *s, int64_t row) {
    judd_batch *b = &s->batch;
    int64_t dim = s->rows->dim, n = b->n++;
    memcpy(b->x + n * dim, s->rows->x + row * dim, (size_t)dim * sizeof *b->x);
    b->labels[n] = s->rows->labels[row];
    b->folds[n] = s->rows->folds[row];
    b->positions[n] = judd_lanes_first(&s->rows->lanes) + row;
    if (b->targets)
        memcpy(b->targets + n * s->rows->n_targets, s->rows->targets + row * s->rows->n_targets,
               (size_t)s->rows->n_targets * sizeof *b->targets);
}

void judd_sampler_next(judd_sampler *s, int64_t step) {
    const judd_lanes *lanes = &s->rows->lanes;
    int64_t epoch = step / s->steps_per_epoch, part = step % s->steps_per_epoch;
    if (epoch != s->epoch) shuffle(s, epoch);
    s->batch.n = 0;
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        int64_t base = judd_lanes_begin(lanes, lane) - judd_lanes_first(lanes);
        int64_t size = judd_lanes_begin(lanes, lane + 1) - judd_lanes_begin(lanes, lane);
        int64_t end = (part + 1) * s->micro < size ? (part + 1) * s->micro : size;
        s->begin[lane - lanes->first_lane] = s->batch.n;
        for (int64_t i = part * s->micro; i < end; i++) take(s, base + s->order[base + i]);
    }
    s->begin[s->n_own] = s->batch.n;
}

#include "learn/sampler.h"

#include <judd/base/memory.h>
#include <judd/base/rng.h>

#include <stdlib.h>
#include <string.h>

static void shuffle(judd_sampler_order *o, int64_t epoch) {
    const judd_lanes *lanes = o->lanes;
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        int64_t begin = judd_lanes_begin(lanes, lane),
                n = judd_lanes_begin(lanes, lane + 1) - begin;
        uint64_t key = judd_rng_bits(o->seed, JUDD_RNG_ORDER, (uint32_t)lane, (uint64_t)epoch);
        judd_rng_permutation(o->order + (begin - judd_lanes_first(lanes)), n, key, JUDD_RNG_ORDER,
                             (uint32_t)lane);
    }
    o->epoch = epoch;
}

static int64_t plan(void *context, int64_t step, int64_t *which) {
    judd_sampler_order *o = context;
    const judd_lanes *lanes = o->lanes;
    int64_t epoch = step / o->steps_per_epoch, part = step % o->steps_per_epoch, n = 0;
    if (epoch != o->epoch) shuffle(o, epoch);
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        int64_t base = judd_lanes_begin(lanes, lane) - judd_lanes_first(lanes);
        int64_t size = judd_lanes_begin(lanes, lane + 1) - judd_lanes_begin(lanes, lane);
        int64_t end = (part + 1) * o->micro < size ? (part + 1) * o->micro : size;
        for (int64_t i = part * o->micro; i < end; i++) which[n++] = base + o->order[base + i];
    }
    return n;
}

static judd_status create_order(judd_sampler_order **out, const judd_lanes *lanes, int64_t micro,
                                uint64_t seed) {
    judd_status status = JUDD_OK;
    int64_t largest = judd_lanes_largest(lanes);
    JUDD_TRY(judd_memory_alloc(out, 1, sizeof **out));
    **out = (judd_sampler_order){.lanes = lanes,
                                 .seed = seed,
                                 .micro = micro,
                                 .steps_per_epoch = (largest + micro - 1) / micro,
                                 .epoch = -1};
    JUDD_TRY(judd_memory_alloc(&(*out)->order, judd_lanes_count(lanes), sizeof(int64_t)));
done:
    return status;
}

judd_status judd_sampler_create(judd_sampler *out, const judd_rows *rows, int64_t batch,
                                uint64_t seed, int set, int64_t step, bool in_order) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &rows->lanes;
    judd_sampler s = {.rows = rows,
                      .first_position = (int64_t)set << 48,
                      .n_own = lanes->end_lane - lanes->first_lane,
                      .micro = (batch + lanes->n_lanes - 1) / lanes->n_lanes};
    if (s.micro > judd_lanes_largest(lanes)) s.micro = judd_lanes_largest(lanes);
    s.capacity = s.micro * s.n_own;
    if (set > 0) seed = judd_rng_bits(seed, JUDD_RNG_SOURCE, (uint32_t)set, 0);
    JUDD_TRY(create_order(&s.order, lanes, s.micro, seed));
    JUDD_TRY(judd_memory_alloc(&s.begin, s.n_own + 1, sizeof *s.begin));
    JUDD_TRY(judd_memory_alloc(&s.batch.labels, s.capacity, sizeof *s.batch.labels));
    JUDD_TRY(judd_memory_alloc(&s.batch.folds, s.capacity, sizeof *s.batch.folds));
    JUDD_TRY(judd_memory_alloc(&s.batch.positions, s.capacity, sizeof *s.batch.positions));
    if (rows->n_targets > 0)
        JUDD_TRY(judd_memory_alloc(&s.batch.targets, s.capacity * rows->n_targets,
                                   sizeof *s.batch.targets));
    if (in_order) JUDD_TRY(judd_memory_alloc(&s.copy, s.capacity * rows->dim, sizeof *s.copy));
    JUDD_TRY(judd_row_stream_open(&s.stream, rows, s.capacity, step, plan, s.order));
    *out = s;
    s = (judd_sampler){0};
done:
    judd_sampler_destroy(&s);
    return status;
}

void judd_sampler_destroy(judd_sampler *s) {
    judd_row_stream_close(s->stream);
    if (s->order) free(s->order->order);
    free(s->order);
    free(s->begin);
    free(s->copy);
    free(s->batch.labels);
    free(s->batch.folds);
    free(s->batch.positions);
    free(s->batch.targets);
    *s = (judd_sampler){0};
}

/* Row `row` of this rank is the batch's i-th. */
static void describe(judd_sampler *s, int64_t i, int64_t row) {
    judd_batch *b = &s->batch;
    const judd_rows *rows = s->rows;
    b->labels[i] = rows->labels[row];
    b->folds[i] = rows->folds[row];
    b->positions[i] = s->first_position + judd_lanes_first(&rows->lanes) + row;
    if (b->targets)
        memcpy(b->targets + i * rows->n_targets, rows->targets + row * rows->n_targets,
               (size_t)rows->n_targets * sizeof *b->targets);
}

judd_status judd_sampler_next(judd_sampler *s) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &s->rows->lanes;
    int64_t base = judd_lanes_first(lanes), i = 0;
    judd_row_block block;
    s->batch.n = 0;
    memset(s->begin, 0, (size_t)(s->n_own + 1) * sizeof *s->begin);
    JUDD_TRY(judd_row_stream_next(s->stream, &block));
    s->batch.n = block.n;
    s->batch.x = block.x;
    s->batch.rows = block.rows;
    if (s->copy && block.rows) {
        JUDD_TRY(judd_rows_read(s->copy, s->rows, block.which, block.n));
        s->batch.x = s->copy;
        s->batch.rows = NULL;
    }
    for (int64_t k = 0; k < block.n; k++) describe(s, k, block.which[k]);
    for (int lane = 0; lane < s->n_own; lane++) {
        s->begin[lane] = i;
        int64_t end = judd_lanes_begin(lanes, lanes->first_lane + lane + 1) - base;
        while (i < block.n && block.which[i] < end) i++;
    }
    s->begin[s->n_own] = i;
done:
    return status;
}

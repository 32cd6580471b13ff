#include <judd/learn/row_stream.h>

#include "learn/row_ahead.h"

#include <judd/base/memory.h>

#include <stdbool.h>
#include <stdlib.h>

struct judd_row_stream {
    const judd_rows *rows;
    int64_t capacity, block; /* the next one to make */
    judd_row_stream_plan *plan;
    void *context;
    int64_t first, end;    /* in order: what is left */
    int64_t *which;        /* [capacity] of the last block, in memory */
    judd_row_ahead *ahead; /* of rows that are not */
};

static int64_t plan_in_order(void *context, int64_t block, int64_t *which) {
    judd_row_stream *s = context;
    int64_t left = s->end - s->first, n = left < s->capacity ? left : s->capacity;
    (void)block;
    for (int64_t i = 0; i < n; i++) which[i] = s->first++;
    return n;
}

static judd_status open_stream(judd_row_stream **out, judd_row_stream init) {
    judd_status status = JUDD_OK;
    judd_row_stream *s = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    *s = init;
    if (!s->context) s->context = s; /* plan_in_order's */
    if (s->rows->x || s->rows->wide)
        JUDD_TRY(judd_memory_alloc(&s->which, s->capacity, sizeof *s->which));
    else
        JUDD_TRY(
            judd_row_ahead_open(&s->ahead, s->rows, s->capacity, s->block, s->plan, s->context));
    *out = s;
    s = NULL;
done:
    judd_row_stream_close(s);
    return status;
}

judd_status judd_row_stream_open(judd_row_stream **out, const judd_rows *rows, int64_t capacity,
                                 int64_t first_block, judd_row_stream_plan *plan, void *context) {
    return open_stream(out, (judd_row_stream){.rows = rows,
                                              .capacity = capacity,
                                              .block = first_block,
                                              .plan = plan,
                                              .context = context});
}

static judd_status open_range(judd_row_stream **out, const judd_rows *rows, int64_t first,
                              int64_t end, int64_t capacity) {
    return open_stream(
        out,
        (judd_row_stream){
            .rows = rows, .capacity = capacity, .plan = plan_in_order, .first = first, .end = end});
}

judd_status judd_row_stream_lane(judd_row_stream **out, const judd_rows *rows, int lane,
                                 int64_t capacity) {
    int64_t base = judd_lanes_first(&rows->lanes);
    return open_range(out, rows, judd_lanes_begin(&rows->lanes, lane) - base,
                      judd_lanes_begin(&rows->lanes, lane + 1) - base, capacity);
}

judd_status judd_row_stream_all(judd_row_stream **out, const judd_rows *rows, int64_t capacity) {
    return open_range(out, rows, 0, judd_lanes_count(&rows->lanes), capacity);
}

judd_status judd_row_stream_next(judd_row_stream *s, judd_row_block *block) {
    if (s->ahead) {
        judd_status status = judd_row_ahead_next(s->ahead, block);
        if (status == JUDD_OK && block->n > 0) block->first = block->which[0];
        return status;
    }
    bool in_order = s->plan == plan_in_order;
    int64_t n = s->plan(s->context, s->block++, s->which);
    *block = (judd_row_block){.n = n, .which = s->which};
    if (n == 0) return JUDD_OK;
    block->first = s->which[0];
    const int64_t at = in_order ? block->first * s->rows->dim : 0;
    if (s->rows->x) block->x = s->rows->x + at;
    if (s->rows->wide) block->wide = s->rows->wide + at;
    block->rows = in_order ? NULL : s->which;
    return JUDD_OK;
}

void judd_row_stream_close(judd_row_stream *s) {
    if (!s) return;
    judd_row_ahead_close(s->ahead);
    free(s->which);
    free(s);
}

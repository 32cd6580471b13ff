#include <judd/learn/row_stream.h>

#include <judd/base/memory.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One in use, the others ahead of it. */
enum { SLOTS = 3 };

typedef struct slot {
    int64_t n, *which; /* [capacity] */
    float *x;          /* [capacity, dim] */
    judd_status status;
    char message[JUDD_MESSAGE_SIZE];
} slot;

struct judd_row_stream {
    const judd_rows *rows;
    int64_t capacity, block; /* the next one to make */
    judd_row_stream_plan *plan;
    void *context;
    int64_t first, end;  /* in order: what is left */
    slot slots[SLOTS];   /* in memory only the first, without x */
    int64_t made, taken; /* blocks, since open */
    bool threaded, closing;
    pthread_t thread;
    pthread_mutex_t mutex; /* of made, taken, closing */
    pthread_cond_t changed;
};

static int64_t plan_in_order(void *context, int64_t block, int64_t *which) {
    judd_row_stream *s = context;
    int64_t left = s->end - s->first, n = left < s->capacity ? left : s->capacity;
    (void)block;
    for (int64_t i = 0; i < n; i++) which[i] = s->first++;
    return n;
}

/* ---- the thread that reads ahead ---------------------------------------------------------------
 */

/* The thread's own last message goes along with the block. */
static void fill(judd_row_stream *s, slot *to) {
    to->n = s->plan(s->context, s->block++, to->which);
    to->status = judd_rows_read(to->x, s->rows, to->which, to->n);
    if (to->status != JUDD_OK) memcpy(to->message, judd_status_message(), sizeof to->message);
}

static void *read_ahead(void *context) {
    judd_row_stream *s = context;
    for (bool more = true; more;) {
        pthread_mutex_lock(&s->mutex);
        /* the block handed out last is still in use */
        while (!s->closing && s->made - s->taken >= SLOTS - 1)
            pthread_cond_wait(&s->changed, &s->mutex);
        bool closing = s->closing;
        slot *to = &s->slots[s->made % SLOTS];
        pthread_mutex_unlock(&s->mutex);
        if (closing) break;
        fill(s, to);
        more = to->status == JUDD_OK && to->n > 0;
        pthread_mutex_lock(&s->mutex);
        s->made++;
        pthread_cond_signal(&s->changed);
        pthread_mutex_unlock(&s->mutex);
    }
    return NULL;
}

static judd_status start_thread(judd_row_stream *s) {
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->changed, NULL);
    if (pthread_create(&s->thread, NULL, read_ahead, s) != 0)
        return judd_status_set(JUDD_E_INTERNAL, "features: no thread to read them; allow more "
                                                "threads (ulimit -u)");
    s->threaded = true;
    return JUDD_OK;
}

/* The next block; the last one, empty or failed, again and again. */
static slot *take(judd_row_stream *s) {
    pthread_mutex_lock(&s->mutex);
    slot *last = s->taken > 0 ? &s->slots[(s->taken - 1) % SLOTS] : NULL;
    if (last && (last->status != JUDD_OK || last->n == 0)) {
        pthread_mutex_unlock(&s->mutex);
        return last;
    }
    while (s->made == s->taken) pthread_cond_wait(&s->changed, &s->mutex);
    slot *next = &s->slots[s->taken++ % SLOTS];
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    return next;
}

/* ---- open, next, close -------------------------------------------------------------------------
 */

static judd_status open_stream(judd_row_stream **out, judd_row_stream init) {
    judd_status status = JUDD_OK;
    judd_row_stream *s = NULL;
    int n_slots = init.rows->x ? 1 : SLOTS;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    *s = init;
    if (!s->context) s->context = s; /* plan_in_order's */
    for (int i = 0; i < n_slots; i++) {
        JUDD_TRY(judd_memory_alloc(&s->slots[i].which, s->capacity, sizeof(int64_t)));
        if (!s->rows->x)
            JUDD_TRY(judd_memory_alloc(&s->slots[i].x, s->capacity * s->rows->dim, sizeof(float)));
    }
    if (!s->rows->x) JUDD_TRY(start_thread(s));
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
    slot *b = s->slots;
    if (s->threaded)
        b = take(s);
    else
        b->n = s->plan(s->context, s->block++, b->which);
    if (b->status != JUDD_OK) return judd_status_set(b->status, "%s", b->message);
    *block = (judd_row_block){.n = b->n, .x = b->x, .which = b->which};
    if (b->n == 0) return JUDD_OK;
    block->first = b->which[0];
    if (s->threaded) return JUDD_OK;
    bool in_order = s->plan == plan_in_order;
    block->x = in_order ? s->rows->x + block->first * s->rows->dim : s->rows->x;
    block->rows = in_order ? NULL : b->which;
    return JUDD_OK;
}

void judd_row_stream_close(judd_row_stream *s) {
    if (!s) return;
    if (s->threaded) {
        pthread_mutex_lock(&s->mutex);
        s->closing = true;
        pthread_cond_signal(&s->changed);
        pthread_mutex_unlock(&s->mutex);
        pthread_join(s->thread, NULL);
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->mutex);
    }
    for (int i = 0; i < SLOTS; i++) {
        free(s->slots[i].which);
        free(s->slots[i].x);
    }
    free(s);
}

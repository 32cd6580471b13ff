#include "learn/row_ahead.h"

#include <judd/base/integers.h>
#include <judd/base/memory.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One block is in use, the others are ahead of it: who trains and who reads run at their own pace.
 * Blocks are read some rows at a time, by all who have nothing better to do. */
enum { SLOTS = 3, MOST_READERS = 4, PIECE_ROWS = 32 };

typedef struct slot {
    int64_t n, *which;   /* [capacity] */
    float *x;            /* [capacity, dim] */
    int64_t begun, done; /* rows that readers have taken up, have read */
    int64_t failed;      /* the first row of the first piece that failed */
    judd_status status;  /* that piece's */
    char message[JUDD_MESSAGE_SIZE];
} slot;

struct judd_row_ahead {
    const judd_rows *rows;
    int64_t block; /* the next one to plan */
    judd_row_stream_plan *plan;
    void *context;
    slot slots[SLOTS];
    int64_t planned, taken; /* blocks, since open */
    bool planning, closing;
    int n_readers;
    pthread_t readers[MOST_READERS];
    pthread_mutex_t mutex; /* of all that changes; not held while a plan is made or rows are read */
    pthread_cond_t work, ready; /* for readers; for who takes blocks */
};

static bool is_last(const slot *s) {
    return s->n == 0 || s->status != JUDD_OK;
}

static slot *planned_last(judd_row_ahead *a) {
    return a->planned > 0 ? &a->slots[(a->planned - 1) % SLOTS] : NULL;
}

/* Blocks are planned one after the other, in order. */
static void plan_next(judd_row_ahead *a) {
    slot *next = &a->slots[a->planned % SLOTS];
    a->planning = true;
    pthread_mutex_unlock(&a->mutex);
    next->n = a->plan(a->context, a->block++, next->which);
    next->begun = next->done = 0;
    next->status = JUDD_OK;
    pthread_mutex_lock(&a->mutex);
    a->planning = false;
    a->planned++;
    pthread_cond_broadcast(&a->work);
    if (next->n == 0) pthread_cond_signal(&a->ready);
}

static void read_piece(judd_row_ahead *a, slot *to) {
    int64_t first = to->begun, n = judd_least(PIECE_ROWS, to->n - first);
    to->begun += n;
    pthread_mutex_unlock(&a->mutex);
    judd_status status =
        judd_rows_read(to->x + first * a->rows->dim, a->rows, to->which + first, n);
    pthread_mutex_lock(&a->mutex);
    if (status != JUDD_OK && (to->status == JUDD_OK || first < to->failed)) {
        to->failed = first;
        to->status = status;
        memcpy(to->message, judd_status_message(), sizeof to->message); /* this thread's */
    }
    to->done += n;
    if (to->done == to->n) pthread_cond_signal(&a->ready);
}

/* Reads a piece or plans a block; whether there was something to do. */
static bool work_once(judd_row_ahead *a) {
    slot *last = planned_last(a);
    if (last && last->begun < last->n) {
        read_piece(a, last);
        return true;
    }
    /* the block handed out last is still in use */
    if (a->planning || (last && is_last(last)) || a->planned - a->taken >= SLOTS - 1) return false;
    plan_next(a);
    return true;
}

static void *read_ahead(void *context) {
    judd_row_ahead *a = context;
    pthread_mutex_lock(&a->mutex);
    while (!a->closing)
        if (!work_once(a)) pthread_cond_wait(&a->work, &a->mutex);
    pthread_mutex_unlock(&a->mutex);
    return NULL;
}

/* Where there may be no more threads, who takes the blocks reads them. */
static void start(judd_row_ahead *a) {
    int wanted = a->rows->source.n_readers;
    while (a->n_readers < wanted && a->n_readers < MOST_READERS &&
           pthread_create(&a->readers[a->n_readers], NULL, read_ahead, a) == 0)
        a->n_readers++;
}

judd_status judd_row_ahead_open(judd_row_ahead **out, const judd_rows *rows, int64_t capacity,
                                int64_t first_block, judd_row_stream_plan *plan, void *context) {
    judd_status status = JUDD_OK;
    judd_row_ahead *a = NULL;
    JUDD_TRY(judd_memory_alloc(&a, 1, sizeof *a));
    *a = (judd_row_ahead){.rows = rows, .block = first_block, .plan = plan, .context = context};
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->work, NULL);
    pthread_cond_init(&a->ready, NULL);
    for (int i = 0; i < SLOTS; i++) {
        JUDD_TRY(judd_memory_alloc(&a->slots[i].which, capacity, sizeof(int64_t)));
        JUDD_TRY(judd_memory_alloc(&a->slots[i].x, capacity * rows->dim, sizeof(float)));
    }
    start(a);
    *out = a;
    a = NULL;
done:
    judd_row_ahead_close(a);
    return status;
}

/* The next block; the last one, empty or failed, again and again. */
static slot *take(judd_row_ahead *a) {
    pthread_mutex_lock(&a->mutex);
    slot *next = a->taken > 0 ? &a->slots[(a->taken - 1) % SLOTS] : NULL;
    if (!next || !is_last(next)) {
        next = &a->slots[a->taken % SLOTS];
        while (a->planned == a->taken || next->done < next->n)
            if (!work_once(a)) pthread_cond_wait(&a->ready, &a->mutex);
        a->taken++;
        pthread_cond_broadcast(&a->work);
    }
    pthread_mutex_unlock(&a->mutex);
    return next;
}

judd_status judd_row_ahead_next(judd_row_ahead *a, judd_row_block *block) {
    const slot *b = take(a);
    if (b->status != JUDD_OK) return judd_status_set(b->status, "%s", b->message);
    *block = (judd_row_block){.n = b->n, .x = b->x, .which = b->which};
    return JUDD_OK;
}

void judd_row_ahead_close(judd_row_ahead *a) {
    if (!a) return;
    pthread_mutex_lock(&a->mutex);
    a->closing = true;
    pthread_cond_broadcast(&a->work);
    pthread_mutex_unlock(&a->mutex);
    for (int i = 0; i < a->n_readers; i++) pthread_join(a->readers[i], NULL);
    pthread_cond_destroy(&a->ready);
    pthread_cond_destroy(&a->work);
    pthread_mutex_destroy(&a->mutex);
    for (int i = 0; i < SLOTS; i++) {
        free(a->slots[i].which);
        free(a->slots[i].x);
    }
    free(a);
}

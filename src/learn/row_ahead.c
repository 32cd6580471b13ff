#include "learn/row_ahead.h"

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

struct judd_row_ahead {
    const judd_rows *rows;
    int64_t block; /* the next one to make */
    judd_row_stream_plan *plan;
    void *context;
    slot slots[SLOTS];
    int64_t made, taken; /* blocks, since open */
    bool started, closing;
    pthread_t thread;
    pthread_mutex_t mutex; /* of made, taken, closing */
    pthread_cond_t changed;
};

/* The thread's own last message goes along with the block. */
static void fill(judd_row_ahead *a, slot *to) {
    to->n = a->plan(a->context, a->block++, to->which);
    to->status = judd_rows_read(to->x, a->rows, to->which, to->n);
    if (to->status != JUDD_OK) memcpy(to->message, judd_status_message(), sizeof to->message);
}

static void *read_ahead(void *context) {
    judd_row_ahead *a = context;
    for (bool more = true; more;) {
        pthread_mutex_lock(&a->mutex);
        /* the block handed out last is still in use */
        while (!a->closing && a->made - a->taken >= SLOTS - 1)
            pthread_cond_wait(&a->changed, &a->mutex);
        bool closing = a->closing;
        slot *to = &a->slots[a->made % SLOTS];
        pthread_mutex_unlock(&a->mutex);
        if (closing) break;
        fill(a, to);
        more = to->status == JUDD_OK && to->n > 0;
        pthread_mutex_lock(&a->mutex);
        a->made++;
        pthread_cond_signal(&a->changed);
        pthread_mutex_unlock(&a->mutex);
    }
    return NULL;
}

static judd_status start(judd_row_ahead *a) {
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->changed, NULL);
    if (pthread_create(&a->thread, NULL, read_ahead, a) != 0)
        return judd_status_set(JUDD_E_INTERNAL, "features: no thread to read them; allow more "
                                                "threads (ulimit -u)");
    a->started = true;
    return JUDD_OK;
}

judd_status judd_row_ahead_open(judd_row_ahead **out, const judd_rows *rows, int64_t capacity,
                                int64_t first_block, judd_row_stream_plan *plan, void *context) {
    judd_status status = JUDD_OK;
    judd_row_ahead *a = NULL;
    JUDD_TRY(judd_memory_alloc(&a, 1, sizeof *a));
    *a = (judd_row_ahead){.rows = rows, .block = first_block, .plan = plan, .context = context};
    for (int i = 0; i < SLOTS; i++) {
        JUDD_TRY(judd_memory_alloc(&a->slots[i].which, capacity, sizeof(int64_t)));
        JUDD_TRY(judd_memory_alloc(&a->slots[i].x, capacity * rows->dim, sizeof(float)));
    }
    JUDD_TRY(start(a));
    *out = a;
    a = NULL;
done:
    judd_row_ahead_close(a);
    return status;
}

/* The next block; the last one, empty or failed, again and again. */
static slot *take(judd_row_ahead *a) {
    pthread_mutex_lock(&a->mutex);
    slot *last = a->taken > 0 ? &a->slots[(a->taken - 1) % SLOTS] : NULL;
    if (last && (last->status != JUDD_OK || last->n == 0)) {
        pthread_mutex_unlock(&a->mutex);
        return last;
    }
    while (a->made == a->taken) pthread_cond_wait(&a->changed, &a->mutex);
    slot *next = &a->slots[a->taken++ % SLOTS];
    pthread_cond_signal(&a->changed);
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
    if (a->started) {
        pthread_mutex_lock(&a->mutex);
        a->closing = true;
        pthread_cond_signal(&a->changed);
        pthread_mutex_unlock(&a->mutex);
        pthread_join(a->thread, NULL);
        pthread_cond_destroy(&a->changed);
        pthread_mutex_destroy(&a->mutex);
    }
    for (int i = 0; i < SLOTS; i++) {
        free(a->slots[i].which);
        free(a->slots[i].x);
    }
    free(a);
}

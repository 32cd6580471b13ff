#include "features/pipeline.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    DEPTH = 2,               /* batches of a backbone: one is computed while the next is filled */
    ANSWER_NS = 5 * 1000000, /* how long a request of another rank may wait */
};

typedef struct batch {
    int64_t n_given, n_filled; /* rows handed to threads, rows prepared */
    float *input;              /* [batch, image] */
    int64_t *ids;              /* [batch] sample of each row */
    int *targets;              /* [batch] target of each row */
} batch;

/* One backbone: its targets, and a ring of batches. */
typedef struct stream {
    judd_backbone *backbone;
    int first, end;           /* targets */
    int64_t size;             /* rows of a batch */
    int64_t opened, computed; /* batches so far: `opened` is being filled unless the ring is full */
    batch ring[DEPTH];
    float *features; /* [size, dim] */
    float *rows;     /* [size, dim], those of one target */
    int64_t *ids;    /* [size] */
} stream;

/* How fast images are dealt, as this rank saw it when it last asked. */
typedef struct pace {
    double began_s, asked_s;
    int64_t dealt; /* to all ranks, from began_s to asked_s */
    int64_t chunk; /* the last one of this rank */
    int64_t taken; /* by this rank */
} pace;

typedef struct pipeline {
    judd_pipeline_options o;
    stream *streams;
    int n_streams;
    pthread_mutex_t lock;    /* of all that follows */
    pthread_cond_t to_fill;  /* a batch came free, or the end */
    pthread_cond_t to_run;   /* a batch is full, a thread ended, or a failure */
    int n_working;           /* threads that may still bring rows */
    int64_t given, computed; /* rows so far, of all streams */
    double computing_s;      /* what the computed ones took */
    bool ended;              /* nobody takes images any more */
    judd_status status;      /* the first failure */
    char message[JUDD_MESSAGE_SIZE];
    pthread_mutex_t taking; /* of the chunk */
    int64_t at, end;        /* the rest of this rank's chunk */
    pace pace;
    pthread_mutex_t outside; /* MPI, HDF5 and the reader's files know one thread at a time */
} pipeline;

typedef struct worker {
    pipeline *p;
    pthread_t thread;
    bool started;
    bool answers;              /* to requests of other ranks, until the end */
    judd_preparer **preparers; /* [n_streams] */
    judd_image image;
    const char *text; /* [n_text], of a data set of texts, where it lies; else NULL */
    int64_t n_text;
    uint8_t *bytes;
    int64_t capacity;
} worker;

/* The first failure counts; everybody ends soon, also on other ranks. */
static void fail(pipeline *p, judd_status status) {
    if (status == JUDD_OK) return;
    pthread_mutex_lock(&p->lock);
    bool first = p->status == JUDD_OK;
    if (first) {
        p->status = status;
        strncpy(p->message, judd_status_message(), sizeof p->message - 1);
    }
    p->ended = true;
    pthread_cond_broadcast(&p->to_fill);
    pthread_cond_signal(&p->to_run);
    pthread_mutex_unlock(&p->lock);
    if (!first) return;
    pthread_mutex_lock(&p->outside);
    (void)judd_deal_stop(p->o.deal);
    pthread_mutex_unlock(&p->outside);
}

/* ---- threads that read, decode and prepare -----------------------------------------------------
 */

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Wait for a change a few milliseconds, then answer other ranks. With the lock held. */
static void wait_to_fill(pipeline *p) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ANSWER_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    if (pthread_cond_timedwait(&p->to_fill, &p->lock, &until) != ETIMEDOUT) return;
    pthread_mutex_unlock(&p->lock);
    if (pthread_mutex_trylock(&p->outside) == 0) { /* else someone is in MPI now */
        judd_deal_answer(p->o.deal);
        pthread_mutex_unlock(&p->outside);
    }
    pthread_mutex_lock(&p->lock);
}

static bool has_full_batch(const pipeline *p) {
    for (int k = 0; k < p->n_streams; k++)
        if (p->streams[k].opened > p->streams[k].computed) return true;
    return false;
}

/* Whether the ranks will have dealt the rest before this one has computed one more chunk behind
 * what waits here already: near the end, a chunk that a slow rank takes early is one that all wait
 * for. With the lock held. */
static bool too_early(const pipeline *p, const pace *q) {
    if (p->computed == 0 || !has_full_batch(p)) return false;
    double an_image_s = (q->asked_s - q->began_s) / (double)q->dealt;
    double rest_s = (double)(p->o.ids.n - q->dealt) * an_image_s - (now_s() - q->asked_s);
    double rows_an_image = (double)p->given / (double)q->taken; /* one a target that misses it */
    double rows = (double)(p->given - p->computed) + rows_an_image * (double)q->chunk;
    return rows * p->computing_s / (double)p->computed > rest_s;
}

/* Before a chunk is asked for. It ends, since full batches are computed meanwhile. */
static void wait_for_turn(pipeline *p) {
    pthread_mutex_lock(&p->taking);
    bool asks = p->at == p->end && p->o.comm->size > 1;
    pace seen = p->pace;
    pthread_mutex_unlock(&p->taking);
    pthread_mutex_lock(&p->lock);
    while (asks && !p->ended && too_early(p, &seen)) wait_to_fill(p);
    pthread_mutex_unlock(&p->lock);
}

/* The next chunk. With `taking` held. */
static judd_status ask(pipeline *p) {
    pthread_mutex_lock(&p->outside);
    judd_status status = judd_deal_next(p->o.deal, &p->at, &p->end);
    pthread_mutex_unlock(&p->outside);
    p->pace.asked_s = now_s();
    p->pace.dealt = p->end;
    p->pace.chunk = p->end - p->at;
    return status;
}

/* The next image of this rank; false if there is none. */
static bool take(pipeline *p, int64_t *id) {
    judd_status status = JUDD_OK;
    wait_for_turn(p);
    pthread_mutex_lock(&p->lock);
    bool ended = p->ended;
    pthread_mutex_unlock(&p->lock);
    if (ended) return false;
    pthread_mutex_lock(&p->taking);
    if (p->at == p->end) status = ask(p);
    bool got = status == JUDD_OK && p->at < p->end;
    if (got) *id = judd_id_set_at(&p->o.ids, p->at++);
    p->pace.taken += got;
    pthread_mutex_unlock(&p->taking);
    fail(p, status);
    return got;
}

/* A row of the stream's open batch; false at a failure. */
static bool claim(pipeline *p, stream *s, int target, int64_t id, batch **out, int64_t *row) {
    pthread_mutex_lock(&p->lock);
    while (!p->ended && s->opened - s->computed == DEPTH) wait_to_fill(p);
    bool got = !p->ended;
    if (got) {
        batch *b = &s->ring[s->opened % DEPTH];
        *out = b;
        *row = b->n_given++;
        b->ids[*row] = id;
        b->targets[*row] = target;
        p->given++;
        if (b->n_given == s->size) s->opened++;
    }
    pthread_mutex_unlock(&p->lock);
    return got;
}

static void fill(pipeline *p, batch *b, judd_status status) {
    fail(p, status); /* first: after it no batch is computed */
    pthread_mutex_lock(&p->lock);
    b->n_filled++;
    pthread_cond_signal(&p->to_run);
    pthread_mutex_unlock(&p->lock);
}

static judd_status read_sample(worker *w, int64_t id) {
    judd_status status = JUDD_OK;
    judd_dataset *dataset = w->p->o.dataset;
    if (judd_dataset_info_of(dataset)->text)
        return judd_dataset_text(dataset, id, &w->text, &w->n_text);
    pthread_mutex_lock(&w->p->outside);
    int64_t n = judd_dataset_size(dataset, id);
    if (n > w->capacity) {
        free(w->bytes);
        w->bytes = NULL;
        w->capacity = 0;
        status = judd_memory_alloc(&w->bytes, n, 1);
        if (status == JUDD_OK) w->capacity = n;
    }
    if (status == JUDD_OK) status = judd_dataset_read(dataset, &id, 1, w->bytes);
    pthread_mutex_unlock(&w->p->outside);
    return status == JUDD_OK ? judd_dataset_decode(dataset, id, w->bytes, &w->image) : status;
}

/* The sample for every network and view that wants it. */
static void distribute(worker *w, int64_t id) {
    pipeline *p = w->p;
    for (int k = 0; k < p->n_streams; k++)
        for (int t = p->streams[k].first; t < p->streams[k].end; t++) {
            stream *s = &p->streams[k];
            batch *b = NULL;
            int64_t row = 0;
            if (!judd_id_set_has(&p->o.targets[t].missing, id)) continue;
            if (!claim(p, s, t, id, &b, &row)) return;
            float *input = b->input + row * judd_backbone_input(s->backbone);
            judd_status status =
                w->text ? judd_backbone_prepare_text(s->backbone, w->preparers[k], w->text,
                                                     w->n_text, input)
                        : judd_backbone_prepare(s->backbone, w->preparers[k], &w->image, id,
                                                p->o.targets[t].view, input);
            fill(p, b, judd_status_context(status, "sample %lld", (long long)id));
        }
}

static void *work(void *context) {
    worker *w = context;
    pipeline *p = w->p;
    int64_t id = 0;
    while (take(p, &id)) {
        judd_status status = read_sample(w, id);
        if (status == JUDD_OK)
            distribute(w, id);
        else
            fail(p, judd_status_context(status, "sample %lld", (long long)id));
    }
    pthread_mutex_lock(&p->lock);
    p->n_working--;
    pthread_cond_signal(&p->to_run);
    while (w->answers && !p->ended) wait_to_fill(p); /* others may still ask */
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- the thread that computes ------------------------------------------------------------------
 */

/* The next batch of a stream if all its rows are prepared: full, or the last one. */
static batch *ready(const pipeline *p, stream *s) {
    batch *b = &s->ring[s->computed % DEPTH];
    bool last = s->opened == s->computed && p->n_working == 0;
    bool closed = s->opened > s->computed || last;
    return closed && b->n_given > 0 && b->n_filled == b->n_given ? b : NULL;
}

/* Wait for the next batch to compute; false at the end. */
static bool next_batch(pipeline *p, stream **out_stream, batch **out) {
    bool got = false;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        int none_working = p->n_working == 0;
        for (int k = 0; k < p->n_streams && !got && p->status == JUDD_OK; k++) {
            *out_stream = &p->streams[k];
            *out = ready(p, *out_stream);
            got = *out != NULL;
        }
        if (got || none_working || p->status != JUDD_OK) break;
        pthread_cond_wait(&p->to_run, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return got;
}

static void free_batch(pipeline *p, stream *s, batch *b, double seconds) {
    pthread_mutex_lock(&p->lock);
    p->computed += b->n_filled;
    p->computing_s += seconds;
    b->n_given = b->n_filled = 0;
    if (s->opened == s->computed) s->opened++; /* the last one was not full */
    s->computed++;
    pthread_cond_broadcast(&p->to_fill);
    pthread_mutex_unlock(&p->lock);
}

/* The rows of one target, in the order of their ids: threads may have taken turns. */
static judd_status write_rows(pipeline *p, stream *s, const batch *b, int64_t n, int target) {
    int64_t m = 0, dim = judd_backbone_dim(s->backbone);
    for (int64_t i = 0; i < n; i++) {
        if (b->targets[i] != target) continue;
        int64_t k = m++;
        for (; k > 0 && s->ids[k - 1] > b->ids[i]; k--) {
            s->ids[k] = s->ids[k - 1];
            memcpy(s->rows + k * dim, s->rows + (k - 1) * dim, (size_t)dim * sizeof(float));
        }
        s->ids[k] = b->ids[i];
        memcpy(s->rows + k * dim, s->features + i * dim, (size_t)dim * sizeof(float));
    }
    if (m == 0) return JUDD_OK;
    pthread_mutex_lock(&p->outside);
    judd_status status = judd_cache_write(p->o.targets[target].cache, s->ids, m, s->rows);
    pthread_mutex_unlock(&p->outside);
    return status;
}

static judd_status compute(pipeline *p, stream *s, batch *b) {
    judd_status status = JUDD_OK;
    int64_t n = b->n_filled;
    JUDD_TRY(judd_backbone_run(s->backbone, b->input, n, s->features));
    for (int t = s->first; t < s->end; t++) JUDD_TRY(write_rows(p, s, b, n, t));
done:
    return status;
}

static void tell_progress(pipeline *p) {
    pthread_mutex_lock(&p->taking);
    int64_t dealt = p->at; /* all before this image have been taken by some rank */
    pthread_mutex_unlock(&p->taking);
    judd_progress_update(p->o.progress, dealt);
}

static judd_status compute_all(pipeline *p) {
    judd_status status = JUDD_OK;
    stream *s = NULL;
    batch *b = NULL;
    const volatile sig_atomic_t *stop = p->o.stop;
    while (!(stop && *stop) && next_batch(p, &s, &b)) {
        double began_s = now_s();
        JUDD_TRY(compute(p, s, b));
        free_batch(p, s, b, now_s() - began_s);
        tell_progress(p);
    }
    if (stop && *stop)
        JUDD_FAIL(JUDD_E_AGAIN, "stopped by a signal while computing features, which are kept; run "
                                "the same command again");
done:
    return status;
}

/* ---- setting up --------------------------------------------------------------------------------
 */

static judd_status alloc_stream(stream *s) {
    judd_status status = JUDD_OK;
    int64_t dim = judd_backbone_dim(s->backbone), image = judd_backbone_input(s->backbone);
    s->size = judd_backbone_batch(s->backbone);
    JUDD_TRY(judd_memory_alloc(&s->features, s->size * dim, sizeof *s->features));
    JUDD_TRY(judd_memory_alloc(&s->rows, s->size * dim, sizeof *s->rows));
    JUDD_TRY(judd_memory_alloc(&s->ids, s->size, sizeof *s->ids));
    for (int k = 0; k < DEPTH; k++) {
        batch *b = &s->ring[k];
        JUDD_TRY(judd_memory_alloc(&b->input, s->size * image, sizeof *b->input));
        JUDD_TRY(judd_memory_alloc(&b->ids, s->size, sizeof *b->ids));
        JUDD_TRY(judd_memory_alloc(&b->targets, s->size, sizeof *b->targets));
    }
done:
    return status;
}

static judd_status make_streams(pipeline *p) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&p->streams, p->o.n_targets, sizeof *p->streams));
    for (int t = 0; t < p->o.n_targets; t++) {
        judd_backbone *backbone = p->o.targets[t].backbone;
        if (t == 0 || backbone != p->o.targets[t - 1].backbone) {
            p->streams[p->n_streams++] = (stream){.backbone = backbone, .first = t};
            JUDD_TRY(alloc_stream(&p->streams[p->n_streams - 1]));
        }
        p->streams[p->n_streams - 1].end = t + 1;
    }
done:
    return status;
}

static void free_streams(pipeline *p) {
    for (int k = 0; k < p->n_streams; k++) {
        stream *s = &p->streams[k];
        for (int j = 0; j < DEPTH; j++) {
            free(s->ring[j].input);
            free(s->ring[j].ids);
            free(s->ring[j].targets);
        }
        free(s->features);
        free(s->rows);
        free(s->ids);
    }
    free(p->streams);
}

static judd_status start_worker(worker *w, pipeline *p, int number) {
    judd_status status = JUDD_OK;
    *w = (worker){.p = p, .answers = number == 0 && p->o.comm->rank == 0 && p->o.comm->size > 1};
    JUDD_TRY(judd_memory_alloc(&w->preparers, p->n_streams, sizeof *w->preparers));
    for (int k = 0; k < p->n_streams; k++)
        JUDD_TRY(judd_preparer_create(&w->preparers[k], p->streams[k].backbone));
    p->n_working++;
    int failed = pthread_create(&w->thread, NULL, work, w);
    w->started = failed == 0;
    if (failed) {
        p->n_working--;
        JUDD_FAIL(JUDD_E_INTERNAL,
                  "cannot start a thread that decodes: %s; raise the limit of "
                  "processes (ulimit -u)",
                  strerror(failed));
    }
done:
    return status;
}

static void end_worker(worker *w) {
    if (w->started) pthread_join(w->thread, NULL);
    for (int k = 0; w->preparers && k < w->p->n_streams; k++)
        judd_preparer_destroy(w->preparers[k]);
    free(w->preparers);
    free(w->bytes);
    judd_image_free(&w->image);
}

static judd_status run_threads(pipeline *p) {
    judd_status status = JUDD_OK;
    worker *workers = NULL;
    int n = 0;
    JUDD_TRY(judd_memory_alloc(&workers, p->o.n_threads, sizeof *workers));
    while (n < p->o.n_threads && status == JUDD_OK) {
        pthread_mutex_lock(&p->lock); /* those that run see the others counted */
        status = start_worker(&workers[n], p, n);
        pthread_mutex_unlock(&p->lock);
        n++;
    }
    if (status == JUDD_OK) status = compute_all(p);
    fail(p, status);
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    pthread_cond_broadcast(&p->to_fill);
    pthread_mutex_unlock(&p->lock);
    for (int k = 0; k < n; k++) end_worker(&workers[k]);
done:
    free(workers);
    return status;
}

judd_status judd_pipeline_run(const judd_pipeline_options *options) {
    pipeline p = {.o = *options,
                  .lock = PTHREAD_MUTEX_INITIALIZER,
                  .to_fill = PTHREAD_COND_INITIALIZER,
                  .to_run = PTHREAD_COND_INITIALIZER,
                  .taking = PTHREAD_MUTEX_INITIALIZER,
                  .outside = PTHREAD_MUTEX_INITIALIZER,
                  .pace.began_s = now_s()};
    judd_status status = make_streams(&p);
    if (status == JUDD_OK) status = run_threads(&p);
    fail(&p, status);
    if (p.status != JUDD_OK) status = judd_status_set(p.status, "%s", p.message);
    free_streams(&p);
    return status;
}

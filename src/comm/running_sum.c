#include <judd/comm/running_sum.h>

#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/comm/watchdog.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* 1 MiB is worth messages of its own; more chunks than MOST would be worth less. Chunks that have
 * numbers to add hold a room, and a further one waits until one of them has none any more: enough
 * messages are on their way, and the rooms are a small part of the numbers. */
enum { LEAST = 1 << 17, MOST = 64, TAG = 1024, ROOMS = JUDD_RUNNING_SUM_ROOMS };

/* Phases of a chunk, in this order. Ranks beyond a power of two hand their numbers to a partner
 * first and get the sums last. */
typedef enum phase { FOLD, HALVE, DOUBLE, UNFOLD, DONE } phase;

struct judd_running_sum_chunk {
    int64_t *x, *room; /* numbers; where what is to be added arrives, NULL afterwards */
    int64_t n;
    int64_t first, end; /* the range that this rank sums */
    int64_t arriving;   /* numbers in room, to be added from `first` on */
    phase phase;
    int round; /* of HALVE and DOUBLE: the partner is 2^round away */
};

/* ---- who exchanges what with whom ---------------------------------------------------------------
 */

/* Of the first 2 folded ranks, even ones hand over to the odd one beside them and take no part. */
static void find_place(judd_running_sum *s) {
    int rank = s->comm->rank, taking_part;
    for (s->rounds = 0; 2 << s->rounds <= s->comm->size;) s->rounds++;
    taking_part = 1 << s->rounds;
    s->folded = s->comm->size - taking_part;
    s->place = rank - s->folded;
    if (rank < 2 * s->folded) s->place = rank % 2 == 1 ? rank / 2 : -1;
}

/* Its partner's numbers arrive whole, and are the first to be added. */
static bool adds_all(const judd_running_sum *s) {
    return s->comm->rank < 2 * s->folded && s->place >= 0;
}

static int rank_of(const judd_running_sum *s, int place) {
    return place < s->folded ? 2 * place + 1 : place + s->folded;
}

/* The range of n numbers that a place sums after `rounds` rounds. */
static void range_of(int64_t n, int place, int rounds, int64_t *first, int64_t *end) {
    *first = 0;
    *end = n;
    for (int r = 0; r < rounds; r++) {
        int64_t middle = *first + (*end - *first) / 2;
        *(place >> r & 1 ? first : end) = middle;
    }
}

/* ---- room ---------------------------------------------------------------------------------------
 */

judd_status judd_running_sum_create(judd_running_sum *out, int64_t *x, int64_t n,
                                    const judd_comm *comm, int part, int parts) {
    judd_status status = JUDD_OK;
    judd_running_sum s = {.comm = comm,
                          .x = x,
                          .n = n,
                          .chunk = judd_pieces(n, (int64_t)MOST * parts),
                          .part = part,
                          .parts = parts};
    if (s.chunk < LEAST) s.chunk = LEAST;
    if (s.chunk > INT32_MAX / 16) s.chunk = INT32_MAX / 16; /* MPI counts are int */
    int64_t most = n / s.chunk / parts + 1;
    find_place(&s);
    JUDD_TRY(judd_memory_alloc(&s.chunks, most, sizeof *s.chunks));
    JUDD_TRY(judd_memory_alloc(&s.requests, 2 * most, sizeof *s.requests));
    JUDD_TRY(judd_memory_alloc(&s.ready, 2 * most, sizeof *s.ready));
    int64_t longest = n < s.chunk ? n : s.chunk;
    int64_t room = comm->size == 1 ? 0 : adds_all(&s) ? longest : longest - longest / 2;
    JUDD_TRY(judd_memory_alloc(&s.memory, ROOMS * room, sizeof *s.memory));
    while (s.n_rooms < ROOMS) {
        s.rooms[s.n_rooms] = s.memory + s.n_rooms * room;
        s.n_rooms++;
    }
    for (int64_t i = 0; i < 2 * most; i++) s.requests[i] = MPI_REQUEST_NULL;
    *out = s;
    s = (judd_running_sum){0};
done:
    judd_running_sum_destroy(&s);
    return status;
}

void judd_running_sum_destroy(judd_running_sum *sum) {
    free(sum->chunks);
    free(sum->requests);
    free(sum->ready);
    free(sum->memory);
    *sum = (judd_running_sum){0};
}

/* ---- a chunk's messages -------------------------------------------------------------------------
 */

static judd_status send(judd_running_sum *s, int c, const int64_t *x, int64_t n, int to) {
    if (n == 0) return JUDD_OK;
    return judd_comm_check(MPI_Isend(x, (int)n, MPI_INT64_T, to, TAG + c, s->comm->mpi,
                                     &s->requests[(ptrdiff_t)2 * c]),
                           "MPI_Isend");
}

static judd_status receive(judd_running_sum *s, int c, int64_t *x, int64_t n, int from) {
    if (n == 0) return JUDD_OK;
    return judd_comm_check(MPI_Irecv(x, (int)n, MPI_INT64_T, from, TAG + c, s->comm->mpi,
                                     &s->requests[(ptrdiff_t)2 * c + 1]),
                           "MPI_Irecv");
}

/* All numbers between a rank that takes no part and its partner. */
static judd_status hand_over(judd_running_sum *s, int c, bool back) {
    judd_running_sum_chunk *k = &s->chunks[c];
    if (s->comm->rank >= 2 * s->folded) return JUDD_OK;
    bool partner = s->place >= 0;
    int other = partner ? s->comm->rank - 1 : s->comm->rank + 1;
    if (partner == back) return send(s, c, k->x, k->n, other);
    if (!back) k->arriving = k->n;
    return receive(s, c, back ? k->x : k->room, k->n, other);
}

/* This rank keeps one half of its range, and gets the other's numbers for it. */
static judd_status halve(judd_running_sum *s, int c) {
    judd_status status = JUDD_OK;
    judd_running_sum_chunk *k = &s->chunks[c];
    int other = s->place ^ 1 << k->round;
    int64_t first, end;
    range_of(k->n, other, k->round + 1, &first, &end);
    JUDD_TRY(send(s, c, k->x + first, end - first, rank_of(s, other)));
    range_of(k->n, s->place, k->round + 1, &k->first, &k->end);
    k->arriving = k->end - k->first;
    JUDD_TRY(receive(s, c, k->room, k->arriving, rank_of(s, other)));
done:
    return status;
}

/* The sums of both halves on both. */
static judd_status give_back(judd_running_sum *s, int c) {
    judd_status status = JUDD_OK;
    judd_running_sum_chunk *k = &s->chunks[c];
    int other = s->place ^ 1 << k->round;
    int64_t first, end;
    range_of(k->n, s->place, k->round + 1, &first, &end);
    JUDD_TRY(send(s, c, k->x + first, end - first, rank_of(s, other)));
    range_of(k->n, other, k->round + 1, &first, &end);
    JUDD_TRY(receive(s, c, k->x + first, end - first, rank_of(s, other)));
done:
    return status;
}

/* The phase and round after these. */
static void go_on(judd_running_sum *s, judd_running_sum_chunk *k) {
    if (k->phase == HALVE && ++k->round < s->rounds) return;
    if (k->phase == DOUBLE && --k->round >= 0) return;
    k->phase++;
    if (k->phase == HALVE) k->round = 0;
    if (k->phase == DOUBLE) k->round = s->rounds - 1;
    if (s->place < 0 && (k->phase == HALVE || k->phase == DOUBLE)) k->phase = UNFOLD;
    if (k->phase < DOUBLE || !k->room) return;
    s->rooms[s->n_rooms++] = k->room; /* all is added */
    k->room = NULL;
}

static judd_status begin_step(judd_running_sum *s, int c) {
    switch (s->chunks[c].phase) {
    case FOLD:
        return hand_over(s, c, false);
    case HALVE:
        return halve(s, c);
    case DOUBLE:
        return give_back(s, c);
    case UNFOLD:
        return hand_over(s, c, true);
    case DONE:
        s->n_open--;
    }
    return JUDD_OK;
}

static bool is_waiting(const judd_running_sum *s, int c) {
    const MPI_Request *r = &s->requests[(ptrdiff_t)2 * c];
    return r[0] != MPI_REQUEST_NULL || r[1] != MPI_REQUEST_NULL;
}

/* From one step whose messages have come to the next that has to wait for some. */
static judd_status advance(judd_running_sum *s, int c) {
    judd_status status = JUDD_OK;
    judd_running_sum_chunk *k = &s->chunks[c];
    while (k->phase != DONE && !is_waiting(s, c)) {
        if (k->arriving > 0) judd_exact_sum_join(k->x + k->first, k->room, k->arriving);
        k->arriving = 0;
        go_on(s, k);
        JUDD_TRY(begin_step(s, c));
    }
done:
    return status;
}

/* Where the next of this sum's chunks begins; at n or beyond it: there is none. */
static int64_t next_begin(const judd_running_sum *s) {
    return ((int64_t)s->n_chunks * s->parts + s->part) * s->chunk;
}

/* The next chunk, of n numbers. */
static judd_status begin_chunk(judd_running_sum *s, int64_t n) {
    judd_status status = JUDD_OK;
    int64_t *x = s->x + next_begin(s);
    int c = s->n_chunks++;
    s->chunks[c] = (judd_running_sum_chunk){
        .x = x, .room = s->rooms[--s->n_rooms], .n = n, .end = n, .phase = FOLD};
    s->n_open++;
    JUDD_TRY(begin_step(s, c));
    JUDD_TRY(advance(s, c));
done:
    return status;
}

/* Whole chunks of the first `final` numbers, or with the last of all a part of one, as far as there
 * are rooms. All ranks begin chunks in the same order, so the first that is under way anywhere has
 * a room everywhere: none waits for ever. */
static judd_status begin_chunks(judd_running_sum *s, int64_t final) {
    judd_status status = JUDD_OK;
    for (int64_t begin; s->n_rooms > 0 && (begin = next_begin(s)) < final;) {
        int64_t n = judd_least(final - begin, s->chunk);
        if (n < s->chunk && final < s->n) break;
        JUDD_TRY(begin_chunk(s, n));
    }
done:
    return status;
}

/* Some messages have come, or none where nobody has to wait. */
static judd_status progress(judd_running_sum *s,
                            int (*some)(int, MPI_Request *, int *, int *, MPI_Status *)) {
    judd_status status = JUDD_OK;
    int n = 0;
    JUDD_TRY(judd_comm_check(some(2 * s->n_chunks, s->requests, &n, s->ready, MPI_STATUSES_IGNORE),
                             "MPI_Waitsome"));
    for (int i = 0; n != MPI_UNDEFINED && i < n; i++) JUDD_TRY(advance(s, s->ready[i] / 2));
done:
    return status;
}

judd_status judd_running_sum_reach(judd_running_sum *s, int64_t final) {
    judd_status status = JUDD_OK;
    if (s->comm->size == 1) return JUDD_OK;
    JUDD_TRY(begin_chunks(s, final));
    if (s->n_open > 0) JUDD_TRY(progress(s, MPI_Testsome));
done:
    return status;
}

judd_status judd_running_sum_finish(judd_running_sum *s) {
    judd_status status = JUDD_OK;
    if (s->comm->size == 1) goto done;
    judd_watchdog_wait(s->comm->watchdog);
    do {
        JUDD_TRY(begin_chunks(s, s->n));
        if (s->n_open > 0) JUDD_TRY(progress(s, MPI_Waitsome));
    } while (s->n_open > 0 || next_begin(s) < s->n);
    s->n_chunks = 0;
done:
    judd_watchdog_beat(s->comm->watchdog);
    return status;
}

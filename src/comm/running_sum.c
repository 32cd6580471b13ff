#include <judd/comm/running_sum.h>

#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <stdlib.h>

/* 512 KiB are worth a message of their own; more chunks than MOST would be worth less. */
enum { LEAST = 1 << 16, MOST = 64 };

judd_status judd_running_sum_create(judd_running_sum *out, int64_t *x, int64_t n,
                                    const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_running_sum s = {.comm = comm, .x = x, .n = n, .chunk = (n + MOST - 1) / MOST};
    if (s.chunk < LEAST) s.chunk = LEAST;
    if (s.chunk > INT32_MAX / 16) s.chunk = INT32_MAX / 16; /* MPI counts are int */
    JUDD_TRY(judd_memory_alloc(&s.requests, n / s.chunk + 1, sizeof *s.requests));
    *out = s;
done:
    return status;
}

void judd_running_sum_destroy(judd_running_sum *sum) {
    free(sum->requests);
    *sum = (judd_running_sum){0};
}

static judd_status begin_chunk(judd_running_sum *s) {
    int64_t left = s->n - s->begun, n = left < s->chunk ? left : s->chunk;
    int64_t *x = s->x + s->begun;
    s->begun += n;
    return judd_comm_check(MPI_Iallreduce(MPI_IN_PLACE, x, (int)n, MPI_INT64_T, MPI_SUM,
                                          s->comm->mpi, &s->requests[s->n_requests++]),
                           "MPI_Iallreduce");
}

judd_status judd_running_sum_reach(judd_running_sum *s, int64_t final) {
    judd_status status = JUDD_OK;
    int done = 0;
    if (s->comm->size == 1) return JUDD_OK;
    while (s->begun + s->chunk <= final) JUDD_TRY(begin_chunk(s));
    if (s->n_requests > 0)
        JUDD_TRY(judd_comm_check(
            MPI_Testall(s->n_requests, s->requests, &done, MPI_STATUSES_IGNORE), "MPI_Testall"));
done:
    return status;
}

judd_status judd_running_sum_finish(judd_running_sum *s) {
    judd_status status = JUDD_OK;
    if (s->comm->size == 1) goto done;
    judd_watchdog_wait(s->comm->watchdog);
    while (s->begun < s->n) JUDD_TRY(begin_chunk(s));
    JUDD_TRY(judd_comm_check(MPI_Waitall(s->n_requests, s->requests, MPI_STATUSES_IGNORE),
                             "MPI_Waitall"));
    s->n_requests = 0;
    s->begun = 0;
done:
    judd_watchdog_beat(s->comm->watchdog);
    return status;
}

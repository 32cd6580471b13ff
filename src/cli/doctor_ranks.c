/* MPI: what it is, where its ranks run, and whether what Judd asks of it works. */
#include "cli/doctor.h"

#include <judd/comm/deal.h>
#include <judd/comm/node_memory.h>

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SHARED_BYTES = 1 << 20, ITEMS = 1000 };

static void check_version(judd_doctor *d) {
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0, threads = 0, major = 0, minor = 0;
    MPI_Get_library_version(text, &length);
    text[strcspn(text, ",\n")] = '\0';
    MPI_Get_version(&major, &minor);
    MPI_Query_thread(&threads);
    bool enough = threads >= MPI_THREAD_SERIALIZED;
    judd_doctor_say(d, enough ? JUDD_CHECK_OK : JUDD_CHECK_PROBLEM, "MPI",
                    "use an MPI built with thread support",
                    "%s, MPI %d.%d, ranks: %d, nodes: %d, threads %s", text, major, minor,
                    d->comm->size, d->n_nodes,
                    threads == MPI_THREAD_MULTIPLE ? "multiple"
                    : enough                       ? "serialized"
                             : "not allowed: MPI_THREAD_SERIALIZED is needed");
}

/* The cores that ranks of this node may use, all together. */
static judd_status check_cores(judd_doctor *d) {
    judd_status status = JUDD_OK;
    cpu_set_t mine, all;
    CPU_ZERO(&mine);
    if (sched_getaffinity(0, sizeof mine, &mine) != 0) CPU_SET(0, &mine);
    JUDD_TRY(judd_comm_check(MPI_Allreduce(&mine, &all, sizeof mine, MPI_BYTE, MPI_BOR, d->node),
                             "MPI_Allreduce"));
    double few[2] = {(double)d->node_size / CPU_COUNT(&all), -CPU_COUNT(&mine)};
    JUDD_TRY(judd_comm_max(d->comm, few, 2)); /* of the worst node, of the rank with the fewest */
    long there = sysconf(_SC_NPROCESSORS_ONLN);
    const char *remedy = d->node_size > there
                             ? "start as many ranks as cores; waiting ranks steal time"
                             : "mpirun --bind-to core, or --bind-to none if the batch system binds";
    judd_doctor_say(d, few[0] > 1.0 ? JUDD_CHECK_WARNING : JUDD_CHECK_OK, "cores", remedy,
                    "ranks on a node: %d; its cores: %ld, open to them: %d, to one rank: %.0f",
                    d->node_size, there, CPU_COUNT(&all), -few[1]);
done:
    return status;
}

/* An exact sum and a counter in rank 0's memory that every rank raises. */
static judd_status try_calls(judd_doctor *d, judd_status *sums, judd_status *windows) {
    judd_status status = JUDD_OK;
    judd_deal *deal = NULL;
    int64_t x = d->comm->rank + 1, first = 0, end = 0, dealt = 0;
    *sums = judd_comm_sum(d->comm, &x, 1);
    if (*sums == JUDD_OK && x != (int64_t)d->comm->size * (d->comm->size + 1) / 2)
        *sums = judd_status_set(JUDD_E_INTERNAL, "MPI_Allreduce: wrong sum of int64");
    JUDD_TRY(judd_comm_agree(d->comm, *sums));
    *windows = judd_deal_create(&deal, d->comm, ITEMS, 1);
    while (*windows == JUDD_OK) {
        *windows = judd_deal_next(deal, &first, &end);
        if (*windows != JUDD_OK || first == end) break;
        dealt += end - first;
    }
    judd_deal_destroy(deal);
    JUDD_TRY(judd_comm_sum(d->comm, &dealt, 1));
    if (*windows == JUDD_OK && dealt != ITEMS)
        *windows = judd_status_set(JUDD_E_INTERNAL, "a shared counter dealt %lld of %d items",
                                   (long long)dealt, ITEMS);
    *windows = judd_comm_agree(d->comm, *windows);
done:
    return status;
}

/* Memory of the node that one rank writes and the others read. */
static judd_status try_shared(judd_doctor *d) {
    judd_status status = JUDD_OK;
    judd_node_memory *memory = NULL;
    JUDD_TRY(judd_node_memory_create(&memory, d->comm, SHARED_BYTES));
    unsigned char *bytes = judd_node_memory_data(memory);
    if (judd_node_memory_is_writer(memory))
        for (int i = 0; i < SHARED_BYTES; i++) bytes[i] = (unsigned char)(i * 31 >> 3);
    JUDD_TRY(judd_node_memory_publish(memory));
    for (int i = 0; i < SHARED_BYTES && status == JUDD_OK; i++)
        if (bytes[i] != (unsigned char)(i * 31 >> 3))
            status = judd_status_set(JUDD_E_INTERNAL, "a rank reads other bytes than were written");
    status = judd_comm_agree(d->comm, status);
done:
    judd_node_memory_destroy(memory);
    return status;
}

/* May a rank read its neighbour's memory, as Open MPI's transport within a node does unless told
 * not to? Containers often forbid the call, and Open MPI then complains once a rank. */
static judd_status check_single_copy(judd_doctor *d) {
    judd_status status = JUDD_OK;
    static long value;
    struct {
        long pid, address;
    } mine = {getpid(), (long)(intptr_t)&value}, next;
    double denied = 0.0;
    const char *chosen = getenv("OMPI_MCA_btl_vader_single_copy_mechanism");
    if (d->node_size < 2 && d->n_nodes == 1) return JUDD_OK;
    value = 4711 + d->node_rank;
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* as Open MPI does where Yama wants it */
    int to = (d->node_rank + 1) % d->node_size;
    int from = (d->node_rank + d->node_size - 1) % d->node_size;
    JUDD_TRY(judd_comm_check(MPI_Sendrecv(&mine, 2, MPI_LONG, from, 0, &next, 2, MPI_LONG, to, 0,
                                          d->node, MPI_STATUS_IGNORE),
                             "MPI_Sendrecv"));
    long got = 0;
    struct iovec here = {&got, sizeof got}, there = {(void *)(intptr_t)next.address, sizeof got};
    if (process_vm_readv((pid_t)next.pid, &here, 1, &there, 1, 0) != sizeof got || got != 4711 + to)
        denied = 1.0;
    JUDD_TRY(judd_comm_max(d->comm, &denied, 1)); /* also: nobody ends before it was read */
    if (denied == 0.0)
        judd_doctor_say(d, JUDD_CHECK_OK, "single copy", NULL,
                        "ranks may read each other's memory");
    else if (chosen && strcmp(chosen, "none") == 0)
        judd_doctor_say(d, JUDD_CHECK_OK, "single copy", NULL,
                        "forbidden here (a container), and Open MPI is told so");
    else
        judd_doctor_say(d, JUDD_CHECK_WARNING, "single copy",
                        "export OMPI_MCA_btl_vader_single_copy_mechanism=none",
                        "ranks may not read each other's memory (a container); Open MPI says so on "
                        "each");
done:
    return status;
}

static void say_tried(judd_doctor *d, judd_status tried, judd_check failed, const char *place,
                      const char *fact, const char *remedy) {
    if (tried == JUDD_OK)
        judd_doctor_say(d, JUDD_CHECK_OK, place, NULL, "%s", fact);
    else
        judd_doctor_say(d, failed, place, remedy, "%s", judd_status_message());
}

judd_status judd_doctor_ranks(judd_doctor *d) {
    judd_status status = JUDD_OK, sums = JUDD_OK, windows = JUDD_OK;
    check_version(d);
    JUDD_TRY(check_cores(d));
    JUDD_TRY(try_calls(d, &sums, &windows));
    say_tried(d, windows, JUDD_CHECK_PROBLEM, "windows",
              "sums of int64 and counters in another rank's memory work",
              "try OMPI_MCA_osc=pt2pt (Open MPI 4), or another MPI");
    say_tried(d, try_shared(d), JUDD_CHECK_WARNING, "shared memory",
              "MPI_Win_allocate_shared works", "make /dev/shm or TMPDIR larger");
    JUDD_TRY(check_single_copy(d));
done:
    return status;
}

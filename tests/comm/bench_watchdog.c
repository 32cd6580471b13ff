/* bench_watchdog FOLDER DEADLINE_S MODE: what test_watchdog.sh watches. Two or more ranks; in MODE
 *   computes   rank 1 computes for ever, the others wait for it
 *   diverges   rank 0 waits for a message that nobody sends, the others are in a collective
 *   beats      rank 1 computes for three deadlines, but gives signs of life
 *   exits      rank 1 calls exit(0)
 */
#include <judd/comm/watchdog.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static judd_watchdog *watchdog;

static void compute(double seconds, int beats) {
    for (double end = MPI_Wtime() + seconds; MPI_Wtime() < end;)
        if (beats) judd_watchdog_beat(watchdog);
}

static judd_status misbehave(const judd_comm *comm, const char *mode, double deadline_s) {
    int64_t sum = 1;
    if (strcmp(mode, "computes") == 0 && comm->rank == 1) compute(60, 0);
    if (strcmp(mode, "beats") == 0 && comm->rank == 1) compute(3 * deadline_s, 1);
    if (strcmp(mode, "beats") == 0 && comm->rank != 1) compute(2.8 * deadline_s, 1);
    if (strcmp(mode, "exits") == 0 && comm->rank == 1) exit(0);
    if (strcmp(mode, "diverges") == 0 && comm->rank == 0) {
        judd_watchdog_phase(watchdog, "another way");
        judd_watchdog_wait(watchdog);
        MPI_Recv(&sum, 1, MPI_INT64_T, 1, 99, comm->mpi, MPI_STATUS_IGNORE);
    }
    return judd_comm_sum(comm, &sum, 1);
}

int main(int argc, char **argv) {
    judd_status status = JUDD_OK;
    judd_comm comm = {0};
    MPI_Init(&argc, &argv);
    if (argc != 4) return JUDD_E_USAGE;
    JUDD_TRY(judd_comm_open(&comm, MPI_COMM_WORLD));
    JUDD_TRY(judd_watchdog_create(&watchdog, &comm, argv[1], atof(argv[2])));
    comm.watchdog = watchdog;
    judd_watchdog_phase(watchdog, "the sum");
    JUDD_TRY(misbehave(&comm, argv[3], atof(argv[2])));
done:
    if (status != JUDD_OK) fprintf(stderr, "%s\n", judd_status_message());
    judd_watchdog_destroy(watchdog);
    judd_comm_close(&comm);
    MPI_Finalize();
    return status;
}

/* pingpong: seconds of one message between ranks 0 and 1, one line of JSON: to calibrate links. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { SMALL = 8, LARGE = 1 << 18, ROUNDS = 400 };

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Median over rounds of half a round trip. */
static double one_way_s(char *buffer, int bytes, int rank) {
    double seconds[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        double start = MPI_Wtime();
        if (rank == 0) {
            MPI_Send(buffer, bytes, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
            MPI_Recv(buffer, bytes, MPI_BYTE, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        } else {
            MPI_Recv(buffer, bytes, MPI_BYTE, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            MPI_Send(buffer, bytes, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
        }
        seconds[i] = 0.5 * (MPI_Wtime() - start);
    }
    qsort(seconds, ROUNDS, sizeof *seconds, by_value);
    return seconds[ROUNDS / 2];
}

int main(int argc, char **argv) {
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    char *buffer = calloc(LARGE, 1);
    if (!buffer || size != 2) {
        fprintf(stderr, "pingpong: needs 2 ranks and memory\n");
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    double small = one_way_s(buffer, SMALL, rank), large = one_way_s(buffer, LARGE, rank);
    if (rank == 0)
        printf("{\"latency_s\": %.3g, \"bytes_per_s\": %.4g}\n", small,
               (LARGE - SMALL) / (large - small));
    free(buffer);
    MPI_Finalize();
    return 0;
}

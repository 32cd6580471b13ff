/* pingpong: what a message between ranks 0 and 1 takes, one line of JSON: to calibrate links.
 *
 * Both send at once, as in a sum, and from one place after the other, since a sum's numbers are in no
 * cache. Through shared memory each copies what it sends and what it gets, and computes nothing
 * meanwhile: copy_s_per_byte is of one of the two. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 8, LARGE = 1 << 18, PLACES = 64, ROUNDS = 400 };

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Seconds of an exchange that not much came between: the first decile of the rounds. */
static double exchange_s(char *buffer, int bytes, int rank) {
    double seconds[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        char *out = buffer + (size_t)(i % PLACES) * LARGE, *in = out + (size_t)PLACES * LARGE;
        MPI_Barrier(MPI_COMM_WORLD);
        double start = MPI_Wtime();
        MPI_Sendrecv(out, bytes, MPI_BYTE, 1 - rank, 0, in, bytes, MPI_BYTE, 1 - rank, 0,
                     MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        seconds[i] = MPI_Wtime() - start;
    }
    qsort(seconds, ROUNDS, sizeof *seconds, by_value);
    return seconds[ROUNDS / 10];
}

int main(int argc, char **argv) {
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    char *buffer = malloc((size_t)2 * PLACES * LARGE);
    if (!buffer || size != 2) {
        fprintf(stderr, "pingpong: needs 2 ranks and memory\n");
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    memset(buffer, 1, (size_t)2 * PLACES * LARGE); /* pages of its own */
    double small = exchange_s(buffer, SMALL, rank), large = exchange_s(buffer, LARGE, rank);
    if (rank == 0)
        printf("{\"latency_s\": %.3g, \"copy_s_per_byte\": %.4g}\n", small,
               (large - small) / (2.0 * (LARGE - SMALL)));
    free(buffer);
    MPI_Finalize();
    return 0;
}

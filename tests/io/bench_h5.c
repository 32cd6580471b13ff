/* bench_h5 FILE ROWS COLUMNS: writes float32 rows in parallel and reads them back; prints MB/s. The
 * reader script reads the file with other programs. */
#include <judd/base/memory.h>
#include <judd/io/h5.h>
#include <judd/io/h5_slabs.h>

#include <stdio.h>
#include <stdlib.h>

static judd_status create(const char *path, const int64_t dims[2]) {
    static const char *const classes[] = {"cat", "dog", "\xc3\xa9l\xc3\xa9phant"};
    judd_status status = JUDD_OK;
    hid_t file = H5I_INVALID_HID;
    JUDD_TRY(judd_h5_create(&file, path));
    JUDD_TRY(judd_h5_create_dataset(file, "/train/features", H5T_IEEE_F32LE, 2, dims,
                                    "row i holds i * columns + j, times a quarter"));
    JUDD_TRY(judd_h5_set_string(file, "/", "name", "d\xc3\xa9j\xc3\xa0 vu"));
    JUDD_TRY(judd_h5_set_int(file, "/train", "step", -12));
    JUDD_TRY(judd_h5_set_double(file, "/train/features", "scale", 0.25));
    JUDD_TRY(judd_h5_write_strings(file, "classes", classes, 3, "class names"));
done:
    if (status == JUDD_OK) status = judd_h5_close(file, path);
    return status;
}

static judd_status write_and_read(const judd_comm *comm, const char *path, const int64_t dims[2]) {
    judd_status status = JUDD_OK;
    hid_t file = H5I_INVALID_HID;
    judd_h5_slabs *slabs = NULL;
    float *x = NULL;
    const int64_t first = dims[0] * comm->rank / comm->size;
    const int64_t n = dims[0] * (comm->rank + 1) / comm->size - first;
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&x, n * dims[1], sizeof *x)));
    for (int64_t i = 0; i < n * dims[1]; i++) x[i] = 0.25f * (float)(first * dims[1] + i);
    if (comm->rank == 0) status = create(path, dims);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    const double start = MPI_Wtime();
    JUDD_TRY(judd_h5_slabs_open(&slabs, comm, path, &(const char *){"/train/features"}, 1));
    status = judd_h5_slabs_write(slabs, 0, first, n, x);
    judd_status closed = judd_h5_slabs_close(slabs);
    JUDD_TRY(judd_comm_agree(comm, status == JUDD_OK ? closed : status));
    const double written = MPI_Wtime();
    JUDD_TRY(judd_comm_agree(comm, judd_h5_open_read(&file, path)));
    JUDD_TRY(judd_comm_agree(
        comm, judd_h5_read_rows(file, "/train/features", H5T_NATIVE_FLOAT, first, n, x)));
    JUDD_TRY(judd_comm_agree(comm, judd_h5_close(file, path)));
    const double mb = 4e-6 * (double)(dims[0] * dims[1]);
    if (comm->rank == 0)
        printf("%d ranks, %.1f MB: write %.0f MB/s, read %.0f MB/s\n", comm->size, mb,
               mb / (written - start), mb / (MPI_Wtime() - written));
done:
    free(x);
    return status;
}

int main(int argc, char **argv) {
    judd_comm comm;
    if (argc != 4 || judd_h5_init() != JUDD_OK) return 64;
    MPI_Init(&argc, &argv);
    const int64_t dims[] = {atoll(argv[2]), atoll(argv[3])};
    judd_status status = judd_comm_open(&comm, MPI_COMM_WORLD);
    if (status == JUDD_OK) status = write_and_read(&comm, argv[1], dims);
    if (status != JUDD_OK && comm.rank == 0) fprintf(stderr, "%s\n", judd_status_message());
    judd_comm_close(&comm);
    MPI_Finalize();
    return (int)status;
}

/* The real files of Debian's package dataset-fashion-mnist, against what Python's gzip reads. */
#include <judd/base/memory.h>
#include <judd/data/dataset.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/usr/share/datasets/fashion-mnist/"

enum { SKIPPED = 77 };

typedef struct expectation {
    judd_dataset_options options;
    int64_t n_samples;
    const char *pixels, *labels; /* SHA-256 of the uncompressed bytes behind the headers */
} expectation;

static const expectation expectations[2] = {
    {{.format = "idx",
      .images = FOLDER "train-images-idx3-ubyte.gz",
      .labels = FOLDER "train-labels-idx1-ubyte.gz"},
     60000,
     "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
     "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7"},
    {{.format = "idx",
      .images = FOLDER "t10k-images-idx3-ubyte.gz",
      .labels = FOLDER "t10k-labels-idx1-ubyte.gz"},
     10000,
     "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
     "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9"},
};

/* Uncompressed labels and pixels hash to what is expected. */
static judd_status check_content(judd_dataset *dataset, const expectation *e) {
    judd_status status = JUDD_OK;
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    char sha256[JUDD_SHA256_HEX];
    uint8_t *bytes = NULL;
    int64_t *ids = NULL, n = info->n_samples, image = (int64_t)info->height * info->width;
    JUDD_TRY(judd_memory_alloc(&bytes, n * image, 1));
    JUDD_TRY(judd_memory_alloc(&ids, n, sizeof *ids));
    for (int64_t i = 0; i < n; i++) bytes[i] = (uint8_t)info->labels[ids[i] = i];
    JUDD_TRY(judd_hash_bytes(sha256, bytes, (size_t)n));
    if (strcmp(sha256, e->labels) != 0) JUDD_FAIL(JUDD_E_DATA, "labels hash to %s", sha256);
    JUDD_TRY(judd_dataset_read(dataset, ids, n, bytes));
    JUDD_TRY(judd_hash_bytes(sha256, bytes, (size_t)(n * image)));
    if (strcmp(sha256, e->pixels) != 0) JUDD_FAIL(JUDD_E_DATA, "pixels hash to %s", sha256);
done:
    free(ids);
    free(bytes);
    return status;
}

static judd_status check(const judd_comm *comm, const expectation *e) {
    judd_status status = JUDD_OK;
    judd_dataset *dataset = NULL;
    JUDD_TRY(judd_dataset_open(&dataset, comm, &e->options));
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    if (info->n_samples != e->n_samples || info->n_classes != 10 || info->channels != 1 ||
        info->height != 28 || info->width != 28)
        JUDD_FAIL(JUDD_E_DATA, "wrong shape");
    JUDD_TRY(judd_dataset_load(dataset));
    status = judd_comm_agree(comm, check_content(dataset, e));
done:
    judd_dataset_close(dataset);
    return status;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    int result = judd_comm_open(&comm, MPI_COMM_WORLD);
    for (int i = 0; i < 2 && result == 0; i++) {
        if (access(expectations[i].options.images, R_OK) != 0) {
            fprintf(stderr, "skipped: install dataset-fashion-mnist\n");
            result = SKIPPED;
        } else {
            result = check(&comm, &expectations[i]);
        }
    }
    if (result != 0 && result != SKIPPED) fprintf(stderr, "failed: %s\n", judd_status_message());
    judd_comm_close(&comm);
    MPI_Finalize();
    return result;
}

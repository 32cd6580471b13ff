/* For test_bad_input.py: reads many files in one process. Arguments: "vectors PATH" or "FORMAT PATH
 * LABELS TEXT-COLUMN LABEL-COLUMN" each, with - for none; a line of code and message or count each.
 */
#include <judd/data/dataset.h>
#include <judd/text/vectors.h>

#include <stdio.h>
#include <string.h>

static judd_comm comm;

static judd_status check_vectors(const char *path, int64_t *n) {
    judd_status status = JUDD_OK;
    judd_vectors *v = NULL;
    JUDD_TRY(judd_vectors_open(&v, &comm, path, "words", JUDD_VECTORS_NUMBERS));
    *n = judd_vectors_info_of(v)->n_words;
done:
    judd_vectors_close(v);
    return status;
}

static const char *given(const char *argument) {
    return strcmp(argument, "-") == 0 ? NULL : argument;
}

static judd_status check_texts(char **argv, int64_t *n) {
    judd_dataset *dataset = NULL;
    const judd_dataset_options o = {.format = argv[0],
                                    .images = argv[1],
                                    .labels = given(argv[2]),
                                    .text_column = given(argv[3]),
                                    .label_column = given(argv[4])};
    judd_status status = judd_dataset_open(&dataset, &comm, &o);
    if (status == JUDD_OK) *n = judd_dataset_info_of(dataset)->n_samples;
    judd_dataset_close(dataset);
    return status;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_status status = judd_comm_open(&comm, MPI_COMM_WORLD);
    for (int i = 1; status == JUDD_OK && i + 1 < argc;) {
        int64_t n = 0;
        bool vectors = strcmp(argv[i], "vectors") == 0;
        if (!vectors && i + 4 >= argc) break;
        judd_status one = vectors ? check_vectors(argv[i + 1], &n) : check_texts(argv + i, &n);
        if (comm.rank == 0 && one == JUDD_OK) printf("0 %lld\n", (long long)n);
        if (comm.rank == 0 && one != JUDD_OK) printf("%d %s\n", (int)one, judd_status_message());
        i += vectors ? 2 : 5;
    }
    judd_comm_close(&comm);
    MPI_Finalize();
    return status;
}

/* bench_sgd INPUT OUTPUT: train one head on the problem in INPUT and write its weights, then its
 * bias, as float32. For test_pytorch.sh. INPUT: int64 n, dim, classes, batch, steps, cosine;
 * float64 rate, l2, momentum; float32 x [n, dim]; int32 label [n]. */
#include <judd/io/h5.h>
#include <judd/learn/trainer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static judd_status take(void *out, size_t size, int64_t n, FILE *file) {
    if (fread(out, size, (size_t)n, file) == (size_t)n) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA, "the input is too short");
}

static judd_status read_rows(judd_rows *rows, const int64_t *size, FILE *file,
                             const judd_comm *comm) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_rows_create(rows, size[0], size[1], 16, comm));
    JUDD_TRY(take(rows->x, sizeof(float), size[0] * size[1], file));
    JUDD_TRY(take(rows->labels, sizeof(int32_t), size[0], file));
done:
    return status;
}

static judd_status solve(const char *input, const char *output, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t size[6];
    double hyper[3];
    judd_rows rows = {0};
    judd_bank *bank = NULL;
    FILE *to = NULL, *from = fopen(input, "rb");
    if (!from) JUDD_FAIL(JUDD_E_IO, "%s: cannot open", input);
    JUDD_TRY(take(size, sizeof *size, 6, from));
    JUDD_TRY(take(hyper, sizeof *hyper, 3, from));
    JUDD_TRY(read_rows(&rows, size, from, comm));
    judd_bank_head head = {.learning_rate = hyper[0], .l2 = hyper[1], .held_out = -1};
    judd_bank_options o = {.n_heads = 1,
                           .n_outputs = (int)size[2],
                           .heads = &head,
                           .optimizer.momentum = hyper[2],
                           .batch = size[3],
                           .steps = size[4],
                           .optimizer.schedule =
                               size[5] ? JUDD_SCHEDULE_COSINE : JUDD_SCHEDULE_CONSTANT};
    JUDD_TRY(judd_bank_create(&bank, size[1], &o));
    JUDD_TRY(judd_trainer_run(bank, &rows, comm, NULL));
    to = fopen(output, "wb");
    if (!to ||
        fwrite(bank->layers[0].weight->value, sizeof(float), (size_t)(size[2] * size[1]), to) ==
            0 ||
        fwrite(bank->layers[0].bias->value, sizeof(float), (size_t)size[2], to) == 0)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot write", output);
done:
    if (from) fclose(from);
    if (to && fclose(to) != 0) status = JUDD_E_IO;
    judd_bank_destroy(bank);
    judd_rows_free(&rows);
    return status;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (argc != 3 || judd_comm_open(&comm, MPI_COMM_SELF) != JUDD_OK) return 64;
    judd_status status = solve(argv[1], argv[2], &comm);
    if (status != JUDD_OK) fprintf(stderr, "bench_sgd: %s\n", judd_status_message());
    judd_comm_close(&comm);
    MPI_Finalize();
    return status;
}

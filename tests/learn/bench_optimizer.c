/* Trains one head on a file of numbers, for comparison with another program's optimiser.
 *
 *   learn_bench_optimizer FILE OUT kind=adamw momentum=0.9 ... < nothing
 *
 * FILE: int32 n, dim, classes; float32 x [n, dim]; int32 labels [n]. Full batches, one lane. OUT:
 * float32 weights [classes, dim], then biases. Keys are those below; class weights are 1, 2, 3, ...
 * / 2 with weights=1. */
#include <judd/base/memory.h>
#include <judd/learn/trainer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    double kind, momentum, clip, schedule, warmup, decay_steps, decay_factor, rate, l2, steps,
        smoothing, weights;
} arguments;

static void parse(arguments *a, int argc, char **argv) {
    const struct {
        const char *name;
        double *value;
    } keys[] = {{"kind=", &a->kind},
                {"momentum=", &a->momentum},
                {"clip=", &a->clip},
                {"schedule=", &a->schedule},
                {"warmup=", &a->warmup},
                {"decay_steps=", &a->decay_steps},
                {"decay_factor=", &a->decay_factor},
                {"rate=", &a->rate},
                {"l2=", &a->l2},
                {"steps=", &a->steps},
                {"smoothing=", &a->smoothing},
                {"weights=", &a->weights}};
    for (int i = 3; i < argc; i++)
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (strncmp(argv[i], keys[k].name, strlen(keys[k].name)) == 0)
                *keys[k].value = atof(argv[i] + strlen(keys[k].name));
}

static judd_status run(const arguments *a, const char *in, const char *out, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int32_t size[3];
    judd_rows rows = {0};
    judd_bank *bank = NULL;
    double weight[64];
    FILE *file = fopen(in, "rb"), *result = NULL;
    if (!file || fread(size, sizeof *size, 3, file) != 3 || size[2] > 64)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot be read", in);
    size_t n = (size_t)size[0], cells = n * (size_t)size[1];
    JUDD_TRY(judd_rows_create(&rows, size[0], size[1], 1, comm));
    if (fread(rows.x, 4, cells, file) != cells || fread(rows.labels, 4, n, file) != n)
        JUDD_FAIL(JUDD_E_IO, "%s: too short", in);
    for (int c = 0; c < size[2]; c++) weight[c] = 0.5 * (1.0 + c);
    judd_bank_options o = {
        .n_heads = 1,
        .n_outputs = size[2],
        .heads = &(judd_bank_head){.learning_rate = a->rate, .l2 = a->l2, .held_out = -1},
        .optimizer = JUDD_OPTIMIZER_DEFAULTS,
        .class_weight = a->weights > 0 ? weight : NULL,
        .label_smoothing = a->smoothing,
        .batch = size[0],
        .steps = (int64_t)a->steps};
    o.optimizer.kind = (judd_optimizer_kind)a->kind;
    o.optimizer.momentum = a->momentum;
    o.optimizer.clip = a->clip;
    o.optimizer.schedule = (judd_schedule)a->schedule;
    o.optimizer.warmup_steps = (int64_t)a->warmup;
    o.optimizer.decay_steps = (int64_t)a->decay_steps;
    o.optimizer.decay_factor = a->decay_factor;
    JUDD_TRY(judd_bank_create(&bank, size[1], &o));
    JUDD_TRY(judd_trainer_run(bank, &rows, comm, NULL));
    result = fopen(out, "wb");
    if (!result) JUDD_FAIL(JUDD_E_IO, "%s: cannot be written", out);
    fwrite(bank->layers[0].weight->value, 4, (size_t)(size[2] * size[1]), result);
    fwrite(bank->layers[0].bias->value, 4, (size_t)size[2], result);
done:
    if (file) fclose(file);
    if (result) fclose(result);
    judd_rows_free(&rows);
    judd_bank_destroy(bank);
    return status;
}

int main(int argc, char **argv) {
    arguments a = {.momentum = 0.9, .rate = 0.1, .steps = 30, .decay_factor = 0.1};
    judd_comm comm;
    MPI_Init(&argc, &argv);
    if (argc < 3 || judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    parse(&a, argc, argv);
    judd_status status = run(&a, argv[1], argv[2], &comm);
    if (status != JUDD_OK) fprintf(stderr, "%s\n", judd_status_message());
    judd_comm_close(&comm);
    MPI_Finalize();
    return status;
}

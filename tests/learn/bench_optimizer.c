/* Trains one head on a file of numbers, for comparison with another program.
 *
 *   learn_bench_optimizer FILE OUT kind=2 momentum=0.9 ...
 *
 * FILE: int32 n, dim, outputs; float32 x [n, dim]; int32 labels [n]; with loss=1 or 2 float32
 * answers [n, outputs]. One lane. OUT: float32 parameters, layer by layer, of the finished head;
 * OUT.first: before training; OUT.order: int64 positions of the samples, step after step. Keys are
 * those below; kind=3 is L-BFGS; class weights are 1, 2, 3, ... / 2 with weights=1. */
#include "learn/sampler.h"

#include <judd/base/memory.h>
#include <judd/learn/lbfgs.h>
#include <judd/learn/trainer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OUTPUTS = 64, LBFGS = 3 };

typedef struct arguments {
    double kind, momentum, clip, schedule, warmup, decay_steps, decay_factor, rate, l2, steps,
        smoothing, weights, loss, hidden1, hidden2, hidden3, gelu, norm, batch;
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
                {"weights=", &a->weights},
                {"loss=", &a->loss},
                {"hidden1=", &a->hidden1},
                {"hidden2=", &a->hidden2},
                {"hidden3=", &a->hidden3},
                {"gelu=", &a->gelu},
                {"norm=", &a->norm},
                {"batch=", &a->batch}};
    for (int i = 3; i < argc; i++)
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (strncmp(argv[i], keys[k].name, strlen(keys[k].name)) == 0)
                *keys[k].value = atof(argv[i] + strlen(keys[k].name));
}

static judd_status read_file(judd_rows *rows, int32_t size[3], const arguments *a, const char *path,
                             const judd_comm *comm) {
    judd_status status = JUDD_OK;
    FILE *file = fopen(path, "rb");
    if (!file || fread(size, sizeof *size, 3, file) != 3 || size[2] > MAX_OUTPUTS)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot be read", path);
    size_t n = (size_t)size[0], cells = n * (size_t)size[1], answers = n * (size_t)size[2];
    JUDD_TRY(judd_rows_create(rows, size[0], size[1], 1, comm));
    if (fread(rows->x, 4, cells, file) != cells || fread(rows->labels, 4, n, file) != n)
        JUDD_FAIL(JUDD_E_IO, "%s: too short", path);
    if (a->loss > 0) {
        JUDD_TRY(judd_rows_add_targets(rows, size[2]));
        if (fread(rows->targets, 4, answers, file) != answers)
            JUDD_FAIL(JUDD_E_IO, "%s: no answers", path);
    }
done:
    if (file) fclose(file);
    return status;
}

static judd_status create_bank(judd_bank **bank, const arguments *a, const int32_t size[3]) {
    double weight[MAX_OUTPUTS];
    for (int c = 0; c < size[2]; c++) weight[c] = 0.5 * (1.0 + c);
    judd_bank_options o = {
        .n_heads = 1,
        .n_outputs = size[2],
        .heads = &(judd_bank_head){.learning_rate = a->rate, .l2 = a->l2, .held_out = -1},
        .loss = (judd_loss_kind)a->loss,
        .hidden = {(int)a->hidden1, (int)a->hidden2, (int)a->hidden3},
        .activation = a->gelu > 0 ? JUDD_ACTIVATION_GELU : JUDD_ACTIVATION_RELU,
        .layer_norm = a->norm > 0,
        .optimizer = JUDD_OPTIMIZER_DEFAULTS,
        .class_weight = a->weights > 0 ? weight : NULL,
        .label_smoothing = a->smoothing,
        .batch = a->batch > 0 ? (int64_t)a->batch : size[0],
        .steps = (int64_t)a->steps};
    while (o.n_hidden < JUDD_BANK_MAX_HIDDEN && o.hidden[o.n_hidden] > 0) o.n_hidden++;
    if (a->kind < LBFGS) o.optimizer.kind = (judd_optimizer_kind)a->kind;
    o.optimizer.momentum = a->momentum;
    o.optimizer.clip = a->clip;
    o.optimizer.schedule = (judd_schedule)a->schedule;
    o.optimizer.warmup_steps = (int64_t)a->warmup;
    o.optimizer.decay_steps = (int64_t)a->decay_steps;
    o.optimizer.decay_factor = a->decay_factor;
    return judd_bank_create(bank, size[1], &o);
}

static judd_status write_parameters(const judd_bank *bank, const char *out, const char *suffix) {
    judd_status status = JUDD_OK;
    char path[4096];
    FILE *file = NULL;
    snprintf(path, sizeof path, "%s%s", out, suffix);
    file = fopen(path, "wb");
    if (!file) JUDD_FAIL(JUDD_E_IO, "%s: cannot be written", path);
    for (int k = 0; k < bank->n_parameters; k++) {
        const judd_parameter *p = &bank->parameters[k];
        fwrite(p->value, 4, (size_t)judd_bank_parameter_size(p), file);
    }
done:
    if (file) fclose(file);
    return status;
}

static judd_status write_order(const judd_bank *bank, const judd_rows *rows, const char *out) {
    judd_status status = JUDD_OK;
    const judd_bank_options *o = &bank->options;
    judd_sampler sampler = {0};
    char path[4096];
    FILE *file = NULL;
    snprintf(path, sizeof path, "%s.order", out);
    file = fopen(path, "wb");
    if (!file) JUDD_FAIL(JUDD_E_IO, "%s: cannot be written", path);
    JUDD_TRY(judd_sampler_create(&sampler, rows, o->batch, o->seed, 0, 0, false));
    for (int64_t step = 0; step < o->steps; step++) {
        JUDD_TRY(judd_sampler_next(&sampler));
        fwrite(sampler.batch.positions, 8, (size_t)sampler.batch.n, file);
    }
done:
    judd_sampler_destroy(&sampler);
    if (file) fclose(file);
    return status;
}

static judd_status run(const arguments *a, const char *in, const char *out, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int32_t size[3];
    judd_rows rows = {0};
    judd_bank *bank = NULL, *finished = NULL;
    JUDD_TRY(read_file(&rows, size, a, in, comm));
    JUDD_TRY(create_bank(&bank, a, size));
    JUDD_TRY(write_parameters(bank, out, ".first"));
    JUDD_TRY(write_order(bank, &rows, out));
    if (a->kind == LBFGS) {
        judd_lbfgs_options lbfgs = JUDD_LBFGS_DEFAULTS;
        JUDD_TRY(judd_lbfgs_run(bank, NULL, &rows, comm, &lbfgs, NULL));
    } else {
        JUDD_TRY(judd_trainer_run(bank, &rows, comm, NULL));
    }
    JUDD_TRY(judd_bank_extract(&finished, bank, 0));
    JUDD_TRY(write_parameters(finished, out, ""));
done:
    judd_rows_free(&rows);
    judd_bank_destroy(bank);
    judd_bank_destroy(finished);
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

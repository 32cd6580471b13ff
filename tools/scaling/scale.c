/* scale train|extract [--OPTION VALUE ...]: Judd's training of made-up heads (that of `judd bench
 * train`) or its dealing of images, to be run by smpirun; prints one line of JSON. */
#include "sampled.h"

#include "cli/made_up.h"

#include <judd/base/memory.h>
#include <judd/base/rng.h>
#include <judd/comm/deal.h>
#include <judd/learn/trainer.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <smpi/smpi.h>

typedef struct setting {
    const char *name;
    double *value;
} setting;

static judd_status parse(const setting *options, int n, int argc, char **argv) {
    for (int i = 2; i < argc; i += 2) {
        int k = 0;
        while (k < n && strcmp(options[k].name, argv[i]) != 0) k++;
        char *end = NULL;
        if (k < n && i + 1 < argc) *options[k].value = strtod(argv[i + 1], &end);
        if (!end || *end || end == argv[i + 1])
            return judd_status_set(JUDD_E_USAGE, "scale: %s: no such option, or no number after it",
                                   argv[i]);
    }
    return JUDD_OK;
}

/* ---- training -----------------------------------------------------------------------------------
 */

typedef struct training {
    double samples, features, classes, batch, heads, steps, lanes, seed, is_float;
} training;

static judd_status run_training(judd_bank *bank, judd_rows *rows, const training *t,
                                const judd_comm *comm) {
    judd_status status = JUDD_OK;
    char hex[JUDD_SHA256_HEX] = "";
    judd_trainer_times times = {0};
    judd_trainer_hooks hooks = {.times = &times};
    MPI_Barrier(comm->mpi);
    double start = MPI_Wtime();
    JUDD_TRY(judd_trainer_run(bank, rows, comm, &hooks));
    double seconds = MPI_Wtime() - start;
    JUDD_TRY(judd_comm_agree(comm, judd_bank_hash(hex, bank)));
    if (comm->rank == 0)
        printf("{\"what\": \"train\", \"ranks\": %d, \"heads\": %.0f, \"float\": %.0f, "
               "\"samples\": %.0f, \"steps\": %.0f, \"seconds\": %.9g, \"step_s\": %.9g, "
               "\"product_share\": %.4f, \"exact_sum_share\": %.4f, \"all_reduce_share\": %.4f, "
               "\"update_share\": %.4f, \"head_sha256\": \"%s\"}\n",
               comm->size, t->heads, t->is_float, t->samples, t->steps, seconds, seconds / t->steps,
               times.product / seconds, times.exact_sum / seconds, times.all_reduce / seconds,
               times.update / seconds, sampled_is_exact() ? hex : "");
done:
    return status;
}

static judd_status train(const judd_comm *comm, int argc, char **argv) {
    judd_status status = JUDD_OK;
    judd_rows rows = {0};
    judd_bank *bank = NULL;
    training t = {.samples = 256.0 * comm->size, /* as many lanes as ranks, one step an epoch */
                  .features = 2048,
                  .classes = 10,
                  .heads = 1,
                  .steps = 3,
                  .lanes = comm->size,
                  .seed = 1};
    const setting options[] = {
        {"--samples", &t.samples}, {"--features", &t.features}, {"--classes", &t.classes},
        {"--batch", &t.batch},     {"--heads", &t.heads},       {"--steps", &t.steps},
        {"--lanes", &t.lanes},     {"--seed", &t.seed},         {"--float", &t.is_float}};
    JUDD_TRY(parse(options, sizeof options / sizeof *options, argc, argv));
    if (t.batch == 0) t.batch = t.samples;
    status = judd_made_up_bank(
        &bank, &(judd_made_up_training){.features = (int64_t)t.features,
                                        .classes = (int64_t)t.classes,
                                        .batch = (int64_t)t.batch,
                                        .heads = (int64_t)t.heads,
                                        .steps = (int64_t)t.steps,
                                        .seed = (int64_t)t.seed,
                                        .reduce = t.is_float ? JUDD_BANK_FLOAT : JUDD_BANK_EXACT});
    if (status == JUDD_OK)
        status = judd_made_up_rows(&rows, (int64_t)t.samples, (int64_t)t.features, (int)t.classes,
                                   (int)t.lanes, comm);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(run_training(bank, &rows, &t, comm));
done:
    judd_rows_free(&rows);
    judd_bank_destroy(bank);
    return status;
}

/* ---- extraction ---------------------------------------------------------------------------------
 */

typedef struct extraction {
    double images, batch, batch_s; /* batch_s: seconds of a batch on an undisturbed rank */
    double slow, slow_factor;      /* share of the ranks that are slowed, and how much */
    double jitter;                 /* deviation of the logarithm of a batch's time */
    double answer_s;               /* until rank 0 answers for a chunk, at worst */
    double weights_mib, seed;      /* of the network: broadcast once */
} extraction;

/* What batch number i takes on this rank. */
static double seconds_of(const extraction *x, int rank, int64_t i) {
    uint64_t bits = judd_rng_bits((uint64_t)x->seed, JUDD_RNG_ORDER, (uint32_t)rank, 0);
    bool slowed = (double)(bits >> 11) * 0x1p-53 < x->slow;
    double noise = judd_rng_normal((uint64_t)x->seed, JUDD_RNG_HEAD, (uint32_t)rank, (uint64_t)i);
    return x->batch_s * (slowed ? x->slow_factor : 1.0) * exp(x->jitter * noise);
}

/* Whole ranks' worth of undisturbed work that the slowed ranks leave. */
static double capacity(const extraction *x, int size) {
    double sum = 0.0;
    for (int r = 0; r < size; r++) {
        uint64_t bits = judd_rng_bits((uint64_t)x->seed, JUDD_RNG_ORDER, (uint32_t)r, 0);
        sum += (double)(bits >> 11) * 0x1p-53 < x->slow ? 1.0 / x->slow_factor : 1.0;
    }
    return sum;
}

static judd_status load_weights(const extraction *x, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    char *weights = NULL;
    int64_t bytes = (int64_t)(x->weights_mib * 1048576.0);
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&weights, bytes, 1)));
    JUDD_TRY(judd_comm_broadcast(comm, weights, bytes));
done:
    free(weights);
    return status;
}

static void compute(double seconds) {
    sampled_spend(seconds);
    sampled_pay();
}

static judd_status run_extraction(const extraction *x, const judd_comm *comm, int64_t *chunks) {
    judd_status status = JUDD_OK;
    judd_deal *deal = NULL;
    int64_t first = 0, end = 0, batch = (int64_t)x->batch;
    JUDD_TRY(load_weights(x, comm));
    JUDD_TRY(judd_deal_create(&deal, comm, (int64_t)x->images, batch));
    for (;;) {
        compute(x->answer_s);
        JUDD_TRY(judd_deal_next(deal, &first, &end));
        if (first == end) break;
        ++*chunks;
        for (int64_t i = first; i < end; i += batch) compute(seconds_of(x, comm->rank, i / batch));
    }
    JUDD_TRY(judd_comm_agree(comm, JUDD_OK));
done:
    judd_deal_destroy(deal);
    return status;
}

static judd_status extract(const judd_comm *comm, int argc, char **argv) {
    judd_status status = JUDD_OK;
    int64_t chunks = 0;
    extraction x = {.images = 4096.0 * comm->size,
                    .batch = 32,
                    .batch_s = 0.5,
                    .slow_factor = 2.0,
                    .answer_s = 0.005,
                    .weights_mib = 98.0,
                    .seed = 1};
    const setting options[] = {{"--images", &x.images},           {"--batch", &x.batch},
                               {"--batch-s", &x.batch_s},         {"--slow", &x.slow},
                               {"--jitter", &x.jitter},           {"--slow-factor", &x.slow_factor},
                               {"--weights-mib", &x.weights_mib}, {"--seed", &x.seed},
                               {"--answer-s", &x.answer_s}};
    JUDD_TRY(parse(options, sizeof options / sizeof *options, argc, argv));
    MPI_Barrier(comm->mpi);
    double start = MPI_Wtime();
    JUDD_TRY(run_extraction(&x, comm, &chunks));
    double seconds = MPI_Wtime() - start;
    JUDD_TRY(judd_comm_sum(comm, &chunks, 1));
    double undisturbed = x.images / x.batch * x.batch_s;
    if (comm->rank == 0)
        printf("{\"what\": \"extract\", \"ranks\": %d, \"images\": %.0f, \"seconds\": %.9g, "
               "\"images_per_s\": %.6g, \"efficiency\": %.4f, \"of_capacity\": %.4f, "
               "\"chunks\": %lld}\n",
               comm->size, x.images, seconds, x.images / seconds,
               undisturbed / comm->size / seconds, undisturbed / capacity(&x, comm->size) / seconds,
               (long long)chunks);
done:
    return status;
}

int main(int argc, char **argv) {
    judd_comm comm;
    judd_status status = JUDD_OK;
    MPI_Init(&argc, &argv);
    sampled_begin();
    JUDD_TRY(judd_comm_open(&comm, MPI_COMM_WORLD));
    const char *what = argc > 1 ? argv[1] : "nothing";
    if (strcmp(what, "train") == 0)
        status = train(&comm, argc, argv);
    else if (strcmp(what, "extract") == 0)
        status = extract(&comm, argc, argv);
    else
        status = judd_status_set(JUDD_E_USAGE, "scale: %s is neither train nor extract", what);
    if (status != JUDD_OK && comm.rank == 0) fprintf(stderr, "%s\n", judd_status_message());
    if (status == JUDD_OK && comm.rank == 0 && sampled_end() != 0)
        status = judd_status_set(JUDD_E_IO, "scale: cannot write %s", getenv("SCALE_COSTS"));
    judd_comm_close(&comm);
done:
    MPI_Finalize();
    return status;
}

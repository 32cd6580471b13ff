#include <judd/learn/trainer.h>

#include <judd/base/memory.h>
#include <judd/base/rng.h>
#include <judd/linalg/gemm.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Gradient made at a time: whole tiles of the product; with its sums, 336 KiB of cache. */
enum { BLOCK_ROWS = 112, BLOCK_FLOATS = BLOCK_ROWS * 256, BLOCK_STEP = 32 };

/* Everything that is summed over ranks in one step, in one buffer. */
typedef struct payload {
    int64_t n, *data;
    int64_t *gradient, *bias, *count, *bad; /* [width * dim], [width], [n_heads], [n_heads] */
    int64_t *error, *stop, *save; /* ranks that failed, that got a signal; rank 0's clock */
} payload;

typedef struct trainer {
    judd_bank *bank;
    const judd_rows *rows;
    const judd_comm *comm;
    const judd_trainer_hooks *hooks;
    judd_gemm *gemm;
    judd_exact_scale scale;
    int64_t micro, steps_per_epoch; /* samples a lane takes per step */
    int64_t epoch;                  /* of `order`; -1: none yet */
    int64_t *order;                 /* [n_local]: each lane's permutation, lane after lane */
    int64_t *begin;                 /* [own lanes + 1]: rows of x, per lane, in this step */
    float *x, *p;                   /* [batch rows, dim], [batch rows, width] of this step */
    int32_t *labels;
    int16_t *folds;
    float *block; /* part of one lane's gradient */
    int64_t block_rows, block_columns;
    payload sum;
    double last_save_s;
    judd_trainer_times times;
    double lap_s; /* when the last lap ended */
} trainer;

/* The time since the last lap goes to *seconds. */
static void lap(trainer *t, double *seconds) {
    double now = MPI_Wtime();
    *seconds += now - t->lap_s;
    t->lap_s = now;
}

static judd_status create_payload(payload *s, const judd_bank *bank) {
    int64_t width = judd_bank_width(bank), n_heads = bank->options.n_heads;
    s->n = width * bank->dim + width + 2 * n_heads + 3;
    judd_status status = judd_memory_alloc(&s->data, s->n, sizeof *s->data);
    if (status != JUDD_OK) return status;
    s->gradient = s->data;
    s->bias = s->gradient + width * bank->dim;
    s->count = s->bias + width;
    s->bad = s->count + n_heads;
    s->error = s->bad + n_heads;
    s->stop = s->error + 1;
    s->save = s->stop + 1;
    return JUDD_OK;
}

static judd_status create_buffers(trainer *t) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &t->rows->lanes;
    const judd_bank *bank = t->bank;
    int n_own = lanes->end_lane - lanes->first_lane;
    int64_t capacity = t->micro * n_own, width = judd_bank_width(bank);
    t->block_rows = width < BLOCK_ROWS ? width : BLOCK_ROWS;
    t->block_columns = BLOCK_FLOATS / t->block_rows / BLOCK_STEP * BLOCK_STEP;
    if (t->block_columns > bank->dim) t->block_columns = bank->dim;
    JUDD_TRY(judd_gemm_create(&t->gemm));
    JUDD_TRY(create_payload(&t->sum, bank));
    JUDD_TRY(judd_memory_alloc(&t->order, judd_lanes_count(lanes), sizeof *t->order));
    JUDD_TRY(judd_memory_alloc(&t->begin, n_own + 1, sizeof *t->begin));
    JUDD_TRY(judd_memory_alloc(&t->x, capacity * bank->dim, sizeof *t->x));
    JUDD_TRY(judd_memory_alloc(&t->p, capacity * width, sizeof *t->p));
    JUDD_TRY(judd_memory_alloc(&t->labels, capacity, sizeof *t->labels));
    JUDD_TRY(judd_memory_alloc(&t->folds, capacity, sizeof *t->folds));
    JUDD_TRY(judd_memory_alloc(&t->block, t->block_rows * t->block_columns, sizeof *t->block));
done:
    return status;
}

static void destroy(trainer *t) {
    judd_gemm_destroy(t->gemm);
    free(t->sum.data);
    free(t->order);
    free(t->begin);
    free(t->x);
    free(t->p);
    free(t->labels);
    free(t->folds);
    free(t->block);
}

/* |d loss / d logit| <= bound, so a lane's sum over at most `micro` rows is bounded by micro * max
 * |x| times it. */
static judd_status create(trainer *t) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &t->rows->lanes;
    const judd_bank_options *o = &t->bank->options;
    int64_t largest = judd_lanes_largest(lanes);
    double max_x = 0.0;
    t->micro = (o->batch + lanes->n_lanes - 1) / lanes->n_lanes;
    if (t->micro > largest) t->micro = largest;
    t->steps_per_epoch = (largest + t->micro - 1) / t->micro;
    t->epoch = -1;
    JUDD_TRY(judd_comm_agree(t->comm, create_buffers(t)));
    JUDD_TRY(judd_rows_max(&max_x, t->rows, t->comm));
    t->scale = judd_exact_sum_scale(
        (double)t->micro * (max_x > 1.0 ? max_x : 1.0) * t->bank->targets.bound, lanes->n_lanes);
    t->last_save_s = MPI_Wtime();
done:
    return status;
}

static void shuffle(trainer *t, int64_t epoch) {
    const judd_lanes *lanes = &t->rows->lanes;
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        int64_t begin = judd_lanes_begin(lanes, lane),
                n = judd_lanes_begin(lanes, lane + 1) - begin;
        uint64_t key =
            judd_rng_bits(t->bank->options.seed, JUDD_RNG_ORDER, (uint32_t)lane, (uint64_t)epoch);
        judd_rng_permutation(t->order + (begin - judd_lanes_first(lanes)), n, key, JUDD_RNG_ORDER,
                             (uint32_t)lane);
    }
    t->epoch = epoch;
}

/* Copy this step's rows of every own lane together; they share one forward product. */
static void gather(trainer *t) {
    const judd_lanes *lanes = &t->rows->lanes;
    int64_t dim = t->bank->dim, epoch = t->bank->step / t->steps_per_epoch;
    int64_t part = t->bank->step % t->steps_per_epoch, n = 0;
    if (epoch != t->epoch) shuffle(t, epoch);
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        int64_t base = judd_lanes_begin(lanes, lane) - judd_lanes_first(lanes);
        int64_t size = judd_lanes_begin(lanes, lane + 1) - judd_lanes_begin(lanes, lane);
        int64_t end = (part + 1) * t->micro < size ? (part + 1) * t->micro : size;
        t->begin[lane - lanes->first_lane] = n;
        for (int64_t i = part * t->micro; i < end; i++, n++) {
            int64_t row = base + t->order[base + i];
            memcpy(t->x + n * dim, t->rows->x + row * dim, (size_t)dim * sizeof *t->x);
            t->labels[n] = t->rows->labels[row];
            t->folds[n] = t->rows->folds[row];
        }
    }
    t->begin[lanes->end_lane - lanes->first_lane] = n;
}

static judd_status forward(trainer *t, int64_t n) {
    const judd_bank *bank = t->bank;
    int64_t width = judd_bank_width(bank);
    judd_gemm_matrix x = {t->x, bank->dim, 1}, weight_t = {bank->weight, 1, bank->dim};
    judd_status status =
        judd_gemm_multiply(t->gemm, n, width, bank->dim, x, weight_t, t->p, width, false);
    if (status != JUDD_OK) return status;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++) t->p[i * width + j] += bank->bias[j];
    judd_bank_softmax(bank, t->p, t->labels, t->folds, n, NULL);
    return JUDD_OK;
}

static void count_samples(trainer *t, int64_t n) {
    const judd_bank_options *o = &t->bank->options;
    for (int h = 0; h < o->n_heads; h++)
        for (int64_t i = 0; i < n; i++)
            if (o->heads[h].held_out != t->folds[i])
                t->sum.count[h] += t->bank->targets.weight[t->labels[i]];
}

/* One lane's bias gradient: column sums of its p, in row order. */
static void add_bias(trainer *t, int64_t begin, int64_t end) {
    const judd_bank_options *o = &t->bank->options;
    int64_t width = judd_bank_width(t->bank);
    for (int h = 0; h < o->n_heads; h++)
        for (int64_t c = (int64_t)h * o->n_classes; c < (int64_t)(h + 1) * o->n_classes; c++) {
            float s = 0.0f;
            for (int64_t i = begin; i < end; i++) s += t->p[i * width + c];
            t->sum.bad[h] += judd_exact_sum_add(t->sum.bias + c, &s, 1, t->scale);
        }
}

/* Rows [row, row + m), columns [column, column + n) of the gradient p^T x, lane by lane, each
 * rounded to fixed point at once: the sums of a block stay in the cache until every lane has added.
 */
static judd_status add_block(trainer *t, int64_t row, int64_t m, int64_t column, int64_t n) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &t->rows->lanes;
    int64_t dim = t->bank->dim, width = judd_bank_width(t->bank);
    for (int lane = 0; lane < lanes->end_lane - lanes->first_lane; lane++) {
        int64_t begin = t->begin[lane], count = t->begin[lane + 1] - begin;
        judd_gemm_matrix p_t = {t->p + begin * width + row, 1, width};
        judd_gemm_matrix x = {t->x + begin * dim + column, dim, 1};
        if (count == 0) continue;
        JUDD_TRY(judd_gemm_multiply(t->gemm, m, n, count, p_t, x, t->block, n, false));
        lap(t, &t->times.product);
        for (int64_t i = 0; i < m; i++)
            t->sum.bad[(row + i) / t->bank->options.n_classes] += judd_exact_sum_add(
                t->sum.gradient + (row + i) * dim + column, t->block + i * n, n, t->scale);
        lap(t, &t->times.exact_sum);
    }
done:
    return status;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static judd_status add_gradient(trainer *t) {
    judd_status status = JUDD_OK;
    int64_t dim = t->bank->dim, width = judd_bank_width(t->bank);
    for (int64_t row = 0; row < width; row += t->block_rows)
        for (int64_t column = 0; column < dim; column += t->block_columns)
            JUDD_TRY(add_block(t, row, least(width - row, t->block_rows), column,
                               least(dim - column, t->block_columns)));
done:
    return status;
}

/* This rank's part of the sums of one step. A lane without samples contributes zeros. */
static judd_status accumulate(trainer *t) {
    judd_status status = JUDD_OK;
    int n_own = t->rows->lanes.end_lane - t->rows->lanes.first_lane;
    gather(t);
    lap(t, &t->times.gather);
    JUDD_TRY(forward(t, t->begin[n_own]));
    count_samples(t, t->begin[n_own]);
    for (int k = 0; k < n_own; k++) add_bias(t, t->begin[k], t->begin[k + 1]);
    JUDD_TRY(add_gradient(t));
done:
    return status;
}

/* One step: local sums, one all-reduce that also carries errors and wishes, the update. */
static judd_status take_step(trainer *t) {
    judd_status status = JUDD_OK;
    const judd_trainer_hooks *hooks = t->hooks;
    memset(t->sum.data, 0, (size_t)t->sum.n * sizeof *t->sum.data);
    lap(t, &t->times.exact_sum);
    judd_status local = accumulate(t);
    *t->sum.error = local != JUDD_OK;
    *t->sum.stop = hooks && hooks->stop && *hooks->stop;
    *t->sum.save = hooks && t->comm->rank == 0 && hooks->checkpoint_s > 0.0 &&
                   MPI_Wtime() - t->last_save_s >= hooks->checkpoint_s;
    JUDD_TRY(judd_comm_sum(t->comm, t->sum.data, t->sum.n));
    lap(t, &t->times.all_reduce);
    if (*t->sum.error) JUDD_TRY(judd_comm_agree(t->comm, local));
    judd_bank_update(t->bank, t->sum.gradient, t->sum.bias, t->sum.count, t->sum.bad, t->scale);
    lap(t, &t->times.update);
done:
    return status;
}

static bool wants_checkpoint(const trainer *t) {
    const judd_trainer_hooks *hooks = t->hooks;
    if (!hooks || !hooks->checkpoint) return false;
    bool by_steps = hooks->checkpoint_steps > 0 && t->bank->step % hooks->checkpoint_steps == 0;
    return *t->sum.stop || *t->sum.save || by_steps;
}

judd_status judd_trainer_run(judd_bank *bank, const judd_rows *rows, const judd_comm *comm,
                             const judd_trainer_hooks *hooks) {
    judd_status status = JUDD_OK;
    trainer t = {.bank = bank, .rows = rows, .comm = comm, .hooks = hooks};
    JUDD_TRY(create(&t));
    t.lap_s = MPI_Wtime();
    while (bank->step < bank->options.steps) {
        JUDD_TRY(take_step(&t));
        bool last = bank->step == bank->options.steps;
        if (wants_checkpoint(&t) && !(last && !*t.sum.stop)) {
            JUDD_TRY(hooks->checkpoint(hooks->context, bank));
            t.last_save_s = t.lap_s = MPI_Wtime();
        }
        if (*t.sum.stop)
            JUDD_FAIL(JUDD_E_AGAIN,
                      "stopped by a signal after step %lld; run the same command again",
                      (long long)bank->step);
    }
done:
    if (hooks && hooks->times) *hooks->times = t.times;
    destroy(&t);
    return status;
}

#include "cli/made_up.h"

#include <judd/base/memory.h>
#include <judd/base/rng.h>

#include <stdlib.h>

void judd_made_up_fill(float *x, int32_t *labels, int64_t first, int64_t n, int64_t dim,
                       int n_classes) {
    const uint32_t key[2] = {2024, 1};
    for (int64_t i = 0; i < n; i++) {
        uint64_t id = (uint64_t)(first + i);
        uint32_t word[4], at[4] = {(uint32_t)id, (uint32_t)(id >> 32), 0, 0};
        for (int64_t j = 0; j < dim; j += 4) {
            at[2] = (uint32_t)(j / 4) + 1;
            judd_rng_philox(word, key, at);
            for (int64_t k = j; k < j + 4 && k < dim; k++) /* uniform on +-sqrt(3) */
                x[i * dim + k] = ((float)(word[k - j] >> 8) * 0x1p-23f - 1.0f) * 1.7320508f;
        }
        at[2] = 0;
        judd_rng_philox(word, key, at);
        labels[i] = (int32_t)(word[0] % (uint32_t)n_classes);
    }
}

judd_status judd_made_up_rows(judd_rows *out, int64_t n_samples, int64_t dim, int n_classes,
                              int n_lanes, const judd_comm *comm) {
    judd_status status = judd_rows_create(out, n_samples, dim, n_lanes, comm);
    if (status != JUDD_OK) return status;
    judd_made_up_fill(out->x, out->labels, judd_lanes_first(&out->lanes),
                      judd_lanes_count(&out->lanes), dim, n_classes);
    return JUDD_OK;
}

judd_status judd_made_up_bank(judd_bank **out, const judd_made_up_training *t) {
    judd_status status = JUDD_OK;
    judd_bank_head *heads = NULL;
    JUDD_TRY(judd_memory_alloc(&heads, t->heads, sizeof *heads));
    for (int64_t h = 0; h < t->heads; h++)
        heads[h] = (judd_bank_head){.learning_rate = 0.01 * (1.0 + (double)h / (double)t->heads),
                                    .held_out = -1};
    judd_bank_options o = {.n_heads = (int)t->heads,
                           .reduce = t->reduce,
                           .n_outputs = (int)t->classes,
                           .heads = heads,
                           .optimizer = {.momentum = 0.9, .schedule = JUDD_SCHEDULE_COSINE},
                           .batch = t->batch,
                           .steps = t->steps,
                           .seed = (uint64_t)t->seed};
    JUDD_TRY(judd_bank_create(out, t->features, &o));
done:
    free(heads);
    return status;
}

#include "job/feature_sets.h"

#include "job/head.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

static void close_set(judd_feature_set *f) {
    judd_rows_free(&f->test);
    for (int s = 0; s < JUDD_N_SPLITS; s++) judd_cache_close(f->cache[s]);
    *f = (judd_feature_set){0};
}

void judd_feature_sets_close(judd_feature_sets *sets) {
    for (int64_t k = 0; k < sets->n; k++) close_set(&sets->sets[k]);
    free(sets->sets);
    *sets = (judd_feature_sets){0};
}

/* The tap tells heads that are trained from those that are not. */
static bool serves(const judd_feature_set *f, const judd_plan_read *read) {
    return f->of.dataset == read->bank.dataset && judd_inputs_same_network(&f->of, &read->bank);
}

static judd_status open_cache(judd_feature_set *f, const judd_inputs *in, judd_split as,
                              judd_split split) {
    return f->cache[as] ? JUDD_OK : judd_inputs_cache(&f->cache[as], in, &f->of, split);
}

/* What of the set is needed and not there yet. */
static judd_status complete(judd_feature_set *f, const judd_inputs *in,
                            const judd_plan_read *read) {
    judd_status status = JUDD_OK;
    const judd_input *input = judd_inputs_find(in, f->of.dataset);
    bool untrained = judd_head_of(read->bank.head)->untrained;
    if (read->own || read->source)
        JUDD_TRY(
            open_cache(f, in, JUDD_SPLIT_TRAIN, untrained ? JUDD_SPLIT_TEST : JUDD_SPLIT_TRAIN));
    if (read->own && input->split[JUDD_SPLIT_VALIDATION] && !untrained)
        JUDD_TRY(open_cache(f, in, JUDD_SPLIT_VALIDATION, JUDD_SPLIT_VALIDATION));
    if ((read->own || read->judged) && !f->cache[JUDD_SPLIT_TEST]) {
        JUDD_TRY(open_cache(f, in, JUDD_SPLIT_TEST, JUDD_SPLIT_TEST));
        const judd_inputs_part test = {f->cache[JUDD_SPLIT_TEST], &input->task[JUDD_SPLIT_TEST]};
        JUDD_TRY(judd_inputs_rows(&f->test, in, &test, 1));
    }
done:
    return status;
}

static void drop_unread(judd_feature_sets *sets, const judd_inputs *in,
                        const judd_plan_bank *bank) {
    int64_t kept = 0;
    for (int64_t k = 0; k < sets->n; k++) {
        bool read = false;
        for (int64_t r = 0; r < judd_plan_n_reads(bank); r++) {
            judd_plan_read wanted = judd_plan_read_of(bank, in->job, r);
            read = read || serves(&sets->sets[k], &wanted);
        }
        if (read)
            sets->sets[kept++] = sets->sets[k];
        else
            close_set(&sets->sets[k]);
    }
    sets->n = kept;
}

static judd_status make_room(judd_feature_sets *sets, int64_t n) {
    judd_feature_set *larger = NULL;
    if (n <= sets->most) return JUDD_OK;
    judd_status status = judd_memory_alloc(&larger, n, sizeof *larger);
    if (status != JUDD_OK) return status;
    if (sets->n > 0) memcpy(larger, sets->sets, (size_t)sets->n * sizeof *larger);
    free(sets->sets);
    sets->sets = larger;
    sets->most = n;
    return JUDD_OK;
}

judd_status judd_feature_sets_load(judd_feature_sets *sets, const judd_inputs *in,
                                   const judd_plan_bank *bank) {
    judd_status status = JUDD_OK;
    int64_t n = judd_plan_n_reads(bank);
    drop_unread(sets, in, bank);
    JUDD_TRY(judd_comm_agree(in->comm, make_room(sets, n)));
    for (int64_t r = 0; r < n; r++) {
        judd_plan_read read = judd_plan_read_of(bank, in->job, r);
        judd_feature_set *f = NULL;
        for (int64_t k = 0; k < sets->n; k++)
            if (serves(&sets->sets[k], &read)) f = &sets->sets[k];
        if (!f) {
            f = &sets->sets[sets->n++];
            *f = (judd_feature_set){.of = read.bank};
            f->of.name = NULL; /* the bank's, which may go before the features do */
        }
        JUDD_TRY(complete(f, in, &read));
    }
done:
    return status;
}

const judd_feature_set *judd_feature_sets_find(const judd_feature_sets *sets,
                                               const judd_job_dataset *dataset) {
    for (int64_t k = 0; k < sets->n; k++)
        if (sets->sets[k].of.dataset == dataset) return &sets->sets[k];
    return NULL; /* never of what a loaded bank reads */
}

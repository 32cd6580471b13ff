#include "job/costs.h"

#include "job/grid.h"

#include <judd/base/memory.h>
#include <judd/linalg/gemm.h>

#include <math.h>
#include <stdlib.h>

/* As judd_inputs_draw will have them, but without drawing. */
static judd_head_size size_of(const judd_inputs *in, const judd_plan_bank *bank, int64_t dim) {
    const judd_input *input = judd_inputs_find(in, bank->dataset);
    const judd_job_head *head = bank->head;
    const judd_head_ops *ops = judd_head_of(head);
    judd_head_size s = {.n_test = input->task[JUDD_SPLIT_TEST].n,
                        .dim = head->components > 0 ? head->components : dim,
                        .n_points = judd_grid_size(ops, head),
                        .n_outputs = judd_inputs_outputs(in, bank->dataset)};
    if (ops->untrained) return s;
    int64_t all = input->task[JUDD_SPLIT_TRAIN].n,
            sets = input->n_classes > 0 ? input->n_classes : 1;
    s.n_train = bank->shots > 0 && bank->shots * sets < all ? bank->shots * sets : all;
    s.n_train *= bank->dataset->views;
    bool apart = input->split[JUDD_SPLIT_VALIDATION] || head->validation_fraction > 0.0;
    if (apart || s.n_points < 2 || bank->shots == 1) return s;
    s.leave_one_out = ops->leaves_one_out && ops->leaves_one_out(head);
    int64_t folds = bank->shots > 0 && bank->shots < head->folds ? bank->shots : head->folds;
    s.n_folds = s.leave_one_out || folds < 2 ? 0 : (int)folds;
    return s;
}

judd_cost judd_cost_of(const judd_inputs *in, const judd_plan_bank *bank, int64_t dim) {
    const judd_head_size s = size_of(in, bank, dim);
    const judd_head_ops *ops = judd_head_of(bank->head);
    double rows = (double)(s.n_train > s.n_test ? s.n_train : s.n_test);
    judd_cost cost = {.values = rows * (double)dim};
    if (ops->load) ops->load(&cost.load, bank->head, &s);
    /* reading, checking and standardising rows; scores of the test set */
    cost.load.shared += 50.0 * (double)(s.n_train + s.n_test) * (double)dim +
                        2.0 * (double)s.n_test * (double)s.dim * s.n_outputs;
    cost.load.rounds += 100.0;
    return cost;
}

/* The share of the rank with most lanes. */
static double largest_share(int n_ranks, int64_t n_lanes) {
    return (double)((n_lanes + n_ranks - 1) / n_ranks) / (double)n_lanes;
}

double judd_cost_seconds(const judd_cost *cost, const judd_cost_rates *rates, int n_ranks,
                         int64_t n_lanes) {
    const judd_head_load *l = &cost->load;
    double operations = l->whole + l->shared * largest_share(n_ranks, n_lanes);
    double rounds = n_ranks > 1 ? l->rounds * ceil(log2(n_ranks)) : 0.0;
    return operations / rates->operations + rounds * rates->round_s + rates->records_s;
}

double judd_cost_bytes(const judd_cost *cost, int n_ranks, int64_t n_lanes) {
    return cost->values * sizeof(float) * largest_share(n_ranks, n_lanes);
}

judd_status judd_cost_measure(judd_cost_rates *rates) {
    enum { M = 256, N = 64, K = 512 };
    static const double least_s = 0.05, share = 0.5; /* of a step that the products take, about */
    judd_status status = JUDD_OK;
    judd_gemm *gemm = NULL;
    float *x = NULL;
    double start = 0.0, seconds = 0.0, n = 0.0;
    *rates = JUDD_COST_RATES;
    JUDD_TRY(judd_gemm_create(&gemm));
    JUDD_TRY(judd_memory_alloc(&x, M * K + K * N + M * N, sizeof *x));
    const judd_gemm_matrix a = {x, K, 1}, b = {x + M * K, N, 1};
    for (int warm = 0; warm < 2; warm++) {
        start = MPI_Wtime();
        for (n = 0.0; (seconds = MPI_Wtime() - start) < least_s; n += 1.0)
            JUDD_TRY(judd_gemm_multiply(gemm, M, N, K, a, b, x + M * K + K * N, N, false));
    }
    rates->operations = share * 2.0 * M * N * K * n / seconds;
done:
    free(x);
    judd_gemm_destroy(gemm);
    return status;
}

#include "job/costs.h"

#include "job/grid.h"

#include <math.h>

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

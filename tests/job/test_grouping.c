/* The schedule by which groups are chosen against the best of all schedules (Graham 1969: longest
 * first is at most 4/3 - 1/(3 m) of it), and costs that behave as costs should. */
#include "job/grouping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

enum { MOST = 8, GROUPS = 3, CASES = 300 };

/* The earliest end when item k and those behind it are dealt in every way. */
static double best_end(const double *seconds, int k, int n, double *busy, int n_groups) {
    double best = INFINITY;
    if (k == n) {
        double end = 0.0;
        for (int g = 0; g < n_groups; g++) end = fmax(end, busy[g]);
        return end;
    }
    for (int g = 0; g < n_groups; g++) {
        busy[g] += seconds[k];
        best = fmin(best, best_end(seconds, k + 1, n, busy, n_groups));
        busy[g] -= seconds[k];
    }
    return best;
}

static void longest_first_is_near_the_best(void **state) {
    (void)state;
    uint64_t bits = 1;
    int worse = 0;
    for (int c = 0; c < CASES; c++) {
        double seconds[MOST], sorted[MOST], busy[GROUPS] = {0}, other[GROUPS] = {0}, sum = 0.0;
        int n = 1 + c % MOST, n_groups = 1 + c % GROUPS;
        for (int k = 0; k < n; k++) {
            bits = bits * 6364136223846793005u + 1442695040888963407u;
            seconds[k] = (double)(1 + (bits >> 33) % 20);
            sum += seconds[k];
        }
        memcpy(sorted, seconds, sizeof sorted);
        double end = judd_grouping_makespan(sorted, n, busy, n_groups);
        double best = best_end(seconds, 0, n, other, n_groups);
        double bound = (4.0 / 3.0 - 1.0 / (3.0 * n_groups)) * best;
        assert_true(end >= best - 1e-9 && end <= bound + 1e-9);
        double total = 0.0;
        for (int g = 0; g < n_groups; g++) total += busy[g];
        assert_true(fabs(total - sum) < 1e-9);
        worse += end > best + 1e-9;
    }
    assert_true(worse > 0); /* else the bound was not tried */
}

static void costs_follow_ranks_and_size(void **state) {
    (void)state;
    const judd_cost_rates rates = JUDD_COST_RATES;
    const judd_cost large = {.load = {.shared = 1e12, .rounds = 100.0}, .values = 1e8};
    const judd_cost small = {.load = {.shared = 1e6, .rounds = 1000.0}, .values = 1e4};
    const judd_cost whole = {.load = {.whole = 1e12}, .values = 1e6};
    for (int n = 1; n < 16; n *= 2) {
        double one = judd_cost_seconds(&large, &rates, n, 16);
        double two = judd_cost_seconds(&large, &rates, 2 * n, 16);
        assert_true(two < one && two > one / 2.0); /* work is shared, sums are not */
        assert_true(judd_cost_bytes(&large, 2 * n, 16) == judd_cost_bytes(&large, n, 16) / 2.0);
        assert_true(judd_cost_seconds(&small, &rates, 2 * n, 16) >
                    judd_cost_seconds(&small, &rates, n, 16)); /* sums cost more than they save */
        assert_true(judd_cost_seconds(&whole, &rates, 2 * n, 16) ==
                    judd_cost_seconds(&whole, &rates, n, 16));
    }
    /* 3 ranks share 16 lanes as 6, 5 and 5 */
    assert_true(judd_cost_bytes(&large, 3, 16) == 1e8 * sizeof(float) * 6.0 / 16.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(longest_first_is_near_the_best),
                                       cmocka_unit_test(costs_follow_ranks_and_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

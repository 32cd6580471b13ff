/* ns an element of judd_exact_sum_add, for sums that stay in the second-level cache and for long
 * ones: the median of many calls. */
#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CALLS = 201 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static judd_status measure(int64_t n) {
    judd_status status = JUDD_OK;
    int64_t *sum = NULL, bad = 0;
    float *x = NULL;
    double *y = NULL, time[2][CALLS];
    judd_exact_scale scale = judd_exact_sum_scale(2.0, 16);
    JUDD_TRY(judd_memory_alloc(&sum, n, sizeof *sum));
    JUDD_TRY(judd_memory_alloc(&x, n, sizeof *x));
    JUDD_TRY(judd_memory_alloc(&y, n, sizeof *y));
    for (int64_t i = 0; i < n; i++) y[i] = x[i] = (float)(i * 2654435761u % 1999) * 1e-3f - 1.0f;
    for (int i = 0; i < CALLS; i++) {
        double t0 = now();
        bad += judd_exact_sum_add(sum, x, n, scale, NULL);
        double t1 = now();
        bad += judd_exact_sum_add_double(sum, y, n, scale);
        time[0][i] = t1 - t0;
        time[1][i] = now() - t1;
    }
    for (int v = 0; v < 2; v++) qsort(time[v], CALLS, sizeof(double), by_value);
    printf("%9lld %14.3f %14.3f   (%lld bad)\n", (long long)n, 1e9 * time[0][CALLS / 2] / (double)n,
           1e9 * time[1][CALLS / 2] / (double)n, (long long)bad);
done:
    free(sum);
    free(x);
    free(y);
    return status;
}

int main(void) {
    judd_status status = JUDD_OK;
    printf("%9s %14s %14s\n", "elements", "float ns/elem", "double ns/elem");
    JUDD_TRY(measure(2048));
    JUDD_TRY(measure(20480));
    JUDD_TRY(measure(65536));
    JUDD_TRY(measure(1310720));
done:
    return status;
}

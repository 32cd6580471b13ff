#include <judd/linalg/cholesky.h>

#include <judd/base/clones.h>
#include <judd/base/integers.h>
#include <judd/linalg/dot.h>

#include <math.h>

enum { COLUMNS = 64 /* of L that stay in the second-level cache while they are subtracted */ };

/* y -= sum_p c[p] x[p], of columns x [m] that are ld apart, in their order. */
JUDD_CLONES static void subtract(double *restrict y, const double *restrict x, int64_t ld,
                                 const double *restrict c, int64_t m, int64_t n) {
    int64_t p = 0;
    for (; p + 4 <= m; p += 4, x += 4 * ld)
        for (int64_t i = 0; i < n; i++)
            y[i] = y[i] - c[p] * x[i] - c[p + 1] * x[ld + i] - c[p + 2] * x[2 * ld + i] -
                   c[p + 3] * x[3 * ld + i];
    for (; p < m; p++, x += ld)
        for (int64_t i = 0; i < n; i++) y[i] -= c[p] * x[i];
}

/* Column j of the matrix less what columns first .. end - 1 of L have in it. */
static void reduce_column(double *a, int64_t n, int64_t j, int64_t first, int64_t end) {
    double c[COLUMNS];
    for (int64_t p = first; p < end; p++) c[p - first] = a[p * n + j];
    subtract(a + j * n + j, a + first * n + j, n, c, end - first, n - j);
}

bool judd_cholesky_factor(double *a, int64_t n) {
    for (int64_t first = 0; first < n; first += COLUMNS) {
        int64_t end = judd_least(first + COLUMNS, n);
        for (int64_t j = first; j < end; j++) {
            double *column = a + j * n;
            reduce_column(a, n, j, first, j);
            if (!(column[j] > 0.0)) return false;
            double pivot = sqrt(column[j]);
            for (int64_t i = j; i < n; i++) column[i] /= pivot;
        }
        for (int64_t j = end; j < n; j++) reduce_column(a, n, j, first, end);
    }
    return true;
}

/* First L^T x, then L of it: each from the end where what is still needed stays. */
void judd_cholesky_multiply(double *x, int64_t m, const double *factor, int64_t n) {
    for (int64_t r = 0; r < m; r++, x += n) {
        for (int64_t j = 0; j < n; j++) x[j] = judd_dot(factor + j * n + j, x + j, n - j);
        for (int64_t j = n - 1; j >= 0; j--) {
            double minus = -x[j];
            x[j] *= factor[j * n + j];
            subtract(x + j + 1, factor + j * n + j + 1, n, &minus, 1, n - j - 1);
        }
    }
}

void judd_cholesky_solve_lower(double *x, int64_t m, const double *factor, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        const double *column = factor + j * n;
        for (int64_t r = 0; r < m; r++) {
            double *y = x + r * n;
            y[j] /= column[j];
            subtract(y + j + 1, column + j + 1, n, y + j, 1, n - j - 1);
        }
    }
}

void judd_cholesky_solve_upper(double *x, int64_t m, const double *factor, int64_t n) {
    for (int64_t j = n - 1; j >= 0; j--) {
        const double *column = factor + j * n;
        for (int64_t r = 0; r < m; r++) {
            double *y = x + r * n;
            y[j] = (y[j] - judd_dot(column + j + 1, y + j + 1, n - j - 1)) / column[j];
        }
    }
}

void judd_cholesky_solve(double *x, int64_t m, const double *factor, int64_t n) {
    judd_cholesky_solve_lower(x, m, factor, n);
    judd_cholesky_solve_upper(x, m, factor, n);
}

/* LogME. You et al. 2021, "LogME: practical assessment of pre-trained models", with the fixed point
 * of You et al. 2022; here on the centred spectrum: with A = F^T F + t I and n m m^T added to it,
 * inverses, traces and determinants follow from Sherman and Morrison, 1950. */
#include "transfer/families.h"

#include <math.h>

static const double guard = 1e-5;
enum { MOST_STEPS = 11 };

/* f^T f + t I, as far as the mean changes it: q = m^T A^-1 m, and m^T A^-2 m. */
typedef struct shifted {
    double t, mean1, mean2;
} shifted;

static shifted shift(const judd_spectrum *s, double t) {
    double beyond = s->mean_beyond * s->mean_beyond;
    shifted x = {.t = t, .mean1 = beyond / t, .mean2 = beyond / (t * t)};
    for (int64_t k = 0; k < s->order; k++) {
        double m = s->mean[k], a = s->value[k] + t;
        x.mean1 += m * m / a;
        x.mean2 += m * m / (a * a);
    }
    return x;
}

/* w = (f^T f + t I)^-1 f^T y of class c: its square, and f^T y times it. */
static void solve(double *square, double *product, const judd_spectrum *s, int c, shifted x) {
    const double *sum = s->sum + c * s->order, n = (double)s->n, n_c = (double)s->count[c];
    double beyond = n_c * s->mean_beyond, along = n_c * s->mean_beyond * s->mean_beyond / x.t;
    for (int64_t k = 0; k < s->order; k++)
        along += s->mean[k] * (sum[k] + n_c * s->mean[k]) / (s->value[k] + x.t);
    double less = n * along / (1.0 + n * x.mean1); /* times A^-1 m */
    double w = (beyond - less * s->mean_beyond) / x.t;
    *square = w * w;
    *product = w * beyond;
    for (int64_t k = 0; k < s->order; k++) {
        double right = sum[k] + n_c * s->mean[k];
        w = (right - less * s->mean[k]) / (s->value[k] + x.t);
        *square += w * w;
        *product += w * right;
    }
}

/* Trace of f^T f (f^T f + t I)^-1. */
static double effective_columns(const judd_spectrum *s, shifted x) {
    double n = (double)s->n, sum = x.t * n * x.mean2 / (1.0 + n * x.mean1);
    for (int64_t k = 0; k < s->order; k++) sum += s->value[k] / (s->value[k] + x.t);
    return sum;
}

static double log_determinant(const judd_spectrum *s, shifted x) {
    double sum = log1p((double)s->n * x.mean1) + (double)(s->dim - s->order) * log(x.t);
    for (int64_t k = 0; k < s->order; k++) sum += log(s->value[k] + x.t);
    return sum;
}

static double class_evidence(const judd_spectrum *s, int c) {
    const double n = (double)s->n, dim = (double)s->dim, pi = acos(-1.0);
    double alpha = 1.0, beta = 1.0, square = 0.0, residual = 0.0, t;
    for (int step = 0; step < MOST_STEPS; step++) {
        double product;
        t = alpha / beta;
        shifted x = shift(s, t);
        solve(&square, &product, s, c, x);
        double columns = effective_columns(s, x);
        residual = fmax((double)s->count[c] - product - t * square, 0.0);
        alpha = columns / (square + guard);
        beta = (n - columns) / (residual + guard);
        if (fabs(alpha / beta - t) / t <= 1e-3) break;
    }
    t = alpha / beta;
    double determinant = dim * log(beta) + log_determinant(s, shift(s, t));
    double evidence = dim * log(alpha) + n * log(beta) - determinant - beta * residual -
                      alpha * square - n * log(2.0 * pi);
    return 0.5 * evidence / n;
}

double judd_evidence_logme(const judd_spectrum *s) {
    double sum = 0.0;
    for (int c = 0; c < s->n_classes; c++) sum += class_evidence(s, c);
    return sum / (double)s->n_classes;
}

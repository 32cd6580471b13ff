#include <judd/stats/correlation.h>

#include <math.h>

static int sign(double x) {
    return (x > 0.0) - (x < 0.0);
}

double judd_correlation_kendall(const double *x, const double *y, int64_t n) {
    int64_t agree = 0, x_differ = 0, y_differ = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) {
            int a = sign(x[i] - x[j]), b = sign(y[i] - y[j]);
            agree += a * b;
            x_differ += a != 0;
            y_differ += b != 0;
        }
    if (x_differ == 0 || y_differ == 0) return NAN;
    return (double)agree / sqrt((double)x_differ * (double)y_differ);
}

double judd_correlation_pearson(const double *x, const double *y, int64_t n) {
    double mean_x = 0.0, mean_y = 0.0, xx = 0.0, yy = 0.0, xy = 0.0;
    for (int64_t i = 0; i < n; i++) {
        mean_x += x[i] / (double)n;
        mean_y += y[i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        yy += (y[i] - mean_y) * (y[i] - mean_y);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    return xx > 0.0 && yy > 0.0 ? fmax(-1.0, fmin(1.0, xy / sqrt(xx * yy))) : NAN;
}

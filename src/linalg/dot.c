#include <judd/linalg/dot.h>

#include <judd/base/clones.h>

JUDD_CLONES double judd_dot(const double *x, const double *y, int64_t n) {
    double part[16] = {0}, sum = 0.0;
    int64_t full = n / 16 * 16;
    for (int64_t i = 0; i < full; i += 16)
        for (int k = 0; k < 16; k++) part[k] += x[i + k] * y[i + k];
    for (int64_t i = full; i < n; i++) sum += x[i] * y[i];
    for (int k = 0; k < 16; k++) sum += part[k];
    return sum;
}

#include <judd/base/exact_math.h>

#include <math.h>

/* log x = e ln 2 + 2 atanh(s), s = (m - 1)/(m + 1), m in [sqrt(1/2), sqrt 2): s^2 < 0.0295, so the
 * odd series to s^23 leaves less than 1e-18 of the result. */
double judd_exact_cospi(double x) {
    double r = fabs(fmod(x, 2.0)); /* exact; cos is even */
    if (r > 1.0) r = 2.0 - r;      /* cos(pi (2 - r)) = cos(pi r) */
    double sign = 1.0;
    if (r > 0.5) {
        r = 1.0 - r; /* exact */
        sign = -1.0;
    }
    /* Taylor series of cos on [0, pi/2]: the term of degree 26 is below 1e-21. */
    double z = r * 3.14159265358979323846 * (r * 3.14159265358979323846), term = 1.0, sum = 0.0;
    double terms[14];
    for (int k = 0; k < 14; k++) {
        terms[k] = term;
        term *= -z / (double)((2 * k + 1) * (2 * k + 2));
    }
    for (int k = 13; k >= 0; k--) sum += terms[k];
    return sign * sum;
}

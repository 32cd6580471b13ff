/* H-score: Bao et al. 2019, "An information-theoretic approach to transferability"; regularised:
 * Ibrahim et al. 2021, "Newer is not always better". Divisors n - 1, but n in the covariance that
 * Ledoit & Wolf 2004 shrink. */
#include "transfer/families.h"

/* sum over classes of s_c^T (diagonal)^-1 s_c / n_c on the last `rank` coordinates; diagonal =
 * keep * value + add. */
static double weigh_classes(const judd_spectrum *s, double keep, double add, int64_t rank) {
    double total = 0.0;
    for (int c = 0; c < s->n_classes; c++) {
        const double *sum = s->sum + c * s->order;
        double own = 0.0;
        for (int64_t k = s->order - rank; k < s->order; k++)
            own += sum[k] * sum[k] / (keep * s->value[k] + add);
        total += own / (double)s->count[c];
    }
    return total;
}

double judd_h_score_plain(const judd_spectrum *s) {
    return weigh_classes(s, 1.0, 0.0, s->rank);
}

/* Lemmas 3.2 to 3.4 of Ledoit & Wolf; mu: the mean eigenvalue. */
static double shrinkage(double *mu, const judd_spectrum *s) {
    double n = (double)s->n, dim = (double)s->dim, trace = 0.0, square = 0.0;
    for (int64_t k = 0; k < s->order; k++) {
        trace += s->value[k] / n;
        square += s->value[k] / n * (s->value[k] / n);
    }
    *mu = trace / dim;
    double delta = (square - dim * *mu * *mu) / dim;
    double beta = (s->fourth / n - square) / (dim * n);
    beta = beta < delta ? beta : delta;
    return s->dim > 1 && beta > 0.0 ? beta / delta : 0.0;
}

double judd_h_score_regularised(const judd_spectrum *s) {
    double mu, a = shrinkage(&mu, s), n = (double)s->n;
    int64_t rank = a > 0.0 ? s->order : s->rank;
    return (1.0 - a) / (n - 1.0) * weigh_classes(s, (1.0 - a) / n, a * mu, rank);
}

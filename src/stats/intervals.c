#include <judd/stats/intervals.h>

#include <math.h>
#include <stdbool.h>

static const double PI = 3.14159265358979323846;

/* ln Gamma(a + 1/2)/Gamma(a): difference of two Stirling series (DLMF 5.11.8 with h = 1/2 and 0);
 * lgamma's own difference would lose digits as a grows. Term k: -(2 - 2^(1-k)) B_k / (k (k-1)
 * a^(k-1)); below a = 10 the recurrence Gamma(a+1) = a Gamma(a) leads there. */
static double log_half_step(double a) {
    double shift = 1.0;
    for (; a < 10.0; a += 1.0) shift *= a / (a + 0.5);
    double r = 1.0 / a, r2 = r * r;
    double series =
        -r / 8.0 +
        r * r2 *
            (1.0 / 192.0 +
             r2 * (-1.0 / 640.0 +
                   r2 * (17.0 / 14336.0 + r2 * (-31.0 / 18432.0 + r2 * (691.0 / 180224.0)))));
    return 0.5 * log(a) + series + log(shift);
}

/* The continued fraction of I_x(a, b) B(a, b) / (x^a y^b), y = 1 - x: DiDonato & Morris 1992
 * (ACM TOMS 18, algorithm 708), equation 9, whose terms do not cancel for large a; evaluated by
 * the modified Lentz method (Thompson & Barnett 1986). */
static double beta_fraction(double a, double b, double x, double y) {
    enum { MOST = 100000 };
    double lambda =
        x < y ? a - (a + b) * x : (a + b) * y - b; /* equal; the one that keeps digits */
    double f = a / (a + 1.0) * (lambda + 1.0), c = f, d = 0.0;
    for (int n = 1; n < MOST; n++) {
        double k = n, s = a + 2.0 * k - 1.0;
        double alpha = (a + k - 1.0) / s * ((a + b + k - 1.0) / s) * k * (b - k) * x * x;
        double beta =
            k + k * (b - k) * x / s + (a + k) / (s + 2.0) * (lambda + 1.0 + k * (1.0 + y));
        d = 1.0 / (beta + alpha * d);
        c = beta + alpha / c;
        double step = c * d;
        f *= step;
        if (fabs(step - 1.0) < 5e-16) break;
    }
    return 1.0 / f;
}

/* One half of Student's distribution cut at |t|: tail = P(T > |t|), centre = P(0 < T < |t|), each
 * to full relative precision; density at t. */
typedef struct half {
    double tail, centre, density;
} half;

static half half_normal(double t) {
    half h = {0.5 * erfc(t * sqrt(0.5)), 0.5 * erf(t * sqrt(0.5)),
              exp(-0.5 * t * t) / sqrt(2.0 * PI)};
    return h;
}

/* Abramowitz & Stegun 26.7.1: P(|T| > t) = I_x(df/2, 1/2), x = df/(df + t^2). */
static half half_student(double t, double df) {
    if (isinf(df)) return half_normal(t);
    double a = 0.5 * df, u = t / sqrt(df), u2 = u * u;
    double x = 1.0 / (1.0 + u2), y = 1.0 / (1.0 + 1.0 / u2);
    double log_x = u < 1e8 ? -log1p(u2) : -2.0 * log(u);
    double step = log_half_step(a) - 0.5 * log(PI); /* ln 1/B(a, 1/2) */
    double front = exp(a * log_x + step) * sqrt(y); /* x^a y^(1/2) / B */
    half h;
    h.density = exp((a + 0.5) * log_x + step) / sqrt(df);
    if (y > 1.5 / (a + 2.5)) { /* x < (a+1)/(a+2.5): where the fraction converges fast */
        h.tail = 0.5 * front * beta_fraction(a, 0.5, x, y);
        h.centre = 0.5 - h.tail;
    } else {
        h.centre = 0.5 * front * beta_fraction(0.5, a, y, x);
        h.tail = 0.5 - h.centre;
    }
    return h;
}

double judd_intervals_t_cdf(double t, double df) {
    if (isnan(t) || !(df > 0.0)) return NAN;
    if (t == 0.0) return 0.5;
    if (isinf(t)) return t < 0.0 ? 0.0 : 1.0;
    half h = half_student(fabs(t), df);
    return t < 0.0 ? h.tail : 0.5 + h.centre;
}

/* The t > 0 whose tail (or centre) is `target`: Newton on logarithms, which turns both ends of the
 * curve nearly straight, kept inside a bracket that every evaluation narrows. */
static double solve_half(double target, bool by_tail, double df) {
    enum { MOST = 3000 }; /* doublings from 1 to the largest double, and then some */
    double low = 0.0, high = INFINITY, t = 1.0;
    for (int i = 0; i < MOST; i++) {
        half h = half_student(t, df);
        double value = by_tail ? h.tail : h.centre;
        if ((value > target) == by_tail)
            low = t;
        else
            high = t;
        double slope = (by_tail ? -1.0 : 1.0) * h.density * t / value; /* d ln value / d ln t */
        double next = t * exp(-log(value / target) / slope);
        if (fabs(next - t) <= 4e-16 * t) return next;
        if (!(next > low && next < high) || !isfinite(next))
            next = isinf(high) ? 2.0 * t : low == 0.0 ? 0.5 * t : sqrt(low) * sqrt(high);
        if (next == t || isinf(next)) return next;
        t = next;
    }
    return t;
}

double judd_intervals_t_quantile(double p, double df) {
    if (!(p > 0.0 && p < 1.0) || !(df > 0.0)) return NAN;
    if (p == 0.5) return 0.0;
    double distance = fabs(p - 0.5); /* exact for p in [1/4, 1] */
    bool by_tail = distance > 0.25;
    double target = by_tail ? (p < 0.5 ? p : 1.0 - p) : distance;
    double t = solve_half(target, by_tail, df);
    return p < 0.5 ? -t : t;
}

/* ln n! - ln(sqrt(2 pi n) (n/e)^n), n > 0: exact factorials, then Stirling's series. */
static double stirling_error(double n) {
    if (n < 16.0) {
        double factorial = 1.0; /* 15! < 2^53 */
        for (double k = 2.0; k <= n; k += 1.0) factorial *= k;
        return log(factorial) - (n + 0.5) * log(n) + n - 0.5 * log(2.0 * PI);
    }
    double r = 1.0 / n, r2 = r * r;
    return r * (1.0 / 12.0 -
                r2 * (1.0 / 360.0 - r2 * (1.0 / 1260.0 - r2 * (1.0 / 1680.0 - r2 / 1188.0))));
}

/* C(n, k) / 2^n by the saddle point expansion: Loader 2000, "Fast and accurate computation of
 * binomial probabilities"; the deviance of p = 1/2 in a form that does not cancel at k = n/2. */
static double half_binomial(double k, double n) {
    if (k == 0.0) return exp2(-n);
    double d = (n - 2.0 * k) / n;
    double deviance = 0.5 * n * (log1p(-d * d) + d * (log1p(d) - log1p(-d)));
    double errors = stirling_error(n) - stirling_error(k) - stirling_error(n - k);
    return exp(errors - deviance) * sqrt(n / (2.0 * PI * k * (n - k)));
}

double judd_intervals_mcnemar(int64_t b, int64_t c) {
    if (b < 0 || c < 0) return NAN;
    if (b == c) return 1.0;
    double k = (double)(b < c ? b : c), n = (double)b + (double)c;
    double term = half_binomial(k, n), sum = term;
    for (double j = k; j > 0.0 && term > 1e-17 * sum; j -= 1.0) { /* terms fall: k < n/2 */
        term *= j / (n - j + 1.0);
        sum += term;
    }
    return fmin(1.0, 2.0 * sum);
}

/* Wilson's interval of the share p of `size` samples; z: normal quantile. */
static void wilson(double *low, double *high, double p, double size, double z) {
    double z2 = z * z, centre = p + z2 / (2.0 * size);
    double spread = z * sqrt((p * (1.0 - p) + z2 / (4.0 * size)) / size);
    *low = p == 0.0 ? 0.0 : (centre - spread) / (1.0 + z2 / size);
    *high = p == 1.0 ? 1.0 : (centre + spread) / (1.0 + z2 / size);
}

void judd_intervals_wilson(double *low, double *high, int64_t k, int64_t n, double level) {
    *low = *high = NAN;
    if (n <= 0 || k < 0 || k > n || !(level > 0.0 && level < 1.0)) return;
    double z = -judd_intervals_t_quantile(0.5 * (1.0 - level), INFINITY);
    wilson(low, high, (double)k / (double)n, (double)n, z);
}

/* Of the normal distribution, 97.5 %: a number, so that no C library has a say in intervals. */
static const double Z95 = 1.9599639845400542;

void judd_intervals_mean_of_shares(double *low, double *high, const int64_t *k, const int64_t *n,
                                   int64_t count) {
    double mean = 0.0, below = 0.0, above = 0.0, l, h;
    for (int64_t i = 0; i < count; i++) {
        double p = (double)k[i] / (double)n[i];
        wilson(&l, &h, p, (double)n[i], Z95);
        mean += p / (double)count;
        below += (p - l) * (p - l);
        above += (h - p) * (h - p);
    }
    *low = fmax(mean - sqrt(below) / (double)count, 0.0);
    *high = fmin(mean + sqrt(above) / (double)count, 1.0);
}

void judd_intervals_fraction(double *low, double *high, double value, double variance,
                             double least) {
    *low = *high = NAN;
    if (!(value >= 0.0 && value <= 1.0) || !(least > 0.0)) return;
    double size =
        variance > 0.0 && value > 0.0 && value < 1.0 ? value * (1.0 - value) / variance : least;
    wilson(low, high, value, size, Z95);
}

void judd_intervals_normal(double *low, double *high, double value, double variance, double floor,
                           double ceiling) {
    double reach = Z95 * sqrt(variance);
    *low = isnan(reach) ? NAN : fmax(value - reach, floor);
    *high = isnan(reach) ? NAN : fmin(value + reach, ceiling);
}

void judd_intervals_holm(double *adjusted, const double *p, int64_t n) {
    /* First the step's own value, then the running maximum. The second pass may work in place: a
     * value already replaced by its maximum is no larger than any later maximum. */
    int64_t n_valid = 0;
    for (int64_t i = 0; i < n; i++) n_valid += !isnan(p[i]);
    for (int64_t i = 0; i < n; i++) {
        int64_t before = 0;
        for (int64_t j = 0; j < n; j++) before += p[j] < p[i] || (p[j] == p[i] && j < i);
        adjusted[i] = isnan(p[i]) ? NAN : fmin(1.0, (double)(n_valid - before) * p[i]);
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            if (p[j] <= p[i] && adjusted[j] > adjusted[i]) adjusted[i] = adjusted[j];
}

#include "learn/line_search.h"

#include <math.h>

static const double SUFFICIENT = 1e-4; /* mu of the paper */
static const double CURVATURE = 0.9;   /* eta */
static const double NARROWEST = 1e-12; /* relative width of an interval that is given up */
static const double ROUNDING = 1e-14;  /* relative error of a value */
static const double LONGEST = 1e10;
enum { MAX_TRIES = 40 };

typedef judd_line_search_end end;

void judd_line_search_begin(judd_line_search *s, double value, double slope, double step) {
    *s = (judd_line_search){.step = step,
                            .value = value,
                            .slope = slope,
                            .best = {0.0, value, slope},
                            .other = {0.0, value, slope},
                            .low = 0.0,
                            .high = 5.0 * step,
                            .width = LONGEST,
                            .width_before = 2.0 * LONGEST};
}

/* Minimiser of the cubic through both ends' values and slopes, as a fraction from b to a;
 * `bounded` where the cubic need not have one (case 3): then 0 under the root is taken. */
static double cubic(end a, end b, bool bounded) {
    double theta = 3.0 * (a.value - b.value) / (b.step - a.step) + a.slope + b.slope;
    double s = fmax(fabs(theta), fmax(fabs(a.slope), fabs(b.slope)));
    double square = theta / s * (theta / s) - a.slope / s * (b.slope / s);
    double gamma = s * sqrt(bounded ? fmax(0.0, square) : square);
    if (b.step < a.step) gamma = -gamma;
    double p = gamma - a.slope + theta, q = gamma - a.slope + gamma + b.slope;
    return p / q;
}

/* Case 1 of section 4: a higher value, the minimum is bracketed. */
static double step_higher(const judd_line_search *s, end t) {
    end x = s->best;
    double c = x.step + cubic(x, t, false) * (t.step - x.step);
    double slope = (x.value - t.value) / (t.step - x.step) + x.slope;
    double q = x.step + x.slope / slope / 2.0 * (t.step - x.step);
    return fabs(c - x.step) < fabs(q - x.step) ? c : c + (q - c) / 2.0;
}

/* Case 2: a lower value, slopes of opposite sign. */
static double step_opposite(const judd_line_search *s, end t) {
    end x = s->best;
    double c = t.step + cubic(t, x, false) * (x.step - t.step);
    double q = t.step + t.slope / (t.slope - x.slope) * (x.step - t.step);
    return fabs(c - t.step) > fabs(q - t.step) ? c : q;
}

/* Case 3: a lower value, slopes of the same sign, the slope falls. */
static double step_flatter(const judd_line_search *s, end t) {
    end x = s->best;
    double r = cubic(t, x, true);
    double q = t.step + t.slope / (t.slope - x.slope) * (x.step - t.step);
    double c = r < 0.0 && isfinite(r) ? t.step + r * (x.step - t.step)
                                      : (t.step > x.step ? s->high : s->low);
    if (!s->bracketed) {
        double far = fabs(c - t.step) > fabs(q - t.step) ? c : q;
        return fmin(fmax(far, s->low), s->high);
    }
    double near = fabs(c - t.step) < fabs(q - t.step) ? c : q;
    double limit = t.step + 0.66 * (s->other.step - t.step);
    return t.step > x.step ? fmin(limit, near) : fmax(limit, near);
}

/* Case 4: a lower value, the slope does not fall. */
static double step_steeper(const judd_line_search *s, end t) {
    if (!s->bracketed) return t.step > s->best.step ? s->high : s->low;
    return t.step + cubic(t, s->other, false) * (s->other.step - t.step);
}

/* Next step from the interval and the trial, and the new interval (dcstep). */
static double update(judd_line_search *s, end t) {
    double next;
    bool opposite = (t.slope < 0.0) != (s->best.slope < 0.0);
    if (t.value > s->best.value) {
        next = step_higher(s, t);
        s->bracketed = true;
        s->other = t;
        return next;
    }
    if (opposite) {
        next = step_opposite(s, t);
        s->bracketed = true;
        s->other = s->best;
    } else {
        next = fabs(t.slope) < fabs(s->best.slope) ? step_flatter(s, t) : step_steeper(s, t);
    }
    s->best = t;
    return next;
}

/* The same on the auxiliary function psi of the first stage, value less mu * slope * step. */
static double update_auxiliary(judd_line_search *s, end t) {
    double m = SUFFICIENT * s->slope;
    s->best.value -= s->best.step * m;
    s->other.value -= s->other.step * m;
    s->best.slope -= m;
    s->other.slope -= m;
    double next = update(s, (end){t.step, t.value - t.step * m, t.slope - m});
    s->best.value += s->best.step * m;
    s->other.value += s->other.step * m;
    s->best.slope += m;
    s->other.slope += m;
    return next;
}

static bool is_good(const judd_line_search *s, end t) {
    bool flat = fabs(t.slope) <= CURVATURE * -s->slope;
    if (t.value <= s->value + SUFFICIENT * t.step * s->slope && flat) return true;
    return t.value <= s->value + ROUNDING * fabs(s->value) && t.slope >= CURVATURE * s->slope &&
           t.slope <= (2.0 * SUFFICIENT - 1.0) * s->slope;
}

judd_line_search_state judd_line_search_next(judd_line_search *s, double value, double slope) {
    end t = {s->step, value, slope};
    if (++s->n_tries > MAX_TRIES) return JUDD_LINE_SEARCH_STUCK;
    if (!isfinite(value) || !isfinite(slope)) {
        s->high = s->step;
        s->step = s->best.step + 0.1 * (s->step - s->best.step);
        return JUDD_LINE_SEARCH_TRY;
    }
    if (is_good(s, t)) return JUDD_LINE_SEARCH_DONE;
    double enough = s->value + SUFFICIENT * s->step * s->slope;
    if (value <= enough && slope >= 0.0) s->second_stage = true;
    bool at_end = s->bracketed && (s->step <= s->low || s->step >= s->high ||
                                   s->high - s->low <= NARROWEST * s->high);
    if (at_end || s->step >= LONGEST) return JUDD_LINE_SEARCH_STUCK;
    bool auxiliary = !s->second_stage && value <= s->best.value && value > enough;
    double next = auxiliary ? update_auxiliary(s, t) : update(s, t);
    if (s->bracketed) {
        double width = fabs(s->other.step - s->best.step);
        if (width >= 0.66 * s->width_before)
            next = s->best.step + 0.5 * (s->other.step - s->best.step);
        s->width_before = s->width;
        s->width = width;
        s->low = fmin(s->best.step, s->other.step);
        s->high = fmax(s->best.step, s->other.step);
    } else {
        s->low = next + 1.1 * (next - s->best.step);
        s->high = next + 4.0 * (next - s->best.step);
    }
    s->step = fmin(fmax(next, 0.0), LONGEST);
    if (s->bracketed && (s->step <= s->low || s->step >= s->high)) s->step = s->best.step;
    return JUDD_LINE_SEARCH_TRY;
}

/** A step length with sufficient decrease and small slope (strong Wolfe), asked for in steps: the
 *  caller evaluates, so that many searches can share each evaluation.
 *
 *  More & Thuente 1994, "Line search algorithms with guaranteed sufficient decrease", as in
 *  MINPACK-2's dcsrch. Where values differ by rounding only, the approximate conditions of Hager &
 *  Zhang 2005 are enough.
 */
#ifndef JUDD_SRC_LEARN_LINE_SEARCH_H
#define JUDD_SRC_LEARN_LINE_SEARCH_H

#include <stdbool.h>

typedef enum judd_line_search_state {
    JUDD_LINE_SEARCH_TRY,  /* evaluate at `step` */
    JUDD_LINE_SEARCH_DONE, /* `step` is good */
    JUDD_LINE_SEARCH_STUCK /* no step can be told from rounding */
} judd_line_search_state;

/** One end of the interval of uncertainty: step, value, slope. */
typedef struct judd_line_search_end {
    double step, value, slope;
} judd_line_search_end;

typedef struct judd_line_search {
    double step;         /* to try now */
    double value, slope; /* at step 0; slope < 0 */
    judd_line_search_end best, other;
    double low, high; /* bounds of the next step */
    double width, width_before;
    int n_tries;
    bool bracketed, second_stage;
} judd_line_search;

void judd_line_search_begin(judd_line_search *search, double value, double slope, double step);
/** The value and slope at search->step; a value that is not finite shortens the step. */
judd_line_search_state judd_line_search_next(judd_line_search *search, double value, double slope);

#endif

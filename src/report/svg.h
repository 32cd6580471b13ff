/** The pictures in gnuplot's SVG. Local. */
#ifndef JUDD_SRC_REPORT_SVG_H
#define JUDD_SRC_REPORT_SVG_H

#include "report/html.h"

/** Copy what the next <svg> in `text` draws, for an <svg> of the page: without its frame, names and
 *  shapes; each colour rgb(0, 0, N) that it gives as stroke, fill or color becomes class kN, fN or
 *  cN. Returns what follows it; NULL: there is none. */
const char *judd_svg_copy(judd_html *to, const char *text);

#endif

/** The style sheet of pages. tests/report/browser.py computes the contrast of its colours. */
#ifndef JUDD_SRC_REPORT_STYLE_H
#define JUDD_SRC_REPORT_STYLE_H

extern const char judd_style[];

#endif

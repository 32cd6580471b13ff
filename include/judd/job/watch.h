/** How far a job is, from the files of its output folder alone: `judd watch`. */
#ifndef JUDD_JOB_WATCH_H
#define JUDD_JOB_WATCH_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stdio.h>

typedef struct judd_watch_screen {
    FILE *to;
    int columns, rows; /* no line is longer, and there are no more; rows 0: as many as needed */
    bool terminal;     /* draw over what was there before */
} judd_watch_screen;

/** Draw the jobs in these output folders: who runs them, trials, rate, time left, what is trained
 *  now, gains so far or verdicts, warnings. Nothing is locked or written, so any machine that sees
 *  the files may look. *over: all are complete. JUDD_E_DATA or JUDD_E_IO if one is no output
 *  folder. Local. */
judd_status judd_watch_draw(bool *over, const judd_watch_screen *screen, const char *const *folders,
                            int n_folders);

#endif

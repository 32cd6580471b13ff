/** The time that kernels take, without the kernels: what SMPI's sampled loops do, for whole
 *  functions and without a line in them.
 *
 *  The linker sends the calls of a few functions through sampled.c (--wrap). The environment
 *  variable SCALE_COSTS names a table of what they take by their sizes:
 *
 *    unset         everything is computed; no time passes for it
 *    FILE, new     everything is computed and timed (by the thread's clock or the wall's, whichever
 *                  says less: a busy machine lengthens one, the call of the other takes a
 *                  microsecond); what a call takes in the mean over a step, in the median over
 *                  the steps, is written to FILE at the end
 *    FILE, there   nothing large is computed; each call takes what the table says in simulated
 *                  time; a size that it lacks is computed and timed a few times, and added to it
 *
 *  Then large buffers are shared by all ranks but for their last 64 KiB, which hold what is decided
 *  by: counts, errors, signals. Numbers in them mean nothing.
 */
#ifndef SCALING_SAMPLED_H
#define SCALING_SAMPLED_H

#include <stdbool.h>

/** Before any other call; the same on all ranks. */
void sampled_begin(void);
/** Whether numbers mean something. */
bool sampled_is_exact(void);
/** This rank computes for so many seconds of simulated time, more or less soon. */
void sampled_spend(double seconds);
/** What was spent so far has passed. */
void sampled_pay(void);
/** Write the table. On one rank. 0, or errno. */
int sampled_end(void);

#endif

/* reference_loop.h - the unit that engine figures are ratios to, so that they mean the same on a slow and on a fast day.
 *
 * One turn: an exponential gap (libm's log), one hold (pop and push) on a binary heap of 96 entries, one touch of a 64-byte record in a
 * ring. 18-26 ns on the machines this was written on. */
#ifndef TOKENMILL_BENCH_REFERENCE_LOOP_H
#define TOKENMILL_BENCH_REFERENCE_LOOP_H

#include <stdint.h>

/* CPU seconds of one turn, the mean over some tens of milliseconds. A noisy machine wants one before each thing that is measured. */
double reference_turn_s(void);

/* CPU seconds of this thread so far. */
double cpu_now_s(void);

#endif

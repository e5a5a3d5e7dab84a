/* check.h - assertions for our own bugs. A user's mistake is a diagnostic (diag.h), never a CHECK.
 *
 * CHECK stays in every build; CHECK_SLOW (walks over state, conservation at every step) in debug and test
 * builds only, where TOKENMILL_SLOW_CHECKS is defined. A failed check prints where, the simulated time and the seed of
 * the run on this thread, and aborts (exit 134). */
#ifndef TOKENMILL_BASE_CHECK_H
#define TOKENMILL_BASE_CHECK_H

#include <stdint.h>

/* Says what run this thread is in, for the message of a failed check. Seconds of simulated time. */
void check_context_set(uint64_t seed, double simulated_s);

_Noreturn void check_failed(const char *condition, const char *file, int line);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

/* For the place that no run may reach. `what` would have to hold. */
#define CHECK_NEVER(what) check_failed(what, __FILE__, __LINE__)

#ifdef TOKENMILL_SLOW_CHECKS
#define CHECK_SLOW(condition) CHECK(condition)
#else
#define CHECK_SLOW(condition) ((void)sizeof(condition))
#endif

#endif

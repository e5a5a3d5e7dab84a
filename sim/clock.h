/* clock.h - simulated time.
 *
 * An instant and a duration are i128 counts of 2^-20 ps ("units"). Events are ordered by their key, floor(instant / 2^25): 32 ps,
 * so that int64 lasts nine years. Integers are associative: how time is cut cannot change a bit. */
#ifndef TOKENMILL_SIM_CLOCK_H
#define TOKENMILL_SIM_CLOCK_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/int128.h"
#include "models/step_model.h" /* UNIT_PER_S */

enum { KEY_SHIFT = 25 };
_Static_assert((i128)1 << KEY_SHIFT == STEP_UNITS_MIN, "a step takes a key at least");

/* Keys per second: 1e12 ps / 32 ps. */
#define KEY_PER_S 31250000000LL

#define KEY_NEVER INT64_MAX

#define MINUTE_UNITS (((i128)60 * KEY_PER_S) << KEY_SHIFT)

static inline i128 instant_of_key(int64_t key) {
    return (i128)key << KEY_SHIFT;
}

static inline int64_t key_of_instant(i128 instant) {
    return (int64_t)(instant >> KEY_SHIFT);
}

/* The first key at or after `instant`. */
static inline int64_t key_at_or_after(i128 instant) {
    return (int64_t)((instant + ((i128)1 << KEY_SHIFT) - 1) >> KEY_SHIFT);
}

/* Seconds, to the nearest double. */
static inline double units_to_s(i128 units) {
    return i128_to_double(units) / UNIT_PER_S;
}

static inline double key_to_s(int64_t key) {
    return units_to_s(instant_of_key(key));
}

/* The key nearest to `seconds`; needs 0 <= seconds <= 9 years (checked by the reader of scenarios). */
static inline int64_t key_of_s(double seconds) {
    return (int64_t)nearbyint(seconds * (double)KEY_PER_S);
}

#endif

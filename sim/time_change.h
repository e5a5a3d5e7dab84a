/* time_change.h - a rate that varies by hour of day or week, as an exact change of time.
 *
 * Multipliers m_i, one an hour, become integer weights w_i = round(m_i / mean 2^30); with W = sum w_i over n hours the rate in
 * hour i is w_i n / W times the mean, exactly, so that a period takes exactly its own time. The cumulative rate is
 * piecewise linear; its inverse is computed in integers, each instant floored to the clock's unit. Pure, O(log n). */
#ifndef TOKENMILL_SIM_TIME_CHANGE_H
#define TOKENMILL_SIM_TIME_CHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/int128.h"

enum { TIME_CHANGE_HOURS_MAX = 168 };

struct time_change {
    size_t count;                               /* hours; 0: time passes as it is */
    i128 weight_sum;                            /* W */
    i128 weight[TIME_CHANGE_HOURS_MAX];         /* w_i */
    i128 cumulative[TIME_CHANGE_HOURS_MAX + 1]; /* at the start of hour i, in units x W */
    i128 offset;                                /* instant of the profile at t = 0, units */
    i128 cumulative_offset;                     /* cumulative there */
};

/* `count` multipliers, finite, >= 0, not all 0; 0 of them: the identity. At t = 0 the profile is `offset_s` >= 0 seconds in. */
void time_change_init(struct time_change *change, const double *multipliers, size_t count, int64_t offset_s);

/* The instant t at which the integral of the rate over [0, t] is that of the mean rate over [0, operational].
 * 0 <= operational < 2^88 units (nine years). Where the rate is 0, the end of that stretch. */
i128 time_change_map(const struct time_change *change, i128 operational);

#endif

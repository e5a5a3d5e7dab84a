#include "sim/time_change.h"

#include <math.h>

#include "base/check.h"
#include "models/step_model.h" /* UNIT_PER_S */

#define HOUR_UNITS ((i128)3600 * (i128)UNIT_PER_S)

enum { WEIGHT_BITS = 30 };

/* Units x W from the profile's beginning to `instant`, which lies in its first period. */
static i128 cumulative_at(const struct time_change *change, i128 instant) {
    size_t hour = (size_t)(instant / HOUR_UNITS);
    i128 into = instant % HOUR_UNITS;
    return change->cumulative[hour] + into * change->weight[hour] * (i128)change->count;
}

void time_change_init(struct time_change *change, const double *multipliers, size_t count, int64_t offset_s) {
    CHECK(count <= TIME_CHANGE_HOURS_MAX && offset_s >= 0);
    *change = (struct time_change){.count = count};
    if (count == 0) {
        return;
    }
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        CHECK(multipliers[i] >= 0.0 && isfinite(multipliers[i]));
        sum += multipliers[i];
    }
    CHECK(sum > 0.0 && isfinite(sum));
    double scale = (double)(1LL << WEIGHT_BITS) / (sum / (double)count);
    for (size_t i = 0; i < count; i++) {
        change->weight[i] = (i128)nearbyint(multipliers[i] * scale);
        change->weight_sum += change->weight[i];
        change->cumulative[i + 1] = change->cumulative[i] + change->weight[i] * (i128)count * HOUR_UNITS;
    }
    change->offset = (i128)offset_s * (i128)UNIT_PER_S % ((i128)count * HOUR_UNITS);
    change->cumulative_offset = cumulative_at(change, change->offset);
}

/* The hour in whose half-open stretch of the cumulative rate `amount` lies; never one of weight 0. */
static size_t hour_of(const struct time_change *change, i128 amount) {
    size_t low = 0;
    size_t high = change->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (change->cumulative[middle] <= amount) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

i128 time_change_map(const struct time_change *change, i128 operational) {
    if (change->count == 0) {
        return operational;
    }
    i128 period = change->cumulative[change->count];
    i128 amount = operational * change->weight_sum + change->cumulative_offset;
    i128 periods = amount / period;
    i128 rest = amount % period;
    size_t hour = hour_of(change, rest);
    i128 into = (rest - change->cumulative[hour]) / (change->weight[hour] * (i128)change->count);
    return (periods * (i128)change->count + (i128)hour) * HOUR_UNITS + into - change->offset;
}

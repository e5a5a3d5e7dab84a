#include "sim/leap/series.h"

#include <math.h>
#include <stdbool.h>

#include "base/check.h"

int64_t series_fitting(struct series series, int64_t count) {
    int64_t last, total;
    count = count < STRETCH_STEPS_MAX ? count : STRETCH_STEPS_MAX;
    if (__builtin_mul_overflow(series.growth, count, &last) || __builtin_add_overflow(last, series.first, &last) ||
        last > STRETCH_TIME_MAX) {
        return 1;
    }
    bool fits = !__builtin_mul_overflow(last, count, &total) && total <= STRETCH_TIME_MAX;
    return fits ? count : STRETCH_TIME_MAX / last;
}

/* Near the answer: the root of the quadratic in doubles. */
static int64_t guess(struct series series, int64_t total) {
    double first = (double)series.first;
    double growth = (double)series.growth;
    double sum = (double)total;
    double p = first - growth / 2;
    double n = 2 * sum / (p + sqrt(p * p + 2 * growth * sum));
    return n < 1 ? 1 : (int64_t)n;
}

int64_t series_count_to(struct series series, int64_t total) {
    CHECK_SLOW(series.first > 0 && series.growth >= 0);
    if (total <= series.first) {
        return 1;
    }
    int64_t n = guess(series, total);
    while (series_sum(series, n) < total) {
        n++;
    }
    while (n > 1 && series_sum(series, n - 1) >= total) {
        n--;
    }
    return n;
}

#include "sim/leap/series.h"

#include <math.h>

#include "base/check.h"

int64_t series_fitting(struct series series, int64_t count) {
    count = count < STRETCH_STEPS_MAX ? count : STRETCH_STEPS_MAX;
    while (count > 1 && (i128)series.first * count + (i128)series.growth * triangle(count) > STRETCH_TIME_MAX) {
        count /= 2;
    }
    return count;
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

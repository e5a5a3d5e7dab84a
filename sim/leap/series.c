#include "sim/leap/series.h"

#include <math.h>

#include "base/check.h"

i128 series_product_sum(struct series a, struct series b, int64_t count) {
    i128 n = count;
    i128 ones = n * (n - 1) / 2;               /* 0 + 1 + ... + (n - 1) */
    i128 squares = n * (n - 1) * (2 * n - 1) / 6;
    return a.first * b.first * n + (a.first * b.growth + a.growth * b.first) * ones + a.growth * b.growth * squares;
}

/* Near the answer: the root of the quadratic in doubles. */
static int64_t guess(struct series series, i128 total) {
    double first = i128_to_double(series.first);
    double growth = i128_to_double(series.growth);
    double sum = i128_to_double(total);
    double p = first - growth / 2;
    double n = 2 * sum / (p + sqrt(p * p + 2 * growth * sum));
    return n < 1 ? 1 : n > 4e18 ? (int64_t)4e18 : (int64_t)n;
}

int64_t series_count_to(struct series series, i128 total) {
    CHECK(series.first > 0 && series.growth >= 0);
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

/* Logarithm and exponential work on an unevaluated sum of two doubles (T. Dekker, "A floating-point technique for extending
 * the available precision", Numer. Math. 18, 1971) and round once at the end; pow, log1p and expm1 are the same two cores. */
#include "base/fmath.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* high + low, |low| at most half an ulp of high. */
struct pair {
    double high;
    double low;
};

/* ln 2 cut after 42 bits, so that k * LN2_HIGH is exact for |k| < 2^11, and the rest. */
static const double LN2_HIGH = 0x1.62e42fefa3800p-1;
static const double LN2_LOW = 0x1.ef35793c76730p-45;
static const double ONE_BY_LN2 = 0x1.71547652b82fep+0;
static const double SQRT2 = 0x1.6a09e667f3bcdp+0;
static const struct pair THIRD = {0x1.5555555555555p-2, 0x1.5555555555555p-56};

/* Beyond these, exp is infinite or rounds to zero. */
static const double EXP_ARGUMENT_MAX = 710.0;
static const double EXP_ARGUMENT_MIN = -746.0;

/* Below this, log1p(x) and expm1(x) round to x. */
static const double TINY = 0x1p-54;

/* a + b exactly, for |a| >= |b| or a = 0. */
static struct pair fast_two_sum(double a, double b) {
    double sum = a + b;
    return (struct pair){sum, b - (sum - a)};
}

/* a + b exactly. */
static struct pair two_sum(double a, double b) {
    double sum = a + b;
    double b_part = sum - a;
    return (struct pair){sum, (a - (sum - b_part)) + (b - b_part)};
}

/* The upper 26 bits of `a` in `high`, the others in `low`. */
static struct pair split(double a) {
    double scaled = 0x1.000002p+27 * a;
    double high = scaled - (scaled - a);
    return (struct pair){high, a - high};
}

/* a * b exactly, for |a|, |b| < 2^990 and no underflow. */
static struct pair two_product(double a, double b) {
    struct pair x = split(a);
    struct pair y = split(b);
    double product = a * b;
    return (struct pair){product, ((x.high * y.high - product) + x.high * y.low + x.low * y.high) + x.low * y.low};
}

static struct pair pair_add(struct pair a, struct pair b) {
    struct pair sum = two_sum(a.high, b.high);
    return fast_two_sum(sum.high, sum.low + (a.low + b.low));
}

static struct pair pair_multiply(struct pair a, struct pair b) {
    struct pair product = two_product(a.high, b.high);
    return fast_two_sum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

static struct pair pair_divide(struct pair a, struct pair b) {
    double quotient = a.high / b.high;
    struct pair product = two_product(quotient, b.high);
    double rest = ((a.high - product.high) - product.low) + a.low - quotient * b.low;
    return fast_two_sum(quotient, rest / b.high);
}

/* Coefficients from the constant upwards. */
static double polynomial(const double *coefficients, size_t count, double x) {
    double sum = coefficients[count - 1];
    for (size_t i = count - 1; i-- > 0;) {
        sum = sum * x + coefficients[i];
    }
    return sum;
}

/* 2^exponent for -1022 <= exponent <= 1023. */
static double power_of_two(int exponent) {
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof(power));
    return power;
}

/* x * 2^exponent, rounded once, for 0.5 <= x <= 2 and |exponent| <= 1100. */
static double scale(double x, int exponent) {
    if (exponent > 1000) {
        return x * power_of_two(1000) * power_of_two(exponent - 1000);
    }
    if (exponent < -1000) {
        return x * power_of_two(exponent + 1000) * power_of_two(-1000);
    }
    return x * power_of_two(exponent);
}

/* The k for which x / 2^k is in [sqrt(1/2), sqrt(2)]; x positive, finite and not subnormal. */
static int nearest_exponent(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    int exponent = (int)(bits >> 52) - 1023;
    return scale(1.0, -exponent) * x > SQRT2 ? exponent + 1 : exponent;
}

/* log m = 2 (s + s^3/3 + s^5/5 + ...), s = (m - 1) / (m + 1), for m in [sqrt(1/2), sqrt(2)]: |s| < 0.172. */
static struct pair log_reduced(struct pair m) {
    static const double TAIL[] = {1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11, 1.0 / 13, 1.0 / 15,
                                  1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23, 1.0 / 25};
    struct pair above = two_sum(m.high, 1.0);
    above.low += m.low;
    struct pair s = pair_divide(two_sum(m.high - 1.0, m.low), above);
    struct pair square = pair_multiply(s, s);
    double tail = square.high * polynomial(TAIL, COUNT(TAIL), square.high);
    struct pair factor = fast_two_sum(THIRD.high, tail);
    factor.low += THIRD.low;
    struct pair sum = pair_add(s, pair_multiply(s, pair_multiply(square, factor)));
    return (struct pair){2.0 * sum.high, 2.0 * sum.low};
}

/* log(x) to some 65 bits, for x.high positive, finite and not subnormal. */
static struct pair log_pair(struct pair x) {
    int k = nearest_exponent(x.high);
    struct pair reduced = {scale(1.0, -k) * x.high, scale(1.0, -k) * x.low};
    struct pair shift = {k * LN2_HIGH, k * LN2_LOW};
    return pair_add(fast_two_sum(shift.high, shift.low), log_reduced(reduced));
}

/* The same for a double; subnormals are scaled first. */
static struct pair log_of(double x) {
    if (x >= 0x1p-1022) {
        return log_pair((struct pair){x, 0.0});
    }
    struct pair scaled = log_pair((struct pair){x * 0x1p54, 0.0});
    return pair_add(scaled, fast_two_sum(-54 * LN2_HIGH, -54 * LN2_LOW));
}

double fm_log(double x) {
    if (!(x > 0.0)) {
        return x == 0.0 ? -(double)INFINITY : (double)NAN;
    }
    return isinf(x) ? x : log_of(x).high;
}

double fm_log1p(double x) {
    if (!(x > -1.0)) {
        return x == -1.0 ? -(double)INFINITY : (double)NAN;
    }
    if (isinf(x) || fabs(x) < TINY) {
        return x;
    }
    return log_pair(two_sum(1.0, x)).high;
}

/* x = k ln 2 + r with |r| <= ln 2 / 2; returns exp(r) - 1 to some 57 bits. |x| <= 746. */
static struct pair expm1_reduced(struct pair x, int *k) {
    static const double TAIL[] = {
        1.0 / 2,
        1.0 / 6,
        1.0 / 24,
        1.0 / 120,
        1.0 / 720,
        1.0 / 5040,
        1.0 / 40320,
        1.0 / 362880,
        1.0 / 3628800,
        1.0 / 39916800,
        1.0 / 479001600,
        1.0 / 6227020800,
        1.0 / 8.71782912e10,
        1.0 / 1.307674368e12,
        1.0 / 2.0922789888e13,
    };
    double count = x.high * ONE_BY_LN2;
    *k = (int)(count < 0.0 ? count - 0.5 : count + 0.5);
    struct pair r = two_sum(x.high - *k * LN2_HIGH, -(*k * LN2_LOW));
    r = fast_two_sum(r.high, r.low + x.low);
    double tail = r.high * r.high * polynomial(TAIL, COUNT(TAIL), r.high);
    return fast_two_sum(r.high, r.low + r.low * r.high + tail);
}

/* exp(x), x.high not NaN. */
static double exp_pair(struct pair x) {
    if (x.high > EXP_ARGUMENT_MAX) {
        return (double)INFINITY;
    }
    if (x.high < EXP_ARGUMENT_MIN) {
        return 0.0;
    }
    int k;
    struct pair excess = expm1_reduced(x, &k);
    struct pair sum = fast_two_sum(1.0, excess.high);
    return scale(sum.high + (sum.low + excess.low), k);
}

double fm_exp(double x) {
    return isnan(x) ? x : exp_pair((struct pair){x, 0.0});
}

double fm_expm1(double x) {
    if (isnan(x) || fabs(x) < TINY) {
        return x;
    }
    if (x > EXP_ARGUMENT_MAX || x < -50.0) {
        return x < 0.0 ? -1.0 : (double)INFINITY;
    }
    int k;
    struct pair excess = expm1_reduced((struct pair){x, 0.0}, &k);
    if (k > 53) { /* 2^k - 1 is no double: the 1 goes with the low part, of which it is less than an ulp */
        struct pair sum = fast_two_sum(1.0, excess.high);
        return scale(sum.high + (sum.low + excess.low - scale(1.0, -k)), k);
    }
    double power = scale(1.0, k);
    struct pair sum = two_sum(power - 1.0, power * excess.high);
    return sum.high + (sum.low + power * excess.low);
}

/* What needs no arithmetic: x = 0, 1 or infinite, y = 0 or infinite, NaN. */
static bool pow_special(double x, double y, double *result) {
    if (x == 1.0 || y == 0.0) {
        *result = 1.0;
    } else if (isnan(y) || !(x >= 0.0)) {
        *result = (double)NAN;
    } else if (x == 0.0 || isinf(x) || isinf(y)) {
        *result = (x > 1.0) == (y > 0.0) ? (double)INFINITY : 0.0;
    } else {
        return false;
    }
    return true;
}

double fm_pow(double x, double y) {
    double special;
    if (pow_special(x, y, &special)) {
        return special;
    }
    struct pair log_x = log_of(x);
    double estimate = y * log_x.high;
    if (estimate > EXP_ARGUMENT_MAX || estimate < EXP_ARGUMENT_MIN) {
        return estimate > 0.0 ? (double)INFINITY : 0.0;
    }
    struct pair product = two_product(y, log_x.high);
    return exp_pair(fast_two_sum(product.high, product.low + y * log_x.low));
}

struct rational {
    double numerator[8];
    double denominator[8];
};

static double rational_at(const struct rational *rational, double x) {
    return polynomial(rational->numerator, 8, x) / polynomial(rational->denominator, 8, x);
}

/* AS 241's PPND16: |p - 1/2| <= 0.425; sqrt(-log(tail)) <= 5; beyond. */
static const struct rational QUANTILE_CENTRAL = {
    {3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4,
     4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3},
    {1.0, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3, 2.1213794301586595867e+4,
     3.9307895800092710610e+4, 2.8729085735721942674e+4, 5.2264952788528545610e+3},
};
static const struct rational QUANTILE_TAIL = {
    {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4},
    {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
     1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9},
};
static const struct rational QUANTILE_FAR_TAIL = {
    {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7},
    {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131145613259100e-4,
     1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15},
};

double fm_normal_quantile(double p) {
    CHECK(p > 0.0 && p < 1.0);
    double offset = p - 0.5;
    if (fabs(offset) <= 0.425) {
        return offset * rational_at(&QUANTILE_CENTRAL, 0.180625 - offset * offset);
    }
    double depth = sqrt(-fm_log(offset < 0.0 ? p : 1.0 - p));
    double distance =
        depth <= 5.0 ? rational_at(&QUANTILE_TAIL, depth - 1.6) : rational_at(&QUANTILE_FAR_TAIL, depth - 5.0);
    return offset < 0.0 ? -distance : distance;
}

double fm_round_digits(double value, int digits) {
    char text[32];
    if (!isfinite(value)) {
        return value;
    }
    double rounded = value;
    size_t length = text_from_double_digits(value, digits, text, sizeof(text));
    bool in_range = text_to_double((struct span){text, length}, &rounded);
    return in_range ? rounded : value;
}

#include "base/int128.h"

#include <string.h>

#include "base/check.h"

enum { RATIO_PLACES_MAX = 18 };

struct u256 {
    u128 high;
    u128 low;
};

i128 i128_floor_div(i128 a, i128 b) {
    CHECK(b > 0);
    i128 quotient = a / b;
    return quotient - (a % b < 0);
}

i128 i128_ceil_div(i128 a, i128 b) {
    CHECK(b > 0);
    i128 quotient = a / b;
    return quotient + (a % b > 0);
}

/* Schoolbook product of two 128-bit numbers in limbs of 64 bits. */
static struct u256 multiply(u128 a, u128 b) {
    const u128 mask = UINT64_MAX;
    u128 low = (a & mask) * (b & mask);
    u128 cross_a = (a >> 64) * (b & mask);
    u128 cross_b = (a & mask) * (b >> 64);
    u128 middle = (low >> 64) + (cross_a & mask) + (cross_b & mask);
    return (struct u256){
        .high = (a >> 64) * (b >> 64) + (cross_a >> 64) + (cross_b >> 64) + (middle >> 64),
        .low = (middle << 64) | (low & mask),
    };
}

/* Quotient of `dividend` and `divisor` < 2^127, whose quotient fits 128 bits; bit by bit where the dividend needs more than 128. */
static u128 divide(struct u256 dividend, u128 divisor, u128 *remainder) {
    if (dividend.high == 0) {
        *remainder = dividend.low % divisor;
        return dividend.low / divisor;
    }
    CHECK(dividend.high < divisor);
    u128 rest = dividend.high;
    u128 quotient = 0;
    for (int bit = 127; bit >= 0; bit--) {
        rest = rest << 1 | (dividend.low >> bit & 1);
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    *remainder = rest;
    return quotient;
}

i128 i128_mul_div(i128 x, i128 numerator, i128 denominator) {
    CHECK(x >= 0 && numerator >= 0 && denominator > 0);
    u128 remainder;
    u128 quotient = divide(multiply((u128)x, (u128)numerator), (u128)denominator, &remainder);
    CHECK(quotient <= (u128)I128_MAX);
    return (i128)quotient;
}

double i128_to_double(i128 value) {
    return (double)value;
}

bool i128_fits_int64(i128 value) {
    return value >= INT64_MIN && value <= INT64_MAX;
}

static u128 magnitude(i128 value) {
    return value < 0 ? -(u128)value : (u128)value;
}

/* Writes `value` with at least `digits_min` digits, leading zeros before it, and returns the number of digits. */
static size_t digits_to_text(u128 value, unsigned digits_min, char text[I128_TEXT_SIZE]) {
    char reversed[I128_TEXT_SIZE];
    size_t length = 0;
    while (value > 0 || length < digits_min) {
        reversed[length++] = (char)('0' + (int)(value % 10));
        value /= 10;
    }
    for (size_t i = 0; i < length; i++) {
        text[i] = reversed[length - 1 - i];
    }
    text[length] = '\0';
    return length;
}

size_t i128_to_text(i128 value, char text[I128_TEXT_SIZE]) {
    size_t sign = value < 0;
    if (sign) {
        text[0] = '-';
    }
    return sign + digits_to_text(magnitude(value), 1, text + sign);
}

static uint64_t power_of_ten(unsigned exponent) {
    uint64_t power = 1;
    for (unsigned i = 0; i < exponent; i++) {
        power *= 10;
    }
    return power;
}

/* |value| / divisor as whole * 10^places + fraction, rounded to the nearest, ties to even. */
static void round_ratio(u128 value, u128 divisor, uint64_t scale, u128 *whole, u128 *fraction) {
    u128 remainder;
    *whole = value / divisor;
    *fraction = divide(multiply(value % divisor, scale), divisor, &remainder);
    bool last_is_odd = (scale == 1 ? *whole : *fraction) & 1;
    if (2 * remainder > divisor || (2 * remainder == divisor && last_is_odd)) {
        *fraction += 1;
    }
    if (*fraction >= scale) {
        *whole += 1;
        *fraction = 0;
    }
}

size_t i128_ratio_to_text(i128 value, i128 divisor, unsigned places, char *text, size_t size) {
    CHECK(divisor > 0 && places <= RATIO_PLACES_MAX);
    u128 whole;
    u128 fraction;
    round_ratio(magnitude(value), (u128)divisor, power_of_ten(places), &whole, &fraction);
    char buffer[1 + 2 * I128_TEXT_SIZE];
    size_t length = 0;
    if (value < 0 && (whole > 0 || fraction > 0)) {
        buffer[length++] = '-';
    }
    length += digits_to_text(whole, 1, buffer + length);
    if (places > 0) {
        buffer[length++] = '.';
        length += digits_to_text(fraction, places, buffer + length);
    }
    CHECK(length < size);
    memcpy(text, buffer, length + 1);
    return length;
}

#include "base/histogram.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"

enum { LINEAR_BITS = 9 }; /* 2^9 = HISTOGRAM_BINS_PER_OCTAVE */

struct bin {
    unsigned octave;
    unsigned index;
};

static unsigned bit_length(u128 value) {
    uint64_t high = (uint64_t)(value >> 64);
    uint64_t low = (uint64_t)value;
    if (high != 0) {
        return 128 - (unsigned)__builtin_clzll(high);
    }
    return low != 0 ? 64 - (unsigned)__builtin_clzll(low) : 0;
}

/* Octave 0 holds 0..511, one value a bin; octave k >= 1 holds 2^(k+8) .. 2^(k+9) - 1, 2^(k-1) values a bin. */
static struct bin bin_of(i128 value) {
    if (value < HISTOGRAM_BINS_PER_OCTAVE) {
        return (struct bin){.octave = 0, .index = (unsigned)value};
    }
    unsigned bits = value <= INT64_MAX ? 64 - (unsigned)__builtin_clzll((uint64_t)value) : bit_length((u128)value);
    unsigned octave = bits - LINEAR_BITS;
    return (struct bin){
        .octave = octave,
        .index = (unsigned)(value >> (octave - 1)) - HISTOGRAM_BINS_PER_OCTAVE,
    };
}

static i128 bin_upper_edge(struct bin bin) {
    if (bin.octave == 0) {
        return bin.index;
    }
    u128 next = (u128)(HISTOGRAM_BINS_PER_OCTAVE + bin.index + 1) << (bin.octave - 1);
    return (i128)(next - 1);
}

void histogram_init(struct histogram *histogram) {
    *histogram = (struct histogram){.max = -1};
}

void histogram_release(struct histogram *histogram) {
    if (histogram == NULL) {
        return;
    }
    for (unsigned octave = 0; octave < HISTOGRAM_OCTAVES; octave++) {
        free(histogram->octaves[octave]);
    }
    histogram_init(histogram);
}

static uint64_t *octave_bins(struct histogram *histogram, unsigned octave) {
    if (histogram->octaves[octave] == NULL) {
        histogram->octaves[octave] = xcalloc(HISTOGRAM_BINS_PER_OCTAVE, sizeof(uint64_t));
    }
    return histogram->octaves[octave];
}

/* Values of 64 bits and counts below this cannot overflow the sum before the count comes near to it, which nothing does in such portions. */
#define SMALL_COUNT ((uint64_t)1 << 40)
#define SMALL_TERM  ((i128)1 << 62)

/* bin_of, for values of 64 bits: with `shift` such that value >> shift has at most ten bits, and ten where it can, bins are numbered
 * 512 x shift + (value >> shift) through all octaves. */
static unsigned small_shift(uint64_t value) {
    return (63 ^ (unsigned)__builtin_clzll(value | HISTOGRAM_BINS_PER_OCTAVE)) - LINEAR_BITS;
}

static struct bin small_bin_of(uint64_t value, unsigned shift) {
    unsigned number = (shift << LINEAR_BITS) + (unsigned)(value >> shift);
    return (struct bin){.octave = number >> LINEAR_BITS, .index = number % HISTOGRAM_BINS_PER_OCTAVE};
}

static __attribute__((noinline)) void add_any(struct histogram *histogram, i128 value, uint64_t count) {
    i128 amount = value;
    CHECK(value >= 0);
    CHECK(count == 1 || !__builtin_mul_overflow(value, (i128)count, &amount));
    CHECK(!__builtin_add_overflow(histogram->sum, amount, &histogram->sum));
    CHECK(!__builtin_add_overflow(histogram->count, count, &histogram->count));
    struct bin bin = bin_of(value);
    octave_bins(histogram, bin.octave)[bin.index] += count;
    if (value > histogram->max) {
        histogram->max = value;
    }
}

void histogram_add(struct histogram *histogram, i128 value, uint64_t count) {
    uint64_t low = (uint64_t)value;
    struct bin bin = small_bin_of(low, small_shift(low));
    uint64_t *bins = histogram->octaves[bin.octave];
    if (value >> 64 != 0 || count - 1 >= SMALL_COUNT || bins == NULL) {
        if (count > 0) {
            add_any(histogram, value, count);
        }
        return;
    }
    bins[bin.index] += count;
    histogram->sum += (i128)((u128)low * count);
    histogram->count += count;
    if (value > histogram->max) {
        histogram->max = value;
    }
}

/* Puts terms of 64 bits into their bins. */
static void add_far_terms(struct histogram *histogram, int64_t value, int64_t growth, int64_t terms, uint64_t count) {
    while (terms > 0) {
        unsigned shift = small_shift((uint64_t)value);
        struct bin bin = small_bin_of((uint64_t)value, shift);
        int64_t edge = value | (((int64_t)1 << shift) - 1);
        int64_t fitting = (edge - value) / growth + 1;
        int64_t same = fitting < terms ? fitting : terms;
        octave_bins(histogram, bin.octave)[bin.index] += (uint64_t)same * count;
        value += growth * same;
        terms -= same;
    }
}

/* The same where growth is a bin's width at most, so that no bin between the first and the last is empty. A bin has as many terms as its
 * width has room for, `each` or one more: that depends on where its first term lies in it. */
static void add_near_terms(struct histogram *histogram, int64_t first, int64_t growth, int64_t terms, uint64_t count) {
    unsigned shift = small_shift((uint64_t)first);
    int64_t width = (int64_t)1 << shift;
    int64_t before_edge = ~first & (width - 1);
    int64_t each = width / growth;
    int64_t rest = width - each * growth;
    int64_t same = before_edge / growth + 1;
    struct bin bin = small_bin_of((uint64_t)first, shift);
    uint64_t *bins = octave_bins(histogram, bin.octave);
    for (int64_t offset = width - 1 - before_edge;;) {
        same = same < terms ? same : terms;
        bins[bin.index] += (uint64_t)same * count;
        terms -= same;
        if (terms == 0) {
            return;
        }
        offset += growth * same - width;
        if (++bin.index == HISTOGRAM_BINS_PER_OCTAVE) {
            bin = (struct bin){.octave = bin.octave + 1};
            bins = octave_bins(histogram, bin.octave);
            if (bin.octave > 1) { /* bins are twice as wide */
                bool more = 2 * rest >= growth;
                width *= 2;
                each = 2 * each + more;
                rest = 2 * rest - (more ? growth : 0);
            }
        }
        same = each + (offset < rest);
    }
}

/* Adds a series whose terms are all below SMALL_TERM. */
static void add_small_series(struct histogram *histogram, int64_t first, int64_t growth, int64_t terms,
                             uint64_t count) {
    int64_t last = first + growth * (terms - 1);
    histogram->sum +=
        (i128)((u128)(uint64_t)(first + last) * (uint64_t)terms >> 1) * (int64_t)count; /* the product is even */
    histogram->count += (uint64_t)terms * count;
    if (last > histogram->max) {
        histogram->max = last;
    }
    if (growth >> small_shift((uint64_t)first) == 0) {
        add_near_terms(histogram, first, growth, terms, count);
    } else {
        add_far_terms(histogram, first, growth, terms, count);
    }
}

/* Puts any terms into their bins. */
static void add_terms(struct histogram *histogram, i128 value, i128 growth, uint64_t terms, uint64_t count) {
    while (terms > 0) {
        struct bin bin = bin_of(value);
        i128 fitting = (bin_upper_edge(bin) - value) / growth + 1;
        uint64_t same = fitting < (i128)terms ? (uint64_t)fitting : terms;
        octave_bins(histogram, bin.octave)[bin.index] += same * count;
        value += growth * (i128)same;
        terms -= same;
    }
}

void histogram_add_series(struct histogram *histogram, i128 first, i128 growth, uint64_t terms, uint64_t count) {
    CHECK(first >= 0 && growth >= 0);
    if (terms == 0 || count == 0) {
        return;
    }
    if (growth == 0) {
        histogram_add(histogram, first, terms * count);
        return;
    }
    i128 last = first + growth * (i128)(terms - 1);
    if (last < SMALL_TERM) { /* and so is first, and growth where it counts */
        add_small_series(histogram, (int64_t)first, (int64_t)growth, (int64_t)terms, count);
        return;
    }
    add_terms(histogram, first, growth, terms, count);
    histogram->sum += ((first + last) * (i128)terms >> 1) * (i128)count;
    histogram->count += terms * count;
    if (last > histogram->max) {
        histogram->max = last;
    }
}

void histogram_merge(struct histogram *into, const struct histogram *from) {
    for (unsigned octave = 0; octave < HISTOGRAM_OCTAVES; octave++) {
        const uint64_t *bins = from->octaves[octave];
        if (bins == NULL) {
            continue;
        }
        uint64_t *sums = octave_bins(into, octave);
        for (unsigned index = 0; index < HISTOGRAM_BINS_PER_OCTAVE; index++) {
            sums[index] += bins[index];
        }
    }
    CHECK(!__builtin_add_overflow(into->sum, from->sum, &into->sum));
    CHECK(!__builtin_add_overflow(into->count, from->count, &into->count));
    if (from->max > into->max) {
        into->max = from->max;
    }
}

static uint64_t bin_count(const struct histogram *histogram, struct bin bin) {
    const uint64_t *bins = histogram == NULL ? NULL : histogram->octaves[bin.octave];
    return bins == NULL ? 0 : bins[bin.index];
}

static bool octave_is_used(const struct histogram *histogram, unsigned octave) {
    return histogram != NULL && histogram->octaves[octave] != NULL;
}

/* known >= ceil(numerator / denominator * decided), in integers. */
static bool rank_is_reached(uint64_t known, uint64_t decided, uint64_t numerator, uint64_t denominator) {
    return (u128)known * denominator >= (u128)decided * numerator;
}

/* The upper edge of a bin; in the bin that holds the maximum, the maximum. */
static i128 clipped_edge(struct bin bin, i128 max) {
    struct bin last = bin_of(max);
    bool holds_max = bin.octave == last.octave && bin.index == last.index;
    return holds_max ? max : bin_upper_edge(bin);
}

/* What a bin is called: where both have values in it, the greater. */
static i128 name_of(struct bin bin, const struct histogram *known, const struct histogram *undecided) {
    i128 edge = clipped_edge(bin, known->max);
    i128 other = bin_count(undecided, bin) > 0 ? clipped_edge(bin, undecided->max) : edge;
    return other > edge ? other : edge;
}

bool histogram_quantile(const struct histogram *known, const struct histogram *undecided, uint64_t numerator,
                        uint64_t denominator, i128 *value) {
    CHECK(numerator > 0 && numerator <= denominator);
    if (known->count == 0) {
        return false;
    }
    uint64_t known_below = 0;
    uint64_t decided = known->count + (undecided == NULL ? 0 : undecided->count);
    struct bin bin;
    for (bin.octave = 0; bin.octave < HISTOGRAM_OCTAVES; bin.octave++) {
        if (!octave_is_used(known, bin.octave) && !octave_is_used(undecided, bin.octave)) {
            continue;
        }
        for (bin.index = 0; bin.index < HISTOGRAM_BINS_PER_OCTAVE; bin.index++) {
            known_below += bin_count(known, bin);
            decided -= bin_count(undecided, bin);
            if (rank_is_reached(known_below, decided, numerator, denominator)) {
                *value = name_of(bin, known, undecided);
                return true;
            }
        }
    }
    return false;
}

#include "base/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { VALUES_MAX = 60 };

static uint64_t state;

static uint64_t next_word(void) { /* splitmix64: tests only */
    uint64_t z = (state += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

/* What a bin's upper edge is, straight from the header's sentence: 512 equal bins in each octave from 512 on. */
static i128 upper_edge(i128 value) {
    i128 width = 1;
    while (value >= width * 2 * HISTOGRAM_BINS_PER_OCTAVE) {
        width *= 2;
    }
    return value < HISTOGRAM_BINS_PER_OCTAVE ? value : value / width * width + (width - 1);
}

static struct histogram histogram_of(const i128 *values, size_t count) {
    struct histogram histogram;
    histogram_init(&histogram);
    for (size_t i = 0; i < count; i++) {
        histogram_add(&histogram, values[i], 1);
    }
    return histogram;
}

static uint64_t count_up_to(const i128 *values, size_t count, i128 edge) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += upper_edge(values[i]) <= edge;
    }
    return sum;
}

struct sample {
    i128 known[VALUES_MAX];
    size_t known_count;
    i128 undecided[VALUES_MAX];
    size_t undecided_count;
};

/* What the bin up to `edge` is called: its greatest value if that is the greatest of its kind, the edge otherwise. */
static i128 slow_name(const i128 *values, size_t count, i128 edge) {
    i128 max = 0;
    for (size_t i = 0; i < count; i++) {
        max = values[i] > max ? values[i] : max;
    }
    return upper_edge(max) == edge ? max : edge;
}

static bool has_bin(const i128 *values, size_t count, i128 edge) {
    for (size_t i = 0; i < count; i++) {
        if (upper_edge(values[i]) == edge) {
            return true;
        }
    }
    return false;
}

/* The definition, tried at each edge in turn; -1 where there is none. */
static i128 slow_quantile(const struct sample *sample, uint64_t numerator, uint64_t denominator) {
    i128 best = -1;
    for (size_t i = 0; i < sample->known_count + sample->undecided_count && sample->known_count > 0; i++) {
        bool is_known = i < sample->known_count;
        i128 edge = upper_edge(is_known ? sample->known[i] : sample->undecided[i - sample->known_count]);
        uint64_t below = count_up_to(sample->known, sample->known_count, edge);
        uint64_t open = count_up_to(sample->undecided, sample->undecided_count, edge);
        uint64_t decided = sample->known_count + sample->undecided_count - open;
        uint64_t rank = (numerator * decided + denominator - 1) / denominator;
        if (below >= rank && (best < 0 || edge < best)) {
            best = edge;
        }
    }
    i128 known = slow_name(sample->known, sample->known_count, best);
    i128 open = slow_name(sample->undecided, sample->undecided_count, best);
    return has_bin(sample->undecided, sample->undecided_count, best) && open > known ? open : known;
}

/* Of 1 to `bits_max` bits, every length as likely. */
static i128 any_value(unsigned bits_max) {
    u128 high = next_word();
    u128 low = next_word();
    unsigned bits = 1 + (unsigned)(next_word() % bits_max);
    return (i128)((high << 64 | low) >> (128 - bits));
}

static void fill(struct sample *sample, unsigned bits_max) {
    sample->known_count = next_word() % VALUES_MAX;
    sample->undecided_count = next_word() % 3 == 0 ? 0 : next_word() % VALUES_MAX;
    for (size_t i = 0; i < sample->known_count; i++) {
        sample->known[i] = any_value(bits_max);
    }
    for (size_t i = 0; i < sample->undecided_count; i++) {
        sample->undecided[i] = any_value(bits_max);
    }
}

static void quantile_is_the_definition_with_and_without_undecided_values(void **context) {
    (void)context;
    static const uint64_t RATIOS[][2] = {{1, 2}, {9, 10}, {19, 20}, {99, 100}, {1, 1}, {1, 1000}};
    state = 1;
    for (int trial = 0; trial < 1000; trial++) {
        struct sample sample;
        fill(&sample, trial % 2 ? 120 : 15);
        struct histogram known = histogram_of(sample.known, sample.known_count);
        struct histogram undecided = histogram_of(sample.undecided, sample.undecided_count);
        for (size_t i = 0; i < sizeof(RATIOS) / sizeof(RATIOS[0]); i++) {
            i128 value = -1;
            bool found = histogram_quantile(&known, &undecided, RATIOS[i][0], RATIOS[i][1], &value);
            i128 expected = slow_quantile(&sample, RATIOS[i][0], RATIOS[i][1]);
            assert_int_equal(found, expected >= 0);
            assert_true(value == expected);
        }
        histogram_release(&known);
        histogram_release(&undecided);
    }
}

static void quantile_without_values_is_none(void **context) {
    (void)context;
    struct histogram known = histogram_of(NULL, 0);
    struct histogram undecided = histogram_of((const i128[]){5}, 1);
    i128 value = 77;
    assert_false(histogram_quantile(&known, NULL, 1, 2, &value));
    assert_false(histogram_quantile(&known, &undecided, 1, 2, &value));
    assert_true(value == 77);
    histogram_release(&known);
    histogram_release(&undecided);
}

/* Nine known at 1 and 91 unfinished that have waited for 1000: at x = 1 only 9 of 100 are good. */
static void many_unfinished_requests_leave_the_median_undetermined_below_their_age(void **context) {
    (void)context;
    struct histogram known = histogram_of(NULL, 0);
    struct histogram undecided = histogram_of(NULL, 0);
    histogram_add(&known, 1, 9);
    histogram_add(&undecided, 1000, 91);
    i128 value = 0;
    assert_true(histogram_quantile(&known, &undecided, 9, 100, &value));
    assert_true(value == 1);
    histogram_add(&known, 5000, 1);
    assert_true(histogram_quantile(&known, &undecided, 1, 2, &value));
    assert_true(value == upper_edge(1000));
    histogram_release(&known);
    histogram_release(&undecided);
}

static void small_values_have_a_bin_each(void **context) {
    (void)context;
    for (i128 value = 0; value < 1024; value++) {
        struct histogram histogram = histogram_of((const i128[]){value, 1 << 20}, 2);
        i128 median = -1;
        assert_true(histogram_quantile(&histogram, NULL, 1, 2, &median));
        assert_true(median == value);
        histogram_release(&histogram);
    }
}

static void a_bin_is_at_most_a_512th_of_its_value_wide(void **context) {
    (void)context;
    state = 3;
    for (int trial = 0; trial < 3000; trial++) {
        i128 value = any_value(125);
        struct histogram histogram = histogram_of((const i128[]){value, I128_MAX / 2}, 2);
        i128 median = -1;
        assert_true(histogram_quantile(&histogram, NULL, 1, 2, &median));
        assert_true(median >= value && median - value <= value / 512);
        histogram_release(&histogram);
    }
}

static void sum_count_and_max_are_exact(void **context) {
    (void)context;
    struct histogram histogram;
    histogram_init(&histogram);
    assert_true(histogram.max == -1);
    histogram_add(&histogram, 1000003, 7);
    histogram_add(&histogram, 5, 0);
    histogram_add(&histogram, 12345678901234567, 2);
    assert_true(histogram.sum == (i128)7 * 1000003 + (i128)2 * 12345678901234567);
    assert_int_equal(histogram.count, 9);
    assert_true(histogram.max == 12345678901234567);
    histogram_release(&histogram);
}

static void the_greatest_value_has_a_bin(void **context) {
    (void)context;
    struct histogram histogram = histogram_of((const i128[]){I128_MAX}, 1);
    i128 value = 0;
    assert_true(histogram_quantile(&histogram, NULL, 1, 1, &value));
    assert_true(value == I128_MAX);
    histogram_release(&histogram);
}

/* Of 1000 known and 3 open requests the 99.9th percentile needs rank ceil(0.999 x 1003) = 1002 while all three count, and
 * ceil(0.999 x 1000) = 999 at their age: 5000. Half of the known are at 100, the rest at 4000. */
static void a_percentile_lies_above_the_known_where_open_requests_decide(void **context) {
    (void)context;
    struct histogram known, open;
    histogram_init(&known);
    histogram_init(&open);
    histogram_add(&known, 100, 500);
    histogram_add(&known, 4000, 500);
    histogram_add(&open, 5000, 3);
    i128 value = 0;
    assert_true(histogram_quantile(&known, &open, 999, 1000, &value));
    assert_true(value >= 5000 && value < 5016);
    assert_true(histogram_quantile(&known, &open, 50, 100, &value));
    assert_true(value == 4000);
    histogram_release(&known);
    histogram_release(&open);
}

/* The same where the open requests' age falls into the bin of the greatest known value: it is not hidden behind that value. */
static void an_open_request_in_the_last_bin_is_not_hidden(void **context) {
    (void)context;
    struct histogram known, open;
    histogram_init(&known);
    histogram_init(&open);
    histogram_add(&known, 100, 500);
    histogram_add(&known, 4000000, 500);
    histogram_add(&open, 4000300, 3);
    i128 value = 0;
    assert_true(histogram_quantile(&known, &open, 999, 1000, &value));
    assert_true(value == 4000300);
    histogram_release(&known);
    histogram_release(&open);
}

static void same_as_its_terms(i128 first, i128 growth, uint64_t terms) {
    struct histogram whole, single;
    histogram_init(&whole);
    histogram_init(&single);
    histogram_add_series(&whole, first, growth, terms, 7);
    for (uint64_t i = 0; i < terms; i++) {
        histogram_add(&single, first + growth * (i128)i, 7);
    }
    assert_true(whole.sum == single.sum && whole.count == single.count && whole.max == single.max);
    for (size_t octave = 0; octave < HISTOGRAM_OCTAVES; octave++) {
        assert_true((whole.octaves[octave] == NULL) == (single.octaves[octave] == NULL));
        if (single.octaves[octave] != NULL) {
            assert_memory_equal(whole.octaves[octave], single.octaves[octave], 512 * sizeof(uint64_t));
        }
    }
    histogram_release(&whole);
    histogram_release(&single);
}

/* A stretch of decoding adds an arithmetic series of gaps at once: the same bins, sum and maximum as one by one. */
static void a_series_is_its_terms(void **context) {
    (void)context;
    state = 5;
    for (int round = 0; round < 200; round++) {
        i128 growth = round % 4 == 0 ? 0 : any_value(40);
        same_as_its_terms(any_value(60), growth, next_word() % 300);
    }
}

/* Several terms in a bin, or one in each or nearly each, through octaves. */
static void a_series_through_octaves_is_its_terms(void **context) {
    (void)context;
    state = 6;
    for (int round = 0; round < 400; round++) {
        int shift = round % 30;
        i128 first = (i128)(next_word() % 5000) << shift;
        i128 growth = (i128)(1 + next_word() % ((uint64_t)6 << shift));
        same_as_its_terms(first, growth, next_word() % 6000);
    }
}

static void merging_gives_what_adding_all_to_one_gives(void **context) {
    (void)context;
    state = 4;
    struct histogram parts[3];
    struct histogram all;
    histogram_init(&all);
    for (size_t i = 0; i < 3; i++) {
        histogram_init(&parts[i]);
    }
    for (int i = 0; i < 1000; i++) {
        i128 value = any_value(100);
        histogram_add(&all, value, 3);
        histogram_add(&parts[next_word() % 3], value, 3);
    }
    histogram_merge(&parts[2], &parts[0]);
    histogram_merge(&parts[2], &parts[1]);
    assert_true(parts[2].sum == all.sum && parts[2].count == all.count && parts[2].max == all.max);
    for (size_t octave = 0; octave < HISTOGRAM_OCTAVES; octave++) {
        assert_int_equal(parts[2].octaves[octave] == NULL, all.octaves[octave] == NULL);
        if (all.octaves[octave] != NULL) {
            assert_memory_equal(parts[2].octaves[octave], all.octaves[octave], 512 * sizeof(uint64_t));
        }
    }
    histogram_release(&all);
    for (size_t i = 0; i < 3; i++) {
        histogram_release(&parts[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantile_is_the_definition_with_and_without_undecided_values),
        cmocka_unit_test(quantile_without_values_is_none),
        cmocka_unit_test(many_unfinished_requests_leave_the_median_undetermined_below_their_age),
        cmocka_unit_test(small_values_have_a_bin_each),
        cmocka_unit_test(a_bin_is_at_most_a_512th_of_its_value_wide),
        cmocka_unit_test(sum_count_and_max_are_exact),
        cmocka_unit_test(the_greatest_value_has_a_bin),
        cmocka_unit_test(a_percentile_lies_above_the_known_where_open_requests_decide),
        cmocka_unit_test(an_open_request_in_the_last_bin_is_not_hidden),
        cmocka_unit_test(a_series_is_its_terms),
        cmocka_unit_test(a_series_through_octaves_is_its_terms),
        cmocka_unit_test(merging_gives_what_adding_all_to_one_gives),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}

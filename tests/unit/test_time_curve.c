/* Curves between their nodes, at them, and beyond the last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/time_curve.h"

/* Nodes: 0, 1, ... 64, then every 4 to 128, every 8 to 256, and so on: sixteen an octave. */
static void nodes_are_sixteen_an_octave(void **state) {
    (void)state;
    assert_int_equal(time_curve_number(63), 63);
    assert_int_equal(time_curve_number(64), 64);
    assert_int_equal(time_curve_number(65), 68);
    assert_int_equal(time_curve_number(80), 128);
    assert_int_equal(time_curve_number(81), 136);
    assert_int_equal(time_curve_number(CURVE_NODES - 1), (int64_t)CURVE_EXACT << CURVE_OCTAVES);
}

static double square_s(double number) {
    return number * number;
}

static bool fill(struct time_curve *curve, double (*time_s)(double number), double scale) {
    double times_s[CURVE_NODES];
    for (size_t i = 0; i < CURVE_NODES; i++) {
        times_s[i] = time_s((double)time_curve_number(i));
    }
    return time_curve_fill(curve, times_s + 1, 1, scale);
}

static i128 chord(int64_t low, int64_t high, int64_t number) {
    return (i128)low * low + ((i128)high * high - (i128)low * low) * (number - low) / (high - low);
}

/* A square is its own at nodes and on the chord between them; beyond the last node the last chord goes on. */
static void a_square_is_chords_between_nodes(void **state) {
    (void)state;
    struct time_curve curve;
    assert_true(fill(&curve, square_s, 1));
    assert_true(time_curve_rises(&curve));
    for (size_t i = 0; i < CURVE_NODES; i++) {
        int64_t number = time_curve_number(i);
        assert_true(time_curve_at(&curve, number) == (i128)number * number);
    }
    for (size_t i = 0; i + 1 < CURVE_NODES; i++) {
        int64_t low = time_curve_number(i), high = time_curve_number(i + 1);
        for (int64_t k = 1; k < 4; k++) {
            int64_t number = low + (high - low) * k / 4;
            assert_true(time_curve_at(&curve, number) == chord(low, high, number));
        }
    }
    int64_t low = time_curve_number(CURVE_NODES - 2), last = time_curve_number(CURVE_NODES - 1);
    assert_true(time_curve_at(&curve, 3 * last) == chord(low, last, 3 * last));
    time_curve_release(&curve);
}

static double falling_s(double number) {
    return number < 1000 ? number : 1000 / number;
}

static double negative_s(double number) {
    return 10 - number;
}

static void what_falls_or_is_negative_is_seen(void **state) {
    (void)state;
    struct time_curve curve;
    assert_true(fill(&curve, falling_s, 1e6));
    assert_false(time_curve_rises(&curve));
    time_curve_release(&curve);
    assert_false(fill(&curve, negative_s, 1e6));
    time_curve_release(&curve);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_sixteen_an_octave),
        cmocka_unit_test(a_square_is_chords_between_nodes),
        cmocka_unit_test(what_falls_or_is_negative_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

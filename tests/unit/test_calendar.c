/* The calendar's total order, level by level, and against a linear search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "sim/calendar.h"
#include "sim/clock.h"

static void event_order_is_key_class_index_ordinal(void **state) {
    (void)state;
    static const struct event rising[] = {
        {.key = 4, .class = EVENT_STEP_START, .index = 9, .ordinal = 9},
        {.key = 5, .class = EVENT_STEP_END, .index = 9, .ordinal = 9},
        {.key = 5, .class = EVENT_CUT, .index = 9, .ordinal = 9},
        {.key = 5, .class = EVENT_ARRIVAL, .index = 1, .ordinal = 9},
        {.key = 5, .class = EVENT_ARRIVAL, .index = 2, .ordinal = 3},
        {.key = 5, .class = EVENT_ARRIVAL, .index = 2, .ordinal = 4},
        {.key = 5, .class = EVENT_STEP_START, .index = 0, .ordinal = 0},
        {.key = 6, .class = EVENT_STEP_END, .index = 0, .ordinal = 0},
    };
    enum { COUNT = sizeof rising / sizeof rising[0] };
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            assert_true(event_before(&rising[i], &rising[j]) == (i < j));
        }
    }
}

static void an_empty_calendar_has_no_first(void **state) {
    (void)state;
    struct calendar calendar;
    size_t source = 77;
    struct event event = {.key = 99};
    calendar_init(&calendar, 1);
    assert_false(calendar_first(&calendar, &source, &event));
    assert_int_equal(source, 77);
    assert_int_equal(event.key, 99);
    calendar_set(&calendar, 0, (struct event){.key = 3});
    assert_true(calendar_first(&calendar, &source, &event));
    assert_int_equal(source, 0);
    assert_int_equal(event.key, 3);
    calendar_clear(&calendar, 0);
    assert_false(calendar_first(&calendar, &source, &event));
    calendar_release(&calendar);
}

/* Few keys, classes and ordinals, so that ties abound; the index is the source's, so that the order is total. */
static void the_first_is_what_a_search_finds(void **state) {
    (void)state;
    const struct random_stream stream = random_stream_make(1, 0, RANDOM_SERVICE, "calendar");
    for (size_t sources = 1; sources <= 17; sources++) {
        struct calendar calendar;
        struct event pending[17];
        calendar_init(&calendar, sources);
        for (size_t i = 0; i < sources; i++) {
            pending[i].key = KEY_NEVER;
        }
        for (uint64_t round = 0; round < 2000; round++) {
            uint32_t words[4];
            random_block(stream, round, (uint32_t)sources, words);
            size_t at = words[0] % sources;
            pending[at] = (struct event){words[1] % 3, words[2] % 2, words[3] % 4, (uint32_t)at};
            if (words[1] % 4 == 3) {
                pending[at].key = KEY_NEVER;
                calendar_clear(&calendar, at);
            } else {
                calendar_set(&calendar, at, pending[at]);
            }
            size_t best = 0, found = 99;
            for (size_t i = 1; i < sources; i++) {
                bool better = pending[i].key != KEY_NEVER && event_before(&pending[i], &pending[best]);
                best = better || pending[best].key == KEY_NEVER ? i : best;
            }
            struct event first;
            bool any = calendar_first(&calendar, &found, &first);
            assert_true(any == (pending[best].key != KEY_NEVER));
            assert_true(!any || found == best);
        }
        calendar_release(&calendar);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_order_is_key_class_index_ordinal),
        cmocka_unit_test(an_empty_calendar_has_no_first),
        cmocka_unit_test(the_first_is_what_a_search_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

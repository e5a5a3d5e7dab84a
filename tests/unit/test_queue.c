/* The ring of waiting requests and the heap of those on their way, against plain arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/random.h"
#include "sim/engine/pending.h"
#include "sim/engine/queue.h"

static void the_preempted_go_before_all_others(void **state) {
    (void)state;
    struct queue queue = {0};
    queue_push_back(&queue, 1);
    queue_push_back(&queue, 2);
    queue_push_front(&queue, 3);
    queue_push_front(&queue, 4);
    assert_int_equal(queue.count, 4);
    assert_int_equal(queue_front(&queue), 4);
    assert_int_equal(queue_at(&queue, 3), 2);
    assert_int_equal(queue_pop_front(&queue), 4);
    assert_int_equal(queue_pop_front(&queue), 3);
    assert_int_equal(queue_pop_front(&queue), 1);
    assert_int_equal(queue_pop_front(&queue), 2);
    assert_int_equal(queue.count, 0);
    queue_release(&queue);
}

static void a_queue_is_an_array_that_shifts(void **state) {
    (void)state;
    enum { ROOM = 4000 };
    static uint32_t plain[ROOM];
    const struct random_stream stream = random_stream_make(1, 0, RANDOM_SERVICE, "queue");
    struct queue queue = {0};
    size_t count = 0;
    for (uint32_t i = 0; i < ROOM; i++) {
        uint32_t words[4];
        random_block(stream, i, 0, words);
        if (words[0] % 3 == 0 && count > 0) {
            assert_int_equal(queue_pop_front(&queue), plain[0]);
            memmove(&plain[0], &plain[1], --count * sizeof plain[0]);
        } else if (words[0] % 3 == 1) {
            queue_push_front(&queue, i);
            memmove(&plain[1], &plain[0], count++ * sizeof plain[0]);
            plain[0] = i;
        } else {
            queue_push_back(&queue, i);
            plain[count++] = i;
        }
        assert_int_equal(queue.count, count);
        assert_true(count == 0 || queue_at(&queue, words[1] % count) == plain[words[1] % count]);
    }
    queue_release(&queue);
}

static void the_delayed_leave_by_key_and_ordinal(void **state) {
    (void)state;
    enum { COUNT = 500 };
    const struct random_stream stream = random_stream_make(1, 0, RANDOM_SERVICE, "pending");
    struct pending_heap heap = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t words[4];
        random_block(stream, i, 0, words);
        pending_push(&heap, (struct pending){.key = words[0] % 20, .ordinal = (i * 7) % COUNT, .request = i});
    }
    struct pending last = {.key = -1};
    for (uint32_t i = 0; i < COUNT; i++) {
        struct pending next = pending_pop(&heap);
        assert_true(next.key > last.key || (next.key == last.key && next.ordinal > last.ordinal));
        assert_int_equal(next.ordinal, next.request * 7 % COUNT);
        last = next;
    }
    assert_int_equal(heap.count, 0);
    pending_release(&heap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_preempted_go_before_all_others),
        cmocka_unit_test(a_queue_is_an_array_that_shifts),
        cmocka_unit_test(the_delayed_leave_by_key_and_ordinal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

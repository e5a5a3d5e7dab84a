#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void blocks_are_zeroed_aligned_and_apart(void **context) {
    (void)context;
    struct arena *arena = arena_new();
    enum { COUNT = 3000 };
    unsigned char *blocks[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = i * 7 % 301;
        blocks[i] = arena_alloc(arena, size, 1);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        for (size_t k = 0; k < size; k++) {
            assert_int_equal(blocks[i][k], 0);
        }
        memset(blocks[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < i * 7 % 301; k++) {
            assert_int_equal(blocks[i][k], i % 251);
        }
    }
    arena_free(arena);
}

static void a_large_block_leaves_the_room_of_the_small_ones(void **context) {
    (void)context;
    struct arena *arena = arena_new();
    char *before = arena_alloc(arena, 1, 16);
    unsigned char *large = arena_alloc(arena, 1 << 20, 4);
    char *after = arena_alloc(arena, 1, 16);
    assert_ptr_equal(after, before + 16);
    memset(large, 1, (size_t)4 << 20);
    assert_int_equal(before[15], 0);
    arena_free(arena);
}

static void a_large_block_may_come_first(void **context) {
    (void)context;
    struct arena *arena = arena_new();
    unsigned char *large = arena_alloc(arena, 1 << 20, 1);
    unsigned char *small = arena_alloc(arena, 1, 1);
    large[(1 << 20) - 1] = 1;
    assert_int_equal(*small, 0);
    arena_free(arena);
}

static void nothing_asked_for_is_a_block_too(void **context) {
    (void)context;
    struct arena *arena = arena_new();
    void *first = arena_alloc(arena, 0, 8);
    assert_non_null(first);
    assert_ptr_not_equal(first, arena_alloc(arena, 8, 0));
    arena_free(arena);
}

static void text_is_copied_and_terminated(void **context) {
    (void)context;
    struct arena *arena = arena_new();
    char *copy = arena_text(arena, "chat-70b", 4);
    assert_string_equal(copy, "chat");
    assert_string_equal(arena_text(arena, NULL, 0), "");
    arena_free(arena);
}

static void format_takes_any_length(void **context) {
    (void)context;
    struct arena *arena = arena_new();
    assert_string_equal(arena_format(arena, "%s=%d", "replicas", 4), "replicas=4");
    char *wide = arena_format(arena, "%100000d", 7);
    assert_int_equal(strlen(wide), 100000);
    assert_int_equal(wide[99999], '7');
    arena_free(arena);
}

static void free_accepts_null(void **context) {
    (void)context;
    arena_free(NULL);
}

static void heap_blocks_are_zeroed_and_grow(void **context) {
    (void)context;
    int *numbers = xcalloc(4, sizeof(int));
    assert_int_equal(numbers[3], 0);
    numbers[3] = 9;
    numbers = xrealloc(numbers, 4000, sizeof(int));
    assert_int_equal(numbers[3], 9);
    numbers = xrealloc(numbers, 0, sizeof(int));
    assert_non_null(numbers);
    free(numbers);
    char *copy = xstrdup("chat");
    assert_string_equal(copy, "chat");
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_large_block_leaves_the_room_of_the_small_ones),
        cmocka_unit_test(a_large_block_may_come_first),
        cmocka_unit_test(nothing_asked_for_is_a_block_too),
        cmocka_unit_test(text_is_copied_and_terminated),
        cmocka_unit_test(format_takes_any_length),
        cmocka_unit_test(free_accepts_null),
        cmocka_unit_test(heap_blocks_are_zeroed_and_grow),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}

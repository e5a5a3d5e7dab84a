/* Which batch sizes engines capture, by their own defaults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "scenarios/capture_sizes.h"

static void assert_sizes(const struct capture_request *request, const int64_t *expected, size_t count) {
    struct arena *arena = arena_new();
    size_t made;
    const int64_t *sizes = capture_sizes_of(request, arena, &made);
    assert_int_equal(made, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(sizes[i], expected[i]);
    }
    arena_free(arena);
}

#define ASSERT_SIZES(request, ...)                                                                                     \
    assert_sizes(request, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* The last, and how many there are. */
static void assert_most(const struct capture_request *request, int64_t most, size_t count) {
    struct arena *arena = arena_new();
    size_t made;
    const int64_t *sizes = capture_sizes_of(request, arena, &made);
    assert_int_equal(made, count);
    assert_int_equal(sizes[made - 1], most);
    arena_free(arena);
}

/* 1, 2, 4, 31 of 8 to 248, 17 of 256 to 512. */
static void vllm_captures_twice_its_sequences(void **state) {
    (void)state;
    struct capture_request request = {
        .engine = SERVING_VLLM, .max_num_seqs = 1024, .max_num_batched_tokens = 8192, .most = -1};
    assert_most(&request, 512, 3 + 31 + 17);
    request.max_num_seqs = 10;
    ASSERT_SIZES(&request, 1, 2, 4, 8, 16, 20);
    request.most = 24;
    ASSERT_SIZES(&request, 1, 2, 4, 8, 16, 24);
    request.most = 3;
    ASSERT_SIZES(&request, 1, 2, 3);
    request.most = 0;
    struct arena *arena = arena_new();
    size_t count = 1;
    (void)capture_sizes_of(&request, arena, &count);
    assert_int_equal(count, 0);
    arena_free(arena);
}

/* 1, 2, 4, 8, 12, 30 of 16 to 248, 256; with 512 another 16. */
static void sglang_goes_by_memory(void **state) {
    (void)state;
    struct capture_request request = {.engine = SERVING_SGLANG, .tensor_parallel = 1, .mem_gb = 80, .most = -1};
    assert_most(&request, 256, 5 + 30 + 1);
    request.tensor_parallel = 4;
    assert_most(&request, 512, 5 + 30 + 1 + 16);
    request.most = 32;
    ASSERT_SIZES(&request, 1, 2, 4, 8, 12, 16, 24, 32);
}

static void trtllm_doubles_from_128(void **state) {
    (void)state;
    const struct capture_request request = {.engine = SERVING_TRTLLM, .most = 1000};
    assert_most(&request, 1000, 3 + 16 + 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vllm_captures_twice_its_sequences),
        cmocka_unit_test(sglang_goes_by_memory),
        cmocka_unit_test(trtllm_doubles_from_128),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

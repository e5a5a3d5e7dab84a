#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/guarded.h"

struct known_answer {
    uint32_t counter[4];
    uint32_t key[2];
    uint32_t out[4];
};

/* Random123's kat_vectors, the lines "philox4x32 10". */
static const struct known_answer KNOWN_ANSWERS[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void philox_gives_the_known_answers_of_random123(void **context) {
    (void)context;
    for (size_t i = 0; i < sizeof(KNOWN_ANSWERS) / sizeof(KNOWN_ANSWERS[0]); i++) {
        uint32_t out[4];
        philox4x32(KNOWN_ANSWERS[i].counter, KNOWN_ANSWERS[i].key, out);
        assert_memory_equal(out, KNOWN_ANSWERS[i].out, sizeof(out));
    }
}

static void every_part_of_its_name_gives_another_stream(void **context) {
    (void)context;
    const struct random_stream streams[] = {
        random_stream_make(1, 0, RANDOM_ARRIVAL, "chat"),
        random_stream_make(2, 0, RANDOM_ARRIVAL, "chat"),
        random_stream_make((uint64_t)1 << 32 | 1, 0, RANDOM_ARRIVAL, "chat"),
        random_stream_make(1, 1, RANDOM_ARRIVAL, "chat"),
        random_stream_make(1, 0, RANDOM_INPUT, "chat"),
        random_stream_make(1, 0, RANDOM_ARRIVAL, "chas"),
        random_stream_make(1, 0, RANDOM_ARRIVAL, ""),
    };
    enum { COUNT = sizeof(streams) / sizeof(streams[0]) };
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(random_uniform(streams[i], 0, 0) != random_uniform(streams[j], 0, 0));
        }
    }
}

static void every_draw_of_a_stream_is_its_own(void **context) {
    (void)context;
    enum { ORDINALS = 50, INDEXES = 20, COUNT = ORDINALS * INDEXES };
    struct random_stream stream = random_stream_make(7, 0, RANDOM_OUTPUT, "chat");
    double draws[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        uint64_t ordinal = (uint64_t)(i / INDEXES) << (i / INDEXES % 2 * 32); /* odd ones need the upper word */
        draws[i] = random_uniform(stream, ordinal, i % INDEXES);
        for (uint32_t j = 0; j < i; j++) {
            assert_true(draws[i] != draws[j]);
        }
    }
}

static void two_uniforms_share_one_block(void **context) {
    (void)context;
    struct random_stream stream = random_stream_make(7, 3, RANDOM_THINK, "agents");
    uint32_t words[4];
    random_block(stream, 12, 5, words);
    uint64_t low = ((uint64_t)words[1] << 32 | words[0]) >> 12;
    uint64_t high = ((uint64_t)words[3] << 32 | words[2]) >> 12;
    assert_true(random_uniform(stream, 12, 10) == ((double)low + 0.5) / 0x1p52);
    assert_true(random_uniform(stream, 12, 11) == ((double)high + 0.5) / 0x1p52);
}

static void uniforms_are_uniform_and_never_0_or_1(void **context) {
    (void)context;
    enum { BINS = 100, DRAWS = 1000000 };
    struct random_stream stream = random_stream_make(42, 0, RANDOM_INPUT, "chat");
    unsigned bins[BINS] = {0};
    for (uint64_t ordinal = 0; ordinal < DRAWS; ordinal++) {
        double u = random_uniform(stream, ordinal, 0);
        assert_true(u > 0.0 && u < 1.0);
        bins[(unsigned)(u * BINS)]++;
    }
    double chi_square = 0.0;
    for (unsigned i = 0; i < BINS; i++) {
        double difference = bins[i] - (double)DRAWS / BINS;
        chi_square += difference * difference / ((double)DRAWS / BINS);
    }
    assert_true(chi_square < 148.2); /* 99 degrees of freedom, 99.9 % */
    assert_true(chi_square > 61.1);  /* 0.1 % */
}

/* Pins how a stream's key is made: a change here changes every result. */
static void a_streams_first_draws_never_change(void **context) {
    (void)context;
    struct random_stream stream = random_stream_make(1, 0, RANDOM_ARRIVAL, "chat");
    uint32_t words[4];
    random_block(stream, 0, 0, words);
    const uint32_t expected[4] = {0x3558fae6, 0x8c8d5969, 0xf7fdcbf1, 0xe997c60b};
    assert_memory_equal(words, expected, sizeof(words));
}

static void halves_are_the_words_of_the_block(void **context) {
    (void)context;
    struct random_stream stream = random_stream_make(7, 3, RANDOM_THINK, "agents");
    uint32_t words[4];
    random_block(stream, (uint64_t)5 << 40 | 12, 5, words);
    struct random_halves halves = random_halves(stream, (uint64_t)5 << 40 | 12, 5);
    assert_true(halves.half[0] == ((uint64_t)words[1] << 32 | words[0]));
    assert_true(halves.half[1] == ((uint64_t)words[3] << 32 | words[2]));
}

/* Every length up to some of the widest vectors, at both ends of a page, over carries between the ordinal's words. */
static void blocks_have_the_bits_of_one_by_one(void **context) {
    enum { COUNT_MAX = 50 };
    static const uint64_t firsts[] = {0, 1, UINT32_MAX - 20, UINT64_MAX - 20, 0x0123456789abcdef};
    const enum cpu_level level = *(const enum cpu_level *)*context;
    if (level > cpu_level_highest()) {
        print_message("this machine has no %s\n", cpu_level_name(level));
        skip();
    }
    struct random_stream stream = random_stream_make(3, 1, RANDOM_OUTPUT, "chat");
    struct guarded page = guarded_make();
    for (size_t count = 0; count <= COUNT_MAX; count++) {
        for (size_t i = 0; i < 2 * sizeof firsts / sizeof firsts[0]; i++) {
            const uint64_t first = firsts[i / 2];
            const uint32_t block = i % 3 == 0 ? UINT32_MAX : (uint32_t)i;
            struct random_halves *made = guarded_place(&page, count * sizeof *made, i % 2 == 1);
            random_blocks(level, stream, first, block, count, made);
            for (size_t k = 0; k < count; k++) {
                struct random_halves expected = random_halves(stream, first + k, block);
                assert_memory_equal(&made[k], &expected, sizeof expected);
            }
        }
    }
    guarded_release(&page);
}

int main(void) {
    static enum cpu_level levels[] = {CPU_LEVEL_BASELINE, CPU_LEVEL_AVX2, CPU_LEVEL_AVX512};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers_of_random123),
        cmocka_unit_test(every_part_of_its_name_gives_another_stream),
        cmocka_unit_test(every_draw_of_a_stream_is_its_own),
        cmocka_unit_test(two_uniforms_share_one_block),
        cmocka_unit_test(uniforms_are_uniform_and_never_0_or_1),
        cmocka_unit_test(a_streams_first_draws_never_change),
        cmocka_unit_test(halves_are_the_words_of_the_block),
        cmocka_unit_test_prestate(blocks_have_the_bits_of_one_by_one, &levels[0]),
        cmocka_unit_test_prestate(blocks_have_the_bits_of_one_by_one, &levels[1]),
        cmocka_unit_test_prestate(blocks_have_the_bits_of_one_by_one, &levels[2]),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}

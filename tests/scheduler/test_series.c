/* Time series by hand: what lies in which interval (docs/semantics.md sections 1 and 3). A step takes 10 ticks + 1 for each prompt token + 2
 * for each decode; seven FLOP a token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "models/work.h"
#include "sim/timeline.h"
#include "tests/differential/timelines.h"
#include "tests/scheduler/play.h"

enum { WHAT_SIZE = 256 };

/* Steps: 0-18 prefill 8 tokens, 18-37 A decodes and B prefills 7 (12 of 19 ticks decode), 37-51 A decodes and B prefills 2 (12 of 14), 51-63 B
 * decodes. A: 5 in, 3 out, ends at 51; B: 12 in, 2 out, ends at 63. */
static void setup(struct play *play, double interval_ticks, double warmup_ticks) {
    static const struct play_row rows[] = {{0, 5, 3}, {0, 12, 2}};
    static const struct work_model work = {.flop_per_token = 7};
    const struct linear_step step = {.c0_s = 10 * TICK_S, .c1_s = TICK_S, .c2_s = 2 * TICK_S};
    play_init(play, 10, 1, 2, 0);
    play_cost(play, &step, &work);
    play_rows(play, 0, rows, 2);
    play->pools[0].batching.max_num_batched_tokens = 8;
    play->config.series_interval_keys = (int64_t)(interval_ticks * (double)TICK_KEYS);
    play->config.warmup_key = (int64_t)(warmup_ticks * (double)TICK_KEYS);
}

static void run(struct play *play) {
    char what[WHAT_SIZE] = "";
    play_run(play);
    timelines_add_up(&play->outcome, what, sizeof what);
    assert_string_equal(what, "");
}

static const struct timeline_cell *cell(const struct play *play, int64_t index) {
    return timeline_cell_at(&play->outcome.timelines[0], index);
}

static int64_t count(const struct play *play) {
    return timeline_count(&play->outcome.timelines[0], play->outcome.window_end);
}

/* Every 20 ticks, and the warm-up ends at 25: 0-20, 20-25, 25-40, 40-60, 60-63. */
static void intervals_are_cut_at_their_multiples_and_at_the_warm_up(void **state) {
    (void)state;
    static const int starts[] = {0, 20, 25, 40, 60, 80};
    struct play play;
    setup(&play, 20, 25);
    run(&play);
    assert_int_equal(count(&play), 5);
    for (int64_t i = 0; i < 6; i++) {
        assert_ticks(timeline_start(&play.outcome.timelines[0], i), starts[i]);
        assert_true(timeline_in_window(&play.outcome.timelines[0], i) == (i >= 2));
    }
    play_release(&play);
}

/* The second step has 56 FLOP over 19 ticks, the third 21 over 14, the last 7 over 12; the floor stands before a boundary. */
static void a_step_is_shared_out_among_its_intervals(void **state) {
    (void)state;
    static const int busy[] = {20, 5, 15, 20, 3};
    static const int flop[] = {56 + 5, 20 - 5, 56 - 20 + 4, 21 - 4 + 5, 7 - 5};
    static const int running[] = {2 * 20, 2 * 5, 2 * 15, 2 * 11 + 9, 3};
    static const int kv_tokens[] = {8 * 2, 8 * 5, 8 * 12 + 16 * 3, 16 * 11 + 12 * 9, 12 * 3};
    const i128 decode = 12 * TICK;
    struct play play;
    setup(&play, 20, 25);
    run(&play);
    for (int i = 0; i < 5; i++) {
        const struct pool_outcome *pool = &cell(&play, i)->pool;
        assert_ticks(pool->busy, busy[i]);
        assert_ticks(pool->batch, running[i]);
        assert_ticks(pool->running, running[i]);
        assert_ticks(pool->kv_tokens, kv_tokens[i]);
        assert_int_equal(pool->flop, flop[i]);
        assert_true(pool->busy == pool->busy_prefill + pool->busy_decode);
    }
    assert_true(cell(&play, 0)->pool.busy_decode == decode * 2 / 19);
    assert_true(cell(&play, 1)->pool.busy_decode == decode * 7 / 19 - decode * 2 / 19);
    assert_true(cell(&play, 2)->pool.busy_decode == decode - decode * 7 / 19 + decode * 3 / 14);
    play_release(&play);
}

/* Tokens, completions and steps are counted at their step's end, arrivals when they come. */
static void what_is_counted_belongs_to_its_instant(void **state) {
    (void)state;
    static const int counts[][7] = {
        /* arrivals, steps, input, output, prefilled, completed, preemptions */
        {2, 1, 5, 1, 8, 0, 0},  {0, 0, 0, 0, 0, 0, 0}, {0, 1, 0, 1, 7, 0, 0},
        {0, 1, 12, 2, 2, 1, 0}, {0, 1, 0, 1, 0, 1, 0},
    };
    struct play play;
    setup(&play, 20, 25);
    run(&play);
    for (int i = 0; i < 5; i++) {
        const struct timeline_cell *here = cell(&play, i);
        assert_int_equal(here->arrivals, counts[i][0]);
        assert_int_equal(here->pool.steps, counts[i][1]);
        assert_int_equal(here->tokens.input, counts[i][2]);
        assert_int_equal(here->tokens.output, counts[i][3]);
        assert_int_equal(here->tokens.prefilled, counts[i][4]);
        assert_int_equal(here->completed, counts[i][5]);
        assert_int_equal(here->pool.preemptions, counts[i][6]);
    }
    play_release(&play);
}

/* At 37 the second step ends and a third request arrives: one before the boundary, one after it. It waits until 51, for the slots are full. */
static void at_a_boundary_step_ends_come_before_and_arrivals_after(void **state) {
    (void)state;
    struct play play;
    setup(&play, 37, 0);
    PLAY_ROWS(&play, 1, {37, 1, 1});
    play.pools[0].batching.max_num_seqs = 2;
    run(&play);
    assert_int_equal(cell(&play, 0)->pool.steps, 2);
    assert_int_equal(cell(&play, 0)->tokens.output, 2);
    assert_int_equal(cell(&play, 0)->arrivals, 2);
    assert_int_equal(cell(&play, 1)->arrivals, 1);
    assert_true(cell(&play, 0)->pool.waiting == 0);
    assert_ticks(cell(&play, 1)->pool.waiting, 51 - 37);
    play_release(&play);
}

/* A step that ends half a key after a boundary: it is counted before it, its last picoseconds lie after it; at the end of the warm-up it counts
 * whole before. */
static void a_step_that_ends_in_the_boundarys_key_is_counted_before_it(void **state) {
    (void)state;
    const i128 half_key = (i128)1 << (KEY_SHIFT - 1);
    const struct linear_step step = {.c0_s = 10 * TICK_S + 0.5 / (double)KEY_PER_S};
    for (int warm = 0; warm <= 1; warm++) {
        struct play play;
        play_init(&play, 0, 0, 0, 0);
        play_cost(&play, &step, NULL);
        PLAY_ROWS(&play, 0, {0, 1, 1});
        play.config.series_interval_keys = 10 * TICK_KEYS;
        play.config.warmup_key = warm * 10 * TICK_KEYS;
        run(&play);
        assert_int_equal(count(&play), 2);
        assert_true(play.outcome.window_end == 10 * TICK + half_key);
        assert_int_equal(cell(&play, 0)->pool.steps, 1);
        assert_int_equal(cell(&play, 0)->completed, 1);
        assert_true(cell(&play, 0)->pool.busy == 10 * TICK + (warm == 1 ? half_key : 0));
        assert_true(cell(&play, 1)->pool.busy == (warm == 1 ? 0 : half_key));
        play_release(&play);
    }
}

/* The first step ends half a key after the warm-up's end, which moves the window's begin there; the third request arrives at the warm-up's end
 * itself, and waits for that half key before the window with the second, which gets its slot then. */
static void a_wait_in_the_warm_ups_key_lies_before_the_window(void **state) {
    (void)state;
    const i128 half_key = (i128)1 << (KEY_SHIFT - 1);
    const struct linear_step step = {.c0_s = 10 * TICK_S + 0.5 / (double)KEY_PER_S};
    struct play play;
    play_init(&play, 0, 0, 0, 0);
    play_cost(&play, &step, NULL);
    PLAY_ROWS(&play, 0, {0, 1, 1}, {0, 1, 1}, {10, 1, 1});
    play.pools[0].batching.max_num_seqs = 1;
    play.config.series_interval_keys = play.config.warmup_key = 10 * TICK_KEYS;
    run(&play);
    assert_true(cell(&play, 0)->pool.waiting == 10 * TICK + 2 * half_key);
    assert_true(cell(&play, 1)->pool.waiting == 10 * TICK - half_key);
    play_release(&play);
}

static void an_interval_in_which_nothing_happens_is_zero(void **state) {
    (void)state;
    static const struct play_row rows[] = {{0, 1, 1}, {100000, 1, 1}};
    struct play play;
    setup(&play, 20, 0);
    play_rows(&play, 0, rows, 2);
    run(&play);
    assert_int_equal(count(&play), 5001);
    assert_ticks(cell(&play, 0)->pool.busy, 11);
    for (int64_t i = 1; i < 5000; i++) {
        assert_true(cell(&play, i)->pool.busy == 0 && cell(&play, i)->arrivals == 0);
    }
    assert_ticks(cell(&play, 5000)->pool.busy, 11);
    play_release(&play);
}

static void twice_the_interval_is_the_sum_of_two(void **state) {
    (void)state;
    char what[WHAT_SIZE] = "";
    struct play fine, coarse;
    setup(&fine, 3, 25);
    setup(&coarse, 6, 25);
    run(&fine);
    run(&coarse);
    timelines_refine(&fine.outcome, &coarse.outcome, what, sizeof what);
    assert_string_equal(what, "");
    play_release(&fine);
    play_release(&coarse);
}

/* A nanosecond over eight hours. */
static void a_series_of_too_many_intervals_fails_by_name(void **state) {
    (void)state;
    for (int engine = 0; engine < ENGINE_KIND_COUNT; engine++) {
        struct play play;
        struct sim_outcome outcome;
        setup(&play, 1e-7, 0);
        PLAY_ROWS(&play, 1, {4e6, 1, 1});
        play.config.engine = (enum engine_kind)engine;
        assert_false(simulate(&play.config, NULL, &outcome, play.diags));
        assert_non_null(strstr(diags_first_message(play.diags), "more than 1000000 intervals"));
        play_release(&play);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_cut_at_their_multiples_and_at_the_warm_up),
        cmocka_unit_test(a_step_is_shared_out_among_its_intervals),
        cmocka_unit_test(what_is_counted_belongs_to_its_instant),
        cmocka_unit_test(at_a_boundary_step_ends_come_before_and_arrivals_after),
        cmocka_unit_test(a_step_that_ends_in_the_boundarys_key_is_counted_before_it),
        cmocka_unit_test(a_wait_in_the_warm_ups_key_lies_before_the_window),
        cmocka_unit_test(an_interval_in_which_nothing_happens_is_zero),
        cmocka_unit_test(twice_the_interval_is_the_sum_of_two),
        cmocka_unit_test(a_series_of_too_many_intervals_fails_by_name),
    };
    return cmocka_run_group_tests_name("series", tests, NULL, NULL);
}

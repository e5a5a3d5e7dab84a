/* Steps whose time is more than a line in the context, worked by hand from docs/semantics.md section 5. A step takes 10 ticks unless a case says otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/work.h"
#include "tests/scheduler/play.h"

/* Windowed layers look back 6 tokens, a token of which takes a tick; so in prefill. A: 4 in, 6 out; B: 9 in, 2 out, comes at 5.
 *     step  start end  A          B            duration
 *     1     0     18   4                       10 + 4 x 4 / 2
 *     2     18    68   context 4  9            10 + 4 + (6 x 6 / 2 + 3 x 6)
 *     3     68    89   context 5  context 9    10 + 5 + 6                        B ends
 *     4     89    105  context 6               10 + 6
 *     5     105   121  context 7               10 + 6
 *     6     121   137  context 8               10 + 6                            A ends
 * Full layers read 4 + 5 + 9 + 6 + 7 + 8 = 39 tokens in decoding and twice their prefill attention is 16 + 81; windowed ones 33 and 16 + 72. */
static void windowed_layers_look_back_so_far(void **state) {
    (void)state;
    const struct linear_step step = {.c0_s = 10 * TICK_S, .window_tok = 6, .c5_s = TICK_S, .c6_s = TICK_S};
    const struct work_model work = {.flop_per_context = 1,
                                    .flop_per_attention_x2 = 1000,
                                    .flop_per_window_context = 1000000,
                                    .flop_per_window_attention_x2 = 1000000000,
                                    .byte_per_context = 1,
                                    .byte_per_window_context = 1000};
    struct play play;
    play_init(&play, 10, 0, 0, 0);
    play_cost(&play, &step, &work);
    PLAY_ROWS(&play, 0, {0, 4, 6}, {5, 9, 2});
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+4, blocks 1, waiting 0\n"
                                    "r0 18-68: 0* 1+9, blocks 5, waiting 0\n"
                                    "r0 68-89: 0* 1*, blocks 5, waiting 0\n"
                                    "r0 89-105: 0*, blocks 2, waiting 0\n"
                                    "r0 105-121: 0*, blocks 2, waiting 0\n"
                                    "r0 121-137: 0*, blocks 3, waiting 0\n");
    assert_string_equal(play.ends, "1 r0: queue 13, ttft 63, e2e 84\n"
                                   "0 r0: queue 0, ttft 18, e2e 137\n");
    const struct pool_outcome *pool = &play.outcome.pools[0];
    assert_ticks(pool->busy_decode, 14 + 21 + 3 * 16);
    assert_true(pool->flop == 39 + 97 * 1000 + 33 * 1000000 + (i128)88 * 1000000000);
    assert_true(pool->byte == 39 + 33 * 1000);
    play_release(&play);
}

/* A static batch: B has ended and its context grows on, into the window. Full layers take a tick for each 4 tokens, windowed ones (3) a tick a
 * token. A: 1 in, 4 out; B: 1 in, 2 out.
 *     1   0-10    both prefill
 *     2   10-22.5   contexts 1 1      10 + 2 / 4 + 2      B ends
 *     3   22.5-37.5 contexts 2 2      10 + 4 / 4 + 4
 *     4   37.5-55   contexts 3 3      10 + 6 / 4 + 6      A ends */
static void padded_sequences_fill_the_window(void **state) {
    (void)state;
    const struct linear_step step = {.c0_s = 10 * TICK_S, .c3_s = TICK_S / 4, .window_tok = 3, .c5_s = TICK_S};
    struct play play;
    play_init(&play, 10, 0, 0, 0);
    play_cost(&play, &step, NULL);
    PLAY_ROWS(&play, 0, {0, 1, 4}, {0, 1, 2});
    play.pools[0].batching.policy = BATCHING_STATIC;
    play.pools[0].batching.max_num_seqs = 2;
    play_run(&play);
    assert_string_equal(play.ends, "1 r0: queue 0, ttft 10, e2e 22.500\n"
                                   "0 r0: queue 0, ttft 10, e2e 55\n");
    assert_ticks(play.outcome.pools[0].busy, 55);
    play_release(&play);
}

/* The host takes 15 ticks and 2 for each sequence, the GPU 10 and 1 for each token of context. A: 4 in, 8 out; B: 2 in, 1 out, comes at 60.
 *     start end    GPU           host
 *     0     17     10            17
 *     17    34     10 + 4        17
 *     34    51     10 + 5        17
 *     51    68     10 + 6        17
 *     68    87     10 + 7        19   with B, which ends
 *     87    105    10 + 8        17
 *     105   124    10 + 9        17
 *     124   144    10 + 10       17   A ends */
static void a_step_takes_what_the_host_takes(void **state) {
    (void)state;
    const struct linear_step step = {.c0_s = 10 * TICK_S, .c3_s = TICK_S, .h0_s = 15 * TICK_S, .h1_s = 2 * TICK_S};
    struct play play;
    play_init(&play, 10, 0, 0, 1);
    play_cost(&play, &step, NULL);
    PLAY_ROWS(&play, 0, {0, 4, 8}, {60, 2, 1});
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-17: 0+4, blocks 1, waiting 0\n"
                                    "r0 17-34: 0*, blocks 2, waiting 0\n"
                                    "r0 34-51: 0*, blocks 2, waiting 0\n"
                                    "r0 51-68: 0*, blocks 2, waiting 0\n"
                                    "r0 68-87: 0* 1+2, blocks 3, waiting 0\n"
                                    "r0 87-105: 0*, blocks 3, waiting 0\n"
                                    "r0 105-124: 0*, blocks 3, waiting 0\n"
                                    "r0 124-144: 0*, blocks 3, waiting 0\n");
    assert_ticks(play.outcome.pools[0].busy_decode, 3 * 17 + 17 + 18 + 19 + 20);
    play_release(&play);
}

/* Two ranks; a tick for each token of decode context and each pair of a prompt, of the slower rank. A goes to rank 0, B to 1, C to 0 (both
 * hold one), D, which comes at 30, to 1 (which holds one, the other two). A: 4 in, 3 out; B: 2 in, 4 out; C: 2 in, 3 out; D: 6 in, 1 out.
 *     start end   rank 0              rank 1             duration
 *     0     20    A 4 x 2, C 2 x 1    B 2 x 1            10 + max(8 + 2, 2)
 *     20    36    A 4, C 2            B 2                10 + max(6, 2)
 *     36    67    A 5, C 3            B 3, D 6 x 3       10 + max(8, 3 + 18)      A, C and D end
 *     67    81                        B 4                10 + max(0, 4)           B ends
 * Decodes alone: 16, 18, 14. FLOP are of all: contexts 8 + 11 + 4, attention 16 + 4 + 4 + 36. */
static void the_slowest_rank_decides(void **state) {
    (void)state;
    const struct linear_step step = {.c0_s = 10 * TICK_S, .c3_s = TICK_S, .c4_s = TICK_S, .attention_dp = 2};
    const struct work_model work = {.flop_per_context = 1, .flop_per_attention_x2 = 1000};
    struct play play;
    play_init(&play, 10, 0, 0, 1);
    play_cost(&play, &step, &work);
    PLAY_ROWS(&play, 0, {0, 4, 3}, {0, 2, 4}, {0, 2, 3}, {30, 6, 1});
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-20: 0+4 1+2 2+2, blocks 3, waiting 0\n"
                                    "r0 20-36: 0* 1* 2*, blocks 4, waiting 0\n"
                                    "r0 36-67: 0* 1* 2* 3+6, blocks 6, waiting 0\n"
                                    "r0 67-81: 1*, blocks 2, waiting 0\n");
    assert_ticks(play.outcome.pools[0].busy_decode, 16 + 18 + 14);
    assert_true(play.outcome.pools[0].flop == 23 + 60 * 1000);
    play_release(&play);
}

/* Half of each prompt is cached: it holds KV and is attended to. A step takes 10 ticks, one for each prompt token that is computed, for each
 * pair in prefill and for each token of decode context. A: 8 in, 3 out; B: 5 in (of which the cache has 2.5, up), 2 out. Tokens held, after a
 * step: 8 + 5, and the 7 of the cache while it lasts; 9; none.
 *     start end   A                     B                    duration
 *     0     48    4 x (4 + 4 / 2)       2 x (3 + 2 / 2)      10 + 6 + 24 + 8
 *     48    71    context 8             context 5            10 + 8 + 5             B ends
 *     71    90    context 9                                  10 + 9                 A ends */
static void cached_prompts_are_attended_to(void **state) {
    (void)state;
    const struct linear_step step = {.c0_s = 10 * TICK_S, .c1_s = TICK_S, .c3_s = TICK_S, .c4_s = TICK_S};
    struct play play;
    play_init(&play, 10, 0, 0, 1);
    play_cost(&play, &step, NULL);
    PLAY_ROWS(&play, 0, {0, 8, 3}, {0, 5, 2});
    play.workloads[0].cached_input_share = 1 << (CACHED_SHARE_SHIFT - 1);
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-48: 0+4 1+2, blocks 4, waiting 0\n"
                                    "r0 48-71: 0* 1*, blocks 5, waiting 0\n"
                                    "r0 71-90: 0*, blocks 3, waiting 0\n");
    const struct pool_outcome *pool = &play.outcome.pools[0];
    assert_ticks(pool->kv_tokens, 7 * 48 + 13 * 23 + 9 * 19);
    assert_int_equal(play.outcome.workloads[0].tokens[0].input, 13);
    assert_int_equal(play.outcome.workloads[0].tokens[0].prefilled, 6);
    play_release(&play);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windowed_layers_look_back_so_far), cmocka_unit_test(padded_sequences_fill_the_window),
        cmocka_unit_test(a_step_takes_what_the_host_takes), cmocka_unit_test(the_slowest_rank_decides),
        cmocka_unit_test(cached_prompts_are_attended_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Tiny cases of speculative decoding, worked by hand from docs/semantics.md sections 4 and 5. Three drafts a decode. Unless a case says otherwise a
 * step takes 10 ticks + 1 for each prompt token and each draft + 2 for each decode, and a block holds 4 tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/scheduler/play.h"

enum { DRAFTS = 3, ONE = 1 << CONTEXT_SHIFT };

/* `accepted` in 2^-CONTEXT_SHIFT tokens a step. */
static void play_drafts(struct play *play, const struct linear_step *step, int64_t accepted) {
    struct linear_step own = *step;
    play_init(play, 0, 0, 0, 0);
    own.draft_tokens = DRAFTS;
    play_cost(play, &own, NULL);
    step_model_speculate(play->step_model, DRAFTS, CAPTURED_TOKENS, NULL);
    play->pools[0].speculative = (struct speculative_config){.draft_tokens = DRAFTS, .accepted = accepted};
}

static const struct linear_step usual = {.c0_s = 10 * TICK_S, .c1_s = TICK_S, .c2_s = 2 * TICK_S};

/* 1.5 of 3 drafts accepted: 2.5 tokens a step. 8 in, 10 out; a decode holds blocks for its whole tokens, 1 and 3 drafts.
 *     step  start end  context        holds    emits
 *     1     0     18   0                8      1
 *     2     18    33   8               12      2, 3             floor(10.5) - 8
 *     3     33    48   10.5            14      4, 5, 6
 *     4     48    63   13              17      7, 8
 *     5     63    78   15.5            19      9, 10            the eleventh is not wanted
 * KV held: 8, 10.5, 13 and 15.5 tokens for 15 ticks each. One gap of 15 for each of the four steps. */
static void whole_tokens_come_out_of_fractions(void **state) {
    (void)state;
    struct play play;
    play_drafts(&play, &usual, 3 * ONE / 2);
    PLAY_ROWS(&play, 0, {0, 8, 10});
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+8, blocks 2, waiting 0\n"
                                    "r0 18-33: 0*, blocks 3, waiting 0\n"
                                    "r0 33-48: 0*, blocks 4, waiting 0\n"
                                    "r0 48-63: 0*, blocks 5, waiting 0\n"
                                    "r0 63-78: 0*, blocks 5, waiting 0\n");
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 18, e2e 78\n");
    assert_int_equal(play_record(&play, 0)->output_tokens, 10);
    assert_true(play_record(&play, 0)->tpot == 60 * TICK / 9);
    const struct pool_outcome *pool = &play.outcome.pools[0];
    assert_true(pool->kv_tokens == 15 * TICK * (8 * ONE + 21 * ONE / 2 + 13 * ONE + 31 * ONE / 2));
    assert_int_equal(play.outcome.workloads[0].tokens->output, 10);
    const struct histogram *itl = &play.outcome.workloads[0].latency[LATENCY_ITL].known;
    assert_int_equal(itl->count, 4);
    assert_ticks(itl->max, 15);
    play_release(&play);
}

/* Context costs 1 tick a token, all else 10 ticks a step: 10 + 8, + 10.5, + 13, + 15.5. */
static void fractions_of_context_take_time(void **state) {
    (void)state;
    struct play play;
    const struct linear_step step = {.c0_s = 10 * TICK_S, .c3_s = TICK_S};
    play_drafts(&play, &step, 3 * ONE / 2);
    PLAY_ROWS(&play, 0, {0, 8, 10});
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-10: 0+8, blocks 2, waiting 0\n"
                                    "r0 10-28: 0*, blocks 3, waiting 0\n"
                                    "r0 28-48.500: 0*, blocks 4, waiting 0\n"
                                    "r0 48.500-71.500: 0*, blocks 5, waiting 0\n"
                                    "r0 71.500-97: 0*, blocks 5, waiting 0\n");
    play_release(&play);
}

/* Budget 8, of which a decode takes 4; one draft accepted. A: 4 in, 7 out; B: 8 in, 1 out.
 *     1     0     18   A 4, B 4      A1         10 + 8
 *     2     18    37   A, B 4        A3 B1      10 + 4 + 5; decodes alone 15
 *     3     37    52   A             A5
 *     4     52    67   A             A7 */
static void drafts_count_in_the_token_budget(void **state) {
    (void)state;
    struct play play;
    play_drafts(&play, &usual, ONE);
    PLAY_ROWS(&play, 0, {0, 4, 7}, {0, 8, 1});
    play.pools[0].batching.max_num_batched_tokens = 8;
    play.pools[0].batching.max_num_seqs = 2;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+4 1+4, blocks 2, waiting 0\n"
                                    "r0 18-37: 0* 1+4, blocks 4, waiting 0\n"
                                    "r0 37-52: 0*, blocks 3, waiting 0\n"
                                    "r0 52-67: 0*, blocks 3, waiting 0\n");
    assert_ticks(play.outcome.pools[0].busy_decode, 45);
    play_release(&play);
}

/* Nothing is accepted, and yet 3 blocks do not hold the drafts of both. A: 4 in, 3 out; B: 4 in, 2 out.
 *     1     0     18   A 4, B 4    A1 B1    2 blocks
 *     2     18    33   A           A2       A holds 4 + 4 tokens; B would too, and goes
 *     3     33    48   A           A3       A holds 5 + 4; B needs 2 blocks for its 5 tokens
 *     4     48    63   B 5         B2       4 of them again */
static void drafts_take_blocks_that_others_lack(void **state) {
    (void)state;
    struct play play;
    play_drafts(&play, &usual, 0);
    PLAY_ROWS(&play, 0, {0, 4, 3}, {0, 4, 2});
    play.pools[0].num_gpu_blocks = 3;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+4 1+4, blocks 2, waiting 0\n"
                                    "r0 18-33: 0*, blocks 2, waiting 1\n"
                                    "r0 33-48: 0*, blocks 3, waiting 1\n"
                                    "r0 48-63: 1+5, blocks 2, waiting 0\n");
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 18, e2e 48\n"
                                   "1 r0: queue 0, ttft 18, e2e 63, preempted 1\n");
    assert_int_equal(play.outcome.workloads[0].tokens->recomputed, 4);
    play_release(&play);
}

/* What 4 in, 3 out and its drafts need at last is 4 + 3 - 1 + 3 = 9 tokens; 2 blocks hold 8. */
static void a_request_whose_drafts_never_fit_is_refused(void **state) {
    (void)state;
    struct play play;
    play_drafts(&play, &usual, ONE);
    PLAY_ROWS(&play, 0, {0, 4, 3});
    play.pools[0].num_gpu_blocks = 2;
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: rejected too_large\n");
    play_release(&play);
}

/* Prompts go first under prefill-first, which has no budget for decodes; a batch of two, 2.5 tokens a step. A: 4 in, 6 out; B, at 20: 4 in, 2 out.
 *     1     0     14   A 4      A1          10 + 4
 *     2     14    29   A        A3          4 -> 6.5
 *     3     29    43   B 4      B1
 *     4     43    63   A, B     A6, B2      10 + 2 x 5; A 6.5 -> 9: 3 more; B 4 -> 6.5, of which it wants 1 */
static void prompts_interrupt_decodes(void **state) {
    (void)state;
    struct play play;
    play_drafts(&play, &usual, 3 * ONE / 2);
    PLAY_ROWS(&play, 0, {0, 4, 6}, {20, 4, 2});
    play.pools[0].batching.policy = BATCHING_PREFILL_FIRST;
    play.pools[0].batching.kv_admission = KV_ADMISSION_PROMPT;
    play.pools[0].batching.max_num_batched_tokens = 4;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-14: 0+4, blocks 1, waiting 0\n"
                                    "r0 14-29: 0*, blocks 2, waiting 0\n"
                                    "r0 29-43: 1+4, blocks 3, waiting 0\n"
                                    "r0 43-63: 0* 1*, blocks 5, waiting 0\n");
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 14, e2e 63\n"
                                   "1 r0: queue 9, ttft 23, e2e 43\n");
    play_release(&play);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_tokens_come_out_of_fractions),
        cmocka_unit_test(fractions_of_context_take_time),
        cmocka_unit_test(drafts_count_in_the_token_budget),
        cmocka_unit_test(drafts_take_blocks_that_others_lack),
        cmocka_unit_test(a_request_whose_drafts_never_fit_is_refused),
        cmocka_unit_test(prompts_interrupt_decodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

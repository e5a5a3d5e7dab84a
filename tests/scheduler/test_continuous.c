/* Tiny cases of `continuous`, worked by hand from docs/semantics.md sections 4 to 6. Unless a case says otherwise a step takes
 * 10 ticks + 1 for each prompt token + 2 for each decode, and a block holds 4 tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/scheduler/play.h"

/* Two slots, three requests of 4 tokens, all at 0.
 *     step  start end  who          emits
 *     1     0     18   A 4, B 4     A1 B1     10 + 8
 *     2     18    32   A, B         A2 B2     10 + 2 x 2; both end
 *     3     32    46   C 4          C1        10 + 4; ends
 * Waiting: C, 0-32. Running: 2 x 32 + 14. KV held: 8 tokens over 18-32; C's are computed at 46 and freed at 46. */
static void slots_admit_first_come_first_served(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 2}, {0, 4, 2}, {0, 4, 1});
    play.pools[0].batching.max_num_seqs = 2;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+4 1+4, blocks 2, waiting 1\n"
                                    "r0 18-32: 0* 1*, blocks 4, waiting 1\n"
                                    "r0 32-46: 2+4, blocks 1, waiting 0\n");
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 18, e2e 32\n"
                                   "1 r0: queue 0, ttft 18, e2e 32\n"
                                   "2 r0: queue 32, ttft 46, e2e 46\n");
    const struct pool_outcome *pool = &play.outcome.pools[0];
    assert_ticks(pool->busy, 46);
    assert_ticks(pool->busy_prefill, 32);
    assert_ticks(pool->busy_decode, 14);
    assert_ticks(pool->waiting, 32);
    assert_ticks(pool->running, 78);
    assert_ticks(pool->batch, 78);
    assert_ticks(pool->kv_tokens, 8 * 14);
    assert_int_equal(pool->steps, 3);
    const struct token_counts *tokens = play.outcome.workloads[0].tokens;
    assert_int_equal(tokens->input, 12);
    assert_int_equal(tokens->output, 5);
    assert_int_equal(tokens->recomputed, 0);
    assert_int_equal(tokens->prefilled, 12);
    assert_ticks(play.outcome.window_end, 46);
    assert_int_equal(play.outcome.events, 6);
    assert_true(pool->energy == 0 && pool->flop == 0 && pool->byte == 0);
    play_release(&play);
}

/* Eight tokens a step. A: 5 in, 3 out; B: 12 in, 2 out.
 *     step  start end  who          emits     duration         decodes alone
 *     1     0     18   A 5, B 3     A1        10 + 8           0
 *     2     18    37   A, B 7       A2        10 + 7 + 2       12
 *     3     37    51   A, B 2       A3 B1     10 + 2 + 2       12
 *     4     51    63   B            B2        10 + 2           12 */
static void prompts_are_cut_to_the_token_budget(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 5, 3}, {0, 12, 2});
    play.pools[0].batching.max_num_batched_tokens = 8;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+5 1+3, blocks 3, waiting 0\n"
                                    "r0 18-37: 0* 1+7, blocks 5, waiting 0\n"
                                    "r0 37-51: 0* 1+2, blocks 5, waiting 0\n"
                                    "r0 51-63: 1*, blocks 4, waiting 0\n");
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 18, e2e 51\n"
                                   "1 r0: queue 0, ttft 51, e2e 63\n");
    assert_ticks(play_record(&play, 0)->tpot, 16.5);
    assert_ticks(play_record(&play, 1)->tpot, 12);
    assert_ticks(play.outcome.pools[0].busy_decode, 36);
    assert_ticks(play.outcome.pools[0].busy_prefill, 27);
    play_release(&play);
}

/* At most 3 tokens of one prompt in a step: two prompts progress side by side.
 *     1     0     16   A 3, B 3              10 + 6
 *     2     16    30   A 2, B 2     A1 B1    10 + 4 */
static void a_chunk_limits_each_prompt(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 5, 1}, {0, 5, 1});
    play.pools[0].batching.chunk = 3;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-16: 0+3 1+3, blocks 2, waiting 0\n"
                                    "r0 16-30: 0+2 1+2, blocks 4, waiting 0\n");
    play_release(&play);
}

/* Context costs 1 tick a token, attention 1 tick for each chunk (context + chunk / 2). Budget 4; A: 6 in, 3 out.
 *     1     0     18   A 4          10 + 4 x (0 + 2)
 *     2     18    38   A 2     A1   10 + 2 x (4 + 1)
 *     3     38    54   A       A2   10 + context 6
 *     4     54    71   A       A3   10 + context 7 */
static void context_is_what_the_cache_holds_when_the_step_starts(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 0, 0, 1);
    PLAY_ROWS(&play, 0, {0, 6, 3});
    play.pools[0].batching.max_num_batched_tokens = 4;
    struct linear_step step = {.c0_s = 10 * TICK_S, .c3_s = TICK_S, .c4_s = TICK_S};
    play_cost(&play, &step, NULL);
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+4, blocks 1, waiting 0\n"
                                    "r0 18-38: 0+2, blocks 2, waiting 0\n"
                                    "r0 38-54: 0*, blocks 2, waiting 0\n"
                                    "r0 54-71: 0*, blocks 2, waiting 0\n");
    play_release(&play);
}

/* A: 4 in, 6 out: its KV grows to 4 + 6 - 1 = 9 tokens; the last answer token's is never stored. A step holds computed + 1. */
static void a_block_is_taken_when_the_next_token_needs_it(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 6});
    play.pools[0].num_gpu_blocks = 3;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-14: 0+4, blocks 1, waiting 0\n"
                                    "r0 14-26: 0*, blocks 2, waiting 0\n"
                                    "r0 26-38: 0*, blocks 2, waiting 0\n"
                                    "r0 38-50: 0*, blocks 2, waiting 0\n"
                                    "r0 50-62: 0*, blocks 2, waiting 0\n"
                                    "r0 62-74: 0*, blocks 3, waiting 0\n");
    /* Held after each step: 4, 5, 6, 7, 8 tokens for 12 ticks each; the 9th is freed as it comes. */
    assert_ticks(play.outcome.pools[0].kv_tokens, 12 * (4 + 5 + 6 + 7 + 8));
    play_release(&play);
}

/* Five blocks; A and B: 7 in, 4 out. See the tables of the two tests. */
static void play_two_on_five_blocks(struct play *play, enum on_preempt on_preempt) {
    static const struct play_row rows[] = {{0, 7, 4}, {0, 7, 4}};
    play_init(play, 10, 1, 2, 0);
    play_rows(play, 0, rows, 2);
    play->pools[0].num_gpu_blocks = 5;
    play->pools[0].batching.on_preempt = on_preempt;
    play_run(play);
}

/*     step  start end  who        blocks       emits
 *     1     0     24   A 7, B 7   A 2, B 2     A1 B1    10 + 14
 *     2     24    38   A, B       A 2, B 2     A2 B2
 *     3     38    50   A          A 3          A3       B needs a third block: it is the latest, and goes
 *     4     50    62   A          A 3          A4       B's 9 tokens need 3 blocks, 2 are free
 *     5     62    81   B 9        B 3          B3       10 + 9: prompt and two answers again
 *     6     81    93   B          B 3          B4
 * B had computed 8 positions: 8 are computed again. Waiting: B, 38-62. Running: 2 x 38 + 24 + 31. */
static void a_preempted_request_recomputes_and_goes_on(void **state) {
    (void)state;
    struct play play;
    play_two_on_five_blocks(&play, ON_PREEMPT_RECOMPUTE);
    assert_string_equal(play.steps, "r0 0-24: 0+7 1+7, blocks 4, waiting 0\n"
                                    "r0 24-38: 0* 1*, blocks 4, waiting 0\n"
                                    "r0 38-50: 0*, blocks 3, waiting 1\n"
                                    "r0 50-62: 0*, blocks 3, waiting 1\n"
                                    "r0 62-81: 1+9, blocks 3, waiting 0\n"
                                    "r0 81-93: 1*, blocks 3, waiting 0\n");
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 24, e2e 62\n"
                                   "1 r0: queue 0, ttft 24, e2e 93, preempted 1\n");
    assert_true(play_record(&play, 0)->tpot == 38 * TICK / 3);
    assert_ticks(play_record(&play, 1)->tpot, 23);
    const struct token_counts *tokens = play.outcome.workloads[0].tokens;
    assert_int_equal(tokens->input, 14);
    assert_int_equal(tokens->output, 8);
    assert_int_equal(tokens->recomputed, 8);
    assert_int_equal(tokens->prefilled, 23);
    const struct histogram *itl = &play.outcome.workloads[0].latency[LATENCY_ITL].known;
    assert_int_equal(itl->count, 6);
    assert_ticks(itl->max, 43);
    assert_ticks(itl->sum, 38 + 69);
    assert_ticks(play.outcome.pools[0].waiting, 24);
    assert_ticks(play.outcome.pools[0].running, 2 * 38 + 24 + 31);
    assert_ticks(play.outcome.pools[0].busy, 93);
    assert_ticks(play.outcome.pools[0].busy_prefill, 24 + 19);
    assert_int_equal(play.outcome.pools[0].preemptions, 1);
    play_release(&play);
}

/*     3     38    50   A          A 3          A3       B goes, and forgets
 *     4     50    69   A, B 7     A 3, B 2     A4       10 + 7 + 2; B's first answer again
 *     5     69    81   B          B 2                   its second again
 *     6     81    93   B          B 3          B3
 *     7     93    105  B          B 3          B4
 * The client sees B2 at 38 and B3 at 93. Computed again: 7 in step 4, and position 8 in step 5. */
static void a_restarted_request_forgets_and_its_client_sees_one_gap(void **state) {
    (void)state;
    struct play play;
    play_two_on_five_blocks(&play, ON_PREEMPT_RESTART);
    assert_string_equal(play.steps, "r0 0-24: 0+7 1+7, blocks 4, waiting 0\n"
                                    "r0 24-38: 0* 1*, blocks 4, waiting 0\n"
                                    "r0 38-50: 0*, blocks 3, waiting 1\n"
                                    "r0 50-69: 0* 1+7, blocks 5, waiting 0\n"
                                    "r0 69-81: 1*, blocks 2, waiting 0\n"
                                    "r0 81-93: 1*, blocks 3, waiting 0\n"
                                    "r0 93-105: 1*, blocks 3, waiting 0\n");
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 24, e2e 69\n"
                                   "1 r0: queue 0, ttft 24, e2e 105, preempted 1\n");
    assert_ticks(play_record(&play, 1)->tpot, 27);
    const struct token_counts *tokens = play.outcome.workloads[0].tokens;
    assert_int_equal(tokens->output, 8);
    assert_int_equal(tokens->recomputed, 8);
    assert_int_equal(tokens->prefilled, 21);
    const struct histogram *itl = &play.outcome.workloads[0].latency[LATENCY_ITL].known;
    assert_int_equal(itl->count, 6);
    assert_ticks(itl->max, 55);
    assert_ticks(itl->sum, 45 + 81);
    assert_ticks(play.outcome.pools[0].waiting, 12);
    play_release(&play);
}

/* Three blocks. A: 4 in, 2 out; B: 3 in, 3 out; C: 3 in, 2 out. A needs a second block: the latest admitted goes, not B.
 *     1     0     20   A 4, B 3, C 3   3 blocks   A1 B1 C1
 *     2     20    34   A, B            A 2, B 1   A2 B2      C goes
 *     3     34    50   B, C 4          B 2, C 1   B3 C2      10 + 2 + 4; both end */
static void the_latest_admitted_goes(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 2}, {0, 3, 3}, {0, 3, 2});
    play.pools[0].num_gpu_blocks = 3;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-20: 0+4 1+3 2+3, blocks 3, waiting 0\n"
                                    "r0 20-34: 0* 1*, blocks 3, waiting 1\n"
                                    "r0 34-50: 1* 2+4, blocks 3, waiting 0\n");
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 20, e2e 34\n"
                                   "1 r0: queue 0, ttft 20, e2e 50\n"
                                   "2 r0: queue 0, ttft 20, e2e 50, preempted 1\n");
    play_release(&play);
}

/* Two blocks. A: 4 in, 3 out; B: 3 in, 2 out; C: 1 in, 1 out, waits from 5 on. B goes at 17, and comes back before C. */
static void the_preempted_goes_to_the_head_of_the_queue(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 3}, {0, 3, 2}, {5, 1, 1});
    play.pools[0].num_gpu_blocks = 2;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-17: 0+4 1+3, blocks 2, waiting 0\n"
                                    "r0 17-29: 0*, blocks 2, waiting 2\n"
                                    "r0 29-41: 0*, blocks 2, waiting 2\n"
                                    "r0 41-56: 1+4 2+1, blocks 2, waiting 0\n");
    play_release(&play);
}

/* Four blocks, chunks of 4. A: 4 in, 2 out; B: 3 in, 2 out; C: 5 in, 2 out.
 *     1     0     21   A 4, B 3, C 4   3 blocks   A1 B1
 *     2     21    35   A, B            A 2, B 1   A2 B2   C's fifth token lacks a block: C goes; a chunk of it would fit
 *     3     35    49   C 4                                into the block that it left, but nobody is admitted
 *     4     49    60   C 1                        C1
 *     5     60    72   C                          C2 */
static void no_admission_in_a_step_that_preempted(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 2}, {0, 3, 2}, {0, 5, 2});
    play.pools[0].num_gpu_blocks = 4;
    play.pools[0].batching.chunk = 4;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-21: 0+4 1+3 2+4, blocks 3, waiting 0\n"
                                    "r0 21-35: 0* 1*, blocks 3, waiting 1\n"
                                    "r0 35-49: 2+4, blocks 1, waiting 0\n"
                                    "r0 49-60: 2+1, blocks 2, waiting 0\n"
                                    "r0 60-72: 2*, blocks 2, waiting 0\n");
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 21, e2e 35\n"
                                   "1 r0: queue 0, ttft 21, e2e 35\n"
                                   "2 r0: queue 0, ttft 60, e2e 72, preempted 1\n");
    assert_int_equal(play.outcome.workloads[0].tokens->recomputed, 4);
    assert_int_equal(play.outcome.workloads[0].tokens->input, 12);
    play_release(&play);
}

/* Three blocks of 4 and a limit of 16 tokens. 0: no room for an answer. 1: 12 tokens fit exactly. 2: 13 do not.
 * 3: the answer is cut to 7, 9 + 7 - 1 = 15 needs 4 blocks. 4: 11 + 2 - 1 = 12 fits. */
static void too_long_and_too_large_are_rejected_on_arrival(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 16, 1}, {100, 12, 1}, {200, 12, 2}, {300, 9, 100}, {400, 11, 2});
    play.pools[0].num_gpu_blocks = 3;
    play.pools[0].max_model_len = 16;
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: rejected too_long\n"
                                   "1 r0: queue 0, ttft 22, e2e 22\n"
                                   "2 r0: rejected too_large\n"
                                   "3 r0: rejected too_large\n"
                                   "4 r0: queue 0, ttft 21, e2e 33\n");
    const struct workload_outcome *out = &play.outcome.workloads[0];
    assert_int_equal(out->requests.emitted, 5);
    assert_int_equal(out->requests.completed, 2);
    assert_int_equal(out->requests.rejected[REJECT_TOO_LONG], 1);
    assert_int_equal(out->requests.rejected[REJECT_TOO_LARGE], 2);
    assert_int_equal(out->latency[LATENCY_E2E].known.count, 2);
    assert_int_equal(out->tokens->input, 23);
    play_release(&play);
}

static void an_answer_is_cut_at_the_models_length(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 15, 100}, {100, 14, 100}, {200, 13, 3});
    play.pools[0].max_model_len = 16;
    play_run(&play);
    assert_int_equal(play_record(&play, 0)->output_tokens, 1);
    assert_int_equal(play_record(&play, 1)->output_tokens, 2);
    assert_int_equal(play_record(&play, 2)->output_tokens, 3);
    play_release(&play);
}

/* A alone: 0-14, then 14-26. B comes as the first step ends and is in the second; one key later it must wait for the third. */
static void an_arrival_at_a_steps_end_is_in_the_next_step(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 2}, {14, 4, 1});
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-14: 0+4, blocks 1, waiting 0\n"
                                    "r0 14-30: 0* 1+4, blocks 3, waiting 0\n");
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 14, e2e 30\n"
                                   "1 r0: queue 0, ttft 16, e2e 16\n");
    play_release(&play);

    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 2}, {14 + KEY_TICKS(1), 4, 1});
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-14: 0+4, blocks 1, waiting 0\n"
                                    "r0 14-26: 0*, blocks 2, waiting 0\n"
                                    "r0 26-40: 1+4, blocks 1, waiting 0\n");
    assert_true(play_record(&play, 1)->queue == 12 * TICK - ((i128)1 << KEY_SHIFT));
    play_release(&play);
}

/* A step ends between two keys. B arrives at the key below, and starts at that end; or at the key above, and starts there. */
static void an_idle_replica_starts_at_the_later_of_arrival_and_last_end(void **state) {
    (void)state;
    struct play play;
    const i128 end = 14 * TICK + SLIVER;
    const int64_t below = key_of_instant(end) - 14 * TICK_KEYS;
    assert_int_equal(below, 7);
    play_init(&play, SLIVER_TICKS, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 14, 1}, {14 + KEY_TICKS(7), 14, 1});
    play_run(&play);
    assert_true(play_record(&play, 1)->queue == end - instant_of_key(key_of_instant(end)));
    assert_true(play_record(&play, 1)->e2e == play_record(&play, 1)->queue + end);
    assert_true(play.outcome.pools[0].waiting == play_record(&play, 1)->queue);
    assert_true(play.outcome.pools[0].running == 2 * end);
    play_release(&play);

    play_init(&play, SLIVER_TICKS, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 14, 1}, {14 + KEY_TICKS(8), 14, 1});
    play_run(&play);
    assert_true(play_record(&play, 1)->queue == 0);
    assert_true(play_record(&play, 1)->e2e == end);
    play_release(&play);
}

/* One-token answers end with their prompt: no TPOT, no ITL, and a TPOT threshold is met. */
static void one_token_answers_end_with_their_prompt(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 3, 1}, {0, 2, 1});
    play.workloads[0].slo[0] = (struct slo_threshold){.metric = LATENCY_TPOT, .percent = 99, .limit = 0};
    play.workloads[0].slo_count = 1;
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 15, e2e 15\n"
                                   "1 r0: queue 0, ttft 15, e2e 15\n");
    const struct workload_outcome *out = &play.outcome.workloads[0];
    assert_true(play_record(&play, 0)->tpot == LATENCY_NONE);
    assert_int_equal(out->latency[LATENCY_TPOT].known.count, 0);
    assert_int_equal(out->latency[LATENCY_ITL].known.count, 0);
    assert_int_equal(out->slo[0].met, 2);
    assert_int_equal(out->good, 2);
    play_release(&play);
}

/* Four blocks, one kept free at admission. A: 8 tokens; B: 5; C: 1; D, alone at 50: 13 tokens are 4 blocks.
 *     1     0     18   A 8          2 blocks    B's 2 + 1 exceed the 2 free; C waits behind B
 *     2     18    34   B 5, C 1     3 blocks    C: 1 + 1 of 2 free
 *     -     50         D is never admitted: 4 + 1 of 4 */
static void the_watermark_is_kept_free_at_admission(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 8, 1}, {0, 5, 1}, {0, 1, 1}, {50, 13, 1});
    play.pools[0].num_gpu_blocks = 4;
    play.pools[0].batching.watermark_blocks = 1;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+8, blocks 2, waiting 2\n"
                                    "r0 18-34: 1+5 2+1, blocks 3, waiting 0\n");
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 18, e2e 18\n"
                                   "1 r0: queue 18, ttft 34, e2e 34\n"
                                   "2 r0: queue 18, ttft 34, e2e 34\n"
                                   "3 r0: rejected never_admitted\n");
    play_release(&play);
}

/* Four blocks, chunks of 4. A: 9 tokens, B: 5. With `prompt`, A reserves 3 blocks and B's 2 must wait; with `chunk` both begin. */
static void a_prompt_may_be_reserved_whole(void **state) {
    (void)state;
    struct play play;
    for (int whole = 0; whole <= 1; whole++) {
        play_init(&play, 10, 1, 2, 0);
        PLAY_ROWS(&play, 0, {0, 9, 1}, {0, 5, 1});
        play.pools[0].num_gpu_blocks = 4;
        play.pools[0].batching.chunk = 4;
        play.pools[0].batching.kv_admission = whole ? KV_ADMISSION_PROMPT : KV_ADMISSION_CHUNK;
        play_run(&play);
        assert_string_equal(play.steps, whole ? "r0 0-14: 0+4, blocks 3, waiting 1\n"
                                                "r0 14-28: 0+4, blocks 3, waiting 1\n"
                                                "r0 28-39: 0+1, blocks 3, waiting 1\n"
                                                "r0 39-53: 1+4, blocks 2, waiting 0\n"
                                                "r0 53-64: 1+1, blocks 2, waiting 0\n"
                                              : "r0 0-18: 0+4 1+4, blocks 2, waiting 0\n"
                                                "r0 18-33: 0+4 1+1, blocks 4, waiting 0\n"
                                                "r0 33-44: 0+1, blocks 3, waiting 0\n");
        play_release(&play);
    }
}

/* The head of the queue does not fit: nobody behind it goes first. A: 8 tokens of 3 blocks; B: 8; C: 1 would fit. */
static void a_head_that_does_not_fit_holds_up_the_queue(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 8, 1}, {0, 8, 1}, {0, 1, 1});
    play.pools[0].num_gpu_blocks = 3;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+8, blocks 2, waiting 2\n"
                                    "r0 18-37: 1+8 2+1, blocks 3, waiting 0\n");
    play_release(&play);
}

/* Quantum of 8 ticks: 10 + 4 = 14 becomes 8; 10 + 7 = 17 becomes 16; nothing (0 + 4) becomes one quantum. */
static void a_quantum_floors_each_step(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 1}, {100, 7, 1});
    struct linear_step step = {.c0_s = 10 * TICK_S, .c1_s = TICK_S, .quantum_s = 8 * TICK_S};
    play_cost(&play, &step, NULL);
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 8, e2e 8\n"
                                   "1 r0: queue 0, ttft 16, e2e 16\n");
    play_release(&play);
}

/* Steps that cost nothing take a key each, and time goes on. */
static void a_step_without_cost_takes_one_key(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 0, 0, 0, 0);
    PLAY_ROWS(&play, 0, {0, 4, 50000}, {0, 4, 3});
    play_run(&play);
    assert_true(play_record(&play, 0)->e2e == 50000 * STEP_UNITS_MIN);
    assert_true(play_record(&play, 1)->e2e == 3 * STEP_UNITS_MIN);
    assert_true(play.outcome.pools[0].busy == 50000 * STEP_UNITS_MIN);
    play_release(&play);
}

/* Coefficients just below what int64 holds: 8.7 s a token. 2^20 prompt tokens take 106 days, to the unit. */
static void great_costs_stay_exact(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 0, 0, 0, 0);
    PLAY_ROWS(&play, 0, {0, 1 << 20, 1});
    play.pools[0].batching.max_num_batched_tokens = 1 << 20;
    play.pools[0].max_model_len = 1 << 21;
    struct linear_step step = {.c1_s = 1024 * TICK_S};
    play_cost(&play, &step, NULL);
    play_run(&play);
    assert_true(play_record(&play, 0)->e2e == 1024 * TICK * (1 << 20));
    play_release(&play);
}

/* 20 gaps of 129 ticks, a good second each: more than an int64 of units in all. Then one of 10 s. */
static void tpot_of_a_long_answer_is_exact(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 128, 0, 1, 0);
    PLAY_ROWS(&play, 0, {0, 4, 21});
    play_run(&play);
    assert_ticks(play_record(&play, 0)->tpot, 129);
    assert_ticks(play_record(&play, 0)->e2e, 128 + 20 * 129);
    play_release(&play);

    play_init(&play, 640, 0, 640, 0);
    PLAY_ROWS(&play, 0, {0, 4, 2});
    play_run(&play);
    assert_ticks(play_record(&play, 0)->tpot, 1280);
    play_release(&play);
}

/* `deliver: batch` is a rule of `static`; elsewhere a request ends with its last token. */
static void delivery_by_batch_means_nothing_without_batches(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 2});
    play.pools[0].batching.deliver = DELIVER_BATCH;
    play.config.end_key = 1000 * TICK_KEYS;
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 14, e2e 26\n");
    play_release(&play);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_admit_first_come_first_served),
        cmocka_unit_test(prompts_are_cut_to_the_token_budget),
        cmocka_unit_test(a_chunk_limits_each_prompt),
        cmocka_unit_test(context_is_what_the_cache_holds_when_the_step_starts),
        cmocka_unit_test(a_block_is_taken_when_the_next_token_needs_it),
        cmocka_unit_test(a_preempted_request_recomputes_and_goes_on),
        cmocka_unit_test(a_restarted_request_forgets_and_its_client_sees_one_gap),
        cmocka_unit_test(the_latest_admitted_goes),
        cmocka_unit_test(the_preempted_goes_to_the_head_of_the_queue),
        cmocka_unit_test(no_admission_in_a_step_that_preempted),
        cmocka_unit_test(too_long_and_too_large_are_rejected_on_arrival),
        cmocka_unit_test(an_answer_is_cut_at_the_models_length),
        cmocka_unit_test(an_arrival_at_a_steps_end_is_in_the_next_step),
        cmocka_unit_test(an_idle_replica_starts_at_the_later_of_arrival_and_last_end),
        cmocka_unit_test(one_token_answers_end_with_their_prompt),
        cmocka_unit_test(the_watermark_is_kept_free_at_admission),
        cmocka_unit_test(a_prompt_may_be_reserved_whole),
        cmocka_unit_test(a_head_that_does_not_fit_holds_up_the_queue),
        cmocka_unit_test(a_quantum_floors_each_step),
        cmocka_unit_test(a_step_without_cost_takes_one_key),
        cmocka_unit_test(great_costs_stay_exact),
        cmocka_unit_test(tpot_of_a_long_answer_is_exact),
        cmocka_unit_test(delivery_by_batch_means_nothing_without_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

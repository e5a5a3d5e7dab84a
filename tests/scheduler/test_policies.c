/* Tiny cases of the other policies, of central queues, closed loops and delays, worked by hand from docs/semantics.md sections 1, 4
 * and 5. A step takes 10 ticks + 1 for each prompt token + 2 for each decode; a block holds 4 tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/arrivals.h"
#include "tests/scheduler/play.h"

/* ---- prefill-first ---- */

static void play_prefill_first(struct play *play, int64_t budget, int64_t chunk) {
    play_init(play, 10, 1, 2, 0);
    play->pools[0].batching.policy = BATCHING_PREFILL_FIRST;
    play->pools[0].batching.max_num_batched_tokens = budget;
    play->pools[0].batching.chunk = chunk;
}

/* Ten tokens a step. A: 4 in, 3 out; B: 4 in, 2 out, both at 0; C: 8 in, 2 out, at 5.
 *     1     0     18   A 4, B 4     A1 B1
 *     2     18    36   C 8          C1          prompts before decodes
 *     3     36    52   A, B, C      A2 B2 C2    10 + 6
 *     4     52    64   A            A3 */
static void prompts_go_before_decodes(void **state) {
    (void)state;
    struct play play;
    play_prefill_first(&play, 10, 0);
    PLAY_ROWS(&play, 0, {0, 4, 3}, {0, 4, 2}, {5, 8, 2});
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+4 1+4, blocks 2, waiting 0\n"
                                    "r0 18-36: 2+8, blocks 4, waiting 0\n"
                                    "r0 36-52: 0* 1* 2*, blocks 7, waiting 0\n"
                                    "r0 52-64: 0*, blocks 2, waiting 0\n");
    assert_string_equal(play.ends, "1 r0: queue 0, ttft 18, e2e 52\n"
                                   "2 r0: queue 13, ttft 31, e2e 47\n"
                                   "0 r0: queue 0, ttft 18, e2e 64\n");
    assert_ticks(play.outcome.pools[0].busy_prefill, 36);
    assert_ticks(play.outcome.pools[0].busy_decode, 28);
    play_release(&play);
}

/* The same with chunks of 6: B's prompt is cut at 2 and goes first in the next step, where C's is cut at 4. Blocks of the whole
 * prompt are taken at admission. */
static void a_cut_prompt_is_first_in_the_next_step(void **state) {
    (void)state;
    struct play play;
    play_prefill_first(&play, 10, 6);
    PLAY_ROWS(&play, 0, {0, 4, 3}, {0, 4, 2}, {5, 8, 2});
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-16: 0+4 1+2, blocks 2, waiting 0\n"
                                    "r0 16-32: 1+2 2+4, blocks 4, waiting 0\n"
                                    "r0 32-46: 2+4, blocks 4, waiting 0\n"
                                    "r0 46-62: 0* 1* 2*, blocks 7, waiting 0\n"
                                    "r0 62-74: 0*, blocks 2, waiting 0\n");
    play_release(&play);
}

/* Three blocks. A and B: 4 in, 3 out.
 *     1     0     18   A 4, B 4     2 blocks
 *     2     18    30   A            A 2         B lacks a block and goes; no admission
 *     3     30    42   A            A 2         B's 5 tokens need 2 blocks, 1 is free
 *     4     42    57   B 5          B2
 *     5     57    69   B            B3 */
static void decodes_preempt_the_latest(void **state) {
    (void)state;
    struct play play;
    play_prefill_first(&play, 100, 0);
    PLAY_ROWS(&play, 0, {0, 4, 3}, {0, 4, 3});
    play.pools[0].num_gpu_blocks = 3;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+4 1+4, blocks 2, waiting 0\n"
                                    "r0 18-30: 0*, blocks 2, waiting 1\n"
                                    "r0 30-42: 0*, blocks 2, waiting 1\n"
                                    "r0 42-57: 1+5, blocks 2, waiting 0\n"
                                    "r0 57-69: 1*, blocks 2, waiting 0\n");
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 18, e2e 42\n"
                                   "1 r0: queue 0, ttft 18, e2e 69, preempted 1\n");
    assert_int_equal(play.outcome.workloads[0].tokens->recomputed, 4);
    play_release(&play);
}

static void a_whole_prompt_above_the_budget_is_too_long(void **state) {
    (void)state;
    struct play play;
    play_prefill_first(&play, 10, 0);
    PLAY_ROWS(&play, 0, {0, 11, 1}, {0, 10, 1});
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: rejected too_long\n"
                                   "1 r0: queue 0, ttft 20, e2e 20\n");
    play_release(&play);

    play_prefill_first(&play, 10, 10);
    PLAY_ROWS(&play, 0, {0, 11, 1}, {0, 10, 1});
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-20: 0+10, blocks 3, waiting 1\n"
                                    "r0 20-40: 0+1 1+9, blocks 6, waiting 0\n"
                                    "r0 40-51: 1+1, blocks 3, waiting 0\n");
    play_release(&play);
}

/* Eight tokens a step, 5 blocks. A: 8 in, 3 out; B: 8 in, 5 out; C: 1 in, 1 out, at 50. B goes at 36 with 9 tokens to compute: they
 * prefill whole at 60, alone. */
static void a_preempted_prompt_above_the_budget_prefills_alone(void **state) {
    (void)state;
    struct play play;
    play_prefill_first(&play, 8, 0);
    PLAY_ROWS(&play, 0, {0, 8, 3}, {0, 8, 5}, {50, 1, 1});
    play.pools[0].num_gpu_blocks = 5;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+8, blocks 2, waiting 1\n"
                                    "r0 18-36: 1+8, blocks 4, waiting 0\n"
                                    "r0 36-48: 0*, blocks 3, waiting 1\n"
                                    "r0 48-60: 0*, blocks 3, waiting 1\n"
                                    "r0 60-79: 1+9, blocks 3, waiting 1\n"
                                    "r0 79-90: 2+1, blocks 4, waiting 0\n"
                                    "r0 90-102: 1*, blocks 3, waiting 0\n"
                                    "r0 102-114: 1*, blocks 3, waiting 0\n"
                                    "r0 114-126: 1*, blocks 3, waiting 0\n");
    play_release(&play);
}

/* Half of what is left to the running is kept. A: 8 in, 9 out, at 0; B: 4 in, 9 out, at 5. At 18 A has 8 to go: B needs 9 tokens beside
 * 4 kept. With seven blocks A holds 2, B's prompt takes 1, and 16 tokens are free: B is admitted. With six 12 are, and later no more: A
 * holds 3 blocks from 30 on, and 8 hold 9 only when A is gone, at 18 + 8 x 12 = 114. */
static void an_answer_must_fit_by_estimate(void **state) {
    (void)state;
    for (int64_t blocks = 6; blocks <= 7; blocks++) {
        struct play play;
        play_prefill_first(&play, 100, 0);
        PLAY_ROWS(&play, 0, {0, 8, 9}, {5, 4, 9});
        play.pools[0].num_gpu_blocks = blocks;
        play.pools[0].batching.kv_admission = KV_ADMISSION_ESTIMATE;
        play.pools[0].batching.new_token_ratio = 1 << (NEW_TOKEN_RATIO_SHIFT - 1);
        play.pools[0].batching.new_token_ratio_min = 1 << (NEW_TOKEN_RATIO_SHIFT - 1);
        play_run(&play);
        assert_ticks(play_record(&play, 1)->queue, blocks == 7 ? 13 : 109);
        play_release(&play);
    }
}

/* Seven blocks. A: 4 in, 21 out, at 0; B: 4 in, 9 out, at 5. All that A has to go is kept at first, and an eighth less after each step
 * of decodes; blocks that are free besides B's prompt are tokens x 4.
 *     before     A to go     share     kept     + B's 9     free
 *     14         20          8/8       20       29          20
 *     26         19          7/8       16       25          16      A holds 2 blocks
 *     38         18          6/8       13       22          16
 *     50         17          5/8       10       19          16
 *     62         16          4/8       8        17          16
 *     74         15          3/8       5        14          12      A holds 3
 *     86         14          2/8       3        12          12      B is admitted
 * With eight blocks 20 are free at 50, and hold 19. */
static void the_share_kept_falls_with_every_step(void **state) {
    (void)state;
    for (int64_t blocks = 7; blocks <= 8; blocks++) {
        struct play play;
        play_prefill_first(&play, 100, 0);
        PLAY_ROWS(&play, 0, {0, 4, 21}, {5, 4, 9});
        play.pools[0].num_gpu_blocks = blocks;
        play.pools[0].batching.kv_admission = KV_ADMISSION_ESTIMATE;
        play.pools[0].batching.new_token_ratio = 1 << NEW_TOKEN_RATIO_SHIFT;
        play.pools[0].batching.new_token_ratio_decay = 1 << (NEW_TOKEN_RATIO_SHIFT - 3);
        play_run(&play);
        assert_ticks(play_record(&play, 1)->queue, blocks == 7 ? 81 : 45);
        play_release(&play);
    }
}

/* ---- trtllm ---- */

static void play_trtllm(struct play *play, int64_t budget) {
    play_init(play, 10, 1, 2, 0);
    play->pools[0].batching.policy = BATCHING_TRTLLM;
    play->pools[0].batching.kv_admission = KV_ADMISSION_RESERVE;
    play->pools[0].batching.max_num_batched_tokens = budget;
}

/* Ten tokens a step. A: 4 in, 3 out; B: 7 in, 2 out, both at 0; C: 9 in, 2 out, at 5.
 *     1     0     14   A 4            A1           B's prompt is not cut
 *     2     14    33   A, B 7         A2 B1        1 + 7 tokens; C's nine do not fit
 *     3     33    47   A, B           A3 B2        C's nine beside two decodes do not fit
 *     4     47    66   C 9            C1
 *     5     66    78   C              C2
 * Blocks of prompt and answer: A 6 tokens, 2; B 8, 2; C 10, 3. */
static void whole_prompts_join_decodes(void **state) {
    (void)state;
    struct play play;
    play_trtllm(&play, 10);
    PLAY_ROWS(&play, 0, {0, 4, 3}, {0, 7, 2}, {5, 9, 2});
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-14: 0+4, blocks 2, waiting 1\n"
                                    "r0 14-33: 0* 1+7, blocks 4, waiting 1\n"
                                    "r0 33-47: 0* 1*, blocks 4, waiting 1\n"
                                    "r0 47-66: 2+9, blocks 3, waiting 0\n"
                                    "r0 66-78: 2*, blocks 3, waiting 0\n");
    play_release(&play);
}

/* Four blocks. A: 4 in, 6 out, 3 blocks; B: 4 in, 2 out, 2 blocks: B waits for A's end, at 14 + 5 x 12, and nobody is preempted. */
static void answers_are_reserved(void **state) {
    (void)state;
    struct play play;
    play_trtllm(&play, 100);
    PLAY_ROWS(&play, 0, {0, 4, 6}, {0, 4, 2});
    play.pools[0].num_gpu_blocks = 4;
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 14, e2e 74\n"
                                   "1 r0: queue 74, ttft 88, e2e 100\n");
    play_release(&play);
}

/* Steps of ten tokens are waited for, two steps at most. A: 4 in, 9 out, at 0; B: 4 in, 3 out, at 15; C: 5 in, 2 out, at 70.
 *     1     0     14   A 4           nobody decodes: no waiting
 *     2     14    26   A
 *     3     26    38   A             held: 1 + 4 tokens
 *     4     38    50   A             held
 *     5     50    66   A, B 4        twice was enough
 *     6     66    80   A, B
 *     7     80    94   A, B          held: 2 + 5 tokens; B ends
 *     8     94    106  A             held: 1 + 5 tokens
 *     9     106   123  A, C 5
 *     10    123   137  A, C          A ends with its ninth token
 * With D: 6 in, 1 out, at 71, C and D bring 2 + 11 tokens, and both join at 80. */
static void newcomers_wait_for_a_fuller_step(void **state) {
    (void)state;
    struct play play;
    play_trtllm(&play, 100);
    PLAY_ROWS(&play, 0, {0, 4, 9}, {15, 4, 3}, {70, 5, 2});
    play.pools[0].batching.batch_wait_max_tokens = 10;
    play.pools[0].batching.batch_wait_timeout_iters = 2;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-14: 0+4, blocks 3, waiting 0\n"
                                    "r0 14-26: 0*, blocks 3, waiting 0\n"
                                    "r0 26-38: 0*, blocks 3, waiting 1\n"
                                    "r0 38-50: 0*, blocks 3, waiting 1\n"
                                    "r0 50-66: 0* 1+4, blocks 5, waiting 0\n"
                                    "r0 66-80: 0* 1*, blocks 5, waiting 0\n"
                                    "r0 80-94: 0* 1*, blocks 5, waiting 1\n"
                                    "r0 94-106: 0*, blocks 3, waiting 1\n"
                                    "r0 106-123: 0* 2+5, blocks 5, waiting 0\n"
                                    "r0 123-135: 2*, blocks 2, waiting 0\n");
    play_release(&play);

    play_trtllm(&play, 100);
    PLAY_ROWS(&play, 0, {0, 4, 9}, {15, 4, 3}, {70, 5, 2}, {71, 6, 1});
    play.pools[0].batching.batch_wait_max_tokens = 10;
    play.pools[0].batching.batch_wait_timeout_iters = 2;
    play_run(&play);
    assert_ticks(play_record(&play, 2)->queue, 10);
    assert_ticks(play_record(&play, 3)->queue, 9);
    play_release(&play);
}

/* ---- frontends ---- */

/* A frontend takes 3 ticks a request and half a tick a token: 5 for each of three prompts of 4 that come at once.
 *     1     5     19   A 4           visible at 5; B at 10, C at 15
 *     2     19    37   B 4, C 4
 * D comes at 30, when the frontend is idle: at 35. With two replicas in turn, A and B are visible at 5, C at 10. */
static void a_burst_queues_in_the_frontend(void **state) {
    (void)state;
    for (int replicas = 1; replicas <= 2; replicas++) {
        struct play play;
        play_init(&play, 10, 1, 2, 0);
        PLAY_ROWS(&play, 0, {0, 4, 1}, {0, 4, 1}, {0, 4, 1}, {30, 4, 1});
        play.pools[0].replicas = replicas;
        play.pools[0].frontend_base = 3 * TICK;
        play.pools[0].frontend_per_input_token = TICK / 2;
        play_run(&play);
        assert_string_equal(play.steps, replicas == 1 ? "r0 5-19: 0+4, blocks 1, waiting 0\n"
                                                        "r0 19-37: 1+4 2+4, blocks 2, waiting 0\n"
                                                        "r0 37-51: 3+4, blocks 1, waiting 0\n"
                                                      : "r0 5-19: 0+4, blocks 1, waiting 0\n"
                                                        "r1 5-19: 1+4, blocks 1, waiting 0\n"
                                                        "r0 19-33: 2+4, blocks 1, waiting 0\n"
                                                        "r1 35-49: 3+4, blocks 1, waiting 0\n");
        assert_ticks(play_record(&play, 2)->queue, 19);
        play_release(&play);
    }
}

/* ---- static ---- */

/* Two slots, 8 tokens a step, patience of 20; context costs 1 a token. A: 4 in, 3 out, at 0; B: 6 in, 1 out, at 5; C: 3 in, 2 out, at
 * 10; D: 3 in, 1 out, at 100.
 *     1     5     23   A 4, B 4     A1       two wait: the batch forms
 *     2     23    35   B 2          B1       B is done, and keeps its slot
 *     3     35    59   A, (B)       A2       10 + 4 + context 4 + 6
 *     4     59    85   A, (B)       A3       10 + 4 + context 5 + 7
 *     5     85    98   C 3          C1       C's patience ended at 30
 *     6     98    113  C            C2       10 + 2 + context 3
 *     7     120   133  D 3          D1       D's patience ends at 120
 * Blocks at the batch's end: 4 + 3 - 1 and 6 + 3 - 1 tokens, 2 each. */
static void play_static(struct play *play, enum deliver deliver) {
    static const struct play_row rows[] = {{0, 4, 3}, {5, 6, 1}, {10, 3, 2}, {100, 3, 1}};
    play_init(play, 10, 1, 2, 1);
    play->pools[0].batching = (struct batching_config){
        .policy = BATCHING_STATIC,
        .max_num_seqs = 2,
        .max_num_batched_tokens = 8,
        .max_wait = 20 * TICK,
        .deliver = deliver,
    };
    play_rows(play, 0, rows, 4);
    play_run(play);
    assert_string_equal(play->steps, "r0 5-23: 0+4 1+4, blocks 4, waiting 0\n"
                                     "r0 23-35: 1+2, blocks 4, waiting 1\n"
                                     "r0 35-59: 0* 1*, blocks 4, waiting 1\n"
                                     "r0 59-85: 0* 1*, blocks 4, waiting 1\n"
                                     "r0 85-98: 2+3, blocks 1, waiting 0\n"
                                     "r0 98-113: 2*, blocks 1, waiting 0\n"
                                     "r0 120-133: 3+3, blocks 1, waiting 0\n");
}

static void a_static_batch_runs_until_its_longest_ends(void **state) {
    (void)state;
    struct play play;
    play_static(&play, DELIVER_TOKEN);
    assert_string_equal(play.ends, "1 r0: queue 0, ttft 30, e2e 30\n"
                                   "0 r0: queue 5, ttft 23, e2e 85\n"
                                   "2 r0: queue 75, ttft 88, e2e 103\n"
                                   "3 r0: queue 20, ttft 33, e2e 33\n");
    const struct token_counts *tokens = play.outcome.workloads[0].tokens;
    assert_int_equal(tokens->input, 16);
    assert_int_equal(tokens->output, 7);
    assert_int_equal(tokens->prefilled, 16);
    assert_int_equal(tokens->recomputed, 0);
    assert_ticks(play.outcome.pools[0].busy_decode, 24 + 26 + 15);
    assert_ticks(play.outcome.pools[0].busy, 18 + 12 + 24 + 26 + 13 + 15 + 13);
    /* Held: 4 + 4 after step 1, 10 after step 2, 12 after step 3, and C's 3. */
    assert_ticks(play.outcome.pools[0].kv_tokens, 8 * 12 + 10 * 24 + 12 * 26 + 3 * 15);
    assert_ticks(play.outcome.pools[0].waiting, 5 + 75 + 20);
    play_release(&play);
}

static void a_batch_may_be_delivered_whole(void **state) {
    (void)state;
    struct play play;
    play_static(&play, DELIVER_BATCH);
    assert_string_equal(play.ends, "0 r0: queue 5, ttft 85, e2e 85\n"
                                   "1 r0: queue 0, ttft 80, e2e 80\n"
                                   "2 r0: queue 75, ttft 103, e2e 103\n"
                                   "3 r0: queue 20, ttft 33, e2e 33\n");
    assert_ticks(play_record(&play, 0)->tpot, 0);
    assert_int_equal(play.outcome.workloads[0].tokens->output, 7);
    play_release(&play);
}

/* Three blocks. A: 4 in, 5 out, ends with 8 tokens; B would too, beside it: 4 blocks. With 3 B goes
 * alone, with one; with 4 both hold 2 from the start. */
static void a_static_batch_takes_what_fits_at_its_end(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 5}, {0, 4, 1});
    play.pools[0].batching.policy = BATCHING_STATIC;
    play.pools[0].batching.max_num_seqs = 2;
    play.pools[0].num_gpu_blocks = 3;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-14: 0+4, blocks 2, waiting 1\n"
                                    "r0 14-26: 0*, blocks 2, waiting 1\n"
                                    "r0 26-38: 0*, blocks 2, waiting 1\n"
                                    "r0 38-50: 0*, blocks 2, waiting 1\n"
                                    "r0 50-62: 0*, blocks 2, waiting 1\n"
                                    "r0 62-76: 1+4, blocks 1, waiting 0\n");
    play_release(&play);

    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 5}, {0, 4, 1});
    play.pools[0].batching.policy = BATCHING_STATIC;
    play.pools[0].batching.max_num_seqs = 2;
    play.pools[0].num_gpu_blocks = 4;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+4 1+4, blocks 4, waiting 0\n"
                                    "r0 18-32: 0* 1*, blocks 4, waiting 0\n"
                                    "r0 32-46: 0* 1*, blocks 4, waiting 0\n"
                                    "r0 46-60: 0* 1*, blocks 4, waiting 0\n"
                                    "r0 60-74: 0* 1*, blocks 4, waiting 0\n");
    play_release(&play);
}

/* Visible 5 after its arrival, a lone request waits for company from 5 to 25. */
static void patience_counts_from_when_a_request_is_visible(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 1});
    play.workloads[0].arrival_delay_base = 5 * TICK;
    play.pools[0].batching.policy = BATCHING_STATIC;
    play.pools[0].batching.max_wait = 20 * TICK;
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: queue 25, ttft 39, e2e 39\n");
    play_release(&play);
}

/* Three at 0 in a central queue, two slots, patience of 1000 ticks: replica 0 takes two, replica 1 sleeps towards 1000 for the third,
 * which goes with the fourth to replica 0. The run ends with them. */
static void a_sleeping_replica_does_not_prolong_the_run(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 1}, {0, 4, 1}, {0, 4, 1}, {50, 4, 1});
    play.config.routing = ROUTING_CENTRAL_QUEUE;
    play.config.max_requests = 4;
    play.config.end_key = 500 * TICK_KEYS;
    play.pools[0].replicas = 2;
    play.pools[0].batching.policy = BATCHING_STATIC;
    play.pools[0].batching.max_num_seqs = 2;
    play.pools[0].batching.max_wait = 1000 * TICK;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+4 1+4, blocks 2, waiting 1\n"
                                    "r0 50-68: 2+4 3+4, blocks 2, waiting 0\n");
    assert_ticks(play.outcome.window_end, 68);
    assert_false(play.outcome.cut);
    play_release(&play);
}

/* ---- request-level, central queue ---- */

static void request_level_serves_one_at_a_time(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 2}, {0, 4, 1});
    play.pools[0].batching.policy = BATCHING_REQUEST_LEVEL;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-14: 0+4, blocks 1, waiting 1\n"
                                    "r0 14-26: 0*, blocks 2, waiting 1\n"
                                    "r0 26-40: 1+4, blocks 1, waiting 0\n");
    play_release(&play);
}

/* Two replicas, one request each at a time. Arrivals at 0, 0, 3, 4, 40, 40, 41, 41.
 *     r0: 0 0-20, 3 20-32, 4 40-51, 6 51-62        r1: 1 0-14, 2 14-26, 5 40-51, 7 51-62
 * At 40 the idle replica of lowest index is started first; at 51 both end, and pull by index. */
static void replicas_pull_from_a_central_queue(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 10, 1}, {0, 4, 1}, {3, 2, 1}, {4, 2, 1}, {40, 1, 1}, {40, 1, 1}, {41, 1, 1}, {41, 1, 1});
    play.config.routing = ROUTING_CENTRAL_QUEUE;
    play.pools[0].replicas = 2;
    play.pools[0].batching.policy = BATCHING_REQUEST_LEVEL;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-20: 0+10, blocks 3, waiting 1\n"
                                    "r1 0-14: 1+4, blocks 1, waiting 0\n"
                                    "r1 14-26: 2+2, blocks 1, waiting 1\n"
                                    "r0 20-32: 3+2, blocks 1, waiting 0\n"
                                    "r0 40-51: 4+1, blocks 1, waiting 1\n"
                                    "r1 40-51: 5+1, blocks 1, waiting 0\n"
                                    "r0 51-62: 6+1, blocks 1, waiting 1\n"
                                    "r1 51-62: 7+1, blocks 1, waiting 0\n");
    assert_ticks(play.outcome.pools[0].waiting, 11 + 16 + 10 + 10);
    assert_ticks(play.outcome.pools[0].running, 20 + 14 + 12 + 12 + 4 * 11);
    play_release(&play);
}

/* Two replicas of 2 blocks. r0 pulls A (4 in, 3 out) and B (3 in, 2 out) at 0; B goes at 17 and waits for r0, though r1 is idle; at 41
 * it goes before E, which waits for anybody. */
static void a_preempted_request_stays_with_its_replica(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 3}, {0, 3, 2}, {18, 1, 1}, {30, 1, 1}, {31, 4, 1});
    play.config.routing = ROUTING_CENTRAL_QUEUE;
    play.pools[0].replicas = 2;
    play.pools[0].num_gpu_blocks = 2;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-17: 0+4 1+3, blocks 2, waiting 0\n"
                                    "r0 17-29: 0*, blocks 2, waiting 1\n"
                                    "r1 18-29: 2+1, blocks 1, waiting 0\n"
                                    "r0 29-41: 0*, blocks 2, waiting 1\n"
                                    "r1 30-41: 3+1, blocks 1, waiting 0\n"
                                    "r0 41-59: 1+4 4+4, blocks 2, waiting 0\n");
    play_release(&play);
}

/* ---- the order of events ---- */

/* r0 is busy until 40, r1 until 14, when C comes: the router sees r1 empty. */
static void the_router_sees_the_state_after_step_ends(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 30, 1}, {0, 4, 1}, {14, 4, 1});
    play.config.routing = ROUTING_LEAST_OUTSTANDING;
    play.pools[0].replicas = 2;
    play_run(&play);
    assert_string_equal(play.ends, "1 r1: queue 0, ttft 14, e2e 14\n"
                                   "2 r1: queue 0, ttft 14, e2e 14\n"
                                   "0 r0: queue 0, ttft 40, e2e 40\n");
    play_release(&play);
}

/* At one key: by workload, then by ordinal. */
static void arrivals_at_one_key_come_by_workload(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {5, 1, 1}, {5, 2, 1});
    PLAY_ROWS(&play, 1, {4, 3, 1}, {5, 4, 1});
    PLAY_ROWS(&play, 2, {5, 5, 1});
    play.pools[0].batching.max_num_seqs = 1;
    play_run(&play);
    assert_string_equal(play.steps, "r0 4-17: 0+3, blocks 1, waiting 0\n"
                                    "r0 17-28: 1+1, blocks 1, waiting 3\n"
                                    "r0 28-40: 2+2, blocks 1, waiting 2\n"
                                    "r0 40-54: 3+4, blocks 1, waiting 1\n"
                                    "r0 54-69: 4+5, blocks 2, waiting 0\n");
    play_release(&play);
}

/* Steps of two replicas that end at one key end by replica. */
static void steps_that_end_together_end_by_replica(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 8, 1}, {4, 4, 1}, {5, 3, 1});
    play.pools[0].replicas = 3;
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 18, e2e 18\n"
                                   "1 r1: queue 0, ttft 14, e2e 14\n"
                                   "2 r2: queue 0, ttft 13, e2e 13\n");
    play_release(&play);
}

/* ---- delays ---- */

/* Visible 5 + 1 for each prompt token after the arrival: A (10 tokens, at 0) at 15, B (2 tokens, at 1) at 8. With a quantum of 4 the
 * delays 15 and 7 become 12 and 4. The invisible wait in no queue. */
static void requests_queue_in_the_order_they_become_visible(void **state) {
    (void)state;
    struct play play;
    for (int quantum = 0; quantum <= 4; quantum += 4) {
        play_init(&play, 10, 1, 2, 0);
        PLAY_ROWS(&play, 0, {0, 10, 1}, {1, 2, 1});
        play.workloads[0].arrival_delay_base = 5 * TICK;
        play.workloads[0].arrival_delay_per_input_token = TICK;
        play.workloads[0].arrival_delay_quantum = quantum * TICK;
        play_run(&play);
        assert_string_equal(play.ends, quantum == 0 ? "1 r0: queue 7, ttft 19, e2e 19\n"
                                                      "0 r0: queue 20, ttft 40, e2e 40\n"
                                                    : "1 r0: queue 4, ttft 16, e2e 16\n"
                                                      "0 r0: queue 17, ttft 37, e2e 37\n");
        assert_ticks(play.outcome.pools[0].waiting, 5);
        play_release(&play);
    }
}

/* A (5 tokens, at 0) becomes visible at 5, when B (4 tokens) arrives and is visible at once: A is first. A delay that is no multiple of
 * a key ends at the next key. */
static void a_request_that_becomes_visible_goes_before_a_later_arrival(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 5, 1}, {5, 4, 1});
    play.workloads[0].arrival_delay_per_input_token = TICK;
    play.workloads[0].arrival_delay_quantum = 5 * TICK;
    play.pools[0].batching.max_num_seqs = 1;
    play_run(&play);
    assert_string_equal(play.steps, "r0 5-20: 0+5, blocks 2, waiting 1\n"
                                    "r0 20-34: 1+4, blocks 1, waiting 0\n");
    play_release(&play);

    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 1});
    play.workloads[0].arrival_delay_base = 1;
    play_run(&play);
    assert_true(play_record(&play, 0)->queue == (i128)1 << KEY_SHIFT);
    play_release(&play);
}

/* A token takes 1 to its client, and the end 3 more: A1 at 14 + 1, A2 at 26 + 2, the end at 31. B's step starts at 26. */
static void client_delays_hold_no_gpu(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 2}, {1, 4, 1});
    play.pools[0].token_delay = TICK;
    play.pools[0].finish_delay = 3 * TICK;
    play.pools[0].batching.max_num_seqs = 1;
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 15, e2e 31\n"
                                   "1 r0: queue 25, ttft 40, e2e 43\n");
    assert_ticks(play_record(&play, 0)->tpot, 13);
    assert_ticks(play_record(&play, 0)->finish, 31);
    assert_ticks(play.outcome.workloads[0].latency[LATENCY_ITL].known.max, 13);
    assert_ticks(play.outcome.window_end, 40);
    play_release(&play);
}

/* ---- closed loops ---- */

static void play_closed_loop(struct play *play, struct arrival_spec *spec, int64_t input) {
    play_init(play, 10, 1, 2, 0);
    spec->name = "w";
    spec->process = ARRIVAL_CLOSED_LOOP;
    play->workloads[0].arrivals = arrival_spec_factory(spec);
    play->workloads[0].input_tokens = (struct length_spec){.kind = LENGTH_CONSTANT, .value = (double)input};
    play->workloads[0].output_tokens = (struct length_spec){.kind = LENGTH_CONSTANT, .value = 2};
}

/* Two clients, 4 in, 2 out: 0-18, 18-32; they think for 6 and come back at 38. Five requests: the fifth, of client 0, alone. */
static void clients_wait_think_and_ask_again(void **state) {
    (void)state;
    struct play play;
    struct arrival_spec spec = {.clients = 2, .think_s = 6 * TICK_S};
    play_closed_loop(&play, &spec, 4);
    play.config.max_requests = 5;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-18: 0+4 1+4, blocks 2, waiting 0\n"
                                    "r0 18-32: 0* 1*, blocks 4, waiting 0\n"
                                    "r0 38-56: 2+4 3+4, blocks 2, waiting 0\n"
                                    "r0 56-70: 2* 3*, blocks 4, waiting 0\n"
                                    "r0 76-90: 4+4, blocks 1, waiting 0\n"
                                    "r0 90-102: 4*, blocks 2, waiting 0\n");
    assert_int_equal(play.outcome.workloads[0].arrivals.read, 5);
    assert_ticks(play.outcome.last_arrival, 76);
    play_release(&play);
}

/* Without thinking they come back as their step ends, and are in the next. With it first, they begin at 6. Delays to the client come
 * before the thinking: 32 + 2 x 1 + 3 + 6. */
static void clients_come_back_when_they_have_their_answer(void **state) {
    (void)state;
    struct play play;
    struct arrival_spec spec = {.clients = 1};
    play_closed_loop(&play, &spec, 4);
    play.config.max_requests = 2;
    play_run(&play);
    assert_string_equal(play.steps, "r0 0-14: 0+4, blocks 1, waiting 0\n"
                                    "r0 14-26: 0*, blocks 2, waiting 0\n"
                                    "r0 26-40: 1+4, blocks 1, waiting 0\n"
                                    "r0 40-52: 1*, blocks 2, waiting 0\n");
    play_release(&play);

    struct arrival_spec thinking = {.clients = 1, .think_s = 6 * TICK_S, .start = CLOSED_LOOP_START_THINK};
    play_closed_loop(&play, &thinking, 4);
    play.config.max_requests = 2;
    play.pools[0].token_delay = TICK;
    play.pools[0].finish_delay = 3 * TICK;
    play_run(&play);
    assert_int_equal(play_record(&play, 0)->arrival_key, 6 * TICK_KEYS);
    assert_int_equal(play_record(&play, 1)->arrival_key, (32 + 2 + 3 + 6) * TICK_KEYS);
    play_release(&play);
}

static void a_client_whose_request_is_rejected_stops(void **state) {
    (void)state;
    struct play play;
    struct arrival_spec spec = {.clients = 3};
    play_closed_loop(&play, &spec, 100);
    play.pools[0].max_model_len = 100;
    play.config.end_key = 50 * TICK_KEYS;
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: rejected too_long\n1 r0: rejected too_long\n2 r0: rejected too_long\n");
    assert_int_equal(play.outcome.workloads[0].stopped_clients, 3);
    assert_ticks(play.outcome.window_end, 50);
    assert_true(play.outcome.pools[0].busy == 0);
    play_release(&play);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_go_before_decodes),
        cmocka_unit_test(a_cut_prompt_is_first_in_the_next_step),
        cmocka_unit_test(decodes_preempt_the_latest),
        cmocka_unit_test(a_whole_prompt_above_the_budget_is_too_long),
        cmocka_unit_test(a_preempted_prompt_above_the_budget_prefills_alone),
        cmocka_unit_test(an_answer_must_fit_by_estimate),
        cmocka_unit_test(the_share_kept_falls_with_every_step),
        cmocka_unit_test(whole_prompts_join_decodes),
        cmocka_unit_test(answers_are_reserved),
        cmocka_unit_test(newcomers_wait_for_a_fuller_step),
        cmocka_unit_test(a_burst_queues_in_the_frontend),
        cmocka_unit_test(a_static_batch_runs_until_its_longest_ends),
        cmocka_unit_test(a_batch_may_be_delivered_whole),
        cmocka_unit_test(a_static_batch_takes_what_fits_at_its_end),
        cmocka_unit_test(patience_counts_from_when_a_request_is_visible),
        cmocka_unit_test(a_sleeping_replica_does_not_prolong_the_run),
        cmocka_unit_test(request_level_serves_one_at_a_time),
        cmocka_unit_test(replicas_pull_from_a_central_queue),
        cmocka_unit_test(a_preempted_request_stays_with_its_replica),
        cmocka_unit_test(the_router_sees_the_state_after_step_ends),
        cmocka_unit_test(arrivals_at_one_key_come_by_workload),
        cmocka_unit_test(steps_that_end_together_end_by_replica),
        cmocka_unit_test(requests_queue_in_the_order_they_become_visible),
        cmocka_unit_test(a_request_that_becomes_visible_goes_before_a_later_arrival),
        cmocka_unit_test(client_delays_hold_no_gpu),
        cmocka_unit_test(clients_wait_think_and_ask_again),
        cmocka_unit_test(clients_come_back_when_they_have_their_answer),
        cmocka_unit_test(a_client_whose_request_is_rejected_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

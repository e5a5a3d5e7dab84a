/* What counts when: warm-up, the cut, the first N requests, saturation (docs/semantics.md sections 1, 3 and 6). A step takes 10 ticks + 1
 * for each prompt token + 2 for each decode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "models/work.h"
#include "sim/arrivals.h"
#include "tests/scheduler/play.h"

/* The steps of prompts_are_cut_to_the_token_budget: 0-18 prefill, 18-37 (12 of 19 decode), 37-51 (12 of 14), 51-63 decode.
 * A: 5 in, 3 out, ends at 51; B: 12 in, 2 out, ends at 63. Seven FLOP a token. */
static void setup(struct play *play) {
    static const struct play_row rows[] = {{0, 5, 3}, {0, 12, 2}};
    static const struct work_model work = {.flop_per_token = 7};
    const struct linear_step step = {.c0_s = 10 * TICK_S, .c1_s = TICK_S, .c2_s = 2 * TICK_S};
    play_init(play, 10, 1, 2, 0);
    play_cost(play, &step, &work);
    play_rows(play, 0, rows, 2);
    play->pools[0].batching.max_num_batched_tokens = 8;
}

/* 25 is 7 of 19 into the second step: floor(12 x 7 / 19) of its decoding and floor(56 x 7 / 19) of its FLOP come before. */
static void a_straddled_step_is_shared_out_by_floor(void **state) {
    (void)state;
    const i128 decode_before = 12 * TICK * 7 / 19;
    struct play warm, cut;
    setup(&warm);
    warm.config.warmup_key = 25 * TICK_KEYS;
    play_run(&warm);
    setup(&cut);
    cut.config.end_key = 25 * TICK_KEYS;
    play_run(&cut);
    const struct pool_outcome *after = &warm.outcome.pools[0], *before = &cut.outcome.pools[0];
    assert_ticks(before->busy, 25);
    assert_true(before->busy_decode == decode_before);
    assert_true(before->busy_prefill == 25 * TICK - decode_before);
    assert_true(before->flop == 56 + 56 * 7 / 19);
    assert_ticks(after->busy, 63 - 25);
    assert_true(after->busy_decode == 36 * TICK - decode_before);
    assert_true(after->flop == (8 + 8 + 3 + 1) * 7 - before->flop);
    assert_ticks(before->running, 2 * 25);
    assert_ticks(after->running, 2 * (51 - 25) + 12);
    assert_ticks(before->batch, 2 * 25);
    /* Held: 5 + 3 over 18-37, 6 + 10 over 37-51, 12 over 51-63. */
    assert_ticks(before->kv_tokens, 8 * 7);
    assert_ticks(after->kv_tokens, 8 * 12 + 16 * 14 + 12 * 12);
    assert_int_equal(before->steps, 1);
    assert_int_equal(after->steps, 3);
    play_release(&warm);
    play_release(&cut);
}

/* Tokens go to the window in which their step ends; requests to the one in which they arrive. */
static void tokens_happen_and_requests_arrive(void **state) {
    (void)state;
    struct play play;
    setup(&play);
    play.config.warmup_key = 25 * TICK_KEYS;
    play_run(&play);
    const struct workload_outcome *out = &play.outcome.workloads[0];
    assert_int_equal(out->tokens->input, 12); /* B's, at 51 */
    assert_int_equal(out->tokens->output, 4); /* A2, A3, B1, B2 */
    assert_int_equal(out->tokens->prefilled, 9);
    assert_int_equal(out->measured.emitted, 0);
    assert_int_equal(out->requests.completed, 2);
    assert_int_equal(out->completed_in_window, 2);
    assert_int_equal(out->latency[LATENCY_E2E].known.count, 0);
    assert_int_equal(out->latency[LATENCY_ITL].known.count, 0);
    assert_ticks(play.outcome.window_start, 25);
    assert_ticks(play.outcome.window_end, 63);
    play_release(&play);
}

/* At one key: step ends, then the cut, then arrivals. The second step ends at 37: it counts whole before. A request that arrives
 * at 37 is after the warm-up, and beyond the end. */
static void at_a_cut_step_ends_come_before_and_arrivals_after(void **state) {
    (void)state;
    static const struct play_row rows[] = {{0, 5, 3}, {0, 12, 2}, {37, 1, 1}};
    struct play play;
    setup(&play);
    play_rows(&play, 0, rows, 3);
    play.config.warmup_key = 37 * TICK_KEYS;
    play_run(&play);
    const struct workload_outcome *out = &play.outcome.workloads[0];
    assert_int_equal(out->measured.emitted, 1);
    assert_int_equal(out->tokens->output, 4); /* A3, B1, B2 and C1 */
    assert_int_equal(play.outcome.pools[0].steps, 2);
    assert_ticks(play.outcome.pools[0].busy, (51 + 1) - 37 + 12);
    play_release(&play);

    setup(&play);
    play_rows(&play, 0, rows, 3);
    play.config.end_key = 37 * TICK_KEYS;
    play_run(&play);
    out = &play.outcome.workloads[0];
    assert_int_equal(out->arrivals.read, 3);
    assert_int_equal(out->arrivals.dropped[DROP_AFTER_END], 1);
    assert_int_equal(out->requests.emitted, 2);
    assert_int_equal(out->requests.running, 2);
    assert_int_equal(out->tokens->output, 2); /* A1, A2 */
    assert_ticks(play.outcome.pools[0].busy, 37);
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 18 unfinished\n"
                                   "1 r0: queue 0 unfinished\n");
    assert_int_equal(play_record(&play, 0)->output_tokens, 2);
    assert_true(play.outcome.cut);
    play_release(&play);
}

/* A step of 14 ticks and a sliver ends inside the cut's key: it is whole before the cut, and time integrals go to its end. */
static void a_step_that_ends_within_the_cuts_key_is_before_it(void **state) {
    (void)state;
    const i128 end = 14 * TICK + SLIVER;
    struct play play;
    play_init(&play, SLIVER_TICKS, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 14, 2}, {20, 1, 1});
    play.config.warmup_key = key_of_instant(end);
    play_run(&play);
    const struct pool_outcome *pool = &play.outcome.pools[0];
    assert_int_equal(play.outcome.workloads[0].tokens->output, 2); /* not the first one's first */
    assert_int_equal(pool->steps, 2);
    assert_true(pool->busy == 2 * TICK + SLIVER + TICK + SLIVER);
    assert_true(pool->running == pool->busy);
    assert_true(pool->kv_tokens == 14 * (2 * TICK + SLIVER));
    play_release(&play);

    play_init(&play, SLIVER_TICKS, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 14, 2});
    play.config.end_key = key_of_instant(end);
    play_run(&play);
    pool = &play.outcome.pools[0];
    assert_true(pool->busy == end);
    assert_true(pool->running == end);
    assert_int_equal(pool->steps, 1);
    assert_int_equal(play.outcome.workloads[0].tokens->output, 1);
    play_release(&play);
}

/* Any two cuts of a run add up to the run: [0, cut) and [cut, end), wherever the cut is. */
static void a_cut_neither_loses_nor_doubles(void **state) {
    (void)state;
    struct play whole;
    setup(&whole);
    play_run(&whole);
    const struct pool_outcome *all = &whole.outcome.pools[0];
    for (int64_t cut = 1; cut < 64 * TICK_KEYS; cut += TICK_KEYS / 2 + 12345) {
        struct play before, after;
        setup(&before);
        before.config.end_key = cut;
        play_run(&before);
        setup(&after);
        after.config.warmup_key = cut;
        play_run(&after);
        const struct pool_outcome *a = &before.outcome.pools[0], *b = &after.outcome.pools[0];
        assert_true(a->busy + b->busy == all->busy);
        assert_true(a->busy_decode + b->busy_decode == all->busy_decode);
        assert_true(a->flop + b->flop == all->flop);
        assert_true(a->batch + b->batch == all->batch);
        assert_true(a->running + b->running == all->running);
        assert_true(a->kv_tokens + b->kv_tokens == all->kv_tokens);
        assert_true(a->steps + b->steps == all->steps);
        const struct token_counts *x = before.outcome.workloads[0].tokens, *y = after.outcome.workloads[0].tokens;
        assert_int_equal(x->output + y->output, 5);
        assert_int_equal(x->input + y->input, 17);
        assert_int_equal(x->prefilled + y->prefilled, 17);
        play_release(&before);
        play_release(&after);
    }
    play_release(&whole);
}

/* The first four over all workloads, in order of key, then workload; what was read ahead is not read. Delays do not matter. */
static void the_first_n_requests_over_all_workloads(void **state) {
    (void)state;
    struct play play;
    for (int delay = 0; delay <= 100; delay += 100) {
        play_init(&play, 10, 1, 2, 0);
        PLAY_ROWS(&play, 0, {0, 1, 1}, {10, 1, 1}, {20, 1, 1});
        PLAY_ROWS(&play, 1, {5, 2, 1}, {10, 2, 1}, {15, 2, 1});
        play.workloads[0].arrival_delay_base = delay * TICK;
        play.config.max_requests = 4;
        play_run(&play);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(play.outcome.workloads[i].arrivals.read, 2);
            assert_int_equal(play.outcome.workloads[i].requests.emitted, 2);
            assert_int_equal(play.outcome.workloads[i].requests.completed, 2);
        }
        assert_int_equal(play_record(&play, 2)->workload, 0);
        assert_int_equal(play_record(&play, 3)->workload, 1);
        assert_ticks(play.outcome.last_arrival, 10);
        assert_false(play.outcome.cut);
        play_release(&play);
    }
}

static void a_rejected_request_is_one_of_n(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 50, 1}, {1, 1, 1}, {2, 1, 1});
    play.pools[0].max_model_len = 50;
    play.config.max_requests = 2;
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: rejected too_long\n1 r0: queue 0, ttft 11, e2e 11\n");
    play_release(&play);
}

/* `duration` alone is paid to its end; with `requests` the run ends with the last of them, or at the cut. */
static void a_run_ends_at_its_cut_or_with_its_last_request(void **state) {
    (void)state;
    struct play play;
    for (int64_t n = 0; n <= 2; n++) {
        play_init(&play, 10, 1, 2, 0);
        PLAY_ROWS(&play, 0, {0, 4, 1}, {95, 4, 1});
        play.config.end_key = 100 * TICK_KEYS;
        play.config.max_requests = n;
        play_run(&play);
        assert_ticks(play.outcome.window_end, n == 1 ? 14 : 100);
        assert_true(play.outcome.cut == (n != 1));
        assert_int_equal(play.outcome.workloads[0].requests.running, n != 1);
        assert_ticks(play.outcome.pools[0].busy, n == 1 ? 14 : 19);
        play_release(&play);
    }
}

/* At the cut (60) of four: 0 is done; 1 has its first token; 2 waits, and is 50 old; 3 is on its way to the router. */
static void the_unfinished_enter_with_their_age(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 1}, {5, 4, 100}, {10, 4, 1});
    PLAY_ROWS(&play, 1, {55, 4, 1});
    play.pools[0].batching.max_num_seqs = 1;
    play.workloads[1].arrival_delay_base = 10 * TICK;
    play.workloads[0].slo[0] = (struct slo_threshold){LATENCY_TTFT, 99, 49 * TICK};
    play.workloads[0].slo[1] = (struct slo_threshold){LATENCY_E2E, 99, 52 * TICK};
    play.workloads[0].slo[2] = (struct slo_threshold){LATENCY_TPOT, 99, TICK};
    play.workloads[0].slo_count = 3;
    play.config.end_key = 60 * TICK_KEYS;
    play_run(&play);
    assert_string_equal(play.ends, "0 r0: queue 0, ttft 14, e2e 14\n"
                                   "1 r0: queue 9, ttft 23 unfinished\n"
                                   "2 r0: unfinished\n"
                                   "3 r-1: unfinished\n");
    const struct workload_outcome *out = &play.outcome.workloads[0];
    assert_int_equal(out->requests.waiting, 1);
    assert_int_equal(out->requests.running, 1);
    assert_int_equal(play.outcome.workloads[1].requests.waiting, 1);
    assert_int_equal(out->latency[LATENCY_TTFT].known.count, 2);
    assert_int_equal(out->latency[LATENCY_TTFT].undecided.count, 1);
    assert_ticks(out->latency[LATENCY_TTFT].undecided.max, 50);
    assert_int_equal(out->latency[LATENCY_QUEUE].undecided.count, 1);
    assert_int_equal(out->latency[LATENCY_E2E].undecided.count, 2);
    assert_ticks(out->latency[LATENCY_E2E].undecided.max, 55);
    assert_int_equal(out->latency[LATENCY_TPOT].undecided.count, 0);
    assert_int_equal(out->slo[0].met, 2); /* 0 and 1; 2 is 50 old: failed */
    assert_int_equal(out->slo[0].undecided, 0);
    assert_int_equal(out->slo[1].met, 1); /* 1 is 55 old: failed; 2 is 50 old: open */
    assert_int_equal(out->slo[1].undecided, 1);
    assert_int_equal(out->slo[2].met, 1); /* 0 has one token */
    assert_int_equal(out->good, 1);
    assert_int_equal(out->undecided_good, 0); /* 1 failed its E2E, 2 its TTFT */
    assert_true(out->good_output_tokens == 1);
    play_release(&play);
}

static void energy_is_kept_by_minute(void **state) {
    (void)state;
    struct play play;
    /* One step of 130 s from 50 s on: 10, 60 and 60 s at 3 mW. */
    static const struct work_model work = {.active_mw = 3};
    const struct linear_step step = {.c1_s = 6.5};
    play_init(&play, 10, 1, 2, 0);
    play_cost(&play, &step, &work);
    PLAY_ROWS(&play, 0, {50 * 128, 20, 1});
    play_run(&play);
    const struct pool_outcome *pool = &play.outcome.pools[0];
    const i128 second = 128 * TICK;
    assert_true(pool->minute_count >= 3);
    assert_true(pool->energy_minute[0] == 30 * second);
    assert_true(pool->energy_minute[1] == 180 * second);
    assert_true(pool->energy_minute[2] == 180 * second);
    assert_true(pool->energy == 390 * second);
    play_release(&play);
}

/* Service of 14 ticks, one at a time. */
static bool saturates(enum arrival_process process, double gap_ticks) {
    struct play play;
    struct arrival_spec spec = {
        .name = "w",
        .process = process,
        .rate_per_s = 1 / (gap_ticks * TICK_S),
        .clients = 50,
    };
    play_init(&play, 10, 1, 2, 0);
    play.workloads[0].arrivals = arrival_spec_factory(&spec);
    play.workloads[0].input_tokens = (struct length_spec){.kind = LENGTH_CONSTANT, .value = 4};
    play.workloads[0].output_tokens = (struct length_spec){.kind = LENGTH_CONSTANT, .value = 1};
    play.pools[0].batching.max_num_seqs = 1;
    play.config.end_key = 20000 * TICK_KEYS;
    play_run(&play);
    bool saturated = play.outcome.saturated;
    assert_true(saturated == play.outcome.pools[0].saturated);
    play_release(&play);
    return saturated;
}

static void a_pool_whose_queue_grows_is_saturated(void **state) {
    (void)state;
    assert_true(saturates(ARRIVAL_CONSTANT, 10));
    assert_true(saturates(ARRIVAL_POISSON, 10));
    assert_false(saturates(ARRIVAL_CONSTANT, 15));
    assert_false(saturates(ARRIVAL_POISSON, 20));
    assert_false(saturates(ARRIVAL_CLOSED_LOOP, 1)); /* full, but never saturated */
}

static void a_run_may_reject_everything(void **state) {
    (void)state;
    struct play play;
    double rate = 0;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {3, 50, 1}, {7, 60, 1});
    play.pools[0].max_model_len = 50;
    play_run(&play);
    assert_int_equal(play.outcome.workloads[0].requests.rejected[REJECT_TOO_LONG], 2);
    assert_ticks(play.outcome.window_end, 7);
    assert_true(play.outcome.pools[0].busy == 0);
    assert_true(simulate_capacity(&play.config, 0, &rate, play.diags));
    assert_true(isnan(rate));
    play_release(&play);
}

static void nothing_may_arrive_at_all(void **state) {
    (void)state;
    struct play play;
    play_init(&play, 10, 1, 2, 0);
    play_run(&play);
    assert_int_equal(play.record_count, 0);
    assert_true(play.outcome.window_end == 0);
    assert_false(play.outcome.saturated);
    play_release(&play);
}

/* All requests alike, 4 in and 3 out, 8 slots: 8 end together every 10 + 32 + 2 x (10 + 16) ticks. */
static void capacity_is_the_rate_between_the_quarters(void **state) {
    (void)state;
    struct play play;
    double rate = 0;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 3});
    play.pools[0].batching.max_num_seqs = 8;
    play.pools[0].replicas = 5;
    assert_true(simulate_capacity(&play.config, 0, &rate, play.diags));
    assert_true(fabs(rate / (8 * 7 / (94 * TICK_S)) - 1) < 1e-12);
    play_release(&play);
}

/* Four blocks, one kept free: every other prompt can never be admitted, which is found out on the way. One slot: 14 + 12 + 12 ticks. */
static void capacity_passes_over_what_is_never_admitted(void **state) {
    (void)state;
    struct play play;
    double rate = 0;
    play_init(&play, 10, 1, 2, 0);
    PLAY_ROWS(&play, 0, {0, 4, 3}, {0, 13, 1});
    play.pools[0].batching.max_num_seqs = 1;
    play.pools[0].batching.watermark_blocks = 1;
    play.pools[0].num_gpu_blocks = 4;
    assert_true(simulate_capacity(&play.config, 0, &rate, play.diags));
    assert_true(fabs(rate / (7 / (38 * TICK_S)) - 1) < 1e-12);
    play_release(&play);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_straddled_step_is_shared_out_by_floor),
        cmocka_unit_test(tokens_happen_and_requests_arrive),
        cmocka_unit_test(at_a_cut_step_ends_come_before_and_arrivals_after),
        cmocka_unit_test(a_step_that_ends_within_the_cuts_key_is_before_it),
        cmocka_unit_test(a_cut_neither_loses_nor_doubles),
        cmocka_unit_test(the_first_n_requests_over_all_workloads),
        cmocka_unit_test(a_rejected_request_is_one_of_n),
        cmocka_unit_test(a_run_ends_at_its_cut_or_with_its_last_request),
        cmocka_unit_test(the_unfinished_enter_with_their_age),
        cmocka_unit_test(energy_is_kept_by_minute),
        cmocka_unit_test(a_pool_whose_queue_grows_is_saturated),
        cmocka_unit_test(a_run_may_reject_everything),
        cmocka_unit_test(nothing_may_arrive_at_all),
        cmocka_unit_test(capacity_is_the_rate_between_the_quarters),
        cmocka_unit_test(capacity_passes_over_what_is_never_admitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

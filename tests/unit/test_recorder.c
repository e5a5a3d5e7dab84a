/* Who counts in what: requests as they end, verdicts, ages (docs/semantics.md sections 3 and 6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sim/clock.h"
#include "sim/recorder.h"

static const struct pool_config pool = {.name = "p", .replicas = 1};
static const struct workload_config workload = {
    .name = "w",
    .slo = {{LATENCY_TTFT, 99, 100}, {LATENCY_E2E, 90, 1000}, {LATENCY_TPOT, 95, 10}, {LATENCY_QUEUE, 50, 20}},
    .slo_count = 4,
};
static const struct sim_config config = {
    .warmup_key = 50,
    .pools = &pool,
    .pool_count = 1,
    .workloads = &workload,
    .workload_count = 1,
};

struct fixture {
    struct recorder recorder;
    struct sim_outcome outcome;
};

static int setup(void **state) {
    static struct fixture fixture;
    recorder_init(&fixture.recorder, &config, NULL, &fixture.outcome);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    sim_outcome_release(&fixture->outcome);
    return 0;
}

/* A good request. */
static struct request_record good_record(int64_t arrival_key) {
    return (struct request_record){
        .arrival_key = arrival_key,
        .queue = 20,
        .ttft = 100,
        .tpot = 10,
        .e2e = 1000,
        .output_tokens = 91,
        .status = REQUEST_COMPLETED,
    };
}

static const struct workload_outcome *end(struct fixture *fixture, const struct request_record *record) {
    recorder_arrived(&fixture->recorder, 0, record->arrival_key);
    recorder_ended(&fixture->recorder, record, true);
    return &fixture->outcome.workloads[0];
}

static void a_value_at_its_limit_meets_it(void **state) {
    struct request_record record = good_record(50);
    const struct workload_outcome *out = end(*state, &record);
    assert_int_equal(out->good, 1);
    assert_true(out->good_output_tokens == 91);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(out->slo[i].met, 1);
    }
    record.tpot = 11;
    end(*state, &record);
    assert_int_equal(out->good, 1);
    assert_int_equal(out->slo[0].met, 2);
    assert_int_equal(out->slo[2].met, 1);
    assert_true(out->latency[LATENCY_TPOT].known.sum == 21);
}

static void a_request_before_the_window_has_no_latency(void **state) {
    struct request_record record = good_record(49);
    const struct workload_outcome *out = end(*state, &record);
    assert_int_equal(out->requests.emitted, 1);
    assert_int_equal(out->requests.completed, 1);
    assert_int_equal(out->completed_in_window, 1);
    assert_int_equal(out->measured.emitted, 0);
    assert_int_equal(out->measured.completed, 0);
    assert_int_equal(out->good, 0);
    assert_int_equal(out->latency[LATENCY_E2E].known.count, 0);
    assert_true(recorder_measures(&((struct fixture *)*state)->recorder, 50));
    assert_false(recorder_measures(&((struct fixture *)*state)->recorder, 49));
}

static void a_one_token_answer_meets_its_tpot(void **state) {
    struct request_record record = good_record(50);
    record.tpot = LATENCY_NONE;
    const struct workload_outcome *out = end(*state, &record);
    assert_int_equal(out->slo[2].met, 1);
    assert_int_equal(out->good, 1);
    assert_int_equal(out->latency[LATENCY_TPOT].known.count, 0);
}

static void a_rejected_request_is_counted_and_meets_nothing(void **state) {
    struct request_record record = good_record(50);
    record.status = REQUEST_REJECTED;
    record.reject_reason = REJECT_TOO_LONG;
    const struct workload_outcome *out = end(*state, &record);
    assert_int_equal(out->requests.rejected[REJECT_TOO_LONG], 1);
    assert_int_equal(out->measured.rejected[REJECT_TOO_LONG], 1);
    assert_int_equal(out->completed_in_window, 0);
    assert_int_equal(out->slo[0].met, 0);
    assert_int_equal(out->slo[0].undecided, 0);
    assert_int_equal(out->latency[LATENCY_TTFT].known.count, 0);
    assert_int_equal(((struct fixture *)*state)->outcome.events, 1);
}

/* An unfinished request that arrived at key 60, at an age in units, knowing nothing or its queue and TTFT. */
static const struct workload_outcome *cut(struct fixture *fixture, i128 age, bool served) {
    struct request_record record = good_record(60);
    record.status = REQUEST_UNFINISHED;
    record.tpot = record.e2e = LATENCY_NONE;
    if (!served) {
        record.queue = record.ttft = LATENCY_NONE;
    }
    recorder_arrived(&fixture->recorder, 0, 60);
    recorder_unfinished(&fixture->recorder, &record, instant_of_key(60) + age, served);
    return &fixture->outcome.workloads[0];
}

static void an_unfinished_request_fails_once_it_is_older_than_a_limit(void **state) {
    const struct workload_outcome *out = cut(*state, 100, false);
    assert_int_equal(out->measured.waiting, 1);
    assert_int_equal(out->slo[0].undecided, 1); /* as old as the limit: still open */
    assert_int_equal(out->slo[1].undecided, 1);
    assert_int_equal(out->slo[2].undecided, 0); /* TPOT of one that has failed: missed */
    assert_int_equal(out->slo[3].undecided, 0); /* queue: 100 > 20 */
    assert_int_equal(out->undecided_good, 0);
    cut(*state, 101, false);
    assert_int_equal(out->slo[0].undecided, 1);
    assert_int_equal(out->slo[0].met, 0);
    assert_true(out->latency[LATENCY_E2E].undecided.sum == 201);
    assert_int_equal(out->latency[LATENCY_TPOT].undecided.count, 0);
}

static void an_unfinished_request_counts_what_is_known_of_it(void **state) {
    const struct workload_outcome *out = cut(*state, 500, true);
    assert_int_equal(out->measured.running, 1);
    assert_int_equal(out->slo[0].met, 1);
    assert_int_equal(out->slo[1].undecided, 1);
    assert_int_equal(out->undecided_good, 1);
    assert_int_equal(out->good, 0);
    assert_int_equal(out->latency[LATENCY_TTFT].known.count, 1);
    assert_int_equal(out->latency[LATENCY_TTFT].undecided.count, 0);
    cut(*state, 1001, true);
    assert_int_equal(out->slo[1].undecided, 1);
    assert_int_equal(out->undecided_good, 1);
}

static void collect(void *context, const struct request_record *record) {
    *(int64_t *)context += record->output_tokens;
}

static void the_observer_sees_every_end(void **state) {
    int64_t seen = 0;
    struct observer observer = {.context = &seen, .request_ended = collect};
    struct fixture *fixture = *state;
    fixture->recorder.observer = &observer;
    struct request_record record = good_record(0);
    end(fixture, &record);
    cut(fixture, 3, true);
    assert_int_equal(seen, 182);
    fixture->recorder.observer = NULL;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_value_at_its_limit_meets_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_request_before_the_window_has_no_latency, setup, teardown),
        cmocka_unit_test_setup_teardown(a_one_token_answer_meets_its_tpot, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rejected_request_is_counted_and_meets_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unfinished_request_fails_once_it_is_older_than_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unfinished_request_counts_what_is_known_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(the_observer_sees_every_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

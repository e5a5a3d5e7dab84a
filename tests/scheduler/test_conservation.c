/* Nothing is lost and nothing doubled: a few hundred random scenarios over all policies, routers, admissions and preemptions, starved
 * of KV, and what must hold in each whatever the schedule. Costs are random too, so that steps end between keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sim/arrivals.h"
#include "sim/stepwise/replica.h"
#include "tests/scheduler/play.h"

enum { SCENARIOS = 400, ROWS = 60 };

/* Draws that name the scenario and what they decide. */
struct dice {
    struct random_stream stream;
    uint64_t scenario;
    uint32_t next;
};

static int64_t roll(struct dice *dice, int64_t low, int64_t high) {
    double u = random_uniform(dice->stream, dice->scenario, dice->next++);
    return low + (int64_t)(u * (double)(high - low + 1));
}

struct scenario {
    struct play play;
    struct play_row rows[2][ROWS];
    struct arrival_spec spec;
    bool drains, delayed;
};

static void roll_costs(struct dice *dice, struct play *play) {
    struct linear_step step = {
        .c0_s = (double)roll(dice, 0, 1000) * 1e-6,
        .c1_s = (double)roll(dice, 0, 100) * 1e-6,
        .c2_s = (double)roll(dice, 0, 100) * 1e-6,
        .c3_s = (double)roll(dice, 0, 10) * 1e-7,
        .c4_s = (double)roll(dice, 0, 10) * 1e-8,
        .quantum_s = roll(dice, 0, 3) == 0 ? 1e-4 : 0,
    };
    play_cost(play, &step, NULL);
}

static void roll_pools(struct dice *dice, struct play *play) {
    struct pool_config *pool = &play->pools[0];
    struct batching_config *batching = &pool->batching;
    pool->replicas = roll(dice, 1, 4);
    pool->block_size = roll(dice, 1, 8);
    pool->num_gpu_blocks = roll(dice, 0, 3) == 0 ? KV_BLOCKS_UNLIMITED : roll(dice, 4, 40);
    pool->max_model_len = roll(dice, 20, 200);
    batching->policy = (enum batching_policy)roll(dice, 0, BATCHING_POLICY_COUNT - 1);
    batching->max_num_seqs = roll(dice, 1, 12);
    batching->max_num_batched_tokens = batching->max_num_seqs + roll(dice, 0, 60);
    batching->chunk = roll(dice, 0, 1) * roll(dice, 1, 20);
    batching->kv_admission = (enum kv_admission)roll(dice, 0, 1);
    batching->batch_wait_max_tokens = roll(dice, 0, 30);
    batching->batch_wait_timeout_iters = roll(dice, 0, 5);
    if (batching->policy == BATCHING_PREFILL_FIRST && roll(dice, 0, 1) == 0) {
        batching->kv_admission = KV_ADMISSION_ESTIMATE;
        batching->new_token_ratio = 1 << (NEW_TOKEN_RATIO_SHIFT - 1);
        batching->new_token_ratio_decay = 1000;
    } else if (batching->policy == BATCHING_TRTLLM && roll(dice, 0, 1) == 0) {
        batching->kv_admission = KV_ADMISSION_RESERVE;
    }
    batching->watermark_blocks = roll(dice, 0, 3) == 0 ? roll(dice, 1, 4) : 0;
    batching->on_preempt = (enum on_preempt)roll(dice, 0, 1);
    batching->max_wait = roll(dice, 0, 2000) * (TICK / 10000);
    batching->deliver = (enum deliver)roll(dice, 0, 1);
    if (roll(dice, 0, 2) == 0) {
        play_pool_add(play, "second", roll(dice, 1, 3));
    }
}

static void roll_rows(struct dice *dice, struct scenario *scenario, uint32_t workload) {
    double at = 0;
    int64_t gap = roll(dice, 0, 300);
    for (size_t i = 0; i < ROWS; i++) {
        at += (double)roll(dice, 0, gap) * 0x1p-10;
        int64_t input = roll(dice, 1, 60);
        int64_t output = roll(dice, 1, 40);
        scenario->rows[workload][i] = (struct play_row){at, input, output};
    }
    play_rows(&scenario->play, workload, scenario->rows[workload], ROWS);
}

static void roll_workloads(struct dice *dice, struct scenario *scenario) {
    struct play *play = &scenario->play;
    roll_rows(dice, scenario, 0);
    roll_rows(dice, scenario, 1);
    play->config.routing = (enum routing_policy)roll(dice, 0, ROUTING_POLICY_COUNT - 1);
    bool central = play->config.routing == ROUTING_CENTRAL_QUEUE;
    play->workloads[0].pool_count = central ? 1 : play->config.pool_count;
    play->workloads[1].pools = &play->every_pool[play->config.pool_count - 1];
    scenario->delayed = roll(dice, 0, 3) == 0;
    play->workloads[0].arrival_delay_base = scenario->delayed ? TICK / 1000 : 0;
    play->workloads[0].arrival_delay_per_input_token = scenario->delayed ? TICK / 7777 : 0;
    if (roll(dice, 0, 3) == 0) {
        scenario->spec = (struct arrival_spec){.name = "w",
                                               .process = ARRIVAL_CLOSED_LOOP,
                                               .clients = (uint32_t)roll(dice, 1, 9),
                                               .think_s = (double)roll(dice, 0, 5) * 1e-4};
        play->workloads[0].arrivals = arrival_spec_factory(&scenario->spec);
        play->workloads[0].input_tokens = (struct length_spec){.kind = LENGTH_GEOMETRIC, .mean = 20};
        play->workloads[0].output_tokens = (struct length_spec){.kind = LENGTH_UNIFORM, .min = 1, .max = 30};
        play->config.max_requests = roll(dice, 50, 150);
    }
}

static void scenario_make(struct scenario *scenario, uint64_t number) {
    struct dice dice = {random_stream_make(7, 0, RANDOM_SERVICE, "conservation"), number, 0};
    memset(scenario, 0, sizeof *scenario);
    play_init(&scenario->play, 1, 1, 1, 1);
    roll_costs(&dice, &scenario->play);
    roll_pools(&dice, &scenario->play);
    roll_workloads(&dice, scenario);
    scenario->drains = roll(&dice, 0, 2) > 0;
    if (!scenario->drains) {
        scenario->play.config.end_key = roll(&dice, 1, 5 * TICK_KEYS);
    }
}

static int64_t rejections(const struct request_counts *counts) {
    return counts->rejected[REJECT_TOO_LARGE] + counts->rejected[REJECT_TOO_LONG] +
           counts->rejected[REJECT_NEVER_ADMITTED];
}

static void requests_are_conserved(const struct scenario *scenario) {
    const struct sim_outcome *outcome = &scenario->play.outcome;
    int64_t emitted = 0, completed = 0;
    for (size_t i = 0; i < outcome->workload_count; i++) {
        const struct workload_outcome *out = &outcome->workloads[i];
        const struct request_counts *counts = &out->requests;
        assert_int_equal(counts->emitted, counts->completed + counts->waiting + counts->running + rejections(counts));
        assert_int_equal(out->arrivals.read, counts->emitted + out->arrivals.dropped[DROP_AFTER_END]);
        assert_memory_equal(&out->requests, &out->measured, sizeof out->requests);
        assert_int_equal(out->latency[LATENCY_E2E].known.count, counts->completed);
        assert_true(!scenario->drains || counts->waiting + counts->running == 0);
        emitted += counts->emitted;
        completed += counts->completed;
    }
    assert_int_equal(emitted, scenario->play.record_count);
    assert_int_equal(outcome->events, emitted + completed);
}

/* Tokens of the records against the sums; what was computed against what had to be. */
static void tokens_are_conserved(const struct scenario *scenario) {
    const struct play *play = &scenario->play;
    int64_t input = 0, output = 0, recomputed = 0, prefilled = 0;
    for (size_t i = 0; i < play->config.workload_count; i++) {
        for (size_t pool = 0; pool < play->config.pool_count; pool++) {
            const struct token_counts *tokens = &play->outcome.workloads[i].tokens[pool];
            input += tokens->input;
            output += tokens->output;
            recomputed += tokens->recomputed;
            prefilled += tokens->prefilled;
        }
    }
    int64_t emitted = 0, prompts = 0, started = 0, preemptions = 0;
    for (size_t i = 0; i < play->record_count; i++) {
        const struct request_record *record = &play->records[i];
        emitted += record->output_tokens;
        preemptions += record->preemptions;
        prompts += record->output_tokens > 0 ? record->input_tokens : 0;
        started += record->queue != LATENCY_NONE ? record->input_tokens : 0;
        assert_true(record->status != REQUEST_COMPLETED || record->output_tokens > 0);
    }
    assert_int_equal(output, emitted);
    assert_int_equal(input, prompts);
    /* The last answer of a preempted request is in no cache yet: its target has one position that is new. */
    assert_true(prefilled >= input && prefilled <= started + recomputed + preemptions);
    if (preemptions == 0) {
        assert_int_equal(recomputed, 0);
        assert_true(!scenario->drains || prefilled == input);
    }
}

/* Little's law, exactly: requests in the system, integrated, are the sum of the times that they spend there. */
static void time_is_conserved(const struct scenario *scenario) {
    const struct play *play = &scenario->play;
    const bool holds_slots = play->pools[0].batching.policy == BATCHING_STATIC;
    i128 inside = 0, sojourns = 0, queued = 0;
    for (size_t i = 0; i < play->config.pool_count; i++) {
        const struct pool_outcome *pool = &play->outcome.pools[i];
        i128 paid = play->pools[i].replicas * (play->outcome.window_end + ((i128)1 << KEY_SHIFT));
        assert_true(pool->busy >= 0 && pool->busy <= paid);
        assert_true(pool->busy_prefill >= 0 && pool->busy_decode >= 0);
        assert_true(pool->busy == pool->busy_prefill + pool->busy_decode);
        assert_true(pool->batch <= pool->running && pool->running >= pool->busy);
        inside += pool->waiting + pool->running;
        queued += pool->waiting;
    }
    for (size_t i = 0; i < play->record_count; i++) {
        const struct request_record *record = &play->records[i];
        bool served = record->status == REQUEST_COMPLETED;
        sojourns += served ? record->e2e : 0;
        assert_true(!served || (record->queue >= 0 && record->queue < record->ttft && record->ttft <= record->e2e));
        assert_true(!served || record->finish == instant_of_key(record->arrival_key) + record->e2e);
        assert_true(record->tpot == LATENCY_NONE || record->tpot * (record->output_tokens - 1) <= record->e2e);
    }
    bool late_rejects = play->pools[0].batching.watermark_blocks > 0; /* they have waited, and have no end */
    if (scenario->drains && !scenario->delayed && !holds_slots && !late_rejects) {
        assert_true(inside == sojourns);
    }
    assert_true(queued >= 0);
}

/* In order of their end, unfinished ones last by id. */
static void records_come_in_order(const struct scenario *scenario) {
    const struct play *play = &scenario->play;
    int64_t last_id = -1;
    for (size_t i = 0; i < play->record_count; i++) {
        const struct request_record *record = &play->records[i];
        if (record->status == REQUEST_UNFINISHED) {
            assert_true(record->request_id > last_id);
            last_id = record->request_id;
        } else {
            assert_int_equal(last_id, -1);
        }
    }
}

/* The leap keeps the same books of tokens at the ends of requests. */
static void capacities_are_equal(struct play *play, uint64_t number) {
    double stepwise = 0, leap = 0;
    if (number % 16 != 0) {
        return; /* thousands of requests each */
    }
    assert_true(simulate_capacity(&play->config, 0, &stepwise, play->diags));
    play->config.engine = ENGINE_LEAP;
    assert_true(simulate_capacity(&play->config, 0, &leap, play->diags));
    play->config.engine = ENGINE_STEPWISE;
    assert_memory_equal(&stepwise, &leap, sizeof leap);
}

/* After the last event nobody holds a block, a slot or a place in a queue. */
static void blocks_all_return(const struct scenario *scenario) {
    struct cluster cluster;
    struct sim_outcome outcome;
    int64_t key;
    cluster_init(&cluster, &scenario->play.config, NULL, &outcome, scenario->play.diags);
    while (cluster_step(&cluster, &key)) {
        for (uint32_t i = 0; i < cluster.replica_count; i++) {
            const struct replica *replica = replica_at(&cluster, i);
            assert_true(replica->free_blocks >= 0 && replica->kv_tokens >= 0);
            int64_t next = cluster.calendar.events[source_of_replica(&cluster, i)].key;
            assert_true(replica->stepping || replica->running_count == 0 || next == key);
        }
    }
    for (uint32_t i = 0; scenario->drains && i < cluster.replica_count; i++) {
        const struct replica *replica = replica_at(&cluster, i);
        assert_true(replica->free_blocks == replica->config->num_gpu_blocks);
        assert_int_equal(replica->kv_tokens, 0);
        assert_int_equal(replica->running_count, 0);
        assert_int_equal(replica->waiting.count, 0);
        assert_int_equal(cluster.outstanding[i], 0);
    }
    cluster_release(&cluster);
    sim_outcome_release(&outcome);
}

/* Wherever a run is cut, the part before and the part after make the whole. */
static void parts_make_the_whole(const struct play *whole, const struct play *before, const struct play *after) {
    for (size_t i = 0; i < whole->config.pool_count; i++) {
        const struct pool_outcome *all = &whole->outcome.pools[i];
        const struct pool_outcome *a = &before->outcome.pools[i], *b = &after->outcome.pools[i];
        assert_true(a->busy + b->busy == all->busy);
        assert_true(a->busy_decode + b->busy_decode == all->busy_decode);
        assert_true(a->batch + b->batch == all->batch);
        assert_true(a->waiting + b->waiting == all->waiting);
        assert_true(a->running + b->running == all->running);
        assert_true(a->kv_tokens + b->kv_tokens == all->kv_tokens);
        assert_true(a->steps + b->steps == all->steps);
        assert_true(a->preemptions + b->preemptions == all->preemptions);
        for (size_t w = 0; w < whole->config.workload_count; w++) {
            const struct token_counts *tokens = &whole->outcome.workloads[w].tokens[i];
            const struct token_counts *x = &before->outcome.workloads[w].tokens[i];
            const struct token_counts *y = &after->outcome.workloads[w].tokens[i];
            assert_int_equal(x->input + y->input, tokens->input);
            assert_int_equal(x->output + y->output, tokens->output);
            assert_int_equal(x->prefilled + y->prefilled, tokens->prefilled);
            assert_int_equal(x->recomputed + y->recomputed, tokens->recomputed);
        }
    }
}

static void cutting_a_run_changes_nothing(void **state) {
    (void)state;
    static struct scenario whole, before, after;
    for (uint64_t i = 0; i < SCENARIOS; i++) {
        scenario_make(&whole, i);
        play_run(&whole.play);
        int64_t cut = key_of_instant(whole.play.outcome.window_end) / 3 + 1;
        if (i % 2 == 0 && whole.play.record_count > 0) { /* in the key of some step's end */
            cut = key_of_instant(whole.play.records[whole.play.record_count / 2].finish);
        }
        if (whole.drains && cut > 0) {
            scenario_make(&before, i);
            before.play.config.end_key = cut;
            play_run(&before.play);
            scenario_make(&after, i);
            after.play.config.warmup_key = cut;
            play_run(&after.play);
            parts_make_the_whole(&whole.play, &before.play, &after.play);
            play_release(&before.play);
            play_release(&after.play);
        }
        play_release(&whole.play);
    }
}

static void nothing_is_lost_in_any_schedule(void **state) {
    (void)state;
    int64_t preemptions = 0, completed = 0, never_admitted = 0;
    static struct scenario scenario;
    for (uint64_t i = 0; i < SCENARIOS; i++) {
        scenario_make(&scenario, i);
        play_run(&scenario.play);
        requests_are_conserved(&scenario);
        tokens_are_conserved(&scenario);
        time_is_conserved(&scenario);
        records_come_in_order(&scenario);
        blocks_all_return(&scenario);
        capacities_are_equal(&scenario.play, i);
        preemptions += scenario.play.outcome.pools[0].preemptions;
        completed += scenario.play.outcome.workloads[0].requests.completed;
        never_admitted += scenario.play.outcome.workloads[0].requests.rejected[REJECT_NEVER_ADMITTED];
        play_release(&scenario.play);
    }
    assert_true(preemptions > 1000 && completed > 10000 && never_admitted > 10); /* the dice are not idle */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_in_any_schedule),
        cmocka_unit_test(cutting_a_run_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

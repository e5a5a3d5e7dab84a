#include "tests/theory/queueing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { SERVERS_MAX = 16 };

struct watch {
    const struct queue_spec *spec;
    i128 token;             /* units */
    int64_t batch_size;     /* requests */
    i128 wait[BATCHES + 1]; /* sums; the first batch warms up */
    i128 sojourn[BATCHES + 1];
    i128 free_at[SERVERS_MAX];
    i128 sojourns, served_tokens;
    struct request_record *late; /* owned: ended, but somebody who came before has not */
    size_t late_count, late_capacity;
    int64_t next_id;
    int64_t mistakes;
};

static int64_t theory_divisor(void) {
    const char *text = getenv("TOKENMILL_THEORY_DIVISOR");
    int64_t divisor = text == NULL ? 1 : atoll(text);
    assert_true(divisor >= 1);
    return divisor;
}

/* The server that is free first takes the next request, as it comes or as it becomes free. */
static void take(struct watch *watch, const struct request_record *record) {
    i128 *first = &watch->free_at[0];
    for (int64_t i = 1; i < watch->spec->servers; i++) {
        first = watch->free_at[i] < *first ? &watch->free_at[i] : first;
    }
    i128 arrival = instant_of_key(record->arrival_key);
    i128 start = *first > arrival ? *first : arrival;
    i128 service = watch->token * record->input_tokens;
    *first = start + service;
    watch->mistakes += record->queue != start - arrival || record->e2e != record->queue + service;
    watch->mistakes += record->status != REQUEST_COMPLETED;
    int64_t batch = record->request_id / watch->batch_size;
    watch->wait[batch] += record->queue;
    watch->sojourn[batch] += record->e2e;
    watch->sojourns += record->e2e;
    watch->served_tokens += record->input_tokens;
    watch->next_id++;
}

/* Requests end in another order than they came; `take` wants them as they came. A ring by id. */
static void watch_end(void *context, const struct request_record *record) {
    struct watch *watch = context;
    size_t mask = watch->late_capacity - 1;
    assert_true((size_t)(record->request_id - watch->next_id) < watch->late_capacity);
    watch->late[(size_t)record->request_id & mask] = *record;
    while (watch->late[(size_t)watch->next_id & mask].request_id == watch->next_id) {
        take(watch, &watch->late[(size_t)watch->next_id & mask]);
    }
}

static struct interval interval_of(const i128 sums[BATCHES + 1], int64_t batch_size) {
    double mean = 0, squares = 0, values[BATCHES];
    for (int i = 0; i < BATCHES; i++) {
        values[i] = units_to_s(sums[i + 1]) / (double)batch_size;
        mean += values[i] / BATCHES;
    }
    for (int i = 0; i < BATCHES; i++) {
        squares += (values[i] - mean) * (values[i] - mean);
    }
    double error = sqrt(squares / (BATCHES - 1) / BATCHES);
    return (struct interval){mean, error * gsl_cdf_tdist_Qinv(0.0005, BATCHES - 1)};
}

static void run_engine(const struct queue_spec *spec, struct watch *watch, struct sim_outcome *outcome) {
    static const uint32_t only_pool = 0;
    struct diags *diags = diags_new();
    struct linear_step step = {.c1_s = spec->token_s};
    struct step_model *model = step_model_new_linear(&step, NULL, diags, (struct position){0});
    struct arrival_spec arrivals = spec->arrivals;
    arrivals.name = "theory";
    struct pool_config pool = {
        .name = "servers",
        .replicas = spec->servers,
        .gpus_per_replica = 1,
        .batching = {.policy = BATCHING_REQUEST_LEVEL, .max_num_batched_tokens = INT64_C(1) << 40},
        .block_size = 16,
        .num_gpu_blocks = KV_BLOCKS_UNLIMITED,
        .max_model_len = INT64_C(1) << 40,
        .step_model = model,
    };
    struct workload_config workload = {
        .name = "theory",
        .arrivals = arrival_spec_factory(&arrivals),
        .input_tokens = spec->lengths,
        .output_tokens = {.kind = LENGTH_CONSTANT, .value = 1},
        .pools = &only_pool,
        .pool_count = 1,
    };
    struct sim_config config = {
        .engine = spec->stepwise ? ENGINE_STEPWISE : ENGINE_LEAP,
        .seed = spec->seed,
        .max_requests = watch->batch_size * (BATCHES + 1),
        .end_key = KEY_NEVER,
        .routing = ROUTING_CENTRAL_QUEUE,
        .pools = &pool,
        .pool_count = 1,
        .workloads = &workload,
        .workload_count = 1,
    };
    struct observer observer = {.context = watch, .request_ended = watch_end};
    assert_true(simulate(&config, &observer, outcome, diags));
    step_model_free(model);
    diags_free(diags);
}

struct queue_run queue_play(const struct queue_spec *spec) {
    assert_true(spec->servers <= SERVERS_MAX);
    struct watch *watch = xcalloc(1, sizeof *watch);
    watch->spec = spec;
    watch->token = (i128)nearbyint(spec->token_s * UNIT_PER_S);
    watch->batch_size = spec->requests / theory_divisor() / (BATCHES + 1);
    watch->late_capacity = 1 << 16;
    watch->late = xcalloc(watch->late_capacity, sizeof *watch->late);
    for (size_t i = 0; i < watch->late_capacity; i++) {
        watch->late[i].request_id = -1;
    }
    struct sim_outcome outcome;
    run_engine(spec, watch, &outcome);
    const struct pool_outcome *pool = &outcome.pools[0];
    assert_int_equal(watch->next_id, watch->batch_size * (BATCHES + 1));
    assert_int_equal(watch->mistakes, 0);
    assert_true(pool->busy == watch->token * watch->served_tokens);
    assert_true(pool->waiting + pool->running == watch->sojourns);
    assert_true(pool->running == pool->busy);
    struct queue_run run = {
        .wait = interval_of(watch->wait, watch->batch_size),
        .sojourn = interval_of(watch->sojourn, watch->batch_size),
        .end_s = units_to_s(outcome.window_end),
        .busy_s = units_to_s(pool->busy),
        .served_tokens = i128_to_double(watch->served_tokens),
        .completed = watch->next_id,
    };
    sim_outcome_release(&outcome);
    free(watch->late);
    free(watch);
    return run;
}

void interval_holds(struct interval interval, double theory, double ratio) {
    double divisor = (double)theory_divisor();
    double wide = divisor > 1 ? 1.5 * ratio * sqrt(divisor) : ratio; /* short batches depend on each other */
    if (!(fabs(interval.mean - theory) <= interval.half_width && interval.half_width <= wide * theory)) {
        fail_msg("%.6g +- %.2g (%.2f %%), theory %.6g (%+.2f %%)", interval.mean, interval.half_width,
                 100 * interval.half_width / theory, theory, 100 * (interval.mean / theory - 1));
    }
}

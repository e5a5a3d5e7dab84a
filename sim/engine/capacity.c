/* capacity.c - the tokens per second that one replica sustains when work never runs out (docs/semantics.md section 7). */
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "sim/clock.h"
#include "sim/engine/cluster.h"
#include "sim/simulate.h"

enum { CAPACITY_REQUESTS_MIN = 4096, CAPACITY_REQUESTS_PER_SLOT = 16 };

/* Requests of one workload, one after the other, without end. */
struct supply {
    const struct sim_config *config;
    const struct workload_config *workload;
    struct random_stream input_stream, output_stream;
    struct arrival_source *trace; /* owned; NULL for a synthetic workload */
    int64_t trace_rows;           /* rows since it was last opened */
    uint64_t ordinal;
    double rate;
    int64_t given;
};

static bool open_trace(struct supply *supply, struct diags *diags) {
    const struct arrival_factory *factory = &supply->workload->arrivals;
    if (supply->trace != NULL) {
        supply->trace->type->free(supply->trace);
    }
    supply->trace_rows = 0;
    supply->trace = factory->open(factory->context, supply->config->seed, 0, diags);
    return supply->trace != NULL;
}

static bool supply_init(struct supply *supply, const struct sim_config *config, const struct workload_config *workload,
                        struct diags *diags) {
    *supply = (struct supply){
        .config = config,
        .workload = workload,
        .input_stream = random_stream_make(config->seed, 0, RANDOM_CAPACITY_INPUT, workload->name),
        .output_stream = random_stream_make(config->seed, 0, RANDOM_CAPACITY_OUTPUT, workload->name),
        .rate = workload->arrivals.mean_rate_per_s,
    };
    return !workload->arrivals.is_trace || open_trace(supply, diags);
}

static void supply_release(struct supply *supply) {
    if (supply->trace != NULL) {
        supply->trace->type->free(supply->trace);
    }
}

/* The next row of the trace, cycled. False if it fails or has none. */
static bool next_row(struct supply *supply, struct arrival *row, struct diags *diags) {
    for (;;) {
        enum arrival_status status = supply->trace->type->next(supply->trace, KEY_NEVER, row, diags);
        if (status == ARRIVAL_READY) {
            supply->trace_rows++;
            return true;
        }
        if (status == ARRIVAL_FAILED || supply->trace_rows == 0 || !open_trace(supply, diags)) {
            return false;
        }
    }
}

static bool next_lengths(struct supply *supply, struct arrival *out, struct diags *diags) {
    struct arrival row = {0};
    if (supply->trace != NULL && !next_row(supply, &row, diags)) {
        return false;
    }
    const struct workload_config *workload = supply->workload;
    uint64_t draw = supply->ordinal++;
    *out = row;
    if (out->input_tokens == 0) {
        out->input_tokens = length_draw(&workload->input_tokens, supply->input_stream, draw);
    }
    if (out->output_tokens == 0) {
        out->output_tokens = length_draw(&workload->output_tokens, supply->output_stream, draw);
    }
    return true;
}

/* The pool's mix: workloads interleaved by largest remainder in proportion to their rates. */
struct mix {
    struct arrival_source source;
    struct supply *supplies; /* owned */
    size_t count;
    double rate_total;
    int64_t wanted, given;
    const struct pool_config *pool;
};

static bool serves(const struct workload_config *workload, uint32_t pool) {
    for (size_t i = 0; i < workload->pool_count; i++) {
        if (workload->pools[i] == pool) {
            return true;
        }
    }
    return false;
}

static bool mix_init(struct mix *mix, const struct sim_config *config, uint32_t pool, struct diags *diags) {
    *mix = (struct mix){.pool = &config->pools[pool]};
    mix->supplies = xcalloc(config->workload_count, sizeof *mix->supplies);
    for (size_t i = 0; i < config->workload_count; i++) {
        if (serves(&config->workloads[i], pool)) {
            struct supply *supply = &mix->supplies[mix->count++];
            if (!supply_init(supply, config, &config->workloads[i], diags)) {
                return false;
            }
            mix->rate_total += supply->rate;
        }
    }
    return true;
}

static void mix_release(struct mix *mix) {
    for (size_t i = 0; i < mix->count; i++) {
        supply_release(&mix->supplies[i]);
    }
    free(mix->supplies);
}

/* The workload that is furthest behind its share of `given + 1`; the first of equals. */
static struct supply *furthest_behind(struct mix *mix) {
    struct supply *best = &mix->supplies[0];
    double most = -HUGE_VAL;
    for (size_t i = 0; i < mix->count; i++) {
        struct supply *supply = &mix->supplies[i];
        double share = mix->rate_total > 0 ? supply->rate / mix->rate_total : 1.0 / (double)mix->count;
        double behind = share * (double)(mix->given + 1) - (double)supply->given;
        if (behind > most) {
            most = behind;
            best = supply;
        }
    }
    return best;
}

/* Requests that would be rejected are left out; so many in a row that nothing else can be expected end it. */
enum { REJECTIONS_IN_A_ROW_MAX = 65536 };

static enum arrival_status mix_next(struct arrival_source *source, int64_t end_key, struct arrival *out,
                                    struct diags *diags) {
    struct mix *mix = (struct mix *)source;
    (void)end_key;
    if (mix->given == mix->wanted) {
        return ARRIVAL_END;
    }
    for (int i = 0; i < REJECTIONS_IN_A_ROW_MAX; i++) {
        struct supply *supply = furthest_behind(mix);
        enum reject_reason reason;
        size_t errors = diags_error_count(diags);
        if (!next_lengths(supply, out, diags)) {
            return diags_error_count(diags) > errors ? ARRIVAL_FAILED : ARRIVAL_END;
        }
        int64_t room = mix->pool->max_model_len - out->input_tokens;
        out->output_tokens = room > 0 && out->output_tokens > room ? room : out->output_tokens;
        int64_t cached = workload_cached(supply->workload, out->input_tokens);
        if (pool_accepts(mix->pool, out->input_tokens, cached, out->output_tokens, &reason)) {
            out->key = 0;
            out->draw = (uint64_t)mix->given++;
            supply->given++;
            return ARRIVAL_READY;
        }
    }
    return ARRIVAL_END;
}

static void mix_free(struct arrival_source *source) {
    (void)source; /* the caller of the capacity run owns it */
}

/* A factory's context is constant; what it names need not be: one run has it to itself. */
struct mix_handle {
    struct mix *mix;
};

static struct arrival_source *mix_open(const void *context, uint64_t seed, uint32_t replication, struct diags *diags) {
    static const struct arrival_source_type type = {.name = "capacity", .next = mix_next, .free = mix_free};
    (void)seed;
    (void)replication;
    (void)diags;
    const struct mix_handle *handle = context;
    handle->mix->source.type = &type;
    return &handle->mix->source;
}

static int64_t tokens_so_far(struct cluster *cluster) {
    if (cluster->engine->count_tokens != NULL) {
        cluster->engine->count_tokens(cluster);
    }
    return cluster->token_total;
}

/* Tokens between the ends of request N/4 and 3N/4, over that time. One that turns out never to be admitted has ended too. */
static double measure(struct cluster *cluster, int64_t wanted) {
    i128 from = 0, to = 0;
    int64_t from_tokens = 0, to_tokens = 0, key;
    while (to == 0 && cluster_step(cluster, &key)) {
        if (from == 0 && cluster->ended >= wanted / 4) {
            from = cluster->last_step_end;
            from_tokens = tokens_so_far(cluster);
        }
        if (cluster->ended >= 3 * wanted / 4) {
            to = cluster->last_step_end;
            to_tokens = tokens_so_far(cluster);
        }
    }
    return to > from ? (double)(to_tokens - from_tokens) / units_to_s(to - from) : (double)NAN;
}

/* The mean share of prompts that is cached, by requests. */
static int64_t mean_cached_share(const struct mix *mix) {
    double sum = 0;
    for (size_t i = 0; i < mix->count; i++) {
        double part = mix->rate_total > 0 ? mix->supplies[i].rate / mix->rate_total : 1.0 / (double)mix->count;
        sum += part * (double)mix->supplies[i].workload->cached_input_share;
    }
    return (int64_t)nearbyint(sum);
}

/* Plays the mix on one replica, all of it waiting at t = 0. */
static double run_mix(struct mix *mix, enum engine_kind engine, struct diags *diags, bool *failed) {
    static const uint32_t only_pool = 0;
    struct pool_config pool = *mix->pool;
    pool.replicas = 1;
    struct mix_handle handle = {.mix = mix};
    struct workload_config workload = {
        .name = "capacity",
        .arrivals = {.open = mix_open, .context = &handle},
        .pools = &only_pool,
        .pool_count = 1,
        .cached_input_share = mean_cached_share(mix),
    };
    struct sim_config config = {
        .engine = engine,
        .end_key = KEY_NEVER,
        .routing = ROUTING_ROUND_ROBIN,
        .pools = &pool,
        .pool_count = 1,
        .workloads = &workload,
        .workload_count = 1,
    };
    struct cluster cluster;
    struct sim_outcome outcome;
    cluster_init(&cluster, &config, NULL, &outcome, diags);
    double rate = measure(&cluster, mix->wanted);
    *failed = cluster.failed;
    cluster_release(&cluster);
    sim_outcome_release(&outcome);
    return rate;
}

bool simulate_capacity(const struct sim_config *config, uint32_t pool, double *token_per_s, struct diags *diags) {
    CHECK(pool < config->pool_count);
    struct mix mix;
    int64_t slots = batching_slots(&config->pools[pool].batching);
    bool failed = !mix_init(&mix, config, pool, diags);
    mix.wanted = CAPACITY_REQUESTS_MIN;
    if (CAPACITY_REQUESTS_PER_SLOT * slots > mix.wanted) {
        mix.wanted = CAPACITY_REQUESTS_PER_SLOT * slots;
    }
    double rate = (double)NAN;
    if (!failed && mix.count > 0) {
        rate = run_mix(&mix, config->engine, diags, &failed);
    }
    mix_release(&mix);
    if (!failed) {
        *token_per_s = rate;
    }
    return !failed;
}

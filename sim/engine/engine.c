/* engine.c - the loop over events, in the total order of docs/semantics.md section 1. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "sim/clock.h"
#include "sim/engine/cluster.h"
#include "sim/simulate.h"

static void init_pools(struct cluster *cluster) {
    const struct sim_config *config = cluster->config;
    cluster->pools = xcalloc(config->pool_count, sizeof *cluster->pools);
    uint32_t begin = 0;
    for (size_t i = 0; i < config->pool_count; i++) {
        struct pool_state *pool = &cluster->pools[i];
        CHECK(step_model_ranks(config->pools[i].step_model) <= UINT16_MAX); /* request.rank, */
        pool->config = &config->pools[i];
        pool->begin = begin;
        pool->end = begin += (uint32_t)config->pools[i].replicas;
        load_grid_init(&pool->grid);
    }
    CHECK(begin < REQUEST_NO_REPLICA && config->workload_count <= UINT16_MAX); /* request.replica, request.workload */
    cluster->replica_count = begin;
}

/* Who wants to know a request by its number, or its client. */
static bool wants_tags(const struct cluster *cluster) {
    const struct observer *observer = cluster->recorder.observer;
    bool wanted = observer != NULL && observer->request_ended != NULL;
    for (size_t i = 0; i < cluster->config->workload_count; i++) {
        const struct arrival_source *source = cluster->intakes[i].source;
        wanted = wanted || (source != NULL && source->type->ended != NULL);
    }
    return wanted;
}

static void open_intakes(struct cluster *cluster) {
    for (uint32_t i = 0; i < cluster->config->workload_count && intake_open(cluster, i); i++) {
        const struct workload_config *workload = &cluster->config->workloads[i];
        for (size_t pool = 0; pool < workload->pool_count; pool++) {
            cluster->pools[workload->pools[pool]].open_loop |= !cluster->intakes[i].source->closed_loop;
        }
    }
}

void cluster_init(struct cluster *cluster, const struct sim_config *config, const struct observer *observer,
                  struct sim_outcome *outcome, struct diags *diags) {
    *cluster = (struct cluster){.config = config, .outcome = outcome, .diags = diags};
    cluster->engine = config->engine == ENGINE_LEAP ? &leap_engine : &stepwise_engine;
    recorder_init(&cluster->recorder, config, observer, outcome);
    init_pools(cluster);
    cluster->outstanding = xcalloc(cluster->replica_count, sizeof *cluster->outstanding);
    cluster->frontend_free = xcalloc(cluster->replica_count, sizeof *cluster->frontend_free);
    cluster->engine->init(cluster);
    router_init(&cluster->router, config);
    calendar_init(&cluster->calendar, 2 * config->workload_count + cluster->replica_count);
    cluster->intakes = xcalloc(config->workload_count, sizeof *cluster->intakes);
    open_intakes(cluster);
    request_slab_init(&cluster->slab, wants_tags(cluster));
}

void cluster_release(struct cluster *cluster) {
    for (size_t i = 0; i < cluster->config->workload_count; i++) {
        intake_release(&cluster->intakes[i]);
    }
    cluster->engine->release(cluster);
    for (size_t i = 0; i < cluster->config->pool_count; i++) {
        queue_release(&cluster->pools[i].queue);
    }
    router_release(&cluster->router);
    calendar_release(&cluster->calendar);
    key_tree_release(&cluster->ends);
    free(cluster->intakes);
    free(cluster->pools);
    free(cluster->outstanding);
    free(cluster->frontend_free);
    request_slab_release(&cluster->slab);
}

/* What the client has seen of the first and of all tokens; `record` has arrival and counts already. */
static void set_client_times(const struct pool_config *pool, const struct progress *progress,
                             struct request_record *record, int64_t output) {
    i128 arrival = instant_of_key(record->arrival_key);
    if (progress->first_token != LATENCY_NONE) {
        record->ttft = progress->first_token + pool->token_delay - arrival;
    }
    if (progress->emitted < output || progress->last_token == LATENCY_NONE) {
        return;
    }
    i128 last = progress->last_token + pool->token_delay * output;
    record->e2e = last + pool->finish_delay - arrival;
    record->finish = arrival + record->e2e;
    if (output > 1) {
        i128 span = last - arrival - record->ttft;
        int64_t gaps = output - 1;
        record->tpot = span >> 64 == 0 ? (i128)((uint64_t)span / (uint64_t)gaps) : span / gaps;
    }
}

/* The record of a request as it stands. Without tags its number is 0: nobody looks at it. */
static inline void make_record(const struct cluster *cluster, uint32_t index, const struct progress *progress,
                               struct request_record *record) {
    const struct request *request = cluster_request(cluster, index);
    uint32_t pool = cluster_pool_of(cluster, request);
    *record = (struct request_record){
        .request_id = cluster->slab.tagged ? cluster->slab.tags[index].id : 0,
        .workload = request->workload,
        .pool = pool,
        .replica = -1,
        .arrival_key = request->arrival_key,
        .queue = LATENCY_NONE,
        .ttft = LATENCY_NONE,
        .tpot = LATENCY_NONE,
        .e2e = LATENCY_NONE,
        .finish = LATENCY_NONE,
        .input_tokens = request_input(request),
        .output_tokens = progress->delivered,
        .preemptions = progress->preemptions,
        .status = REQUEST_COMPLETED,
    };
    if (request->replica != REQUEST_NO_REPLICA) {
        record->replica = (int64_t)request->replica - cluster->pools[pool].begin;
    }
    if (progress->first_scheduled != LATENCY_NONE) {
        record->queue = progress->first_scheduled - instant_of_key(request->arrival_key);
    }
    set_client_times(&cluster->config->pools[pool], progress, record, request_output(request));
}

bool cluster_fail_time(struct cluster *cluster) {
    cluster->failed = true;
    return diag_error(cluster->diags, (struct position){0}, "time-range",
                      "the run passes 9 simulated years; give it a `duration`, or fewer `requests`");
}

void cluster_set_replica_event(struct cluster *cluster, uint32_t replica, enum event_class class, i128 instant) {
    struct event event = {.class = class, .index = replica};
    if (cluster_event_key(cluster, instant, &event.key)) {
        calendar_set(&cluster->calendar, source_of_replica(cluster, replica), event);
    } else {
        cluster_clear_replica_event(cluster, replica);
    }
}

void cluster_clear_replica_event(struct cluster *cluster, uint32_t replica) {
    calendar_clear(&cluster->calendar, source_of_replica(cluster, replica));
}

static i128 clamp(i128 value, i128 low, i128 high) {
    return value < low ? low : value > high ? high : value;
}

void cluster_pool_queue_changed(struct cluster *cluster, uint32_t index, i128 now) {
    struct pool_state *pool = &cluster->pools[index];
    i128 from = instant_of_key(cluster->config->warmup_key);
    i128 until = instant_of_key(cluster->config->end_key);
    struct level *level = &pool->waiting;
    load_grid_waiting(&pool->grid, level->since, now, level->value);
    struct timeline *timeline = cluster_timeline(cluster, index);
    if (timeline != NULL) {
        const struct timeline_levels levels = {.waiting = level->value};
        timeline_add_levels(timeline, level->since, now, from, &levels);
    }
    i128 time = clamp(now, from, until) - clamp(level->since, from, until);
    cluster->outcome->pools[index].waiting += level->value * time;
    *level = (struct level){.value = (int64_t)pool->queue.count, .since = now};
}

/* One request of a replica has ended. */
static void count_ended(struct cluster *cluster, struct request *request) {
    request->ended = true;
    cluster->ended++;
    if (request->replica != REQUEST_NO_REPLICA) {
        cluster_outstanding_add(cluster, request->replica, -1);
    }
}

void cluster_complete(struct cluster *cluster, uint32_t index, const struct progress *progress, i128 now) {
    struct request_record record;
    make_record(cluster, index, progress, &record);
    count_ended(cluster, cluster_request(cluster, index));
    recorder_ended(&cluster->recorder, &record, cluster_in_window(cluster, key_of_instant(now)));
    struct timeline *timeline = cluster_timeline(cluster, record.pool);
    if (timeline != NULL) {
        timeline_at_end(timeline, key_of_instant(now))->completed++;
    }
    intake_request_ended(cluster, index, record.finish, false);
}

void cluster_reject(struct cluster *cluster, uint32_t index, enum reject_reason reason, int64_t key) {
    struct request *request = cluster_request(cluster, index);
    const struct progress none = progress_none(request);
    struct request_record record;
    make_record(cluster, index, request->has_progress ? request->progress : &none, &record);
    record.status = REQUEST_REJECTED;
    record.reject_reason = reason;
    record.finish = LATENCY_NONE;
    count_ended(cluster, request);
    recorder_ended(&cluster->recorder, &record, key >= cluster->config->warmup_key);
    struct timeline *timeline = cluster_timeline(cluster, record.pool);
    if (timeline != NULL) {
        timeline_at_start(timeline, key)->rejected++;
    }
    intake_request_ended(cluster, index, instant_of_key(key), true);
    request_free(&cluster->slab, index);
}

/* ---- apart ---- */

void cluster_lower_end(struct cluster *cluster, uint32_t replica) {
    int64_t key = cluster->engine->next_end(cluster, replica);
    if (key < key_tree_key(&cluster->ends, replica)) {
        key_tree_set(&cluster->ends, replica, key);
    }
}

/* All ends of requests that come before arrivals at `key`. Replicas do not see each other: their order does not matter. */
static void play_ends(struct cluster *cluster, int64_t key) {
    for (struct key_node end = key_tree_least(&cluster->ends); end.key <= key; end = key_tree_least(&cluster->ends)) {
        cluster->engine->advance_to(cluster, end.leaf, key);
        int64_t next = cluster->engine->next_end(cluster, end.leaf);
        CHECK(next > key);
        key_tree_set(&cluster->ends, end.leaf, next);
    }
}

static void play_out(struct cluster *cluster) {
    for (uint32_t i = 0; i < cluster->replica_count; i++) {
        cluster->engine->advance_to(cluster, i, cluster->config->end_key);
        i128 end = cluster->engine->last_end(cluster, i);
        cluster->last_step_end = end > cluster->last_step_end ? end : cluster->last_step_end;
    }
}

/* ---- the loop ---- */

static void play_event(struct cluster *cluster, size_t source, const struct event *event) {
    i128 ended;
    switch ((enum event_class)event->class) {
    case EVENT_STEP_END:
        ended = cluster->engine->step_end(cluster, event->index);
        cluster->last_step_end = ended > cluster->last_step_end ? ended : cluster->last_step_end;
        return;
    case EVENT_ARRIVAL:
        if (cluster->ends_ordered) {
            play_ends(cluster, event->key);
        }
        if (source < cluster->config->workload_count) {
            intake_arrival(cluster, event->index, event->key);
        } else {
            intake_visible(cluster, event->index);
        }
        return;
    case EVENT_STEP_START: cluster->engine->step_start(cluster, event->index, event->key); return;
    case EVENT_CUT: break;
    }
    CHECK_NEVER("an event that is played");
}

bool cluster_step(struct cluster *cluster, int64_t *key) {
    size_t source;
    struct event event;
    int64_t end = cluster->config->end_key;
    if (cluster->failed || !calendar_first(&cluster->calendar, &source, &event)) {
        return false;
    }
    if (event.key > end || (event.key == end && event.class > EVENT_CUT)) {
        return false;
    }
    *key = event.key;
    play_event(cluster, source, &event);
    return true;
}

static bool all_open(const struct cluster *cluster) {
    for (size_t i = 0; i < cluster->config->workload_count; i++) {
        const struct arrival_source *source = cluster->intakes[i].source;
        if (source == NULL || source->type->ended != NULL) {
            return false;
        }
    }
    return true;
}

void cluster_play_apart(struct cluster *cluster) {
    enum routing_policy routing = cluster->config->routing;
    const struct observer *observer = cluster->recorder.observer;
    bool blind = routing == ROUTING_ROUND_ROBIN || routing == ROUTING_RANDOM || cluster->replica_count == 1;
    bool pulled = routing == ROUTING_CENTRAL_QUEUE;
    bool watched = observer != NULL && observer->request_ended != NULL;
    cluster->apart = cluster->engine->advance_to != NULL && !pulled && !watched && all_open(cluster);
    cluster->ends_ordered = cluster->apart && !blind;
    if (cluster->apart) {
        calendar_shrink(&cluster->calendar, 2 * cluster->config->workload_count);
    }
    if (cluster->ends_ordered) {
        key_tree_init(&cluster->ends, cluster->replica_count);
    }
}

/* Whether every request has ended and no other will come. (A replica may still sleep: `static`.) */
static bool drained(const struct cluster *cluster) {
    bool more = false;
    for (uint32_t i = 0; i < cluster->config->workload_count; i++) {
        more |= cluster->calendar.events[source_of_arrivals(i)].key != KEY_NEVER;
    }
    return !more && cluster->ended == cluster->arrived;
}

/* The instant at which the run ends: the cut, or the end of the last request where that comes first. */
static i128 end_of_run(struct cluster *cluster) {
    const struct sim_config *config = cluster->config;
    bool until_cut = config->end_key != KEY_NEVER && (config->max_requests == 0 || !drained(cluster));
    if (until_cut) {
        cluster->outcome->cut = true;
        return instant_of_key(config->end_key);
    }
    i128 last_arrival = cluster->outcome->last_arrival;
    return cluster->last_step_end > last_arrival ? cluster->last_step_end : last_arrival;
}

struct open_request {
    int64_t id;
    uint32_t index;
};

static int compare_ids(const void *a, const void *b) {
    const struct open_request *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static void record_unfinished_one(struct cluster *cluster, uint32_t index, i128 cut) {
    struct progress progress = cluster->engine->progress_of(cluster, index);
    struct request_record record;
    make_record(cluster, index, &progress, &record);
    record.status = REQUEST_UNFINISHED;
    record.e2e = record.tpot = record.finish = LATENCY_NONE;
    recorder_unfinished(&cluster->recorder, &record, cut, cluster_request(cluster, index)->running);
}

/* All that have arrived and not ended, by id where somebody may look. */
static void record_unfinished(struct cluster *cluster, i128 cut) {
    const struct request_slab *slab = &cluster->slab;
    struct open_request *open = slab->tagged ? xcalloc(slab->used + 1, sizeof *open) : NULL;
    size_t count = 0;
    for (uint32_t i = 0; i < slab->used; i++) {
        if (!slab->items[i].live || slab->items[i].ended) {
            continue;
        }
        if (open != NULL) {
            open[count++] = (struct open_request){slab->tags[i].id, i};
        } else {
            record_unfinished_one(cluster, i, cut);
        }
    }
    if (open != NULL) {
        qsort(open, count, sizeof *open, compare_ids);
    }
    for (size_t i = 0; i < count; i++) {
        record_unfinished_one(cluster, open[i].index, cut);
    }
    free(open);
}

static void close_timeline(struct cluster *cluster, uint32_t pool, i128 end) {
    struct timeline *timeline = cluster_timeline(cluster, pool);
    if (timeline == NULL) {
        return;
    }
    timeline_close(timeline, end);
    if (cluster->engine->close_pool != NULL && !timeline->too_long) {
        cluster->engine->close_pool(cluster, pool);
    }
}

static void close_pool(struct cluster *cluster, struct pool_state *pool, i128 end) {
    uint32_t index = (uint32_t)(pool - cluster->pools);
    struct pool_outcome *out = &cluster->outcome->pools[index];
    for (uint32_t i = pool->begin; i < pool->end; i++) {
        cluster->engine->close(cluster, i, end);
    }
    cluster_pool_queue_changed(cluster, index, end);
    close_timeline(cluster, index, end);
    out->saturated = pool->open_loop && load_grid_saturated(&pool->grid, cluster->outcome->last_arrival);
    cluster->outcome->saturated |= out->saturated;
    CHECK(out->busy == out->busy_prefill + out->busy_decode);
}

static int64_t rejected_total(const struct request_counts *counts) {
    int64_t total = 0;
    for (int i = 0; i < REJECT_REASON_COUNT; i++) {
        total += counts->rejected[i];
    }
    return total;
}

/* emitted = completed + waiting + running + rejected. */
static void check_conserved(const struct request_counts *counts) {
    CHECK(counts->emitted == counts->completed + counts->waiting + counts->running + rejected_total(counts));
}

void cluster_finish(struct cluster *cluster) {
    i128 end = end_of_run(cluster);
    i128 start = instant_of_key(cluster->config->warmup_key);
    cluster->outcome->window_end = end;
    cluster->outcome->window_start = start < end ? start : end;
    record_unfinished(cluster, end);
    for (uint32_t i = 0; i < cluster->config->workload_count; i++) {
        intake_count_invisible(cluster, i);
    }
    for (size_t i = 0; i < cluster->config->pool_count; i++) {
        close_pool(cluster, &cluster->pools[i], end);
        if (start >= end) { /* who was refused after the end had waited, but an empty window has nobody */
            cluster->outcome->pools[i].waiting = 0;
        }
    }
    for (uint32_t i = 0; i < cluster->config->workload_count; i++) {
        intake_close_books(cluster, i);
        check_conserved(&cluster->outcome->workloads[i].requests);
        check_conserved(&cluster->outcome->workloads[i].measured);
    }
}

enum { EVENTS_BETWEEN_REPORTS = 1 << 14 };

/* A time series has too many intervals: the run fails. */
static void check_timelines(struct cluster *cluster, int64_t key) {
    const struct sim_config *config = cluster->config;
    for (uint32_t i = 0; i < config->pool_count && !cluster->failed; i++) {
        const struct timeline *timeline = cluster_timeline(cluster, i);
        if (timeline != NULL && timeline->too_long) {
            cluster->failed = true;
            diag_error(
                cluster->diags, config->series_at, "series-length",
                "more than %d intervals of %gs, and the run goes on past %gs; give the series a longer `interval`",
                TIMELINE_INTERVALS_MAX, key_to_s(config->series_interval_keys), key_to_s(key));
        }
    }
}

/* Tells the observer how far the run is; false if it wants no more. */
static bool report(const struct cluster *cluster, int64_t key) {
    const struct sim_config *config = cluster->config;
    const struct observer *observer = cluster->recorder.observer;
    check_context_set(config->seed, key_to_s(key));
    if (observer == NULL || observer->progress == NULL) {
        return true;
    }
    double by_time = config->end_key == KEY_NEVER ? -1 : (double)key / (double)config->end_key;
    double by_count = config->max_requests == 0 ? -1 : (double)cluster->ended / (double)config->max_requests;
    return observer->progress(observer->context, by_time > by_count ? by_time : by_count, key_to_s(key));
}

bool simulate(const struct sim_config *config, const struct observer *observer, struct sim_outcome *outcome,
              struct diags *diags) {
    struct cluster cluster;
    struct sim_outcome result;
    cluster_init(&cluster, config, observer, &result, diags);
    cluster_play_apart(&cluster);
    check_context_set(config->seed, 0);
    int64_t key = 0;
    uint64_t events = 0;
    while (!result.abandoned && cluster_step(&cluster, &key)) {
        if (++events % EVENTS_BETWEEN_REPORTS == 0) {
            check_timelines(&cluster, key);
            result.abandoned = !report(&cluster, key);
        }
    }
    if (cluster.apart && !result.abandoned) {
        play_out(&cluster);
    }
    if (!cluster.failed && !result.abandoned) {
        cluster_finish(&cluster);
    }
    check_timelines(&cluster, key);
    bool failed = cluster.failed;
    if (failed || result.abandoned) {
        bool abandoned = !failed;
        sim_outcome_release(&result);
        result = (struct sim_outcome){.abandoned = abandoned};
    }
    cluster_release(&cluster);
    if (!failed) {
        *outcome = result;
    }
    return !failed;
}

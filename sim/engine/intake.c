/* intake.c - from a workload's source to a replica's queue: arrival, delay on the way, routing, refusal. */
#include "base/check.h"
#include "sim/clock.h"
#include "sim/engine/cluster.h"

static const struct workload_config *config_of(const struct cluster *cluster, uint32_t workload) {
    return &cluster->config->workloads[workload];
}

/* Reads one arrival; false if there is none now, or the source failed. */
static bool read_next(struct cluster *cluster, struct intake *intake, struct arrival *arrival) {
    enum arrival_status status =
        intake->source->type->next(intake->source, cluster->config->end_key, arrival, cluster->diags);
    cluster->failed = cluster->failed || status == ARRIVAL_FAILED;
    return status == ARRIVAL_READY;
}

/* Puts the workload's next arrival into the calendar, unless no more are wanted. */
static void announce(struct cluster *cluster, uint32_t workload) {
    struct intake *intake = &cluster->intakes[workload];
    bool ahead = intake->source->type->peek == NULL;
    if (ahead && !intake->has_next && !cluster->intake_closed) {
        intake->has_next = read_next(cluster, intake, &intake->next);
    }
    int64_t key =
        ahead ? (intake->has_next ? intake->next.key : KEY_NEVER) : intake->source->type->peek(intake->source);
    if (key == KEY_NEVER || cluster->intake_closed) {
        calendar_clear(&cluster->calendar, source_of_arrivals(workload));
        return;
    }
    struct event event = {.key = key, .class = EVENT_ARRIVAL, .index = workload, .ordinal = intake->ordinal};
    calendar_set(&cluster->calendar, source_of_arrivals(workload), event);
}

bool intake_open(struct cluster *cluster, uint32_t workload) {
    struct intake *intake = &cluster->intakes[workload];
    const struct workload_config *config = config_of(cluster, workload);
    uint64_t seed = cluster->config->seed;
    uint32_t replication = cluster->config->replication;
    intake->input_stream = random_stream_make(seed, replication, RANDOM_INPUT, config->name);
    intake->output_stream = random_stream_make(seed, replication, RANDOM_OUTPUT, config->name);
    intake->input_always = length_always(&config->input_tokens);
    intake->output_always = length_always(&config->output_tokens);
    intake->source = config->arrivals.open(config->arrivals.context, seed, replication, cluster->diags);
    if (intake->source == NULL) {
        cluster->failed = true;
        return false;
    }
    announce(cluster, workload);
    return !cluster->failed;
}

void intake_release(struct intake *intake) {
    if (intake->source != NULL) {
        intake->source->type->free(intake->source);
    }
    pending_release(&intake->invisible);
}

/* Request limit: nothing later is drawn, read or issued. */
static void close_intake(struct cluster *cluster) {
    cluster->intake_closed = true;
    for (uint32_t i = 0; i < cluster->config->workload_count; i++) {
        calendar_clear(&cluster->calendar, source_of_arrivals(i));
    }
}

static i128 arrival_delay(const struct workload_config *config, int64_t input) {
    i128 delay = config->arrival_delay_base + config->arrival_delay_per_input_token * input;
    i128 quantum = config->arrival_delay_quantum;
    return quantum > 0 ? delay / quantum * quantum : delay;
}

static int64_t visible_key(const struct workload_config *config, int64_t arrival_key, int64_t input) {
    i128 delay = arrival_delay(config, input);
    return delay > 0 ? key_at_or_after(instant_of_key(arrival_key) + delay) : arrival_key;
}

/* A length that the source gives, the workload's only one, or one that is drawn. */
static int64_t length_of(int64_t given, int64_t always, const struct length_spec *spec, struct random_stream stream,
                         uint64_t draw) {
    if (given > 0) {
        return given;
    }
    return always > 0 ? always : length_draw(spec, stream, draw);
}

static uint32_t new_request(struct cluster *cluster, uint32_t workload, const struct arrival *arrival) {
    struct intake *intake = &cluster->intakes[workload];
    const struct workload_config *config = config_of(cluster, workload);
    uint32_t index = request_new(&cluster->slab);
    struct request *request = cluster_request(cluster, index);
    if (cluster->slab.tagged) {
        cluster->slab.tags[index] = (struct request_tag){.id = cluster->arrived, .client = arrival->client};
    }
    cluster->arrived++;
    request->ordinal = intake->ordinal++;
    request->arrival_key = arrival->key;
    request->draw = arrival->draw;
    request->workload = (uint16_t)workload;
    int64_t input = length_of(arrival->input_tokens, intake->input_always, &config->input_tokens, intake->input_stream,
                              arrival->draw);
    int64_t output = length_of(arrival->output_tokens, intake->output_always, &config->output_tokens,
                               intake->output_stream, arrival->draw);
    request_set_lengths(request, input, output);
    request->visible_key = visible_key(config, arrival->key, input);
    return index;
}

bool pool_accepts(const struct pool_config *config, int64_t input, int64_t cached, int64_t output,
                  enum reject_reason *reason) {
    enum batching_policy policy = config->batching.policy;
    bool whole_prompts = (policy == BATCHING_PREFILL_FIRST || policy == BATCHING_TRTLLM) && config->batching.chunk == 0;
    if (input >= config->max_model_len ||
        (whole_prompts && input - cached > batching_prompt_tokens(&config->batching))) {
        *reason = REJECT_TOO_LONG;
        return false;
    }
    int64_t tokens = pool_final_tokens(config, input, output);
    if ((tokens + config->block_size - 1) / config->block_size > config->num_gpu_blocks) {
        *reason = REJECT_TOO_LARGE;
        return false;
    }
    return true;
}

/* Puts the earliest invisible request into the calendar. */
static void announce_invisible(struct cluster *cluster, uint32_t workload) {
    const struct pending_heap *heap = &cluster->intakes[workload].invisible;
    size_t source = source_of_invisible(cluster, workload);
    if (heap->count == 0) {
        calendar_clear(&cluster->calendar, source);
        return;
    }
    const struct pending *first = &heap->items[0];
    struct event event = {.key = first->key, .class = EVENT_ARRIVAL, .index = workload, .ordinal = first->ordinal};
    calendar_set(&cluster->calendar, source, event);
}

static void push_invisible(struct cluster *cluster, uint32_t index) {
    const struct request *request = cluster_request(cluster, index);
    struct pending pending = {request->visible_key, request->ordinal, index};
    pending_push(&cluster->intakes[request->workload].invisible, pending);
    announce_invisible(cluster, request->workload);
}

static void enqueue_centrally(struct cluster *cluster, uint32_t index, int64_t key) {
    uint32_t pool = cluster_pool_of(cluster, cluster_request(cluster, index));
    queue_push_back(&cluster->pools[pool].queue, index);
    cluster_pool_queue_changed(cluster, pool, instant_of_key(key));
    cluster->engine->pool_queue_grew(cluster, pool, key);
}

static uint32_t pick_replica(struct cluster *cluster, const struct request *request) {
    return router_pick(&cluster->router, request->workload, request->draw, cluster->outstanding);
}

/* Hands an accepted request to those who serve it. */
static void hand_over(struct cluster *cluster, uint32_t index, int64_t key) {
    struct request *request = cluster_request(cluster, index);
    int64_t cached = cluster_cached(cluster, request);
    if (cluster->engine->keeps_progress || cached > 0) {
        request_start_progress(&cluster->slab, request)->computed = cached;
    }
    if (cluster->config->routing == ROUTING_CENTRAL_QUEUE) {
        enqueue_centrally(cluster, index, key);
    } else {
        uint32_t replica = cluster_request(cluster, index)->replica;
        cluster->engine->enqueue(cluster, index, key);
        if (cluster->ends_ordered) {
            cluster_lower_end(cluster, replica);
        }
    }
}

/* The frontend of the request's replica, under central-queue of its pool, serves it after those before it. False if there is none. */
static bool enter_frontend(struct cluster *cluster, uint32_t index) {
    struct request *request = cluster_request(cluster, index);
    const struct pool_state *pool_state = &cluster->pools[cluster_pool_of(cluster, request)];
    const struct pool_config *pool = pool_state->config;
    i128 service = pool->frontend_base + pool->frontend_per_input_token * request_input(request);
    if (service == 0) {
        return false;
    }
    bool central = cluster->config->routing == ROUTING_CENTRAL_QUEUE;
    i128 *idle = &cluster->frontend_free[central ? pool_state->begin : request->replica];
    i128 visible = instant_of_key(request->visible_key);
    int64_t key = KEY_NEVER;
    *idle = (visible > *idle ? visible : *idle) + service;
    if (cluster_event_key(cluster, *idle, &key)) {
        request->visible_key = key + (instant_of_key(key) < *idle);
        request->routed = true;
        push_invisible(cluster, index);
    }
    return true;
}

static void count_arrival(struct cluster *cluster, const struct request *request) {
    struct timeline *timeline = cluster_timeline(cluster, cluster_pool_of(cluster, request));
    if (timeline != NULL) {
        timeline_at_start(timeline, request->arrival_key)->arrivals++;
    }
}

/* Routes a request, then lets its replica's pool accept or reject it. */
static void route(struct cluster *cluster, uint32_t index) {
    struct request *request = cluster_request(cluster, index);
    int64_t key = request->visible_key;
    bool central = cluster->config->routing == ROUTING_CENTRAL_QUEUE;
    if (!central) {
        bool dealt = cluster->config->routing == ROUTING_ROUND_ROBIN;
        uint32_t replica = dealt ? request->turn : pick_replica(cluster, request);
        request_set_replica(request, replica);
        cluster_outstanding_add(cluster, replica, 1);
    }
    count_arrival(cluster, request);
    const struct pool_config *pool = &cluster->config->pools[cluster_pool_of(cluster, request)];
    int64_t input = request_input(request);
    int64_t room = pool->max_model_len - input;
    if (room > 0 && request_output(request) > room) {
        request_set_lengths(request, input, room);
    }
    enum reject_reason reason;
    if (!pool_accepts(pool, input, cluster_cached(cluster, request), request_output(request), &reason)) {
        cluster_reject(cluster, index, reason, key);
    } else if (!enter_frontend(cluster, index)) {
        hand_over(cluster, index, key);
    }
}

void intake_arrival(struct cluster *cluster, uint32_t workload, int64_t key) {
    struct intake *intake = &cluster->intakes[workload];
    struct arrival arrival = intake->next;
    if (!intake->has_next && !read_next(cluster, intake, &arrival)) {
        announce(cluster, workload);
        return;
    }
    CHECK(arrival.key == key);
    intake->has_next = false;
    recorder_arrived(&cluster->recorder, workload, key);
    uint32_t index = new_request(cluster, workload, &arrival);
    if (cluster->arrived == cluster->config->max_requests) {
        close_intake(cluster);
    }
    announce(cluster, workload);
    struct request *request = cluster_request(cluster, index);
    if (cluster->config->routing == ROUTING_ROUND_ROBIN) {
        request->turn = pick_replica(cluster, request);
    }
    if (request->visible_key > key) {
        push_invisible(cluster, index);
    } else {
        route(cluster, index);
    }
}

void intake_visible(struct cluster *cluster, uint32_t workload) {
    struct pending pending = pending_pop(&cluster->intakes[workload].invisible);
    announce_invisible(cluster, workload);
    if (cluster_request(cluster, pending.request)->routed) {
        hand_over(cluster, pending.request, pending.key);
    } else {
        route(cluster, pending.request);
    }
}

void intake_request_ended(struct cluster *cluster, uint32_t index, i128 instant, bool rejected) {
    uint32_t workload = cluster_request(cluster, index)->workload;
    struct intake *intake = &cluster->intakes[workload];
    if (intake->source->type->ended != NULL) {
        intake->source->type->ended(intake->source, cluster->slab.tags[index].client, instant, rejected);
        announce(cluster, workload);
    }
}

void intake_count_invisible(struct cluster *cluster, uint32_t workload) {
    const struct pending_heap *heap = &cluster->intakes[workload].invisible;
    for (size_t i = 0; i < heap->count; i++) {
        const struct request *request = cluster_request(cluster, heap->items[i].request);
        if (!request->routed) {
            count_arrival(cluster, request);
        }
    }
}

void intake_close_books(struct cluster *cluster, uint32_t workload) {
    const struct intake *intake = &cluster->intakes[workload];
    struct workload_outcome *out = &cluster->outcome->workloads[workload];
    out->arrivals = intake->source->counts;
    out->arrivals.read -= intake->has_next; /* read ahead, and not wanted any more */
    out->stopped_clients = intake->source->stopped_clients;
}

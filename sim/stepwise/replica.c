/* replica.c - a step of one replica: who is in it, how long it takes, what each sequence gets of it. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "sim/clock.h"
#include "sim/stepwise/kv.h"
#include "sim/stepwise/replica.h"
#include "sim/stepwise/schedule.h"

struct replica *replica_at(const struct cluster *cluster, uint32_t index) {
    return (struct replica *)cluster->replicas + index;
}

static void init_replica(struct cluster *cluster, uint32_t index, uint32_t pool) {
    struct replica *replica = replica_at(cluster, index);
    const struct pool_config *config = &cluster->config->pools[pool];
    bool central = cluster->config->routing == ROUTING_CENTRAL_QUEUE;
    *replica = (struct replica){
        .index = index,
        .pool = pool,
        .config = config,
        .pool_queue = central ? &cluster->pools[pool].queue : NULL,
        .free_blocks = config->num_gpu_blocks,
    };
    int64_t ranks = step_model_ranks(config->step_model);
    replica->ranks = ranks > 1 ? xcalloc((size_t)ranks, sizeof *replica->ranks) : NULL;
    meter_init(cluster, &replica->meter);
}

static void init(struct cluster *cluster) {
    cluster->replicas = xcalloc(cluster->replica_count, sizeof(struct replica));
    for (uint32_t pool = 0; pool < cluster->config->pool_count; pool++) {
        for (uint32_t i = cluster->pools[pool].begin; i < cluster->pools[pool].end; i++) {
            init_replica(cluster, i, pool);
        }
    }
}

static void release(struct cluster *cluster) {
    for (uint32_t i = 0; i < cluster->replica_count; i++) {
        free(replica_at(cluster, i)->running);
        free(replica_at(cluster, i)->ranks);
        queue_release(&replica_at(cluster, i)->waiting);
    }
    free(cluster->replicas);
}

static void set_event(struct cluster *cluster, const struct replica *replica, enum event_class class, i128 instant) {
    cluster_set_replica_event(cluster, replica->index, class, instant);
}

/* A request is there for the replica (in its own queue or its pool's) at `key`: starts it if it is idle. */
static void notice(struct cluster *cluster, struct replica *replica, int64_t key) {
    if (replica->stepping) {
        return;
    }
    replica->start_pending = true;
    set_event(cluster, replica, EVENT_STEP_START, instant_of_key(key));
}

static void step_start(struct cluster *cluster, uint32_t index, int64_t key) {
    struct replica *replica = replica_at(cluster, index);
    CHECK(!replica->stepping);
    i128 at = instant_of_key(key);
    i128 now = at > replica->step_end ? at : replica->step_end;
    i128 wake = -1;
    replica->start_pending = false;
    cluster_clear_replica_event(cluster, index);
    replica->work = (struct step_work){.ranks = replica->ranks};
    for (int64_t i = 0; replica->ranks != NULL && i < step_model_ranks(replica->config->step_model); i++) {
        replica->ranks[i] = (struct rank_work){0};
    }
    scheduler_of(replica->config->batching.policy)->form(cluster, replica, now, &wake);
    meter_levels(cluster, replica, now);
    if (replica->work.prefill_seqs + replica->work.decode_seqs > 0) {
        replica->stepping = true;
        replica->backlog = schedule_waiting(replica) > 0;
        replica->step_start = now;
        replica->step_end = now + step_model_duration(replica->config->step_model, &replica->work);
        set_event(cluster, replica, EVENT_STEP_END, replica->step_end);
        return;
    }
    CHECK(replica->running_count == 0); /* a step always makes progress */
    if (wake >= 0) {
        const i128 rest = ((i128)1 << KEY_SHIFT) - 1;
        set_event(cluster, replica, EVENT_STEP_START, wake + rest); /* the first key at or after it */
    }
}

/* `deliver` is a rule of whole batches: elsewhere every token goes to its client at once. */
static bool delivers_by_batch(const struct replica *replica) {
    const struct batching_config *batching = &replica->config->batching;
    return batching->deliver == DELIVER_BATCH && scheduler_of(batching->policy)->keeps_finished;
}

/* A token reaches the client (token_delay and finish_delay are added when the request is recorded). */
static void deliver(struct cluster *cluster, struct replica *replica, struct request *request, i128 now) {
    struct progress *progress = request->progress;
    if (progress->first_token == LATENCY_NONE) {
        progress->first_token = now;
    } else if (recorder_measures(&cluster->recorder, request->arrival_key)) {
        i128 gap = now - progress->last_token + replica->config->token_delay;
        recorder_token_gap(&cluster->recorder, request->workload, gap, 1);
    }
    progress->last_token = now;
}

static void add_tokens(struct token_counts *into, const struct token_counts *tokens) {
    into->input += tokens->input;
    into->output += tokens->output;
    into->recomputed += tokens->recomputed;
    into->prefilled += tokens->prefilled;
}

/* Tokens of the step that has ended: in the window, and in their interval. */
static void count_tokens(struct cluster *cluster, const struct replica *replica, uint32_t workload,
                         const struct token_counts *tokens) {
    int64_t key = key_of_instant(replica->step_end);
    struct timeline *timeline = cluster_timeline(cluster, replica->pool);
    if (cluster_in_window(cluster, key)) {
        add_tokens(&cluster->outcome->workloads[workload].tokens[replica->pool], tokens);
    }
    if (timeline != NULL) {
        add_tokens(&timeline_at_end(timeline, key)->tokens, tokens);
    }
}

/* The next output positions, which reach the client together. After a restart the first ones are old to it. */
static void emit_tokens(struct cluster *cluster, struct replica *replica, struct request *request, int64_t count) {
    struct progress *progress = request->progress;
    i128 now = replica->step_end;
    progress->emitted += count;
    int64_t output = progress->emitted - progress->delivered;
    if (output <= 0) {
        return;
    }
    int64_t prompt = progress->delivered == 0 ? request_input(request) : 0;
    progress->delivered = progress->emitted;
    cluster->token_total += prompt + output;
    const struct token_counts tokens = {.input = prompt, .output = output};
    count_tokens(cluster, replica, request->workload, &tokens);
    if (!delivers_by_batch(replica)) {
        deliver(cluster, replica, request, now);
    }
}

/* Counts the positions that a request computed in this step: the last `computed` of them. */
static void count_computed(struct cluster *cluster, struct replica *replica, struct request *request, int64_t computed,
                           bool prefill) {
    struct progress *progress = request->progress;
    int64_t again = progress->computed < progress->high_water ? progress->computed : progress->high_water;
    again -= progress->computed - computed;
    const struct token_counts tokens = {.recomputed = again > 0 ? again : 0, .prefilled = prefill ? computed : 0};
    count_tokens(cluster, replica, request->workload, &tokens);
    if (progress->computed > progress->high_water) {
        progress->high_water = progress->computed;
    }
}

/* A decode's context grows by 1 + what is accepted on average; whole tokens come out. Returns them. */
static int64_t advance_decode(struct replica *replica, struct progress *progress) {
    const struct pool_config *config = replica->config;
    int64_t before = progress->computed;
    int64_t context = progress_context(config, progress) + pool_advance(config);
    progress->computed = context >> pool_context_shift(config);
    progress->fraction = context - (progress->computed << pool_context_shift(config));
    replica->kv_tokens += pool_advance(config);
    kv_trim(replica, progress);
    return progress->computed - before;
}

static int64_t advance_prompt(struct replica *replica, struct progress *progress) {
    progress->computed += progress->chunk;
    replica->kv_tokens += progress->chunk << pool_context_shift(replica->config);
    return progress->chunk;
}

/* What the step that has ended did for one sequence. */
static void advance(struct cluster *cluster, struct replica *replica, struct request *request) {
    struct progress *progress = request->progress;
    bool prefill = progress->computed < progress->target;
    int64_t computed = prefill ? advance_prompt(replica, progress) : advance_decode(replica, progress);
    int64_t rest = request_output(request) - progress->emitted;
    if (rest > 0) {
        count_computed(cluster, replica, request, computed, prefill);
        if (progress->computed >= progress->target) {
            int64_t emitted = prefill ? 1 : computed;
            emit_tokens(cluster, replica, request, emitted < rest ? emitted : rest);
        }
    }
    progress->chunk = 0;
}

static bool finished(const struct request *request) {
    return request->progress->emitted == request_output(request);
}

/* The whole of a batch's answers at once. */
static void deliver_batch(struct cluster *cluster, struct replica *replica) {
    for (size_t i = 0; i < replica->running_count; i++) {
        struct request *request = cluster_request(cluster, replica->running[i]);
        for (int64_t token = 0; token < request_output(request); token++) {
            deliver(cluster, replica, request, replica->step_end);
        }
    }
}

static bool all_finished(const struct cluster *cluster, const struct replica *replica) {
    for (size_t i = 0; i < replica->running_count; i++) {
        if (!finished(cluster_request(cluster, replica->running[i]))) {
            return false;
        }
    }
    return true;
}

/* Ends what has finished, and lets go of what may leave, in order of admission. */
static void end_finished(struct cluster *cluster, struct replica *replica) {
    bool keeps = scheduler_of(replica->config->batching.policy)->keeps_finished;
    bool whole_batch = keeps && all_finished(cluster, replica);
    bool by_batch = delivers_by_batch(replica);
    if (whole_batch && by_batch) {
        deliver_batch(cluster, replica);
    }
    size_t kept = 0;
    for (size_t i = 0; i < replica->running_count; i++) {
        uint32_t index = replica->running[i];
        struct request *request = cluster_request(cluster, index);
        if (finished(request) && !request->ended && (whole_batch || !by_batch)) {
            cluster_complete(cluster, index, request->progress, replica->step_end);
        }
        if (request->ended && (whole_batch || !keeps)) {
            kv_release(replica, request);
            request_free(&cluster->slab, index);
        } else {
            replica->running[kept++] = index;
        }
    }
    replica->running_count = kept;
}

static i128 step_end(struct cluster *cluster, uint32_t index) {
    struct replica *replica = replica_at(cluster, index);
    CHECK(replica->stepping);
    replica->stepping = false;
    meter_step_ended(cluster, replica);
    for (size_t i = 0; i < replica->running_count; i++) {
        struct request *request = cluster_request(cluster, replica->running[i]);
        if (request->progress->chunk > 0) {
            advance(cluster, replica, request);
        }
    }
    end_finished(cluster, replica);
    meter_levels(cluster, replica, replica->step_end);
    cluster_clear_replica_event(cluster, index);
    if (replica->running_count > 0 || schedule_waiting(replica) > 0) {
        notice(cluster, replica, key_of_instant(replica->step_end));
    }
    return replica->step_end;
}

static void enqueue(struct cluster *cluster, uint32_t index, int64_t key) {
    struct replica *replica = replica_at(cluster, cluster_request(cluster, index)->replica);
    queue_push_back(&replica->waiting, index);
    meter_levels(cluster, replica, instant_of_key(key));
    notice(cluster, replica, key);
}

/* The idle replica of lowest index takes notice of the pool's queue. */
static void pool_queue_grew(struct cluster *cluster, uint32_t pool, int64_t key) {
    for (uint32_t i = cluster->pools[pool].begin; i < cluster->pools[pool].end; i++) {
        struct replica *replica = replica_at(cluster, i);
        if (!replica->stepping && !replica->start_pending) {
            notice(cluster, replica, key);
            return;
        }
    }
}

static struct progress progress_of(const struct cluster *cluster, uint32_t index) {
    const struct request *request = cluster_request(cluster, index);
    return request->has_progress ? *request->progress : progress_none(request);
}

static void close_replica(struct cluster *cluster, uint32_t index, i128 end) {
    meter_cut(cluster, replica_at(cluster, index), end);
}

const struct engine stepwise_engine = {
    .init = init,
    .release = release,
    .enqueue = enqueue,
    .pool_queue_grew = pool_queue_grew,
    .step_start = step_start,
    .step_end = step_end,
    .progress_of = progress_of,
    .keeps_progress = true,
    .close = close_replica,
};

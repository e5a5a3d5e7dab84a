/* replica.c - a stretch of steps of one replica: its start, its end, and what arrives in between. */
#include "sim/leap/replica.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "sim/clock.h"
#include "sim/leap/form.h"

enum { DECODE_FIXED_MAX = 1025 };

/* So many more fit into a batch's counter, and a step does not admit as many. */
#define ADMISSIONS_MAX (UINT32_C(1) << 31)

/* ---- queues ---- */

static struct leap_state *state_of(const struct cluster *cluster) {
    return cluster->replicas;
}

uint32_t leap_waiting_at(const struct leap_replica *replica, size_t i) {
    size_t own = replica->waiting.count;
    return i < own ? queue_at(&replica->waiting, i) : queue_at(replica->pool_queue, i - own);
}

static void set_event(struct cluster *cluster, struct leap_replica *replica, enum event_class class, i128 instant) {
    if (!cluster->apart) {
        cluster_set_replica_event(cluster, replica->index, class, instant);
    } else {
        replica->event_key = KEY_NEVER; /* if the run fails */
        cluster_event_key(cluster, instant, &replica->event_key);
        replica->event_class = class;
    }
}

static void clear_event(struct cluster *cluster, struct leap_replica *replica) {
    if (!cluster->apart) {
        cluster_clear_replica_event(cluster, replica->index);
    }
    replica->event_key = KEY_NEVER;
    replica->event_class = EVENT_STEP_START;
}

/* Ends the replica's stretch at its first boundary at or after `key`: it may have something new to serve. */
static void cut_at(struct cluster *cluster, struct leap_replica *replica, int64_t key) {
    if (replica->stepping && leap_cut(replica, key)) {
        set_event(cluster, replica, EVENT_STEP_END, replica->end);
    }
}

/* The pool's queue has another head, or none: any busy replica of the pool may take it at its next boundary, or leaves nobody
 * waiting from then on. At one key replicas pull by index: those below `puller` have passed their boundary at `key`. */
static void cut_pool(struct cluster *cluster, uint32_t pool, int64_t key, uint32_t puller) {
    for (uint32_t i = cluster->pools[pool].begin; i < cluster->pools[pool].end; i++) {
        cut_at(cluster, leap_replica_at(cluster, i), i < puller ? key + 1 : key);
    }
}

uint32_t leap_pop_waiting(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    if (replica->waiting.count > 0) {
        return queue_pop_front(&replica->waiting);
    }
    uint32_t request = queue_pop_front(replica->pool_queue);
    cluster_pool_queue_changed(cluster, replica->pool, now);
    request_set_replica(cluster_request(cluster, request), replica->index);
    leap_promise(replica, cluster_request(cluster, request), 1);
    cluster_outstanding_add(cluster, replica->index, 1);
    cut_pool(cluster, replica->pool, key_of_instant(now), replica->index);
    return request;
}

/* ---- start ---- */

static void notice(struct cluster *cluster, struct leap_replica *replica, int64_t key) {
    if (!replica->stepping) {
        replica->start_pending = true;
        set_event(cluster, replica, EVENT_STEP_START, instant_of_key(key));
    }
}

static void start_step(struct cluster *cluster, struct leap_replica *replica, i128 now);

/* Whether nothing that the replica may see comes before its step start at `key`. */
static bool starts_next(const struct cluster *cluster, const struct leap_replica *replica, int64_t key) {
    if (cluster->apart) {
        return key < replica->horizon;
    }
    struct event start = {.key = key, .class = EVENT_STEP_START, .index = replica->index};
    bool before_cut = key < cluster->config->end_key;
    return before_cut && calendar_would_be_first(&cluster->calendar, source_of_replica(cluster, replica->index), start);
}

/* The next step starts where the last ended: now, if nothing comes before it. */
static void start_at_boundary(struct cluster *cluster, struct leap_replica *replica) {
    int64_t key = key_of_instant(replica->end);
    if (starts_next(cluster, replica, key)) {
        start_step(cluster, replica, replica->end);
    } else {
        notice(cluster, replica, key);
    }
}

static void begin_stretch(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    replica->stepping = true;
    replica->backlog = leap_waiting(replica) > 0;
    replica->start = now;
    leap_plan(cluster, replica);
    set_event(cluster, replica, EVENT_STEP_END, replica->end);
}

/* A new step, in which nobody is yet. */
static void clear_work(struct leap_replica *replica) {
    struct step_work *work = &replica->work;
    work->prefill_seqs = work->prefill_tokens = 0;
    work->prefill_attention_x2 = work->prefill_window_attention_x2 = 0;
    work->decode_seqs = work->decode_context = work->decode_window_context = 0;
    for (uint32_t i = 0; i < replica->batch.rank_count; i++) {
        replica->rank_works[i] = (struct rank_work){0};
    }
    replica->granted = 0;
    replica->walked = replica->preempted = replica->holding = false;
    replica->policy_steps = INT64_MAX;
}

static void start_step(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    i128 wake = -1;
    CHECK(!replica->stepping);
    replica->start_pending = false;
    clear_work(replica);
    if (replica->batch.admissions >= ADMISSIONS_MAX && !replica->shared->policy->keeps_finished) {
        batch_renumber(cluster, replica);
    }
    bool alone = replica->shared->policy->decoders_go_on && leap_waiting(replica) == 0;
    if (!alone || !leap_serve_decoders(replica)) {
        replica->shared->policy->form(cluster, replica, now, &wake);
    }
    if ((int64_t)replica->waiting.count != replica->meter.waiting.value) {
        leap_meter_waiting(cluster, replica, now);
    }
    if (replica->work.prefill_seqs + replica->work.decode_seqs > 0) {
        begin_stretch(cluster, replica, now);
        return;
    }
    CHECK(replica->batch.count == 0);
    clear_event(cluster, replica);
    if (wake >= 0) {
        const i128 rest = ((i128)1 << KEY_SHIFT) - 1;
        set_event(cluster, replica, EVENT_STEP_START, wake + rest); /* the first key at or after it */
    }
}

static void step_start(struct cluster *cluster, uint32_t index, int64_t key) {
    struct leap_replica *replica = leap_replica_at(cluster, index);
    i128 at = instant_of_key(key);
    start_step(cluster, replica, at > replica->end ? at : replica->end);
}

/* ---- end: decoders ---- */

static bool delivers_tokens(const struct leap_replica *replica) {
    return replica->shared->delivers_tokens;
}

/* The gaps of those that joined since the last decoding step: each knows its last token. One that had it where the stretch starts counts
 * among the others, if they did too (`together`). */
static void record_joined_gaps(struct cluster *cluster, struct leap_replica *replica, i128 first_end, bool together) {
    struct batch *batch = &replica->batch;
    for (size_t i = 0; i < batch->joined_count; i++) {
        struct request *request = cluster_request(cluster, batch->joined[i]);
        i128 last_token = request->progress->last_token;
        request->joined = false;
        bool apart = !together || last_token != replica->start;
        if (apart && delivers_tokens(replica) && recorder_measures(&cluster->recorder, request->arrival_key)) {
            batch->by_workload[request->workload].joining++;
            i128 gap = first_end - last_token + replica->config->token_delay;
            recorder_token_gap(&cluster->recorder, request->workload, gap, 1);
        }
        if (request->progress->preemptions == 0 && !replica->shared->keeps_blocks && batch->shift == 0) {
            request_end_progress(&cluster->slab, request); /* nothing sets it apart from now on */
        }
    }
    batch->joined_count = 0;
}

/* Gaps of one workload's measured decoders over the stretch: the first from their last token (where the stretch starts, if `together`),
 * then durations. */
static void record_gaps(struct cluster *cluster, struct leap_replica *replica, uint32_t workload, bool together) {
    struct decoder_count *counts = &replica->batch.by_workload[workload];
    struct recorder *recorder = &cluster->recorder;
    int64_t joining = counts->joining;
    int64_t old = counts->measured - joining;
    i128 delay = replica->config->token_delay;
    counts->joining = 0;
    if (replica->planned == 1) {
        if (old > 0) {
            recorder_token_gap(recorder, workload, replica->end - replica->batch.last_token_at + delay, (uint64_t)old);
        }
        return;
    }
    bool alike = joining == 0 && together;
    if (old > 0 && !alike) {
        i128 first = replica->start - replica->batch.last_token_at + replica->durations.first;
        recorder_token_gap(recorder, workload, first + delay, (uint64_t)old);
    }
    if (counts->measured > 0) {
        int64_t from = alike ? 0 : 1;
        recorder_token_gaps(recorder, workload, series_term(replica->durations, from) + delay,
                            replica->durations.growth, replica->planned - from, (uint64_t)counts->measured);
    }
}

/* Tokens of one workload's decoders. */
static void count_tokens(struct cluster *cluster, struct leap_replica *replica, uint32_t workload, bool in_window) {
    struct decoder_count *counts = &replica->batch.by_workload[workload];
    int64_t tokens = counts->emitting * replica->planned;
    cluster->token_total += tokens;
    counts->emitted += in_window ? tokens : 0;
    if (replica->meter.end_cell != NULL) {
        replica->meter.end_cell->tokens.output += tokens;
    }
}

/* Every decoder has had `planned` tokens. */
static void decoders_advance(struct cluster *cluster, struct leap_replica *replica) {
    struct batch *batch = &replica->batch;
    bool in_window = cluster_in_window(cluster, key_of_instant(replica->end));
    bool delivers = delivers_tokens(replica);
    if (batch->decoding == (int64_t)batch->joined_count) {
        batch->last_token_at = replica->start; /* of nobody: all know their own */
    }
    bool together = batch->last_token_at == replica->start;
    if (batch->shift > 0) {
        batch_count_into(cluster, batch, in_window, replica->meter.end_cell);
    }
    if (batch->joined_count > 0) {
        i128 first_end = replica->planned == 1 ? replica->end : replica->start + replica->durations.first;
        record_joined_gaps(cluster, replica, first_end, together);
    }
    for (uint32_t i = 0; i < cluster->config->workload_count; i++) {
        if (batch->shift == 0) {
            count_tokens(cluster, replica, i, in_window);
        }
        if (delivers) {
            record_gaps(cluster, replica, i, together);
        }
    }
    batch_advance(cluster, batch, replica->planned);
    batch->last_token_at = replica->end;
    replica->kv_tokens += replica->planned * batch->decoding * batch->advance;
}

/* ---- end: explicit sequences ---- */

static void deliver(struct cluster *cluster, struct leap_replica *replica, const struct request *request) {
    if (request->progress->first_token == LATENCY_NONE) {
        request->progress->first_token = replica->end;
    } else if (recorder_measures(&cluster->recorder, request->arrival_key)) {
        i128 gap = replica->end - request->progress->last_token + replica->config->token_delay;
        recorder_token_gap(&cluster->recorder, request->workload, gap, 1);
    }
    request->progress->last_token = replica->end;
}

static void sum_tokens(struct token_counts *into, const struct token_counts *tokens) {
    into->input += tokens->input;
    into->output += tokens->output;
    into->recomputed += tokens->recomputed;
    into->prefilled += tokens->prefilled;
}

/* Tokens of the stretch that has ended, which has one step. */
static void add_tokens(struct cluster *cluster, const struct leap_replica *replica, uint32_t workload,
                       const struct token_counts *tokens) {
    if (cluster_in_window(cluster, key_of_instant(replica->end))) {
        sum_tokens(&cluster->outcome->workloads[workload].tokens[replica->pool], tokens);
    }
    if (replica->meter.end_cell != NULL) {
        sum_tokens(&replica->meter.end_cell->tokens, tokens);
    }
}

/* The next `count` tokens of a sequence, or as many as it still has. */
static void emit(struct cluster *cluster, struct leap_replica *replica, struct request *request, int64_t count) {
    struct progress *progress = request->progress;
    int64_t rest = request_output(request) - progress->emitted;
    progress->emitted += count < rest ? count : rest;
    if (progress->emitted <= progress->delivered) {
        return;
    }
    int64_t output = progress->emitted - progress->delivered;
    int64_t prompt = progress->delivered == 0 ? request_input(request) : 0;
    progress->delivered = progress->emitted;
    cluster->token_total += prompt + output;
    const struct token_counts tokens = {.input = prompt, .output = output};
    add_tokens(cluster, replica, request->workload, &tokens);
    if (delivers_tokens(replica)) {
        deliver(cluster, replica, request);
    }
}

/* Positions computed by an explicit sequence: `before` .. `computed` - 1. */
static void count_positions(struct cluster *cluster, struct leap_replica *replica, struct request *request,
                            int64_t before) {
    int64_t seen = request->progress->high_water < request->progress->computed ? request->progress->high_water
                                                                               : request->progress->computed;
    const struct token_counts tokens = {
        .recomputed = seen > before ? seen - before : 0,
        .prefilled = before < request->progress->target ? request->progress->computed - before : 0};
    add_tokens(cluster, replica, request->workload, &tokens);
    request->progress->high_water = request->progress->computed > request->progress->high_water
                                        ? request->progress->computed
                                        : request->progress->high_water;
}

/* A sequence that had a chunk of the step. True if it has its whole target now. */
static bool advance(struct cluster *cluster, struct leap_replica *replica, struct request *request) {
    struct progress *progress = request->progress;
    int64_t before = progress->computed, shift = replica->batch.shift;
    bool decodes = before >= progress->target;
    int64_t growth = decodes ? replica->batch.advance : progress->chunk << shift;
    int64_t context = progress_context(replica->config, progress) + growth;
    progress->computed = context >> shift;
    progress->fraction = context - (progress->computed << shift);
    replica->kv_tokens += growth;
    progress->chunk = 0;
    count_positions(cluster, replica, request, before);
    if (progress->computed < progress->target) {
        return false;
    }
    emit(cluster, replica, request, decodes ? progress->computed - before : 1);
    return true;
}

/* ---- end: requests ---- */

static void end_request(struct cluster *cluster, struct leap_replica *replica, uint32_t index,
                        struct progress *progress) {
    if (delivers_tokens(replica)) {
        progress->last_token = replica->end;
    }
    cluster_complete(cluster, index, progress, replica->end);
}

/* Ends a request and lets go of it. */
static void finish(struct cluster *cluster, struct leap_replica *replica, uint32_t index) {
    struct request *request = cluster_request(cluster, index);
    if (request->decoding && replica->batch.shift > 0) {
        batch_settle(cluster, &replica->batch, request); /* counts its last tokens */
    }
    struct progress progress = request->decoding ? batch_progress_of(&replica->batch, request) : *request->progress;
    batch_remove(cluster, replica, index);
    if (!request->ended) {
        end_request(cluster, replica, index, &progress);
    }
    leap_promise(replica, request, -1);
    replica->held_blocks -= progress.blocks;
    replica->kv_tokens -= progress_context(replica->config, &progress);
    CHECK(replica->held_blocks >= 0);
    if (request->has_progress) {
        request->progress->blocks = 0;
    }
    request_free(&cluster->slab, index);
}

/* Requests that end with this step, in order of admission, in the cluster's scratch. */
struct ending {
    size_t count;
    struct ending_request *items; /* borrowed */
};

static void ending_add(struct cluster *cluster, struct ending *ending, uint32_t index, uint32_t admission) {
    struct leap_state *state = state_of(cluster);
    if (ending->count == state->ending_capacity) {
        state->ending_capacity = 2 * state->ending_capacity + 16;
        state->ending = xrealloc(state->ending, state->ending_capacity, sizeof *state->ending);
    }
    ending->items = state->ending;
    size_t i = ending->count++;
    for (; i > 0 && ending->items[i - 1].admission > admission; i--) {
        ending->items[i] = ending->items[i - 1];
    }
    ending->items[i] = (struct ending_request){index, admission};
}

/* Explicit sequences take what they got; those that have their target decode from now on, or end. */
static void prefillers_advance(struct cluster *cluster, struct leap_replica *replica, struct ending *ending) {
    struct batch *batch = &replica->batch;
    for (size_t i = 0; i < batch->prefilling_count;) {
        uint32_t index = batch->prefilling[i];
        struct request *request = cluster_request(cluster, index);
        if (request->progress->chunk == 0 || !advance(cluster, replica, request)) {
            i++;
        } else if (request->progress->emitted == request_output(request)) {
            ending_add(cluster, ending, index, request->progress->admission);
            i++;
        } else {
            batch_start_decoding(cluster, replica, index);
        }
    }
}

static void walked_advance(struct cluster *cluster, struct leap_replica *replica, struct ending *ending) {
    for (uint32_t index = replica->batch.first; index != BATCH_NONE; index = cluster_request(cluster, index)->next) {
        struct request *request = cluster_request(cluster, index);
        if (request->progress->chunk > 0 && advance(cluster, replica, request) &&
            request->progress->emitted == request_output(request)) {
            ending_add(cluster, ending, index, request->progress->admission);
        }
    }
}

static void find_ended_decoders(struct cluster *cluster, struct leap_replica *replica, struct ending *ending) {
    for (;;) {
        const struct completion *end = batch_pop_end(&replica->batch);
        if (end == NULL) {
            return;
        }
        ending_add(cluster, ending, end->request, end->admission);
    }
}

static void finish_all(struct cluster *cluster, struct leap_replica *replica, const struct ending *ending) {
    for (size_t i = 0; i < ending->count; i++) {
        finish(cluster, replica, ending->items[i].request);
    }
}

/* ---- end: static batches ---- */

/* One that has finished its prompt and its only token decodes on as padding. */
static void stop_emitting(struct cluster *cluster, struct leap_replica *replica, uint32_t index) {
    struct request *request = cluster_request(cluster, index);
    if (!request->decoding) {
        batch_start_decoding(cluster, replica, index);
        batch_forget_end(cluster, &replica->batch, index);
        request->joined = false;
        replica->batch.joined_count--;
    }
    batch_stop_emitting(cluster, &replica->batch, index);
}

static bool whole_batch_ended(const struct cluster *cluster, const struct leap_replica *replica) {
    if (replica->batch.prefilling_count > 0) {
        return false;
    }
    for (size_t i = 0; i < cluster->config->workload_count; i++) {
        if (replica->batch.by_workload[i].emitting > 0) {
            return false;
        }
    }
    return true;
}

/* All of a request's tokens at once, at the batch's end. */
static void deliver_all(struct cluster *cluster, struct leap_replica *replica, struct request *request) {
    deliver(cluster, replica, request);
    if (recorder_measures(&cluster->recorder, request->arrival_key)) {
        recorder_token_gap(&cluster->recorder, request->workload, replica->config->token_delay,
                           (uint64_t)(request_output(request) - 1));
    }
}

static void finish_batch(struct cluster *cluster, struct leap_replica *replica) {
    struct batch *batch = &replica->batch;
    for (uint32_t i = batch->first; !delivers_tokens(replica) && i != BATCH_NONE;
         i = cluster_request(cluster, i)->next) {
        deliver_all(cluster, replica, cluster_request(cluster, i));
    }
    while (batch->first != BATCH_NONE) {
        finish(cluster, replica, batch->first);
    }
    batch->ends.head = batch->ends.tail = 0;
    batch->crossings.head = batch->crossings.tail = 0;
}

static void end_static(struct cluster *cluster, struct leap_replica *replica, const struct ending *ending) {
    for (size_t i = 0; i < ending->count; i++) {
        uint32_t index = ending->items[i].request;
        stop_emitting(cluster, replica, index);
        if (delivers_tokens(replica) && !whole_batch_ended(cluster, replica)) {
            end_request(cluster, replica, index, cluster_request(cluster, index)->progress);
        }
    }
    if (whole_batch_ended(cluster, replica)) {
        finish_batch(cluster, replica);
    }
}

/* ---- end ---- */

/* The stretch in progress ends; the next starts, if it is time. */
static void end_stretch(struct cluster *cluster, struct leap_replica *replica) {
    struct ending ending = {0};
    CHECK(replica->stepping);
    replica->stepping = false;
    if (replica->shared->policy->steps_passed != NULL) {
        replica->shared->policy->steps_passed(replica);
    }
    leap_meter_stretch(cluster, replica);
    if (replica->walked) {
        walked_advance(cluster, replica, &ending);
    } else {
        if (replica->work.decode_seqs > 0) {
            decoders_advance(cluster, replica);
            find_ended_decoders(cluster, replica, &ending);
        }
        prefillers_advance(cluster, replica, &ending);
    }
    if (replica->shared->policy->keeps_finished) {
        end_static(cluster, replica, &ending);
    } else {
        finish_all(cluster, replica, &ending);
    }
    if (replica->walked) {
        batch_regroup(cluster, replica);
        replica->walked = false;
    }
    if (replica->batch.count == 0 && leap_waiting(replica) == 0) {
        clear_event(cluster, replica);
    } else {
        start_at_boundary(cluster, replica);
    }
}

static i128 step_end(struct cluster *cluster, uint32_t index) {
    struct leap_replica *replica = leap_replica_at(cluster, index);
    i128 ended = replica->end;
    end_stretch(cluster, replica);
    return ended;
}

/* ---- apart ---- */

/* All that comes before arrivals at `key`. */
static void advance_to(struct cluster *cluster, uint32_t index, int64_t key) {
    struct leap_replica *replica = leap_replica_at(cluster, index);
    replica->horizon = key;
    while (replica->event_key < key || (replica->event_key == key && replica->event_class == EVENT_STEP_END)) {
        if (replica->event_class == EVENT_STEP_START) {
            step_start(cluster, index, replica->event_key);
        } else {
            end_stretch(cluster, replica);
        }
    }
}

/* What leap_next_end must know of a newcomer. */
static void promise(struct leap_replica *replica, const struct request *request) {
    bool pending = replica->waiting.count + replica->batch.prefilling_count > 0;
    bool shortest = !pending || request_output(request) < replica->shortest_output;
    replica->shortest_output = shortest ? request_output(request) : replica->shortest_output;
    leap_promise(replica, request, 1);
}

/* A newcomer may be served before the stretch ends only if nobody waits before it, or if those wait for company; if it is not, steps
 * have a backlog from the next boundary on. Behind others it changes nothing. */
static void enqueue(struct cluster *cluster, uint32_t index, int64_t key) {
    const struct request *request = cluster_request(cluster, index);
    struct leap_replica *replica = leap_replica_at(cluster, request->replica);
    if (cluster->apart) {
        advance_to(cluster, replica->index, key);
    }
    promise(replica, request);
    bool is_next = replica->waiting.count == 0 || replica->holding;
    queue_push_back(&replica->waiting, index);
    leap_meter_waiting(cluster, replica, instant_of_key(key));
    if (is_next) {
        cut_at(cluster, replica, key);
    }
    notice(cluster, replica, key);
}

/* ---- the engine ---- */

/* Lines whose every step takes a key or more, and so little that 64 bits hold it up to `straight_context`. */
static void init_decode_lines(struct leap_pool *pool) {
    const struct step_model *model = pool->config->step_model;
    const int64_t most = STRETCH_TIME_MAX / 2;
    int64_t slots =
        step_model_ranks(model) > 1 ? 0 : batching_slots(&pool->config->batching); /* ranks: no line for all */
    pool->decode_fixed_count = slots < DECODE_FIXED_MAX ? slots + 1 : DECODE_FIXED_MAX;
    pool->decode_fixed = xcalloc((size_t)pool->decode_fixed_count, sizeof *pool->decode_fixed);
    for (int64_t decodes = 1; decodes < pool->decode_fixed_count; decodes++) {
        const struct step_work work = {.decode_seqs = decodes};
        i128 fixed = step_model_line(model, &work).fixed;
        bool known = pool->straight && fixed >= STEP_UNITS_MIN && fixed <= most;
        known = known && (pool->extended || step_model_host(model, decodes) <= fixed);
        pool->decode_fixed[decodes] = known ? (int64_t)fixed : 0;
    }
    pool->straight_context = pool->extended ? -1 : pool->slope > 0 ? most / pool->slope : most;
}

static int shift_of(int64_t size) {
    return (size & (size - 1)) == 0 ? __builtin_ctzll((uint64_t)size) : -1;
}

static bool is_extended(const struct step_model *model) {
    return step_model_window(model) > 0 || step_model_host(model, 1) > 0 || step_model_ranks(model) > 1;
}

static void init_pool(const struct cluster *cluster, struct leap_pool *pool, const struct pool_config *config) {
    const struct batching_config *batching = &config->batching;
    int64_t tokens;
    bool fits = !__builtin_mul_overflow(config->num_gpu_blocks, config->block_size, &tokens) && tokens < INT64_MAX / 2;
    *pool = (struct leap_pool){
        .cluster = cluster,
        .config = config,
        .policy = leap_policy_of(batching->policy),
        .slope = step_model_slope(config->step_model),
        .window_slope = step_model_window_slope(config->step_model),
        .window = step_model_window(config->step_model),
        .window_context = step_model_window(config->step_model) << pool_context_shift(config),
        .extended = is_extended(config->step_model),
        .straight = step_model_quantum(config->step_model) == 0,
        .never_capped = step_model_decodes_never_capped(config->step_model, batching_slots(batching)),
        .unpadded = step_model_computes_decodes_alone(config->step_model),
        .keeps_blocks = batching->policy == BATCHING_STATIC || batching->kv_admission == KV_ADMISSION_RESERVE,
        .delivers_tokens = batching->deliver == DELIVER_TOKEN || batching->policy != BATCHING_STATIC,
        .block_shift = shift_of(config->block_size),
        .block_size = config->block_size,
        .token_capacity = fits ? tokens : -1,
    };
    pool->bounded = step_model_grows(config->step_model) && !pool->policy->keeps_finished;
    if (pool->keeps_blocks) {
        pool->token_capacity = -1;
    }
    init_decode_lines(pool);
}

static void init_replica(struct cluster *cluster, uint32_t index, uint32_t pool) {
    struct leap_replica *replica = leap_replica_at(cluster, index);
    const struct pool_config *config = &cluster->config->pools[pool];
    bool central = cluster->config->routing == ROUTING_CENTRAL_QUEUE;
    *replica = (struct leap_replica){
        .index = index,
        .pool = pool,
        .shared = &state_of(cluster)->pools[pool],
        .config = config,
        .pool_queue = central ? &cluster->pools[pool].queue : NULL,
        .event_key = KEY_NEVER,
        .event_class = EVENT_STEP_START,
    };
    int64_t ranks = step_model_ranks(config->step_model);
    batch_init(&replica->batch, config, cluster->config->workload_count);
    if (ranks > 1) {
        replica->rank_works = xcalloc((size_t)ranks, sizeof *replica->rank_works);
        replica->work.ranks = replica->rank_works;
        replica->ranks_ahead = xcalloc((size_t)ranks, sizeof *replica->ranks_ahead);
    }
    leap_meter_init(cluster, &replica->meter, pool);
}

static void init(struct cluster *cluster) {
    struct leap_state *state = xcalloc(1, sizeof *state);
    cluster->replicas = state;
    state->replicas = xgrow_aligned(NULL, 0, cluster->replica_count, sizeof *state->replicas);
    state->pools = xcalloc(cluster->config->pool_count, sizeof *state->pools);
    for (uint32_t pool = 0; pool < cluster->config->pool_count; pool++) {
        init_pool(cluster, &state->pools[pool], &cluster->config->pools[pool]);
        for (uint32_t i = cluster->pools[pool].begin; i < cluster->pools[pool].end; i++) {
            init_replica(cluster, i, pool);
        }
    }
}

static void release(struct cluster *cluster) {
    struct leap_state *state = state_of(cluster);
    for (uint32_t i = 0; i < cluster->replica_count; i++) {
        batch_release(&state->replicas[i].batch);
        free(state->replicas[i].rank_works);
        free(state->replicas[i].ranks_ahead);
        queue_release(&state->replicas[i].waiting);
    }
    for (size_t i = 0; i < cluster->config->pool_count; i++) {
        free(state->pools[i].decode_fixed);
    }
    free(state->replicas);
    free(state->pools);
    free(state->ending);
    free(state);
}

/* The idle replica of lowest index takes notice of the pool's queue; without one, whoever reaches a boundary first. */
static void pool_queue_grew(struct cluster *cluster, uint32_t pool, int64_t key) {
    for (uint32_t i = cluster->pools[pool].begin; i < cluster->pools[pool].end; i++) {
        struct leap_replica *replica = leap_replica_at(cluster, i);
        if (!replica->stepping && !replica->start_pending) {
            notice(cluster, replica, key);
            break;
        }
    }
    cut_pool(cluster, pool, key, 0);
}

static struct progress progress_of(const struct cluster *cluster, uint32_t index) {
    const struct request *request = cluster_request(cluster, index);
    if (request->decoding && !request->padding) {
        return batch_progress_of(&leap_replica_at(cluster, request->replica)->batch, request);
    }
    return request->has_progress ? *request->progress : progress_none(request);
}

static void count_all(struct cluster *cluster) {
    for (uint32_t i = 0; i < cluster->replica_count; i++) {
        batch_count(cluster, &leap_replica_at(cluster, i)->batch);
    }
}

static i128 last_end(const struct cluster *cluster, uint32_t index) {
    const struct leap_replica *replica = leap_replica_at(cluster, index);
    return replica->stepping ? 0 : replica->end;
}

static void close_replica(struct cluster *cluster, uint32_t index, i128 end) {
    leap_meter_cut(cluster, leap_replica_at(cluster, index), end);
}

const struct engine leap_engine = {
    .init = init,
    .release = release,
    .enqueue = enqueue,
    .pool_queue_grew = pool_queue_grew,
    .step_start = step_start,
    .step_end = step_end,
    .advance_to = advance_to,
    .next_end = leap_next_end,
    .last_end = last_end,
    .progress_of = progress_of,
    .count_tokens = count_all,
    .close = close_replica,
    .close_pool = leap_meter_close_pool,
};

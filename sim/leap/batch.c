#include "sim/leap/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "sim/leap/form.h"

enum { LIST_CAPACITY_MIN = 6 };

/* ---- completions ---- */

/* Room for one more at the tail. */
static void completions_reserve(struct completions *ends) {
    if (ends->tail < ends->capacity) {
        return;
    }
    size_t count = ends->tail - ends->head;
    if (2 * count >= ends->capacity) {
        ends->capacity = 2 * ends->capacity + 16;
        ends->items = xrealloc(ends->items, ends->capacity, sizeof *ends->items);
    }
    memmove(ends->items, ends->items + ends->head, count * sizeof *ends->items);
    ends->head = 0;
    ends->tail = count;
}

static inline void completions_insert(struct completions *ends, struct completion item) {
    completions_reserve(ends);
    size_t low = ends->head, high = ends->tail++;
    struct completion *items = ends->items;
    if (high > low && items[high - 1].step > item.step) {
        size_t end = high;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            bool before = items[middle].step <= item.step;
            low = before ? middle + 1 : low;
            high = before ? high : middle;
        }
        memmove(items + high + 1, items + high, (end - high) * sizeof *items);
    }
    items[high] = item;
}

static void completions_drop(struct completions *ends, size_t i) {
    ends->tail--;
    memmove(ends->items + i, ends->items + i + 1, (ends->tail - i) * sizeof *ends->items);
}

/* ---- order of admission ---- */

void batch_init(struct batch *batch, const struct pool_config *config, size_t workloads) {
    int64_t ranks = step_model_ranks(config->step_model);
    *batch = (struct batch){
        .first = BATCH_NONE, .last = BATCH_NONE, .advance = pool_advance(config), .shift = pool_context_shift(config)};
    batch->residues = xcalloc((size_t)config->block_size, sizeof *batch->residues);
    batch->by_workload = xcalloc(workloads, sizeof *batch->by_workload);
    batch->prefilling_capacity = batch->joined_capacity = LIST_CAPACITY_MIN; /* beside each other in memory */
    batch->prefilling = xcalloc(LIST_CAPACITY_MIN, sizeof *batch->prefilling);
    batch->joined = xcalloc(LIST_CAPACITY_MIN, sizeof *batch->joined);
    if (ranks > 1) {
        batch->rank_count = (uint32_t)ranks;
        batch->ranks = xcalloc((size_t)ranks, sizeof *batch->ranks);
    }
}

void batch_release(struct batch *batch) {
    free(batch->ends.items);
    free(batch->crossings.items);
    free(batch->ranks);
    free(batch->residues);
    free(batch->by_workload);
    free(batch->prefilling);
    free(batch->joined);
}

static void link_last(struct cluster *cluster, struct batch *batch, uint32_t index) {
    struct request *request = cluster_request(cluster, index);
    request->previous = batch->last;
    request->next = BATCH_NONE;
    if (batch->last == BATCH_NONE) {
        batch->first = index;
    } else {
        cluster_request(cluster, batch->last)->next = index;
    }
    batch->last = index;
    batch->count++;
}

static void unlink_request(struct cluster *cluster, struct batch *batch, uint32_t index) {
    const struct request *request = cluster_request(cluster, index);
    if (request->previous == BATCH_NONE) {
        batch->first = request->next;
    } else {
        cluster_request(cluster, request->previous)->next = request->next;
    }
    if (request->next == BATCH_NONE) {
        batch->last = request->previous;
    } else {
        cluster_request(cluster, request->next)->previous = request->previous;
    }
    batch->count--;
}

/* Appends to a short list of requests. */
static void list_add(uint32_t **items, size_t *count, size_t *capacity, uint32_t index) {
    if (*count == *capacity) {
        *capacity *= 2;
        *items = xrealloc(*items, *capacity, sizeof **items);
    }
    (*items)[(*count)++] = index;
}

/* Takes a request out of a short list that has it, in order. */
static void list_drop(uint32_t *items, size_t *count, uint32_t index) {
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (items[i] != index) {
            items[kept++] = items[i];
        }
    }
    CHECK(kept + 1 == *count);
    *count = kept;
}

static void add_prefiller(struct batch *batch, uint32_t index) {
    list_add(&batch->prefilling, &batch->prefilling_count, &batch->prefilling_capacity, index);
}

/* Puts a request on the rank with the fewest sequences, of equals the first. */
static void choose_rank(struct batch *batch, struct request *request) {
    request->rank = 0;
    for (uint32_t i = 1; i < batch->rank_count; i++) {
        request->rank = batch->ranks[i].running < batch->ranks[request->rank].running ? (uint16_t)i : request->rank;
    }
    batch->ranks[request->rank].running++;
}

void batch_admit(struct cluster *cluster, struct batch *batch, uint32_t index) {
    struct request *request = cluster_request(cluster, index);
    if (batch->ranks != NULL) {
        choose_rank(batch, request);
    }
    link_last(cluster, batch, index);
    if (!request->has_progress) {
        request_start_progress(&cluster->slab, request);
    }
    batch->admissions = batch->count == 1 ? 0 : batch->admissions + 1;
    request->progress->admission = batch->admissions;
    request->running = true;
    request->decoding = false;
    add_prefiller(batch, index);
}

/* ---- decoders ---- */

/* A decoder's context when `steps` was 0. */
static int64_t base_of(const struct batch *batch, const struct request *request) {
    return batch->shift > 0 ? request->progress->base
                            : request_input(request) + request_output(request) - 1 - request->end_step;
}

/* Its context now. */
static int64_t context_of(const struct batch *batch, const struct request *request) {
    return base_of(batch, request) + batch->steps * batch->advance;
}

static size_t residue_of(int64_t base, int64_t block_size) {
    int64_t residue = base % block_size;
    return (size_t)(residue < 0 ? residue + block_size : residue);
}

static size_t residue_in(const struct leap_replica *replica, int64_t base) {
    int64_t size = replica->config->block_size;
    return replica->shared->block_shift >= 0 ? (size_t)(base & (size - 1)) : residue_of(base, size);
}

static void count_emitter(struct cluster *cluster, struct batch *batch, const struct request *request, int64_t sign) {
    struct decoder_count *counts = &batch->by_workload[request->workload];
    counts->emitting += sign;
    counts->measured += recorder_measures(&cluster->recorder, request->arrival_key) ? sign : 0;
}

/* ---- the window ---- */

/* The step count at which a decoder's context fills the window. */
static int64_t crossing_of(const struct leap_replica *replica, const struct request *request) {
    const struct batch *batch = &replica->batch;
    return batch_steps_to(batch, replica->shared->window_context - base_of(batch, request));
}

/* Whether a decoder fills the window while it is one. (A finished one of a static batch grows on.) */
static bool crosses(const struct leap_replica *replica, const struct request *request) {
    int64_t at = crossing_of(replica, request);
    bool stays = at <= request->end_step || replica->shared->policy->keeps_finished;
    return stays && at > replica->batch.steps;
}

static void count_growing(struct batch *batch, const struct request *request, int64_t count, int64_t context) {
    batch->growing += count;
    batch->growing_context += context;
    if (batch->ranks != NULL) {
        batch->ranks[request->rank].growing += count;
        batch->ranks[request->rank].growing_context += context;
    }
}

static void start_growing(struct leap_replica *replica, uint32_t index, const struct request *request,
                          int64_t context) {
    struct batch *batch = &replica->batch;
    if (context >= replica->shared->window_context) {
        return;
    }
    count_growing(batch, request, 1, context);
    if (crosses(replica, request)) {
        completions_insert(&batch->crossings,
                           (struct completion){.step = crossing_of(replica, request), .request = index});
    }
}

static void stop_growing(struct leap_replica *replica, const struct request *request, int64_t context) {
    if (context < replica->shared->window_context) {
        count_growing(&replica->batch, request, -1, -context);
    }
}

/* Those whose context fills the window now do not grow any more. */
static void pass_crossings(const struct cluster *cluster, struct batch *batch) {
    CHECK_SLOW(batch_next_crossing(batch) >= batch->steps);
    while (batch_next_crossing(batch) == batch->steps) {
        const struct request *request =
            cluster_request(cluster, batch->crossings.items[batch->crossings.head++].request);
        count_growing(batch, request, -1, -context_of(batch, request));
    }
}

static void advance_ranks(struct batch *batch, int64_t steps) {
    for (uint32_t i = 0; i < batch->rank_count; i++) {
        struct batch_rank *rank = &batch->ranks[i];
        rank->context += steps * rank->decoding * batch->advance;
        rank->growing_context += steps * rank->growing * batch->advance;
    }
}

void batch_advance_extended(const struct cluster *cluster, struct batch *batch, int64_t steps) {
    if (batch->ranks != NULL) {
        advance_ranks(batch, steps);
    }
    if (batch->growing > 0) {
        batch->growing_context += steps * batch->growing * batch->advance;
        pass_crossings(cluster, batch);
    }
}

/* ---- decoders that join and leave ---- */

static void count_on_rank(struct batch *batch, const struct request *request, int64_t count, int64_t context) {
    if (batch->ranks != NULL) {
        batch->ranks[request->rank].decoding += count;
        batch->ranks[request->rank].context += context;
    }
}

/* Blocks of a batch that speculates are counted one by one. */
static void count_residue(struct leap_replica *replica, const struct request *request, int32_t count) {
    struct batch *batch = &replica->batch;
    if (batch->shift == 0) {
        batch->residues[residue_in(replica, base_of(batch, request))] += (uint32_t)count; /* modulo 2^32 */
    }
}

/* An explicit sequence, in no list but the order of admission, becomes a decoder. */
static void add_decoder(struct cluster *cluster, struct leap_replica *replica, uint32_t index) {
    struct batch *batch = &replica->batch;
    struct request *request = cluster_request(cluster, index);
    struct progress *progress = request->progress;
    request->decoding = true;
    request->joined = true;
    int64_t context = progress_context(replica->config, progress);
    int64_t rest = ((request_output(request) - progress->emitted) << batch->shift) - progress->fraction;
    request->end_step = batch->steps + batch_steps_to(batch, rest);
    progress->base = context - batch->steps * batch->advance;
    CHECK(context_of(batch, request) == context);
    batch->decoding++;
    batch->context += context;
    count_residue(replica, request, 1);
    if (!replica->shared->keeps_blocks) { /* as many as its context needs: they follow from the aggregates now */
        replica->held_blocks -= progress->blocks;
        progress->blocks = 0;
    }
    replica->regenerating += progress->emitted < progress->delivered;
    count_emitter(cluster, batch, request, 1);
    list_add(&batch->joined, &batch->joined_count, &batch->joined_capacity, index);
    completions_insert(&batch->ends, (struct completion){request->end_step, index, progress->admission});
    if (replica->shared->extended) {
        count_on_rank(batch, request, 1, context);
        start_growing(replica, index, request, context);
    }
}

void batch_start_decoding(struct cluster *cluster, struct leap_replica *replica, uint32_t index) {
    list_drop(replica->batch.prefilling, &replica->batch.prefilling_count, index);
    add_decoder(cluster, replica, index);
}

/* The KV of all but the last is stored. */
int64_t batch_emitted(const struct batch *batch, const struct request *request) {
    int64_t emitted = (context_of(batch, request) >> batch->shift) - request_input(request) + 1;
    return emitted < request_output(request) ? emitted : request_output(request);
}

struct progress batch_progress_of(const struct batch *batch, const struct request *request) {
    struct progress progress;
    if (request->has_progress) {
        progress = *request->progress;
    } else {
        progress = progress_none(request);
        progress.first_scheduled = request_first_scheduled(request);
        progress.first_token = request_first_token(request);
    }
    int64_t context = context_of(batch, request);
    progress.computed = context >> batch->shift;
    progress.fraction = context - (progress.computed << batch->shift);
    progress.emitted = batch_emitted(batch, request);
    if (progress.emitted > progress.delivered) {
        progress.delivered = progress.emitted;
    }
    if (progress.computed > progress.high_water) {
        progress.high_water = progress.computed;
    }
    if (!request->joined && !request->padding) {
        progress.last_token = batch->last_token_at;
    }
    return progress;
}

/* Tokens of a decoder that are not counted yet. */
static void count_emitted(struct cluster *cluster, const struct batch *batch, const struct request *request,
                          int64_t tokens) {
    cluster->token_total += tokens;
    batch->by_workload[request->workload].emitted += batch->count_in_window ? tokens : 0;
    if (batch->count_cell != NULL) {
        batch->count_cell->tokens.output += tokens;
    }
}

void batch_settle(struct cluster *cluster, const struct batch *batch, struct request *request) {
    struct progress progress = batch_progress_of(batch, request);
    if (!request->has_progress) {
        request_start_progress(&cluster->slab, request);
    } else if (batch->shift > 0) {
        count_emitted(cluster, batch, request, progress.delivered - request->progress->delivered);
    }
    *request->progress = progress;
}

void batch_count(struct cluster *cluster, struct batch *batch) {
    for (uint32_t index = batch->first; batch->shift > 0 && index != BATCH_NONE;
         index = cluster_request(cluster, index)->next) {
        if (cluster_request(cluster, index)->decoding) {
            batch_settle(cluster, batch, cluster_request(cluster, index));
        }
    }
}

void batch_count_into(struct cluster *cluster, struct batch *batch, bool in_window, struct timeline_cell *cell) {
    if (in_window != batch->count_in_window || cell != batch->count_cell) {
        batch_count(cluster, batch);
        batch->count_in_window = in_window;
        batch->count_cell = cell;
    }
}

/* Takes a decoder out of the aggregates. */
static void remove_decoder(struct cluster *cluster, struct leap_replica *replica, uint32_t index) {
    struct batch *batch = &replica->batch;
    struct request *request = cluster_request(cluster, index);
    int64_t context = context_of(batch, request);
    if (request->joined) {
        list_drop(batch->joined, &batch->joined_count, index);
    }
    request->decoding = request->joined = false;
    batch->decoding--;
    batch->context -= context;
    if (replica->shared->extended) {
        count_on_rank(batch, request, -1, -context);
        stop_growing(replica, request, context);
    }
    count_residue(replica, request, -1);
    if (request->has_progress) {
        replica->regenerating -= request->progress->emitted < request->progress->delivered;
    }
    if (!request->padding) {
        count_emitter(cluster, batch, request, -1);
    }
}

void batch_remove(struct cluster *cluster, struct leap_replica *replica, uint32_t index) {
    struct batch *batch = &replica->batch;
    struct request *request = cluster_request(cluster, index);
    unlink_request(cluster, batch, index);
    request->running = false;
    if (batch->ranks != NULL) {
        batch->ranks[request->rank].running--;
    }
    if (request->decoding) {
        remove_decoder(cluster, replica, index);
    } else if (!replica->walked) {
        list_drop(batch->prefilling, &batch->prefilling_count, index);
    }
}

void batch_dissolve(struct cluster *cluster, struct leap_replica *replica) {
    struct batch *batch = &replica->batch;
    batch->admissions = 0;
    for (uint32_t index = batch->first; index != BATCH_NONE; index = cluster_request(cluster, index)->next) {
        struct request *request = cluster_request(cluster, index);
        if (request->decoding) {
            batch_settle(cluster, batch, request);
            if (!replica->shared->keeps_blocks) {
                request->progress->blocks = leap_blocks_for(replica, request->progress->computed);
                replica->held_blocks += request->progress->blocks;
            }
            count_residue(replica, request, -1);
            count_emitter(cluster, batch, request, -1);
            request->decoding = request->joined = false;
        }
        request->progress->admission = ++batch->admissions;
    }
    batch->decoding = batch->context = replica->regenerating = 0;
    batch->growing = batch->growing_context = 0;
    for (uint32_t i = 0; i < batch->rank_count; i++) {
        batch->ranks[i] = (struct batch_rank){.running = batch->ranks[i].running};
    }
    batch->ends.head = batch->ends.tail = 0;
    batch->crossings.head = batch->crossings.tail = 0;
    batch->joined_count = batch->prefilling_count = 0;
}

void batch_regroup(struct cluster *cluster, struct leap_replica *replica) {
    struct batch *batch = &replica->batch;
    batch->prefilling_count = 0;
    for (uint32_t index = batch->first; index != BATCH_NONE; index = cluster_request(cluster, index)->next) {
        const struct request *request = cluster_request(cluster, index);
        if (request->progress->computed < request->progress->target) {
            add_prefiller(batch, index);
        } else {
            add_decoder(cluster, replica, index);
        }
    }
}

void batch_renumber(struct cluster *cluster, struct leap_replica *replica) {
    batch_dissolve(cluster, replica);
    batch_regroup(cluster, replica);
}

void batch_stop_emitting(struct cluster *cluster, struct batch *batch, uint32_t index) {
    struct request *request = cluster_request(cluster, index);
    batch_settle(cluster, batch, request);
    request->padding = true;
    count_emitter(cluster, batch, request, -1);
}

int64_t batch_blocks_needed(const struct batch *batch, int64_t block_size, int64_t ahead) {
    return batch->residues[residue_of(-(batch->steps + ahead), block_size)];
}

int64_t batch_blocks(const struct batch *batch, int64_t block_size, int64_t ahead) {
    int64_t room = 0; /* in their last blocks */
    int64_t residue = (int64_t)residue_of(-(batch->steps + ahead), block_size);
    for (int64_t i = 0; i < block_size; i++) {
        room += i * (int64_t)batch->residues[residue];
        residue = residue + 1 == block_size ? 0 : residue + 1;
    }
    room = block_size * (batch->decoding - (int64_t)batch->residues[residue]) - room;
    return (batch->context + batch->decoding * ahead + room) / block_size;
}

int64_t batch_blocks_speculative(const struct cluster *cluster, const struct batch *batch, int64_t block_size,
                                 int64_t steps, int64_t tokens) {
    int64_t blocks = 0;
    for (uint32_t index = batch->first; index != BATCH_NONE; index = cluster_request(cluster, index)->next) {
        const struct request *request = cluster_request(cluster, index);
        if (request->decoding) {
            int64_t context = (context_of(batch, request) + steps * batch->advance) >> batch->shift;
            blocks += (context + tokens + block_size - 1) / block_size;
        }
    }
    return blocks;
}

static void forget(struct completions *queue, uint32_t index, int64_t step) {
    for (size_t i = queue->head; i < queue->tail; i++) {
        if (queue->items[i].request == index) {
            CHECK(queue->items[i].step == step);
            completions_drop(queue, i);
            return;
        }
    }
    CHECK_NEVER("a decoder that is in the queue");
}

void batch_forget_end(const struct cluster *cluster, struct batch *batch, uint32_t index) {
    forget(&batch->ends, index, cluster_request(cluster, index)->end_step);
}

void batch_forget_crossing(const struct cluster *cluster, struct leap_replica *replica, uint32_t index) {
    const struct request *request = cluster_request(cluster, index);
    if (crosses(replica, request)) {
        forget(&replica->batch.crossings, index, crossing_of(replica, request));
    }
}

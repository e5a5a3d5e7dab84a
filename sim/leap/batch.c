#include "sim/leap/batch.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "sim/leap/form.h"

/* ---- completions ---- */

static bool ends_before(const struct completion *a, const struct completion *b) {
    return a->step != b->step ? a->step < b->step : a->admission < b->admission;
}

static void completions_push(struct completions *heap, struct completion item) {
    if (heap->count == heap->capacity) {
        heap->capacity = 2 * heap->capacity + 16;
        heap->items = xrealloc(heap->items, heap->capacity, sizeof *heap->items);
    }
    size_t i = heap->count++;
    while (i > 0 && ends_before(&item, &heap->items[(i - 1) / 2])) {
        heap->items[i] = heap->items[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap->items[i] = item;
}

static void completions_drop_first(struct completions *heap) {
    struct completion last = heap->items[--heap->count];
    size_t i = 0;
    for (size_t child = 1; child < heap->count; child = 2 * i + 1) {
        child += child + 1 < heap->count && ends_before(&heap->items[child + 1], &heap->items[child]);
        if (!ends_before(&heap->items[child], &last)) {
            break;
        }
        heap->items[i] = heap->items[child];
        i = child;
    }
    if (heap->count > 0) {
        heap->items[i] = last;
    }
}

/* ---- order of admission ---- */

void batch_init(struct batch *batch, int64_t block_size, size_t workloads) {
    *batch = (struct batch){.first = BATCH_NONE, .last = BATCH_NONE};
    batch->residues = xcalloc((size_t)block_size, sizeof *batch->residues);
    batch->by_workload = xcalloc(workloads, sizeof *batch->by_workload);
}

void batch_release(struct batch *batch) {
    free(batch->ends.items);
    free(batch->residues);
    free(batch->by_workload);
    free(batch->prefilling);
    free(batch->joined);
}

static void link_last(struct cluster *cluster, struct batch *batch, uint32_t index) {
    struct request *request = &cluster->requests[index];
    request->previous = batch->last;
    request->next = BATCH_NONE;
    if (batch->last == BATCH_NONE) {
        batch->first = index;
    } else {
        cluster->requests[batch->last].next = index;
    }
    batch->last = index;
    batch->count++;
}

static void unlink_request(struct cluster *cluster, struct batch *batch, uint32_t index) {
    const struct request *request = &cluster->requests[index];
    if (request->previous == BATCH_NONE) {
        batch->first = request->next;
    } else {
        cluster->requests[request->previous].next = request->next;
    }
    if (request->next == BATCH_NONE) {
        batch->last = request->previous;
    } else {
        cluster->requests[request->next].previous = request->previous;
    }
    batch->count--;
}

/* Appends to a short list of requests. */
static void list_add(uint32_t **items, size_t *count, size_t *capacity, uint32_t index) {
    if (*count == *capacity) {
        *capacity = 2 * *capacity + 4;
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

void batch_admit(struct cluster *cluster, struct batch *batch, uint32_t index) {
    struct request *request = &cluster->requests[index];
    link_last(cluster, batch, index);
    request->admission = cluster->admissions++;
    request->running = true;
    request->decoding = false;
    add_prefiller(batch, index);
}

/* ---- decoders ---- */

static size_t residue_of(int64_t base, int64_t block_size) {
    int64_t residue = base % block_size;
    return (size_t)(residue < 0 ? residue + block_size : residue);
}

static void count_emitter(struct cluster *cluster, struct batch *batch, const struct request *request, int64_t sign) {
    struct decoder_count *counts = &batch->by_workload[request->workload];
    counts->emitting += sign;
    counts->measured += recorder_measures(&cluster->recorder, request->arrival_key) ? sign : 0;
}

/* An explicit sequence, in no list but the order of admission, becomes a decoder. */
static void add_decoder(struct cluster *cluster, struct leap_replica *replica, uint32_t index) {
    struct batch *batch = &replica->batch;
    struct request *request = &cluster->requests[index];
    request->decoding = true;
    request->joined = true;
    request->base = request->computed - batch->steps;
    request->end_step = batch->steps + request->output - request->emitted;
    batch->decoding++;
    batch->context += request->computed;
    batch->residues[residue_of(request->base, replica->config->block_size)]++;
    replica->regenerating += request->emitted < request->delivered;
    count_emitter(cluster, batch, request, 1);
    list_add(&batch->joined, &batch->joined_count, &batch->joined_capacity, index);
    completions_push(&batch->ends, (struct completion){request->end_step, request->admission, index});
}

void batch_start_decoding(struct cluster *cluster, struct leap_replica *replica, uint32_t index) {
    list_drop(replica->batch.prefilling, &replica->batch.prefilling_count, index);
    add_decoder(cluster, replica, index);
}

void batch_settle(const struct batch *batch, struct request *request) {
    int64_t left = request->end_step - batch->steps;
    request->computed = request->base + batch->steps;
    request->emitted = left > 0 ? request->output - left : request->output;
    if (request->emitted > request->delivered) {
        request->delivered = request->emitted;
    }
    if (request->computed > request->high_water) {
        request->high_water = request->computed;
    }
    if (!request->joined && !request->padding) {
        request->last_token = batch->last_token_at;
    }
}

void batch_remove(struct cluster *cluster, struct leap_replica *replica, uint32_t index) {
    struct batch *batch = &replica->batch;
    struct request *request = &cluster->requests[index];
    unlink_request(cluster, batch, index);
    request->running = false;
    if (!request->decoding) {
        if (!replica->walked) {
            list_drop(batch->prefilling, &batch->prefilling_count, index);
        }
        return;
    }
    batch_settle(batch, request);
    if (request->joined) {
        list_drop(batch->joined, &batch->joined_count, index);
    }
    request->decoding = request->joined = false;
    batch->decoding--;
    batch->context -= request->computed;
    batch->residues[residue_of(request->base, replica->config->block_size)]--;
    replica->regenerating -= request->emitted < request->delivered;
    if (!request->padding) {
        count_emitter(cluster, batch, request, -1);
    }
}

void batch_dissolve(struct cluster *cluster, struct leap_replica *replica) {
    struct batch *batch = &replica->batch;
    for (uint32_t index = batch->first; index != BATCH_NONE; index = cluster->requests[index].next) {
        struct request *request = &cluster->requests[index];
        if (request->decoding) {
            batch_settle(batch, request);
            request->blocks = leap_blocks_for(replica->config, request->computed);
            batch->residues[residue_of(request->base, replica->config->block_size)]--;
            count_emitter(cluster, batch, request, -1);
            request->decoding = request->joined = false;
        }
    }
    batch->decoding = batch->context = replica->regenerating = 0;
    batch->ends.count = batch->joined_count = batch->prefilling_count = 0;
}

void batch_regroup(struct cluster *cluster, struct leap_replica *replica) {
    struct batch *batch = &replica->batch;
    batch->prefilling_count = 0;
    for (uint32_t index = batch->first; index != BATCH_NONE; index = cluster->requests[index].next) {
        const struct request *request = &cluster->requests[index];
        if (request->computed < request->target) {
            add_prefiller(batch, index);
        } else {
            add_decoder(cluster, replica, index);
        }
    }
}

void batch_stop_emitting(struct cluster *cluster, struct batch *batch, uint32_t index) {
    struct request *request = &cluster->requests[index];
    batch_settle(batch, request);
    request->padding = true;
    count_emitter(cluster, batch, request, -1);
}

int64_t batch_blocks_needed(const struct batch *batch, int64_t block_size, int64_t ahead) {
    return batch->residues[residue_of(-(batch->steps + ahead), block_size)];
}

int64_t batch_blocks_over(const struct batch *batch, int64_t block_size, int64_t from, int64_t to) {
    int64_t rounds = (to - from) / block_size;
    int64_t blocks = rounds * batch->decoding;
    for (int64_t ahead = from + rounds * block_size; ahead < to; ahead++) {
        blocks += batch_blocks_needed(batch, block_size, ahead);
    }
    return blocks;
}

static bool is_stale(const struct cluster *cluster, const struct completion *item) {
    const struct request *request = &cluster->requests[item->request];
    return !request->running || !request->decoding || request->admission != item->admission ||
           request->end_step != item->step || request->padding;
}

int64_t batch_next_end(struct cluster *cluster, struct batch *batch) {
    while (batch->ends.count > 0 && is_stale(cluster, &batch->ends.items[0])) {
        completions_drop_first(&batch->ends);
    }
    return batch->ends.count > 0 ? batch->ends.items[0].step : INT64_MAX;
}

uint32_t batch_pop_end(struct cluster *cluster, struct batch *batch) {
    while (batch->ends.count > 0 && batch->ends.items[0].step <= batch->steps) {
        struct completion first = batch->ends.items[0];
        completions_drop_first(&batch->ends);
        if (!is_stale(cluster, &first)) {
            CHECK(first.step == batch->steps);
            return first.request;
        }
    }
    return BATCH_NONE;
}

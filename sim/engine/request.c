#include "sim/engine/request.h"

#include <stdlib.h>

#include "base/check.h"

enum { PROGRESS_PER_CHUNK = 128 };

void request_slab_init(struct request_slab *slab, bool tagged) {
    *slab = (struct request_slab){.tagged = tagged, .free = REQUEST_NONE};
}

void request_slab_release(struct request_slab *slab) {
    for (size_t i = 0; i < slab->chunk_count; i++) {
        free(slab->chunks[i]);
    }
    free(slab->chunks);
    free(slab->items);
    free(slab->tags);
}

static void grow(struct request_slab *slab) {
    size_t old = slab->capacity;
    size_t capacity = 2 * old + 256;
    CHECK(capacity <= REQUEST_NONE);
    slab->items = xgrow_aligned(slab->items, old, capacity, sizeof *slab->items);
    if (slab->tagged) {
        slab->tags = xrealloc(slab->tags, capacity, sizeof *slab->tags);
    }
    slab->capacity = capacity;
}

/* A place that is free. */
static uint32_t take(struct request_slab *slab) {
    uint32_t index = slab->free;
    if (index != REQUEST_NONE) {
        slab->free = slab->items[index].next;
        return index;
    }
    if (slab->used == slab->capacity) {
        grow(slab);
    }
    return (uint32_t)slab->used++;
}

uint32_t request_new(struct request_slab *slab) {
    uint32_t index = take(slab);
    slab->items[index] = (struct request){.replica = REQUEST_NO_REPLICA, .live = true};
    return index;
}

static void free_progress(struct request_slab *slab, struct request *request) {
    request->progress->next = slab->free_progress;
    slab->free_progress = request->progress;
    request->has_progress = false;
}

void request_free(struct request_slab *slab, uint32_t index) {
    struct request *request = &slab->items[index];
    CHECK(request->live);
    if (request->has_progress) {
        CHECK(request->progress->blocks == 0);
        free_progress(slab, request);
    }
    request->live = false;
    request->next = slab->free;
    slab->free = index;
}

static void add_chunk(struct request_slab *slab) {
    struct progress *chunk = xgrow_aligned(NULL, 0, PROGRESS_PER_CHUNK, sizeof *chunk);
    slab->chunks = xrealloc(slab->chunks, slab->chunk_count + 1, sizeof(struct progress *));
    slab->chunks[slab->chunk_count++] = chunk;
    for (size_t i = PROGRESS_PER_CHUNK; i > 0; i--) {
        chunk[i - 1].next = slab->free_progress;
        slab->free_progress = &chunk[i - 1];
    }
}

struct progress *request_start_progress(struct request_slab *slab, struct request *request) {
    CHECK(!request->has_progress);
    if (slab->free_progress == NULL) {
        add_chunk(slab);
    }
    struct progress *progress = slab->free_progress;
    slab->free_progress = progress->next;
    *progress = progress_none(request);
    request->progress = progress;
    request->has_progress = true;
    return progress;
}

static uint64_t parts_of_instant(i128 instant, uint8_t high[3]) {
    CHECK(instant >= 0);
    uint64_t upper = (uint64_t)(instant >> 64);
    high[0] = (uint8_t)(upper & 255);
    high[1] = (uint8_t)(upper >> 8 & 255);
    high[2] = (uint8_t)(upper >> 16 & 255);
    return (uint64_t)instant;
}

void request_end_progress(struct request_slab *slab, struct request *request) {
    const struct progress *progress = request->progress;
    i128 first_scheduled = progress->first_scheduled;
    i128 first_token = progress->first_token;
    free_progress(slab, request);
    request->first_scheduled_low = parts_of_instant(first_scheduled, request->first_scheduled_high);
    request->first_token_low = parts_of_instant(first_token, request->first_token_high);
}

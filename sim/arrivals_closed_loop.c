/* arrivals_closed_loop.c - clients that wait for their answer, think, and ask again. */
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/sampler.h"
#include "sim/arrivals_internal.h"
#include "sim/clock.h"

struct pending {
    int64_t key;
    uint32_t client;
};

struct closed_loop {
    struct arrival_source base;
    const struct arrival_spec *spec; // borrowed
    struct random_stream think;
    struct pending *heap; // owned; the least (key, client) first
    uint32_t *turns;      // owned; by client: requests issued
    size_t pending_count;
    size_t outstanding; /* requests issued that have not ended */
};

static bool pending_less(struct pending a, struct pending b) {
    return a.key != b.key ? a.key < b.key : a.client < b.client;
}

static void heap_push(struct closed_loop *loop, struct pending pending) {
    size_t at = loop->pending_count++;
    while (at > 0 && pending_less(pending, loop->heap[(at - 1) / 2])) {
        loop->heap[at] = loop->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    loop->heap[at] = pending;
}

static void heap_pop(struct closed_loop *loop) {
    struct pending last = loop->heap[--loop->pending_count];
    size_t at = 0;
    for (size_t child = 1; child < loop->pending_count; child = 2 * at + 1) {
        if (child + 1 < loop->pending_count && pending_less(loop->heap[child + 1], loop->heap[child])) {
            child++;
        }
        if (!pending_less(loop->heap[child], last)) {
            break;
        }
        loop->heap[at] = loop->heap[child];
        at = child;
    }
    loop->heap[at] = last;
}

static uint64_t draw_of(const struct closed_loop *loop, uint32_t client) {
    return (uint64_t)client << 32 | loop->turns[client];
}

/* The think time before the client's next request. */
static i128 think_draw(const struct closed_loop *loop, uint32_t client) {
    double mean = loop->spec->think_s * UNIT_PER_S;
    if (loop->spec->think_kind == THINK_CONSTANT) {
        return (i128)nearbyint(mean);
    }
    return (i128)nearbyint(mean * sampler_exponential(loop->think, draw_of(loop, client)));
}

static void issue_after(struct closed_loop *loop, uint32_t client, i128 instant) {
    bool in_time = instant < instant_of_key(KEY_NEVER);
    heap_push(loop, (struct pending){.key = in_time ? key_at_or_after(instant) : KEY_NEVER, .client = client});
}

static enum arrival_status closed_loop_next(struct arrival_source *base, int64_t end_key, struct arrival *out,
                                            struct diags *diags) {
    (void)diags;
    struct closed_loop *loop = (void *)base;
    if (loop->pending_count == 0 && loop->outstanding == 0) {
        return ARRIVAL_END;
    }
    if (loop->pending_count == 0 || loop->heap[0].key >= end_key) {
        return ARRIVAL_PENDING;
    }
    struct pending first = loop->heap[0];
    heap_pop(loop);
    *out = (struct arrival){.key = first.key, .draw = draw_of(loop, first.client), .client = first.client};
    CHECK(loop->turns[first.client] < UINT32_MAX);
    loop->turns[first.client]++;
    loop->outstanding++;
    base->counts.read++;
    return ARRIVAL_READY;
}

static void closed_loop_ended(struct arrival_source *base, uint32_t client, i128 instant, bool rejected) {
    struct closed_loop *loop = (void *)base;
    CHECK(client < loop->spec->clients && loop->outstanding > 0);
    loop->outstanding--;
    if (rejected) {
        base->stopped_clients++;
        return;
    }
    issue_after(loop, client, instant + think_draw(loop, client));
}

static int64_t closed_loop_peek(const struct arrival_source *base) {
    const struct closed_loop *loop = (const void *)base;
    return loop->pending_count > 0 ? loop->heap[0].key : KEY_NEVER;
}

static void closed_loop_free(struct arrival_source *base) {
    struct closed_loop *loop = (void *)base;
    free(loop->heap);
    free(loop->turns);
    free(loop);
}

static const struct arrival_source_type closed_loop_type = {
    .name = "closed-loop",
    .next = closed_loop_next,
    .ended = closed_loop_ended,
    .peek = closed_loop_peek,
    .free = closed_loop_free,
};

struct arrival_source *closed_loop_new(const struct arrival_spec *spec, uint64_t seed, uint32_t replication) {
    CHECK(spec->think_s >= 0.0 && spec->think_s * (double)KEY_PER_S < 0x1p63);
    struct closed_loop *loop = xcalloc(1, sizeof(*loop));
    loop->base.type = &closed_loop_type;
    loop->base.closed_loop = true;
    loop->spec = spec;
    loop->think = random_stream_make(seed, replication, RANDOM_THINK, spec->name);
    loop->heap = xcalloc(spec->clients, sizeof(*loop->heap));
    loop->turns = xcalloc(spec->clients, sizeof(*loop->turns));
    for (uint32_t client = 0; client < spec->clients; client++) {
        issue_after(loop, client, spec->start == CLOSED_LOOP_START_THINK ? think_draw(loop, client) : 0);
    }
    return &loop->base;
}

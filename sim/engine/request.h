/* request.h - a request in flight, and the slab that holds them.
 *
 * One cache line holds what a waiting request and a plain decoder of the leap need. What differs from its neighbours' only while a request
 * prefills, or since it was preempted, is its *progress*: the leap has one from admission until the request is a decoder like the others,
 * or, where that speculates, to its end; the stepwise engine from the queue to the end. While there is a progress, the instants stand there and not in the line.
 * Requests are named by index (they move when the slab grows); a progress does not move. */
#ifndef TOKENMILL_SIM_ENGINE_REQUEST_H
#define TOKENMILL_SIM_ENGINE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/int128.h"
#include "sim/config.h"
#include "sim/observer.h"

struct progress {
    i128 first_scheduled, first_token, last_token; /* instants, LATENCY_NONE until they happen */
    int64_t target;     /* tokens to prefill: the prompt, and after a preemption what was generated */
    int64_t computed;   /* tokens whose KV is held */
    int64_t fraction;   /* speculative: of a token, in 2^-CONTEXT_SHIFT, that its context has beyond `computed` */
    int64_t emitted;    /* tokens generated, since the last restart */
    int64_t delivered;  /* output positions ever emitted */
    int64_t high_water; /* positions ever computed: below it, computing is repeating */
    int64_t blocks;
    int64_t chunk; /* tokens that it gets of the step in progress; 0: not in it */
    int64_t
        base; /* leap, speculative: of a decoder, its context (in the pool's units) when its batch had taken no step */
    uint32_t preemptions;
    uint32_t admission;    /* leap: its place in the order of admission to the batch */
    struct progress *next; /* of the free ones */
};

/* A sequence's context in the pool's units (pool_context_shift). */
static inline int64_t progress_context(const struct pool_config *pool, const struct progress *progress) {
    return (progress->computed << pool_context_shift(pool)) + progress->fraction;
}

enum { REQUEST_TOKENS_BITS = 40, REQUEST_REPLICA_BITS = 24 };

#define REQUEST_TOKENS_MAX (((int64_t)1 << REQUEST_TOKENS_BITS) - 1)
#define REQUEST_NO_REPLICA ((UINT32_C(1) << REQUEST_REPLICA_BITS) - 1)
#define REQUEST_NONE       UINT32_MAX

struct request {
    int64_t arrival_key;
    union {
        int64_t visible_key; /* until it is admitted to a batch: to the router; once routed, to the scheduler */
        uint64_t first_scheduled_low; /* of an instant's 88 bits */
    };
    union {
        uint64_t draw;             /* until it is routed */
        struct progress *progress; /* owned: where it has one, */
        uint64_t first_token_low;  /* and after that */
    };
    union {
        uint64_t ordinal; /* in its workload, until its replica has it */
        int64_t end_step; /* leap: of a decoder (sim/leap/batch.h) */
    };
    uint64_t input_tok : REQUEST_TOKENS_BITS;  /* read by request_input: a bit-field's arithmetic has its own width */
    uint64_t replica : REQUEST_REPLICA_BITS;   /* global index, REQUEST_NO_REPLICA before routing */
    uint64_t output_tok : REQUEST_TOKENS_BITS; /* request_output */
    bool live : 1;                             /* not free in the slab */
    bool routed : 1;                           /* in its replica's frontend, or beyond it */
    bool ended : 1;                            /* recorded; under `static` it may still hold its slot */
    bool running : 1;                          /* in a batch */
    bool has_progress : 1;
    bool decoding : 1; /* leap: part of the aggregates: `computed` and `emitted` are not kept up */
    bool joined : 1;   /* leap: knows its last token itself */
    bool padding : 1;  /* leap: has emitted all, keeps its place */
    uint16_t rank;     /* of its replica, while it runs; 0 where there is one */
    union {
        uint32_t turn;     /* round-robin: the global index that was dealt at the arrival, until it is routed */
        uint32_t previous; /* leap: in order of admission */
    };
    uint32_t next; /* leap: likewise; of the free ones: the next */
    uint16_t workload;
    uint8_t first_scheduled_high[3], first_token_high[3];
};
_Static_assert(sizeof(struct request) == CACHE_LINE_SIZE, "a request takes one cache line");

/* What few runs ask for. */
struct request_tag {
    int64_t id;
    uint32_t client;
};

struct request_slab {
    struct request *items;    /* owned */
    bool tagged;              /* set before the first request: */
    struct request_tag *tags; /* owned, by request */
    size_t capacity, used;    /* items from `used` on have never been given out */
    uint32_t free;            /* REQUEST_NONE: none below `used` */
    struct progress *free_progress;
    struct progress **chunks; /* owned, and what they point to */
    size_t chunk_count;
};

void request_slab_init(struct request_slab *slab, bool tagged);
void request_slab_release(struct request_slab *slab);

/* A new request: live, of no replica, all else 0. */
uint32_t request_new(struct request_slab *slab);

/* Returns a request and its progress. It holds no blocks. */
void request_free(struct request_slab *slab, uint32_t request);

/* Gives a request that is routed a progress: nothing has happened yet. */
struct progress *request_start_progress(struct request_slab *slab, struct request *request);

/* Lets go of the progress of a request that has been scheduled and has its first token: these two instants go with the request. */
void request_end_progress(struct request_slab *slab, struct request *request);

static inline int64_t request_input(const struct request *request) {
    return (int64_t)request->input_tok;
}

static inline int64_t request_output(const struct request *request) {
    return (int64_t)request->output_tok;
}

static inline void request_set_lengths(struct request *request, int64_t input, int64_t output) {
    CHECK(input >= 0 && input <= REQUEST_TOKENS_MAX && output >= 0 && output <= REQUEST_TOKENS_MAX);
    request->input_tok = (uint64_t)input & REQUEST_TOKENS_MAX;
    request->output_tok = (uint64_t)output & REQUEST_TOKENS_MAX;
}

static inline void request_set_replica(struct request *request, uint32_t replica) {
    request->replica = replica & REQUEST_NO_REPLICA;
}

/* The progress of a request that nobody has scheduled yet. */
static inline struct progress progress_none(const struct request *request) {
    return (struct progress){.first_scheduled = LATENCY_NONE,
                             .first_token = LATENCY_NONE,
                             .last_token = LATENCY_NONE,
                             .target = request_input(request)};
}

/* Tokens to prefill. */
static inline int64_t request_target(const struct request *request) {
    return request->has_progress ? request->progress->target : request_input(request);
}

/* An instant's upper 24 of 88 bits. */
static inline i128 instant_of_parts(const uint8_t high[3], uint64_t low) {
    uint64_t upper = (uint64_t)high[0] | (uint64_t)high[1] << 8 | (uint64_t)high[2] << 16;
    return (i128)((u128)upper << 64 | low);
}

/* Of a request that has had its first token and has no progress. */
static inline i128 request_first_scheduled(const struct request *request) {
    return instant_of_parts(request->first_scheduled_high, request->first_scheduled_low);
}
static inline i128 request_first_token(const struct request *request) {
    return instant_of_parts(request->first_token_high, request->first_token_low);
}

#endif

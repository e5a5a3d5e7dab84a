/* batch.h - the batch of one replica as aggregates: what a step costs depends on sums alone.
 *
 * A *decoder* emits a token in each step. Its context is `base + steps`, where `steps` counts the steps that decoded, so that a step changes no
 * decoder: it adds one to `steps` and `decoding` to `context`. (A step of prompts alone leaves `steps` as it is.) A decoder ends when `steps` reaches a number known when it joins; a queue holds these.
 * Its base follows from that number: the last token is emitted with all others' KV stored. Blocks: a
 * decoder needs one more in a step that starts with its context a multiple of the block size, which its residue says.
 * Where the pool speculates contexts are in fractions of tokens and grow by `advance` a step; a decoder's progress keeps its base; blocks are counted
 * decoder by decoder; and so are the tokens that they emit, whole ones, when a decoder leaves and where counts go elsewhere (batch_count_into).
 * With a window (windowed layers read at most so much of a context) a decoder *grows* until its context fills it, and a queue holds the steps
 * at which decoders do: their windowed contexts sum to `growing_context` + a window for each of the others.
 * A *prefiller* is served chunk by chunk; there are few, in order of admission. Both are linked in order of admission, for preemption. */
#ifndef TOKENMILL_SIM_LEAP_BATCH_H
#define TOKENMILL_SIM_LEAP_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/int128.h"
#include "sim/engine/request.h"

struct cluster;
struct leap_replica;
struct timeline_cell;

#define BATCH_NONE UINT32_MAX

struct completion {
    int64_t
        step; /* the count of steps at whose end the decoder has emitted its last token, or its context fills the window */
    uint32_t request;
    uint32_t admission; /* of the request */
};

/* Decoders by step, earliest first: all that emit, or those that fill the window. Joins are mostly in that order already: answers of one length always are. A heap,
 * which has no use for that, was slower up to thousands of decoders. */
struct completions {
    struct completion *items; /* owned */
    size_t head, tail;        /* items[head] .. items[tail - 1] */
    size_t capacity;
};

struct decoder_count {
    int64_t emitting; /* decoders of a workload that emit (a padded sequence does not) */
    int64_t measured; /* of which arrived in the window, */
    int64_t joining;  /* of which had their first gap recorded for this stretch */
    int64_t emitted;  /* tokens in the window, not yet in the outcome */
};

/* One rank of several, each with sequences of its own (attention data parallelism). */
struct batch_rank {
    int64_t running; /* sequences, prefilling or decoding */
    int64_t decoding, context;
    int64_t growing, growing_context;
};

/* What every step reads comes first. */
struct batch {
    int64_t steps;
    int64_t advance;    /* of a context in a step, in its units; */
    int shift;          /* 2^-shift tokens; 0: the batch does not speculate */
    int64_t decoding;   /* decoders, padded ones included */
    int64_t context;    /* sum of their contexts now */
    i128 last_token_at; /* end of the last step that decoded: when decoders had their last token, */
    uint32_t *joined;   /* owned: but for those that joined since, which know their own */
    size_t joined_count;
    size_t prefilling_count;
    uint32_t *prefilling; /* owned: requests in order of admission */
    struct completions ends;
    int64_t growing; /* decoders whose context is below the window; 0 without one */
    int64_t count;
    uint32_t first, last; /* in order of admission; BATCH_NONE: empty */
    uint32_t admissions;  /* since it was empty, or since batch_renumber: a request's place in that order */
    uint32_t rank_count;
    struct batch_rank *ranks;          /* owned: `rank_count`; NULL: one rank */
    uint32_t *residues;                /* owned: decoders by base mod block_size */
    struct decoder_count *by_workload; /* owned */
    size_t prefilling_capacity, joined_capacity;
    struct timeline_cell
        *count_cell;      /* borrowed: where tokens of decoders are counted if it speculates; NULL: no series */
    bool count_in_window; /* and whether in the outcome */
    int64_t growing_context;
    struct completions crossings; /* of those that grow, but for those that end before */
};

void batch_init(struct batch *batch, const struct pool_config *config, size_t workloads);
void batch_release(struct batch *batch);

/* Puts a request at the end of the order of admission, to prefill. */
void batch_admit(struct cluster *cluster, struct batch *batch, uint32_t request);

/* A prefiller has computed its target and emitted: it decodes from the next step on. */
void batch_start_decoding(struct cluster *cluster, struct leap_replica *replica, uint32_t request);

/* Takes a request out, decoder or prefiller. */
void batch_remove(struct cluster *cluster, struct leap_replica *replica, uint32_t request);

/* A decoder has emitted its last token and keeps its place (static). */
void batch_stop_emitting(struct cluster *cluster, struct batch *batch, uint32_t request);

/* Turns every decoder into an explicit sequence, its own numbers true; the order of admission stays. Nobody is in `prefilling` then. */
void batch_dissolve(struct cluster *cluster, struct leap_replica *replica);

/* The reverse: explicit sequences decode or prefill again. */
void batch_regroup(struct cluster *cluster, struct leap_replica *replica);

/* What a decoder's progress is now, whether it has one or not. */
struct progress batch_progress_of(const struct batch *batch, const struct request *request);

/* Tokens that a decoder has emitted. */
int64_t batch_emitted(const struct batch *batch, const struct request *request);

/* Of a batch that speculates: tokens from here on count in the window, or not, and in `cell`; those up to now where they did. */
void batch_count_into(struct cluster *cluster, struct batch *batch, bool in_window, struct timeline_cell *cell);
/* Counts all tokens that its decoders have emitted. */
void batch_count(struct cluster *cluster, struct batch *batch);

/* Of a batch that speculates: batch_blocks, where each holds `tokens` beyond its context `steps` steps from now. */
int64_t batch_blocks_speculative(const struct cluster *cluster, const struct batch *batch, int64_t block_size,
                                 int64_t steps, int64_t tokens);

/* Gives a decoder a progress that is true; it stays one. */
void batch_settle(struct cluster *cluster, const struct batch *batch, struct request *request);

/* Admissions are numbered anew, in their order, before their counter overflows. Not in a step. */
void batch_renumber(struct cluster *cluster, struct leap_replica *replica);

/* Blocks that the decoders take for the step that starts after `ahead` more steps. */
int64_t batch_blocks_needed(const struct batch *batch, int64_t block_size, int64_t ahead);

/* Blocks that hold the decoders' contexts, `ahead` steps from now: the sum of ceil((context + ahead) / block_size). */
int64_t batch_blocks(const struct batch *batch, int64_t block_size, int64_t ahead);

/* Steps that a context takes to grow by so much. */
static inline int64_t batch_steps_to(const struct batch *batch, int64_t growth) {
    return batch->advance == 1 ? growth : (growth + batch->advance - 1) / batch->advance;
}

/* The step count at which the next decoder ends; INT64_MAX without decoders that emit. */
static inline int64_t batch_next_end(const struct batch *batch) {
    const struct completions *ends = &batch->ends;
    return ends->head < ends->tail ? ends->items[ends->head].step : INT64_MAX;
}

/* Takes the next decoder that ends at `steps`; NULL if there is none (left). It is good until the queue changes. */
static inline const struct completion *batch_pop_end(struct batch *batch) {
    int64_t next = batch_next_end(batch);
    CHECK(next >= batch->steps);
    return next == batch->steps ? &batch->ends.items[batch->ends.head++] : NULL;
}

/* A decoder that is about to leave does not end any more, */
void batch_forget_end(const struct cluster *cluster, struct batch *batch, uint32_t request);
/* nor does its context fill the window. */
void batch_forget_crossing(const struct cluster *cluster, struct leap_replica *replica, uint32_t request);

/* What batch_advance does beyond the plain: windows and ranks. */
void batch_advance_extended(const struct cluster *cluster, struct batch *batch, int64_t steps);

/* Every decoder has taken `steps` steps: none more than the next one to end, or to fill the window, has. */
static inline void batch_advance(const struct cluster *cluster, struct batch *batch, int64_t steps) {
    batch->steps += steps;
    batch->context += steps * batch->decoding * batch->advance;
    if (batch->growing > 0 || batch->ranks != NULL) {
        batch_advance_extended(cluster, batch, steps);
    }
}

/* What windowed layers read of the decoders' contexts: the sum of min(context, window), the window in their units. */
static inline int64_t batch_window_context(const struct batch *batch, int64_t window) {
    return batch->growing_context + (batch->decoding - batch->growing) * window;
}

/* The step count at which the next decoder fills the window; INT64_MAX: none. */
static inline int64_t batch_next_crossing(const struct batch *batch) {
    const struct completions *crossings = &batch->crossings;
    return crossings->head < crossings->tail ? crossings->items[crossings->head].step : INT64_MAX;
}

#endif

/* schedule.h - which requests the next step of a replica serves: one row of a table for each policy.
 *
 * A policy changes who waits, who runs and who holds blocks, and calls schedule_give for every sequence of the step.
 * It knows nothing of time but `now`, and nothing of what a step costs. */
#ifndef TOKENMILL_SIM_STEPWISE_SCHEDULE_H
#define TOKENMILL_SIM_STEPWISE_SCHEDULE_H

#include "sim/stepwise/replica.h"

struct scheduler {
    /* Forms the step that starts at `now`, by schedule_give. If nobody is given anything the replica idles, until `*wake` (an
     * instant; leave it alone for: until the next arrival). */
    void (*form)(struct cluster *cluster, struct replica *replica, i128 now, i128 *wake);
    /* A finished sequence keeps its slot, its blocks and its place in each step until the whole batch has finished. */
    bool keeps_finished;
};

const struct scheduler *scheduler_of(enum batching_policy policy);

/* Shared by the policies. */

/* Waiting requests: the replica's own, then its pool's. */
size_t schedule_waiting(const struct replica *replica);
uint32_t schedule_waiting_at(const struct replica *replica, size_t i);

/* Gives `tokens` of the step to a running request that holds the blocks for them. */
void schedule_give(struct cluster *cluster, struct replica *replica, uint32_t request, int64_t tokens, i128 now);

/* Moves the head of the queue into the batch. */
void schedule_admit_head(struct cluster *cluster, struct replica *replica, i128 now);

/* Takes the head of the queue out and rejects it: alone on the replica, and still not admissible. */
void schedule_reject_head(struct cluster *cluster, struct replica *replica, i128 now);

/* Makes room for `tokens` of the i-th running request, preempting the latest admitted while blocks run out; `*preempted` is set
 * if it did. False if the request itself had to go. */
bool schedule_make_room(struct cluster *cluster, struct replica *replica, size_t i, int64_t tokens, i128 now,
                        bool *preempted);

/* The tokens of a prompt that a step with `budget` left serves: what is left of it, up to budget and chunk. */
int64_t schedule_chunk_wanted(const struct batching_config *batching, const struct request *request, int64_t budget);

/* Serves the running in order of admission, until the budget does not suffice for the next; returns what is left of it. */
int64_t schedule_serve_running(struct cluster *cluster, struct replica *replica, i128 now, bool *preempted);

/* The policies. */
extern const struct scheduler scheduler_continuous, scheduler_prefill_first, scheduler_static, scheduler_trtllm;

#endif

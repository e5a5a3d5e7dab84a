/* schedule_static.c - a batch is formed, runs until its longest sequence ends, and makes room for the next.
 *
 * It forms when max_num_seqs requests wait, or max_wait after the oldest became visible. It takes from the queue as many as
 * have slots and blocks for their KV at the batch's end: a finished sequence keeps its slot, and its context
 * grows on, until the longest ends. Those blocks are held from the start. Prompts prefill first, in steps under the token
 * budget; then all decode together. */
#include "base/check.h"
#include "sim/clock.h"
#include "sim/stepwise/kv.h"
#include "sim/stepwise/schedule.h"

static int64_t greatest(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Blocks that the first `count` waiting requests hold when the longest of them ends. */
static int64_t final_blocks(const struct cluster *cluster, const struct replica *replica, size_t count,
                            int64_t longest) {
    int64_t blocks = 0;
    for (size_t i = 0; i < count; i++) {
        const struct request *request = cluster_request(cluster, schedule_waiting_at(replica, i));
        blocks += kv_blocks_for(replica->config, pool_final_tokens(replica->config, request_input(request), longest));
    }
    return blocks;
}

/* How many from the head of the queue fit in one batch; the longest answer among them through `*longest`. */
static size_t batch_that_fits(const struct cluster *cluster, const struct replica *replica, int64_t *longest) {
    const struct batching_config *batching = &replica->config->batching;
    int64_t room = replica->free_blocks - batching->watermark_blocks;
    size_t count = 0;
    *longest = 0;
    while (count < schedule_waiting(replica) && (int64_t)count < batching->max_num_seqs) {
        const struct request *next = cluster_request(cluster, schedule_waiting_at(replica, count));
        int64_t output = greatest(*longest, request_output(next));
        if (final_blocks(cluster, replica, count + 1, output) > room) {
            break;
        }
        *longest = output;
        count++;
    }
    return count;
}

/* The instant at which the queue's oldest has waited long enough. */
static i128 patience_ends(const struct cluster *cluster, const struct replica *replica) {
    const struct request *oldest = cluster_request(cluster, schedule_waiting_at(replica, 0));
    return instant_of_key(oldest->visible_key) + replica->config->batching.max_wait;
}

static void form_batch(struct cluster *cluster, struct replica *replica, i128 now, i128 *wake) {
    while (schedule_waiting(replica) > 0 && replica->running_count == 0) {
        bool full = (int64_t)schedule_waiting(replica) >= replica->config->batching.max_num_seqs;
        if (!full && patience_ends(cluster, replica) > now) {
            *wake = patience_ends(cluster, replica);
            return;
        }
        int64_t longest;
        size_t count = batch_that_fits(cluster, replica, &longest);
        if (count == 0) {
            schedule_reject_head(cluster, replica, now);
        }
        for (size_t i = 0; i < count; i++) {
            struct request *request = cluster_request(cluster, schedule_waiting_at(replica, 0));
            schedule_admit_head(cluster, replica, now);
            CHECK(kv_hold(replica, request, pool_final_tokens(replica->config, request_input(request), longest)));
        }
    }
}

/* A step of prompts, if some are left. */
static void prefill(struct cluster *cluster, struct replica *replica, i128 now) {
    int64_t budget = replica->config->batching.max_num_batched_tokens;
    for (size_t i = 0; i < replica->running_count && budget > 0; i++) {
        const struct request *request = cluster_request(cluster, replica->running[i]);
        int64_t rest = request->progress->target - request->progress->computed;
        if (rest > 0) {
            int64_t tokens = rest < budget ? rest : budget;
            schedule_give(cluster, replica, replica->running[i], tokens, now);
            budget -= tokens;
        }
    }
}

static void form(struct cluster *cluster, struct replica *replica, i128 now, i128 *wake) {
    form_batch(cluster, replica, now, wake);
    prefill(cluster, replica, now);
    if (replica->work.prefill_seqs > 0) {
        return;
    }
    for (size_t i = 0; i < replica->running_count; i++) {
        schedule_give(cluster, replica, replica->running[i], pool_decode_tokens(replica->config), now);
    }
}

const struct scheduler scheduler_static = {.form = form, .keeps_finished = true};

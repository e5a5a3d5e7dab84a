/* form_static.c - `static` on aggregates (sim/stepwise/schedule_static.c says what it is). Its blocks are held from the start. */
#include "base/check.h"
#include "sim/clock.h"
#include "sim/leap/form.h"

/* Blocks of the first `count` waiting when an answer of `longest` tokens ends. */
static int64_t blocks_at_end(const struct cluster *cluster, const struct leap_replica *replica, size_t count,
                             int64_t longest) {
    int64_t blocks = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t input = request_input(cluster_request(cluster, leap_waiting_at(replica, i)));
        blocks += leap_blocks_for(replica, pool_final_tokens(replica->config, input, longest));
    }
    return blocks;
}

static size_t fitting(const struct cluster *cluster, const struct leap_replica *replica, int64_t *longest) {
    const struct batching_config *batching = &replica->config->batching;
    int64_t room = leap_free_blocks(replica, 0) - batching->watermark_blocks;
    size_t count = 0;
    *longest = 0;
    for (; count < leap_waiting(replica) && (int64_t)count < batching->max_num_seqs; count++) {
        int64_t output = request_output(cluster_request(cluster, leap_waiting_at(replica, count)));
        output = output > *longest ? output : *longest;
        if (blocks_at_end(cluster, replica, count + 1, output) > room) {
            return count;
        }
        *longest = output;
    }
    return count;
}

static void form_batch(struct cluster *cluster, struct leap_replica *replica, i128 now, i128 *wake) {
    const struct batching_config *batching = &replica->config->batching;
    while (leap_waiting(replica) > 0 && replica->batch.count == 0) {
        int64_t oldest = cluster_request(cluster, leap_waiting_at(replica, 0))->visible_key;
        i128 patience = instant_of_key(oldest) + batching->max_wait;
        if ((int64_t)leap_waiting(replica) < batching->max_num_seqs && patience > now) {
            *wake = patience;
            return;
        }
        int64_t longest;
        size_t count = fitting(cluster, replica, &longest);
        if (count == 0) {
            leap_reject_head(cluster, replica, now);
        }
        for (size_t i = 0; i < count; i++) {
            const struct request *request = cluster_request(cluster, leap_waiting_at(replica, 0));
            leap_admit_head(cluster, replica, now);
            int64_t tokens = pool_final_tokens(replica->config, request_input(request), longest);
            CHECK(leap_hold(replica, request->progress, tokens));
        }
    }
}

static void form(struct cluster *cluster, struct leap_replica *replica, i128 now, i128 *wake) {
    struct batch *batch = &replica->batch;
    form_batch(cluster, replica, now, wake);
    int64_t budget = replica->config->batching.max_num_batched_tokens;
    for (size_t i = 0; i < batch->prefilling_count && budget > 0; i++) {
        const struct request *request = cluster_request(cluster, batch->prefilling[i]);
        int64_t rest = leap_target_left(request);
        int64_t tokens = rest < budget ? rest : budget;
        leap_give_chunk(cluster, replica, batch->prefilling[i], tokens, now);
        budget -= tokens;
    }
    if (batch->prefilling_count == 0) {
        leap_count_decoders(replica);
    }
}

const struct leap_policy leap_static = {.form = form, .keeps_finished = true};

/* bound.c - before when a replica ends no request.
 *
 * Nobody leaves a batch before the first of its decoders ends, unless blocks run out. Until then others only join, and a step with more
 * sequences or with prompts takes no less than the decoders alone. So the first ends no earlier than if the decoders went on by themselves. */
#include "sim/clock.h"
#include "sim/leap/form.h"
#include "sim/leap/replica.h"

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Whether the decoders go on as they are, only slower, until one ends: all of them are in this step, and blocks suffice for all that the
 * replica has, to the last token. */
static bool is_bounded(const struct leap_replica *replica) {
    const struct batching_config *batching = &replica->config->batching;
    const struct batch *batch = &replica->batch;
    return replica->shared->bounded && !replica->walked && replica->regenerating == 0 && batch->decoding > 0 &&
           replica->work.decode_seqs == batch->decoding &&
           replica->promised_blocks + batching->watermark_blocks <= replica->config->num_gpu_blocks;
}

/* Steps that pass from the stretch's start until a request may end: a decoder, or one that has yet to be prefilled. */
static int64_t steps_to_next_end(const struct leap_replica *replica) {
    const struct batch *batch = &replica->batch;
    bool pending = batch->prefilling_count > 0 || replica->waiting.count > 0;
    int64_t steps = least(batch_next_end(batch) - batch->steps, STRETCH_STEPS_MAX);
    int64_t shortest = batch_steps_to(batch, (replica->shortest_output - 1) << batch->shift);
    return pending ? least(steps, shortest) : steps;
}

int64_t leap_next_end(const struct cluster *cluster, uint32_t index) {
    const struct leap_replica *replica = leap_replica_at(cluster, index);
    if (!replica->stepping) {
        return replica->event_key == KEY_NEVER ? KEY_NEVER : replica->event_key + 1; /* a step takes a key at least */
    }
    const struct step_work *work = &replica->work;
    int64_t steps = steps_to_next_end(replica);
    int64_t fixed;
    if (steps <= replica->planned || !is_bounded(replica) || !leap_is_straight(replica, steps, &fixed)) {
        return replica->event_key;
    }
    int64_t slope = replica->shared->slope;
    struct series line = {.first = fixed + slope * work->decode_context,
                          .growth = slope * work->decode_seqs * replica->batch.advance};
    int64_t key = key_of_instant(replica->start + series_sum(line, series_fitting(line, steps)));
    return key > replica->event_key ? key : replica->event_key;
}

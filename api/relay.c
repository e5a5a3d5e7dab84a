#include "api/relay.h"

bool relay_progress(void *context, const struct progress_snapshot *snapshot) {
    const struct relay *relay = context;
    struct tmill_progress progress = {
        .points_done = snapshot->points_done,
        .points_total = snapshot->points_total,
        .done_ratio = snapshot->done_ratio,
        .elapsed_s = snapshot->elapsed_s,
        .left_s = snapshot->left_s,
        .points_per_s = snapshot->points_per_s,
        .simulated_s = snapshot->simulated_s,
    };
    return relay->listener(relay->context, &progress);
}

#include "sim/outcome.h"

#include <stdlib.h>

#include "sim/timeline.h"

static void workload_outcome_release(struct workload_outcome *workload) {
    for (int i = 0; i < LATENCY_METRIC_COUNT; i++) {
        histogram_release(&workload->latency[i].known);
        histogram_release(&workload->latency[i].undecided);
    }
    free(workload->tokens);
}

void sim_outcome_release(struct sim_outcome *outcome) {
    for (size_t i = 0; i < outcome->workload_count; i++) {
        workload_outcome_release(&outcome->workloads[i]);
    }
    for (size_t i = 0; i < outcome->pool_count; i++) {
        free(outcome->pools[i].energy_minute);
        if (outcome->timelines != NULL) {
            timeline_release(&outcome->timelines[i]);
        }
    }
    free(outcome->timelines);
    free(outcome->workloads);
    free(outcome->pools);
    *outcome = (struct sim_outcome){0};
}

/* verdict.c - whether a point may be compared with others at all, and why not. */
#include <math.h>

#include "analysis/result_parts.h"
#include "base/text.h"

enum { NUMBER_SIZE = 40, VERDICT_DIGITS = 6 };

/* "a; b" */
static const char *join(struct arena *arena, const char *reasons, const char *reason) {
    return reasons[0] == '\0' ? reason : arena_format(arena, "%s; %s", reasons, reason);
}

static const char *threshold_reason(struct arena *arena, const struct workload_result *workload, size_t slot,
                                    int percent) {
    char attained[NUMBER_SIZE];
    char limit[NUMBER_SIZE];
    text_from_double_digits(workload->slo.limit_s[slot], VERDICT_DIGITS, limit, sizeof limit);
    if (isnan(workload->slo.attainment_ratio[slot])) {
        return arena_format(arena, "%s: %s of %s s is undecided: none of %lld requests had a value by the end",
                            workload->name, slo_slot_name(slot), limit, (long long)workload->requests.measured_emitted);
    }
    text_from_double_digits(workload->slo.attainment_ratio[slot] * 100, VERDICT_DIGITS, attained, sizeof attained);
    return arena_format(arena, "%s: %s of %s s met by %s %% of requests, %d %% needed", workload->name,
                        slo_slot_name(slot), limit, attained, percent);
}

static const char *workload_reasons(struct arena *arena, const char *reasons, const struct workload_result *workload,
                                    const struct workload_config *config) {
    for (size_t i = 0; i < config->slo_count; i++) {
        const size_t slot = slo_slot_of(config->slo[i].metric, config->slo[i].percent);
        if (workload->slo.threshold_met[slot] == 0) {
            reasons = join(arena, reasons, threshold_reason(arena, workload, slot, config->slo[i].percent));
        }
    }
    return reasons;
}

void result_verdict_fill(struct result *result, const struct result_source *source) {
    const char *reasons = "";
    for (size_t w = 0; w < result->workload_count; w++) {
        reasons = workload_reasons(result->arena, reasons, &result->workloads[w], &source->point->sim.workloads[w]);
    }
    for (size_t p = 0; p < result->pool_count; p++) {
        if (result->pools[p].saturated) {
            reasons = join(result->arena, reasons,
                           arena_format(result->arena, "pool %s is saturated", result->pools[p].name));
        }
    }
    result->infeasible_reason = reasons;
    result->feasible = reasons[0] == '\0';
}

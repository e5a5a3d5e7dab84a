/* names.c - the contract's spellings of what config.h, arrival.h and observer.h enumerate. */
#include "base/check.h"
#include "sim/arrival.h"
#include "sim/config.h"
#include "sim/observer.h"

const char *batching_policy_name(enum batching_policy policy) {
    static const char *const names[BATCHING_POLICY_COUNT] = {
        [BATCHING_CONTINUOUS] = "continuous", [BATCHING_PREFILL_FIRST] = "prefill-first",
        [BATCHING_STATIC] = "static",         [BATCHING_REQUEST_LEVEL] = "request-level",
        [BATCHING_TRTLLM] = "trtllm",
    };
    CHECK(policy < BATCHING_POLICY_COUNT);
    return names[policy];
}

const char *engine_kind_name(enum engine_kind engine) {
    static const char *const names[ENGINE_KIND_COUNT] = {[ENGINE_STEPWISE] = "stepwise", [ENGINE_LEAP] = "leap"};
    CHECK(engine < ENGINE_KIND_COUNT);
    return names[engine];
}

const char *routing_policy_name(enum routing_policy policy) {
    static const char *const names[ROUTING_POLICY_COUNT] = {
        [ROUTING_ROUND_ROBIN] = "round-robin",     [ROUTING_RANDOM] = "random",
        [ROUTING_POWER_OF_TWO] = "power-of-two",   [ROUTING_LEAST_OUTSTANDING] = "least-outstanding",
        [ROUTING_CENTRAL_QUEUE] = "central-queue",
    };
    CHECK(policy < ROUTING_POLICY_COUNT);
    return names[policy];
}

const char *latency_metric_name(enum latency_metric metric) {
    static const char *const names[LATENCY_METRIC_COUNT] = {
        [LATENCY_TTFT] = "ttft", [LATENCY_TPOT] = "tpot",   [LATENCY_ITL] = "itl",
        [LATENCY_E2E] = "e2e",   [LATENCY_QUEUE] = "queue",
    };
    CHECK(metric < LATENCY_METRIC_COUNT);
    return names[metric];
}

const char *reject_reason_name(enum reject_reason reason) {
    static const char *const names[REJECT_REASON_COUNT] = {
        [REJECT_TOO_LARGE] = "too_large",
        [REJECT_TOO_LONG] = "too_long",
        [REJECT_NEVER_ADMITTED] = "never_admitted",
    };
    CHECK(reason < REJECT_REASON_COUNT);
    return names[reason];
}

const char *drop_reason_name(enum drop_reason reason) {
    static const char *const names[DROP_REASON_COUNT] = {
        [DROP_BAD_TIME] = "bad_time",       [DROP_BAD_TOKENS] = "bad_tokens", [DROP_ZERO_INPUT] = "zero_input",
        [DROP_ZERO_OUTPUT] = "zero_output", [DROP_STATUS] = "status",         [DROP_OUT_OF_ORDER] = "out_of_order",
        [DROP_FILTERED] = "filtered",       [DROP_COLUMNS] = "columns",       [DROP_AFTER_END] = "after_end",
    };
    CHECK(reason < DROP_REASON_COUNT);
    return names[reason];
}

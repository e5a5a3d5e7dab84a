#include "models/serving_engine.h"

#include "base/check.h"

const char *serving_engine_name(enum serving_engine engine) {
    static const char *const names[SERVING_ENGINE_COUNT] = {[SERVING_VLLM] = "vllm",
                                                            [SERVING_VLLM_011] = "vllm-0.11",
                                                            [SERVING_SGLANG] = "sglang",
                                                            [SERVING_TRTLLM] = "trtllm",
                                                            [SERVING_ATOM] = "atom"};
    CHECK(engine < SERVING_ENGINE_COUNT);
    return names[engine];
}

bool serving_engine_from_text(struct span name, enum serving_engine *engine) {
    for (int i = 0; i < SERVING_ENGINE_COUNT; i++) {
        if (span_equals(name, serving_engine_name((enum serving_engine)i))) {
            *engine = (enum serving_engine)i;
            return true;
        }
    }
    return false;
}

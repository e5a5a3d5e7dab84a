#include "analysis/metrics.h"
#include "api/handles.h"
#include "base/text.h"
#include "scenarios/scenario.h"

const char *tmill_version(void) {
    return TOKENMILL_VERSION;
}

char *tmill_schema_json(void) {
    return scenario_schema_json();
}

char *tmill_scenario_reference(void) {
    return scenario_reference_md();
}

char *tmill_metrics_reference(void) {
    return metrics_reference_md();
}

const char *tmill_guess(const char *word, const char *const *candidates, size_t count) {
    return text_guess(span_of(word), candidates, count);
}

#include "scenarios/scenario.h"

#include <stdlib.h>

#include "api/handles.h"
#include "base/arena.h"
#include "base/check.h"
#include "scenarios/model_config.h"

struct tmill_scenario *tmill_scenario_read(const char *path, const struct tmill_scenario_options *options,
                                           struct tmill_messages *messages) {
    struct scenario_options inner = {.engine = ENGINE_LEAP};
    if (options != NULL) {
        inner = (struct scenario_options){
            .sets = options->sets,
            .set_count = options->set_count,
            .has_seed = options->has_seed,
            .seed = options->seed,
            .catalog_dir = options->catalog_dir,
            .engine = options->stepwise ? ENGINE_STEPWISE : ENGINE_LEAP,
            .skip_sweep = options->skip_sweep,
        };
    }
    struct diags *diags = diags_new();
    struct scenario *scenario = scenario_read(path, &inner, diags);
    messages_take(messages, diags);
    if (scenario == NULL) {
        return NULL;
    }
    struct tmill_scenario *handle = xcalloc(1, sizeof *handle);
    handle->scenario = scenario;
    return handle;
}

void tmill_scenario_free(struct tmill_scenario *scenario) {
    if (scenario != NULL) {
        scenario_free(scenario->scenario);
        free(scenario);
    }
}

const char *tmill_scenario_name(const struct tmill_scenario *scenario) {
    return scenario_name(scenario->scenario);
}

uint64_t tmill_scenario_seed(const struct tmill_scenario *scenario) {
    return scenario_seed(scenario->scenario);
}

size_t tmill_scenario_skipped_count(const struct tmill_scenario *scenario) {
    return scenario_skipped_count(scenario->scenario);
}

size_t tmill_scenario_axis_count(const struct tmill_scenario *scenario) {
    return scenario_axis_count(scenario->scenario);
}

const char *tmill_scenario_axis_name(const struct tmill_scenario *scenario, size_t axis) {
    CHECK(axis < tmill_scenario_axis_count(scenario));
    return scenario_axis(scenario->scenario, axis)->coordinates[0].name;
}

size_t tmill_scenario_axis_length(const struct tmill_scenario *scenario, size_t axis) {
    CHECK(axis < tmill_scenario_axis_count(scenario));
    return scenario_axis(scenario->scenario, axis)->count;
}

size_t tmill_scenario_point_count(const struct tmill_scenario *scenario) {
    return scenario_point_count(scenario->scenario);
}

size_t tmill_scenario_model_count(const struct tmill_scenario *scenario) {
    return scenario_model_count(scenario->scenario);
}

const char *tmill_scenario_model_path(const struct tmill_scenario *scenario, size_t index) {
    CHECK(index < tmill_scenario_model_count(scenario));
    return scenario_model(scenario->scenario, index)->name;
}

uint64_t tmill_scenario_model_hash(const struct tmill_scenario *scenario, size_t index) {
    CHECK(index < tmill_scenario_model_count(scenario));
    return scenario_model(scenario->scenario, index)->hash;
}

const char *tmill_scenario_model_report(const struct tmill_scenario *scenario, size_t index) {
    CHECK(index < tmill_scenario_model_count(scenario));
    return scenario_model(scenario->scenario, index)->report;
}

#include "analysis/result_set.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"

void result_set_init(struct result_set *set, const struct scenario *scenario, const struct result *const *results,
                     size_t count) {
    CHECK(count == scenario_point_count(scenario));
    *set = (struct result_set){
        .name = scenario_name(scenario),
        .scenario_text = scenario_text(scenario),
        .resolved_text = scenario_resolved_text(scenario),
        .catalog_hashes = scenario_catalog_hashes(scenario),
        .seed = scenario_seed(scenario),
        .axis_count = scenario_axis_count(scenario),
        .results = results,
        .count = count,
    };
    set->axes = xcalloc(set->axis_count + 1, sizeof *set->axes);
    for (size_t axis = 0; axis < set->axis_count; axis++) {
        set->axes[axis] = scenario_axis(scenario, axis);
    }
}

void result_set_release(struct result_set *set) {
    if (set != NULL) {
        free(set->axes);
        set->axes = NULL;
    }
}

size_t result_set_index(const struct result_set *set, size_t point, size_t axis) {
    CHECK(point < set->count && axis < set->axis_count);
    for (size_t i = set->axis_count - 1; i > axis; i--) {
        point /= set->axes[i]->count;
    }
    return point % set->axes[axis]->count;
}

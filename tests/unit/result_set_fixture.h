/* result_set_fixture.h - a sweep of 2 rates x 2 kinds of GPU (zipped with a label), made of the fixture's hour. */
#ifndef TOKENMILL_TESTS_RESULT_SET_FIXTURE_H
#define TOKENMILL_TESTS_RESULT_SET_FIXTURE_H

#include "analysis/result_set.h"
#include "tests/unit/result_fixture.h"

enum { SET_POINTS = 4 };

struct set_fixture {
    struct result_set set;
    struct result *results[SET_POINTS];
    const struct result *borrowed[SET_POINTS];
    struct sweep_axis axes[2];
    struct sweep_coordinate rate;
    struct sweep_coordinate gpus[2];
    const struct sweep_axis *axis_list[2];
};

static const double SET_RATES[] = {0.5, 1};
static const char *const SET_GPUS[] = {"H100-SXM", "L40S"};
static const char *const SET_LABELS[] = {"8 \xc3\x97 H100", "8 \xc3\x97 L40S"};

/* The price rises from point to point; the last point misses its SLO. */
static inline struct result *set_fixture_result(size_t point) {
    struct fixture *fixture = fixture_new(2, 2);
    fixture->costs[0].gpu_usd_per_hour = 2 + (double)point;
    fixture->outcome.workloads[0].slo[0].met = point == SET_POINTS - 1 ? 3000 : 3580;
    return fixture_result_of(fixture);
}

static inline struct set_fixture *set_fixture_new(void) {
    struct set_fixture *fixture = xcalloc(1, sizeof *fixture);
    fixture->rate = (struct sweep_coordinate){.path = "workload.chat.arrivals.rate",
                                              .name = "rate_per_s",
                                              .unit = "1/s",
                                              .long_name = "mean rate",
                                              .numbers = SET_RATES};
    fixture->gpus[0] = (struct sweep_coordinate){
        .path = "fleet.main.gpu", .name = "gpu", .unit = "", .long_name = "GPU", .is_text = true, .texts = SET_GPUS};
    fixture->gpus[1] = (struct sweep_coordinate){
        .path = "", .name = "label", .unit = "", .long_name = "", .is_text = true, .texts = SET_LABELS};
    fixture->axes[0] = (struct sweep_axis){.count = 2, .coordinates = &fixture->rate, .coordinate_count = 1};
    fixture->axes[1] = (struct sweep_axis){.count = 2, .coordinates = fixture->gpus, .coordinate_count = 2};
    for (size_t i = 0; i < SET_POINTS; i++) {
        fixture->results[i] = set_fixture_result(i);
        fixture->borrowed[i] = fixture->results[i];
    }
    fixture->axis_list[0] = &fixture->axes[0];
    fixture->axis_list[1] = &fixture->axes[1];
    fixture->set = (struct result_set){.name = "chat-70b",
                                       .scenario_text = "name: chat-70b\n",
                                       .resolved_text = "name: chat-70b\nseed: 42\n",
                                       .catalog_hashes = "gpus.csv 0x1",
                                       .seed = 42,
                                       .axes = fixture->axis_list,
                                       .axis_count = 2,
                                       .results = fixture->borrowed,
                                       .count = SET_POINTS};
    return fixture;
}

static inline void set_fixture_free(struct set_fixture *fixture) {
    for (size_t i = 0; i < SET_POINTS; i++) {
        result_free(fixture->results[i]);
    }
    free(fixture);
}

#endif

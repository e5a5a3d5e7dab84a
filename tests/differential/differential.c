/* differential.c - plays random scenarios with both engines and compares every number.
 *
 *     differential [--brief] [COUNT [FIRST]]
 * On a difference it shrinks the scenario to as few requests as still differ, prints it with both lists of ends, and exits 1. --brief: it says
 * only which and what. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/clock.h"
#include "tests/differential/compare.h"
#include "tests/differential/scenario.h"
#include "tests/differential/timelines.h"

enum { TEXT_SIZE = 256 };

/* A series changes nothing, its intervals add up to the run, and those of twice its length are sums of them. */
static bool series_is_sound(const struct random_scenario *scenario, const struct run_log *stepwise, char *what) {
    struct run_log without, coarse;
    struct sim_config config = scenario->config;
    if (config.series_interval_keys == 0) {
        return true;
    }
    config.series_interval_keys *= 2;
    run_log_make(&coarse, &config, ENGINE_STEPWISE, false);
    config.series_interval_keys = 0;
    run_log_make(&without, &config, ENGINE_LEAP, false);
    bool sound = timelines_add_up(&stepwise->outcome, what, TEXT_SIZE) &&
                 timelines_refine(&stepwise->outcome, &coarse.outcome, what, TEXT_SIZE) &&
                 run_logs_equal(stepwise, &without, what, TEXT_SIZE);
    run_log_release(&coarse);
    run_log_release(&without);
    return sound;
}

static bool engines_agree(const struct random_scenario *scenario, char *what) {
    struct run_log stepwise, leap, unwatched;
    run_log_make(&stepwise, &scenario->config, ENGINE_STEPWISE, true);
    run_log_make(&leap, &scenario->config, ENGINE_LEAP, true);
    run_log_make(&unwatched, &scenario->config, ENGINE_LEAP, false);
    bool equal = run_logs_equal(&stepwise, &leap, what, TEXT_SIZE) &&
                 run_logs_equal(&stepwise, &unwatched, what, TEXT_SIZE) &&
                 (!stepwise.ok || series_is_sound(scenario, &stepwise, what));
    run_log_release(&stepwise);
    run_log_release(&leap);
    run_log_release(&unwatched);
    return equal;
}

/* ---- minimiser ---- */

/* Takes `count` requests from position `at` out; puts them back if the difference goes with them. */
static bool try_without(struct random_scenario *scenario, struct scenario_workload *source, size_t at, size_t count) {
    char what[TEXT_SIZE];
    struct scenario_workload kept = *source;
    memmove(&source->requests[at], &source->requests[at + count],
            (source->count - at - count) * sizeof source->requests[0]);
    source->count -= count;
    if (!engines_agree(scenario, what)) {
        return true;
    }
    *source = kept;
    return false;
}

static void shrink_list(struct random_scenario *scenario, struct scenario_workload *source) {
    for (size_t chunk = source->count; chunk >= 1; chunk /= 2) {
        for (size_t at = 0; at + chunk <= source->count;) {
            at += try_without(scenario, source, at, chunk) ? 0 : chunk;
        }
    }
}

/* Shortens answers and prompts by halves. */
static void shrink_lengths(struct random_scenario *scenario, struct scenario_workload *source) {
    char what[TEXT_SIZE];
    for (size_t i = 0; i < source->count; i++) {
        int64_t *fields[] = {&source->requests[i].input, &source->requests[i].output};
        for (int f = 0; f < 2; f++) {
            int64_t kept = *fields[f];
            while (*fields[f] > 1) {
                kept = *fields[f];
                *fields[f] /= 2;
                if (engines_agree(scenario, what)) {
                    *fields[f] = kept;
                    break;
                }
            }
        }
    }
}

static void shrink_limit(struct random_scenario *scenario) {
    char what[TEXT_SIZE];
    int64_t *limit = &scenario->config.max_requests;
    while (*limit > 1) {
        int64_t kept = *limit;
        --*limit;
        if (engines_agree(scenario, what)) {
            *limit = kept;
            return;
        }
    }
}

static void minimise(struct random_scenario *scenario) {
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < scenario->config.workload_count; i++) {
            shrink_list(scenario, &scenario->sources[i]);
            shrink_lengths(scenario, &scenario->sources[i]);
        }
        shrink_limit(scenario);
    }
}

/* ---- report ---- */

static void print_log(const char *name, const struct sim_config *config, enum engine_kind engine) {
    struct run_log log;
    run_log_make(&log, config, engine, true);
    printf("%s:\n", name);
    for (size_t i = 0; i < log.count; i++) {
        const struct request_record *record = &log.records[i];
        printf("  request %" PRId64 " replica %" PRId64 " status %d queue %.12g ttft %.12g e2e %.12g tokens %" PRId64
               " preempted %" PRId64 "\n",
               record->request_id, record->replica, (int)record->status, units_to_s(record->queue),
               units_to_s(record->ttft), units_to_s(record->e2e), record->output_tokens, record->preemptions);
    }
    run_log_release(&log);
}

static void report(struct random_scenario *scenario) {
    char what[TEXT_SIZE];
    minimise(scenario);
    engines_agree(scenario, what);
    random_scenario_print(scenario);
    print_log("stepwise", &scenario->config, ENGINE_STEPWISE);
    print_log("leap", &scenario->config, ENGINE_LEAP);
    printf("%s\n", what);
}

int main(int argc, char **argv) {
    bool brief = argc > 1 && strcmp(argv[1], "--brief") == 0;
    argv += brief;
    argc -= brief;
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 300;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    for (uint64_t number = first; number < first + count; number++) {
        char what[TEXT_SIZE];
        struct random_scenario *scenario = random_scenario_new(number);
        bool agree = engines_agree(scenario, what);
        if (!agree) {
            printf("scenario %" PRIu64 ": %s\n", number, what);
            if (!brief) {
                report(scenario);
            }
        }
        random_scenario_free(scenario);
        if (!agree) {
            return 1;
        }
    }
    printf("%" PRIu64 " scenarios: equal\n", count);
    return 0;
}

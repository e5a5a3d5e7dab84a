#include "sim/recorder.h"

#include "base/arena.h"
#include "sim/clock.h"
#include "sim/timeline.h"

static void make_timelines(const struct sim_config *config, struct sim_outcome *outcome) {
    if (config->series_interval_keys == 0) {
        return;
    }
    outcome->timelines = xcalloc(config->pool_count, sizeof *outcome->timelines);
    for (size_t i = 0; i < config->pool_count; i++) {
        timeline_init(&outcome->timelines[i], config->series_interval_keys, config->warmup_key);
    }
}

void recorder_init(struct recorder *recorder, const struct sim_config *config, const struct observer *observer,
                   struct sim_outcome *outcome) {
    *recorder = (struct recorder){.config = config, .observer = observer, .outcome = outcome};
    *outcome = (struct sim_outcome){
        .workloads = xcalloc(config->workload_count, sizeof *outcome->workloads),
        .workload_count = config->workload_count,
        .pools = xcalloc(config->pool_count, sizeof *outcome->pools),
        .pool_count = config->pool_count,
    };
    make_timelines(config, outcome);
    for (size_t i = 0; i < config->workload_count; i++) {
        struct workload_outcome *workload = &outcome->workloads[i];
        workload->tokens = xcalloc(config->pool_count, sizeof *workload->tokens);
        for (int metric = 0; metric < LATENCY_METRIC_COUNT; metric++) {
            histogram_init(&workload->latency[metric].known);
            histogram_init(&workload->latency[metric].undecided);
        }
    }
}

void recorder_arrived(struct recorder *recorder, uint32_t workload, int64_t arrival_key) {
    struct workload_outcome *out = &recorder->outcome->workloads[workload];
    out->requests.emitted++;
    out->measured.emitted += recorder_measures(recorder, arrival_key);
    recorder->outcome->events++;
    if (recorder->outcome->last_arrival < instant_of_key(arrival_key)) {
        recorder->outcome->last_arrival = instant_of_key(arrival_key);
    }
}

void recorder_token_gap(struct recorder *recorder, uint32_t workload, i128 gap, uint64_t count) {
    histogram_add(&recorder->outcome->workloads[workload].latency[LATENCY_ITL].known, gap, count);
}

void recorder_token_gaps(struct recorder *recorder, uint32_t workload, i128 first, i128 growth, int64_t terms,
                         uint64_t count) {
    struct latency_stat *stat = &recorder->outcome->workloads[workload].latency[LATENCY_ITL];
    histogram_add_series(&stat->known, first, growth, (uint64_t)terms, count);
}

static i128 record_value(const struct request_record *record, enum latency_metric metric) {
    switch (metric) {
    case LATENCY_TTFT: return record->ttft;
    case LATENCY_TPOT: return record->tpot;
    case LATENCY_E2E: return record->e2e;
    case LATENCY_QUEUE: return record->queue;
    case LATENCY_ITL:
    case LATENCY_METRIC_COUNT: break;
    }
    return LATENCY_NONE;
}

/* A value that is known, or the age of one that is not (`age` < 0: it never will be known). */
static void add_latency(struct latency_stat *stat, i128 value, i128 age) {
    if (value != LATENCY_NONE) {
        histogram_add(&stat->known, value, 1);
    } else if (age >= 0) {
        histogram_add(&stat->undecided, age, 1);
    }
}

static void add_latencies(struct workload_outcome *out, const struct request_record *record, i128 age) {
    add_latency(&out->latency[LATENCY_TTFT], record->ttft, age);
    add_latency(&out->latency[LATENCY_E2E], record->e2e, age);
    add_latency(&out->latency[LATENCY_QUEUE], record->queue, age);
    add_latency(&out->latency[LATENCY_TPOT], record->tpot, -1);
}

enum verdict { VERDICT_MET, VERDICT_FAILED, VERDICT_UNDECIDED };

/* `age` >= 0: unfinished at that age. */
static enum verdict judge(const struct slo_threshold *threshold, const struct request_record *record, i128 age) {
    i128 value = record_value(record, threshold->metric);
    if (value != LATENCY_NONE) {
        return value <= threshold->limit ? VERDICT_MET : VERDICT_FAILED;
    }
    if (age < 0) {
        return VERDICT_MET; /* TPOT of a one-token answer */
    }
    bool ages = threshold->metric != LATENCY_TPOT;
    return ages && age > threshold->limit ? VERDICT_FAILED : VERDICT_UNDECIDED;
}

/* Counts the thresholds of a measured request that was not rejected; true if it violated one. An unfinished one that has violated
 * something is left out of nothing: its TPOT, which it cannot have, counts as missed. */
static bool judge_all(const struct recorder *recorder, const struct request_record *record, i128 age) {
    const struct workload_config *workload = &recorder->config->workloads[record->workload];
    struct workload_outcome *out = &recorder->outcome->workloads[record->workload];
    enum verdict verdicts[SLO_THRESHOLD_MAX];
    bool violated = false;
    for (size_t i = 0; i < workload->slo_count; i++) {
        verdicts[i] = judge(&workload->slo[i], record, age);
        violated = violated || verdicts[i] == VERDICT_FAILED;
    }
    for (size_t i = 0; i < workload->slo_count; i++) {
        bool left_out = verdicts[i] == VERDICT_UNDECIDED && !(violated && workload->slo[i].metric == LATENCY_TPOT);
        out->slo[i].met += verdicts[i] == VERDICT_MET;
        out->slo[i].undecided += left_out;
    }
    return violated;
}

static void observe(const struct recorder *recorder, const struct request_record *record) {
    if (recorder->observer != NULL && recorder->observer->request_ended != NULL) {
        recorder->observer->request_ended(recorder->observer->context, record);
    }
}

static void count_end(struct request_counts *counts, const struct request_record *record) {
    if (record->status == REQUEST_REJECTED) {
        counts->rejected[record->reject_reason]++;
    } else {
        counts->completed++;
    }
}

void recorder_ended(struct recorder *recorder, const struct request_record *record, bool in_window) {
    struct workload_outcome *out = &recorder->outcome->workloads[record->workload];
    bool completed = record->status == REQUEST_COMPLETED;
    count_end(&out->requests, record);
    out->completed_in_window += completed && in_window;
    recorder->outcome->events += completed;
    if (recorder_measures(recorder, record->arrival_key)) {
        count_end(&out->measured, record);
        if (completed) {
            add_latencies(out, record, -1);
            bool good = !judge_all(recorder, record, -1);
            out->good += good;
            out->good_output_tokens += good ? record->output_tokens : 0;
        }
    }
    observe(recorder, record);
}

void recorder_unfinished(struct recorder *recorder, const struct request_record *record, i128 cut, bool running) {
    struct workload_outcome *out = &recorder->outcome->workloads[record->workload];
    out->requests.running += running;
    out->requests.waiting += !running;
    if (recorder_measures(recorder, record->arrival_key)) {
        i128 age = cut - instant_of_key(record->arrival_key);
        out->measured.running += running;
        out->measured.waiting += !running;
        add_latencies(out, record, age);
        out->undecided_good += !judge_all(recorder, record, age);
    }
    observe(recorder, record);
}

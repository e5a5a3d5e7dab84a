#include "tests/differential/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "sim/simulate.h"
#include "tests/differential/timelines.h"

static void note(void *context, const struct request_record *record) {
    struct run_log *log = context;
    if (log->count == log->capacity) {
        log->capacity = 2 * log->capacity + 64;
        log->records = xrealloc(log->records, log->capacity, sizeof *log->records);
    }
    log->records[log->count++] = *record;
}

void run_log_make(struct run_log *log, const struct sim_config *config, enum engine_kind engine, bool watched) {
    *log = (struct run_log){.watched = watched};
    struct sim_config chosen = *config;
    chosen.engine = engine;
    struct observer observer = {.context = log, .request_ended = note};
    struct diags *diags = diags_new();
    log->ok = simulate(&chosen, watched ? &observer : NULL, &log->outcome, diags);
    diags_free(diags);
}

void run_log_release(struct run_log *log) {
    free(log->records);
    sim_outcome_release(&log->outcome);
}

/* ---- differences ---- */

struct finding {
    char *what;
    size_t size;
    const char *part;
    size_t index;
};

static bool differ(struct finding *finding, const char *name, i128 a, i128 b) {
    if (a == b) {
        return false;
    }
    char x[I128_TEXT_SIZE], y[I128_TEXT_SIZE];
    i128_to_text(a, x);
    i128_to_text(b, y);
    snprintf(finding->what, finding->size, "%s %zu: %s is %s in one run, %s in the other", finding->part,
             finding->index, name, x, y);
    return true;
}

static bool records_differ(struct finding *finding, const struct request_record *a, const struct request_record *b) {
    return differ(finding, "request_id", a->request_id, b->request_id) || differ(finding, "pool", a->pool, b->pool) ||
           differ(finding, "replica", a->replica, b->replica) || differ(finding, "status", a->status, b->status) ||
           differ(finding, "queue", a->queue, b->queue) || differ(finding, "ttft", a->ttft, b->ttft) ||
           differ(finding, "tpot", a->tpot, b->tpot) || differ(finding, "e2e", a->e2e, b->e2e) ||
           differ(finding, "finish", a->finish, b->finish) ||
           differ(finding, "output_tokens", a->output_tokens, b->output_tokens) ||
           differ(finding, "preemptions", a->preemptions, b->preemptions) ||
           differ(finding, "reject_reason", a->reject_reason, b->reject_reason);
}

static bool histograms_differ(struct finding *finding, const char *name, const struct histogram *a,
                              const struct histogram *b) {
    static const uint64_t none[HISTOGRAM_BINS_PER_OCTAVE];
    if (differ(finding, name, (i128)a->count, (i128)b->count) || differ(finding, name, a->sum, b->sum) ||
        differ(finding, name, a->max, b->max)) {
        return true;
    }
    for (int octave = 0; octave < HISTOGRAM_OCTAVES; octave++) {
        const uint64_t *x = a->octaves[octave] != NULL ? a->octaves[octave] : none;
        const uint64_t *y = b->octaves[octave] != NULL ? b->octaves[octave] : none;
        if (memcmp(x, y, sizeof none) != 0) {
            return differ(finding, name, octave, -1);
        }
    }
    return false;
}

static bool counts_differ(struct finding *finding, const struct request_counts *a, const struct request_counts *b) {
    return differ(finding, "emitted", a->emitted, b->emitted) ||
           differ(finding, "completed", a->completed, b->completed) ||
           differ(finding, "waiting", a->waiting, b->waiting) || differ(finding, "running", a->running, b->running);
}

static bool slo_differs(struct finding *finding, const struct workload_outcome *a, const struct workload_outcome *b) {
    for (int i = 0; i < SLO_THRESHOLD_MAX; i++) {
        if (differ(finding, "slo met", a->slo[i].met, b->slo[i].met) ||
            differ(finding, "slo undecided", a->slo[i].undecided, b->slo[i].undecided)) {
            return true;
        }
    }
    return differ(finding, "good", a->good, b->good) ||
           differ(finding, "undecided_good", a->undecided_good, b->undecided_good) ||
           differ(finding, "good_output_tokens", a->good_output_tokens, b->good_output_tokens);
}

static bool workloads_differ(struct finding *finding, const struct workload_outcome *a,
                             const struct workload_outcome *b, size_t pools) {
    for (int metric = 0; metric < LATENCY_METRIC_COUNT; metric++) {
        const char *name = latency_metric_name((enum latency_metric)metric);
        if (histograms_differ(finding, name, &a->latency[metric].known, &b->latency[metric].known) ||
            histograms_differ(finding, name, &a->latency[metric].undecided, &b->latency[metric].undecided)) {
            return true;
        }
    }
    for (size_t pool = 0; pool < pools; pool++) {
        const struct token_counts *x = &a->tokens[pool], *y = &b->tokens[pool];
        if (differ(finding, "tokens input", x->input, y->input) ||
            differ(finding, "tokens output", x->output, y->output) ||
            differ(finding, "tokens recomputed", x->recomputed, y->recomputed) ||
            differ(finding, "tokens prefilled", x->prefilled, y->prefilled)) {
            return true;
        }
    }
    return counts_differ(finding, &a->requests, &b->requests) || counts_differ(finding, &a->measured, &b->measured) ||
           slo_differs(finding, a, b) || differ(finding, "read", a->arrivals.read, b->arrivals.read) ||
           differ(finding, "completed_in_window", a->completed_in_window, b->completed_in_window) ||
           differ(finding, "stopped_clients", a->stopped_clients, b->stopped_clients);
}

static i128 minute(const struct pool_outcome *pool, size_t i) {
    return i < pool->minute_count ? pool->energy_minute[i] : 0;
}

static bool pools_differ(struct finding *finding, const struct pool_outcome *a, const struct pool_outcome *b) {
    for (size_t i = 0; i < a->minute_count || i < b->minute_count; i++) {
        if (differ(finding, "energy_minute", minute(a, i), minute(b, i))) {
            return true;
        }
    }
    return differ(finding, "steps", a->steps, b->steps) || differ(finding, "busy", a->busy, b->busy) ||
           differ(finding, "busy_prefill", a->busy_prefill, b->busy_prefill) ||
           differ(finding, "busy_decode", a->busy_decode, b->busy_decode) ||
           differ(finding, "waiting", a->waiting, b->waiting) || differ(finding, "running", a->running, b->running) ||
           differ(finding, "kv_tokens", a->kv_tokens, b->kv_tokens) || differ(finding, "batch", a->batch, b->batch) ||
           differ(finding, "flop", a->flop, b->flop) || differ(finding, "byte", a->byte, b->byte) ||
           differ(finding, "energy", a->energy, b->energy) ||
           differ(finding, "preemptions", a->preemptions, b->preemptions) ||
           differ(finding, "saturated", a->saturated, b->saturated);
}

static bool runs_differ(struct finding *finding, const struct sim_outcome *a, const struct sim_outcome *b) {
    return differ(finding, "window_start", a->window_start, b->window_start) ||
           differ(finding, "window_end", a->window_end, b->window_end) ||
           differ(finding, "last_arrival", a->last_arrival, b->last_arrival) ||
           differ(finding, "events", a->events, b->events) || differ(finding, "cut", a->cut, b->cut);
}

bool run_logs_equal(const struct run_log *a, const struct run_log *b, char *what, size_t size) {
    struct finding finding = {.what = what, .size = size, .part = "run"};
    if (differ(&finding, "ok", a->ok, b->ok)) {
        return false;
    }
    finding.part = "record";
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        finding.index = i;
        if (records_differ(&finding, &a->records[i], &b->records[i])) {
            return false;
        }
    }
    bool both =
        a->watched && b->watched && a->ok; /* a run that fails may have got further with one than with the other */
    if ((both && differ(&finding, "count", (i128)a->count, (i128)b->count)) ||
        runs_differ(&finding, &a->outcome, &b->outcome)) {
        return false;
    }
    finding.part = "workload";
    for (size_t i = 0; i < a->outcome.workload_count; i++) {
        finding.index = i;
        if (workloads_differ(&finding, &a->outcome.workloads[i], &b->outcome.workloads[i], a->outcome.pool_count)) {
            return false;
        }
    }
    finding.part = "pool";
    for (size_t i = 0; i < a->outcome.pool_count; i++) {
        finding.index = i;
        if (pools_differ(&finding, &a->outcome.pools[i], &b->outcome.pools[i])) {
            return false;
        }
    }
    return timelines_equal(&a->outcome, &b->outcome, what, size);
}

/* result.h - everything that a result shows, computed once from what happened and what was asked.
 *
 * Table, JSON, CSV and HDF5 read this struct through one table of metrics (analysis/metrics.h), so they cannot disagree.
 * Definitions: docs/semantics.md sections 3 and 6-8. SI units by name; ratios are 0..1; NaN: there is no such number (null
 * in JSON). Counts are of the whole run where they say so, of the window otherwise.
 * A result owns all that it points to: outcome and point may be freed once it is made. Immutable afterwards. */
#ifndef TOKENMILL_ANALYSIS_RESULT_H
#define TOKENMILL_ANALYSIS_RESULT_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/analytic.h"
#include "base/arena.h"
#include "models/ledger.h"
#include "scenarios/resolved.h"
#include "sim/outcome.h"

/* There is no such number. */
#define RESULT_NONE ((double)NAN)

/* How the run was made; engine and times appear in JSON only. */
struct run_info {
    const char *engine; /* "stepwise" */
    uint64_t seed;
    double wall_s, cpu_s;                  /* capacity runs left out */
    const struct analytic_state *analytic; /* of each pool, then of the fleet; NULL: not known. Borrowed */
};

struct run_result {
    const char *engine;
    uint64_t seed;
    double wall_s, cpu_s;
    double simulated_s; /* end of the run */
    double window_start_s, window_s;
    double drain_s; /* end after the last arrival; 0 if cut by `duration` */
    int64_t events;
    int8_t saturated;
};

struct request_result {
    int64_t read, emitted, completed, unfinished, waiting, running, rejected, dropped; /* whole run */
    int64_t rejected_by_reason[REJECT_REASON_COUNT];
    int64_t dropped_by_reason[DROP_REASON_COUNT];
    int64_t stopped_clients;
    int64_t measured_emitted, measured_completed, measured_unfinished,
        measured_rejected;       /* that arrive in the window */
    int64_t completed_in_window; /* whenever they arrived */
};

struct token_result {
    int64_t input, output, recomputed, prefilled;
    double input_per_output;
};

struct throughput_result {
    double input_tok_per_s, output_tok_per_s, total_tok_per_s;
    double output_tok_per_s_per_gpu, total_tok_per_s_per_gpu; /* by paid GPU */
    double requests_per_s;
    double goodput_requests_per_s, goodput_output_tok_per_s;
};

struct utilization_result {
    double load_ratio; /* served token rate / capacity; of a fleet the mean weighted by paid GPU-seconds */
    double busy_ratio; /* GPU-seconds inside a step / GPU-seconds paid */
    double mfu_ratio;  /* FLOP / (peak of the paid GPUs x window) */
    double mbu_ratio;  /* bytes, likewise */
    double kv_ratio;   /* time-mean of tokens whose KV is held / tokens that the blocks can hold */
    double batch_mean; /* sequences in a step, by busy time */
    double waiting_mean, running_mean;
    int64_t steps, preemptions;
    double capacity_tok_per_s;
};

struct latency_result {
    double mean_s, p50_s, p90_s, p95_s, p99_s, max_s;
    int64_t undecided;
};

/* Every threshold that an `slo` can name has a slot; those not named are NaN and -1. */
enum { SLO_SLOT_COUNT = 16 };
const char *slo_slot_name(size_t slot);                      /* "ttft_p50", ... */
size_t slo_slot_of(enum latency_metric metric, int percent); /* needs a threshold that exists */

struct slo_result {
    int64_t thresholds;                      /* named ones */
    double limit_s[SLO_SLOT_COUNT];          /* of a fleet: NaN where workloads differ */
    double attainment_ratio[SLO_SLOT_COUNT]; /* requests that met it / (emitted - undecided) */
    int8_t threshold_met[SLO_SLOT_COUNT];    /* 1, 0, or -1: not named */
    int8_t met;                              /* every threshold; without any: 1 */
    int64_t good;
    double goodput_ratio; /* good / (emitted - undecided) */
};

/* IT power is at the wall: after the supply, hosts included. */
struct power_result {
    double mean_w,
        peak_w; /* peak: greatest mean over an aligned minute that lies whole in the window (or, if none does, in part) */
    double site_mean_w, site_peak_w;
    double per_gpu_w;       /* mean_w by paid GPU */
    double board_per_gpu_w; /* GPU boards alone, by placed GPU */
};

struct energy_result {
    double it_kwh, site_kwh;
    double j_per_tok, j_per_output_tok, wh_per_request; /* site */
    double carbon_kg, gco2e_per_mtok;
};

struct series {
    const double *values;
    size_t count;
};

/* The physical bill: what money is computed from. Of a fleet: the sum over its pools. */
struct bill_result {
    double window_h;
    int64_t replicas, gpus_placed, gpus_paid, nodes;
    double gpu_hours_paid, gpu_hours_used;
    double committed_it_kw;
    double it_kwh, site_kwh;
    double it_peak_15min_kw, site_peak_15min_kw; /* of a pool: its part at the fleet's peak, so that they add up */
    double gb_out;
    double carbon_kg;
    struct series it_kwh_by_hour; /* hours of the run, what of them lies in the window */
};

struct idle_result {
    double unplaced_gpus_usd, empty_usd, headroom_usd, commitment_usd;
};

struct cost_result {
    double total_usd;
    double input_usd, output_usd; /* by GPU time of prefill and decode; sum: total */
    double usd_per_hour, usd_per_month;
    double usd_per_mtok_total, usd_per_mtok_input, usd_per_mtok_output, usd_per_mtok_output_all_in;
    double usd_per_1k_requests;
    double usd_per_kimage; /* the same where every request is an image; else none */
    double ledger_usd[LEDGER_KEY_COUNT];
    struct idle_result idle;
    double idle_share;
};

struct workload_result {
    const char *name;
    struct request_result requests;
    struct token_result tokens;
    struct throughput_result throughput;
    struct latency_result latency[LATENCY_METRIC_COUNT];
    struct slo_result slo;
    struct cost_result cost; /* no ledger and no idle view: NaN */
    double revenue_usd;      /* tokens at the workload's own price; NaN without one */
    double margin_usd;
};

struct interval_result; /* analysis/series.h */

/* The intervals of a time series, the warm-up's included. */
struct series_result {
    size_t count; /* 0: there is no series */
    double interval_s, warmup_s;
    bool is_asked; /* by the scenario, so that it goes to the results file */
    const double *start_s, *duration_s;
    const int8_t *in_window;
};

struct pool_result {
    const char *name, *gpu, *model, *precision;
    const char *step_time, *step_time_status, *memory_arithmetic, *price_source;
    const char *error_basis; /* what its expected error was taken from: "dense; gpu, family"; "not known" */
    int64_t tensor_parallel, pipeline_parallel;
    int8_t saturated;
    struct token_result tokens;
    struct throughput_result throughput; /* no requests: NaN */
    struct utilization_result utilization;
    struct power_result power;
    struct energy_result energy;
    struct bill_result bill;
    struct cost_result cost; /* its share of staff and one-off costs included */
    struct analytic_state analytic;
    const struct interval_result *intervals; /* of the result's series */
};

/* How far a server like this may be off, 95 % of them; analysis/expected.h. Factors, 1: exactly as simulated. */
struct expected_result {
    bool is_known;  /* of every pool; of single metrics it may still not be: NaN */
    bool is_closed; /* some workload is a closed loop: what is served goes with the server's speed */
    double factor[EXPECTED_METRIC_COUNT]; /* exp(q) */
    double response_lower,
        response_upper; /* of response times by the load, beside the factor; upper: may be infinite */
    bool is_drained;    /* the window ends with the last request: what a token costs goes with how long the run takes */
    double full_batch_ratio;           /* TPOT of a full batch over the present one */
    double tokens_lower, tokens_upper; /* served */
    double money_lower, money_upper;
};

/* What an API would charge for the same tokens. */
struct api_result {
    const char *name, *source;
    double usd, usd_per_mtok_total, usd_per_month;
    double cost_ratio; /* own cost / the API's */
};

struct assumption_result {
    const char *path, *text;
};

struct result {
    struct run_result run;
    int8_t feasible;               /* every SLO met, no pool saturated */
    const char *infeasible_reason; /* "" when feasible */
    double demand_mtok_per_month;  /* tokens asked for: requests emitted x mean tokens of a request */
    struct request_result requests;
    struct token_result tokens;
    struct throughput_result throughput;
    struct utilization_result utilization;
    struct latency_result latency[LATENCY_METRIC_COUNT];
    struct slo_result slo;
    struct power_result power;
    struct energy_result energy;
    struct bill_result bill;
    struct cost_result cost;
    struct analytic_state analytic; /* what the steady state's formulas say of the same demand */
    struct series_result series;
    struct workload_result *workloads;
    size_t workload_count;
    struct pool_result *pools;
    size_t pool_count;
    struct api_result *apis;
    size_t api_count;
    struct expected_result expected;
    struct assumption_result *assumptions;
    size_t assumption_count;
    const char *assumptions_text; /* the same, one a line */
    int64_t requests_asked;       /* `requests: N` where the workload ended before the N-th; else 0 */
    bool facility_not_included;
    const char *currency; /* "" or "USD": no second currency */
    double usd_per_currency;
    struct arena *arena; // owned
};

/* Computes a result. `capacity_tok_per_s[p]`: what one replica of pool p sustains (NaN: unknown). Never fails; what
 * should add up and does not fails a CHECK. Free with result_free. */
struct result *result_new(const struct resolved_point *point, const struct sim_outcome *outcome,
                          const double *capacity_tok_per_s, const struct run_info *info);
void result_free(struct result *result); /* accepts NULL */

#endif

#include "analysis/metrics.h"

#include <string.h>

#include "analysis/result_parts.h"
#include "base/check.h"

/* Rows are written scope by scope; groups that several scopes share are macros over the struct and the name's prefix. In the
 * long names: "window" is what lies after the warm-up, "fleet" is all pools. */

#define ROW(NAME, UNITS, LONG_NAME, JSON, SCOPE, TYPE, DIMENSION, STRUCT, FIELD)                                       \
    {                                                                                                                  \
        .name = (NAME), .units = (UNITS), .long_name = (LONG_NAME), .json = (JSON), .scope = (SCOPE), .type = (TYPE),  \
        .dimension = (DIMENSION), .offset = offsetof(struct STRUCT, FIELD)                                             \
    }

#define MONEY_ROW(NAME, UNITS, LONG_NAME, JSON, SCOPE, DIMENSION, STRUCT, FIELD, FLAGS, METHOD, BASIS)                 \
    {                                                                                                                  \
        .name = (NAME), .units = (UNITS), .long_name = (LONG_NAME), .json = (JSON), .scope = (SCOPE),                  \
        .type = METRIC_REAL, .dimension = (DIMENSION), .offset = offsetof(struct STRUCT, FIELD), .flags = (FLAGS),     \
        .allocation_method = (METHOD), .cost_basis = (BASIS)                                                           \
    }

#define HEADLINE_ROW(NAME, UNITS, LONG_NAME, JSON, FIELD)                                                              \
    {                                                                                                                  \
        .name = (NAME), .units = (UNITS), .long_name = (LONG_NAME), .json = (JSON), .scope = METRIC_RUN,               \
        .type = METRIC_REAL, .offset = offsetof(struct result, FIELD), .flags = METRIC_INTERVALS                       \
    }

#define REAL(NAME, UNITS, LONG_NAME, JSON, SCOPE, STRUCT, FIELD)                                                       \
    ROW(NAME, UNITS, LONG_NAME, JSON, SCOPE, METRIC_REAL, METRIC_SCALAR, STRUCT, FIELD)
#define COUNT(NAME, UNITS, LONG_NAME, JSON, SCOPE, STRUCT, FIELD)                                                      \
    ROW(NAME, UNITS, LONG_NAME, JSON, SCOPE, METRIC_INTEGER, METRIC_SCALAR, STRUCT, FIELD)
#define FLAG(NAME, LONG_NAME, JSON, SCOPE, STRUCT, FIELD)                                                              \
    ROW(NAME, "1", LONG_NAME, JSON, SCOPE, METRIC_BOOLEAN, METRIC_SCALAR, STRUCT, FIELD)
#define TEXT(NAME, LONG_NAME, JSON, SCOPE, STRUCT, FIELD)                                                              \
    ROW(NAME, "", LONG_NAME, JSON, SCOPE, METRIC_TEXT, METRIC_SCALAR, STRUCT, FIELD)

#define REQUEST_ROWS(P, SCOPE, STRUCT)                                                                                 \
    COUNT(P "requests_read", "1", "rows read or arrivals drawn, whole run", "requests.read", SCOPE, STRUCT,            \
          requests.read),                                                                                              \
        COUNT(P "requests_emitted", "1", "requests that arrived, whole run", "requests.emitted", SCOPE, STRUCT,        \
              requests.emitted),                                                                                       \
        COUNT(P "requests_completed", "1", "requests completed, whole run", "requests.completed", SCOPE, STRUCT,       \
              requests.completed),                                                                                     \
        COUNT(P "requests_unfinished", "1", "requests waiting or running at the end", "requests.unfinished", SCOPE,    \
              STRUCT, requests.unfinished),                                                                            \
        COUNT(P "requests_waiting", "1", "of the unfinished, those in no batch", "requests.waiting", SCOPE, STRUCT,    \
              requests.waiting),                                                                                       \
        COUNT(P "requests_running", "1", "of the unfinished, those in a batch", "requests.running", SCOPE, STRUCT,     \
              requests.running),                                                                                       \
        COUNT(P "requests_rejected", "1", "requests rejected, whole run", "requests.rejected", SCOPE, STRUCT,          \
              requests.rejected),                                                                                      \
        ROW(P "requests_rejected_by_reason", "1", "requests rejected, by reason", "requests.rejected_by_reason.*",     \
            SCOPE, METRIC_INTEGER, METRIC_BY_REJECT_REASON, STRUCT, requests.rejected_by_reason),                      \
        COUNT(P "requests_dropped", "1", "rows of a trace left out", "requests.dropped", SCOPE, STRUCT,                \
              requests.dropped),                                                                                       \
        ROW(P "requests_dropped_by_reason", "1", "rows of a trace left out, by reason",                                \
            "requests.dropped_by_reason.*", SCOPE, METRIC_INTEGER, METRIC_BY_DROP_REASON, STRUCT,                      \
            requests.dropped_by_reason),                                                                               \
        COUNT(P "clients_stopped", "1", "clients of a closed loop that a rejection stopped",                           \
              "requests.stopped_clients", SCOPE, STRUCT, requests.stopped_clients),                                    \
        COUNT(P "requests_measured_emitted", "1", "requests that arrived in the window", "requests.measured.emitted",  \
              SCOPE, STRUCT, requests.measured_emitted),                                                               \
        COUNT(P "requests_measured_completed", "1", "of those, completed", "requests.measured.completed", SCOPE,       \
              STRUCT, requests.measured_completed),                                                                    \
        COUNT(P "requests_measured_unfinished", "1", "of those, unfinished at the end",                                \
              "requests.measured.unfinished", SCOPE, STRUCT, requests.measured_unfinished),                            \
        COUNT(P "requests_measured_rejected", "1", "of those, rejected", "requests.measured.rejected", SCOPE, STRUCT,  \
              requests.measured_rejected),                                                                             \
        COUNT(P "requests_completed_in_window", "1", "requests completed in the window, whenever they arrived",        \
              "requests.completed_in_window", SCOPE, STRUCT, requests.completed_in_window)

#define TOKEN_ROWS(P, SCOPE, STRUCT)                                                                                   \
    COUNT(P "tokens_input", "tok", "prompt tokens, each prompt once, in the window", "tokens.input", SCOPE, STRUCT,    \
          tokens.input),                                                                                               \
        COUNT(P "tokens_output", "tok", "output tokens, each once, in the window", "tokens.output", SCOPE, STRUCT,     \
              tokens.output),                                                                                          \
        COUNT(P "tokens_recomputed", "tok", "tokens computed again after a preemption, in the window",                 \
              "tokens.recomputed", SCOPE, STRUCT, tokens.recomputed),                                                  \
        COUNT(P "tokens_prefilled", "tok", "prompt tokens computed, repeats included, in the window",                  \
              "tokens.prefilled", SCOPE, STRUCT, tokens.prefilled),                                                    \
        REAL(P "tokens_input_per_output", "1", "input tokens for each output token", "tokens.input_per_output", SCOPE, \
             STRUCT, tokens.input_per_output)

#define TOKEN_RATE_ROWS(P, SCOPE, STRUCT)                                                                              \
    REAL(P "throughput_input_tok_per_s", "tok/s", "input tokens a second of the window", "throughput.input_tok_per_s", \
         SCOPE, STRUCT, throughput.input_tok_per_s),                                                                   \
        REAL(P "throughput_output_tok_per_s", "tok/s", "output tokens a second of the window",                         \
             "throughput.output_tok_per_s", SCOPE, STRUCT, throughput.output_tok_per_s),                               \
        REAL(P "throughput_total_tok_per_s", "tok/s", "input and output tokens a second of the window",                \
             "throughput.total_tok_per_s", SCOPE, STRUCT, throughput.total_tok_per_s)

#define GPU_RATE_ROWS(P, SCOPE, STRUCT)                                                                                \
    REAL(P "throughput_output_tok_per_s_per_gpu", "tok/s", "output tokens a second by paid GPU",                       \
         "throughput.output_tok_per_s_per_gpu", SCOPE, STRUCT, throughput.output_tok_per_s_per_gpu),                   \
        REAL(P "throughput_total_tok_per_s_per_gpu", "tok/s", "input and output tokens a second by paid GPU",          \
             "throughput.total_tok_per_s_per_gpu", SCOPE, STRUCT, throughput.total_tok_per_s_per_gpu)

#define REQUEST_RATE_ROWS(P, SCOPE, STRUCT)                                                                            \
    REAL(P "throughput_requests_per_s", "1/s", "requests completed a second of the window",                            \
         "throughput.requests_per_s", SCOPE, STRUCT, throughput.requests_per_s),                                       \
        REAL(P "goodput_requests_per_s", "1/s",                                                                        \
             "requests a second that arrived in the window and met every threshold",                                   \
             "throughput.goodput_requests_per_s", SCOPE, STRUCT, throughput.goodput_requests_per_s),                   \
        REAL(P "goodput_output_tok_per_s", "tok/s", "output tokens a second of requests that met every threshold",     \
             "throughput.goodput_output_tok_per_s", SCOPE, STRUCT, throughput.goodput_output_tok_per_s)

#define LATENCY_ROWS(P, KEY, INDEX, WHAT, SCOPE, STRUCT)                                                               \
    REAL(P KEY "_mean_s", "s", WHAT ", mean of known values", "latency." KEY "_s.mean", SCOPE, STRUCT,                 \
         latency[INDEX].mean_s),                                                                                       \
        REAL(P KEY "_p50_s", "s", WHAT ", 50th percentile", "latency." KEY "_s.p50", SCOPE, STRUCT,                    \
             latency[INDEX].p50_s),                                                                                    \
        REAL(P KEY "_p90_s", "s", WHAT ", 90th percentile", "latency." KEY "_s.p90", SCOPE, STRUCT,                    \
             latency[INDEX].p90_s),                                                                                    \
        REAL(P KEY "_p95_s", "s", WHAT ", 95th percentile", "latency." KEY "_s.p95", SCOPE, STRUCT,                    \
             latency[INDEX].p95_s),                                                                                    \
        {.name = P KEY "_p99_s",                                                                                       \
         .units = "s",                                                                                                 \
         .long_name = WHAT ", 99th percentile",                                                                        \
         .json = "latency." KEY "_s.p99",                                                                              \
         .scope = SCOPE,                                                                                               \
         .type = METRIC_REAL,                                                                                          \
         .offset = offsetof(struct STRUCT, latency[INDEX].p99_s),                                                      \
         .flags = (SCOPE) == METRIC_RUN ? METRIC_INTERVALS : 0},                                                       \
        REAL(P KEY "_max_s", "s", WHAT ", greatest known value", "latency." KEY "_s.max", SCOPE, STRUCT,               \
             latency[INDEX].max_s),                                                                                    \
        COUNT(P KEY "_undecided", "1", WHAT ", requests without a value at the end", "latency." KEY "_s.undecided",    \
              SCOPE, STRUCT, latency[INDEX].undecided)

#define ALL_LATENCY_ROWS(P, SCOPE, STRUCT)                                                                             \
    LATENCY_ROWS(P, "ttft", LATENCY_TTFT, "time to first token", SCOPE, STRUCT),                                       \
        LATENCY_ROWS(P, "tpot", LATENCY_TPOT, "time per output token after the first", SCOPE, STRUCT),                 \
        LATENCY_ROWS(P, "itl", LATENCY_ITL, "gap between consecutive tokens", SCOPE, STRUCT),                          \
        LATENCY_ROWS(P, "e2e", LATENCY_E2E, "arrival to last token", SCOPE, STRUCT),                                   \
        LATENCY_ROWS(P, "queue", LATENCY_QUEUE, "arrival to first scheduled step", SCOPE, STRUCT)

#define SLO_ROWS(P, SCOPE, STRUCT)                                                                                     \
    FLAG(P "slo_met", "every threshold of the SLO is met (1 without any, 0 where no request is decided)", "slo.met",   \
         SCOPE, STRUCT, slo.met),                                                                                      \
        COUNT(P "slo_thresholds", "1", "thresholds that the SLO names", "slo.thresholds", SCOPE, STRUCT,               \
              slo.thresholds),                                                                                         \
        COUNT(P "slo_good_requests", "1", "requests of the window that met every threshold", "slo.good_requests",      \
              SCOPE, STRUCT, slo.good),                                                                                \
        REAL(P "goodput_ratio", "1", "good requests / requests that are decided", "slo.goodput_ratio", SCOPE, STRUCT,  \
             slo.goodput_ratio),                                                                                       \
        ROW(P "slo_limit_s", "s", "limit of the threshold", "slo.*.limit_s", SCOPE, METRIC_REAL,                       \
            METRIC_BY_SLO_THRESHOLD, STRUCT, slo.limit_s),                                                             \
        ROW(P "slo_attainment_ratio", "1", "requests at or under the limit / requests that are decided",               \
            "slo.*.attainment_ratio", SCOPE, METRIC_REAL, METRIC_BY_SLO_THRESHOLD, STRUCT, slo.attainment_ratio),      \
        ROW(P "slo_threshold_met", "1", "the share that the threshold names is reached", "slo.*.met", SCOPE,           \
            METRIC_BOOLEAN, METRIC_BY_SLO_THRESHOLD, STRUCT, slo.threshold_met)

#define UTILIZATION_ROWS(P, SCOPE, STRUCT, LOAD_FLAGS)                                                                 \
    {.name = P "load_ratio",                                                                                           \
     .units = "1",                                                                                                     \
     .long_name = "served token rate / capacity of the paid replicas",                                                 \
     .json = "utilization.load_ratio",                                                                                 \
     .scope = SCOPE,                                                                                                   \
     .type = METRIC_REAL,                                                                                              \
     .offset = offsetof(struct STRUCT, utilization.load_ratio),                                                        \
     .flags = (LOAD_FLAGS)},                                                                                           \
        {.name = P "busy_ratio",                                                                                       \
         .units = "1",                                                                                                 \
         .long_name = "GPU-seconds inside a step / GPU-seconds paid",                                                  \
         .json = "utilization.busy_ratio",                                                                             \
         .scope = SCOPE,                                                                                               \
         .type = METRIC_REAL,                                                                                          \
         .offset = offsetof(struct STRUCT, utilization.busy_ratio),                                                    \
         .flags = (LOAD_FLAGS)},                                                                                       \
        REAL(P "mfu_ratio", "1", "FLOP done / (peak FLOP rate of the paid GPUs x window)", "utilization.mfu_ratio",    \
             SCOPE, STRUCT, utilization.mfu_ratio),                                                                    \
        REAL(P "mbu_ratio", "1", "memory bytes moved / (peak bandwidth of the paid GPUs x window)",                    \
             "utilization.mbu_ratio", SCOPE, STRUCT, utilization.mbu_ratio),                                           \
        REAL(P "kv_ratio", "1", "time-mean of tokens whose KV is held / tokens that the KV blocks can hold",           \
             "utilization.kv_ratio", SCOPE, STRUCT, utilization.kv_ratio),                                             \
        REAL(P "capacity_tok_per_s", "tok/s", "tokens a second that the paid replicas sustain when work never ends",   \
             "utilization.capacity_tok_per_s", SCOPE, STRUCT, utilization.capacity_tok_per_s),                         \
        REAL(P "batch_mean", "1", "sequences in a step, mean over busy time", "utilization.batch_mean", SCOPE, STRUCT, \
             utilization.batch_mean),                                                                                  \
        REAL(P "waiting_mean", "1", "requests waiting, time-mean", "utilization.waiting_mean", SCOPE, STRUCT,          \
             utilization.waiting_mean),                                                                                \
        REAL(P "running_mean", "1", "requests in a batch, time-mean", "utilization.running_mean", SCOPE, STRUCT,       \
             utilization.running_mean),                                                                                \
        COUNT(P "steps", "1", "steps that ended in the window", "utilization.steps", SCOPE, STRUCT,                    \
              utilization.steps),                                                                                      \
        COUNT(P "preemptions", "1", "preemptions in the window", "utilization.preemptions", SCOPE, STRUCT,             \
              utilization.preemptions)

#define POWER_ROWS(P, SCOPE, STRUCT, MEAN_FLAGS)                                                                       \
    {.name = P "power_mean_w",                                                                                         \
     .units = "W",                                                                                                     \
     .long_name = "IT power at the wall (GPUs, hosts, supply losses), mean",                                           \
     .json = "power.mean_w",                                                                                           \
     .scope = SCOPE,                                                                                                   \
     .type = METRIC_REAL,                                                                                              \
     .offset = offsetof(struct STRUCT, power.mean_w),                                                                  \
     .flags = (MEAN_FLAGS)},                                                                                           \
        REAL(P "power_peak_w", "W", "IT power at the wall, greatest mean over an aligned minute of the window",        \
             "power.peak_w", SCOPE, STRUCT, power.peak_w),                                                             \
        REAL(P "power_site_mean_w", "W", "site power (IT x PUE), mean", "power.site_mean_w", SCOPE, STRUCT,            \
             power.site_mean_w),                                                                                       \
        REAL(P "power_site_peak_w", "W", "site power (IT x PUE), greatest mean over an aligned minute",                \
             "power.site_peak_w", SCOPE, STRUCT, power.site_peak_w),                                                   \
        REAL(P "power_per_gpu_w", "W", "IT power at the wall by paid GPU, mean", "power.per_gpu_w", SCOPE, STRUCT,     \
             power.per_gpu_w),                                                                                         \
        REAL(P "power_board_per_gpu_w", "W", "power of a placed GPU's board alone, mean", "power.board_per_gpu_w",     \
             SCOPE, STRUCT, power.board_per_gpu_w)

#define ENERGY_ROWS(P, SCOPE, STRUCT)                                                                                  \
    REAL(P "energy_it_kwh", "kWh", "IT energy at the wall", "energy.it_kwh", SCOPE, STRUCT, energy.it_kwh),            \
        REAL(P "energy_site_kwh", "kWh", "site energy (IT x PUE)", "energy.site_kwh", SCOPE, STRUCT, energy.site_kwh), \
        REAL(P "energy_j_per_tok", "J/tok", "site energy by input and output token", "energy.j_per_tok", SCOPE,        \
             STRUCT, energy.j_per_tok),                                                                                \
        REAL(P "energy_j_per_output_tok", "J/tok", "site energy by output token", "energy.j_per_output_tok", SCOPE,    \
             STRUCT, energy.j_per_output_tok),                                                                         \
        REAL(P "carbon_kg", "kg", "CO2e of the site energy", "energy.carbon_kg", SCOPE, STRUCT, energy.carbon_kg),     \
        REAL(P "carbon_gco2e_per_mtok", "g/Mtok", "CO2e by million input and output tokens", "energy.gco2e_per_mtok",  \
             SCOPE, STRUCT, energy.gco2e_per_mtok)

#define BILL_ROWS(P, SCOPE, STRUCT)                                                                                    \
    COUNT(P "replica_count", "1", "replicas", "bill.replicas", SCOPE, STRUCT, bill.replicas),                          \
        COUNT(P "gpus_placed", "1", "GPUs in replicas", "bill.gpus_placed", SCOPE, STRUCT, bill.gpus_placed),          \
        COUNT(P "gpus_paid", "1", "GPUs paid", "bill.gpus_paid", SCOPE, STRUCT, bill.gpus_paid),                       \
        COUNT(P "node_count", "1", "nodes", "bill.nodes", SCOPE, STRUCT, bill.nodes),                                  \
        REAL(P "bill_gpu_paid_h", "h", "GPU-hours paid in the window", "bill.gpu_hours_paid", SCOPE, STRUCT,           \
             bill.gpu_hours_paid),                                                                                     \
        REAL(P "bill_gpu_used_h", "h", "GPU-hours inside a step", "bill.gpu_hours_used", SCOPE, STRUCT,                \
             bill.gpu_hours_used),                                                                                     \
        REAL(P "bill_committed_it_kw", "kW", "nameplate IT power at the wall", "bill.committed_it_kw", SCOPE, STRUCT,  \
             bill.committed_it_kw),                                                                                    \
        REAL(P "bill_it_kwh", "kWh", "IT energy at the wall in the window", "bill.it_kwh", SCOPE, STRUCT,              \
             bill.it_kwh),                                                                                             \
        REAL(P "bill_site_kwh", "kWh", "site energy in the window", "bill.site_kwh", SCOPE, STRUCT, bill.site_kwh),    \
        REAL(P "bill_it_peak_15min_kw", "kW", "IT power over the aligned 15 minutes in which the fleet draws most",    \
             "bill.it_peak_15min_kw", SCOPE, STRUCT, bill.it_peak_15min_kw),                                           \
        REAL(P "bill_site_peak_15min_kw", "kW", "the same x PUE", "bill.site_peak_15min_kw", SCOPE, STRUCT,            \
             bill.site_peak_15min_kw),                                                                                 \
        REAL(P "bill_gb_out", "GB", "answers leaving the site", "bill.gb_out", SCOPE, STRUCT, bill.gb_out),            \
        REAL(P "bill_carbon_kg", "kg", "CO2e of the site energy", "bill.carbon_kg", SCOPE, STRUCT, bill.carbon_kg),    \
        ROW(P "bill_it_kwh_by_hour", "kWh", "IT energy at the wall by hour of the run, what of it lies in the window", \
            "bill.it_kwh_by_hour", SCOPE, METRIC_REAL, METRIC_BY_HOUR, STRUCT, bill.it_kwh_by_hour)

#define BASIS      "all paid GPU time of the window, idle included"
#define BY_TOTAL   "undivided"
#define BY_PHASE   "GPU time of prefill and decode; in a mixed step decode bears what its decodes alone would take"
#define BY_WORK    "input cost of a pool by prompt tokens computed, output cost by tokens emitted"
#define BY_AVERAGE "average cost of a paid GPU-second; a view of the total, not added to it"

#define HEADLINE_IF_RUN(SCOPE) ((SCOPE) == METRIC_RUN ? METRIC_INTERVALS : 0u)

#define MONEY(NAME, UNITS, LONG_NAME, JSON, SCOPE, STRUCT, FIELD, METHOD)                                              \
    MONEY_ROW(NAME, UNITS, LONG_NAME, JSON, SCOPE, METRIC_SCALAR, STRUCT, FIELD, 0, METHOD, BASIS)
#define UNIT_COST(NAME, UNITS, LONG_NAME, JSON, SCOPE, STRUCT, FIELD, METHOD)                                          \
    MONEY_ROW(NAME, UNITS, LONG_NAME, JSON, SCOPE, METRIC_SCALAR, STRUCT, FIELD, HEADLINE_IF_RUN(SCOPE), METHOD, BASIS)

#define COST_ROWS(P, SCOPE, STRUCT, WHOLE)                                                                             \
    MONEY(P "cost_total_usd", "USD", "cost of the window", "cost.total_usd", SCOPE, STRUCT, cost.total_usd, WHOLE),    \
        MONEY(P "cost_input_usd", "USD", "of it, for input", "cost.input_usd", SCOPE, STRUCT, cost.input_usd,          \
              BY_PHASE),                                                                                               \
        MONEY(P "cost_output_usd", "USD", "of it, for output", "cost.output_usd", SCOPE, STRUCT, cost.output_usd,      \
              BY_PHASE),                                                                                               \
        MONEY(P "usd_per_hour", "USD/h", "cost by hour of the window", "cost.usd_per_hour", SCOPE, STRUCT,             \
              cost.usd_per_hour, WHOLE),                                                                               \
        MONEY(P "usd_per_month", "USD", "cost of 730 such hours", "cost.usd_per_month", SCOPE, STRUCT,                 \
              cost.usd_per_month, WHOLE),                                                                              \
        UNIT_COST(P "usd_per_mtok_total", "USD/Mtok", "cost / (input + output tokens)", "cost.usd_per_mtok_total",     \
                  SCOPE, STRUCT, cost.usd_per_mtok_total, WHOLE),                                                      \
        UNIT_COST(P "usd_per_mtok_input", "USD/Mtok", "input cost / input tokens", "cost.usd_per_mtok_input", SCOPE,   \
                  STRUCT, cost.usd_per_mtok_input, BY_PHASE),                                                          \
        UNIT_COST(P "usd_per_mtok_output", "USD/Mtok", "output cost / output tokens", "cost.usd_per_mtok_output",      \
                  SCOPE, STRUCT, cost.usd_per_mtok_output, BY_PHASE),                                                  \
        UNIT_COST(P "usd_per_mtok_output_all_in", "USD/Mtok", "all cost / output tokens",                              \
                  "cost.usd_per_mtok_output_all_in", SCOPE, STRUCT, cost.usd_per_mtok_output_all_in, WHOLE)

#define REQUEST_COST_ROW(P, SCOPE, STRUCT, WHOLE)                                                                      \
    UNIT_COST(P "usd_per_1k_requests", "USD", "cost of 1000 requests completed in the window",                         \
              "cost.usd_per_1k_requests", SCOPE, STRUCT, cost.usd_per_1k_requests, WHOLE),                             \
        UNIT_COST(P "usd_per_kimage", "USD", "cost of 1000 images; missing where requests are not images",             \
                  "cost.usd_per_kimage", SCOPE, STRUCT, cost.usd_per_kimage, WHOLE)

#define LEDGER_ROWS(P, SCOPE, STRUCT, WHOLE)                                                                           \
    MONEY_ROW(P "ledger_usd", "USD", "cost of the window by key; the keys add up to the total", "cost.ledger.*",       \
              SCOPE, METRIC_BY_LEDGER_KEY, STRUCT, cost.ledger_usd, 0, WHOLE, BASIS),                                  \
        MONEY(P "idle_unplaced_gpus_usd", "USD", "cost of GPUs paid and in no replica", "cost.idle.unplaced_gpus",     \
              SCOPE, STRUCT, cost.idle.unplaced_gpus_usd, BY_AVERAGE),                                                 \
        MONEY(P "idle_empty_usd", "USD", "cost of replicas on and without a step", "cost.idle.empty", SCOPE, STRUCT,   \
              cost.idle.empty_usd, BY_AVERAGE),                                                                        \
        MONEY(P "idle_headroom_usd", "USD", "(1 - load_ratio) x cost of busy time, at least 0", "cost.idle.headroom",  \
              SCOPE, STRUCT, cost.idle.headroom_usd, BY_AVERAGE),                                                      \
        MONEY(P "idle_commitment_usd", "USD", "cost of commitments not used", "cost.idle.commitment", SCOPE, STRUCT,   \
              cost.idle.commitment_usd, BY_AVERAGE),                                                                   \
        MONEY(P "idle_share", "1", "idle cost / total cost", "cost.idle_share", SCOPE, STRUCT, cost.idle_share,        \
              BY_AVERAGE)

#define BY_FORMULA "steady state of the same demand: mean power, no peaks"

#define ANALYTIC_ROWS(P, SCOPE, STRUCT)                                                                                \
    REAL(P "tpot_mean_s_analytic", "s", "time per output token that the steady state's formulas give",                 \
         "analytic.tpot_mean_s", SCOPE, STRUCT, analytic.tpot_mean_s),                                                 \
        REAL(P "ttft_mean_s_analytic", "s", "time to first token that they give, without a wait",                      \
             "analytic.ttft_mean_s", SCOPE, STRUCT, analytic.ttft_mean_s),                                             \
        REAL(P "load_ratio_analytic", "1", "token rate asked for / capacity that they give; may exceed 1",             \
             "analytic.load_ratio", SCOPE, STRUCT, analytic.load_ratio),                                               \
        REAL(P "power_mean_w_analytic", "W", "IT power at the wall that they give", "analytic.power_mean_w", SCOPE,    \
             STRUCT, analytic.power_mean_w),                                                                           \
        MONEY(P "usd_per_mtok_total_analytic", "USD/Mtok", "cost / (input + output tokens) that they give",            \
              "analytic.usd_per_mtok_total", SCOPE, STRUCT, analytic.usd_per_mtok_total, BY_FORMULA)

#define JSON_ONLY(NAME, UNITS, LONG_NAME, JSON, TYPE, FIELD)                                                           \
    {                                                                                                                  \
        .name = (NAME), .units = (UNITS), .long_name = (LONG_NAME), .json = (JSON), .scope = METRIC_RUN,               \
        .type = (TYPE), .offset = offsetof(struct result, FIELD), .flags = METRIC_JSON_ONLY                            \
    }

const struct metric metrics[] = {
    REQUEST_ROWS("", METRIC_RUN, result),
    TOKEN_ROWS("", METRIC_RUN, result),
    HEADLINE_ROW("demand_mtok_per_month", "Mtok",
                 "tokens asked for in 730 hours: requests that arrived x mean tokens of a request",
                 "throughput.demand_mtok_per_month", demand_mtok_per_month),
    TOKEN_RATE_ROWS("", METRIC_RUN, result),
    GPU_RATE_ROWS("", METRIC_RUN, result),
    REQUEST_RATE_ROWS("", METRIC_RUN, result),
    ALL_LATENCY_ROWS("", METRIC_RUN, result),
    UTILIZATION_ROWS("", METRIC_RUN, result, METRIC_INTERVALS),
    SLO_ROWS("", METRIC_RUN, result),
    FLAG("feasible", "every workload meets its SLO and no pool is saturated", "slo.feasible", METRIC_RUN, result,
         feasible),
    TEXT("infeasible_reason", "why not", "slo.infeasible_reason", METRIC_RUN, result, infeasible_reason),
    POWER_ROWS("", METRIC_RUN, result, METRIC_INTERVALS),
    ENERGY_ROWS("", METRIC_RUN, result),
    REAL("energy_wh_per_request", "Wh", "site energy by request completed in the window", "energy.wh_per_request",
         METRIC_RUN, result, energy.wh_per_request),
    REAL("bill_window_h", "h", "length of the window", "bill.window_h", METRIC_RUN, result, bill.window_h),
    BILL_ROWS("", METRIC_RUN, result),
    COST_ROWS("", METRIC_RUN, result, BY_TOTAL),
    REQUEST_COST_ROW("", METRIC_RUN, result, BY_TOTAL),
    LEDGER_ROWS("", METRIC_RUN, result, BY_TOTAL),
    ANALYTIC_ROWS("", METRIC_RUN, result),
    {.name = "assumptions",
     .units = "",
     .long_name = "what the scenario did not say and the result stands on, one a line",
     .json = "assumptions",
     .scope = METRIC_RUN,
     .type = METRIC_TEXT,
     .offset = offsetof(struct result, assumptions_text),
     .flags = METRIC_FILE_ONLY},

    REQUEST_ROWS("workload_", METRIC_WORKLOAD, workload_result),
    TOKEN_ROWS("workload_", METRIC_WORKLOAD, workload_result),
    TOKEN_RATE_ROWS("workload_", METRIC_WORKLOAD, workload_result),
    REQUEST_RATE_ROWS("workload_", METRIC_WORKLOAD, workload_result),
    ALL_LATENCY_ROWS("workload_", METRIC_WORKLOAD, workload_result),
    SLO_ROWS("workload_", METRIC_WORKLOAD, workload_result),
    COST_ROWS("workload_", METRIC_WORKLOAD, workload_result, BY_WORK),
    REQUEST_COST_ROW("workload_", METRIC_WORKLOAD, workload_result, BY_WORK),
    REAL("workload_revenue_usd", "USD", "tokens of the window at the workload's price", "cost.revenue_usd",
         METRIC_WORKLOAD, workload_result, revenue_usd),
    REAL("workload_margin_usd", "USD", "revenue - cost", "cost.margin_usd", METRIC_WORKLOAD, workload_result,
         margin_usd),

    TEXT("pool_gpu", "GPU of the pool", "gpu", METRIC_POOL, pool_result, gpu),
    TEXT("pool_model", "model of the pool", "model", METRIC_POOL, pool_result, model),
    TEXT("pool_precision", "precision of the weights", "precision", METRIC_POOL, pool_result, precision),
    TEXT("pool_step_time", "how step times are computed", "step_time", METRIC_POOL, pool_result, step_time),
    TEXT("pool_step_time_status", "what step times rest on", "step_time_status", METRIC_POOL, pool_result,
         step_time_status),
    TEXT("pool_error_basis",
         "measured servers that the expected error is taken from: class; what of the pool they had not", "error_basis",
         METRIC_POOL, pool_result, error_basis),
    TEXT("pool_memory_arithmetic", "how the number of KV blocks came about", "memory_arithmetic", METRIC_POOL,
         pool_result, memory_arithmetic),
    TEXT("pool_price_source", "where the price comes from", "price_source", METRIC_POOL, pool_result, price_source),
    COUNT("pool_tensor_parallel", "1", "GPUs that share each layer", "tensor_parallel", METRIC_POOL, pool_result,
          tensor_parallel),
    COUNT("pool_pipeline_parallel", "1", "stages of layers", "pipeline_parallel", METRIC_POOL, pool_result,
          pipeline_parallel),
    FLAG("pool_saturated", "the queue grows without bound", "saturated", METRIC_POOL, pool_result, saturated),
    TOKEN_ROWS("pool_", METRIC_POOL, pool_result),
    TOKEN_RATE_ROWS("pool_", METRIC_POOL, pool_result),
    GPU_RATE_ROWS("pool_", METRIC_POOL, pool_result),
    UTILIZATION_ROWS("pool_", METRIC_POOL, pool_result, 0),
    POWER_ROWS("pool_", METRIC_POOL, pool_result, 0),
    ENERGY_ROWS("pool_", METRIC_POOL, pool_result),
    BILL_ROWS("pool_", METRIC_POOL, pool_result),
    COST_ROWS("pool_", METRIC_POOL, pool_result, "own ledger; staff and one-off costs by paid GPUs"),
    LEDGER_ROWS("pool_", METRIC_POOL, pool_result, "own ledger; staff and one-off costs by paid GPUs"),
    ANALYTIC_ROWS("pool_", METRIC_POOL, pool_result),

    REAL("api_usd", "USD", "what the API charges for the tokens of the window", "usd", METRIC_API, api_result, usd),
    REAL("api_usd_per_mtok_total", "USD/Mtok", "the same / (input + output tokens)", "usd_per_mtok_total", METRIC_API,
         api_result, usd_per_mtok_total),
    REAL("api_usd_per_month", "USD", "the same for 730 hours", "usd_per_month", METRIC_API, api_result, usd_per_month),
    REAL("api_cost_ratio", "1", "own cost / the API's", "cost_ratio", METRIC_API, api_result, cost_ratio),
    TEXT("api_source", "source and date of the API's prices", "source", METRIC_API, api_result, source),

    JSON_ONLY("run_engine", "", "engine that made the result", "run.engine", METRIC_TEXT, run.engine),
    COUNT("run_seed", "1", "seed", "run.seed", METRIC_RUN, result, run.seed),
    REAL("run_simulated_s", "s", "end of the run", "run.simulated_s", METRIC_RUN, result, run.simulated_s),
    REAL("run_window_start_s", "s", "end of the warm-up", "run.window_start_s", METRIC_RUN, result, run.window_start_s),
    REAL("run_window_s", "s", "length of the window", "run.window_s", METRIC_RUN, result, run.window_s),
    REAL("run_drain_s", "s", "end of the run after the last arrival; 0 if `duration` cut it", "run.drain_s", METRIC_RUN,
         result, run.drain_s),
    COUNT("run_events", "1", "arrivals and completions", "run.events", METRIC_RUN, result, run.events),
    FLAG("run_saturated", "a pool is saturated", "run.saturated", METRIC_RUN, result, run.saturated),
    JSON_ONLY("run_wall_s", "s", "how long the run took", "run.wall_s", METRIC_REAL, run.wall_s),
    JSON_ONLY("run_cpu_s", "s", "CPU time of the run", "run.cpu_s", METRIC_REAL, run.cpu_s),
};

const size_t metrics_count = sizeof metrics / sizeof metrics[0];

const char *metric_scope_name(enum metric_scope scope) {
    static const char *const NAMES[METRIC_SCOPE_COUNT] = {"", "workload", "pool", "api"};
    return NAMES[scope];
}

const char *metric_dimension_name(enum metric_dimension dimension) {
    static const char *const NAMES[METRIC_DIMENSION_COUNT] = {
        "", "ledger_key", "reject_reason", "drop_reason", "slo_threshold", "hour"};
    return NAMES[dimension];
}

size_t metric_entity_count(const struct result *result, enum metric_scope scope) {
    const size_t counts[METRIC_SCOPE_COUNT] = {1, result->workload_count, result->pool_count, result->api_count};
    return counts[scope];
}

const char *metric_entity_name(const struct result *result, enum metric_scope scope, size_t entity) {
    CHECK(entity < metric_entity_count(result, scope));
    switch (scope) {
    case METRIC_WORKLOAD: return result->workloads[entity].name;
    case METRIC_POOL: return result->pools[entity].name;
    case METRIC_API: return result->apis[entity].name;
    default: return "";
    }
}

size_t metric_coordinate_count(enum metric_dimension dimension) {
    static const size_t COUNTS[METRIC_DIMENSION_COUNT] = {
        1, LEDGER_KEY_COUNT, REJECT_REASON_COUNT, DROP_REASON_COUNT, SLO_SLOT_COUNT, 0};
    return COUNTS[dimension];
}

const char *metric_coordinate(enum metric_dimension dimension, size_t index) {
    CHECK(index < metric_coordinate_count(dimension));
    switch (dimension) {
    case METRIC_BY_LEDGER_KEY: return ledger_key_name((enum ledger_key)index);
    case METRIC_BY_REJECT_REASON: return reject_reason_name((enum reject_reason)index);
    case METRIC_BY_DROP_REASON: return drop_reason_name((enum drop_reason)index);
    case METRIC_BY_SLO_THRESHOLD: return slo_slot_name(index);
    default: return "";
    }
}

/* Where the metric's field lies. */
static const void *field_of(const struct metric *metric, const struct result *result, size_t entity) {
    CHECK(entity < metric_entity_count(result, metric->scope));
    const void *owner = result;
    switch (metric->scope) {
    case METRIC_WORKLOAD: owner = &result->workloads[entity]; break;
    case METRIC_POOL: owner = &result->pools[entity]; break;
    case METRIC_API: owner = &result->apis[entity]; break;
    default: break;
    }
    return (const char *)owner + metric->offset;
}

size_t metric_length(const struct metric *metric, const struct result *result, size_t entity) {
    if (metric->dimension == METRIC_BY_HOUR) {
        return ((const struct series *)field_of(metric, result, entity))->count;
    }
    return metric_coordinate_count(metric->dimension);
}

/* One NaN, one zero: the bytes of a file depend on them. */
static double canonical(double value) {
    return isnan(value) ? RESULT_NONE : value + 0.0;
}

int64_t metric_integer(const struct metric *metric, const struct result *result, size_t entity, size_t index) {
    CHECK(index < metric_length(metric, result, entity));
    const void *field = field_of(metric, result, entity);
    if (metric->type == METRIC_BOOLEAN) {
        return ((const int8_t *)field)[index];
    }
    CHECK(metric->type == METRIC_INTEGER);
    return ((const int64_t *)field)[index];
}

double metric_real(const struct metric *metric, const struct result *result, size_t entity, size_t index) {
    if (metric->type != METRIC_REAL) {
        return (double)metric_integer(metric, result, entity, index);
    }
    CHECK(index < metric_length(metric, result, entity));
    const void *field = field_of(metric, result, entity);
    if (metric->dimension == METRIC_BY_HOUR) {
        return canonical(((const struct series *)field)->values[index]);
    }
    return canonical(((const double *)field)[index]);
}

const char *metric_text(const struct metric *metric, const struct result *result, size_t entity) {
    CHECK(metric->type == METRIC_TEXT);
    return *(const char *const *)field_of(metric, result, entity);
}

const struct metric *metric_find(const char *name) {
    for (size_t i = 0; i < metrics_count; i++) {
        if (strcmp(metrics[i].name, name) == 0) {
            return &metrics[i];
        }
    }
    return NULL;
}

#include "analysis/table.h"

#include <math.h>
#include <string.h>

#include "analysis/expected.h"
#include "analysis/metrics.h"
#include "analysis/table_notes.h"
#include "analysis/table_text.h"
#include "base/arena.h"

/* Shown are four significant digits; JSON and the file have all of them. */
enum { DIGITS = 4, LABEL_WIDTH = 26, NAME_WIDTH = 20 };

static void heading(FILE *stream, const char *text) {
    fprintf(stream, "\n  %s\n", text);
}

/* "    label    value unit": the caller prints a note or ends the line. */
static void line(FILE *stream, const char *label, double value, const char *unit) {
    fprintf(stream, "    %-*s %10s %s", LABEL_WIDTH, label, cell_number(value, DIGITS).text, unit);
}

static void percent_line(FILE *stream, const char *label, double ratio) {
    fprintf(stream, "    %-*s %10s", LABEL_WIDTH, label, cell_percent(ratio).text);
}

static void end_line(FILE *stream) {
    fputc('\n', stream);
}

/* ---- cost ---- */

static void print_currency(FILE *stream, const struct result *result) {
    if (result->currency[0] == '\0' || strcmp(result->currency, "USD") == 0 || !(result->usd_per_currency > 0)) {
        return;
    }
    char label[LABEL_WIDTH];
    snprintf(label, sizeof label, "in %.8s: per Mtok", result->currency);
    line(stream, label, result->cost.usd_per_mtok_total / result->usd_per_currency, result->currency);
    end_line(stream);
    snprintf(label, sizeof label, "in %.8s: per month", result->currency);
    line(stream, label, result->cost.usd_per_month / result->usd_per_currency, result->currency);
    end_line(stream);
}

static void idle_line(FILE *stream, const char *label, double usd) {
    if (usd != 0) {
        line(stream, label, usd, "USD of the window");
        end_line(stream);
    }
}

static void print_cost(FILE *stream, const struct result *result) {
    const struct cost_result *cost = &result->cost;
    heading(stream, "Cost");
    line(stream, "per million tokens", cost->usd_per_mtok_total, "USD");
    fprintf(stream, "   input %s, output %s; all by output %s\n", cell_number(cost->usd_per_mtok_input, DIGITS).text,
            cell_number(cost->usd_per_mtok_output, DIGITS).text,
            cell_number(cost->usd_per_mtok_output_all_in, DIGITS).text);
    const bool are_images = !isnan(cost->usd_per_kimage);
    line(stream, are_images ? "per 1000 images" : "per 1000 requests", cost->usd_per_1k_requests, "USD");
    end_line(stream);
    line(stream, "per month (730 h)", cost->usd_per_month, "USD");
    fprintf(stream, "   %s USD an hour\n", cell_number(cost->usd_per_hour, DIGITS).text);
    print_currency(stream, result);
    line(stream, "demand", result->demand_mtok_per_month, "Mtok/month");
    fprintf(stream, "   mean input:output = %s : 1\n", cell_number(result->tokens.input_per_output, DIGITS).text);
    percent_line(stream, "idle share of it", cost->idle_share);
    end_line(stream);
    idle_line(stream, "  GPUs in no replica", cost->idle.unplaced_gpus_usd);
    idle_line(stream, "  replicas without a step", cost->idle.empty_usd);
    idle_line(stream, "  headroom of busy time", cost->idle.headroom_usd);
    idle_line(stream, "  commitments not used", cost->idle.commitment_usd);
}

static void print_ledger(FILE *stream, const struct result *result) {
    heading(stream, "Ledger of the window");
    for (size_t key = 0; key < LEDGER_KEY_COUNT; key++) {
        const double usd = result->cost.ledger_usd[key];
        if (usd != 0) {
            line(stream, ledger_key_name((enum ledger_key)key), usd, "USD");
            fprintf(stream, "   %s\n", cell_percent(usd / result->cost.total_usd).text);
        }
    }
    line(stream, "total", result->cost.total_usd, "USD");
    end_line(stream);
}

static void print_apis(FILE *stream, const struct result *result) {
    if (result->api_count > 0) {
        heading(stream, "The same tokens bought from an API");
    }
    for (size_t i = 0; i < result->api_count; i++) {
        const struct api_result *api = &result->apis[i];
        text_print_wrapped(stream, "    ", api->name);
        fprintf(stream, "      %s USD/Mtok, %s USD/month; own cost is %s of it\n",
                cell_number(api->usd_per_mtok_total, DIGITS).text, cell_number(api->usd_per_month, DIGITS).text,
                cell_percent(api->cost_ratio).text);
        if (api->source[0] != '\0') {
            text_print_wrapped(stream, "      ", api->source);
        }
    }
}

/* ---- how busy, how fast ---- */

static void print_utilization(FILE *stream, const struct result *result) {
    const struct utilization_result *use = &result->utilization;
    const struct throughput_result *rate = &result->throughput;
    heading(stream, "Utilization");
    percent_line(stream, "load (served / capacity)", use->load_ratio);
    fprintf(stream, "   %s of %s tokens/s\n", cell_number(rate->total_tok_per_s, DIGITS).text,
            cell_number(use->capacity_tok_per_s, DIGITS).text);
    percent_line(stream, "busy (time in a step)", use->busy_ratio);
    end_line(stream);
    percent_line(stream, "MFU", use->mfu_ratio);
    fprintf(stream, "   MBU %s, KV held %s\n", cell_percent(use->mbu_ratio).text, cell_percent(use->kv_ratio).text);
    line(stream, "sequences in a step, mean", use->batch_mean, "");
    fprintf(stream, "  %s waiting\n", cell_number(use->waiting_mean, DIGITS).text);
}

static void print_throughput(FILE *stream, const struct result *result) {
    const struct throughput_result *rate = &result->throughput;
    heading(stream, "Throughput");
    line(stream, "output tokens", rate->output_tok_per_s, "tok/s");
    fprintf(stream, "   input %s tok/s; %s output tok/s a GPU\n", cell_number(rate->input_tok_per_s, DIGITS).text,
            cell_number(rate->output_tok_per_s_per_gpu, DIGITS).text);
    line(stream, "requests", rate->requests_per_s, "/s");
    end_line(stream);
    line(stream, "good requests", rate->goodput_requests_per_s, "/s");
    fprintf(stream, "   %s of requests are good\n", cell_percent(result->slo.goodput_ratio).text);
}

static void print_latency(FILE *stream, const char *title, const struct latency_result *latency) {
    heading(stream, title);
    fprintf(stream, "    %-8s %10s %10s %10s %10s %10s %10s %10s\n", "", "mean", "p50", "p90", "p95", "p99", "max",
            "undecided");
    for (size_t metric = 0; metric < LATENCY_METRIC_COUNT; metric++) {
        const struct latency_result *row = &latency[metric];
        fprintf(stream, "    %-8s %10s %10s %10s %10s %10s %10s %10lld\n",
                latency_metric_name((enum latency_metric)metric), cell_number(row->mean_s, DIGITS).text,
                cell_number(row->p50_s, DIGITS).text, cell_number(row->p90_s, DIGITS).text,
                cell_number(row->p95_s, DIGITS).text, cell_number(row->p99_s, DIGITS).text,
                cell_number(row->max_s, DIGITS).text, (long long)row->undecided);
    }
}

static void print_slo_of(FILE *stream, const struct workload_result *workload) {
    for (size_t slot = 0; slot < SLO_SLOT_COUNT; slot++) {
        const int8_t met = workload->slo.threshold_met[slot];
        const double attained = workload->slo.attainment_ratio[slot];
        if (met >= 0) {
            fprintf(stream, "    %-*s %-9s <= %8s s   %10s of requests   %s\n", NAME_WIDTH, workload->name,
                    slo_slot_name(slot), cell_number(workload->slo.limit_s[slot], DIGITS).text,
                    cell_percent(attained).text,
                    met               ? "met"
                    : isnan(attained) ? "UNDECIDED"
                                      : "NOT MET");
        }
    }
}

static void print_slo(FILE *stream, const struct result *result) {
    heading(stream, "SLO");
    for (size_t w = 0; w < result->workload_count; w++) {
        print_slo_of(stream, &result->workloads[w]);
    }
    if (result->feasible) {
        fputs(result->slo.thresholds == 0 ? "    none\n" : "    feasible\n", stream);
    } else {
        text_print_wrapped(stream, "    infeasible: ", result->infeasible_reason);
    }
}

/* ---- how wrong it may be ---- */

/* Shares below it are none; factors above it are given as such. */
#define EXPECTED_SHOWN 5e-3
#define EXPECTED_TIMES 3

/* "-35 % .. +62 %", "-80 % .. x 118", "fixed". */
static void print_expected(FILE *stream, const struct result *result, const char *name, const char *label) {
    const struct metric *metric = metric_find(name);
    const struct expected_bounds bounds = expected_bounds_of(metric, result);
    const double value = metric_real(metric, result, 0, 0);
    if (isnan(bounds.lower) || !(value > 0)) {
        return;
    }
    line(stream, label, value, strcmp(metric->units, "1") == 0 ? "" : metric->units);
    const double below = 1 - bounds.lower / value, above = bounds.upper / value - 1;
    if (below < EXPECTED_SHOWN && above < EXPECTED_SHOWN) {
        fputs("   fixed\n", stream);
        return;
    }
    fprintf(stream, "   expected error -%s", cell_percent(below > EXPECTED_SHOWN ? below : 0).text);
    if (isinf(bounds.upper)) {
        fputs(", upwards unbounded: could saturate\n", stream);
    } else if (bounds.upper > EXPECTED_TIMES * value) {
        fprintf(stream, " .. x %s\n", cell_number(bounds.upper / value, 2).text);
    } else {
        fprintf(stream, " .. +%s\n", cell_percent(above > EXPECTED_SHOWN ? above : 0).text);
    }
}

static void print_expected_errors(FILE *stream, const struct result *result) {
    heading(stream, "Expected error, 95 % of servers that the step times were not fitted on");
    if (!result->expected.is_known) {
        fputs("    not known: given constants, or kinds of models that no measured server ran\n", stream);
        return;
    }
    print_expected(stream, result, "usd_per_mtok_total", "USD per million tokens");
    print_expected(stream, result, "ttft_p99_s", "ttft p99");
    print_expected(stream, result, "tpot_p99_s", "tpot p99");
    print_expected(stream, result, "e2e_p99_s", "e2e p99");
    print_expected(stream, result, "load_ratio", "load");
    print_expected(stream, result, "power_mean_w", "IT power at the wall");
    for (size_t p = 0; p < result->pool_count; p++) {
        fprintf(stream, "    %s: errors of %s\n", result->pools[p].name, result->pools[p].error_basis);
    }
}

/* ---- the rest ---- */

static void print_power(FILE *stream, const struct result *result) {
    const struct power_result *power = &result->power;
    const struct energy_result *energy = &result->energy;
    heading(stream, "Power and energy");
    if (isnan(power->mean_w)) {
        const bool is_empty = !(result->run.window_s > 0);
        fputs(is_empty ? "    unknown: no time was measured\n" : "    unknown: no GPU is named\n", stream);
        return;
    }
    line(stream, "IT power at the wall", power->mean_w, "W");
    fprintf(stream, "   peak minute %s W, site %s W, by paid GPU %s W\n", cell_number(power->peak_w, DIGITS).text,
            cell_number(power->site_mean_w, DIGITS).text, cell_number(power->per_gpu_w, DIGITS).text);
    line(stream, "site energy of the window", energy->site_kwh, "kWh");
    fprintf(stream, "   %s J by token, %s J by output token\n", cell_number(energy->j_per_tok, DIGITS).text,
            cell_number(energy->j_per_output_tok, DIGITS).text);
    line(stream, "site energy by request", energy->wh_per_request, "Wh");
    end_line(stream);
    if (!isnan(energy->carbon_kg)) {
        line(stream, "CO2e of the site energy", energy->carbon_kg, "kg");
        fprintf(stream, "   %s g by Mtok\n", cell_number(energy->gco2e_per_mtok, DIGITS).text);
    }
}

static void print_requests(FILE *stream, const struct result *result) {
    const struct request_result *requests = &result->requests;
    heading(stream, "Requests and tokens");
    fprintf(stream, "    %lld arrived: %lld completed, %lld unfinished (%lld waiting, %lld running), %lld rejected\n",
            (long long)requests->emitted, (long long)requests->completed, (long long)requests->unfinished,
            (long long)requests->waiting, (long long)requests->running, (long long)requests->rejected);
    fprintf(stream, "    in the window %lld arrived; tokens: %lld input, %lld output, %lld computed again\n",
            (long long)requests->measured_emitted, (long long)result->tokens.input, (long long)result->tokens.output,
            (long long)result->tokens.recomputed);
    fprintf(stream, "    window %s h from %s h on; drain %s s; seed %llu\n",
            cell_number(result->bill.window_h, DIGITS).text,
            cell_number(result->run.window_start_s / 3600, DIGITS).text, cell_number(result->run.drain_s, DIGITS).text,
            (unsigned long long)result->run.seed);
}

/* A paragraph beside a name, or beside nothing. */
static void print_beside(FILE *stream, const char *name, const char *text) {
    struct arena *arena = arena_new();
    text_print_wrapped(stream, arena_format(arena, "    %-*s ", NAME_WIDTH, name), text);
    arena_free(arena);
}

/* Whether the assumptions below say it already. */
static bool is_assumed(const struct result *result, const char *text) {
    return strstr(result->assumptions_text, text) != NULL;
}

static void print_pool(FILE *stream, const struct result *result, const struct pool_result *pool) {
    struct arena *arena = arena_new();
    const long long stage_count = pool->pipeline_parallel;
    const char *stages = stage_count > 1 ? arena_format(arena, ", %lld stages", stage_count) : "";
    print_beside(stream, pool->name,
                 arena_format(arena, "%lld x %s%s%s %s, tensor parallel %lld%s; GPUs: %lld paid, %lld in use",
                              (long long)pool->bill.replicas, pool->gpu, pool->gpu[0] == '\0' ? "" : " ", pool->model,
                              pool->precision, (long long)pool->tensor_parallel, stages,
                              (long long)pool->bill.gpus_paid, (long long)pool->bill.gpus_placed));
    print_beside(stream, "",
                 arena_format(arena, "load %s, busy %s, %s USD/Mtok; step times: %s, %s%s",
                              cell_percent(pool->utilization.load_ratio).text,
                              cell_percent(pool->utilization.busy_ratio).text,
                              cell_number(pool->cost.usd_per_mtok_total, DIGITS).text, pool->step_time,
                              pool->step_time_status, pool->saturated ? "; SATURATED" : ""));
    if (pool->memory_arithmetic[0] != '\0') {
        print_beside(stream, "", pool->memory_arithmetic);
    }
    if (!is_assumed(result, pool->price_source)) {
        print_beside(stream, "", text_short_sources(arena, pool->price_source));
    }
    arena_free(arena);
}

static void print_workload(FILE *stream, const struct workload_result *workload) {
    struct arena *arena = arena_new();
    print_beside(stream, workload->name,
                 arena_format(arena, "%lld requests, input %lld, output %lld tokens; %s USD/Mtok, %s USD/month",
                              (long long)workload->requests.emitted, (long long)workload->tokens.input,
                              (long long)workload->tokens.output,
                              cell_number(workload->cost.usd_per_mtok_total, DIGITS).text,
                              cell_number(workload->cost.usd_per_month, DIGITS).text));
    if (!isnan(workload->revenue_usd)) {
        print_beside(stream, "",
                     arena_format(arena, "revenue %s USD, margin %s USD in the window",
                                  cell_number(workload->revenue_usd, DIGITS).text,
                                  cell_number(workload->margin_usd, DIGITS).text));
    }
    arena_free(arena);
}

static void print_pools(FILE *stream, const struct result *result) {
    heading(stream, "Pools");
    for (size_t p = 0; p < result->pool_count; p++) {
        print_pool(stream, result, &result->pools[p]);
    }
}

static void print_workloads(FILE *stream, const struct result *result) {
    if (result->workload_count < 2) {
        return;
    }
    heading(stream, "Workloads");
    for (size_t w = 0; w < result->workload_count; w++) {
        print_workload(stream, &result->workloads[w]);
    }
    for (size_t w = 0; w < result->workload_count; w++) {
        struct arena *arena = arena_new();
        const char *title = arena_format(arena, "Latency of %s in seconds", result->workloads[w].name);
        print_latency(stream, title, result->workloads[w].latency);
        arena_free(arena);
    }
}

void table_print_run(FILE *stream, const char *name, const struct result *result) {
    fprintf(stream, "%s\n", name);
    print_cost(stream, result);
    print_ledger(stream, result);
    print_apis(stream, result);
    print_utilization(stream, result);
    print_throughput(stream, result);
    print_latency(stream, "Latency in seconds", result->latency);
    print_slo(stream, result);
    print_expected_errors(stream, result);
    print_power(stream, result);
    print_requests(stream, result);
    print_pools(stream, result);
    print_workloads(stream, result);
    notes_print_assumptions(stream, &result, 1);
    notes_print_warnings(stream, &result, 1);
}

#include "analysis/analytic.h"

#include <math.h>

#include "base/check.h"
#include "sim/clock.h"

enum { SAMPLES = 4096 };

/* ---- the machine ---- */

/* Boards with a model loaded, GPUs paid and not placed, hosts: all replicas, at their plugs. */
static double pool_idle_w(const struct pool_facts *facts) {
    if (!facts->power_known) {
        return 0;
    }
    return (double)facts->gpus_placed * facts->idle_context_w +
           (double)(facts->gpus_paid - facts->gpus_placed) * facts->idle_w + facts->pool_host_w;
}

/* One hour of the pool in which it draws `it_kw` all the time. */
static double usd_of_hour(const struct resolved_point *point, size_t pool, double it_kw) {
    const struct pool_facts *facts = &point->pools[pool];
    const double nameplate_w = (double)facts->gpus_paid * facts->tdp_w + facts->pool_host_w;
    const struct bill bill = {
        .window_h = 1,
        .gpus_paid = (double)facts->gpus_paid,
        .gpus_placed = (double)facts->gpus_placed,
        .gpu_hours_paid = (double)facts->gpus_paid,
        .gpu_hours_used = (double)facts->gpus_placed,
        .committed_it_kw = facts->power_known ? nameplate_w / point->psu_efficiency / 1e3 : 0,
        .it_kwh = it_kw,
        .site_kwh = it_kw * point->pue,
        .it_peak_15min_kw = it_kw,
        .site_peak_15min_kw = it_kw * point->pue,
        .carbon_kg = point->carbon_known ? it_kw * point->pue * point->grid_gco2e_per_kwh / 1e3 : 0,
    };
    const struct ledger ledger = ledger_of_pool(&bill, &point->costs[pool]);
    return ledger_total_usd(&ledger);
}

struct throughput_machine analytic_machine(const struct resolved_point *point, size_t pool) {
    const struct pool_facts *facts = &point->pools[pool];
    const struct pool_config *config = &point->sim.pools[pool];
    const double replicas = (double)facts->replicas;
    /* The ledger is affine in energy: two hours give both its parts. */
    const double one_kw_usd = usd_of_hour(point, pool, 1);
    const double usd_per_kwh = usd_of_hour(point, pool, 2) - one_kw_usd;
    const struct throughput_parts parts = {
        .step_model = config->step_model,
        .roofline = facts->roofline,
        .num_gpu_blocks = config->num_gpu_blocks,
        .block_size = config->block_size,
        .max_num_batched_tokens = config->batching.max_num_batched_tokens,
        .idle_w = pool_idle_w(facts) / replicas,
        .psu_efficiency = point->psu_efficiency,
        .pue = point->pue,
        .usd_per_hour = (one_kw_usd - usd_per_kwh) / replicas,
        .usd_per_kwh_at_wall = usd_per_kwh,
    };
    return throughput_machine_of(&parts);
}

/* ---- the mix ---- */

/* Sums over requests. */
struct sums {
    double weight, input, output, square;
    double decodes, context; /* decode steps, and their context */
};

static bool goes_to(const struct workload_config *workload, size_t pool) {
    for (size_t i = 0; i < workload->pool_count; i++) {
        if (workload->pools[i] == pool) {
            return true;
        }
    }
    return false;
}

static void sums_add(struct sums *sums, const struct pool_config *pool, int64_t input, int64_t output) {
    int64_t room = pool->max_model_len - input;
    if (room <= 0) {
        return;
    }
    double input_tok = (double)input;
    double output_tok = (double)(output < room ? output : room);
    sums->weight += 1;
    sums->input += input_tok;
    sums->output += output_tok;
    sums->square += input_tok * input_tok;
    sums->decodes += output_tok - 1;
    sums->context += (output_tok - 1) * (input_tok + output_tok / 2 - 1);
}

/* A workload's requests: drawn, or the rows of its trace, whose own lengths go first. */
struct samples {
    const struct workload_config *workload; // borrowed
    struct random_stream input, output;
    struct arrival_source *trace; // owned; NULL: none
};

static bool samples_next(struct samples *samples, uint64_t ordinal, int64_t *input, int64_t *output,
                         struct diags *diags) {
    struct arrival row = {0};
    if (samples->trace != NULL && samples->trace->type->next(samples->trace, KEY_NEVER, &row, diags) != ARRIVAL_READY) {
        return false;
    }
    const struct workload_config *workload = samples->workload;
    *input = row.input_tokens;
    *output = row.output_tokens;
    if (*input == 0) {
        *input = length_draw(&workload->input_tokens, samples->input, ordinal);
    }
    if (*output == 0) {
        *output = length_draw(&workload->output_tokens, samples->output, ordinal);
    }
    return true;
}

/* Adds one request's worth of the workload's mean rate. */
static bool workload_add(const struct resolved_point *point, const struct workload_config *workload, size_t pool,
                         struct sums *sums, struct diags *diags) {
    const size_t errors_before = diags_error_count(diags);
    const struct arrival_factory *factory = &workload->arrivals;
    struct samples samples = {
        .workload = workload,
        .input = random_stream_make(point->sim.seed, 0, RANDOM_CAPACITY_INPUT, workload->name),
        .output = random_stream_make(point->sim.seed, 0, RANDOM_CAPACITY_OUTPUT, workload->name),
    };
    if (factory->is_trace) {
        samples.trace = factory->open(factory->context, point->sim.seed, 0, diags);
        if (samples.trace == NULL) {
            return false;
        }
    }
    struct sums own = {0};
    int64_t input, output;
    for (uint64_t i = 0; i < SAMPLES && samples_next(&samples, i, &input, &output, diags); i++) {
        sums_add(&own, &point->sim.pools[pool], input, output);
    }
    if (samples.trace != NULL) {
        samples.trace->type->free(samples.trace);
    }
    const double weight = own.weight > 0 ? factory->mean_rate_per_s / own.weight : 0;
    sums->weight += weight * own.weight;
    sums->input += weight * own.input;
    sums->output += weight * own.output;
    sums->square += weight * own.square;
    sums->decodes += weight * own.decodes;
    sums->context += weight * own.context;
    return diags_error_count(diags) == errors_before;
}

bool analytic_lengths(const struct resolved_point *point, size_t pool, struct throughput_lengths *lengths,
                      struct diags *diags) {
    struct sums sums = {0};
    for (size_t w = 0; w < point->sim.workload_count; w++) {
        const struct workload_config *workload = &point->sim.workloads[w];
        if (goes_to(workload, pool) && !workload_add(point, workload, pool, &sums, diags)) {
            return false;
        }
    }
    if (!(sums.weight > 0)) {
        return diag_error(diags, (struct position){0}, "screen-no-requests",
                          "pool '%s' gets no request that it could serve: there is nothing to screen it for",
                          point->pools[pool].name);
    }
    *lengths = (struct throughput_lengths){
        .input_tok = sums.input / sums.weight,
        .output_tok = sums.output / sums.weight,
        .context_tok = sums.decodes > 0 && sums.context > sums.decodes ? sums.context / sums.decodes : 1,
        .prompt_square_tok2 = sums.square / sums.weight,
    };
    return true;
}

struct throughput_limits analytic_limits(const struct resolved_point *point, size_t pool) {
    struct throughput_limits limits = {.ttft_s = HUGE_VAL, .tpot_s = HUGE_VAL};
    for (size_t w = 0; w < point->sim.workload_count; w++) {
        const struct workload_config *workload = &point->sim.workloads[w];
        for (size_t i = 0; goes_to(workload, pool) && i < workload->slo_count; i++) {
            const struct slo_threshold *threshold = &workload->slo[i];
            if (threshold->metric == LATENCY_TTFT) {
                limits.ttft_s = fmin(limits.ttft_s, units_to_s(threshold->limit));
            } else if (threshold->metric == LATENCY_TPOT) {
                limits.tpot_s = fmin(limits.tpot_s, units_to_s(threshold->limit));
            }
        }
    }
    return limits;
}

#include "analysis/analytic.h"

#include <math.h>

#include "base/check.h"
#include "sim/clock.h"

enum { LENGTHS_SAMPLES = 4096 };

#define S_PER_HOUR 3600.0

/* ---- the machine ---- */

/* Boards with a model loaded, GPUs paid and not placed, hosts: all replicas, at their plugs. */
static double pool_idle_w(const struct pool_facts *facts) {
    if (!facts->power_known) {
        return 0;
    }
    return (double)facts->gpus_placed * facts->idle_context_w +
           (double)(facts->gpus_paid - facts->gpus_placed) * facts->idle_w + facts->pool_host_w;
}

double analytic_usd_per_hour(const struct resolved_point *point, size_t pool, const struct analytic_hour *hour) {
    const struct pool_facts *facts = &point->pools[pool];
    const double load_w = (double)facts->gpus_paid * (facts->tdp_w - facts->idle_context_w);
    const double nameplate_w = (double)facts->gpus_paid * facts->tdp_w + facts->pool_host_w + facts->fan_ratio * load_w;
    const double it_kw = hour->it_kw;
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
        .gb_out = hour->output_tok_per_s * S_PER_HOUR * point->out_byte_per_tok / 1e9,
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
    const double one_kw_usd = analytic_usd_per_hour(point, pool, &(struct analytic_hour){.it_kw = 1});
    const double two_kw_usd = analytic_usd_per_hour(point, pool, &(struct analytic_hour){.it_kw = 2});
    const double usd_per_kwh = two_kw_usd - one_kw_usd;
    const struct throughput_parts parts = {
        .step_model = config->step_model,
        .roofline = facts->roofline,
        .num_gpu_blocks = config->num_gpu_blocks,
        .block_size = config->block_size,
        .max_num_batched_tokens = config->batching.max_num_batched_tokens,
        .accepted_tok = (double)config->speculative.accepted / (1 << CONTEXT_SHIFT),
        .idle_w = pool_idle_w(facts) / replicas,
        .psu_efficiency = point->psu_efficiency,
        .fan_ratio = facts->fan_ratio,
        .pue = point->pue,
        .usd_per_hour = (one_kw_usd - usd_per_kwh) / replicas,
        .usd_per_kwh_at_wall = usd_per_kwh,
    };
    return throughput_machine_of(&parts);
}

/* ---- the mix ---- */

/* Sums over requests; of several workloads, a second of each. */
struct sums {
    double drawn; /* tokens, whatever the pool can take */
    double weight, input, output, square;
    double decodes, context; /* decode steps, and their context */
};

/* The part of the workload's requests that the pool gets: its part of the replicas; 0: none. */
static double share_of(const struct resolved_point *point, const struct workload_config *workload, size_t pool) {
    double own = 0;
    double all = 0;
    for (size_t i = 0; i < workload->pool_count; i++) {
        const double replicas = (double)point->sim.pools[workload->pools[i]].replicas;
        own += workload->pools[i] == pool ? replicas : 0;
        all += replicas;
    }
    return own > 0 ? own / all : 0;
}

static void sums_add(struct sums *sums, const struct pool_config *pool, int64_t input, int64_t output) {
    int64_t room = pool->max_model_len - input;
    sums->drawn += (double)(input + output);
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

static void sums_merge(struct sums *into, const struct sums *from, double factor) {
    into->weight += factor * from->weight;
    into->input += factor * from->input;
    into->output += factor * from->output;
    into->square += factor * from->square;
    into->decodes += factor * from->decodes;
    into->context += factor * from->context;
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

/* The first samples of a workload; `*count` of them, at most what it was. */
static bool sample(const struct resolved_point *point, const struct workload_config *workload, size_t pool,
                   struct sums *sums, size_t *count, struct diags *diags) {
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
    int64_t input, output;
    size_t done = 0;
    for (; done < *count && samples_next(&samples, done, &input, &output, diags); done++) {
        sums_add(sums, &point->sim.pools[pool], input, output);
    }
    *count = done;
    if (samples.trace != NULL) {
        samples.trace->type->free(samples.trace);
    }
    return diags_error_count(diags) == errors_before;
}

/* Mean tokens of a request over that of the samples, where the former is known. */
static double token_correction(const struct workload_config *workload, double sampled_tok) {
    if (workload->input_tokens.kind == LENGTH_FROM_TRACE || workload->output_tokens.kind == LENGTH_FROM_TRACE) {
        return 1;
    }
    return (length_mean(&workload->input_tokens) + length_mean(&workload->output_tokens)) / sampled_tok;
}

static double delay_s(const struct workload_config *workload, double input_tok) {
    return units_to_s(workload->arrival_delay_base) + units_to_s(workload->arrival_delay_per_input_token) * input_tok;
}

/* A mix that is being added up. */
struct mixing {
    struct analytic_mix mix;
    struct sums sums;
    size_t samples; /* of a workload, at most */
};

/* Adds a second of the workload, its requests such that its tokens per second are right. */
static bool workload_add(struct mixing *mixing, const struct resolved_point *point, size_t w, size_t pool,
                         struct diags *diags) {
    const struct workload_config *workload = &point->sim.workloads[w];
    const double share = share_of(point, workload, pool);
    struct analytic_mix *mix = &mixing->mix;
    struct sums own = {0};
    size_t count = mixing->samples;
    if (!(share > 0) || !(workload->arrivals.mean_rate_per_s > 0)) {
        return true;
    }
    if (!sample(point, workload, pool, &own, &count, diags)) {
        return false;
    }
    if (own.weight > 0) {
        const double correction = token_correction(workload, own.drawn / (double)count);
        const double each_per_s = share * workload->arrivals.mean_rate_per_s * correction / (double)count;
        sums_merge(&mixing->sums, &own, each_per_s);
        mix->delay_s += each_per_s * own.weight * delay_s(workload, own.input / own.weight);
        mix->workloads++;
        mix->clients += share * workload->arrivals.clients;
        mix->think_s += workload->arrivals.think_s;
        mix->shared = mix->shared || workload->pool_count > 1;
    }
    return true;
}

static struct throughput_lengths lengths_of(const struct sums *sums) {
    return (struct throughput_lengths){
        .input_tok = sums->input / sums->weight,
        .output_tok = sums->output / sums->weight,
        .context_tok = sums->decodes > 0 && sums->context > sums->decodes ? sums->context / sums->decodes : 1,
        .prompt_square_tok2 = sums->square / sums->weight,
    };
}

bool analytic_mix_make(const struct resolved_point *point, size_t pool, size_t samples, struct analytic_mix *mix,
                       struct diags *diags) {
    struct mixing mixing = {.samples = samples};
    for (size_t w = 0; w < point->sim.workload_count; w++) {
        if (!workload_add(&mixing, point, w, pool, diags)) {
            return false;
        }
    }
    const struct sums *sums = &mixing.sums;
    *mix = mixing.mix;
    if (sums->weight > 0) {
        mix->lengths = lengths_of(sums);
        mix->requests_per_s = mix->clients > 0 ? 0 : sums->weight;
        mix->delay_s /= sums->weight;
    }
    return true;
}

bool analytic_lengths(const struct resolved_point *point, size_t pool, struct throughput_lengths *lengths,
                      struct diags *diags) {
    struct analytic_mix mix;
    if (!analytic_mix_make(point, pool, LENGTHS_SAMPLES, &mix, diags)) {
        return false;
    }
    if (mix.workloads == 0) {
        return diag_error(diags, (struct position){0}, "screen-no-requests",
                          "pool '%s' gets no request that it could serve: there is nothing to screen it for",
                          point->pools[pool].name);
    }
    *lengths = mix.lengths;
    return true;
}

struct throughput_limits analytic_limits(const struct resolved_point *point, size_t pool) {
    struct throughput_limits limits = {.ttft_s = HUGE_VAL, .tpot_s = HUGE_VAL};
    for (size_t w = 0; w < point->sim.workload_count; w++) {
        const struct workload_config *workload = &point->sim.workloads[w];
        for (size_t i = 0; share_of(point, workload, pool) > 0 && i < workload->slo_count; i++) {
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

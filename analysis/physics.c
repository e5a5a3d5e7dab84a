/* physics.c - how busy the GPUs were, and the power and energy at the wall. */
#include "analysis/result_parts.h"
#include "base/check.h"
#include "sim/clock.h"

enum { MINUTE_S = 60, HOUR_S = 3600, MINUTES_PER_HOUR = 60, MINUTES_PER_DEMAND = 15 };

static i128 units_of_minutes(size_t minutes) {
    return (i128)minutes * MINUTE_S * (i128)UNIT_PER_S;
}

/* Seconds of the aligned interval `index`, of `minutes` minutes, that lie in the window. */
static double overlap_s(const struct sim_outcome *outcome, size_t index, size_t minutes) {
    const i128 begin = units_of_minutes(index * minutes);
    const i128 end = units_of_minutes((index + 1) * minutes);
    const i128 from = begin > outcome->window_start ? begin : outcome->window_start;
    const i128 to = end < outcome->window_end ? end : outcome->window_end;
    return to > from ? units_to_s(to - from) : 0;
}

/* Candidates for a peak: the aligned intervals that lie whole in the window; if there are none, those that touch it. */
struct intervals {
    size_t first, end, minutes;
};

static struct intervals peak_candidates(const struct sim_outcome *outcome, size_t minutes) {
    const i128 width = units_of_minutes(minutes);
    struct intervals range = {.first = (size_t)i128_ceil_div(outcome->window_start, width),
                              .end = (size_t)i128_floor_div(outcome->window_end, width),
                              .minutes = minutes};
    if (range.first >= range.end) {
        range.first = (size_t)i128_floor_div(outcome->window_start, width);
        range.end = (size_t)i128_ceil_div(outcome->window_end, width);
    }
    return range;
}

/* Energy above idle of interval `index`, of `minutes` minutes. */
static i128 interval_energy(const struct pool_outcome *outcome, size_t index, size_t minutes) {
    i128 energy = 0;
    const size_t end = (index + 1) * minutes;
    for (size_t minute = index * minutes; minute < end && minute < outcome->minute_count; minute++) {
        energy += outcome->energy_minute[minute];
    }
    return energy;
}

static double joules(i128 energy) {
    return i128_to_double(energy) / ENERGY_PER_J;
}

/* ---- utilization ---- */

/* What a pool offers over the window; sums of these over pools are the fleet's denominators. */
struct offer {
    double replica_s, gpu_s; /* paid */
    double flop, byte, kv_token_s;
    double used_gpu_s, used_flop, used_byte, used_kv_token_s;
    double batch_s, busy_s, waiting_s, running_s;
};

static struct offer offer_of(const struct result_source *source, size_t p) {
    const struct pool_facts *facts = &source->point->pools[p];
    const struct pool_config *config = &source->point->sim.pools[p];
    const struct pool_outcome *outcome = &source->outcome->pools[p];
    const double paid_replicas = (double)facts->gpus_paid / (double)config->gpus_per_replica;
    const double busy_s = units_to_s(outcome->busy);
    const bool limited = config->num_gpu_blocks < KV_BLOCKS_UNLIMITED;
    const double blocks = limited ? (double)config->num_gpu_blocks * (double)config->replicas : RESULT_NONE;
    const double kv_tokens = blocks * (double)config->block_size;
    const double one = (double)(1 << pool_context_shift(config));
    const double flop_per_s = facts->peak_flop_per_s > 0 ? facts->peak_flop_per_s : RESULT_NONE;
    const double byte_per_s = facts->peak_byte_per_s > 0 ? facts->peak_byte_per_s : RESULT_NONE;
    return (struct offer){
        .replica_s = (double)config->replicas * source->window_s,
        .gpu_s = (double)facts->gpus_paid * source->window_s,
        .flop = flop_per_s * paid_replicas * source->window_s,
        .byte = byte_per_s * paid_replicas * source->window_s,
        .kv_token_s = kv_tokens * source->window_s,
        .used_gpu_s = busy_s * (double)config->gpus_per_replica,
        .used_flop = i128_to_double(outcome->flop) / one,
        .used_byte = i128_to_double(outcome->byte) / one,
        .used_kv_token_s = units_to_s(outcome->kv_tokens) / one,
        .batch_s = units_to_s(outcome->batch),
        .busy_s = busy_s,
        .waiting_s = units_to_s(outcome->waiting),
        .running_s = units_to_s(outcome->running),
    };
}

static void offer_add(struct offer *into, const struct offer *from) {
    into->replica_s += from->replica_s;
    into->gpu_s += from->gpu_s;
    into->flop += from->flop;
    into->byte += from->byte;
    into->kv_token_s += from->kv_token_s;
    into->used_gpu_s += from->used_gpu_s;
    into->used_flop += from->used_flop;
    into->used_byte += from->used_byte;
    into->used_kv_token_s += from->used_kv_token_s;
    into->batch_s += from->batch_s;
    into->busy_s += from->busy_s;
    into->waiting_s += from->waiting_s;
    into->running_s += from->running_s;
}

static struct utilization_result utilization_of(const struct offer *offer, double window_s) {
    return (struct utilization_result){
        .busy_ratio = ratio_of(offer->used_gpu_s, offer->gpu_s),
        .mfu_ratio = ratio_of(offer->used_flop, offer->flop),
        .mbu_ratio = ratio_of(offer->used_byte, offer->byte),
        .kv_ratio = ratio_of(offer->used_kv_token_s, offer->kv_token_s),
        .batch_mean = ratio_of(offer->batch_s, offer->busy_s),
        .waiting_mean = ratio_of(offer->waiting_s, window_s),
        .running_mean = ratio_of(offer->running_s, window_s),
    };
}

struct utilization_result result_pool_utilization(const struct result_source *source, size_t p, double tokens) {
    const struct offer offer = offer_of(source, p);
    struct utilization_result utilization = utilization_of(&offer, source->window_s);
    utilization.load_ratio = ratio_of(tokens, source->capacity_tok_per_s[p] * offer.replica_s);
    return utilization;
}

/* Conservation of time: prefill and decode make up the busy time, which does not exceed what the replicas had (a step that ends at
 * the cut's key counts whole: up to one key more). */
static void check_time(const struct result_source *source, size_t p) {
    const struct pool_outcome *outcome = &source->outcome->pools[p];
    CHECK(outcome->busy_prefill >= 0 && outcome->busy_decode >= 0);
    CHECK(outcome->busy_prefill + outcome->busy_decode == outcome->busy);
    CHECK(outcome->busy <= (source->window + instant_of_key(1)) * source->point->sim.pools[p].replicas);
}

static void utilization_fill(struct result *result, const struct result_source *source) {
    struct offer fleet = {0};
    double load_gpu_s = 0;
    double capacity = 0;
    int64_t steps = 0;
    int64_t preemptions = 0;
    for (size_t p = 0; p < result->pool_count; p++) {
        check_time(source, p);
        struct pool_result *pool = &result->pools[p];
        const struct offer offer = offer_of(source, p);
        struct utilization_result *utilization = &pool->utilization;
        *utilization = result_pool_utilization(source, p, (double)(pool->tokens.input + pool->tokens.output));
        utilization->capacity_tok_per_s = source->capacity_tok_per_s[p] * (double)source->point->sim.pools[p].replicas;
        utilization->steps = source->outcome->pools[p].steps;
        utilization->preemptions = source->outcome->pools[p].preemptions;
        load_gpu_s += utilization->load_ratio * offer.gpu_s;
        capacity += utilization->capacity_tok_per_s;
        steps += utilization->steps;
        preemptions += utilization->preemptions;
        offer_add(&fleet, &offer);
    }
    result->utilization = utilization_of(&fleet, source->window_s);
    result->utilization.load_ratio = ratio_of(load_gpu_s, fleet.gpu_s);
    result->utilization.capacity_tok_per_s = capacity;
    result->utilization.steps = steps;
    result->utilization.preemptions = preemptions;
}

/* ---- power and energy ---- */

/* What a pool draws whatever happens: boards at idle, hosts. At their plugs, before the supply's loss. */
static double fixed_w(const struct pool_facts *facts) {
    return (double)facts->gpus_placed * facts->idle_context_w +
           (double)(facts->gpus_paid - facts->gpus_placed) * facts->idle_w + facts->pool_host_w;
}

/* What a pool's nodes draw above idle: boards, and the fans that cool them. At their plugs. */
static double load_joules(const struct result_source *source, size_t p, i128 energy) {
    return (1 + source->point->pools[p].fan_ratio) * joules(energy);
}

/* Mean power above idle that pools [first, end) draw over interval `index`. */
static double interval_w(const struct result_source *source, struct intervals range, size_t index, size_t first,
                         size_t end) {
    double energy_j = 0;
    for (size_t p = first; p < end; p++) {
        energy_j += load_joules(source, p, interval_energy(&source->outcome->pools[p], index, range.minutes));
    }
    return ratio_of(energy_j, overlap_s(source->outcome, index, range.minutes));
}

/* The first of the candidates in which the pools draw most; false if there is none. */
static bool find_peak(const struct result_source *source, struct intervals range, size_t first, size_t end,
                      size_t *index) {
    double peak = -1;
    for (size_t i = range.first; i < range.end; i++) {
        const double here = interval_w(source, range, i, first, end);
        if (here > peak) {
            peak = here;
            *index = i;
        }
    }
    return peak >= 0;
}

/* Greatest one-minute mean at the wall of pools [first, end), whose fixed power is `fixed`. */
static double peak_w(const struct result_source *source, double fixed, size_t first, size_t end) {
    const struct intervals range = peak_candidates(source->outcome, 1);
    size_t index = 0;
    if (!find_peak(source, range, first, end, &index)) {
        return RESULT_NONE;
    }
    return (fixed + interval_w(source, range, index, first, end)) / source->point->psu_efficiency;
}

/* The pool's part of the fleet's greatest 15-minute mean, at the wall. */
static double demand_w(const struct result_source *source, size_t p, double fixed) {
    const struct intervals range = peak_candidates(source->outcome, MINUTES_PER_DEMAND);
    size_t index = 0;
    if (!find_peak(source, range, 0, source->outcome->pool_count, &index)) {
        return RESULT_NONE;
    }
    return (fixed + interval_w(source, range, index, p, p + 1)) / source->point->psu_efficiency;
}

static size_t hour_count(const struct sim_outcome *outcome) {
    size_t count = (size_t)i128_ceil_div(outcome->window_end, units_of_minutes(MINUTES_PER_HOUR));
    for (size_t p = 0; p < outcome->pool_count; p++) {
        const size_t minutes = outcome->pools[p].minute_count;
        const size_t hours = (minutes + MINUTES_PER_HOUR - 1) / MINUTES_PER_HOUR;
        count = hours > count ? hours : count;
    }
    return count;
}

static double it_kwh_of(const struct result_source *source, size_t p, double fixed, double seconds, i128 energy) {
    return (fixed * seconds + load_joules(source, p, energy)) / source->point->psu_efficiency / J_PER_KWH;
}

/* The most that a pool can draw at its plugs. */
static double nameplate_w(const struct pool_facts *facts) {
    const double load_w = (double)facts->gpus_paid * (facts->tdp_w - facts->idle_context_w);
    return (double)facts->gpus_paid * facts->tdp_w + facts->pool_host_w + facts->fan_ratio * load_w;
}

/* `fixed` may be NaN: then so is every hour. */
static void hours_fill(double *hours, size_t count, const struct result_source *source, size_t p, double fixed) {
    const struct pool_outcome *outcome = &source->outcome->pools[p];
    i128 total = 0;
    for (size_t hour = 0; hour < count; hour++) {
        const i128 energy = interval_energy(outcome, hour, MINUTES_PER_HOUR);
        hours[hour] = it_kwh_of(source, p, fixed, overlap_s(source->outcome, hour, MINUTES_PER_HOUR), energy);
        total += energy;
    }
    CHECK(total == outcome->energy);
}

static struct power_result power_of(double mean_w, double peak, double pue, double gpus_paid) {
    return (struct power_result){
        .mean_w = mean_w,
        .peak_w = peak,
        .site_mean_w = mean_w * pue,
        .site_peak_w = peak * pue,
        .per_gpu_w = ratio_of(mean_w, gpus_paid),
        .board_per_gpu_w = RESULT_NONE,
    };
}

static struct energy_result energy_of(double it_kwh, const struct resolved_point *point,
                                      const struct token_result *tokens, double requests) {
    const double site_kwh = it_kwh * point->pue;
    const double site_j = site_kwh * J_PER_KWH;
    const double total_tokens = (double)(tokens->input + tokens->output);
    const double carbon_kg = point->carbon_known ? site_kwh * point->grid_gco2e_per_kwh / 1e3 : RESULT_NONE;
    return (struct energy_result){
        .it_kwh = it_kwh,
        .site_kwh = site_kwh,
        .j_per_tok = ratio_of(site_j, total_tokens),
        .j_per_output_tok = ratio_of(site_j, (double)tokens->output),
        .wh_per_request = ratio_of(site_kwh * 1e3, requests),
        .carbon_kg = carbon_kg,
        .gco2e_per_mtok = ratio_of(carbon_kg * 1e3, total_tokens / 1e6),
    };
}

static void pool_bill_fill(struct pool_result *pool, const struct result_source *source, size_t p, double fixed) {
    const struct resolved_point *point = source->point;
    const struct pool_facts *facts = &point->pools[p];
    const double demand_kw = demand_w(source, p, fixed) / 1e3;
    struct bill_result *bill = &pool->bill;
    bill->window_h = source->window_s / HOUR_S;
    bill->replicas = facts->replicas;
    bill->gpus_placed = facts->gpus_placed;
    bill->gpus_paid = facts->gpus_paid;
    bill->nodes = facts->nodes;
    bill->gpu_hours_paid = (double)facts->gpus_paid * source->window_s / HOUR_S;
    bill->gpu_hours_used =
        units_to_s(source->outcome->pools[p].busy) * (double)point->sim.pools[p].gpus_per_replica / HOUR_S;
    bill->committed_it_kw = facts->power_known ? nameplate_w(facts) / point->psu_efficiency / 1e3 : RESULT_NONE;
    bill->it_kwh = pool->energy.it_kwh;
    bill->site_kwh = pool->energy.site_kwh;
    bill->it_peak_15min_kw = demand_kw;
    bill->site_peak_15min_kw = demand_kw * point->pue;
    bill->gb_out = (double)pool->tokens.output * point->out_byte_per_tok / 1e9;
    bill->carbon_kg = pool->energy.carbon_kg;
}

struct power_result result_pool_power(const struct result_source *source, size_t p) {
    const struct resolved_point *point = source->point;
    const struct pool_facts *facts = &point->pools[p];
    const i128 energy = source->outcome->pools[p].energy;
    const double fixed = facts->power_known ? fixed_w(facts) : RESULT_NONE;
    const double it_kwh = it_kwh_of(source, p, fixed, source->window_s, energy);
    const double mean_w = ratio_of(it_kwh * J_PER_KWH, source->window_s);
    const double boards_j = (double)facts->gpus_placed * facts->idle_context_w * source->window_s + joules(energy);
    struct power_result power = power_of(mean_w, RESULT_NONE, point->pue, (double)facts->gpus_paid);
    if (facts->power_known) {
        power.board_per_gpu_w = ratio_of(boards_j / (double)facts->gpus_placed, source->window_s);
    }
    return power;
}

static void pool_energy_fill(struct result *result, const struct result_source *source, size_t p, double *hours,
                             size_t count) {
    struct pool_result *pool = &result->pools[p];
    const struct resolved_point *point = source->point;
    const struct pool_facts *facts = &point->pools[p];
    const i128 energy = source->outcome->pools[p].energy;
    const double fixed = facts->power_known ? fixed_w(facts) : RESULT_NONE;
    const double it_kwh = it_kwh_of(source, p, fixed, source->window_s, energy);
    pool->power = result_pool_power(source, p);
    pool->power.peak_w = peak_w(source, fixed, p, p + 1);
    pool->power.site_peak_w = pool->power.peak_w * point->pue;
    pool->energy = energy_of(it_kwh, point, &pool->tokens, RESULT_NONE);
    pool_bill_fill(pool, source, p, fixed);
    hours_fill(hours, count, source, p, fixed);
    pool->bill.it_kwh_by_hour = (struct series){.values = hours, .count = count};
}

static void bill_add(struct bill_result *into, const struct bill_result *from) {
    into->window_h = from->window_h;
    into->replicas += from->replicas;
    into->gpus_placed += from->gpus_placed;
    into->gpus_paid += from->gpus_paid;
    into->nodes += from->nodes;
    into->gpu_hours_paid += from->gpu_hours_paid;
    into->gpu_hours_used += from->gpu_hours_used;
    into->committed_it_kw += from->committed_it_kw;
    into->it_kwh += from->it_kwh;
    into->site_kwh += from->site_kwh;
    into->it_peak_15min_kw += from->it_peak_15min_kw;
    into->site_peak_15min_kw += from->site_peak_15min_kw;
    into->gb_out += from->gb_out;
    into->carbon_kg += from->carbon_kg;
}

/* Conservation of energy: the hours add up to the whole. */
static void check_hours(const struct bill_result *bill) {
    double sum = 0;
    for (size_t i = 0; i < bill->it_kwh_by_hour.count; i++) {
        sum += bill->it_kwh_by_hour.values[i];
    }
    CHECK(isnan(sum) == isnan(bill->it_kwh));
    CHECK(isnan(sum) || fabs(sum - bill->it_kwh) <= 1e-9 * bill->it_kwh);
}

static void fleet_energy_fill(struct result *result, const struct result_source *source, double *hours, size_t count) {
    double fixed = 0;
    double boards_w = 0;
    for (size_t p = 0; p < result->pool_count; p++) {
        const struct pool_result *pool = &result->pools[p];
        fixed += source->point->pools[p].power_known ? fixed_w(&source->point->pools[p]) : RESULT_NONE;
        boards_w += pool->power.board_per_gpu_w * (double)pool->bill.gpus_placed;
        bill_add(&result->bill, &pool->bill);
        for (size_t hour = 0; hour < count; hour++) {
            hours[hour] += pool->bill.it_kwh_by_hour.values[hour];
        }
    }
    struct bill_result *bill = &result->bill;
    bill->it_kwh_by_hour = (struct series){.values = hours, .count = count};
    check_hours(bill);
    const double mean_w = ratio_of(bill->it_kwh * J_PER_KWH, source->window_s);
    const double peak = peak_w(source, fixed, 0, result->pool_count);
    result->power = power_of(mean_w, peak, source->point->pue, (double)bill->gpus_paid);
    result->power.board_per_gpu_w = ratio_of(boards_w, (double)bill->gpus_placed);
    result->energy =
        energy_of(bill->it_kwh, source->point, &result->tokens, (double)result->requests.completed_in_window);
}

void result_physics_fill(struct result *result, const struct result_source *source) {
    utilization_fill(result, source);
    const size_t count = hour_count(source->outcome);
    double *hours = arena_alloc(result->arena, (result->pool_count + 1) * count, sizeof *hours);
    for (size_t p = 0; p < result->pool_count; p++) {
        result->pools[p].saturated = source->outcome->pools[p].saturated;
        pool_energy_fill(result, source, p, hours + (p + 1) * count, count);
    }
    fleet_energy_fill(result, source, hours, count);
}

/* money.c - the ledger priced on the physical bill, and who bears it: input or output, which workload, idle or not. */
#include <string.h>

#include "analysis/result_parts.h"
#include "base/check.h"
#include "sim/clock.h"

/* What the two phases cost. */
struct split {
    double input_usd, output_usd;
};

/* Money adds up to rounding; an unknown price makes both sides NaN. */
static void check_sum(double sum, double total) {
    CHECK(isnan(sum) == isnan(total));
    CHECK(isnan(sum) || fabs(sum - total) <= 1e-9 * (fabs(total) + 1e-12));
}

static double known_or_0(double value) {
    return isnan(value) ? 0 : value;
}

/* Without power figures there is no energy to price: the reader refuses a tariff then. */
static struct bill bill_of(const struct bill_result *bill) {
    return (struct bill){
        .window_h = bill->window_h,
        .gpus_paid = (double)bill->gpus_paid,
        .gpus_placed = (double)bill->gpus_placed,
        .gpu_hours_paid = bill->gpu_hours_paid,
        .gpu_hours_used = bill->gpu_hours_used,
        .committed_it_kw = known_or_0(bill->committed_it_kw),
        .it_kwh = known_or_0(bill->it_kwh),
        .site_kwh = known_or_0(bill->site_kwh),
        .it_peak_15min_kw = known_or_0(bill->it_peak_15min_kw),
        .site_peak_15min_kw = known_or_0(bill->site_peak_15min_kw),
        .it_kwh_by_hour = bill->it_kwh_by_hour.values,
        .hour_count = isnan(bill->it_kwh) ? 0 : bill->it_kwh_by_hour.count,
        .gb_out = bill->gb_out,
        .carbon_kg = known_or_0(bill->carbon_kg),
    };
}

/* ---- the ledger ---- */

/* A pool's part of what the fleet shares: by paid GPUs. */
static double share_of_fleet(const struct result *result, size_t p) {
    const double gpus_paid = (double)result->bill.gpus_paid;
    return gpus_paid > 0 ? (double)result->pools[p].bill.gpus_paid / gpus_paid : 1 / (double)result->pool_count;
}

double result_pool_usd(const struct result *result, const struct result_source *source, size_t p,
                       const struct bill_result *bill) {
    const double gpus_paid = (double)result->bill.gpus_paid;
    const struct ledger shared = ledger_of_fleet(&source->point->fleet_cost, gpus_paid, bill->window_h);
    const struct bill terms = bill_of(bill);
    struct ledger ledger = ledger_of_pool(&terms, &source->point->costs[p]);
    ledger_add(&ledger, &shared, share_of_fleet(result, p));
    return ledger_total_usd(&ledger);
}

static void ledger_fill(struct result *result, const struct result_source *source) {
    const double gpus_paid = (double)result->bill.gpus_paid;
    const struct ledger shared = ledger_of_fleet(&source->point->fleet_cost, gpus_paid, result->bill.window_h);
    struct ledger fleet = {0};
    for (size_t p = 0; p < result->pool_count; p++) {
        struct pool_result *pool = &result->pools[p];
        const struct bill bill = bill_of(&pool->bill);
        struct ledger ledger = ledger_of_pool(&bill, &source->point->costs[p]);
        ledger_add(&ledger, &shared, share_of_fleet(result, p));
        ledger_add(&fleet, &ledger, 1);
        memcpy(pool->cost.ledger_usd, ledger.usd, sizeof ledger.usd);
        pool->cost.total_usd = ledger_total_usd(&ledger);
        result->cost.total_usd += pool->cost.total_usd;
    }
    memcpy(result->cost.ledger_usd, fleet.usd, sizeof fleet.usd);
    check_sum(ledger_total_usd(&fleet), result->cost.total_usd);
}

/* ---- prefill and decode ---- */

/* Splits `usd` by GPU time. A phase without tokens gives its cost to the other; without any tokens both are NaN. */
static struct split split_by_phase(double usd, const struct token_result *tokens, const struct pool_outcome *outcome) {
    if (tokens->input == 0 && tokens->output == 0) {
        return (struct split){.input_usd = RESULT_NONE, .output_usd = RESULT_NONE};
    }
    if (tokens->input == 0 || tokens->output == 0) {
        return (struct split){.input_usd = tokens->output == 0 ? usd : 0, .output_usd = tokens->input == 0 ? usd : 0};
    }
    const double prefill = ratio_of(i128_to_double(outcome->busy_prefill), i128_to_double(outcome->busy));
    return (struct split){.input_usd = usd * prefill, .output_usd = usd - usd * prefill};
}

/* What the pools that served tokens bear: a pool that served none has its cost spread over the others in proportion to theirs (by
 * tokens, where they cost nothing). */
static double served_usd(const struct result *result, size_t p) {
    double served = 0;
    for (size_t i = 0; i < result->pool_count; i++) {
        const struct pool_result *pool = &result->pools[i];
        served += pool->tokens.input + pool->tokens.output > 0 ? pool->cost.total_usd : 0;
    }
    const struct pool_result *pool = &result->pools[p];
    if (!(served > 0)) {
        const double tokens = (double)(result->tokens.input + result->tokens.output);
        return result->cost.total_usd * ratio_of((double)(pool->tokens.input + pool->tokens.output), tokens);
    }
    return pool->cost.total_usd * (result->cost.total_usd / served);
}

/* Of requests that completed in the window, `images` of which are images. */
struct served {
    double requests, images;
};

static void unit_costs_fill(struct cost_result *cost, const struct token_result *tokens, struct served served,
                            double window_h) {
    const double input_mtok = (double)tokens->input / 1e6;
    const double output_mtok = (double)tokens->output / 1e6;
    cost->usd_per_hour = ratio_of(cost->total_usd, window_h);
    cost->usd_per_month = cost->usd_per_hour * HOURS_PER_MONTH;
    cost->usd_per_mtok_total = ratio_of(cost->total_usd, input_mtok + output_mtok);
    cost->usd_per_mtok_input = ratio_of(cost->input_usd, input_mtok);
    cost->usd_per_mtok_output = ratio_of(cost->output_usd, output_mtok);
    cost->usd_per_mtok_output_all_in = ratio_of(cost->total_usd, output_mtok);
    cost->usd_per_1k_requests = ratio_of(cost->total_usd, served.requests / 1e3);
    cost->usd_per_kimage = served.images == served.requests ? cost->usd_per_1k_requests : RESULT_NONE;
}

/* ---- idle: a view of the total, never added to it ---- */

static void idle_fill(struct pool_result *pool, double window_s) {
    const double commitment_usd = pool->cost.ledger_usd[LEDGER_COMMITMENT_UNUSED];
    const double paid_gpu_s = (double)pool->bill.gpus_paid * window_s;
    const double placed_gpu_s = (double)pool->bill.gpus_placed * window_s;
    const double busy_gpu_s = pool->bill.gpu_hours_used * 3600;
    const double usd_per_gpu_s = ratio_of(pool->cost.total_usd - commitment_usd, paid_gpu_s);
    const double headroom = 1 - pool->utilization.load_ratio;
    struct idle_result *idle = &pool->cost.idle;
    idle->unplaced_gpus_usd = usd_per_gpu_s * (paid_gpu_s - placed_gpu_s);
    idle->empty_usd = usd_per_gpu_s * fmax(placed_gpu_s - busy_gpu_s, 0);
    idle->headroom_usd = usd_per_gpu_s * (headroom < 0 ? 0 : headroom) * busy_gpu_s;
    idle->commitment_usd = commitment_usd;
}

static void idle_share_fill(struct cost_result *cost) {
    const struct idle_result *idle = &cost->idle;
    const double sum = idle->unplaced_gpus_usd + idle->empty_usd + idle->headroom_usd + idle->commitment_usd;
    cost->idle_share = ratio_of(sum, cost->total_usd);
}

static void idle_add(struct idle_result *into, const struct idle_result *from) {
    into->unplaced_gpus_usd += from->unplaced_gpus_usd;
    into->empty_usd += from->empty_usd;
    into->headroom_usd += from->headroom_usd;
    into->commitment_usd += from->commitment_usd;
}

/* ---- pools, workloads, fleet ---- */

static void pools_fill(struct result *result, const struct result_source *source) {
    for (size_t p = 0; p < result->pool_count; p++) {
        struct pool_result *pool = &result->pools[p];
        struct cost_result *cost = &pool->cost;
        const struct split split = split_by_phase(cost->total_usd, &pool->tokens, &source->outcome->pools[p]);
        cost->input_usd = split.input_usd;
        cost->output_usd = split.output_usd;
        unit_costs_fill(cost, &pool->tokens, (struct served){RESULT_NONE, RESULT_NONE}, result->bill.window_h);
        idle_fill(pool, source->window_s);
        idle_share_fill(cost);
        idle_add(&result->cost.idle, &cost->idle);
    }
    idle_share_fill(&result->cost);
}

/* A workload bears a pool's input cost by the prompt tokens that it had computed there, and the output cost by the tokens
 * emitted for it. */
static void workloads_bear(struct result *result, const struct result_source *source, size_t p, struct split split) {
    const struct token_result *all = &result->pools[p].tokens;
    for (size_t w = 0; w < result->workload_count; w++) {
        const struct token_counts *own = &source->outcome->workloads[w].tokens[p];
        struct cost_result *cost = &result->workloads[w].cost;
        if (all->input > 0) {
            const bool by_work = all->prefilled > 0;
            const double part = by_work ? ratio_of((double)own->prefilled, (double)all->prefilled)
                                        : ratio_of((double)own->input, (double)all->input);
            cost->input_usd += split.input_usd * part;
        }
        if (all->output > 0) {
            cost->output_usd += split.output_usd * ratio_of((double)own->output, (double)all->output);
        }
    }
}

static void split_fill(struct result *result, const struct result_source *source) {
    struct cost_result *fleet = &result->cost;
    for (size_t p = 0; p < result->pool_count; p++) {
        const struct token_result *tokens = &result->pools[p].tokens;
        if (tokens->input + tokens->output > 0) {
            const struct split split = split_by_phase(served_usd(result, p), tokens, &source->outcome->pools[p]);
            fleet->input_usd += split.input_usd;
            fleet->output_usd += split.output_usd;
            workloads_bear(result, source, p, split);
        }
    }
    if (result->tokens.input + result->tokens.output == 0) {
        fleet->input_usd = RESULT_NONE;
        fleet->output_usd = RESULT_NONE;
        return;
    }
    check_sum(fleet->input_usd + fleet->output_usd, fleet->total_usd);
}

/* A workload whose phase had no tokens pays for it through the other's unit cost. */
static void phase_without_tokens(struct cost_result *cost, const struct token_result *tokens) {
    if (tokens->input == 0 && tokens->output > 0) {
        cost->output_usd = cost->total_usd;
        cost->input_usd = 0;
    } else if (tokens->output == 0 && tokens->input > 0) {
        cost->input_usd = cost->total_usd;
        cost->output_usd = 0;
    }
}

static struct served served_of(const struct workload_result *workload, const struct workload_facts *facts) {
    const double requests = (double)workload->requests.completed_in_window;
    return (struct served){.requests = requests, .images = facts->makes_images ? requests : 0};
}

static struct served served_by_all(const struct result *result, const struct result_source *source) {
    struct served all = {0};
    for (size_t w = 0; w < result->workload_count; w++) {
        const struct served own = served_of(&result->workloads[w], &source->point->workloads[w]);
        all.requests += own.requests;
        all.images += own.images;
    }
    return all;
}

static void workloads_fill(struct result *result, const struct result_source *source) {
    double sum = 0;
    for (size_t w = 0; w < result->workload_count; w++) {
        struct workload_result *workload = &result->workloads[w];
        const struct workload_facts *facts = &source->point->workloads[w];
        struct cost_result *cost = &workload->cost;
        cost->total_usd = cost->input_usd + cost->output_usd;
        sum += cost->total_usd;
        phase_without_tokens(cost, &workload->tokens);
        unit_costs_fill(cost, &workload->tokens, served_of(workload, facts), result->bill.window_h);
        workload->revenue_usd = facts->has_price
                                    ? ((double)workload->tokens.input * facts->price_input_usd_per_mtok +
                                       (double)workload->tokens.output * facts->price_output_usd_per_mtok) /
                                          1e6
                                    : RESULT_NONE;
        workload->margin_usd = workload->revenue_usd - cost->total_usd;
    }
    if (result->tokens.input + result->tokens.output > 0) {
        check_sum(sum, result->cost.total_usd);
    }
}

static void apis_fill(struct result *result, const struct result_source *source) {
    const double input_mtok = (double)result->tokens.input / 1e6;
    const double output_mtok = (double)result->tokens.output / 1e6;
    for (size_t i = 0; i < result->api_count; i++) {
        const struct api_price *price = &source->point->apis[i];
        struct api_result *api = &result->apis[i];
        api->name = arena_text(result->arena, price->name, strlen(price->name));
        api->source = price->source == NULL ? "" : arena_text(result->arena, price->source, strlen(price->source));
        api->usd = input_mtok * price->usd_per_mtok_input + output_mtok * price->usd_per_mtok_output;
        api->usd_per_mtok_total = ratio_of(api->usd, input_mtok + output_mtok);
        api->usd_per_month = ratio_of(api->usd, result->bill.window_h) * HOURS_PER_MONTH;
        api->cost_ratio = ratio_of(result->cost.total_usd, api->usd);
    }
}

/* The unit costs of input and output give the total back. */
static void check_identity(const struct result *result) {
    const struct cost_result *cost = &result->cost;
    const double input = result->tokens.input > 0 ? cost->usd_per_mtok_input * (double)result->tokens.input / 1e6 : 0;
    const double output =
        result->tokens.output > 0 ? cost->usd_per_mtok_output * (double)result->tokens.output / 1e6 : 0;
    if (result->tokens.input + result->tokens.output > 0) {
        check_sum(input + output, cost->total_usd);
    }
}

void result_money_fill(struct result *result, const struct result_source *source) {
    ledger_fill(result, source);
    pools_fill(result, source);
    split_fill(result, source);
    unit_costs_fill(&result->cost, &result->tokens, served_by_all(result, source), result->bill.window_h);
    workloads_fill(result, source);
    apis_fill(result, source);
    check_identity(result);
}

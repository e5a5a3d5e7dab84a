/* analytic_demand.c - the steady state at the point's own demand.
 *
 * A replica has N requests at hand on average. With independent arrivals it has none with chance e^-N (with c clients, each of
 * which is there or not: (1 - N/c)^c), so that
 *     busy   = 1 - e^-N
 *     batch  = N / busy, at most its slots: the mean of the steps that there are
 *     rate   = busy x the formula's rate at that batch
 * and N is where the rate is the demand (closed loop: where N + rate x think time is the clients). A decode meets prompts at the
 * arrivals' own rate, not at that of a busy replica:
 *     TPOT   = pure step / (1 - busy x share of time that prompts add)
 *     TTFT   = busy x the formula's TTFT + (1 - busy) x a prompt alone
 *     power  = idle + busy x what the formula's draws above idle */
#include <math.h>

#include "analysis/analytic.h"
#include "base/fmath.h"
#include "sim/clock.h"

enum { BISECTIONS = 64, SAMPLES = 1024 };

/* A replica with this many more requests than slots is never idle. */
#define NEVER_IDLE 40.0

/* Below it 1 - e^-x is x to the last digits. */
#define FEW 1e-9

/* A replica, and what each of the pool's is asked. */
struct replica {
    struct throughput_machine machine;
    struct throughput_lengths lengths;
    double slots;
    double requests_per_s;
    double clients, think_s; /* closed loop; else 0 */
};

/* A replica with so many requests at hand. */
struct operation {
    struct throughput_state state; /* of its steps */
    double busy_ratio;
    double requests_per_s;
};

/* What one pool adds to the fleet. */
struct part {
    struct analytic_state state;
    double requests_per_s, decoding_per_s; /* served; those with a TPOT */
    double tok_per_s, usd_per_hour;
};

/* ---- one replica ---- */

static double busy_ratio(const struct replica *replica, double at_hand) {
    if (at_hand < FEW) {
        return at_hand;
    }
    const double present = at_hand / replica->clients;
    if (replica->clients > 0 && !(present < 1)) {
        return fmin(at_hand, 1);
    }
    const double log_empty = replica->clients > 0 ? replica->clients * fm_log1p(-present) : -at_hand;
    return fmin(at_hand, -fm_expm1(log_empty));
}

static struct operation operation_at(const struct replica *replica, double at_hand) {
    const double busy = busy_ratio(replica, at_hand);
    const double batch = busy > 0 ? at_hand / busy : 1;
    const struct throughput_load load = {
        .batch = fmin(batch, replica->slots), .lengths = replica->lengths, .price_ratio = 1};
    struct operation operation = {.state = throughput_of(&replica->machine, &load), .busy_ratio = busy};
    const double request_tok = replica->lengths.input_tok + replica->lengths.output_tok;
    operation.requests_per_s = busy * operation.state.tok_per_s / request_tok;
    return operation;
}

/* How far this is above what is asked. */
static double surplus(const struct replica *replica, double at_hand) {
    const double rate = operation_at(replica, at_hand).requests_per_s;
    return replica->clients > 0 ? at_hand + rate * replica->think_s - replica->clients : rate - replica->requests_per_s;
}

/* Where the demand is met; all the requests there can be where it is not. */
static double at_hand_of(const struct replica *replica) {
    double low = 0;
    double high = replica->clients > 0 ? replica->clients : replica->slots + NEVER_IDLE;
    for (int i = 0; i < BISECTIONS; i++) {
        const double middle = 0.5 * (low + high);
        if (surplus(replica, middle) < 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

static double tpot_s(const struct operation *operation, const struct replica *replica) {
    if (!(replica->lengths.output_tok > 1)) {
        return (double)NAN;
    }
    const struct throughput_state *state = &operation->state;
    const double decode_s = state->decode_s * state->steps_per_tok;
    const double prompts_ratio = (state->tpot_s - decode_s) / state->tpot_s;
    return decode_s / (1 - operation->busy_ratio * prompts_ratio);
}

static double ttft_s(const struct operation *operation) {
    return operation->busy_ratio * operation->state.ttft_s + (1 - operation->busy_ratio) * operation->state.prefill_s;
}

/* ---- pools ---- */

static bool has_cached_prompts(const struct resolved_point *point, size_t pool) {
    for (size_t w = 0; w < point->sim.workload_count; w++) {
        const struct workload_config *workload = &point->sim.workloads[w];
        for (size_t i = 0; workload->cached_input_share > 0 && i < workload->pool_count; i++) {
            if (workload->pools[i] == pool) {
                return true;
            }
        }
    }
    return false;
}

/* Whether the formulas speak of this pool. */
static bool is_covered(const struct resolved_point *point, size_t pool, const struct analytic_mix *mix) {
    const struct pool_config *config = &point->sim.pools[pool];
    const struct batching_config *batching = &config->batching;
    const struct roofline_step *roofline = point->pools[pool].roofline;
    const bool by_turns = point->sim.routing == ROUTING_ROUND_ROBIN || point->sim.routing == ROUTING_RANDOM;
    const bool chunks = batching->chunk > 0 && batching->chunk < batching->max_num_batched_tokens;
    const bool captured = roofline != NULL && roofline->capture_count > 0;
    const bool clients_elsewhere = mix->clients > 0 && (mix->workloads > 1 || mix->shared);
    return batching->policy == BATCHING_CONTINUOUS && !chunks && !captured && !has_cached_prompts(point, pool) &&
           step_model_quantum(config->step_model) == 0 && !clients_elsewhere && (by_turns || !mix->shared);
}

static double tokens_per_s(const struct throughput_lengths *lengths, double requests_per_s) {
    return requests_per_s > 0 ? (lengths->input_tok + lengths->output_tok) * requests_per_s : 0;
}

/* The pool at `it_w` and `requests_per_s` served. */
static void part_price(struct part *part, const struct resolved_point *point, size_t pool,
                       const struct throughput_lengths *lengths, double it_w) {
    const double output_tok_per_s = part->requests_per_s > 0 ? lengths->output_tok * part->requests_per_s : 0;
    const struct analytic_hour hour = {.it_kw = it_w / 1e3, .output_tok_per_s = output_tok_per_s};
    part->state.power_mean_w = point->pools[pool].power_known ? it_w : (double)NAN;
    part->tok_per_s = tokens_per_s(lengths, part->requests_per_s);
    part->usd_per_hour = analytic_usd_per_hour(point, pool, &hour);
}

static struct part part_nothing(const struct resolved_point *point, size_t pool) {
    const double replicas = (double)point->sim.pools[pool].replicas;
    struct part part = {.state = {.tpot_mean_s = (double)NAN, .ttft_mean_s = (double)NAN}};
    part_price(&part, point, pool, NULL, analytic_machine(point, pool).idle_w * replicas);
    return part;
}

static struct part part_unknown(void) {
    const double none = (double)NAN;
    return (struct part){.state = {none, none, none, none, none},
                         .requests_per_s = none,
                         .decoding_per_s = none,
                         .tok_per_s = none,
                         .usd_per_hour = none};
}

static struct part part_of(const struct resolved_point *point, size_t pool, const struct analytic_mix *mix) {
    const struct pool_config *config = &point->sim.pools[pool];
    const double replicas = (double)config->replicas;
    const struct replica replica = {
        .machine = analytic_machine(point, pool),
        .lengths = mix->lengths,
        .slots = (double)config->batching.max_num_seqs,
        .requests_per_s = mix->requests_per_s / replicas,
        .clients = mix->clients / replicas,
        .think_s = mix->think_s,
    };
    const double capacity_per_s = operation_at(&replica, replica.slots + NEVER_IDLE).requests_per_s;
    const struct operation operation = operation_at(&replica, at_hand_of(&replica));
    if (!(capacity_per_s > 0)) {
        return part_unknown();
    }
    const double demand_per_s = replica.clients > 0 ? operation.requests_per_s : replica.requests_per_s;
    const double token_delay_s = units_to_s(config->token_delay);
    struct part part = {
        .state = {.tpot_mean_s = tpot_s(&operation, &replica) + token_delay_s,
                  .ttft_mean_s = ttft_s(&operation) + mix->delay_s + token_delay_s,
                  .load_ratio = demand_per_s / capacity_per_s},
        .requests_per_s = operation.requests_per_s * replicas,
        .decoding_per_s = replica.lengths.output_tok > 1 ? operation.requests_per_s * replicas : 0,
    };
    const double idle_w = replica.machine.idle_w;
    const double it_w = idle_w + operation.busy_ratio * (operation.state.power_w - idle_w);
    part_price(&part, point, pool, &mix->lengths, it_w * replicas);
    return part;
}

static double usd_per_mtok(double usd_per_hour, double tok_per_s) {
    return tok_per_s > 0 ? usd_per_hour / 3600 / tok_per_s * 1e6 : (double)NAN;
}

/* Staff and one-off costs of an hour, and the pool's part of them, as in a result. */
static double shared_usd_per_hour(const struct resolved_point *point, double gpus_paid) {
    const struct ledger shared = ledger_of_fleet(&point->fleet_cost, gpus_paid, 1);
    return ledger_total_usd(&shared);
}

static double gpus_paid_of(const struct resolved_point *point) {
    double gpus_paid = 0;
    for (size_t p = 0; p < point->sim.pool_count; p++) {
        gpus_paid += (double)point->pools[p].gpus_paid;
    }
    return gpus_paid;
}

/* ---- the fleet ---- */

static bool pool_part(const struct resolved_point *point, size_t pool, struct part *part, struct diags *diags) {
    struct analytic_mix mix;
    if (!analytic_mix_make(point, pool, SAMPLES, &mix, diags)) {
        return false;
    }
    if (mix.workloads == 0) {
        *part = part_nothing(point, pool);
    } else if (is_covered(point, pool, &mix)) {
        *part = part_of(point, pool, &mix);
    } else {
        *part = part_unknown();
    }
    const double gpus_paid = gpus_paid_of(point);
    const double share =
        gpus_paid > 0 ? (double)point->pools[pool].gpus_paid / gpus_paid : 1 / (double)point->sim.pool_count;
    part->usd_per_hour += shared_usd_per_hour(point, gpus_paid) * share;
    part->state.usd_per_mtok_total = usd_per_mtok(part->usd_per_hour, part->tok_per_s);
    return true;
}

/* Sums over pools; latencies by requests. */
struct fleet {
    double requests_per_s, decoding_per_s, ttft, tpot;
    double gpus, load, power_w;
    double tok_per_s, usd_per_hour;
};

static void fleet_add(struct fleet *fleet, const struct part *part, double gpus) {
    fleet->requests_per_s += part->requests_per_s;
    fleet->decoding_per_s += part->decoding_per_s;
    fleet->ttft += part->requests_per_s > 0 ? part->requests_per_s * part->state.ttft_mean_s : 0;
    fleet->tpot += part->decoding_per_s > 0 ? part->decoding_per_s * part->state.tpot_mean_s : 0;
    fleet->gpus += gpus;
    fleet->load += gpus * part->state.load_ratio;
    fleet->power_w += part->state.power_mean_w;
    fleet->tok_per_s += part->tok_per_s;
    fleet->usd_per_hour += part->usd_per_hour;
}

bool analytic_states(const struct resolved_point *point, struct analytic_state *pools, struct analytic_state *fleet,
                     struct diags *diags) {
    struct fleet sum = {0};
    for (size_t p = 0; p < point->sim.pool_count; p++) {
        struct part part;
        if (!pool_part(point, p, &part, diags)) {
            return false;
        }
        pools[p] = part.state;
        fleet_add(&sum, &part, (double)point->pools[p].gpus_paid);
    }
    *fleet = (struct analytic_state){
        .tpot_mean_s = sum.decoding_per_s > 0 ? sum.tpot / sum.decoding_per_s : (double)NAN,
        .ttft_mean_s = sum.requests_per_s > 0 ? sum.ttft / sum.requests_per_s : (double)NAN,
        .load_ratio = sum.gpus > 0 ? sum.load / sum.gpus : (double)NAN,
        .power_mean_w = sum.power_w,
        .usd_per_mtok_total = usd_per_mtok(sum.usd_per_hour, sum.tok_per_s),
    };
    return true;
}

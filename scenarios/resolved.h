/* resolved.h - one point of a scenario, ready to run and to price: what the reader makes and `analysis/` reads.
 *
 * Everything hangs off the point's arena; immutable once made. */
#ifndef TOKENMILL_SCENARIOS_RESOLVED_H
#define TOKENMILL_SCENARIOS_RESOLVED_H

#include <stdbool.h>
#include <stddef.h>

#include "models/ledger.h"
#include "models/profile.h"
#include "models/roofline.h"
#include "sim/config.h"

/* What a result says of a pool beside the engine's own numbers. */
struct pool_facts {
    const char *name;
    const char *gpu;              /* catalogue name, or "" (linear step times without a GPU) */
    const char *model;            /* likewise */
    const char *precision;        /* "bf16", ... or "" */
    bool makes_images;            /* a request is an image */
    bool embeds;                  /* an answer is one vector */
    const char *step_time;        /* "profile", "roofline" or "linear" */
    const char *step_time_status; /* "datasheet", "calibrated", "given" */
    int64_t replicas, tensor_parallel, pipeline_parallel;
    int64_t gpus_placed; /* replicas x gpus per replica */
    int64_t gpus_paid;   /* with node billing: nodes x GPUs a node */
    int64_t nodes;
    bool node_billing;
    double peak_flop_per_s;               /* of one replica, at its precision; 0: unknown */
    double peak_byte_per_s;               /* of one replica; 0: unknown */
    double idle_context_w;                /* one GPU with a model loaded */
    double idle_w;                        /* one GPU without (paid, not placed) */
    double tdp_w;                         /* one GPU */
    double host_w;                        /* one node without its GPUs */
    double pool_host_w;                   /* the hosts that the pool answers for: whole nodes, or its share by GPU */
    double fan_ratio;                     /* what they draw more under load, over the boards' power above idle */
    bool power_known;                     /* false: no GPU named, power and energy are null */
    double weight_byte;                   /* of one replica */
    double kv_byte_per_tok;               /* of one replica */
    bool blocks_given;                    /* num_gpu_blocks is the scenario's, whatever fits */
    const char *memory_arithmetic;        /* how num_gpu_blocks came about, for people */
    const struct roofline_step *roofline; /* what the step times come from; NULL: linear */
    const struct profile_step *profile;   /* likewise; NULL: not calibrated */
    bool error_is_known;                  /* from measured servers; not of given constants, images, ... */
    struct expected_subject expected;     /* then: what its error is taken from, */
    const struct expected_errors *errors; /* and the table; borrowed */
    const char *price_source;             /* "on-demand catalogue price 2.59 USD/h (H100-SXM, ..., 2026-05-24)" */
};

struct workload_facts {
    const char *name;
    bool makes_images; /* its requests are images */
    bool has_price;
    double price_input_usd_per_mtok, price_output_usd_per_mtok;
    double mean_rate_per_s;
};

/* An API to compare with: the bill for this point's own tokens. */
struct api_price {
    const char *name; /* provider/model */
    double usd_per_mtok_input, usd_per_mtok_output;
    const char *source; /* with date */
};

/* Something that the scenario did not say and the result stands on. Printed, stored. */
struct assumption {
    const char *path; /* key path, e.g. "cost.gpu_usd_per_hour" */
    const char *text; /* value, source, date */
};

struct resolved_point {
    struct sim_config sim;
    bool series_is_asked;     /* the scenario has a `series` block */
    struct pool_facts *pools; /* sim.pool_count */
    struct cost_terms *costs; /* sim.pool_count */
    struct fleet_terms fleet_cost;
    struct workload_facts *workloads; /* sim.workload_count */
    double pue, psu_efficiency;
    bool carbon_known;
    double grid_gco2e_per_kwh;
    double out_byte_per_tok; /* answers leaving the site */
    double egress_usd_per_gb;
    struct api_price *apis;
    size_t api_count;
    struct assumption *assumptions;
    size_t assumption_count;
    bool facility_not_included; /* owned, without a facility: said in the table */
    const char *currency;       /* results are in USD; the table may also show this one */
    double usd_per_currency;
    uint64_t *capacity_hash; /* by pool: equal hashes have equal capacity (pool without replicas, mix) */
};

#endif

/* ledger.h - money from a physical bill. No simulation, no time series but the bill's: a change of price needs no run.
 *
 * 8,760 h a year, 730 h a month. All amounts in USD for the bill's window. The formulas are those of docs/semantics.md
 * section 8; each function names its own. Pure. */
#ifndef TOKENMILL_MODELS_LEDGER_H
#define TOKENMILL_MODELS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#define HOURS_PER_YEAR  8760.0
#define HOURS_PER_MONTH 730.0

enum deal { DEAL_ON_DEMAND, DEAL_RESERVED, DEAL_SPOT, DEAL_OWNED, DEAL_COUNT };
const char *deal_name(enum deal deal); /* "on-demand", ... */

enum facility_kind {
    FACILITY_NONE,          /* rental, or owned with "facility: not included" */
    FACILITY_COLO_INCLUDED, /* colocation, power included: committed IT kW x USD/kW-month */
    FACILITY_COLO_METERED,  /* colocation + tariff x PUE, and demand charge if billed */
    FACILITY_OWN_BUILD,     /* annuity of USD per site kW + tariff x PUE, demand charge on site kW */
};

/* What a pool pays for. Physics: no prices in it. */
struct bill {
    double window_h;
    double gpus_paid;   /* GPUs billed: with node billing, all of every node */
    double gpus_placed; /* GPUs in replicas */
    double gpu_hours_paid;
    double gpu_hours_used;  /* inside a step */
    double committed_it_kw; /* nameplate at the wall: (GPUs at TDP + host) / supply efficiency */
    double it_kwh;          /* wall, after the supply */
    double site_kwh;        /* it_kwh x PUE */
    double it_peak_15min_kw;
    double site_peak_15min_kw;
    const double *it_kwh_by_hour; /* hours of the run, window only; borrowed */
    size_t hour_count;
    double gb_out;
    double carbon_kg;
};

/* The price side of one pool. A field that its deal does not use is 0. */
struct cost_terms {
    enum deal deal;
    double gpu_usd_per_hour; /* rental */
    double committed_gpus;   /* reserved: GPUs paid whether used or not */
    double committed_usd_per_hour;
    double system_usd_per_gpu; /* owned: all of it, goes to `hardware` whole; or else the four below */
    double gpu_price_usd, server_usd_per_gpu, network_usd_per_gpu, storage_usd_per_gpu;
    double life_year, discount_rate, residual_ratio;
    double maintenance_ratio_per_year, spares_ratio;
    bool electricity_included;
    double electricity_usd_per_kwh;
    double demand_usd_per_kw_month;
    enum facility_kind facility;
    double facility_usd_per_kw_month;                                            /* colocation */
    double facility_usd_per_site_kw, facility_life_year, facility_discount_rate; /* own build */
    double software_usd_per_gpu_year;
    double egress_usd_per_gb;
    double carbon_usd_per_t;
};

/* The price side of the whole fleet, shared out by paid GPUs. */
struct fleet_terms {
    double fte_min, fte_per_gpu, loaded_usd_per_fte_year;
    double one_off_usd, one_off_life_year; /* straight line */
};

/* The ledger: fixed, additive keys. */
enum ledger_key {
    LEDGER_HARDWARE,
    LEDGER_COMMITMENT_UNUSED,
    LEDGER_SERVERS,
    LEDGER_NETWORK_EQUIPMENT,
    LEDGER_STORAGE,
    LEDGER_MAINTENANCE,
    LEDGER_SPARES,
    LEDGER_ELECTRICITY_ENERGY,
    LEDGER_ELECTRICITY_DEMAND,
    LEDGER_FACILITY,
    LEDGER_EGRESS,
    LEDGER_STAFF,
    LEDGER_SOFTWARE,
    LEDGER_ONE_OFF,
    LEDGER_CARBON_PRICE,
    LEDGER_KEY_COUNT
};

const char *ledger_key_name(enum ledger_key key); /* "hardware", ... */

struct ledger {
    double usd[LEDGER_KEY_COUNT];
};

/* Capital recovery, USD a year: (I - S/(1+r)^n) r / (1 - (1+r)^-n), paid at year's end; r = 0: (I - S)/n.
 * Check value: I 30000, S 0, r 0.1, n 5 -> 7913.92. Source: any text on engineering economics. */
double annuity_usd_per_year(double investment_usd, double salvage_usd, double rate, double life_year);

/* One pool's ledger; staff and one-off stay 0.
 *     on-demand, spot  hardware = GPU-hours paid x price
 *     reserved         hardware = committed hours used x their price + hours above x on-demand price; the committed
 *     hours not
 *                      used go to commitment_unused
 *     owned            hardware, servers, network, storage: annuities / 8,760 x window; maintenance = ratio x
 *     purchase price a year;
 *                      spares = ratio x the GPUs' annuity
 * Own build: committed IT kW x (site kWh / IT kWh) x USD per site kW, as an annuity. A demand charge is on the
 * site's peak. Check value: 1,814 GPUs at 2 USD/h for a day: 87,072 USD (DeepSeek's published day). */
struct ledger ledger_of_pool(const struct bill *bill, const struct cost_terms *terms);

/* Staff and one-off costs of the fleet for `window_h`, given all paid GPUs. */
struct ledger ledger_of_fleet(const struct fleet_terms *terms, double gpus_paid, double window_h);

void ledger_add(struct ledger *into, const struct ledger *from, double factor);
double ledger_total_usd(const struct ledger *ledger);

#endif

#include "models/ledger.h"

#include <math.h>

#include "base/check.h"
#include "base/fmath.h"

const char *deal_name(enum deal deal) {
    static const char *const names[DEAL_COUNT] = {"on-demand", "reserved", "spot", "owned"};
    CHECK((unsigned)deal < DEAL_COUNT);
    return names[deal];
}

const char *ledger_key_name(enum ledger_key key) {
    static const char *const names[LEDGER_KEY_COUNT] = {"hardware",
                                                        "commitment_unused",
                                                        "servers",
                                                        "network_equipment",
                                                        "storage",
                                                        "maintenance",
                                                        "spares",
                                                        "electricity_energy",
                                                        "electricity_demand",
                                                        "facility",
                                                        "egress",
                                                        "staff",
                                                        "software",
                                                        "one_off",
                                                        "carbon_price"};
    CHECK((unsigned)key < LEDGER_KEY_COUNT);
    return names[key];
}

double annuity_usd_per_year(double investment_usd, double salvage_usd, double rate, double life_year) {
    CHECK(life_year > 0 && rate >= 0);
    if (rate == 0) {
        return (investment_usd - salvage_usd) / life_year;
    }
    double log_growth = fm_log1p(rate) * life_year;
    double discount = fm_exp(-log_growth); /* (1 + r)^-n */
    return (investment_usd - salvage_usd * discount) * rate / -fm_expm1(-log_growth);
}

/* Rental: what is used is `hardware`; what is committed and not used is `commitment_unused`. */
static void rental(struct ledger *ledger, const struct bill *bill, const struct cost_terms *terms) {
    if (terms->deal != DEAL_RESERVED) {
        ledger->usd[LEDGER_HARDWARE] = bill->gpu_hours_paid * terms->gpu_usd_per_hour;
        return;
    }
    double committed_hours = terms->committed_gpus * bill->window_h;
    double covered_hours = fmin(committed_hours, bill->gpu_hours_paid);
    double above_hours = bill->gpu_hours_paid - covered_hours;
    ledger->usd[LEDGER_HARDWARE] =
        covered_hours * terms->committed_usd_per_hour + above_hours * terms->gpu_usd_per_hour;
    ledger->usd[LEDGER_COMMITMENT_UNUSED] = (committed_hours - covered_hours) * terms->committed_usd_per_hour;
}

/* USD for the window of an investment per GPU, in all GPUs. */
static double owned_usd(const struct bill *bill, const struct cost_terms *terms, double usd_per_gpu) {
    double investment_usd = usd_per_gpu * bill->gpus_paid;
    double salvage_usd = investment_usd * terms->residual_ratio;
    double usd_per_year = annuity_usd_per_year(investment_usd, salvage_usd, terms->discount_rate, terms->life_year);
    return usd_per_year / HOURS_PER_YEAR * bill->window_h;
}

static void owned(struct ledger *ledger, const struct bill *bill, const struct cost_terms *terms) {
    bool whole = terms->system_usd_per_gpu > 0;
    double gpu_usd = whole ? terms->system_usd_per_gpu : terms->gpu_price_usd;
    double other_usd = whole ? 0 : terms->server_usd_per_gpu + terms->network_usd_per_gpu + terms->storage_usd_per_gpu;
    double it_usd = (gpu_usd + other_usd) * bill->gpus_paid;
    ledger->usd[LEDGER_HARDWARE] = owned_usd(bill, terms, gpu_usd);
    if (!whole) {
        ledger->usd[LEDGER_SERVERS] = owned_usd(bill, terms, terms->server_usd_per_gpu);
        ledger->usd[LEDGER_NETWORK_EQUIPMENT] = owned_usd(bill, terms, terms->network_usd_per_gpu);
        ledger->usd[LEDGER_STORAGE] = owned_usd(bill, terms, terms->storage_usd_per_gpu);
    }
    ledger->usd[LEDGER_MAINTENANCE] = terms->maintenance_ratio_per_year * it_usd / HOURS_PER_YEAR * bill->window_h;
    ledger->usd[LEDGER_SPARES] = terms->spares_ratio * ledger->usd[LEDGER_HARDWARE];
}

static void electricity(struct ledger *ledger, const struct bill *bill, const struct cost_terms *terms) {
    if (terms->electricity_included) {
        return;
    }
    double months = bill->window_h / HOURS_PER_MONTH;
    ledger->usd[LEDGER_ELECTRICITY_ENERGY] = bill->site_kwh * terms->electricity_usd_per_kwh;
    ledger->usd[LEDGER_ELECTRICITY_DEMAND] = bill->site_peak_15min_kw * terms->demand_usd_per_kw_month * months;
}

/* Site kW of an own build: what is committed, at the run's ratio of site to IT energy (PUE). */
static double site_kw(const struct bill *bill) {
    double pue = bill->it_kwh > 0 ? bill->site_kwh / bill->it_kwh : 1;
    return bill->committed_it_kw * pue;
}

static void facility(struct ledger *ledger, const struct bill *bill, const struct cost_terms *terms) {
    double months = bill->window_h / HOURS_PER_MONTH;
    switch (terms->facility) {
    case FACILITY_NONE: break;
    case FACILITY_COLO_INCLUDED:
    case FACILITY_COLO_METERED:
        ledger->usd[LEDGER_FACILITY] = bill->committed_it_kw * terms->facility_usd_per_kw_month * months;
        break;
    case FACILITY_OWN_BUILD:
        ledger->usd[LEDGER_FACILITY] = annuity_usd_per_year(terms->facility_usd_per_site_kw * site_kw(bill), 0,
                                                            terms->facility_discount_rate, terms->facility_life_year) /
                                       HOURS_PER_YEAR * bill->window_h;
        break;
    }
}

struct ledger ledger_of_pool(const struct bill *bill, const struct cost_terms *terms) {
    struct ledger ledger = {{0}};
    if (terms->deal == DEAL_OWNED) {
        owned(&ledger, bill, terms);
    } else {
        rental(&ledger, bill, terms);
    }
    electricity(&ledger, bill, terms);
    facility(&ledger, bill, terms);
    ledger.usd[LEDGER_EGRESS] = bill->gb_out * terms->egress_usd_per_gb;
    ledger.usd[LEDGER_SOFTWARE] = terms->software_usd_per_gpu_year * bill->gpus_paid / HOURS_PER_YEAR * bill->window_h;
    ledger.usd[LEDGER_CARBON_PRICE] = bill->carbon_kg / 1000 * terms->carbon_usd_per_t;
    return ledger;
}

struct ledger ledger_of_fleet(const struct fleet_terms *terms, double gpus_paid, double window_h) {
    struct ledger ledger = {{0}};
    double fte = fmax(terms->fte_min, terms->fte_per_gpu * gpus_paid);
    ledger.usd[LEDGER_STAFF] = fte * terms->loaded_usd_per_fte_year / HOURS_PER_YEAR * window_h;
    if (terms->one_off_usd > 0) {
        ledger.usd[LEDGER_ONE_OFF] =
            annuity_usd_per_year(terms->one_off_usd, 0, 0, terms->one_off_life_year) / HOURS_PER_YEAR * window_h;
    }
    return ledger;
}

void ledger_add(struct ledger *into, const struct ledger *from, double factor) {
    for (int i = 0; i < LEDGER_KEY_COUNT; i++) {
        into->usd[i] += factor * from->usd[i];
    }
}

double ledger_total_usd(const struct ledger *ledger) {
    double total = 0;
    for (int i = 0; i < LEDGER_KEY_COUNT; i++) {
        total += ledger->usd[i];
    }
    return total;
}

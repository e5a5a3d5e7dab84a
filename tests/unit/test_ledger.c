/* The ledger's formulas, each worked by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "models/carbon.h"
#include "models/ledger.h"

static void assert_near(double got, double wanted) {
    if (!(fabs(got - wanted) <= 1e-9 * fabs(wanted) + 1e-12)) {
        fail_msg("%.17g, not %.17g", got, wanted);
    }
}

/* 30,000 x 0.1 / (1 - 1.1^-5) = 3,000 / 0.379078677 = 7,913.924 a year. */
static void annuity_recovers_capital_with_interest(void **state) {
    (void)state;
    double growth = 1.1 * 1.1 * 1.1 * 1.1 * 1.1;
    assert_near(annuity_usd_per_year(30000, 0, 0.1, 5), 3000 / (1 - 1 / growth));
    assert_true(fabs(annuity_usd_per_year(30000, 0, 0.1, 5) - 7913.92) < 0.01);
}

/* (30,000 - 6,000 / 1.61051) x 0.2637975 = 6,931.14 a year. */
static void salvage_is_discounted(void **state) {
    (void)state;
    assert_true(fabs(annuity_usd_per_year(30000, 6000, 0.1, 5) - 6931.14) < 0.01);
}

static void without_interest_the_annuity_is_a_straight_line(void **state) {
    (void)state;
    assert_near(annuity_usd_per_year(30000, 6000, 0, 5), 4800);
    assert_true(fabs(annuity_usd_per_year(30000, 6000, 1e-9, 5) - 4800) < 1e-3);
}

/* Paid back in full: the annuity's present value over n years is the investment less the discounted salvage. */
static void annuity_has_the_present_value_of_the_investment(void **state) {
    (void)state;
    double payment = annuity_usd_per_year(100000, 20000, 0.07, 4);
    double value = 20000 / (1.07 * 1.07 * 1.07 * 1.07);
    double discount = 1;
    for (int year = 1; year <= 4; year++) {
        discount /= 1.07;
        value += payment * discount;
    }
    assert_true(fabs(value - 100000) < 1e-6);
}

/* DeepSeek's published day: 226.75 nodes of 8 GPUs at 2 USD/h, 24 h = 87,072 USD. */
static void rental_is_paid_hours_times_price(void **state) {
    (void)state;
    struct bill bill = {.window_h = 24, .gpus_paid = 1814, .gpu_hours_paid = 226.75 * 8 * 24};
    struct cost_terms terms = {.deal = DEAL_ON_DEMAND, .gpu_usd_per_hour = 2, .electricity_included = true};
    struct ledger ledger = ledger_of_pool(&bill, &terms);
    assert_near(ledger.usd[LEDGER_HARDWARE], 87072);
    assert_near(ledger_total_usd(&ledger), 87072);
}

/* 16 GPUs committed for 100 h at 1.50: 10 used -> 1,500 and 900 unused; 20 used -> 2,400 and 400 h at 2.59. */
static void a_commitment_is_paid_used_or_not(void **state) {
    (void)state;
    struct cost_terms terms = {.deal = DEAL_RESERVED,
                               .committed_gpus = 16,
                               .committed_usd_per_hour = 1.5,
                               .gpu_usd_per_hour = 2.59,
                               .electricity_included = true};
    struct bill bill = {.window_h = 100, .gpus_paid = 10, .gpu_hours_paid = 1000};
    struct ledger ledger = ledger_of_pool(&bill, &terms);
    assert_near(ledger.usd[LEDGER_HARDWARE], 1500);
    assert_near(ledger.usd[LEDGER_COMMITMENT_UNUSED], 900);
    bill.gpu_hours_paid = 2000;
    ledger = ledger_of_pool(&bill, &terms);
    assert_near(ledger.usd[LEDGER_HARDWARE], 2400 + 400 * 2.59);
    assert_near(ledger.usd[LEDGER_COMMITMENT_UNUSED], 0);
}

/* 8 GPUs at 40,000, five years, a month of 730 h: 64,000 / 12. */
static void a_whole_system_goes_to_hardware(void **state) {
    (void)state;
    struct bill bill = {.window_h = HOURS_PER_MONTH, .gpus_paid = 8};
    struct cost_terms terms = {.deal = DEAL_OWNED, .system_usd_per_gpu = 40000, .life_year = 5};
    struct ledger ledger = ledger_of_pool(&bill, &terms);
    assert_near(ledger.usd[LEDGER_HARDWARE], 64000.0 / 12);
    assert_near(ledger_total_usd(&ledger), 64000.0 / 12);
}

/* A year of 8 GPUs over 4 years: GPUs 30,000 -> 60,000; servers 8,000 -> 16,000; network 4,000 -> 8,000; storage 1,000 ->
 * 2,000; maintenance 5 % of 344,000 = 17,200; spares 10 % of the GPUs' annuity = 6,000. */
static void owned_parts_have_their_own_keys(void **state) {
    (void)state;
    struct bill bill = {.window_h = HOURS_PER_YEAR, .gpus_paid = 8};
    struct cost_terms terms = {.deal = DEAL_OWNED,
                               .gpu_price_usd = 30000,
                               .server_usd_per_gpu = 8000,
                               .network_usd_per_gpu = 4000,
                               .storage_usd_per_gpu = 1000,
                               .life_year = 4,
                               .maintenance_ratio_per_year = 0.05,
                               .spares_ratio = 0.1};
    struct ledger ledger = ledger_of_pool(&bill, &terms);
    assert_near(ledger.usd[LEDGER_HARDWARE], 60000);
    assert_near(ledger.usd[LEDGER_SERVERS], 16000);
    assert_near(ledger.usd[LEDGER_NETWORK_EQUIPMENT], 8000);
    assert_near(ledger.usd[LEDGER_STORAGE], 2000);
    assert_near(ledger.usd[LEDGER_MAINTENANCE], 17200);
    assert_near(ledger.usd[LEDGER_SPARES], 6000);
}

static void residual_lowers_the_annuity(void **state) {
    (void)state;
    struct bill bill = {.window_h = HOURS_PER_YEAR, .gpus_paid = 1};
    struct cost_terms terms = {
        .deal = DEAL_OWNED, .system_usd_per_gpu = 30000, .life_year = 5, .discount_rate = 0.1, .residual_ratio = 0.2};
    struct ledger ledger = ledger_of_pool(&bill, &terms);
    assert_true(fabs(ledger.usd[LEDGER_HARDWARE] - 6931.14) < 0.01);
}

/* 1,000 site kWh at 0.08; 10 kW peak at 15 USD/kW-month for half a month. */
static void electricity_is_energy_and_peak_of_the_site(void **state) {
    (void)state;
    struct bill bill = {
        .window_h = 365, .it_kwh = 800, .site_kwh = 1000, .it_peak_15min_kw = 8, .site_peak_15min_kw = 10};
    struct cost_terms terms = {
        .deal = DEAL_OWNED, .life_year = 5, .electricity_usd_per_kwh = 0.08, .demand_usd_per_kw_month = 15};
    struct ledger ledger = ledger_of_pool(&bill, &terms);
    assert_near(ledger.usd[LEDGER_ELECTRICITY_ENERGY], 80);
    assert_near(ledger.usd[LEDGER_ELECTRICITY_DEMAND], 75);
    terms.electricity_included = true;
    ledger = ledger_of_pool(&bill, &terms);
    assert_near(ledger_total_usd(&ledger), 0);
}

/* 10.2 kW committed at 184 USD/kW-month (CBRE): 1,876.80 a month. */
static void colocation_is_committed_kilowatts(void **state) {
    (void)state;
    struct bill bill = {.window_h = HOURS_PER_MONTH, .committed_it_kw = 10.2};
    struct cost_terms terms = {.deal = DEAL_OWNED,
                               .life_year = 5,
                               .electricity_included = true,
                               .facility = FACILITY_COLO_INCLUDED,
                               .facility_usd_per_kw_month = 184};
    struct ledger ledger = ledger_of_pool(&bill, &terms);
    assert_near(ledger.usd[LEDGER_FACILITY], 1876.8);
    assert_near(ledger_total_usd(&ledger), 1876.8);
}

/* 10 kW x 1.2 x 10,000 USD per site kW over 14 years: 8,571.43 a year. */
static void an_own_build_is_an_annuity_of_site_kilowatts(void **state) {
    (void)state;
    struct bill bill = {.window_h = HOURS_PER_YEAR, .committed_it_kw = 10, .it_kwh = 50000, .site_kwh = 60000};
    struct cost_terms terms = {.deal = DEAL_OWNED,
                               .life_year = 5,
                               .facility = FACILITY_OWN_BUILD,
                               .facility_usd_per_site_kw = 10000,
                               .facility_life_year = 14};
    struct ledger ledger = ledger_of_pool(&bill, &terms);
    assert_near(ledger.usd[LEDGER_FACILITY], 120000.0 / 14);
}

/* 100 GB at 0.09; 8 GPUs at 1,000 a year; 1,000 kg at 50 USD/t. */
static void egress_software_and_carbon_have_their_prices(void **state) {
    (void)state;
    struct bill bill = {.window_h = HOURS_PER_YEAR, .gpus_paid = 8, .gb_out = 100, .carbon_kg = 1000};
    struct cost_terms terms = {.deal = DEAL_ON_DEMAND,
                               .electricity_included = true,
                               .egress_usd_per_gb = 0.09,
                               .software_usd_per_gpu_year = 1000,
                               .carbon_usd_per_t = 50};
    struct ledger ledger = ledger_of_pool(&bill, &terms);
    assert_near(ledger.usd[LEDGER_EGRESS], 9);
    assert_near(ledger.usd[LEDGER_SOFTWARE], 8000);
    assert_near(ledger.usd[LEDGER_CARBON_PRICE], 50);
}

/* Half a person per 8 GPUs: 16 GPUs, one person, 175,200 a year, a day: 480. One-off 36,500 over 5 years, a day: 20. */
static void staff_is_the_greater_of_minimum_and_share(void **state) {
    (void)state;
    struct fleet_terms terms = {.fte_min = 0.5,
                                .fte_per_gpu = 0.0625,
                                .loaded_usd_per_fte_year = 175200,
                                .one_off_usd = 36500,
                                .one_off_life_year = 5};
    struct ledger ledger = ledger_of_fleet(&terms, 16, 24);
    assert_near(ledger.usd[LEDGER_STAFF], 480);
    assert_near(ledger.usd[LEDGER_ONE_OFF], 20);
    ledger = ledger_of_fleet(&terms, 4, 24);
    assert_near(ledger.usd[LEDGER_STAFF], 240);
}

static void carbon_is_energy_times_intensity(void **state) {
    (void)state;
    assert_near(carbon_kgco2e(1000, 369.5), 369.5);
}

static void ledgers_add_up(void **state) {
    (void)state;
    struct ledger sum = {{0}};
    struct ledger one = {{0}};
    one.usd[LEDGER_HARDWARE] = 10;
    one.usd[LEDGER_STAFF] = 4;
    ledger_add(&sum, &one, 1);
    ledger_add(&sum, &one, 0.5);
    assert_near(ledger_total_usd(&sum), 21);
    assert_string_equal(ledger_key_name(LEDGER_CARBON_PRICE), "carbon_price");
    assert_string_equal(ledger_key_name(LEDGER_ELECTRICITY_DEMAND), "electricity_demand");
    assert_string_equal(deal_name(DEAL_ON_DEMAND), "on-demand");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(annuity_recovers_capital_with_interest),
        cmocka_unit_test(salvage_is_discounted),
        cmocka_unit_test(without_interest_the_annuity_is_a_straight_line),
        cmocka_unit_test(annuity_has_the_present_value_of_the_investment),
        cmocka_unit_test(rental_is_paid_hours_times_price),
        cmocka_unit_test(a_commitment_is_paid_used_or_not),
        cmocka_unit_test(a_whole_system_goes_to_hardware),
        cmocka_unit_test(owned_parts_have_their_own_keys),
        cmocka_unit_test(residual_lowers_the_annuity),
        cmocka_unit_test(electricity_is_energy_and_peak_of_the_site),
        cmocka_unit_test(colocation_is_committed_kilowatts),
        cmocka_unit_test(an_own_build_is_an_annuity_of_site_kilowatts),
        cmocka_unit_test(egress_software_and_carbon_have_their_prices),
        cmocka_unit_test(staff_is_the_greater_of_minimum_and_share),
        cmocka_unit_test(carbon_is_energy_times_intensity),
        cmocka_unit_test(ledgers_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Numbers with units. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/quantity.h"

static double parsed(const char *text, const char *unit) {
    double value = -1;
    assert_int_equal(quantity_parse(span_of(text), unit, &value), QUANTITY_OK);
    return value;
}

static void assert_quantity(const char *text, const char *unit, double expected) {
    assert_true(parsed(text, unit) == expected);
}

static void assert_status(const char *text, const char *unit, enum quantity_status expected) {
    double value = 17;
    assert_int_equal(quantity_parse(span_of(text), unit, &value), expected);
    assert_true(value == 17);
}

static void a_plain_number_is_in_the_wanted_unit(void **state) {
    (void)state;
    assert_quantity("12", "1/s", 12);
    assert_quantity("-0.5", "", -0.5);
    assert_quantity("1e3", "W", 1000);
}

static void times_convert_to_the_nearest_double(void **state) {
    (void)state;
    assert_quantity("50ms", "s", 0.05);
    assert_quantity("7us", "s", 7e-6);
    assert_quantity("24h", "s", 86400);
    assert_quantity("7d", "s", 604800);
    assert_quantity("5 years", "s", 5 * 8760 * 3600.0);
    assert_quantity("5y", "year", 5);
    assert_quantity("60 months", "year", 5);
}

static void rates_and_prices_have_what_stands_below_the_slash(void **state) {
    (void)state;
    assert_quantity("0.25/s", "1/s", 0.25);
    assert_quantity("240/min", "1/s", 4);
    assert_quantity("10m", "s", 600);
    assert_quantity("12 requests/s", "1/s", 12);
    assert_quantity("0.08 USD/kWh", "USD/kWh", 0.08);
    assert_quantity("80 USD/MWh", "USD/kWh", 0.08);
    assert_quantity("2.59 USD/h", "USD/h", 2.59);
    assert_quantity("12 USD/kW-month", "USD/kW-month", 12);
}

static void sizes_power_and_shares_convert(void **state) {
    (void)state;
    assert_quantity("80GB", "GB", 80);
    assert_quantity("1GiB", "GB", 1.073741824);
    assert_quantity("0.7kW", "W", 700);
    assert_quantity("20%", "ratio", 0.2);
    assert_quantity("0.2", "ratio", 0.2);
    assert_quantity("2 Mtok", "tok", 2e6);
}

static void what_is_no_quantity_is_said_to_be_so(void **state) {
    (void)state;
    assert_status("", "s", QUANTITY_NOT_A_NUMBER);
    assert_status("fast", "s", QUANTITY_NOT_A_NUMBER);
    assert_status("s", "s", QUANTITY_NOT_A_NUMBER);
    assert_status("7 parsecs", "s", QUANTITY_UNKNOWN_UNIT);
    assert_status("0x10", "s", QUANTITY_UNKNOWN_UNIT);
    assert_status("3 GB", "s", QUANTITY_WRONG_UNIT);
    assert_status("4 s", "1/s", QUANTITY_WRONG_UNIT);
    assert_status("4 s", "", QUANTITY_NEEDS_NO_UNIT);
    assert_status("20%", "", QUANTITY_NEEDS_NO_UNIT);
}

static void every_example_reads_in_its_unit(void **state) {
    (void)state;
    static const char *const units[] = {"s", "1/s", "year", "ratio", "USD/h", "USD/kWh", "GB", "W"};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct span rest = span_of(quantity_examples(units[i]));
        assert_true(rest.size > 0);
        while (rest.size > 0) {
            const char *comma = memchr(rest.data, ',', rest.size);
            size_t size = comma == NULL ? rest.size : (size_t)(comma - rest.data);
            double value;
            assert_int_equal(quantity_parse((struct span){rest.data, size}, units[i], &value), QUANTITY_OK);
            size_t used = comma == NULL ? size : size + 1;
            rest = (struct span){rest.data + used, rest.size - used};
        }
    }
}

static void a_quantity_is_written_as_a_person_would(void **state) {
    (void)state;
    char text[64];
    quantity_format(4, "1/s", text, sizeof(text));
    assert_string_equal(text, "4/s");
    quantity_format(0.08, "USD/kWh", text, sizeof(text));
    assert_string_equal(text, "0.08 USD/kWh");
    quantity_format(2.5, "ratio", text, sizeof(text));
    assert_string_equal(text, "2.5");
    quantity_format(0.5, "s", text, sizeof(text));
    assert_string_equal(text, "0.5s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_number_is_in_the_wanted_unit),
        cmocka_unit_test(times_convert_to_the_nearest_double),
        cmocka_unit_test(rates_and_prices_have_what_stands_below_the_slash),
        cmocka_unit_test(sizes_power_and_shares_convert),
        cmocka_unit_test(what_is_no_quantity_is_said_to_be_so),
        cmocka_unit_test(every_example_reads_in_its_unit),
        cmocka_unit_test(a_quantity_is_written_as_a_person_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

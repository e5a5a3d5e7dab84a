/* Generated arrivals against closed forms, GSL's distributions and an independent change of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

#include "base/sampler.h"
#include "sim/arrivals.h"
#include "sim/clock.h"
#include "sim/time_change.h"

enum { SAMPLES = 40000 };

/* Kolmogorov-Smirnov at 99.9 %. */
static const double ks_limit = 1.95 / 200.0;

static struct arrival_source *source_of(const struct arrival_spec *spec, uint64_t seed) {
    struct arrival_factory factory = arrival_spec_factory(spec);
    return factory.open(factory.context, seed, 0, NULL);
}

static int64_t next_key(struct arrival_source *source) {
    struct arrival arrival;
    assert_int_equal(source->type->next(source, KEY_NEVER, &arrival, NULL), ARRIVAL_READY);
    return arrival.key;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Gaps of the process in seconds, in order. */
static double *gaps_of(const struct arrival_spec *spec) {
    struct arrival_source *source = source_of(spec, 11);
    double *gaps = calloc(SAMPLES, sizeof(*gaps));
    int64_t before = 0;
    for (int i = 0; i < SAMPLES; i++) {
        int64_t key = next_key(source);
        assert_true(key >= before);
        gaps[i] = (double)(key - before) / (double)KEY_PER_S;
        before = key;
    }
    source->type->free(source);
    return gaps;
}

/* Greatest distance of the sorted sample from a Gamma distribution. */
static double gamma_distance(double *gaps, double shape, double scale) {
    qsort(gaps, SAMPLES, sizeof(*gaps), compare_doubles);
    double worst = 0.0;
    for (int i = 0; i < SAMPLES; i++) {
        double p = gsl_cdf_gamma_P(gaps[i], shape, scale);
        worst = fmax(worst, fmax(fabs(p - (double)i / SAMPLES), fabs((i + 1.0) / SAMPLES - p)));
    }
    return worst;
}

static void check_gamma(double cv) {
    struct arrival_spec spec = {.name = "g", .process = ARRIVAL_GAMMA, .rate_per_s = 4.0, .cv = cv};
    double *gaps = gaps_of(&spec);
    double sum = 0.0;
    double squares = 0.0;
    for (int i = 0; i < SAMPLES; i++) {
        sum += gaps[i];
        squares += gaps[i] * gaps[i];
    }
    double mean = sum / SAMPLES;
    double sd = sqrt(squares / SAMPLES - mean * mean);
    assert_true(fabs(mean - 0.25) < 3.3 * 0.25 * cv / 200.0);
    assert_true(fabs(sd / mean / cv - 1.0) < 0.05 * fmax(1.0, cv));
    assert_true(gamma_distance(gaps, 1.0 / (cv * cv), 0.25 * cv * cv) < ks_limit);
    free(gaps);
}

static void gamma_gaps_follow_gsl_below_and_above_shape_one(void **state) {
    (void)state;
    check_gamma(0.3);
    check_gamma(1.0);
    check_gamma(1.05);
    check_gamma(2.0);
}

static void poisson_gaps_are_exponential(void **state) {
    (void)state;
    struct arrival_spec spec = {.name = "p", .process = ARRIVAL_POISSON, .rate_per_s = 1234.5};
    double *gaps = gaps_of(&spec);
    assert_true(gamma_distance(gaps, 1.0, 1.0 / 1234.5) < ks_limit);
    free(gaps);
}

static void constant_arrivals_lie_at_multiples_of_the_gap(void **state) {
    (void)state;
    struct arrival_spec spec = {.name = "c", .process = ARRIVAL_CONSTANT, .rate_per_s = 3.0};
    struct arrival_source *source = source_of(&spec, 1);
    for (int64_t n = 0; n < 100000; n++) {
        int64_t exact = (int64_t)(((i128)n * KEY_PER_S * 2 + 3) / 6); /* n / 3 s, to the nearest key */
        assert_int_equal(next_key(source), exact);
    }
    source->type->free(source);
}

static void a_window_of_t_seconds_holds_rate_times_t_constant_arrivals(void **state) {
    (void)state;
    struct arrival_spec spec = {.name = "c", .process = ARRIVAL_CONSTANT, .rate_per_s = 2.5};
    struct arrival_source *source = source_of(&spec, 1);
    struct arrival arrival;
    int64_t emitted = 0;
    while (source->type->next(source, key_of_s(60.0), &arrival, NULL) == ARRIVAL_READY) {
        assert_int_equal(arrival.draw, emitted);
        emitted++;
    }
    assert_int_equal(emitted, 150);
    assert_int_equal(source->counts.read, 150);
    assert_int_equal(source->type->next(source, key_of_s(60.0), &arrival, NULL), ARRIVAL_END);
    assert_int_equal(source->counts.read, 150);
    source->type->free(source);
}

static void rate_zero_and_rates_slower_than_the_clock_end_at_once(void **state) {
    (void)state;
    static const double rates[] = {0.0, 1e-300, 1e-12};
    for (size_t i = 0; i < 3; i++) {
        struct arrival_spec spec = {.name = "z", .process = ARRIVAL_POISSON, .rate_per_s = rates[i]};
        struct arrival_source *source = source_of(&spec, 1);
        struct arrival arrival;
        assert_int_equal(source->type->next(source, KEY_NEVER, &arrival, NULL), ARRIVAL_END);
        source->type->free(source);
    }
}

static void the_stream_is_keyed_by_seed_and_name(void **state) {
    (void)state;
    struct arrival_spec chat = {.name = "chat", .process = ARRIVAL_POISSON, .rate_per_s = 1.0};
    struct arrival_spec code = chat;
    code.name = "code";
    struct arrival_source *sources[] = {source_of(&chat, 1), source_of(&chat, 1), source_of(&chat, 2),
                                        source_of(&code, 1)};
    int64_t keys[4];
    for (size_t i = 0; i < 4; i++) {
        keys[i] = next_key(sources[i]);
        sources[i]->type->free(sources[i]);
    }
    assert_int_equal(keys[0], keys[1]);
    assert_int_not_equal(keys[0], keys[2]);
    assert_int_not_equal(keys[0], keys[3]);
}

static void twice_the_rate_halves_every_instant(void **state) {
    (void)state;
    struct arrival_spec slow = {.name = "s", .process = ARRIVAL_GAMMA, .cv = 1.7, .rate_per_s = 1.0};
    struct arrival_spec fast = slow;
    fast.rate_per_s = 2.0;
    struct arrival_source *a = source_of(&slow, 3);
    struct arrival_source *b = source_of(&fast, 3);
    for (int i = 0; i < 1000; i++) {
        assert_true(llabs(next_key(a) - 2 * next_key(b)) <= 2);
    }
    a->type->free(a);
    b->type->free(b);
}

/* The definition, one draw at a time: gaps are rounded to the clock's unit and summed, the instant to the nearest key. */
static void gaps_drawn_ahead_are_the_draws_of_their_ordinals(void **state) {
    (void)state;
    struct arrival_spec poisson = {.name = "p", .process = ARRIVAL_POISSON, .rate_per_s = 3.0};
    struct arrival_spec gamma = {.name = "g", .process = ARRIVAL_GAMMA, .cv = 2.0, .rate_per_s = 3.0};
    struct random_stream poisson_stream = random_stream_make(5, 0, RANDOM_ARRIVAL, "p");
    struct random_stream gamma_stream = random_stream_make(5, 0, RANDOM_ARRIVAL, "g");
    struct sampler_gamma shape = sampler_gamma_make(0.25);
    struct arrival_source *sources[] = {source_of(&poisson, 5), source_of(&gamma, 5)};
    i128 instants[2] = {0, 0};
    for (uint64_t n = 0; n < 5000; n++) {
        instants[0] += (i128)nearbyint(sampler_exponential(poisson_stream, n) * (UNIT_PER_S / 3.0));
        instants[1] += (i128)nearbyint(sampler_gamma(&shape, gamma_stream, n) * (UNIT_PER_S / 3.0 / 0.25));
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(next_key(sources[i]), key_of_instant(instants[i] + ((i128)1 << (KEY_SHIFT - 1))));
        }
    }
    sources[0]->type->free(sources[0]);
    sources[1]->type->free(sources[1]);
}

static void every_cpu_level_gives_the_same_arrivals(void **state) {
    (void)state;
    struct arrival_spec spec = {.name = "g", .process = ARRIVAL_GAMMA, .cv = 1.5, .rate_per_s = 3.0};
    struct arrival_source *sources[CPU_LEVEL_COUNT];
    const int levels = (int)cpu_level_highest() + 1;
    for (int i = 0; i < levels; i++) {
        assert_int_equal(setenv("TOKENMILL_CPU_LEVEL", cpu_level_name((enum cpu_level)i), 1), 0);
        sources[i] = source_of(&spec, 5);
    }
    assert_int_equal(unsetenv("TOKENMILL_CPU_LEVEL"), 0);
    for (int n = 0; n < 5000; n++) {
        int64_t key = next_key(sources[0]);
        for (int i = 1; i < levels; i++) {
            assert_int_equal(next_key(sources[i]), key);
        }
    }
    for (int i = 0; i < levels; i++) {
        sources[i]->type->free(sources[i]);
    }
}

static void an_unknown_cpu_level_is_an_error(void **state) {
    (void)state;
    struct arrival_spec spec = {.name = "p", .process = ARRIVAL_POISSON, .rate_per_s = 3.0};
    struct arrival_factory factory = arrival_spec_factory(&spec);
    struct diags *diags = diags_new();
    assert_int_equal(setenv("TOKENMILL_CPU_LEVEL", "mmx", 1), 0);
    assert_null(factory.open(factory.context, 1, 0, diags));
    assert_int_equal(unsetenv("TOKENMILL_CPU_LEVEL"), 0);
    assert_int_equal(diags_error_count(diags), 1);
    diags_free(diags);
}

static const double day[PROFILE_DAY_HOURS] = {0,   0.25, 0.5, 1, 2, 3, 4, 0, 0, 1, 1.5, 0.125,
                                              2.5, 1,    1,   1, 1, 1, 1, 1, 1, 1, 0.5, 0};

static double day_sum(void) {
    double sum = 0.0;
    for (int i = 0; i < PROFILE_DAY_HOURS; i++) {
        sum += day[i];
    }
    return sum;
}

/* A constant base puts exactly Lambda(hour) arrivals into each hour, to within one. */
static void each_hour_holds_its_share_of_the_day(void **state) {
    (void)state;
    struct arrival_spec spec = {.name = "d", .process = ARRIVAL_CONSTANT, .rate_per_s = 2.0};
    spec.profile = day;
    spec.profile_count = PROFILE_DAY_HOURS;
    struct arrival_source *source = source_of(&spec, 1);
    struct arrival arrival;
    int64_t counts[48] = {0};
    while (source->type->next(source, key_of_s(172800.0), &arrival, NULL) == ARRIVAL_READY) {
        counts[arrival.key / (3600 * KEY_PER_S)]++;
    }
    int64_t total = 0;
    for (int hour = 0; hour < 48; hour++) {
        double expected = 2.0 * 3600.0 * day[hour % 24] * 24.0 / day_sum();
        assert_true(fabs((double)counts[hour] - expected) <= 1.0);
        total += counts[hour];
    }
    assert_int_equal(total, 2 * 172800);
    source->type->free(source);
}

/* Going forward through the cumulative profile in doubles gives back the base process, but for the rounding of the
 * weights to 2^-30. */
static void the_time_change_inverts_the_cumulative_profile(void **state) {
    (void)state;
    struct arrival_spec base = {.name = "d", .process = ARRIVAL_GAMMA, .cv = 2.0, .rate_per_s = 0.5};
    struct arrival_spec spec = base;
    spec.profile = day;
    spec.profile_count = PROFILE_DAY_HOURS;
    struct arrival_source *plain = source_of(&base, 5);
    struct arrival_source *changed = source_of(&spec, 5);
    for (int i = 0; i < 100000; i++) {
        double operational = key_to_s(next_key(plain));
        double t = key_to_s(next_key(changed));
        double days = floor(t / 86400.0);
        double rest = t - days * 86400.0;
        double forward = days * 86400.0;
        for (int hour = 0; hour < 24; hour++) {
            forward += fmin(3600.0, fmax(0.0, rest - hour * 3600.0)) * day[hour] * 24.0 / day_sum();
        }
        assert_true(fabs(forward - operational) < 1e-4);
    }
    plain->type->free(plain);
    changed->type->free(changed);
}

static void a_period_takes_exactly_its_own_time(void **state) {
    (void)state;
    struct time_change change;
    time_change_init(&change, day, PROFILE_DAY_HOURS, 0);
    i128 period = (i128)86400 * (i128)UNIT_PER_S;
    for (i128 k = 0; k < 3000; k += 17) {
        i128 within = (i128)123456789 * (i128)UNIT_PER_S / 10000;
        assert_true(time_change_map(&change, k * period + within) == k * period + time_change_map(&change, within));
    }
    /* Hour 0 is silent: operational 0 is the end of it. */
    assert_true(time_change_map(&change, 0) == (i128)3600 * (i128)UNIT_PER_S);
    double week[PROFILE_WEEK_HOURS];
    for (int i = 0; i < PROFILE_WEEK_HOURS; i++) {
        week[i] = 0.7;
    }
    time_change_init(&change, week, PROFILE_WEEK_HOURS, 5000);
    assert_true(time_change_map(&change, 987654321) == 987654321); /* a flat profile is the identity */
}

static void an_offset_begins_in_the_middle_of_the_profile(void **state) {
    (void)state;
    struct time_change whole;
    struct time_change late;
    time_change_init(&whole, day, PROFILE_DAY_HOURS, 0);
    time_change_init(&late, day, PROFILE_DAY_HOURS, 86400 + 4 * 3600 + 1800);
    i128 start = (i128)16200 * (i128)UNIT_PER_S;
    i128 at_start = late.cumulative_offset / late.weight_sum;
    for (i128 s = 0; s < 90000; s += 91) {
        i128 operational = s * (i128)UNIT_PER_S;
        i128 difference = time_change_map(&whole, operational + at_start) - start - time_change_map(&late, operational);
        assert_true(difference >= -8 && difference <= 8);
    }
}

static struct arrival expect_ready(struct arrival_source *source) {
    struct arrival arrival;
    assert_int_equal(source->type->next(source, KEY_NEVER, &arrival, NULL), ARRIVAL_READY);
    return arrival;
}

static void closed_loop_clients_wait_think_and_ask_again(void **state) {
    (void)state;
    struct arrival_spec spec = {.name = "l", .process = ARRIVAL_CLOSED_LOOP, .clients = 3, .think_s = 2.0};
    struct arrival_source *source = source_of(&spec, 1);
    assert_true(source->closed_loop);
    struct arrival arrival;
    for (uint32_t client = 0; client < 3; client++) {
        assert_int_equal(source->type->peek(source), 0);
        arrival = expect_ready(source);
        assert_int_equal(arrival.key, 0);
        assert_int_equal(arrival.client, client);
        assert_int_equal(arrival.draw, (uint64_t)client << 32);
    }
    assert_int_equal(source->type->peek(source), KEY_NEVER);
    assert_int_equal(source->type->next(source, KEY_NEVER, &arrival, NULL), ARRIVAL_PENDING);

    /* Client 1 ends one unit past a key: its next request is on the first key at or after end + think. */
    source->type->ended(source, 1, instant_of_key(5 * KEY_PER_S) + 1, false);
    assert_int_equal(source->type->peek(source), 7 * KEY_PER_S + 1);
    source->type->ended(source, 0, instant_of_key(3 * KEY_PER_S), false);
    assert_int_equal(source->type->peek(source), 5 * KEY_PER_S);
    assert_int_equal(source->type->next(source, 5 * KEY_PER_S, &arrival, NULL), ARRIVAL_PENDING);
    arrival = expect_ready(source);
    assert_int_equal(arrival.client, 0);
    assert_int_equal(arrival.draw, 1);
    source->type->free(source);
}

static void ties_between_clients_leave_by_client(void **state) {
    (void)state;
    struct arrival_spec spec = {.name = "l", .process = ARRIVAL_CLOSED_LOOP, .clients = 50};
    struct arrival_source *source = source_of(&spec, 1);
    for (uint32_t i = 0; i < 50; i++) {
        (void)expect_ready(source);
    }
    for (uint32_t i = 0; i < 50; i++) {
        source->type->ended(source, (i * 37 + 11) % 50, instant_of_key(1000 - (i * 37 + 11) % 50 / 10), false);
    }
    int64_t key = 0;
    uint32_t client = 0;
    for (uint32_t i = 0; i < 50; i++) {
        struct arrival arrival = expect_ready(source);
        assert_true(arrival.key > key || (arrival.key == key && arrival.client > client));
        key = arrival.key;
        client = arrival.client;
    }
    source->type->free(source);
}

static void a_rejected_client_stops_and_is_counted(void **state) {
    (void)state;
    struct arrival_spec spec = {.name = "l", .process = ARRIVAL_CLOSED_LOOP, .clients = 2, .think_s = 1.0};
    struct arrival_source *source = source_of(&spec, 1);
    (void)expect_ready(source);
    (void)expect_ready(source);
    source->type->ended(source, 0, 10, true);
    source->type->ended(source, 1, 10, true);
    struct arrival arrival;
    assert_int_equal(source->type->next(source, KEY_NEVER, &arrival, NULL), ARRIVAL_END);
    assert_int_equal(source->stopped_clients, 2);
    assert_int_equal(source->counts.read, 2);
    source->type->free(source);
}

static void exponential_thinking_has_its_mean_and_delays_the_start(void **state) {
    (void)state;
    struct arrival_spec spec = {.name = "l", .process = ARRIVAL_CLOSED_LOOP, .clients = SAMPLES, .think_s = 20.0};
    spec.think_kind = THINK_EXPONENTIAL;
    spec.start = CLOSED_LOOP_START_THINK;
    struct arrival_source *source = source_of(&spec, 9);
    double *thinks = calloc(SAMPLES, sizeof(*thinks));
    for (int i = 0; i < SAMPLES; i++) {
        thinks[i] = key_to_s(next_key(source));
    }
    assert_true(gamma_distance(thinks, 1.0, 20.0) < ks_limit);
    free(thinks);
    source->type->free(source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gamma_gaps_follow_gsl_below_and_above_shape_one),
        cmocka_unit_test(poisson_gaps_are_exponential),
        cmocka_unit_test(constant_arrivals_lie_at_multiples_of_the_gap),
        cmocka_unit_test(a_window_of_t_seconds_holds_rate_times_t_constant_arrivals),
        cmocka_unit_test(rate_zero_and_rates_slower_than_the_clock_end_at_once),
        cmocka_unit_test(the_stream_is_keyed_by_seed_and_name),
        cmocka_unit_test(gaps_drawn_ahead_are_the_draws_of_their_ordinals),
        cmocka_unit_test(every_cpu_level_gives_the_same_arrivals),
        cmocka_unit_test(an_unknown_cpu_level_is_an_error),
        cmocka_unit_test(twice_the_rate_halves_every_instant),
        cmocka_unit_test(each_hour_holds_its_share_of_the_day),
        cmocka_unit_test(the_time_change_inverts_the_cumulative_profile),
        cmocka_unit_test(a_period_takes_exactly_its_own_time),
        cmocka_unit_test(an_offset_begins_in_the_middle_of_the_profile),
        cmocka_unit_test(closed_loop_clients_wait_think_and_ask_again),
        cmocka_unit_test(ties_between_clients_leave_by_client),
        cmocka_unit_test(a_rejected_client_stops_and_is_counted),
        cmocka_unit_test(exponential_thinking_has_its_mean_and_delays_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

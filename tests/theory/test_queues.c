/* The engine that users run against queueing theory: M/M/1, M/D/1, M/G/1, M/M/c, GI/M/1 and the machine repair model M/M/c//N, at
 * loads 0.3, 0.7 and 0.9; M/D/1 on the stepwise engine. Fixed seeds; 99.9 % intervals at most 1 % to either side (3 % at 0.9).
 * Sources: L. Kleinrock, "Queueing Systems", vol. 1, 1975: M/G/1 (5.63), GI/M/1 (6.4), M/M/m (3.40), M/M/m//M (3.8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <math.h>

#include "tests/theory/queueing.h"

static const double loads[] = {0.3, 0.7, 0.9};

static double width_at(double load) {
    return load < 0.9 ? 0.01 : 0.03;
}

/* First two moments of a service, seconds. */
struct moments {
    double first, second;
};

/* Waiting time in M/G/1, Pollaczek-Khinchine. */
static double pollaczek_khinchine(double rate, struct moments service) {
    return rate * service.second / (2 * (1 - rate * service.first));
}

/* Runs M/G/1 at a load, and looks at sojourn and waiting time. The waits of few are noisy: their width is asked for from 0.7 on. */
static void check_mg1(const struct length_spec *lengths, struct moments tokens, double load, int64_t requests,
                      bool stepwise) {
    const double token_s = 1e-6;
    struct moments service = {tokens.first * token_s, tokens.second * token_s * token_s};
    double rate = load / service.first;
    struct queue_spec spec = {
        .arrivals = {.process = ARRIVAL_POISSON, .rate_per_s = rate},
        .lengths = *lengths,
        .token_s = token_s,
        .servers = 1,
        .requests = requests,
        .seed = 2,
        .stepwise = stepwise,
    };
    struct queue_run run = queue_play(&spec);
    double wait = pollaczek_khinchine(rate, service);
    interval_holds(run.sojourn, wait + service.first, width_at(load));
    interval_holds(run.wait, wait, load < 0.5 ? 0.02 : width_at(load));
}

/* Geometric lengths of mean 100,000: exponential to a part in 10^5, and exact moments of their own. */
static void exponential_service_on_one_server(void **state) {
    (void)state;
    static const int64_t requests[] = {1200000, 9400000, 6000000};
    const double mean = 1e5;
    const struct length_spec lengths = {.kind = LENGTH_GEOMETRIC, .mean = mean};
    const struct moments tokens = {mean, mean * (2 * mean - 1)}; /* variance (1 - p) / p^2 = mean^2 - mean */
    for (size_t i = 0; i < 3; i++) {
        check_mg1(&lengths, tokens, loads[i], requests[i], false);
    }
}

/* On the stepwise engine. */
static void constant_service_on_one_server(void **state) {
    (void)state;
    static const int64_t requests[] = {400000, 4200000, 3800000};
    const struct length_spec lengths = {.kind = LENGTH_CONSTANT, .value = 5000};
    for (size_t i = 0; i < 3; i++) {
        check_mg1(&lengths, (struct moments){5000, 5000.0 * 5000}, loads[i], requests[i], true);
    }
}

/* Integers 1..n, each as likely: (n + 1) / 2 and (n + 1) (2n + 1) / 6. Few of them, so that rounding is all there is. */
static void uniform_service_on_one_server(void **state) {
    (void)state;
    static const int64_t requests[] = {600000, 4200000, 3600000};
    const double n = 5;
    const struct length_spec lengths = {.kind = LENGTH_UNIFORM, .min = 1, .max = n};
    const struct moments tokens = {(n + 1) / 2, (n + 1) * (2 * n + 1) / 6};
    for (size_t i = 0; i < 3; i++) {
        check_mg1(&lengths, tokens, loads[i], requests[i], false);
    }
}

/* Moments of exp(mu + sigma Z) rounded to nearest, at least 1: sums over k of P(X >= k) and (2k - 1) P(X >= k). */
static struct moments rounded_lognormal(double mu, double sigma) {
    struct moments sum = {1, 1};
    for (int k = 2; k < 2000000; k++) {
        double tail = gsl_cdf_ugaussian_Q((log(k - 0.5) - mu) / sigma);
        if (tail < 1e-18) {
            break;
        }
        sum.first += tail;
        sum.second += (2.0 * k - 1) * tail;
    }
    return sum;
}

/* A squared coefficient of variation of e^0.64 - 1 = 0.9, with a heavier tail than the exponential's. */
static void lognormal_service_on_one_server(void **state) {
    (void)state;
    static const int64_t requests[] = {1500000, 9000000, 6500000};
    const struct length_spec lengths = {.kind = LENGTH_LOGNORMAL, .mu = 3, .sigma = 0.8};
    for (size_t i = 0; i < 3; i++) {
        check_mg1(&lengths, rounded_lognormal(3, 0.8), loads[i], requests[i], false);
    }
}

/* The probability of waiting with c servers and `offered` = rate x service (Erlang C), by Erlang B's recursion. */
static double erlang_c(int64_t servers, double offered) {
    double blocked = 1;
    for (int64_t i = 1; i <= servers; i++) {
        blocked = offered * blocked / ((double)i + offered * blocked);
    }
    double load = offered / (double)servers;
    return blocked / (1 - load * (1 - blocked));
}

static void exponential_service_on_many_servers(void **state) {
    (void)state;
    static const int64_t requests[] = {400000, 2600000, 5400000};
    const double mean = 1e5, token_s = 1e-6, service = mean * token_s;
    const int64_t servers = 5;
    for (size_t i = 0; i < 3; i++) {
        double rate = loads[i] * (double)servers / service;
        struct queue_spec spec = {
            .arrivals = {.process = ARRIVAL_POISSON, .rate_per_s = rate},
            .lengths = {.kind = LENGTH_GEOMETRIC, .mean = mean},
            .token_s = token_s,
            .servers = servers,
            .requests = requests[i],
            .seed = 3,
        };
        struct queue_run run = queue_play(&spec);
        double wait = erlang_c(servers, rate * service) * service / ((double)servers * (1 - loads[i]));
        interval_holds(run.sojourn, wait + service, width_at(loads[i]));
        interval_holds(run.wait, wait, loads[i] < 0.5 ? 0.2 : loads[i] < 0.9 ? 0.03 : 0.04);
    }
}

/* GI/M/1 with gaps Gamma(1 / cv^2): an arrival finds the server busy with the root sigma in (0, 1) of
 * sigma = A*(mu - mu sigma), and stays 1 / (mu (1 - sigma)). */
static void bursty_arrivals_to_one_server(void **state) {
    (void)state;
    const double mean = 1e5, token_s = 1e-6, service = mean * token_s, load = 0.7;
    static const double cvs[] = {0.5, 1.5};
    for (size_t i = 0; i < 2; i++) {
        double shape = 1 / (cvs[i] * cvs[i]);
        double sigma = 0.5;
        for (int step = 0; step < 2000; step++) {
            sigma = pow(1 + (1 - sigma) / (load * shape), -shape); /* A*(s) = (1 + s / (rate shape))^-shape */
        }
        struct queue_spec spec = {
            .arrivals = {.process = ARRIVAL_GAMMA, .rate_per_s = load / service, .cv = cvs[i]},
            .lengths = {.kind = LENGTH_GEOMETRIC, .mean = mean},
            .token_s = token_s,
            .servers = 1,
            .requests = i == 0 ? 2600000 : 6500000,
            .seed = 5,
        };
        struct queue_run run = queue_play(&spec);
        interval_holds(run.sojourn, service / (1 - sigma), 0.01);
    }
}

/* Machine repair: N clients think (exponential, Z) and are served (exponential, S) by c servers. With p_k the probability of k in
 * service or waiting, the throughput is sum p_k min(k, c) / S and the response time N / throughput - Z. */
static void a_closed_loop_of_clients(void **state) {
    (void)state;
    enum { CLIENTS = 12 };
    const int64_t servers = 3;
    const double mean = 1e5, token_s = 1e-6, service = mean * token_s, think = 0.25;
    double weight = 1, total = 1, served = 0;
    for (int k = 1; k <= CLIENTS; k++) {
        double busy = k < servers ? k : (double)servers;
        weight *= (CLIENTS - k + 1) / think * service / busy;
        total += weight;
        served += weight * busy / service;
    }
    struct queue_spec spec = {
        .arrivals = {.process = ARRIVAL_CLOSED_LOOP,
                     .clients = CLIENTS,
                     .think_kind = THINK_EXPONENTIAL,
                     .think_s = think},
        .lengths = {.kind = LENGTH_GEOMETRIC, .mean = mean},
        .token_s = token_s,
        .servers = servers,
        .requests = 600000,
        .seed = 7,
    };
    struct queue_run run = queue_play(&spec);
    double throughput = served / total;
    interval_holds(run.sojourn, CLIENTS / throughput - think, 0.01);
    assert_true(fabs((double)run.completed / run.end_s / throughput - 1) < 0.02);
    assert_true(fabs(run.busy_s / run.end_s / (throughput * service) - 1) < 0.02);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponential_service_on_one_server),
        cmocka_unit_test(constant_service_on_one_server),
        cmocka_unit_test(uniform_service_on_one_server),
        cmocka_unit_test(lognormal_service_on_one_server),
        cmocka_unit_test(exponential_service_on_many_servers),
        cmocka_unit_test(bursty_arrivals_to_one_server),
        cmocka_unit_test(a_closed_loop_of_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

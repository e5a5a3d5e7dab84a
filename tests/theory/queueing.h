/* queueing.h - runs of the engine as a textbook's queue, and intervals for what they measure.
 *
 * A request's service is one step of c1 x (input tokens): whatever the distribution of lengths, its moments are exact sums over
 * integers. Replicas serve one request at a time from one queue (`request-level`, `central-queue`), first come first served.
 * A run is cut into 64 batches of equal numbers of requests, in order of arrival; an interval is Student's t at 99.9 %.
 *
 * TOKENMILL_THEORY_DIVISOR (a whole number) divides the number of requests, for slow builds; the width that is asked for grows with
 * its root. */
#ifndef TOKENMILL_TESTS_THEORY_QUEUEING_H
#define TOKENMILL_TESTS_THEORY_QUEUEING_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/arrivals.h"
#include "sim/clock.h"
#include "sim/lengths.h"
#include "sim/simulate.h"

enum { BATCHES = 64 };

struct queue_spec {
    struct arrival_spec arrivals; /* name is set; rate is for the whole queue */
    struct length_spec lengths;
    double token_s; /* service of one token */
    int64_t servers;
    int64_t requests;
    uint64_t seed;
    bool stepwise; /* the engine that defines; else the one that users run */
};

struct interval {
    double mean, half_width;
};

struct queue_run {
    struct interval wait, sojourn; /* seconds; the first 1/65 of the requests is left out */
    double end_s, busy_s;          /* whole run */
    double served_tokens;
    int64_t completed;
};

/* Runs it, and checks on the way, in integers: that no server idles while somebody waits (each start is the later of the arrival and
 * the first free server), that the servers' time is the sum of the services, and Little's law. Fails the test otherwise. */
struct queue_run queue_play(const struct queue_spec *spec);

/* Fails the test unless the interval holds `theory` and is at most `ratio` of it, half. */
void interval_holds(struct interval interval, double theory, double ratio);

#endif

/* arrivals.h - the arrivals that are generated: constant, Poisson, Gamma renewal, any of them under a daily or
 * weekly profile, and closed loops of clients. (Traces: scenarios/trace.h.)
 *
 * Open processes: the n-th request (n from 0) arrives at the sum of n + 1 gaps, `constant` at n / rate (its first at 0,
 * so that [0, T) holds rate x T requests). Gaps are rounded to the clock's unit (2^-20 ps) before they are summed, so
 * the sum cannot drift; the instant is rounded to the nearest key. The n-th gap is draw n (base/sampler.h) of the stream
 * (seed, replication, RANDOM_ARRIVAL, name): nothing else moves it. Gaps are drawn 16 ahead, at the CPU level of base/cpu_level.h.
 *
 * A profile of 24 or 168 multipliers, one an hour, repeats daily or weekly and is normalised to mean 1, so `rate` stays
 * the mean. The time change is exact, in integers: the base process runs at the mean rate, and its instants are mapped
 * through the inverse of the piecewise-linear cumulative profile. Burstiness is the base's own, in operational time.
 *
 * Closed loop: each of `clients` issues its first request at t = 0 (or after one think time), and the next at
 * ceil(end + think) on the key grid. Pending requests leave by (key, client). The draws of the request of turn t are
 * keyed (client << 32 | t), the think time before it likewise under RANDOM_THINK. A rejected client stops.
 * Memory: 24 bytes a client; O(log clients) a request. Open processes: constant memory.
 *
 * A closed loop must not be read ahead: a request that ends may bring an arrival before one that is pending. Ask
 * `peek` for the key of the earliest, and call `next` when the clock gets there. */
#ifndef TOKENMILL_SIM_ARRIVALS_H
#define TOKENMILL_SIM_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/arrival.h"

enum arrival_process {
    ARRIVAL_CONSTANT,
    ARRIVAL_POISSON,
    ARRIVAL_GAMMA, /* renewal, gaps Gamma with shape 1 / cv^2 */
    ARRIVAL_CLOSED_LOOP,
    ARRIVAL_PROCESS_COUNT
};

/* The contract's spellings: "constant", "poisson", "gamma", "closed-loop". */
const char *arrival_process_name(enum arrival_process process);

enum think_kind { THINK_CONSTANT, THINK_EXPONENTIAL };
enum closed_loop_start { CLOSED_LOOP_START_NOW, CLOSED_LOOP_START_THINK };

enum { PROFILE_DAY_HOURS = 24, PROFILE_WEEK_HOURS = 168 };

struct arrival_spec {
    const char *name;             /* of the workload: keys the random stream; borrowed */
    enum arrival_process process; /* `diurnal`: its base */
    double rate_per_s;            /* mean, >= 0 (0: no arrivals); the caller has applied `rate_scale` */
    double cv;                    /* gamma: coefficient of variation of the gaps, > 0 */
    const double *profile;        /* diurnal: multipliers by hour, >= 0, not all 0; borrowed; NULL: none */
    size_t profile_count;         /* 0, PROFILE_DAY_HOURS or PROFILE_WEEK_HOURS */
    int64_t profile_offset_s;     /* seconds into the profile at t = 0 (from `start`); >= 0 */
    uint32_t clients;             /* closed loop */
    enum think_kind think_kind;
    double think_s; /* constant, or mean */
    enum closed_loop_start start;
};

/* How to make the sources of `spec`, which is borrowed: it must outlive the factory, and may be shared by threads.
 * mean_rate_per_s is the rate, or the number of clients. Opening fails only where TOKENMILL_CPU_LEVEL is wrong ("cpu-level"). */
struct arrival_factory arrival_spec_factory(const struct arrival_spec *spec);

#endif

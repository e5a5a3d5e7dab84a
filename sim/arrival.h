/* arrival.h - where requests come from. The type that generators (sim/) and trace readers (scenarios/) implement.
 *
 * A source yields arrivals with non-decreasing keys (ties in order of ordinal). One source belongs to one run. */
#ifndef TOKENMILL_SIM_ARRIVAL_H
#define TOKENMILL_SIM_ARRIVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/int128.h"

struct arrival {
    int64_t key;           /* on the key grid (sim/clock.h) */
    uint64_t draw;         /* counter of this request's draws: the ordinal, or (client << 32 | turn) of a closed loop */
    int64_t input_tokens;  /* 0: draw it from the workload's distribution */
    int64_t output_tokens; /* 0: likewise */
    uint32_t client;       /* closed loop: who issued it; else 0 */
};

enum arrival_status {
    ARRIVAL_READY,   /* `*out` is the next arrival */
    ARRIVAL_PENDING, /* none now; one may follow when a request ends (closed loop) */
    ARRIVAL_END,     /* no more, ever */
    ARRIVAL_FAILED,  /* diagnostics added */
};

/* Why rows of a trace were left out. Names in `drop_reason_name`. */
enum drop_reason {
    DROP_BAD_TIME,
    DROP_BAD_TOKENS,
    DROP_ZERO_INPUT,
    DROP_ZERO_OUTPUT,
    DROP_STATUS,
    DROP_OUT_OF_ORDER,
    DROP_FILTERED,
    DROP_COLUMNS,
    DROP_AFTER_END,
    DROP_REASON_COUNT
};

const char *drop_reason_name(enum drop_reason reason); /* "bad_time", ... */

struct arrival_counts {
    int64_t read; /* rows of a trace; arrivals generated otherwise: read = emitted + sum of dropped */
    int64_t dropped[DROP_REASON_COUNT];
};

struct arrival_source;

struct arrival_source_type {
    const char *name;
    /* The next arrival whose key is below `end_key`. What lies at or beyond it is not returned: a trace counts those rows as
     * after_end (reading on to its end) and answers ARRIVAL_END. */
    enum arrival_status (*next)(struct arrival_source *source, int64_t end_key, struct arrival *out,
                                struct diags *diags);
    /* A request of `client` ended at `instant` (for the client); NULL where nobody waits for it. A rejected one's
     * client stops. */
    void (*ended)(struct arrival_source *source, uint32_t client, i128 instant, bool rejected);
    /* Closed loop only, else NULL: the key of the earliest pending arrival, KEY_NEVER if there is none. A request that ends may bring
     * an earlier one, so `next` is called only when the clock is there. */
    int64_t (*peek)(const struct arrival_source *source);
    void (*free)(struct arrival_source *source);
};

/* Every source begins with this. */
struct arrival_source {
    const struct arrival_source_type *type;
    struct arrival_counts counts; /* kept by the source */
    int64_t stopped_clients;      /* closed loop: clients that a rejection stopped */
    bool closed_loop;             /* never called saturated */
};

/* How a workload's source is made, anew for each run. `open` returns NULL with diagnostics on failure. */
struct arrival_factory {
    struct arrival_source *(*open)(const void *context, uint64_t seed, uint32_t replication, struct diags *diags);
    const void *context; /* borrowed, immutable, may be shared by threads */
    double
        mean_rate_per_s; /* for the mix of a capacity run: mean rate; a closed loop: its clients; a trace: rows over span */
    bool is_trace;       /* finite: a run without `duration` or `requests` ends when it ends */
    double clients, think_s; /* closed loop: how many, and their mean think time; else 0 */
    const double
        *profile; /* multipliers by hour that the rate follows, of which `profile_count`; borrowed; NULL: none */
    size_t profile_count;
    int64_t profile_offset_s; /* into it at t = 0 */
};

#endif

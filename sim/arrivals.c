/* arrivals.c - the open processes: renewal gaps, summed in integers, under a change of time. */
#include "sim/arrivals.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/fmath.h"
#include "sim/arrivals_internal.h"
#include "sim/clock.h"
#include "sim/time_change.h"

/* Instants from here on lie beyond the clock's nine years. */
#define INSTANT_LIMIT ((i128)1 << 88)

struct open_source {
    struct arrival_source base;
    const struct arrival_spec *spec; // borrowed
    struct random_stream stream;
    struct time_change change;
    uint64_t ordinal; /* of `instant` */
    i128 instant;     /* operational time of the next arrival */
};

const char *arrival_process_name(enum arrival_process process) {
    static const char *const names[ARRIVAL_PROCESS_COUNT] = {
        [ARRIVAL_CONSTANT] = "constant",
        [ARRIVAL_POISSON] = "poisson",
        [ARRIVAL_GAMMA] = "gamma",
        [ARRIVAL_CLOSED_LOOP] = "closed-loop",
    };
    CHECK(process < ARRIVAL_PROCESS_COUNT);
    return names[process];
}

double arrival_exponential_draw(struct random_stream stream, uint64_t ordinal, uint32_t index) {
    return -fm_log(random_uniform(stream, ordinal, index));
}

/* Draw 0 is kept for the boost; attempt j uses draws 1 + 2j and 2 + 2j. */
double arrival_gamma_draw(struct random_stream stream, uint64_t ordinal, double shape) {
    double d = (shape < 1.0 ? shape + 1.0 : shape) - 1.0 / 3.0;
    double c = 1.0 / sqrt(9.0 * d);
    for (uint32_t index = 1;; index += 2) {
        double x = fm_normal_quantile(random_uniform(stream, ordinal, index));
        double root = 1.0 + c * x;
        if (root <= 0.0) {
            continue;
        }
        double v = root * root * root;
        double u = random_uniform(stream, ordinal, index + 1);
        if (fm_log(u) < 0.5 * x * x + d - d * v + d * fm_log(v)) {
            double boost = shape < 1.0 ? fm_exp(fm_log(random_uniform(stream, ordinal, 0)) / shape) : 1.0;
            return d * v * boost;
        }
    }
}

/* The gap before arrival `ordinal`, in mean gaps. */
static double gap_draw(const struct open_source *source, uint64_t ordinal) {
    const struct arrival_spec *spec = source->spec;
    switch (spec->process) {
    case ARRIVAL_POISSON: return arrival_exponential_draw(source->stream, ordinal, 0);
    case ARRIVAL_GAMMA: {
        double shape = 1.0 / (spec->cv * spec->cv);
        return arrival_gamma_draw(source->stream, ordinal, shape) / shape;
    }
    case ARRIVAL_CONSTANT:
    case ARRIVAL_CLOSED_LOOP:
    case ARRIVAL_PROCESS_COUNT: break;
    }
    return ordinal == 0 ? 0.0 : 1.0;
}

/* Moves to arrival `ordinal`; INSTANT_LIMIT stands for never. */
static void advance(struct open_source *source, uint64_t ordinal) {
    double gap = source->spec->rate_per_s > 0.0
                     ? nearbyint(gap_draw(source, ordinal) * (UNIT_PER_S / source->spec->rate_per_s))
                     : HUGE_VAL;
    bool near = gap < i128_to_double(INSTANT_LIMIT) && source->instant + (i128)gap < INSTANT_LIMIT;
    source->instant = near ? source->instant + (i128)gap : INSTANT_LIMIT;
    source->ordinal = ordinal;
}

static enum arrival_status open_next(struct arrival_source *base, int64_t end_key, struct arrival *out,
                                     struct diags *diags) {
    (void)diags;
    struct open_source *source = (void *)base;
    if (source->instant >= INSTANT_LIMIT) {
        return ARRIVAL_END;
    }
    i128 instant = time_change_map(&source->change, source->instant);
    i128 key = (instant + ((i128)1 << (KEY_SHIFT - 1))) >> KEY_SHIFT;
    if (key >= end_key) {
        return ARRIVAL_END;
    }
    *out = (struct arrival){.key = (int64_t)key, .draw = source->ordinal};
    base->counts.read++;
    advance(source, source->ordinal + 1);
    return ARRIVAL_READY;
}

static void open_free(struct arrival_source *base) {
    free(base);
}

static const struct arrival_source_type open_source_type = {
    .name = "open",
    .next = open_next,
    .free = open_free,
};

struct arrival_source *open_source_new(const struct arrival_spec *spec, uint64_t seed, uint32_t replication) {
    struct open_source *source = xcalloc(1, sizeof(*source));
    source->base.type = &open_source_type;
    source->spec = spec;
    source->stream = random_stream_make(seed, replication, RANDOM_ARRIVAL, spec->name);
    time_change_init(&source->change, spec->profile, spec->profile_count, spec->profile_offset_s);
    advance(source, 0);
    return &source->base;
}

static struct arrival_source *spec_open(const void *context, uint64_t seed, uint32_t replication, struct diags *diags) {
    (void)diags;
    const struct arrival_spec *spec = context;
    if (spec->process == ARRIVAL_CLOSED_LOOP) {
        return closed_loop_new(spec, seed, replication);
    }
    return open_source_new(spec, seed, replication);
}

struct arrival_factory arrival_spec_factory(const struct arrival_spec *spec) {
    CHECK(spec->process < ARRIVAL_PROCESS_COUNT && spec->name != NULL);
    CHECK(spec->process == ARRIVAL_CLOSED_LOOP || (spec->rate_per_s >= 0.0 && isfinite(spec->rate_per_s)));
    CHECK(spec->process != ARRIVAL_GAMMA || (spec->cv > 0.0 && isfinite(spec->cv)));
    CHECK(spec->profile_count == 0 || spec->profile_count == PROFILE_DAY_HOURS ||
          spec->profile_count == PROFILE_WEEK_HOURS);
    bool closed = spec->process == ARRIVAL_CLOSED_LOOP;
    return (struct arrival_factory){
        .open = spec_open,
        .context = spec,
        .mean_rate_per_s = closed ? (double)spec->clients : spec->rate_per_s,
        .clients = closed ? (double)spec->clients : 0,
        .think_s = closed ? spec->think_s : 0,
    };
}

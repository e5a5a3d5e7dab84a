/* arrivals.c - the open processes: renewal gaps, summed in integers, under a change of time. */
#include "sim/arrivals.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/sampler.h"
#include "sim/arrivals_internal.h"
#include "sim/clock.h"
#include "sim/time_change.h"

/* Instants from here on lie beyond the clock's nine years. */
#define INSTANT_LIMIT        ((i128)1 << 88)
#define INSTANT_LIMIT_DOUBLE 0x1p88

/* Gaps that are drawn ahead. Draws are keyed: how many they are is in no result. */
enum { GAPS_AHEAD = 16 };

struct open_source {
    struct arrival_source base;
    const struct arrival_spec *spec; // borrowed
    struct random_stream stream;
    enum cpu_level level;
    struct sampler_gamma gamma;
    double units_per_draw; /* what a draw of a gap is multiplied by; infinite at rate 0 */
    struct time_change change;
    uint64_t ordinal;        /* of `instant` */
    i128 instant;            /* operational time of the next arrival */
    double gaps[GAPS_AHEAD]; /* draws of the ordinals from the last multiple of GAPS_AHEAD on */
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

/* `constant`: one arrival at 0, then a gap before each. */
static void draw_constants(struct open_source *source, uint64_t first) {
    for (size_t i = 0; i < GAPS_AHEAD; i++) {
        source->gaps[i] = first + i == 0 ? 0.0 : 1.0;
    }
}

static void draw_gaps(struct open_source *source, uint64_t first) {
    switch (source->spec->process) {
    case ARRIVAL_POISSON: sampler_exponentials(source->level, source->stream, first, GAPS_AHEAD, source->gaps); return;
    case ARRIVAL_GAMMA:
        sampler_gammas(source->level, &source->gamma, source->stream, first, GAPS_AHEAD, source->gaps);
        return;
    case ARRIVAL_CONSTANT:
    case ARRIVAL_CLOSED_LOOP:
    case ARRIVAL_PROCESS_COUNT: break;
    }
    draw_constants(source, first);
}

/* To a whole number, ties to even. From 2^52 on all are. */
static double round_gap(double gap) {
    return gap < 0x1p52 ? (gap + 0x1p52) - 0x1p52 : gap;
}

/* Moves to arrival `ordinal`; INSTANT_LIMIT stands for never. */
static void advance(struct open_source *source, uint64_t ordinal) {
    if (ordinal % GAPS_AHEAD == 0) {
        draw_gaps(source, ordinal);
    }
    double gap = source->spec->rate_per_s > 0.0 ? round_gap(source->gaps[ordinal % GAPS_AHEAD] * source->units_per_draw)
                                                : HUGE_VAL;
    i128 units = gap < 0x1p62 ? (int64_t)gap : gap < INSTANT_LIMIT_DOUBLE ? (i128)gap : INSTANT_LIMIT;
    source->instant = source->instant + units < INSTANT_LIMIT ? source->instant + units : INSTANT_LIMIT;
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

/* A gap in units of the clock is a draw of it times this. */
static double units_per_draw(const struct arrival_spec *spec, double *shape) {
    *shape = spec->process == ARRIVAL_GAMMA ? 1.0 / (spec->cv * spec->cv) : 1.0;
    return UNIT_PER_S / spec->rate_per_s / *shape;
}

static struct arrival_source *open_source_new(const struct arrival_spec *spec, uint64_t seed, uint32_t replication,
                                              struct diags *diags) {
    enum cpu_level level;
    if (!cpu_level_choose(&level, diags)) {
        return NULL;
    }
    struct open_source *source = xcalloc(1, sizeof(*source));
    double shape;
    source->base.type = &open_source_type;
    source->spec = spec;
    source->stream = random_stream_make(seed, replication, RANDOM_ARRIVAL, spec->name);
    source->level = level;
    source->units_per_draw = units_per_draw(spec, &shape);
    source->gamma = sampler_gamma_make(shape);
    time_change_init(&source->change, spec->profile, spec->profile_count, spec->profile_offset_s);
    advance(source, 0);
    return &source->base;
}

static struct arrival_source *spec_open(const void *context, uint64_t seed, uint32_t replication, struct diags *diags) {
    const struct arrival_spec *spec = context;
    if (spec->process == ARRIVAL_CLOSED_LOOP) {
        return closed_loop_new(spec, seed, replication);
    }
    return open_source_new(spec, seed, replication, diags);
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
        .profile = closed ? NULL : spec->profile,
        .profile_count = closed ? 0 : spec->profile_count,
        .profile_offset_s = spec->profile_offset_s,
    };
}

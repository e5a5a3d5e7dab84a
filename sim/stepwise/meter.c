/* meter.c - time, work and energy of replicas, clipped to the window [warm-up, end of the run], and by interval of a time series.
 *
 * Before or after a cut is decided by (key, class): a step whose end has the cut's key counts whole before it. Of a step that
 * straddles a cut, floor(X elapsed / duration) counts before it and the rest after. All sums are integers. */
#include "base/arena.h"
#include "base/check.h"
#include "sim/clock.h"
#include "sim/stepwise/replica.h"

void meter_init(struct cluster *cluster, struct replica_meter *meter) {
    int64_t end = cluster->config->end_key;
    *meter = (struct replica_meter){
        .from = instant_of_key(cluster->config->warmup_key),
        .until = instant_of_key(end),
    };
}

static i128 clamp(i128 value, i128 low, i128 high) {
    return value < low ? low : value > high ? high : value;
}

/* A step, and the stretch [low, high] of its time, from its start, that is looked at. */
struct stretch {
    i128 start, duration;
    i128 decode; /* of the duration */
    struct step_amounts amounts;
    int64_t sequences;
    i128 low, high;
};

static struct stretch stretch_of(const struct replica *replica, i128 low, i128 high) {
    const struct step_model *model = replica->config->step_model;
    i128 duration = replica->step_end - replica->step_start;
    return (struct stretch){
        .start = replica->step_start,
        .duration = duration,
        .decode = step_model_decode_duration(model, &replica->work, duration),
        .amounts = step_model_amounts(model, &replica->work, duration),
        .sequences = replica->work.prefill_seqs + replica->work.decode_seqs,
        .low = low,
        .high = high,
    };
}

/* What a stretch has of an amount that the whole step has. */
static i128 share(const struct stretch *stretch, i128 amount, i128 low, i128 high) {
    if (low == 0 && high == stretch->duration) {
        return amount;
    }
    return i128_mul_div(amount, high, stretch->duration) - i128_mul_div(amount, low, stretch->duration);
}

static i128 clipped(const struct stretch *stretch, i128 amount) {
    return share(stretch, amount, stretch->low, stretch->high);
}

static void grow_minutes(struct pool_outcome *out, size_t count) {
    if (count <= out->minute_count) {
        return;
    }
    size_t grown = count < 2 * out->minute_count ? 2 * out->minute_count : count;
    out->energy_minute = xrealloc(out->energy_minute, grown, sizeof *out->energy_minute);
    for (size_t i = out->minute_count; i < grown; i++) {
        out->energy_minute[i] = 0;
    }
    out->minute_count = grown;
}

static void add_energy_by_minute(struct pool_outcome *out, const struct stretch *stretch) {
    i128 low = stretch->low;
    while (low < stretch->high) {
        i128 minute = (stretch->start + low) / MINUTE_UNITS;
        i128 high = clamp((minute + 1) * MINUTE_UNITS - stretch->start, low, stretch->high);
        grow_minutes(out, (size_t)minute + 1);
        out->energy_minute[minute] += share(stretch, stretch->amounts.energy, low, high);
        low = high;
    }
}

static void add_stretch(struct pool_outcome *out, const struct stretch *stretch) {
    i128 time = stretch->high - stretch->low;
    i128 decode_time = clipped(stretch, stretch->decode);
    out->busy += time;
    out->busy_decode += decode_time;
    out->busy_prefill += time - decode_time;
    out->batch += time * stretch->sequences;
    out->flop += clipped(stretch, stretch->amounts.flop);
    out->byte += clipped(stretch, stretch->amounts.byte);
    out->energy += clipped(stretch, stretch->amounts.energy);
}

/* All that the step has up to `high`, in the window or not, cut where intervals end. */
static void add_to_timeline(struct timeline *timeline, const struct replica *replica, i128 high) {
    struct stretch stretch = stretch_of(replica, 0, 0);
    while (stretch.low < high) {
        i128 end;
        struct timeline_cell *cell = timeline_over(timeline, stretch.start + stretch.low, replica->meter.from, &end);
        stretch.high = clamp(end - stretch.start, 0, high);
        add_stretch(&cell->pool, &stretch);
        stretch.low = stretch.high;
    }
}

/* Adds the step's part up to `high` (from its start) that is in the window. */
static void add_step(struct cluster *cluster, struct replica *replica, i128 high) {
    i128 low = clamp(replica->meter.from - replica->step_start, 0, high);
    struct timeline *timeline = cluster_timeline(cluster, replica->pool);
    if (low < high) {
        struct pool_outcome *out = &cluster->outcome->pools[replica->pool];
        struct stretch stretch = stretch_of(replica, low, high);
        add_stretch(out, &stretch);
        add_energy_by_minute(out, &stretch);
    }
    if (timeline != NULL) {
        add_to_timeline(timeline, replica, high);
    }
    load_grid_step(&cluster->pools[replica->pool].grid, replica->step_start, replica->step_start + high,
                   replica->backlog);
}

void meter_step_ended(struct cluster *cluster, struct replica *replica) {
    int64_t key = key_of_instant(replica->step_end);
    struct replica_meter *meter = &replica->meter;
    if (!cluster_in_window(cluster, key) && key == cluster->config->warmup_key && replica->step_end > meter->from) {
        meter->from = replica->step_end;
    }
    if (key == cluster->config->end_key && replica->step_end > meter->until) {
        meter->until = replica->step_end;
    }
    add_step(cluster, replica, replica->step_end - replica->step_start);
    cluster->outcome->pools[replica->pool].steps += cluster_in_window(cluster, key);
    struct timeline *timeline = cluster_timeline(cluster, replica->pool);
    if (timeline != NULL) {
        timeline_at_end(timeline, key)->pool.steps++;
    }
}

/* The integral of a level from its last change to `now`, in the window [from, until]. */
static i128 level_set(struct level *level, i128 from, i128 until, i128 now, int64_t value) {
    i128 added = level->value * (clamp(now, from, until) - clamp(level->since, from, until));
    level->value = value;
    level->since = now;
    return added;
}

void meter_levels(struct cluster *cluster, struct replica *replica, i128 now) {
    struct pool_outcome *out = &cluster->outcome->pools[replica->pool];
    struct replica_meter *meter = &replica->meter;
    i128 from = meter->from, until = meter->until;
    load_grid_waiting(&cluster->pools[replica->pool].grid, meter->waiting.since, now, meter->waiting.value);
    struct timeline *timeline = cluster_timeline(cluster, replica->pool);
    if (timeline != NULL) { /* the three change together */
        const struct timeline_levels levels = {meter->waiting.value, meter->running.value, meter->kv_tokens.value};
        timeline_add_levels(timeline, meter->waiting.since, now, from, &levels);
    }
    out->waiting += level_set(&meter->waiting, from, until, now, (int64_t)replica->waiting.count);
    out->running += level_set(&meter->running, from, until, now, (int64_t)replica->running_count);
    out->kv_tokens += level_set(&meter->kv_tokens, from, until, now, replica->kv_tokens);
}

void meter_cut(struct cluster *cluster, struct replica *replica, i128 cut) {
    if (replica->stepping) {
        i128 duration = replica->step_end - replica->step_start;
        add_step(cluster, replica, clamp(cut - replica->step_start, 0, duration));
    }
    i128 until = replica->meter.until;
    bool moved = key_of_instant(until) == key_of_instant(cut) && until > cut;
    meter_levels(cluster, replica, moved ? until : cut);
}

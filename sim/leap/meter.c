/* meter.c - time, work and energy of stretches. A stretch of several steps lies wholly in one minute and on one side of the window's
 * cuts (plan.c sees to it): its sums are those of series. A stretch of one step may straddle anything. */
#include "base/arena.h"
#include "base/check.h"
#include "sim/clock.h"
#include "sim/leap/replica.h"

void leap_meter_init(struct cluster *cluster, struct leap_meter *meter) {
    *meter = (struct leap_meter){
        .from = instant_of_key(cluster->config->warmup_key),
        .until = instant_of_key(cluster->config->end_key),
    };
}

static i128 clamp(i128 value, i128 low, i128 high) {
    return value < low ? low : value > high ? high : value;
}

static struct pool_outcome *outcome_of(const struct cluster *cluster, const struct leap_replica *replica) {
    return &cluster->outcome->pools[replica->pool];
}

static void add_minute(struct pool_outcome *out, size_t minute, i128 energy) {
    if (minute >= out->minute_count) {
        size_t count = minute + 1 < 2 * out->minute_count ? 2 * out->minute_count : minute + 1;
        out->energy_minute = xrealloc(out->energy_minute, count, sizeof *out->energy_minute);
        for (size_t i = out->minute_count; i < count; i++) {
            out->energy_minute[i] = 0;
        }
        out->minute_count = count;
    }
    out->energy_minute[minute] += energy;
}

/* ---- one step ---- */

/* X of a step until `elapsed` of its duration. */
static i128 until(i128 amount, i128 elapsed, i128 duration) {
    if (elapsed == 0) {
        return 0;
    }
    return elapsed == duration ? amount : i128_mul_div(amount, elapsed, duration);
}

static void add_energy_by_minute(struct pool_outcome *out, const struct leap_replica *replica, i128 energy, i128 low,
                                 i128 high) {
    i128 duration = replica->end - replica->start;
    i128 before = until(energy, low, duration);
    out->energy += until(energy, high, duration) - before;
    size_t minute = replica->minute; /* of the start; `low` may be later */
    i128 next = replica->minute_end - replica->start;
    for (i128 at = low; at < high;) {
        for (; next <= at; next += MINUTE_UNITS) {
            minute++;
        }
        i128 to = next < high ? next : high;
        i128 after = until(energy, to, duration);
        add_minute(out, minute, after - before);
        before = after;
        at = to;
    }
}

/* The part of the one step in progress from `low` to `high` of its time. */
static void add_part(struct cluster *cluster, struct leap_replica *replica, i128 low, i128 high) {
    struct pool_outcome *out = outcome_of(cluster, replica);
    const struct step_model *model = replica->config->step_model;
    i128 duration = replica->end - replica->start;
    i128 decode = step_model_decode_duration(model, &replica->work, duration);
    struct step_amounts amounts = step_model_amounts(model, &replica->work, duration);
    i128 decoding = until(decode, high, duration) - until(decode, low, duration);
    out->busy += high - low;
    out->busy_decode += decoding;
    out->busy_prefill += high - low - decoding;
    out->batch += (high - low) * (replica->work.prefill_seqs + replica->work.decode_seqs);
    out->flop += until(amounts.flop, high, duration) - until(amounts.flop, low, duration);
    out->byte += until(amounts.byte, high, duration) - until(amounts.byte, low, duration);
    add_energy_by_minute(out, replica, amounts.energy, low, high);
}

static void add_one_step(struct cluster *cluster, struct leap_replica *replica, i128 high) {
    i128 low = clamp(replica->meter.from - replica->start, 0, high);
    if (low < high) {
        add_part(cluster, replica, low, high);
    }
    load_grid_step(&cluster->pools[replica->pool].grid, replica->start, replica->start + high, replica->backlog);
}

static void one_step_ended(struct cluster *cluster, struct leap_replica *replica) {
    int64_t key = key_of_instant(replica->end);
    struct leap_meter *meter = &replica->meter;
    bool counts = cluster_in_window(cluster, key);
    if (!counts && key == cluster->config->warmup_key && replica->end > meter->from) {
        meter->from = replica->end;
    }
    if (key == cluster->config->end_key && replica->end > meter->until) {
        meter->until = replica->end;
    }
    add_one_step(cluster, replica, replica->end - replica->start);
    outcome_of(cluster, replica)->steps += counts;
}

/* ---- several steps ---- */

static struct step_amounts amounts_ahead(const struct leap_replica *replica, int64_t ahead) {
    struct step_work work = replica->work;
    work.decode_context += ahead * work.decode_seqs;
    return step_model_amounts(replica->config->step_model, &work, series_term(replica->durations, ahead));
}

/* Sum of the energies of steps from..to - 1, of which the first is known. Energy is concave in context (a line, or the cap): three
 * points on one line mean that all between them are. */
static i128 energy_over(const struct leap_replica *replica, int64_t from, int64_t to, i128 first) {
    struct series line = {.first = first};
    if (to - from == 1) {
        return line.first;
    }
    line.growth = amounts_ahead(replica, from + 1).energy - line.first;
    if (to - from == 2) {
        return series_sum(line, 2);
    }
    if (amounts_ahead(replica, to - 1).energy == series_term(line, to - 1 - from)) {
        return series_sum(line, to - from);
    }
    int64_t middle = from + (to - from) / 2;
    return energy_over(replica, from, middle, first) +
           energy_over(replica, middle, to, amounts_ahead(replica, middle).energy);
}

static void add_series(struct cluster *cluster, struct leap_replica *replica) {
    struct pool_outcome *out = outcome_of(cluster, replica);
    int64_t steps = replica->planned;
    i128 time = replica->end - replica->start;
    struct step_amounts first = amounts_ahead(replica, 0);
    struct step_amounts second = amounts_ahead(replica, 1);
    i128 energy = energy_over(replica, 0, steps, first.energy);
    out->steps += steps;
    out->busy += time;
    out->busy_decode += time;
    out->batch += time * replica->work.decode_seqs;
    out->flop += series_sum((struct series){first.flop, second.flop - first.flop}, steps);
    out->byte += series_sum((struct series){first.byte, second.byte - first.byte}, steps);
    out->energy += energy;
    add_minute(out, replica->minute, energy);
    struct series tokens = {.first = replica->kv_tokens, .growth = replica->work.decode_seqs};
    out->kv_tokens += series_product_sum(tokens, replica->durations, steps);
}

void leap_meter_stretch(struct cluster *cluster, struct leap_replica *replica) {
    if (replica->planned == 1) {
        one_step_ended(cluster, replica);
        return;
    }
    if (cluster_in_window(cluster, key_of_instant(replica->end))) {
        add_series(cluster, replica);
        replica->meter.kv_tokens.since = replica->end; /* its integral is in the series */
    }
    load_grid_step(&cluster->pools[replica->pool].grid, replica->start, replica->end, replica->backlog);
}

/* ---- levels ---- */

static i128 level_set(struct level *level, const struct leap_meter *meter, i128 now, int64_t value) {
    i128 time = clamp(now, meter->from, meter->until) - clamp(level->since, meter->from, meter->until);
    i128 added = level->value * time;
    *level = (struct level){.value = value, .since = now};
    return added;
}

void leap_meter_waiting(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    struct leap_meter *meter = &replica->meter;
    load_grid_waiting(&cluster->pools[replica->pool].grid, meter->waiting.since, now, meter->waiting.value);
    outcome_of(cluster, replica)->waiting += level_set(&meter->waiting, meter, now, (int64_t)replica->waiting.count);
}

void leap_meter_levels(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    struct pool_outcome *out = outcome_of(cluster, replica);
    struct leap_meter *meter = &replica->meter;
    leap_meter_waiting(cluster, replica, now);
    out->running += level_set(&meter->running, meter, now, replica->batch.count);
    out->kv_tokens += level_set(&meter->kv_tokens, meter, now, replica->kv_tokens);
}

void leap_meter_cut(struct cluster *cluster, struct leap_replica *replica, i128 cut) {
    struct leap_meter *meter = &replica->meter;
    if (replica->stepping) {
        CHECK(replica->planned == 1);
        add_one_step(cluster, replica, clamp(cut - replica->start, 0, replica->end - replica->start));
    }
    bool moved = key_of_instant(meter->until) == key_of_instant(cut) && meter->until > cut;
    leap_meter_levels(cluster, replica, moved ? meter->until : cut);
}

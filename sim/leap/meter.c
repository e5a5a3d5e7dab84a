/* meter.c - time, work and energy of stretches.
 *
 * Meters cut time at minutes and at the ends of the window. A stretch of several steps lies between two cuts (plan.c sees to it), and so
 * do nearly all of one step: these are *plain*, and only add to sums. Any other step is taken apart exactly (docs/semantics.md section 2).
 * FLOP, bytes and energy of plain stretches are linear in sums of their work where no step can be capped: they are worked out once a minute.
 * Batch and KV are not empty only inside of stretches. */
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

/* ---- cuts ---- */

static void cut_sooner(struct leap_meter *meter, i128 start, int64_t key) {
    i128 instant = instant_of_key(key);
    if (instant > start && instant < meter->next_cut) {
        meter->next_cut = instant;
    }
}

void leap_meter_find_cut(struct cluster *cluster, struct leap_replica *replica) {
    struct leap_meter *meter = &replica->meter;
    int64_t warmup = cluster->config->warmup_key;
    if (replica->start >= meter->minute_end) {
        meter->minute = (size_t)(replica->start / MINUTE_UNITS);
        meter->minute_end = (i128)(meter->minute + 1) * MINUTE_UNITS;
    }
    meter->next_cut = meter->minute_end;
    meter->at_warmup = warmup > 0 && key_of_instant(replica->start) == warmup;
    if (warmup > 0) {
        cut_sooner(meter, replica->start, warmup);
        cut_sooner(meter, replica->start, warmup + 1);
    }
    if (cluster->config->end_key != KEY_NEVER) {
        cut_sooner(meter, replica->start, cluster->config->end_key);
    }
}

/* Whether the stretch lies between two cuts, and in 64 bits. */
static bool is_plain(const struct leap_replica *replica) {
    const struct leap_meter *meter = &replica->meter;
    return replica->end < meter->next_cut && !meter->at_warmup && replica->end - replica->start <= STRETCH_TIME_MAX;
}

/* ---- the load grid ---- */

static void flush_busy(struct cluster *cluster, struct leap_replica *replica) {
    const struct leap_meter *meter = &replica->meter;
    load_grid_step(&cluster->pools[replica->pool].grid, meter->busy_from, meter->busy_to, meter->busy_backlog);
}

static void add_busy(struct cluster *cluster, struct leap_replica *replica, i128 to) {
    struct leap_meter *meter = &replica->meter;
    if (replica->start != meter->busy_to || replica->backlog != meter->busy_backlog) {
        flush_busy(cluster, replica);
        meter->busy_from = replica->start;
        meter->busy_backlog = replica->backlog;
    }
    meter->busy_to = to;
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
    size_t minute = replica->meter.minute; /* of the start; `low` may be later */
    i128 next = replica->meter.minute_end - replica->start;
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

/* The decodes' share of a step (step_model_decode_duration). */
static inline i128 decode_share(const struct leap_replica *replica, i128 duration) {
    const struct step_work *work = &replica->work;
    if (work->prefill_seqs == 0) {
        return duration;
    }
    if (work->decode_seqs == 0) {
        return 0;
    }
    i128 alone = leap_decode_duration(replica, 0);
    return alone < duration ? alone : duration;
}

/* The part of the one step in progress from `low` to `high` of its time. */
static void add_part(struct cluster *cluster, struct leap_replica *replica, i128 low, i128 high) {
    struct pool_outcome *out = outcome_of(cluster, replica);
    i128 duration = replica->end - replica->start;
    i128 decode = decode_share(replica, duration);
    struct step_amounts amounts = step_model_amounts(replica->config->step_model, &replica->work, duration);
    i128 decoding = until(decode, high, duration) - until(decode, low, duration);
    out->busy += high - low;
    out->busy_decode += decoding;
    out->busy_prefill += high - low - decoding;
    out->batch += (high - low) * (replica->work.prefill_seqs + replica->work.decode_seqs);
    out->running += (high - low) * replica->batch.count;
    out->kv_tokens += (high - low) * replica->kv_tokens;
    out->flop += until(amounts.flop, high, duration) - until(amounts.flop, low, duration);
    out->byte += until(amounts.byte, high, duration) - until(amounts.byte, low, duration);
    add_energy_by_minute(out, replica, amounts.energy, low, high);
}

static void add_one_step(struct cluster *cluster, struct leap_replica *replica, i128 high) {
    i128 low = clamp(replica->meter.from - replica->start, 0, high);
    if (low < high) {
        add_part(cluster, replica, low, high);
    }
    add_busy(cluster, replica, replica->start + high);
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

/* ---- plain stretches ---- */

static struct step_amounts amounts_ahead(const struct leap_replica *replica, int64_t ahead) {
    struct step_work work = replica->work;
    work.decode_context += ahead * work.decode_seqs;
    work.decode_window_context += ahead * replica->batch.growing;
    i128 duration = replica->planned == 1 ? replica->end - replica->start : series_term(replica->durations, ahead);
    return step_model_amounts(replica->config->step_model, &work, duration);
}

/* Sum of the energies of steps from..to - 1, of which the first is known. Energy is concave in context (a line, or the cap): three
 * points on one line mean that all between them are. */
static i128 energy_over(const struct leap_replica *replica, int64_t from, int64_t to, i128 first) {
    if (to - from == 1) {
        return first;
    }
    i128 growth = amounts_ahead(replica, from + 1).energy - first;
    int64_t count = to - from;
    if (count == 2 || amounts_ahead(replica, to - 1).energy == first + growth * (count - 1)) {
        return first * count + growth * triangle(count);
    }
    int64_t middle = from + count / 2;
    return energy_over(replica, from, middle, first) +
           energy_over(replica, middle, to, amounts_ahead(replica, middle).energy);
}

static void flush_sums(struct cluster *cluster, struct leap_replica *replica) {
    struct leap_meter *meter = &replica->meter;
    if (meter->sums.steps > 0) {
        struct pool_outcome *out = outcome_of(cluster, replica);
        struct step_amounts amounts = step_model_amounts_of_sums(replica->config->step_model, &meter->sums);
        out->flop += amounts.flop;
        out->byte += amounts.byte;
        out->energy += amounts.energy;
        add_minute(out, meter->sums_minute, amounts.energy);
    }
    meter->sums = (struct step_sums){0};
    meter->sums_minute = meter->minute;
}

static void add_amounts(struct cluster *cluster, struct leap_replica *replica, const struct step_amounts *amounts) {
    struct pool_outcome *out = outcome_of(cluster, replica);
    out->flop += amounts->flop;
    out->byte += amounts->byte;
    out->energy += amounts->energy;
    add_minute(out, replica->meter.minute, amounts->energy);
}

static void sum_window(const struct leap_replica *replica, struct step_sums *sums) {
    if (replica->shared->window > 0) {
        const int64_t steps = replica->planned;
        i128 context = (i128)replica->work.decode_window_context * steps;
        context += (i128)replica->batch.growing * triangle(steps);
        step_model_sum_window(&replica->work, steps, context, sums);
    }
}

/* FLOP, bytes and energy of a plain stretch whose decodes' contexts sum to `context` over its steps. */
static void add_work(struct cluster *cluster, struct leap_replica *replica, int64_t time, i128 context) {
    struct leap_meter *meter = &replica->meter;
    const struct step_model *model = replica->config->step_model;
    if (replica->shared->never_capped && replica->work.prefill_seqs == 0) {
        if (meter->sums_minute != meter->minute) {
            flush_sums(cluster, replica);
        }
        step_model_sum(model, &replica->work, replica->planned, context, time, &meter->sums);
        sum_window(replica, &meter->sums);
        return;
    }
    struct step_amounts amounts = amounts_ahead(replica, 0);
    if (replica->planned > 1) {
        struct step_sums sums = {0};
        i128 energy = energy_over(replica, 0, replica->planned, amounts.energy);
        step_model_sum(model, &replica->work, replica->planned, context, time, &sums);
        sum_window(replica, &sums);
        amounts = step_model_amounts_of_sums(model, &sums);
        amounts.energy = energy;
    }
    add_amounts(cluster, replica, &amounts);
}

static void add_plain(struct cluster *cluster, struct leap_replica *replica) {
    struct pool_outcome *out = outcome_of(cluster, replica);
    const struct step_work *work = &replica->work;
    int64_t steps = replica->planned;
    int64_t time = (int64_t)(replica->end - replica->start);
    int64_t decoding = work->prefill_seqs == 0 ? time : (int64_t)decode_share(replica, time);
    i128 context = work->decode_context;
    i128 kv_tokens = (i128)time * replica->kv_tokens;
    if (steps > 1) {
        context = (i128)work->decode_context * steps + (i128)work->decode_seqs * triangle(steps);
        kv_tokens += work->decode_seqs * series_moment(replica->durations, steps);
    }
    out->steps += steps;
    out->busy += time;
    out->busy_decode += decoding;
    out->busy_prefill += time - decoding;
    out->batch += (i128)time * (work->prefill_seqs + work->decode_seqs);
    out->running += (i128)time * replica->batch.count;
    out->kv_tokens += kv_tokens;
    add_work(cluster, replica, time, context);
}

void leap_meter_stretch(struct cluster *cluster, struct leap_replica *replica) {
    if (!is_plain(replica)) {
        CHECK(replica->planned == 1);
        one_step_ended(cluster, replica);
        return;
    }
    if (replica->start >= replica->meter.from) {
        add_plain(cluster, replica);
    }
    add_busy(cluster, replica, replica->end);
}

/* ---- levels ---- */

void leap_meter_waiting(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    struct leap_meter *meter = &replica->meter;
    struct level *level = &meter->waiting;
    struct load_grid *grid = &cluster->pools[replica->pool].grid;
    if (level->value != 0 || now >= grid->end) {
        load_grid_waiting(grid, level->since, now, level->value);
        i128 time = clamp(now, meter->from, meter->until) - clamp(level->since, meter->from, meter->until);
        outcome_of(cluster, replica)->waiting += level->value * time;
    }
    *level = (struct level){.value = (int64_t)replica->waiting.count, .since = now};
}

void leap_meter_cut(struct cluster *cluster, struct leap_replica *replica, i128 cut) {
    const struct leap_meter *meter = &replica->meter;
    if (replica->stepping) {
        CHECK(replica->planned == 1);
        add_one_step(cluster, replica, clamp(cut - replica->start, 0, replica->end - replica->start));
    }
    bool moved = key_of_instant(meter->until) == key_of_instant(cut) && meter->until > cut;
    leap_meter_waiting(cluster, replica, moved ? meter->until : cut);
    flush_sums(cluster, replica);
    flush_busy(cluster, replica);
}

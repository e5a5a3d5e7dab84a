/* meter.c - time, work and energy of stretches.
 *
 * Meters cut time at minutes, at the intervals of a time series and at the ends of the window. A stretch of several steps lies between two cuts (plan.c sees to it), and so
 * do nearly all of one step: these are *plain*, and only add to sums. Any other step is taken apart exactly (docs/semantics.md section 2).
 * FLOP, bytes and energy of plain stretches are linear in sums of their work where no step can be capped: they are worked out once a minute.
 * Batch and KV are not empty only inside of stretches. */
#include "base/arena.h"
#include "base/check.h"
#include "sim/clock.h"
#include "sim/leap/replica.h"

void leap_meter_init(struct cluster *cluster, struct leap_meter *meter, uint32_t pool) {
    *meter = (struct leap_meter){
        .out = &cluster->outcome->pools[pool],
        .from = instant_of_key(cluster->config->warmup_key),
        .until = instant_of_key(cluster->config->end_key),
    };
}

static i128 clamp(i128 value, i128 low, i128 high) {
    return value < low ? low : value > high ? high : value;
}

static void add_minute(struct cluster *cluster, const struct leap_replica *replica, size_t minute, i128 energy) {
    struct pool_outcome *out = &cluster->outcome->pools[replica->pool];
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

static void flush_sums(struct cluster *cluster, struct leap_replica *replica);

/* From here on sums go to another interval: the old ones have been flushed. */
static void enter_interval(struct leap_replica *replica, struct timeline *timeline) {
    struct leap_meter *meter = &replica->meter;
    i128 end;
    meter->cell = timeline_over(timeline, replica->start, meter->from, &end);
    meter->out = &meter->cell->pool;
    if (end < meter->next_cut) {
        meter->next_cut = end;
    }
}

void leap_meter_find_cut(struct cluster *cluster, struct leap_replica *replica) {
    struct leap_meter *meter = &replica->meter;
    int64_t warmup = cluster->config->warmup_key;
    flush_sums(cluster, replica);
    if (replica->start >= meter->minute_end) {
        meter->minute = (size_t)(replica->start / MINUTE_UNITS);
        meter->minute_end = (i128)(meter->minute + 1) * MINUTE_UNITS;
    }
    meter->next_cut = meter->minute_end;
    meter->at_warmup = warmup > 0 && key_of_instant(replica->start) == warmup;
    meter->in_window = replica->start >= meter->from;
    if (warmup > 0) {
        cut_sooner(meter, replica->start, warmup);
        cut_sooner(meter, replica->start, warmup + 1);
    }
    if (cluster->config->end_key != KEY_NEVER) {
        cut_sooner(meter, replica->start, cluster->config->end_key);
    }
    struct timeline *timeline = cluster_timeline(cluster, replica->pool);
    if (timeline != NULL) {
        enter_interval(replica, timeline);
    }
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

static void add_energy_by_minute(struct cluster *cluster, const struct leap_replica *replica, i128 energy, i128 low,
                                 i128 high) {
    i128 duration = replica->end - replica->start;
    i128 before = until(energy, low, duration);
    size_t minute = replica->meter.minute; /* of the start; `low` may be later */
    i128 next = replica->meter.minute_end - replica->start;
    for (i128 at = low; at < high;) {
        for (; next <= at; next += MINUTE_UNITS) {
            minute++;
        }
        i128 to = next < high ? next : high;
        i128 after = until(energy, to, duration);
        add_minute(cluster, replica, minute, after - before);
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

/* What the one step in progress has in all. */
struct whole_step {
    i128 duration, decode;
    struct step_amounts amounts;
};

/* The part of it from `low` to `high` of its time. */
static void add_part(struct pool_outcome *out, const struct leap_replica *replica, const struct whole_step *step,
                     i128 low, i128 high) {
    i128 duration = step->duration;
    i128 decoding = until(step->decode, high, duration) - until(step->decode, low, duration);
    out->busy += high - low;
    out->busy_decode += decoding;
    out->busy_prefill += high - low - decoding;
    out->batch += (high - low) * (replica->work.prefill_seqs + replica->work.decode_seqs);
    out->running += (high - low) * replica->batch.count;
    out->kv_tokens += (high - low) * replica->kv_tokens;
    out->flop += until(step->amounts.flop, high, duration) - until(step->amounts.flop, low, duration);
    out->byte += until(step->amounts.byte, high, duration) - until(step->amounts.byte, low, duration);
    out->energy += until(step->amounts.energy, high, duration) - until(step->amounts.energy, low, duration);
}

static void add_parts_by_interval(struct timeline *timeline, const struct leap_replica *replica,
                                  const struct whole_step *step, i128 high) {
    for (i128 low = 0; low < high;) {
        i128 end;
        struct timeline_cell *cell = timeline_over(timeline, replica->start + low, replica->meter.from, &end);
        i128 to = end - replica->start < high ? end - replica->start : high;
        add_part(&cell->pool, replica, step, low, to);
        low = to;
    }
}

static void add_one_step(struct cluster *cluster, struct leap_replica *replica, i128 high) {
    i128 low = clamp(replica->meter.from - replica->start, 0, high);
    struct timeline *timeline = cluster_timeline(cluster, replica->pool);
    if (low < high || timeline != NULL) {
        i128 duration = replica->end - replica->start;
        const struct whole_step step = {
            .duration = duration,
            .decode = decode_share(replica, duration),
            .amounts = step_model_amounts(replica->config->step_model, &replica->work, duration),
        };
        if (timeline != NULL) {
            add_parts_by_interval(timeline, replica, &step, high);
        } else {
            add_part(replica->meter.out, replica, &step, low, high);
        }
        add_energy_by_minute(cluster, replica, step.amounts.energy, low, high);
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
    struct timeline *timeline = cluster_timeline(cluster, replica->pool);
    if (timeline != NULL) {
        meter->end_cell = timeline_at_end(timeline, key);
        meter->end_cell->pool.steps++;
    } else {
        meter->out->steps += counts;
    }
}

/* ---- plain stretches ---- */

static struct step_amounts amounts_ahead(const struct leap_replica *replica, int64_t ahead) {
    struct step_work work = replica->work;
    work.decode_context += ahead * work.decode_seqs * replica->batch.advance;
    work.decode_window_context += ahead * replica->batch.growing * replica->batch.advance;
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
    const struct step_sums *sums = &meter->sums;
    if (meter->steps > 0) {
        struct step_amounts amounts = step_model_amounts_of_sums(replica->config->step_model, sums);
        meter->out->flop += amounts.flop;
        meter->out->byte += amounts.byte;
        meter->out->energy += amounts.energy;
        meter->out->steps += meter->steps;
        meter->out->busy += sums->duration;
        meter->out->busy_decode += sums->duration;
        meter->out->batch += meter->batch;
        meter->out->running += meter->batch;
        meter->out->kv_tokens += meter->kv_tokens;
        add_minute(cluster, replica, meter->minute, meter->in_window ? amounts.energy : 0);
    }
    meter->sums = (struct step_sums){0};
    meter->batch = meter->kv_tokens = 0;
    meter->steps = 0;
}

static void add_amounts(struct cluster *cluster, struct leap_replica *replica, const struct step_amounts *amounts) {
    const struct leap_meter *meter = &replica->meter;
    meter->out->flop += amounts->flop;
    meter->out->byte += amounts->byte;
    meter->out->energy += amounts->energy;
    add_minute(cluster, replica, meter->minute, meter->in_window ? amounts->energy : 0);
}

static void sum_window(const struct leap_replica *replica, struct step_sums *sums) {
    if (replica->shared->window > 0) {
        const int64_t steps = replica->planned;
        i128 context = (i128)replica->work.decode_window_context * steps;
        context += (i128)replica->batch.growing * replica->batch.advance * triangle(steps);
        step_model_sum_window(&replica->work, steps, context, sums);
    }
}

/* The integral of KV tokens over a stretch of steps of the decoders alone. */
static i128 kv_integral(const struct leap_replica *replica) {
    i128 integral = (i128)replica->time * replica->kv_tokens;
    if (replica->planned > 1) {
        integral +=
            replica->work.decode_seqs * replica->batch.advance * series_moment(replica->durations, replica->planned);
    }
    return integral;
}

/* The sum over the stretch's steps of the decodes' contexts. */
static i128 context_sum(const struct leap_replica *replica) {
    const struct step_work *work = &replica->work;
    int64_t steps = replica->planned;
    const int64_t growth = work->decode_seqs * replica->batch.advance; /* in a step */
    return (i128)work->decode_context * steps + (i128)growth * triangle(steps);
}

/* A plain stretch of all the batch's decoders, none of whose steps can be capped. */
static void add_decodes(struct leap_replica *replica) {
    struct leap_meter *meter = &replica->meter;
    const struct step_work *work = &replica->work;
    const struct step_model *model = replica->config->step_model;
    struct step_sums *sums = &meter->sums;
    int64_t steps = replica->planned;
    i128 context = context_sum(replica);
    meter->batch += (i128)replica->time * work->decode_seqs;
    meter->kv_tokens += kv_integral(replica);
    meter->steps += steps;
    if (replica->shared->unpadded) {
        i128 tokens = (i128)work->decode_seqs * steps;
        sums->passes += steps;
        sums->tokens += tokens;
        sums->samples += tokens;
        sums->context += context;
        sums->duration += replica->time;
    } else {
        step_model_sum(model, work, steps, context, replica->time, sums);
        sum_window(replica, sums);
    }
}

/* FLOP, bytes and energy of any other plain stretch. */
static void add_work(struct cluster *cluster, struct leap_replica *replica) {
    const struct step_model *model = replica->config->step_model;
    struct step_amounts amounts = amounts_ahead(replica, 0);
    if (replica->planned > 1) {
        struct step_sums sums = {0};
        i128 energy = energy_over(replica, 0, replica->planned, amounts.energy);
        step_model_sum(model, &replica->work, replica->planned, context_sum(replica), replica->time, &sums);
        sum_window(replica, &sums);
        amounts = step_model_amounts_of_sums(model, &sums);
        amounts.energy = energy;
    }
    add_amounts(cluster, replica, &amounts);
}

static void add_plain(struct cluster *cluster, struct leap_replica *replica) {
    struct pool_outcome *out = replica->meter.out;
    const struct step_work *work = &replica->work;
    int64_t time = replica->time;
    int64_t served = work->prefill_seqs + work->decode_seqs;
    if (work->decode_seqs == replica->batch.count && replica->shared->never_capped) {
        add_decodes(replica);
        return;
    }
    int64_t decoding = (int64_t)decode_share(replica, time);
    out->steps += replica->planned;
    out->busy += time;
    out->busy_decode += decoding;
    out->busy_prefill += time - decoding;
    out->batch += (i128)time * served;
    out->running += (i128)time * replica->batch.count;
    out->kv_tokens += kv_integral(replica);
    add_work(cluster, replica);
}

void leap_meter_stretch(struct cluster *cluster, struct leap_replica *replica) {
    if (!replica->plain) {
        CHECK(replica->planned == 1);
        one_step_ended(cluster, replica);
        return;
    }
    replica->meter.end_cell = replica->meter.cell;
    if (replica->meter.in_window || replica->meter.cell != NULL) {
        add_plain(cluster, replica);
    }
    add_busy(cluster, replica, replica->end);
}

static void flush_tokens(struct cluster *cluster, struct leap_replica *replica) {
    batch_count(cluster, &replica->batch);
    for (size_t i = 0; i < cluster->config->workload_count; i++) {
        struct decoder_count *counts = &replica->batch.by_workload[i];
        cluster->outcome->workloads[i].tokens[replica->pool].output += counts->emitted;
        counts->emitted = 0;
    }
}

/* ---- levels ---- */

static __attribute__((noinline)) void add_waiting(struct cluster *cluster, const struct leap_replica *replica,
                                                  i128 now) {
    const struct leap_meter *meter = &replica->meter;
    const struct level *level = &meter->waiting;
    load_grid_waiting(&cluster->pools[replica->pool].grid, level->since, now, level->value);
    bool inside = level->since >= meter->from && now <= meter->until;
    i128 time = inside ? now - level->since
                       : clamp(now, meter->from, meter->until) - clamp(level->since, meter->from, meter->until);
    cluster->outcome->pools[replica->pool].waiting += level->value * time;
}

void leap_meter_waiting(struct cluster *cluster, struct leap_replica *replica, i128 now) {
    struct level *level = &replica->meter.waiting;
    if (level->value != 0 || now >= cluster->pools[replica->pool].grid.end) {
        add_waiting(cluster, replica, now);
    }
    struct timeline *timeline = cluster_timeline(cluster, replica->pool);
    if (timeline != NULL) {
        const struct timeline_levels levels = {.waiting = level->value};
        timeline_add_levels(timeline, level->since, now, replica->meter.from, &levels);
    }
    level->value = (int64_t)replica->waiting.count;
    level->since = now;
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
    flush_tokens(cluster, replica);
}

void leap_meter_close_pool(struct cluster *cluster, uint32_t pool) {
    struct pool_outcome *out = &cluster->outcome->pools[pool];
    const struct timeline *timeline = cluster_timeline(cluster, pool);
    int64_t count = timeline_count(timeline, cluster->outcome->window_end);
    const struct pool_outcome own = *out;
    for (int64_t i = 0; i < count; i++) {
        if (timeline_in_window(timeline, i)) {
            pool_outcome_add(out, &timeline_cell_at(timeline, i)->pool);
        }
    }
    out->waiting = own.waiting; /* these were counted in both */
    out->preemptions = own.preemptions;
}

#include "scenarios/trace.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "scenarios/trace_reader.h"
#include "sim/clock.h"

/* 32 ps in attoseconds. */
enum { ATTOSECOND_PER_KEY = 32000000 };

struct sorted_row {
    i128 time;
    int64_t input_tokens, output_tokens;
    int64_t index; /* in the file: keeps the order of equal times */
};

struct trace_source {
    struct arrival_source base;
    const struct trace_spec *spec; // borrowed
    struct trace_reader *reader;   // owned
    bool ended, failed;
    uint64_t ordinal;
    /* The clock: what is emitted is epoch_start + (time - epoch_zero). */
    bool started;
    i128 epoch_start, epoch_zero, last_time, last_emitted;
    int64_t epochs;
    /* Order policy `sort`: all accepted rows. */
    bool sorted;
    struct sorted_row *rows; // owned
    size_t row_count, row_at;
};

const char *trace_format_name(enum trace_format format) {
    static const char *const names[TRACE_FORMAT_COUNT] = {
        [TRACE_AZURE_LLM_2023] = "azure-llm-2023",
        [TRACE_NORMALISED] = "normalised",
        [TRACE_COLUMNS] = "columns",
    };
    CHECK(format < TRACE_FORMAT_COUNT);
    return names[format];
}

const char *trace_order_name(enum trace_order order) {
    static const char *const names[TRACE_ORDER_COUNT] = {
        [TRACE_ORDER_ERROR] = "error",
        [TRACE_ORDER_SORT] = "sort",
        [TRACE_ORDER_NEW_EPOCH] = "new-epoch",
        [TRACE_ORDER_DROP] = "drop",
    };
    CHECK(order < TRACE_ORDER_COUNT);
    return names[order];
}

const char *trace_origin_name(enum trace_origin origin) {
    static const char *const names[TRACE_ORIGIN_COUNT] = {
        [TRACE_ORIGIN_AUTO] = "auto",
        [TRACE_ORIGIN_ZERO] = "zero",
        [TRACE_ORIGIN_FIRST] = "first",
    };
    CHECK(origin < TRACE_ORIGIN_COUNT);
    return names[origin];
}

const char *trace_role_name(enum trace_role role) {
    static const char *const names[TRACE_ROLE_COUNT] = {
        [TRACE_ARRIVAL] = "arrival", [TRACE_INPUT] = "input_tokens", [TRACE_OUTPUT] = "output_tokens",
        [TRACE_STATUS] = "status",   [TRACE_FILTER] = "filter",      [TRACE_PREFIX] = "prefix_hit_tokens",
    };
    CHECK(role < TRACE_ROLE_COUNT);
    return names[role];
}

void trace_spec_init(struct trace_spec *spec) {
    *spec = (struct trace_spec){.rate_scale = 1.0};
}

bool trace_check(const struct trace_spec *spec, struct diags *diags) {
    struct trace_reader *reader = trace_reader_new(spec, false, diags);
    trace_reader_free(reader);
    return reader != NULL;
}

static void drop(struct trace_source *source, enum drop_reason reason) {
    source->base.counts.read++;
    source->base.counts.dropped[reason]++;
}

/* The next row that the reader accepts; those that it does not are counted. Only accepted ones are left to count. */
static enum trace_read_status read_accepted(struct trace_source *source, struct trace_row *row, struct diags *diags) {
    for (;;) {
        enum trace_read_status status = trace_reader_next(source->reader, row, diags);
        if (status != TRACE_READ_ROW || row->accepted) {
            return status;
        }
        drop(source, row->reason);
    }
}

static int compare_rows(const void *a, const void *b) {
    const struct sorted_row *x = a;
    const struct sorted_row *y = b;
    if (x->time != y->time) {
        return x->time < y->time ? -1 : 1;
    }
    return (x->index > y->index) - (x->index < y->index);
}

static enum trace_read_status sort_rows(struct trace_source *source, struct diags *diags) {
    struct trace_row row;
    size_t room = 0;
    enum trace_read_status status;
    while ((status = read_accepted(source, &row, diags)) == TRACE_READ_ROW) {
        if (source->row_count == room) {
            room = room * 2 + 1024;
            source->rows = xrealloc(source->rows, room, sizeof(*source->rows));
        }
        source->rows[source->row_count] =
            (struct sorted_row){row.time, row.input_tokens, row.output_tokens, (int64_t)source->row_count};
        source->row_count++;
    }
    if (status == TRACE_READ_END && source->row_count > 0) {
        qsort(source->rows, source->row_count, sizeof(*source->rows), compare_rows);
    }
    source->sorted = true;
    return status;
}

/* The next accepted row in the order of the policy `sort`, or of the file. */
static enum trace_read_status next_row(struct trace_source *source, struct trace_row *row, struct diags *diags) {
    if (source->spec->order != TRACE_ORDER_SORT) {
        return read_accepted(source, row, diags);
    }
    if (!source->sorted && sort_rows(source, diags) == TRACE_READ_FAILED) {
        return TRACE_READ_FAILED;
    }
    if (source->row_at == source->row_count) {
        return TRACE_READ_END;
    }
    const struct sorted_row *from = &source->rows[source->row_at++];
    *row = (struct trace_row){
        .accepted = true, .time = from->time, .input_tokens = from->input_tokens, .output_tokens = from->output_tokens};
    return TRACE_READ_ROW;
}

static bool origin_is_first(const struct trace_spec *spec) {
    return spec->origin == TRACE_ORIGIN_FIRST ||
           (spec->origin == TRACE_ORIGIN_AUTO && spec->format != TRACE_NORMALISED);
}

static void begin_epoch(struct trace_source *source, i128 time) {
    source->started = true;
    source->epochs++;
    source->epoch_start = source->last_emitted;
    source->epoch_zero = origin_is_first(source->spec) ? time : 0;
}

static bool report_order(const struct trace_source *source, const struct trace_row *row, struct diags *diags) {
    double back_s = i128_to_double(source->last_time - row->time) / 1e18;
    return diag_error(diags, trace_reader_arrival_position(source->reader, row), "trace-order",
                      "the clock goes back by %g s; say order: sort, new-epoch (the trace starts again) or drop",
                      back_s);
}

/* Emitted time to key; KEY_NEVER beyond the clock. */
static int64_t key_of_time(const struct trace_spec *spec, i128 time) {
    const i128 limit = (i128)ATTOSECOND_PER_KEY * KEY_NEVER;
    if (spec->rate_scale != 1.0) {
        double key = nearbyint(i128_to_double(time) / (double)ATTOSECOND_PER_KEY / spec->rate_scale);
        return key < 0x1p63 ? (int64_t)key : KEY_NEVER;
    }
    return time < limit ? (int64_t)((time + ATTOSECOND_PER_KEY / 2) / ATTOSECOND_PER_KEY) : KEY_NEVER;
}

enum placement { PLACED, DROPPED, ORDER_FAILED };

/* Puts the row on the run's clock, or drops it. */
static enum placement place(struct trace_source *source, const struct trace_row *row, int64_t *key,
                            struct diags *diags) {
    if (row->time < 0 && !origin_is_first(source->spec)) {
        drop(source, DROP_BAD_TIME);
        return DROPPED;
    }
    bool fell = source->started && row->time < source->last_time;
    if (fell && source->spec->order == TRACE_ORDER_DROP) {
        drop(source, DROP_OUT_OF_ORDER);
        return DROPPED;
    }
    if (fell && source->spec->order != TRACE_ORDER_NEW_EPOCH) {
        report_order(source, row, diags);
        return ORDER_FAILED;
    }
    if (!source->started || fell) {
        begin_epoch(source, row->time);
    }
    i128 emitted = source->epoch_start + (row->time - source->epoch_zero);
    *key = key_of_time(source->spec, emitted);
    if (*key == KEY_NEVER) {
        drop(source, DROP_BAD_TIME);
        return DROPPED;
    }
    source->last_time = row->time;
    source->last_emitted = emitted;
    return PLACED;
}

static enum arrival_status trace_next(struct arrival_source *base, int64_t end_key, struct arrival *out,
                                      struct diags *diags) {
    struct trace_source *source = (void *)base;
    while (!source->ended && !source->failed) {
        struct trace_row row;
        int64_t key = 0;
        enum trace_read_status status = next_row(source, &row, diags);
        if (status != TRACE_READ_ROW) {
            source->ended = status == TRACE_READ_END;
            source->failed = !source->ended;
            break;
        }
        enum placement placement = place(source, &row, &key, diags);
        if (placement == PLACED && key < end_key) {
            base->counts.read++;
            *out = (struct arrival){.key = key,
                                    .draw = source->ordinal++,
                                    .input_tokens = row.input_tokens,
                                    .output_tokens = row.output_tokens};
            return ARRIVAL_READY;
        }
        if (placement == PLACED) {
            drop(source, DROP_AFTER_END);
        }
        source->failed = placement == ORDER_FAILED;
    }
    return source->failed ? ARRIVAL_FAILED : ARRIVAL_END;
}

static void trace_free(struct arrival_source *base) {
    struct trace_source *source = (void *)base;
    trace_reader_free(source->reader);
    free(source->rows);
    free(source);
}

static const struct arrival_source_type trace_source_type = {
    .name = "trace",
    .next = trace_next,
    .free = trace_free,
};

static struct trace_source *trace_source_new(const struct trace_spec *spec, bool hash, struct diags *diags) {
    struct trace_reader *reader = trace_reader_new(spec, hash, diags);
    if (reader == NULL) {
        return NULL;
    }
    struct trace_source *source = xcalloc(1, sizeof(*source));
    source->base.type = &trace_source_type;
    source->spec = spec;
    source->reader = reader;
    return source;
}

static struct arrival_source *trace_open(const void *context, uint64_t seed, uint32_t replication,
                                         struct diags *diags) {
    (void)seed;
    (void)replication;
    struct trace_source *source = trace_source_new(context, false, diags);
    return source != NULL ? &source->base : NULL;
}

struct arrival_factory trace_factory(const struct trace_spec *spec, const struct trace_stats *stats) {
    return (struct arrival_factory){
        .open = trace_open,
        .context = spec,
        .mean_rate_per_s = stats->mean_rate_per_s,
        .is_trace = true,
    };
}

static void count_arrival(struct trace_stats *stats, const struct arrival *arrival) {
    stats->emitted++;
    stats->sum_input_tokens += arrival->input_tokens;
    stats->sum_output_tokens += arrival->output_tokens;
    if (arrival->input_tokens > stats->max_input_tokens) {
        stats->max_input_tokens = arrival->input_tokens;
    }
    if (arrival->output_tokens > stats->max_output_tokens) {
        stats->max_output_tokens = arrival->output_tokens;
    }
}

static bool report_no_rows(const struct trace_spec *spec, const struct arrival_counts *counts, struct diags *diags) {
    enum drop_reason most = 0;
    for (enum drop_reason reason = 0; reason < DROP_REASON_COUNT; reason++) {
        most = counts->dropped[reason] > counts->dropped[most] ? reason : most;
    }
    struct position start = {.source = &spec->source, .line = 1, .column = 1};
    if (counts->read == 0) {
        return diag_error(diags, start, "trace-no-rows", "no rows below the header");
    }
    return diag_error(diags, start, "trace-no-rows", "none of %lld rows can be used; %lld were dropped as %s",
                      (long long)counts->read, (long long)counts->dropped[most], drop_reason_name(most));
}

static void finish_stats(struct trace_stats *stats, const struct trace_source *source, int64_t span_keys) {
    double emitted = (double)stats->emitted;
    stats->counts = source->base.counts;
    stats->epochs = source->epochs;
    stats->span_s = key_to_s(span_keys);
    stats->mean_rate_per_s = span_keys > 0 ? emitted / stats->span_s : emitted;
    stats->mean_input_tokens = (double)stats->sum_input_tokens / emitted;
    stats->mean_output_tokens = (double)stats->sum_output_tokens / emitted;
    stats->time = trace_reader_layout(source->reader)->time;
    stats->delimiter = trace_reader_layout(source->reader)->delimiter;
    stats->sum_prefix_tokens = trace_reader_sum_prefix_tokens(source->reader);
}

static bool scan_source(struct trace_source *source, struct trace_stats *stats, struct diags *diags) {
    struct arrival arrival;
    enum arrival_status status;
    int64_t first_key = 0;
    int64_t last_key = 0;
    while ((status = trace_next(&source->base, KEY_NEVER, &arrival, diags)) == ARRIVAL_READY) {
        first_key = stats->emitted == 0 ? arrival.key : first_key;
        last_key = arrival.key;
        count_arrival(stats, &arrival);
    }
    if (status == ARRIVAL_FAILED || !trace_reader_finish(source->reader, &stats->bytes, &stats->fnv1a, diags)) {
        return false;
    }
    if (stats->emitted == 0) {
        return report_no_rows(source->spec, &source->base.counts, diags);
    }
    finish_stats(stats, source, last_key - first_key);
    return true;
}

bool trace_scan(const struct trace_spec *spec, struct trace_stats *stats, struct diags *diags) {
    struct trace_source *source = trace_source_new(spec, true, diags);
    if (source == NULL) {
        return false;
    }
    struct trace_stats found = {0};
    bool ok = scan_source(source, &found, diags);
    trace_free(&source->base);
    if (ok) {
        *stats = found;
    }
    return ok;
}

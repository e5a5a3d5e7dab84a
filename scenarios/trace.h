/* trace.h - request traces from CSV files, streamed through libcsv: constant memory whatever the file's size, except
 * under the order policy `sort` (48 bytes a row). docs/traces.md is the user's page.
 *
 * Every data row is read into exactly one of: emitted, or dropped for the first reason that applies, in this order:
 * columns (too few fields), filtered, status, bad_time, bad_tokens (missing, not an integer, negative, above 1e9),
 * zero_input, zero_output, bad_time again (before the origin, or beyond the clock's nine years), out_of_order,
 * after_end. Blank lines are no rows. So read = emitted + dropped, always.
 *
 * Time is read exactly (attoseconds) and put on the key grid (32 ps, to nearest). t = 0 is the trace's own zero or
 * its first emitted row (`origin`). With `rate_scale` s all times are divided by s. Rows of equal time keep the
 * file's order.
 *
 * A spec is immutable once filled and may be shared by threads; each source opens the file for itself. Diagnostics
 * point into the spec (`source`), so it must outlive them. */
#ifndef TOKENMILL_SCENARIOS_TRACE_H
#define TOKENMILL_SCENARIOS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "scenarios/timestamp.h"
#include "sim/arrival.h"

enum trace_format {
    TRACE_AZURE_LLM_2023, /* TIMESTAMP, ContextTokens, GeneratedTokens */
    TRACE_NORMALISED,     /* arrival_s, input_tokens, output_tokens; status, class, prefix_hit_tokens where present */
    TRACE_COLUMNS,        /* `columns` says */
    TRACE_FORMAT_COUNT
};

/* "azure-llm-2023", "normalised", "columns". */
const char *trace_format_name(enum trace_format format);

enum trace_order {
    TRACE_ORDER_ERROR,     /* a row before its predecessor is an error */
    TRACE_ORDER_SORT,      /* stable, in memory */
    TRACE_ORDER_NEW_EPOCH, /* the clock was reset: continue from the last row emitted */
    TRACE_ORDER_DROP,      /* such rows are dropped as out_of_order */
    TRACE_ORDER_COUNT
};

/* "error", "sort", "new-epoch", "drop". */
const char *trace_order_name(enum trace_order order);

enum trace_origin {
    TRACE_ORIGIN_AUTO,  /* zero for the normalised format, else first */
    TRACE_ORIGIN_ZERO,  /* times as given; negative ones are bad_time */
    TRACE_ORIGIN_FIRST, /* t = 0 is the first emitted row (the earliest, under `sort`) */
    TRACE_ORIGIN_COUNT
};

/* "auto", "zero", "first". */
const char *trace_origin_name(enum trace_origin origin);

/* A column by header name (case-insensitive), or else by position from 1 (then `name` is NULL); neither: not there. */
struct trace_column {
    const char *name; /* borrowed */
    uint32_t position;
};

enum trace_role {
    TRACE_ARRIVAL,
    TRACE_INPUT,
    TRACE_OUTPUT,
    TRACE_STATUS,
    TRACE_FILTER,
    TRACE_PREFIX, /* of the normalised format: told, not modelled */
    TRACE_ROLE_COUNT
};

/* "arrival", "input_tokens", "output_tokens", "status", "filter", "prefix_hit_tokens". */
const char *trace_role_name(enum trace_role role);

enum { TRACE_COLUMN_MAX = 1024, TRACE_ROW_BYTE_MAX = 1 << 20 };

struct trace_spec {
    const char *path;          /* to open; borrowed, like all texts here */
    struct diag_source source; /* its name as the user wrote it; no text */
    struct position at;        /* where the scenario names it */
    enum trace_format format;
    struct trace_column columns[TRACE_ROLE_COUNT]; /* of TRACE_COLUMNS; the filter in any format (normalised: class) */
    bool header;                                   /* the first row is a header although all columns are positions */
    enum time_kind time; /* TIME_AUTO: azure-llm-2023 timestamps, normalised seconds, columns by time_kind_guess */
    char delimiter;      /* 0: found in the first line, among , ; tab */
    bool decimal_comma;
    enum trace_order order;
    enum trace_origin origin;
    const char *filter_value;     /* rows whose filter column equals it are taken (case-sensitive); NULL: all */
    const char *const *status_ok; /* statuses taken (case-insensitive); NULL: empty, ok, success, succeeded, successful,
                                     complete, completed, finished, done, stop, length, 200 and true */
    size_t status_ok_count;
    bool draw_input, draw_output; /* lengths come from the workload's distribution: the column is not read */
    double rate_scale;            /* > 0: times are divided by it */
    int64_t max_rows;             /* data rows read at most; 0: all */
};

/* Azure format, order `error`, everything found out, rate_scale 1. */
void trace_spec_init(struct trace_spec *spec);

/* Opens the file and finds delimiter, columns and kind of time; reads at most 256 KB. Rules: trace-open and
 * trace-read (world), trace-empty, trace-encoding, trace-csv, trace-column, trace-time. */
bool trace_check(const struct trace_spec *spec, struct diags *diags);

struct trace_stats {
    struct arrival_counts counts; /* whole file, no end */
    int64_t emitted;
    int64_t bytes;
    uint64_t fnv1a;                               /* FNV-1a-64 of the file's bytes */
    double span_s;                                /* first to last emitted row, rate_scale applied */
    double mean_rate_per_s;                       /* emitted / span (span 0: emitted) */
    double mean_input_tokens, mean_output_tokens; /* 0 where drawn */
    int64_t sum_input_tokens, sum_output_tokens, max_input_tokens, max_output_tokens;
    int64_t sum_prefix_tokens; /* prompt tokens that an unlimited prefix cache would have held, where the trace says */
    int64_t epochs;            /* 1, and one more for each fall of the clock under new-epoch */
    enum time_kind time;       /* as found */
    char delimiter;            /* as found */
};

/* Reads the whole file once, so that a run cannot die of it later. Rules beside trace_check's: trace-row (over 1
 * MiB), trace-order, trace-no-rows (nothing was emitted). */
bool trace_scan(const struct trace_spec *spec, struct trace_stats *stats, struct diags *diags);

/* How to make the sources of `spec`, which is borrowed; `stats` of its scan gives the mean rate and is not kept. */
struct arrival_factory trace_factory(const struct trace_spec *spec, const struct trace_stats *stats);

#endif

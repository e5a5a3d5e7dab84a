/* metrics.h - the one list of what a result shows. JSON, HDF5, CSV and docs/metrics.md are made from it.
 *
 * A metric belongs to a scope (the run, each workload, each pool, each API compared with) and may have one dimension of
 * its own (a value for each ledger key, hour, ...). Its name ends in its unit. */
#ifndef TOKENMILL_ANALYSIS_METRICS_H
#define TOKENMILL_ANALYSIS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/result.h"

enum metric_scope { METRIC_RUN, METRIC_WORKLOAD, METRIC_POOL, METRIC_API, METRIC_SCOPE_COUNT };

enum metric_type {
    METRIC_REAL,    /* double; NaN: none */
    METRIC_INTEGER, /* int64 */
    METRIC_BOOLEAN, /* int8: 0, 1, -1: does not apply */
    METRIC_TEXT,    /* UTF-8 */
};

enum metric_dimension {
    METRIC_SCALAR,
    METRIC_BY_LEDGER_KEY,
    METRIC_BY_REJECT_REASON,
    METRIC_BY_DROP_REASON,
    METRIC_BY_SLO_THRESHOLD,
    METRIC_BY_HOUR, /* struct series */
    METRIC_DIMENSION_COUNT
};

enum metric_flag {
    METRIC_JSON_ONLY = 1, /* depends on the machine: kept out of files */
    METRIC_INTERVALS = 2, /* a headline: `_ci95` and `_pi95` stand beside it in the file */
    METRIC_FILE_ONLY = 4, /* JSON has it in another shape */
};

struct metric {
    const char *name;  /* in HDF5 and CSV; begins with the scope ("workload_", "pool_", "api_") */
    const char *units; /* "s", "h", "W", "USD/Mtok", "1", ...; "" for texts */
    const char *long_name;
    const char *json; /* keys from the scope's object; `*` stands for the coordinate of the metric's dimension */
    enum metric_scope scope;
    enum metric_type type;
    enum metric_dimension dimension;
    size_t offset; /* in the scope's struct */
    unsigned flags;
    const char *allocation_method; /* of money; else NULL */
    const char *cost_basis;
};

extern const struct metric metrics[];
extern const size_t metrics_count;

/* The name of the dimension: "workload", ...; "ledger_key", ... */
const char *metric_scope_name(enum metric_scope scope);
const char *metric_dimension_name(enum metric_dimension dimension);

/* Workloads, pools, APIs of a result; 1 for the run, whose name is "". */
size_t metric_entity_count(const struct result *result, enum metric_scope scope);
const char *metric_entity_name(const struct result *result, enum metric_scope scope, size_t entity);

/* How many values a metric has for one entity; the name of a coordinate (not for hours). */
size_t metric_length(const struct metric *metric, const struct result *result, size_t entity);
const char *metric_coordinate(enum metric_dimension dimension, size_t index);
size_t metric_coordinate_count(enum metric_dimension dimension); /* 0 for hours: each result has its own */

/* The value. Reals come with one NaN and no negative zero; integers and booleans are exact in metric_integer only. */
double metric_real(const struct metric *metric, const struct result *result, size_t entity, size_t index);
int64_t metric_integer(const struct metric *metric, const struct result *result, size_t entity, size_t index);
const char *metric_text(const struct metric *metric, const struct result *result, size_t entity);

/* NULL if there is none. */
const struct metric *metric_find(const char *name);

/* docs/metrics.md. The caller frees the text. */
char *metrics_reference_md(void);

#endif

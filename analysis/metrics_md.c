/* metrics_md.c - docs/metrics.md, from the table. */
#include <stdio.h>
#include <stdlib.h>

#include "analysis/metrics.h"
#include "analysis/series.h"
#include "base/check.h"

static const char INTRODUCTION[] =
    "# Metrics\n"
    "\n"
    "<!-- Made from analysis/metrics.c; `TOKENMILL_UPDATE=1` before the test `metrics` writes it anew. -->\n"
    "\n"
    "What a result shows. The same numbers are variables of the results file (HDF5, netCDF-4), columns of `--csv` and\n"
    "keys of `--json`. How each is defined: [semantics.md](semantics.md), sections 3 and 6 to 8.\n"
    "\n"
    "- A variable's dimensions are the axes of the sweep, then `workload`, `pool` or `api`, then one of its own.\n"
    "- Missing is NaN in files, `null` in JSON, empty in CSV. Booleans are 0, 1, and -1 where the question does not arise.\n"
    "- `*` in a JSON key stands for the coordinate of the metric's own dimension. Keys of workloads, pools and APIs are\n"
    "  below `by_workload.NAME`, `by_pool.NAME` and `api.NAME`.\n"
    "- Metrics marked `i` have `_ci95` (sampling) and `_pi95` (sampling and the model's own known error) beside them in\n"
    "  the file, with a last dimension `bound`: `lower`, `upper`; NaN where there is none, as in a single run.\n"
    "- Money carries the attributes `allocation_method` and `cost_basis`.\n";

static const char *const TITLES[METRIC_SCOPE_COUNT] = {"The run", "Each workload", "Each pool",
                                                       "Each API compared with (`compare.api`)"};

static void print_metric(FILE *stream, const struct metric *metric) {
    const bool json_only = (metric->flags & METRIC_JSON_ONLY) != 0;
    fprintf(stream, "| `%s`%s | %s | `%s` | %s | %s%s |\n", metric->name,
            (metric->flags & METRIC_INTERVALS) != 0 ? " i" : "", metric->units,
            (metric->flags & METRIC_FILE_ONLY) != 0 ? "assumptions[]" : metric->json,
            metric_dimension_name(metric->dimension), metric->long_name, json_only ? " (JSON only)" : "");
}

static void print_scope(FILE *stream, enum metric_scope scope) {
    fprintf(stream, "\n## %s\n\n| name | units | JSON | dimension | what |\n| --- | --- | --- | --- | --- |\n",
            TITLES[scope]);
    for (size_t i = 0; i < metrics_count; i++) {
        if (metrics[i].scope == scope) {
            print_metric(stream, &metrics[i]);
        }
    }
}

static void print_dimension(FILE *stream, enum metric_dimension dimension) {
    fprintf(stream, "| `%s` |", metric_dimension_name(dimension));
    for (size_t i = 0; i < metric_coordinate_count(dimension); i++) {
        fprintf(stream, " `%s`", metric_coordinate(dimension, i));
    }
    fprintf(stream, "%s |\n", dimension == METRIC_BY_HOUR ? " hours of the run, from 0" : "");
}

static const char SERIES[] =
    "\n## Time series\n\n"
    "With a `series` block in the scenario the results file has these by `pool` and `time`, behind the axes of the sweep; `run --series FILE`\n"
    "writes them as CSV, a row an interval and pool, without the prefix `series_`. Intervals begin at multiples of `series.interval` from the\n"
    "start of the run, warm-up included, and at the end of the warm-up, which splits the one that it falls into; the last ends with the run.\n"
    "So the intervals with `in_window` 1 add up to the run's totals, exactly for integers. A number is defined as the run's own of that name, over\n"
    "the interval. Money: what costs by time in proportion to it (hardware, commitments, servers, network equipment, storage, maintenance, spares,\n"
    "facility, software, staff, one-off costs, and a demand charge at the window's peak); electricity, carbon and egress as the interval has\n"
    "energy and tokens. In a sweep, intervals beyond a point's end are missing; where points have other intervals or warm-ups, `time` is the\n"
    "number of the interval and `series_start_s` says when it begins.\n\n"
    "| name | units | dimension | what |\n| --- | --- | --- | --- |\n"
    "| `series_start_s` | s | time | beginning of the interval |\n"
    "| `series_duration_s` | s | time | length of the interval; the last ends with the run |\n"
    "| `series_in_window` | 1 | time | the interval lies after the warm-up |\n";

static void print_series(FILE *stream) {
    fputs(SERIES, stream);
    for (size_t i = 0; i < series_metrics_count; i++) {
        const struct series_metric *metric = &series_metrics[i];
        fprintf(stream, "| `series_%s` | %s | pool, time | %s |\n", metric->name, metric->units, metric->long_name);
    }
}

char *metrics_reference_md(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(stream != NULL);
    fputs(INTRODUCTION, stream);
    for (int scope = 0; scope < METRIC_SCOPE_COUNT; scope++) {
        print_scope(stream, (enum metric_scope)scope);
    }
    fputs("\n## Dimensions of their own\n\n| dimension | coordinates |\n| --- | --- |\n", stream);
    for (int dimension = METRIC_SCALAR + 1; dimension < METRIC_DIMENSION_COUNT; dimension++) {
        print_dimension(stream, (enum metric_dimension)dimension);
    }
    print_series(stream);
    CHECK(fclose(stream) == 0);
    return text;
}

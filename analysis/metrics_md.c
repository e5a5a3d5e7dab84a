/* metrics_md.c - docs/metrics.md, from the table. */
#include <stdio.h>
#include <stdlib.h>

#include "analysis/metrics.h"
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
    CHECK(fclose(stream) == 0);
    return text;
}

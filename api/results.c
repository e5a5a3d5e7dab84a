#include <math.h>
#include <stdio.h>

#include "analysis/hdf5_file.h"
#include "analysis/json.h"
#include "analysis/metrics.h"
#include "analysis/results_csv.h"
#include "analysis/series.h"
#include "analysis/table.h"
#include "api/handles.h"
#include "base/check.h"

size_t tmill_results_point_count(const struct tmill_results *results) {
    return results->count;
}

double tmill_results_value(const struct tmill_results *results, size_t point, const char *metric_name) {
    CHECK(point < results->count);
    const struct metric *metric = metric_find(metric_name);
    if (metric == NULL || metric->scope != METRIC_RUN || metric->dimension != METRIC_SCALAR) {
        return NAN;
    }
    const struct result *result = results->items[point];
    switch (metric->type) {
    case METRIC_REAL: return metric_real(metric, result, 0, 0);
    case METRIC_INTEGER: return (double)metric_integer(metric, result, 0, 0);
    case METRIC_BOOLEAN: {
        int64_t value = metric_integer(metric, result, 0, 0);
        return value < 0 ? (double)NAN : (double)value;
    }
    case METRIC_TEXT: break;
    }
    return NAN;
}

const char *tmill_results_infeasible_reason(const struct tmill_results *results, size_t point) {
    CHECK(point < results->count);
    return results->items[point]->infeasible_reason;
}

char *tmill_results_table(const struct tmill_results *results) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(stream != NULL);
    if (results->is_sweep) {
        table_print_sweep(stream, &results->set);
    } else {
        table_print_run(stream, results->set.name, results->items[0]);
    }
    CHECK(fclose(stream) == 0);
    return text;
}

char *tmill_results_json(const struct tmill_results *results) {
    return results->is_sweep ? json_of_sweep(&results->set) : json_of_run(results->set.name, results->items[0]);
}

enum tmill_status tmill_results_write_hdf5(const struct tmill_results *results, const char *path,
                                           struct tmill_messages *messages) {
    struct diags *diags = diags_new();
    hdf5_file_write(path, &results->set, diags);
    return messages_take(messages, diags);
}

enum tmill_status tmill_results_write_series(const struct tmill_results *results, const char *path,
                                             struct tmill_messages *messages) {
    if (results->is_sweep || results->items[0]->series.count == 0) {
        return messages_usage(messages, "there is no time series: run one point with `series`");
    }
    struct diags *diags = diags_new();
    series_csv_write(path, results->items[0], diags);
    return messages_take(messages, diags);
}

enum tmill_status tmill_results_write_csv(const struct tmill_results *results, const char *path,
                                          struct tmill_messages *messages) {
    struct diags *diags = diags_new();
    results_csv_write(path, &results->set, diags);
    return messages_take(messages, diags);
}

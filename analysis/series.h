/* series.h - what a time series shows of each interval, by pool: computed once, read by the CSV, the results file and docs/metrics.md
 * through one table.
 *
 * An interval's numbers are defined as the run's own of the same name, over the interval instead of the window. Money: what a pool costs by
 * time (hardware, commitments, servers, network equipment, storage, maintenance, spares, facility, software, its share of staff and one-off costs, a
 * demand charge at the window's own peak) in proportion to time, and electricity, carbon and egress as the interval has energy and
 * tokens; so the intervals of the window add up to the run's cost. */
#ifndef TOKENMILL_ANALYSIS_SERIES_H
#define TOKENMILL_ANALYSIS_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/result_set.h"

/* Of one pool in one interval. */
struct interval_result {
    int64_t arrivals, completed, rejected;
    int64_t tokens_input, tokens_output, tokens_recomputed, tokens_prefilled;
    int64_t steps, preemptions;
    double throughput_input_tok_per_s, throughput_output_tok_per_s;
    double waiting_mean, running_mean, batch_mean;
    double kv_ratio, load_ratio, busy_ratio, mfu_ratio, mbu_ratio;
    double power_mean_w, power_site_mean_w, power_board_per_gpu_w;
    double usd_per_hour, usd_per_mtok_total;
};

struct series_metric {
    const char *name; /* in the results file after "series_" */
    const char *units, *long_name;
    bool is_integer;
    size_t offset; /* in struct interval_result */
};

static inline const struct interval_result *series_interval(const struct pool_result *pool, size_t index) {
    return &pool->intervals[index];
}

extern const struct series_metric series_metrics[];
extern const size_t series_metrics_count;

/* Reals come with one NaN and no negative zero. */
double series_real(const struct series_metric *metric, const struct interval_result *interval);
int64_t series_integer(const struct series_metric *metric, const struct interval_result *interval);

/* One row an interval and pool: start_s, duration_s, in_window, pool, then the metrics. Missing: empty. Writes `path` whole or not at all;
 * false with a diagnostic if that failed. The result must have a series. */
bool series_csv_write(const char *path, const struct result *result, struct diags *diags);

#endif

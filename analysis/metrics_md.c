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
    "- Metrics marked `i` have `_ci95` (sampling) and `_pi95` (the model's own known error) beside them in the file, with a\n"
    "  last dimension `bound`: `lower`, `upper`; NaN where there is none, as the sampling of a single run. JSON has `pi95`\n"
    "  for each point: `[lower, upper]` by metric; an upper bound of `null` (infinite in the file) says that there is none.\n"
    "- Money carries the attributes `allocation_method` and `cost_basis`.\n";

static const char EXPECTED[] =
    "\n## Expected error\n\n"
    "`_pi95` says how far a server may be from its simulation: 95 % of measured servers that the step times were not fitted on lie within it\n"
    "([accuracy.md](accuracy.md) proves it). It rests on q, the 95 % quantile of |ln(predicted / measured)| over rows left out of the fit, by metric\n"
    "(TPOT and ITL, TTFT, E2E, of these the mean and the 99th percentile, throughput, power), by class (dense, mixture of experts, MLA and hybrids, not NVIDIA) and by what of the pool no fitted row\n"
    "had (`catalog/expected_errors.csv`; what rows had: `fitted_on.csv`). Several such cases add as variances do: q^2 = q0^2 + sum(qi^2 - q0^2). `pool_error_basis`\n"
    "names class and cases: `gpu`, `architecture`, `format` (number format on the architecture), `family`, `engine`; `unknown-recipe` and `engine` where the pool\n"
    "names no engine. These stand instead of the others: `own-rows` where a profile was fitted to the same kind of server (not for power, which such rows do not fit),\n"
    "`datasheet` for the roofline, `prefix-cache` where a workload has a `cached_input_share`, `state-space` for hybrids of a family that was not seen. Speculative\n"
    "decoding and pipeline stages, for which no rows were left out, each add qi^2 - q0^2 of an unseen engine, the largest of NVIDIA's classes. Where a quantile is missing: of a 99th percentile, the mean's\n"
    "of the same class times the largest ratio of the two in NVIDIA's classes (at least 1; so `ttft_p99` of dense models follows their own `ttft`); then the largest\n"
    "of NVIDIA's classes; of a case that stands alone, q of the others, as much wider as that case makes TPOT's. A metric that is still without is NaN, the others are\n"
    "not. Not known, and so NaN, for given constants (`linear`, `efficiency`, `overhead`, a profile written by hand, whose values have no interval), images and\n"
    "embeddings. Of several pools the largest q and the highest load count.\n\n"
    "With s = exp(q), rho the load (of a rate that follows a profile: in its busiest hour of the window), N tokens served and A asked for, the interval is the value times\n\n"
    "| metrics | open loop | a closed loop is among the workloads |\n| --- | --- | --- |\n"
    "| `ttft`, `queue`, `e2e` | (1 - rho) / (1 - rho / s) / s' .. (1 - rho) / (1 - rho s) s', s of throughput, s' of TTFT, E2E; without an upper bound where rho s >= 1: such a server could saturate | 1 / s' .. s' |\n"
    "| `tpot`, `itl` | the same with s' of TPOT, at most s' times that of a full batch | 1 / s' .. s' |\n"
    "| `load_ratio`, `busy_ratio` | min(1, tokens served / s) .. s of throughput, TPOT; at most to 1 | 1 / s .. s; at most to 1 |\n"
    "| `power_mean_w` | 1 / s .. s of power | likewise |\n"
    "| `usd_per_mtok_total`, `usd_per_1k_requests`, ... | money / tokens | likewise |\n"
    "| money | 1 - e + e / s .. 1 - e + e s of power, e the share of electricity and its carbon in the cost | likewise |\n"
    "| tokens served | min(1, 1 / (rho s)) .. min(s, max(1, A / N)) | 1 / s .. s of throughput |\n"
    "| the same, of a run that ends with its last request | 1 / max(1 - d + d s, rho s) .. 1 / (1 - d + d / s), d the share of the window after the last arrival, s of throughput; of E2E where nobody waited | 1 / s .. s of throughput |\n"
    "| latency, where d is above a half | 1 / (s s') .. s s' | 1 / s' .. s' |\n"
    "| `usd_per_mtok_input`, `_output` | as total, and the odds of prefill's share of GPU time by 1 / s .. s of TTFT | likewise |\n"
    "| `demand_mtok_per_month` | 1: it is the workload's; as tokens served in a run that ends with its last request | as tokens served |\n\n"
    "So of a fleet that keeps up the cost of a token hardly depends on how fast its servers are: it is fixed cost over a demand that is given. Where it might not\n"
    "keep up, the upper bound says what the fewer tokens would cost; where it is saturated, both say what its capacity may be. (1 - rho) is that of a queue with\n"
    "processor sharing (M/G/1: response time = service time / (1 - rho)).\n";

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
    fputs(EXPECTED, stream);
    print_series(stream);
    CHECK(fclose(stream) == 0);
    return text;
}

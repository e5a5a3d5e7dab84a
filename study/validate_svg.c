/* The picture of a validation: which points, coloured by what. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/atomic_file.h"
#include "study/scatter.h"
#include "study/validate_text.h"

static const char *const titles[METRIC_COUNT] = {"TPOT (or gap between tokens)", "TTFT", "E2E latency",
                                                 "Output tokens/s", "Power of a GPU"};
static const char *const units[METRIC_COUNT] = {"s", "s", "s", "/s", "W"};

/* Colours tell engines apart where there are several, else GPUs. */
struct series {
    const char *names[SCATTER_SERIES_MAX];
    size_t count;
    bool by_gpu;
};

static const char *series_name(const struct series *series, const struct comparison *comparison) {
    return series->by_gpu ? comparison->row->gpu : comparison->engine;
}

/* SCATTER_SERIES_MAX: it has none. */
static size_t series_find(const struct series *series, const struct comparison *comparison) {
    for (size_t i = 0; i < series->count; i++) {
        if (strcmp(series->names[i], series_name(series, comparison)) == 0) {
            return i;
        }
    }
    return SCATTER_SERIES_MAX;
}

static struct series series_make(const struct validation *validation, bool by_gpu) {
    struct series series = {.by_gpu = by_gpu};
    for (size_t i = 0; i < validation->count; i++) {
        const struct comparison *comparison = &validation->rows[i];
        if (comparison_is_scored(comparison) && series.count < SCATTER_SERIES_MAX &&
            series_find(&series, comparison) == SCATTER_SERIES_MAX) {
            series.names[series.count++] = series_name(&series, comparison);
        }
    }
    return series;
}

/* False if nothing of this metric was measured. The caller frees the points. */
static bool fill_panel(const struct validation *validation, const struct series *series, enum run_metric metric,
                       struct scatter_panel *panel) {
    *panel = (struct scatter_panel){.title = titles[metric],
                                    .unit = units[metric],
                                    .points = xcalloc(validation->count + 1, sizeof *panel->points)};
    for (size_t i = 0; i < validation->count; i++) {
        const struct comparison *comparison = &validation->rows[i];
        if (comparison_has(comparison, metric) && comparison_predicted(comparison, metric) > 0) {
            panel->points[panel->count++] = (struct scatter_point){
                .measured = comparison->measured[metric],
                .predicted = comparison_predicted(comparison, metric),
                .series = comparison_is_scored(comparison) ? series_find(series, comparison) : SCATTER_SERIES_MAX};
        }
    }
    if (panel->count == 0) {
        free(panel->points);
    }
    return panel->count > 0;
}

/* Of runs of requests: a panel for each metric, a series for each run. */
static bool fill_replay_panel(const struct validation *validation, enum replay_metric metric,
                              struct scatter_panel *panel) {
    static const enum run_metric same[REPLAY_METRIC_COUNT] = {METRIC_TTFT, METRIC_TPOT, METRIC_E2E};
    *panel = (struct scatter_panel){
        .title = titles[same[metric]],
        .unit = "s",
        .points = xcalloc(REPLAY_PERCENTILE_COUNT * validation->replay_count + 1, sizeof *panel->points)};
    for (size_t i = 0; i < validation->replay_count; i++) {
        const struct replay *replay = &validation->replays[i];
        for (size_t p = 0; p < REPLAY_PERCENTILE_COUNT && replay->skip == SKIP_NONE; p++) {
            double measured = replay->measured[metric][p], predicted = replay->predicted[metric][p];
            if (measured > 0 && predicted > 0) {
                panel->points[panel->count++] =
                    (struct scatter_point){.measured = measured,
                                           .predicted = predicted,
                                           .series = i < SCATTER_SERIES_MAX ? i : SCATTER_SERIES_MAX};
            }
        }
    }
    if (panel->count == 0) {
        free(panel->points);
    }
    return panel->count > 0;
}

static void print_scatter(FILE *stream, const struct validation *validation) {
    struct scatter_panel panels[METRIC_COUNT];
    struct series series = series_make(validation, false);
    if (series.count < 2) {
        series = series_make(validation, true);
    }
    struct scatter scatter = {.title = "Measured and predicted; dashed +-10 %, dotted a factor of two",
                              .series = series.names,
                              .series_count = series.count,
                              .rest = validation->is_replay ? "others" : "flagged, not scored",
                              .panels = panels};
    for (int m = 0; m < METRIC_COUNT && !validation->is_replay; m++) {
        scatter.panel_count +=
            fill_panel(validation, &series, (enum run_metric)m, &panels[scatter.panel_count]) ? 1 : 0;
    }
    for (int m = 0; m < REPLAY_METRIC_COUNT && validation->is_replay; m++) {
        scatter.panel_count +=
            fill_replay_panel(validation, (enum replay_metric)m, &panels[scatter.panel_count]) ? 1 : 0;
    }
    for (size_t i = 0; validation->is_replay && i < validation->replay_count && i < SCATTER_SERIES_MAX; i++) {
        series.names[i] = validation->replays[i].row.row_id;
        scatter.series_count = i + 1;
    }
    scatter_print(stream, &scatter);
    for (size_t i = 0; i < scatter.panel_count; i++) {
        free(panels[i].points);
    }
}

bool validation_write_svg(const char *path, const struct validation *validation, struct diags *diags) {
    struct atomic_file file;
    FILE *stream = atomic_file_open(&file, path, diags);
    if (stream == NULL) {
        return false;
    }
    print_scatter(stream, validation);
    return atomic_file_finish(&file, stream, diags);
}

/* JSON and CSV. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>

#include "analysis/atomic_file.h"
#include "analysis/csv_field.h"
#include "base/check.h"
#include "base/fmath.h"
#include "base/text.h"
#include "study/validate_text.h"

enum { NUMBER_SIZE = 40 };

static void print_number(FILE *stream, double value) {
    char text[NUMBER_SIZE];
    if (isfinite(value)) {
        text_from_double(value, text, sizeof text);
    }
    fputs(isfinite(value) ? text : "null", stream);
}

/* A text that is no UTF-8 becomes null. */
static void print_text(FILE *stream, const char *text) {
    json_t *value = json_string(text);
    value = value != NULL ? value : json_null();
    CHECK(json_dumpf(value, stream, JSON_ENCODE_ANY) == 0);
    json_decref(value);
}

static void text_member(FILE *stream, const char *before, const char *name, const char *text) {
    fprintf(stream, "%s\"%s\": ", before, name);
    print_text(stream, text);
}

static void number_member(FILE *stream, const char *before, const char *name, double value) {
    fprintf(stream, "%s\"%s\": ", before, name);
    print_number(stream, value);
}

static void count_member(FILE *stream, const char *before, const char *name, size_t count) {
    fprintf(stream, "%s\"%s\": %zu", before, name, count);
}

static void print_errors(FILE *stream, const struct error_summary *errors) {
    count_member(stream, ", ", "configurations", errors->rows);
    number_member(stream, ", ", "median_abs_error", errors->median_abs);
    number_member(stream, ", ", "mean_abs_error", errors->mean_abs);
    number_member(stream, ", ", "bias", errors->bias);
    number_member(stream, ", ", "p75_abs_error", errors->p75_abs);
}

static void print_class(FILE *stream, const struct score_class *class) {
    text_member(stream, "    {", "metric", run_metric_name(class->metric));
    text_member(stream, ", ", "class", class->name);
    count_member(stream, ", ", "cells", class->cells);
    count_member(stream, ", ", "cells_too_small", class->small_cells);
    count_member(stream, ", ", "pi95_rows", class->expected_rows);
    count_member(stream, ", ", "pi95_covered_rows", class->covered_rows);
    print_errors(stream, &class->errors);
    fputs("}", stream);
}

static void print_cell(FILE *stream, const struct score_cell *cell) {
    const struct measured_row *row = cell->first->row;
    text_member(stream, "    {", "metric", run_metric_name(cell->first->metric));
    text_member(stream, ", ", "class", cell->first->class_name);
    text_member(stream, ", ", "model", row->model);
    text_member(stream, ", ", "gpu", row->gpu);
    text_member(stream, ", ", "engine", cell->first->engine);
    text_member(stream, ", ", "precision", row->precision);
    text_member(stream, ", ", "source", row->source);
    count_member(stream, ", ", "rows", cell->measured_rows);
    print_errors(stream, &cell->errors);
    fputs(", \"worst\": [", stream);
    for (size_t i = 0; i < cell->worst_count; i++) {
        text_member(stream, i == 0 ? "{" : ", {", "row_id", cell->worst[i].row->row_id);
        number_member(stream, ", ", "error", cell->worst[i].error);
        fputs("}", stream);
    }
    fputs("]}", stream);
}

static void print_counts(FILE *stream, const struct validation *validation) {
    count_member(stream, ",\n  \"rows\": {", "read", validation->count);
    count_member(stream, ", ", "predicted", validation->predicted_count);
    count_member(stream, ", ", "scored", validation->scored_count);
    fputs("},\n  \"skipped\": {", stream);
    for (int s = SKIP_NONE + 1; s < SKIP_COUNT; s++) {
        count_member(stream, s == SKIP_NONE + 1 ? "" : ", ", rebuild_skip_name((enum rebuild_skip)s),
                     validation->skipped[s]);
    }
    fputs("},\n  \"flagged\": {", stream);
    for (int f = 0; f < FLAG_COUNT; f++) {
        count_member(stream, f == 0 ? "" : ", ", row_flag_name((enum row_flag)f), validation->flagged[f]);
    }
    fputs("}", stream);
}

/* Every row that is not scored, with why: a list of reasons. */
static void print_left_out(FILE *stream, const struct validation *validation) {
    const char *before = "\n";
    fputs(",\n  \"left_out\": [", stream);
    for (size_t i = 0; i < validation->count; i++) {
        const struct comparison *comparison = &validation->rows[i];
        if (comparison_is_scored(comparison)) {
            continue;
        }
        fprintf(stream, "%s", before);
        text_member(stream, "    {", "row_id", comparison->row->row_id);
        fputs(", \"reasons\": [", stream);
        const char *comma = "";
        if (comparison->skip != SKIP_NONE) {
            print_text(stream, rebuild_skip_name(comparison->skip));
        }
        for (int f = 0; f < FLAG_COUNT && comparison->skip == SKIP_NONE; f++) {
            if (flags_have(comparison->flags, (enum row_flag)f)) {
                fputs(comma, stream);
                print_text(stream, row_flag_name((enum row_flag)f));
                comma = ", ";
            }
        }
        fputs("]}", stream);
        before = ",\n";
    }
    fputs("\n  ]", stream);
}

static void print_replay(FILE *stream, const struct replay *replay) {
    text_member(stream, "    {", "run", replay->row.row_id);
    text_member(stream, ", ", "engine", replay->engine);
    text_member(stream, ", ", "skipped", rebuild_skip_name(replay->skip));
    count_member(stream, ", ", "requests", replay->count);
    count_member(stream, ", ", "incomplete", replay->incomplete);
    bool is_known = replay->skip == SKIP_NONE;
    for (int m = 0; m < REPLAY_METRIC_COUNT; m++) {
        fprintf(stream, ",\n     \"%s_s\": {", replay_metric_name((enum replay_metric)m));
        for (size_t p = 0; p < REPLAY_PERCENTILE_COUNT; p++) {
            fprintf(stream, "%s\"p%d\": {", p == 0 ? "" : ", ", replay_percentile(p));
            number_member(stream, "", "measured", replay->measured[m][p]);
            number_member(stream, ", ", "predicted", is_known ? replay->predicted[m][p] : (double)NAN);
            fputs("}", stream);
        }
        fputs("}", stream);
    }
    fputs(",\n     \"output_tok_per_s\": {", stream);
    number_member(stream, "", "measured", replay->measured_tok_per_s);
    number_member(stream, ", ", "predicted", is_known ? replay->predicted_tok_per_s : (double)NAN);
    fputs("}}", stream);
}

void validation_print_json(FILE *stream, const struct validation *validation) {
    const struct scores *scores = &validation->scores;
    text_member(stream, "{\n  ", "file", validation->path);
    if (validation->is_replay) {
        fputs(",\n  \"runs\": [\n", stream);
        for (size_t i = 0; i < validation->replay_count; i++) {
            print_replay(stream, &validation->replays[i]);
            fputs(i + 1 < validation->replay_count ? ",\n" : "\n", stream);
        }
        fputs("  ]\n}\n", stream);
        return;
    }
    print_counts(stream, validation);
    size_t first_wave_rows;
    double first_wave = validation_first_wave(validation, &first_wave_rows);
    number_member(stream, ",\n  \"first_wave\": {", "ttft_ratio_median", first_wave);
    count_member(stream, ", ", "rows", first_wave_rows);
    fputs("}", stream);
    print_left_out(stream, validation);
    fputs(",\n  \"classes\": [\n", stream);
    for (size_t i = 0; i < scores->class_count; i++) {
        print_class(stream, &scores->classes[i]);
        fputs(i + 1 < scores->class_count ? ",\n" : "\n", stream);
    }
    fputs("  ],\n  \"cells\": [\n", stream);
    for (size_t i = 0; i < scores->cell_count; i++) {
        print_cell(stream, &scores->cells[i]);
        fputs(i + 1 < scores->cell_count ? ",\n" : "\n", stream);
    }
    fputs("  ]\n}\n", stream);
}

/* --- CSV --- */

/* A number, or nothing; and the end of the line or a comma. */
static void csv_number(FILE *stream, double value, const char *end) {
    char number[NUMBER_SIZE] = "";
    if (isfinite(value)) {
        text_from_double(value, number, sizeof number);
    }
    fprintf(stream, "%s%s", number, end);
}

static void csv_row(FILE *stream, const char *const texts[6], double measured, double predicted, double q95_log) {
    for (size_t i = 0; i < 6; i++) {
        csv_field_write(stream, texts[i]);
        fputs(",", stream);
    }
    csv_number(stream, measured, ",");
    csv_number(stream, predicted, ",");
    csv_number(stream, predicted * fm_exp(-q95_log), ",");
    csv_number(stream, predicted * fm_exp(q95_log), "\n");
}

static void csv_comparison(FILE *stream, const struct comparison *comparison) {
    const struct measured_row *row = comparison->row;
    for (int m = 0; m < METRIC_COUNT; m++) {
        enum run_metric metric = (enum run_metric)m;
        if (comparison_has(comparison, metric)) {
            const char *const texts[6] = {row->row_id,      row->group,
                                          row->engine,      row->mode == SERVING_DISAGGREGATED ? "disagg" : "agg",
                                          row->spec_decode, run_metric_name(metric)};
            csv_row(stream, texts, comparison->measured[m], comparison_predicted(comparison, metric),
                    comparison->q95_log[m]);
        }
    }
}

static void csv_replay(FILE *stream, const struct replay *replay) {
    char id[256];
    for (int m = 0; m < REPLAY_METRIC_COUNT && replay->skip == SKIP_NONE; m++) {
        for (size_t p = 0; p < REPLAY_PERCENTILE_COUNT; p++) {
            snprintf(id, sizeof id, "%s p%d", replay->row.row_id, replay_percentile(p));
            const char *const texts[6] = {
                id, replay->row.row_id, replay->engine, "agg", "none", replay_metric_name((enum replay_metric)m)};
            csv_row(stream, texts, replay->measured[m][p], replay->predicted[m][p], (double)NAN);
        }
    }
}

bool validation_write_csv(const char *path, const struct validation *validation, struct diags *diags) {
    struct atomic_file file;
    FILE *stream = atomic_file_open(&file, path, diags);
    if (stream == NULL) {
        return false;
    }
    fputs("row_id,group,engine,mode,spec_decode,metric,measured,predicted,pi95_low,pi95_high\n", stream);
    for (size_t i = 0; i < validation->count; i++) {
        csv_comparison(stream, &validation->rows[i]);
    }
    for (size_t i = 0; i < validation->replay_count; i++) {
        csv_replay(stream, &validation->replays[i]);
    }
    return atomic_file_finish(&file, stream, diags);
}

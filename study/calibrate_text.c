/* A calibration as table, JSON and profile. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "analysis/atomic_file.h"
#include "analysis/csv_field.h"
#include "analysis/table_text.h"
#include "base/check.h"
#include "base/fmath.h"
#include "base/text.h"
#include "study/calibrate.h"

static const double NORMAL_95 = 1.959963984540054;

static double value_of(const struct fit_parameter *parameter, double deviations) {
    return fm_exp(parameter->value_log + deviations * parameter->value_sd);
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* --- table --- */

struct percent_text {
    char text[24];
};

static struct percent_text percent(double ratio, bool is_signed) {
    struct percent_text made = {"-"};
    if (!isnan(ratio)) {
        snprintf(made.text, sizeof made.text, is_signed ? "%+.1f" : "%.1f", 100 * ratio);
    }
    return made;
}

static void print_percent(FILE *stream, double ratio, bool is_signed) {
    fprintf(stream, " %6s", percent(ratio, is_signed).text);
}

static void print_padded(FILE *stream, const char *text, int width) {
    text_print_padded(stream, text, width, true);
}

static double worst_spread(const struct fit_outcome *outcome) {
    double spread = 0;
    for (int s = 0; s < FIT_STARTS; s++) {
        spread = outcome->spread_sd[s] > spread ? outcome->spread_sd[s] : spread;
    }
    return spread;
}

static void print_head(FILE *stream, const struct calibration *made) {
    const double agree_sd = 0.5;
    fprintf(stream, "%s: %zu rows, %zu fitted", made->path, made->row_count, made->used);
    if (made->hold_out != NULL) {
        fprintf(stream, ", %zu held out (%s)", made->held_out, made->hold_out);
    }
    fprintf(stream, "; %zu not rebuilt, %zu doubtful, %zu without TPOT\n", made->skipped, made->flagged,
            made->unmeasured);
    fprintf(stream, "base: %s; %zu parameters%s\n", made->base_name, made->parameter_count,
            made->used < CALIBRATE_FEW    ? " (fewer than 10 rows: scale and time of a step alone)"
            : made->used < CALIBRATE_SOME ? " (fewer than 30 rows: scale and the engine's overheads)"
                                          : "");
    double spread = worst_spread(&made->outcome);
    fprintf(stream, "%d starts, %zu iterations: ", (int)FIT_STARTS, made->outcome.iterations);
    fprintf(stream,
            spread < agree_sd ? "they agree to %.2f standard deviations\n"
                              : "they do NOT agree: the parameters differ by up to %.2f standard deviations\n",
            spread);
}

static void print_parameters(FILE *stream, const struct calibration *made) {
    fputs("\n  term   scope                           value       95 % interval      unit        base   rows\n",
          stream);
    for (size_t k = 0; k < made->parameter_count; k++) {
        const struct fit_parameter *parameter = &made->parameters[k];
        fputs("  ", stream);
        print_padded(stream, profile_term_name(parameter->term), 7);
        print_padded(stream, parameter->scope, 25);
        fprintf(stream, " %11.4g  [%9.4g, %9.4g]  ", value_of(parameter, 0), value_of(parameter, -NORMAL_95),
                value_of(parameter, NORMAL_95));
        print_padded(stream, profile_term_unit(parameter->term), 5);
        fprintf(stream, " %10.4g %6zu\n", fm_exp(parameter->prior_log), parameter->rows);
    }
}

static const struct score_class *class_like(const struct scores *scores, const struct score_class *class) {
    for (size_t i = 0; i < scores->class_count; i++) {
        if (scores->classes[i].metric == class->metric && strcmp(scores->classes[i].name, class->name) == 0) {
            return &scores->classes[i];
        }
    }
    return NULL;
}

/* All classes of all kinds of errors, once each. */
static bool is_listed(const struct calibration *made, int kind, const struct score_class *class) {
    for (int e = 0; e < kind; e++) {
        const struct score_class *other = class_like(&made->scores[e], class);
        if (other != NULL && other->cells > 0) {
            return true;
        }
    }
    return false;
}

static void print_class(FILE *stream, const struct calibration *made, const struct score_class *class) {
    fputs("  ", stream);
    print_padded(stream, run_metric_name(class->metric), 6);
    print_padded(stream, class->name, 19);
    for (int e = ERROR_BASE; e <= ERROR_NEVER_FITTED; e++) {
        const struct score_class *other = class_like(&made->scores[e], class);
        bool is_there = other != NULL && other->cells > 0;
        fprintf(stream, "%6.6s", percent(is_there ? other->errors.median_abs : (double)NAN, false).text);
        if (e == ERROR_BY_GROUP) {
            fprintf(stream, "%6.6s", percent(is_there ? other->errors.bias : (double)NAN, true).text);
        }
    }
    fputs("\n", stream);
}

static void print_classes(FILE *stream, const struct calibration *made) {
    fprintf(stream, "\nErrors by class in %%: medians over cells of at least %d configurations; all simulated\n",
            SCORE_ROWS_MIN);
    static const char *const heads[] = {"base",  "fit",  "group", "bias", "GPU",   "arch",
                                        "form.", "fam.", "eng.",  "five", "sheet", "never"};
    fprintf(stream, "%27s", "");
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        fprintf(stream, "%6s", heads[i]);
    }
    fputs("\n", stream);
    for (int e = 0; e < ERROR_HELD_OUT; e++) {
        for (size_t i = 0; i < made->scores[e].class_count; i++) {
            const struct score_class *class = &made->scores[e].classes[i];
            if (class->cells > 0 && !is_listed(made, e, class)) {
                print_class(stream, made, class);
            }
        }
    }
    fprintf(stream,
            "  left out in turn: %zu pairs of model and GPU, %zu GPUs, %zu architectures, %zu number formats, %zu\n"
            "  families, %zu engines; own five: the pair left out, but for five rows of the cell\n",
            made->folds[ERROR_BY_GROUP], made->folds[ERROR_BY_GPU], made->folds[ERROR_BY_ARCHITECTURE],
            made->folds[ERROR_BY_FORMAT], made->folds[ERROR_BY_FAMILY], made->folds[ERROR_BY_ENGINE]);
}

static void print_expected(FILE *stream, const struct calibration *made) {
    if (made->expected_count == 0) {
        return;
    }
    fputs("\nExpected error (95 % of rows left out lie within a factor), rows, and the share that the factor of\n"
          "other models and GPUs covers\n",
          stream);
    for (size_t i = 0; i < made->expected_count; i++) {
        const struct calibrate_expected *expected = &made->expected[i];
        fputs("  ", stream);
        print_padded(stream, expected_metric_name(expected->metric), 11);
        print_padded(stream, expected_class_name(expected->class), 19);
        print_padded(stream, expected_case_name(expected->kind), 15);
        fprintf(stream, " %6.2f %6zu  %s\n", fm_exp(expected->q95_log), expected->rows,
                percent(expected->covered_ratio, false).text);
    }
}

static const struct score_cell *cell_like(const struct scores *scores, const struct score_cell *cell) {
    const struct measured_row *row = cell->first->row;
    for (size_t i = 0; i < scores->cell_count; i++) {
        const struct score_item *other = scores->cells[i].first;
        if (other->metric == cell->first->metric && strcmp(other->row->model, row->model) == 0 &&
            strcmp(other->row->gpu, row->gpu) == 0 && strcmp(other->engine, cell->first->engine) == 0 &&
            strcmp(other->row->precision, row->precision) == 0 && strcmp(other->row->source, row->source) == 0) {
            return &scores->cells[i];
        }
    }
    return NULL;
}

static void print_cells_of(FILE *stream, const struct calibration *made, enum calibrate_error kind, const char *title) {
    const struct scores *scores = &made->scores[kind];
    if (scores->cell_count == 0) {
        return;
    }
    fprintf(stream, "\n%s\n", title);
    for (size_t i = 0; i < scores->cell_count; i++) {
        const struct score_cell *cell = &scores->cells[i];
        const struct measured_row *row = cell->first->row;
        if (cell->first->metric > METRIC_TTFT) {
            continue;
        }
        fputs("  ", stream);
        print_padded(stream, run_metric_name(cell->first->metric), 5);
        print_padded(stream, row->model, 24);
        print_padded(stream, row->gpu, 11);
        print_padded(stream, cell->first->engine, 7);
        print_padded(stream, row->precision, 5);
        print_padded(stream, row->source, 14);
        fprintf(stream, "%4zu", cell->errors.rows);
        print_percent(stream, cell->errors.median_abs, false);
        print_percent(stream, cell->errors.bias, true);
        const struct score_cell *other =
            kind == ERROR_IN_SAMPLE ? cell_like(&made->scores[ERROR_BY_GROUP], cell) : NULL;
        if (other != NULL) {
            print_percent(stream, other->errors.median_abs, false);
            print_percent(stream, other->errors.bias, true);
        }
        fputs("\n", stream);
    }
}

void calibration_print_table(FILE *stream, const struct calibration *made) {
    print_head(stream, made);
    print_parameters(stream, made);
    print_classes(stream, made);
    print_expected(stream, made);
    print_cells_of(stream, made, ERROR_HELD_OUT,
                   "Held out: cells, configurations, median size and bias in % (simulated)");
    print_cells_of(stream, made, ERROR_IN_SAMPLE,
                   "Cells: configurations, median size and bias in % (in sample, then model|GPU left out)");
}

/* --- JSON --- */

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* A text that is no UTF-8 becomes null. */
static json_t *text(const char *value) {
    json_t *made = json_string(value);
    return made != NULL ? made : json_null();
}

static json_t *count(size_t value) {
    return json_integer((json_int_t)value);
}

static json_t *json_parameter(const struct fit_parameter *parameter) {
    return json_pack("{so so so so so so so so so}", "term", text(profile_term_name(parameter->term)), "scope",
                     text(parameter->scope), "value", number(value_of(parameter, 0)), "lower",
                     number(value_of(parameter, -NORMAL_95)), "upper", number(value_of(parameter, NORMAL_95)), "unit",
                     text(profile_term_unit(parameter->term)), "base", number(fm_exp(parameter->prior_log)),
                     "prior_sd_log", number(parameter->prior_sd), "rows", count(parameter->rows));
}

static json_t *json_errors(const struct error_summary *errors) {
    return json_pack("{so so so so so}", "configurations", count(errors->rows), "median_abs_error",
                     number(errors->median_abs), "mean_abs_error", number(errors->mean_abs), "bias",
                     number(errors->bias), "p75_abs_error", number(errors->p75_abs));
}

static json_t *json_scores(const struct scores *scores) {
    json_t *classes = json_array(), *cells = json_array();
    for (size_t i = 0; i < scores->class_count; i++) {
        const struct score_class *class = &scores->classes[i];
        json_array_append_new(classes, json_pack("{so so so so}", "metric", text(run_metric_name(class->metric)),
                                                 "class", text(class->name), "cells", count(class->cells), "errors",
                                                 json_errors(&class->errors)));
    }
    for (size_t i = 0; i < scores->cell_count; i++) {
        const struct score_cell *cell = &scores->cells[i];
        const struct measured_row *row = cell->first->row;
        json_array_append_new(
            cells, json_pack("{so so so so so so so}", "metric", text(run_metric_name(cell->first->metric)), "model",
                             text(row->model), "gpu", text(row->gpu), "engine", text(cell->first->engine), "precision",
                             text(row->precision), "source", text(row->source), "errors", json_errors(&cell->errors)));
    }
    return json_pack("{so so}", "classes", classes, "cells", cells);
}

static json_t *json_expected(const struct calibration *made) {
    json_t *list = json_array();
    for (size_t i = 0; i < made->expected_count; i++) {
        const struct calibrate_expected *expected = &made->expected[i];
        json_array_append_new(
            list, json_pack("{so so so so so so}", "metric", text(expected_metric_name(expected->metric)), "class",
                            text(expected_class_name(expected->class)), "case",
                            text(expected_case_name(expected->kind)), "rows", count(expected->rows), "q95_log",
                            number(expected->q95_log), "covered_ratio", number(expected->covered_ratio)));
    }
    return list;
}

static json_t *json_seen(const struct calibration *made) {
    json_t *list = json_array();
    for (size_t i = 0; i < made->seen_count; i++) {
        const struct calibrate_seen *seen = &made->seen[i];
        json_array_append_new(list, json_pack("{so so so}", "kind", text(expected_case_name(seen->kind)), "name",
                                              text(seen->name), "rows", count(seen->rows)));
    }
    return list;
}

void calibration_print_json(FILE *stream, const struct calibration *made) {
    json_t *parameters = json_array(), *errors = json_object();
    for (size_t k = 0; k < made->parameter_count; k++) {
        json_array_append_new(parameters, json_parameter(&made->parameters[k]));
    }
    for (int e = 0; e < ERROR_COUNT; e++) {
        json_object_set_new(errors, calibrate_error_name((enum calibrate_error)e), json_scores(&made->scores[e]));
    }
    json_t *rows = json_pack("{so so so so so so}", "read", count(made->row_count), "fitted", count(made->used),
                             "held_out", count(made->held_out), "not_rebuilt", count(made->skipped), "doubtful",
                             count(made->flagged), "without_tpot", count(made->unmeasured));
    json_t *starts = json_array();
    for (int s = 0; s < FIT_STARTS; s++) {
        json_array_append_new(starts, json_pack("{so so}", "cost", number(made->outcome.cost[s]), "away_sd",
                                                number(made->outcome.spread_sd[s])));
    }
    json_t *root = json_pack("{so so so so so so so so}", "file", text(made->path), "base", text(made->base_name),
                             "rows", rows, "starts", starts, "parameters", parameters, "errors", errors,
                             "expected_errors", json_expected(made), "fitted_on", json_seen(made));
    CHECK(root != NULL && json_dumpf(root, stream, JSON_INDENT(1)) == 0);
    fputs("\n", stream);
    json_decref(root);
}

/* --- the profile --- */

static void write_number(FILE *stream, double value) {
    char shortest[40];
    text_from_double(fm_round_digits(value, 6), shortest, sizeof shortest);
    fprintf(stream, "%s,", shortest);
}

bool calibration_write_profile(const char *path, const struct calibration *made, struct diags *diags) {
    struct atomic_file file;
    char source[512];
    FILE *stream = atomic_file_open(&file, path, diags);
    if (stream == NULL) {
        return false;
    }
    fputs("name,scope,value,unit,lower,upper,prior,prior_sd_log,source\n", stream);
    for (size_t k = 0; k < made->parameter_count; k++) {
        const struct fit_parameter *parameter = &made->parameters[k];
        fprintf(stream, "%s,", profile_term_name(parameter->term));
        csv_field_write(stream, parameter->scope);
        fputs(",", stream);
        write_number(stream, value_of(parameter, 0));
        fprintf(stream, "%s,", profile_term_unit(parameter->term));
        write_number(stream, value_of(parameter, -NORMAL_95));
        write_number(stream, value_of(parameter, NORMAL_95));
        write_number(stream, fm_exp(parameter->prior_log));
        write_number(stream, parameter->prior_sd);
        snprintf(source, sizeof source, "tokenmill calibrate: %zu of %zu fitted rows of %s; base %s", parameter->rows,
                 made->used, file_name(made->path), file_name(made->base_name));
        csv_field_write(stream, source);
        fputs("\n", stream);
    }
    return atomic_file_finish(&file, stream, diags);
}

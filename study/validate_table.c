#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/table_text.h"
#include "study/validate_text.h"

static const char *const titles[METRIC_COUNT] = {"TPOT", "TTFT", "E2E", "throughput", "power"};

/* A ratio in percent with one decimal, at most six characters; "-" for NaN. */
static struct cell percent(double ratio) {
    struct cell cell;
    double value = 100 * ratio;
    if (isnan(ratio)) {
        snprintf(cell.text, sizeof cell.text, "-");
    } else if (fabs(value) < 999.95) {
        snprintf(cell.text, sizeof cell.text, "%.1f", value);
    } else {
        snprintf(cell.text, sizeof cell.text, "%.0f", value);
    }
    return cell;
}

static struct cell signed_percent(double ratio) {
    struct cell plain = percent(ratio), cell;
    snprintf(cell.text, sizeof cell.text, "%s%.20s", ratio > 0 ? "+" : "", plain.text);
    return cell;
}

static void print_padded(FILE *stream, const char *text, int width) {
    text_print_padded(stream, text, width, true);
}

/* --- what was left out --- */

static const char *first_why(const struct validation *validation, enum rebuild_skip skip) {
    for (size_t i = 0; i < validation->count; i++) {
        if (validation->rows[i].skip == skip) {
            return validation->rows[i].why;
        }
    }
    return "";
}

static void print_skipped(FILE *stream, const struct validation *validation) {
    bool is_first = true;
    for (int s = SKIP_NONE + 1; s < SKIP_COUNT; s++) {
        size_t count = validation->skipped[s];
        if (count == 0) {
            continue;
        }
        fputs(is_first ? "\nSkipped: not rebuilt                rows  e.g.\n" : "", stream);
        is_first = false;
        fputs("  ", stream);
        print_padded(stream, rebuild_skip_name((enum rebuild_skip)s), 31);
        fprintf(stream, " %6zu  ", count);
        print_padded(stream, first_why(validation, (enum rebuild_skip)s), TABLE_WIDTH - 42);
        fputs("\n", stream);
    }
}

/* Median size of the TPOT errors of rows with this flag, so that one sees what leaving them out hides. */
static double flagged_error(const struct validation *validation, enum row_flag flag) {
    double *errors = xcalloc(validation->count + 1, sizeof *errors);
    size_t used = 0;
    for (size_t i = 0; i < validation->count; i++) {
        const struct comparison *comparison = &validation->rows[i];
        if (flags_have(comparison->flags, flag) && comparison_has(comparison, METRIC_TPOT)) {
            errors[used++] = fabs(comparison_error(comparison, METRIC_TPOT));
        }
    }
    double median = score_median(errors, used);
    free(errors);
    return median;
}

static void print_flagged(FILE *stream, const struct validation *validation) {
    bool is_first = true;
    for (int f = 0; f < FLAG_COUNT; f++) {
        enum row_flag flag = (enum row_flag)f;
        if (validation->flagged[f] == 0) {
            continue;
        }
        fputs(is_first ? "\nFlagged: predicted, not scored      rows  TPOT %  why\n" : "", stream);
        is_first = false;
        fputs("  ", stream);
        print_padded(stream, row_flag_name(flag), 31);
        fprintf(stream, " %6zu %7s  ", validation->flagged[f], percent(flagged_error(validation, flag)).text);
        print_padded(stream, row_flag_help(flag), TABLE_WIDTH - 51);
        fputs("\n", stream);
    }
    if (validation->flagged[FLAG_UNKNOWN_RECIPE] > 0) {
        fputs("  (unknown-recipe alone is scored, in classes of its own)\n", stream);
    }
}

/* --- scores --- */

static void print_errors(FILE *stream, const struct error_summary *errors) {
    fprintf(stream, " %6s %6s %6s %6s", percent(errors->median_abs).text, percent(errors->mean_abs).text,
            signed_percent(errors->bias).text, percent(errors->p75_abs).text);
}

static void print_classes(FILE *stream, const struct validation *validation) {
    fprintf(stream,
            "\nErrors by class, %%: medians over cells of at least %d configurations; last, rows within\n"
            "their expected error\n",
            SCORE_ROWS_MIN);
    fputs("  metric     class                                cells  rows median   mean   bias    p75  in pi95\n",
          stream);
    for (size_t i = 0; i < validation->scores.class_count; i++) {
        const struct score_class *class = &validation->scores.classes[i];
        if (class->cells == 0) {
            continue;
        }
        fputs("  ", stream);
        print_padded(stream, titles[class->metric], 11);
        print_padded(stream, class->name, 37);
        fprintf(stream, "%5zu %5zu", class->cells, class->errors.rows);
        print_errors(stream, &class->errors);
        double covered =
            class->expected_rows > 0 ? (double)class->covered_rows / (double)class->expected_rows : (double)NAN;
        fprintf(stream, " %8s", percent(covered).text);
        fputs("\n", stream);
    }
}

static void print_cell(FILE *stream, const struct score_cell *cell) {
    const struct measured_row *row = cell->first->row;
    fputs("  ", stream);
    print_padded(stream, row->model, 15);
    fputs(" ", stream);
    print_padded(stream, row->gpu, 8);
    fputs(" ", stream);
    print_padded(stream, cell->first->engine, 6);
    fputs(" ", stream);
    print_padded(stream, row->precision, 4);
    fputs(" ", stream);
    print_padded(stream, row->source, 11);
    fprintf(stream, " %4zu", cell->errors.rows);
    print_errors(stream, &cell->errors);
    fprintf(stream, " %6s ", signed_percent(cell->worst[0].error).text);
    print_padded(stream, cell->worst[0].row->row_id, 8);
    fputs("\n", stream);
}

static void print_cells(FILE *stream, const struct validation *validation) {
    const struct score_cell *last = NULL;
    fprintf(stream,
            "\nErrors by cell, %%: at least %d configurations; worst row last (all cells: --json, all rows: --csv)\n",
            SCORE_ROWS_MIN);
    for (size_t i = 0; i < validation->scores.cell_count; i++) {
        const struct score_cell *cell = &validation->scores.cells[i];
        if (cell->errors.rows < SCORE_ROWS_MIN) {
            continue;
        }
        if (last == NULL || last->first->metric != cell->first->metric ||
            strcmp(last->first->class_name, cell->first->class_name) != 0) {
            fprintf(stream, "%s: %s\n", titles[cell->first->metric], cell->first->class_name);
        }
        print_cell(stream, cell);
        last = cell;
    }
    if (last == NULL) {
        fputs("  none\n", stream);
    }
}

/* --- TTFT by wave --- */

static void print_first_wave(FILE *stream, const struct validation *validation) {
    size_t rows;
    double ratio = validation_first_wave(validation, &rows);
    if (rows > 0) {
        fprintf(stream, "\nFirst wave (sent at t = 0): predicted TTFT %.3g times that of later requests, median row\n",
                ratio);
    }
}

/* --- runs of requests --- */

static void print_replay(FILE *stream, const struct replay *replay) {
    fprintf(stream, "\n%s, %s: %zu requests%s\n", replay->row.row_id, replay->engine, replay->count,
            replay->has_recipe ? "" : " (recipe unknown)");
    if (replay->skip != SKIP_NONE) {
        fprintf(stream, "  skipped: %s %s\n", rebuild_skip_name(replay->skip), replay->why);
        return;
    }
    if (replay->incomplete > 0) {
        fprintf(stream, "  %zu requests do not fit in the simulated server\n", replay->incomplete);
    }
    fputs("           percentile   measured  predicted   error %\n", stream);
    for (int m = 0; m < REPLAY_METRIC_COUNT; m++) {
        for (size_t p = 0; p < REPLAY_PERCENTILE_COUNT; p++) {
            double measured = replay->measured[m][p], predicted = replay->predicted[m][p];
            fprintf(stream, "  %-8s p%-10d %8s s %8s s  %8s\n",
                    titles[m == REPLAY_TTFT   ? METRIC_TTFT
                           : m == REPLAY_TPOT ? METRIC_TPOT
                                              : METRIC_E2E],
                    replay_percentile(p), cell_number(measured, 4).text, cell_number(predicted, 4).text,
                    signed_percent(predicted / measured - 1).text);
        }
    }
    fprintf(stream, "  %-20s %7s /s %7s /s  %8s\n", "output tokens", cell_number(replay->measured_tok_per_s, 4).text,
            cell_number(replay->predicted_tok_per_s, 4).text,
            signed_percent(replay->predicted_tok_per_s / replay->measured_tok_per_s - 1).text);
}

void validation_print_table(FILE *stream, const struct validation *validation) {
    if (validation->is_replay) {
        fprintf(stream, "%s: %zu runs, replayed request by request\n", validation->path, validation->replay_count);
        for (size_t i = 0; i < validation->replay_count; i++) {
            print_replay(stream, &validation->replays[i]);
        }
        return;
    }
    fprintf(stream, "%s: %zu rows, %zu predicted, %zu of them scored%s\n", validation->path, validation->count,
            validation->predicted_count, validation->scored_count,
            validation->has_recipes ? "" : "; without --recipes the engines' defaults are assumed");
    fputs("An error is predicted / measured - 1.\n", stream);
    print_skipped(stream, validation);
    print_flagged(stream, validation);
    print_classes(stream, validation);
    print_first_wave(stream, validation);
    print_cells(stream, validation);
}

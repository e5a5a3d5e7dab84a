#include "study/scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Linear between ranks; `values` ascending. */
static double quantile(const double *values, size_t count, double q) {
    if (count == 0) {
        return (double)NAN;
    }
    double rank = (double)(count - 1) * q;
    size_t below = (size_t)rank;
    size_t above = below + 1 < count ? below + 1 : below;
    return values[below] + (values[above] - values[below]) * (rank - (double)below);
}

double score_median(double *values, size_t count) {
    if (count == 0) {
        return (double)NAN;
    }
    qsort(values, count, sizeof *values, by_value);
    return quantile(values, count, 0.5);
}

/* --- order --- */

static int compare_cells(const struct score_item *a, const struct score_item *b) {
    const char *const left[] = {a->class_name, a->row->model,     a->row->gpu,
                                a->engine,     a->row->precision, a->row->source};
    const char *const right[] = {b->class_name, b->row->model,     b->row->gpu,
                                 b->engine,     b->row->precision, b->row->source};
    int order = (int)a->metric - (int)b->metric;
    for (size_t i = 0; order == 0 && i < sizeof left / sizeof left[0]; i++) {
        order = strcmp(left[i], right[i]);
    }
    return order;
}

/* What makes a configuration, but for the cell's own names. NaN: not stated. */
enum { NUMBER_COUNT = 10, TEXT_COUNT = 4 };
struct configuration {
    double numbers[NUMBER_COUNT];
    const char *texts[TEXT_COUNT];
};

static double known(double value) {
    return isnan(value) ? -1 : value;
}

static struct configuration configuration_of(const struct measured_row *row) {
    bool has_nominal = !isnan(row->isl) && !isnan(row->osl);
    return (struct configuration){
        .numbers = {(double)row->num_gpus, (double)row->tp, (double)row->pp, (double)row->ep, (double)row->attention_dp,
                    known(has_nominal ? row->isl : row->isl_mean_actual),
                    known(has_nominal ? row->osl : row->osl_mean_actual), known(row->load), (double)row->load_kind,
                    known(row->num_requests)},
        .texts = {row->engine_version, row->recipe_id, row->kv_precision, row->spec_decode},
    };
}

static int compare_configurations(const struct measured_row *a, const struct measured_row *b) {
    const struct configuration left = configuration_of(a), right = configuration_of(b);
    int order = 0;
    for (size_t i = 0; order == 0 && i < NUMBER_COUNT; i++) {
        order = by_value(&left.numbers[i], &right.numbers[i]);
    }
    for (size_t i = 0; order == 0 && i < TEXT_COUNT; i++) {
        order = strcmp(left.texts[i], right.texts[i]);
    }
    return order;
}

static int by_cell(const void *a, const void *b) {
    const struct score_item *left = a, *right = b;
    int order = compare_cells(left, right);
    order = order != 0 ? order : compare_configurations(left->row, right->row);
    return order != 0 ? order : (left->row->at.line > right->row->at.line) - (left->row->at.line < right->row->at.line);
}

/* --- cells --- */

/* How far off, either way alike: twice as much is as wrong as half. */
static double badness(double error) {
    double ratio = 1 + error;
    return ratio < 1 ? 1 / (ratio > 1e-9 ? ratio : 1e-9) : ratio;
}

static void keep_worst(struct score_cell *cell, const struct score_item *item) {
    size_t place = cell->worst_count;
    while (place > 0 && badness(cell->worst[place - 1].error) < badness(item->error)) {
        place--;
    }
    if (place == SCORE_WORST_MAX) {
        return;
    }
    cell->worst_count += cell->worst_count < SCORE_WORST_MAX ? 1 : 0;
    for (size_t i = cell->worst_count - 1; i > place; i--) {
        cell->worst[i] = cell->worst[i - 1];
    }
    cell->worst[place] = (struct worst_row){item->row, item->error};
}

static struct error_summary summarise(const double *errors, size_t count, double *scratch) {
    struct error_summary summary = {.rows = count};
    double sum = 0, abs_sum = 0;
    for (size_t i = 0; i < count; i++) {
        scratch[i] = fabs(errors[i]);
        sum += errors[i];
        abs_sum += scratch[i];
    }
    summary.median_abs = score_median(scratch, count);
    summary.p75_abs = quantile(scratch, count, 0.75);
    summary.mean_abs = abs_sum / (double)count;
    summary.bias = sum / (double)count;
    return summary;
}

/* `items` are those of one cell. `scratch`: room for twice as many. */
static struct score_cell cell_make(const struct score_item *items, size_t count, double *scratch) {
    struct score_cell cell = {.first = items, .measured_rows = count};
    double *errors = scratch + count;
    size_t configurations = 0;
    for (size_t i = 0; i < count;) {
        size_t repeats = 0;
        double sum = 0;
        while (i + repeats < count && compare_configurations(items[i].row, items[i + repeats].row) == 0) {
            sum += items[i + repeats].error;
            cell.expected_rows += isnan(items[i + repeats].q95_log) ? 0 : 1;
            cell.covered_rows += fabs(fm_log(1 + items[i + repeats].error)) <= items[i + repeats].q95_log ? 1 : 0;
            keep_worst(&cell, &items[i + repeats]);
            repeats++;
        }
        errors[configurations++] = sum / (double)repeats;
        i += repeats;
    }
    cell.errors = summarise(errors, configurations, scratch);
    return cell;
}

/* --- classes --- */

static bool is_same_class(const struct score_cell *a, const struct score_cell *b) {
    return a->first->metric == b->first->metric && strcmp(a->first->class_name, b->first->class_name) == 0;
}

/* `scratch`: four times room for the cells. */
static struct score_class class_make(const struct score_cell *cells, size_t count, double *scratch) {
    struct score_class made = {.metric = cells->first->metric, .name = cells->first->class_name};
    double *median = scratch, *mean = scratch + count, *bias = scratch + 2 * count, *p75 = scratch + 3 * count;
    for (size_t i = 0; i < count; i++) {
        const struct error_summary *errors = &cells[i].errors;
        made.expected_rows += cells[i].expected_rows;
        made.covered_rows += cells[i].covered_rows;
        if (errors->rows < SCORE_ROWS_MIN) {
            made.small_cells++;
            continue;
        }
        median[made.cells] = errors->median_abs;
        mean[made.cells] = errors->mean_abs;
        bias[made.cells] = errors->bias;
        p75[made.cells] = errors->p75_abs;
        made.errors.rows += errors->rows;
        made.cells++;
    }
    made.errors.median_abs = score_median(median, made.cells);
    made.errors.mean_abs = score_median(mean, made.cells);
    made.errors.bias = score_median(bias, made.cells);
    made.errors.p75_abs = score_median(p75, made.cells);
    return made;
}

struct scores scores_make(struct score_item *items, size_t count, struct arena *arena) {
    struct score_cell *cells = arena_alloc(arena, count + 1, sizeof *cells);
    struct score_class *classes = arena_alloc(arena, count + 1, sizeof *classes);
    double *scratch = xcalloc(4 * count + 1, sizeof *scratch);
    struct scores scores = {.cells = cells, .classes = classes};
    qsort(items, count, sizeof *items, by_cell);
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && compare_cells(&items[i], &items[end]) == 0) {
            end++;
        }
        cells[scores.cell_count++] = cell_make(&items[i], end - i, scratch);
        i = end;
    }
    for (size_t i = 0; i < scores.cell_count;) {
        size_t end = i + 1;
        while (end < scores.cell_count && is_same_class(&cells[i], &cells[end])) {
            end++;
        }
        classes[scores.class_count++] = class_make(&cells[i], end - i, scratch);
        i = end;
    }
    free(scratch);
    return scores;
}

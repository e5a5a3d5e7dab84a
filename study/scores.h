/* scores.h - errors by cell and by class: how wrong the predictions are, and where.
 *
 * An error is predicted / measured - 1. A cell is one model, GPU, engine, precision and source. Repeats of one configuration count once, with their
 * mean error. A class (say TPOT of dense models on vLLM with known flags) is summarised over its cells of at least SCORE_ROWS_MIN configurations: the
 * median over cells of each cell's figure, so that a benchmark with many rows does not speak for all. */
#ifndef TOKENMILL_STUDY_SCORES_H
#define TOKENMILL_STUDY_SCORES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "study/measured.h"

enum { SCORE_ROWS_MIN = 5, SCORE_WORST_MAX = 3 };

/* One figure of one row that is to be scored. Texts are borrowed. */
struct score_item {
    const struct measured_row *row;
    enum run_metric metric;
    const char *class_name; /* "dense, vllm" */
    const char *engine;     /* canonical */
    double error;
    double q95_log; /* expected (models/expected_error.h); NaN: not known */
};

struct error_summary {
    size_t rows; /* configurations */
    double median_abs, mean_abs, bias, p75_abs;
};

struct worst_row {
    const struct measured_row *row;
    double error;
};

struct score_cell {
    const struct score_item *first; /* names metric, class, model, GPU, engine, precision, source */
    size_t measured_rows;           /* repeats included */
    struct error_summary errors;
    size_t expected_rows, covered_rows;      /* repeats included: whose expected error is known; within it */
    struct worst_row worst[SCORE_WORST_MAX]; /* the largest first, by |log(1 + error)| */
    size_t worst_count;
};

struct score_class {
    enum run_metric metric;
    const char *name;
    size_t cells, small_cells;          /* with at least SCORE_ROWS_MIN; below */
    size_t expected_rows, covered_rows; /* of all its cells */
    struct error_summary errors;        /* rows: the sum over cells; the rest medians over cells, NaN without any */
};

struct scores {
    const struct score_cell *cells; /* by metric, class, model, GPU, engine, precision, source; in the arena */
    size_t cell_count;
    const struct score_class *classes; /* by metric and name */
    size_t class_count;
};

/* Sorts `items`. Everything is in the arena. */
struct scores scores_make(struct score_item *items, size_t count, struct arena *arena);

/* Median of `values`, which are sorted; NaN without any. */
double score_median(double *values, size_t count);

#endif

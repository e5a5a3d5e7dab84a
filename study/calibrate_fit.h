/* calibrate_fit.h - the least squares of a calibration; inner header.
 *
 * Parameters are logarithms p. Each row has the residual e = ln(predicted / measured) / scale (weight 1 for TPOT, half for TTFT),
 * in the robust form r = sign(e) sqrt(w 2 (sqrt(1 + e^2) - 1)) (soft L1: an outlier pulls no harder than a row that is one scale
 * off); each parameter has the residual (p - prior) / sd, which bounds what rows do not say. Solved by trust-region least squares
 * (GSL's multifit_nlinear, Levenberg-Marquardt steps) from several starts. Source of the robust form: P. Charbonnier et al., ICIP 1994 (pseudo-Huber).
 * Folds are refitted by Gauss-Newton steps with the full fit's Jacobian (chord), which moves few parameters a little. */
#ifndef TOKENMILL_STUDY_CALIBRATE_FIT_H
#define TOKENMILL_STUDY_CALIBRATE_FIT_H

#include "study/calibrate_rows.h"

enum { FIT_STARTS = 3 };

struct fit_problem {
    struct fit_row *rows; /* borrowed */
    size_t row_count;
    struct fit_parameter *parameters; /* borrowed */
    size_t parameter_count;
    double scale
        [FIT_METRIC_COUNT]; /* error of a row that is as wrong as rows are: one standard deviation, of the logarithm */
};

/* Median size of the logarithms of predicted / measured now, as a standard deviation (/ 0.6745); NaN without rows. */
double fit_spread(const struct fit_problem *problem, enum fit_metric metric);

struct fit_outcome {
    double cost[FIT_STARTS]; /* half the sum of squares: from the given values, and from two perturbed starts */
    double spread_sd
        [FIT_STARTS]; /* how far from the best a start ended, in posterior standard deviations of the parameter furthest off */
    size_t iterations;
};

/* Moves `value_log` and `value_sd` of the parameters, from where they are, to the best that any of the first `starts` starts found. */
struct fit_outcome fit_solve(const struct fit_problem *problem, int starts);

struct fit_jacobian; /* of the residuals at the problem's values */
struct fit_jacobian *fit_jacobian_new(const struct fit_problem *problem);
void fit_jacobian_free(struct fit_jacobian *jacobian); /* accepts NULL */

/* The values that the rows without `is_left_out` give; `values` has room for all parameters. Thread-safe. */
void fit_fold(const struct fit_problem *problem, const struct fit_jacobian *jacobian, const bool *is_left_out,
              double *values);

#endif

#include "study/calibrate_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_multifit_nlinear.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/fmath.h"
#include "study/scores.h"

static const double METRIC_WEIGHTS[FIT_METRIC_COUNT] = {1, 0.5};
static const double STEP = 1e-4; /* of a logarithm, for differences */

/* --- one residual --- */

static bool is_residual(const struct fit_row *row, int metric) {
    return row->is_used && !row->is_held_out && !isnan(row->measured_log[metric]) && row->weight[metric] > 0;
}

static double scaled_error(const struct fit_problem *problem, const struct fit_row *row, int metric, const double *p) {
    double error = fit_row_predicted_log(row, (enum fit_metric)metric, p) - row->measured_log[metric];
    return error / problem->scale[metric];
}

static double weight_of(const struct fit_row *row, int metric) {
    return row->weight[metric] * METRIC_WEIGHTS[metric];
}

/* 2 (sqrt(1 + e^2) - 1), without cancellation. */
static double soft(double e) {
    return 2 * e * e / (sqrt(1 + e * e) + 1);
}

static double robust(double e, double weight) {
    double size = sqrt(weight * soft(e));
    return e < 0 ? -size : size;
}

/* d robust / d e. */
static double robust_slope(double e, double weight) {
    const double small = 1e-6;
    double size = sqrt(soft(e));
    return sqrt(weight) * (fabs(e) < small ? 1 : fabs(e) / (sqrt(1 + e * e) * size));
}

/* d e / d p of the row's parameters, by term; 0 where it has none. `p` is changed and put back. */
static void error_slopes(const struct fit_problem *problem, const struct fit_row *row, int metric, double *p,
                         double slopes[TERM_COUNT]) {
    double before = scaled_error(problem, row, metric, p);
    for (int t = 0; t < TERM_COUNT; t++) {
        slopes[t] = 0;
        if (row->parameter[t] >= 0) {
            double *value = &p[row->parameter[t]], kept = *value;
            *value = kept + STEP;
            slopes[t] = (scaled_error(problem, row, metric, p) - before) / STEP;
            *value = kept;
        }
    }
}

/* --- all of them, as GSL wants it: in units of each prior's deviation --- */

struct solver {
    const struct fit_problem *problem; // borrowed
    double *p;                         // owned
    size_t residuals;
};

static void take_point(struct solver *solver, const gsl_vector *x) {
    const struct fit_problem *problem = solver->problem;
    for (size_t k = 0; k < problem->parameter_count; k++) {
        const struct fit_parameter *parameter = &problem->parameters[k];
        solver->p[k] = parameter->prior_log + parameter->prior_sd * gsl_vector_get(x, k);
    }
}

static int residuals_at(const gsl_vector *x, void *context, gsl_vector *f) {
    struct solver *solver = context;
    const struct fit_problem *problem = solver->problem;
    size_t used = 0;
    take_point(solver, x);
    for (size_t i = 0; i < problem->row_count; i++) {
        const struct fit_row *row = &problem->rows[i];
        for (int m = 0; m < FIT_METRIC_COUNT; m++) {
            if (is_residual(row, m)) {
                gsl_vector_set(f, used++, robust(scaled_error(problem, row, m, solver->p), weight_of(row, m)));
            }
        }
    }
    for (size_t k = 0; k < problem->parameter_count; k++) {
        gsl_vector_set(f, used++, gsl_vector_get(x, k));
    }
    return GSL_SUCCESS;
}

static void jacobian_row(const struct solver *solver, const struct fit_row *row, int metric, gsl_vector *out) {
    const struct fit_problem *problem = solver->problem;
    double slopes[TERM_COUNT];
    double outer = robust_slope(scaled_error(problem, row, metric, solver->p), weight_of(row, metric));
    error_slopes(problem, row, metric, solver->p, slopes);
    for (int t = 0; t < TERM_COUNT; t++) {
        if (row->parameter[t] >= 0) {
            size_t k = (size_t)row->parameter[t];
            gsl_vector_set(out, k, outer * slopes[t] * problem->parameters[k].prior_sd);
        }
    }
}

static int jacobian_at(const gsl_vector *x, void *context, gsl_matrix *jacobian) {
    struct solver *solver = context;
    const struct fit_problem *problem = solver->problem;
    size_t used = 0;
    take_point(solver, x);
    gsl_matrix_set_zero(jacobian);
    for (size_t i = 0; i < problem->row_count; i++) {
        for (int m = 0; m < FIT_METRIC_COUNT; m++) {
            if (is_residual(&problem->rows[i], m)) {
                gsl_vector_view row = gsl_matrix_row(jacobian, used++);
                jacobian_row(solver, &problem->rows[i], m, &row.vector);
            }
        }
    }
    for (size_t k = 0; k < problem->parameter_count; k++) {
        gsl_matrix_set(jacobian, used++, k, 1);
    }
    return GSL_SUCCESS;
}

static size_t count_residuals(const struct fit_problem *problem) {
    size_t count = problem->parameter_count;
    for (size_t i = 0; i < problem->row_count; i++) {
        for (int m = 0; m < FIT_METRIC_COUNT; m++) {
            count += is_residual(&problem->rows[i], m) ? 1 : 0;
        }
    }
    return count;
}

/* Start 0 is where the parameters are; the others lie around it, half a deviation away in the mean. */
static void set_start(const struct fit_problem *problem, int start, gsl_vector *x) {
    const double golden = 0.6180339887498949, half = 0.5;
    for (size_t k = 0; k < problem->parameter_count; k++) {
        const struct fit_parameter *parameter = &problem->parameters[k];
        double share = (double)(k + 1) * golden + half * golden * start;
        share -= floor(share);
        double away = start == 0 ? 0 : fm_normal_quantile(half / 100 + share * (1 - half / 50));
        gsl_vector_set(x, k, (parameter->value_log - parameter->prior_log) / parameter->prior_sd + half * away);
    }
}

struct ending {
    double cost;
    double *p, *sd; // owned
    size_t iterations;
};

static void take_ending(const struct fit_problem *problem, gsl_multifit_nlinear_workspace *work,
                        struct ending *ending) {
    size_t count = problem->parameter_count;
    const gsl_vector *x = gsl_multifit_nlinear_position(work);
    gsl_matrix *covariance = gsl_matrix_alloc(count, count);
    gsl_multifit_nlinear_covar(gsl_multifit_nlinear_jac(work), 0, covariance);
    double norm = gsl_blas_dnrm2(gsl_multifit_nlinear_residual(work));
    ending->cost = norm * norm / 2;
    ending->iterations = gsl_multifit_nlinear_niter(work);
    for (size_t k = 0; k < count; k++) {
        const struct fit_parameter *parameter = &problem->parameters[k];
        ending->p[k] = parameter->prior_log + parameter->prior_sd * gsl_vector_get(x, k);
        ending->sd[k] = parameter->prior_sd * sqrt(gsl_matrix_get(covariance, k, k));
    }
    gsl_matrix_free(covariance);
}

static struct ending solve_from(const struct fit_problem *problem, int start) {
    enum { ITERATIONS_MAX = 60 };
    const double x_tolerance = 1e-5, g_tolerance = 1e-8, f_tolerance = 0;
    size_t count = problem->parameter_count;
    struct solver solver = {
        .problem = problem, .p = xcalloc(count, sizeof(double)), .residuals = count_residuals(problem)};
    struct ending ending = {.p = xcalloc(count, sizeof(double)), .sd = xcalloc(count, sizeof(double))};
    gsl_multifit_nlinear_fdf system = {
        .f = residuals_at, .df = jacobian_at, .n = solver.residuals, .p = count, .params = &solver};
    gsl_multifit_nlinear_parameters options = gsl_multifit_nlinear_default_parameters();
    options.solver = gsl_multifit_nlinear_solver_cholesky;
    gsl_vector *x = gsl_vector_alloc(count);
    gsl_multifit_nlinear_workspace *work =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &options, solver.residuals, count);
    int why = 0;
    set_start(problem, start, x);
    gsl_multifit_nlinear_init(x, &system, work);
    gsl_multifit_nlinear_driver(ITERATIONS_MAX, x_tolerance, g_tolerance, f_tolerance, NULL, NULL, &why, work);
    take_ending(problem, work, &ending);
    gsl_multifit_nlinear_free(work);
    gsl_vector_free(x);
    free(solver.p);
    return ending;
}

struct fit_outcome fit_solve(const struct fit_problem *problem, int starts) {
    struct fit_outcome outcome = {0};
    struct ending endings[FIT_STARTS];
    int best = 0;
    CHECK(starts >= 1 && starts <= FIT_STARTS);
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    for (int s = 0; s < starts; s++) {
        endings[s] = solve_from(problem, s);
        outcome.cost[s] = endings[s].cost;
        outcome.iterations += endings[s].iterations;
        best = endings[s].cost < endings[best].cost ? s : best;
    }
    gsl_set_error_handler(handler);
    for (size_t k = 0; k < problem->parameter_count; k++) {
        struct fit_parameter *parameter = &problem->parameters[k];
        parameter->value_log = endings[best].p[k];
        parameter->value_sd = endings[best].sd[k];
        for (int s = 0; s < starts; s++) {
            double away = fabs(endings[s].p[k] - parameter->value_log) / parameter->value_sd;
            outcome.spread_sd[s] = away > outcome.spread_sd[s] ? away : outcome.spread_sd[s];
        }
    }
    for (int s = 0; s < starts; s++) {
        free(endings[s].p);
        free(endings[s].sd);
    }
    return outcome;
}

/* --- what is left --- */

static double *values_now(const struct fit_problem *problem) {
    double *p = xcalloc(problem->parameter_count + 1, sizeof *p);
    for (size_t k = 0; k < problem->parameter_count; k++) {
        p[k] = problem->parameters[k].value_log;
    }
    return p;
}

double fit_spread(const struct fit_problem *problem, enum fit_metric metric) {
    const double normal_quartile = 0.6744897501960817;
    double *errors = xcalloc(problem->row_count + 1, sizeof *errors), *p = values_now(problem);
    size_t count = 0;
    for (size_t i = 0; i < problem->row_count; i++) {
        if (is_residual(&problem->rows[i], (int)metric)) {
            errors[count++] =
                fabs(fit_row_predicted_log(&problem->rows[i], metric, p) - problem->rows[i].measured_log[metric]);
        }
    }
    double median = score_median(errors, count);
    free(p);
    free(errors);
    return median / normal_quartile;
}

/* --- folds --- */

struct fit_jacobian {
    double (*slopes)[FIT_METRIC_COUNT][TERM_COUNT]; // owned; by row, of its scaled errors
};

struct fit_jacobian *fit_jacobian_new(const struct fit_problem *problem) {
    struct fit_jacobian *jacobian = xcalloc(1, sizeof *jacobian);
    double *p = values_now(problem);
    jacobian->slopes = xcalloc(problem->row_count + 1, sizeof *jacobian->slopes);
    for (size_t i = 0; i < problem->row_count; i++) {
        for (int m = 0; m < FIT_METRIC_COUNT; m++) {
            if (is_residual(&problem->rows[i], m)) {
                error_slopes(problem, &problem->rows[i], m, p, jacobian->slopes[i][m]);
            }
        }
    }
    free(p);
    return jacobian;
}

void fit_jacobian_free(struct fit_jacobian *jacobian) {
    if (jacobian != NULL) {
        free(jacobian->slopes);
        free(jacobian);
    }
}

/* Adds a row's part of the normal equations (lower triangle). */
static void add_normal(const struct fit_row *row, const double slopes[TERM_COUNT], double e, double weight,
                       gsl_matrix *normal, gsl_vector *gradient) {
    double pull = weight / sqrt(1 + e * e);
    for (int a = 0; a < TERM_COUNT; a++) {
        if (slopes[a] == 0) {
            continue;
        }
        size_t i = (size_t)row->parameter[a];
        *gsl_vector_ptr(gradient, i) += pull * e * slopes[a];
        for (int b = 0; b < TERM_COUNT; b++) {
            size_t j = slopes[b] == 0 ? i + 1 : (size_t)row->parameter[b];
            if (j <= i) {
                *gsl_matrix_ptr(normal, i, j) += pull * slopes[a] * slopes[b];
            }
        }
    }
}

static double add_priors(const struct fit_problem *problem, const double *p, gsl_matrix *normal, gsl_vector *gradient) {
    double cost = 0;
    for (size_t k = 0; k < problem->parameter_count; k++) {
        const struct fit_parameter *parameter = &problem->parameters[k];
        double away = (p[k] - parameter->prior_log) / parameter->prior_sd;
        *gsl_matrix_ptr(normal, k, k) += 1 / (parameter->prior_sd * parameter->prior_sd);
        *gsl_vector_ptr(gradient, k) += away / parameter->prior_sd;
        cost += away * away;
    }
    return cost;
}

/* The normal equations at `p`; the sum of squares. */
static double fill_normal(const struct fit_problem *problem, const struct fit_jacobian *jacobian,
                          const bool *is_left_out, const double *p, gsl_matrix *normal, gsl_vector *gradient) {
    gsl_matrix_set_zero(normal);
    gsl_vector_set_zero(gradient);
    double cost = add_priors(problem, p, normal, gradient);
    for (size_t i = 0; i < problem->row_count; i++) {
        const struct fit_row *row = &problem->rows[i];
        for (int m = 0; m < FIT_METRIC_COUNT; m++) {
            if (!is_left_out[i] && is_residual(row, m)) {
                double e = scaled_error(problem, row, m, p), weight = weight_of(row, m);
                cost += weight * soft(e);
                add_normal(row, jacobian->slopes[i][m], e, weight, normal, gradient);
            }
        }
    }
    return cost;
}

void fit_fold(const struct fit_problem *problem, const struct fit_jacobian *jacobian, const bool *is_left_out,
              double *values) {
    enum { STEPS = 10 };
    const double damping = 0.8;
    size_t count = problem->parameter_count;
    gsl_matrix *normal = gsl_matrix_alloc(count, count);
    gsl_vector *gradient = gsl_vector_alloc(count);
    double *p = values_now(problem), best = (double)INFINITY;
    for (int step = 0; step < STEPS; step++) {
        double cost = fill_normal(problem, jacobian, is_left_out, p, normal, gradient);
        if (cost < best) {
            best = cost;
            memcpy(values, p, count * sizeof *p);
        }
        gsl_linalg_cholesky_decomp1(normal); /* positive definite by the priors */
        gsl_linalg_cholesky_svx(normal, gradient);
        for (size_t k = 0; k < count; k++) {
            p[k] -= damping * gsl_vector_get(gradient, k);
        }
    }
    free(p);
    gsl_vector_free(gradient);
    gsl_matrix_free(normal);
}

/* Everything that is left out in turn, fitted without and simulated. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "study/calibrate_work.h"

enum { OWN_ROWS = 5, CELL_ROWS_MIN = 10 };

/* One group left out. */
struct fold {
    enum calibrate_error kind;
    const char *key;
    double *values; /* of the fit without it, by parameter; in the arena */
};

struct folds {
    struct calibrate_work *work;    // borrowed
    const char **keys[ERROR_COUNT]; /* of what is left out together, by row; NULL: not fitted */
    struct fold *list;
    size_t count;
    const struct fit_jacobian *jacobian;
    struct arena *arena; // borrowed
};

/* --- what is left out together --- */

static void fill_keys(struct folds *folds) {
    struct calibration *made = folds->work->made;
    for (int e = ERROR_BY_GROUP; e <= ERROR_BY_ENGINE; e++) {
        folds->keys[e] = arena_alloc(folds->arena, made->row_count + 1, sizeof *folds->keys[e]);
    }
    for (size_t i = 0; i < made->row_count; i++) {
        const struct fit_row *fit = &made->rows[i];
        const struct profile_subject *subject = &fit->subject;
        if (calibrate_is_in(fit)) {
            folds->keys[ERROR_BY_GROUP][i] = arena_format(folds->arena, "%s|%s", fit->row->model, fit->row->gpu);
            folds->keys[ERROR_BY_GPU][i] = fit->gpu;
            folds->keys[ERROR_BY_ARCHITECTURE][i] = subject->scope[TERM_CA];
            folds->keys[ERROR_BY_FORMAT][i] = subject->scope[TERM_SA];
            folds->keys[ERROR_BY_FAMILY][i] = fit->family;
            folds->keys[ERROR_BY_ENGINE][i] = subject->scope[TERM_C0];
        }
    }
}

/* Every distinct key of every kind with at least two. */
static void list_folds(struct folds *folds) {
    struct calibration *made = folds->work->made;
    folds->list = arena_alloc(folds->arena, ERROR_COUNT * made->row_count + 1, sizeof *folds->list);
    for (int e = ERROR_BY_GROUP; e <= ERROR_BY_ENGINE; e++) {
        size_t first = folds->count;
        for (size_t i = 0; i < made->row_count; i++) {
            const char *key = folds->keys[e][i];
            bool is_new = key != NULL;
            for (size_t k = first; k < folds->count && is_new; k++) {
                is_new = strcmp(folds->list[k].key, key) != 0;
            }
            if (is_new) {
                folds->list[folds->count++] = (struct fold){
                    .kind = (enum calibrate_error)e,
                    .key = key,
                    .values = arena_alloc(folds->arena, made->parameter_count + 1, sizeof(double)),
                };
            }
        }
        made->folds[e] = folds->count - first;
        folds->count = made->folds[e] < 2 ? first : folds->count;
    }
}

static void mark_left_out(const struct folds *folds, const struct fold *fold, bool *is_left_out) {
    for (size_t i = 0; i < folds->work->made->row_count; i++) {
        const char *key = folds->keys[fold->kind][i];
        is_left_out[i] = key != NULL && strcmp(key, fold->key) == 0;
    }
}

static bool fit_one(void *context, size_t index, struct diags *diags) {
    (void)diags;
    const struct folds *folds = context;
    const struct fold *fold = &folds->list[index];
    bool *is_left_out = xcalloc(folds->work->made->row_count + 1, sizeof *is_left_out);
    mark_left_out(folds, fold, is_left_out);
    fit_fold(&folds->work->problem, folds->jacobian, is_left_out, fold->values);
    free(is_left_out);
    return true;
}

/* --- simulating them --- */

/* What is to be held against calibrate_measured. */
static double predicted_of(const struct comparison *comparison, enum expected_metric metric) {
    const struct predicted *predicted = &comparison->predicted;
    switch (metric) {
    case EXPECTED_TPOT_P99:
    case EXPECTED_ITL_P99: return predicted->p99_s[METRIC_TPOT]; /* of a steady queue, the gap's */
    case EXPECTED_TTFT_P99: return predicted->p99_s[METRIC_TTFT];
    case EXPECTED_E2E_P99: return predicted->p99_s[METRIC_E2E];
    default: break;
    }
    bool is_median = comparison->is_median[metric] && !isnan(comparison->measured[metric]);
    return predicted_value(predicted, (enum run_metric)metric, is_median);
}

static void take_predictions(struct calibration *made, enum calibrate_error kind, const bool *is_wanted,
                             const struct validation *simulated) {
    for (size_t i = 0; i < made->row_count; i++) {
        const struct comparison *comparison = &simulated->rows[i];
        for (int m = 0; m < EXPECTED_METRIC_COUNT && is_wanted[i] && comparison->skip == SKIP_NONE; m++) {
            double measured = calibrate_measured(comparison, (enum expected_metric)m);
            double predicted = predicted_of(comparison, (enum expected_metric)m);
            bool has = measured > 0 && isfinite(predicted) && predicted > 0;
            made->predicted[i][kind][m] = has ? predicted : (double)NAN;
        }
    }
}

static enum worker_pool_end simulate_wanted(const struct folds *folds, enum calibrate_error kind,
                                            const struct profile *profile, const bool *is_wanted, struct diags *diags) {
    struct validation *simulated = NULL;
    enum worker_pool_end end = calibrate_simulate(folds->work, profile, is_wanted, &simulated, diags);
    if (end == WORKER_POOL_DONE) {
        take_predictions(folds->work->made, kind, is_wanted, simulated);
    }
    validation_free(simulated);
    return end;
}

static enum worker_pool_end simulate_fold(const struct folds *folds, const struct fold *fold, struct diags *diags) {
    bool *is_left_out = xcalloc(folds->work->made->row_count + 1, sizeof *is_left_out);
    struct arena *arena = arena_new();
    mark_left_out(folds, fold, is_left_out);
    enum worker_pool_end end = simulate_wanted(
        folds, fold->kind, calibrate_profile(folds->work, fold->values, -1, 1, arena), is_left_out, diags);
    arena_free(arena);
    free(is_left_out);
    return end;
}

/* --- five rows given back --- */

static const struct fold *group_fold(const struct folds *folds, size_t row) {
    for (size_t k = 0; k < folds->count; k++) {
        if (folds->list[k].kind == ERROR_BY_GROUP &&
            strcmp(folds->list[k].key, folds->keys[ERROR_BY_GROUP][row]) == 0) {
            return &folds->list[k];
        }
    }
    return NULL;
}

/* A row on its own: what it reads is the fold's, but for two values. */
static struct fit_row own_row(const struct fit_row *fit, const double *fold_values) {
    struct fit_row own = *fit;
    for (int t = 0; t < TERM_COUNT; t++) {
        own.base_log[t] = fit_row_value_log(fit, fold_values, t);
        own.parameter[t] = -1;
    }
    own.parameter[fit->is_moe ? TERM_SMX : TERM_SX] = 0;
    own.parameter[TERM_C0] = 1;
    own.weight[FIT_TPOT] = own.weight[FIT_TTFT] = 1;
    return own;
}

/* Rows of the cell, in the file's order. */
static size_t list_cell(const struct folds *folds, const char *cell, size_t *rows) {
    const struct calibration *made = folds->work->made;
    size_t count = 0;
    for (size_t i = 0; i < made->row_count; i++) {
        if (calibrate_is_in(&made->rows[i]) && strcmp(folds->work->cells[i], cell) == 0) {
            rows[count++] = i;
        }
    }
    return count;
}

/* The profile of the fold, its two values fitted to the five rows. */
static const struct profile *fit_own_rows(const struct folds *folds, const struct fold *fold, const size_t *rows,
                                          size_t count, bool *is_wanted, struct arena *arena) {
    const double own_sd = 0.3, step_sd = 0.5;
    const struct calibration *made = folds->work->made;
    const struct fit_row *first = &made->rows[rows[0]]; /* its names outlive this function: the profile keeps them */
    struct fit_row own[OWN_ROWS];
    for (size_t k = 0; k < OWN_ROWS; k++) {
        size_t row = rows[count * (2 * k + 1) / (2 * (size_t)OWN_ROWS)];
        own[k] = own_row(&made->rows[row], fold->values);
        is_wanted[row] = false;
    }
    enum profile_term scale = first->is_moe ? TERM_SMX : TERM_SX;
    struct fit_parameter parameters[] = {{.term = scale, .prior_sd = own_sd}, {.term = TERM_C0, .prior_sd = step_sd}};
    for (size_t k = 0; k < 2; k++) {
        parameters[k].scope = first->subject.scope[parameters[k].term];
        parameters[k].prior_log = parameters[k].value_log = own[0].base_log[parameters[k].term];
    }
    const struct fit_problem problem = {
        .rows = own, .row_count = OWN_ROWS, .parameters = parameters, .parameter_count = 2, .scale = {0.1, 0.2}};
    (void)fit_solve(&problem, 1);
    const struct profile *before = calibrate_profile(folds->work, fold->values, -1, 1, arena);
    struct profile_value *values = arena_alloc(arena, before->value_count + 2, sizeof *values);
    for (size_t k = 0; k < 2; k++) {
        values[k] = (struct profile_value){.name = profile_term_name(parameters[k].term),
                                           .scope = parameters[k].scope,
                                           .value = fm_exp(parameters[k].value_log)};
    }
    memcpy(values + 2, before->values, before->value_count * sizeof *values);
    struct profile *profile = arena_alloc(arena, 1, sizeof *profile);
    *profile = *before;
    profile->values = values;
    profile->value_count += 2;
    return profile;
}

static enum worker_pool_end simulate_after_five(const struct folds *folds, size_t row, struct diags *diags) {
    const struct calibration *made = folds->work->made;
    const struct fold *fold = group_fold(folds, row);
    size_t *rows = xcalloc(made->row_count + 1, sizeof *rows);
    bool *is_wanted = xcalloc(made->row_count + 1, sizeof *is_wanted);
    size_t count = list_cell(folds, folds->work->cells[row], rows);
    enum worker_pool_end end = WORKER_POOL_DONE;
    if (fold != NULL && rows[0] == row && count >= CELL_ROWS_MIN) { /* once for each cell */
        struct arena *arena = arena_new();
        for (size_t k = 0; k < count; k++) {
            is_wanted[rows[k]] = true;
        }
        const struct profile *profile = fit_own_rows(folds, fold, rows, count, is_wanted, arena);
        end = simulate_wanted(folds, ERROR_AFTER_FIVE, profile, is_wanted, diags);
        arena_free(arena);
    }
    free(is_wanted);
    free(rows);
    return end;
}

/* --- all of it --- */

static void clear_predictions(struct calibration *made) {
    made->predicted = arena_alloc(made->arena, made->row_count + 1, sizeof *made->predicted);
    for (size_t i = 0; i < made->row_count; i++) {
        for (int e = 0; e < ERROR_COUNT; e++) {
            for (int m = 0; m < EXPECTED_METRIC_COUNT; m++) {
                made->predicted[i][e][m] = (double)NAN;
            }
        }
    }
}

/* What was simulated anyway: fitted rows, those held out, those that are scored but were never fitted. */
static void take_whole_fits(struct calibrate_work *work) {
    struct calibration *made = work->made;
    bool *is_in = xcalloc(made->row_count + 1, sizeof *is_in);
    bool *is_out = xcalloc(made->row_count + 1, sizeof *is_out);
    bool *is_other = xcalloc(made->row_count + 1, sizeof *is_other);
    for (size_t i = 0; i < made->row_count; i++) {
        const struct fit_row *fit = &made->rows[i];
        is_in[i] = calibrate_is_in(fit);
        is_out[i] = fit->is_used && fit->is_held_out;
        is_other[i] = work->is_wanted[i] && !fit->is_used;
    }
    take_predictions(made, ERROR_BASE, is_in, made->first);
    take_predictions(made, ERROR_IN_SAMPLE, is_in, made->last);
    take_predictions(made, ERROR_HELD_OUT, is_out, made->last);
    take_predictions(made, ERROR_NEVER_FITTED, is_other, made->last);
    free(is_in);
    free(is_out);
    free(is_other);
}

static enum worker_pool_end simulate_folds(const struct folds *folds, struct diags *diags) {
    struct calibration *made = folds->work->made;
    enum worker_pool_end end = simulate_wanted(folds, ERROR_DATASHEET, NULL, folds->work->is_wanted, diags);
    for (size_t k = 0; k < folds->count && end == WORKER_POOL_DONE; k++) {
        end = simulate_fold(folds, &folds->list[k], diags);
    }
    for (size_t i = 0; i < made->row_count && end == WORKER_POOL_DONE; i++) {
        if (calibrate_is_in(&made->rows[i])) {
            end = simulate_after_five(folds, i, diags);
        }
    }
    return end;
}

enum worker_pool_end calibrate_cross_validate(struct calibrate_work *work, struct diags *diags) {
    struct calibration *made = work->made;
    struct fit_jacobian *jacobian = fit_jacobian_new(&work->problem);
    struct folds folds = {.work = work, .arena = made->arena, .jacobian = jacobian};
    clear_predictions(made);
    take_whole_fits(work);
    fill_keys(&folds);
    list_folds(&folds);
    const struct worker_job job = {
        .count = folds.count, .threads = work->request->threads, .context = &folds, .run = fit_one};
    (void)worker_pool_run(&job, diags); /* its jobs cannot fail */
    fit_jacobian_free(jacobian);
    enum worker_pool_end end = simulate_folds(&folds, diags);
    if (end == WORKER_POOL_DONE) {
        calibrate_score(work);
        calibrate_find_expected(work);
    }
    return end;
}

#include "study/calibrate.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "scenarios/step_profile.h"

enum { ROUNDS = 3 };

/* What the steps of a calibration share. */
struct work {
    const struct calibrate_request *request; // borrowed
    struct calibration *made;                // borrowed
    const struct profile *base;              // borrowed
    struct rebuild_context *context;         // borrowed: of the extraction
    bool *is_wanted;                         /* by row: fitted or held out; NULL: not known yet */
    const char **cells;                      /* "model|gpu|engine|precision|source", by row */
    const char **keys[ERROR_COUNT];          /* of what is left out together, by row; NULL: not of this kind */
    struct fit_problem problem;
};

const char *calibrate_error_name(enum calibrate_error error) {
    static const char *const names[ERROR_COUNT] = {
        "base", "in_sample", "group_left_out", "gpu_left_out", "family_left_out", "engine_left_out", "held_out"};
    return names[error];
}

/* --- simulating all rows --- */

static enum worker_pool_end simulate_rows(const struct work *work, const struct profile *profile,
                                          struct validation **validation, struct diags *diags) {
    const struct calibrate_request *request = work->request;
    struct validate_request inner = {.path = request->path,
                                     .recipes_dir = request->recipes_dir,
                                     .server = &request->server,
                                     .is_wanted = work->is_wanted,
                                     .rebuild = request->rebuild,
                                     .threads = request->threads,
                                     .listener = request->listener,
                                     .context = request->context};
    inner.rebuild.set_count = 0;
    inner.rebuild.profile = profile;
    return validate_run(&inner, validation, diags);
}

/* The fitted values before the base's, those of one term scaled. */
static const struct profile *profile_now(const struct work *work, int scaled_term, double factor) {
    const struct calibration *made = work->made;
    struct arena *arena = made->arena;
    size_t own = made->parameter_count, count = own + work->base->value_count;
    struct profile_value *values = arena_alloc(arena, count + 1 + TERM_COUNT, sizeof *values);
    for (size_t k = 0; k < own; k++) {
        const struct fit_parameter *parameter = &made->parameters[k];
        values[k] = (struct profile_value){.name = profile_term_name(parameter->term),
                                           .scope = parameter->scope,
                                           .value = fm_exp(parameter->value_log)};
    }
    memcpy(values + own, work->base->values, work->base->value_count * sizeof *values);
    for (size_t k = 0; scaled_term >= 0 && k < count; k++) {
        bool is_it = strcmp(values[k].name, profile_term_name((enum profile_term)scaled_term)) == 0;
        values[k].value *= is_it ? factor : 1;
    }
    struct profile *profile = arena_alloc(arena, 1, sizeof *profile);
    *profile = *work->base;
    profile->values = values;
    profile->value_count = count;
    profile->own_count = own;
    return profile;
}

/* --- which rows, what they read --- */

static bool is_fitted(const struct comparison *comparison) {
    const unsigned harmless = 1u << FLAG_UNKNOWN_RECIPE | 1u << FLAG_UNDOCUMENTED_ENGINE | 1u << FLAG_ASSUMED_LENGTHS;
    return comparison->skip == SKIP_NONE && (comparison->flags & ~harmless) == 0;
}

static double measured_log(const struct comparison *comparison, enum run_metric metric) {
    return comparison_has(comparison, metric) && comparison_predicted(comparison, metric) > 0
               ? fm_log(comparison->measured[metric])
               : (double)NAN;
}

static void select_rows(struct work *work) {
    struct calibration *made = work->made;
    for (size_t i = 0; i < made->row_count; i++) {
        const struct comparison *comparison = &made->first->rows[i];
        const struct measured_row *row = comparison->row;
        struct fit_row *fit = &made->rows[i];
        *fit = (struct fit_row){.row = row, .index = i};
        work->cells[i] = arena_format(made->arena, "%s|%s|%s|%s|%s", row->model, row->gpu, comparison->engine,
                                      row->precision, row->source);
        fit->is_held_out = work->request->hold_out != NULL && fnmatch(work->request->hold_out, work->cells[i], 0) == 0;
        fit->measured_log[FIT_TPOT] = measured_log(comparison, METRIC_TPOT);
        fit->measured_log[FIT_TTFT] = measured_log(comparison, METRIC_TTFT);
        fit->is_used = is_fitted(comparison) && !isnan(fit->measured_log[FIT_TPOT]);
        made->skipped += comparison->skip != SKIP_NONE ? 1 : 0;
        made->flagged += comparison->skip == SKIP_NONE && !is_fitted(comparison) ? 1 : 0;
        made->unmeasured += is_fitted(comparison) && !fit->is_used ? 1 : 0;
    }
}

static bool extract(void *context, size_t index, struct diags *diags) {
    (void)diags;
    struct work *work = context;
    struct fit_row *fit = &work->made->rows[index];
    if (!fit->is_used) {
        return true;
    }
    struct rebuilt rebuilt;
    rebuild_row(work->context, fit->row, &rebuilt);
    fit->is_used = rebuilt.point != NULL && fit_row_fill(fit, &rebuilt);
    rebuilt_release(&rebuilt);
    if (fit->is_used) {
        fit_row_take_base(fit, work->base);
    }
    return true;
}

static bool extract_all(struct work *work, struct diags *diags) {
    struct recipe_book *book = arena_alloc(work->made->arena, 1, sizeof *book);
    const char *dir = work->request->recipes_dir;
    if (dir != NULL && !recipe_book_read(book, dir, work->made->arena, diags)) {
        return false;
    }
    struct rebuild_options options = work->request->rebuild;
    options.set_count = 0;
    options.profile = work->base;
    work->context = rebuild_context_new(book, &options, diags);
    if (work->context == NULL) {
        return false;
    }
    const struct worker_job job = {
        .count = work->made->row_count, .threads = work->request->threads, .context = work, .run = extract};
    bool is_ok = worker_pool_run(&job, diags) == WORKER_POOL_DONE;
    rebuild_context_free(work->context);
    work->context = NULL;
    return is_ok;
}

/* Counts what is left; says it if there is nothing to fit. */
static bool count_rows(struct work *work, struct diags *diags) {
    struct calibration *made = work->made;
    const struct position nowhere = {.source = NULL};
    for (size_t i = 0; i < made->row_count; i++) {
        made->used += made->rows[i].is_used && !made->rows[i].is_held_out ? 1 : 0;
        made->held_out += made->rows[i].is_used && made->rows[i].is_held_out ? 1 : 0;
    }
    if (made->hold_out != NULL && made->held_out == 0) {
        return diag_error(diags, nowhere, "calibrate-hold-out",
                          "--hold-out '%s' matches no row that could be fitted; it is a pattern for "
                          "model|gpu|engine|precision|source, as in '*|H200-SXM|*'",
                          made->hold_out);
    }
    return made->used > 0 ||
           diag_error(
               diags, nowhere, "calibrate-rows",
               "%s has no row to fit: of %zu, %zu are held out, %zu cannot be rebuilt, %zu are doubtful, %zu have "
               "no TPOT; 'tokenmill validate' says why",
               made->path, made->row_count, made->held_out, made->skipped, made->flagged, made->unmeasured);
}

/* --- parameters --- */

static double default_sd(enum profile_term term, bool is_few) {
    static const double sd[TERM_COUNT] = {
        [TERM_C0] = .5,    [TERM_CL] = .7,   [TERM_CS] = .5,   [TERM_CPF] = .5,  [TERM_HL] = .6,   [TERM_CLM] = .5,
        [TERM_CLBLK] = .8, [TERM_CMLA] = .7, [TERM_CEP] = .8,  [TERM_CDP] = .8,  [TERM_CA] = .3,   [TERM_PHI] = .3,
        [TERM_SE] = .048,  [TERM_SA] = .06,  [TERM_SX] = .08,  [TERM_SM] = .09,  [TERM_SMA] = .1,  [TERM_SMX] = .12,
        [TERM_MT] = .4,    [TERM_MLA] = .2,  [TERM_FAM] = .08, [TERM_SPF] = .12, [TERM_SPA] = .12, [TERM_SPM] = .25,
        [TERM_R0] = .7,    [TERM_RQ] = .8,   [TERM_R1] = .8};
    const double own_sd = 0.3; /* one server against its engine and architecture */
    return is_few && (term == TERM_SX || term == TERM_SMX) ? own_sd : sd[term];
}

static bool is_overhead(int term) {
    return term <= TERM_CDP || term == TERM_PHI || term == TERM_R0;
}

static bool may_move(const struct fit_row *fit, int term, size_t used) {
    if (!fit->subject.is_read[term] || (term == TERM_FAM && fit->subject.scope[term][0] == '\0')) {
        return false;
    }
    if (used < CALIBRATE_FEW) {
        return term == TERM_C0 || term == (fit->is_moe ? TERM_SMX : TERM_SX);
    }
    if (used < CALIBRATE_SOME) {
        return term == TERM_SX || term == TERM_SMX || is_overhead(term);
    }
    return term != TERM_RQ && term != TERM_R1;
}

static double prior_sd(const struct work *work, enum profile_term term, const char *scope) {
    for (size_t i = 0; i < work->base->value_count; i++) {
        const struct profile_value *value = &work->base->values[i];
        if (strcmp(value->name, profile_term_name(term)) == 0 && strcmp(value->scope, scope) == 0 &&
            value->prior_sd_log > 0) {
            return value->prior_sd_log;
        }
    }
    return default_sd(term, work->made->used < CALIBRATE_SOME);
}

/* Once for each term and scope. */
static void add_parameter(struct work *work, const struct fit_row *fit, int term) {
    struct calibration *made = work->made;
    const char *scope = fit->subject.scope[term];
    for (size_t k = 0; k < made->parameter_count; k++) {
        if (made->parameters[k].term == (enum profile_term)term && strcmp(made->parameters[k].scope, scope) == 0) {
            return;
        }
    }
    size_t k = made->parameter_count++;
    made->parameters = xrealloc(made->parameters, made->parameter_count, sizeof *made->parameters);
    made->parameters[k] = (struct fit_parameter){.term = (enum profile_term)term,
                                                 .scope = scope,
                                                 .prior_log = fit->base_log[term],
                                                 .prior_sd = prior_sd(work, (enum profile_term)term, scope),
                                                 .value_log = fit->base_log[term]};
}

static int by_term(const void *a, const void *b) {
    const struct fit_parameter *left = a, *right = b;
    return left->term != right->term ? (int)left->term - (int)right->term : strcmp(left->scope, right->scope);
}

static bool is_in_fit(const struct fit_row *fit) {
    return fit->is_used && !fit->is_held_out;
}

/* The row's parameters; what only held-out rows read stays at the base. */
static void point_to_parameters(struct work *work, struct fit_row *fit) {
    struct calibration *made = work->made;
    for (int t = 0; t < TERM_COUNT; t++) {
        fit->parameter[t] = -1;
        for (size_t k = 0; k < made->parameter_count && may_move(fit, t, made->used); k++) {
            struct fit_parameter *parameter = &made->parameters[k];
            if (parameter->term == (enum profile_term)t && strcmp(parameter->scope, fit->subject.scope[t]) == 0) {
                fit->parameter[t] = (int)k;
                parameter->rows += is_in_fit(fit) ? 1 : 0;
            }
        }
    }
}

static void find_parameters(struct work *work) {
    struct calibration *made = work->made;
    for (size_t i = 0; i < made->row_count; i++) {
        for (int t = 0; t < TERM_COUNT && is_in_fit(&made->rows[i]); t++) {
            if (may_move(&made->rows[i], t, made->used)) {
                add_parameter(work, &made->rows[i], t);
            }
        }
    }
    qsort(made->parameters, made->parameter_count, sizeof *made->parameters, by_term);
    for (size_t i = 0; i < made->row_count; i++) {
        if (made->rows[i].is_used) {
            point_to_parameters(work, &made->rows[i]);
        }
    }
}

/* A cell with many rows must not speak for all; a user's few rows do. */
static void weigh_rows(struct work *work) {
    const double doubtful = 0.7;
    struct calibration *made = work->made;
    for (size_t i = 0; i < made->row_count; i++) {
        struct fit_row *fit = &made->rows[i];
        size_t same = 0;
        for (size_t k = 0; fit->is_used && k < made->row_count; k++) {
            same += made->rows[k].is_used && strcmp(work->cells[i], work->cells[k]) == 0 ? 1 : 0;
        }
        fit->weight = made->used < CALIBRATE_SOME || same == 0 ? 1 : 1 / sqrt((double)same);
        fit->weight *= strcmp(fit->row->spec_decode, "unknown") == 0 ? doubtful : 1;
    }
}

/* --- rounds --- */

static double *values_now(const struct calibration *made) {
    double *values = xcalloc(made->parameter_count + 1, sizeof *values);
    for (size_t k = 0; k < made->parameter_count; k++) {
        values[k] = made->parameters[k].value_log;
    }
    return values;
}

/* What the simulator says at the present values, against the closed form. */
static void correct(struct work *work, const struct validation *simulated) {
    struct calibration *made = work->made;
    double *values = values_now(made);
    for (size_t i = 0; i < made->row_count; i++) {
        struct fit_row *fit = &made->rows[i];
        if (!fit->is_used) {
            continue;
        }
        const struct comparison *comparison = &simulated->rows[i];
        double tpot_s = comparison_predicted(comparison, METRIC_TPOT);
        double ttft_s = comparison_predicted(comparison, METRIC_TTFT);
        fit_row_prefill_logs(fit, values, 1, fit->prompt_then);
        fit->request_then_s = fm_exp(fit_row_value_log(fit, values, TERM_R0));
        fit->tpot_then_s = tpot_s;
        fit->correction_log = tpot_s > 0 ? fm_log(tpot_s) - fit_row_surrogate_log(fit, values) : 0;
        if (isnan(fit->measured_log[FIT_TTFT]) || !(ttft_s > 0)) {
            fit->measured_log[FIT_TTFT] = (double)NAN;
            continue;
        }
        fit->ttft_log = fm_log(ttft_s);
    }
    free(values);
}

/* ln of the step `kind` with the term that it goes with multiplied. */
static double changed_step_log(const struct fit_row *fit, const double *values, enum prompt_step kind, double factor) {
    double logs[PROMPT_STEP_COUNT];
    fit_row_prefill_logs(fit, values, kind == PROMPT_WORK ? factor : 1, logs);
    if (kind == PROMPT_LEAST) { /* hl L of hl L + cpf */
        double step_s = fm_exp(fit_row_value_log(fit, values, TERM_CPF));
        logs[kind] = fm_log(factor * (fm_exp(logs[kind]) - step_s) + step_s);
    }
    return logs[kind];
}

/* How TPOT and TTFT changed with the step `kind`; nothing if the step did not. */
static void take_change(struct fit_row *fit, const double *values, enum prompt_step kind, double factor,
                        const struct comparison *comparison) {
    const double least_change = 1e-3, power_max = 3, share_max = fit->is_apart ? 3 : 0.5;
    double log_now = changed_step_log(fit, values, kind, factor), log_then = fit->prompt_then[kind];
    double ttft_s = comparison_predicted(comparison, METRIC_TTFT),
           tpot_s = comparison_predicted(comparison, METRIC_TPOT);
    fit->share[kind] = fit->ttft_power[kind] = 0;
    if (fabs(log_now - log_then) < least_change) {
        return;
    }
    if (!isnan(fit->measured_log[FIT_TTFT]) && ttft_s > 0) {
        double power = (fm_log(ttft_s) - fit->ttft_log) / (log_now - log_then);
        fit->ttft_power[kind] = power < 0 ? 0 : power > power_max ? power_max : power;
    }
    if (tpot_s > 0) {
        double share = (tpot_s - fit->tpot_then_s) / (fm_exp(log_now) - fm_exp(log_then));
        fit->share[kind] = share < 0 ? 0 : share > share_max ? share_max : share;
    }
}

/* Simulations with slower prefill and with a lower hl (lower, since times go with it only where it is the longer one). */
static enum worker_pool_end find_shares(struct work *work, struct diags *diags) {
    static const struct {
        enum profile_term term;
        double factor;
    } changes[PROMPT_STEP_COUNT] = {[PROMPT_WORK] = {TERM_SPF, 1.1}, [PROMPT_LEAST] = {TERM_HL, 0.85}};
    struct calibration *made = work->made;
    enum worker_pool_end end = WORKER_POOL_DONE;
    double *values = values_now(made);
    for (int s = 0; s < PROMPT_STEP_COUNT && end == WORKER_POOL_DONE; s++) {
        struct validation *changed = NULL;
        end = simulate_rows(work, profile_now(work, (int)changes[s].term, changes[s].factor), &changed, diags);
        for (size_t i = 0; i < made->row_count && end == WORKER_POOL_DONE; i++) {
            if (made->rows[i].is_used) {
                take_change(&made->rows[i], values, (enum prompt_step)s, changes[s].factor, &changed->rows[i]);
            }
        }
        validation_free(changed);
    }
    free(values);
    return end;
}

/* How far rows lie off: at first 10 % (TTFT 20 %), then as the first fit left them, so that clean rows weigh more against the priors. */
static void set_scales(struct fit_problem *problem, int round) {
    static const double most[FIT_METRIC_COUNT] = {0.1, 0.2}, least_ratio = 0.2;
    for (int m = 0; m < FIT_METRIC_COUNT; m++) {
        double left = round == 0 ? most[m] : fit_spread(problem, (enum fit_metric)m);
        problem->scale[m] = left >= most[m] ? most[m] : left > least_ratio * most[m] ? left : least_ratio * most[m];
    }
}

/* Fits and simulates in turn; ends with made->last at the final values. */
static enum worker_pool_end run_rounds(struct work *work, struct diags *diags) {
    struct calibration *made = work->made;
    enum worker_pool_end end = WORKER_POOL_DONE;
    correct(work, made->first);
    for (int round = 0; round < ROUNDS && end == WORKER_POOL_DONE; round++) {
        end = find_shares(work, diags);
        if (end == WORKER_POOL_DONE) {
            correct(work, made->last != NULL ? made->last : made->first); /* with these shares */
            set_scales(&work->problem, round);
            made->outcome = fit_solve(&work->problem);
            validation_free(made->last);
            made->last = NULL;
            end = simulate_rows(work, profile_now(work, -1, 1), &made->last, diags);
        }
        if (end == WORKER_POOL_DONE) {
            correct(work, made->last);
        }
    }
    return end;
}

/* --- errors --- */

static const char *class_of(const struct comparison *comparison) {
    static const char *const families[FAMILY_COUNT] = {"dense", "mixture of experts", "MLA, hybrid"};
    return comparison->is_nvidia ? families[comparison->family] : "not NVIDIA";
}

static struct score_item item_of(const struct comparison *comparison, enum run_metric metric, double error) {
    return (struct score_item){.row = comparison->row,
                               .metric = metric,
                               .class_name = class_of(comparison),
                               .engine = comparison->engine,
                               .error = error};
}

static void score_simulated(struct calibration *made, enum calibrate_error kind, const struct validation *simulated) {
    struct score_item *items = arena_alloc(made->arena, made->row_count * METRIC_COUNT + 1, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < made->row_count; i++) {
        const struct comparison *comparison = &simulated->rows[i];
        bool is_in = made->rows[i].is_used && made->rows[i].is_held_out == (kind == ERROR_HELD_OUT);
        for (int m = METRIC_TPOT; m <= METRIC_THROUGHPUT && is_in; m++) {
            if (comparison_has(comparison, (enum run_metric)m)) {
                items[count++] =
                    item_of(comparison, (enum run_metric)m, comparison_error(comparison, (enum run_metric)m));
            }
        }
    }
    made->scores[kind] = scores_make(items, count, made->arena);
}

/* One group left out. */
struct fold {
    enum calibrate_error kind;
    const char *key;
};

struct fold_work {
    const struct work *work; // borrowed
    const struct fit_jacobian *jacobian;
    const struct fold *folds;
    double (*errors)[ERROR_COUNT][FIT_METRIC_COUNT]; /* by row */
};

static bool run_fold(void *context, size_t index, struct diags *diags) {
    (void)diags;
    struct fold_work *folds = context;
    const struct fold *fold = &folds->folds[index];
    const struct calibration *made = folds->work->made;
    const char *const *keys = folds->work->keys[fold->kind];
    bool *is_left_out = xcalloc(made->row_count + 1, sizeof *is_left_out);
    double *values = xcalloc(made->parameter_count + 1, sizeof *values);
    for (size_t i = 0; i < made->row_count; i++) {
        is_left_out[i] = keys[i] != NULL && strcmp(keys[i], fold->key) == 0;
    }
    fit_fold(&folds->work->problem, folds->jacobian, is_left_out, values);
    for (size_t i = 0; i < made->row_count; i++) {
        const struct fit_row *fit = &made->rows[i];
        for (int m = 0; m < FIT_METRIC_COUNT && is_left_out[i]; m++) {
            folds->errors[i][fold->kind][m] =
                fm_exp(fit_row_predicted_log(fit, (enum fit_metric)m, values) - fit->measured_log[m]) - 1;
        }
    }
    free(values);
    free(is_left_out);
    return true;
}

static void fill_keys(struct work *work) {
    struct calibration *made = work->made;
    for (int e = ERROR_BY_GROUP; e <= ERROR_BY_ENGINE; e++) {
        work->keys[e] = arena_alloc(made->arena, made->row_count + 1, sizeof *work->keys[e]);
    }
    for (size_t i = 0; i < made->row_count; i++) {
        const struct fit_row *fit = &made->rows[i];
        if (is_in_fit(fit)) {
            const char *family = fit->subject.scope[TERM_FAM];
            work->keys[ERROR_BY_GROUP][i] = arena_format(made->arena, "%s|%s", fit->row->model, fit->row->gpu);
            work->keys[ERROR_BY_GPU][i] = fit->row->gpu;
            work->keys[ERROR_BY_FAMILY][i] = family[0] != '\0' ? family : fit->row->model;
            work->keys[ERROR_BY_ENGINE][i] = fit->subject.scope[TERM_C0];
        }
    }
}

/* Every distinct key of every kind with at least two. */
static size_t list_folds(struct work *work, struct fold *folds) {
    struct calibration *made = work->made;
    size_t count = 0;
    for (int e = ERROR_BY_GROUP; e <= ERROR_BY_ENGINE; e++) {
        size_t first = count;
        for (size_t i = 0; i < made->row_count; i++) {
            const char *key = work->keys[e][i];
            bool is_new = key != NULL;
            for (size_t k = first; k < count && is_new; k++) {
                is_new = strcmp(folds[k].key, key) != 0;
            }
            if (is_new) {
                folds[count++] = (struct fold){.kind = (enum calibrate_error)e, .key = key};
            }
        }
        made->folds[e] = count - first;
        count = made->folds[e] < 2 ? first : count;
    }
    return count;
}

static void score_folds(struct calibration *made, enum calibrate_error kind, const struct fold_work *folds) {
    static const enum run_metric metrics[FIT_METRIC_COUNT] = {METRIC_TPOT, METRIC_TTFT};
    struct score_item *items = arena_alloc(made->arena, made->row_count * FIT_METRIC_COUNT + 1, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < made->row_count; i++) {
        const struct fit_row *fit = &made->rows[i];
        for (int m = 0; m < FIT_METRIC_COUNT && is_in_fit(fit); m++) {
            if (!isnan(fit->measured_log[m])) {
                items[count++] = item_of(&made->last->rows[i], metrics[m], folds->errors[i][kind][m]);
            }
        }
    }
    made->scores[kind] = scores_make(items, count, made->arena);
}

static void cross_validate(struct work *work, struct diags *diags) {
    struct calibration *made = work->made;
    fill_keys(work);
    struct fold *list = arena_alloc(made->arena, (ERROR_COUNT * made->row_count) + 1, sizeof *list);
    size_t count = list_folds(work, list);
    struct fit_jacobian *jacobian = fit_jacobian_new(&work->problem);
    struct fold_work folds = {.work = work,
                              .jacobian = jacobian,
                              .folds = list,
                              .errors = arena_alloc(made->arena, made->row_count + 1, sizeof *folds.errors)};
    const struct worker_job job = {
        .count = count, .threads = work->request->threads, .context = &folds, .run = run_fold};
    (void)worker_pool_run(&job, diags); /* its jobs cannot fail */
    for (int e = ERROR_BY_GROUP; e <= ERROR_BY_ENGINE; e++) {
        if (made->folds[e] >= 2) {
            score_folds(made, (enum calibrate_error)e, &folds);
        }
    }
    fit_jacobian_free(jacobian);
}

/* --- all of it --- */

static const struct profile *read_base(const struct calibrate_request *request, struct arena *arena,
                                       struct diags *diags) {
    const struct profile *shipped = step_profile_shipped(request->rebuild.catalog_dir, arena, diags);
    return shipped == NULL || request->base == NULL
               ? shipped
               : step_profile_read(request->base, (struct position){.source = NULL}, shipped, arena, diags);
}

static enum worker_pool_end run_all(struct work *work, struct diags *diags) {
    struct calibration *made = work->made;
    if (!measured_json_is(made->path) && replays_are_in(made->path)) {
        diag_error(diags, (struct position){.source = NULL}, "calibrate-rows",
                   "%s has one row a request; a fit needs one row a run (docs/measured-format.md)", made->path);
        return WORKER_POOL_FAILED;
    }
    enum worker_pool_end end = simulate_rows(work, work->base, &made->first, diags);
    if (end != WORKER_POOL_DONE) {
        return end;
    }
    made->row_count = made->first->count;
    made->rows = arena_alloc(made->arena, made->row_count + 1, sizeof *made->rows);
    work->cells = arena_alloc(made->arena, made->row_count + 1, sizeof *work->cells);
    select_rows(work);
    if (!extract_all(work, diags) || !count_rows(work, diags)) {
        return WORKER_POOL_FAILED;
    }
    work->is_wanted = arena_alloc(made->arena, made->row_count + 1, sizeof *work->is_wanted);
    for (size_t i = 0; i < made->row_count; i++) {
        work->is_wanted[i] = made->rows[i].is_used;
    }
    find_parameters(work);
    weigh_rows(work);
    work->problem = (struct fit_problem){.rows = made->rows,
                                         .row_count = made->row_count,
                                         .parameters = made->parameters,
                                         .parameter_count = made->parameter_count};
    end = run_rounds(work, diags);
    if (end == WORKER_POOL_DONE) {
        score_simulated(made, ERROR_BASE, made->first);
        score_simulated(made, ERROR_IN_SAMPLE, made->last);
        score_simulated(made, ERROR_HELD_OUT, made->last);
        cross_validate(work, diags);
    }
    return end;
}

static void release_calibration(void *calibration) {
    calibration_free(calibration);
}

enum worker_pool_end calibrate_run(const struct calibrate_request *request, struct calibration **calibration,
                                   struct diags *diags) {
    struct calibration *made = xcalloc(1, sizeof *made);
    *made = (struct calibration){.path = request->path,
                                 .base_name = request->base == NULL ? "shipped" : request->base,
                                 .hold_out = request->hold_out,
                                 .arena = arena_new()};
    struct work work = {.request = request, .made = made};
    work.base = read_base(request, made->arena, diags);
    enum worker_pool_end end = work.base == NULL ? WORKER_POOL_FAILED : run_all(&work, diags);
    if (end != WORKER_POOL_DONE) {
        diags_keep(diags, made, release_calibration);
        return end;
    }
    *calibration = made;
    return end;
}

void calibration_free(struct calibration *calibration) {
    if (calibration != NULL) {
        validation_free(calibration->first);
        validation_free(calibration->last);
        free(calibration->parameters);
        arena_free(calibration->arena);
        free(calibration);
    }
}

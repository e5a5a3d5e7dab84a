#include "study/calibrate_work.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "scenarios/step_profile.h"

enum { ROUNDS = 3 };

const char *calibrate_error_name(enum calibrate_error error) {
    static const char *const names[ERROR_COUNT] = {"base",
                                                   "in_sample",
                                                   "group_left_out",
                                                   "gpu_left_out",
                                                   "architecture_left_out",
                                                   "format_left_out",
                                                   "family_left_out",
                                                   "engine_left_out",
                                                   "after_five_rows",
                                                   "datasheet",
                                                   "never_fitted",
                                                   "held_out"};
    return names[error];
}

/* --- simulating all rows --- */

enum worker_pool_end calibrate_simulate(const struct calibrate_work *work, const struct profile *profile,
                                        const bool *is_wanted, struct validation **validation, struct diags *diags) {
    static const char *const datasheet[] = {"fleet.main.step_time.model=roofline"};
    const struct calibrate_request *request = work->request;
    struct validate_request inner = {.path = request->path,
                                     .recipes_dir = request->recipes_dir,
                                     .server = &request->server,
                                     .is_wanted = is_wanted,
                                     .rebuild = request->rebuild,
                                     .threads = request->threads,
                                     .listener = request->listener,
                                     .context = request->context};
    inner.rebuild.sets = datasheet;
    inner.rebuild.set_count = profile == NULL ? 1 : 0;
    inner.rebuild.profile = profile == NULL ? work->base : profile;
    return validate_run(&inner, validation, diags);
}

const struct profile *calibrate_profile(const struct calibrate_work *work, const double *values, int scaled_term,
                                        double factor, struct arena *arena) {
    const struct calibration *made = work->made;
    size_t own = made->parameter_count, count = own + work->base->value_count;
    struct profile_value *all = arena_alloc(arena, count + 1, sizeof *all);
    for (size_t k = 0; k < own; k++) {
        const struct fit_parameter *parameter = &made->parameters[k];
        all[k] = (struct profile_value){
            .name = profile_term_name(parameter->term), .scope = parameter->scope, .value = fm_exp(values[k])};
    }
    memcpy(all + own, work->base->values, work->base->value_count * sizeof *all);
    for (size_t k = 0; scaled_term >= 0 && k < count; k++) {
        bool is_it = strcmp(all[k].name, profile_term_name((enum profile_term)scaled_term)) == 0;
        all[k].value *= is_it ? factor : 1;
    }
    struct profile *profile = arena_alloc(arena, 1, sizeof *profile);
    *profile = *work->base;
    profile->values = all;
    profile->value_count = count;
    profile->own_count = own;
    return profile;
}

/* --- which rows, what they read --- */

static bool is_fitted(const struct comparison *comparison) {
    return comparison->skip == SKIP_NONE && flags_let_fit(comparison->flags);
}

static double measured_log(const struct comparison *comparison, enum run_metric metric) {
    return comparison_has(comparison, metric) && comparison_predicted(comparison, metric) > 0
               ? fm_log(comparison->measured[metric])
               : (double)NAN;
}

static void select_rows(struct calibrate_work *work) {
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
    struct calibrate_work *work = context;
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

static bool extract_all(struct calibrate_work *work, struct diags *diags) {
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
static bool count_rows(struct calibrate_work *work, struct diags *diags) {
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

static double default_sd(enum profile_term term) {
    static const double sd[TERM_COUNT] = {
        [TERM_C0] = .5,    [TERM_CL] = .7,   [TERM_CS] = .5,   [TERM_CPF] = .5,  [TERM_HL] = .6,   [TERM_CLM] = .5,
        [TERM_CLBLK] = .8, [TERM_CMLA] = .7, [TERM_CEP] = .8,  [TERM_CDP] = .8,  [TERM_CA] = .3,   [TERM_PHI] = .3,
        [TERM_SE] = .048,  [TERM_SA] = .06,  [TERM_SX] = .04,  [TERM_SM] = .09,  [TERM_SMA] = .1,  [TERM_SMX] = .07,
        [TERM_MT] = .4,    [TERM_MLA] = .2,  [TERM_FAM] = .08, [TERM_SPF] = .12, [TERM_SPA] = .12, [TERM_SPM] = .25,
        [TERM_R0] = .7,    [TERM_RQ] = .8,   [TERM_R1] = .8};
    return sd[term];
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

static double prior_sd(const struct calibrate_work *work, enum profile_term term, const char *scope) {
    const double own_sd = 0.3; /* one server against its engine and architecture */
    if (work->made->used < CALIBRATE_SOME && (term == TERM_SX || term == TERM_SMX)) {
        return own_sd;
    }
    for (size_t i = 0; i < work->base->value_count; i++) {
        const struct profile_value *value = &work->base->values[i];
        if (strcmp(value->name, profile_term_name(term)) == 0 && strcmp(value->scope, scope) == 0 &&
            value->prior_sd_log > 0) {
            return value->prior_sd_log;
        }
    }
    return default_sd(term);
}

/* Once for each term and scope. */
static void add_parameter(struct calibrate_work *work, const struct fit_row *fit, int term) {
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

/* The row's parameters; what only held-out rows read stays at the base. */
static void point_to_parameters(struct calibrate_work *work, struct fit_row *fit) {
    struct calibration *made = work->made;
    for (int t = 0; t < TERM_COUNT; t++) {
        fit->parameter[t] = -1;
        for (size_t k = 0; k < made->parameter_count && may_move(fit, t, made->used); k++) {
            struct fit_parameter *parameter = &made->parameters[k];
            if (parameter->term == (enum profile_term)t && strcmp(parameter->scope, fit->subject.scope[t]) == 0) {
                fit->parameter[t] = (int)k;
                parameter->rows += calibrate_is_in(fit) ? 1 : 0;
            }
        }
    }
}

static void find_parameters(struct calibrate_work *work) {
    struct calibration *made = work->made;
    for (size_t i = 0; i < made->row_count; i++) {
        for (int t = 0; t < TERM_COUNT && calibrate_is_in(&made->rows[i]); t++) {
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

/* A cell with many rows must not speak for all; a user's few rows do. Doubtful rows count less: of servers that may have speculated, or whose flags are
 * not known where others' are (TTFT then says nothing), or that started cold. */
static void weigh_rows(struct calibrate_work *work) {
    const double maybe_speculative = 0.7, recipe_unknown = 0.5, cold_start = 0.05;
    struct calibration *made = work->made;
    bool some_recipes_are_known = false;
    for (size_t i = 0; i < made->row_count; i++) {
        some_recipes_are_known |=
            calibrate_is_in(&made->rows[i]) && !flags_have(made->first->rows[i].flags, FLAG_UNKNOWN_RECIPE);
    }
    for (size_t i = 0; i < made->row_count; i++) {
        struct fit_row *fit = &made->rows[i];
        unsigned flags = made->first->rows[i].flags;
        bool is_apart = some_recipes_are_known && flags_have(flags, FLAG_UNKNOWN_RECIPE);
        size_t same = 0;
        for (size_t k = 0; fit->is_used && k < made->row_count; k++) {
            same += made->rows[k].is_used && strcmp(work->cells[i], work->cells[k]) == 0 ? 1 : 0;
        }
        double weight = made->used < CALIBRATE_SOME || same == 0 ? 1 : 1 / sqrt((double)same);
        weight *= strcmp(fit->row->spec_decode, "unknown") == 0 ? maybe_speculative : 1;
        fit->weight[FIT_TPOT] = weight * (is_apart ? recipe_unknown : 1);
        fit->weight[FIT_TTFT] = weight * (is_apart ? 0 : 1) * (flags_have(flags, FLAG_COLD_START) ? cold_start : 1);
    }
}

/* --- rounds --- */

double *calibrate_values_now(const struct calibration *made) {
    double *values = xcalloc(made->parameter_count + 1, sizeof *values);
    for (size_t k = 0; k < made->parameter_count; k++) {
        values[k] = made->parameters[k].value_log;
    }
    return values;
}

/* What the simulator says at the present values, against the closed form. */
static void correct(struct calibrate_work *work, const struct validation *simulated) {
    struct calibration *made = work->made;
    double *values = calibrate_values_now(made);
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
static enum worker_pool_end find_shares(struct calibrate_work *work, struct diags *diags) {
    static const struct {
        enum profile_term term;
        double factor;
    } changes[PROMPT_STEP_COUNT] = {[PROMPT_WORK] = {TERM_SPF, 1.1}, [PROMPT_LEAST] = {TERM_HL, 0.85}};
    struct calibration *made = work->made;
    enum worker_pool_end end = WORKER_POOL_DONE;
    double *values = calibrate_values_now(made);
    for (int s = 0; s < PROMPT_STEP_COUNT && end == WORKER_POOL_DONE; s++) {
        struct validation *changed = NULL;
        const struct profile *profile =
            calibrate_profile(work, values, (int)changes[s].term, changes[s].factor, made->arena);
        end = calibrate_simulate(work, profile, work->is_wanted, &changed, diags);
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

/* How far rows lie off: at first 10 % (TTFT 20 %); then what the first fit left, so that clean rows weigh more against the priors: twice that where it is
 * half of the first or more, for then it is cells that err, and their rows alike. */
static void set_scales(struct fit_problem *problem, int round) {
    static const double most[FIT_METRIC_COUNT] = {0.1, 0.2}, least_ratio = 0.2;
    for (int m = 0; m < FIT_METRIC_COUNT; m++) {
        double left = round == 0 ? most[m] : fit_spread(problem, (enum fit_metric)m);
        double share = 2 * left / most[m];
        left *= share < 1 ? 1 + share : 2;
        problem->scale[m] = left >= most[m] ? most[m] : left > least_ratio * most[m] ? left : least_ratio * most[m];
    }
}

/* With the present values: `made->last`. */
static enum worker_pool_end simulate_now(struct calibrate_work *work, struct diags *diags) {
    struct calibration *made = work->made;
    double *values = calibrate_values_now(made);
    const struct profile *profile = calibrate_profile(work, values, -1, 1, made->arena);
    free(values);
    return calibrate_simulate(work, profile, work->is_wanted, &made->last, diags);
}

/* Fits and simulates in turn; ends with made->last at the final values. */
static enum worker_pool_end run_rounds(struct calibrate_work *work, struct diags *diags) {
    struct calibration *made = work->made;
    enum worker_pool_end end = WORKER_POOL_DONE;
    correct(work, made->first);
    for (int round = 0; round < ROUNDS && end == WORKER_POOL_DONE; round++) {
        end = find_shares(work, diags);
        if (end == WORKER_POOL_DONE) {
            correct(work, made->last != NULL ? made->last : made->first); /* with these shares */
            set_scales(&work->problem, round);
            made->outcome = fit_solve(&work->problem, round + 1 < ROUNDS ? 1 : FIT_STARTS);
            validation_free(made->last);
            made->last = NULL;
            end = simulate_now(work, diags);
        }
        if (end == WORKER_POOL_DONE) {
            correct(work, made->last);
        }
    }
    return end;
}

/* --- all of it --- */

static const struct profile *read_base(const struct calibrate_request *request, struct arena *arena,
                                       struct diags *diags) {
    const struct profile *shipped = step_profile_shipped(request->rebuild.catalog_dir, arena, diags);
    return shipped == NULL || request->base == NULL
               ? shipped
               : step_profile_read(request->base, (struct position){.source = NULL}, shipped, arena, diags);
}

static enum worker_pool_end run_all(struct calibrate_work *work, struct diags *diags) {
    struct calibration *made = work->made;
    if (!measured_json_is(made->path) && replays_are_in(made->path)) {
        diag_error(diags, (struct position){.source = NULL}, "calibrate-rows",
                   "%s has one row a request; a fit needs one row a run (docs/measured-format.md)", made->path);
        return WORKER_POOL_FAILED;
    }
    enum worker_pool_end end = calibrate_simulate(work, work->base, NULL, &made->first, diags);
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
        work->is_wanted[i] = made->rows[i].is_used || comparison_is_scored(&made->first->rows[i]);
    }
    find_parameters(work);
    weigh_rows(work);
    work->problem = (struct fit_problem){.rows = made->rows,
                                         .row_count = made->row_count,
                                         .parameters = made->parameters,
                                         .parameter_count = made->parameter_count};
    end = run_rounds(work, diags);
    if (end == WORKER_POOL_DONE) {
        end = calibrate_cross_validate(work, diags);
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
    struct calibrate_work work = {.request = request, .made = made};
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

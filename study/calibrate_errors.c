/* Scores of a calibration, and the expected errors that follow from what was left out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "study/calibrate_work.h"

enum { EXPECTED_ROWS_MIN = 15, EXPECTED_GROUPS_MIN = 2 };

/* What was measured; E2E, where the row has none, as TTFT + TPOT (output - 1), which it is by definition. */
double calibrate_measured(const struct comparison *comparison, enum expected_metric metric) {
    const double ms_per_s = 1e3;
    const struct measured_row *row = comparison->row;
    const double *means = comparison->measured;
    switch (metric) {
    case EXPECTED_TPOT_P99: return row->load_kind == LOAD_MAX_NUM_SEQS ? (double)NAN : row->tpot_ms_p99 / ms_per_s;
    case EXPECTED_ITL_P99: return row->load_kind == LOAD_MAX_NUM_SEQS ? row->tpot_ms_p99 / ms_per_s : (double)NAN;
    case EXPECTED_TTFT_P99: return row->ttft_ms_p99 / ms_per_s;
    case EXPECTED_E2E_P99: return row->e2e_ms_p99 / ms_per_s;
    default: break;
    }
    bool is_derived = metric == EXPECTED_E2E && isnan(means[METRIC_E2E]) && row->load_kind == LOAD_CONCURRENCY;
    return is_derived ? means[METRIC_TTFT] + means[METRIC_TPOT] * (measured_output_tok(row) - 1) : means[metric];
}

/* --- scores --- */

/* What of a row is modelled least. */
static enum expected_case case_of(const struct comparison *comparison) {
    return flags_have(comparison->flags, FLAG_UNMODELLED_LAYERS) ? EXPECTED_STATE_SPACE
           : flags_have(comparison->flags, FLAG_PREFIX_CACHE)    ? EXPECTED_PREFIX_CACHE
           : flags_have(comparison->flags, FLAG_UNKNOWN_RECIPE)  ? EXPECTED_UNKNOWN_RECIPE
                                                                 : EXPECTED_BY_GROUP;
}

/* What is not modelled apart; TTFT by whether the server's flags are known. */
static const char *class_of(const struct comparison *comparison, enum run_metric metric, struct arena *arena) {
    const char *class = expected_class_name(comparison->expected.class);
    const enum expected_case kind = case_of(comparison);
    if (kind == EXPECTED_STATE_SPACE || kind == EXPECTED_PREFIX_CACHE) {
        return expected_case_name(kind);
    }
    bool is_apart = metric == METRIC_TTFT && kind == EXPECTED_UNKNOWN_RECIPE;
    return is_apart ? arena_format(arena, "%s, no recipe", class) : class;
}

static void score_kind(struct calibrate_work *work, enum calibrate_error kind) {
    struct calibration *made = work->made;
    struct score_item *items = arena_alloc(made->arena, made->row_count * METRIC_COUNT + 1, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < made->row_count; i++) {
        const struct comparison *comparison = &made->first->rows[i];
        for (int m = 0; m < METRIC_COUNT; m++) {
            double predicted = made->predicted[i][kind][m];
            double measured = calibrate_measured(comparison, (enum expected_metric)m);
            bool is_cold = m == METRIC_TTFT && flags_have(comparison->flags, FLAG_COLD_START);
            if (!isnan(predicted) && measured > 0 && !is_cold) {
                items[count++] =
                    (struct score_item){.row = comparison->row,
                                        .metric = (enum run_metric)m,
                                        .class_name = class_of(comparison, (enum run_metric)m, made->arena),
                                        .engine = comparison->engine,
                                        .error = predicted / measured - 1,
                                        .q95_log = (double)NAN};
            }
        }
    }
    made->scores[kind] = scores_make(items, count, made->arena);
}

void calibrate_score(struct calibrate_work *work) {
    for (int e = 0; e < ERROR_COUNT; e++) {
        score_kind(work, (enum calibrate_error)e);
    }
}

/* --- expected errors --- */

/* One row's |ln(predicted / measured)|. */
struct miss {
    double size_log;
    const char *group; /* model and GPU */
    const char *gpu;
};

static int by_size(const void *a, const void *b) {
    const struct miss *left = a, *right = b;
    return (left->size_log > right->size_log) - (left->size_log < right->size_log);
}

/* The smallest of the sorted sizes that 95 % of n + 1 rows do not exceed: the row to come is counted in (V. Vovk et al., Algorithmic Learning in a Random
 * World, 2005: split conformal prediction). Without the model and GPU of `but`, if not NULL. */
static double quantile_95(const struct miss *misses, size_t count, const struct miss *but) {
    const double covered = 0.95;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        used += but == NULL || strcmp(misses[i].group, but->group) != 0 || strcmp(misses[i].gpu, but->gpu) != 0 ? 1 : 0;
    }
    size_t wanted = (size_t)ceil(covered * (double)(used + 1));
    double found = (double)NAN;
    for (size_t i = 0, seen = 0; i < count && (seen < wanted || seen == 0); i++) {
        if (but == NULL || strcmp(misses[i].group, but->group) != 0 || strcmp(misses[i].gpu, but->gpu) != 0) {
            found = misses[i].size_log;
            seen++;
        }
    }
    return found;
}

/* Distinct models and GPUs. */
static size_t count_groups(const struct miss *misses, size_t count) {
    size_t groups = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_new = true;
        for (size_t k = 0; k < i && is_new; k++) {
            is_new = strcmp(misses[k].group, misses[i].group) != 0 || strcmp(misses[k].gpu, misses[i].gpu) != 0;
        }
        groups += is_new ? 1 : 0;
    }
    return groups;
}

static int by_double(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Quantiles of few groups are those groups' own. Each row by the quantile of the others: the factor on quantiles with which 90 % of rows are covered (the least
 * that an interval promises of what is unseen), at least 1; `*covered`: the share that is without it. */
static double shortfall(const struct miss *misses, size_t count, double *covered) {
    const double asked = 0.9;
    double *ratios = xcalloc(count + 1, sizeof *ratios);
    size_t inside = 0;
    for (size_t i = 0; i < count; i++) {
        ratios[i] = misses[i].size_log / quantile_95(misses, count, &misses[i]);
        inside += ratios[i] <= 1 ? 1 : 0;
    }
    qsort(ratios, count, sizeof *ratios, by_double);
    double factor = ratios[(size_t)ceil(asked * (double)count) - 1];
    free(ratios);
    *covered = (double)inside / (double)count;
    return factor > 1 ? factor : 1;
}

/* Whose predictions a case is taken from. */
static enum calibrate_error error_of(enum expected_case kind) {
    static const enum calibrate_error errors[EXPECTED_CASE_COUNT] = {
        [EXPECTED_BY_GROUP] = ERROR_BY_GROUP,
        [EXPECTED_BY_GPU] = ERROR_BY_GPU,
        [EXPECTED_BY_ARCHITECTURE] = ERROR_BY_ARCHITECTURE,
        [EXPECTED_BY_FORMAT] = ERROR_BY_FORMAT,
        [EXPECTED_BY_FAMILY] = ERROR_BY_FAMILY,
        [EXPECTED_BY_ENGINE] = ERROR_BY_ENGINE,
        [EXPECTED_UNKNOWN_RECIPE] = ERROR_BY_GROUP,
        [EXPECTED_STATE_SPACE] = ERROR_NEVER_FITTED,
        [EXPECTED_PREFIX_CACHE] = ERROR_NEVER_FITTED,
        [EXPECTED_AFTER_OWN_ROWS] = ERROR_AFTER_FIVE,
        [EXPECTED_FROM_DATASHEET] = ERROR_DATASHEET,
    };
    return errors[kind];
}

/* What was never fitted is left out with every group. */
static double prediction_of(const struct calibration *made, size_t row, enum expected_case kind, int metric) {
    double predicted = made->predicted[row][error_of(kind)][metric];
    bool is_group = kind == EXPECTED_BY_GROUP || kind == EXPECTED_UNKNOWN_RECIPE;
    return isnan(predicted) && is_group ? made->predicted[row][ERROR_NEVER_FITTED][metric] : predicted;
}

static size_t list_misses(const struct calibration *made, enum expected_metric metric, enum expected_class class,
                          enum expected_case kind, struct miss *misses) {
    size_t count = 0;
    bool is_special = kind >= EXPECTED_UNKNOWN_RECIPE && kind <= EXPECTED_PREFIX_CACHE;
    bool is_any = kind == EXPECTED_AFTER_OWN_ROWS || kind == EXPECTED_FROM_DATASHEET;
    for (size_t i = 0; i < made->row_count; i++) {
        const struct comparison *comparison = &made->first->rows[i];
        double predicted = prediction_of(made, i, kind, (int)metric), measured = calibrate_measured(comparison, metric);
        const enum expected_case own = case_of(comparison);
        bool is_asked = is_any ? own == EXPECTED_BY_GROUP || own == EXPECTED_UNKNOWN_RECIPE
                               : own == (is_special ? kind : EXPECTED_BY_GROUP);
        bool is_ttft = metric == EXPECTED_TTFT || metric == EXPECTED_TTFT_P99 || metric == EXPECTED_E2E_P99;
        bool is_cold = is_ttft && flags_have(comparison->flags, FLAG_COLD_START);
        if (!isnan(predicted) && measured > 0 && comparison->expected.class == class && !is_cold && is_asked) {
            misses[count++] = (struct miss){.size_log = fabs(fm_log(predicted) - fm_log(measured)),
                                            .group = comparison->row->model,
                                            .gpu = comparison->row->gpu};
        }
    }
    qsort(misses, count, sizeof *misses, by_size);
    return count;
}

static void find_quantiles(struct calibration *made) {
    const size_t all = (size_t)EXPECTED_METRIC_COUNT * EXPECTED_CLASS_COUNT * EXPECTED_CASE_COUNT;
    struct miss *misses = xcalloc(made->row_count + 1, sizeof *misses);
    made->expected = arena_alloc(made->arena, all, sizeof *made->expected);
    for (size_t k = 0; k < all; k++) {
        const enum expected_case kind = (enum expected_case)(k % EXPECTED_CASE_COUNT);
        const enum expected_class class = (enum expected_class)(k / EXPECTED_CASE_COUNT % EXPECTED_CLASS_COUNT);
        const enum expected_metric metric = (enum expected_metric)(k / EXPECTED_CASE_COUNT / EXPECTED_CLASS_COUNT);
        size_t count = list_misses(made, metric, class, kind, misses);
        if (count >= EXPECTED_ROWS_MIN && count_groups(misses, count) >= EXPECTED_GROUPS_MIN) {
            double covered, factor = shortfall(misses, count, &covered), q95_log = quantile_95(misses, count, NULL);
            double widest_log = misses[count - 1].size_log; /* no further than the worst row */
            q95_log = factor * q95_log < widest_log ? factor * q95_log : widest_log;
            made->expected[made->expected_count++] = (struct calibrate_expected){.metric = metric,
                                                                                 .class = class,
                                                                                 .kind = kind,
                                                                                 .rows = count,
                                                                                 .q95_log = q95_log,
                                                                                 .covered_ratio = covered};
        }
    }
    free(misses);
}

/* --- what was seen --- */

static int by_kind_and_name(const void *a, const void *b) {
    const struct calibrate_seen *left = a, *right = b;
    return left->kind != right->kind ? (int)left->kind - (int)right->kind : strcmp(left->name, right->name);
}

static void add_seen(struct calibration *made, enum expected_case kind, const char *name) {
    for (size_t k = 0; k < made->seen_count; k++) {
        if (made->seen[k].kind == kind && strcmp(made->seen[k].name, name) == 0) {
            made->seen[k].rows++;
            return;
        }
    }
    made->seen[made->seen_count++] = (struct calibrate_seen){.kind = kind, .name = name, .rows = 1};
}

static void find_seen(struct calibration *made) {
    made->seen = arena_alloc(made->arena, made->row_count * EXPECTED_CASE_COUNT + 1, sizeof *made->seen);
    for (size_t i = 0; i < made->row_count; i++) {
        const struct fit_row *fit = &made->rows[i];
        if (calibrate_is_in(fit)) {
            add_seen(made, EXPECTED_BY_GPU, fit->gpu);
            add_seen(made, EXPECTED_BY_ARCHITECTURE, fit->subject.scope[TERM_CA]);
            add_seen(made, EXPECTED_BY_FORMAT, fit->subject.scope[TERM_SA]);
            add_seen(made, EXPECTED_BY_FAMILY, fit->family);
            add_seen(made, EXPECTED_BY_ENGINE, fit->subject.scope[TERM_C0]);
        }
    }
    qsort(made->seen, made->seen_count, sizeof *made->seen, by_kind_and_name);
}

void calibrate_find_expected(struct calibrate_work *work) {
    find_quantiles(work->made);
    find_seen(work->made);
}

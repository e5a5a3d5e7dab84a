#include "models/expected_error.h"

#include <math.h>
#include <string.h>

static const char *const metric_names[EXPECTED_METRIC_COUNT] = {
    "tpot", "ttft", "e2e", "throughput", "power", "tpot_p99", "ttft_p99", "e2e_p99", "itl_p99"};
static const char *const class_names[EXPECTED_CLASS_COUNT] = {"dense", "mixture of experts", "MLA, hybrid",
                                                              "not NVIDIA"};
static const char *const case_names[EXPECTED_CASE_COUNT] = {"group",        "gpu",      "architecture",   "format",
                                                            "family",       "engine",   "unknown-recipe", "state-space",
                                                            "prefix-cache", "own-rows", "datasheet"};

/* Its index among `names`; `count`: it is none of them. */
static size_t index_of(const char *text, const char *const *names, size_t count) {
    size_t i = 0;
    while (i < count && strcmp(text, names[i]) != 0) {
        i++;
    }
    return i;
}

const char *expected_metric_name(enum expected_metric metric) {
    return metric_names[metric];
}

const char *expected_class_name(enum expected_class class) {
    return class_names[class];
}

const char *expected_case_name(enum expected_case kind) {
    return case_names[kind];
}

bool expected_metric_from_text(const char *text, enum expected_metric *metric) {
    *metric = (enum expected_metric)index_of(text, metric_names, EXPECTED_METRIC_COUNT);
    return *metric < EXPECTED_METRIC_COUNT;
}

bool expected_class_from_text(const char *text, enum expected_class *class) {
    *class = (enum expected_class)index_of(text, class_names, EXPECTED_CLASS_COUNT);
    return *class < EXPECTED_CLASS_COUNT;
}

bool expected_case_from_text(const char *text, enum expected_case *kind) {
    *kind = (enum expected_case)index_of(text, case_names, EXPECTED_CASE_COUNT);
    return *kind < EXPECTED_CASE_COUNT;
}

enum expected_class expected_class_of(const struct llm *llm, const struct gpu *gpu) {
    bool is_hybrid = llm->attention_layers > 0 && llm->attention_layers < llm->layers;
    if (strcmp(gpu->vendor, "NVIDIA") != 0) {
        return EXPECTED_NOT_NVIDIA;
    }
    if (llm->attention != ATTENTION_GQA || is_hybrid || llm->sparse_attention) {
        return EXPECTED_OTHER;
    }
    return llm->experts > 0 ? EXPECTED_EXPERTS : EXPECTED_DENSE;
}

bool expected_has_seen(const struct expected_errors *errors, enum expected_case kind, const char *name) {
    for (size_t i = 0; i < errors->seen_count; i++) {
        if (errors->seen[i].kind == kind && strcmp(errors->seen[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The mean that a 99th percentile is of; itself for a mean. */
static enum expected_metric mean_of(enum expected_metric metric) {
    switch (metric) {
    case EXPECTED_TPOT_P99:
    case EXPECTED_ITL_P99: return EXPECTED_TPOT;
    case EXPECTED_TTFT_P99: return EXPECTED_TTFT;
    case EXPECTED_E2E_P99: return EXPECTED_E2E;
    default: return metric;
    }
}

/* How much wider a 99th percentile's is than its mean's, where both are known. */
static double tail_ratio(const struct expected_errors *errors, enum expected_metric metric) {
    double ratio = 1;
    for (int c = 0; c < EXPECTED_NOT_NVIDIA; c++) {
        double tail = errors->q95_log[metric][c][EXPECTED_BY_GROUP];
        double mean = errors->q95_log[mean_of(metric)][c][EXPECTED_BY_GROUP];
        ratio = tail / mean > ratio ? tail / mean : ratio;
    }
    return ratio;
}

/* Of the class: the metric's, else its mean's made wider. */
static double class_quantile(const struct expected_errors *errors, enum expected_metric metric,
                             enum expected_class class, enum expected_case kind) {
    double own = errors->q95_log[metric][class][kind];
    bool is_mean = mean_of(metric) == metric;
    return !isnan(own) || is_mean ? own : errors->q95_log[mean_of(metric)][class][kind] * tail_ratio(errors, metric);
}

/* Of the class, else the largest of NVIDIA's. */
static double quantile_of(const struct expected_errors *errors, enum expected_metric metric, enum expected_class class,
                          enum expected_case kind) {
    double own = class_quantile(errors, metric, class, kind), largest = (double)NAN;
    for (int c = 0; c < EXPECTED_NOT_NVIDIA; c++) {
        double other = class_quantile(errors, metric, (enum expected_class)c, kind);
        largest = isnan(largest) || other > largest ? other : largest;
    }
    return isnan(own) ? largest : own;
}

/* Of everything that is unseen together. */
static double unseen_quantile(const struct expected_errors *errors, enum expected_metric metric,
                              const struct expected_subject *subject) {
    double least = quantile_of(errors, metric, subject->class, EXPECTED_BY_GROUP), square = least * least;
    for (int k = EXPECTED_BY_GPU; k <= EXPECTED_UNKNOWN_RECIPE; k++) {
        double q = quantile_of(errors, metric, subject->class, (enum expected_case)k);
        bool is_unseen = (subject->cases & expected_bit((enum expected_case)k)) != 0;
        square += is_unseen && q > least ? q * q - least * least : 0;
    }
    return sqrt(square);
}

/* Of a case that stands instead of the others. */
static double alone_quantile(const struct expected_errors *errors, enum expected_metric metric,
                             const struct expected_subject *subject, enum expected_case kind) {
    double own = quantile_of(errors, metric, subject->class, kind);
    if (!isnan(own)) {
        return own;
    }
    double widening =
        quantile_of(errors, EXPECTED_TPOT, subject->class, kind) / unseen_quantile(errors, EXPECTED_TPOT, subject);
    return unseen_quantile(errors, metric, subject) * (widening > 1 ? widening : 1);
}

static double seen_quantile(const struct expected_errors *errors, enum expected_metric metric,
                            const struct expected_subject *subject) {
    static const enum expected_case alone[] = {EXPECTED_FROM_DATASHEET, EXPECTED_PREFIX_CACHE, EXPECTED_AFTER_OWN_ROWS,
                                               EXPECTED_STATE_SPACE};
    for (size_t i = 0; i < sizeof alone / sizeof alone[0]; i++) {
        bool is_about = alone[i] != EXPECTED_AFTER_OWN_ROWS || metric != EXPECTED_POWER;
        if ((subject->cases & expected_bit(alone[i])) != 0 && is_about) {
            return alone_quantile(errors, metric, subject, alone[i]);
        }
    }
    return unseen_quantile(errors, metric, subject);
}

double expected_error_log(const struct expected_errors *errors, enum expected_metric metric,
                          const struct expected_subject *subject) {
    double q = seen_quantile(errors, metric, subject), spread = 0;
    for (int c = 0; c < EXPECTED_NOT_NVIDIA; c++) {
        double least = class_quantile(errors, metric, (enum expected_class)c, EXPECTED_BY_GROUP);
        double engine = class_quantile(errors, metric, (enum expected_class)c, EXPECTED_BY_ENGINE);
        double more = engine * engine - least * least;
        spread = more > spread ? more : spread;
    }
    double features = (subject->is_speculative ? 1 : 0) + (subject->is_pipelined ? 1 : 0);
    return sqrt(q * q + features * spread);
}

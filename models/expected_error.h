/* expected_error.h - how wrong predictions are of servers that a profile was not fitted on, by what is unknown about them.
 *
 * `tokenmill calibrate` leaves measured rows out of its fit, group by group, predicts them, and takes the 95 % quantile of |ln(predicted / measured)|:
 * q. Such an interval is [x exp(-q), x exp(q)]. This is the one place that says which rows a setup's error is taken from: its class, and what of it
 * the fit had not seen (its model on its GPU never counts as seen). Several at once add up as variances do:
 *     q^2 = q0^2 + sum over what is unseen of max(0, qi^2 - q0^2)
 * Speculative decoding and pipeline stages, which have no such rows, each add what an unseen engine does,
 * the most in NVIDIA's classes. Quantiles that are missing:
 *     of a 99th percentile       the mean's, of the same class and case, times the largest ratio of the two (>= 1) in NVIDIA's classes (case `group`)
 *     of a class                 the largest of NVIDIA's classes
 *     of a case that is alone    that of the other cases, times how much wider that case makes TPOT's (>= 1)
 * Pure; nothing here owns memory. */
#ifndef TOKENMILL_MODELS_EXPECTED_ERROR_H
#define TOKENMILL_MODELS_EXPECTED_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "models/gpu.h"
#include "models/llm.h"

/* Means, of latencies the 99th percentile too. */
enum expected_metric {
    EXPECTED_TPOT,
    EXPECTED_TTFT,
    EXPECTED_E2E,
    EXPECTED_THROUGHPUT,
    EXPECTED_POWER,
    EXPECTED_TPOT_P99,
    EXPECTED_TTFT_P99,
    EXPECTED_E2E_P99,
    EXPECTED_ITL_P99,
    EXPECTED_METRIC_COUNT
};

/* How a model works, on what. EXPECTED_OTHER: MLA, hybrids, sparse attention. */
enum expected_class { EXPECTED_DENSE, EXPECTED_EXPERTS, EXPECTED_OTHER, EXPECTED_NOT_NVIDIA, EXPECTED_CLASS_COUNT };

/* What was left out of the fit, or is not known. */
enum expected_case {
    EXPECTED_BY_GROUP,        /* the model on this GPU; everything else was seen */
    EXPECTED_BY_GPU,          /* unseen: GPU, */
    EXPECTED_BY_ARCHITECTURE, /* its architecture, */
    EXPECTED_BY_FORMAT,       /* the number format on that architecture, */
    EXPECTED_BY_FAMILY,       /* model family, */
    EXPECTED_BY_ENGINE,       /* engine */
    EXPECTED_UNKNOWN_RECIPE,  /* the engine's flags are not known */
    EXPECTED_STATE_SPACE,     /* hybrids of a family that was not seen: layers whose time is not modelled; */
    EXPECTED_PREFIX_CACHE,    /* prompts from a prefix cache: */
    EXPECTED_AFTER_OWN_ROWS,  /* after a fit to five rows of the same server: each instead of all others */
    EXPECTED_FROM_DATASHEET,  /* the roofline of the datasheet, nothing fitted: likewise */
    EXPECTED_CASE_COUNT
};

const char *expected_metric_name(enum expected_metric metric); /* "tpot", ... */
const char *
    expected_class_name(enum expected_class class); /* "dense", "mixture of experts", "MLA, hybrid", "not NVIDIA" */
const char *expected_case_name(enum expected_case kind); /* "group", "gpu", ... */
bool expected_metric_from_text(const char *text, enum expected_metric *metric);
bool expected_class_from_text(const char *text, enum expected_class *class);
bool expected_case_from_text(const char *text, enum expected_case *kind);

enum expected_class expected_class_of(const struct llm *llm, const struct gpu *gpu);

/* What the fit's rows had: kind one of "gpu", "architecture", "format" ("Hopper|8"), "family", "engine". */
struct expected_seen {
    enum expected_case kind;
    const char *name;
};

struct expected_errors {
    double q95_log[EXPECTED_METRIC_COUNT][EXPECTED_CLASS_COUNT][EXPECTED_CASE_COUNT]; /* NaN: not known */
    const struct expected_seen *seen;                                                 /* borrowed */
    size_t seen_count;
};

bool expected_has_seen(const struct expected_errors *errors, enum expected_case kind, const char *name);

/* A setup as its error sees it. */
struct expected_subject {
    enum expected_class class;
    unsigned
        cases; /* bits of enum expected_case; a case that stands instead of the others does so, they say the rest */
    bool is_speculative, is_pipelined;
};

static inline unsigned expected_bit(enum expected_case kind) {
    return 1u << (unsigned)kind;
}

/* q. Power is never from `own-rows`: those rows fit step times. NaN: not known. */
double expected_error_log(const struct expected_errors *errors, enum expected_metric metric,
                          const struct expected_subject *subject);

#endif

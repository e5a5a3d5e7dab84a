/* calibrate_rows.h - measured rows as equations in a profile's values: what a step of the row takes, in closed form; inner header of calibrate.
 *
 * TPOT of a row is that of two kinds of steps, at the batch B that its clients, sequences and KV cache let run, with d(B) a step of decodes alone
 * and m(B) one with prompts beside them, in the share f of steps that the prompts need:
 *     continuous, TensorRT-LLM   (1 - f) d + f m          prefill first   d + f m
 * with the formulas of models/profile.h. What this leaves out (ramp, padding, waves, preemption) is the row's correction, ln(simulated / this), from the
 * simulator itself at the last round's values. TTFT is its simulated value, with slopes of its logarithm in the terms of prefill that
 * simulations with changed terms gave. */
#ifndef TOKENMILL_STUDY_CALIBRATE_ROWS_H
#define TOKENMILL_STUDY_CALIBRATE_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "models/profile.h"
#include "study/measured.h"
#include "study/rebuild.h"

enum fit_metric { FIT_TPOT, FIT_TTFT, FIT_METRIC_COUNT };

struct fit_parameter {
    enum profile_term term;
    const char *scope;
    double prior_log, prior_sd; /* of the logarithm */
    double value_log, value_sd; /* fitted; the posterior's */
    size_t rows;                /* that read it */
};

struct fit_row {
    const struct measured_row *row; /* borrowed */
    size_t index;                   /* in the file */
    bool is_used;                   /* false: why not is the caller's to know */
    bool is_held_out;
    bool is_moe;
    struct profile_subject subject;
    struct profile_parts decode, prefill;
    double prefill_ratio; /* f */
    bool is_apart;        /* prefill first */
    bool is_decode_only;  /* a median gap between tokens, of which less than half have a prompt beside them */
    double base_log[TERM_COUNT];
    int parameter[TERM_COUNT]; /* index; -1: stays at the base */
    double weight;
    double measured_log[FIT_METRIC_COUNT]; /* NaN: not measured, or not simulated */
    double correction_log;                 /* of TPOT */
    double ttft_log;                       /* simulated, at */
    double ttft_at[TERM_COUNT];            /* these logarithms, with */
    double ttft_slope[TERM_COUNT];         /* these slopes */
};

/* The row's kernels and shares; false if its step times are no profile's. */
bool fit_row_fill(struct fit_row *fit, const struct rebuilt *rebuilt);

/* The base's values for the row's scopes. */
void fit_row_take_base(struct fit_row *fit, const struct profile *base);

/* Logarithm of the value that term `t` has for the row. */
double fit_row_value_log(const struct fit_row *fit, const double *parameters, int term);

/* ln of the closed form of TPOT, without correction, s. */
double fit_row_surrogate_log(const struct fit_row *fit, const double *parameters);

/* ln of what is predicted, s; corrections included. */
double fit_row_predicted_log(const struct fit_row *fit, enum fit_metric metric, const double *parameters);

#endif

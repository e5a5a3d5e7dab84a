/* calibrate_rows.h - measured rows as equations in a profile's values: what a step of the row takes, in closed form; inner header of calibrate.
 *
 * A token waits for steps of decodes alone (d, at the batch B that clients, sequences and KV cache let run) and for steps with prompts, which take what
 * their work says (w), but h = hl L + cpf at least:
 *     continuous, TensorRT-LLM   TPOT = c ((1 - x - y) d + x w + y h)        prefill first   TPOT = c (d + x w + y h)
 *     TTFT = T (w / w then)^a (h / h then)^b + r0 - r0 then
 * d, w, h by the formulas of models/profile.h. x, y, a, b are what the simulator says at the last round's values: one simulation with slower prefill, one with a
 * lower hl; c = simulated / closed form and T = simulated hold what is left out: ramp, padding, waves, preemption, queues. */
#ifndef TOKENMILL_STUDY_CALIBRATE_ROWS_H
#define TOKENMILL_STUDY_CALIBRATE_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "models/profile.h"
#include "study/measured.h"
#include "study/rebuild.h"

/* A step with prompts as its work says; the least that one takes. */
enum prompt_step { PROMPT_WORK, PROMPT_LEAST, PROMPT_STEP_COUNT };

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
    char gpu[PROFILE_SCOPE_SIZE], family[PROFILE_SCOPE_SIZE]; /* by the catalogue's name */
    struct profile_parts decode, prefill;
    bool is_apart; /* prefill first */
    double base_log[TERM_COUNT];
    int parameter[TERM_COUNT]; /* index; -1: stays at the base */
    double weight[FIT_METRIC_COUNT];
    double measured_log[FIT_METRIC_COUNT]; /* NaN: not measured, or not simulated */
    double share[PROMPT_STEP_COUNT];       /* x, y */
    double tpot_then_s;                    /* simulated */
    double correction_log;                 /* of TPOT */
    double ttft_log;                       /* simulated, where */
    double prompt_then[PROMPT_STEP_COUNT]; /* ln of these steps, s; */
    double ttft_power[PROMPT_STEP_COUNT];  /* and TTFT goes with these powers of them */
    double request_then_s;                 /* r0 */
};

/* The row's kernels and shares; false if its step times are no profile's. */
bool fit_row_fill(struct fit_row *fit, const struct rebuilt *rebuilt);

/* The base's values for the row's scopes. */
void fit_row_take_base(struct fit_row *fit, const struct profile *base);

/* Logarithm of the value that term `t` has for the row. */
double fit_row_value_log(const struct fit_row *fit, const double *parameters, int term);

/* ln of the closed form of TPOT, without correction, s. */
double fit_row_surrogate_log(const struct fit_row *fit, const double *parameters);

/* ln of the steps that TTFT goes with, s; prefill `factor` times slower. */
void fit_row_prefill_logs(const struct fit_row *fit, const double *parameters, double factor,
                          double logs[PROMPT_STEP_COUNT]);

/* ln of what is predicted, s; corrections included. */
double fit_row_predicted_log(const struct fit_row *fit, enum fit_metric metric, const double *parameters);

#endif

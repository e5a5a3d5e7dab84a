/* profile.h - calibrated step times: what serving runs say beyond the kernels (models/kernels.h), as named factors and overheads.
 *
 * With L layers (Lm of experts), T tokens, d decodes, s sequences, K context, x2 twice the prefill attention:
 *     decodes alone   S (D(T) + H(d) + m (A0 + A1 d)) + SM M(T) + phi C(T) + S m a K + host + cs(d)
 *     any prefill     max(Sp (S D(T) + Spm SM M(T)) + phi C(T) + S H(s) + S m (2 A0 + A1 d) + S m a K
 *                         + Sp S m (pairs x2 / 2 + tokens) + host + cs(s),  hl L)  + cpf
 *     host = (c0 + cl L) ca + clm mt launches + clblk L [block-scaled fp8] + cmla ca L [MLA] + cep Lm [expert parallel] + cdp L [attention dp]
 * With k drafts to verify per decode D, M, C and H of decodes are those of T + k d tokens.
 *     cs(n) = cs (min(n, 256) + 0.2 max(n - 256, 0));  vLLM 0.11, which does not overlap: cs n
 * A step with prefill whose tokens a captured piece holds (vLLM) has no hl L.
 * Decodes alone are padded to a captured size in T and d, not in H and cs; beyond the largest they take hl L at least.
 * A pipeline's round: the same for its largest micro-batch, C with hops, H and cs once more for each other micro-batch (models/parallel.h).
 * D, M, C, H, A0, A1, a, pairs, tokens, launches are kernels'; m is 1, or `mla` for MLA. S = Se Sa Sx fam, SM = Sm Sma Smx fam, Sp = Spf Spa: by engine, by
 * architecture and number format, by both, by model family. A value that the profile lacks is neutral: 1, or an
 * overhead between those of known engines (profile.c). Valid for what it was fitted on; others rest on the architecture's kernels. */
#ifndef TOKENMILL_MODELS_PROFILE_H
#define TOKENMILL_MODELS_PROFILE_H

#include <stddef.h>

#include "models/expected_error.h"
#include "models/kernels.h"
#include "models/power.h"
#include "models/step_model.h"

/* A row of profiles.csv. */
struct profile_value {
    const char *name;  /* "c0", "Sa", ... */
    const char *scope; /* "vllm", "Hopper|8b", "vllm|Hopper|8b", "llama", "vllm|moe"; "" for all */
    double value;
    double lower, upper; /* 95 % interval; NaN where not known */
    double prior_sd_log; /* spread of its logarithm between servers, for fits; NaN likewise */
};

struct profile {
    const char *name;                     /* "shipped", or the file's */
    const struct profile_value *values;   /* borrowed */
    size_t value_count;                   /* of which the first */
    size_t own_count;                     /* are a user's, before the shipped ones */
    const struct collective_knots *knots; /* borrowed */
    size_t knot_count;
    const struct expected_errors *errors; /* borrowed; NULL: not known */
};

/* The names that a profile may have, in the order of profile_names(). */
enum profile_term {
    TERM_C0,
    TERM_CL,
    TERM_CS,
    TERM_CPF,
    TERM_HL,
    TERM_CLM,
    TERM_CLBLK,
    TERM_CMLA,
    TERM_CEP,
    TERM_CDP,
    TERM_CA,
    TERM_PHI,
    TERM_SE,
    TERM_SA,
    TERM_SX,
    TERM_SM,
    TERM_SMA,
    TERM_SMX,
    TERM_MT,
    TERM_MLA,
    TERM_FAM,
    TERM_SPF,
    TERM_SPA,
    TERM_SPM,
    TERM_R0,
    TERM_RQ,
    TERM_R1,
    TERM_COUNT
};

/* Is it a name that a profile may have? All of them, for people. */
bool profile_knows(const char *name);
const char *profile_names(void);
const char *profile_term_name(enum profile_term term);
const char *profile_term_unit(enum profile_term term); /* "s", "ratio" */

/* The first of that name and scope; NaN if the profile does not have it. */
double profile_value(const struct profile *profile, const char *name, const char *scope);

/* The factors and overheads of one setup, combined. Seconds, ratios. */
struct profile_terms {
    double matrix_scale, expert_scale, collective_scale, mla_scale, prefill_scale,
        prefill_expert_scale; /* S, SM, phi, m, Sp, Spm */
    double host_s;            /* of a step */
    double sequence_s;        /* cs */
    bool is_synchronous;      /* cs for every sequence alike */
    double prefill_step_s;    /* cpf */
    double prefill_floor_s;   /* hl L */
    bool is_calibrated;       /* engine, architecture and format are in the profile, from measurements */
};

struct profile_terms profile_terms_of(const struct profile *profile, const struct kernels *kernels,
                                      const struct kernel_setup *setup);

/* What one setup reads of a profile: for fits, which try many values. */
enum { PROFILE_SCOPE_SIZE = 64 };
struct profile_subject {
    char scope[TERM_COUNT][PROFILE_SCOPE_SIZE];
    bool is_read[TERM_COUNT];   /* does its time depend on the term at all? */
    double neutral[TERM_COUNT]; /* where the profile has none */
    double layers, expert_layers, launch_s;
    bool is_synchronous;
};

void profile_subject_of(struct profile_subject *subject, const struct kernels *kernels,
                        const struct kernel_setup *setup);

/* The family that counts as seen or not: the model itself where none is known. */
const char *profile_family(const struct profile_subject *subject, const struct llm *llm);

struct profile_terms profile_terms_from(const struct profile_subject *subject, const double values[TERM_COUNT]);

/* The kernels of one step, unscaled. */
struct profile_parts {
    double matrix_s, expert_s, collective_s, head_s;
    double attention_s;         /* of decodes, without context; of a step with prefill both launches */
    double context_s;           /* what decodes read */
    double prefill_attention_s; /* 0: a step of decodes alone */
    double sequences;
};

/* The formulas at the top. Seconds. */
double profile_decode_step_s(const struct profile_terms *terms, const struct profile_parts *parts);
double profile_prefill_step_s(const struct profile_terms *terms, const struct profile_parts *parts);

/* A request's way to the scheduler, seconds. */
struct profile_path {
    double request_s;              /* r0: network, API, detokeniser */
    double serve_s, serve_token_s; /* rq, r1: one request after the other: of it, and of each token of its prompt */
};

struct profile_path profile_path_of(const struct profile *profile, enum serving_engine engine);

/* The knots of the GPU, its engine and so many ranks; else of a GPU of its architecture; NULL if there are none. */
const struct collective_knots *profile_knots(const struct profile *profile, const struct gpu *gpu,
                                             enum serving_engine engine, int64_t ranks);

struct profile_step {
    struct kernel_setup setup;     /* knots: as profile_knots says */
    int64_t micro_batch_tok;       /* of a pipeline's micro-batch: tokens of prompts at most */
    const struct profile *profile; /* borrowed */
    struct phase_clocks clocks;    /* 0: 1; in place of the setup's clock_ratio */
    double quantum_s;
    const int64_t *capture_sizes; /* borrowed; as in struct roofline_step */
    size_t capture_count;
    int64_t
        graph_tok; /* steps with prefill of so many tokens run captured pieces (vLLM's piecewise graphs) instead of launching all; 0: none */
    bool
        is_captured; /* sizes are known, even if there are none: beyond them a step takes as long as launching it does, hl L */
    int64_t draft_tokens; /* verified with each decode; then step_model_speculate; 0: none */
    bool
        is_draft; /* a draft model's: without the engine's overheads of a step and a sequence, which the target's step has */
};

/* How far the profile can be trusted there. */
struct profile_standing {
    bool is_calibrated; /* engine, architecture and number format are among those that it was fitted on */
    bool is_given; /* values of a user's file without the interval that a fit has: not calibrated, error not known */
    struct expected_subject expected;
};

/* `engine_is_known`: the engine and its flags are those that will serve. */
struct profile_standing profile_standing_of(const struct profile_step *step, bool engine_is_known);

/* Prepares a model. NULL with diagnostics ("catalogue-blank", "coefficient-range"). */
struct step_model *step_model_new_profile(const struct profile_step *step, const struct work_model *work,
                                          struct diags *diags, struct position at);

#endif

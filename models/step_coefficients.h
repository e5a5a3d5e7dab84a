/* step_coefficients.h - the inside of a prepared step model, for the files that make one and the one that evaluates it.
 *
 *     fixed = step + prefill_step [any prefill] + max(body, body_token n) + max(expert touched(n), expert_token n)
 *           + max(head, head_seq s) + token n + prefill_token p + decode d + seq s + attention x2 / 2
 *           + window_attention y2 / 2 + pad_token pad
 *     slope = context, window_slope = window_context
 * with x2 and y2 twice the prefill attention of full and of windowed layers, p prefill tokens, d decodes, n = p + d + pad, s = sequences. Linear and roofline fill different ones of these.
 * With `ranks` above 1 attention and contexts are the greatest of a rank's, the rest is of the whole batch.
 * With curves (a profile): fixed = decodes(d) + samples(b) in a step of b decodes alone, padded to d, else tokens(n) + samples(s) + prefill_token p +
 * decode d, and a step with prefill takes max(fixed + attention + contexts, prefill_floor if n > graph_tokens) + prefill_step.
 * A step lasts max(fixed + contexts, host + host_seq (sequences, unpadded)), and at least `eager` where none of the captured sizes is as large.
 * pad: what rounds n up to `pad_multiple`; d and s are those of the next captured size in a step without prefill.
 * With `stages` above 1 (and curves) a step is a round of a pipeline with as many micro-batches in flight, f of them not empty: d, n and s are
 * the largest micro-batch's - ceil(d / stages) decodes, at most `micro_tokens` of the prompts and their part of the attention -, contexts'
 * coefficients are already a stage's part, and the last stage's samples of the other micro-batches, (f - 1) samples(b), are added.
 * With speculation (one stage) n = p + decode_tokens d + pad, the head is of p' + decode_tokens d samples (p' sequences prefill), the curves of decodes and
 * samples are made so, and a step has besides `draft_passes` steps of `draft` with its decodes alone, the first of them with its prompts too. */
#ifndef TOKENMILL_MODELS_STEP_COEFFICIENTS_H
#define TOKENMILL_MODELS_STEP_COEFFICIENTS_H

#include "models/step_curves.h"
#include "models/step_model.h"
#include "models/time_curve.h"
#include "models/work.h"

/* Expected experts touched, in 1 / 2^20, by number of tokens; beyond the table its last value. */
enum { TOUCHED_SHIFT = 20, TOUCHED_COUNT_MAX = 1 << 16 };

struct touched_table {
    int64_t *values; // owned; NULL: dense
    int64_t count;
};

/* The next captured size, by number of decodes; there are none beyond `max`. */
struct capture_table {
    int64_t *values; // owned, 0..max; NULL: none
    int64_t max;
};

struct step_model {
    /* Units of time. */
    int64_t step, prefill_step;
    int64_t body, body_token;
    int64_t expert, expert_token;
    int64_t head, head_seq;
    int64_t token, prefill_token, decode, seq;
    struct time_curve decodes, tokens, samples; /* owned; all or none */
    struct step_curves *curves;                 /* owned; the same in seconds */
    int64_t prefill_floor;
    int64_t graph_tokens; /* a step with prefill of so many tokens runs captured pieces: the floor is not its */
    int64_t attention;    /* per chunk x (context + chunk / 2) */
    int64_t context;
    int64_t window;                           /* tokens; 0: no windowed layers, and the next two are 0 */
    int64_t window_attention, window_context; /* as `attention` and `context`, of windowed layers */
    int64_t ranks;                            /* 0: one */
    int64_t host, host_seq;                   /* 0: the host never takes longer */
    int64_t eager;                            /* launching every kernel by itself; 0: not known */
    int64_t quantum;                          /* 0: none */
    int64_t pad_multiple, pad_token;          /* multiple 0: no padding of tokens */
    int64_t stages, micro_tokens;             /* stages 0: one; tokens that a micro-batch's prompts may have */
    struct work_model work;
    struct touched_table touched;
    struct capture_table captured;
    int64_t decode_tokens; /* of each decode: 1, and its drafts */
    int context_shift; /* `context`, `window_context` are per 2^-context_shift tokens; `work` is in 2^-context_shift FLOP and bytes */
    struct step_model *draft; /* owned; NULL: none */
};

/* A number that must become a coefficient. */
struct coefficient {
    const char *name;
    double value; /* in seconds, bytes, ... */
    double scale; /* to the integer's unit */
    int64_t *out;
};

/* Rounds each to the nearest integer; rule "coefficient-range" where it is negative, not a number or beyond int64. */
bool coefficients_round(const struct coefficient *coefficients, size_t count, struct diags *diags, struct position at);

/* E (1 - (1 - k/E)^n) for n = 0, 1, ... until it no longer grows. */
struct touched_table touched_table_make(int64_t experts, int64_t experts_per_tok);

/* Sum over e of 1 - (1 - q_e)^n likewise, q_e the chance that a token picks expert e. */
struct touched_table touched_table_of_picks(const double *pick_ratio, int64_t experts);

/* Of captured sizes, ascending. */
struct capture_table capture_table_make(const int64_t *sizes, size_t count);

/* An empty model that holds a copy of `work` (may be NULL) and its table. */
struct step_model *step_model_make(const struct work_model *work);

#endif

/* step_model.h - what one step of one replica takes: time, FLOP, bytes, energy. All integers once prepared.
 *
 * A step's work is a few sums over its batch; no formula sees a single sequence. For a fixed batch the time is affine
 * in the total context of its decodes, and in what of it lies in the window of windowed layers:
 *     duration = fixed(work without context) + slope * decode_context + window_slope * decode_window_context
 * [before `quantum`; at least what the host takes for the batch; with ranks the terms of attention are the slowest rank's] and so are FLOP, bytes and energy, within a regime (at TDP or below). The leap stands on this.
 * Padding (of tokens to a multiple, of a batch to a captured size) depends on the batch alone; what is padded counts as computed.
 * A prepared model is immutable and may be shared by threads.
 *
 * With speculative decoding each decode has 1 + k tokens in the step, its own and k drafts to verify: matrix products, experts,
 * all-reduces, samples and KV writes are of all of them, attention reads each context once. Contexts advance by fractions of a token then,
 * so that `decode_context`, its window's and its rank's are in units of 2^-step_model_context_shift tokens; so are FLOP and bytes.
 *
 * Units: time in 2^-20 ps; energy in mW x 2^-20 ps (ENERGY_PER_J), so that power x time is exact; FLOP and bytes as
 * counts. Everything is for the whole replica: all GPUs of its tensor-parallel group together. */
#ifndef TOKENMILL_MODELS_STEP_MODEL_H
#define TOKENMILL_MODELS_STEP_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/int128.h"

/* Time units per second: 1e12 * 2^20, exactly representable. */
#define UNIT_PER_S 1.048576e18

/* The shortest step: a key of the clock (sim/clock.h), so that a replica has no two step ends at one key. */
#define STEP_UNITS_MIN ((i128)1 << 25)

/* Energy units per joule: 1000 mW/W * UNIT_PER_S. */
#define ENERGY_PER_J 1.048576e21

/* Of models that speculate: contexts, FLOP and bytes are in 2^-CONTEXT_SHIFT. */
enum { CONTEXT_SHIFT = 10, DRAFT_TOKENS_MAX = 64 };

/* What attention reads in a step on one rank of several that each hold sequences of their own (attention data parallelism). */
struct rank_work {
    i128 prefill_attention_x2, prefill_window_attention_x2; /* as in step_work, of the rank's own sequences */
    int64_t decode_context, decode_window_context;
};

/* The batch of one step, as sums. "Context" of a sequence is the number of its tokens that are in the KV cache
 * when the step starts. A sequence either prefills (a chunk of its prompt) or decodes (one token, and drafts). The two sums about a window are 0
 * where the model has none (step_model_window). */
struct step_work {
    int64_t prefill_seqs;
    int64_t prefill_tokens;
    i128 prefill_attention_x2;        /* sum over chunks of attention_x2_of_chunk */
    i128 prefill_window_attention_x2; /* sum over chunks of window_attention_x2_of_chunk */
    int64_t decode_seqs;
    int64_t decode_context;        /* sum over decodes of their context */
    int64_t decode_window_context; /* sum over decodes of min(context, window) */
    const struct rank_work *ranks; /* borrowed: step_model_ranks of them, which sum to the above; NULL: one rank */
};

/* duration = fixed + slope * decode_context + window_slope * decode_window_context, before `quantum`; the host's at least. */
struct step_line {
    i128 fixed;
    int64_t slope, window_slope;
};

struct step_amounts {
    i128 flop;
    i128 byte;   /* read and written in GPU memory */
    i128 energy; /* above idle-with-context, GPU boards only; in ENERGY_PER_J */
};

/* Sums over steps of what FLOP, bytes and uncapped energy are linear in. Zeroed: no steps. */
struct step_sums {
    int64_t passes;       /* steps; of a pipeline's rounds the micro-batches */
    i128 tokens, samples; /* as computed: padding included */
    i128 context, window_context, attention_x2, window_attention_x2, expert_byte;
    i128 padding_flop; /* of experts' tiles: in energy only */
    i128 duration;
    i128 draft_passes, draft_tokens, draft_samples, draft_context,
        draft_expert_byte; /* of decodes, with a draft model */
};

/* Twice what a chunk's tokens attend to, each at the middle of its position: 2 chunk (context + chunk / 2). */
static inline i128 attention_x2_of_chunk(int64_t context, int64_t chunk) {
    return (i128)chunk * (2 * context + chunk);
}

/* The same where nobody looks back further than `window`: the sum over the chunk's tokens of min(2 position + 1, 2 window). 0 without a
 * window. */
i128 window_attention_x2_of_chunk(int64_t window, int64_t context, int64_t chunk);

/* min(context, window); 0 without a window. */
static inline int64_t windowed_context(int64_t window, int64_t context) {
    return context < window ? context : window;
}

struct step_model; /* prepared: coefficients in integers */

/* `linear`: c0 + c1 prefill tokens + c2 decodes + c3 decode context + c4 sum of chunk (context + chunk / 2), seconds
 * each. `window_tok` > 0 adds c5 sum of min(context, window) over decodes + c6 sum of min(position, window) over prefill tokens.
 * A step takes h0 + h1 sequences at least: the host's time, where it prepares a step while the GPU computes another.
 * `quantum_s` > 0 floors each duration to a multiple of it, at least one. `pad_multiple` > 0: the tokens of a step (prefill and
 * decodes) are padded to a multiple of it; each token of padding takes `pad_token_s`. */
struct linear_step {
    double c0_s, c1_s, c2_s, c3_s, c4_s;
    double quantum_s;
    int64_t pad_multiple;
    double pad_token_s;
    int64_t window_tok; /* 0: none */
    double c5_s, c6_s;
    double h0_s, h1_s;
    int64_t attention_dp; /* ranks that c3 to c6 act on, each for itself; 0 or 1: one */
    int64_t draft_tokens; /* verified with each decode, at c1 each; then step_model_speculate; 0: none */
};

struct roofline_step; /* models/roofline.h: LLM, GPU, precision, parallelism, efficiencies, overheads */
struct work_model;    /* models/work.h: FLOP, bytes and energy of a batch; may be absent (NULL): all zero */

/* Prepares a model; NULL with diagnostics (rule "coefficient-range") if a coefficient does not fit int64. `work` is
 * copied. */
struct step_model *step_model_new_linear(const struct linear_step *linear, const struct work_model *work,
                                         struct diags *diags, struct position at);
struct step_model *step_model_new_roofline(const struct roofline_step *roofline, const struct work_model *work,
                                           struct diags *diags, struct position at);
void step_model_free(struct step_model *model); /* accepts NULL */

/* What the captured sizes of an engine count: vLLM a batch's tokens, drafts included, SGLang and TensorRT-LLM its sequences. */
enum captured_unit { CAPTURED_SEQUENCES, CAPTURED_TOKENS };

/* Makes a new model one of speculative decoding: each decode verifies `draft_tokens` >= 1 drafts, which `draft` makes in as many passes over
 * the decodes of the step; of its prompts it makes one pass, together with the first of those. `draft` is owned then; NULL: drafts cost nothing. It has
 * no quantum, no host and no windowed layers. Captured sizes are of `unit`. A linear or a profile's model must have been made for the same `draft_tokens`. */
void step_model_speculate(struct step_model *model, int64_t draft_tokens, enum captured_unit unit,
                          struct step_model *draft);

/* Drafts that are verified with each decode; 0: none. */
int64_t step_model_draft_tokens(const struct step_model *model);

/* Contexts are in units of 2^-shift tokens, FLOP and bytes of 2^-shift: 0, or CONTEXT_SHIFT in a model that speculates. */
int step_model_context_shift(const struct step_model *model);

/* The affine form for this batch (its decodes' contexts are not looked at). */
struct step_line step_model_line(const struct step_model *model, const struct step_work *work);

/* The slopes of every line. */
int64_t step_model_slope(const struct step_model *model);
int64_t step_model_window_slope(const struct step_model *model);

/* Tokens that windowed layers look back at most; 0: there are none. */
int64_t step_model_window(const struct step_model *model);

/* Ranks that hold sequences of their own; 1: all sequences are on all GPUs. */
int64_t step_model_ranks(const struct step_model *model);

/* What the host takes for a step of so many sequences: no step is shorter. 0: nothing. */
i128 step_model_host(const struct step_model *model, int64_t sequences);

/* The quantum that durations are floored to, in units; 0: none. Without one a step's duration is convex in the context of its decodes. */
int64_t step_model_quantum(const struct step_model *model);

/* How long the step takes, in units; `quantum` applied; at least STEP_UNITS_MIN. */
i128 step_model_duration(const struct step_model *model, const struct step_work *work);

/* The share of decoding in that duration: all of it without prefill, 0 without decodes, else what the step would
 * take with its decodes alone, at most `duration`. Prefill is the remainder. */
i128 step_model_decode_duration(const struct step_model *model, const struct step_work *work, i128 duration);

/* FLOP, bytes and energy of the step. Energy is capped so that the boards stay at or below TDP over `duration`. */
struct step_amounts step_model_amounts(const struct step_model *model, const struct step_work *work, i128 duration);

/* Experts touched by so many tokens, on average: straight between whole numbers. 0: dense. */
double step_model_touched(const struct step_model *model, double tokens);

/* Whether no step of decodes alone can reach the cap on power, whatever their number and context: the coefficients of what the cap leaves
 * over the step's time are at least those of its energy. False where that is not sure. */
bool step_model_decodes_never_capped(const struct step_model *model, int64_t decodes_max);

/* Whether n decodes are computed as n tokens, and what a step reads does not hang on which experts they touch: no padding, windows or experts. */
bool step_model_computes_decodes_alone(const struct step_model *model);

/* Whether a step takes no less time for having more sequences, or prompts beside its decodes: nothing is padded. */
bool step_model_grows(const struct step_model *model);

/* Adds `steps` steps of one batch; `context` sums their decode_context, `duration` their durations. With a window also: */
void step_model_sum(const struct step_model *model, const struct step_work *work, int64_t steps, i128 context,
                    i128 duration, struct step_sums *sums);
/* Adds what windowed layers read in these steps; `window_context` sums their decode_window_context. */
void step_model_sum_window(const struct step_work *work, int64_t steps, i128 window_context, struct step_sums *sums);

/* What the steps amount to together: the sum of their step_model_amounts if none is capped. */
struct step_amounts step_model_amounts_of_sums(const struct step_model *model, const struct step_sums *sums);

#endif

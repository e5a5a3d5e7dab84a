/* work.h - FLOP, bytes and energy of a step, as integer coefficients over its sums (models/step_model.h).
 *
 *     flop   = flop_per_token tokens + flop_per_seq sequences + flop_per_context decode_context
 *            + flop_per_attention_x2 prefill_attention_x2
 *            + flop_per_window_context decode_window_context + flop_per_window_attention_x2 prefill_window_attention_x2
 *     byte   = byte_per_step + byte_per_expert touched(tokens) + byte_per_token tokens
 *            + byte_per_context decode_context + byte_per_window_context decode_window_context
 *     energy = energy_per_flop (flop + flop_per_expert_row padding(tokens)) + energy_per_byte byte + active_mw duration,  at most cap_mw duration
 *     padding = max(0, EXPERT_TILE_ROWS touched(tokens) - k tokens)
 * Everything is for the whole replica. `touched` is the expected number of experts that any of `tokens` is routed to: of a step model with a
 * profile by its kernels' skew (models/kernels.h), else E (1 - (1 - k/E)^tokens), uniform routing. Grouped products compute whole tiles of rows: an
 * expert with one token costs the energy of a tile, though not its time, which is that of reading the expert. FLOP are without padding.
 * Board power above idle-with-context is thus TDP x (c + a use of compute + b use of memory bandwidth): models/power.h. */
#ifndef TOKENMILL_MODELS_WORK_H
#define TOKENMILL_MODELS_WORK_H

#include <stdint.h>

#include "base/diag.h"

/* Rows of the smallest tile that grouped products of experts are computed in: docs/power.md. */
enum { EXPERT_TILE_ROWS = 32 };

struct work_model {
    int64_t flop_per_token, flop_per_seq, flop_per_context, flop_per_attention_x2;
    int64_t byte_per_step, byte_per_token, byte_per_context;
    int64_t flop_per_window_context, flop_per_window_attention_x2, byte_per_window_context; /* of windowed layers */
    int64_t byte_per_expert;                  /* one expert of every MoE layer; 0: dense */
    int64_t experts, experts_per_tok;         /* 0: dense */
    int64_t flop_per_expert_row;              /* a token of one expert of every MoE layer */
    int64_t energy_per_flop, energy_per_byte; /* ENERGY_PER_J units; 0: power not known */
    int64_t active_mw; /* above idle-with-context whenever a step runs, all boards of the replica */
    int64_t cap_mw;    /* TDP less idle-with-context, all boards; 0: no cap */
};

struct roofline_step;

/* What the model and GPUs of `step` do, whatever the step time comes from. Rule "coefficient-range". */
bool work_model_make(const struct roofline_step *step, struct work_model *work, struct diags *diags,
                     struct position at);

#endif

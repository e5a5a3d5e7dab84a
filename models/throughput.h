/* throughput.h - the steady state of a configuration, analytically: millions of them a second.
 *
 * One replica whose queue never runs dry, by the engine's own coefficients (models/step_coefficients.h), for a mean request of P
 * prompt and O output tokens on B slots under policy `continuous`. What it leaves out is queueing: it answers "how much, at
 * what speed, for how much", not "how long does one wait".
 *
 *     requests begun in a step   a = min( B / O , KV tokens / (held O) , token budget / (P + O - 1) )
 *     decodes in a step          d = a (O - 1)
 *     steps without a prompt     1 / q,  q = 1 + m + m^2/2 + m^3/6,  m = a max(1, P / token budget)     (Poisson's e^-m within 0.03)
 *     pure step                  step time of d decodes at their mean context
 *     mixed step                 the same and q/w sequences that prefill min(P, budget) q/w tokens, w = (q - 1) / m
 *     TPOT = mean step           (pure + (q - 1) mixed) / q
 *     tok/s                      a (P + O) / mean step
 *     TTFT                       half a mean step + the mixed steps that carry the prompt; nothing waits before it
 *     power                      idle + energy of a mean step / mean step, each kind of step capped at TDP as in the engine
 *     USD per Mtok               (USD/s + USD/J x power) / tok/s x 1e6
 * Windowed layers read the mean of min(context, window) over contexts spread evenly about their mean, and of each prompt W (2 P - W), P > W.
 * A pipeline's round is a step: curves at its largest micro-batch, weights read by each.
 * Of ranks that attend for themselves the slowest has its even share of decodes and prompts, at least one of each.
 * With curves (a profile) the times of a load's pure and mixed steps are read off them between nodes; a load is then a machine of its own
 * with those times, without lines, and no vector: some millions a second. Tokens of prompts are taken at their mean and once their standard
 * deviation above and below: the least time of a step with prefill makes more of their spread than lines do.
 * Speculation with k drafts of which a are accepted: an answer takes (O - 1) / (1 + a) steps and on average half of what is left of a last one,
 * (1 - 1 / (1 + a)) / 2, each with 1 + k tokens; TPOT is a token's part of them. A draft model's passes enter as a line through its times of one and 64 decodes.
 * Lengths enter as means; `context_tok` and `prompt_square_tok2` carry what their spread does to attention. Outputs of one length
 * for all requests end in groups, which this does not know: it takes ends to be spread. A KV cache that is short limits B
 * to what fits on average; the engine also recomputes what it preempts, so there the analytic rate is too high. Padding to a
 * multiple counts as its mean; `quantum` and captured batch sizes are left out.
 * Check value: Llama-3.1-8B in bf16 on an H100-SXM against capacity runs of the engine: within 1 %, KV-starved 8 % above (tests/unit/test_throughput.c).
 *
 * Plain C (models/throughput_formula.h) is the definition; it is compiled at each CPU level, and all levels return the same bits.
 * Machines, loads and results are plain data; all functions are pure but where they take a ranking. */
#ifndef TOKENMILL_MODELS_THROUGHPUT_H
#define TOKENMILL_MODELS_THROUGHPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu_level.h"
#include "models/roofline.h"
#include "models/step_curves.h"
#include "models/step_model.h"

/* ---- what is asked ---- */

/* Beyond any power; finite, since a step's energy is compared with it times a time that may be 0. */
#define THROUGHPUT_NO_CAP_W 1e200

/* One replica: model, GPU, parallelism, precision, power and price. Per replica, not per GPU. */
struct throughput_machine {
    double step_s, prefill_step_s, seq_s, decode_s, prefill_tok_s;
    double body_s, body_tok_s;     /* max(body_s, body_tok_s n) */
    double expert_s, expert_tok_s; /* max(expert_s x experts touched, expert_tok_s n) */
    double experts, expert_decay;  /* touched by n tokens: experts (1 - e^(-expert_decay n)); 0: dense */
    double head_s, head_seq_s;
    double tok_s, context_s, attention_s;
    double ranks;      /* that attend for themselves; 1: one */
    double window_tok; /* 0: no windowed layers */
    double window_context_s, window_attention_s;
    double host_s, host_seq_s;          /* a step takes at least host_s + host_seq_s sequences */
    double reduce_step_s, reduce_tok_s; /* the part of step_s and tok_s that is communication */
    const struct step_curves
        *curves; /* borrowed; NULL: lines; with curves body, head, expert and step_s, tok_s, seq_s are 0, and */
    double stages, micro_tok;            /* of a pipeline, with curves only; 1: none (models/step_coefficients.h) */
    double draft_tok, accepted_tok;      /* k and a of a decode in a step; 0: no speculation */
    double draft_step_s, draft_decode_s; /* the draft model's passes over the decodes of a step */
    double prefill_floor_s;              /* a step with prefill takes at least this and prefill_step_s, if it has */
    double graph_tok;                    /* more tokens than this */
    double kv_tok;                       /* tokens that the KV cache holds */
    double block_tok;                    /* half a block is lost per sequence */
    double step_tok, step_tok_inverse;   /* max_num_batched_tokens, and 1 / it */
    double idle_w, active_w, cap_w;      /* at the wall; cap: above idle, THROUGHPUT_NO_CAP_W without one */
    double step_j, prefill_step_j, expert_j, expert_row_j, tok_j, seq_j, context_j,
        attention_j; /* at the wall; attention: per P^2 */
    double window_context_j, window_attention_j;
    double experts_per_tok;
    const struct step_model *step_model; /* borrowed; where curves are: whose experts are touched */
    double pue;
    double usd_per_s, usd_per_j; /* of wall energy */
};

/* What a machine is made of. */
struct throughput_parts {
    const struct step_model *step_model; // borrowed; the machine borrows its curves
    const struct roofline_step
        *roofline; /* borrowed; what the lines' communication is told apart by; NULL: it is not */
    int64_t num_gpu_blocks, block_size, max_num_batched_tokens;
    double accepted_tok;   /* of a decode's drafts, in a step */
    double idle_w;         /* of the replica at its plugs: boards with a context, its share of hosts; 0: not known */
    double psu_efficiency; /* plugs to wall; 1 if not known */
    double fan_ratio;      /* what fans draw more, over the boards' power above idle */
    double pue;
    double usd_per_hour;        /* of the replica, whatever it does */
    double usd_per_kwh_at_wall; /* above that */
};

struct throughput_machine throughput_machine_of(const struct throughput_parts *parts);

/* Lengths of a mean request. */
struct throughput_lengths {
    double input_tok, output_tok;
    double context_tok;        /* mean context of a decode: input + output / 2 - 1, more where outputs spread */
    double prompt_square_tok2; /* mean of input^2 */
};

/* Of requests that are all alike. input, output >= 1. */
struct throughput_lengths throughput_lengths_constant(double input_tok, double output_tok);

/* What is asked of a machine. Finite; batch, lengths and context at least 1. */
struct throughput_load {
    double batch; /* max_num_seqs */
    struct throughput_lengths lengths;
    double price_ratio; /* times the machine's usd_per_s */
};

/* ---- what comes out ---- */

/* What limits tokens per second: KV blocks where they cut the batch, else the largest part of the mean step. */
enum throughput_binding {
    BINDING_COMPUTE,
    BINDING_MEMORY,        /* bandwidth: weights, KV */
    BINDING_COMMUNICATION, /* all-reduces */
    BINDING_ENGINE,        /* the serving engine's own time */
    BINDING_KV_CAPACITY,
    BINDING_COUNT
};

const char *throughput_binding_name(enum throughput_binding binding); /* "compute", "memory-bandwidth", ... */

struct throughput_state {
    double batch;         /* slots in use, mean; below `batch` where KV or the token budget limits it */
    double prefill_s;     /* of a prompt alone */
    double decode_s;      /* a step without prompts */
    double tpot_s;        /* the mean step, of each token that a decode emits in one */
    double steps_per_tok; /* of an answer after its first token; 1 without speculation */
    double ttft_s;
    double tok_per_s;    /* input + output; 0 if not one mean request fits */
    double power_w;      /* at the wall */
    double usd_per_mtok; /* infinite if not one mean request fits */
    double j_per_tok;    /* site */
    enum throughput_binding binding;
};

/* The definition, for one configuration. */
struct throughput_state throughput_of(const struct throughput_machine *machine, const struct throughput_load *load);

/* ---- arrays ---- */

/* Columns of `count` values each, borrowed. Loads in blocks of about THROUGHPUT_BLOCK stay in the second-level cache. */
enum { THROUGHPUT_BLOCK = 1024 };

struct throughput_load_columns {
    const double *batch, *input_tok, *output_tok, *context_tok, *prompt_square_tok2, *price_ratio;
};

struct throughput_state_columns {
    double *batch, *prefill_s, *decode_s, *tpot_s, *ttft_s, *tok_per_s, *power_w, *usd_per_mtok, *j_per_tok;
    int32_t *binding;
};

/* throughput_of for each load. No two columns may overlap. A level that the machine lacks crashes. */
void throughput_arrays(enum cpu_level level, const struct throughput_machine *machine,
                       const struct throughput_load_columns *loads, size_t count,
                       const struct throughput_state_columns *states);

/* ---- the product grid, reduced ---- */

/* machines x lengths x batches x price ratios; the last runs fastest. Nothing of it is ever stored. All borrowed. */
struct throughput_axes {
    const struct throughput_machine *machines;
    size_t machine_count;
    const struct throughput_lengths *lengths;
    size_t length_count;
    const double *batches;
    size_t batch_count;
    const double *price_ratios;
    size_t price_count;
};

/* Where a configuration lies on each axis. */
struct throughput_place {
    size_t machine, lengths, batch, price;
};

struct throughput_limits {
    double ttft_s, tpot_s; /* infinite: none */
};

struct throughput_pick {
    struct throughput_place place;
    double usd_per_mtok, tpot_s;
};

/* The best so far. `top`: cheapest first among those that fit and meet the limits; with `one_per_machine` only the best of each
 * machine. `front`: by rising TPOT and falling USD per
 * Mtok, those that fit and that no other one beats in both, whatever the limits. Of equals the first in grid order stays. */
struct throughput_ranking {
    struct throughput_pick *top; // owned
    size_t top_count, top_room;
    bool one_per_machine;          /* the caller's to set */
    struct throughput_pick *front; // owned
    size_t front_count, front_room;
    double *front_bars; // owned: what the kernel knows of the front
    bool front_changed; /* since then */
};

void throughput_ranking_init(struct throughput_ranking *ranking, size_t top_room); /* top_room >= 1 */
void throughput_ranking_release(struct throughput_ranking *ranking);

/* Adds the grid's configurations to the ranking. Many grids may go to one ranking; places are then each grid's own. */
void throughput_grid(enum cpu_level level, const struct throughput_axes *axes, const struct throughput_limits *limits,
                     struct throughput_ranking *ranking);

struct throughput_load throughput_load_at(const struct throughput_axes *axes, const struct throughput_place *place);

#endif

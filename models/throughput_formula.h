/* throughput_formula.h - the definition of models/throughput.h, inlined into each kernel. Inner header of models/.
 *
 * Straight arithmetic without branches, in one order, so that a compiler turns a loop over it into vectors of any width with the same
 * bits. Divisions are merged, three in all: a vector divides eight numbers hardly faster than one after another.
 * Results that a caller drops cost nothing. */
#ifndef TOKENMILL_MODELS_THROUGHPUT_FORMULA_H
#define TOKENMILL_MODELS_THROUGHPUT_FORMULA_H

#include <math.h>

#include "models/throughput.h"
#include "models/work.h"

#define THROUGHPUT_INLINE static inline __attribute__((always_inline))

/* FLOP of one configuration of a dense model (additions, multiplications, divisions, minima, maxima; no selections), as gcc 12 leaves
 * them in the AVX-512 loops: all results; those that a grid needs; what each further price adds. For benchmarks. */
enum { THROUGHPUT_FLOP_ALL = 153, THROUGHPUT_FLOP_GRID = 93, THROUGHPUT_FLOP_PRICE = 3 };

/* What a machine has that costs arithmetic: constants of a loop. */
enum {
    THROUGHPUT_MOE = 1,
    THROUGHPUT_EXTENDED = 2 /* windowed layers, a host whose time may be the longer, ranks, or speculation */
};

static inline unsigned throughput_traits(const struct throughput_machine *machine) {
    unsigned moe = machine->experts > 0 ? THROUGHPUT_MOE : 0;
    bool extended = machine->ranks > 1 || machine->window_tok > 0 || machine->host_s > 0 || machine->host_seq_s > 0 ||
                    machine->draft_tok > 0;
    return moe | (extended ? THROUGHPUT_EXTENDED : 0);
}

THROUGHPUT_INLINE double throughput_least(double a, double b) {
    return a < b ? a : b;
}

THROUGHPUT_INLINE double throughput_greatest(double a, double b) {
    return a > b ? a : b;
}

/* e^-x for x >= 0 to 1e-8 by ten squarings; from 32 on e^-32. */
THROUGHPUT_INLINE double throughput_decay(double x) {
    double y = throughput_least(x, 32) * (1.0 / 1024);
    double e = 1 - y * (1 - y * (0.5 - y * (1.0 / 6 - y * (1.0 / 24))));
    double e4 = e * e * (e * e);
    double e16 = e4 * e4 * (e4 * e4);
    double e64 = e16 * e16 * (e16 * e16);
    double e256 = e64 * e64 * (e64 * e64);
    return e256 * e256 * (e256 * e256);
}

THROUGHPUT_INLINE double throughput_touched(const struct throughput_machine *machine, double tokens) {
    return machine->experts * (1 - throughput_decay(machine->expert_decay * tokens));
}

/* What windowed layers read of a decode's context, on average: of contexts spread evenly over mean +- (output - 1) / 2. */
THROUGHPUT_INLINE double throughput_window_context(const struct throughput_machine *machine,
                                                   const struct throughput_lengths *lengths) {
    double half = throughput_greatest(0.5 * (lengths->output_tok - 1), 0.5);
    double first = lengths->context_tok - half;
    double most = throughput_least(machine->window_tok, lengths->context_tok + half);
    double growing = throughput_greatest(most - first, 0);
    return most - growing * growing * (0.25 / half);
}

/* What windowed layers have of the square of a prompt: P^2, beyond the window W (2 P - W), of which the spread is that of the part
 * within it. */
THROUGHPUT_INLINE double throughput_window_square(const struct throughput_machine *machine,
                                                  const struct throughput_lengths *lengths) {
    double input = lengths->input_tok;
    double within = throughput_least(input, machine->window_tok);
    double share = within / input;
    return within * (2 * input - within) + (lengths->prompt_square_tok2 - input * input) * (share * share);
}

/* How requests share the steps. */
struct throughput_flow {
    double begun;    /* requests begun in a step */
    double begun_kv; /* were KV the only limit */
    double begun_batch;
    double decodes;
    double decode_tok;            /* of these */
    double steps;                 /* that a request is in, but for more than one of its prompt */
    double steps_per_tok;         /* of an answer after its first */
    double chunks;                /* steps that a prompt takes */
    double q, q_inverse;          /* 1 / share of pure steps */
    double mixed_seqs, mixed_tok; /* prefilled in a mixed step */
    double mixed_square;          /* and their part of the squares of prompts, which attention goes by */
    double mixed_window_square;   /* the same of windowed layers */
    double slowest_square, slowest_window_square; /* of the rank that takes longest */
};

THROUGHPUT_INLINE struct throughput_flow throughput_flow_of(const struct throughput_machine *machine,
                                                            const struct throughput_load *load, unsigned traits) {
    const struct throughput_lengths *lengths = &load->lengths;
    struct throughput_flow flow = {.steps = lengths->output_tok, .steps_per_tok = 1};
    double span = lengths->input_tok + lengths->output_tok - 1; /* positions that a request has computed */
    double tok_per_decode = 1;
    if ((traits & THROUGHPUT_EXTENDED) != 0) {
        double rest = lengths->output_tok - 1;
        double inverse_advance = 1 / (1 + machine->accepted_tok);
        double decode_steps = throughput_least(rest * inverse_advance + 0.5 * (1 - inverse_advance), rest);
        tok_per_decode = 1 + machine->draft_tok;
        flow.steps = 1 + decode_steps;
        flow.steps_per_tok = rest > 0 ? decode_steps / rest : 1;
        span = lengths->input_tok + decode_steps * tok_per_decode;
    }
    double held = lengths->context_tok + 0.5 * machine->block_tok;
    double held_span = held * span;
    double output_held_span = flow.steps * held_span;
    double divided = 1 / (output_held_span * lengths->input_tok);
    double inverse = lengths->input_tok * divided; /* 1 / (output held span) */
    flow.begun_batch = load->batch * (held_span * inverse);
    flow.begun_kv = machine->kv_tok * (span * inverse);
    double by_budget = machine->step_tok * (flow.steps * held * inverse);
    flow.begun = throughput_least(throughput_least(flow.begun_batch, flow.begun_kv), by_budget);
    flow.decodes = flow.begun * (flow.steps - 1);
    flow.decode_tok = flow.decodes * tok_per_decode;
    flow.chunks = throughput_greatest(lengths->input_tok * machine->step_tok_inverse, 1);
    double m = flow.begun * flow.chunks;
    double w = 1 + m * (0.5 + m * (1.0 / 6));
    flow.q = 1 + m * w;
    double qw_inverse = 1 / (flow.q * w);
    flow.q_inverse = w * qw_inverse;
    flow.mixed_seqs = flow.q * flow.q * qw_inverse;
    flow.mixed_tok = throughput_least(lengths->input_tok, machine->step_tok) * flow.mixed_seqs;
    double chunk_ratio = throughput_least(machine->step_tok * (output_held_span * divided), 1);
    flow.mixed_square = lengths->prompt_square_tok2 * chunk_ratio * flow.mixed_seqs;
    flow.slowest_square = flow.mixed_square;
    flow.mixed_window_square = flow.slowest_window_square = 0;
    if ((traits & THROUGHPUT_EXTENDED) != 0) {
        double share = throughput_greatest(1 / machine->ranks, 1 / throughput_greatest(flow.mixed_seqs, 1));
        flow.mixed_window_square = throughput_window_square(machine, lengths) * chunk_ratio * flow.mixed_seqs;
        flow.slowest_square = flow.mixed_square * share;
        flow.slowest_window_square = flow.mixed_window_square * share;
    }
    return flow;
}

/* Matrix products of a step, and how much of it is computing rather than reading. */
struct throughput_matrices {
    double total_s, compute_s, touched;
};

THROUGHPUT_INLINE double throughput_if_longer(double compute_s, double read_s) {
    return compute_s > read_s ? compute_s : 0;
}

THROUGHPUT_INLINE struct throughput_matrices throughput_matrices_of(const struct throughput_machine *machine,
                                                                    double tokens, double seqs, unsigned traits) {
    double body_s = machine->body_tok_s * tokens;
    double head_s = machine->head_seq_s * seqs;
    struct throughput_matrices sum = {
        .total_s = throughput_greatest(machine->body_s, body_s) + throughput_greatest(machine->head_s, head_s),
        .compute_s = throughput_if_longer(body_s, machine->body_s) + throughput_if_longer(head_s, machine->head_s),
    };
    if ((traits & THROUGHPUT_MOE) != 0) {
        sum.touched = throughput_touched(machine, tokens);
        double read_s = machine->expert_s * sum.touched;
        double expert_s = machine->expert_tok_s * tokens;
        sum.total_s += throughput_greatest(read_s, expert_s);
        sum.compute_s += throughput_if_longer(expert_s, read_s);
    }
    return sum;
}

/* Time and energy of one kind of step. */
struct throughput_step {
    double s, j, compute_s;
    double host_s; /* all of it where the host takes longer, else 0 */
};

/* Reading touched experts, and computing what fills up their tiles (models/work.h). */
THROUGHPUT_INLINE double throughput_experts_j(const struct throughput_machine *machine, double touched, double tokens) {
    double padding = throughput_greatest(EXPERT_TILE_ROWS * touched - machine->experts_per_tok * tokens, 0);
    return machine->expert_j * touched + machine->expert_row_j * padding;
}

/* Contexts that the decodes of a step read. */
struct throughput_contexts {
    double full, window;
    double slowest, slowest_window; /* of the rank that takes longest */
};

THROUGHPUT_INLINE struct throughput_contexts throughput_contexts_of(const struct throughput_machine *machine,
                                                                    const struct throughput_flow *flow,
                                                                    const struct throughput_lengths *lengths,
                                                                    unsigned traits) {
    struct throughput_contexts contexts = {.full = flow->decodes * lengths->context_tok};
    contexts.slowest = contexts.full;
    if ((traits & THROUGHPUT_EXTENDED) != 0) {
        double window_context = throughput_window_context(machine, lengths);
        double decodes = throughput_greatest(flow->decodes / machine->ranks, throughput_least(flow->decodes, 1));
        contexts.window = flow->decodes * window_context;
        contexts.slowest = decodes * lengths->context_tok;
        contexts.slowest_window = decodes * window_context;
    }
    return contexts;
}

THROUGHPUT_INLINE struct throughput_step throughput_step_of(const struct throughput_machine *machine,
                                                            const struct throughput_flow *flow,
                                                            struct throughput_contexts contexts, bool is_mixed,
                                                            unsigned traits) {
    double tokens = is_mixed ? flow->decode_tok + flow->mixed_tok : flow->decode_tok;
    double seqs = is_mixed ? flow->decodes + flow->mixed_seqs : flow->decodes;
    double samples = is_mixed ? flow->decode_tok + flow->mixed_seqs : flow->decode_tok;
    struct throughput_matrices matrices = throughput_matrices_of(machine, tokens, samples, traits);
    double s = machine->step_s + machine->decode_s * flow->decodes + machine->context_s * contexts.slowest +
               matrices.total_s + machine->tok_s * tokens + machine->seq_s * seqs;
    double compute_s = matrices.compute_s;
    if (is_mixed) {
        double attention_s = machine->attention_s * (0.5 * flow->slowest_square);
        compute_s += attention_s;
        s += machine->prefill_step_s + machine->prefill_tok_s * flow->mixed_tok + attention_s;
    }
    double host_s = 0;
    if ((traits & THROUGHPUT_EXTENDED) != 0) {
        double window_s = is_mixed ? machine->window_attention_s * (0.5 * flow->slowest_window_square) : 0;
        compute_s += window_s;
        s += machine->window_context_s * contexts.slowest_window + window_s;
        s += machine->draft_step_s + machine->draft_decode_s * flow->decodes;
        double least_s = machine->host_s + machine->host_seq_s * seqs;
        host_s = throughput_if_longer(least_s, s);
        s = throughput_greatest(s, least_s);
    }
    double j = machine->step_j + machine->tok_j * tokens + machine->seq_j * samples +
               machine->context_j * contexts.full + machine->active_w * s;
    if (is_mixed) {
        j += machine->prefill_step_j + machine->attention_j * flow->mixed_square;
    }
    if ((traits & THROUGHPUT_MOE) != 0) {
        j += throughput_experts_j(machine, matrices.touched, tokens);
    }
    if ((traits & THROUGHPUT_EXTENDED) != 0) {
        j += machine->window_context_j * contexts.window;
        j += is_mixed ? machine->window_attention_j * flow->mixed_window_square : 0;
    }
    return (struct throughput_step){s, throughput_least(j, machine->cap_w * s), compute_s, host_s};
}

/* A prompt with the replica to itself. */
THROUGHPUT_INLINE double throughput_prefill_s(const struct throughput_machine *machine,
                                              const struct throughput_flow *flow,
                                              const struct throughput_lengths *lengths, unsigned traits) {
    double tokens = lengths->input_tok;
    double per_chunk_s = machine->step_s + machine->prefill_step_s + machine->seq_s +
                         throughput_greatest(machine->head_s, machine->head_seq_s);
    double s =
        flow->chunks * per_chunk_s + throughput_greatest(flow->chunks * machine->body_s, machine->body_tok_s * tokens) +
        (machine->tok_s + machine->prefill_tok_s) * tokens + machine->attention_s * (0.5 * lengths->prompt_square_tok2);
    if ((traits & THROUGHPUT_MOE) != 0) {
        double read_s = machine->expert_s * throughput_touched(machine, throughput_least(tokens, machine->step_tok));
        s += throughput_greatest(flow->chunks * read_s, machine->expert_tok_s * tokens);
    }
    if ((traits & THROUGHPUT_EXTENDED) != 0) {
        s += machine->window_attention_s * (0.5 * throughput_window_square(machine, lengths));
        s = throughput_greatest(s, flow->chunks * (machine->host_s + machine->host_seq_s));
    }
    return s;
}

/* What a grid needs of a configuration; everything but the price. */
struct throughput_mean {
    double step_s; /* the mean step */
    double tpot_s, ttft_s;
    double power_w;
    double s_per_mtok;
    double tok_per_s;
    bool fits; /* one mean request does */
    double compute_s, host_s;
    struct throughput_step pure;
};

THROUGHPUT_INLINE struct throughput_mean throughput_mean_of(const struct throughput_machine *machine,
                                                            const struct throughput_flow *flow,
                                                            const struct throughput_lengths *lengths, unsigned traits) {
    struct throughput_contexts contexts = throughput_contexts_of(machine, flow, lengths, traits);
    struct throughput_step pure = throughput_step_of(machine, flow, contexts, false, traits);
    struct throughput_step mixed = throughput_step_of(machine, flow, contexts, true, traits);

    double mean_s = (pure.s + (flow->q - 1) * mixed.s) * flow->q_inverse;
    double mean_j = (pure.j + (flow->q - 1) * mixed.j) * flow->q_inverse;

    double tok = flow->begun * (lengths->input_tok + lengths->output_tok);
    double inverse = 1 / (mean_s * tok);
    return (struct throughput_mean){
        .step_s = mean_s,
        .tpot_s = mean_s * flow->steps_per_tok,
        .ttft_s = 0.5 * mean_s + flow->chunks * mixed.s,
        .power_w = machine->idle_w + mean_j * (tok * inverse),
        .s_per_mtok = mean_s * mean_s * inverse * 1e6,
        .tok_per_s = tok * tok * inverse,
        .fits = lengths->input_tok + lengths->output_tok - 1 + machine->draft_tok <= machine->kv_tok,
        .compute_s = (pure.compute_s + (flow->q - 1) * mixed.compute_s) * flow->q_inverse,
        .host_s = (pure.host_s + (flow->q - 1) * mixed.host_s) * flow->q_inverse,
        .pure = pure,
    };
}

THROUGHPUT_INLINE int32_t throughput_larger(double *most, int32_t known, double value, int32_t candidate) {
    int32_t found = value > *most ? candidate : known;
    *most = throughput_greatest(value, *most);
    return found;
}

/* Parts of the mean step; memory is what is left. */
THROUGHPUT_INLINE int32_t throughput_binding_of(const struct throughput_machine *machine,
                                                const struct throughput_flow *flow,
                                                const struct throughput_lengths *lengths,
                                                const struct throughput_mean *mean) {
    double tokens = flow->begun * (lengths->input_tok + lengths->output_tok - 1);
    double reduce_s = machine->reduce_step_s + machine->reduce_tok_s * tokens;
    double engine_s = machine->step_s - machine->reduce_step_s + (machine->seq_s + machine->decode_s) * flow->decodes +
                      machine->seq_s * flow->begun + machine->prefill_step_s * (1 - flow->q_inverse);
    double most = mean->compute_s;
    int32_t binding = BINDING_COMPUTE;
    binding = throughput_larger(&most, binding, mean->step_s - mean->compute_s - engine_s - reduce_s, BINDING_MEMORY);
    binding = throughput_larger(&most, binding, reduce_s, BINDING_COMMUNICATION);
    binding = throughput_larger(&most, binding, engine_s + mean->host_s, BINDING_ENGINE);
    return flow->begun_kv < flow->begun_batch ? (int32_t)BINDING_KV_CAPACITY : binding;
}

THROUGHPUT_INLINE struct throughput_state throughput_formula(const struct throughput_machine *machine,
                                                             const struct throughput_load *load, unsigned traits) {
    const struct throughput_lengths *lengths = &load->lengths;
    struct throughput_flow flow = throughput_flow_of(machine, load, traits);
    struct throughput_mean mean = throughput_mean_of(machine, &flow, lengths, traits);
    double usd_per_s = machine->usd_per_s * load->price_ratio + machine->usd_per_j * mean.power_w;
    double usd_per_mtok = usd_per_s * mean.s_per_mtok;
    return (struct throughput_state){
        .batch = flow.begun * flow.steps,
        .prefill_s = throughput_prefill_s(machine, &flow, lengths, traits),
        .decode_s = mean.pure.s,
        .tpot_s = mean.tpot_s,
        .steps_per_tok = flow.steps_per_tok,
        .ttft_s = mean.ttft_s,
        .tok_per_s = mean.fits ? mean.tok_per_s : 0,
        .power_w = mean.power_w,
        .usd_per_mtok = mean.fits ? usd_per_mtok : HUGE_VAL,
        .j_per_tok = mean.power_w * machine->pue * (mean.s_per_mtok * 1e-6),
        .binding = (enum throughput_binding)throughput_binding_of(machine, &flow, lengths, &mean),
    };
}

#endif

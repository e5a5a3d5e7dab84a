#include "models/throughput_curves.h"

#include <math.h>

#include "base/check.h"
#include "models/throughput_formula.h"

/* One kind of step. */
struct curved_step {
    struct step_parts parts; /* all of it, contexts and prefill attention too */
    double added_s;          /* of it what the formula adds by itself: contexts, prompts' tokens and attention */
};

static double attention_s(const struct throughput_machine *machine, double square, double window_square) {
    return 0.5 * (machine->attention_s * square + machine->window_attention_s * window_square);
}

static struct curved_step pure_of(const struct throughput_machine *machine, const struct throughput_flow *flow,
                                  double contexts_s) {
    struct curved_step step = {step_parts_at(machine->curves->decodes, flow->decodes), contexts_s};
    step.parts.total_s += contexts_s;
    return step;
}

/* The curve of tokens where half of the steps have `spread` more of them and half as many less; what they take beyond it is `rest_s`, and at
 * least the floor, whose part is the engine's. */
static struct step_parts tokens_about(const struct throughput_machine *machine, double tokens, double spread,
                                      double rest_s) {
    struct step_parts mean = {0};
    for (int side = -1; side <= 1; side += 2) {
        const struct step_parts parts = step_parts_at(machine->curves->tokens, tokens + side * spread);
        const double launched_s = throughput_greatest(parts.total_s + rest_s, machine->prefill_floor_s);
        mean.total_s += 0.5 * launched_s;
        mean.compute_s += 0.5 * parts.compute_s;
        mean.communication_s += 0.5 * parts.communication_s;
        mean.engine_s += 0.5 * (parts.engine_s + launched_s - parts.total_s - rest_s);
    }
    return mean;
}

/* Standard deviation of the tokens that a mixed step prefills: k prompts, Poisson's without 0, of which the mean is q/w = mixed_seqs and the
 * variance mixed_seqs (1 + m - mixed_seqs), m = a chunks; each with its own variance. Not beyond the budget, nor below none. */
static double mixed_spread(const struct throughput_machine *machine, const struct throughput_flow *flow,
                           const struct throughput_lengths *lengths) {
    const double input = lengths->input_tok;
    const double prompt = lengths->prompt_square_tok2 - input * input;
    const double number = 1 + flow->begun * flow->chunks - flow->mixed_seqs;
    const double variance = flow->mixed_seqs * (throughput_greatest(prompt, 0) + number * input * input);
    const double room = throughput_least(machine->step_tok - flow->decodes - flow->mixed_tok, flow->mixed_tok);
    return throughput_greatest(throughput_least(sqrt(throughput_greatest(variance, 0)), room), 0);
}

/* As in models/step_coefficients.h: max(fixed + attention + contexts, prefill_floor) + prefill_step. */
static struct curved_step mixed_of(const struct throughput_machine *machine, const struct throughput_flow *flow,
                                   const struct throughput_lengths *lengths, double contexts_s) {
    const struct step_parts samples = step_parts_at(machine->curves->samples, flow->decodes + flow->mixed_seqs);
    const double square_s = attention_s(machine, flow->slowest_square, flow->slowest_window_square);
    const double added_s = contexts_s + square_s + machine->prefill_tok_s * flow->mixed_tok;
    const double rest_s = samples.total_s + machine->decode_s * flow->decodes + added_s;
    const struct step_parts tokens =
        tokens_about(machine, flow->decodes + flow->mixed_tok, mixed_spread(machine, flow, lengths), rest_s);
    return (struct curved_step){
        .parts = {.total_s = tokens.total_s + machine->prefill_step_s,
                  .compute_s = tokens.compute_s + samples.compute_s + square_s,
                  .communication_s = tokens.communication_s,
                  .engine_s = tokens.engine_s + samples.engine_s + machine->prefill_step_s},
        .added_s = added_s,
    };
}

/* A load's steps. */
struct curved_load {
    struct throughput_flow flow;
    struct curved_step pure, mixed;
};

static struct curved_load load_of(const struct throughput_machine *machine, const struct throughput_load *load) {
    const unsigned traits = throughput_traits(machine);
    const struct throughput_flow flow = throughput_flow_of(machine, load, traits);
    const struct throughput_contexts contexts = throughput_contexts_of(machine, &flow, &load->lengths, traits);
    const double contexts_s =
        machine->context_s * contexts.slowest + machine->window_context_s * contexts.slowest_window;
    return (struct curved_load){flow, pure_of(machine, &flow, contexts_s),
                                mixed_of(machine, &flow, &load->lengths, contexts_s)};
}

static struct throughput_machine machine_of(const struct throughput_machine *machine, const struct curved_load *load) {
    struct throughput_machine own = *machine;
    own.curves = NULL;
    own.decode_s = 0;
    own.step_s = load->pure.parts.total_s - load->pure.added_s;
    own.prefill_step_s = load->mixed.parts.total_s - load->mixed.added_s - own.step_s;
    return own;
}

struct throughput_machine throughput_machine_at(const struct throughput_machine *machine,
                                                const struct throughput_load *load) {
    CHECK(machine->curves != NULL);
    const struct curved_load own = load_of(machine, load);
    return machine_of(machine, &own);
}

/* A prompt with the replica to itself: all its chunks are taken to be of one size. */
static double prefill_s(const struct throughput_machine *machine, const struct throughput_flow *flow,
                        const struct throughput_lengths *lengths) {
    const double input = lengths->input_tok;
    const double chunk_tok = throughput_least(input, machine->step_tok);
    const double room = throughput_least(machine->step_tok - chunk_tok, chunk_tok);
    const double variance = throughput_greatest(lengths->prompt_square_tok2 - input * input, 0);
    const double window_square = machine->window_tok > 0 ? throughput_window_square(machine, lengths) : 0;
    const double prompt_s =
        attention_s(machine, lengths->prompt_square_tok2, window_square) + machine->prefill_tok_s * input;
    const double rest_s = prompt_s / flow->chunks + step_parts_at(machine->curves->samples, 1).total_s;
    const double chunk_s = tokens_about(machine, chunk_tok, throughput_least(sqrt(variance), room), rest_s).total_s;
    return flow->chunks * (chunk_s + machine->prefill_step_s);
}

/* The resource with the largest part of the mean step. */
static enum throughput_binding binding_of(const struct curved_load *load) {
    const struct throughput_flow *flow = &load->flow;
    const struct step_parts *pure = &load->pure.parts, *mixed = &load->mixed.parts;
    const double mixed_ratio = flow->q - 1;
    const double compute_s = pure->compute_s + mixed_ratio * mixed->compute_s;
    const double communication_s = pure->communication_s + mixed_ratio * mixed->communication_s;
    const double engine_s = pure->engine_s + mixed_ratio * mixed->engine_s;
    const double all_s = pure->total_s + mixed_ratio * mixed->total_s;
    double most = compute_s;
    int32_t binding = BINDING_COMPUTE;
    binding = throughput_larger(&most, binding, all_s - compute_s - communication_s - engine_s, BINDING_MEMORY);
    binding = throughput_larger(&most, binding, communication_s, BINDING_COMMUNICATION);
    binding = throughput_larger(&most, binding, engine_s, BINDING_ENGINE);
    return flow->begun_kv < flow->begun_batch ? BINDING_KV_CAPACITY : (enum throughput_binding)binding;
}

struct throughput_state throughput_of_curves(const struct throughput_machine *machine,
                                             const struct throughput_load *load) {
    const struct curved_load own = load_of(machine, load);
    const struct throughput_machine lines = machine_of(machine, &own);
    struct throughput_state state = throughput_formula(&lines, load, throughput_traits(&lines));
    state.prefill_s = prefill_s(machine, &own.flow, &load->lengths);
    state.binding = binding_of(&own);
    return state;
}

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

/* The draft model's passes. */
static double draft_s(const struct throughput_machine *machine, const struct throughput_flow *flow) {
    return machine->draft_step_s + machine->draft_decode_s * flow->decodes;
}

/* Decodes of a pipeline's largest micro-batch; and micro-batches that are not empty. */
static double decodes_of(const struct throughput_machine *machine, const struct throughput_flow *flow) {
    return throughput_greatest(flow->decodes / machine->stages, throughput_least(flow->decodes, 1));
}

static double passes_of(const struct throughput_machine *machine, const struct throughput_flow *flow) {
    return throughput_greatest(throughput_least(flow->decodes, machine->stages), 1);
}

/* What the last stage samples for the decodes of so many micro-batches. */
static void add_samples(const struct throughput_machine *machine, const struct throughput_flow *flow, double passes,
                        struct step_parts *parts) {
    if (passes > 0) {
        const struct step_parts samples = step_parts_at(machine->curves->samples, decodes_of(machine, flow));
        parts->total_s += passes * samples.total_s;
        parts->compute_s += passes * samples.compute_s;
        parts->engine_s += passes * samples.engine_s;
    }
}

static struct curved_step pure_of(const struct throughput_machine *machine, const struct throughput_flow *flow,
                                  double contexts_s) {
    struct curved_step step = {step_parts_at(machine->curves->decodes, decodes_of(machine, flow)), contexts_s};
    add_samples(machine, flow, passes_of(machine, flow), &step.parts);
    step.parts.total_s += contexts_s + draft_s(machine, flow);
    return step;
}

/* The curve of tokens where half of the steps have `spread` more of them and half as many less; what they take beyond it is `rest_s`, and at
 * least the floor, whose part is the engine's. */
static struct step_parts tokens_about(const struct throughput_machine *machine, double tokens, double spread,
                                      double rest_s) {
    struct step_parts mean = {0};
    for (int side = -1; side <= 1; side += 2) {
        const struct step_parts parts = step_parts_at(machine->curves->tokens, tokens + side * spread);
        const double floor_s = tokens + side * spread > machine->graph_tok ? machine->prefill_floor_s : 0;
        const double launched_s = throughput_greatest(parts.total_s + rest_s, floor_s);
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
    const double room = throughput_least(machine->step_tok - flow->decode_tok - flow->mixed_tok, flow->mixed_tok);
    if (machine->stages > 1 && flow->mixed_tok >= machine->micro_tok) {
        return 0; /* every round fills a micro-batch */
    }
    return throughput_greatest(throughput_least(sqrt(throughput_greatest(variance, 0)), room), 0);
}

/* The share of a round's prompts that its largest micro-batch has. Prompts come in more rounds than Poisson's where they fill micro-batches: those
 * that would have none are counted with the others. */
static double largest_ratio(const struct throughput_machine *machine, const struct throughput_flow *flow) {
    const double most_tok = machine->micro_tok * flow->q / (flow->q - 1);
    return machine->stages > 1 && flow->mixed_tok > most_tok ? most_tok / flow->mixed_tok : 1;
}

/* As in models/step_coefficients.h: max(fixed + attention + contexts, prefill_floor) + prefill_step. */
static struct curved_step mixed_of(const struct throughput_machine *machine, const struct throughput_flow *flow,
                                   const struct throughput_lengths *lengths, double contexts_s) {
    const double largest = largest_ratio(machine, flow);
    const double decodes = decodes_of(machine, flow), prompts_tok = largest * flow->mixed_tok;
    struct step_parts samples = step_parts_at(machine->curves->samples, decodes + largest * flow->mixed_seqs);
    add_samples(machine, flow, passes_of(machine, flow) - 1, &samples);
    const double all_square_s = attention_s(machine, flow->slowest_square, flow->slowest_window_square);
    const double square_s = largest * all_square_s;
    const double prompts_s = square_s + machine->prefill_tok_s * prompts_tok;
    const double rest_s =
        samples.total_s + machine->decode_s * decodes + draft_s(machine, flow) + contexts_s + prompts_s;
    const double decode_tok = decodes * (1 + machine->draft_tok);
    const struct step_parts tokens =
        tokens_about(machine, decode_tok + prompts_tok, mixed_spread(machine, flow, lengths), rest_s);
    return (struct curved_step){
        .parts = {.total_s = tokens.total_s + machine->prefill_step_s,
                  .compute_s = tokens.compute_s + samples.compute_s + square_s,
                  .communication_s = tokens.communication_s,
                  .engine_s = tokens.engine_s + samples.engine_s + machine->prefill_step_s},
        .added_s = contexts_s + all_square_s + machine->prefill_tok_s * flow->mixed_tok,
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

/* Of routed experts: the formula has the model's uniform routing, the engine a table. Each micro-batch touches experts for itself. */
static double experts_j(const struct throughput_machine *machine, double tokens, double passes) {
    const double own = tokens / passes;
    return passes * throughput_experts_j(machine, step_model_touched(machine->step_model, own), own);
}

static void add_experts_j(struct throughput_machine *own, const struct throughput_flow *flow, double passes) {
    const double pure_j = experts_j(own, flow->decode_tok, passes);
    own->step_j += pure_j;
    own->prefill_step_j = experts_j(own, flow->decode_tok + flow->mixed_tok, passes) - pure_j;
    own->experts = 0;
}

static struct throughput_machine machine_of(const struct throughput_machine *machine, const struct curved_load *load) {
    struct throughput_machine own = *machine;
    own.curves = NULL;
    own.decode_s = own.draft_step_s = own.draft_decode_s = 0;
    own.step_s = load->pure.parts.total_s - load->pure.added_s;
    own.prefill_step_s = load->mixed.parts.total_s - load->mixed.added_s - own.step_s;
    const double passes = machine->stages > 1 ? passes_of(machine, &load->flow) : 1;
    own.step_j *= passes; /* each micro-batch reads the weights */
    if (own.experts > 0) {
        add_experts_j(&own, &load->flow, passes);
    }
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
    const double most_tok = machine->stages > 1 ? machine->micro_tok : machine->step_tok; /* computed at once */
    const double chunk_tok = throughput_least(input, most_tok);
    const double room = throughput_least(most_tok - chunk_tok, chunk_tok);
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

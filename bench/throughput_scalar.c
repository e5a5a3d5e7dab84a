#include "bench/throughput_scalar.h"

#include <math.h>

static double least(double a, double b) {
    return a < b ? a : b;
}

static double greatest(double a, double b) {
    return a > b ? a : b;
}

struct flow {
    double begun, decodes, chunks, pure_ratio, mixed_ratio, mixed_seqs, mixed_tok, mixed_square;
    bool kv_limits;
};

static struct flow flow_of(const struct throughput_machine *machine, const struct throughput_load *load) {
    const struct throughput_lengths *lengths = &load->lengths;
    struct flow flow;
    double held = lengths->context_tok + machine->block_tok / 2;
    double slots = least(load->batch, machine->kv_tok / held);
    double span = lengths->input_tok + lengths->output_tok - 1;
    flow.kv_limits = slots < load->batch;
    flow.begun = least(slots / lengths->output_tok, machine->step_tok / span);
    flow.decodes = flow.begun * (lengths->output_tok - 1);
    flow.chunks = greatest(lengths->input_tok / machine->step_tok, 1);
    double m = flow.begun * flow.chunks;
    double q = 1 + m + m * m / 2 + m * m * m / 6;
    flow.pure_ratio = 1 / q;
    flow.mixed_ratio = 1 - flow.pure_ratio;
    flow.mixed_seqs = m / flow.mixed_ratio;
    flow.mixed_tok = flow.begun * lengths->input_tok / flow.mixed_ratio;
    flow.mixed_square = flow.begun * lengths->prompt_square_tok2 / flow.mixed_ratio;
    return flow;
}

struct step {
    double s, j, compute_s;
};

static struct step step_of(const struct throughput_machine *machine, const struct flow *flow, double context,
                           bool is_mixed) {
    double tokens = is_mixed ? flow->decodes + flow->mixed_tok : flow->decodes;
    double seqs = is_mixed ? flow->decodes + flow->mixed_seqs : flow->decodes;
    double body_s = machine->body_tok_s * tokens;
    double head_s = machine->head_seq_s * seqs;
    struct step step = {0};
    step.s = machine->step_s + machine->decode_s * flow->decodes + machine->context_s * context +
             greatest(machine->body_s, body_s) + greatest(machine->head_s, head_s) + machine->tok_s * tokens +
             machine->seq_s * seqs;
    step.compute_s = (body_s > machine->body_s ? body_s : 0) + (head_s > machine->head_s ? head_s : 0);
    if (is_mixed) {
        double attention_s = machine->attention_s * flow->mixed_square / 2;
        step.compute_s += attention_s;
        step.s += machine->prefill_step_s + machine->prefill_tok_s * flow->mixed_tok + attention_s;
    }
    double j = machine->step_j + machine->tok_j * tokens + machine->seq_j * seqs + machine->context_j * context +
               machine->active_w * step.s + (is_mixed ? machine->attention_j * flow->mixed_square : 0);
    step.j = least(j, machine->cap_w * step.s);
    return step;
}

struct mean {
    double s, j, compute_s, mixed_s, pure_s;
};

static struct mean mean_of(const struct throughput_machine *machine, const struct throughput_lengths *lengths,
                           const struct flow *flow) {
    double context = flow->decodes * lengths->context_tok;
    struct step pure = step_of(machine, flow, context, false);
    struct step mixed = step_of(machine, flow, context, true);
    return (struct mean){
        .s = flow->pure_ratio * pure.s + flow->mixed_ratio * mixed.s,
        .j = flow->pure_ratio * pure.j + flow->mixed_ratio * mixed.j,
        .compute_s = flow->pure_ratio * pure.compute_s + flow->mixed_ratio * mixed.compute_s,
        .mixed_s = mixed.s,
        .pure_s = pure.s,
    };
}

static double ttft_of(const struct flow *flow, const struct mean *mean) {
    return mean->s / 2 + flow->chunks * mean->mixed_s;
}

static double prefill_of(const struct throughput_machine *machine, const struct throughput_lengths *lengths,
                         const struct flow *flow) {
    double chunk_s =
        machine->step_s + machine->prefill_step_s + machine->seq_s + greatest(machine->head_s, machine->head_seq_s);
    return flow->chunks * chunk_s + greatest(flow->chunks * machine->body_s, machine->body_tok_s * lengths->input_tok) +
           (machine->tok_s + machine->prefill_tok_s) * lengths->input_tok +
           machine->attention_s * lengths->prompt_square_tok2 / 2;
}

static enum throughput_binding binding_of(const struct throughput_machine *machine,
                                          const struct throughput_lengths *lengths, const struct flow *flow,
                                          const struct mean *mean) {
    double reduce_s =
        machine->reduce_step_s + machine->reduce_tok_s * flow->begun * (lengths->input_tok + lengths->output_tok - 1);
    double engine_s = machine->step_s - machine->reduce_step_s + (machine->seq_s + machine->decode_s) * flow->decodes +
                      machine->seq_s * flow->begun + machine->prefill_step_s * flow->mixed_ratio;
    const double parts[] = {
        [BINDING_COMPUTE] = mean->compute_s,
        [BINDING_MEMORY] = mean->s - mean->compute_s - engine_s - reduce_s,
        [BINDING_COMMUNICATION] = reduce_s,
        [BINDING_ENGINE] = engine_s,
    };
    enum throughput_binding most = BINDING_COMPUTE;
    for (int i = BINDING_MEMORY; i <= BINDING_ENGINE; i++) {
        most = parts[i] > parts[most] ? (enum throughput_binding)i : most;
    }
    return flow->kv_limits ? BINDING_KV_CAPACITY : most;
}

static struct throughput_state state_of(const struct throughput_machine *machine, const struct throughput_load *load) {
    const struct throughput_lengths *lengths = &load->lengths;
    struct flow flow = flow_of(machine, load);
    struct mean mean = mean_of(machine, lengths, &flow);
    bool fits = lengths->input_tok + lengths->output_tok - 1 <= machine->kv_tok;
    double tok_per_s = flow.begun * (lengths->input_tok + lengths->output_tok) / mean.s;
    double power_w = machine->idle_w + mean.j / mean.s;
    double usd_per_s = machine->usd_per_s * load->price_ratio + machine->usd_per_j * power_w;
    return (struct throughput_state){
        .batch = flow.begun * lengths->output_tok,
        .prefill_s = prefill_of(machine, lengths, &flow),
        .decode_s = mean.pure_s,
        .tpot_s = mean.s,
        .ttft_s = ttft_of(&flow, &mean),
        .tok_per_s = fits ? tok_per_s : 0,
        .power_w = power_w,
        .usd_per_mtok = fits ? usd_per_s / tok_per_s * 1e6 : HUGE_VAL,
        .j_per_tok = power_w * machine->pue / tok_per_s,
        .binding = binding_of(machine, lengths, &flow, &mean),
    };
}

void scalar_arrays(const struct throughput_machine *machine, const struct throughput_load_columns *loads, size_t count,
                   const struct throughput_state_columns *states) {
    for (size_t i = 0; i < count; i++) {
        const struct throughput_load load = {
            .batch = loads->batch[i],
            .lengths = {loads->input_tok[i], loads->output_tok[i], loads->context_tok[i], loads->prompt_square_tok2[i]},
            .price_ratio = loads->price_ratio[i],
        };
        struct throughput_state state = state_of(machine, &load);
        states->batch[i] = state.batch;
        states->prefill_s[i] = state.prefill_s;
        states->decode_s[i] = state.decode_s;
        states->tpot_s[i] = state.tpot_s;
        states->ttft_s[i] = state.ttft_s;
        states->tok_per_s[i] = state.tok_per_s;
        states->power_w[i] = state.power_w;
        states->usd_per_mtok[i] = state.usd_per_mtok;
        states->j_per_tok[i] = state.j_per_tok;
        states->binding[i] = (int32_t)state.binding;
    }
}

/* One configuration of the grid; infinite cost outside the limits. */
static struct throughput_pick grid_point(const struct throughput_axes *axes, const struct throughput_place *place,
                                         const struct throughput_limits *limits) {
    const struct throughput_machine *machine = &axes->machines[place->machine];
    const struct throughput_load load = throughput_load_at(axes, place);
    struct flow flow = flow_of(machine, &load);
    struct mean mean = mean_of(machine, &load.lengths, &flow);
    double tok_per_s = flow.begun * (load.lengths.input_tok + load.lengths.output_tok) / mean.s;
    double power_w = machine->idle_w + mean.j / mean.s;
    double usd_per_s = machine->usd_per_s * load.price_ratio + machine->usd_per_j * power_w;
    bool fits = load.lengths.input_tok + load.lengths.output_tok - 1 <= machine->kv_tok;
    bool meets = mean.s <= limits->tpot_s && ttft_of(&flow, &mean) <= limits->ttft_s;
    return (struct throughput_pick){*place, fits && meets ? usd_per_s / tok_per_s * 1e6 : HUGE_VAL, mean.s};
}

struct throughput_pick scalar_grid(const struct throughput_axes *axes, const struct throughput_limits *limits) {
    struct throughput_pick best = {.usd_per_mtok = HUGE_VAL};
    size_t count = axes->machine_count * axes->length_count * axes->batch_count * axes->price_count;
    struct throughput_place place = {0};
    for (size_t i = 0; i < count; i++) {
        struct throughput_pick pick = grid_point(axes, &place, limits);
        best = pick.usd_per_mtok < best.usd_per_mtok ? pick : best;
        place.price = place.price + 1 < axes->price_count ? place.price + 1 : 0;
        place.batch += place.price == 0;
        place.batch = place.batch < axes->batch_count ? place.batch : 0;
        place.lengths += place.price == 0 && place.batch == 0;
        place.lengths = place.lengths < axes->length_count ? place.lengths : 0;
        place.machine += place.price == 0 && place.batch == 0 && place.lengths == 0;
    }
    return best;
}

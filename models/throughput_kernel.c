/* throughput_kernel.c - compiled once for each CPU level; THROUGHPUT_KERNEL names the level's table of functions. */
#include "models/throughput_kernel.h"

#include <math.h>

#include "models/throughput_curves.h"
#include "models/throughput_formula.h"

THROUGHPUT_INLINE struct throughput_load load_at(const struct throughput_load_columns *in, size_t i) {
    return (struct throughput_load){
        .batch = in->batch[i],
        .lengths = {in->input_tok[i], in->output_tok[i], in->context_tok[i], in->prompt_square_tok2[i]},
        .price_ratio = in->price_ratio[i],
    };
}

THROUGHPUT_INLINE void state_put(const struct throughput_state_columns *out, size_t i,
                                 const struct throughput_state *state) {
    out->batch[i] = state->batch;
    out->prefill_s[i] = state->prefill_s;
    out->decode_s[i] = state->decode_s;
    out->tpot_s[i] = state->tpot_s;
    out->ttft_s[i] = state->ttft_s;
    out->tok_per_s[i] = state->tok_per_s;
    out->power_w[i] = state->power_w;
    out->usd_per_mtok[i] = state->usd_per_mtok;
    out->j_per_tok[i] = state->j_per_tok;
    out->binding[i] = (int32_t)state->binding;
}

/* Inlined with `traits` a constant: a loop of its own for dense models, which have no experts to touch, and for plain ones. */
THROUGHPUT_INLINE void state_at(const struct throughput_machine *machine, const struct throughput_load_columns *in,
                                const struct throughput_state_columns *out, size_t i, unsigned traits) {
    const struct throughput_load load = load_at(in, i);
    struct throughput_state state = throughput_formula(machine, &load, traits);
    state_put(out, i, &state);
}

THROUGHPUT_INLINE void arrays_of(const struct throughput_machine *shared, const struct throughput_load_columns *loads,
                                 size_t count, const struct throughput_state_columns *states, unsigned traits) {
    const struct throughput_machine machine = *shared;
    const struct throughput_load_columns in = *loads;
    const struct throughput_state_columns out = *states;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        state_at(&machine, &in, &out, i, traits);
    }
}

static void arrays_by_curves(const struct throughput_machine *machine, const struct throughput_load_columns *loads,
                             size_t count, const struct throughput_state_columns *states) {
    for (size_t i = 0; i < count; i++) {
        const struct throughput_load load = load_at(loads, i);
        struct throughput_state state = throughput_of_curves(machine, &load);
        state_put(states, i, &state);
    }
}

static void arrays(const struct throughput_machine *machine, const struct throughput_load_columns *loads, size_t count,
                   const struct throughput_state_columns *states) {
    if (machine->curves != NULL) {
        arrays_by_curves(machine, loads, count, states);
        return;
    }
    switch (throughput_traits(machine)) {
    case 0: arrays_of(machine, loads, count, states, 0); break;
    case 1: arrays_of(machine, loads, count, states, 1); break;
    case 2: arrays_of(machine, loads, count, states, 2); break;
    default: arrays_of(machine, loads, count, states, 3); break;
    }
}

THROUGHPUT_INLINE void slice_at(const struct throughput_machine *machine, const struct throughput_lengths *lengths,
                                double batch, const struct throughput_limits *most, struct throughput_slice *slice,
                                size_t i, unsigned traits) {
    const struct throughput_load load = {.batch = batch, .lengths = *lengths};
    struct throughput_flow flow = throughput_flow_of(machine, &load, traits);
    struct throughput_mean mean = throughput_mean_of(machine, &flow, lengths, traits);
    double unfit = mean.fits ? 0 : HUGE_VAL;
    double late = mean.ttft_s <= most->ttft_s ? unfit : HUGE_VAL;
    slice->power_usd_per_s[i] = machine->usd_per_j * mean.power_w;
    slice->s_per_mtok[i] = mean.s_per_mtok;
    slice->tpot_s[i] = mean.tpot_s;
    slice->front_bar[i] = mean.fits ? 1 : 0; /* see front_bars */
    slice->miss[i] = mean.tpot_s <= most->tpot_s ? late : HUGE_VAL;
}

THROUGHPUT_INLINE void slice_of(const struct throughput_slice_request *request, struct throughput_slice *slice,
                                unsigned traits) {
    const struct throughput_machine machine = *request->machine;
    const struct throughput_lengths lengths = *request->lengths;
    const struct throughput_limits most = *request->limits;
    const double *batches = request->batches;
    const size_t count = request->count;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        slice_at(&machine, &lengths, batches[i], &most, slice, i, traits);
    }
}

/* Each batch on a machine of its own. */
static void slice_by_curves(const struct throughput_slice_request *request, struct throughput_slice *slice) {
    for (size_t i = 0; i < request->count; i++) {
        const struct throughput_load load = {.batch = request->batches[i], .lengths = *request->lengths};
        const struct throughput_machine machine = throughput_machine_at(request->machine, &load);
        slice_at(&machine, request->lengths, load.batch, request->limits, slice, i, throughput_traits(&machine));
    }
}

static void slice_by_lines(const struct throughput_slice_request *request, struct throughput_slice *slice) {
    switch (throughput_traits(request->machine)) {
    case 0: slice_of(request, slice, 0); break;
    case 1: slice_of(request, slice, 1); break;
    case 2: slice_of(request, slice, 2); break;
    default: slice_of(request, slice, 3); break;
    }
}

static void front_bars(const struct throughput_slice_request *request, struct throughput_slice *slice) {
    const double *bars = request->front_bars;
    const size_t count = request->count;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        double bar = bars[throughput_bar_index(slice->tpot_s[i])];
        slice->front_bar[i] = slice->front_bar[i] > 0 ? bar : 0;
    }
}

static void slice(const struct throughput_slice_request *request, struct throughput_slice *slice) {
    if (request->machine->curves != NULL) {
        slice_by_curves(request, slice);
    } else {
        slice_by_lines(request, slice);
    }
    front_bars(request, slice);
}

static int64_t candidates(const struct throughput_slice *slice, size_t first, size_t end, double usd_per_s,
                          double top_bar) {
    int64_t found = 0;
#pragma omp simd reduction(+ : found)
    for (size_t i = first; i < end; i++) {
        double usd = (usd_per_s + slice->power_usd_per_s[i]) * slice->s_per_mtok[i];
        int64_t in_front = usd < slice->front_bar[i] ? 1 : 0;
        int64_t in_top = usd + slice->miss[i] < top_bar ? 1 : 0;
        found += in_front | in_top;
    }
    return found;
}

const struct throughput_kernel THROUGHPUT_KERNEL = {.arrays = arrays, .slice = slice, .candidates = candidates};

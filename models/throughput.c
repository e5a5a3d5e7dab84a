#include "models/throughput.h"

#include <math.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/fmath.h"
#include "models/step_coefficients.h"
#include "models/throughput_curves.h"
#include "models/throughput_formula.h"
#include "models/throughput_kernel.h"

#define J_PER_KWH  3.6e6
#define S_PER_HOUR 3600.0

/* Every token touches every expert: the first one does. */
#define ALL_TOUCHED_DECAY 32.0

/* ---- machines ---- */

static double seconds(int64_t units) {
    return (double)units / UNIT_PER_S;
}

/* Units of context, FLOP and bytes in one. */
static double context_one(const struct step_model *model) {
    return (double)((int64_t)1 << step_model_context_shift(model));
}

static void machine_times(struct throughput_machine *machine, const struct step_model *model) {
    const double padding_tok = model->pad_multiple > 1 ? 0.5 * (double)(model->pad_multiple - 1) : 0; /* mean */
    machine->step_s = seconds(model->step) + padding_tok * seconds(model->pad_token);
    machine->prefill_step_s = seconds(model->prefill_step);
    machine->seq_s = seconds(model->seq);
    machine->decode_s = seconds(model->decode);
    machine->prefill_tok_s = seconds(model->prefill_token);
    machine->body_s = seconds(model->body);
    machine->body_tok_s = seconds(model->body_token);
    machine->head_s = seconds(model->head);
    machine->head_seq_s = seconds(model->head_seq);
    machine->tok_s = seconds(model->token);
    machine->ranks = (double)step_model_ranks(model);
    machine->context_s = seconds(step_model_slope(model)) * context_one(model);
    machine->attention_s = seconds(model->attention);
    machine->host_s = seconds(model->host);
    machine->host_seq_s = seconds(model->host_seq);
    machine->window_tok = (double)model->window;
    machine->window_context_s = seconds(model->window_context) * context_one(model);
    machine->window_attention_s = seconds(model->window_attention);
    machine->curves = model->curves;
    machine->step_model = model;
    machine->prefill_floor_s = seconds(model->prefill_floor);
    machine->graph_tok = (double)model->graph_tokens;
    machine->stages = model->stages > 1 ? (double)model->stages : 1;
    machine->micro_tok = (double)model->micro_tokens;
}

static double draft_pass_s(const struct step_model *draft, const struct step_work *work) {
    return seconds((int64_t)step_model_line(draft, work).fixed);
}

/* The draft model's passes as lines: over decodes, through 1 and 64 of them; over a prompt, through 1024 tokens and twice as many. */
static void machine_draft(struct throughput_machine *machine, const struct step_model *model) {
    const struct step_model *draft = model->draft;
    const double passes = machine->draft_tok;
    if (draft == NULL) {
        return;
    }
    enum { DECODES = 64, PROMPT_TOK = 1024 };
    const double one_s = draft_pass_s(draft, &(struct step_work){.decode_seqs = 1});
    const double many_s = draft_pass_s(draft, &(struct step_work){.decode_seqs = DECODES});
    const double short_s = draft_pass_s(draft, &(struct step_work){.prefill_seqs = 1, .prefill_tokens = PROMPT_TOK});
    const double long_s = draft_pass_s(draft, &(struct step_work){.prefill_seqs = 1, .prefill_tokens = 2 * PROMPT_TOK});
    machine->draft_decode_s = passes * (many_s - one_s) / (DECODES - 1);
    machine->draft_step_s = passes * one_s - machine->draft_decode_s;
    machine->prefill_tok_s += (long_s - short_s) / PROMPT_TOK;
    machine->prefill_step_s += 2 * short_s - long_s;
    machine->attention_s += seconds(draft->attention);
}

/* Experts touched by n tokens: E (1 - (1 - k/E)^n). Curves have their time, and the step model's table what is touched. */
static void machine_experts(struct throughput_machine *machine, const struct step_model *model) {
    const double experts = (double)model->work.experts;
    if (experts <= 0) {
        return;
    }
    const double miss_ratio = 1 - (double)model->work.experts_per_tok / experts;
    machine->expert_s = seconds(model->expert);
    machine->expert_tok_s = seconds(model->expert_token);
    machine->experts = experts;
    machine->experts_per_tok = (double)model->work.experts_per_tok;
    machine->expert_decay = miss_ratio > 0 ? -fm_log(miss_ratio) : ALL_TOUCHED_DECAY;
}

/* Of the draft model's passes; what is of a decode, spread over its tokens; its experts as one token touches them. */
static void machine_draft_power(struct throughput_machine *machine, const struct step_model *model, double per_flop,
                                double per_byte) {
    const double passes = machine->draft_tok;
    if (model->draft == NULL) {
        return;
    }
    const struct work_model *work = &model->draft->work;
    const double expert_byte = (double)work->byte_per_expert * (double)work->experts_per_tok;
    const double decode_j = per_flop * (double)(work->flop_per_token + work->flop_per_seq) +
                            per_byte * ((double)work->byte_per_token + expert_byte);
    machine->step_j += passes * per_byte * (double)work->byte_per_step;
    machine->seq_j += passes * decode_j / (1 + passes);
    machine->context_j += passes * context_one(model) *
                          (per_flop * (double)work->flop_per_context + per_byte * (double)work->byte_per_context);
}

/* At the wall: what the boards take, and their fans, over the supply's efficiency. */
static void machine_power(struct throughput_machine *machine, const struct throughput_parts *parts) {
    const struct work_model *work = &parts->step_model->work;
    const double one = context_one(parts->step_model);
    const double at_wall = (1 + parts->fan_ratio) / parts->psu_efficiency;
    const double per_flop = (double)work->energy_per_flop / ENERGY_PER_J * at_wall;
    const double per_byte = (double)work->energy_per_byte / ENERGY_PER_J * at_wall;
    machine->idle_w = parts->idle_w / parts->psu_efficiency;
    machine->active_w = (double)work->active_mw / 1000 * at_wall;
    machine->cap_w = work->cap_mw > 0 ? (double)work->cap_mw / 1000 * at_wall : THROUGHPUT_NO_CAP_W;
    machine->step_j = per_byte * (double)work->byte_per_step;
    machine->expert_j = per_byte * (double)work->byte_per_expert;
    machine->expert_row_j = per_flop * (double)work->flop_per_expert_row;
    machine->tok_j = per_flop * (double)work->flop_per_token + per_byte * (double)work->byte_per_token;
    machine->seq_j = per_flop * (double)work->flop_per_seq;
    machine->context_j = (per_flop * (double)work->flop_per_context + per_byte * (double)work->byte_per_context) * one;
    machine->attention_j = per_flop * (double)work->flop_per_attention_x2;
    machine->window_context_j =
        (per_flop * (double)work->flop_per_window_context + per_byte * (double)work->byte_per_window_context) * one;
    machine->window_attention_j = per_flop * (double)work->flop_per_window_attention_x2;
    machine_draft_power(machine, parts->step_model, per_flop, per_byte);
}

/* The part of step_s and tok_s that is all-reduces: two a layer (models/roofline.h). */
static void machine_communication(struct throughput_machine *machine, const struct roofline_step *roofline) {
    if (roofline == NULL || roofline->tensor_parallel <= 1) {
        return;
    }
    const double reduces = 2 * (double)roofline->llm->layers;
    machine->reduce_step_s = reduces * roofline->all_reduce.latency_s;
    machine->reduce_tok_s = reduces * (double)roofline->llm->hidden * 2 * roofline->all_reduce.s_per_byte;
}

struct throughput_machine throughput_machine_of(const struct throughput_parts *parts) {
    CHECK(parts->psu_efficiency > 0 && parts->max_num_batched_tokens > 0);
    struct throughput_machine machine = {
        .kv_tok = (double)parts->num_gpu_blocks * (double)parts->block_size,
        .block_tok = (double)parts->block_size,
        .step_tok = (double)parts->max_num_batched_tokens,
        .step_tok_inverse = 1 / (double)parts->max_num_batched_tokens,
        .pue = parts->pue,
        .usd_per_s = parts->usd_per_hour / S_PER_HOUR,
        .usd_per_j = parts->usd_per_kwh_at_wall / J_PER_KWH,
    };
    machine.draft_tok = (double)step_model_draft_tokens(parts->step_model);
    machine.accepted_tok = parts->accepted_tok;
    machine_times(&machine, parts->step_model);
    machine_draft(&machine, parts->step_model);
    machine_experts(&machine, parts->step_model);
    machine_power(&machine, parts);
    machine_communication(&machine, parts->roofline);
    return machine;
}

struct throughput_lengths throughput_lengths_constant(double input_tok, double output_tok) {
    return (struct throughput_lengths){
        .input_tok = input_tok,
        .output_tok = output_tok,
        .context_tok = input_tok + 0.5 * output_tok - 1 > 1 ? input_tok + 0.5 * output_tok - 1 : 1,
        .prompt_square_tok2 = input_tok * input_tok,
    };
}

/* ---- one, and many ---- */

const char *throughput_binding_name(enum throughput_binding binding) {
    static const char *const names[BINDING_COUNT] = {"compute", "memory-bandwidth", "communication", "engine",
                                                     "kv-capacity"};
    CHECK((unsigned)binding < BINDING_COUNT);
    return names[binding];
}

struct throughput_state throughput_of(const struct throughput_machine *machine, const struct throughput_load *load) {
    return machine->curves != NULL ? throughput_of_curves(machine, load)
                                   : throughput_formula(machine, load, throughput_traits(machine));
}

const struct throughput_kernel *throughput_kernel_of(enum cpu_level level) {
    switch (level) {
#if defined(__x86_64__)
    case CPU_LEVEL_AVX2: return &throughput_kernel_avx2;
    case CPU_LEVEL_AVX512: return &throughput_kernel_avx512;
#endif
    default: return &throughput_kernel_baseline;
    }
}

void throughput_arrays(enum cpu_level level, const struct throughput_machine *machine,
                       const struct throughput_load_columns *loads, size_t count,
                       const struct throughput_state_columns *states) {
    throughput_kernel_of(level)->arrays(machine, loads, count, states);
}

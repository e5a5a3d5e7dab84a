#include "models/work.h"

#include <math.h>
#include <stddef.h>

#include "models/roofline.h"
#include "models/step_coefficients.h"

static bool flop_fill(const struct roofline_step *step, struct work_model *work, struct diags *diags,
                      struct position at) {
    const struct llm *llm = step->llm;
    const double context_flop = llm_decode_attention_flop(llm), attention_flop = llm_prefill_attention_flop(llm);
    const double windowed = llm_window_ratio(llm);
    const struct coefficient coefficients[] = {
        {"FLOP per token", llm_flop_per_token(llm), 1, &work->flop_per_token},
        {"FLOP per sample", llm_flop_per_sample(llm), 1, &work->flop_per_seq},
        {"FLOP per token of context", context_flop * (1 - windowed), 1, &work->flop_per_context},
        {"FLOP per token of windowed context", context_flop * windowed, 1, &work->flop_per_window_context},
        {"FLOP of prefill attention", attention_flop * (1 - windowed), 0.5, &work->flop_per_attention_x2},
        {"FLOP of windowed prefill attention", attention_flop * windowed, 0.5, &work->flop_per_window_attention_x2},
        {"FLOP of a row of an expert", llm_expert_row_flop(llm), 1, &work->flop_per_expert_row},
    };
    return coefficients_round(coefficients, sizeof coefficients / sizeof coefficients[0], diags, at);
}

static bool byte_fill(const struct roofline_step *step, struct work_model *work, struct diags *diags,
                      struct position at) {
    const struct llm *llm = step->llm;
    const int64_t ranks = step->attention_dp > 1 ? step->attention_dp : 1;
    double dense_byte = llm_body_byte(llm, step->precision) + llm_lm_head_byte(llm);
    dense_byte += attention_copies_byte(llm, step->precision, step->attention_dp);
    double kv_byte = llm_kv_byte_per_tok(llm, step->kv_precision, step->tensor_parallel / ranks);
    const double windowed = llm_window_ratio(llm);
    const struct coefficient coefficients[] = {
        {"bytes of weights", dense_byte, 1, &work->byte_per_step},
        {"bytes of an expert", llm_expert_byte(llm, step->precision), 1, &work->byte_per_expert},
        {"KV bytes written per token", kv_byte, 1, &work->byte_per_token},
        {"KV bytes read per token of context", kv_byte * (1 - windowed), 1, &work->byte_per_context},
        {"KV bytes read per token of windowed context", kv_byte * windowed, 1, &work->byte_per_window_context},
    };
    work->experts = llm->experts;
    work->experts_per_tok = llm->experts_per_tok;
    return coefficients_round(coefficients, sizeof coefficients / sizeof coefficients[0], diags, at);
}

static bool energy_fill(const struct roofline_step *step, struct work_model *work, struct diags *diags,
                        struct position at) {
    const struct gpu *gpu = step->gpu;
    double peak_flop_per_s = gpu_peak_flop_per_s(gpu, llm_math_precision(step->llm, step->precision));
    double peak_byte_per_s = gpu_peak_byte_per_s(gpu);
    if (isnan(gpu->tdp_w) || isnan(peak_flop_per_s) || isnan(peak_byte_per_s)) {
        return true; /* power is not known: no energy */
    }
    double boards_mw = (double)roofline_boards(step) * 1000;
    const struct power_shares power = power_shares_at(step->power, step->clock_ratio);
    const double limit_w = step->power_limit_w > 0 ? step->power_limit_w : gpu->tdp_w;
    const struct coefficient coefficients[] = {
        {"energy per FLOP", power.compute_ratio * gpu->tdp_w / peak_flop_per_s, ENERGY_PER_J, &work->energy_per_flop},
        {"energy per byte", power.memory_ratio * gpu->tdp_w / peak_byte_per_s, ENERGY_PER_J, &work->energy_per_byte},
        {"power of a step", power.active_ratio * gpu->tdp_w, boards_mw, &work->active_mw},
        {"power limit above idle", limit_w - gpu_idle_context_w(gpu, NULL), boards_mw, &work->cap_mw},
    };
    return coefficients_round(coefficients, sizeof coefficients / sizeof coefficients[0], diags, at);
}

bool work_model_make(const struct roofline_step *step, struct work_model *work, struct diags *diags,
                     struct position at) {
    struct work_model made = {0};
    bool ok = flop_fill(step, &made, diags, at);
    ok = byte_fill(step, &made, diags, at) && ok;
    ok = energy_fill(step, &made, diags, at) && ok;
    if (ok) {
        *work = made;
    }
    return ok;
}

#include "models/roofline.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "models/priors.h"
#include "models/step_coefficients.h"

const struct architecture_prior *architecture_prior_of(const struct gpu *gpu) {
    const struct architecture_prior *prior = architecture_priors;
    while (strncmp(gpu->arch, prior->arch, strlen(prior->arch)) != 0) {
        prior++; /* the last one's name is empty */
    }
    return prior;
}

static double compute_ratio(const struct gpu *gpu, const struct architecture_prior *prior, enum precision precision) {
    switch (precision_compute(precision)) {
    case PRECISION_FP8:
    case PRECISION_INT8:
        return isnan(gpu->mamf_fp8_ratio) ? prior->compute_fp8_ratio : gpu->mamf_fp8_ratio * PRIOR_COMPUTE_OF_MAMF;
    case PRECISION_FP4: return prior->compute_fp4_ratio;
    default:
        return isnan(gpu->mamf_bf16_ratio) ? prior->compute_bf16_ratio : gpu->mamf_bf16_ratio * PRIOR_COMPUTE_OF_MAMF;
    }
}

static struct kernel_efficiency efficiency_of(const struct gpu *gpu, enum precision precision,
                                              enum precision kv_precision) {
    const struct architecture_prior *prior = architecture_prior_of(gpu);
    bool wide = precision_byte_per_kv(kv_precision) > 1;
    return (struct kernel_efficiency){
        .memory_ratio = prior->memory_ratio,
        .compute_ratio = compute_ratio(gpu, prior, precision),
        .head_compute_ratio = compute_ratio(gpu, prior, PRECISION_BF16),
        .kv_read_ratio = wide ? prior->kv_read_16_ratio : prior->kv_read_8_ratio,
        .attention_ratio = prior->attention_ratio,
    };
}

struct roofline_step roofline_step_default(const struct llm *llm, const struct gpu *gpu, enum precision precision,
                                           enum precision kv_precision, int64_t tensor_parallel,
                                           int64_t gpus_per_node) {
    const struct node_spec node = {.gpus = gpus_per_node, .host_w = (double)NAN};
    struct roofline_step step = {
        .llm = llm,
        .gpu = gpu,
        .precision = precision,
        .kv_precision = kv_precision,
        .tensor_parallel = tensor_parallel,
        .gpus_per_node = placement_node_gpus(gpu, &node),
        .efficiency = efficiency_of(gpu, precision, kv_precision),
        .overhead = {PRIOR_STEP_S, PRIOR_LAYER_S, PRIOR_SEQ_S, PRIOR_PREFILL_STEP_S},
        .clock_ratio = 1,
        .clocks = {1, 1},
        .power = {PRIOR_POWER_ACTIVE, PRIOR_POWER_COMPUTE, PRIOR_POWER_MEMORY},
    };
    step.all_reduce = all_reduce_line(gpu, tensor_parallel, step.gpus_per_node);
    return step;
}

static const char *peak_column(enum precision precision) {
    switch (precision_compute(precision)) {
    case PRECISION_FP8: return "fp8_dense_tflops";
    case PRECISION_INT8: return "int8_dense_tops";
    case PRECISION_FP4: return "fp4_dense_tflops";
    default: return "bf16_dense_tflops";
    }
}

static bool peaks_known(const struct roofline_step *step, struct diags *diags, struct position at) {
    const struct gpu *gpu = step->gpu;
    bool ok = true;
    if (isnan(gpu->mem_bw_gb_per_s)) {
        ok = diag_error(diags, at, "catalogue-blank", "mem_bw_gb_per_s of %s is blank; define the GPU with it",
                        gpu->name);
    }
    if (isnan(gpu_peak_flop_per_s(gpu, PRECISION_BF16))) {
        ok = diag_error(diags, at, "catalogue-blank", "bf16_dense_tflops of %s is blank; define the GPU with it",
                        gpu->name);
    } else if (isnan(gpu_peak_flop_per_s(gpu, step->precision))) {
        ok = diag_error(
            diags, at, "catalogue-blank",
            "%s of %s is blank: no %s matrix products are known of it; use bf16 or int4, or define the GPU with it",
            peak_column(step->precision), gpu->name, precision_name(step->precision));
    }
    return ok;
}

int64_t roofline_boards(const struct roofline_step *step) {
    return step->tensor_parallel * (step->pipeline_parallel > 1 ? step->pipeline_parallel : 1);
}

/* GPUs that share a sequence's attention. */
static int64_t attention_gpus(const struct roofline_step *step) {
    return step->attention_dp > 1 ? step->tensor_parallel / step->attention_dp : step->tensor_parallel;
}

bool roofline_step_check(const struct roofline_step *step, struct diags *diags, struct position at) {
    if (!llm_check(step->llm, diags, at)) {
        return false;
    }
    bool ok = peaks_known(step, diags, at);
    ok = attention_dp_check(step->attention_dp, step->tensor_parallel, diags, at) && ok;
    return tensor_parallel_check(step->llm, step->tensor_parallel, diags, at) && ok;
}

/* Seconds per byte and per FLOP of one rank. */
struct rates {
    double s_per_byte, s_per_flop, s_per_head_flop, s_per_kv_byte, s_per_attention_flop;
};

static struct rates rates_of(const struct roofline_step *step) {
    const struct kernel_efficiency *ratio = &step->efficiency;
    double byte_per_s = gpu_peak_byte_per_s(step->gpu);
    double flop_per_s = step->clocks.prefill_ratio * gpu_peak_flop_per_s(step->gpu, step->precision);
    double wide_flop_per_s = step->clocks.prefill_ratio * gpu_peak_flop_per_s(step->gpu, PRECISION_BF16);
    return (struct rates){
        .s_per_byte = 1 / (byte_per_s * ratio->memory_ratio),
        .s_per_flop = 1 / (flop_per_s * ratio->compute_ratio),
        .s_per_head_flop = 1 / (wide_flop_per_s * ratio->head_compute_ratio),
        .s_per_kv_byte = 1 / (byte_per_s * ratio->kv_read_ratio),
        .s_per_attention_flop = 1 / (wide_flop_per_s * ratio->attention_ratio),
    };
}

static double stages_of(const struct roofline_step *step) {
    return step->pipeline_parallel > 1 ? (double)step->pipeline_parallel : 1;
}

/* What a round takes for each layer's time of all layers. */
static double layers_ratio(const struct roofline_step *step) {
    return stage_ratio(step->llm, (int64_t)stages_of(step));
}

/* A hop is launched as an all-reduce of two is. */
static struct collective_line hops_of(const struct roofline_step *step) {
    bool has_nvlink = !isnan(step->gpu->nvlink_gb_per_s);
    const struct collective_line pair = all_reduce_line(step->gpu, 2, 2);
    return pipeline_hops(step->gpu, step->tensor_parallel, step->pipeline_parallel, step->gpus_per_node,
                         has_nvlink ? PRIOR_NVLINK_RATIO : PRIOR_PCIE_PAIR_RATIO, pair.latency_s);
}

static bool matrices_fill(const struct roofline_step *step, const struct rates *rates, struct step_model *model,
                          struct diags *diags, struct position at) {
    const struct llm *llm = step->llm;
    double ranks = (double)step->tensor_parallel, ratio = layers_ratio(step);
    struct llm_params params = llm_params(llm);
    double body_byte = llm_body_byte(llm, step->precision);
    body_byte += attention_copies_byte(llm, step->precision, step->attention_dp);
    double expert_flop = 2 * params.experts_active;
    double body_flop = 2 * params.body;
    const struct coefficient coefficients[] = {
        {"time to read the weights", ratio * body_byte / ranks * rates->s_per_byte, UNIT_PER_S, &model->body},
        {"time to compute a token", ratio * body_flop / ranks * rates->s_per_flop, UNIT_PER_S, &model->body_token},
        {"time to read an expert", ratio * llm_expert_byte(llm, step->precision) / ranks * rates->s_per_byte,
         UNIT_PER_S, &model->expert},
        {"time of a token's experts", ratio * expert_flop / ranks * rates->s_per_flop, UNIT_PER_S,
         &model->expert_token},
        {"time to read the LM head", llm_lm_head_byte(llm) / ranks * rates->s_per_byte, UNIT_PER_S, &model->head},
        {"time to compute a sample", llm_flop_per_sample(llm) / ranks * rates->s_per_head_flop, UNIT_PER_S,
         &model->head_seq},
    };
    return coefficients_round(coefficients, sizeof coefficients / sizeof coefficients[0], diags, at);
}

static bool attention_fill(const struct roofline_step *step, const struct rates *rates, struct step_model *model,
                           struct diags *diags, struct position at) {
    const struct llm *llm = step->llm;
    double ratio = layers_ratio(step), layers = ratio * (double)llm->layers;
    double kv_byte = ratio * llm_kv_byte_per_tok_per_gpu(llm, step->kv_precision, attention_gpus(step));
    double own_tokens = step->attention_dp > 1 ? 1 / (double)step->attention_dp : 1; /* of a rank */
    double context_s = kv_byte * rates->s_per_kv_byte / stages_of(step); /* each micro-batch reads its part */
    double attention_s =
        ratio * llm_prefill_attention_flop(llm) / (double)attention_gpus(step) * rates->s_per_attention_flop;
    double windowed = llm_window_ratio(llm);
    double reduces = step->tensor_parallel > 1 ? 2 * layers : 0;
    const struct collective_line hops = hops_of(step);
    double reduce_s_per_token = reduces * (double)llm->hidden * 2 * step->all_reduce.s_per_byte;
    double layers_s = step->overhead.per_layer_s * layers;
    double hop_s_per_token = (double)llm->hidden * 2 * hops.s_per_byte;
    const struct coefficient coefficients[] = {
        {"time of a token of context", context_s * (1 - windowed), UNIT_PER_S, &model->context},
        {"time of a token of windowed context", context_s * windowed, UNIT_PER_S, &model->window_context},
        {"time of prefill attention", attention_s * (1 - windowed), UNIT_PER_S, &model->attention},
        {"time of windowed prefill attention", attention_s * windowed, UNIT_PER_S, &model->window_attention},
        {"time of a token", kv_byte * own_tokens * rates->s_per_byte + reduce_s_per_token + hop_s_per_token, UNIT_PER_S,
         &model->token},
        {"time of a step", step->overhead.per_step_s + layers_s + reduces * step->all_reduce.latency_s + hops.latency_s,
         UNIT_PER_S, &model->step},
        {"time of a sequence", step->overhead.per_seq_s, UNIT_PER_S, &model->seq},
        {"time of a prefill step", step->overhead.per_prefill_step_s, UNIT_PER_S, &model->prefill_step},
        {"host's time of a step", step->host_step_s, UNIT_PER_S, &model->host},
        {"host's time of a sequence", step->host_seq_s, UNIT_PER_S, &model->host_seq},
        {"quantum", step->quantum_s, UNIT_PER_S, &model->quantum},
    };
    model->window = llm->sliding_window;
    model->ranks = step->attention_dp;
    return coefficients_round(coefficients, sizeof coefficients / sizeof coefficients[0], diags, at);
}

/* ---- a pipeline's rounds, as curves ---- */

/* Products of `number` tokens or sequences: max(reading, computing). */
static void add_products(struct step_parts *parts, double reading, double computing) {
    parts->total_s += fmax(reading, computing);
    parts->compute_s += computing > reading ? computing : 0;
}

/* Of the lines that the model has so far. Units, not seconds. */
static struct step_parts tokens_of_lines(const struct step_model *model, double tokens) {
    struct step_parts parts = {.total_s = (double)model->step + (double)model->token * tokens};
    add_products(&parts, (double)model->body, (double)model->body_token * tokens);
    if (model->touched.values != NULL) {
        const int64_t last = model->touched.count - 1;
        const int64_t touched = model->touched.values[tokens < (double)last ? (int64_t)tokens : last];
        add_products(&parts, (double)model->expert * (double)touched / (double)(1 << TOUCHED_SHIFT),
                     (double)model->expert_token * tokens);
    }
    return parts;
}

static struct step_parts samples_of_lines(const struct step_model *model, double sequences) {
    struct step_parts parts = {.total_s = (double)model->seq * sequences, .engine_s = (double)model->seq * sequences};
    add_products(&parts, (double)model->head, (double)model->head_seq * sequences);
    return parts;
}

static struct step_parts in_seconds(struct step_parts a, struct step_parts b) {
    return (struct step_parts){.total_s = (a.total_s + b.total_s) / UNIT_PER_S,
                               .compute_s = (a.compute_s + b.compute_s) / UNIT_PER_S,
                               .engine_s = (a.engine_s + b.engine_s) / UNIT_PER_S};
}

static bool fill_curve(struct time_curve *curve, const struct step_parts *parts) {
    return time_curve_fill(curve, &parts[1].total_s, sizeof *parts / sizeof(double), UNIT_PER_S);
}

static bool curves_of_lines(const struct roofline_step *step, struct step_model *model, struct diags *diags,
                            struct position at) {
    struct step_curves *curves = model->curves = xcalloc(1, sizeof *curves);
    const struct step_parts none = {0};
    for (size_t i = 1; i < CURVE_NODES; i++) {
        const double number = (double)time_curve_number(i);
        const struct step_parts tokens = tokens_of_lines(model, number), samples = samples_of_lines(model, number);
        curves->decodes[i] = curves->tokens[i] = in_seconds(tokens, none);
        curves->samples[i] = in_seconds(samples, none);
    }
    model->step = model->body = model->body_token = model->expert = model->expert_token = 0;
    model->head = model->head_seq = model->token = model->seq = 0;
    model->stages = step->pipeline_parallel;
    model->micro_tokens = step->micro_batch_tok;
    return (fill_curve(&model->decodes, curves->decodes) && fill_curve(&model->tokens, curves->tokens) &&
            fill_curve(&model->samples, curves->samples)) ||
           diag_error(diags, at, "coefficient-range", "the time of a step of %s on %s is beyond all range",
                      step->llm->name, step->gpu->name);
}

/* The table of experts touched belongs to the step's model, whatever `work` says. */
static struct step_model *model_with_table(const struct roofline_step *step, const struct work_model *work) {
    if (work != NULL) {
        return step_model_make(work);
    }
    const struct work_model routing = {.experts = step->llm->experts, .experts_per_tok = step->llm->experts_per_tok};
    return step_model_make(&routing);
}

struct step_model *step_model_new_roofline(const struct roofline_step *roofline, const struct work_model *work,
                                           struct diags *diags, struct position at) {
    if (!roofline_step_check(roofline, diags, at)) {
        return NULL;
    }
    struct step_model *model = model_with_table(roofline, work);
    model->captured = capture_table_make(roofline->capture_sizes, roofline->capture_count);
    const struct rates rates = rates_of(roofline);
    bool ok = matrices_fill(roofline, &rates, model, diags, at);
    ok = attention_fill(roofline, &rates, model, diags, at) && ok;
    if (ok && roofline->pipeline_parallel > 1) {
        CHECK(roofline->micro_batch_tok > 0);
        ok = curves_of_lines(roofline, model, diags, at);
    }
    if (!ok) {
        step_model_free(model);
        return NULL;
    }
    return model;
}

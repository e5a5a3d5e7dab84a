/* throughput_fixture.h - machines for tests of the throughput kernel: real shapes on real GPUs, typed in by hand. */
#ifndef TOKENMILL_TESTS_UNIT_THROUGHPUT_FIXTURE_H
#define TOKENMILL_TESTS_UNIT_THROUGHPUT_FIXTURE_H

#include "models/gpu.h"
#include "models/llm.h"
#include "models/profile.h"
#include "models/roofline.h"
#include "models/throughput.h"
#include "models/work.h"

/* A step model and the machine that is made of it; `model` is the caller's. */
struct throughput_rig {
    struct llm llm;
    struct gpu gpu;
    struct roofline_step step;
    struct step_model *model;
    struct throughput_parts parts;
    struct throughput_machine machine;
    double host_step_s, host_seq_s;
    int64_t attention_dp, pipeline_parallel;
    bool is_profile;      /* kernels with neutral overheads in place of the roofline */
    int64_t draft_tokens; /* of speculation; 0: none */
    double accepted_tok;
    bool has_draft; /* its model is one layer of the target */
};

static struct llm llama_8b(void) {
    struct llm llm = llm_unknown();
    llm.name = "Llama-3.1-8B";
    llm.layers = 32;
    llm.hidden = 4096;
    llm.heads = 32;
    llm.kv_heads = 8;
    llm.head_dim = 128;
    llm.ffn_dim = 14336;
    llm.vocab = 128256;
    return llm;
}

static inline struct llm mixtral_8x7b(void) {
    struct llm llm = llama_8b();
    llm.name = "Mixtral-8x7B";
    llm.ffn_dim = 0;
    llm.moe_ffn_dim = 14336;
    llm.experts = 8;
    llm.experts_per_tok = 2;
    llm.vocab = 32000;
    return llm;
}

/* Five of six layers look back `window` tokens. */
static inline struct llm windowed_8b(int64_t window) {
    struct llm llm = llama_8b();
    llm.name = "windowed";
    llm.sliding_window = window;
    llm.global_layer_period = 6;
    return llm;
}

static struct gpu h100(void) {
    struct gpu gpu = gpu_unknown();
    gpu.name = "H100-SXM";
    gpu.arch = "Hopper";
    gpu.mem_gb = 80;
    gpu.mem_bw_gb_per_s = 3350;
    gpu.bf16_dense_tflops = 989;
    gpu.tdp_w = 700;
    gpu.idle_w = 62;
    gpu.nvlink_gb_per_s = 450;
    return gpu;
}

static inline struct step_model *rig_profile(const struct throughput_rig *rig, const struct work_model *work,
                                             bool is_draft, struct diags *diags) {
    static const struct profile neutral = {.name = "neutral"};
    const struct position nowhere = {0};
    const struct profile_step step = {
        .setup = {.llm = &rig->llm,
                  .gpu = &rig->gpu,
                  .precision = PRECISION_BF16,
                  .kv_precision = PRECISION_BF16,
                  .engine = SERVING_VLLM,
                  .tensor_parallel = rig->step.tensor_parallel,
                  .expert_parallel = 1,
                  .attention_dp = rig->attention_dp > 1 ? rig->attention_dp : 1,
                  .pipeline_parallel = rig->pipeline_parallel,
                  .gpus_per_node = 8},
        .micro_batch_tok = 8192,
        .profile = &neutral,
        .draft_tokens = is_draft ? 0 : rig->draft_tokens,
        .is_draft = is_draft,
    };
    return step_model_new_profile(&step, work, diags, nowhere);
}

/* One layer of the target, without the engine's own time. */
static inline struct step_model *rig_draft(const struct throughput_rig *target, struct diags *diags) {
    const struct position nowhere = {0};
    struct throughput_rig rig = *target;
    struct work_model work;
    rig.llm.layers = 1;
    rig.step.llm = &rig.llm;
    rig.step.overhead.per_step_s = rig.step.overhead.per_seq_s = rig.step.overhead.per_prefill_step_s = 0;
    assert_true(work_model_make(&rig.step, &work, diags, nowhere));
    return rig.is_profile ? rig_profile(&rig, &work, true, diags)
                          : step_model_new_roofline(&rig.step, &work, diags, nowhere);
}

static inline void rig_speculate(struct throughput_rig *rig, struct diags *diags) {
    if (rig->draft_tokens > 0) {
        step_model_speculate(rig->model, rig->draft_tokens, CAPTURED_TOKENS,
                             rig->has_draft ? rig_draft(rig, diags) : NULL);
    }
}

/* Fills `rig`, whose llm and gpu are set. */
static inline void rig_make(struct throughput_rig *rig, int64_t tensor_parallel, int64_t num_gpu_blocks) {
    const struct position nowhere = {0};
    struct diags *diags = diags_new();
    struct work_model work;
    rig->step = roofline_step_default(&rig->llm, &rig->gpu, PRECISION_BF16, PRECISION_BF16, tensor_parallel, 8);
    rig->step.host_step_s = rig->host_step_s;
    rig->step.host_seq_s = rig->host_seq_s;
    rig->step.attention_dp = rig->attention_dp;
    rig->step.pipeline_parallel = rig->pipeline_parallel;
    rig->step.micro_batch_tok = 8192;
    assert_true(work_model_make(&rig->step, &work, diags, nowhere));
    rig->model = rig->is_profile ? rig_profile(rig, &work, false, diags)
                                 : step_model_new_roofline(&rig->step, &work, diags, nowhere);
    assert_non_null(rig->model);
    rig_speculate(rig, diags);
    rig->parts = (struct throughput_parts){
        .step_model = rig->model,
        .roofline = &rig->step,
        .num_gpu_blocks = num_gpu_blocks,
        .block_size = 16,
        .max_num_batched_tokens = 8192 * (rig->pipeline_parallel > 1 ? rig->pipeline_parallel : 1),
        .accepted_tok = rig->accepted_tok,
        .idle_w = 250 * (double)tensor_parallel,
        .psu_efficiency = 0.94,
        .pue = 1.2,
        .usd_per_hour = 2.5 * (double)tensor_parallel,
        .usd_per_kwh_at_wall = 0.1,
    };
    rig->machine = throughput_machine_of(&rig->parts);
    diags_free(diags);
}

#endif

/* kernels_table.h - what kernels reach, by architecture: fits to the kernel tables of aiconfigurator (Apache-2.0; vLLM 0.24 and others on A100, H100,
 * H200, B200, L40S, RTX PRO 6000): 34,455 GEMMs, 30,299 attention and 15,866 mixture-of-experts kernels, 8,263 collectives. Rejected: tables whose
 * time does not move over a factor of 64 in m while above 5 times the roofline (block-scaled fp8 GEMMs; fp8 experts on Hopper). No kernels of AMD
 * were to be had: the CDNA rows are first guesses, corrected by serving runs (profiles.csv). MLA: from serving runs likewise. */
#ifndef TOKENMILL_MODELS_KERNELS_TABLE_H
#define TOKENMILL_MODELS_KERNELS_TABLE_H

#include "models/serving_engine.h"

enum kernel_format { FORMAT_16, FORMAT_8, FORMAT_4, FORMAT_MX4, FORMAT_COUNT };

enum kernel_arch { KERNELS_HOPPER, KERNELS_BLACKWELL, KERNELS_AMPERE, KERNELS_ADA, KERNELS_CDNA, KERNELS_ARCH_COUNT };

/* t0 [us], shares of bandwidth and of the format's peak, and how sharp the corner between them is. */
struct gemm_constants {
    double t0_us, memory_ratio, compute_ratio, sharpness;
};

static const struct gemm_constants gemm_table[KERNELS_ARCH_COUNT][FORMAT_COUNT] = {
    [KERNELS_HOPPER] = {{3.7, 0.855, 0.805, 4.0},
                        {7.2, 0.85, 0.60, 1.65},
                        {7.2, 0.80, 0.60, 1.65},
                        {3.7, 0.855, 0.805, 4.0}},
    [KERNELS_BLACKWELL] = {{3.7, 0.79, 0.71, 3.4},
                           {7.8, 0.75, 0.44, 2.06},
                           {7.9, 0.83, 0.41, 2.24},
                           {3.7, 0.79, 0.71, 3.4}},
    [KERNELS_AMPERE] = {{5.8, 0.76, 0.85, 1.71},
                        {5.8, 0.76, 0.85, 1.71},
                        {5.8, 0.76, 0.85, 1.71},
                        {5.8, 0.76, 0.85, 1.71}},
    [KERNELS_ADA] = {{2.0, 0.77, 0.60, 3.96},
                     {2.7, 0.74, 0.49, 1.53},
                     {2.7, 0.74, 0.49, 1.53},
                     {2.0, 0.77, 0.60, 3.96}},
    [KERNELS_CDNA] = {{6.0, 0.70, 0.50, 2.5}, {8.0, 0.65, 0.45, 2.0}, {8.0, 0.65, 0.35, 2.0}, {6.0, 0.70, 0.50, 2.5}},
};

/* Experts. Launching and sorting, then the two sides of the corner as above (the peak is that of the math: 16 bit for MX4), reading and
 * writing activations [times token bytes / bandwidth], the Zipf exponent of which experts tokens pick. */
struct expert_constants {
    double launch_us, memory_ratio, compute_ratio, sharpness, activation_passes, zipf;
};

static const struct expert_constants expert_table[KERNELS_ARCH_COUNT][FORMAT_COUNT] = {
    [KERNELS_HOPPER] = {{35.0, 0.87, 0.69, 1.3, 28, 0.7},
                        {34.0, 0.85, 0.29, 1.5, 21, 0.6},
                        {66.0, 0.74, 0.70, 1.0, 15, 0.9},
                        {66.0, 0.74, 0.70, 1.0, 15, 0.9}},
    [KERNELS_BLACKWELL] = {{14.7, 0.76, 0.36, 1.7, 13, 0.8},
                           {22.0, 0.80, 0.30, 1.2, 20, 0.8},
                           {16.8, 0.82, 0.51, 1.0, 12.6, 0.7},
                           {21.4, 0.50, 0.28, 1.1, 25, 0.9}},
    [KERNELS_AMPERE] = {{64.0, 0.76, 0.33, 1.3, 30, 0.7},
                        {64.0, 0.76, 0.33, 1.3, 30, 0.7},
                        {64.0, 0.76, 0.33, 1.3, 30, 0.7},
                        {64.0, 0.76, 0.33, 1.3, 30, 0.7}},
    [KERNELS_ADA] = {{11.0, 0.79, 0.67, 1.3, 18, 0.7},
                     {16.0, 0.80, 0.58, 1.5, 20, 0.6},
                     {20.0, 0.80, 0.55, 1.6, 19, 0.6},
                     {20.0, 0.80, 0.55, 1.6, 19, 0.6}},
    [KERNELS_CDNA] = {{40.0, 0.65, 0.35, 1.3, 25, 0.7},
                      {40.0, 0.65, 0.25, 1.3, 25, 0.7},
                      {40.0, 0.60, 0.25, 1.3, 25, 0.7},
                      {40.0, 0.60, 0.25, 1.3, 25, 0.7}},
};

/* Bytes a second of 4-bit experts that a GPU without 4-bit products unpacks at most. */
#define KERNELS_HOPPER_UNPACK_BYTE_PER_S 2.5e12

/* Attention: of a decoding step, of each sequence and KV head; shares of bandwidth with KV of 16 and of 8 bit (Hopper: at most a rate); prefill:
 * shares of the 16-bit peak, and of bandwidth for queries, keys, values and results. */
struct attention_constants {
    double step_us, sequence_us, memory_16_ratio, memory_8_ratio, compute_ratio, activation_ratio;
};

static const struct attention_constants attention_table[KERNELS_ARCH_COUNT] = {
    [KERNELS_HOPPER] = {11.5, 0.0245, 0.91, 0.91, 0.69, 0.37},
    [KERNELS_BLACKWELL] = {9.2, 0.0095, 0.927, 0.905, 0.61, 0.25},
    [KERNELS_AMPERE] = {17.3, 0.0326, 0.75, 0.75, 0.59, 0.355},
    [KERNELS_ADA] = {9.8, 0.024, 0.92, 0.90, 0.54, 1.0},
    [KERNELS_CDNA] = {12.0, 0.03, 0.75, 0.65, 0.40, 0.3},
};
#define KERNELS_HOPPER_KV8_BYTE_PER_S 2.85e12

/* Multi-head latent attention: decoding's products at this share of the 16-bit peak at most; the absorbed up-projections, batched by head: launch,
 * shares of bandwidth and of the 16-bit peak. */
#define KERNELS_MLA_DECODE_RATIO         0.5
#define KERNELS_MLA_ABSORB_US            6.0
#define KERNELS_MLA_ABSORB_MEMORY_RATIO  0.7
#define KERNELS_MLA_ABSORB_COMPUTE_RATIO 0.4

/* Element-wise kernels: numbers of the residual stream, and of a feed-forward's width, that each token moves in a layer; share of bandwidth. */
#define KERNELS_ELEMENT_STREAM_PASSES 8
#define KERNELS_ELEMENT_WIDTH_PASSES  3
#define KERNELS_ELEMENT_MEMORY_RATIO  0.7

/* Gated linear attention (Qwen3-Next, Qwen3.5): launch, state in 32 bit of 64 heads x 128 x 128, read and written for each sequence, and its
 * gates' projection. */
#define KERNELS_LINEAR_LAUNCH_US    20.0
#define KERNELS_LINEAR_STATE_NUMBER (64.0 * 128 * 128)
#define KERNELS_LINEAR_GATE_WIDTH   8192.0

/* All-reduce [us]: a + b (ranks - 1), share of the link's bandwidth. By engine, on NVLink by architecture, then PCIe 4 and 5. */
struct collective_constants {
    double base_us, rank_us, link_ratio;
};

enum kernel_link { LINK_HOPPER, LINK_BLACKWELL, LINK_AMPERE, LINK_CDNA, LINK_PCIE4, LINK_PCIE5, LINK_COUNT };

static const struct collective_constants collective_table[SERVING_ENGINE_COUNT][LINK_COUNT] = {
    [SERVING_VLLM] =
        {{4.3, 0.14, 0.63}, {6.9, 0.15, 0.51}, {4.7, 0.27, 0.56}, {8.0, 0.5, 0.5}, {1.2, 3.6, 0.12}, {0.5, 3.9, 0.43}},
    [SERVING_SGLANG] =
        {{2.3, 0.22, 0.65}, {3.9, 0.25, 0.53}, {5.0, 0.21, 0.59}, {8.0, 0.5, 0.5}, {0.7, 4.1, 0.12}, {0.5, 4.0, 0.44}},
    [SERVING_TRTLLM] =
        {{2.6, 0.145, 0.59}, {4.4, 0.18, 0.49}, {3.7, 0.53, 0.47}, {8.0, 0.5, 0.5}, {3.2, 3.1, 0.16}, {3.4, 3.3, 0.38}},
};

#endif

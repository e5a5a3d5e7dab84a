/* parallel.h - tensor parallelism: how a model is cut, and what its all-reduces cost.
 *
 *     all-reduce of n bytes over r GPUs = latency(link) + 2 (r - 1) / r x n / bandwidth(link)        (ring; two a
 *     layer)
 * so a step's communication is affine in its tokens. Over m nodes of g GPUs: within each node, and over the network each GPU its g-th of the bytes at
 * its own port, one pipelined with the other:
 *     latency(node) + latency(network) + n max(2 (g - 1) / g / bandwidth(link), 2 (m - 1) / m / (g x bandwidth(port)))
 * Check value: 16 H200 in two nodes with a 400 Gb/s port each were measured at 3.9e-12 s a byte (nccl-tests, 0.5 to 8 GiB); 6.3e-12 here, where the link
 * within the node decides; a flat ring over ports would take 47e-12. Measured one-shot kernels (small messages) are within the
 * latency term. Source of the constants: models/priors.h. */
#ifndef TOKENMILL_MODELS_PARALLEL_H
#define TOKENMILL_MODELS_PARALLEL_H

#include "base/diag.h"
#include "models/gpu.h"
#include "models/llm.h"

/* May `llm` be cut over `tensor_parallel` GPUs? Query heads, FFN width and (unless replicated) KV heads must divide.
 * Rule "tensor-parallel-shape"; the message lists what would do. */
bool tensor_parallel_check(const struct llm *llm, int64_t tensor_parallel, struct diags *diags, struct position at);

/* KV heads on each rank: max(1, kv_heads / tensor_parallel). */
int64_t kv_heads_per_rank(const struct llm *llm, int64_t tensor_parallel);

/* Time of one all-reduce: latency_s + byte x s_per_byte. Zero for one rank. */
struct collective_line {
    double latency_s;
    double s_per_byte;
};

/* The link between `ranks` GPUs as its datasheet has it: one way, per GPU; beyond a node its network, with that's latency. */
struct collective_line link_line(const struct gpu *gpu, int64_t ranks, int64_t gpus_per_node);

/* What an all-reduce of GPUs in several nodes adds: latency, and the time of a byte over the network, which may hide behind the node's; zero where
 * one node, or a rack's NVLink, holds them all. */
struct collective_line network_line(const struct gpu *gpu, int64_t ranks, int64_t gpus_per_node);

/* Of so many GPUs, those that are in one node or rack. */
int64_t ranks_in_node(const struct gpu *gpu, int64_t ranks, int64_t gpus_per_node);

/* `ranks` GPUs within nodes of `gpus_per_node`; beyond a node over its network. */
struct collective_line all_reduce_line(const struct gpu *gpu, int64_t ranks, int64_t gpus_per_node);

/* Attention data parallelism: `attention_dp` groups of tensor_parallel / attention_dp GPUs each hold attention weights and a KV cache of their
 * own, and serve sequences of their own there; the feed-forward layers are cut over all GPUs (vLLM's and SGLang's data-parallel
 * attention). 0 counts as 1. Rule "attention-dp" unless it divides tensor_parallel. */
bool attention_dp_check(int64_t attention_dp, int64_t tensor_parallel, struct diags *diags, struct position at);

/* Pipeline parallelism: `stages` groups of tensor_parallel GPUs, each with its part of the layers. As many micro-batches are in flight; a replica's step is a
 * round, in which each of them passes all stages once:
 *     round = layers' time of the largest micro-batch x stage_layers stages / layers + stages hops         (the slowest stage decides)
 * A hop hands 16-bit activations of the micro-batch to the next stage: latency + tokens x hidden x 2 B / link, of which the GPUs of a stage share a
 * network. Rule "pipeline-parallel-shape" unless every stage has a layer. */
bool pipeline_parallel_check(const struct llm *llm, int64_t stages, struct diags *diags, struct position at);

/* Layers of the stage that has most: layers / stages, up. */
int64_t stage_layers(const struct llm *llm, int64_t stages);

/* How much longer a round takes than all layers in a row, since stages are not equal: stage_layers stages / layers. */
double stage_ratio(const struct llm *llm, int64_t stages);

/* All hops of a round together, for a micro-batch of so many bytes of activations: `stages` of them, between nodes where a stage's
 * GPUs and the next one's are in two. `link_ratio`: share of the link's bandwidth; `launch_s`: of one hop. 0 for one stage. */
struct collective_line pipeline_hops(const struct gpu *gpu, int64_t tensor_parallel, int64_t stages,
                                     int64_t gpus_per_node, double link_ratio, double launch_s);

/* Bytes of all copies of the attention weights beyond the first. */
double attention_copies_byte(const struct llm *llm, enum precision precision, int64_t attention_dp);

#endif

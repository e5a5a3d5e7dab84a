#include "models/parallel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/priors.h"

enum { LIST_SIZE = 160 };

static bool divides(int64_t part, int64_t whole) {
    return whole % part == 0;
}

/* Widths that are cut across ranks: none of them may leave a remainder. */
static bool shape_divides(const struct llm *llm, int64_t tensor_parallel) {
    bool heads = divides(tensor_parallel, llm->heads);
    bool ffn = divides(tensor_parallel, llm->ffn_dim) && divides(tensor_parallel, llm->moe_ffn_dim);
    bool kv = llm->attention == ATTENTION_MLA || divides(tensor_parallel, llm->kv_heads) ||
              divides(llm->kv_heads, tensor_parallel);
    return heads && ffn && kv;
}

static void list_of_sizes(const struct llm *llm, char text[LIST_SIZE]) {
    size_t used = 0;
    text[0] = '\0';
    for (int64_t size = 1; size <= 64 && used < LIST_SIZE; size++) {
        if (shape_divides(llm, size)) {
            used += (size_t)snprintf(text + used, LIST_SIZE - used, "%s%lld", used > 0 ? ", " : "", (long long)size);
        }
    }
}

bool tensor_parallel_check(const struct llm *llm, int64_t tensor_parallel, struct diags *diags, struct position at) {
    if (tensor_parallel > 0 && shape_divides(llm, tensor_parallel)) {
        return true;
    }
    char sizes[LIST_SIZE];
    list_of_sizes(llm, sizes);
    return diag_error(
        diags, at, "tensor-parallel-shape",
        "tensor_parallel = %lld does not cut %s evenly (%lld heads, %lld KV heads, FFN width %lld); these do: %s",
        (long long)tensor_parallel, llm->name, (long long)llm->heads, (long long)llm->kv_heads,
        (long long)(llm->experts > 0 ? llm->moe_ffn_dim : llm->ffn_dim), sizes);
}

bool attention_dp_check(int64_t attention_dp, int64_t tensor_parallel, struct diags *diags, struct position at) {
    return attention_dp <= 1 || divides(attention_dp, tensor_parallel) ||
           diag_error(diags, at, "attention-dp", "attention_dp = %lld does not divide tensor_parallel = %lld",
                      (long long)attention_dp, (long long)tensor_parallel);
}

double attention_copies_byte(const struct llm *llm, enum precision precision, int64_t attention_dp) {
    return attention_dp > 1 ? (double)(attention_dp - 1) * llm_attention_byte(llm, precision) : 0;
}

int64_t kv_heads_per_rank(const struct llm *llm, int64_t tensor_parallel) {
    return llm->kv_heads > tensor_parallel ? llm->kv_heads / tensor_parallel : 1;
}

static double pcie_byte_per_s(const struct gpu *gpu) {
    double byte_per_s = PRIOR_PCIE_GEN3_BYTE_PER_S;
    for (int generation = 3; !isnan(gpu->pcie_gen) && generation < (int)gpu->pcie_gen; generation++) {
        byte_per_s *= 2;
    }
    return byte_per_s;
}

/* Racks whose NVLink spans nodes. */
static bool is_rack_scale(const struct gpu *gpu) {
    return strstr(gpu->name, "NVL72") != NULL;
}

struct collective_line link_line(const struct gpu *gpu, int64_t ranks, int64_t gpus_per_node) {
    bool has_nvlink = !isnan(gpu->nvlink_gb_per_s);
    struct collective_line line = {0, 1 / (has_nvlink ? gpu->nvlink_gb_per_s * 1e9 : pcie_byte_per_s(gpu))};
    if (ranks > gpus_per_node && !is_rack_scale(gpu)) {
        line.latency_s = PRIOR_NETWORK_LATENCY_S;
        line.s_per_byte = fmax(line.s_per_byte, 1 / PRIOR_NETWORK_BYTE_PER_S);
    }
    return line;
}

struct collective_line network_line(const struct gpu *gpu, int64_t ranks, int64_t gpus_per_node) {
    if (gpus_per_node <= 0 || ranks <= gpus_per_node || is_rack_scale(gpu)) {
        return (struct collective_line){0, 0};
    }
    const double nodes = ceil((double)ranks / (double)gpus_per_node), ports = (double)gpus_per_node;
    return (struct collective_line){PRIOR_NETWORK_LATENCY_S,
                                    2 * (nodes - 1) / nodes / (ports * PRIOR_NETWORK_BYTE_PER_S)};
}

int64_t ranks_in_node(const struct gpu *gpu, int64_t ranks, int64_t gpus_per_node) {
    return network_line(gpu, ranks, gpus_per_node).latency_s > 0 ? gpus_per_node : ranks;
}

struct collective_line all_reduce_line(const struct gpu *gpu, int64_t ranks, int64_t gpus_per_node) {
    if (ranks <= 1) {
        return (struct collective_line){0, 0};
    }
    const struct collective_line network = network_line(gpu, ranks, gpus_per_node);
    ranks = ranks_in_node(gpu, ranks, gpus_per_node);
    double latency_s = PRIOR_PCIE_LATENCY_PER_RANK_S * (double)ranks;
    double byte_per_s = pcie_byte_per_s(gpu) * (ranks == 2 ? PRIOR_PCIE_PAIR_RATIO : PRIOR_PCIE_SHARED_RATIO);
    if (!isnan(gpu->nvlink_gb_per_s)) {
        latency_s = PRIOR_NVLINK_LATENCY_S + PRIOR_NVLINK_LATENCY_PER_RANK_S * (double)ranks;
        byte_per_s = gpu->nvlink_gb_per_s * 1e9 * PRIOR_NVLINK_RATIO;
    }
    double passes = 2 * (double)(ranks - 1) / (double)ranks;
    return (struct collective_line){latency_s + network.latency_s, fmax(passes / byte_per_s, network.s_per_byte)};
}

/* ---- pipelines ---- */

bool pipeline_parallel_check(const struct llm *llm, int64_t stages, struct diags *diags, struct position at) {
    return stages <= llm->layers ||
           diag_error(diags, at, "pipeline-parallel-shape",
                      "pipeline_parallel = %lld is more than the %lld layers of %s: a stage would have none",
                      (long long)stages, (long long)llm->layers, llm->name);
}

int64_t stage_layers(const struct llm *llm, int64_t stages) {
    return (llm->layers + stages - 1) / stages;
}

double stage_ratio(const struct llm *llm, int64_t stages) {
    return (double)(stage_layers(llm, stages) * stages) / (double)llm->layers;
}

struct collective_line pipeline_hops(const struct gpu *gpu, int64_t tensor_parallel, int64_t stages,
                                     int64_t gpus_per_node, double link_ratio, double launch_s) {
    if (stages <= 1) {
        return (struct collective_line){0, 0};
    }
    const struct collective_line near = link_line(gpu, 2, 2);
    const struct collective_line far = link_line(gpu, 2, 1);
    const int64_t node = gpus_per_node > 0 ? gpus_per_node : tensor_parallel * stages;
    const int64_t nodes = (tensor_parallel * stages + node - 1) / node;
    const double crossing = nodes > 1 ? (double)nodes : 0; /* the last stage's answer goes back to the first node */
    const double within = (double)stages - fmin(crossing, (double)stages);
    const double ports = (double)tensor_parallel; /* of a stage, to the network */
    return (struct collective_line){
        .latency_s = (double)stages * launch_s + ((double)stages - within) * far.latency_s,
        .s_per_byte = (within * near.s_per_byte + ((double)stages - within) * far.s_per_byte / ports) / link_ratio,
    };
}

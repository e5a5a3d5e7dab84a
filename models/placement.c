#include "models/placement.h"

#include <math.h>

#include "base/check.h"
#include "models/priors.h"

const char *node_billing_name(enum node_billing billing) {
    return billing == NODE_BILLING_NODE ? "node" : "gpu";
}

int64_t placement_node_gpus(const struct gpu *gpu, const struct node_spec *node) {
    if (node->gpus > 0) {
        return node->gpus;
    }
    return isnan(gpu->gpus_per_node) || gpu->gpus_per_node < 1 ? PRIOR_GPUS_PER_NODE : (int64_t)gpu->gpus_per_node;
}

static int64_t nodes_needed(const struct placement *placement, int64_t replicas, int64_t gpus_per_replica) {
    if (placement->replicas_per_node == 0) {
        return replicas * (gpus_per_replica / placement->node_gpus);
    }
    return (replicas + placement->replicas_per_node - 1) / placement->replicas_per_node;
}

bool placement_make(const struct gpu *gpu, const struct node_spec *node, int64_t replicas, int64_t gpus_per_replica,
                    struct placement *placement, struct diags *diags, struct position at) {
    CHECK(replicas >= 0 && gpus_per_replica > 0);
    struct placement made = {.node_gpus = placement_node_gpus(gpu, node)};
    if (gpus_per_replica > made.node_gpus && gpus_per_replica % made.node_gpus != 0) {
        return diag_error(
            diags, at, "node-shape",
            "a replica of %lld GPUs takes several nodes of %lld, and must fill them: use a multiple of %lld",
            (long long)gpus_per_replica, (long long)made.node_gpus, (long long)made.node_gpus);
    }
    made.replicas_per_node = made.node_gpus / gpus_per_replica;
    made.nodes = nodes_needed(&made, replicas, gpus_per_replica);
    made.gpus_placed = replicas * gpus_per_replica;
    made.gpus_paid = node->billing == NODE_BILLING_NODE ? made.nodes * made.node_gpus : made.gpus_placed;
    made.host_w = isnan(node->host_w) ? PRIOR_HOST_W_PER_GPU * (double)made.node_gpus : node->host_w;
    *placement = made;
    return true;
}

double placement_host_w(const struct placement *placement, enum node_billing billing) {
    if (billing == NODE_BILLING_NODE) {
        return placement->host_w * (double)placement->nodes;
    }
    return placement->host_w * (double)placement->gpus_paid / (double)placement->node_gpus;
}

double placement_committed_kw(const struct placement *placement, enum node_billing billing, const struct gpu *gpu,
                              double psu_efficiency) {
    double boards_w = (double)placement->gpus_paid * gpu->tdp_w;
    return (boards_w + placement_host_w(placement, billing)) / psu_efficiency / 1000;
}

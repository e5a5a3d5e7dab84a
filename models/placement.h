/* placement.h - replicas onto nodes: GPUs used, GPUs paid, hosts powered.
 *
 * A replica does not span nodes unless it has more GPUs than a node; then it takes whole nodes. Other replicas fill a
 * node up: floor(node.gpus / tensor_parallel) of them. Pools do not share nodes. With billing `gpu` only GPUs in
 * replicas are paid; with `node` all GPUs of every node. Check value: 3 replicas of 4 GPUs on 8-GPU nodes: 2 nodes,
 * 12 placed, 16 paid by node. */
#ifndef TOKENMILL_MODELS_PLACEMENT_H
#define TOKENMILL_MODELS_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "models/gpu.h"

enum node_billing { NODE_BILLING_GPU, NODE_BILLING_NODE };
const char *node_billing_name(enum node_billing billing); /* "gpu", "node" */

struct node_spec {
    int64_t gpus; /* 0: the catalogue's gpus_per_node; where that is blank, 8 */
    enum node_billing billing;
    double host_w; /* the node without its GPUs, at its supply's output; NaN: 150 W per GPU slot (EcoLogits: 1.2 kW per
                      8 GPUs) */
};

struct placement {
    int64_t node_gpus, replicas_per_node; /* 0 replicas per node: each takes several */
    int64_t nodes;
    int64_t gpus_placed, gpus_paid;
    double host_w; /* one node */
};

/* GPUs of a node: the spec's, or the catalogue's, or 8. */
int64_t placement_node_gpus(const struct gpu *gpu, const struct node_spec *node);

/* `gpus_per_replica` = tensor_parallel. Rule "node-shape" if a replica larger than a node is no multiple of it. */
bool placement_make(const struct gpu *gpu, const struct node_spec *node, int64_t replicas, int64_t gpus_per_replica,
                    struct placement *placement, struct diags *diags, struct position at);

/* Watts of host power to count: with billing `node` every node's; with billing `gpu` the part of the nodes' hosts
 * that the paid GPUs take (a tenant's share). */
double placement_host_w(const struct placement *placement, enum node_billing billing);

/* Nameplate at the wall, kW: (paid GPUs x TDP + host power) / psu_efficiency. */
double placement_committed_kw(const struct placement *placement, enum node_billing billing, const struct gpu *gpu,
                              double psu_efficiency);

#endif

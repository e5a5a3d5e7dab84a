/* roofline.h - step time from the datasheet: bytes over bandwidth or FLOP over compute, whichever is longer, plus
 * communication and the engine's own time.
 *
 *     t = max(body bytes / (BW em), body FLOP x tokens / (peak ec))                       every token, per rank
 *       + max(touched(tokens) x expert bytes / (BW em), expert FLOP x tokens / (peak ec)) routed experts, per rank
 *       + max(head bytes / (BW em), head FLOP x sequences / (peak16 ec16))                LM head, sampled positions
 *       + KV bytes x decode context / (BW ek) + KV bytes x tokens / (BW em)               reads of decodes, writes
 *                    of windowed layers min(context, window), in prefill attention likewise
 *       + prefill attention FLOP / (peak16 ea)
 *       + 2 layers (latency + tokens x hidden x 2 B x s_per_byte)                         all-reduces, if tp > 1
 *       + c0 + cl layers + cs sequences + (cpf if anything prefills)                      the engine
 * and at least host_step_s + host_seq_s sequences: what the host takes to prepare the next step meanwhile.
 * With attention data parallelism the terms of context and prefill attention are those of the slowest rank, over tensor_parallel / attention_dp
 * GPUs; each rank reads its own copy of the attention weights; tokens and their KV are taken to be spread evenly, communication
 * as without it (a gather and a scatter of tokens move what an all-reduce does).
 * A pipeline's round takes this for its largest micro-batch, all layers' terms times the slowest stage's share (models/parallel.h), and hops; head
 * and cs once more for each other micro-batch. It is tabulated as curves (models/time_curve.h), straight between their nodes.
 * Context enters additive terms only, so that a step is affine in it. Source: S. Williams et al., "Roofline", CACM
 * 52(4), 2009; constants: models/priors.h. Valid: dense models within about 20 %; untested shapes 25 % and more. */
#ifndef TOKENMILL_MODELS_ROOFLINE_H
#define TOKENMILL_MODELS_ROOFLINE_H

#include <stddef.h>

#include "base/diag.h"
#include "models/gpu.h"
#include "models/llm.h"
#include "models/parallel.h"
#include "models/power.h"
#include "models/step_model.h"

/* Shares of the datasheet's peaks that kernels reach, 0..1. */
struct kernel_efficiency {
    double memory_ratio;       /* em: streaming weights */
    double compute_ratio;      /* ec: matrix products in the precision at hand */
    double head_compute_ratio; /* ec of the LM head, 16 bit */
    double kv_read_ratio;      /* ek: decode attention */
    double attention_ratio;    /* ea: prefill attention, 16 bit */
};

/* The serving engine's own time. */
struct engine_overhead {
    double per_step_s, per_layer_s, per_seq_s, per_prefill_step_s;
};

enum { CAPTURE_SIZE_MAX = 1 << 16 };

struct roofline_step {
    const struct llm *llm; /* borrowed */
    const struct gpu *gpu; /* borrowed */
    enum precision precision, kv_precision;
    int64_t tensor_parallel;
    int64_t attention_dp;           /* see models/parallel.h; 0 or 1: none */
    int64_t pipeline_parallel;      /* likewise */
    int64_t micro_batch_tok;        /* of a pipeline's micro-batch: tokens of prompts at most */
    int64_t gpus_per_node;          /* for the link of the all-reduces */
    double quantum_s;               /* 0: none */
    double host_step_s, host_seq_s; /* asynchronous scheduling; 0: off */
    /* Batch sizes of captured CUDA graphs, 1..CAPTURE_SIZE_MAX, ascending: a step of decodes alone computes as if it had the next of them;
     * beyond the last, and with prefill, steps are not padded. */
    const int64_t *capture_sizes; /* borrowed */
    size_t capture_count;
    struct kernel_efficiency efficiency;
    struct engine_overhead overhead;
    struct collective_line all_reduce;
    double clock_ratio;         /* SM clock asked for, of the greatest: of energy */
    struct phase_clocks clocks; /* that steps take, of times; here the first is for all products */
    double power_limit_w;       /* of a board; 0: TDP */
    struct power_shares power;  /* by default PRIOR_POWER; the catalogue has them by architecture */
};

/* GPUs of a replica. */
int64_t roofline_boards(const struct roofline_step *step);

/* A step with everything from models/priors.h. `gpus_per_node` 0: the catalogue's. Change single fields afterwards. */
struct roofline_step roofline_step_default(const struct llm *llm, const struct gpu *gpu, enum precision precision,
                                           enum precision kv_precision, int64_t tensor_parallel, int64_t gpus_per_node);

/* Does the GPU have what the step needs: memory bandwidth and a peak at this precision (rule "catalogue-blank",
 * naming the column)? Is the model cut well (models/parallel.h), its shape complete (llm_check)? */
bool roofline_step_check(const struct roofline_step *step, struct diags *diags, struct position at);

#endif

/* step_curves.h - the curves of a profile in seconds, and what of them is which resource's: for formulas that take averages of steps
 * (models/throughput.h). The engine goes by the same numbers in integers (models/time_curve.h). */
#ifndef TOKENMILL_MODELS_STEP_CURVES_H
#define TOKENMILL_MODELS_STEP_CURVES_H

#include "models/time_curve.h"

/* Compute: products where computing takes longer than reading. Engine: the host. What is left is memory bandwidth, launching kernels included. */
struct step_parts {
    double total_s, compute_s, communication_s, engine_s;
};

/* Nodes as time_curve_number says; at 0 all is 0. */
struct step_curves {
    struct step_parts decodes[CURVE_NODES]; /* by decodes: of a step of decodes alone, without samples */
    struct step_parts tokens[CURVE_NODES];  /* by tokens: of a step with prefill */
    struct step_parts samples[CURVE_NODES]; /* by sequences */
};

/* Between the nodes straight. */
static inline struct step_parts step_parts_at(const struct step_parts *nodes, double number) {
    const struct curve_place place = time_curve_place(number);
    const struct step_parts *from = &nodes[place.node], *to = &nodes[place.node + 1];
    return (struct step_parts){
        .total_s = from->total_s + place.part * (to->total_s - from->total_s),
        .compute_s = from->compute_s + place.part * (to->compute_s - from->compute_s),
        .communication_s = from->communication_s + place.part * (to->communication_s - from->communication_s),
        .engine_s = from->engine_s + place.part * (to->engine_s - from->engine_s),
    };
}

#endif

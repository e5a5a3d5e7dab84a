/* power.h - what GPU boards draw, as shares of TDP by architecture.
 *
 *     board = idle with context + TDP (active [a step runs] + compute u_flop + memory u_byte),  at most TDP
 * u_flop and u_byte are a step's executed FLOP and bytes of GPU memory over its time and the datasheet's peaks. A step's energy is thus affine in
 * its work: models/work.h. Linear in u does as well as concave forms once idle, an active share and what is really executed (tiles of
 * experts) are right: docs/power.md has both, with errors on held-out groups. Shares: catalog/power.csv, fitted by catalog/make_power.py. */
#ifndef TOKENMILL_MODELS_POWER_H
#define TOKENMILL_MODELS_POWER_H

/* Board power above idle-with-context, as shares of TDP. */
struct power_shares {
    double active_ratio, compute_ratio, memory_ratio;
};

/* A row of power.csv. A field's name is its column's name. */
struct architecture_power {
    const char *name; /* the GPU's `arch` begins with it */
    double active_ratio, active_lower, active_upper;
    double compute_ratio, compute_lower, compute_upper;
    double memory_ratio, memory_lower, memory_upper;
    const char *status, *note, *source, *as_of;
};

#endif

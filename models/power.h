/* power.h - what GPU boards draw, as shares of TDP by architecture.
 *
 *     board = idle with context + TDP (active [a step runs] + compute u_flop + memory u_byte),  at most TDP
 * u_flop and u_byte are a step's executed FLOP and bytes of GPU memory over its time and the datasheet's peaks. A step's energy is thus affine in
 * its work: models/work.h. Linear in u does as well as concave forms once idle, an active share and what is really executed (tiles of
 * experts) are right: docs/power.md has both, with errors on held-out groups. Shares: catalog/power.csv, fitted by catalog/make_power.py.
 *
 * With the SM clock at a share f of its greatest, and V(f) = max(f, POWER_VOLTAGE_FLOOR) of the voltage there,
 *     FLOP/s x f,  bytes/s as before;  active x f V^2,  energy of a FLOP x V^2,  of a byte as before  (P ~ f V^2).
 * A limit lowers the clock to where the hottest step of a phase meets it, for steps with prefill and for those of decodes alone apart: compute-bound
 * prefill then takes 1 / f as long, decodes that wait for memory hardly longer. Both clocks hold for all steps of their phase.
 * Check values: a limit of half of TDP, 350 of 700 W with 100 W idle, leaves compute-bound work (250/600)^(1/3) = 0.747 of its clock,
 * 1.34 times its time; Splitwise (arXiv 2311.18677; splitwise-sim's perf_model.csv) has 1.3 for prompts and 1.0 for tokens on H100. */
#ifndef TOKENMILL_MODELS_POWER_H
#define TOKENMILL_MODELS_POWER_H

#include <stdint.h>

/* Board power above idle-with-context, as shares of TDP. */
struct power_shares {
    double active_ratio, compute_ratio, memory_ratio;
};

/* Of the SM clock's greatest; the voltage falls with it down to a floor. */
#define POWER_VOLTAGE_FLOOR 0.6
#define POWER_CLOCK_MIN     0.2

double power_voltage_ratio(double clock_ratio);

/* The shares at a clock: of TDP, and per FLOP and byte of the datasheet's peaks. Check values: 0.8 -> active x 0.512, compute x 0.64; 0.5 ->
 * active x 0.18, compute x 0.36. */
struct power_shares power_shares_at(struct power_shares shares, double clock_ratio);

/* Shares of the greatest SM clock, for steps with prefill and for steps of decodes alone. */
struct phase_clocks {
    double prefill_ratio, decode_ratio;
};

struct roofline_step;
struct profile_step;

/* A step under a limit. */
struct limited_step {
    const struct roofline_step *roofline; /* borrowed; power_limit_w, below TDP, and clock_ratio are set */
    const struct profile_step *profile;   /* borrowed; NULL: times are the roofline's */
    int64_t max_num_seqs, max_num_batched_tokens;
    int64_t draft_tokens; /* of a decode, speculating; what makes them is left out */
};

/* The clocks at which no step of a phase goes beyond the limit: prefill of max_num_batched_tokens (8,192 at most), 1, 2, 4, ... decodes of
 * 1,024 tokens of context each. The board's own limit is taken to hold at clock_ratio. At least POWER_CLOCK_MIN: then energy alone is cut. */
struct phase_clocks power_clocks_within(const struct limited_step *step);

/* A row of power.csv. A field's name is its column's name. */
struct architecture_power {
    const char *name; /* the GPU's `arch` begins with it */
    double active_ratio, active_lower, active_upper;
    double compute_ratio, compute_lower, compute_upper;
    double memory_ratio, memory_lower, memory_upper;
    const char *status, *note, *source, *as_of;
};

#endif

/* image.h - image generators (diffusion): what one denoising step of a batch takes, and what an image takes besides.
 *
 * A request is one image. The engine sees it as a prompt of one token and an answer of as many tokens as there are
 * denoising steps, without context: each image in a batch does one denoising step a step, the first of them with what is
 * done once (text encoder, decoder of latents). Batches, queues, energy and cost are then those of the engines.
 *
 *     t = c0 + cl layers + max(weights / (BW em), n step FLOP / (peak r a)) + images begun x image FLOP / (peak r a)
 * with n images in the batch. Step FLOP include guidance (two forward passes where the model uses it).
 * r: share of the peak that this model reaches on Hopper, measured (its row), else 0.24. a: what the architecture reaches
 * of that: Blackwell (B200) 0.63. cl: 300 us a layer. Source of r, a and cl: fits to ML.ENERGY leaderboard v3
 * (eager Diffusers, bfloat16, 1024 x 1024, batches of 1..32, one GPU; r on H100 alone, a over seven models on B200),
 * tests/images/images.py. Memory traffic counts in the energy only (time has it in r).
 * Valid: 1024 x 1024, one GPU a replica; without a measured r within about 30 %. Check value: FLUX.1-dev (74.4 TFLOP a
 * step) on H100, one image a batch: 57 x 0.3 ms + 74.4e12 / (989e12 x 0.342) + 0.45 ms = 237.5 ms. */
#ifndef TOKENMILL_MODELS_IMAGE_H
#define TOKENMILL_MODELS_IMAGE_H

#include "base/diag.h"
#include "models/gpu.h"
#include "models/power.h"
#include "models/step_model.h"
#include "models/work.h"

/* A row of vision.csv. Numbers that are not known are NaN. */
struct vision_model {
    const char *name;
    const char *kind; /* "vision-classifier", "image-diffusion" */
    double total_params_b, flops_per_unit_gmac, steps;
    double layers;        /* that a denoising step goes through; both passes of guidance are one batch */
    double step_tflop;    /* of one image and denoising step, guidance included */
    double step_gbyte;    /* activations read and written, likewise */
    double image_tflop;   /* once an image: text encoder, decoder of latents */
    double compute_ratio; /* r */
    double energy_h100_j_per_unit, energy_b200_j_per_unit;
    const char *default_precision;
    const char *status, *note, *source, *as_of;
};

struct image_step {
    const struct vision_model *model; /* borrowed */
    const struct gpu *gpu;            /* borrowed */
    enum precision precision;
    struct power_shares power;
};

/* Does the row say what a step needs, and the GPU (rule "catalogue-blank")? Do the weights fit (rule "model-fits")? */
bool image_step_check(const struct image_step *step, struct diags *diags, struct position at);

/* Of a step that passed the check. Rule "coefficient-range". */
bool image_work_make(const struct image_step *step, struct work_model *work, struct diags *diags, struct position at);
struct step_model *step_model_new_image(const struct image_step *step, const struct work_model *work,
                                        struct diags *diags, struct position at);

double image_weight_byte(const struct image_step *step);

/* Is r a prior rather than the row's? */
bool image_ratio_is_assumed(const struct image_step *step);

#endif

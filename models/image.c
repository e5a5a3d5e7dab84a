#include "models/image.h"

#include <math.h>
#include <string.h>

#include "models/priors.h"
#include "models/step_coefficients.h"

#define IMAGE_COMPUTE_RATIO 0.24   /* geometric mean over the seven measured ones, 0.19..0.34 */
#define IMAGE_B200_RATIO    0.63   /* 0.58..0.66 over seven models */
#define IMAGE_LAYER_S       300e-6 /* 150..600 us */

double image_weight_byte(const struct image_step *step) {
    return step->model->total_params_b * 1e9 * precision_byte_per_weight(step->precision);
}

bool image_ratio_is_assumed(const struct image_step *step) {
    return isnan(step->model->compute_ratio);
}

static bool is_given(double value, const char *column, const char *name, struct diags *diags, struct position at) {
    return !isnan(value) ||
           diag_error(diags, at, "catalogue-blank", "%s of %s is blank; an image's time needs it", column, name);
}

bool image_step_check(const struct image_step *step, struct diags *diags, struct position at) {
    const struct vision_model *model = step->model;
    const struct gpu *gpu = step->gpu;
    bool ok = is_given(model->total_params_b, "total_params_b", model->name, diags, at);
    ok = is_given(model->layers, "layers", model->name, diags, at) && ok;
    ok = is_given(model->step_tflop, "step_tflop", model->name, diags, at) && ok;
    ok = is_given(model->image_tflop, "image_tflop", model->name, diags, at) && ok;
    ok = is_given(gpu->mem_gb, "mem_gb", gpu->name, diags, at) && ok;
    ok = is_given(gpu->mem_bw_gb_per_s, "mem_bw_gb_per_s", gpu->name, diags, at) && ok;
    ok = is_given(gpu_peak_flop_per_s(gpu, step->precision), "the peak in this precision", gpu->name, diags, at) && ok;
    if (ok && image_weight_byte(step) > gpu_mem_byte(gpu)) {
        ok = diag_error(diags, at, "model-fits", "%s in %s needs %.1f GB; 1 x %s has %.15g GB", model->name,
                        precision_name(step->precision), image_weight_byte(step) / 1e9, gpu->name, gpu->mem_gb);
    }
    return ok;
}

bool image_work_make(const struct image_step *step, struct work_model *work, struct diags *diags, struct position at) {
    const struct gpu *gpu = step->gpu;
    const struct power_shares *power = &step->power;
    const double step_byte = isnan(step->model->step_gbyte) ? 0 : step->model->step_gbyte * 1e9;
    const bool has_power = !isnan(gpu->tdp_w);
    const double tdp_w = has_power ? gpu->tdp_w : 0;
    const double cap_w = has_power ? gpu->tdp_w - gpu_idle_context_w(gpu, NULL) : 0;
    struct work_model made = {0};
    /* What is done once an image rides on prefill attention: a prompt of one token has x2 = 1. */
    const struct coefficient coefficients[] = {
        {"FLOP of a denoising step", step->model->step_tflop, 1e12, &made.flop_per_token},
        {"FLOP of an image", step->model->image_tflop, 1e12, &made.flop_per_attention_x2},
        {"bytes of weights", image_weight_byte(step), 1, &made.byte_per_step},
        {"bytes of a denoising step", step_byte, 1, &made.byte_per_token},
        {"energy per FLOP", power->compute_ratio * tdp_w / gpu_peak_flop_per_s(gpu, step->precision), ENERGY_PER_J,
         &made.energy_per_flop},
        {"energy per byte", power->memory_ratio * tdp_w / gpu_peak_byte_per_s(gpu), ENERGY_PER_J,
         &made.energy_per_byte},
        {"power of a step", power->active_ratio * tdp_w, 1000, &made.active_mw},
        {"TDP above idle", cap_w, 1000, &made.cap_mw},
    };
    if (!coefficients_round(coefficients, sizeof coefficients / sizeof coefficients[0], diags, at)) {
        return false;
    }
    *work = made;
    return true;
}

static double flop_per_s(const struct image_step *step) {
    const double ratio = image_ratio_is_assumed(step) ? IMAGE_COMPUTE_RATIO : step->model->compute_ratio;
    const double of_it = strcmp(step->gpu->arch, "Blackwell") == 0 ? IMAGE_B200_RATIO : 1;
    return gpu_peak_flop_per_s(step->gpu, step->precision) * ratio * of_it;
}

struct step_model *step_model_new_image(const struct image_step *step, const struct work_model *work,
                                        struct diags *diags, struct position at) {
    struct step_model *model = step_model_make(work);
    const double byte_per_s = gpu_peak_byte_per_s(step->gpu) * architecture_prior_of(step->gpu)->memory_ratio;
    const double s_per_tflop = 1e12 / flop_per_s(step);
    const struct coefficient coefficients[] = {
        {"time to read the weights", image_weight_byte(step) / byte_per_s, UNIT_PER_S, &model->body},
        {"time of a denoising step", step->model->step_tflop * s_per_tflop, UNIT_PER_S, &model->body_token},
        {"time of an image", step->model->image_tflop * s_per_tflop, UNIT_PER_S, &model->prefill_token},
        {"time of a step", PRIOR_STEP_S + step->model->layers * IMAGE_LAYER_S, UNIT_PER_S, &model->step},
    };
    if (!coefficients_round(coefficients, sizeof coefficients / sizeof coefficients[0], diags, at)) {
        step_model_free(model);
        return NULL;
    }
    return model;
}

#include <stddef.h>

#include "models/step_coefficients.h"
#include "models/step_model.h"

struct step_model *step_model_new_linear(const struct linear_step *linear, const struct work_model *work,
                                         struct diags *diags, struct position at) {
    struct step_model *model = step_model_make(work);
    const struct coefficient coefficients[] = {
        {"c0", linear->c0_s, UNIT_PER_S, &model->step},
        {"c1", linear->c1_s, UNIT_PER_S, &model->prefill_token},
        {"c2", linear->c2_s, UNIT_PER_S, &model->decode},
        {"c3", linear->c3_s, UNIT_PER_S, &model->context},
        {"c4", linear->c4_s, UNIT_PER_S, &model->attention},
        {"quantum", linear->quantum_s, UNIT_PER_S, &model->quantum},
        {"padding.per_token", linear->pad_token_s, UNIT_PER_S, &model->pad_token},
    };
    model->pad_multiple = linear->pad_multiple;
    if (!coefficients_round(coefficients, sizeof coefficients / sizeof coefficients[0], diags, at)) {
        step_model_free(model);
        return NULL;
    }
    return model;
}

#include <stddef.h>

#include "models/step_coefficients.h"
#include "models/step_model.h"

struct step_model *step_model_new_linear(const struct linear_step *linear, const struct work_model *work,
                                         struct diags *diags, struct position at) {
    struct step_model *model = step_model_make(work);
    const struct coefficient coefficients[] = {
        {"c0", linear->c0_s, UNIT_PER_S, &model->step},
        {"c1", linear->c1_s, UNIT_PER_S, &model->prefill_token},
        {"c2", linear->c2_s + (double)linear->draft_tokens * linear->c1_s, UNIT_PER_S, &model->decode},
        {"c3", linear->c3_s, UNIT_PER_S, &model->context},
        {"c4", linear->c4_s, UNIT_PER_S, &model->attention},
        {"c5", linear->window_tok > 0 ? linear->c5_s : 0, UNIT_PER_S, &model->window_context},
        {"c6", linear->window_tok > 0 ? linear->c6_s : 0, UNIT_PER_S, &model->window_attention},
        {"h0", linear->h0_s, UNIT_PER_S, &model->host},
        {"h1", linear->h1_s, UNIT_PER_S, &model->host_seq},
        {"quantum", linear->quantum_s, UNIT_PER_S, &model->quantum},
        {"padding.per_token", linear->pad_token_s, UNIT_PER_S, &model->pad_token},
    };
    model->pad_multiple = linear->pad_multiple;
    model->window = linear->window_tok;
    model->ranks = linear->attention_dp;
    if (!coefficients_round(coefficients, sizeof coefficients / sizeof coefficients[0], diags, at)) {
        step_model_free(model);
        return NULL;
    }
    return model;
}

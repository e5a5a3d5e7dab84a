#include "models/profile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "models/step_coefficients.h"

/* ---- values ---- */

static const char names[] =
    "c0 cl cs cpf hl clm clblk cmla cep cdp ca phi Se Sa Sx Sm Sma Smx mt mla fam Spf Spa Spm r0 rq r1";

const char *profile_names(void) {
    return names;
}

bool profile_knows(const char *name) {
    size_t size = strlen(name);
    for (const char *at = strstr(names, name); size > 0 && at != NULL; at = strstr(at + 1, name)) {
        if ((at == names || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

double profile_value(const struct profile *profile, const char *name, const char *scope) {
    for (size_t i = 0; i < profile->value_count; i++) {
        if (strcmp(profile->values[i].name, name) == 0 && strcmp(profile->values[i].scope, scope) == 0) {
            return profile->values[i].value;
        }
    }
    return (double)NAN;
}

static double value_or(const struct profile *profile, const char *name, const char *scope, double fallback) {
    double value = profile_value(profile, name, scope);
    return isnan(value) ? fallback : value;
}

enum { SCOPE_SIZE = 64 };

struct scopes {
    const char *engine, *arch, *family;
    char format[SCOPE_SIZE];        /* "Hopper|8b" */
    char engine_format[SCOPE_SIZE]; /* "vllm|Hopper|8b" */
    char engine_kind[SCOPE_SIZE];   /* "vllm|moe" */
};

/* The family that a model's name says; "" if none is known. */
static const char *family_of(const struct llm *llm) {
    static const char *const families[][2] = {
        {"Llama-4", "llama4"},    {"Llama", "llama"},          {"Qwen3.5", "qwen3.5"}, {"Qwen3-235", "qwen3moe"},
        {"Qwen3-30", "qwen3moe"}, {"Qwen3-Coder", "qwen3moe"}, {"Qwen", "qwen"},       {"DeepSeek", "deepseek"},
        {"gpt-oss", "gpt-oss"},   {"MiniMax", "minimax"},      {"Gemma", "gemma"},
    };
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (strncmp(llm->name, families[i][0], strlen(families[i][0])) == 0) {
            return families[i][1];
        }
    }
    return "";
}

static struct scopes scopes_of(const struct kernels *kernels, const struct kernel_setup *setup) {
    struct scopes scopes = {.engine = serving_engine_name(setup->engine),
                            .arch = kernels_arch_name(kernels),
                            .family = family_of(setup->llm)};
    const char *format = kernels_format_name(kernels);
    snprintf(scopes.format, SCOPE_SIZE, "%s|%s", scopes.arch, format);
    snprintf(scopes.engine_format, SCOPE_SIZE, "%s|%s|%s", scopes.engine, scopes.arch, format);
    snprintf(scopes.engine_kind, SCOPE_SIZE, "%s|%s", scopes.engine, setup->llm->experts > 0 ? "moe" : "dense");
    return scopes;
}

/* Neutral values where the profile says nothing of an engine. */
#define DEFAULT_STEP_S         0.6e-3
#define DEFAULT_LAYER_S        4e-6
#define DEFAULT_SEQUENCE_S     15e-6
#define DEFAULT_PREFILL_STEP_S 2.5e-3
#define DEFAULT_MLA_LAYER_S    20e-6
#define DEFAULT_EP_LAYER_S     10e-6
#define DEFAULT_DP_LAYER_S     20e-6
#define DEFAULT_BLOCK_LAYER_S  20e-6
#define DEFAULT_FLOOR_DENSE_S  0.4e-3
#define DEFAULT_FLOOR_MOE_S    1.5e-3
#define DEFAULT_PREFILL_EXPERT 1.2
#define DEFAULT_REQUEST_S      5e-3
#define DEFAULT_SERVE_S        0.5e-3
#define DEFAULT_SERVE_TOKEN_S  0.2e-6

static double host_s(const struct profile *profile, const struct kernels *kernels, const struct kernel_setup *setup,
                     const struct scopes *scopes) {
    const struct llm *llm = setup->llm;
    double layers = (double)llm->layers, expert_layers = (double)llm_moe_layers(llm);
    double slower = value_or(profile, "ca", scopes->arch, 1);
    double host = slower * (value_or(profile, "c0", scopes->engine, DEFAULT_STEP_S) +
                            value_or(profile, "cl", scopes->engine, DEFAULT_LAYER_S) * layers);
    host += value_or(profile, "clm", scopes->engine, 1) * value_or(profile, "mt", scopes->format, 1) *
            kernels_expert_launch_s(kernels);
    if (strcmp(kernels_format_name(kernels), "8b") == 0) {
        host += value_or(profile, "clblk", "", DEFAULT_BLOCK_LAYER_S) * layers;
    }
    if (llm->attention == ATTENTION_MLA) {
        host += slower * value_or(profile, "cmla", scopes->engine, DEFAULT_MLA_LAYER_S) * layers;
    }
    if (setup->expert_parallel > 1) {
        host += value_or(profile, "cep", scopes->engine, DEFAULT_EP_LAYER_S) * expert_layers;
    }
    if (setup->attention_dp > 1) {
        host += value_or(profile, "cdp", "", DEFAULT_DP_LAYER_S) * layers;
    }
    return host;
}

struct profile_terms profile_terms_of(const struct profile *profile, const struct kernels *kernels,
                                      const struct kernel_setup *setup) {
    const struct scopes scopes = scopes_of(kernels, setup);
    double family = value_or(profile, "fam", scopes.family, 1);
    bool is_moe = setup->llm->experts > 0;
    double floor_s = is_moe ? DEFAULT_FLOOR_MOE_S : DEFAULT_FLOOR_DENSE_S;
    return (struct profile_terms){
        .matrix_scale = value_or(profile, "Se", scopes.engine, 1) * value_or(profile, "Sa", scopes.format, 1) *
                        value_or(profile, "Sx", scopes.engine_format, 1) * family,
        .expert_scale = value_or(profile, "Sm", scopes.engine, 1) * value_or(profile, "Sma", scopes.format, 1) *
                        value_or(profile, "Smx", scopes.engine_format, 1) * family,
        .collective_scale = value_or(profile, "phi", scopes.engine, 1),
        .mla_scale = setup->llm->attention == ATTENTION_MLA ? value_or(profile, "mla", "", 1) : 1,
        .prefill_scale = value_or(profile, "Spf", scopes.engine, 1) * value_or(profile, "Spa", scopes.format, 1),
        .prefill_expert_scale = value_or(profile, "Spm", scopes.format, DEFAULT_PREFILL_EXPERT),
        .host_s = host_s(profile, kernels, setup, &scopes),
        .sequence_s = value_or(profile, "cs", scopes.engine, DEFAULT_SEQUENCE_S),
        .is_synchronous = setup->engine == SERVING_VLLM_011,
        .prefill_step_s = value_or(profile, "cpf", scopes.engine, DEFAULT_PREFILL_STEP_S),
        .prefill_floor_s = value_or(profile, "hl", scopes.engine_kind, floor_s) * (double)setup->llm->layers,
        .request_s = value_or(profile, "r0", scopes.engine, DEFAULT_REQUEST_S),
        .serve_s = value_or(profile, "rq", scopes.engine, DEFAULT_SERVE_S),
        .serve_token_s = value_or(profile, "r1", scopes.engine, DEFAULT_SERVE_TOKEN_S),
        .is_calibrated =
            !isnan(profile_value(profile, "c0", scopes.engine)) && !isnan(profile_value(profile, "Sa", scopes.format)),
    };
}

/* ---- knots ---- */

static bool same_arch(const char *arch, const struct gpu *gpu) {
    return strncmp(gpu->arch, arch, strlen(arch)) == 0;
}

/* A GPU whose table stands for others of its architecture with links of the same kind. */
static const char *representative(const struct gpu *gpu) {
    if (isnan(gpu->nvlink_gb_per_s)) {
        return gpu->pcie_gen >= 5 ? "RTX-PRO-6000-Blackwell-Server" : "L40S";
    }
    return same_arch("Hopper", gpu)      ? "H100-SXM"
           : same_arch("Blackwell", gpu) ? "B200-SXM"
           : same_arch("Ampere", gpu)    ? "A100-80GB-SXM"
                                         : "";
}

static enum serving_engine library_of(enum serving_engine engine) {
    return engine == SERVING_VLLM_011 ? SERVING_VLLM : engine == SERVING_ATOM ? SERVING_SGLANG : engine;
}

static const struct collective_knots *find_knots(const struct profile *profile, const char *gpu,
                                                 enum serving_engine engine, int64_t ranks) {
    for (size_t i = 0; i < profile->knot_count; i++) {
        const struct collective_knots *knots = &profile->knots[i];
        if (strcmp(knots->gpu, gpu) == 0 && knots->engine == engine && knots->ranks == ranks) {
            return knots;
        }
    }
    return NULL;
}

const struct collective_knots *profile_knots(const struct profile *profile, const struct gpu *gpu,
                                             enum serving_engine engine, int64_t ranks) {
    const struct collective_knots *own = find_knots(profile, gpu->name, library_of(engine), ranks);
    return own != NULL ? own : find_knots(profile, representative(gpu), library_of(engine), ranks);
}

/* ---- the model ---- */

struct maker {
    const struct kernels *kernels;
    struct profile_terms terms;
    struct kernel_attention attention;
    double ranks; /* of attention */
};

static double sequences_s(const struct maker *maker, double sequences) {
    const double knee = 256, beyond_ratio = 0.2;
    bool is_short = maker->terms.is_synchronous || sequences <= knee;
    return maker->terms.sequence_s * (is_short ? sequences : knee + beyond_ratio * (sequences - knee));
}

/* What the kernels take for so many tokens, all of one kind. */
struct counted {
    double number;
    struct kernel_time matrix, expert, head;
    double collective_s;
};

static struct counted counted_of(const struct maker *maker, double number) {
    const struct profile_terms *terms = &maker->terms;
    return (struct counted){
        .number = number,
        .matrix = kernels_matrix(maker->kernels, number),
        .expert = kernels_expert(maker->kernels, number),
        .head = kernels_head(maker->kernels, number),
        .collective_s = terms->collective_scale * kernels_collective_s(maker->kernels, number),
    };
}

/* A step of so many decodes alone, without their contexts. */
static struct step_parts decodes_parts(const struct maker *maker, const struct counted *counted) {
    const struct profile_terms *terms = &maker->terms;
    double attention_s = maker->attention.step_s + maker->attention.sequence_s * counted->number / maker->ranks;
    double engine_s = terms->host_s + sequences_s(maker, counted->number);
    double matrix_s = terms->matrix_scale * (counted->matrix.s + counted->head.s + terms->mla_scale * attention_s);
    return (struct step_parts){
        .total_s = matrix_s + terms->expert_scale * counted->expert.s + counted->collective_s + engine_s,
        .compute_s = terms->matrix_scale * (counted->matrix.compute_s + counted->head.compute_s) +
                     terms->expert_scale * counted->expert.compute_s,
        .communication_s = counted->collective_s,
        .engine_s = engine_s,
    };
}

/* What depends on the tokens of a step with prefill. */
static struct step_parts tokens_parts(const struct maker *maker, const struct counted *counted) {
    const struct profile_terms *terms = &maker->terms;
    double matrix_scale = terms->prefill_scale * terms->matrix_scale;
    double expert_scale = terms->prefill_scale * terms->prefill_expert_scale * terms->expert_scale;
    double attention_s = terms->matrix_scale * terms->mla_scale * 2 * maker->attention.step_s;
    double products_s = matrix_scale * counted->matrix.s + expert_scale * counted->expert.s;
    return (struct step_parts){
        .total_s = products_s + counted->collective_s + terms->host_s + attention_s,
        .compute_s = matrix_scale * counted->matrix.compute_s + expert_scale * counted->expert.compute_s,
        .communication_s = counted->collective_s,
        .engine_s = terms->host_s,
    };
}

/* What depends on its sequences. */
static struct step_parts samples_parts(const struct maker *maker, const struct counted *counted) {
    double engine_s = sequences_s(maker, counted->number);
    return (struct step_parts){
        .total_s = maker->terms.matrix_scale * counted->head.s + engine_s,
        .compute_s = maker->terms.matrix_scale * counted->head.compute_s,
        .engine_s = engine_s,
    };
}

static bool fill_curve(struct time_curve *curve, const struct step_parts *parts) {
    return time_curve_fill(curve, &parts[1].total_s, sizeof *parts / sizeof(double), UNIT_PER_S);
}

static bool fill_curves(const struct profile_step *step, const struct maker *maker, struct step_model *model,
                        struct diags *diags, struct position at) {
    struct step_curves *curves = model->curves = xcalloc(1, sizeof *curves);
    for (size_t i = 1; i < CURVE_NODES; i++) {
        const struct counted counted = counted_of(maker, (double)time_curve_number(i));
        curves->decodes[i] = decodes_parts(maker, &counted);
        curves->tokens[i] = tokens_parts(maker, &counted);
        curves->samples[i] = samples_parts(maker, &counted);
    }
    return (fill_curve(&model->decodes, curves->decodes) && fill_curve(&model->tokens, curves->tokens) &&
            fill_curve(&model->samples, curves->samples)) ||
           diag_error(diags, at, "coefficient-range", "the time of a step of %s on %s is beyond all range",
                      step->setup.llm->name, step->setup.gpu->name);
}

static bool fill_coefficients(const struct profile_step *step, const struct maker *maker, struct step_model *model,
                              struct diags *diags, struct position at) {
    const struct profile_terms *terms = &maker->terms;
    const struct kernel_attention *attention = &maker->attention;
    double decoding = terms->matrix_scale * terms->mla_scale, prefilling = decoding * terms->prefill_scale;
    const struct coefficient coefficients[] = {
        {"time of a token of context", decoding * attention->context_s, UNIT_PER_S, &model->context},
        {"time of a token of windowed context", decoding * attention->window_context_s, UNIT_PER_S,
         &model->window_context},
        {"time of prefill attention", prefilling * attention->prefill_pair_s, UNIT_PER_S, &model->attention},
        {"time of windowed prefill attention", prefilling * attention->prefill_window_pair_s, UNIT_PER_S,
         &model->window_attention},
        {"time of a prompt's token", prefilling * attention->prefill_token_s / maker->ranks, UNIT_PER_S,
         &model->prefill_token},
        {"time of a decode beside prompts", decoding * attention->sequence_s / maker->ranks, UNIT_PER_S,
         &model->decode},
        {"time of a prefill step", terms->prefill_step_s, UNIT_PER_S, &model->prefill_step},
        {"least time of a prefill step", terms->prefill_floor_s, UNIT_PER_S, &model->prefill_floor},
        {"quantum", step->quantum_s, UNIT_PER_S, &model->quantum},
    };
    model->window = step->setup.llm->sliding_window;
    model->ranks = step->setup.attention_dp;
    return coefficients_round(coefficients, sizeof coefficients / sizeof coefficients[0], diags, at);
}

bool profile_is_calibrated(const struct profile_step *step) {
    struct kernels *kernels = kernels_new(&step->setup);
    struct profile_terms terms = profile_terms_of(step->profile, kernels, &step->setup);
    kernels_free(kernels);
    return terms.is_calibrated;
}

struct step_model *step_model_new_profile(const struct profile_step *step, const struct work_model *work,
                                          struct diags *diags, struct position at) {
    if (!kernels_check(&step->setup, diags, at)) {
        return NULL;
    }
    struct kernels *kernels = kernels_new(&step->setup);
    struct maker maker = {
        .kernels = kernels,
        .terms = profile_terms_of(step->profile, kernels, &step->setup),
        .attention = kernels_attention(kernels),
        .ranks = (double)step->setup.attention_dp,
    };
    struct step_model *model = step_model_make(work);
    model->captured = capture_table_make(step->capture_sizes, step->capture_count);
    bool ok = fill_curves(step, &maker, model, diags, at);
    ok = fill_coefficients(step, &maker, model, diags, at) && ok;
    kernels_free(kernels);
    if (!ok) {
        step_model_free(model);
        return NULL;
    }
    return model;
}

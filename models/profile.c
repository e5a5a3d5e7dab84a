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

const char *profile_term_name(enum profile_term term) {
    static const char *const each[TERM_COUNT] = {"c0",  "cl",  "cs",  "cpf", "hl",  "clm", "clblk", "cmla", "cep",
                                                 "cdp", "ca",  "phi", "Se",  "Sa",  "Sx",  "Sm",    "Sma",  "Smx",
                                                 "mt",  "mla", "fam", "Spf", "Spa", "Spm", "r0",    "rq",   "r1"};
    return each[term];
}

const char *profile_term_unit(enum profile_term term) {
    bool is_time = (term <= TERM_CDP && term != TERM_CLM) || term >= TERM_R0;
    return is_time ? "s" : "ratio";
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

/* The family that a configuration's model_type says, else the model's name; "" if none is known. */
static const char *family_of(const struct llm *llm) {
    static const struct {
        const char *name, *type, *family;
    } families[] = {
        {"Llama-4", "llama4", "llama4"},
        {"Llama", "llama", "llama"},
        {"Qwen3.5", "qwen3_5", "qwen3.5"},
        {"Qwen3-235", "qwen3_moe", "qwen3moe"},
        {"Qwen3-30", "qwen3_moe", "qwen3moe"},
        {"Qwen3-Coder", "qwen3_moe", "qwen3moe"},
        {"Qwen", "qwen", "qwen"},
        {"DeepSeek", "deepseek", "deepseek"},
        {"gpt-oss", "gpt_oss", "gpt-oss"},
        {"MiniMax", "minimax", "minimax"},
        {"Gemma", "gemma", "gemma"},
    };
    bool has_type = llm->type != NULL;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const char *prefix = has_type ? families[i].type : families[i].name;
        if (strncmp(has_type ? llm->type : llm->name, prefix, strlen(prefix)) == 0) {
            return families[i].family;
        }
    }
    return "";
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

static void fill_neutral(double neutral[TERM_COUNT], bool is_moe) {
    for (int t = 0; t < TERM_COUNT; t++) {
        neutral[t] = 1;
    }
    neutral[TERM_C0] = DEFAULT_STEP_S;
    neutral[TERM_CL] = DEFAULT_LAYER_S;
    neutral[TERM_CS] = DEFAULT_SEQUENCE_S;
    neutral[TERM_CPF] = DEFAULT_PREFILL_STEP_S;
    neutral[TERM_HL] = is_moe ? DEFAULT_FLOOR_MOE_S : DEFAULT_FLOOR_DENSE_S;
    neutral[TERM_CLBLK] = DEFAULT_BLOCK_LAYER_S;
    neutral[TERM_CMLA] = DEFAULT_MLA_LAYER_S;
    neutral[TERM_CEP] = DEFAULT_EP_LAYER_S;
    neutral[TERM_CDP] = DEFAULT_DP_LAYER_S;
    neutral[TERM_SPM] = DEFAULT_PREFILL_EXPERT;
    neutral[TERM_R0] = DEFAULT_REQUEST_S;
    neutral[TERM_RQ] = DEFAULT_SERVE_S;
    neutral[TERM_R1] = DEFAULT_SERVE_TOKEN_S;
}

static void fill_scopes(struct profile_subject *subject, const struct kernels *kernels,
                        const struct kernel_setup *setup) {
    const char *engine = serving_engine_name(setup->engine), *arch = kernels_arch_name(kernels);
    const char *format = kernels_format_name(kernels);
    for (int t = 0; t < TERM_COUNT; t++) {
        char *scope = subject->scope[t];
        switch ((enum profile_term)t) {
        case TERM_SA:
        case TERM_SMA:
        case TERM_MT:
        case TERM_SPA:
        case TERM_SPM: snprintf(scope, PROFILE_SCOPE_SIZE, "%s|%s", arch, format); break;
        case TERM_SX:
        case TERM_SMX: snprintf(scope, PROFILE_SCOPE_SIZE, "%s|%s|%s", engine, arch, format); break;
        case TERM_HL:
            snprintf(scope, PROFILE_SCOPE_SIZE, "%s|%s", engine, setup->llm->experts > 0 ? "moe" : "dense");
            break;
        case TERM_CA: snprintf(scope, PROFILE_SCOPE_SIZE, "%s", arch); break;
        case TERM_FAM: snprintf(scope, PROFILE_SCOPE_SIZE, "%s", family_of(setup->llm)); break;
        case TERM_CLBLK:
        case TERM_CDP:
        case TERM_MLA: scope[0] = '\0'; break;
        default: snprintf(scope, PROFILE_SCOPE_SIZE, "%s", engine); break;
        }
    }
}

void profile_subject_of(struct profile_subject *subject, const struct kernels *kernels,
                        const struct kernel_setup *setup) {
    bool is_moe = setup->llm->experts > 0, is_mla = setup->llm->attention == ATTENTION_MLA;
    *subject = (struct profile_subject){
        .layers = (double)setup->llm->layers,
        .expert_layers = (double)llm_moe_layers(setup->llm),
        .launch_s = kernels_expert_launch_s(kernels),
        .is_synchronous = setup->engine == SERVING_VLLM_011,
    };
    fill_scopes(subject, kernels, setup);
    fill_neutral(subject->neutral, is_moe);
    for (int t = 0; t < TERM_COUNT; t++) {
        subject->is_read[t] = true;
    }
    static const enum profile_term of_experts[] = {TERM_CLM, TERM_MT, TERM_SM, TERM_SMA, TERM_SMX, TERM_SPM};
    for (size_t i = 0; i < sizeof of_experts / sizeof of_experts[0]; i++) {
        subject->is_read[of_experts[i]] = is_moe;
    }
    subject->is_read[TERM_CMLA] = subject->is_read[TERM_MLA] = is_mla;
    subject->is_read[TERM_CLBLK] = strcmp(kernels_format_name(kernels), "8b") == 0;
    subject->is_read[TERM_CEP] = setup->expert_parallel > 1;
    subject->is_read[TERM_CDP] = setup->attention_dp > 1;
    subject->is_read[TERM_PHI] = setup->tensor_parallel > 1;
}

static double host_s(const struct profile_subject *subject, const double v[TERM_COUNT]) {
    double layers = subject->layers, expert_layers = subject->expert_layers;
    double host = v[TERM_CA] * (v[TERM_C0] + v[TERM_CL] * layers) + v[TERM_CLM] * v[TERM_MT] * subject->launch_s;
    host += subject->is_read[TERM_CLBLK] ? v[TERM_CLBLK] * layers : 0;
    host += subject->is_read[TERM_CMLA] ? v[TERM_CA] * v[TERM_CMLA] * layers : 0;
    host += subject->is_read[TERM_CEP] ? v[TERM_CEP] * expert_layers : 0;
    return host + (subject->is_read[TERM_CDP] ? v[TERM_CDP] * layers : 0);
}

struct profile_terms profile_terms_from(const struct profile_subject *subject, const double v[TERM_COUNT]) {
    return (struct profile_terms){
        .matrix_scale = v[TERM_SE] * v[TERM_SA] * v[TERM_SX] * v[TERM_FAM],
        .expert_scale = v[TERM_SM] * v[TERM_SMA] * v[TERM_SMX] * v[TERM_FAM],
        .collective_scale = v[TERM_PHI],
        .mla_scale = subject->is_read[TERM_MLA] ? v[TERM_MLA] : 1,
        .prefill_scale = v[TERM_SPF] * v[TERM_SPA],
        .prefill_expert_scale = v[TERM_SPM],
        .host_s = host_s(subject, v),
        .sequence_s = v[TERM_CS],
        .is_synchronous = subject->is_synchronous,
        .prefill_step_s = v[TERM_CPF],
        .prefill_floor_s = v[TERM_HL] * subject->layers,
    };
}

static void fill_values(const struct profile *profile, const struct profile_subject *subject,
                        double values[TERM_COUNT]) {
    for (int t = 0; t < TERM_COUNT; t++) {
        values[t] = value_or(profile, profile_term_name((enum profile_term)t), subject->scope[t], subject->neutral[t]);
    }
}

/* Of a draft model, whose passes are in the target's step: nothing that is once a step or a sequence. */
static struct profile_terms draft_terms_of(const struct profile *profile, const struct kernels *kernels,
                                           const struct kernel_setup *setup) {
    struct profile_subject subject;
    double values[TERM_COUNT];
    profile_subject_of(&subject, kernels, setup);
    fill_values(profile, &subject, values);
    values[TERM_C0] = values[TERM_CS] = values[TERM_CPF] = values[TERM_HL] = 0;
    return profile_terms_from(&subject, values);
}

struct profile_terms profile_terms_of(const struct profile *profile, const struct kernels *kernels,
                                      const struct kernel_setup *setup) {
    struct profile_subject subject;
    double values[TERM_COUNT];
    profile_subject_of(&subject, kernels, setup);
    fill_values(profile, &subject, values);
    struct profile_terms terms = profile_terms_from(&subject, values);
    bool has_scale = !isnan(profile_value(profile, "Sa", subject.scope[TERM_SA])) ||
                     !isnan(profile_value(profile, "Sx", subject.scope[TERM_SX])) ||
                     !isnan(profile_value(profile, "Smx", subject.scope[TERM_SMX]));
    terms.is_calibrated = has_scale && !isnan(profile_value(profile, "c0", subject.scope[TERM_C0]));
    return terms;
}

/* ---- a step, for fits ---- */

static double sequences_s(const struct profile_terms *terms, double sequences) {
    const double knee = 256, beyond_ratio = 0.2;
    bool is_short = terms->is_synchronous || sequences <= knee;
    return terms->sequence_s * (is_short ? sequences : knee + beyond_ratio * (sequences - knee));
}

double profile_decode_step_s(const struct profile_terms *terms, const struct profile_parts *parts) {
    double attention = parts->attention_s + parts->context_s;
    return terms->matrix_scale * (parts->matrix_s + parts->head_s + terms->mla_scale * attention) +
           terms->expert_scale * parts->expert_s + terms->collective_scale * parts->collective_s + terms->host_s +
           sequences_s(terms, parts->sequences);
}

double profile_prefill_step_s(const struct profile_terms *terms, const struct profile_parts *parts) {
    double decoding = terms->matrix_scale * terms->mla_scale;
    double products =
        terms->matrix_scale * parts->matrix_s + terms->prefill_expert_scale * terms->expert_scale * parts->expert_s;
    double whole = terms->prefill_scale * (products + decoding * parts->prefill_attention_s) +
                   terms->collective_scale * parts->collective_s + terms->matrix_scale * parts->head_s +
                   decoding * (parts->attention_s + parts->context_s) + terms->host_s +
                   sequences_s(terms, parts->sequences);
    return (whole > terms->prefill_floor_s ? whole : terms->prefill_floor_s) + terms->prefill_step_s;
}

struct profile_path profile_path_of(const struct profile *profile, enum serving_engine engine) {
    const char *name = serving_engine_name(engine);
    return (struct profile_path){.request_s = value_or(profile, "r0", name, DEFAULT_REQUEST_S),
                                 .serve_s = value_or(profile, "rq", name, DEFAULT_SERVE_S),
                                 .serve_token_s = value_or(profile, "r1", name, DEFAULT_SERVE_TOKEN_S)};
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
    struct kernels *kernels; // owned by who made it
    struct profile_terms terms;
    struct kernel_attention attention;
    double ranks;         /* of attention */
    double stages;        /* of a pipeline */
    double decode_tokens; /* of a decode: 1, and its drafts */
};

/* What the kernels take for so many decodes or sequences of so many tokens. */
struct counted {
    double number;
    struct kernel_time matrix, expert, head;
    double collective_s;
};

static struct counted counted_of(const struct maker *maker, double number, double tokens) {
    const struct profile_terms *terms = &maker->terms;
    return (struct counted){
        .number = number,
        .matrix = kernels_matrix(maker->kernels, tokens),
        .expert = kernels_expert(maker->kernels, tokens),
        .head = kernels_head(maker->kernels, tokens),
        .collective_s = terms->collective_scale * kernels_collective_s(maker->kernels, tokens) +
                        kernels_hops_s(maker->kernels, tokens),
    };
}

/* A step of so many decodes alone, without their contexts and samples. */
static struct step_parts decodes_parts(const struct maker *maker, const struct counted *counted) {
    const struct profile_terms *terms = &maker->terms;
    double attention_s = maker->attention.step_s + maker->attention.sequence_s * counted->number / maker->ranks;
    double matrix_s = terms->matrix_scale * (counted->matrix.s + terms->mla_scale * attention_s);
    return (struct step_parts){
        .total_s = matrix_s + terms->expert_scale * counted->expert.s + counted->collective_s + terms->host_s,
        .compute_s = terms->matrix_scale * counted->matrix.compute_s + terms->expert_scale * counted->expert.compute_s,
        .communication_s = counted->collective_s,
        .engine_s = terms->host_s,
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
    double engine_s = sequences_s(&maker->terms, counted->number);
    return (struct step_parts){
        .total_s = maker->terms.matrix_scale * counted->head.s + engine_s,
        .compute_s = maker->terms.matrix_scale * counted->head.compute_s,
        .engine_s = engine_s,
    };
}

static bool fill_curve(struct time_curve *curve, const struct step_parts *parts) {
    return time_curve_fill(curve, &parts[1].total_s, sizeof *parts / sizeof(double), UNIT_PER_S);
}

/* `decoding` makes what is of decodes alone. */
static bool fill_curves(const struct profile_step *step, const struct maker *maker, const struct maker *decoding,
                        struct step_model *model, struct diags *diags, struct position at) {
    struct step_curves *curves = model->curves = xcalloc(1, sizeof *curves);
    for (size_t i = 1; i < CURVE_NODES; i++) {
        const double number = (double)time_curve_number(i);
        const struct counted counted = counted_of(maker, number, number);
        const struct counted decodes = counted_of(decoding, number, number * decoding->decode_tokens);
        curves->decodes[i] = decodes_parts(decoding, &decodes);
        curves->tokens[i] = tokens_parts(maker, &counted);
        curves->samples[i] = samples_parts(decoding, &decodes);
    }
    return (fill_curve(&model->decodes, curves->decodes) && fill_curve(&model->tokens, curves->tokens) &&
            fill_curve(&model->samples, curves->samples)) ||
           diag_error(diags, at, "coefficient-range", "the time of a step of %s on %s is beyond all range",
                      step->setup.llm->name, step->setup.gpu->name);
}

static bool fill_coefficients(const struct profile_step *step, const struct maker *maker, const struct maker *decodes,
                              struct step_model *model, struct diags *diags, struct position at) {
    const struct profile_terms *terms = &maker->terms;
    const struct kernel_attention *attention = &maker->attention;
    double decoding = terms->matrix_scale * terms->mla_scale, prefilling = decoding * terms->prefill_scale;
    double reading = decoding / maker->stages; /* each micro-batch reads its part of the contexts */
    const struct coefficient coefficients[] = {
        {"time of a token of context", reading * decodes->attention.context_s, UNIT_PER_S, &model->context},
        {"time of a token of windowed context", reading * decodes->attention.window_context_s, UNIT_PER_S,
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
        {"least time of an eager step", step->is_captured ? terms->prefill_floor_s : 0, UNIT_PER_S, &model->eager},
        {"quantum", step->quantum_s, UNIT_PER_S, &model->quantum},
    };
    model->window = step->setup.llm->sliding_window;
    model->ranks = step->setup.attention_dp;
    model->stages = step->setup.pipeline_parallel;
    model->graph_tokens = step->graph_tok;
    model->micro_tokens = step->micro_batch_tok;
    return coefficients_round(coefficients, sizeof coefficients / sizeof coefficients[0], diags, at);
}

/* A value of the user's own file that is about this setup's kernels. */
static bool has_own_rows(const struct profile *profile, const struct profile_subject *subject) {
    for (size_t i = 0; i < profile->own_count; i++) {
        const struct profile_value *value = &profile->values[i];
        for (int t = TERM_SX; t <= TERM_SMX; t += TERM_SMX - TERM_SX) {
            if (strcmp(value->name, profile_term_name((enum profile_term)t)) == 0 &&
                strcmp(value->scope, subject->scope[t]) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* A value of the user's own file about this setup that no fit made: one has an interval. */
static bool has_given_values(const struct profile *profile, const struct profile_subject *subject) {
    for (size_t i = 0; i < profile->own_count; i++) {
        const struct profile_value *value = &profile->values[i];
        for (int t = 0; t < TERM_COUNT && (isnan(value->lower) || isnan(value->upper)); t++) {
            if (strcmp(value->name, profile_term_name((enum profile_term)t)) == 0 &&
                strcmp(value->scope, subject->scope[t]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static unsigned unseen_cases(const struct profile_step *step, const struct profile_subject *subject) {
    const struct expected_errors *errors = step->profile->errors;
    const struct {
        enum expected_case kind;
        const char *name;
    } parts[] = {{EXPECTED_BY_GPU, step->setup.gpu->name},
                 {EXPECTED_BY_ARCHITECTURE, subject->scope[TERM_CA]},
                 {EXPECTED_BY_FORMAT, subject->scope[TERM_SA]},
                 {EXPECTED_BY_FAMILY, profile_family(subject, step->setup.llm)},
                 {EXPECTED_BY_ENGINE, subject->scope[TERM_C0]}};
    unsigned cases = expected_bit(EXPECTED_BY_GROUP);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        bool is_seen = errors == NULL || expected_has_seen(errors, parts[i].kind, parts[i].name);
        cases |= is_seen ? 0 : expected_bit(parts[i].kind);
    }
    bool is_hybrid = llm_attention_layers(step->setup.llm) < step->setup.llm->layers;
    bool is_strange = is_hybrid && (cases & expected_bit(EXPECTED_BY_FAMILY)) != 0;
    return cases | (is_strange ? expected_bit(EXPECTED_STATE_SPACE) : 0);
}

const char *profile_family(const struct profile_subject *subject, const struct llm *llm) {
    return subject->scope[TERM_FAM][0] != '\0' ? subject->scope[TERM_FAM] : llm->name;
}

struct profile_standing profile_standing_of(const struct profile_step *step, bool engine_is_known) {
    struct kernels *kernels = kernels_new(&step->setup);
    struct profile_terms terms = profile_terms_of(step->profile, kernels, &step->setup);
    struct profile_subject subject;
    profile_subject_of(&subject, kernels, &step->setup);
    kernels_free(kernels);
    bool is_given = has_given_values(step->profile, &subject);
    struct profile_standing standing = {.is_calibrated = terms.is_calibrated && !is_given,
                                        .is_given = is_given,
                                        .expected = {.class = expected_class_of(step->setup.llm, step->setup.gpu),
                                                     .cases = unseen_cases(step, &subject)}};
    if (has_own_rows(step->profile, &subject)) {
        standing.expected.cases |= expected_bit(EXPECTED_AFTER_OWN_ROWS);
    } else if (!engine_is_known) {
        standing.expected.cases |= expected_bit(EXPECTED_BY_ENGINE) | expected_bit(EXPECTED_UNKNOWN_RECIPE);
    }
    return standing;
}

/* Bytes and energy go by the experts that the times go by. */
static void take_touched(struct step_model *model, const struct kernels *kernels) {
    const double *picks = kernels_pick_ratios(kernels);
    if (picks != NULL && model->work.experts > 0) {
        free(model->touched.values);
        model->touched = touched_table_of_picks(picks, model->work.experts);
    }
}

static struct maker maker_at(const struct profile_step *step, double clock_ratio) {
    struct kernel_setup setup = step->setup;
    setup.clock_ratio = clock_ratio;
    struct kernels *kernels = kernels_new(&setup);
    return (struct maker){
        .kernels = kernels,
        .terms = step->is_draft ? draft_terms_of(step->profile, kernels, &setup)
                                : profile_terms_of(step->profile, kernels, &setup),
        .attention = kernels_attention(kernels),
        .ranks = (double)setup.attention_dp,
        .stages = (double)(setup.pipeline_parallel > 1 ? setup.pipeline_parallel : 1),
        .decode_tokens = 1 + (double)step->draft_tokens,
    };
}

struct step_model *step_model_new_profile(const struct profile_step *step, const struct work_model *work,
                                          struct diags *diags, struct position at) {
    if (!kernels_check(&step->setup, diags, at)) {
        return NULL;
    }
    const struct phase_clocks *clocks = &step->clocks;
    struct maker maker = maker_at(step, clocks->prefill_ratio);
    struct maker own = {0}, *decoding = &maker; /* at a clock of their own only under a limit */
    if (clocks->decode_ratio < clocks->prefill_ratio || clocks->decode_ratio > clocks->prefill_ratio) {
        own = maker_at(step, clocks->decode_ratio);
        decoding = &own;
    }
    CHECK(maker.stages <= 1 || step->micro_batch_tok > 0);
    struct step_model *model = step_model_make(work);
    take_touched(model, maker.kernels);
    model->captured = capture_table_make(step->capture_sizes, step->capture_count);
    bool ok = fill_curves(step, &maker, decoding, model, diags, at);
    ok = fill_coefficients(step, &maker, decoding, model, diags, at) && ok;
    kernels_free(maker.kernels);
    kernels_free(own.kernels);
    if (!ok) {
        step_model_free(model);
        return NULL;
    }
    return model;
}

#include "study/calibrate_rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fmath.h"
#include "models/llm.h"
#include "sim/lengths.h"

/* --- the row's steps --- */

struct load {
    double batch, input_tok, output_tok, context_tok;
    double prompt_tok;   /* of a step with prompts */
    double prompts;      /* in it */
    double computed_tok; /* of a prompt: no cache holds them */
    double chunk_tok;
};

static double at_least(double value, double least) {
    return value > least ? value : least;
}

static double at_most(double value, double most) {
    return value < most ? value : most;
}

/* Requests in flight: clients of a closed loop, by Little's law of an open one, else all of them. */
static double in_flight(const struct client *client, const struct measured_row *row, double output_tok) {
    bool is_median;
    double tpot_s = measured_value(row, METRIC_TPOT, &is_median);
    if (client->clients > 0) {
        return (double)client->clients;
    }
    return client->is_steady || client->is_static || !(row->load_kind == LOAD_QPS)
               ? (double)client->requests
               : client->rate_per_s * output_tok * tpot_s;
}

static struct load load_of(const struct fit_row *fit, const struct rebuilt *rebuilt) {
    const struct sim_config *sim = &rebuilt->point->sim;
    const struct pool_config *pool = &sim->pools[0];
    const struct batching_config *batching = &pool->batching;
    const double least_chunk_tok = 256;
    struct load load = {.input_tok = at_least(length_mean(&sim->workloads[0].input_tokens), 1),
                        .output_tok = at_least(length_mean(&sim->workloads[0].output_tokens), 1)};
    load.context_tok = load.input_tok + load.output_tok / 2;
    double kv_seqs = (double)pool->num_gpu_blocks * (double)pool->block_size / load.context_tok;
    double clients = in_flight(&rebuilt->client, fit->row, load.output_tok) / (double)pool->replicas;
    load.batch = at_least(at_most(at_most(clients, (double)batching_slots(batching)), kv_seqs), 1);
    bool is_prefill_first = batching->policy == BATCHING_PREFILL_FIRST;
    double budget =
        (double)(is_prefill_first && batching->chunk > 0 ? batching->chunk : batching->max_num_batched_tokens);
    double room = at_least(batching->policy == BATCHING_CONTINUOUS ? budget - load.batch : budget, least_chunk_tok);
    double cached = (double)sim->workloads[0].cached_input_share / (double)(1 << CACHED_SHARE_SHIFT);
    load.computed_tok = at_least(load.input_tok * (1 - cached), 1);
    double chunks = batching->policy == BATCHING_TRTLLM ? 1 : ceil(load.computed_tok / room);
    double needed = load.batch * load.computed_tok / load.output_tok; /* prompt tokens for each step of decodes */
    load.chunk_tok = load.computed_tok / chunks;
    load.prompt_tok = at_least(load.chunk_tok, at_most(needed, budget));
    load.prompts = at_least(load.prompt_tok / load.computed_tok, 1);
    return load;
}

static double window_tok(const struct kernel_setup *setup, double context_tok) {
    return at_most(context_tok, (double)setup->llm->sliding_window);
}

static void fill_decode(struct fit_row *fit, const struct kernels *kernels, const struct kernel_setup *setup,
                        const struct load *load) {
    const struct kernel_attention attention = kernels_attention(kernels);
    double ranks = (double)setup->attention_dp, batch = load->batch;
    double context_s =
        attention.context_s * load->context_tok + attention.window_context_s * window_tok(setup, load->context_tok);
    fit->decode = (struct profile_parts){.matrix_s = kernels_matrix(kernels, batch).s,
                                         .expert_s = kernels_expert(kernels, batch).s,
                                         .collective_s = kernels_collective_s(kernels, batch),
                                         .head_s = kernels_head(kernels, batch).s,
                                         .attention_s = attention.step_s + attention.sequence_s * batch / ranks,
                                         .context_s = context_s * batch / ranks,
                                         .sequences = batch};
}

static void fill_prefill(struct fit_row *fit, const struct kernels *kernels, const struct kernel_setup *setup,
                         const struct load *load) {
    const struct kernel_attention attention = kernels_attention(kernels);
    double ranks = (double)setup->attention_dp, decodes = fit->is_apart ? 0 : load->batch - 1;
    double tokens = load->prompt_tok + decodes, sequences = load->prompts + decodes;
    double context_s =
        attention.context_s * load->context_tok + attention.window_context_s * window_tok(setup, load->context_tok);
    double reach_tok = load->input_tok - load->computed_tok / 2; /* of a prompt's token, in the mean over its chunks */
    double pairs_s =
        attention.prefill_pair_s * reach_tok + attention.prefill_window_pair_s * window_tok(setup, reach_tok);
    fit->prefill =
        (struct profile_parts){.matrix_s = kernels_matrix(kernels, tokens).s,
                               .expert_s = kernels_expert(kernels, tokens).s,
                               .collective_s = kernels_collective_s(kernels, tokens),
                               .head_s = kernels_head(kernels, sequences).s,
                               .attention_s = 2 * attention.step_s + attention.sequence_s * decodes / ranks,
                               .context_s = context_s * decodes / ranks,
                               .prefill_attention_s = load->prompt_tok * (pairs_s + attention.prefill_token_s) / ranks,
                               .sequences = sequences};
}

bool fit_row_fill(struct fit_row *fit, const struct rebuilt *rebuilt) {
    const struct profile_step *step = rebuilt->point->pools[0].profile;
    if (step == NULL) {
        return false;
    }
    const struct load load = load_of(fit, rebuilt);
    struct kernels *kernels = kernels_new(&step->setup);
    profile_subject_of(&fit->subject, kernels, &step->setup);
    snprintf(fit->gpu, sizeof fit->gpu, "%s", step->setup.gpu->name);
    snprintf(fit->family, sizeof fit->family, "%s", profile_family(&fit->subject, step->setup.llm));
    fit->is_moe = step->setup.llm->experts > 0;
    fit->is_apart = rebuilt->point->sim.pools[0].batching.policy == BATCHING_PREFILL_FIRST;
    fill_decode(fit, kernels, &step->setup, &load);
    fill_prefill(fit, kernels, &step->setup, &load);
    kernels_free(kernels);
    return true;
}

/* --- values --- */

void fit_row_take_base(struct fit_row *fit, const struct profile *base) {
    for (int t = 0; t < TERM_COUNT; t++) {
        double value = profile_value(base, profile_term_name((enum profile_term)t), fit->subject.scope[t]);
        fit->base_log[t] = fm_log(isnan(value) ? fit->subject.neutral[t] : value);
    }
}

double fit_row_value_log(const struct fit_row *fit, const double *parameters, int term) {
    return fit->parameter[term] < 0 ? fit->base_log[term] : parameters[fit->parameter[term]];
}

static struct profile_terms terms_of(const struct fit_row *fit, const double *parameters) {
    double values[TERM_COUNT];
    for (int t = 0; t < TERM_COUNT; t++) {
        values[t] = fm_exp(fit_row_value_log(fit, parameters, t));
    }
    return profile_terms_from(&fit->subject, values);
}

void fit_row_prefill_logs(const struct fit_row *fit, const double *parameters, double factor,
                          double logs[PROMPT_STEP_COUNT]) {
    struct profile_terms terms = terms_of(fit, parameters);
    logs[PROMPT_LEAST] = fm_log(terms.prefill_floor_s + terms.prefill_step_s);
    terms.prefill_scale *= factor;
    terms.prefill_floor_s = 0;
    logs[PROMPT_WORK] = fm_log(profile_prefill_step_s(&terms, &fit->prefill));
}

double fit_row_surrogate_log(const struct fit_row *fit, const double *parameters) {
    const struct profile_terms terms = terms_of(fit, parameters);
    double logs[PROMPT_STEP_COUNT], decode_s = profile_decode_step_s(&terms, &fit->decode);
    double prompts_s = 0, decode_share = 1;
    fit_row_prefill_logs(fit, parameters, 1, logs);
    for (int s = 0; s < PROMPT_STEP_COUNT; s++) {
        prompts_s += fit->share[s] * fm_exp(logs[s]);
        decode_share -= fit->is_apart ? 0 : fit->share[s];
    }
    return fm_log(decode_share * decode_s + prompts_s);
}

double fit_row_predicted_log(const struct fit_row *fit, enum fit_metric metric, const double *parameters) {
    double now[PROMPT_STEP_COUNT], predicted = fit->ttft_log;
    if (metric == FIT_TPOT) {
        return fit_row_surrogate_log(fit, parameters) + fit->correction_log;
    }
    fit_row_prefill_logs(fit, parameters, 1, now);
    for (int s = 0; s < PROMPT_STEP_COUNT; s++) {
        predicted += fit->ttft_power[s] * (now[s] - fit->prompt_then[s]);
    }
    const double least_ratio = 0.1;
    double ttft_s = fm_exp(predicted);
    double with_path_s = ttft_s + fm_exp(fit_row_value_log(fit, parameters, TERM_R0)) - fit->request_then_s;
    return fm_log(at_least(with_path_s, least_ratio * ttft_s));
}

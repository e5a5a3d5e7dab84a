#include "models/step_model.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "models/step_coefficients.h"

/* ---- making one ---- */

bool coefficients_round(const struct coefficient *coefficients, size_t count, struct diags *diags, struct position at) {
    const double limit = 9223372036854775808.0; /* 2^63 */
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        double scaled = coefficients[i].value * coefficients[i].scale;
        if (!(scaled >= 0 && scaled < limit)) {
            ok = diag_error(diags, at, "coefficient-range", "%s = %g is outside 0..%g", coefficients[i].name,
                            coefficients[i].value, limit / coefficients[i].scale);
        } else {
            *coefficients[i].out = (int64_t)nearbyint(scaled);
        }
    }
    return ok;
}

struct touched_table touched_table_make(int64_t experts, int64_t experts_per_tok) {
    struct touched_table table = {0};
    if (experts <= 0) {
        return table;
    }
    const double one = (double)((int64_t)1 << TOUCHED_SHIFT);
    double missed = (double)experts; /* E (1 - k/E)^n */
    double miss_ratio = 1 - (double)experts_per_tok / (double)experts;
    table.values = xcalloc(TOUCHED_COUNT_MAX, sizeof *table.values);
    do {
        table.values[table.count++] = (int64_t)nearbyint(((double)experts - missed) * one);
        missed *= miss_ratio;
    } while (table.count < TOUCHED_COUNT_MAX && missed * one >= 0.25);
    if (table.count < TOUCHED_COUNT_MAX) {
        table.values[table.count++] = experts << TOUCHED_SHIFT;
    }
    table.values = xrealloc(table.values, (size_t)table.count, sizeof *table.values);
    return table;
}

struct touched_table touched_table_of_picks(const double *pick_ratio, int64_t experts) {
    const double one = (double)((int64_t)1 << TOUCHED_SHIFT);
    struct touched_table table = {.values = xcalloc(TOUCHED_COUNT_MAX, sizeof *table.values)};
    double *missed = xcalloc((size_t)experts, sizeof *missed);
    for (int64_t e = 0; e < experts; e++) {
        missed[e] = 1;
    }
    double missed_sum = (double)experts;
    do {
        table.values[table.count++] = (int64_t)nearbyint(((double)experts - missed_sum) * one);
        missed_sum = 0;
        for (int64_t e = 0; e < experts; e++) {
            missed[e] *= 1 - pick_ratio[e];
            missed_sum += missed[e];
        }
    } while (table.count < TOUCHED_COUNT_MAX && missed_sum * one >= 0.25);
    if (table.count < TOUCHED_COUNT_MAX) {
        table.values[table.count++] = experts << TOUCHED_SHIFT;
    }
    free(missed);
    table.values = xrealloc(table.values, (size_t)table.count, sizeof *table.values);
    return table;
}

struct capture_table capture_table_make(const int64_t *sizes, size_t count) {
    struct capture_table table = {0};
    if (count == 0) {
        return table;
    }
    table.max = sizes[count - 1];
    table.values = xcalloc((size_t)table.max + 1, sizeof *table.values);
    for (int64_t seqs = 1, i = 0; seqs <= table.max; seqs++) {
        i += seqs > sizes[i];
        table.values[seqs] = sizes[i];
    }
    return table;
}

struct step_model *step_model_make(const struct work_model *work) {
    struct step_model *model = xcalloc(1, sizeof *model);
    model->decode_tokens = 1;
    if (work != NULL) {
        model->work = *work;
        model->touched = touched_table_make(work->experts, work->experts_per_tok);
    }
    return model;
}

void step_model_free(struct step_model *model) {
    if (model != NULL) {
        free(model->touched.values);
        free(model->captured.values);
        time_curve_release(&model->decodes);
        time_curve_release(&model->tokens);
        time_curve_release(&model->samples);
        free(model->curves);
        step_model_free(model->draft);
        free(model);
    }
}

/* ---- windows ---- */

i128 window_attention_x2_of_chunk(int64_t window, int64_t context, int64_t chunk) {
    int64_t room = window > context ? window - context : 0;
    int64_t within = room < chunk ? room : chunk; /* tokens whose whole past is in the window */
    return attention_x2_of_chunk(context, within) + (i128)(chunk - within) * 2 * window;
}

int64_t step_model_window(const struct step_model *model) {
    return model->window;
}

int64_t step_model_ranks(const struct step_model *model) {
    return model->ranks > 1 ? model->ranks : 1;
}

/* ---- speculation ---- */

static int64_t shifted(int64_t value) {
    int64_t half = (int64_t)1 << (CONTEXT_SHIFT - 1);
    return (value + half) >> CONTEXT_SHIFT;
}

static int64_t times_one(int64_t value) {
    CHECK(value < INT64_MAX >> CONTEXT_SHIFT);
    return value << CONTEXT_SHIFT;
}

/* Times per 2^-CONTEXT_SHIFT of a token; work in 2^-CONTEXT_SHIFT FLOP and bytes, so that what is per token of context stays. */
static void refine(struct step_model *model) {
    struct work_model *work = &model->work;
    model->context_shift = CONTEXT_SHIFT;
    model->context = shifted(model->context);
    model->window_context = shifted(model->window_context);
    int64_t *const scaled[] = {
        &work->flop_per_token,        &work->flop_per_seq,
        &work->flop_per_attention_x2, &work->flop_per_window_attention_x2,
        &work->flop_per_expert_row,   &work->byte_per_step,
        &work->byte_per_token,        &work->byte_per_expert,
    };
    for (size_t i = 0; i < sizeof scaled / sizeof scaled[0]; i++) {
        *scaled[i] = times_one(*scaled[i]);
    }
    work->energy_per_flop = shifted(work->energy_per_flop);
    work->energy_per_byte = shifted(work->energy_per_byte);
}

/* A captured size is of tokens: the sequences that it has room for, at least as many as there are. */
static void capture_sequences(struct capture_table *table, int64_t tokens) {
    table->max /= tokens;
    for (int64_t seqs = 0; table->values != NULL && seqs <= table->max; seqs++) {
        table->values[seqs] = (table->values[seqs * tokens] + tokens - 1) / tokens;
    }
}

void step_model_speculate(struct step_model *model, int64_t draft_tokens, enum captured_unit unit,
                          struct step_model *draft) {
    CHECK(draft_tokens >= 1 && draft_tokens <= DRAFT_TOKENS_MAX && model->context_shift == 0 && model->stages <= 1);
    refine(model);
    model->decode_tokens = 1 + draft_tokens;
    if (unit == CAPTURED_TOKENS) {
        capture_sequences(&model->captured, model->decode_tokens);
    }
    model->draft = draft;
    if (draft != NULL) {
        CHECK(draft->quantum == 0 && draft->host == 0 && draft->host_seq == 0 && draft->eager == 0);
        CHECK(draft->window == 0 && draft->stages <= 1 && step_model_ranks(draft) == step_model_ranks(model));
        refine(draft);
    }
}

int64_t step_model_draft_tokens(const struct step_model *model) {
    return model->decode_tokens - 1;
}

int step_model_context_shift(const struct step_model *model) {
    return model->context_shift;
}

/* ---- evaluating one ---- */

static inline i128 greater(i128 a, i128 b) {
    return a > b ? a : b;
}

/* floor(per_expert x touched(tokens)). */
static inline i128 touched_times(const struct touched_table *table, int64_t tokens, int64_t per_expert) {
    if (table->values == NULL) {
        return 0;
    }
    int64_t last = table->count - 1;
    int64_t touched = table->values[tokens < last ? tokens : last];
    return ((i128)per_expert * touched) >> TOUCHED_SHIFT;
}

double step_model_touched(const struct step_model *model, double tokens) {
    const struct touched_table *table = &model->touched;
    if (table->values == NULL) {
        return 0;
    }
    const double one = (double)((int64_t)1 << TOUCHED_SHIFT), last = (double)(table->count - 1);
    if (tokens >= last) {
        return (double)table->values[table->count - 1] / one;
    }
    const int64_t below = (int64_t)tokens;
    const double part = tokens - (double)below;
    return ((1 - part) * (double)table->values[below] + part * (double)table->values[below + 1]) / one;
}

/* FLOP of the rows that fill up the tiles of touched experts. */
static inline i128 expert_padding_flop(const struct step_model *model, int64_t tokens) {
    i128 tiles = touched_times(&model->touched, tokens, EXPERT_TILE_ROWS);
    i128 padding = tiles - (i128)model->work.experts_per_tok * tokens;
    return padding > 0 ? model->work.flop_per_expert_row * padding : 0;
}

/* A batch as it is computed, padding included; of several micro-batches the largest. */
struct computed {
    int64_t decodes, sequences, samples, tokens, prefill_tokens;
    int64_t sampled; /* decodes without padding */
    int64_t padding; /* of `tokens`: what a multiple adds */
    int64_t passes;  /* micro-batches that are not empty */
};

static int64_t parts_of(int64_t whole, int64_t part) {
    return (whole + part - 1) / part;
}

/* Ranks that attend for themselves have graphs of their own parts of a batch. */
static inline int64_t captured_of(const struct step_model *model, const struct step_work *work, int64_t decodes) {
    if (model->captured.values == NULL || work->prefill_seqs > 0) {
        return decodes;
    }
    int64_t ranks = step_model_ranks(model), own = ranks > 1 ? parts_of(decodes, ranks) : decodes;
    return own <= model->captured.max ? model->captured.values[own] * ranks : decodes;
}

/* Decodes are dealt evenly; prompts go to the next micro-batch until it is full. */
static struct computed largest_micro_batch(const struct step_model *model, const struct step_work *work) {
    const int64_t stages = model->stages, prompts = work->prefill_tokens;
    int64_t sampled = parts_of(work->decode_seqs, stages), decodes = captured_of(model, work, sampled);
    int64_t parts = prompts > model->micro_tokens ? parts_of(prompts, model->micro_tokens) : 1;
    int64_t largest = parts > 1 ? model->micro_tokens : prompts;
    int64_t passes = work->decode_seqs > parts ? work->decode_seqs : parts;
    return (struct computed){
        .decodes = decodes,
        .sequences = parts_of(work->prefill_seqs, parts) + decodes,
        .samples = parts_of(work->prefill_seqs, parts) + decodes,
        .tokens = largest + decodes,
        .prefill_tokens = largest,
        .sampled = sampled,
        .passes = passes < stages ? passes : stages,
    };
}

static inline struct computed computed_of(const struct step_model *model, const struct step_work *work) {
    if (model->stages > 1) {
        return largest_micro_batch(model, work);
    }
    int64_t decodes = captured_of(model, work, work->decode_seqs);
    int64_t decode_tokens = decodes * model->decode_tokens;
    int64_t tokens = work->prefill_tokens + decode_tokens;
    int64_t over = model->pad_multiple > 1 ? tokens % model->pad_multiple : 0;
    int64_t padding = over > 0 ? model->pad_multiple - over : 0;
    return (struct computed){
        .decodes = decodes,
        .sequences = work->prefill_seqs + decodes,
        .samples = work->prefill_seqs + decode_tokens,
        .tokens = tokens + padding,
        .prefill_tokens = work->prefill_tokens,
        .sampled = work->decode_seqs,
        .padding = padding,
        .passes = 1,
    };
}

/* Tokens and samples of all micro-batches together. */
struct computed_sums {
    int64_t tokens, samples;
};

static inline struct computed_sums sums_of(const struct step_model *model, const struct step_work *work,
                                           const struct computed *batch) {
    if (model->stages <= 1) {
        return (struct computed_sums){batch->tokens, batch->samples};
    }
    bool is_padded = batch->decodes != batch->sampled;
    int64_t decodes = is_padded ? batch->decodes * batch->passes : work->decode_seqs;
    return (struct computed_sums){work->prefill_tokens + decodes, work->prefill_seqs + decodes};
}

/* Of prompts that several micro-batches share, one's part. */
static i128 prefill_attention(const struct step_model *model, const struct step_work *work, i128 attention_x2,
                              i128 window_attention_x2) {
    i128 sum_x2 = model->attention * attention_x2;
    if (model->window > 0) {
        sum_x2 += model->window_attention * window_attention_x2;
    }
    if (model->stages > 1 && work->prefill_tokens > model->micro_tokens) {
        sum_x2 = sum_x2 * model->micro_tokens / work->prefill_tokens;
    }
    return sum_x2 >> 1;
}

/* Of a profile: see step_coefficients.h. */
static i128 curves_part(const struct step_model *model, const struct step_work *work, const struct computed *batch) {
    if (work->prefill_seqs == 0) {
        return time_curve_at(&model->decodes, batch->decodes) +
               batch->passes * time_curve_at(&model->samples, batch->sampled);
    }
    i128 others = batch->passes > 1 ? (batch->passes - 1) * time_curve_at(&model->samples, batch->decodes) : 0;
    i128 part = time_curve_at(&model->tokens, batch->tokens) + time_curve_at(&model->samples, batch->sequences);
    return part + others + (i128)model->prefill_token * batch->prefill_tokens + (i128)model->decode * batch->decodes;
}

static inline i128 fixed_part(const struct step_model *model, const struct step_work *work) {
    const struct computed batch = computed_of(model, work);
    if (model->decodes.values != NULL) {
        return curves_part(model, work, &batch);
    }
    int64_t tokens = batch.tokens, sequences = batch.sequences;
    i128 fixed = model->step + (i128)model->pad_token * batch.padding;
    fixed += greater(model->body, (i128)model->body_token * tokens);
    fixed += greater(model->head, (i128)model->head_seq * batch.samples);
    fixed += (i128)model->token * tokens + (i128)model->decode * batch.decodes + (i128)model->seq * sequences;
    if (model->expert_token > 0) {
        i128 reading = touched_times(&model->touched, tokens, model->expert);
        fixed += greater(reading, (i128)model->expert_token * tokens);
    }
    if (work->prefill_seqs > 0) {
        fixed += model->prefill_step + (i128)model->prefill_token * work->prefill_tokens;
    }
    return fixed;
}

static i128 context_part(const struct step_model *model, int64_t context, int64_t window_context) {
    i128 part = (i128)model->context * context;
    return model->window > 0 ? part + (i128)model->window_context * window_context : part;
}

/* Attention of the rank that takes longest over it. */
static i128 slowest_rank(const struct step_model *model, const struct step_work *work) {
    i128 slowest = 0;
    for (int64_t i = 0; i < model->ranks; i++) {
        const struct rank_work *rank = &work->ranks[i];
        i128 part = context_part(model, rank->decode_context, rank->decode_window_context);
        if (work->prefill_seqs > 0) {
            part += prefill_attention(model, work, rank->prefill_attention_x2, rank->prefill_window_attention_x2);
        }
        slowest = greater(slowest, part);
    }
    return slowest;
}

static inline i128 attention_part(const struct step_model *model, const struct step_work *work) {
    if (work->ranks != NULL) {
        return slowest_rank(model, work);
    }
    i128 part = context_part(model, work->decode_context, work->decode_window_context);
    if (work->prefill_seqs > 0) {
        part += prefill_attention(model, work, work->prefill_attention_x2, work->prefill_window_attention_x2);
    }
    return part;
}

int64_t step_model_quantum(const struct step_model *model) {
    return model->quantum;
}

/* Passes of the draft model over the decodes of a step. */
static int64_t draft_passes(const struct step_model *model) {
    return model->draft != NULL ? model->decode_tokens - 1 : 0;
}

int64_t step_model_slope(const struct step_model *model) {
    return model->draft != NULL ? model->context + draft_passes(model) * model->draft->context : model->context;
}

int64_t step_model_window_slope(const struct step_model *model) {
    return model->window_context;
}

static inline i128 plain_duration(const struct step_model *model, const struct step_work *work) {
    i128 duration = fixed_part(model, work) + attention_part(model, work);
    if (model->tokens.values != NULL && work->prefill_seqs > 0) {
        bool is_launched = model->graph_tokens == 0 || computed_of(model, work).tokens > model->graph_tokens;
        duration = (is_launched ? greater(duration, model->prefill_floor) : duration) + model->prefill_step;
    }
    return duration;
}

/* The decodes of a step. */
static struct step_work decodes_of(const struct step_work *work) {
    return (struct step_work){
        .decode_seqs = work->decode_seqs,
        .decode_context = work->decode_context,
        .decode_window_context = work->decode_window_context,
        .ranks = work->ranks,
    };
}

/* The draft model's passes in a step, beyond the first where that has prompts too. */
static int64_t decode_passes(const struct step_model *model, const struct step_work *work) {
    int64_t passes = work->decode_seqs > 0 ? draft_passes(model) : 0;
    return work->prefill_seqs > 0 && passes > 0 ? passes - 1 : passes;
}

static i128 draft_duration(const struct step_model *model, const struct step_work *work) {
    const struct step_work decodes = decodes_of(work);
    int64_t passes = decode_passes(model, work);
    i128 duration = work->prefill_seqs > 0 ? plain_duration(model->draft, work) : 0;
    return passes > 0 ? duration + passes * plain_duration(model->draft, &decodes) : duration;
}

struct step_line step_model_line(const struct step_model *model, const struct step_work *work) {
    i128 fixed = fixed_part(model, work);
    if (work->prefill_seqs > 0) {
        fixed += prefill_attention(model, work, work->prefill_attention_x2, work->prefill_window_attention_x2);
    }
    if (model->draft != NULL) {
        struct step_work without_context = *work;
        without_context.decode_context = 0;
        fixed += draft_duration(model, &without_context);
    }
    return (struct step_line){.fixed = fixed, .slope = step_model_slope(model), .window_slope = model->window_context};
}

i128 step_model_host(const struct step_model *model, int64_t sequences) {
    i128 host = model->host + (i128)model->host_seq * sequences;
    if (model->eager > 0) {
        int64_t stages = model->stages > 1 ? model->stages : 1;
        int64_t own = parts_of(parts_of(sequences, stages), step_model_ranks(model));
        host = own > model->captured.max ? greater(host, model->eager) : host;
    }
    return host;
}

/* The greatest multiple of `quantum` that is not above `duration`, at least one. */
static i128 quantised(i128 duration, int64_t quantum) {
    if (duration < quantum) {
        return quantum;
    }
    if (duration <= INT64_MAX) {
        return (int64_t)duration / quantum * quantum; /* a 64-bit division is several times faster */
    }
    return duration / quantum * quantum;
}

i128 step_model_duration(const struct step_model *model, const struct step_work *work) {
    i128 duration = plain_duration(model, work);
    if (model->draft != NULL) {
        duration += draft_duration(model, work);
    }
    if (model->host > 0 || model->host_seq > 0 || model->eager > 0) {
        duration = greater(duration, step_model_host(model, work->prefill_seqs + work->decode_seqs));
    }
    if (model->quantum > 0) {
        duration = quantised(duration, model->quantum);
    }
    return greater(duration, STEP_UNITS_MIN);
}

i128 step_model_decode_duration(const struct step_model *model, const struct step_work *work, i128 duration) {
    if (work->prefill_seqs == 0) {
        return duration;
    }
    if (work->decode_seqs == 0) {
        return 0;
    }
    const struct step_work decodes = decodes_of(work);
    i128 alone = step_model_duration(model, &decodes);
    return alone < duration ? alone : duration;
}

static i128 work_flop(const struct work_model *model, const struct step_work *work, const struct computed_sums *sums) {
    i128 flop = (i128)model->flop_per_token * sums->tokens + (i128)model->flop_per_seq * sums->samples;
    return flop + (i128)model->flop_per_context * work->decode_context +
           model->flop_per_attention_x2 * work->prefill_attention_x2;
}

/* Each micro-batch reads the weights. */
static i128 work_byte(const struct step_model *model, const struct step_work *work, const struct computed *batch,
                      const struct computed_sums *sums) {
    i128 byte = model->work.byte_per_step + touched_times(&model->touched, batch->tokens, model->work.byte_per_expert);
    return byte * batch->passes + (i128)model->work.byte_per_token * sums->tokens +
           (i128)model->work.byte_per_context * work->decode_context;
}

/* What the draft model computes and moves in `passes` such steps; returns the FLOP of its padding. */
static i128 add_draft(const struct step_model *draft, const struct step_work *work, int64_t passes,
                      struct step_amounts *amounts) {
    const struct computed batch = computed_of(draft, work);
    const struct computed_sums all = sums_of(draft, work, &batch);
    amounts->flop += passes * work_flop(&draft->work, work, &all);
    amounts->byte += passes * work_byte(draft, work, &batch, &all);
    return passes * expert_padding_flop(draft, batch.tokens);
}

struct step_amounts step_model_amounts(const struct step_model *model, const struct step_work *work, i128 duration) {
    const struct computed batch = computed_of(model, work);
    const struct computed_sums all = sums_of(model, work, &batch);
    struct step_amounts amounts = {
        .flop = work_flop(&model->work, work, &all),
        .byte = work_byte(model, work, &batch, &all),
    };
    if (model->window > 0) {
        amounts.flop += (i128)model->work.flop_per_window_context * work->decode_window_context +
                        model->work.flop_per_window_attention_x2 * work->prefill_window_attention_x2;
        amounts.byte += (i128)model->work.byte_per_window_context * work->decode_window_context;
    }
    i128 padding = batch.passes * expert_padding_flop(model, batch.tokens);
    if (model->draft != NULL) {
        const struct step_work decodes = decodes_of(work);
        padding += add_draft(model->draft, work, work->prefill_seqs > 0, &amounts);
        padding += add_draft(model->draft, &decodes, decode_passes(model, work), &amounts);
    }
    i128 executed = amounts.flop + padding;
    i128 energy = model->work.energy_per_flop * executed + model->work.energy_per_byte * amounts.byte +
                  model->work.active_mw * duration;
    i128 cap = model->work.cap_mw * duration;
    amounts.energy = model->work.cap_mw > 0 && energy > cap ? cap : energy;
    return amounts;
}

/* Of a profile: does no curve fall, and does a prompt beside decodes, which are not padded then, make no step shorter? */
static bool curves_grow(const struct step_model *model) {
    if (!time_curve_rises(&model->decodes) || !time_curve_rises(&model->tokens) || !time_curve_rises(&model->samples)) {
        return false;
    }
    for (size_t i = 1; i < CURVE_NODES; i++) { /* at least as many tokens and samples as decodes */
        if (model->tokens.values[i] + model->prefill_step < model->decodes.values[i]) {
            return false;
        }
    }
    const struct step_work alone = {0};
    for (int64_t n = 1; n <= model->captured.max * step_model_ranks(model); n++) {
        i128 beside = time_curve_at(&model->tokens, n + 1) + model->prefill_step;
        if (beside < time_curve_at(&model->decodes, captured_of(model, &alone, n))) {
            return false;
        }
    }
    return true;
}

bool step_model_grows(const struct step_model *model) {
    bool has_curves = model->decodes.values != NULL;
    bool is_padded = model->pad_multiple > 1 || (model->captured.values != NULL && !has_curves);
    bool grows = !is_padded && (!has_curves || curves_grow(model));
    return grows && (model->draft == NULL || step_model_grows(model->draft));
}

bool step_model_computes_decodes_alone(const struct step_model *model) {
    return model->captured.values == NULL && model->pad_multiple <= 1 && model->touched.values == NULL &&
           model->window == 0 && model->stages <= 1 && step_model_draft_tokens(model) == 0;
}

/* ---- sums ---- */

/* Of steps of decodes alone. */
static void sum_draft(const struct step_model *model, const struct step_work *work, int64_t steps, i128 context,
                      struct step_sums *sums) {
    const struct step_model *draft = model->draft;
    const struct computed batch = computed_of(draft, work);
    i128 passes = (i128)draft_passes(model) * steps;
    CHECK(work->prefill_seqs == 0);
    sums->draft_passes += passes;
    sums->draft_tokens += passes * batch.tokens;
    sums->draft_samples += passes * batch.samples;
    sums->draft_context += draft_passes(model) * context;
    sums->draft_expert_byte += touched_times(&draft->touched, batch.tokens, draft->work.byte_per_expert) * passes;
    sums->padding_flop += expert_padding_flop(draft, batch.tokens) * passes;
}

void step_model_sum(const struct step_model *model, const struct step_work *work, int64_t steps, i128 context,
                    i128 duration, struct step_sums *sums) {
    const struct computed batch = computed_of(model, work);
    const struct computed_sums all = sums_of(model, work, &batch);
    const int64_t passes = steps * batch.passes;
    sums->passes += passes;
    i128 tokens = (i128)all.tokens * steps;
    sums->tokens += tokens;
    sums->samples += all.tokens == all.samples ? tokens : (i128)all.samples * steps;
    sums->context += context;
    if (work->prefill_seqs > 0) {
        sums->attention_x2 += work->prefill_attention_x2 * steps;
    }
    sums->duration += duration;
    if (model->touched.values != NULL) {
        sums->expert_byte += touched_times(&model->touched, batch.tokens, model->work.byte_per_expert) * passes;
        sums->padding_flop += expert_padding_flop(model, batch.tokens) * passes;
    }
    if (model->draft != NULL) {
        sum_draft(model, work, steps, context, sums);
    }
}

void step_model_sum_window(const struct step_work *work, int64_t steps, i128 window_context, struct step_sums *sums) {
    sums->window_context += window_context;
    sums->window_attention_x2 += work->prefill_window_attention_x2 * steps;
}

struct step_amounts step_model_amounts_of_sums(const struct step_model *model, const struct step_sums *sums) {
    const struct work_model *work = &model->work;
    struct step_amounts amounts = {
        .flop = work->flop_per_token * sums->tokens + work->flop_per_seq * sums->samples +
                work->flop_per_context * sums->context + work->flop_per_attention_x2 * sums->attention_x2,
        .byte = (i128)work->byte_per_step * sums->passes + sums->expert_byte + work->byte_per_token * sums->tokens +
                work->byte_per_context * sums->context,
    };
    if (model->window > 0) {
        amounts.flop += work->flop_per_window_context * sums->window_context +
                        work->flop_per_window_attention_x2 * sums->window_attention_x2;
        amounts.byte += work->byte_per_window_context * sums->window_context;
    }
    if (model->draft != NULL) {
        const struct work_model *draft = &model->draft->work;
        amounts.flop += draft->flop_per_token * sums->draft_tokens + draft->flop_per_seq * sums->draft_samples +
                        draft->flop_per_context * sums->draft_context;
        amounts.byte += draft->byte_per_step * sums->draft_passes + draft->byte_per_token * sums->draft_tokens +
                        draft->byte_per_context * sums->draft_context + sums->draft_expert_byte;
    }
    amounts.energy = work->energy_per_flop * (amounts.flop + sums->padding_flop) +
                     work->energy_per_byte * amounts.byte + work->active_mw * sums->duration;
    return amounts;
}

/* For each number of decodes: energy and the cap's energy are affine in contexts, whose slopes are compared once; the host makes a step longer
 * only. With ranks, the slowest takes at least the mean of all. */
bool step_model_decodes_never_capped(const struct step_model *model, int64_t decodes_max) {
    enum { DECODES_MAX = 1 << 16 };
    const struct work_model *work = &model->work;
    const double rounding = 1e-9; /* of the arithmetic here */
    double power = (1 - rounding) * ((double)work->cap_mw - (double)work->active_mw);
    if (work->cap_mw == 0) {
        return true;
    }
    if (power <= 0 || model->quantum > 0 || decodes_max > DECODES_MAX) {
        return false;
    }
    double per_flop = (double)work->energy_per_flop, per_byte = (double)work->energy_per_byte;
    double ranks = (double)step_model_ranks(model);
    double context = per_flop * (double)work->flop_per_context + per_byte * (double)work->byte_per_context;
    if (model->draft != NULL) {
        const struct work_model *draft = &model->draft->work;
        context += (double)draft_passes(model) *
                   (per_flop * (double)draft->flop_per_context + per_byte * (double)draft->byte_per_context);
    }
    double window = per_flop * (double)work->flop_per_window_context + per_byte * (double)work->byte_per_window_context;
    bool never = context * ranks <= power * (double)step_model_slope(model) &&
                 window * ranks <= power * (double)model->window_context;
    for (int64_t n = 1; never && n <= decodes_max; n++) {
        const struct step_work decodes = {.decode_seqs = n};
        struct step_sums sums = {0};
        step_model_sum(model, &decodes, 1, 0, 0, &sums);
        const struct step_amounts amounts = step_model_amounts_of_sums(model, &sums);
        double energy =
            per_flop * i128_to_double(amounts.flop + sums.padding_flop) + per_byte * i128_to_double(amounts.byte);
        never = energy <= power * i128_to_double(step_model_line(model, &decodes).fixed);
    }
    return never;
}

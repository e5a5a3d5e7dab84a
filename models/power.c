#include "models/power.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "models/profile.h"
#include "models/roofline.h"
#include "models/work.h"

/* ---- clocks ---- */

double power_voltage_ratio(double clock_ratio) {
    return clock_ratio > POWER_VOLTAGE_FLOOR ? clock_ratio : POWER_VOLTAGE_FLOOR;
}

struct power_shares power_shares_at(struct power_shares shares, double clock_ratio) {
    const double volts = power_voltage_ratio(clock_ratio);
    shares.active_ratio *= clock_ratio * volts * volts;
    shares.compute_ratio *= volts * volts;
    return shares;
}

/* ---- limits ---- */

/* Contexts of the decodes that are looked at, and tokens of a prompt at most. */
enum { PROBE_CONTEXT = 1024, PROBE_TOKENS = 8192, HALVINGS = 14 };

static struct step_model *model_at(const struct limited_step *step, double clock_ratio) {
    struct roofline_step roofline = *step->roofline;
    roofline.clock_ratio = clock_ratio;
    roofline.clocks = (struct phase_clocks){clock_ratio, clock_ratio};
    roofline.power_limit_w = 0;
    struct diags *diags = diags_new();
    struct work_model work;
    struct step_model *model = NULL;
    if (work_model_make(&roofline, &work, diags, (struct position){0})) {
        work.cap_mw = 0;
        if (step->profile == NULL) {
            model = step_model_new_roofline(&roofline, &work, diags, (struct position){0});
        } else {
            struct profile_step profile = *step->profile;
            profile.clocks = roofline.clocks;
            model = step_model_new_profile(&profile, &work, diags, (struct position){0});
        }
    }
    diags_free(diags);
    if (model != NULL && step->draft_tokens > 0) {
        step_model_speculate(model, step->draft_tokens, CAPTURED_TOKENS, NULL);
    }
    return model;
}

/* Above idle, all boards of the replica. */
static double step_w(const struct step_model *model, const struct step_work *work) {
    const i128 duration = step_model_duration(model, work);
    return i128_to_double(step_model_amounts(model, work, duration).energy) / i128_to_double(duration) / 1000;
}

static double prefill_w(const struct limited_step *step, const struct step_model *model) {
    const int64_t most = step->max_num_batched_tokens, tokens = most < PROBE_TOKENS ? most : PROBE_TOKENS;
    const int64_t window = step_model_window(model);
    const struct step_work work = {
        .prefill_seqs = 1,
        .prefill_tokens = tokens,
        .prefill_attention_x2 = attention_x2_of_chunk(0, tokens),
        .prefill_window_attention_x2 = window_attention_x2_of_chunk(window, 0, tokens),
    };
    return step_w(model, &work);
}

/* Of the number of decodes that draws most. */
static double decode_w(const struct limited_step *step, const struct step_model *model) {
    const int64_t ranks = step_model_ranks(model);
    struct rank_work *own = xcalloc((size_t)ranks, sizeof *own);
    const int shift = step_model_context_shift(model);
    const int64_t context = (int64_t)PROBE_CONTEXT << shift;
    const int64_t window = windowed_context(step_model_window(model), PROBE_CONTEXT) << shift;
    double most_w = 0;
    for (int64_t n = 1; n <= step->max_num_seqs; n *= 2) {
        struct step_work work = {.decode_seqs = n, .decode_context = n * context, .decode_window_context = n * window};
        const int64_t largest = (n + ranks - 1) / ranks;
        own[0] = (struct rank_work){.decode_context = largest * context, .decode_window_context = largest * window};
        work.ranks = ranks > 1 ? own : NULL;
        most_w = fmax(most_w, step_w(model, &work));
    }
    free(own);
    return most_w;
}

typedef double phase_watts(const struct limited_step *step, const struct step_model *model);

/* Watts at a clock; NaN where there is no such model. */
static double watts_at(const struct limited_step *step, phase_watts *watts, double clock_ratio) {
    struct step_model *model = model_at(step, clock_ratio);
    const double found_w = model != NULL ? watts(step, model) : (double)NAN;
    step_model_free(model);
    return found_w;
}

/* The board's own limit holds at the clock that is asked for: what draws more there is as measured at that limit. */
static double clock_within(const struct limited_step *step, phase_watts *watts, double room_w, double own_room_w) {
    double high = step->roofline->clock_ratio, low = POWER_CLOCK_MIN;
    const double full_w = watts_at(step, watts, high);
    const double scale = full_w > own_room_w ? own_room_w / full_w : 1;
    if (!(scale * full_w > room_w)) {
        return high;
    }
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = 0.5 * (low + high);
        *(scale * watts_at(step, watts, middle) > room_w ? &high : &low) = middle;
    }
    return low;
}

struct phase_clocks power_clocks_within(const struct limited_step *step) {
    const struct gpu *gpu = step->roofline->gpu;
    const double boards = (double)roofline_boards(step->roofline), idle_w = gpu_idle_context_w(gpu, NULL);
    const double own_room_w = boards * (gpu->tdp_w - idle_w);
    const double room_w = boards * (step->roofline->power_limit_w - idle_w);
    return (struct phase_clocks){
        .prefill_ratio = clock_within(step, prefill_w, room_w, own_room_w),
        .decode_ratio = clock_within(step, decode_w, room_w, own_room_w),
    };
}

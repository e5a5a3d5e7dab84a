/* A workload: who asks for what, where, and how fast it must be answered. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/fmath.h"
#include "scenarios/layers.h"
#include "scenarios/resolve.h"

/* --- lengths --- */

static bool lognormal(struct resolver *resolver, const struct view *view, struct length_spec *spec) {
    const double tail_max = 14.97;
    bool by_mean = view_has(view, "mean") && view_has(view, "p99");
    bool by_median = view_has(view, "median") && view_has(view, "sigma");
    bool has_other =
        by_mean ? view_has(view, "median") || view_has(view, "sigma") : view_has(view, "mean") || view_has(view, "p99");
    if (by_mean == by_median || has_other) {
        return diag_error(resolver->diags, view->at, "missing-key",
                          "%s: a lognormal needs 'mean' and 'p99', or 'median' and 'sigma', and no others", view->path);
    }
    spec->kind = LENGTH_LOGNORMAL;
    if (by_median) {
        spec->mu = fm_log(view_number(view, "median"));
        spec->sigma = view_number(view, "sigma");
        return true;
    }
    double mean = view_number(view, "mean");
    double p99 = view_number(view, "p99");
    if (length_lognormal_from_p99(mean, p99, &spec->mu, &spec->sigma)) {
        return true;
    }
    return diag_error(resolver->diags, view_at(view, "p99"), "lognormal-tail",
                      "%s: p99 / mean = %.4g, but a lognormal's lies in 1..%.2f; use `distribution: quantiles`",
                      view->path, p99 / mean, tail_max);
}

/* [[p, value], ...], or values at evenly spaced p. */
static bool inline_quantiles(struct resolver *resolver, const struct node *list, struct length_spec *spec) {
    double *p = arena_alloc(resolver->arena, list->count + 1, sizeof(double));
    double *value = arena_alloc(resolver->arena, list->count + 1, sizeof(double));
    for (size_t i = 0; i < list->count; i++) {
        const struct node *item = list->items[i];
        bool is_pair = item->kind == NODE_LIST && item->count == 2;
        const struct node *number = is_pair ? item->items[1] : item;
        p[i] = list->count < 2 ? 0 : (double)i / (double)(list->count - 1);
        if ((is_pair && !text_to_double(span_of(item->items[0]->text), &p[i])) || number->kind != NODE_SCALAR ||
            !text_to_double(span_of(number->text), &value[i])) {
            return diag_error(resolver->diags, item->at, "table-shape",
                              "a table is a list of [share, tokens] pairs, shares from 0 to 1");
        }
    }
    spec->kind = LENGTH_QUANTILES;
    spec->quantile_p = p;
    spec->quantile_value = value;
    spec->count = list->count;
    return quantiles_check(p, value, list->count, list->at, resolver->diags);
}

static bool named_quantiles(struct resolver *resolver, const struct node *node, struct length_spec *spec) {
    const struct preset *preset = presets_lengths(resolver->context->presets, node->text);
    if (preset != NULL) {
        preset_length_spec(preset, spec);
        return true;
    }
    size_t count;
    const char *const *names = presets_length_names(resolver->context->presets, &count);
    const char *guess = text_guess(span_of(node->text), names, count);
    return diag_error(resolver->diags, node->at, "unknown-preset", "the catalogue has no table '%s'%s%s%s", node->text,
                      guess == NULL ? "" : "; did you mean '", guess == NULL ? "" : guess, guess == NULL ? "" : "'?");
}

static bool quantiles(struct resolver *resolver, const struct view *view, struct length_spec *spec) {
    if (view_has(view, "table") == view_has(view, "file")) {
        return diag_error(resolver->diags, view->at, "missing-key", "%s: quantiles need either 'table' or 'file'",
                          view->path);
    }
    if (view_has(view, "file")) {
        const struct node *file = view_node(view, "file");
        return quantiles_read(path_beside(resolver->arena, file->at, file->text), file->at, resolver->arena, spec,
                              resolver->diags);
    }
    const struct node *table = view_node(view, "table");
    return table->kind == NODE_LIST ? inline_quantiles(resolver, table, spec) : named_quantiles(resolver, table, spec);
}

static bool uniform(struct resolver *resolver, const struct view *view, struct length_spec *spec) {
    *spec = (struct length_spec){.kind = LENGTH_UNIFORM};
    spec->min = (double)view_integer(view, "min");
    spec->max = (double)view_integer(view, "max");
    return spec->min <= spec->max || diag_error(resolver->diags, view_at(view, "max"), "value-range",
                                                "%s: max = %g is below min = %g", view->path, spec->max, spec->min);
}

static bool geometric(struct resolver *resolver, const struct view *view, struct length_spec *spec) {
    *spec = (struct length_spec){.kind = LENGTH_GEOMETRIC, .mean = view_number(view, "mean")};
    return view_has(view, "mean") || diag_error(resolver->diags, view->at, "missing-key",
                                                "%s: a geometric distribution needs 'mean'", view->path);
}

bool resolve_lengths(struct resolver *resolver, const struct view *workload, const char *key, bool has_trace,
                     struct length_spec *spec) {
    struct view view = view_block(resolver->arena, workload, key);
    *spec = (struct length_spec){.kind = LENGTH_FROM_TRACE};
    if (!view_has(workload, key)) {
        return has_trace || diag_error(resolver->diags, workload->at, "missing-key",
                                       "%s needs '%s': only a trace has lengths of its own", workload->path, key);
    }
    if (view.map == NULL) {
        *spec = (struct length_spec){.kind = LENGTH_CONSTANT, .value = (double)view_integer(workload, key)};
        return true;
    }
    if (view_is(&view, "distribution", "lognormal")) {
        return lognormal(resolver, &view, spec);
    }
    if (view_is(&view, "distribution", "quantiles")) {
        return quantiles(resolver, &view, spec);
    }
    if (view_is(&view, "distribution", "uniform")) {
        return uniform(resolver, &view, spec);
    }
    if (view_is(&view, "distribution", "geometric")) {
        return geometric(resolver, &view, spec);
    }
    *spec = (struct length_spec){.kind = LENGTH_CONSTANT, .value = view_number(&view, "value")};
    return true;
}

/* --- SLO --- */

static void resolve_slo(struct resolver *resolver, const struct view *workload, struct workload_config *config) {
    static const enum latency_metric metrics[] = {LATENCY_TTFT, LATENCY_TPOT, LATENCY_E2E, LATENCY_QUEUE};
    static const char *const names[] = {"ttft", "tpot", "e2e", "queue"};
    static const int percents[] = {50, 90, 95, 99};
    struct view slo = view_block(resolver->arena, workload, "slo");
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            char key[16];
            snprintf(key, sizeof(key), "%s_p%d", names[i], percents[k]);
            if (view_has(&slo, key)) {
                config->slo[config->slo_count++] = (struct slo_threshold){
                    .metric = metrics[i], .percent = percents[k], .limit = units_of_s(view_number(&slo, key))};
            }
        }
    }
}

/* --- pools --- */

static size_t find_pool(const struct resolver *resolver, const char *name) {
    for (size_t i = 0; i < resolver->point->sim.pool_count; i++) {
        if (strcmp(resolver->pools[i].name, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool unknown_pool(struct resolver *resolver, const struct view *view, const struct node *node) {
    size_t count = resolver->point->sim.pool_count;
    const char **names = arena_alloc(resolver->arena, count + 1, sizeof(char *));
    for (size_t i = 0; i < count; i++) {
        names[i] = resolver->pools[i].name;
    }
    const char *guess = text_guess(span_of(node->text), names, count);
    return diag_error(resolver->diags, node->at, "unknown-pool", "%s.pool: the fleet has no pool '%s'%s%s%s",
                      view->path, node->text, guess == NULL ? "" : "; did you mean '", guess == NULL ? "" : guess,
                      guess == NULL ? "" : "'?");
}

static void add_pool(uint32_t *pools, size_t *count, size_t pool) {
    size_t place = *count;
    for (size_t i = 0; i < *count; i++) {
        if (pools[i] == pool) {
            return;
        }
    }
    while (place > 0 && pools[place - 1] > pool) {
        pools[place] = pools[place - 1];
        place--;
    }
    pools[place] = (uint32_t)pool;
    (*count)++;
}

static bool named_pools(struct resolver *resolver, const struct view *view, uint32_t *pools, size_t *count) {
    const struct node *node = view_node(view, "pool");
    size_t items = node->kind == NODE_LIST ? node->count : 1;
    bool is_ok = true;
    for (size_t i = 0; i < items; i++) {
        const struct node *item = node->kind == NODE_LIST ? node->items[i] : node;
        size_t pool = find_pool(resolver, item->text);
        if (pool == SIZE_MAX) {
            is_ok = unknown_pool(resolver, view, item);
        } else {
            add_pool(pools, count, pool);
        }
    }
    return is_ok;
}

/* All pools that a workload goes to must serve one model. */
static bool check_models(struct resolver *resolver, const struct view *view, const uint32_t *pools, size_t count) {
    const struct pool_facts *facts = resolver->point->pools;
    for (size_t i = 1; i < count; i++) {
        const struct pool_facts *first = &facts[pools[0]], *other = &facts[pools[i]];
        if (first->model != NULL && other->model != NULL && strcmp(first->model, other->model) != 0) {
            return diag_error(resolver->diags, view_at(view, "pool"), "pool-model",
                              "%s goes to pools that serve different models (%s: %s, %s: %s); name one with 'pool'",
                              view->path, first->name, first->model, other->name, other->model);
        }
    }
    return true;
}

static bool check_delays(struct resolver *resolver, const struct view *view, const uint32_t *pools, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const struct pool_delays *first = &resolver->delays[pools[0]], *other = &resolver->delays[pools[i]];
        if (first->base != other->base || first->per_input_token != other->per_input_token ||
            first->quantum != other->quantum) {
            return diag_error(resolver->diags, view->at, "pool-delay",
                              "%s goes to pools '%s' and '%s', whose arrival_delay or quantum differ", view->path,
                              resolver->pools[pools[0]].name, resolver->pools[pools[i]].name);
        }
    }
    return true;
}

static bool resolve_pools(struct resolver *resolver, const struct view *view, struct workload_config *config) {
    size_t all = resolver->point->sim.pool_count;
    uint32_t *pools = arena_alloc(resolver->arena, all + 1, sizeof(uint32_t));
    size_t count = 0;
    if (view_has(view, "pool")) {
        if (!named_pools(resolver, view, pools, &count)) {
            return false;
        }
    } else {
        for (; count < all; count++) {
            pools[count] = (uint32_t)count;
        }
    }
    bool is_ok = check_models(resolver, view, pools, count) && check_delays(resolver, view, pools, count);
    if (resolver->point->sim.routing == ROUTING_CENTRAL_QUEUE && count != 1) {
        is_ok = diag_error(resolver->diags, view_at(view, "pool"), "central-queue-pool",
                           "%s goes to %zu pools; with routing.policy: central-queue a workload goes to exactly one: "
                           "name it with 'pool'",
                           view->path, count);
    }
    if (count > 0) {
        config->arrival_delay_base = resolver->delays[pools[0]].base;
        config->arrival_delay_per_input_token = resolver->delays[pools[0]].per_input_token;
        config->arrival_delay_quantum = resolver->delays[pools[0]].quantum;
    }
    config->pools = pools;
    config->pool_count = count;
    return is_ok;
}

/* May the value under `key` be looked at? */
static bool is_usable(struct resolver *resolver, const struct view *workload, const char *key) {
    const struct node *node = view_node(workload, key);
    struct view part = view_block(resolver->arena, workload, key);
    bool is_right_kind = resolver->all_usable || node == NULL || node->kind == NODE_MAP || node->kind == NODE_SCALAR;
    return is_right_kind && resolver_part_usable(resolver, &part);
}

static void resolve_price(struct resolver *resolver, const struct view *workload, struct workload_facts *facts) {
    struct view price = view_block(resolver->arena, workload, "price_usd_per_mtok");
    facts->has_price = price.map != NULL;
    if (facts->has_price) {
        facts->price_input_usd_per_mtok = view_number(&price, "input");
        facts->price_output_usd_per_mtok = view_number(&price, "output");
    }
}

/* Do all its pools answer with vectors? */
static bool asks_for_vectors(const struct resolver *resolver, const struct workload_config *config) {
    for (size_t i = 0; i < config->pool_count; i++) {
        if (!resolver->point->pools[config->pools[i]].embeds) {
            return false;
        }
    }
    return config->pool_count > 0;
}

/* A vector counts as one output token, which the last step of the prompt gives. */
static bool resolve_vector(struct resolver *resolver, const struct view *view, struct workload_config *config,
                           bool has_trace) {
    const bool is_given = view_has(view, "output_tokens");
    struct length_spec *output = &config->output_tokens;
    if (is_given && !resolve_lengths(resolver, view, "output_tokens", false, output)) {
        return false;
    }
    if ((has_trace && !is_given) || (is_given && (output->kind != LENGTH_CONSTANT || output->value != 1))) {
        return diag_error(resolver->diags, view_at(view, "output_tokens"), "embedding-output",
                          "%s goes to an embedding model, whose answer is one vector: write `output_tokens: 1`",
                          view->path);
    }
    *output = (struct length_spec){.kind = LENGTH_CONSTANT, .value = 1};
    return true;
}

static bool resolve_both_lengths(struct resolver *resolver, const struct view *view, size_t index, bool has_trace) {
    struct workload_config *config = &resolver->workloads[index];
    bool is_ok = true;
    if (is_usable(resolver, view, "input_tokens")) {
        is_ok = resolve_lengths(resolver, view, "input_tokens", has_trace, &config->input_tokens);
    }
    if (!is_usable(resolver, view, "output_tokens")) {
        return is_ok;
    }
    if (asks_for_vectors(resolver, config)) {
        return resolve_vector(resolver, view, config, has_trace) && is_ok;
    }
    return resolve_lengths(resolver, view, "output_tokens", has_trace, &config->output_tokens) && is_ok;
}

/* An image: a prompt of one token, whose step is the first of the denoising steps, and no context (models/image.h). */
static bool resolve_images(struct resolver *resolver, const struct view *view, size_t index) {
    static const char *const others[] = {"input_tokens", "output_tokens", "cached_input_share"};
    struct workload_config *config = &resolver->workloads[index];
    const double steps = (double)view_integer(view, "denoising_steps");
    resolver->point->workloads[index].makes_images = true;
    config->input_tokens = (struct length_spec){.kind = LENGTH_CONSTANT, .value = 1};
    config->output_tokens = (struct length_spec){.kind = LENGTH_CONSTANT, .value = steps};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (view_has(view, others[i])) {
            return diag_error(resolver->diags, view_at(view, others[i]), "key-conflict",
                              "%s has denoising_steps: an image has no %s", view->path, others[i]);
        }
    }
    return true;
}

/* Images go to pools that make them, and nothing else does. */
static bool check_images(struct resolver *resolver, const struct view *view, size_t index) {
    const struct workload_config *config = &resolver->workloads[index];
    const bool makes_images = resolver->point->workloads[index].makes_images;
    for (size_t i = 0; i < config->pool_count; i++) {
        const struct pool_facts *pool = &resolver->point->pools[config->pools[i]];
        if (pool->model != NULL && pool->makes_images != makes_images) {
            return diag_error(
                resolver->diags, view_at(view, makes_images ? "denoising_steps" : "pool"), "image-workload",
                makes_images ? "%s asks for images, and pool '%s' makes none (model: %s); the catalogue's "
                               "image generators do"
                             : "%s goes to pool '%s', which makes images (%s): it needs 'denoising_steps'",
                view->path, pool->name, pool->model);
        }
    }
    return true;
}

/* Each part that is usable, so that the mistakes of all come out at once. */
bool resolve_workload(struct resolver *resolver, const struct view *view, size_t index) {
    struct workload_config *config = &resolver->workloads[index];
    struct workload_facts *facts = &resolver->point->workloads[index];
    struct view arrivals = view_block(resolver->arena, view, "arrivals");
    bool has_trace = view_is(&arrivals, "process", "trace");
    const char *name = view_text(view, "name");
    config->name = name == NULL ? "" : name;
    facts->name = config->name;
    bool is_ok =
        arrivals.map != NULL && is_usable(resolver, view, "arrivals") && resolve_arrivals(resolver, view, index);
    is_ok = resolve_pools(resolver, view, config) && is_ok;
    if (view_has(view, "denoising_steps")) {
        is_ok = resolve_images(resolver, view, index) && is_ok;
    } else if (arrivals.map != NULL) {
        is_ok = resolve_both_lengths(resolver, view, index, has_trace) && is_ok;
    }
    is_ok = check_images(resolver, view, index) && is_ok;
    if (!resolver->all_usable) {
        return false;
    }
    config->cached_input_share =
        (int64_t)nearbyint(view_number(view, "cached_input_share") * (double)(1 << CACHED_SHARE_SHIFT));
    resolve_slo(resolver, view, config);
    resolve_price(resolver, view, facts);
    facts->mean_rate_per_s = config->arrivals.mean_rate_per_s;
    return is_ok;
}

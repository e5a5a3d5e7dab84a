/* Arrivals: generated, or from a trace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "scenarios/layers.h"
#include "scenarios/resolve.h"
#include "sim/arrivals.h"

static bool missing(struct resolver *resolver, const struct view *view, const char *what) {
    return diag_error(resolver->diags, view->at, "missing-key", "%s needs %s", view->path, what);
}

static bool conflict(struct resolver *resolver, const struct view *view, const char *key, const char *other) {
    return diag_error(resolver->diags, view_at(view, key), "key-conflict", "%s has both '%s' and '%s'; keep one",
                      view->path, key, other);
}

/* --- generated --- */

static bool open_rate(struct resolver *resolver, const struct view *view, double *rate) {
    const double day_s = 86400.0;
    if (view_has(view, "rate") && view_has(view, "users")) {
        return conflict(resolver, view, "rate", "users");
    }
    if (view_has(view, "users") != view_has(view, "requests_per_user_day")) {
        return missing(resolver, view, "both 'users' and 'requests_per_user_day', or 'rate'");
    }
    if (!view_has(view, "rate") && !view_has(view, "users")) {
        return missing(resolver, view, "'rate', or 'users' and 'requests_per_user_day'");
    }
    *rate = view_has(view, "rate") ? view_number(view, "rate")
                                   : view_number(view, "users") * view_number(view, "requests_per_user_day") / day_s;
    *rate *= view_number(view, "rate_scale");
    return true;
}

/* Seconds into the week at t = 0; 0 without `start`. */
static bool start_offset_s(struct resolver *resolver, int64_t *offset) {
    const i128 day = ATTOSECOND_PER_S * 86400;
    const char *text = view_text(&resolver->root, "start");
    i128 time;
    *offset = 0;
    if (text == NULL) {
        return true;
    }
    if (!timestamp_parse(span_of(text), &time)) {
        return diag_error(resolver->diags, view_at(&resolver->root, "start"), "wrong-type",
                          "start = %s is no date and time; write it like 2026-03-02T08:00", text);
    }
    i128 monday = time + 3 * day; /* 1970-01-01 was a Thursday */
    i128 in_week = monday - i128_floor_div(monday, 7 * day) * (7 * day);
    *offset = (int64_t)(in_week / ATTOSECOND_PER_S);
    return true;
}

static bool inline_profile(struct resolver *resolver, const struct node *list, struct arrival_spec *spec) {
    double *values = arena_alloc(resolver->arena, list->count + 1, sizeof(double));
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i]->kind != NODE_SCALAR || !text_to_double(span_of(list->items[i]->text), &values[i])) {
            return diag_error(resolver->diags, list->items[i]->at, "wrong-type",
                              "a profile is a plain list of 24 or 168 numbers");
        }
    }
    spec->profile = values;
    spec->profile_count = list->count;
    return profile_check(values, list->count, list->at, resolver->diags);
}

/* A name that no preset has: a file, if it looks like one. */
static bool looks_like_file(const char *text) {
    return strchr(text, '/') != NULL || strchr(text, '.') != NULL;
}

static bool named_profile(struct resolver *resolver, const struct node *node, struct arrival_spec *spec) {
    const struct preset *preset = presets_profile(resolver->context->presets, node->text);
    if (preset != NULL) {
        spec->profile = preset->value;
        spec->profile_count = preset->count;
        return true;
    }
    if (looks_like_file(node->text)) {
        const char *path = path_beside(resolver->arena, node->at, node->text);
        return profile_read(path, node->at, resolver->arena, &spec->profile, &spec->profile_count, resolver->diags);
    }
    size_t count;
    const char *const *names = presets_profile_names(resolver->context->presets, &count);
    const char *guess = text_guess(span_of(node->text), names, count);
    return diag_error(resolver->diags, node->at, "unknown-preset", "the catalogue has no profile '%s'%s%s%s",
                      node->text, guess == NULL ? "" : "; did you mean '", guess == NULL ? "" : guess,
                      guess == NULL ? "" : "'?");
}

static bool fill_profile(struct resolver *resolver, const struct view *view, struct arrival_spec *spec) {
    const struct node *node = view_node(view, "profile");
    int64_t offset;
    bool is_ok = node->kind == NODE_LIST ? inline_profile(resolver, node, spec) : named_profile(resolver, node, spec);
    if (!start_offset_s(resolver, &offset) || !is_ok) {
        return false;
    }
    spec->profile_offset_s = offset % ((int64_t)spec->profile_count * 3600);
    return true;
}

static enum arrival_process process_of(const char *word) {
    for (int i = 0; i < ARRIVAL_PROCESS_COUNT; i++) {
        if (strcmp(arrival_process_name((enum arrival_process)i), word) == 0) {
            return (enum arrival_process)i;
        }
    }
    CHECK(false);
    return ARRIVAL_CONSTANT;
}

static void fill_closed_loop(const struct view *view, struct arrival_spec *spec) {
    spec->clients = (uint32_t)view_integer(view, "clients");
    spec->think_kind = view_is(view, "think_distribution", "exponential") ? THINK_EXPONENTIAL : THINK_CONSTANT;
    spec->think_s = view_number(view, "think_time");
    spec->start = view_is(view, "start", "think") ? CLOSED_LOOP_START_THINK : CLOSED_LOOP_START_NOW;
}

static bool resolve_generated(struct resolver *resolver, const struct view *view, struct workload_config *config) {
    struct arrival_spec *spec = arena_alloc(resolver->arena, 1, sizeof(struct arrival_spec));
    bool is_diurnal = view_is(view, "process", "diurnal");
    spec->name = config->name;
    spec->process = process_of(view_text(view, is_diurnal ? "base" : "process"));
    spec->cv = view_number(view, "cv");
    bool is_ok = true;
    if (spec->process == ARRIVAL_CLOSED_LOOP) {
        fill_closed_loop(view, spec);
    } else {
        is_ok = open_rate(resolver, view, &spec->rate_per_s);
    }
    if (is_diurnal) {
        is_ok = fill_profile(resolver, view, spec) && is_ok;
    }
    if (is_ok) {
        config->arrivals = arrival_spec_factory(spec);
    }
    return is_ok;
}

/* --- traces --- */

/* A column by position (a whole number from 1) or by name. */
static struct trace_column column_of(const char *text) {
    int64_t position;
    struct trace_column column = {.name = text};
    if (text != NULL && text_to_int64(span_of(text), &position) && position >= 1 && position <= TRACE_COLUMN_MAX) {
        column = (struct trace_column){.position = (uint32_t)position};
    }
    return column;
}

static void fill_columns(struct resolver *resolver, const struct view *view, struct trace_spec *spec) {
    static const enum trace_role roles[] = {TRACE_ARRIVAL, TRACE_INPUT, TRACE_OUTPUT, TRACE_STATUS};
    struct view columns = view_block(resolver->arena, view, "columns");
    spec->format = TRACE_COLUMNS;
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        spec->columns[roles[i]] = column_of(view_text(&columns, trace_role_name(roles[i])));
    }
}

static void fill_statuses(struct resolver *resolver, const struct node *node, struct trace_spec *spec) {
    size_t count = node->kind == NODE_LIST ? node->count : 1;
    const char **texts = arena_alloc(resolver->arena, count + 1, sizeof(char *));
    for (size_t i = 0; i < count; i++) {
        texts[i] = node->kind == NODE_LIST ? node->items[i]->text : node->text;
    }
    spec->status_ok = texts;
    spec->status_ok_count = count;
}

/* The index of the value's word, in the table's order, which is the enum's. */
static size_t word_index(const struct view *view, const char *key) {
    const struct field *field = block_field(view->block, span_of(key));
    size_t index = words_find(field->words, span_of(view_text(view, key)));
    CHECK(index != SIZE_MAX);
    return index;
}

static void fill_options(struct resolver *resolver, const struct view *view, struct trace_spec *spec) {
    static const char delimiters[] = {0, ',', ';', '\t'};
    spec->header = view_is(view, "header", "yes");
    spec->time = (enum time_kind)word_index(view, "time");
    spec->delimiter = delimiters[word_index(view, "delimiter")];
    spec->decimal_comma = view_is(view, "decimal", "comma");
    spec->order = (enum trace_order)word_index(view, "order");
    spec->origin = (enum trace_origin)word_index(view, "origin");
    spec->max_rows = view_integer(view, "max_rows");
    if (view_has(view, "filter")) {
        struct view filter = view_block(resolver->arena, view, "filter");
        spec->columns[TRACE_FILTER] = column_of(view_text(&filter, "column"));
        spec->filter_value = view_text(&filter, "value");
    }
    if (view_has(view, "status_ok")) {
        fill_statuses(resolver, view_node(view, "status_ok"), spec);
    }
}

static const char *trace_key(struct resolver *resolver, const struct view *view, const struct trace_spec *spec) {
    char *text = node_to_yaml(node_without(resolver->arena, view->map, "rate_scale"));
    const char *key =
        arena_format(resolver->arena, "%s\n%d %d\n%s", spec->path, spec->draw_input, spec->draw_output, text);
    free(text);
    return key;
}

static const struct trace_cache_entry *find_scan(const struct trace_cache *cache, const char *key) {
    for (size_t i = 0; i < cache->count; i++) {
        if (strcmp(cache->entries[i].key, key) == 0) {
            return &cache->entries[i];
        }
    }
    return NULL;
}

/* The scan of the trace, done once; NULL with diagnostics, or silently if they have been given. */
static const struct trace_cache_entry *scan(struct resolver *resolver, const char *key, const struct trace_spec *spec) {
    struct trace_cache *cache = resolver->context->traces;
    const struct trace_cache_entry *old = find_scan(cache, key);
    if (old != NULL) {
        return old->is_ok ? old : NULL;
    }
    struct trace_spec *plain = arena_alloc(cache->arena, 1, sizeof(*plain)); /* diagnostics point into it */
    *plain = *spec;
    plain->rate_scale = 1;
    struct trace_cache_entry entry = {.key = arena_text(cache->arena, key, strlen(key))};
    entry.is_ok = trace_scan(plain, &entry.stats, resolver->diags);
    cache->entries = xrealloc(cache->entries, cache->count + 1, sizeof(entry));
    cache->entries[cache->count] = entry;
    return entry.is_ok ? &cache->entries[cache->count++] : (cache->count++, NULL);
}

static bool trace_format_of(struct resolver *resolver, const struct view *view, struct trace_spec *spec) {
    if (view_has(view, "format") && view_has(view, "columns")) {
        return conflict(resolver, view, "columns", "format");
    }
    if (!view_has(view, "format") && !view_has(view, "columns")) {
        return missing(resolver, view, "'format' (azure-llm-2023 or normalised) or 'columns'");
    }
    if (view_has(view, "columns")) {
        fill_columns(resolver, view, spec);
    } else {
        spec->format = (enum trace_format)word_index(view, "format");
    }
    return true;
}

/* A trace may tell what a prefix cache would have spared; no replay of it may pass that over in silence. */
static void assume_no_prefix_reuse(struct resolver *resolver, const struct view *view,
                                   const struct trace_stats *stats) {
    if (stats->sum_prefix_tokens > 0) {
        double share = (double)stats->sum_prefix_tokens / (double)stats->sum_input_tokens;
        const char *path = arena_format(resolver->arena, "%s.file", view->path);
        resolver_assume(
            resolver, path,
            arena_format(resolver->arena,
                         "prefix reuse is not modelled: every prompt is computed whole, though an unlimited "
                         "prefix cache would hold %.0f %% of this trace's prompt tokens",
                         100 * share));
    }
}

static bool resolve_trace(struct resolver *resolver, const struct view *view, const struct view *workload,
                          size_t index) {
    struct trace_spec *spec = arena_alloc(resolver->arena, 1, sizeof(struct trace_spec));
    const struct node *file = view_node(view, "file");
    trace_spec_init(spec);
    spec->source.name = file->text;
    spec->path = path_beside(resolver->arena, file->at, file->text);
    spec->at = file->at;
    spec->draw_input = view_has(workload, "input_tokens");
    spec->draw_output = view_has(workload, "output_tokens");
    if (!trace_format_of(resolver, view, spec)) {
        return false;
    }
    fill_options(resolver, view, spec);
    spec->rate_scale = view_number(view, "rate_scale");
    resolver->trace_keys[index] = trace_key(resolver, view, spec);
    const struct trace_cache_entry *entry = scan(resolver, resolver->trace_keys[index], spec);
    if (entry == NULL) {
        return false;
    }
    struct trace_stats stats = entry->stats;
    stats.span_s /= spec->rate_scale;
    stats.mean_rate_per_s *= spec->rate_scale;
    resolver->workloads[index].arrivals = trace_factory(spec, &stats);
    assume_no_prefix_reuse(resolver, view, &stats);
    return true;
}

bool resolve_arrivals(struct resolver *resolver, const struct view *workload, size_t index) {
    struct view view = view_block(resolver->arena, workload, "arrivals");
    if (view_is(&view, "process", "trace")) {
        return resolve_trace(resolver, &view, workload, index);
    }
    return resolve_generated(resolver, &view, &resolver->workloads[index]);
}

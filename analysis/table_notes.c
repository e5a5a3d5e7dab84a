#include "analysis/table_notes.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/metrics.h"
#include "analysis/table_text.h"
#include "base/arena.h"

/* A drain above this share of the window is worth a word. */
#define DRAIN_SHARE_MAX 0.02

/* So is a load above this: more than chance. */
#define LOAD_RATIO_MAX 1.05

/* ---- warnings ---- */

/* Returns what there is to say of a result, in the arena, or NULL. */
typedef const char *warning_fn(struct arena *arena, const struct result *result);

static const char *warn_saturated(struct arena *arena, const struct result *result) {
    for (size_t p = 0; p < result->pool_count; p++) {
        if (result->pools[p].saturated) {
            return arena_format(
                arena, "saturated: the queue of pool %s grows without bound, and latency with the length of the run",
                result->pools[p].name);
        }
    }
    return NULL;
}

static const char *warn_empty_window(struct arena *arena, const struct result *result) {
    if (result->run.window_s > 0) {
        return NULL;
    }
    const struct request_result *requests = &result->requests;
    if (requests->rejected > 0 && requests->rejected == requests->emitted) {
        return arena_format(arena, "nothing was measured: all %lld requests were rejected",
                            (long long)requests->rejected);
    }
    return arena_format(arena,
                        "nothing was measured: the run ended at %s s, before its warm-up did; lower `warmup`, or ask "
                        "for more `requests`",
                        cell_number(result->run.simulated_s, 4).text);
}

/* The capacity run holds as many sequences as it can; one that runs out of KV blocks wastes work that a lighter load does not. */
static const char *warn_load(struct arena *arena, const struct result *result) {
    for (size_t p = 0; p < result->pool_count; p++) {
        const double load = result->pools[p].utilization.load_ratio;
        if (load > LOAD_RATIO_MAX) {
            return arena_format(
                arena, "the load of pool %s is %s of its capacity: the capacity run preempts; see kv_admission",
                result->pools[p].name, cell_ratio(load).text);
        }
    }
    return NULL;
}

static const char *warn_drain(struct arena *arena, const struct result *result) {
    const double share = result->run.drain_s / result->run.window_s;
    if (!(result->run.window_s > 0 && share > DRAIN_SHARE_MAX)) {
        return NULL;
    }
    return arena_format(arena,
                        "the drain after the last arrival is %s of the window: cost is overstated and utilization "
                        "understated by it; `duration` cuts it off",
                        cell_percent(share).text);
}

static const char *warn_no_slo(struct arena *arena, const struct result *result) {
    (void)arena;
    return result->slo.thresholds == 0 ? "no SLO: cheapest means slowest" : NULL;
}

static const char *warn_unplaced(struct arena *arena, const struct result *result) {
    const long long paid = result->bill.gpus_paid;
    const long long placed = result->bill.gpus_placed;
    return paid == placed ? NULL : arena_format(arena, "paying for %lld GPUs, %lld in use", paid, placed);
}

static const char *warn_facility(struct arena *arena, const struct result *result) {
    (void)arena;
    return result->facility_not_included ? "facility: not included" : NULL;
}

static const char *warn_ended_early(struct arena *arena, const struct result *result) {
    if (result->requests_asked == 0) {
        return NULL;
    }
    return arena_format(arena, "the workload ended after %lld of %lld requests", (long long)result->requests.emitted,
                        (long long)result->requests_asked);
}

/* "12 too_large, 3 too_long" */
static const char *list_reasons(struct arena *arena, const char *metric_name, const struct result *result) {
    const struct metric *metric = metric_find(metric_name);
    const char *list = "";
    for (size_t i = 0; i < metric_length(metric, result, 0); i++) {
        const int64_t count = metric_integer(metric, result, 0, i);
        if (count > 0) {
            list = arena_format(arena, "%s%s%lld %s", list, list[0] == '\0' ? "" : ", ", (long long)count,
                                metric_coordinate(metric->dimension, i));
        }
    }
    return list;
}

static const char *warn_rejected(struct arena *arena, const struct result *result) {
    if (result->requests.rejected == 0) {
        return NULL;
    }
    return arena_format(arena, "%lld of %lld requests were rejected: %s", (long long)result->requests.rejected,
                        (long long)result->requests.emitted,
                        list_reasons(arena, "requests_rejected_by_reason", result));
}

static const char *warn_dropped(struct arena *arena, const struct result *result) {
    if (result->requests.dropped == 0) {
        return NULL;
    }
    return arena_format(arena, "%lld of %lld rows were left out: %s", (long long)result->requests.dropped,
                        (long long)result->requests.read, list_reasons(arena, "requests_dropped_by_reason", result));
}

static const char *warn_clients(struct arena *arena, const struct result *result) {
    const long long stopped = result->requests.stopped_clients;
    return stopped == 0 ? NULL : arena_format(arena, "%lld clients stopped after a rejection", stopped);
}

static warning_fn *const WARNINGS[] = {warn_empty_window, warn_saturated, warn_load,     warn_drain,
                                       warn_no_slo,       warn_unplaced,  warn_facility, warn_rejected,
                                       warn_ended_early,  warn_clients,   warn_dropped};

/* Of many points: the first's words, and how many points it concerns. */
static bool print_warning(FILE *stream, warning_fn *warning, const struct result *const *results, size_t count,
                          bool begun) {
    struct arena *arena = arena_new();
    const char *text = NULL;
    size_t points = 0;
    for (size_t i = 0; i < count; i++) {
        const char *here = warning(arena, results[i]);
        text = text == NULL ? here : text;
        points += here != NULL;
    }
    if (text != NULL) {
        fputs(begun ? "" : "\n  Careful\n", stream);
        text = points == count ? text
                               : arena_format(arena, "%s (%zu of %zu points; the first's words)", text, points, count);
        text_print_wrapped(stream, "    - ", text);
    }
    arena_free(arena);
    return begun || text != NULL;
}

void notes_print_warnings(FILE *stream, const struct result *const *results, size_t count) {
    bool begun = false;
    for (size_t i = 0; i < sizeof WARNINGS / sizeof WARNINGS[0]; i++) {
        begun = print_warning(stream, WARNINGS[i], results, count, begun);
    }
}

/* ---- assumptions ---- */

struct seen {
    const struct assumption_result **items; // owned
    size_t count;
};

static bool is_new(const struct seen *seen, const struct assumption_result *assumption) {
    for (size_t i = 0; i < seen->count; i++) {
        if (strcmp(seen->items[i]->path, assumption->path) == 0 &&
            strcmp(seen->items[i]->text, assumption->text) == 0) {
            return false;
        }
    }
    return true;
}

static void print_assumption(FILE *stream, const struct assumption_result *assumption) {
    struct arena *arena = arena_new();
    text_print_wrapped(stream, "    - ",
                       arena_format(arena, "%s: %s", assumption->path, text_short_sources(arena, assumption->text)));
    arena_free(arena);
}

void notes_print_assumptions(FILE *stream, const struct result *const *results, size_t count) {
    struct seen seen = {0};
    for (size_t i = 0; i < count; i++) {
        for (size_t a = 0; a < results[i]->assumption_count; a++) {
            const struct assumption_result *assumption = &results[i]->assumptions[a];
            if (is_new(&seen, assumption)) {
                fputs(seen.count == 0 ? "\n  Assumed\n" : "", stream);
                print_assumption(stream, assumption);
                seen.items = xrealloc(seen.items, seen.count + 1, sizeof *seen.items);
                seen.items[seen.count++] = assumption;
            }
        }
    }
    free(seen.items);
}

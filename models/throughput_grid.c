/* throughput_grid.c - the product grid, slice by slice, and the ranking that it is reduced to. */
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "models/throughput_kernel.h"

enum { PART = 32 };

/* ---- rankings ---- */

void throughput_ranking_init(struct throughput_ranking *ranking, size_t top_room) {
    CHECK(top_room >= 1);
    *ranking = (struct throughput_ranking){.top_room = top_room};
    ranking->top = xcalloc(top_room, sizeof *ranking->top);
    ranking->front_bars = xcalloc(THROUGHPUT_BAR_COUNT, sizeof *ranking->front_bars);
    ranking->front_changed = true;
}

void throughput_ranking_release(struct throughput_ranking *ranking) {
    if (ranking != NULL) {
        free(ranking->top);
        free(ranking->front);
        free(ranking->front_bars);
        *ranking = (struct throughput_ranking){0};
    }
}

/* What a configuration must cost less than to get into the top. */
static double top_bar(const struct throughput_ranking *ranking) {
    return ranking->top_count < ranking->top_room ? HUGE_VAL : ranking->top[ranking->top_count - 1].usd_per_mtok;
}

/* The place that `pick` may overwrite: its machine's, a new one, or the last. SIZE_MAX if its machine has a better one. */
static size_t top_place(struct throughput_ranking *ranking, const struct throughput_pick *pick) {
    for (size_t i = 0; ranking->one_per_machine && i < ranking->top_count; i++) {
        if (ranking->top[i].place.machine == pick->place.machine) {
            return pick->usd_per_mtok < ranking->top[i].usd_per_mtok ? i : SIZE_MAX;
        }
    }
    return ranking->top_count < ranking->top_room ? ranking->top_count++ : ranking->top_count - 1;
}

static void top_add(struct throughput_ranking *ranking, const struct throughput_pick *pick) {
    if (!(pick->usd_per_mtok < top_bar(ranking))) {
        return;
    }
    size_t at = top_place(ranking, pick);
    if (at == SIZE_MAX) {
        return;
    }
    while (at > 0 && pick->usd_per_mtok < ranking->top[at - 1].usd_per_mtok) {
        ranking->top[at] = ranking->top[at - 1];
        at--;
    }
    ranking->top[at] = *pick;
}

/* The first of the front that is slower than `tpot_s`. */
static size_t front_after(const struct throughput_ranking *ranking, double tpot_s) {
    size_t low = 0;
    size_t high = ranking->front_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranking->front[middle].tpot_s <= tpot_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* What a configuration of this TPOT must cost less than to get onto the front. */
static double front_bar(const struct throughput_ranking *ranking, double tpot_s) {
    size_t after = front_after(ranking, tpot_s);
    return after == 0 ? HUGE_VAL : ranking->front[after - 1].usd_per_mtok;
}

/* Puts `pick` in place of those in [first, end). */
static void front_replace(struct throughput_ranking *ranking, size_t first, size_t end,
                          const struct throughput_pick *pick) {
    size_t count = ranking->front_count - (end - first) + 1;
    if (count > ranking->front_room) {
        ranking->front_room = 2 * ranking->front_room + 16;
        ranking->front = xrealloc(ranking->front, ranking->front_room, sizeof *ranking->front);
    }
    size_t tail = ranking->front_count - end;
    struct throughput_pick *front = ranking->front;
    if (first == end) {
        for (size_t i = tail; i > 0; i--) {
            front[first + i] = front[end + i - 1];
        }
    } else {
        for (size_t i = 0; i < tail; i++) {
            front[first + 1 + i] = front[end + i];
        }
    }
    front[first] = *pick;
    ranking->front_count = count;
}

/* The bars of a front that has changed: whoever is slower than one on it, by a whole step, must cost less. */
static void front_bars_renew(struct throughput_ranking *ranking) {
    double bar = HUGE_VAL;
    int64_t index = 0;
    for (size_t i = 0; i < ranking->front_count; i++) {
        int64_t end = throughput_bar_index(ranking->front[i].tpot_s) + 1;
        for (; index < end; index++) {
            ranking->front_bars[index] = bar;
        }
        bar = ranking->front[i].usd_per_mtok;
    }
    for (; index < THROUGHPUT_BAR_COUNT; index++) {
        ranking->front_bars[index] = bar;
    }
    ranking->front_changed = false;
}

static void front_add(struct throughput_ranking *ranking, const struct throughput_pick *pick) {
    if (!(pick->usd_per_mtok < front_bar(ranking, pick->tpot_s))) {
        return;
    }
    size_t end = front_after(ranking, pick->tpot_s);
    size_t first = end;
    while (first > 0 && ranking->front[first - 1].tpot_s == pick->tpot_s) {
        first--;
    }
    while (end < ranking->front_count && ranking->front[end].usd_per_mtok >= pick->usd_per_mtok) {
        end++;
    }
    front_replace(ranking, first, end, pick);
    ranking->front_changed = true;
}

/* ---- the grid ---- */

/* One slice at one price. */
struct offer {
    const struct throughput_slice *slice;
    size_t count;
    double usd_per_s;
    struct throughput_place place; /* of its first configuration */
};

static void rank_one(struct throughput_ranking *ranking, const struct offer *offer, size_t i) {
    const struct throughput_slice *slice = offer->slice;
    double usd = (offer->usd_per_s + slice->power_usd_per_s[i]) * slice->s_per_mtok[i];
    bool in_top = usd + slice->miss[i] < top_bar(ranking);
    bool in_front = usd < slice->front_bar[i];
    if (in_top || in_front) {
        struct throughput_pick pick = {offer->place, usd, slice->tpot_s[i]};
        pick.place.batch += i;
        if (in_top) {
            top_add(ranking, &pick);
        }
        if (in_front) {
            front_add(ranking, &pick);
        }
    }
}

/* Looks at single configurations only where one could matter: the kernel sees to whole slices, then to parts of one. */
static void rank_slice(const struct throughput_kernel *kernel, const struct offer *offer,
                       struct throughput_ranking *ranking) {
    if (kernel->candidates(offer->slice, 0, offer->count, offer->usd_per_s, top_bar(ranking)) == 0) {
        return;
    }
    for (size_t first = 0; first < offer->count; first += PART) {
        size_t end = first + PART < offer->count ? first + PART : offer->count;
        if (kernel->candidates(offer->slice, first, end, offer->usd_per_s, top_bar(ranking)) > 0) {
            for (size_t i = first; i < end; i++) {
                rank_one(ranking, offer, i);
            }
        }
    }
}

static void rank_prices(const struct throughput_kernel *kernel, const struct throughput_axes *axes, struct offer *offer,
                        struct throughput_ranking *ranking) {
    const double usd_per_s = axes->machines[offer->place.machine].usd_per_s;
    for (size_t p = 0; p < axes->price_count; p++) {
        offer->usd_per_s = usd_per_s * axes->price_ratios[p];
        offer->place.price = p;
        rank_slice(kernel, offer, ranking);
    }
}

static void grid_row(const struct throughput_kernel *kernel, const struct throughput_axes *axes,
                     const struct throughput_limits *limits, struct throughput_place place,
                     struct throughput_ranking *ranking) {
    struct throughput_slice slice;
    for (size_t first = 0; first < axes->batch_count; first += THROUGHPUT_SLICE) {
        size_t left = axes->batch_count - first;
        const struct throughput_slice_request request = {
            .machine = &axes->machines[place.machine],
            .lengths = &axes->lengths[place.lengths],
            .batches = axes->batches + first,
            .count = left < THROUGHPUT_SLICE ? left : THROUGHPUT_SLICE,
            .limits = limits,
            .front_bars = ranking->front_bars,
        };
        if (ranking->front_changed) {
            front_bars_renew(ranking);
        }
        kernel->slice(&request, &slice);
        struct offer offer = {.slice = &slice, .count = request.count, .place = place};
        offer.place.batch = first;
        rank_prices(kernel, axes, &offer, ranking);
    }
}

void throughput_grid(enum cpu_level level, const struct throughput_axes *axes, const struct throughput_limits *limits,
                     struct throughput_ranking *ranking) {
    const struct throughput_kernel *kernel = throughput_kernel_of(level);
    struct throughput_place place = {0};
    for (place.machine = 0; place.machine < axes->machine_count; place.machine++) {
        for (place.lengths = 0; place.lengths < axes->length_count; place.lengths++) {
            grid_row(kernel, axes, limits, place, ranking);
        }
    }
}

struct throughput_load throughput_load_at(const struct throughput_axes *axes, const struct throughput_place *place) {
    return (struct throughput_load){
        .batch = axes->batches[place->batch],
        .lengths = axes->lengths[place->lengths],
        .price_ratio = axes->price_ratios[place->price],
    };
}

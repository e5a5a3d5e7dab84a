#include "study/screen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/analytic.h"
#include "base/check.h"
#include "scenarios/catalog.h"

enum { SETS = 3 };

static const int64_t tensor_parallels[] = {1, 2, 4, 8};
static const enum precision precisions[] = {PRECISION_BF16, PRECISION_FP8, PRECISION_INT8, PRECISION_INT4,
                                            PRECISION_FP4};

enum {
    TENSOR_PARALLELS = sizeof tensor_parallels / sizeof tensor_parallels[0],
    PRECISIONS = sizeof precisions / sizeof precisions[0],
};

static const char *kept(struct arena *arena, const char *text) {
    return arena_text(arena, text, strlen(text));
}

/* All of a row but the batch and what follows from it. */
static struct screen_row row_of(struct arena *arena, const struct resolved_point *point, size_t pool) {
    const struct pool_facts *facts = &point->pools[pool];
    return (struct screen_row){
        .gpu = kept(arena, facts->gpu),
        .model = kept(arena, facts->model),
        .precision = kept(arena, facts->precision),
        .tensor_parallel = facts->tensor_parallel,
        .max_num_seqs = point->sim.pools[pool].batching.max_num_seqs,
        .price_source = facts->price_source != NULL ? kept(arena, facts->price_source) : "",
        .power_known = facts->power_known,
    };
}

/* The formulas compute every prompt whole. */
static bool lengths_of(const struct resolved_point *point, size_t pool, struct throughput_lengths *lengths,
                       struct diags *diags) {
    for (size_t w = 0; w < point->sim.workload_count; w++) {
        if (point->sim.workloads[w].cached_input_share > 0) {
            return diag_error(diags, (struct position){0}, "not-modelled-yet",
                              "screen's formulas do not know cached_input_share: leave it out of workload '%s', or run "
                              "the scenario",
                              point->sim.workloads[w].name);
        }
    }
    return analytic_lengths(point, pool, lengths, diags);
}

static bool meets(const struct throughput_state *state, const struct throughput_limits *limits) {
    return state->tok_per_s > 0 && state->tpot_s <= limits->tpot_s && state->ttft_s <= limits->ttft_s;
}

static bool has_other_limits(const struct resolved_point *point) {
    for (size_t w = 0; w < point->sim.workload_count; w++) {
        for (size_t i = 0; i < point->sim.workloads[w].slo_count; i++) {
            enum latency_metric metric = point->sim.workloads[w].slo[i].metric;
            if (metric != LATENCY_TTFT && metric != LATENCY_TPOT) {
                return true;
            }
        }
    }
    return false;
}

/* Batch sizes 1 to `count`; free with free(). */
static double *batches_new(int64_t count) {
    double *batches = xcalloc((size_t)count, sizeof *batches);
    for (int64_t i = 0; i < count; i++) {
        batches[i] = (double)(i + 1);
    }
    return batches;
}

static const double list_price = 1;

static struct throughput_axes axes_of(const struct throughput_machine *machines, size_t machine_count,
                                      const struct throughput_lengths *lengths, const double *batches,
                                      int64_t batch_count) {
    return (struct throughput_axes){
        .machines = machines,
        .machine_count = machine_count,
        .lengths = lengths,
        .length_count = 1,
        .batches = batches,
        .batch_count = (size_t)batch_count,
        .price_ratios = &list_price,
        .price_count = 1,
    };
}

/* What the first point says of the pool. */
static bool pool_init(struct screen *screen, size_t index, const struct resolved_point *point, struct diags *diags) {
    struct screen_pool *pool = &screen->pools[index];
    const struct pool_config *config = &point->sim.pools[index];
    pool->name = kept(screen->arena, config->name);
    pool->is_continuous =
        config->batching.policy == BATCHING_CONTINUOUS || config->batching.policy == BATCHING_REQUEST_LEVEL;
    pool->blocks_given = point->pools[index].blocks_given;
    pool->limits = analytic_limits(point, index);
    pool->other_limits = has_other_limits(point);
    return lengths_of(point, index, &pool->lengths, diags);
}

/* ---- a sweep ---- */

/* The cheapest batch size within the limits; `most` if none is. */
static int64_t best_batch(const struct screen *screen, const struct throughput_machine *machine,
                          const struct throughput_lengths *lengths, const struct throughput_limits *limits,
                          int64_t most) {
    double *batches = batches_new(most);
    const struct throughput_axes axes = axes_of(machine, 1, lengths, batches, most);
    struct throughput_ranking ranking;
    throughput_ranking_init(&ranking, 1);
    throughput_grid(screen->level, &axes, limits, &ranking);
    int64_t best = ranking.top_count > 0 ? (int64_t)ranking.top[0].place.batch + 1 : most;
    throughput_ranking_release(&ranking);
    free(batches);
    return best;
}

static bool sweep_row(struct screen *screen, size_t index, const struct resolved_point *point, size_t number,
                      struct diags *diags) {
    struct throughput_load load = {.price_ratio = 1};
    if (!lengths_of(point, index, &load.lengths, diags)) {
        return false;
    }
    const struct throughput_limits limits = analytic_limits(point, index);
    const struct throughput_machine machine = analytic_machine(point, index);
    struct screen_row *row = &screen->pools[index].rows[number];
    *row = row_of(screen->arena, point, index);
    row->max_num_seqs = best_batch(screen, &machine, &load.lengths, &limits, row->max_num_seqs);
    load.batch = (double)row->max_num_seqs;
    row->point = number;
    row->state = throughput_of(&machine, &load);
    row->meets = meets(&row->state, &limits);
    return true;
}

static int by_cost(const void *left, const void *right) {
    const struct screen_row *a = *(struct screen_row *const *)left;
    const struct screen_row *b = *(struct screen_row *const *)right;
    int cost = (a->state.usd_per_mtok > b->state.usd_per_mtok) - (a->state.usd_per_mtok < b->state.usd_per_mtok);
    int time = (a->state.tpot_s > b->state.tpot_s) - (a->state.tpot_s < b->state.tpot_s);
    int point = (a->point > b->point) - (a->point < b->point);
    return cost != 0 ? cost : time != 0 ? time : point;
}

/* Ranks and front of rows that are all there: by rising cost, whoever is faster than all before is on the front. */
static void rank_rows(struct screen_pool *pool) {
    struct screen_row **order = xcalloc(pool->row_count + 1, sizeof *order);
    for (size_t i = 0; i < pool->row_count; i++) {
        order[i] = &pool->rows[i];
    }
    qsort(order, pool->row_count, sizeof *order, by_cost);
    size_t rank = 0;
    double fastest_s = HUGE_VAL;
    for (size_t i = 0; i < pool->row_count; i++) {
        struct screen_row *row = order[i];
        if (row->meets && rank < SCREEN_TOP) {
            row->rank = ++rank;
        }
        if (row->state.tok_per_s > 0 && row->state.tpot_s < fastest_s) {
            row->on_front = true;
            fastest_s = row->state.tpot_s;
        }
    }
    free(order);
}

static bool sweep_point(struct screen *screen, size_t number, struct diags *diags) {
    struct resolved_point *point = scenario_resolve(screen->scenario, number);
    bool ok = true;
    for (size_t p = 0; p < screen->pool_count && ok; p++) {
        ok = sweep_row(screen, p, point, number, diags);
    }
    resolved_point_free(point);
    return ok;
}

static bool screen_sweep(struct screen *screen, struct diags *diags) {
    const size_t count = scenario_point_count(screen->scenario);
    for (size_t p = 0; p < screen->pool_count; p++) {
        struct screen_pool *pool = &screen->pools[p];
        pool->machine_count = pool->configuration_count = pool->row_count = count;
        pool->rows = arena_alloc(screen->arena, count, sizeof *pool->rows);
    }
    for (size_t i = 0; i < count; i++) {
        if (!sweep_point(screen, i, diags)) {
            return false;
        }
    }
    for (size_t p = 0; p < screen->pool_count; p++) {
        rank_rows(&screen->pools[p]);
    }
    return true;
}

/* ---- the catalogue ---- */

/* Machines of one pool, and what each is called. */
struct fleet {
    struct throughput_machine *machines; // owned
    struct screen_row *rows;             // owned
    size_t count;
};

static void skip(struct screen *screen, struct screen_pool *pool, const char *rule) {
    size_t i = 0;
    while (i < pool->skipped_count && strcmp(pool->skipped[i].rule, rule) != 0) {
        i++;
    }
    if (i == SCREEN_SKIPPED_MAX) {
        i--;
        pool->skipped[i].rule = "other";
    } else if (i == pool->skipped_count) {
        pool->skipped[pool->skipped_count++].rule = kept(screen->arena, rule);
    }
    pool->skipped[i].count++;
}

/* A machine that outlives its point. */
static struct throughput_machine machine_kept(struct arena *arena, const struct resolved_point *point, size_t index) {
    struct throughput_machine machine = analytic_machine(point, index);
    if (machine.curves != NULL) {
        struct step_curves *curves = arena_alloc(arena, 1, sizeof *curves);
        *curves = *machine.curves;
        machine.curves = curves;
    }
    return machine;
}

/* One combination; no configuration of it if the scenario would not be valid with it. */
static void fleet_add(struct screen *screen, size_t index, struct fleet *fleet, const char *const sets[SETS]) {
    struct diags *diags = diags_new();
    struct resolved_point *point = scenario_vary(screen->scenario, 0, sets, SETS, diags);
    if (point == NULL) {
        skip(screen, &screen->pools[index], diags_first_rule(diags));
    } else {
        fleet->machines[fleet->count] = machine_kept(screen->arena, point, index);
        fleet->rows[fleet->count] = row_of(screen->arena, point, index);
        fleet->count++;
    }
    diags_free(diags);
    resolved_point_free(point);
}

static void fleet_add_gpu(struct screen *screen, size_t index, struct fleet *fleet, const char *gpu) {
    struct arena *arena = screen->arena;
    const char *name = screen->pools[index].name;
    for (size_t t = 0; t < TENSOR_PARALLELS; t++) {
        for (size_t p = 0; p < PRECISIONS; p++) {
            const char *const sets[SETS] = {
                arena_format(arena, "fleet.%s.gpu=%s", name, gpu),
                arena_format(arena, "fleet.%s.tensor_parallel=%lld", name, (long long)tensor_parallels[t]),
                arena_format(arena, "fleet.%s.precision=%s", name, precision_name(precisions[p])),
            };
            fleet_add(screen, index, fleet, sets);
        }
    }
}

/* All GPUs; the scenario's own alone where its price would be everyone's. */
static void fleet_fill(struct screen *screen, size_t index, const char *own_gpu, struct fleet *fleet) {
    struct screen_pool *pool = &screen->pools[index];
    const struct catalog *catalog = scenario_catalog(screen->scenario);
    const size_t gpus = catalog_row_count(catalog, CATALOG_GPUS);
    fleet->machines = xcalloc(gpus * TENSOR_PARALLELS * PRECISIONS + 1, sizeof *fleet->machines);
    fleet->rows = xcalloc(gpus * TENSOR_PARALLELS * PRECISIONS + 1, sizeof *fleet->rows);
    pool->one_price = scenario_has_single_price(screen->scenario, pool->name);
    for (size_t g = 0; g < gpus; g++) {
        const char *gpu = catalog_text(catalog, CATALOG_GPUS, g, 0);
        if (!pool->one_price || strcmp(gpu, own_gpu) == 0) {
            fleet_add_gpu(screen, index, fleet, gpu);
        }
    }
    pool->machine_count = fleet->count;
}

static void fleet_release(struct fleet *fleet) {
    free(fleet->machines);
    free(fleet->rows);
}

static bool same_place(const struct throughput_place *a, const struct throughput_place *b) {
    return a->machine == b->machine && a->batch == b->batch;
}

/* The row of `pick`; a configuration that is there already keeps its row. */
static struct screen_row *row_for(struct screen_pool *pool, struct throughput_place *places,
                                  const struct throughput_pick *pick) {
    size_t i = 0;
    while (i < pool->row_count && !same_place(&places[i], &pick->place)) {
        i++;
    }
    if (i == pool->row_count) {
        places[pool->row_count++] = pick->place;
    }
    return &pool->rows[i];
}

/* Computes the rows that the ranking names: front first, in its order; then the others of the top. */
static void fleet_rows(struct screen *screen, struct screen_pool *pool, const struct fleet *fleet,
                       const struct throughput_axes *axes, const struct throughput_ranking *ranking) {
    const size_t room = ranking->top_count + ranking->front_count + 1;
    struct throughput_place *places = xcalloc(room, sizeof *places);
    pool->rows = arena_alloc(screen->arena, room, sizeof *pool->rows);
    for (size_t i = 0; i < ranking->front_count; i++) {
        row_for(pool, places, &ranking->front[i])->on_front = true;
    }
    for (size_t i = 0; i < ranking->top_count; i++) {
        row_for(pool, places, &ranking->top[i])->rank = i + 1;
    }
    for (size_t i = 0; i < pool->row_count; i++) {
        struct screen_row *row = &pool->rows[i];
        const struct screen_row marks = *row;
        const struct throughput_load load = throughput_load_at(axes, &places[i]);
        *row = fleet->rows[places[i].machine];
        row->rank = marks.rank;
        row->on_front = marks.on_front;
        row->max_num_seqs = (int64_t)load.batch;
        row->state = throughput_of(&fleet->machines[places[i].machine], &load);
        row->meets = meets(&row->state, &pool->limits);
    }
    free(places);
}

static void screen_fleet(struct screen *screen, size_t index, const struct fleet *fleet, int64_t max_num_seqs) {
    struct screen_pool *pool = &screen->pools[index];
    double *batches = batches_new(max_num_seqs);
    const struct throughput_axes axes = axes_of(fleet->machines, fleet->count, &pool->lengths, batches, max_num_seqs);
    struct throughput_ranking ranking;
    throughput_ranking_init(&ranking, SCREEN_TOP);
    ranking.one_per_machine = true;
    throughput_grid(screen->level, &axes, &pool->limits, &ranking);
    pool->configuration_count = fleet->count * (size_t)max_num_seqs;
    fleet_rows(screen, pool, fleet, &axes, &ranking);
    throughput_ranking_release(&ranking);
    free(batches);
}

static bool screen_catalogue(struct screen *screen, const struct resolved_point *point, struct diags *diags) {
    for (size_t p = 0; p < screen->pool_count; p++) {
        const struct pool_facts *facts = &point->pools[p];
        if (facts->roofline == NULL) {
            return diag_error(diags, (struct position){0}, "screen-linear",
                              "pool '%s' has linear step times, which say nothing of other GPUs: give the scenario a "
                              "`sweep`, or the pool step times by GPU (`model: profile`)",
                              facts->name);
        }
        struct fleet fleet = {0};
        fleet_fill(screen, p, facts->gpu, &fleet);
        screen_fleet(screen, p, &fleet, point->sim.pools[p].batching.max_num_seqs);
        fleet_release(&fleet);
    }
    return true;
}

/* ---- both ---- */

static bool screen_all(struct screen *screen, struct diags *diags) {
    struct resolved_point *point = scenario_resolve(screen->scenario, 0);
    screen->pool_count = point->sim.pool_count;
    screen->pools = arena_alloc(screen->arena, screen->pool_count, sizeof *screen->pools);
    bool ok = true;
    for (size_t p = 0; p < screen->pool_count; p++) {
        ok = pool_init(screen, p, point, diags) && ok;
    }
    if (ok) {
        ok = screen->is_sweep ? screen_sweep(screen, diags) : screen_catalogue(screen, point, diags);
    }
    resolved_point_free(point);
    return ok;
}

struct screen *screen_new(const struct scenario *scenario, struct diags *diags) {
    struct screen *screen = xcalloc(1, sizeof *screen);
    screen->scenario = scenario;
    screen->is_sweep = scenario_axis_count(scenario) > 0;
    screen->arena = arena_new();
    if (!cpu_level_choose(&screen->level, diags) || !screen_all(screen, diags)) {
        screen_free(screen);
        return NULL;
    }
    return screen;
}

void screen_free(struct screen *screen) {
    if (screen != NULL) {
        arena_free(screen->arena);
        free(screen);
    }
}

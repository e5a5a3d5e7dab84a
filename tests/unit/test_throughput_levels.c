/* Every CPU level returns the definition's bits: all lengths, between guard pages; and the grid is what one finds by looking at
 * each configuration. Levels that this machine lacks are skipped, and said so. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "tests/unit/throughput_fixture.h"

enum { COUNT_MAX = 67, IN_COLUMNS = 6, OUT_COLUMNS = 9, COLUMNS = IN_COLUMNS + OUT_COLUMNS + 1, MACHINES = 10 };

/* ---- machines and loads ---- */

static uint64_t random_next(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 11;
}

static double random_in(uint64_t *seed, double low, double high) {
    return low + (high - low) * (double)random_next(seed) * 0x1p-53;
}

/* A machine with curves; its model is kept. */
static struct throughput_machine curved_machine(void) {
    static struct throughput_rig rig;
    if (rig.model == NULL) {
        rig = (struct throughput_rig){.llm = mixtral_8x7b(), .gpu = h100(), .is_profile = true};
        rig_make(&rig, 2, 25751);
    }
    return rig.machine;
}

/* Dense, starved, experts, without power or price, and one whose every number is far out; windowed layers, with
 * experts, a host and ranks too; curves. */
static void machines_make(struct throughput_machine machines[MACHINES]) {
    struct throughput_rig rig = {.llm = llama_8b(), .gpu = h100()};
    rig_make(&rig, 1, 25751);
    machines[0] = rig.machine;
    step_model_free(rig.model);
    rig_make(&rig, 2, 60);
    machines[1] = rig.machine;
    step_model_free(rig.model);
    rig.llm = mixtral_8x7b();
    rig_make(&rig, 4, 25751);
    machines[2] = rig.machine;
    step_model_free(rig.model);
    machines[3] = (struct throughput_machine){.step_s = 1e-3,
                                              .kv_tok = 1e15,
                                              .block_tok = 1,
                                              .step_tok = 1,
                                              .step_tok_inverse = 1,
                                              .cap_w = THROUGHPUT_NO_CAP_W};
    rig.llm = windowed_8b(700);
    rig_make(&rig, 1, 25751);
    machines[5] = rig.machine;
    step_model_free(rig.model);
    machines[6] = machines[2];
    machines[6].window_tok = 300;
    machines[6].window_context_s = 1e-8;
    machines[6].window_attention_s = 1e-9;
    machines[6].window_context_j = machines[6].window_attention_j = 1e-6;
    machines[7] = machines[0];
    machines[7].host_s = 5e-3;
    machines[7].host_seq_s = 1e-4;
    rig.attention_dp = 2;
    rig_make(&rig, 4, 25751);
    machines[8] = rig.machine;
    step_model_free(rig.model);
    machines[9] = curved_machine();
    machines[4] = machines[2];
    machines[4].step_s = 1e-30;
    machines[4].body_tok_s = 1e6;
    machines[4].context_s = 1e-300;
    machines[4].kv_tok = 1;
    machines[4].expert_decay = 1e300;
    machines[4].cap_w = 0;
}

static struct throughput_load load_at(size_t i) {
    static const double odd[] = {1, 2, 15.999999, 256, 1e6, 1e12, 0x1p52, 1.0000000000000002};
    enum { ODD = sizeof odd / sizeof odd[0] };
    uint64_t seed = i * 977 + 1;
    random_next(&seed);
    bool is_odd = i % 3 == 0;
    double input_tok = is_odd ? odd[random_next(&seed) % ODD] : random_in(&seed, 1, 10000);
    double output_tok = is_odd ? odd[random_next(&seed) % ODD] : random_in(&seed, 1, 2000);
    return (struct throughput_load){
        .batch = is_odd ? odd[random_next(&seed) % ODD] : random_in(&seed, 1, 600),
        .lengths = throughput_lengths_constant(input_tok, output_tok),
        .price_ratio = is_odd ? 0x1p-1074 : random_in(&seed, 0, 3),
    };
}

/* ---- arrays between guard pages ---- */

/* One page that may be touched, between two that may not. */
struct guarded {
    unsigned char *pages;
    size_t page_size;
};

static struct guarded guarded_new(void) {
    struct guarded guarded = {.page_size = (size_t)sysconf(_SC_PAGESIZE)};
    void *pages = mmap(NULL, 3 * guarded.page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    guarded.pages = pages;
    assert_int_equal(mprotect(guarded.pages + guarded.page_size, guarded.page_size, PROT_READ | PROT_WRITE), 0);
    return guarded;
}

/* `size` bytes right after the first guard, or right before the second. */
static void *guarded_place(const struct guarded *guarded, size_t size, bool at_end) {
    size_t offset = at_end ? guarded->page_size - size : 0;
    return guarded->pages + guarded->page_size + offset;
}

struct table {
    struct guarded pages[COLUMNS];
    double *in[IN_COLUMNS], *out[OUT_COLUMNS]; /* into them */
    int32_t *binding;
};

static void table_place(struct table *table, size_t count, bool at_end) {
    for (size_t c = 0; c < IN_COLUMNS; c++) {
        table->in[c] = guarded_place(&table->pages[c], count * sizeof(double), at_end);
    }
    for (size_t c = 0; c < OUT_COLUMNS; c++) {
        table->out[c] = guarded_place(&table->pages[IN_COLUMNS + c], count * sizeof(double), at_end);
    }
    table->binding = guarded_place(&table->pages[COLUMNS - 1], count * sizeof(int32_t), at_end);
    for (size_t i = 0; i < count; i++) {
        const struct throughput_load load = load_at(100 * count + i);
        const double values[IN_COLUMNS] = {load.batch,
                                           load.lengths.input_tok,
                                           load.lengths.output_tok,
                                           load.lengths.context_tok,
                                           load.lengths.prompt_square_tok2,
                                           load.price_ratio};
        for (size_t c = 0; c < IN_COLUMNS; c++) {
            table->in[c][i] = values[c];
        }
    }
}

static void table_run(struct table *table, enum cpu_level level, const struct throughput_machine *machine,
                      size_t count) {
    double *const *in = table->in;
    double *const *out = table->out;
    const struct throughput_load_columns loads = {in[0], in[1], in[2], in[3], in[4], in[5]};
    const struct throughput_state_columns states = {out[0], out[1], out[2], out[3], out[4],
                                                    out[5], out[6], out[7], out[8], table->binding};
    throughput_arrays(level, machine, &loads, count, &states);
}

static void assert_same_bits(const double *value, double expected, const char *name) {
    if (memcmp(value, &expected, sizeof expected) != 0) {
        fail_msg("%s: %a instead of %a", name, *value, expected);
    }
    bool is_number = !isnan(expected);
    assert_true(is_number);
}

static void assert_defined(const struct table *table, const struct throughput_machine *machine, size_t count) {
    static const char *const names[OUT_COLUMNS] = {"batch",     "prefill_s", "decode_s",     "tpot_s",   "ttft_s",
                                                   "tok_per_s", "power_w",   "usd_per_mtok", "j_per_tok"};
    for (size_t i = 0; i < count; i++) {
        const struct throughput_load load = load_at(100 * count + i);
        const struct throughput_state state = throughput_of(machine, &load);
        const double expected[OUT_COLUMNS] = {state.batch,   state.prefill_s,    state.decode_s,
                                              state.tpot_s,  state.ttft_s,       state.tok_per_s,
                                              state.power_w, state.usd_per_mtok, state.j_per_tok};
        for (size_t c = 0; c < OUT_COLUMNS; c++) {
            assert_same_bits(&table->out[c][i], expected[c], names[c]);
        }
        assert_int_equal(table->binding[i], state.binding);
    }
}

/* Skips what the machine lacks. */
static enum cpu_level level_of(void **state) {
    const enum cpu_level level = *(const enum cpu_level *)*state;
    if (level > cpu_level_highest()) {
        print_message("this machine has no %s\n", cpu_level_name(level));
        skip();
    }
    return level;
}

static void arrays_have_the_definitions_bits(void **state) {
    enum cpu_level level = level_of(state);
    struct throughput_machine machines[MACHINES];
    struct table table;
    machines_make(machines);
    for (size_t c = 0; c < COLUMNS; c++) {
        table.pages[c] = guarded_new();
    }
    for (size_t count = 0; count <= COUNT_MAX; count++) {
        for (int at_end = 0; at_end < 2; at_end++) {
            table_place(&table, count, at_end);
            for (size_t m = 0; m < MACHINES; m++) {
                table_run(&table, level, &machines[m], count);
                assert_defined(&table, &machines[m], count);
            }
        }
    }
    for (size_t c = 0; c < COLUMNS; c++) {
        assert_int_equal(munmap(table.pages[c].pages, 3 * table.pages[c].page_size), 0);
    }
}

/* ---- the grid, by looking at each ---- */

enum { GRID_LENGTHS = 4, GRID_BATCHES = 301, GRID_PRICES = 3, TOP = 12 };

struct grid {
    struct throughput_machine machines[MACHINES];
    struct throughput_lengths lengths[GRID_LENGTHS];
    double batches[GRID_BATCHES];
    double prices[GRID_PRICES];
    struct throughput_axes axes;
    struct throughput_pick *picks; // owned: every configuration that fits, in grid order
    bool *meets;                   // owned
    size_t count;
};

static void grid_look(struct grid *grid, const struct throughput_limits *limits, const struct throughput_place *place) {
    const struct throughput_load load = throughput_load_at(&grid->axes, place);
    const struct throughput_state made = throughput_of(&grid->machines[place->machine], &load);
    if (!isinf(made.usd_per_mtok)) {
        grid->picks[grid->count] = (struct throughput_pick){*place, made.usd_per_mtok, made.tpot_s};
        grid->meets[grid->count] = made.tpot_s <= limits->tpot_s && made.ttft_s <= limits->ttft_s;
        grid->count++;
    }
}

static void grid_make(struct grid *grid, const struct throughput_limits *limits) {
    machines_make(grid->machines);
    for (size_t i = 0; i < GRID_LENGTHS; i++) {
        grid->lengths[i] = load_at(3 * i + 1).lengths;
    }
    for (size_t i = 0; i < GRID_BATCHES; i++) {
        grid->batches[i] = (double)(i * 7 % GRID_BATCHES + 1); /* in no order */
    }
    for (size_t i = 0; i < GRID_PRICES; i++) {
        grid->prices[i] = 1.5 - 0.5 * (double)i;
    }
    size_t rooms = (size_t)MACHINES * GRID_LENGTHS * GRID_BATCHES * GRID_PRICES;
    grid->axes = (struct throughput_axes){grid->machines, MACHINES,     grid->lengths, GRID_LENGTHS,
                                          grid->batches,  GRID_BATCHES, grid->prices,  GRID_PRICES};
    grid->picks = xcalloc(rooms, sizeof *grid->picks);
    grid->meets = xcalloc(rooms, sizeof *grid->meets);
    grid->count = 0;
    struct throughput_place place;
    for (size_t i = 0; i < rooms; i++) {
        place.price = i % GRID_PRICES;
        place.batch = i / GRID_PRICES % GRID_BATCHES;
        place.lengths = i / GRID_PRICES / GRID_BATCHES % GRID_LENGTHS;
        place.machine = i / GRID_PRICES / GRID_BATCHES / GRID_LENGTHS;
        grid_look(grid, limits, &place);
    }
}

static void grid_release(struct grid *grid) {
    free(grid->picks);
    free(grid->meets);
}

/* How many within the limits cost less than `pick`. */
static size_t cheaper_count(const struct grid *grid, const struct throughput_pick *pick) {
    size_t cheaper = 0;
    for (size_t i = 0; i < grid->count; i++) {
        cheaper += grid->meets[i] && grid->picks[i].usd_per_mtok < pick->usd_per_mtok;
    }
    return cheaper;
}

static bool is_beaten(const struct grid *grid, const struct throughput_pick *pick) {
    for (size_t i = 0; i < grid->count; i++) {
        const struct throughput_pick *other = &grid->picks[i];
        bool no_worse = other->usd_per_mtok <= pick->usd_per_mtok && other->tpot_s <= pick->tpot_s;
        if (no_worse && (other->usd_per_mtok < pick->usd_per_mtok || other->tpot_s < pick->tpot_s)) {
            return true;
        }
    }
    return false;
}

static void assert_is_of_the_grid(const struct grid *grid, const struct throughput_pick *pick) {
    const struct throughput_load load = throughput_load_at(&grid->axes, &pick->place);
    const struct throughput_state made = throughput_of(&grid->machines[pick->place.machine], &load);
    assert_same_bits(&pick->usd_per_mtok, made.usd_per_mtok, "usd_per_mtok");
    assert_same_bits(&pick->tpot_s, made.tpot_s, "tpot_s");
}

/* Configurations of the grid that are on its front; equal ones once. */
static size_t front_count(const struct grid *grid) {
    size_t count = 0;
    for (size_t i = 0; i < grid->count; i++) {
        bool is_first = true;
        for (size_t j = 0; j < i && is_first; j++) {
            is_first = grid->picks[j].usd_per_mtok != grid->picks[i].usd_per_mtok ||
                       grid->picks[j].tpot_s != grid->picks[i].tpot_s;
        }
        count += is_first && !is_beaten(grid, &grid->picks[i]);
    }
    return count;
}

static void the_grid_finds_what_is_best(void **state) {
    enum cpu_level level = level_of(state);
    const struct throughput_limits limits = {.ttft_s = 2, .tpot_s = 0.05};
    struct grid grid;
    struct throughput_ranking ranking;
    grid_make(&grid, &limits);
    throughput_ranking_init(&ranking, TOP);
    throughput_grid(level, &grid.axes, &limits, &ranking);
    assert_int_equal(ranking.top_count, TOP);
    for (size_t i = 0; i < ranking.top_count; i++) {
        assert_is_of_the_grid(&grid, &ranking.top[i]);
        assert_true(cheaper_count(&grid, &ranking.top[i]) <= i);
        assert_true(i == 0 || ranking.top[i - 1].usd_per_mtok <= ranking.top[i].usd_per_mtok);
    }
    for (size_t i = 0; i < ranking.front_count; i++) {
        assert_is_of_the_grid(&grid, &ranking.front[i]);
        assert_false(is_beaten(&grid, &ranking.front[i]));
    }
    assert_int_equal(ranking.front_count, front_count(&grid));
    throughput_ranking_release(&ranking);
    grid_release(&grid);
}

/* The cheapest within the limits of one machine; infinite without any. */
static double cheapest_of(const struct grid *grid, size_t machine) {
    double cheapest = HUGE_VAL;
    for (size_t i = 0; i < grid->count; i++) {
        bool counts = grid->meets[i] && grid->picks[i].place.machine == machine;
        cheapest = counts ? fmin(cheapest, grid->picks[i].usd_per_mtok) : cheapest;
    }
    return cheapest;
}

static void each_machine_is_named_once_if_asked(void **state) {
    enum cpu_level level = level_of(state);
    const struct throughput_limits limits = {.ttft_s = 2, .tpot_s = 0.05};
    struct grid grid;
    struct throughput_ranking ranking;
    grid_make(&grid, &limits);
    throughput_ranking_init(&ranking, TOP);
    ranking.one_per_machine = true;
    throughput_grid(level, &grid.axes, &limits, &ranking);
    size_t machines = 0;
    for (size_t m = 0; m < MACHINES; m++) {
        machines += cheapest_of(&grid, m) < HUGE_VAL;
    }
    assert_int_equal(ranking.top_count, machines);
    assert_true(machines > 1);
    for (size_t i = 0; i < ranking.top_count; i++) {
        assert_same_bits(&ranking.top[i].usd_per_mtok, cheapest_of(&grid, ranking.top[i].place.machine), "cheapest");
        assert_true(i == 0 || ranking.top[i - 1].usd_per_mtok <= ranking.top[i].usd_per_mtok);
    }
    throughput_ranking_release(&ranking);
    grid_release(&grid);
}

static void nothing_within_the_limits_is_an_empty_top(void **state) {
    enum cpu_level level = level_of(state);
    const struct throughput_limits limits = {.ttft_s = 0, .tpot_s = 0};
    struct grid grid;
    struct throughput_ranking ranking;
    grid_make(&grid, &limits);
    throughput_ranking_init(&ranking, TOP);
    throughput_grid(level, &grid.axes, &limits, &ranking);
    assert_int_equal(ranking.top_count, 0);
    assert_true(ranking.front_count > 0);
    throughput_ranking_release(&ranking);
    grid_release(&grid);
}

int main(void) {
    static enum cpu_level levels[] = {CPU_LEVEL_BASELINE, CPU_LEVEL_AVX2, CPU_LEVEL_AVX512};
    static const struct {
        const char *name;
        CMUnitTestFunction test;
    } rows[] = {
        {"arrays_have_the_definitions_bits", arrays_have_the_definitions_bits},
        {"the_grid_finds_what_is_best", the_grid_finds_what_is_best},
        {"each_machine_is_named_once_if_asked", each_machine_is_named_once_if_asked},
        {"nothing_within_the_limits_is_an_empty_top", nothing_within_the_limits_is_an_empty_top},
    };
    enum { ROWS = sizeof rows / sizeof rows[0] };
    struct CMUnitTest tests[CPU_LEVEL_COUNT * ROWS];
    for (size_t i = 0; i < CPU_LEVEL_COUNT * ROWS; i++) {
        tests[i] = (struct CMUnitTest){
            .name = rows[i % ROWS].name, .test_func = rows[i % ROWS].test, .initial_state = &levels[i / ROWS]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

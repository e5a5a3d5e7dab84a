/* The top of the table of keys. Help texts are sentences without a stop at the end. */
#include "scenarios/schema_blocks.h"

/* 2^63: what is below it is an int64. */
#define INT64_MAX_AS_DOUBLE 9223372036854775808.0

static const struct field routing_fields[] = {
    {.key = "policy",
     .shapes = SHAPE_WORD,
     .words = "round-robin|random|power-of-two|least-outstanding|central-queue",
     .fallback = "round-robin",
     .help = "Which replica a request goes to"},
};
static const struct block routing_block = {"routing", FIELDS(routing_fields), NO_ALIASES};

static const struct field carbon_fields[] = {
    {.key = "region", .shapes = SHAPE_TEXT, .help = "A region of the catalogue: its grid's mean"},
    {.key = "gco2e_per_kwh", .shapes = SHAPE_NUMBER, .min = 0, .max = 5000, .help = "Or the figure itself"},
    {.key = "usd_per_t",
     .shapes = SHAPE_NUMBER,
     .unit = "USD/t",
     .min = 0,
     .max = 1e5,
     .fallback = "0",
     .help = "Price of a tonne of CO2e"},
};
static const struct block carbon_block = {"carbon", FIELDS(carbon_fields), NO_ALIASES};

static const struct field compare_fields[] = {
    {.key = "api", .shapes = SHAPE_TEXTS, .help = "APIs of the catalogue, whose bill for this point's tokens is shown"},
};
static const struct block compare_block = {"compare", FIELDS(compare_fields), NO_ALIASES};

static const struct field series_fields[] = {
    {.key = "interval",
     .shapes = SHAPE_NUMBER,
     .unit = "s",
     .min = 1e-6,
     .max = YEARS_9_S,
     .fallback = "60s",
     .help =
         "Length of an interval. They begin at multiples of it; the warm-up's end splits the one that it falls into"},
};
static const struct block series_block = {"series", FIELDS(series_fields), NO_ALIASES};

static const struct field root_fields[] = {
    {.key = "name", .shapes = SHAPE_TEXT, .is_required = true, .help = "Title of the results"},
    {.key = "extends",
     .shapes = SHAPE_SPECIAL,
     .help = "A scenario file that this one is laid on: maps merge, entries merge by name, anything else is replaced"},
    {.key = "seed",
     .shapes = SHAPE_INTEGER,
     .min = 0,
     .max = INT64_MAX_AS_DOUBLE,
     .fallback = "1",
     .help = "Of all random draws"},
    {.key = "duration",
     .shapes = SHAPE_NUMBER,
     .unit = "s",
     .min = 1e-6,
     .max = YEARS_9_S,
     .help = "Arrivals in [0, duration), cut there"},
    {.key = "requests",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1e12,
     .help = "The first so many arrivals; the run ends with the last of them"},
    {.key = "start",
     .shapes = SHAPE_TEXT,
     .help =
         "Date and time of t = 0, local to the profiles: 2026-03-02T08:00. Without it a day begins at 00:00, a week on Monday"},
    {.key = "timezone",
     .shapes = SHAPE_TEXT,
     .not_yet = "profiles are in local time already",
     .help = "Of tariffs and carbon series"},
    {.key = "warmup",
     .shapes = SHAPE_NUMBER | SHAPE_WORD,
     .unit = "s",
     .min = 0,
     .max = YEARS_9_S,
     .fallback = "0",
     .words = "",
     .words_not_yet = "auto",
     .help = "The window of the results begins here"},
    {.key = "replications",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1e6,
     .fallback = "1",
     .modelled_max = 1,
     .help = "Runs with independent draws"},
    {.key = "stop_when", .shapes = SHAPE_SPECIAL, .not_yet = "give a `duration`", .help = "Precision to stop at"},
    {.key = "series",
     .shapes = SHAPE_BLOCK,
     .block = &series_block,
     .help = "Queue, batch, KV, ratios, power and cost over time, by pool: stored in the results file"},
    {.key = "workload",
     .shapes = SHAPE_ENTRIES,
     .block = &schema_workload_block,
     .is_required = true,
     .help = "Who asks for what"},
    {.key = "fleet",
     .shapes = SHAPE_ENTRIES,
     .block = &schema_fleet_block,
     .is_required = true,
     .help = "Pools of equal replicas"},
    {.key = "routing", .shapes = SHAPE_BLOCK, .block = &routing_block, .help = "From requests to replicas"},
    {.key = "power", .shapes = SHAPE_BLOCK, .block = &schema_power_block, .help = "From GPUs to the site"},
    {.key = "cost",
     .shapes = SHAPE_BLOCK,
     .block = &schema_cost_block,
     .help = "What it costs. Without it: rented at the catalogue's price, and the results say so"},
    {.key = "carbon", .shapes = SHAPE_BLOCK, .block = &carbon_block, .help = "What it emits"},
    {.key = "levers",
     .shapes = SHAPE_SPECIAL,
     .not_yet = "change the scenario itself, or sweep it",
     .help = "Measures to compare"},
    {.key = "economics",
     .shapes = SHAPE_SPECIAL,
     .not_yet = "sweep prices and rates",
     .help = "Demand and prices over time"},
    {.key = "compare", .shapes = SHAPE_BLOCK, .block = &compare_block, .help = "What else it could cost"},
    {.key = "sweep",
     .shapes = SHAPE_SPECIAL,
     .help =
         "Axes: a path to a value, and a list of values or {from, to, steps, scale}; `zip` for axes that move together"},
};
static const struct block root_block = {"(top)", FIELDS(root_fields), NO_ALIASES};

const struct block *schema_root(void) {
    return &root_block;
}

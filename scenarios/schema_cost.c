/* The keys of cost, at the top and of a pool. */
#include "scenarios/schema_blocks.h"

#define RENTAL "deal=on-demand|deal=reserved|deal=spot"
#define OWNED  "deal=owned"
#define USD(name, text)                                                                                                \
    { .key = name, .shapes = SHAPE_NUMBER, .unit = "USD", .min = 0, .max = USD_MAX, .when = OWNED, .help = text }

static const struct field electricity_fields[] = {
    {.key = "tariff",
     .shapes = SHAPE_NUMBER,
     .unit = "USD/kWh",
     .min = -10,
     .max = 100,
     .is_required = true,
     .shapes_not_yet = SHAPE_BLOCK | SHAPE_TEXT,
     .help = "One price for all hours"},
    {.key = "demand_usd_per_kw_month",
     .shapes = SHAPE_NUMBER,
     .unit = "USD/kW-month",
     .min = 0,
     .max = 1e4,
     .fallback = "0",
     .help = "Demand charge on the 15-minute peak"},
};
static const struct block electricity_block = {"cost.electricity", FIELDS(electricity_fields), NO_ALIASES};

static const struct field facility_fields[] = {
    {.key = "kind",
     .shapes = SHAPE_WORD,
     .words = "colocation|own-build",
     .is_required = true,
     .help = "Rented space, or one's own building"},
    {.key = "power",
     .shapes = SHAPE_WORD,
     .words = "included|metered",
     .when = "kind=colocation",
     .is_required = true,
     .help = "Is energy in the price of the space?"},
    {.key = "usd_per_kw_month",
     .shapes = SHAPE_NUMBER,
     .unit = "USD/kW-month",
     .min = 0,
     .max = 1e5,
     .when = "kind=colocation",
     .is_required = true,
     .help = "Per committed kW of IT power"},
    {.key = "usd_per_site_kw",
     .shapes = SHAPE_NUMBER,
     .unit = "USD/kW",
     .min = 0,
     .max = 1e6,
     .when = "kind=own-build",
     .is_required = true,
     .help = "To build one kW of site power"},
    {.key = "life",
     .shapes = SHAPE_NUMBER,
     .unit = "year",
     .min = 1,
     .max = 50,
     .fallback = "14",
     .when = "kind=own-build",
     .help = "Of the building"},
    {.key = "discount_rate",
     .shapes = SHAPE_NUMBER,
     .unit = "ratio",
     .min = 0,
     .max = 1,
     .fallback = "0",
     .when = "kind=own-build",
     .help = "Of the building"},
};
static const struct block facility_block = {"cost.facility", FIELDS(facility_fields), NO_ALIASES};

static const struct field commitment_fields[] = {
    {.key = "gpus",
     .shapes = SHAPE_INTEGER,
     .min = 1,
     .max = 1e7,
     .is_required = true,
     .help = "GPUs that are paid whether used or not"},
    {.key = "usd_per_hour",
     .shapes = SHAPE_NUMBER,
     .unit = "USD/h",
     .min = 0,
     .max = 1e4,
     .is_required = true,
     .help = "For each of them"},
};
static const struct block commitment_block = {"cost.commitments", FIELDS(commitment_fields), NO_ALIASES};

static const struct field network_fields[] = {
    {.key = "egress_usd_per_gb",
     .shapes = SHAPE_NUMBER,
     .unit = "USD/GB",
     .min = 0,
     .max = 100,
     .fallback = "0",
     .help = "For answers that leave the site"},
    {.key = "byte_per_output_token",
     .shapes = SHAPE_NUMBER,
     .min = 0,
     .max = 1e6,
     .fallback = "4",
     .help = "Bytes of an answer per token"},
};
static const struct block network_block = {"cost.network", FIELDS(network_fields), NO_ALIASES};

static const struct field staff_fields[] = {
    {.key = "fte_min",
     .shapes = SHAPE_NUMBER,
     .min = 0,
     .max = 1e5,
     .fallback = "0",
     .help = "Full-time people, however small the fleet"},
    {.key = "fte_per_gpu",
     .shapes = SHAPE_NUMBER,
     .min = 0,
     .max = 10,
     .fallback = "0",
     .help = "Full-time people per paid GPU; the greater of the two counts"},
    {.key = "loaded_usd_per_fte_year",
     .shapes = SHAPE_NUMBER,
     .unit = "USD/year",
     .min = 0,
     .max = 1e7,
     .help = "One person's full cost"},
};
static const struct block staff_block = {"cost.staff", FIELDS(staff_fields), NO_ALIASES};

#define COST_FIELDS                                                                                                    \
    {.key = "deal",                                                                                                    \
     .shapes = SHAPE_WORD,                                                                                             \
     .words = "on-demand|reserved|spot|owned",                                                                         \
     .fallback = "on-demand",                                                                                          \
     .help = "How the GPUs are had. Interruptions of `spot` are not simulated"},                                       \
        {.key = "gpu_usd_per_hour",                                                                                    \
         .shapes = SHAPE_NUMBER | SHAPE_WORD | SHAPE_NUMBER_MAP,                                                       \
         .words = "catalogue",                                                                                         \
         .unit = "USD/h",                                                                                              \
         .min = 0,                                                                                                     \
         .max = 1e4,                                                                                                   \
         .fallback = "catalogue",                                                                                      \
         .when = RENTAL,                                                                                               \
         .help = "A number, `catalogue` (source and date are printed), or a map by GPU"},                              \
        {.key = "commitments",                                                                                         \
         .shapes = SHAPE_BLOCK,                                                                                        \
         .block = &commitment_block,                                                                                   \
         .shapes_not_yet = SHAPE_ENTRIES,                                                                              \
         .when = "deal=reserved",                                                                                      \
         .help = "By default just the GPUs that are placed are committed"},                                            \
        USD("system_usd_per_gpu", "Everything that is bought, per GPU; or else the four below"),                       \
        {.key = "gpu_price_usd",                                                                                       \
         .shapes = SHAPE_NUMBER | SHAPE_WORD | SHAPE_NUMBER_MAP,                                                       \
         .words = "catalogue",                                                                                         \
         .unit = "USD",                                                                                                \
         .min = 0,                                                                                                     \
         .max = USD_MAX,                                                                                               \
         .when = OWNED,                                                                                                \
         .help = "One GPU: a number, `catalogue`, or a map by GPU"},                                                   \
        USD("server_usd_per_gpu", "The server around it"), USD("network_usd_per_gpu", "Switches and cables"),          \
        USD("storage_usd_per_gpu", "Storage"),                                                                         \
        {.key = "life",                                                                                                \
         .shapes = SHAPE_NUMBER,                                                                                       \
         .unit = "year",                                                                                               \
         .min = 0.5,                                                                                                   \
         .max = 50,                                                                                                    \
         .fallback = "5",                                                                                              \
         .when = OWNED,                                                                                                \
         .help = "Years over which what is bought is written off"},                                                    \
        {.key = "discount_rate",                                                                                       \
         .shapes = SHAPE_NUMBER,                                                                                       \
         .unit = "ratio",                                                                                              \
         .min = 0,                                                                                                     \
         .max = 1,                                                                                                     \
         .fallback = "0",                                                                                              \
         .when = OWNED,                                                                                                \
         .help = "A year; 0 is straight-line"},                                                                        \
        {.key = "residual_ratio",                                                                                      \
         .shapes = SHAPE_NUMBER,                                                                                       \
         .unit = "ratio",                                                                                              \
         .min = 0,                                                                                                     \
         .max = 1,                                                                                                     \
         .fallback = "0",                                                                                              \
         .when = OWNED,                                                                                                \
         .help = "Worth at the end of life, of the price"},                                                            \
        {.key = "maintenance_ratio_per_year",                                                                          \
         .shapes = SHAPE_NUMBER,                                                                                       \
         .unit = "ratio",                                                                                              \
         .min = 0,                                                                                                     \
         .max = 1,                                                                                                     \
         .fallback = "0",                                                                                              \
         .when = OWNED,                                                                                                \
         .help = "Of the price, each year"},                                                                           \
        {.key = "spares_ratio",                                                                                        \
         .shapes = SHAPE_NUMBER,                                                                                       \
         .unit = "ratio",                                                                                              \
         .min = 0,                                                                                                     \
         .max = 1,                                                                                                     \
         .fallback = "0",                                                                                              \
         .when = OWNED,                                                                                                \
         .help = "Spare GPUs bought beside those in use"},                                                             \
        {.key = "electricity",                                                                                         \
         .shapes = SHAPE_WORD | SHAPE_BLOCK,                                                                           \
         .words = "included",                                                                                          \
         .block = &electricity_block,                                                                                  \
         .help = "`included` in the rent, or a tariff; by default `included` for rental"},                             \
        {.key = "facility", .shapes = SHAPE_BLOCK, .block = &facility_block, .help = "Where owned GPUs stand"}, {      \
        .key = "software_usd_per_gpu_year", .shapes = SHAPE_NUMBER, .unit = "USD/year", .min = 0, .max = 1e6,          \
        .fallback = "0", .help = "Licences"                                                                            \
    }

#define COST_ALIASES                                                                                                   \
    {"purchase", "deal", "rental=on-demand"}, {                                                                        \
        "electricity_usd_per_kwh", "electricity.tariff", NULL                                                          \
    }

static const struct field pool_cost_fields[] = {COST_FIELDS};
static const struct field_alias pool_cost_aliases[] = {COST_ALIASES};
const struct block schema_pool_cost_block = {"fleet[].cost", FIELDS(pool_cost_fields), FIELDS(pool_cost_aliases)};

static const struct field cost_fields[] = {
    COST_FIELDS,
    {.key = "staff",
     .shapes = SHAPE_BLOCK,
     .block = &staff_block,
     .help = "People who run the fleet; by default nobody"},
    {.key = "network", .shapes = SHAPE_BLOCK, .block = &network_block, .help = "Traffic that leaves the site"},
    {.key = "one_off_usd",
     .shapes = SHAPE_NUMBER,
     .unit = "USD",
     .min = 0,
     .max = USD_MAX,
     .fallback = "0",
     .help = "Set-up cost of the fleet, straight line"},
    {.key = "one_off_life",
     .shapes = SHAPE_NUMBER,
     .unit = "year",
     .min = 0.1,
     .max = 50,
     .fallback = "5",
     .help = "Over this time"},
    {.key = "currency", .shapes = SHAPE_NAME, .help = "The table shows money in this one too"},
    {.key = "usd_per_currency", .shapes = SHAPE_NUMBER, .min = 1e-9, .max = 1e9, .help = "What one of it is worth"},
};
static const struct field_alias cost_aliases[] = {
    COST_ALIASES,
    {"staff_fte", "staff.fte_min", NULL},
    {"salary_usd_per_year", "staff.loaded_usd_per_fte_year", NULL},
};
const struct block schema_cost_block = {"cost", FIELDS(cost_fields), FIELDS(cost_aliases)};

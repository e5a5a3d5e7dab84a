/* catalog.h - the catalogues: GPUs, LLMs, vision models, API prices, regions, board power by architecture; one sourced row each.
 *
 * Compiled in (base/embedded.h), or read from a folder that holds files of the same names; a file that the folder
 * lacks comes from the compiled-in ones. Read with libcsv into texts (for lists) and structs (for use). Mistakes are
 * reported at file:line:column, all at once. Names and aliases are compared without regard to case. Immutable once
 * read; may be shared by threads. The catalogue owns what diagnostics point into: free it after rendering them. */
#ifndef TOKENMILL_SCENARIOS_CATALOG_H
#define TOKENMILL_SCENARIOS_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/text.h"
#include "models/gpu.h"
#include "models/image.h"
#include "models/llm.h"
#include "models/power.h"

enum catalog_table {
    CATALOG_GPUS,
    CATALOG_LLMS,
    CATALOG_VISION,
    CATALOG_API_PRICES,
    CATALOG_REGIONS,
    CATALOG_POWER,
    CATALOG_TABLE_COUNT
};

/* "gpus", "llms", "vision", "api_prices", "regions", "power"; the file is NAME.csv. */
const char *catalog_table_name(enum catalog_table table);

/* A price list's row: USD per million tokens, NaN where not stated. */
struct api_price_row {
    const char *name; /* as compared by `compare: {api: [...]}` */
    const char *provider;
    double input_usd_per_mtok, cached_input_usd_per_mtok, output_usd_per_mtok, usd_per_image;
    const char *status, *note, *source, *as_of;
};

/* A country, US state or cloud region. NaN where not known. */
struct region {
    const char *name; /* code: "USA", "TX", "europe-west4" */
    const char *level;
    const char *long_name;
    double grid_gco2e_per_kwh, grid_year, grid_lca_gco2e_per_kwh, wue_offsite_l_per_kwh;
    double tariff_per_kwh; /* in `tariff_currency` */
    const char *tariff_currency, *tariff_source;
    const char *status, *source, *as_of;
};

/* How a column fills a struct; the scenario's inline definitions use the same table. */
enum catalog_kind {
    CATALOG_TEXT,      /* const char * */
    CATALOG_NUMBER,    /* double; blank: NaN */
    CATALOG_INTEGER,   /* int64_t; blank: 0 */
    CATALOG_FLAG,      /* bool, 0 or 1; blank: false */
    CATALOG_PRECISION, /* enum precision; blank: bf16 */
    CATALOG_ATTENTION, /* enum attention_kind: gqa, mla, compressed */
};

struct catalog_column {
    const char *name; /* of the column, the field and the inline key */
    enum catalog_kind kind;
    size_t offset;    /* in the table's struct */
    double min, max;  /* of numbers, inclusive */
    const char *unit; /* "" if none */
    const char *help;
};

/* A catalogue file of `dir` as text in the arena; one that is not there, or `dir` NULL: the compiled-in one. Rule "catalogue-file". */
bool catalog_source_open(struct diag_source *source, const char *dir, const char *file, struct arena *arena,
                         struct diags *diags);

/* The columns that fill `struct gpu` (or llm, ...). `aliases` is not one of them. */
const struct catalog_column *catalog_columns(enum catalog_table table, size_t *count);

/* Sets one field of `row` from a terminated text, in range; a CATALOG_TEXT field borrows it. Blank: as the kind
 * says. Rules "value-type", "value-range". */
bool catalog_set_field(void *row, const struct catalog_column *column, const char *text, struct diags *diags,
                       struct position at);

struct catalog;

struct catalog *catalog_new(void);
void catalog_free(struct catalog *catalog); /* accepts NULL */

/* Reads all tables; `dir` NULL: the compiled-in ones. Once per catalogue. Rules "catalogue-file" (the world),
 * "catalogue-csv", "catalogue-header", "catalogue-row", "catalogue-duplicate", "value-type", "value-range". */
bool catalog_read(struct catalog *catalog, const char *dir, struct diags *diags);

/* A row by name or alias (of an API price also PROVIDER/name); NULL and rule "unknown-gpu" (model, api, region),
 * with a guess, if there is none. Borrowed. */
const struct gpu *catalog_gpu(const struct catalog *catalog, struct span name, struct diags *diags, struct position at);
const struct llm *catalog_llm(const struct catalog *catalog, struct span name, struct diags *diags, struct position at);
const struct vision_model *catalog_vision(const struct catalog *catalog, struct span name, struct diags *diags,
                                          struct position at);
const struct api_price_row *catalog_api_price(const struct catalog *catalog, struct span name, struct diags *diags,
                                              struct position at);
const struct region *catalog_region(const struct catalog *catalog, struct span name, struct diags *diags,
                                    struct position at);

/* The power shares of the GPU's architecture: of the longest name that its `arch` begins with; NULL if none is. Borrowed. */
const struct architecture_power *catalog_power(const struct catalog *catalog, const struct gpu *gpu);

/* Does a row of this name or alias exist? Its index, or SIZE_MAX. */
size_t catalog_find(const struct catalog *catalog, enum catalog_table table, struct span name);

/* The table as text, for people: rows and columns as in the file. Texts are borrowed. */
size_t catalog_row_count(const struct catalog *catalog, enum catalog_table table);
size_t catalog_text_column_count(const struct catalog *catalog, enum catalog_table table);
const char *catalog_text_column(const struct catalog *catalog, enum catalog_table table, size_t column);
const char *catalog_text(const struct catalog *catalog, enum catalog_table table, size_t row, size_t column);

/* "gpus.csv 0x0123456789abcdef, llms.csv ..." FNV-1a-64 of each file's bytes. Borrowed. */
const char *catalog_hashes(const struct catalog *catalog);

#endif

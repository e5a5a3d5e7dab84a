/* scenario.h - a scenario file, read and checked; its sweep; its points.
 *
 * scenario_read finds every mistake at once; each point of the sweep is checked too, so that a long run cannot
 * die of a mistake in its last point. A `struct scenario` is immutable afterwards and may be shared by threads. */
#ifndef TOKENMILL_SCENARIOS_SCENARIO_H
#define TOKENMILL_SCENARIOS_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "scenarios/resolved.h"

/* One coordinate of an axis: numbers with a unit, or texts. */
struct sweep_coordinate {
    const char *path;      /* "workload.chat.arrivals.rate" as the file has it (`*` kept) */
    const char *name;      /* last component, prefixed by its parents until unique, plus unit: "rate_per_s" */
    const char *unit;      /* "1/s", "" for texts and pure numbers */
    const char *long_name; /* for a legend: the key's help */
    bool is_text;
    const double *numbers;    /* is_text false: `count` values, rounded to 12 significant digits */
    const char *const *texts; /* is_text true */
};

/* One dimension of the sweep. A plain axis has one coordinate; a `zip` has one for each path (and one named
 * "label" where labels are given); the first names the dimension. */
struct sweep_axis {
    size_t count;
    struct sweep_coordinate *coordinates;
    size_t coordinate_count;
};

struct scenario;

struct scenario_options {
    const char *const *sets; /* "a.b=value", in order; a later one wins */
    size_t set_count;
    bool has_seed;
    uint64_t seed;           /* overrides the file's */
    const char *catalog_dir; /* NULL: the compiled-in catalogues */
    enum engine_kind engine; /* that its points run on */
    bool skip_sweep;         /* check the sweep, then read the file as if it had none */
    const struct profile
        *profile; /* instead of the shipped one; borrowed for as long as the scenario; NULL: the shipped one */
};

/* NULL with diagnostics if anything is wrong. Warnings point into texts that the scenario owns: render them before it is
 * freed. When NULL is returned, `diags` keeps those texts itself. `options` may be NULL. */
struct scenario *scenario_read(const char *path, const struct scenario_options *options, struct diags *diags);
void scenario_free(struct scenario *scenario); /* accepts NULL */

/* The same of a text in memory; `name` stands in messages. For studies that write scenarios themselves and vary them. `options->sets`
 * is not looked at. */
struct scenario *scenario_read_text(const char *name, const char *text, const struct scenario_options *options,
                                    struct diags *diags);

const char *scenario_name(const struct scenario *scenario);
const char *scenario_path(const struct scenario *scenario);
uint64_t scenario_seed(const struct scenario *scenario);

/* The file's own text, and all of it resolved as YAML: extends, --set and defaults applied; no paths of this machine, no sweep
 * point substituted. */
const char *scenario_text(const struct scenario *scenario);
const char *scenario_resolved_text(const struct scenario *scenario);

/* Names and FNV-1a-64 hashes of the catalogues in use, then of the model files that it names: "gpus.csv 0x..., ...,
 * ./config.json 0x...". */
const char *scenario_catalog_hashes(const struct scenario *scenario);

/* The dimensions of the sweep, outermost first; none without `sweep`. */
size_t scenario_axis_count(const struct scenario *scenario);
const struct sweep_axis *scenario_axis(const struct scenario *scenario, size_t axis);

/* The config.json files that `model:` names, in order of first use. */
struct model_config;
size_t scenario_model_count(const struct scenario *scenario);
const struct model_config *scenario_model(const struct scenario *scenario, size_t index);

/* Product of the axes' counts; 1 without a sweep. Points are numbered row by row, the last axis fastest. */
size_t scenario_point_count(const struct scenario *scenario);

/* Points of the sweep that `skip_sweep` left out; 0 otherwise. */
size_t scenario_skipped_count(const struct scenario *scenario);

/* A point, ready to run; never fails for a scenario that was read. It borrows from the scenario, which must outlive it. Free with
 * resolved_point_free. */
struct resolved_point *scenario_resolve(const struct scenario *scenario, size_t point);
void resolved_point_free(struct resolved_point *point); /* accepts NULL */

/* The same with further "a.b=value" applied: what the file with these --set would be, without reading it again. For what a study
 * varies by itself. They may not name a trace, nor a config.json that no point names. Any number of threads at once. NULL with
 * diagnostics if that is no valid point. */
struct resolved_point *scenario_vary(const struct scenario *scenario, size_t point, const char *const *sets,
                                     size_t set_count, struct diags *diags);

/* The catalogues in use. */
struct catalog;
const struct catalog *scenario_catalog(const struct scenario *scenario);

/* Is one price for all GPUs given to the pool, rather than the catalogue's or a map by GPU? */
bool scenario_has_single_price(const struct scenario *scenario, const char *pool);

/* What the reader knows of its own vocabulary. The caller frees the text with free(). */
char *scenario_schema_json(void);  /* JSON Schema, draft 2020-12 */
char *scenario_reference_md(void); /* docs/scenario.md */

#endif

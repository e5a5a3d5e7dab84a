/* presets.h - token lengths and daily rhythms measured on real traces, by name; and the same from a user's file.
 *
 * Catalogue files length_quantiles.csv and diurnal.csv: one row a table, with source, date and status. A name or an
 * alias, case-insensitive: `azure-conv-input` = `chat-input`. Immutable once read; may be shared by threads. */
#ifndef TOKENMILL_SCENARIOS_PRESETS_H
#define TOKENMILL_SCENARIOS_PRESETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "sim/lengths.h"

/* A named row of numbers. Lengths: evenly spaced quantiles, the inverse CDF at p = 0 .. 1, linear between. Profiles:
 * 24 or 168 multipliers; `p` is NULL. */
struct preset {
    const char *name;
    const char *aliases; /* separated by blanks */
    const char *description;
    const char *status;
    const char *source; /* with licence */
    const char *as_of;  /* ISO date */
    const double *p;
    const double *value;
    size_t count;
};

struct presets;

/* `catalog_dir` overrides the compiled-in files, file by file; NULL: none. NULL with diagnostics (catalogue-file,
 * catalogue-csv, catalogue-row) if a file is not what it should be. */
struct presets *presets_new(const char *catalog_dir, struct diags *diags);
void presets_free(struct presets *presets); /* accepts NULL */

/* NULL if there is none of that name. */
const struct preset *presets_lengths(const struct presets *presets, const char *name);
const struct preset *presets_profile(const struct presets *presets, const char *name);

/* "diurnal.csv 0x..., length_quantiles.csv 0x...": FNV-1a-64 of the files. Borrowed. */
const char *presets_hashes(const struct presets *presets);

/* All names in the catalogue's order, without aliases (for guesses and listings). Borrowed. */
const char *const *presets_length_names(const struct presets *presets, size_t *count);
const char *const *presets_profile_names(const struct presets *presets, size_t *count);

/* Makes `spec` draw from the preset, whose arrays it borrows. */
void preset_length_spec(const struct preset *preset, struct length_spec *spec);

/* A user's tables. A file of lines of numbers with , ; tab or blanks between; a first line that begins with a letter
 * is a header; blank lines and `#` comments are skipped. Lengths: `p,value`, p from 0 to 1 (from 0 to 100 if the last
 * is 100). A profile: 24 or 168 lines whose last number is the multiplier. Arrays and what diagnostics point to lie
 * in `arena`; `at` is where the scenario names the file. Rules: table-open (world), table-row, table-shape. */
bool quantiles_read(const char *path, struct position at, struct arena *arena, struct length_spec *spec,
                    struct diags *diags);
bool profile_read(const char *path, struct position at, struct arena *arena, const double **multipliers, size_t *count,
                  struct diags *diags);

/* Checks a table however it came: p strictly rising from 0 to 1 and values >= 0 that do not fall; 24 or 168
 * multipliers >= 0, not all 0. Rule table-shape. */
bool quantiles_check(const double *p, const double *value, size_t count, struct position at, struct diags *diags);
bool profile_check(const double *multipliers, size_t count, struct position at, struct diags *diags);

#endif

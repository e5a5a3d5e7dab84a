/* schema.h - the vocabulary of scenarios: one table of keys drives reading, checking, --set, the sweep, JSON Schema and the
 * reference page, so that they cannot disagree.
 *
 * A block is what a map may hold; a field is one key of it. A key that is not in the table is an error with a guess; one whose
 * feature is not modelled yet is in the table and refused by name. The table is constant: scenarios/schema_table.c and schema_{workload,fleet,cost}.c. */
#ifndef TOKENMILL_SCENARIOS_SCHEMA_H
#define TOKENMILL_SCENARIOS_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/text.h"
#include "scenarios/catalog.h"
#include "scenarios/yaml_tree.h"

/* What a value may look like; a field may allow several. */
enum {
    SHAPE_NUMBER = 1 << 0,     /* with or without `unit` */
    SHAPE_INTEGER = 1 << 1,    /* a whole number, no unit */
    SHAPE_WORD = 1 << 2,       /* one of `words` */
    SHAPE_TEXT = 1 << 3,       /* any text: a file, a name in a catalogue */
    SHAPE_NAME = 1 << 4,       /* letters, digits, `_` and `-`: it stands in key paths */
    SHAPE_BLOCK = 1 << 5,      /* a map with the keys of `block` */
    SHAPE_ENTRIES = 1 << 6,    /* a list of such maps, each with its own `name` */
    SHAPE_NUMBERS = 1 << 7,    /* a list of numbers, or of pairs of numbers */
    SHAPE_TEXTS = 1 << 8,      /* a list of texts; a single text is a list of one */
    SHAPE_NUMBER_MAP = 1 << 9, /* a map from names (GPUs) to numbers */
    SHAPE_COLUMNS = 1 << 10,   /* a map with the columns of catalogue `table`: an inline definition */
    SHAPE_TEXT_MAP = 1 << 11,  /* a map from names to texts */
    SHAPE_SPECIAL = 1 << 12,   /* looked at by its own reader (sweep, extends) */
};

struct block;

struct field {
    const char *key;
    unsigned shapes;
    const char *unit;     /* of numbers: see base/quantity.h; NULL: none */
    double min, max;      /* of numbers, inclusive */
    const char *words;    /* "a|b|c" */
    const char *fallback; /* the default, as text; NULL: none */
    const char *when;     /* "process=gamma|base=gamma": has a use only where one of these holds in its own map */
    bool is_required;     /* where `when` holds */
    const struct block *block;
    enum catalog_table table;  /* of SHAPE_COLUMNS */
    const char *not_yet;       /* the whole key is not modelled yet: what to do instead, or "" */
    const char *words_not_yet; /* words that are known and not modelled */
    double modelled_max;       /* > 0: a greater number is known and not modelled */
    unsigned shapes_not_yet;   /* shapes that are known and not modelled */
    const char *help;
};

/* Another spelling: `path` is canonical and relative to the alias' map ("staff.fte_min"). `words` translates values:
 * "rental=on-demand|auto=", an empty one drops the key. */
struct field_alias {
    const char *alias;
    const char *path;
    const char *words;
};

struct block {
    const char *title;
    const struct field *fields;
    size_t field_count;
    const struct field_alias *aliases;
    size_t alias_count;
};

/* The top of a scenario. */
const struct block *schema_root(void);

/* The field of a canonical key, or NULL. */
const struct field *block_field(const struct block *block, struct span key);
const struct field_alias *block_alias(const struct block *block, struct span key);

/* The index of `word` in "a|b|c", or SIZE_MAX; and the word of that index, as a span. */
size_t words_find(const char *words, struct span word);
size_t words_count(const char *words);
struct span words_at(const char *words, size_t index);

/* The tree with aliases replaced by canonical keys, positions kept. Rule "key-conflict" if both are given. */
const struct node *schema_canonical(struct arena *arena, const struct node *root, struct diags *diags);

/* Every key known, of use, modelled; every value of its type, unit and range; nothing required missing; names unique. Rules:
 * unknown-key, key-not-used, not-modelled-yet, wrong-type, unit, value-range, unknown-value, missing-key, duplicate-name, name-characters. */
bool schema_check(struct arena *arena, const struct node *root, struct diags *diags);

/* Are all values of this map of the right type, unit and range, and none missing? Unknown keys do not matter. */
bool schema_usable(struct arena *arena, const struct node *map, const struct block *block);

/* "0..1e9/s": what a number may be, with its unit. */
const char *field_range_text(struct arena *arena, const struct field *field);

/* Does `field` have a use in `map`? (Defaults count.) */
bool field_applies(const struct field *field, const struct block *block, const struct node *map);

/* The field that a path names, walked from the root: "fleet.main.gpu", aliases and `*` allowed. NULL and rule "unknown-path" if it
 * names none. */
const struct field *schema_field_at(const char *path, struct diags *diags, struct position at);

/* The tree with `value` at `path`: named list entries by name, `*` for all of them; missing maps are made. NULL and rule
 * "unknown-path" if there is no such key or entry. */
const struct node *schema_set(struct arena *arena, const struct node *root, const char *path, const struct node *value,
                              struct diags *diags, struct position at);

/* `over` laid on `base`: maps merge, lists of entries merge by name, anything else is replaced. */
const struct node *schema_merge(struct arena *arena, const struct node *base, const struct node *over);

/* The tree with the defaults of all keys that have a use written out. */
const struct node *schema_with_defaults(struct arena *arena, const struct node *root);

/* --- typed reading of a checked tree --- */

/* A map of the scenario and what it may hold. `map` NULL: absent, all defaults. */
struct view {
    const struct block *block;
    const struct node *map;
    const char *path; /* "" for the root */
    struct position at;
};

struct view view_root(const struct node *root);
/* The block under `key`; absent, or a scalar: a view without a map. */
struct view view_block(struct arena *arena, const struct view *view, const char *key);
/* Entry `index` of the list under `key`. */
struct view view_entry(struct arena *arena, const struct view *view, const char *key, size_t index);
size_t view_entry_count(const struct view *view, const char *key);

/* The value under `key`, or NULL where it is not given. The key must be in the table (CHECK). */
const struct node *view_node(const struct view *view, const char *key);
bool view_has(const struct view *view, const char *key);
/* Where the value is, or where it would have to be. */
struct position view_at(const struct view *view, const char *key);
const char *view_path(struct arena *arena, const struct view *view, const char *key);

/* Given or default; NaN, 0 or NULL where there is neither; NaN, 0 or "" where the value is of another shape. */
double view_number(const struct view *view, const char *key);
int64_t view_integer(const struct view *view, const char *key);
const char *view_text(const struct view *view, const char *key);
bool view_is(const struct view *view, const char *key, const char *word);

/* A number from a scalar node, in the field's unit; NaN if it is none. */
double field_number(const struct field *field, const struct node *node);

#endif

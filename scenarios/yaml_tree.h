/* yaml_tree.h - a YAML text as a tree of nodes, each of which knows its position.
 *
 * Built from libyaml's events, under limits, so that a hostile file costs milliseconds: 4 MiB, 64 levels, 200,000 nodes, 1,024
 * keys a map. Refused with advice: a key twice (the first's line is named), anchors and aliases (`extends` is the answer), tags, a
 * second document, keys that are no scalars, bytes that are no UTF-8. Nodes live in the caller's arena and are never changed once
 * the tree is returned: layers are merged and points substituted by copying the maps on the way (node_with). */
#ifndef TOKENMILL_SCENARIOS_YAML_TREE_H
#define TOKENMILL_SCENARIOS_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/text.h"

enum node_kind { NODE_NOTHING, NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node;

struct node_entry {
    const char *key;
    struct position key_at;
    const struct node *value;
};

struct node {
    enum node_kind kind;
    struct position at;
    const char *text; /* scalar: terminated, without quotes; "" otherwise */
    bool is_quoted;
    const struct node_entry *entries; /* map, in the file's order */
    const struct node *const *items;  /* list */
    size_t count;                     /* of entries or items */
};

enum { YAML_BYTES_MAX = 4 * 1024 * 1024, YAML_DEPTH_MAX = 64, YAML_NODES_MAX = 200000, YAML_KEYS_MAX = 1024 };

/* The tree of `source->text`; NULL with diagnostics (rules yaml-*, duplicate-key). An empty text is a NODE_NOTHING. The source must
 * outlive the tree's positions. */
const struct node *yaml_parse(struct arena *arena, const struct diag_source *source, struct diags *diags);

/* The file's text as a source in the arena; NULL with diagnostics. `name` is how the user wrote the path. */
const struct diag_source *yaml_source_read(struct arena *arena, const char *path, const char *name, struct position at,
                                           struct diags *diags);

/* The entry of a map, or NULL; of anything else: NULL. */
const struct node_entry *node_find(const struct node *map, const char *key);

/* A copy of the map with `key` set; the key's position is `at`. Order is kept, a new key goes last. */
const struct node *node_with(struct arena *arena, const struct node *map, const char *key, struct position at,
                             const struct node *value);

/* A copy of the map without `key`. */
const struct node *node_without(struct arena *arena, const struct node *map, const char *key);

/* A copy of the list with item `index` replaced; index = count appends. */
const struct node *node_with_item(struct arena *arena, const struct node *list, size_t index, const struct node *value);

/* New nodes for what no file holds. */
const struct node *node_scalar(struct arena *arena, struct position at, const char *text);
const struct node *node_map(struct arena *arena, struct position at);

/* "a map", "a list", "text", "nothing": for messages. */
const char *node_kind_name(const struct node *node);

/* The tree as YAML, two blanks a level, scalars quoted where they must be. The caller frees it. */
char *node_to_yaml(const struct node *node);

#endif

/* layers.h - a scenario from its layers: the files that it extends, the file, the --set flags.
 *
 * Later layers win: maps merge, lists of named entries merge by name, anything else is replaced. Every value keeps the position
 * where it was written. */
#ifndef TOKENMILL_SCENARIOS_LAYERS_H
#define TOKENMILL_SCENARIOS_LAYERS_H

#include "base/arena.h"
#include "base/diag.h"
#include "scenarios/yaml_tree.h"

enum { EXTENDS_DEPTH_MAX = 8 };

/* The merged tree with canonical keys and without `extends`; NULL with diagnostics (yaml-*, file-open, extends-*, set-syntax,
 * unknown-path, key-conflict). `*source` is the file itself. All in the arena. */
const struct node *layers_read(struct arena *arena, const char *path, const char *const *sets, size_t set_count,
                               const struct diag_source **source, struct diags *diags);

/* The same of a text in memory, which must outlive it; `name` stands in messages. It extends files of the working directory. */
const struct node *layers_read_text(struct arena *arena, const char *name, const char *text,
                                    const struct diag_source **source, struct diags *diags);

/* `tree` with one --set, "a.b=value", applied; `number` names it in messages. Where that cannot be: the tree itself, and a
 * diagnostic. */
const struct node *layers_set(struct arena *arena, const struct node *tree, const char *set, size_t number,
                              struct diags *diags);

/* `path` relative to the file that `at` is in (to the working directory for a --set). In the arena. */
const char *path_beside(struct arena *arena, struct position at, const char *path);

#endif

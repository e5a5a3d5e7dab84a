/* sweep.h - the `sweep:` block: axes, their coordinates, and the tree of each point.
 *
 * A plain axis is a path and its values; a `zip` group is one axis whose paths move together, with an optional `label`. Values
 * are lists of scalars, or {from, to, steps, scale: linear | log}; numbers are rounded to 12 significant digits. */
#ifndef TOKENMILL_SCENARIOS_SWEEP_H
#define TOKENMILL_SCENARIOS_SWEEP_H

#include "base/arena.h"
#include "base/diag.h"
#include "scenarios/scenario.h"
#include "scenarios/yaml_tree.h"

enum { SWEEP_POINTS_MAX = 100000, SWEEP_STEPS_MAX = 10000 };

struct sweep {
    struct sweep_axis *axes;
    size_t axis_count;
    /* values[axis][coordinate * count + index]; NULL for a label */
    const struct node *const **values;
    size_t point_count;
};

/* Reads `node` (NULL: none; one point), whose paths lead into `root`. False with diagnostics: sweep-value, sweep-range, sweep-zip,
 * sweep-size, sweep-twice, sweep-duplicate, unknown-path; `sweep` then has the axes that are right, so that their points can be
 * checked too. All in the arena. */
bool sweep_read(struct arena *arena, const struct node *node, const struct node *root, struct sweep *sweep,
                struct diags *diags);

/* The tree of a point: `root` with the point's values. NULL with diagnostics where a path leads nowhere. */
const struct node *sweep_point_tree(struct arena *arena, const struct sweep *sweep, const struct node *root,
                                    size_t point, struct diags *diags);

#endif

/* key_tree.h - the least of many keys, one for each leaf: a tournament tree. Of equal keys either may win.
 *
 * Setting a key costs O(log leaves) without a branch that depends on keys; the least costs O(1). */
#ifndef TOKENMILL_SIM_KEY_TREE_H
#define TOKENMILL_SIM_KEY_TREE_H

#include <stddef.h>
#include <stdint.h>

struct key_node {
    int64_t key; /* the least below */
    uint32_t leaf;
};

struct key_tree {
    struct key_node *nodes; /* owned: node 1 is the root, leaves begin at leaf_count */
    size_t leaf_count;      /* a power of two */
};

/* All keys are INT64_MAX. */
void key_tree_init(struct key_tree *tree, size_t leaves);
void key_tree_release(struct key_tree *tree); /* accepts a zeroed one */

void key_tree_set(struct key_tree *tree, uint32_t leaf, int64_t key);

static inline struct key_node key_tree_least(const struct key_tree *tree) {
    return tree->nodes[1];
}

static inline int64_t key_tree_key(const struct key_tree *tree, uint32_t leaf) {
    return tree->nodes[tree->leaf_count + leaf].key;
}

#endif

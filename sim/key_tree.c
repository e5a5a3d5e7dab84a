#include "sim/key_tree.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"

void key_tree_init(struct key_tree *tree, size_t leaves) {
    tree->leaf_count = 1;
    while (tree->leaf_count < leaves) {
        tree->leaf_count *= 2;
    }
    tree->nodes = xcalloc(2 * tree->leaf_count, sizeof *tree->nodes);
    for (size_t node = 2 * tree->leaf_count - 1; node >= 1; node--) {
        uint32_t leaf = (uint32_t)(node >= tree->leaf_count ? node - tree->leaf_count : tree->nodes[2 * node].leaf);
        tree->nodes[node] = (struct key_node){.key = INT64_MAX, .leaf = leaf};
    }
}

void key_tree_release(struct key_tree *tree) {
    free(tree->nodes);
    *tree = (struct key_tree){0};
}

void key_tree_set(struct key_tree *tree, uint32_t leaf, int64_t key) {
    CHECK(leaf < tree->leaf_count);
    struct key_node *nodes = tree->nodes;
    size_t node = tree->leaf_count + leaf;
    struct key_node least = {.key = key, .leaf = leaf};
    nodes[node] = least;
    for (; node > 1; node /= 2) {
        const struct key_node *sibling = &nodes[node ^ 1];
        least.leaf = sibling->key < least.key ? sibling->leaf : least.leaf;
        least.key = sibling->key < least.key ? sibling->key : least.key;
        nodes[node / 2] = least;
    }
}

#include "sim/engine/pending.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"

static bool before(const struct pending *a, const struct pending *b) {
    return a->key != b->key ? a->key < b->key : a->ordinal < b->ordinal;
}

void pending_release(struct pending_heap *heap) {
    free(heap->items);
    *heap = (struct pending_heap){0};
}

void pending_push(struct pending_heap *heap, struct pending item) {
    if (heap->count == heap->capacity) {
        heap->capacity = 2 * heap->capacity + 16;
        heap->items = xrealloc(heap->items, heap->capacity, sizeof *heap->items);
    }
    size_t i = heap->count++;
    while (i > 0 && before(&item, &heap->items[(i - 1) / 2])) {
        heap->items[i] = heap->items[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap->items[i] = item;
}

struct pending pending_pop(struct pending_heap *heap) {
    CHECK(heap->count > 0);
    struct pending first = heap->items[0];
    struct pending last = heap->items[--heap->count];
    size_t i = 0;
    for (size_t child = 1; child < heap->count; child = 2 * i + 1) {
        child += child + 1 < heap->count && before(&heap->items[child + 1], &heap->items[child]);
        if (!before(&heap->items[child], &last)) {
            break;
        }
        heap->items[i] = heap->items[child];
        i = child;
    }
    heap->items[i] = last;
    return first;
}

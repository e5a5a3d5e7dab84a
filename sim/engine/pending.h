/* pending.h - requests on their way to the router: a binary heap by (visible key, ordinal). */
#ifndef TOKENMILL_SIM_ENGINE_PENDING_H
#define TOKENMILL_SIM_ENGINE_PENDING_H

#include <stddef.h>
#include <stdint.h>

struct pending {
    int64_t key;
    uint64_t ordinal; /* in its workload */
    uint32_t request;
};

struct pending_heap {
    struct pending *items; /* owned; the earliest first */
    size_t count, capacity;
};

void pending_release(struct pending_heap *heap);
void pending_push(struct pending_heap *heap, struct pending item);

/* The heap must not be empty. */
struct pending pending_pop(struct pending_heap *heap);

#endif

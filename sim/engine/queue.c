#include "sim/engine/queue.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"

void queue_release(struct queue *queue) {
    free(queue->ring);
    *queue = (struct queue){0};
}

uint32_t queue_at(const struct queue *queue, size_t i) {
    CHECK(i < queue->count);
    return queue->ring[(queue->head + i) & (queue->capacity - 1)];
}

static void make_room(struct queue *queue) {
    if (queue->count < queue->capacity) {
        return;
    }
    size_t capacity = queue->capacity == 0 ? 16 : 2 * queue->capacity;
    uint32_t *ring = xcalloc(capacity, sizeof *ring);
    for (size_t i = 0; i < queue->count; i++) {
        ring[i] = queue_at(queue, i);
    }
    free(queue->ring);
    queue->ring = ring;
    queue->capacity = capacity;
    queue->head = 0;
}

void queue_push_back(struct queue *queue, uint32_t request) {
    make_room(queue);
    queue->ring[(queue->head + queue->count) & (queue->capacity - 1)] = request;
    queue->count++;
}

void queue_push_front(struct queue *queue, uint32_t request) {
    make_room(queue);
    queue->head = (queue->head - 1) & (queue->capacity - 1);
    queue->ring[queue->head] = request;
    queue->count++;
}

uint32_t queue_front(const struct queue *queue) {
    return queue_at(queue, 0);
}

uint32_t queue_pop_front(struct queue *queue) {
    uint32_t request = queue_at(queue, 0);
    queue->head = (queue->head + 1) & (queue->capacity - 1);
    queue->count--;
    return request;
}

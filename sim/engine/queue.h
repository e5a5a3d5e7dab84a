/* queue.h - a first-come-first-served queue of requests, as a ring. A preempted request goes back to its head. */
#ifndef TOKENMILL_SIM_ENGINE_QUEUE_H
#define TOKENMILL_SIM_ENGINE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct queue {
    uint32_t *ring;  /* owned */
    size_t capacity; /* a power of two, or 0 */
    size_t head;
    size_t count;
};

void queue_release(struct queue *queue);
void queue_push_back(struct queue *queue, uint32_t request);
void queue_push_front(struct queue *queue, uint32_t request);

/* The queue must not be empty. */
uint32_t queue_front(const struct queue *queue);
uint32_t queue_pop_front(struct queue *queue);

/* The i-th from the head, i < count. */
uint32_t queue_at(const struct queue *queue, size_t i);

#endif

#include "sim/calendar.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "sim/clock.h"

static const struct event NO_EVENT = {.key = KEY_NEVER, .ordinal = UINT64_MAX, .class = UINT32_MAX};

bool event_before(const struct event *a, const struct event *b) {
    if (a->key != b->key) {
        return a->key < b->key;
    }
    if (a->class != b->class) {
        return a->class < b->class;
    }
    if (a->index != b->index) {
        return a->index < b->index;
    }
    return a->ordinal < b->ordinal;
}

/* Ranks compare as their events do. */
static u128 rank_of(const struct event *event) {
    if (event->key == KEY_NEVER) {
        return ~(u128)0;
    }
    CHECK(event->index >> EVENT_INDEX_BITS == 0 && event->ordinal >> EVENT_ORDINAL_BITS == 0);
    uint64_t low = (uint64_t)event->class << (EVENT_INDEX_BITS + EVENT_ORDINAL_BITS) |
                   (uint64_t)event->index << EVENT_ORDINAL_BITS | event->ordinal;
    return (u128)(uint64_t)event->key << 64 | low;
}

void calendar_init(struct calendar *calendar, size_t sources) {
    size_t leaves = 2;
    while (leaves < sources) {
        leaves *= 2;
    }
    calendar->leaf_count = leaves;
    calendar->events = xcalloc(leaves, sizeof *calendar->events);
    calendar->nodes = xcalloc(2 * leaves, sizeof *calendar->nodes);
    for (size_t i = 0; i < leaves; i++) {
        calendar->events[i] = NO_EVENT;
    }
    for (size_t node = 2 * leaves - 1; node >= 1; node--) {
        uint32_t source = (uint32_t)(node >= leaves ? node - leaves : calendar->nodes[2 * node].source);
        calendar->nodes[node] = (struct calendar_node){.rank = ~(u128)0, .source = source};
    }
}

void calendar_release(struct calendar *calendar) {
    free(calendar->events);
    free(calendar->nodes);
    *calendar = (struct calendar){0};
}

void calendar_shrink(struct calendar *calendar, size_t sources) {
    struct calendar whole = *calendar;
    calendar_init(calendar, sources);
    for (size_t i = 0; i < sources; i++) {
        calendar_set(calendar, i, whole.events[i]);
    }
    calendar_release(&whole);
}

void calendar_set(struct calendar *calendar, size_t source, struct event event) {
    CHECK(source < calendar->leaf_count);
    struct calendar_node *nodes = calendar->nodes;
    struct calendar_node winner = {.rank = rank_of(&event), .source = (uint32_t)source};
    size_t node = calendar->leaf_count + source;
    calendar->events[source] = event;
    nodes[node] = winner;
    for (; node > 1; node /= 2) {
        struct calendar_node sibling = nodes[node ^ 1];
        bool sibling_first = sibling.rank < winner.rank;
        if (sibling_first && nodes[node / 2].source == sibling.source) {
            return; /* it had won before */
        }
        winner = sibling_first ? sibling : winner;
        nodes[node / 2] = winner;
    }
}

bool calendar_would_be_first(const struct calendar *calendar, size_t source, struct event event) {
    u128 rank = rank_of(&event);
    for (size_t node = calendar->leaf_count + source; node > 1; node /= 2) {
        if (calendar->nodes[node ^ 1].rank < rank) {
            return false;
        }
    }
    return true;
}

void calendar_clear(struct calendar *calendar, size_t source) {
    calendar_set(calendar, source, NO_EVENT);
}

bool calendar_first(const struct calendar *calendar, size_t *source, struct event *event) {
    uint32_t winner = calendar->nodes[1].source;
    if (calendar->events[winner].key == KEY_NEVER) {
        return false;
    }
    *source = winner;
    *event = calendar->events[winner];
    return true;
}

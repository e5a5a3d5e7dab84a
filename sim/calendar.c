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

void calendar_init(struct calendar *calendar, size_t sources) {
    size_t leaves = 1;
    while (leaves < sources) {
        leaves *= 2;
    }
    calendar->leaf_count = leaves;
    calendar->events = xcalloc(leaves, sizeof *calendar->events);
    calendar->winners = xcalloc(2 * leaves, sizeof *calendar->winners);
    for (size_t i = 0; i < leaves; i++) {
        calendar->events[i] = NO_EVENT;
    }
    for (size_t node = 2 * leaves - 1; node >= 1; node--) {
        calendar->winners[node] = (uint32_t)(node >= leaves ? node - leaves : calendar->winners[2 * node]);
    }
}

void calendar_release(struct calendar *calendar) {
    free(calendar->events);
    free(calendar->winners);
    *calendar = (struct calendar){0};
}

void calendar_set(struct calendar *calendar, size_t source, struct event event) {
    CHECK(source < calendar->leaf_count);
    calendar->events[source] = event;
    for (size_t node = (calendar->leaf_count + source) / 2; node >= 1; node /= 2) {
        uint32_t left = calendar->winners[2 * node];
        uint32_t right = calendar->winners[2 * node + 1];
        bool right_first = event_before(&calendar->events[right], &calendar->events[left]);
        calendar->winners[node] = right_first ? right : left;
    }
}

bool calendar_would_be_first(const struct calendar *calendar, size_t source, struct event event) {
    for (size_t node = calendar->leaf_count + source; node > 1; node /= 2) {
        if (event_before(&calendar->events[calendar->winners[node ^ 1]], &event)) {
            return false;
        }
    }
    return true;
}

void calendar_clear(struct calendar *calendar, size_t source) {
    calendar_set(calendar, source, NO_EVENT);
}

bool calendar_first(const struct calendar *calendar, size_t *source, struct event *event) {
    uint32_t winner = calendar->winners[1];
    if (calendar->events[winner].key == KEY_NEVER) {
        return false;
    }
    *source = winner;
    *event = calendar->events[winner];
    return true;
}

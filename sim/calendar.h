/* calendar.h - pending events, earliest first.
 *
 * A tournament tree with one leaf per source of events; a source has at most one pending event. Events compare by (key, class,
 * index, ordinal), a total order fixed by docs/semantics.md section 1: no address and no insertion counter takes part.
 * The four are packed into one number of 128 bits, which every node of the tree holds, so that a match is one comparison.
 * Setting and clearing cost O(log sources), and stop where the winner stays the same; finding the earliest costs O(1). */
#ifndef TOKENMILL_SIM_CALENDAR_H
#define TOKENMILL_SIM_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/int128.h"

enum event_class { EVENT_STEP_END = 0, EVENT_CUT = 1, EVENT_ARRIVAL = 2, EVENT_STEP_START = 3 };

struct event {
    int64_t key;      /* KEY_NEVER: none */
    uint64_t ordinal; /* of an arrival in its workload; else 0 */
    uint32_t class;   /* enum event_class */
    uint32_t index;   /* global replica index, or workload index */
};

/* Indices and ordinals stay below these. */
enum { EVENT_INDEX_BITS = 22, EVENT_ORDINAL_BITS = 40 };

struct calendar_node {
    u128 rank;       /* of the earliest event below */
    uint32_t source; /* whose it is */
};

struct calendar {
    struct event *events;        /* owned: by source */
    struct calendar_node *nodes; /* owned: node 1 is the root, leaves begin at leaf_count */
    size_t leaf_count;           /* a power of two */
};

void calendar_init(struct calendar *calendar, size_t sources);
void calendar_release(struct calendar *calendar);

/* Forgets the sources from `sources` on, which have no event pending and will have none. */
void calendar_shrink(struct calendar *calendar, size_t sources);

/* Replaces the pending event of `source`. */
void calendar_set(struct calendar *calendar, size_t source, struct event event);
void calendar_clear(struct calendar *calendar, size_t source);

/* Whether `event`, put in the place of `source`'s, would be the earliest. */
bool calendar_would_be_first(const struct calendar *calendar, size_t source, struct event event);

/* The source whose event is earliest; its event through `*event`. False, and both untouched, when none is pending. */
bool calendar_first(const struct calendar *calendar, size_t *source, struct event *event);

/* Whether a comes before b in the total order. */
bool event_before(const struct event *a, const struct event *b);

#endif

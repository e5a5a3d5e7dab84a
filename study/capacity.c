#include "study/capacity.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "sim/simulate.h"

enum entry_state { ENTRY_RUNNING, ENTRY_KNOWN, ENTRY_FAILED };

struct entry {
    uint64_t hash;
    enum entry_state state;
    double token_per_s;
};

struct capacity_table {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct entry *entries; // owned
    size_t count;
};

struct capacity_table *capacity_table_new(void) {
    struct capacity_table *table = xcalloc(1, sizeof *table);
    CHECK(pthread_mutex_init(&table->lock, NULL) == 0);
    CHECK(pthread_cond_init(&table->changed, NULL) == 0);
    return table;
}

void capacity_table_free(struct capacity_table *table) {
    if (table != NULL) {
        pthread_cond_destroy(&table->changed);
        pthread_mutex_destroy(&table->lock);
        free(table->entries);
        free(table);
    }
}

/* Index of `hash`, or `count`. Needs the lock. */
static size_t find(const struct capacity_table *table, uint64_t hash) {
    size_t i = 0;
    while (i < table->count && table->entries[i].hash != hash) {
        i++;
    }
    return i;
}

/* Takes over the run of `hash`: true if it is now the caller's to do. False: `*found` is known, or it failed. */
static bool claim(struct capacity_table *table, uint64_t hash, struct entry *found) {
    pthread_mutex_lock(&table->lock);
    size_t i = find(table, hash);
    bool mine = i == table->count;
    if (mine) {
        table->entries = xrealloc(table->entries, table->count + 1, sizeof(struct entry));
        table->entries[table->count++] = (struct entry){.hash = hash, .state = ENTRY_RUNNING};
    }
    while (!mine && table->entries[i].state == ENTRY_RUNNING) {
        pthread_cond_wait(&table->changed, &table->lock);
    }
    *found = table->entries[i];
    pthread_mutex_unlock(&table->lock);
    return mine;
}

static void publish(struct capacity_table *table, struct entry entry) {
    pthread_mutex_lock(&table->lock);
    table->entries[find(table, entry.hash)] = entry;
    pthread_cond_broadcast(&table->changed);
    pthread_mutex_unlock(&table->lock);
}

bool capacity_table_get(struct capacity_table *table, const struct resolved_point *point, uint32_t pool,
                        double *token_per_s, struct diags *diags) {
    struct entry entry;
    bool mine = claim(table, point->capacity_hash[pool], &entry);
    if (!mine && entry.state == ENTRY_KNOWN) {
        *token_per_s = entry.token_per_s;
        return true;
    }
    /* What failed for another point fails here in the same words. */
    bool known = simulate_capacity(&point->sim, pool, &entry.token_per_s, diags);
    if (mine) {
        entry.state = known ? ENTRY_KNOWN : ENTRY_FAILED;
        publish(table, entry);
    }
    if (known) {
        *token_per_s = entry.token_per_s;
    }
    return known;
}

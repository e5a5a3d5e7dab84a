/* compare.h - two runs of one configuration, and the first thing in which they differ. */
#ifndef TOKENMILL_TESTS_DIFFERENTIAL_COMPARE_H
#define TOKENMILL_TESTS_DIFFERENTIAL_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/observer.h"
#include "sim/outcome.h"

struct run_log {
    struct request_record *records; /* owned: in the order that the observer saw */
    size_t count, capacity;
    struct sim_outcome outcome;
    bool ok;
    bool watched; /* an observer was there; else no records */
};

/* Plays the configuration with this engine. One that nobody watches may play replicas apart. */
void run_log_make(struct run_log *log, const struct sim_config *config, enum engine_kind engine, bool watched);
void run_log_release(struct run_log *log);

/* True if the runs agree in every record (if both were watched) and every number. Otherwise `what` says where not. */
bool run_logs_equal(const struct run_log *a, const struct run_log *b, char *what, size_t size);

#endif

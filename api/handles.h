/* handles.h - what the opaque handles of tokenmill.h hold, and how diagnostics become messages. Not installed. */
#ifndef TOKENMILL_API_HANDLES_H
#define TOKENMILL_API_HANDLES_H

#include "analysis/result_set.h"
#include "api/tokenmill.h"
#include "base/diag.h"
#include "scenarios/scenario.h"

struct tmill_scenario {
    struct scenario *scenario; // owned
};

struct tmill_results {
    const struct tmill_scenario *scenario; // borrowed
    bool is_sweep;
    struct result **items; // owned, and each of them
    size_t count;
    struct sweep_axis *axes;              // owned: of a single point of a sweep, axes of length 1; else NULL
    struct sweep_coordinate *coordinates; // owned: theirs
    struct result_set set;
};

/* Renders `diags` behind what `messages` has (NULL: nowhere), frees `diags`, and returns their status. */
enum tmill_status messages_take(struct tmill_messages *messages, struct diags *diags);

/* A mistake in the call itself. Returns TMILL_USAGE, always. */
enum tmill_status messages_usage(struct tmill_messages *messages, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

/* relay.h - hands a study's progress on to a listener of the library. Not installed. */
#ifndef TOKENMILL_API_RELAY_H
#define TOKENMILL_API_RELAY_H

#include "api/tokenmill.h"
#include "study/progress.h"

struct relay {
    tmill_progress_listener *listener; /* NULL: nobody listens */
    void *context;                     // borrowed: the listener's
};

/* A progress_listener whose context is a `struct relay`. */
bool relay_progress(void *relay, const struct progress_snapshot *snapshot);

#endif

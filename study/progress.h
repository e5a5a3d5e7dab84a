/* progress.h - how far many running points are, told a few times a second to whoever asked.
 *
 * Workers report their own point; the listener hears of all of them together. It is called from any of the threads, but never
 * from two at once, and at most PROGRESS_PER_S times a second. The wall clock is read here and reaches no result.
 * All functions may be called from any thread. */
#ifndef TOKENMILL_STUDY_PROGRESS_H
#define TOKENMILL_STUDY_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

enum { PROGRESS_PER_S = 5 };

struct progress_snapshot {
    size_t points_done;
    size_t points_total;
    double done_ratio;   /* of all the work, points weighing the same, running ones by their share; 0..1 */
    double elapsed_s;    /* since progress_new */
    double left_s;       /* at the mean rate so far; negative: not known yet */
    double points_per_s; /* likewise, fractions of points included */
    double simulated_s;  /* of the point that reported last */
};

/* Returns false to ask for the whole work to be abandoned. */
typedef bool progress_listener(void *context, const struct progress_snapshot *snapshot);

struct progress;

/* `listener` may be NULL: then nothing is ever told and nothing is cancelled. */
struct progress *progress_new(size_t points_total, progress_listener *listener, void *context);
void progress_free(struct progress *progress); /* accepts NULL */

/* Point `point` is done to `done_ratio` (negative: unknown) and stands at `simulated_s`. Returns false once the listener has
 * asked to abandon. */
bool progress_point_running(struct progress *progress, size_t point, double done_ratio, double simulated_s);

/* Point `point` is finished. */
void progress_point_done(struct progress *progress, size_t point);

/* Whether the listener has asked to abandon; asks it where the last time is long enough ago. */
bool progress_cancelled(struct progress *progress);

#endif

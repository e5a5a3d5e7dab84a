#include "study/progress.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/check.h"

struct progress {
    progress_listener *listener; // borrowed, may be NULL
    void *context;               // borrowed
    pthread_mutex_t lock;        /* guards all below */
    double *ratios;              // owned, by point: 0 before, 1 after
    double ratio_sum;
    size_t points_done;
    size_t points_total;
    double simulated_s;
    double started_s;
    double told_s; /* negative: never */
    bool cancelled;
};

static double wall_s(void) {
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct progress *progress_new(size_t points_total, progress_listener *listener, void *context) {
    struct progress *progress = xcalloc(1, sizeof *progress);
    progress->listener = listener;
    progress->context = context;
    progress->ratios = xcalloc(points_total + 1, sizeof(double));
    progress->points_total = points_total;
    progress->started_s = wall_s();
    progress->told_s = -1;
    CHECK(pthread_mutex_init(&progress->lock, NULL) == 0);
    return progress;
}

void progress_free(struct progress *progress) {
    if (progress != NULL) {
        pthread_mutex_destroy(&progress->lock);
        free(progress->ratios);
        free(progress);
    }
}

static struct progress_snapshot snapshot_of(const struct progress *progress, double now_s) {
    double elapsed_s = now_s - progress->started_s;
    double total = (double)progress->points_total;
    double done_ratio = total > 0 ? progress->ratio_sum / total : 1;
    bool known = done_ratio > 0 && elapsed_s > 0;
    return (struct progress_snapshot){
        .points_done = progress->points_done,
        .points_total = progress->points_total,
        .done_ratio = done_ratio < 1 ? done_ratio : 1,
        .elapsed_s = elapsed_s,
        .left_s = known ? elapsed_s * (1 - done_ratio) / done_ratio : -1,
        .points_per_s = known ? progress->ratio_sum / elapsed_s : 0,
        .simulated_s = progress->simulated_s,
    };
}

/* Needs the lock. */
static void tell(struct progress *progress) {
    if (progress->listener == NULL || progress->cancelled) {
        return;
    }
    double now_s = wall_s();
    if (progress->told_s >= 0 && now_s - progress->told_s < 1.0 / PROGRESS_PER_S) {
        return;
    }
    progress->told_s = now_s;
    struct progress_snapshot snapshot = snapshot_of(progress, now_s);
    progress->cancelled = !progress->listener(progress->context, &snapshot);
}

static void set_ratio(struct progress *progress, size_t point, double ratio) {
    CHECK(point < progress->points_total);
    progress->ratio_sum += ratio - progress->ratios[point];
    progress->ratios[point] = ratio;
}

bool progress_point_running(struct progress *progress, size_t point, double done_ratio, double simulated_s) {
    pthread_mutex_lock(&progress->lock);
    if (done_ratio >= 0) {
        set_ratio(progress, point, done_ratio < 1 ? done_ratio : 1);
    }
    progress->simulated_s = simulated_s;
    tell(progress);
    bool go_on = !progress->cancelled;
    pthread_mutex_unlock(&progress->lock);
    return go_on;
}

void progress_point_done(struct progress *progress, size_t point) {
    pthread_mutex_lock(&progress->lock);
    set_ratio(progress, point, 1);
    progress->points_done++;
    tell(progress);
    pthread_mutex_unlock(&progress->lock);
}

bool progress_cancelled(struct progress *progress) {
    pthread_mutex_lock(&progress->lock);
    tell(progress);
    bool cancelled = progress->cancelled;
    pthread_mutex_unlock(&progress->lock);
    return cancelled;
}

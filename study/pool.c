#include "study/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"

/* What became of one index. Written by the worker that took it, read after all have joined. */
struct slot {
    struct diags *diags; // owned; NULL: not started
    bool done;
};

struct worker_pool {
    const struct worker_job *job; // borrowed
    struct slot *slots;           // owned, job->count
    atomic_size_t next;
    atomic_size_t first_failed; // job->count: none
    atomic_bool cancelled;
};

unsigned worker_pool_default_threads(void) {
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0) {
        return 1;
    }
    int count = CPU_COUNT(&cores);
    return count < 1 ? 1 : (unsigned)count;
}

static void note_failure(struct worker_pool *pool, size_t index) {
    size_t first = atomic_load(&pool->first_failed);
    while (index < first && !atomic_compare_exchange_weak(&pool->first_failed, &first, index)) {
    }
}

static bool is_cancelled(struct worker_pool *pool) {
    const struct worker_job *job = pool->job;
    if (job->cancelled != NULL && job->cancelled(job->context)) {
        atomic_store(&pool->cancelled, true);
    }
    return atomic_load(&pool->cancelled);
}

static void *work(void *argument) {
    struct worker_pool *pool = argument;
    const struct worker_job *job = pool->job;
    while (!is_cancelled(pool)) {
        size_t index = atomic_fetch_add(&pool->next, 1);
        if (index >= job->count || index > atomic_load(&pool->first_failed)) {
            break;
        }
        struct slot *slot = &pool->slots[index];
        slot->diags = diags_new();
        slot->done = job->run(job->context, index, slot->diags);
        if (!slot->done) {
            note_failure(pool, index);
        }
    }
    return NULL;
}

/* Appends what the jobs up to the first failure said. */
static enum worker_pool_end collect(struct worker_pool *pool, struct diags *diags) {
    size_t count = pool->job->count;
    size_t failed = atomic_load(&pool->first_failed);
    size_t errors_before = diags_error_count(diags);
    bool done = true;
    for (size_t i = 0; i < count; i++) {
        done = done && pool->slots[i].done;
        if (pool->slots[i].diags != NULL && i <= failed) {
            diags_append_new(diags, pool->slots[i].diags);
        }
        diags_free(pool->slots[i].diags);
    }
    if (done) {
        return WORKER_POOL_DONE;
    }
    return diags_error_count(diags) > errors_before ? WORKER_POOL_FAILED : WORKER_POOL_CANCELLED;
}

static unsigned thread_count(const struct worker_job *job) {
    unsigned threads = job->threads > 0 ? job->threads : worker_pool_default_threads();
    return threads < job->count ? threads : (unsigned)job->count;
}

enum worker_pool_end worker_pool_run(const struct worker_job *job, struct diags *diags) {
    struct worker_pool pool = {.job = job, .slots = xcalloc(job->count + 1, sizeof(struct slot))};
    atomic_init(&pool.next, 0);
    atomic_init(&pool.first_failed, job->count);
    atomic_init(&pool.cancelled, false);
    unsigned threads = thread_count(job);
    pthread_t *helpers = xcalloc(threads + 1u, sizeof(pthread_t));
    unsigned started = 0;
    while (started + 1 < threads && pthread_create(&helpers[started], NULL, work, &pool) == 0) {
        started++;
    }
    work(&pool);
    for (unsigned i = 0; i < started; i++) {
        CHECK(pthread_join(helpers[i], NULL) == 0);
    }
    enum worker_pool_end end = collect(&pool, diags);
    free(helpers);
    free(pool.slots);
    return end;
}

/* pool.h - many jobs on a few threads, the same outcome for any number of threads.
 *
 * Workers take the next index from an atomic counter; a job puts what it makes where its index says, so no order of
 * threads reaches a result. Each job has diagnostics of its own; they are appended by index. After a failure no job behind
 * the failed one is started, and what those behind it said is left out: diagnostics are the same for any number of threads too. What
 * several jobs say in the same words at the same place is said once.
 * pthreads only: C11 threads and OpenMP trip the thread sanitizer. */
#ifndef TOKENMILL_STUDY_POOL_H
#define TOKENMILL_STUDY_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

struct worker_job {
    size_t count;     /* indices 0..count-1, started in this order */
    unsigned threads; /* 0: worker_pool_default_threads(); never more than `count` are used */
    void *context;    /* borrowed; shared by the threads */
    /* Does job `index`. False: it failed and said why in `diags`, or it was cancelled on its way. */
    bool (*run)(void *context, size_t index, struct diags *diags);
    /* Asked before each job, from any thread. True: nothing further is started. NULL: never. */
    bool (*cancelled)(void *context);
};

enum worker_pool_end {
    WORKER_POOL_DONE,      /* every job returned true */
    WORKER_POOL_FAILED,    /* the first failure by index is in `diags` */
    WORKER_POOL_CANCELLED, /* some jobs were not done; nothing about that is in `diags` */
};

/* Cores that this process may use. */
unsigned worker_pool_default_threads(void);

/* Runs all jobs; the calling thread is one of the workers. Returns when every started job has ended. If the system has no
 * further thread to give, those that it gave do the work. */
enum worker_pool_end worker_pool_run(const struct worker_job *job, struct diags *diags);

#endif

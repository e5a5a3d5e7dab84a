/* arena.h - memory that lives as long as its owner (a run, a scenario) and is freed at once.
 *
 * Allocation never fails: out of memory is a failed CHECK. Blocks are aligned to 16 bytes and zeroed.
 * One arena belongs to one thread at a time. */
#ifndef TOKENMILL_BASE_ARENA_H
#define TOKENMILL_BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena); /* accepts NULL */

/* `count * size` zeroed bytes; an overflow of the product fails a CHECK. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);

/* A terminated copy of `size` bytes of `text`. */
char *arena_text(struct arena *arena, const char *text, size_t size);

/* printf into the arena. */
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Heap memory that cannot fail either, for what grows: CHECKs the result. Free with free(). */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t count, size_t size);
char *xstrdup(const char *text);

enum { CACHE_LINE_SIZE = 64 };

/* xrealloc of an array of `old_count` items, aligned to cache lines; from 4 MB on in huge pages where the system has them: for what is
 * touched here and there. */
void *xgrow_aligned(void *old, size_t old_count, size_t count, size_t size);

#endif

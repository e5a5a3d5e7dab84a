#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"

enum { ARENA_ALIGNMENT = 16, ARENA_BLOCK_BYTE = 64 * 1024 };

struct arena_block {
    struct arena_block *next; // owned
    size_t used_byte;
    size_t size_byte;
    _Alignas(ARENA_ALIGNMENT) unsigned char data[];
};

struct arena {
    struct arena_block *first; // owned; the only one that small requests are cut from
};

struct arena *arena_new(void) {
    return xcalloc(1, sizeof(struct arena));
}

void arena_free(struct arena *arena) {
    if (arena == NULL) {
        return;
    }
    struct arena_block *block = arena->first;
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    free(arena);
}

static struct arena_block *block_new(size_t size_byte) {
    CHECK(size_byte <= SIZE_MAX - sizeof(struct arena_block));
    struct arena_block *block = xcalloc(1, sizeof(struct arena_block) + size_byte);
    block->size_byte = size_byte;
    return block;
}

/* A block of its own, behind the first one, so that the room left in that one is not lost. */
static void *alloc_large(struct arena *arena, size_t byte) {
    struct arena_block *block = block_new(byte);
    block->used_byte = byte;
    if (arena->first == NULL) {
        arena->first = block;
    } else {
        block->next = arena->first->next;
        arena->first->next = block;
    }
    return block->data;
}

static void *alloc_small(struct arena *arena, size_t byte) {
    struct arena_block *block = arena->first;
    if (block == NULL || block->size_byte - block->used_byte < byte) {
        block = block_new(ARENA_BLOCK_BYTE);
        block->next = arena->first;
        arena->first = block;
    }
    void *data = block->data + block->used_byte;
    block->used_byte += byte;
    return data;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size) {
    size_t byte;
    CHECK(!__builtin_mul_overflow(count, size, &byte));
    CHECK(byte <= SIZE_MAX - ARENA_ALIGNMENT);
    size_t rounded = (byte + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if (rounded == 0) {
        rounded = ARENA_ALIGNMENT;
    }
    return rounded > ARENA_BLOCK_BYTE / 4 ? alloc_large(arena, rounded) : alloc_small(arena, rounded);
}

char *arena_text(struct arena *arena, const char *text, size_t size) {
    CHECK(size < SIZE_MAX);
    char *copy = arena_alloc(arena, size + 1, 1);
    if (size > 0) {
        memcpy(copy, text, size);
    }
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...) {
    CHECK(format != NULL); /* gcc's undefined-behaviour sanitizer sees a path where it is */
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    CHECK(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1, 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void *xcalloc(size_t count, size_t size) {
    void *memory = count == 0 || size == 0 ? calloc(1, 1) : calloc(count, size);
    CHECK(memory != NULL);
    return memory;
}

void *xrealloc(void *old, size_t count, size_t size) {
    void *memory = count == 0 || size == 0 ? realloc(old, 1) : reallocarray(old, count, size);
    CHECK(memory != NULL);
    return memory;
}

void *xgrow_aligned(void *old, size_t old_count, size_t count, size_t size) {
    const size_t huge_page = (size_t)2 << 20;
    CHECK(count > 0 && count >= old_count && count <= (SIZE_MAX - huge_page) / size);
    size_t alignment = count * size >= 2 * huge_page ? huge_page : CACHE_LINE_SIZE;
    size_t bytes = (count * size + alignment - 1) / alignment * alignment;
    void *memory = aligned_alloc(alignment, bytes);
    CHECK(memory != NULL);
    if (alignment == huge_page) {
        (void)madvise(memory, bytes, MADV_HUGEPAGE); /* a wish */
    }
    if (old_count > 0) {
        memcpy(memory, old, old_count * size);
    }
    free(old);
    return memory;
}

char *xstrdup(const char *text) {
    char *copy = strdup(text);
    CHECK(copy != NULL);
    return copy;
}

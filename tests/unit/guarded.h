/* guarded.h - a page that may be touched, between two that may not: what reads or writes past an array's ends crashes. */
#ifndef TOKENMILL_TESTS_UNIT_GUARDED_H
#define TOKENMILL_TESTS_UNIT_GUARDED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

struct guarded {
    unsigned char *pages; // owned: three
    size_t page_size;
};

static inline struct guarded guarded_make(void) {
    struct guarded guarded = {.page_size = (size_t)sysconf(_SC_PAGESIZE)};
    void *pages = mmap(NULL, 3 * guarded.page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    guarded.pages = pages;
    assert_int_equal(mprotect(guarded.pages + guarded.page_size, guarded.page_size, PROT_READ | PROT_WRITE), 0);
    return guarded;
}

/* `size` bytes right after the first guard, or right before the second. */
static inline void *guarded_place(const struct guarded *guarded, size_t size, bool at_end) {
    assert_true(size <= guarded->page_size);
    return guarded->pages + guarded->page_size + (at_end ? guarded->page_size - size : 0);
}

static inline void guarded_release(struct guarded *guarded) {
    assert_int_equal(munmap(guarded->pages, 3 * guarded->page_size), 0);
}

#endif

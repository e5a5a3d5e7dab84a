/* diag.h - mistakes of the user and of the world, collected with their position, printed at the end.
 *
 * Everything that can fail takes a `struct diags *` and returns bool: on true the outputs are set, on false at least one
 * diagnostic was added and the outputs are untouched. Library code never prints and never exits; a program
 * renders. Not shared between threads: give each worker its own and `diags_append` them in a fixed order. */
#ifndef TOKENMILL_BASE_DIAG_H
#define TOKENMILL_BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A text that positions point into: a file, or a command-line flag ("--set #1"). */
struct diag_source {
    const char *name; /* as the user wrote it */
    const char *text; /* whole text for carets, or NULL */
    size_t size;
};

/* Line and column count from 1 (columns in bytes); line 0: no position within the source. */
struct position {
    const struct diag_source *source; /* borrowed, may be NULL: no source at all */
    uint32_t line;
    uint32_t column;
    uint32_t length; /* of what the caret underlines; 0 or 1: a single caret */
};

struct diags;

struct diags *diags_new(void);
void diags_free(struct diags *diags); /* accepts NULL */

/* The user's mistake (exit 3). `rule` is a fixed kebab-case name, one per kind of mistake. Returns false, always. */
bool diag_error(struct diags *diags, struct position at, const char *rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The world failed (exit 4): no such file, disk full. Returns false, always. */
bool diag_world(struct diags *diags, struct position at, const char *rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The question has no answer (exit 5): an infeasible plan, a saturated run under --strict. Returns false. */
bool diag_no_answer(struct diags *diags, struct position at, const char *rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Worth saying, changes no exit code: an assumption, a deprecated spelling. */
void diag_warning(struct diags *diags, struct position at, const char *rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Number of errors of any kind (warnings not counted). */
size_t diags_error_count(const struct diags *diags);

/* 0 without errors; else 3 if any error is the user's, else 4, else 5. */
int diags_exit_code(const struct diags *diags);

/* Moves all of `from` behind those of `to`, and what it keeps. `from` is left empty. Source texts stay borrowed. */
void diags_append(struct diags *to, struct diags *from);

/* The same, but those of which `to` has an equal (position, rule, message) are dropped: one mistake that many points of a
 * sweep share is said once. */
void diags_append_new(struct diags *to, struct diags *from);

/* Hands `object` over: it is released with the diagnostics. For texts that positions point into and that have no other
 * owner left. */
void diags_keep(struct diags *diags, void *object, void (*release)(void *object));

/* Prints all, sorted by source (order of first use), line, column, then order of report:
 *     chat.yaml:4:24: error: workload.chat.arrivals.rate = -1/s is outside 0..1e9/s [value-range]
 * followed, where the text is known, by the line and a caret under the column. With `colour`, ANSI colours. */
void diags_render(const struct diags *diags, FILE *stream, bool colour);

/* The first error's message without position, or "" (for tests and the C API). Borrowed. */
const char *diags_first_message(const struct diags *diags);

/* The first error's rule, or "". Borrowed. */
const char *diags_first_rule(const struct diags *diags);

#endif

/* terminal.h - what goes to stdout (results, checked to have arrived), to stderr (everything else), and what comes from the
 * keyboard (an interrupt). */
#ifndef TOKENMILL_CLI_TERMINAL_H
#define TOKENMILL_CLI_TERMINAL_H

#include <stdbool.h>

#include "api/tokenmill.h"

/* Prints "tokenmill: ..." on stderr. Returns false, always. */
bool usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A remark on stderr, unless `quiet`. */
void note(bool quiet, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints messages on stderr and forgets them; with `quiet` only if there is an error among them. Colours on a terminal without
 * NO_COLOR. */
void print_messages(struct tmill_messages *messages, bool quiet);

/* Prints a result on stdout. `text` is freed. */
void print_result(char *text);

/* The exit code, once stdout has been flushed: `code`, or 4 after a message if something did not arrive. */
int finish_stdout(int code);

/* From here on SIGINT and SIGTERM are noted (a second one kills), and a closed pipe or a
 * file at its size limit is a write error. */
void watch_signals(void);

/* 128 + the signal that came, or 0. */
int interrupted_code(void);

/* The progress of a run or sweep on one line of stderr, if that is a terminal and not `quiet`; also how an interrupt
 * reaches the run. */
struct progress_line {
    bool visible;
    bool drawn;
};

void progress_line_init(struct progress_line *line, bool quiet);
bool progress_line_listen(void *line, const struct tmill_progress *progress); /* a tmill_progress_listener */
void progress_line_erase(struct progress_line *line);

#endif

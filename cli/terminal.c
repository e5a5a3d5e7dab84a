#include "cli/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_WIDTH = 78, LINE_SIZE = 512 };

/* A run shorter than this shows no progress. */
#define QUIET_START_S 0.4

/* The one global of the program: a signal handler has nowhere else to write. */
static atomic_int caught_signal;

__attribute__((format(printf, 1, 0))) static void vprint(const char *format, va_list arguments) {
    fputs("tokenmill: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
}

bool usage_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprint(format, arguments);
    va_end(arguments);
    return false;
}

void note(bool quiet, const char *format, ...) {
    if (quiet) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vprint(format, arguments);
    va_end(arguments);
}

static bool stderr_has_colour(void) {
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool unwanted = no_color != NULL && no_color[0] != '\0';
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;
    return !unwanted && !dumb && isatty(STDERR_FILENO);
}

void print_messages(struct tmill_messages *messages, bool quiet) {
    if (!quiet || tmill_messages_error_count(messages) > 0) {
        fputs(tmill_messages_text(messages, stderr_has_colour()), stderr);
    }
    tmill_messages_clear(messages);
}

void print_result(char *text) {
    fputs(text, stdout);
    free(text);
}

/* A pipe whose reader has gone, like `head`: no news for anybody. */
static bool stdout_has_no_reader(void) {
    struct pollfd stdout_poll = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&stdout_poll, 1, 0) == 1 && (stdout_poll.revents & POLLERR) != 0;
}

int finish_stdout(int code) {
    bool failed = ferror(stdout) != 0;
    errno = 0;
    failed = fflush(stdout) != 0 || failed;
    if (!failed) {
        return code;
    }
    const int error = errno;
    if (!stdout_has_no_reader()) {
        usage_error("cannot write to standard output: %s", error != 0 ? strerror(error) : "write error");
    }
    return TMILL_WORLD;
}

static void catch_signal(int number) {
    atomic_store(&caught_signal, number);
}

static void watch_signal(int number) {
    struct sigaction old;
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_IGN) {
        return;
    }
    struct sigaction action = {.sa_handler = catch_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void watch_signals(void) {
    watch_signal(SIGINT);
    watch_signal(SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

int interrupted_code(void) {
    int number = atomic_load(&caught_signal);
    return number != 0 ? 128 + number : 0;
}

void progress_line_init(struct progress_line *line, bool quiet) {
    *line = (struct progress_line){.visible = !quiet && isatty(STDERR_FILENO)};
}

/* "3:07" or "2:03:07". */
static void format_duration(double seconds, char *text, size_t size) {
    long whole = (long)(seconds + 0.5);
    if (whole >= 3600) {
        snprintf(text, size, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    } else {
        snprintf(text, size, "%ld:%02ld", whole / 60, whole % 60);
    }
}

static void format_left(const struct tmill_progress *progress, char *text, size_t size) {
    char left[32];
    if (progress->left_s < 0 || progress->done_ratio < 0.01) {
        format_duration(progress->elapsed_s, left, sizeof left);
        snprintf(text, size, "%s elapsed", left);
        return;
    }
    format_duration(progress->left_s, left, sizeof left);
    snprintf(text, size, "%s left", left);
}

static void draw(const struct tmill_progress *progress) {
    char left[48];
    char text[LINE_SIZE];
    format_left(progress, left, sizeof left);
    double percent = 100 * progress->done_ratio;
    if (progress->points_total == 1) {
        snprintf(text, sizeof text, "%5.1f %%  %.1f h simulated  %s", percent, progress->simulated_s / 3600, left);
    } else {
        snprintf(text, sizeof text, "%5.1f %%  %zu/%zu points  %.1f points/s  %s", percent, progress->points_done,
                 progress->points_total, progress->points_per_s, left);
    }
    fprintf(stderr, "\r%-*.*s", LINE_WIDTH, LINE_WIDTH, text);
    fflush(stderr);
}

bool progress_line_listen(void *context, const struct tmill_progress *progress) {
    struct progress_line *line = context;
    if (line->visible && progress->elapsed_s >= QUIET_START_S) {
        draw(progress);
        line->drawn = true;
    }
    return atomic_load(&caught_signal) == 0;
}

void progress_line_erase(struct progress_line *line) {
    if (line->drawn) {
        fprintf(stderr, "\r%*s\r", LINE_WIDTH, "");
        fflush(stderr);
        line->drawn = false;
    }
}

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handles.h"
#include "base/arena.h"
#include "base/check.h"

/* Texts are rendered at once: what diagnostics point into may be gone when they are read. */
struct tmill_messages {
    char *plain;    // owned
    char *coloured; // owned
    size_t error_count;
    enum tmill_status status;
};

struct tmill_messages *tmill_messages_new(void) {
    struct tmill_messages *messages = xcalloc(1, sizeof *messages);
    messages->plain = xstrdup("");
    messages->coloured = xstrdup("");
    return messages;
}

void tmill_messages_free(struct tmill_messages *messages) {
    if (messages != NULL) {
        free(messages->plain);
        free(messages->coloured);
        free(messages);
    }
}

void tmill_messages_clear(struct tmill_messages *messages) {
    messages->plain[0] = '\0';
    messages->coloured[0] = '\0';
    messages->error_count = 0;
    messages->status = TMILL_DONE;
}

const char *tmill_messages_text(const struct tmill_messages *messages, bool colour) {
    return colour ? messages->coloured : messages->plain;
}

size_t tmill_messages_error_count(const struct tmill_messages *messages) {
    return messages->error_count;
}

enum tmill_status tmill_messages_status(const struct tmill_messages *messages) {
    return messages->status;
}

static void render_behind(char **text, const struct diags *diags, bool colour) {
    char *added = NULL;
    size_t added_size = 0;
    FILE *stream = open_memstream(&added, &added_size);
    CHECK(stream != NULL);
    diags_render(diags, stream, colour);
    CHECK(fclose(stream) == 0);
    size_t size = strlen(*text);
    *text = xrealloc(*text, size + added_size + 1, 1);
    memcpy(*text + size, added, added_size + 1);
    free(added);
}

/* TMILL_DONE has the lowest value and is the mildest; among errors a lower value goes first. */
static enum tmill_status worse_of(enum tmill_status a, enum tmill_status b) {
    if (a == TMILL_DONE || b == TMILL_DONE) {
        return a == TMILL_DONE ? b : a;
    }
    return a < b ? a : b;
}

enum tmill_status messages_take(struct tmill_messages *messages, struct diags *diags) {
    enum tmill_status status = (enum tmill_status)diags_exit_code(diags);
    if (messages != NULL) {
        render_behind(&messages->plain, diags, false);
        render_behind(&messages->coloured, diags, true);
        messages->error_count += diags_error_count(diags);
        messages->status = worse_of(messages->status, status);
    }
    diags_free(diags);
    return status;
}

enum tmill_status messages_usage(struct tmill_messages *messages, const char *format, ...) {
    if (messages == NULL) {
        return TMILL_USAGE;
    }
    char *text;
    va_list arguments;
    va_start(arguments, format);
    CHECK(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    struct diags *diags = diags_new();
    diag_error(diags, (struct position){0}, "usage", "%s", text);
    free(text);
    messages_take(messages, diags);
    messages->status = worse_of(messages->status, TMILL_USAGE);
    return TMILL_USAGE;
}

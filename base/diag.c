#include "base/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

enum diag_kind { DIAG_WARNING, DIAG_USER, DIAG_WORLD, DIAG_NO_ANSWER };

/* What is shown of a line that is longer. */
enum { EXCERPT_SIZE_MAX = 160, EXCERPT_LEAD = 60 };

struct diag {
    enum diag_kind kind;
    struct position at;
    size_t source_order; /* index in diags.sources */
    size_t report_order;
    char *rule;    // owned
    char *message; // owned
};

struct kept {
    void *object; // owned
    void (*release)(void *object);
};

struct diags {
    struct diag *items; // owned
    size_t count;
    size_t capacity;
    const struct diag_source **sources; // owned list of borrowed, in order of first use; NULL is one of them
    size_t sources_count;
    size_t error_count;
    struct kept *kept; // owned
    size_t kept_count;
};

struct diags *diags_new(void) {
    return xcalloc(1, sizeof(struct diags));
}

static void diag_release(struct diag *diag) {
    free(diag->rule);
    free(diag->message);
}

void diags_free(struct diags *diags) {
    if (diags == NULL) {
        return;
    }
    for (size_t i = 0; i < diags->count; i++) {
        diag_release(&diags->items[i]);
    }
    for (size_t i = 0; i < diags->kept_count; i++) {
        diags->kept[i].release(diags->kept[i].object);
    }
    free(diags->kept);
    free(diags->items);
    free(diags->sources);
    free(diags);
}

static size_t source_order(struct diags *diags, const struct diag_source *source) {
    for (size_t i = 0; i < diags->sources_count; i++) {
        if (diags->sources[i] == source) {
            return i;
        }
    }
    diags->sources = xrealloc(diags->sources, diags->sources_count + 1, sizeof(const struct diag_source *));
    diags->sources[diags->sources_count] = source;
    return diags->sources_count++;
}

/* Takes over what `diag` owns. */
static void add(struct diags *diags, struct diag diag) {
    if (diags->count == diags->capacity) {
        diags->capacity = diags->capacity == 0 ? 8 : 2 * diags->capacity;
        diags->items = xrealloc(diags->items, diags->capacity, sizeof(struct diag));
    }
    diag.source_order = source_order(diags, diag.at.source);
    diag.report_order = diags->count;
    diags->items[diags->count++] = diag;
    diags->error_count += diag.kind != DIAG_WARNING;
}

__attribute__((format(printf, 5, 0))) static void report(struct diags *diags, enum diag_kind kind, struct position at,
                                                         const char *rule, const char *format, va_list arguments) {
    char *message;
    CHECK(vasprintf(&message, format, arguments) >= 0);
    add(diags, (struct diag){.kind = kind, .at = at, .rule = xstrdup(rule), .message = message});
}

bool diag_error(struct diags *diags, struct position at, const char *rule, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    report(diags, DIAG_USER, at, rule, format, arguments);
    va_end(arguments);
    return false;
}

bool diag_world(struct diags *diags, struct position at, const char *rule, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    report(diags, DIAG_WORLD, at, rule, format, arguments);
    va_end(arguments);
    return false;
}

bool diag_no_answer(struct diags *diags, struct position at, const char *rule, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    report(diags, DIAG_NO_ANSWER, at, rule, format, arguments);
    va_end(arguments);
    return false;
}

void diag_warning(struct diags *diags, struct position at, const char *rule, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    report(diags, DIAG_WARNING, at, rule, format, arguments);
    va_end(arguments);
}

size_t diags_error_count(const struct diags *diags) {
    return diags->error_count;
}

static bool has_kind(const struct diags *diags, enum diag_kind kind) {
    for (size_t i = 0; i < diags->count; i++) {
        if (diags->items[i].kind == kind) {
            return true;
        }
    }
    return false;
}

int diags_exit_code(const struct diags *diags) {
    if (has_kind(diags, DIAG_USER)) {
        return 3;
    }
    if (has_kind(diags, DIAG_WORLD)) {
        return 4;
    }
    return has_kind(diags, DIAG_NO_ANSWER) ? 5 : 0;
}

void diags_keep(struct diags *diags, void *object, void (*release)(void *object)) {
    diags->kept = xrealloc(diags->kept, diags->kept_count + 1, sizeof(struct kept));
    diags->kept[diags->kept_count++] = (struct kept){.object = object, .release = release};
}

/* `from` has handed on or released its items. */
static void append_rest(struct diags *to, struct diags *from) {
    for (size_t i = 0; i < from->kept_count; i++) {
        diags_keep(to, from->kept[i].object, from->kept[i].release);
    }
    from->count = 0;
    from->sources_count = 0;
    from->error_count = 0;
    from->kept_count = 0;
}

void diags_append(struct diags *to, struct diags *from) {
    CHECK(to != from);
    for (size_t i = 0; i < from->count; i++) {
        add(to, from->items[i]);
    }
    append_rest(to, from);
}

static bool same_diag(const struct diag *a, const struct diag *b) {
    return a->kind == b->kind && a->at.source == b->at.source && a->at.line == b->at.line &&
           a->at.column == b->at.column && strcmp(a->rule, b->rule) == 0 && strcmp(a->message, b->message) == 0;
}

static bool has_equal(const struct diags *diags, const struct diag *diag) {
    for (size_t i = 0; i < diags->count; i++) {
        if (same_diag(&diags->items[i], diag)) {
            return true;
        }
    }
    return false;
}

void diags_append_new(struct diags *to, struct diags *from) {
    CHECK(to != from);
    for (size_t i = 0; i < from->count; i++) {
        if (has_equal(to, &from->items[i])) {
            diag_release(&from->items[i]);
        } else {
            add(to, from->items[i]);
        }
    }
    append_rest(to, from);
}

const char *diags_first_message(const struct diags *diags) {
    for (size_t i = 0; i < diags->count; i++) {
        if (diags->items[i].kind != DIAG_WARNING) {
            return diags->items[i].message;
        }
    }
    return "";
}

const char *diags_first_rule(const struct diags *diags) {
    for (size_t i = 0; i < diags->count; i++) {
        if (diags->items[i].kind != DIAG_WARNING) {
            return diags->items[i].rule;
        }
    }
    return "";
}

static int compare_numbers(size_t a, size_t b) {
    return (a > b) - (a < b);
}

static int compare_diags(const void *left, const void *right) {
    const struct diag *a = *(const struct diag *const *)left;
    const struct diag *b = *(const struct diag *const *)right;
    int order = compare_numbers(a->source_order, b->source_order);
    order = order != 0 ? order : compare_numbers(a->at.line, b->at.line);
    order = order != 0 ? order : compare_numbers(a->at.column, b->at.column);
    return order != 0 ? order : compare_numbers(a->report_order, b->report_order);
}

/* Line `number` (from 1) of the source without its end; false where the text is unknown or has no such line. */
static bool find_line(const struct diag_source *source, uint32_t number, const char **line, size_t *size) {
    if (source == NULL || source->text == NULL || number == 0) {
        return false;
    }
    const char *start = source->text;
    const char *end = source->text + source->size;
    for (uint32_t i = 1; i < number; i++) {
        const char *newline = memchr(start, '\n', (size_t)(end - start));
        if (newline == NULL) {
            return false;
        }
        start = newline + 1;
    }
    const char *newline = memchr(start, '\n', (size_t)(end - start));
    *line = start;
    *size = (size_t)((newline == NULL ? end : newline) - start);
    return true;
}

static bool is_control(char c) {
    return ((unsigned char)c < 0x20 && c != '\t' && c != '\n') || c == 0x7f;
}

/* The user's text may hold escape sequences: control characters become '?'. */
static void put_text(FILE *stream, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        fputc(is_control(text[i]) ? '?' : text[i], stream);
    }
}

static bool starts_character(char c) {
    return ((unsigned char)c & 0xC0) != 0x80;
}

/* One column for each UTF-8 character of `text`: a tab for a tab, else `fill`. */
static void put_columns(FILE *stream, const char *text, size_t size, char fill) {
    for (size_t i = 0; i < size; i++) {
        if (starts_character(text[i])) {
            fputc(text[i] == '\t' ? '\t' : fill, stream);
        }
    }
}

/* Cuts a long line to what is around `*offset`, at the bounds of characters. */
static void cut_excerpt(const char **line, size_t *size, size_t *offset) {
    if (*size <= EXCERPT_SIZE_MAX) {
        return;
    }
    size_t first = *offset > EXCERPT_LEAD ? *offset - EXCERPT_LEAD : 0;
    while (first > 0 && !starts_character((*line)[first])) {
        first--;
    }
    size_t end = *size - first > EXCERPT_SIZE_MAX ? first + EXCERPT_SIZE_MAX : *size;
    while (end < *size && !starts_character((*line)[end])) {
        end++;
    }
    *line += first;
    *size = end - first;
    *offset -= first;
}

static void render_excerpt(const struct position *at, FILE *stream, bool colour) {
    const char *line;
    size_t size;
    if (!find_line(at->source, at->line, &line, &size)) {
        return;
    }
    if (size > 0 && line[size - 1] == '\r') {
        size--;
    }
    size_t offset = at->column == 0 ? 0 : at->column - 1;
    offset = offset < size ? offset : size;
    cut_excerpt(&line, &size, &offset);
    put_text(stream, line, size);
    fputc('\n', stream);
    put_columns(stream, line, offset, ' ');
    fputs(colour ? "\033[1;32m^" : "^", stream);
    size_t length = at->length < size - offset ? at->length : size - offset;
    if (length > 1) {
        size_t first = 1; /* the bytes under the caret itself */
        while (first < length && !starts_character(line[offset + first])) {
            first++;
        }
        put_columns(stream, line + offset + first, length - first, '~');
    }
    fputs(colour ? "\033[0m\n" : "\n", stream);
}

static void render_position(const struct position *at, FILE *stream) {
    if (at->source == NULL) {
        return;
    }
    put_text(stream, at->source->name, strlen(at->source->name));
    if (at->line > 0) {
        fprintf(stream, ":%u:%u", at->line, at->column);
    }
    fputs(": ", stream);
}

static void render_one(const struct diag *diag, FILE *stream, bool colour) {
    bool is_warning = diag->kind == DIAG_WARNING;
    const char *kind_colour = is_warning ? "\033[1;35m" : "\033[1;31m";
    fputs(colour ? "\033[1m" : "", stream);
    render_position(&diag->at, stream);
    fprintf(stream, "%s%s:%s ", colour ? kind_colour : "", is_warning ? "warning" : "error", colour ? "\033[0m" : "");
    put_text(stream, diag->message, strlen(diag->message));
    fprintf(stream, " [%s]\n", diag->rule);
    render_excerpt(&diag->at, stream, colour);
}

void diags_render(const struct diags *diags, FILE *stream, bool colour) {
    const struct diag **sorted = xcalloc(diags->count, sizeof(const struct diag *));
    for (size_t i = 0; i < diags->count; i++) {
        sorted[i] = &diags->items[i];
    }
    if (diags->count > 0) {
        qsort(sorted, diags->count, sizeof(const struct diag *), compare_diags);
    }
    for (size_t i = 0; i < diags->count; i++) {
        render_one(sorted[i], stream, colour);
    }
    free(sorted);
}

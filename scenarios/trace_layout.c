#include "scenarios/trace_layout.h"

#include <csv.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

/* The rows at the head of the file, one at a time. */
struct head {
    struct csv_parser parser;
    struct arena *arena; // owned
    struct span rest;
    const char **fields; /* TRACE_COLUMN_MAX */
    size_t count;        /* of the row */
    size_t column_count; /* of it, beyond TRACE_COLUMN_MAX too */
    bool row_done;
    bool malformed;
    uint32_t line; /* of the row's end */
};

size_t trace_line_size(struct span text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\n') {
            return i + 1;
        }
        if (text.data[i] == '\r') {
            return i + 1 < text.size && text.data[i + 1] == '\n' ? i + 2 : i + 1;
        }
    }
    return text.size;
}

bool trace_line_is_blank(struct span line) {
    for (size_t i = 0; i < line.size; i++) {
        if (strchr(" \t\r\n", line.data[i]) == NULL || line.data[i] == '\0') {
            return false;
        }
    }
    return true;
}

static void head_field(void *text, size_t size, void *context) {
    struct head *head = context;
    if (head->count < TRACE_COLUMN_MAX) {
        head->fields[head->count++] = arena_text(head->arena, text, size);
    }
    head->column_count++;
}

static void head_row(int terminator, void *context) {
    (void)terminator;
    ((struct head *)context)->row_done = true;
}

static void head_init(struct head *head, struct span text, char delimiter) {
    *head = (struct head){.arena = arena_new(), .rest = text};
    head->fields = arena_alloc(head->arena, TRACE_COLUMN_MAX, sizeof(*head->fields));
    CHECK(csv_init(&head->parser, CSV_STRICT) == 0);
    csv_set_delim(&head->parser, (unsigned char)delimiter);
}

static void head_release(struct head *head) {
    csv_free(&head->parser);
    arena_free(head->arena);
}

/* Reads the next row's fields; false at the end, or if it is no CSV. */
static bool head_next_row(struct head *head) {
    head->count = 0;
    head->column_count = 0;
    head->row_done = false;
    while (!head->row_done && head->rest.size > 0) {
        struct span line = {head->rest.data, trace_line_size(head->rest)};
        head->rest.data += line.size;
        head->rest.size -= line.size;
        head->line++;
        bool blank = head->count == 0 && trace_line_is_blank(line);
        if (!blank && csv_parse(&head->parser, line.data, line.size, head_field, head_row, head) != line.size) {
            head->malformed = true;
            return false;
        }
    }
    if (!head->row_done) {
        (void)csv_fini(&head->parser, head_field, head_row, head);
    }
    return head->row_done;
}

/* The candidate that is most often in the first line outside quotes; a comma if there is none. */
static char delimiter_of(struct span head, bool decimal_comma) {
    static const char candidates[] = {',', ';', '\t'};
    size_t counts[3] = {0};
    bool quoted = false;
    while (head.size > 0 && strchr(" \r\n", head.data[0]) != NULL) {
        head.data++;
        head.size--;
    }
    size_t size = trace_line_size(head);
    for (size_t i = 0; i < size; i++) {
        quoted = quoted != (head.data[i] == '"');
        for (size_t k = 0; k < 3 && !quoted; k++) {
            counts[k] += head.data[i] == candidates[k];
        }
    }
    counts[0] = decimal_comma ? 0 : counts[0];
    size_t best = decimal_comma && counts[2] == 0 ? 1 : 0;
    for (size_t k = 0; k < 3; k++) {
        best = counts[k] > counts[best] ? k : best;
    }
    return candidates[best];
}

/* What the format says of a role; the filter's column is the spec's own where it names one. */
static struct trace_column column_of(const struct trace_spec *spec, enum trace_role role) {
    static const struct trace_column formats[][TRACE_ROLE_COUNT] = {
        [TRACE_AZURE_LLM_2023] = {[TRACE_ARRIVAL] = {"TIMESTAMP", 0},
                                  [TRACE_INPUT] = {"ContextTokens", 0},
                                  [TRACE_OUTPUT] = {"GeneratedTokens", 0}},
        [TRACE_NORMALISED] = {[TRACE_ARRIVAL] = {"arrival_s", 0},
                              [TRACE_INPUT] = {"input_tokens", 0},
                              [TRACE_OUTPUT] = {"output_tokens", 0},
                              [TRACE_STATUS] = {"status", 0},
                              [TRACE_FILTER] = {"class", 0},
                              [TRACE_PREFIX] = {"prefix_hit_tokens", 0}},
    };
    static const struct trace_column none = {NULL, 0};
    bool drawn = (role == TRACE_INPUT && spec->draw_input) || (role == TRACE_OUTPUT && spec->draw_output);
    bool unused = (role == TRACE_FILTER && spec->filter_value == NULL) || (role == TRACE_PREFIX && spec->draw_input);
    if (drawn || unused) {
        return none;
    }
    bool own = spec->columns[role].name != NULL || spec->columns[role].position > 0;
    bool from_spec = spec->format == TRACE_COLUMNS || (role == TRACE_FILTER && own);
    return from_spec ? spec->columns[role] : formats[spec->format][role];
}

static bool is_optional(const struct trace_spec *spec, enum trace_role role) {
    return spec->format == TRACE_NORMALISED && (role == TRACE_STATUS || role == TRACE_PREFIX);
}

static bool is_wanted(const struct trace_spec *spec, enum trace_role role) {
    return role == TRACE_ARRIVAL || (role == TRACE_INPUT && !spec->draw_input) ||
           (role == TRACE_OUTPUT && !spec->draw_output) || (role == TRACE_FILTER && spec->filter_value != NULL);
}

/* The first field of that name: written exactly so, else in other case. */
static uint32_t find_name(const struct head *head, const char *name) {
    uint32_t found = TRACE_COLUMN_MAX;
    bool is_exact = false;
    for (size_t i = head->count; i-- > 0;) {
        struct span field = span_trim(span_of(head->fields[i]));
        is_exact = is_exact || span_equals(field, name);
        found = span_equals(field, name) || (!is_exact && span_equals_nocase(field, name)) ? (uint32_t)i : found;
    }
    return found;
}

/* The header's names for a message, cut off where they get long. */
static const char *list_names(const struct head *head) {
    const char *list = "";
    for (size_t i = 0; i < head->count; i++) {
        if (strlen(list) > 300) {
            return arena_format(head->arena, "%s, ...", list);
        }
        list = arena_format(head->arena, "%s%s%s", list, i > 0 ? ", " : "", head->fields[i]);
    }
    return list;
}

static bool missing_name(const struct head *head, struct position at, enum trace_role role, const char *name,
                         struct diags *diags) {
    const char *guess = text_guess(span_of(name), head->fields, head->count);
    return diag_error(diags, at, "trace-column", "no column '%s' (%s); the header has %s%s%s%s", name,
                      trace_role_name(role), list_names(head), guess != NULL ? "; did you mean '" : "",
                      guess != NULL ? guess : "", guess != NULL ? "'?" : "");
}

/* The next field after `found` of the same name as it: in the same case if it is `name`, else in any. TRACE_COLUMN_MAX: none. */
static uint32_t find_again(const struct head *head, const char *name, uint32_t found) {
    const bool is_exact = span_equals(span_trim(span_of(head->fields[found])), name);
    for (size_t i = found + 1; i < head->count; i++) {
        struct span field = span_trim(span_of(head->fields[i]));
        if (is_exact ? span_equals(field, name) : span_equals_nocase(field, name)) {
            return (uint32_t)i;
        }
    }
    return TRACE_COLUMN_MAX;
}

static bool check_once(const struct head *head, struct position at, enum trace_role role, const char *name,
                       uint32_t found, struct diags *diags) {
    const uint32_t again = find_again(head, name, found);
    return again == TRACE_COLUMN_MAX ||
           diag_error(diags, at, "trace-column",
                      "the header has '%s' (%s) twice, as columns %u and %u; give its position instead", name,
                      trace_role_name(role), found + 1, again + 1);
}

static bool resolve_role(struct trace_layout *layout, const struct trace_spec *spec, enum trace_role role,
                         const struct head *head, struct diags *diags) {
    struct position at = {.source = &spec->source, .line = head->line, .column = 1};
    struct trace_column column = column_of(spec, role);
    layout->column[role] = TRACE_COLUMN_MAX;
    if (column.name == NULL && column.position == 0) {
        return !is_wanted(spec, role) ||
               diag_error(diags, spec->at, "trace-column", "%s: which column is %s? Give its name or position%s",
                          spec->source.name, trace_role_name(role),
                          role == TRACE_INPUT || role == TRACE_OUTPUT ? ", or a distribution of lengths" : "");
    }
    uint32_t found = column.name != NULL ? find_name(head, column.name) : column.position - 1;
    if (column.name != NULL && found == TRACE_COLUMN_MAX) {
        return is_optional(spec, role) || missing_name(head, at, role, column.name, diags);
    }
    if (found >= head->count) {
        return diag_error(diags, at, "trace-column", "no column %u (%s); the first row has %zu", column.position,
                          trace_role_name(role), head->column_count);
    }
    if (column.name != NULL && !check_once(head, at, role, column.name, found, diags)) {
        return false;
    }
    layout->column[role] = found;
    layout->roles[found] = (uint8_t)(layout->roles[found] | 1U << role);
    if (role != TRACE_STATUS && role != TRACE_PREFIX && layout->least_fields <= found) {
        layout->least_fields = found + 1;
    }
    return true;
}

/* From the first row whose time can be read. Without rows it does not matter. */
static bool find_time(struct trace_layout *layout, const struct trace_spec *spec, struct head *head,
                      struct diags *diags) {
    static const enum time_kind by_format[] = {
        [TRACE_AZURE_LLM_2023] = TIME_TIMESTAMP, [TRACE_NORMALISED] = TIME_S, [TRACE_COLUMNS] = TIME_AUTO};
    uint32_t column = layout->column[TRACE_ARRIVAL];
    struct span name = span_of(layout->header ? head->fields[column] : "");
    layout->time = spec->time != TIME_AUTO ? spec->time : by_format[spec->format];
    bool have_row = !layout->header || head_next_row(head);
    struct position first_bad = {.source = &spec->source, .line = head->line, .column = 1};
    const char *bad_text = NULL;
    for (; layout->time == TIME_AUTO && have_row; have_row = head_next_row(head)) {
        if (column < head->count) {
            layout->time = time_kind_guess(name, span_of(head->fields[column]), layout->decimal_point);
            bad_text = bad_text == NULL ? head->fields[column] : bad_text;
        }
    }
    if (layout->time == TIME_AUTO && bad_text != NULL) {
        return diag_error(diags, first_bad, "trace-time",
                          "'%s' is neither a number nor a timestamp like 2023-11-16 18:17:03.98", bad_text);
    }
    layout->time = layout->time == TIME_AUTO ? TIME_S : layout->time;
    return true;
}

static bool layout_from_head(struct trace_layout *layout, const struct trace_spec *spec, struct head *head,
                             struct diags *diags) {
    struct position start = {.source = &spec->source, .line = 1, .column = 1};
    if (!head_next_row(head)) {
        return head->malformed ? diag_error(diags, start, "trace-csv", "the first row cannot be read as CSV")
                               : diag_error(diags, start, "trace-empty", "no rows");
    }
    bool found = true;
    for (enum trace_role role = 0; role < TRACE_ROLE_COUNT; role++) {
        layout->header = layout->header || column_of(spec, role).name != NULL;
        found = resolve_role(layout, spec, role, head, diags) && found;
    }
    return found && find_time(layout, spec, head, diags);
}

bool trace_layout_find(struct trace_layout *layout, const struct trace_spec *spec, struct span text,
                       struct diags *diags) {
    struct trace_layout found = {
        .delimiter = spec->delimiter != 0 ? spec->delimiter : delimiter_of(text, spec->decimal_comma),
        .decimal_point = spec->decimal_comma ? ',' : '.',
        .header = spec->header,
    };
    struct head head;
    head_init(&head, text, found.delimiter);
    bool ok = layout_from_head(&found, spec, &head, diags);
    head_release(&head);
    if (ok) {
        *layout = found;
    }
    return ok;
}

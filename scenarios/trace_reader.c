#include "scenarios/trace_reader.h"

#include <csv.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

enum { BUFFER_BYTES = 1 << 18, TOKENS_MAX = 1000000000 };

struct trace_reader {
    const struct trace_spec *spec; // borrowed
    struct trace_layout layout;
    FILE *file; // owned
    struct csv_parser parser;
    char *buffer;      // owned, BUFFER_BYTES
    size_t at, filled; /* what is not yet parsed */
    bool file_ended, finished;
    bool hash;
    uint64_t fnv1a;
    int64_t bytes;
    uint32_t line;     /* of `at`, from 1 */
    size_t line_bytes; /* of that line, before `at` */
    int64_t rows;      /* data rows read */
    int64_t sum_prefix_tokens;
    bool skip_header;
    struct span last_line; /* in the buffer: what the last row was parsed from, for messages */
    /* The row being built. */
    bool row_open, row_done;
    size_t row_bytes;
    uint32_t row_line, fields;
    struct trace_row row;
    int64_t prefix_tokens; /* 0: not said */
    bool time_ok, input_ok, output_ok, status_ok, filter_ok;
};

static bool parse_tokens(const struct trace_reader *reader, struct span text, int64_t *tokens) {
    int64_t number = 0;
    bool plain = text.size > 0 && text.size <= 10;
    for (size_t i = 0; i < text.size && plain; i++) {
        plain = text.data[i] >= '0' && text.data[i] <= '9';
        number = number * 10 + (text.data[i] - '0');
    }
    char copy[32];
    text = span_trim(text);
    if (!plain) {
        if (text.size >= sizeof(copy)) {
            return false;
        }
        memcpy(copy, text.data, text.size);
        char *comma = reader->layout.decimal_point == ',' ? memchr(copy, ',', text.size) : NULL;
        if (comma != NULL) {
            *comma = '.';
        }
        if (!text_to_int64((struct span){copy, text.size}, &number)) {
            return false;
        }
    }
    *tokens = number;
    return number >= 0 && number <= TOKENS_MAX;
}

static bool parse_time(const struct trace_reader *reader, struct span text, i128 *time) {
    if (reader->layout.time == TIME_TIMESTAMP) {
        return timestamp_parse(text, time);
    }
    return time_number_parse(text, reader->layout.time, reader->layout.decimal_point, time);
}

static bool status_is_ok(const struct trace_spec *spec, struct span text) {
    static const char *const usual[] = {"",         "ok",        "success",  "succeeded", "successful",
                                        "complete", "completed", "finished", "done",      "stop",
                                        "length",   "200",       "true"};
    const char *const *list = spec->status_ok != NULL ? spec->status_ok : usual;
    size_t count = spec->status_ok != NULL ? spec->status_ok_count : sizeof(usual) / sizeof(usual[0]);
    for (size_t i = 0; i < count; i++) {
        if (span_equals_nocase(text, list[i])) {
            return true;
        }
    }
    return false;
}

static void on_field(void *data, size_t size, void *context) {
    struct trace_reader *reader = context;
    uint32_t field = reader->fields++;
    unsigned roles = field < TRACE_COLUMN_MAX ? reader->layout.roles[field] : 0;
    if (roles == 0) {
        return;
    }
    struct span text = {data, size};
    if (roles & 1U << TRACE_ARRIVAL) {
        reader->time_ok = parse_time(reader, text, &reader->row.time);
    }
    if (roles & 1U << TRACE_INPUT) {
        reader->input_ok = parse_tokens(reader, text, &reader->row.input_tokens);
    }
    if (roles & 1U << TRACE_OUTPUT) {
        reader->output_ok = parse_tokens(reader, text, &reader->row.output_tokens);
    }
    if (roles & 1U << TRACE_STATUS) {
        reader->status_ok = status_is_ok(reader->spec, text);
    }
    if (roles & 1U << TRACE_PREFIX && !parse_tokens(reader, text, &reader->prefix_tokens)) {
        reader->prefix_tokens = 0;
    }
    if (roles & 1U << TRACE_FILTER) {
        reader->filter_ok = span_equals(text, reader->spec->filter_value);
    }
}

static void on_row(int terminator, void *context) {
    (void)terminator;
    ((struct trace_reader *)context)->row_done = true;
}

static void row_begin(struct trace_reader *reader) {
    const struct trace_spec *spec = reader->spec;
    reader->row = (struct trace_row){.line = reader->line};
    reader->row_open = true;
    reader->row_done = false;
    reader->row_bytes = 0;
    reader->fields = 0;
    reader->prefix_tokens = 0;
    reader->time_ok = false;
    reader->input_ok = spec->draw_input;
    reader->output_ok = spec->draw_output;
    reader->status_ok = spec->status_ok == NULL || reader->layout.column[TRACE_STATUS] == TRACE_COLUMN_MAX;
    reader->filter_ok = spec->filter_value == NULL;
}

/* The first reason that applies, in the order that trace.h states. */
static void row_judge(struct trace_reader *reader) {
    const struct trace_spec *spec = reader->spec;
    struct trace_row *row = &reader->row;
    row->accepted = false;
    if (reader->fields < reader->layout.least_fields) {
        row->reason = DROP_COLUMNS;
    } else if (!reader->filter_ok) {
        row->reason = DROP_FILTERED;
    } else if (!reader->status_ok) {
        row->reason = DROP_STATUS;
    } else if (!reader->time_ok) {
        row->reason = DROP_BAD_TIME;
    } else if (!reader->input_ok || !reader->output_ok) {
        row->reason = DROP_BAD_TOKENS;
    } else if (row->input_tokens == 0 && !spec->draw_input) {
        row->reason = DROP_ZERO_INPUT;
    } else if (row->output_tokens == 0 && !spec->draw_output) {
        row->reason = DROP_ZERO_OUTPUT;
    } else {
        row->accepted = true;
        reader->sum_prefix_tokens += reader->prefix_tokens;
    }
}

static struct position position_at(const struct trace_reader *reader, uint32_t line, size_t column) {
    return (struct position){.source = &reader->spec->source, .line = line, .column = (uint32_t)column};
}

/* Moves what is left to the front of the buffer and fills the rest. */
static bool refill(struct trace_reader *reader, struct diags *diags) {
    reader->filled -= reader->at;
    memmove(reader->buffer, reader->buffer + reader->at, reader->filled);
    reader->at = 0;
    reader->last_line = (struct span){0};
    size_t got = fread(reader->buffer + reader->filled, 1, BUFFER_BYTES - reader->filled, reader->file);
    for (size_t i = 0; i < got && reader->hash; i++) {
        reader->fnv1a = (reader->fnv1a ^ (unsigned char)reader->buffer[reader->filled + i]) * 0x100000001b3ULL;
    }
    reader->filled += got;
    reader->bytes += (int64_t)got;
    reader->file_ended = feof(reader->file) != 0;
    if (ferror(reader->file)) {
        return diag_world(diags, reader->spec->at, "trace-read", "%s: %s", reader->spec->source.name, strerror(errno));
    }
    return true;
}

/* The next line, or what of it fits the buffer; empty at the end of the file. */
static bool next_piece(struct trace_reader *reader, struct span *piece, struct diags *diags) {
    for (;;) {
        struct span rest = {reader->buffer + reader->at, reader->filled - reader->at};
        piece->data = rest.data;
        piece->size = trace_line_size(rest);
        bool whole = piece->size < rest.size || (piece->size > 0 && rest.data[piece->size - 1] == '\n');
        if (whole || reader->file_ended || rest.size == BUFFER_BYTES) {
            return true;
        }
        if (!refill(reader, diags)) {
            return false;
        }
    }
}

static bool feed(struct trace_reader *reader, struct span piece, struct diags *diags) {
    reader->row_bytes += piece.size;
    if (reader->row_bytes > TRACE_ROW_BYTE_MAX) {
        return diag_error(diags, position_at(reader, reader->row.line, 1), "trace-row",
                          "a row of more than %d bytes; is a quote left open?", TRACE_ROW_BYTE_MAX);
    }
    size_t parsed = csv_parse(&reader->parser, piece.data, piece.size, on_field, on_row, reader);
    if (parsed != piece.size) {
        return diag_error(diags, position_at(reader, reader->line, reader->line_bytes + parsed + 1), "trace-csv",
                          "a quote within a field; a field with quotes is quoted whole, and quotes in it are doubled");
    }
    return true;
}

static void step_over(struct trace_reader *reader, struct span piece) {
    bool whole = piece.data[piece.size - 1] == '\n' || piece.data[piece.size - 1] == '\r';
    reader->at += piece.size;
    reader->line += whole;
    reader->line_bytes = whole ? 0 : reader->line_bytes + piece.size;
    reader->last_line = piece;
}

/* The last row may lack its newline. */
static enum trace_read_status finish_rows(struct trace_reader *reader, struct diags *diags) {
    reader->finished = true;
    if (!reader->row_open) {
        return TRACE_READ_END;
    }
    reader->row_open = false;
    if (csv_fini(&reader->parser, on_field, on_row, reader) != 0) {
        diag_error(diags, position_at(reader, reader->row.line, 1), "trace-csv",
                   "the file ends within a quoted field of the row that begins here");
        return TRACE_READ_FAILED;
    }
    return reader->row_done ? TRACE_READ_ROW : TRACE_READ_END;
}

/* Parses on to the end of one row, header or data. */
static enum trace_read_status parse_row(struct trace_reader *reader, struct diags *diags) {
    if (reader->finished) {
        return TRACE_READ_END;
    }
    for (;;) {
        struct span piece;
        if (!next_piece(reader, &piece, diags)) {
            return TRACE_READ_FAILED;
        }
        if (piece.size == 0) {
            return finish_rows(reader, diags);
        }
        bool skip = !reader->row_open && trace_line_is_blank(piece);
        if (!reader->row_open && !skip) {
            row_begin(reader);
        }
        if (!skip && !feed(reader, piece, diags)) {
            return TRACE_READ_FAILED;
        }
        step_over(reader, piece);
        if (reader->row_open && reader->row_done) {
            reader->row_open = false;
            return TRACE_READ_ROW;
        }
    }
}

enum trace_read_status trace_reader_next(struct trace_reader *reader, struct trace_row *row, struct diags *diags) {
    if (reader->skip_header) {
        reader->skip_header = false;
        enum trace_read_status status = parse_row(reader, diags);
        if (status != TRACE_READ_ROW) {
            return status;
        }
    }
    if (reader->spec->max_rows > 0 && reader->rows >= reader->spec->max_rows) {
        return TRACE_READ_END;
    }
    enum trace_read_status status = parse_row(reader, diags);
    if (status == TRACE_READ_ROW) {
        reader->rows++;
        row_judge(reader);
        *row = reader->row;
    }
    return status;
}

const struct trace_layout *trace_reader_layout(const struct trace_reader *reader) {
    return &reader->layout;
}

int64_t trace_reader_sum_prefix_tokens(const struct trace_reader *reader) {
    return reader->sum_prefix_tokens;
}

struct position trace_reader_arrival_position(const struct trace_reader *reader, const struct trace_row *row) {
    struct span line = reader->last_line;
    uint32_t field = 0;
    bool quoted = false;
    size_t column = 1;
    for (size_t i = 0; i < line.size && field < reader->layout.column[TRACE_ARRIVAL]; i++) {
        quoted = quoted != (line.data[i] == '"');
        field += !quoted && line.data[i] == reader->layout.delimiter;
        column = i + 2;
    }
    bool on_one_line = row->line + 1 == reader->line || reader->line_bytes > 0;
    return position_at(reader, row->line, on_one_line ? column : 1);
}

bool trace_reader_finish(struct trace_reader *reader, int64_t *bytes, uint64_t *fnv1a, struct diags *diags) {
    while (!reader->file_ended) {
        reader->at = reader->filled;
        if (!refill(reader, diags)) {
            return false;
        }
    }
    reader->finished = true;
    *bytes = reader->bytes;
    *fnv1a = reader->fnv1a;
    return true;
}

/* What a file begins with that is no CSV. */
static bool check_encoding(const struct trace_reader *reader, struct diags *diags) {
    static const struct {
        const char *bytes;
        size_t size;
        const char *what;
    } signs[] = {
        {"\x1f\x8b", 2, "compressed with gzip; unpack it first"},
        {"\x28\xb5\x2f\xfd", 4, "compressed with zstd; unpack it first"},
        {"PK\x03\x04", 4, "a zip archive; unpack it first"},
        {"\xff\xfe", 2, "UTF-16; convert it to UTF-8"},
        {"\xfe\xff", 2, "UTF-16; convert it to UTF-8"},
        {"{", 1, "JSON; only CSV traces are read"},
        {"[", 1, "JSON; only CSV traces are read"},
        {"PAR1", 4, "Parquet; only CSV traces are read"},
        {"version https://git-lfs", 23, "a Git LFS pointer, not the data; run `git lfs pull`"},
    };
    struct span text = {reader->buffer + reader->at, reader->filled - reader->at};
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (text.size >= signs[i].size && memcmp(text.data, signs[i].bytes, signs[i].size) == 0) {
            return diag_error(diags, position_at(reader, 1, 1), "trace-encoding", "the file is %s", signs[i].what);
        }
    }
    if (memchr(text.data, '\0', text.size) != NULL) {
        return diag_error(diags, position_at(reader, 1, 1), "trace-encoding", "the file is binary");
    }
    return true;
}

static bool reader_open(struct trace_reader *reader, struct diags *diags) {
    const struct trace_spec *spec = reader->spec;
    reader->file = fopen(spec->path, "rb");
    if (reader->file == NULL) {
        return diag_world(diags, spec->at, "trace-open", "%s: %s", spec->source.name, strerror(errno));
    }
    (void)setvbuf(reader->file, NULL, _IONBF, 0);
    if (!refill(reader, diags)) {
        return false;
    }
    if (reader->filled >= 3 && memcmp(reader->buffer, "\xef\xbb\xbf", 3) == 0) {
        reader->at = 3;
    }
    struct span head = {reader->buffer + reader->at, reader->filled - reader->at};
    if (!check_encoding(reader, diags) || !trace_layout_find(&reader->layout, spec, head, diags)) {
        return false;
    }
    csv_set_delim(&reader->parser, (unsigned char)reader->layout.delimiter);
    reader->skip_header = reader->layout.header;
    return true;
}

struct trace_reader *trace_reader_new(const struct trace_spec *spec, bool hash, struct diags *diags) {
    CHECK(spec->rate_scale > 0.0);
    struct trace_reader *reader = xcalloc(1, sizeof(*reader));
    reader->spec = spec;
    reader->hash = hash;
    reader->fnv1a = 0xcbf29ce484222325ULL;
    reader->line = 1;
    reader->buffer = xcalloc(1, BUFFER_BYTES);
    CHECK(csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI) == 0);
    if (!reader_open(reader, diags)) {
        trace_reader_free(reader);
        return NULL;
    }
    return reader;
}

void trace_reader_free(struct trace_reader *reader) {
    if (reader == NULL) {
        return;
    }
    if (reader->file != NULL) {
        fclose(reader->file);
    }
    csv_free(&reader->parser);
    free(reader->buffer);
    free(reader);
}

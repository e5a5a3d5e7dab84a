/* trace_layout.h - where a trace's columns are: delimiter, header, roles, kind of time; found in the file's first
 * rows. */
#ifndef TOKENMILL_SCENARIOS_TRACE_LAYOUT_H
#define TOKENMILL_SCENARIOS_TRACE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/text.h"
#include "scenarios/trace.h"

struct trace_layout {
    char delimiter;
    char decimal_point;
    bool header; /* the first row is one */
    enum time_kind time;
    uint8_t roles[TRACE_COLUMN_MAX];   /* by field from 0: a set of 1 << enum trace_role */
    uint32_t column[TRACE_ROLE_COUNT]; /* field from 0, or TRACE_COLUMN_MAX: not there */
    uint32_t least_fields;             /* rows with fewer are dropped */
};

/* `head` is the file's beginning without a byte order mark: whole rows, but for a cut-off last one. */
bool trace_layout_find(struct trace_layout *layout, const struct trace_spec *spec, struct span head,
                       struct diags *diags);

/* Bytes up to and including the first line terminator (LF, CRLF, CR); all of them if there is none. */
size_t trace_line_size(struct span text);

/* Only blanks and line terminators? libcsv takes such a line for no row. */
bool trace_line_is_blank(struct span line);

#endif

/* trace_reader.h - the rows of a trace file, one at a time, each accepted or with the reason it is not. Order, origin
 * and scale of time are trace.c's. One buffer of 256 KB (longer rows go through it in pieces, up to
 * TRACE_ROW_BYTE_MAX). */
#ifndef TOKENMILL_SCENARIOS_TRACE_READER_H
#define TOKENMILL_SCENARIOS_TRACE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/int128.h"
#include "scenarios/trace.h"
#include "scenarios/trace_layout.h"

struct trace_row {
    bool accepted;
    enum drop_reason reason; /* if not */
    i128 time;               /* attoseconds from the column's own zero */
    int64_t input_tokens;    /* 0: drawn */
    int64_t output_tokens;
    uint32_t line; /* where it begins, from 1 */
};

enum trace_read_status { TRACE_READ_ROW, TRACE_READ_END, TRACE_READ_FAILED };

struct trace_reader;

/* Opens the file and finds its layout; NULL with diagnostics on failure. `hash`: keep the FNV-1a of the bytes. */
struct trace_reader *trace_reader_new(const struct trace_spec *spec, bool hash, struct diags *diags);
void trace_reader_free(struct trace_reader *reader); /* accepts NULL */

enum trace_read_status trace_reader_next(struct trace_reader *reader, struct trace_row *row, struct diags *diags);

const struct trace_layout *trace_reader_layout(const struct trace_reader *reader);

/* Prompt tokens of the accepted rows so far that an unlimited prefix cache would have held; 0 if the trace does not say. */
int64_t trace_reader_sum_prefix_tokens(const struct trace_reader *reader);

/* Where the last row's arrival field is, for a message. */
struct position trace_reader_arrival_position(const struct trace_reader *reader, const struct trace_row *row);

/* Bytes read so far and their hash; `finish` reads to the end of the file first. */
bool trace_reader_finish(struct trace_reader *reader, int64_t *bytes, uint64_t *fnv1a, struct diags *diags);

#endif

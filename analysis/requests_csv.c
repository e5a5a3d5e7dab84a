#include "analysis/requests_csv.h"

#include <stdio.h>
#include <stdlib.h>

#include "analysis/atomic_file.h"
#include "analysis/csv_field.h"
#include "base/arena.h"
#include "sim/clock.h"

enum { TIME_PLACES = 18 };

static const char HEADER[] = "request_id,workload,pool,replica,arrival_s,queue_s,ttft_s,tpot_s,e2e_s,finish_s,"
                             "input_tokens,output_tokens,preemptions,status\n";

struct requests_csv {
    struct atomic_file file;
    FILE *stream;                    // owned
    const struct sim_config *config; // borrowed
};

struct requests_csv *requests_csv_open(const char *path, const struct sim_config *config, struct diags *diags) {
    struct atomic_file file;
    FILE *stream = atomic_file_open(&file, path, diags);
    if (stream == NULL) {
        return NULL;
    }
    struct requests_csv *csv = xcalloc(1, sizeof *csv);
    *csv = (struct requests_csv){.file = file, .stream = stream, .config = config};
    fputs(HEADER, stream);
    return csv;
}

static void write_text(FILE *stream, const char *text) {
    csv_field_write(stream, text);
    fputc(',', stream);
}

static void write_integer(FILE *stream, int64_t value) {
    fprintf(stream, "%lld,", (long long)value);
}

/* Seconds without the zeros at the end. */
static void write_time(FILE *stream, i128 units) {
    char text[I128_RATIO_TEXT_SIZE];
    size_t size = i128_ratio_to_text(units, (i128)UNIT_PER_S, TIME_PLACES, text, sizeof text);
    while (text[size - 1] == '0') {
        size--;
    }
    if (text[size - 1] == '.') {
        size--;
    }
    fwrite(text, 1, size, stream);
    fputc(',', stream);
}

static void write_duration(FILE *stream, i128 units) {
    if (units == LATENCY_NONE) {
        fputc(',', stream);
    } else {
        write_time(stream, units);
    }
}

static void write_status(FILE *stream, const struct request_record *record) {
    switch (record->status) {
    case REQUEST_COMPLETED: fputs("completed\n", stream); break;
    case REQUEST_UNFINISHED: fputs("unfinished\n", stream); break;
    default: fprintf(stream, "rejected:%s\n", reject_reason_name(record->reject_reason)); break;
    }
}

void requests_csv_record(void *context, const struct request_record *record) {
    struct requests_csv *csv = context;
    FILE *stream = csv->stream;
    write_integer(stream, record->request_id);
    write_text(stream, csv->config->workloads[record->workload].name);
    if (record->replica >= 0) {
        write_text(stream, csv->config->pools[record->pool].name);
        write_integer(stream, record->replica);
    } else {
        fputs(",,", stream);
    }
    write_time(stream, instant_of_key(record->arrival_key));
    write_duration(stream, record->queue);
    write_duration(stream, record->ttft);
    write_duration(stream, record->tpot);
    write_duration(stream, record->e2e);
    write_duration(stream, record->finish);
    write_integer(stream, record->input_tokens);
    write_integer(stream, record->output_tokens);
    write_integer(stream, record->preemptions);
    write_status(stream, record);
}

bool requests_csv_close(struct requests_csv *csv, struct diags *diags) {
    const bool done = atomic_file_finish(&csv->file, csv->stream, diags);
    free(csv);
    return done;
}

void requests_csv_abandon(struct requests_csv *csv) {
    if (csv != NULL) {
        fclose(csv->stream);
        atomic_file_abandon(&csv->file);
        free(csv);
    }
}

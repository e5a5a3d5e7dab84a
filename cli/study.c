#include "cli/study.h"

#include <stdlib.h>

#include "cli/outputs.h"
#include "cli/terminal.h"

struct tmill_scenario *read_scenario(const struct options *options, int *code) {
    struct tmill_scenario_options inner = {
        .sets = options->sets,
        .set_count = options->set_count,
        .has_seed = options->has_seed,
        .seed = options->seed,
        .catalog_dir = options->catalog_dir,
        .stepwise = options->stepwise,
        .skip_sweep = options->command->bit == COMMAND_RUN && !options->has_point,
    };
    struct tmill_messages *messages = tmill_messages_new();
    struct tmill_scenario *scenario = tmill_scenario_read(options->operands[0], &inner, messages);
    *code = (int)tmill_messages_status(messages);
    print_messages(messages, options->quiet);
    tmill_messages_free(messages);
    return scenario;
}

/* Runs with the progress line. Anything but TMILL_DONE: no results. */
static enum tmill_status run_watched(const struct options *options, const struct tmill_scenario *scenario,
                                     bool whole_sweep, struct tmill_results **results,
                                     struct tmill_messages *messages) {
    struct progress_line line;
    progress_line_init(&line, options->quiet);
    struct tmill_run_options inner = {
        .jobs = options->jobs,
        .listener = progress_line_listen,
        .context = &line,
        .requests_path = options->requests,
        .series = options->series != NULL,
    };
    enum tmill_status status = whole_sweep ? tmill_sweep(scenario, &inner, results, messages)
                                           : tmill_run(scenario, options->point, &inner, results, messages);
    progress_line_erase(&line);
    return status;
}

static int written(enum tmill_status status, const char *path, bool quiet) {
    if (status == TMILL_DONE) {
        note(quiet, "wrote %s", path);
    }
    return (int)status;
}

/* Files first: a reader of stdout that goes away costs nothing. Returns the first failure's exit code, or 0. */
static int write_files(const struct options *options, const struct tmill_results *results,
                       struct tmill_messages *messages) {
    int code = 0;
    if (options->output != NULL) {
        code = written(tmill_results_write_hdf5(results, options->output, messages), options->output, options->quiet);
    }
    if (options->csv != NULL) {
        int csv_code = written(tmill_results_write_csv(results, options->csv, messages), options->csv, options->quiet);
        code = code != 0 ? code : csv_code;
    }
    if (options->series != NULL) {
        int series_code =
            written(tmill_results_write_series(results, options->series, messages), options->series, options->quiet);
        code = code != 0 ? code : series_code;
    }
    if (options->requests != NULL) {
        written(TMILL_DONE, options->requests, options->quiet);
    }
    return code;
}

/* --strict: says which points have no answer. */
static int strict_verdict(const struct tmill_results *results) {
    int code = 0;
    for (size_t p = 0; p < tmill_results_point_count(results); p++) {
        const char *reason = tmill_results_infeasible_reason(results, p);
        if (reason[0] != '\0') {
            note(false, "--strict: point %zu is not feasible: %s", p, reason);
            code = TMILL_NO_ANSWER;
        }
    }
    return code;
}

static int show(const struct options *options, const struct tmill_results *results, struct tmill_messages *messages) {
    int code = write_files(options, results, messages);
    print_result(options->json ? tmill_results_json(results) : tmill_results_table(results));
    code = finish_stdout(code);
    if (code == 0 && options->strict) {
        code = strict_verdict(results);
    }
    return code;
}

int study(const struct options *options, const struct tmill_scenario *scenario, bool whole_sweep) {
    int code = outputs_check(options);
    if (code != 0) {
        return code;
    }
    struct tmill_messages *messages = tmill_messages_new();
    struct tmill_results *results = NULL;
    enum tmill_status status = run_watched(options, scenario, whole_sweep, &results, messages);
    code = (int)status;
    if (status == TMILL_INTERRUPTED) {
        note(false, "interrupted: nothing was written");
        code = interrupted_code();
    } else if (status == TMILL_DONE) {
        code = show(options, results, messages);
    }
    print_messages(messages, options->quiet);
    tmill_messages_free(messages);
    tmill_results_free(results);
    return code;
}

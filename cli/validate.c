#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/terminal.h"

static int written(enum tmill_status status, const char *path, bool quiet) {
    if (status == TMILL_DONE) {
        note(quiet, "wrote %s", path);
    }
    return (int)status;
}

/* Files first: a reader of stdout that goes away costs nothing. */
static int show(const struct options *options, const struct tmill_validation *made, struct tmill_messages *messages) {
    int code = 0;
    if (options->csv != NULL) {
        code = written(tmill_validation_write_csv(made, options->csv, messages), options->csv, options->quiet);
    }
    if (options->svg != NULL) {
        int svg_code = written(tmill_validation_write_svg(made, options->svg, messages), options->svg, options->quiet);
        code = code != 0 ? code : svg_code;
    }
    print_result(options->json ? tmill_validation_json(made) : tmill_validation_table(made));
    return finish_stdout(code);
}

static enum tmill_status run_watched(const struct options *options, struct tmill_validation **made,
                                     struct tmill_messages *messages) {
    struct progress_line line;
    progress_line_init(&line, options->quiet);
    const struct tmill_validate_options inner = {
        .recipes_dir = options->recipes,
        .sets = options->sets,
        .set_count = options->set_count,
        .catalog_dir = options->catalog_dir,
        .has_seed = options->has_seed,
        .seed = options->seed,
        .stepwise = options->stepwise,
        .jobs = options->jobs,
        .listener = progress_line_listen,
        .context = &line,
    };
    enum tmill_status status = tmill_validate(options->operands[0], &inner, made, messages);
    progress_line_erase(&line);
    return status;
}

static int validate(const struct options *options) {
    int code = outputs_check(options);
    if (code != 0) {
        return code;
    }
    struct tmill_messages *messages = tmill_messages_new();
    struct tmill_validation *made = NULL;
    code = (int)run_watched(options, &made, messages);
    if (code == TMILL_INTERRUPTED) {
        note(false, "interrupted: nothing was written");
        code = interrupted_code();
    } else if (made != NULL) {
        code = show(options, made, messages);
    }
    print_messages(messages, options->quiet);
    tmill_messages_free(messages);
    tmill_validation_free(made);
    return code;
}

const struct command command_validate = {
    .name = "validate",
    .bit = COMMAND_VALIDATE,
    .operands = "MEASURED.csv",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "rebuild measured runs, simulate them, and say how wrong it is",
    .description =
        "Rebuilds the server and the client of every row of MEASURED.csv (docs/measured-format.md), simulates it, and\n"
        "compares TPOT, TTFT, E2E latency, throughput and power with what was measured: by class, by cell (model, GPU,\n"
        "engine, precision, source), with the worst rows, and what was skipped or flagged. A file of requests is\n"
        "replayed request by request. --set changes every row's scenario, whose pool is `main`.\n",
    .run = validate,
};

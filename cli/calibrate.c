#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/terminal.h"

/* The file first: a reader of stdout that goes away costs nothing. */
static int show(const struct options *options, const struct tmill_calibration *made, struct tmill_messages *messages) {
    int code = 0;
    if (options->output != NULL) {
        code = (int)tmill_calibration_write_profile(made, options->output, messages);
        if (code == 0) {
            note(options->quiet, "wrote %s", options->output);
        }
    }
    print_result(options->json ? tmill_calibration_json(made) : tmill_calibration_table(made));
    return finish_stdout(code);
}

static enum tmill_status run_watched(const struct options *options, struct tmill_calibration **made,
                                     struct tmill_messages *messages) {
    struct progress_line line;
    progress_line_init(&line, options->quiet);
    const struct tmill_calibrate_options inner = {
        .recipes_dir = options->recipes,
        .gpu = options->gpu,
        .model = options->model,
        .precision = options->precision,
        .engine = options->engine,
        .tensor_parallel = (int64_t)options->tensor_parallel,
        .base = options->base,
        .hold_out = options->hold_out,
        .catalog_dir = options->catalog_dir,
        .has_seed = options->has_seed,
        .seed = options->seed,
        .stepwise = options->stepwise,
        .jobs = options->jobs,
        .listener = progress_line_listen,
        .context = &line,
    };
    enum tmill_status status = tmill_calibrate(options->operands[0], &inner, made, messages);
    progress_line_erase(&line);
    return status;
}

static int calibrate(const struct options *options) {
    int code = outputs_check(options);
    if (code != 0) {
        return code;
    }
    struct tmill_messages *messages = tmill_messages_new();
    struct tmill_calibration *made = NULL;
    code = (int)run_watched(options, &made, messages);
    if (code == TMILL_INTERRUPTED) {
        note(false, "interrupted: nothing was written");
        code = interrupted_code();
    } else if (made != NULL) {
        code = show(options, made, messages);
    }
    print_messages(messages, options->quiet);
    tmill_messages_free(messages);
    tmill_calibration_free(made);
    return code;
}

const struct command command_calibrate = {
    .name = "calibrate",
    .bit = COMMAND_CALIBRATE,
    .operands = "MEASURED.csv",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "fit step times to measured runs, and say how wrong they are on rows left out",
    .description =
        "Rebuilds and simulates the rows of MEASURED.csv as 'validate' does, and fits the values of a step-time profile to\n"
        "their TPOT and TTFT: few rows move few parameters, the rest stays at the base. Prints parameters with intervals,\n"
        "and errors by class and cell: with the base, in sample, and with models and GPUs, GPUs, families and engines left\n"
        "out in turn. MEASURED.csv may also be what 'vllm bench serve --save-result' or GuideLLM wrote (.json, .jsonl); then\n"
        "--gpu and its like say what served. --output writes the profile; a scenario names it: step_time: {profile: FILE}.\n",
    .run = calibrate,
};

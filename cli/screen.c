#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/study.h"
#include "cli/terminal.h"

/* The file first: a reader of stdout that goes away costs nothing. */
static int show(const struct options *options, const struct tmill_screen *made, struct tmill_messages *messages) {
    int code = 0;
    if (options->csv != NULL) {
        code = (int)tmill_screen_write_csv(made, options->csv, messages);
        if (code == 0) {
            note(options->quiet, "wrote %s", options->csv);
        }
    }
    print_result(options->json ? tmill_screen_json(made) : tmill_screen_table(made));
    return finish_stdout(code);
}

static int screen_scenario(const struct options *options, const struct tmill_scenario *scenario) {
    int code = outputs_check(options);
    if (code != 0) {
        return code;
    }
    struct tmill_messages *messages = tmill_messages_new();
    struct tmill_screen *made = NULL;
    code = (int)tmill_screen(scenario, &made, messages);
    if (code == TMILL_DONE) {
        code = show(options, made, messages);
    }
    print_messages(messages, options->quiet);
    tmill_messages_free(messages);
    tmill_screen_free(made);
    return code;
}

static int screen(const struct options *options) {
    int code;
    struct tmill_scenario *scenario = read_scenario(options, &code);
    if (scenario != NULL) {
        code = screen_scenario(options, scenario);
    }
    tmill_scenario_free(scenario);
    return code;
}

const struct command command_screen = {
    .name = "screen",
    .bit = COMMAND_SCREEN,
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "compare configurations by formula, without simulating",
    .description =
        "Computes the steady state of every point of the `sweep` block of the scenario FILE (YAML) or, without one,\n"
        "of every GPU, tensor_parallel (1, 2, 4, 8), precision and batch size that the catalogue has for its model.\n"
        "Prints the cheapest that meet the SLO, the front of cost and TPOT, and what binds each. Analytic: full load,\n"
        "no queueing. TOKENMILL_CPU_LEVEL=baseline|avx2|avx512 lowers the vector instructions used; same results.\n",
    .run = screen,
};

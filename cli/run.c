#include "cli/commands.h"
#include "cli/study.h"
#include "cli/terminal.h"

static int run(const struct options *options) {
    int code;
    struct tmill_scenario *scenario = read_scenario(options, &code);
    if (scenario == NULL) {
        return code;
    }
    size_t points = tmill_scenario_point_count(scenario);
    size_t skipped = tmill_scenario_skipped_count(scenario);
    if (skipped > 0) {
        note(options->quiet,
             "'%s' as it is without its sweep; 'tokenmill sweep' runs its %zu points, --point N (0..%zu) one of them",
             options->operands[0], skipped, skipped - 1);
    }
    if (options->has_point && options->point >= points) {
        usage_error("--point %llu does not exist: '%s' has %zu, numbered from 0", (unsigned long long)options->point,
                    options->operands[0], points);
        code = TMILL_USAGE;
    } else {
        code = study(options, scenario, false);
    }
    tmill_scenario_free(scenario);
    return code;
}

const struct command command_run = {
    .name = "run",
    .bit = COMMAND_RUN,
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "simulate one scenario and print what it does and costs",
    .description = "Simulates the scenario FILE (YAML) and prints a table on stdout.\n"
                   "Of one with a `sweep` block it runs what stands outside it; with --point, that point.\n",
    .run = run,
};

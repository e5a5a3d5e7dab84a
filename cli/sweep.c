#include "cli/commands.h"
#include "cli/study.h"
#include "cli/terminal.h"

static int sweep(const struct options *options) {
    int code;
    struct tmill_scenario *scenario = read_scenario(options, &code);
    if (scenario == NULL) {
        return code;
    }
    if (tmill_scenario_axis_count(scenario) == 0) {
        usage_error("'%s' has no `sweep` block: use 'tokenmill run %s'", options->operands[0], options->operands[0]);
        code = TMILL_USAGE;
    } else {
        code = study(options, scenario, true);
    }
    tmill_scenario_free(scenario);
    return code;
}

const struct command command_sweep = {
    .name = "sweep",
    .bit = COMMAND_SWEEP,
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "simulate every point of a scenario's sweep",
    .description = "Simulates every point of the `sweep` block of the scenario FILE (YAML), on all cores, and prints\n"
                   "one line a point. With -o, all points go to one file that xarray, h5py and ncdump open.\n",
    .run = sweep,
};

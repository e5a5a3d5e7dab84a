#include "cli/commands.h"
#include "cli/terminal.h"

static int schema(const struct options *options) {
    if (options->markdown) {
        print_result(tmill_scenario_reference());
    } else if (options->metrics) {
        print_result(tmill_metrics_reference());
    } else {
        print_result(tmill_schema_json());
    }
    return finish_stdout(0);
}

const struct command command_schema = {
    .name = "schema",
    .bit = COMMAND_SCHEMA,
    .operands = "",
    .operands_min = 0,
    .operands_max = 0,
    .summary = "print the JSON Schema of scenario files",
    .description = "Prints the JSON Schema of scenario files, for editors: all keys, types, ranges, defaults.\n",
    .run = schema,
};

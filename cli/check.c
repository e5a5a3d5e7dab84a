#include <inttypes.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/study.h"
#include "cli/terminal.h"

/* Names come from the scenario: quotes, backslashes and control characters are escaped. */
static void print_json_text(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20) {
            printf("\\u%04x", byte);
        } else {
            printf(byte == '"' || byte == '\\' ? "\\%c" : "%c", byte);
        }
    }
    putchar('"');
}

/* [{"path": "./config.json", "hash": "0x...", "report": "..."}, ...] */
static void print_json_models(const struct tmill_scenario *scenario) {
    printf("[");
    for (size_t i = 0; i < tmill_scenario_model_count(scenario); i++) {
        printf("%s{\"path\": ", i == 0 ? "" : ", ");
        print_json_text(tmill_scenario_model_path(scenario, i));
        printf(", \"hash\": \"0x%016" PRIx64 "\", \"report\": ", tmill_scenario_model_hash(scenario, i));
        print_json_text(tmill_scenario_model_report(scenario, i));
        printf("}");
    }
    printf("]");
}

static int report_json(const struct tmill_scenario *scenario, int code) {
    if (scenario == NULL) {
        printf("{\"valid\": false, \"points\": null, \"axes\": null, \"models\": null}\n");
        return finish_stdout(code);
    }
    printf("{\"valid\": true, \"points\": %zu, \"axes\": [", tmill_scenario_point_count(scenario));
    for (size_t a = 0; a < tmill_scenario_axis_count(scenario); a++) {
        printf("%s{\"name\": ", a == 0 ? "" : ", ");
        print_json_text(tmill_scenario_axis_name(scenario, a));
        printf(", \"length\": %zu}", tmill_scenario_axis_length(scenario, a));
    }
    printf("], \"models\": ");
    print_json_models(scenario);
    printf("}\n");
    return finish_stdout(0);
}

static int report(const struct options *options, const struct tmill_scenario *scenario, int code) {
    if (scenario == NULL) {
        return code;
    }
    size_t points = tmill_scenario_point_count(scenario);
    printf("%s: valid, %zu point%s\n", options->operands[0], points, points == 1 ? "" : "s");
    return finish_stdout(0);
}

static int check(const struct options *options) {
    int code;
    struct tmill_scenario *scenario = read_scenario(options, &code);
    code = options->json ? report_json(scenario, code) : report(options, scenario, code);
    tmill_scenario_free(scenario);
    return code;
}

const struct command command_check = {
    .name = "check",
    .bit = COMMAND_CHECK,
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "find every mistake in a scenario without running it",
    .description = "Reads the scenario FILE and every point of its sweep; prints all mistakes at once on stderr,\n"
                   "each with its place, what was allowed, and a guess at what was meant.\n",
    .run = check,
};

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/terminal.h"

static const struct command *const commands[] = {
    &command_run,       &command_sweep, &command_screen, &command_validate,
    &command_calibrate, &command_check, &command_schema, &command_catalog,
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static const char EXIT_CODES[] =
    "Exit codes: 0 done, 2 usage, 3 bad input, 4 a file could not be read or written, 5 no answer (--strict),\n"
    "130 interrupted. Results go to stdout, everything else to stderr; NO_COLOR is honoured.\n";

static void print_overview(FILE *stream) {
    fputs("Usage: tokenmill COMMAND [options] ...\n"
          "Simulates a self-hosted LLM serving cluster, and says what it costs.\n\n",
          stream);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(stream, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
    }
    fputs("\n'tokenmill help COMMAND' lists the options of a command; 'tokenmill --version' prints the version.\n",
          stream);
}

static int print_help(const struct command *command) {
    printf("Usage: tokenmill %s [options]%s%s\n\n%s\n", command->name, command->operands[0] != '\0' ? " " : "",
           command->operands, command->description);
    options_print_help(command);
    printf("\n%s", EXIT_CODES);
    return finish_stdout(0);
}

/* Of a later version. */
static bool is_planned(const char *name) {
    static const char *const planned[] = {"plan", "report", "export"};
    for (size_t i = 0; i < sizeof planned / sizeof planned[0]; i++) {
        if (strcmp(planned[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* NULL after a message. */
static const struct command *find_command(const char *name) {
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        names[i] = commands[i]->name;
        if (strcmp(names[i], name) == 0) {
            return commands[i];
        }
    }
    const char *guess = tmill_guess(name, names, COMMAND_COUNT);
    if (is_planned(name)) {
        usage_error("'%s' is not built yet; see 'tokenmill --help'", name);
    } else if (guess != NULL) {
        usage_error("unknown command '%s'; did you mean '%s'?", name, guess);
    } else {
        usage_error("unknown command '%s'; see 'tokenmill --help'", name);
    }
    return NULL;
}

static int run_command(const struct command *command, int argc, char **argv) {
    struct options options;
    int code = TMILL_USAGE;
    if (options_parse(&options, command, argc, argv)) {
        code = options.help ? print_help(command) : command->run(&options);
    }
    options_release(&options);
    return code;
}

static bool is_one_of(const char *word, const char *a, const char *b) {
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static int help(const char *name) {
    if (name == NULL) {
        print_overview(stdout);
        return finish_stdout(0);
    }
    const struct command *command = find_command(name);
    return command != NULL ? print_help(command) : TMILL_USAGE;
}

int main(int argc, char **argv) {
    watch_signals();
    if (argc < 2) {
        print_overview(stderr);
        return TMILL_USAGE;
    }
    if (is_one_of(argv[1], "--help", "-h") || strcmp(argv[1], "help") == 0) {
        return help(argv[2]);
    }
    if (is_one_of(argv[1], "--version", "-V")) {
        printf("tokenmill %s\n", tmill_version());
        return finish_stdout(0);
    }
    if (argv[1][0] == '-') {
        usage_error("expected a command before '%s'; see 'tokenmill --help'", argv[1]);
        return TMILL_USAGE;
    }
    const struct command *command = find_command(argv[1]);
    return command != NULL ? run_command(command, argc - 1, argv + 1) : TMILL_USAGE;
}

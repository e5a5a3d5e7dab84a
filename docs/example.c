/* example.c - run a scenario through the library and print two of its numbers.
 *
 *     cc -std=c17 example.c $(pkg-config --cflags --libs tokenmill) -o example
 *     ./example chat.yaml */
#include <stdio.h>

#include <tokenmill.h>

static bool show_progress(void *context, const struct tmill_progress *progress) {
    (void)context;
    (void)progress; /* a program with a window would draw progress->done_ratio */
    return true;    /* false: abandon the run */
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s SCENARIO\n", argv[0]);
        return TMILL_USAGE;
    }
    struct tmill_messages *messages = tmill_messages_new();
    struct tmill_scenario *scenario = tmill_scenario_read(argv[1], NULL, messages);
    struct tmill_results *results = NULL;
    struct tmill_run_options options = {.listener = show_progress};
    if (scenario != NULL && tmill_run(scenario, 0, &options, &results, messages) == TMILL_DONE) {
        printf("%s: %.4f USD per million tokens at load %.3f\n", tmill_scenario_name(scenario),
               tmill_results_value(results, 0, "usd_per_mtok_total"), tmill_results_value(results, 0, "load_ratio"));
    }
    fputs(tmill_messages_text(messages, false), stderr);
    int code = (int)tmill_messages_status(messages);
    tmill_results_free(results);
    tmill_scenario_free(scenario);
    tmill_messages_free(messages);
    return code;
}

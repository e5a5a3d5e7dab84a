#include <string.h>

#include "cli/commands.h"
#include "cli/terminal.h"

enum { TABLES_MAX = 8 };

static bool known_table(const char *name) {
    const char *tables[TABLES_MAX];
    size_t count = 0;
    while (count < TABLES_MAX && (tables[count] = tmill_catalog_table_name(count)) != NULL) {
        if (strcmp(tables[count], name) == 0) {
            return true;
        }
        count++;
    }
    const char *guess = tmill_guess(name, tables, count);
    if (guess != NULL) {
        return usage_error("no table '%s' in the catalogue; did you mean '%s'?", name, guess);
    }
    return usage_error("no table '%s' in the catalogue: gpus, models, images, apis, regions, power", name);
}

static int catalog(const struct options *options) {
    if (!known_table(options->operands[0])) {
        return TMILL_USAGE;
    }
    struct tmill_catalog_query query = {
        .table = options->operands[0],
        .name = options->operand_count > 1 ? options->operands[1] : NULL,
        .catalog_dir = options->catalog_dir,
        .json = options->json,
    };
    struct tmill_messages *messages = tmill_messages_new();
    char *text = tmill_catalog_text(&query, messages);
    int code = (int)tmill_messages_status(messages);
    print_messages(messages, options->quiet);
    tmill_messages_free(messages);
    if (text != NULL) {
        print_result(text);
    }
    return finish_stdout(code);
}

const struct command command_catalog = {
    .name = "catalog",
    .bit = COMMAND_CATALOG,
    .operands = "gpus|models|images|apis|regions|power [NAME]",
    .operands_min = 1,
    .operands_max = 2,
    .summary = "list GPUs, models, API prices, regions or power shares, or one of them with its source",
    .description =
        "Lists a table of the catalogue, or shows one row, by name or alias, with every column, source and date.\n",
    .run = catalog,
};

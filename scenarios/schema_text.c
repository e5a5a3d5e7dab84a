/* What the table says, for others to read: JSON Schema for editors, and the reference page. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/quantity.h"
#include "scenarios/scenario.h"
#include "scenarios/schema.h"

/* --- JSON Schema --- */

static void put_json_text(FILE *out, const char *text, size_t size) {
    fputc('"', out);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            fputc('\\', out);
        }
        fputc(text[i], out);
    }
    fputc('"', out);
}

static void put_json_string(FILE *out, const char *text) {
    put_json_text(out, text, strlen(text));
}

static void put_number(FILE *out, double value) {
    char text[40];
    text_from_double(value, text, sizeof(text));
    fputs(text, out);
}

static void put_words(FILE *out, const char *words) {
    fputs("{\"enum\": [", out);
    for (size_t i = 0; i < words_count(words); i++) {
        struct span word = words_at(words, i);
        fputs(i == 0 ? "" : ", ", out);
        put_json_text(out, word.data, word.size);
    }
    fputs("]}", out);
}

static void put_range(FILE *out, const char *type, const struct field *field) {
    fprintf(out, "{\"type\": \"%s\", \"minimum\": ", type);
    put_number(out, field->min);
    fputs(", \"maximum\": ", out);
    put_number(out, field->modelled_max > 0 ? field->modelled_max : field->max);
    fputc('}', out);
}

static void put_columns(FILE *out, enum catalog_table table) {
    size_t count;
    const struct catalog_column *columns = catalog_columns(table, &count);
    fputs("{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {", out);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : ", ", out);
        put_json_string(out, columns[i].name);
        fputs(": {\"description\": ", out);
        put_json_string(out, columns[i].help == NULL ? "" : columns[i].help);
        fputc('}', out);
    }
    fputs("}}", out);
}

static void put_block(FILE *out, const struct block *block, bool is_root);

/* One way to write a value: `shape` is a single bit. */
static void put_shape(FILE *out, const struct field *field, unsigned shape) {
    const char *quantity = "{\"type\": \"string\", \"pattern\": \"^ *[-+]?[0-9]\"}";
    switch (shape) {
    case SHAPE_NUMBER:
        put_range(out, "number", field);
        fprintf(out, "%s%s", field->unit == NULL ? "" : ", ", field->unit == NULL ? "" : quantity);
        break;
    case SHAPE_INTEGER: put_range(out, "integer", field); break;
    case SHAPE_WORD: put_words(out, field->words); break;
    case SHAPE_TEXT: fputs("{\"type\": [\"string\", \"number\"]}", out); break;
    case SHAPE_NAME: fputs("{\"type\": [\"string\", \"integer\"], \"pattern\": \"^[A-Za-z0-9_-]+$\"}", out); break;
    case SHAPE_BLOCK: put_block(out, field->block, false); break;
    case SHAPE_ENTRIES:
        fputs("{\"type\": \"array\", \"minItems\": 1, \"items\": ", out);
        put_block(out, field->block, false);
        fputc('}', out);
        break;
    case SHAPE_NUMBERS:
        fputs("{\"type\": \"array\", \"items\": {\"anyOf\": [{\"type\": \"number\"}, {\"type\": \"array\", \"items\": "
              "{\"type\": \"number\"}, \"minItems\": 2, \"maxItems\": 2}]}}",
              out);
        break;
    case SHAPE_TEXTS:
        fputs("{\"type\": \"string\"}, {\"type\": \"array\", \"items\": {\"type\": \"string\"}}", out);
        break;
    case SHAPE_NUMBER_MAP:
        fprintf(out, "{\"type\": \"object\", \"additionalProperties\": {\"anyOf\": [{\"type\": \"number\"}, %s]}}",
                quantity);
        break;
    case SHAPE_COLUMNS: put_columns(out, field->table); break;
    default: fputs("{}", out); break;
    }
}

static void put_field(FILE *out, const struct field *field) {
    put_json_string(out, field->key);
    fputs(": {\"description\": ", out);
    put_json_string(out, field->help);
    if (field->fallback != NULL) {
        fputs(", \"default\": ", out);
        put_json_string(out, field->fallback);
    }
    fputs(", \"anyOf\": [", out);
    bool is_first = true;
    for (unsigned shape = 1; shape <= SHAPE_SPECIAL; shape <<= 1) {
        bool has_words = shape != SHAPE_WORD || words_count(field->words) > 0;
        if ((field->shapes & shape) != 0 && has_words) {
            fputs(is_first ? "" : ", ", out);
            put_shape(out, field, shape);
            is_first = false;
        }
    }
    fputs("]}", out);
}

/* What is required may come from a file that this one extends, so only names and the root are strict. */
static void put_required(FILE *out, const struct block *block, bool is_root) {
    if (is_root) {
        fputs(", \"anyOf\": [{\"required\": [\"extends\"]}, {\"required\": [\"name\", \"workload\", \"fleet\"]}]", out);
    } else if (block_field(block, span_of("name")) != NULL) {
        fputs(", \"required\": [\"name\"]", out);
    }
}

static void put_block(FILE *out, const struct block *block, bool is_root) {
    fputs(is_root ? "" : "{", out);
    fputs("\"type\": \"object\", \"additionalProperties\": false, \"properties\": {", out);
    bool is_first = true;
    for (size_t i = 0; i < block->field_count; i++) {
        if (block->fields[i].not_yet == NULL) {
            fputs(is_first ? "" : ", ", out);
            put_field(out, &block->fields[i]);
            is_first = false;
        }
    }
    for (size_t i = 0; i < block->alias_count; i++) {
        fputs(", ", out);
        put_json_string(out, block->aliases[i].alias);
        fprintf(out, ": {\"description\": \"Another spelling of %s\"}", block->aliases[i].path);
    }
    fputc('}', out);
    put_required(out, block, is_root);
    if (!is_root) {
        fputc('}', out);
    }
}

char *scenario_schema_json(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out != NULL);
    fputs("{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"title\": \"tokenmill scenario\", ", out);
    put_block(out, schema_root(), true);
    fputs("}\n", out);
    CHECK(fclose(out) == 0);
    return text;
}

/* --- the reference page --- */

static const char *const intro =
    "# Scenarios: every key\n"
    "\n"
    "Written by the program from the table that also checks scenarios; do not edit (a test compares).\n"
    "\n"
    "A scenario is a YAML file of at most 4 MiB, 64 levels and 200,000 values. Anchors, aliases, tags and second documents are\n"
    "refused. All mistakes are reported at once, with their place. A key whose feature is not modelled yet is refused by name.\n"
    "\n"
    "**Numbers** may carry a unit: `12/s`, `240/min`, `24h`, `50ms`, `5 years`, `80GB`, `20%`, `0.08 USD/kWh`, `2.59 USD/h`; a plain\n"
    "number is in the unit that the table names. A year has 8,760 h, a month 730 h. Ratios are 0..1.\n"
    "\n"
    "**Layers.** `extends: base.yaml` lays this file on another: maps merge, lists of named entries merge by name, anything else is\n"
    "replaced. `--set fleet.main.replicas=4` lays one value on top; a path names list entries by their `name`, `*` is all of\n"
    "them. Files are relative to the file that names them.\n"
    "\n"
    "**Sweep.** `sweep:` maps paths to lists of values, or to `{from, to, steps, scale: linear | log}`; the last axis varies fastest.\n"
    "`zip: [{PATH: [a, b], PATH: [c, d], label: [x, y]}]` moves several paths along one axis. Values are rounded to 12 significant\n"
    "digits. Every point is checked before the first one runs. At most 100,000 points.\n"
    "\n"
    "```yaml\n"
    "sweep:\n"
    "  workload.chat.arrivals.rate: {from: 0.25/s, to: 16/s, steps: 13, scale: log}\n"
    "  zip:\n"
    "    - label: [4 x H100, 2 x H200]\n"
    "      fleet.main.gpu: [H100-SXM, H200-SXM]\n"
    "      fleet.main.tensor_parallel: [4, 2]\n"
    "```\n";

static void put_code_words(FILE *out, const char *words) {
    for (size_t i = 0; i < words_count(words); i++) {
        struct span word = words_at(words, i);
        fprintf(out, "%s`%.*s`", i == 0 ? "" : ", ", (int)word.size, word.data);
    }
}

static void put_limits(FILE *out, const struct field *field) {
    struct arena *arena = arena_new();
    if (field->modelled_max > 0) {
        fprintf(out, " %g", field->modelled_max);
    } else {
        fprintf(out, " %s", field_range_text(arena, field));
    }
    arena_free(arena);
}

static void put_kinds(FILE *out, const struct field *field) {
    const char *joint = "";
    static const struct {
        unsigned shape;
        const char *text;
    } kinds[] = {
        {SHAPE_NUMBER, "number"},
        {SHAPE_INTEGER, "whole number"},
        {SHAPE_WORD, ""},
        {SHAPE_TEXT, "text"},
        {SHAPE_NAME, "name"},
        {SHAPE_BLOCK, "map"},
        {SHAPE_ENTRIES, "list of entries"},
        {SHAPE_NUMBERS, "list of numbers"},
        {SHAPE_TEXTS, "list of texts"},
        {SHAPE_NUMBER_MAP, "map by GPU"},
        {SHAPE_COLUMNS, "map of columns"},
        {SHAPE_SPECIAL, "see above"},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        bool is_empty_word = kinds[i].shape == SHAPE_WORD && words_count(field->words) == 0;
        if ((field->shapes & kinds[i].shape) == 0 || is_empty_word) {
            continue;
        }
        fprintf(out, "%s%s", joint, kinds[i].text);
        if (kinds[i].shape == SHAPE_WORD) {
            put_code_words(out, field->words);
        }
        if ((kinds[i].shape & (SHAPE_NUMBER | SHAPE_INTEGER)) != 0) {
            put_limits(out, field);
        }
        joint = "; ";
    }
}

/* "; with `process`: constant, poisson; `base`: gamma" */
static void put_when(FILE *out, const char *when) {
    struct span last = {.data = "", .size = 0};
    for (size_t i = 0; i < words_count(when); i++) {
        struct span word = words_at(when, i);
        const char *equals = memchr(word.data, '=', word.size);
        struct span key = {.data = word.data, .size = (size_t)(equals - word.data)};
        bool is_same = key.size == last.size && memcmp(key.data, last.data, key.size) == 0;
        if (!is_same) {
            fprintf(out, "%s`%.*s`:", i == 0 ? ". With " : "; or ", (int)key.size, key.data);
        }
        fprintf(out, "%s %.*s", is_same ? "," : "", (int)(word.size - key.size - 1), equals + 1);
        last = key;
    }
}

static void put_row(FILE *out, const struct field *field) {
    fprintf(out, "| `%s` | ", field->key);
    if (field->not_yet != NULL) {
        fprintf(out, "| | %s. **Not modelled yet**: %s |\n", field->help, field->not_yet);
        return;
    }
    put_kinds(out, field);
    fputs(" | ", out);
    if (field->fallback != NULL) {
        fprintf(out, "`%s`", field->fallback);
    } else if (field->is_required) {
        fputs("required", out);
    }
    fprintf(out, " | %s", field->help);
    put_when(out, field->when);
    if (field->words_not_yet != NULL || field->modelled_max > 0) {
        fputs(". Not modelled yet: ", out);
        put_code_words(out, field->words_not_yet);
        fputs(field->modelled_max > 0 ? "more than 1" : "", out);
    }
    fputs(" |\n", out);
}

/* Blocks that several fields share are printed once. */
struct seen_blocks {
    const struct block *blocks[64];
    size_t count;
};

/* Marks it, too. */
static bool was_seen(struct seen_blocks *seen, const struct block *block) {
    for (size_t i = 0; i < seen->count; i++) {
        if (seen->blocks[i] == block) {
            return true;
        }
    }
    CHECK(seen->count < sizeof(seen->blocks) / sizeof(seen->blocks[0]));
    seen->blocks[seen->count++] = block;
    return false;
}

static void put_block_md(FILE *out, const struct block *block, struct seen_blocks *seen) {
    fprintf(out, "\n## `%s`\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n", block->title);
    for (size_t i = 0; i < block->field_count; i++) {
        put_row(out, &block->fields[i]);
    }
    for (size_t i = 0; i < block->alias_count; i++) {
        fprintf(out, "| `%s` | | | Another spelling of `%s` |\n", block->aliases[i].alias, block->aliases[i].path);
    }
    for (size_t i = 0; i < block->field_count; i++) {
        const struct block *inner = block->fields[i].block;
        if (inner != NULL && !was_seen(seen, inner)) {
            put_block_md(out, inner, seen);
        }
    }
}

char *scenario_reference_md(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out != NULL);
    fputs(intro, out);
    struct seen_blocks seen = {.count = 0};
    put_block_md(out, schema_root(), &seen);
    CHECK(fclose(out) == 0);
    return text;
}

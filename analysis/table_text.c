#include "analysis/table_text.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* 10^digits: from here on a number is written whole, never with an exponent. */
static double whole_from(int digits) {
    double limit = 1;
    for (int i = 0; i < digits; i++) {
        limit *= 10;
    }
    return limit;
}

struct cell cell_number(double value, int digits) {
    struct cell cell;
    if (isnan(value)) {
        snprintf(cell.text, sizeof cell.text, "-");
    } else if (fabs(value) >= whole_from(digits) && fabs(value) < 1e15) {
        snprintf(cell.text, sizeof cell.text, "%.0f", value);
    } else {
        text_from_double_digits(value, digits, cell.text, sizeof cell.text);
    }
    return cell;
}

struct cell cell_percent(double ratio) {
    struct cell cell;
    if (isnan(ratio)) {
        snprintf(cell.text, sizeof cell.text, "-");
        return cell;
    }
    char number[sizeof cell.text - 4];
    text_from_double_digits(floor(ratio * 1e4) / 100, 4, number, sizeof number);
    snprintf(cell.text, sizeof cell.text, "%s %%", number);
    return cell;
}

struct cell cell_ratio(double ratio) {
    struct cell cell = {.text = "-"};
    if (ratio >= 0 && ratio < 1e6) {
        const long thousandths = lrint(ratio * 1e3);
        snprintf(cell.text, sizeof cell.text, "%ld.%03ld", thousandths / 1000, thousandths % 1000);
    }
    return cell;
}

/* Continuation bytes take no room. */
static bool begins_character(char byte) {
    return ((unsigned char)byte & 0xc0) != 0x80;
}

int text_width(const char *text) {
    int width = 0;
    for (; *text != '\0'; text++) {
        width += begins_character(*text);
    }
    return width;
}

/* Bytes of the first `count` characters. */
static int bytes_of(const char *text, int count) {
    int bytes = 0;
    while (text[bytes] != '\0' && (count > 0 || !begins_character(text[bytes]))) {
        count -= begins_character(text[bytes]);
        bytes++;
    }
    return bytes;
}

void text_print_padded(FILE *stream, const char *text, int width, bool left) {
    const int blanks = width - text_width(text);
    if (blanks < 0) {
        fprintf(stream, "%.*s~", bytes_of(text, width - 1), text);
    } else {
        fprintf(stream, "%*s%s%*s", left ? 0 : blanks, "", text, left ? blanks : 0, "");
    }
}

const char *text_short_sources(struct arena *arena, const char *text) {
    const char *sources = strstr(text, " (");
    const char *cut = sources == NULL ? NULL : strstr(sources, "; ");
    const char *date = cut == NULL ? NULL : strrchr(cut, ',');
    const bool is_date = date != NULL && strncmp(date, ", 20", 4) == 0 && text[strlen(text) - 1] == ')';
    return is_date ? arena_format(arena, "%.*s; ...%s", (int)(cut - text), text, date) : text;
}

/* Length of the longest prefix of `text` that ends at a blank, a line feed or the end, and fits; at least one word. */
static size_t line_length(const char *text, size_t room) {
    size_t end = strcspn(text, " \n");
    while (text[end] == ' ') {
        const size_t next = end + 1 + strcspn(text + end + 1, " \n");
        if (next > room) {
            break;
        }
        end = next;
    }
    return end;
}

void text_print_wrapped(FILE *stream, const char *first, const char *text) {
    const size_t indent = strlen(first);
    const size_t room = indent < TABLE_WIDTH ? TABLE_WIDTH - indent : 1;
    bool begun = false;
    do {
        const size_t length = line_length(text, room);
        fprintf(stream, "%*s%.*s\n", (int)indent, begun ? "" : first, (int)length, text);
        begun = true;
        text += length;
        text += *text == ' ' || *text == '\n';
    } while (*text != '\0');
}

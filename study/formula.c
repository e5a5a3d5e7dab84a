#include "study/formula.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"

enum { DEPTH_MAX = 32 };

struct reader {
    const char *rest;
    const struct formula_names *names;
    int depth;
};

static void skip_blanks(struct reader *reader) {
    reader->rest += strspn(reader->rest, " ");
}

static bool take(struct reader *reader, char mark) {
    skip_blanks(reader);
    if (*reader->rest != mark) {
        return false;
    }
    reader->rest++;
    return true;
}

static bool sum(struct reader *reader, double *value);

static bool number(struct reader *reader, double *value) {
    size_t size = strspn(reader->rest, "0123456789.");
    bool is_ok = text_to_double((struct span){reader->rest, size}, value);
    reader->rest += size;
    return is_ok;
}

static bool call(struct reader *reader, struct span name, double *value) {
    double next;
    if (!sum(reader, value)) {
        return false;
    }
    if (span_equals(name, "ceil64")) {
        *value = 64 * ceil(*value / 64);
        return take(reader, ')');
    }
    bool is_max = span_equals(name, "max");
    while (take(reader, ',')) {
        if (!sum(reader, &next)) {
            return false;
        }
        *value = (next > *value) == is_max ? next : *value;
    }
    return (is_max || span_equals(name, "min")) && take(reader, ')');
}

static bool named(struct reader *reader, double *value) {
    static const char *const names[] = {"row concurrency", "conc", "isl", "osl", "tp"};
    const double values[] = {reader->names->conc, reader->names->conc, reader->names->isl, reader->names->osl,
                             reader->names->tp};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t size = strlen(names[i]);
        if (strncmp(reader->rest, names[i], size) == 0 && !isalnum((unsigned char)reader->rest[size])) {
            reader->rest += size;
            *value = values[i];
            return !isnan(*value);
        }
    }
    size_t size = 0;
    while (isalnum((unsigned char)reader->rest[size])) {
        size++;
    }
    struct span name = {reader->rest, size};
    reader->rest += size;
    return size > 0 && take(reader, '(') && call(reader, name, value);
}

static bool factor(struct reader *reader, double *value) {
    skip_blanks(reader);
    if (isdigit((unsigned char)*reader->rest)) {
        return number(reader, value);
    }
    return take(reader, '(') ? sum(reader, value) && take(reader, ')') : named(reader, value);
}

static bool product(struct reader *reader, double *value) {
    double next;
    if (!factor(reader, value)) {
        return false;
    }
    for (;;) {
        if (take(reader, '*')) {
            if (!factor(reader, &next)) {
                return false;
            }
            *value *= next;
        } else if (take(reader, '/')) {
            if (!factor(reader, &next)) {
                return false;
            }
            *value /= next;
        } else {
            return true;
        }
    }
}

static bool sum(struct reader *reader, double *value) {
    double next;
    if (reader->depth++ > DEPTH_MAX || !product(reader, value)) {
        return false;
    }
    for (;;) {
        bool plus = take(reader, '+');
        if (!plus && !take(reader, '-')) {
            reader->depth--;
            return true;
        }
        if (!product(reader, &next)) {
            return false;
        }
        *value += plus ? next : -next;
    }
}

bool formula_value(const char *text, const struct formula_names *names, double *value) {
    struct reader reader = {.rest = text, .names = names};
    double made;
    if (!sum(&reader, &made)) {
        return false;
    }
    skip_blanks(&reader);
    if (*reader.rest != '\0' || !isfinite(made)) {
        return false;
    }
    *value = made;
    return true;
}

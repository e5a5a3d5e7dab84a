#include "analysis/csv_field.h"

#include <csv.h>
#include <string.h>

void csv_field_write(FILE *stream, const char *text) {
    if (strpbrk(text, ",\"\r\n") == NULL && text[0] != ' ') {
        fputs(text, stream);
    } else {
        csv_fwrite(stream, text, strlen(text));
    }
}

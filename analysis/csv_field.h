/* csv_field.h - one field of a CSV row, quoted (RFC 4180) only where it has to be. */
#ifndef TOKENMILL_ANALYSIS_CSV_FIELD_H
#define TOKENMILL_ANALYSIS_CSV_FIELD_H

#include <stdio.h>

void csv_field_write(FILE *stream, const char *text);

#endif

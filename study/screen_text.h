/* screen_text.h - a screen as a table for people, as JSON, as CSV. */
#ifndef TOKENMILL_STUDY_SCREEN_TEXT_H
#define TOKENMILL_STUDY_SCREEN_TEXT_H

#include <stdio.h>

#include "base/diag.h"
#include "study/screen.h"

/* At most 100 columns: the cheapest configurations and the front of each pool, a long front thinned out. */
void screen_print_table(FILE *stream, const struct screen *screen);

/* One object: {name, analytic, pools: [{pool, ..., configurations: [{...}]}]}; stable keys, null for what there is not. */
void screen_print_json(FILE *stream, const struct screen *screen);

/* One row a configuration, with the keys of the JSON's configurations as its header. Whole or not at all. */
bool screen_write_csv(const char *path, const struct screen *screen, struct diags *diags);

#endif

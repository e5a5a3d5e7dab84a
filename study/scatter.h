/* scatter.h - measured against predicted values as a picture: SVG, a panel for each metric, logarithmic axes of one scale, the diagonal, lines at
 * +-10 % and at a factor of two. Points are coloured by their series, those without one are grey and lie below. The same bytes everywhere. */
#ifndef TOKENMILL_STUDY_SCATTER_H
#define TOKENMILL_STUDY_SCATTER_H

#include <stddef.h>
#include <stdio.h>

enum { SCATTER_SERIES_MAX = 8 };

struct scatter_point {
    double measured, predicted; /* both above 0 */
    size_t series;              /* SCATTER_SERIES_MAX: none */
};

struct scatter_panel {
    const char *title; /* "TPOT" */
    const char *unit;  /* "s": ticks are in ms where they are shorter; "tok/s", "W" */
    struct scatter_point *points;
    size_t count;
};

struct scatter {
    const char *title;
    const char *const *series; /* names */
    size_t series_count;       /* at most SCATTER_SERIES_MAX */
    const char *rest;          /* what grey points are */
    const struct scatter_panel *panels;
    size_t panel_count;
};

void scatter_print(FILE *stream, const struct scatter *scatter);

#endif

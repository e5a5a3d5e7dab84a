/* embedded.h - files compiled into the program, so that it runs from anywhere, uninstalled too.
 *
 * `models/catalog/embed.py` writes the table at build time from the list in `models/catalog/meson.build`; rows are
 * sorted by name. The layer that holds the table defines these two symbols. */
#ifndef TOKENMILL_BASE_EMBEDDED_H
#define TOKENMILL_BASE_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
    const char *name; /* without folder: "gpus.csv" */
    const char *data; /* followed by a zero byte that `size` does not count */
    size_t size;
};

extern const struct embedded_file embedded_files[];
extern const size_t embedded_files_count;

#endif
